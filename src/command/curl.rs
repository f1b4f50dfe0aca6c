//! `curl PATH|URL`: runs curl and passes it the token through a pipe, never in an argument, the environment or a file.
//!
//! curl sends a header to every URL of its command line, so arguments that may be URLs are refused, and so are options that
//! send the header to a redirect's target or without a verified certificate.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::broker::TokenRequest;
use crate::child::{self, Stderr, Wanted};
use crate::cli::Curl;
use crate::clock::{Deadline, SystemClock};
use crate::config::Profile;
use crate::context::Context;
use crate::error::Error;
use crate::origin::Target;
use crate::outcome::Outcome;
use crate::protocol::plain::curl_config;

/// A reason to refuse an argument.
const ELSEWHERE: &str = "the token would be sent there too";
/// A reason to refuse an argument.
const UNCHECKED: &str = "it would send the token without verifying the certificate";
/// A reason to refuse an argument.
const IN_CLEAR: &str = "it would print or store the token in clear text";

/// Timeout of `curl --help`.
const HELP_TIME: Duration = Duration::from_secs(5);

/// The most bytes of its output to read; curl 8.16 prints 20 kB.
const HELP_LIMIT: usize = 256 * 1024;

/// Options of curl that are refused, with the reason.
const REFUSED: [(&str, &str); 11] = [
    ("--location-trusted", "it would send the token to the target of any redirect"),
    ("--insecure", UNCHECKED),
    ("-k", UNCHECKED),
    ("--url", ELSEWHERE),
    ("--config", "a configuration file can name other URLs"),
    ("-K", "a configuration file can name other URLs"),
    ("--verbose", IN_CLEAR),
    ("-v", IN_CLEAR),
    ("--trace", IN_CLEAR),
    ("--trace-ascii", IN_CLEAR),
    ("--libcurl", IN_CLEAR),
];

/// Runs curl and returns its exit status.
pub(crate) fn run(context: &Context<'_>, args: &Curl) -> Result<Outcome, Error> {
    let profile = context.sources.profile(None)?;
    let url = target(&args.target, &profile)?;
    // Users of other commands write `curl PATH -- -s`; to curl `--` would mean that only URLs follow.
    let passed = args.args.strip_prefix(&["--".into()]).unwrap_or(&args.args);
    let secret_variables = context.sources.secret_variables();
    check(passed, &secret_variables)?;
    let served = context.obtain(&profile, &TokenRequest::default())?;
    let config = curl_config(&served);
    let curl = |config: &str| {
        let mut command = child::command("curl", &secret_variables);
        // A .curlrc can name other URLs and disable checks; `--disable` must be the first argument.
        let ours = ["--disable", "--config", config, "--url", &url];
        command.args(ours).args(passed);
        command
    };
    let handed = crate::platform::hand_over(config.as_bytes(), |name| curl(name).spawn());
    let status = match handed {
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => through_stdin(curl("-"), config.as_bytes()),
        Err(error) => Err(error),
        Ok(mut child) => child.wait(),
    };
    Ok(Outcome::status(exit_status(status.map_err(cannot_run)?)))
}

/// Passes the configuration on standard input, where a child cannot open a pipe by name.
fn through_stdin(mut command: Command, config: &[u8]) -> std::io::Result<ExitStatus> {
    use std::io::Write;
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(config)?;
    }
    child.wait()
}

/// The exit status, or 128 + n for signal n.
fn exit_status(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The URL for curl: a path is the tenant's, a URL must be allowed by the profile. It is rebuilt from its parsed parts, so
/// that curl cannot parse it differently.
fn target(given: &str, profile: &Profile) -> Result<String, Error> {
    let is_path = given.starts_with('/') && !given.starts_with("//");
    let url = if is_path { format!("{}{given}", profile.tenant) } else { given.to_owned() };
    let target = Target::parse(&url).and_then(Target::secured).map_err(|cause| {
        Error::unusable("the target of curl", cause, "write a path that starts with `/`, or an https URL")
    })?;
    if profile.allows(&target.origin) {
        Ok(target.to_string())
    } else {
        Err(Error::foreign_host(&target.origin.host_and_port(), &profile.name))
    }
}

/// Refuses arguments that would expose the token or send it elsewhere.
fn check(args: &[OsString], secret_variables: &[String]) -> Result<(), Error> {
    if args.is_empty() {
        return Ok(());
    }
    let with_value = options_with_value(secret_variables)?;
    let words: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let refused = |why: &str, hint: &'static str| {
            Err(Error::usage(format!("curl argument `{word}` is refused")).because(why).hint(hint))
        };
        if matches!(word, "--next" | "-:") {
            // The token is in curl's first set of options only.
            return Ok(());
        }
        let (options, value_follows) = options_of(word, &with_value);
        for option in &options {
            if let Some((_, why)) = REFUSED.iter().find(|(name, _)| name == option || is_abbreviation(option, name)) {
                return refused(why, "leave it out, or use `ws1-token get --format curl` with curl itself");
            }
        }
        if options.is_empty() {
            return refused("curl would take it as another URL", "run ws1-token curl once for each URL");
        }
        if value_follows {
            words.next();
        }
    }
    Ok(())
}

