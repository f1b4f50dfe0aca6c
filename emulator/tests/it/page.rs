//! The console blocks of the README: each `ws1-emulator` on a free port, what follows it in bash, compared as a whole.

use crate::binary::{Running, program, start};
use crate::programs::present;
use serde_json::Value;
use std::process::Command;
use tempfile::TempDir;

/// The lines of all console blocks.
fn lines() -> Vec<&'static str> {
    let page = include_str!("../../README.md");
    let blocks = page.split("\n```console\n").skip(1).map(|rest| rest.split("\n```").next().unwrap_or(rest));
    blocks.flat_map(str::lines).collect()
}

/// An emulator as a line of the page starts it, and its addresses: those of the page, and the real ones.
fn start_as_written(line: &str) -> (Running, String, Vec<(&'static str, String)>) {
    let mut words = line.trim_end_matches(" &").split(' ').skip(1);
    let mut command = program();
    while let Some(word) = words.next() {
        if word.ends_with("port") {
            words.next();
        } else {
            command.arg(word);
        }
    }
    let (running, ready) = start(&mut command);
    let names = [("http://127.0.0.1:8080", "url"), ("http://127.0.0.1:8081", "api_url")];
    let addresses: Vec<_> =
        names.iter().filter_map(|(name, key)| Some((*name, ready[key].as_str()?.to_owned()))).collect();
    let line = addresses.iter().fold(ready.to_string(), |line, (name, address)| line.replace(address, name));
    (running, line, addresses)
}

/// What the commands print in one shell.
fn printed(commands: &[String], directory: &TempDir) -> String {
    let output = Command::new("bash").args(["-c", &commands.join("\n")]).current_dir(directory.path()).output();
    String::from_utf8(output.expect("bash").stdout).expect("text")
}

#[test]
fn its_console_blocks_are_true() {
    if !present("bash") || !present("curl") {
        return;
    }
    let lines = lines();
    let starts: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with("$ ws1-emulator ")).collect();
    assert_eq!((starts.first(), starts.len()), (Some(&0), 2));
    for (begin, end) in starts.iter().zip(starts.iter().skip(1).chain([&lines.len()])) {
        let directory = TempDir::new().unwrap();
        let (_running, ready, addresses) = start_as_written(lines[*begin].trim_start_matches("$ "));
        assert!(serde_json::from_str::<Value>(lines[begin + 1]).is_ok());
        assert_eq!(lines[begin + 1], ready);
        let (mut commands, mut expected) = (Vec::new(), Vec::new());
        for line in &lines[begin + 2..*end] {
            match line.strip_prefix("$ ") {
                Some(command) => commands
                    .push(addresses.iter().fold(command.to_owned(), |command, (name, url)| command.replace(name, url))),
                None => expected.push(*line),
            }
        }
        let printed = printed(&commands, &directory);
        assert_eq!(printed.lines().collect::<Vec<_>>(), expected, "{commands:#?}");
    }
}
