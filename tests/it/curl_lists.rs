//! `curl`: generated lists of arguments, for the real curl and for one that lists what newer versions take. None of them
//! brings the token to another server, to an output or into a file.

use ws1_emulator::Emulator;

use crate::curl::{USERS, curl, files_with, replace_curl};
use crate::sandbox::Sandbox;
use crate::skip::has;
use crate::stub::Stub;

/// Pseudo-random numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    /// A number below a bound.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    /// One of a list.
    fn of<'a>(&mut self, list: &'a [String]) -> &'a str {
        &list[self.below(list.len())]
    }

    /// A list of arguments with one path among them. `names` are options, `values` are what may follow one.
    fn list(&mut self, names: &[String], values: &[String]) -> Vec<String> {
        let mut list = Vec::new();
        for _ in 0..=self.below(3) {
            let name = self.of(names).to_owned();
            list.push(match self.below(30) {
                0 => name.to_ascii_uppercase(),
                1 => name[..name.len() - 1].to_owned(),
                2 => format!("{name}={}", self.of(values)),
                3 => name.replacen("--", "--expand-", 1),
                4 if !name.starts_with("--") => format!("{name}{}", self.of(values)),
                5 if !name.starts_with("--") => format!("-s{}", &name[1..]),
                _ => name,
            });
            if self.below(2) == 0 {
                list.push(self.of(values).to_owned());
            }
        }
        list.insert(self.below(list.len() + 1), USERS.to_owned());
        list
    }
}

/// The names in curl's help, most of those that matter twice.
fn names_in(help: &str) -> Vec<String> {
    let names = |line: &str| -> Vec<String> {
        let names = line.split_whitespace().take_while(|word| word.starts_with('-'));
        names.map(|name| name.trim_end_matches(',').to_owned()).collect()
    };
    let mut all: Vec<String> = help.lines().flat_map(names).collect();
    let matter = ["trace", "verbose", "next", "proxy", "socks", "url", "location", "config", "resolve", "connect-to"];
    let twice: Vec<String> = all.iter().filter(|name| matter.iter().any(|part| name.contains(part))).cloned().collect();
    all.extend(twice);
    // They print what is long, write where they are told to, or wait.
    all.retain(|name| {
        !["-M", "--manual", "--output-dir", "--limit-rate", "-Y", "-y", "--rate"].contains(&name.as_str())
    });
    all
}

/// The help of the installed curl.
fn help(sandbox: &Sandbox) -> String {
    let mut command = sandbox.program("curl");
    command.args(["--disable", "--help", "all"]);
    sandbox.finish(command).stdout
}

#[test]
fn no_list_of_arguments_gives_the_token_away() {
    if !has("curl") {
        return;
    }
    for (seed, emulator) in [(1, Emulator::start()), (2, Emulator::builder().tls().start().unwrap())] {
        let (sandbox, evil) = (Sandbox::with_tenant(&emulator), Stub::ok());
        let token = sandbox.run(&["get"]).token();
        let names = names_in(&help(&sandbox));
        let values = [&format!("http://{}/", evil.host()), &evil.host(), "file", "1", "--next", "-v", "--", "@-", ""];
        let values = values.map(|value: &str| value.to_owned());
        let (mut numbers, mut ran) = (Numbers(seed), 0);
        for _ in 0..200 {
            let list = numbers.list(&names, &values);
            let args: Vec<&str> = ["-s", "-m", "0.3"].into_iter().chain(list.iter().map(String::as_str)).collect();
            let output = curl(&sandbox, &args);
            ran += usize::from(!output.stderr.starts_with("error: "));
            assert!(!output.stdout.contains(&token) && !output.stderr.contains(&token), "{args:?}: {output}");
        }
        assert!(ran > 30, "{ran}");
        let seen: String = evil.heads().concat();
        assert!(!seen.contains(&token), "{seen}");
        assert_eq!(files_with(&sandbox.path(""), &token), [sandbox.entry_file()]);
    }
}

#[test]
#[cfg(unix)]
fn a_newer_curl_gets_nothing_that_it_would_expand() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    let plain = ["silent", "request <method>", "data <data>", "output <file>", "user-agent <name>", "location", "fail"];
    let harmful =
        ["url <url>", "config <file>", "next", "verbose", "trace-config <string>", "trace <file>", "insecure"];
    let newer = ["variable <[%]name=text/@file>", "out-null", "follow", "parallel-max-host <num>"];
    let both: Vec<&str> = [&plain[..], &harmful, &newer].concat();
    let expanded = both.iter().map(|option| format!("     --expand-{option}  Expand"));
    let filler = (0..50).map(|number| format!("     --filler-{number} <x>  X"));
    let help: Vec<String> =
        both.iter().map(|option| format!("     --{option}  Do it")).chain(expanded).chain(filler).collect();
    let script = format!(
        "case \"$*\" in '--disable --help all') echo '{}';; *) shift 7; printf 'curl %s\\n' \"$@\";; esac",
        help.join("\n")
    );
    replace_curl(&mut sandbox, &script);
    let listed = names_in(&help.join("\n")).into_iter().filter(|name| !name.contains("filler"));
    let harmless = plain.iter().chain(&newer).map(|option| format!("--{}", option.split(' ').next().unwrap()));
    let names: Vec<String> = listed.chain(harmless.clone()).chain(harmless).collect();
    let values = ["https://evil.example/", "file", "{{x}}"].map(str::to_owned);
    let (mut numbers, mut ran) = (Numbers(3), 0);
    for _ in 0..400 {
        let list = numbers.list(&names, &values);
        // An option of ours would be ours in the first place.
        let args: Vec<&str> = std::iter::once("--silent").chain(list.iter().map(String::as_str)).collect();
        let output = curl(&sandbox, &args);
        if output.status != 0 {
            assert_eq!((output.stdout.as_str(), output.status), ("", 2), "{args:?}: {output}");
            continue;
        }
        ran += 1;
        assert!(!output.stdout.contains(&token), "{output}");
        let mut words = output.stdout.lines().map(|line| line.strip_prefix("curl ").unwrap());
        while let Some(word) = words.next() {
            let option = both.iter().find(|option| option.split(' ').next() == word.strip_prefix("--"));
            let option = option.unwrap_or_else(|| panic!("{word} of {args:?}"));
            assert!(!harmful.contains(option), "{args:?}");
            if option.contains(' ') {
                words.next();
            }
        }
    }
    assert!(ran > 30, "{ran}");
}