/// The options in one word, read as curl does: `--long`, or a cluster of letters that ends at the first one with a value.
/// None if it is no option; and whether the next word is the last one's value.
fn options_of(word: &str, with_value: &BTreeSet<String>) -> (Vec<String>, bool) {
    if word == "--" {
        // Only URLs follow.
        return (Vec::new(), false);
    }
    if word.starts_with("--") {
        // Some versions of curl may accept `--name=value`.
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        return (vec![name.to_owned()], with_value.contains(word));
    }
    let (mut names, mut letters) = (Vec::new(), word.strip_prefix('-').unwrap_or_default().chars());
    while let Some(letter) = letters.next() {
        names.push(format!("-{letter}"));
        if with_value.contains(&format!("-{letter}")) {
            return (names, letters.as_str().is_empty());
        }
    }
    (names, false)
}

/// Whether a word may abbreviate a long option, as older versions of curl allow.
fn is_abbreviation(word: &str, name: &str) -> bool {
    word.len() > 4 && word.starts_with("--") && name.starts_with(word)
}

/// The options of the installed curl that take a value, as its own help lists them (`-d, --data <data>`).
fn options_with_value(secret_variables: &[String]) -> Result<BTreeSet<String>, Error> {
    let help = |args: &[&str]| {
        let mut command = child::command("curl", secret_variables);
        let deadline = Deadline::after(&SystemClock, HELP_TIME);
        let output = child::run(command.args(args), Stderr::Dropped, Wanted::all(HELP_LIMIT), deadline);
        let late = || std::io::Error::other(format!("`curl --help` did not finish within {} s", HELP_TIME.as_secs()));
        let finished = output.and_then(|finished| finished.ok_or_else(late)).map_err(cannot_run)?;
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
    };
    let mut text = help(&["--disable", "--help", "all"])?;
    if text.lines().count() < 50 {
        // Before 7.73 the plain help was the whole list.
        text = help(&["--disable", "--help"])?;
    }
    Ok(with_value(&text))
}

/// The options with a value in curl's help. The value is in brackets of either kind: `-x, --proxy [protocol://]host[:port]`.
fn with_value(help: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in help.lines() {
        let words = || line.split_whitespace();
        let names = words().take_while(|word| word.starts_with('-')).map(|name| name.trim_end_matches(',').to_owned());
        let names: Vec<String> = names.collect();
        if words().nth(names.len()).is_some_and(|word| word.starts_with(['<', '['])) {
            found.extend(names);
        }
    }
    found
}

/// The error of a curl that cannot be started.
fn cannot_run(error: std::io::Error) -> Error {
    Error::spawn("curl", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "Usage: curl [options...] <url>\n -x, --proxy [protocol://]host[:port] Use this proxy\n -A, --user-agent <name>  Send <name>\n     --abstract-unix-socket <path> Connect\n -d, --data <data>   POST\n -o, --output <file> Write\n -s, --silent        Silent\n -X, --request <method> M\n -H, --header <header/@file> P\n";

    fn read(word: &str) -> (Vec<String>, bool) {
        options_of(word, &with_value(HELP))
    }

    #[test]
    fn words_are_read_as_curl_reads_them() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (word, expected, follows) in [
            ("-s", vec!["-s"], false),
            ("-sSo", vec!["-s", "-S", "-o"], true),
            ("-sofile", vec!["-s", "-o"], false),
            ("-XPOST", vec!["-X"], false),
            ("-X", vec!["-X"], true),
            ("--data", vec!["--data"], true),
            ("--silent", vec!["--silent"], false),
            ("--proxy", vec!["--proxy"], true),
            ("--data=x", vec!["--data"], false),
            ("-sx", vec!["-s", "-x"], true),
            ("evil.example", vec![], false),
            ("-", vec![], false),
            ("-sk", vec!["-s", "-k"], false),
        ] {
            assert_eq!(read(word), (names(&expected), follows), "{word}");
        }
    }

    #[test]
    fn arguments_that_leak_are_refused() {
        let checked = |args: &[&str]| check(&args.iter().map(OsString::from).collect::<Vec<_>>(), &[]);
        for args in [
            &["https://evil.example"][..],
            &["-s", "evil.example"],
            &["-sk"],
            &["--insecure"],
            &["--insec"],
            &["--location-trusted"],
            &["--url", "https://evil.example"],
            &["--url=https://evil.example"],
            &["-o", "--next", "https://evil.example"],
            &["-K", "file"],
            &["-sv"],
            &["--trace-ascii", "-"],
            &["-"],
            &["--"],
        ] {
            assert!(checked(args).is_err(), "{args:?}");
        }
        for args in
            [&[][..], &["-s"], &["-sS", "-L", "--compressed"], &["-o", "file", "--next", "https://other.example"]]
        {
            assert!(checked(args).is_ok(), "{args:?}");
        }
    }
}
