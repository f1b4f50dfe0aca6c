//! Imports only go down: the order of the modules, checked against the sources.

use std::path::{Path, PathBuf};

use crate::sandbox::source;

/// The program's modules ("rooms"), top to bottom: each a file of `src/` with the directory of its name.
const PROGRAM: [&str; 32] = [
    "main",
    "fuzzing",
    "lib",
    "command",
    "protocol",
    "context",
    "outcome",
    "prompt",
    "broker",
    "probe",
    "endpoint",
    "cache",
    "grant",
    "entry",
    "cli",
    "config",
    "lock",
    "log",
    "progress",
    "terminal",
    "proxy",
    "origin",
    "claims",
    "token",
    "secret",
    "child",
    "background",
    "clock",
    "error",
    "failure",
    "text",
    "platform",
];

/// The emulator's.
const EMULATOR: [&str; 26] = [
    "main",
    "lib",
    "builder",
    "emulator",
    "server",
    "routes",
    "play",
    "visit",
    "delivery",
    "shared",
    "tenant",
    "service",
    "claims",
    "signer",
    "auth",
    "tls",
    "journal",
    "script",
    "connections",
    "stream",
    "http",
    "fault",
    "clock",
    "gate",
    "random",
    "sync",
];

#[test]
fn imports_of_the_program_go_down() {
    check("src", &PROGRAM);
}

#[test]
fn imports_of_the_emulator_go_down() {
    check("emulator/src", &EMULATOR);
}

/// Checks every import of every source file of a directory.
fn check(directory: &str, order: &[&str]) {
    let root = source(directory);
    let rank = |room: &str| order.iter().position(|known| *known == room);
    let mut imports = 0;
    for file in sources(&root) {
        let path = file.strip_prefix(&root).unwrap();
        let name = path.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let own = rank(name).unwrap_or_else(|| panic!("{}: where is the room `{name}`?", file.display()));
        let text = std::fs::read_to_string(&file).unwrap();
        for other in imported(&text) {
            // `crate::Name` is an item that `lib.rs` re-exports from a lower room.
            let Some(below) = rank(other) else {
                assert!(other.starts_with(char::is_uppercase), "{}: `{other}` is no room", file.display());
                continue;
            };
            assert!(below >= own, "{}: `{name}` imports `{other}`, which is above it", file.display());
            imports += usize::from(below > own);
        }
    }
    assert!(imports > 20, "only {imports} imports found");
}

/// The Rust sources below a directory, without those of tests.
pub(crate) fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if matches!(name, "tests" | "properties" | "schema_tests" | "man") {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The first name of every path that starts at `crate`, up to the tests at the end of the file.
fn imported(text: &str) -> Vec<&str> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let paths = lines.flat_map(|line| line.split("crate::").skip(1));
    paths
        .map(|path| path.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn paths_are_found() {
    let text = "use crate::a::B;\n// crate::no\nlet x = crate::c_d::e(crate::f);\n#[cfg(test)]\nmod tests {\ncrate::no";
    assert_eq!(imported(text), ["a", "c_d", "f"]);
}

/// Names under which a message, a cause or a hint goes.
const MESSAGES: [&str; 6] = ["hint", "cause", "text", "message", "detail", "to_string()"];

#[test]
fn nothing_is_decided_by_the_text_of_a_message() {
    let root = source("src");
    for file in sources(&root) {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines() {
            assert!(!decides_by_text(line), "{}: `{}`", file.display(), line.trim());
        }
    }
}

/// Whether a line searches a message for words.
fn decides_by_text(line: &str) -> bool {
    [".contains(\"", ".starts_with(\"", ".ends_with(\""].iter().any(|call| {
        line.match_indices(call).any(|(at, _)| {
            let before = line[..at].trim_end_matches(|c: char| c.is_ascii_lowercase() || "_.()".contains(c));
            MESSAGES.iter().any(|name| line[before.len()..at].contains(name))
        })
    })
}

#[test]
fn a_decision_by_text_is_found() {
    assert!(decides_by_text("if cause.to_string().contains(\"in time\") {"));
    assert!(decides_by_text("error.hint().is_some_and(|hint| hint.contains(\"ca_file\"))"));
    assert!(!decides_by_text("name.starts_with(\"--\")"));
}
