//! `curl PATH|URL`: the real curl, with the token handed over through a pipe: never in an argument, the environment
//! or a file.
//!
//! curl sends a header to every URL of its command line, so what could be a further URL is refused, and so is what
//! sends the header on after a redirect or without checking the certificate.

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

/// Why an argument is refused.
const ELSEWHERE: &str = "the token would be sent there too";
/// See [`ELSEWHERE`].
const UNCHECKED: &str = "it sends the token without checking who is there";
/// See [`ELSEWHERE`].
const IN_CLEAR: &str = "it shows or stores the token in clear";

/// How long curl may take to list its options.
const HELP_TIME: Duration = Duration::from_secs(5);

/// Bytes of that list that are read at most; curl 8.16 prints 20 kB.
const HELP_LIMIT: usize = 256 * 1024;

/// curl options that would hand the token to somebody else.
const REFUSED: [(&str, &str); 11] = [
    ("--location-trusted", "it sends the token to wherever a redirect points"),
    ("--insecure", UNCHECKED),
    ("-k", UNCHECKED),
    ("--url", ELSEWHERE),
    ("--config", "a configuration file can name further URLs"),
    ("-K", "a configuration file can name further URLs"),
    ("--verbose", IN_CLEAR),
    ("-v", IN_CLEAR),
    ("--trace", IN_CLEAR),
    ("--trace-ascii", IN_CLEAR),
    ("--libcurl", IN_CLEAR),
];

/// Runs curl; its exit status is the run's.
pub(crate) fn run(context: &Context<'_>, args: &Curl) -> Result<Outcome, Error> {
    let profile = context.sources.profile(None)?;
    let url = target(&args.target, &profile)?;
    // `curl PATH -- -s` is what the habit of other commands writes; to curl itself it would mean URLs from there on.
    let passed = args.args.strip_prefix(&["--".into()]).unwrap_or(&args.args);
    if !passed.is_empty() {
        check(passed, &options_with_value()?)?;
    }
    let served = context.obtain(&profile, &TokenRequest::default())?;
    let config = curl_config(&served);
    let curl = |config: &str| {
        let mut command = child::command("curl", None);
        // A `.curlrc` can name further URLs and switch checks off; only curl's first argument can forbid it.
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

/// Where a child can open no pipe by name, curl reads its configuration from standard input.
fn through_stdin(mut command: Command, config: &[u8]) -> std::io::Result<ExitStatus> {
    use std::io::Write;
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(config)?;
    }
    child.wait()
}

/// The child's exit status, or 128 and the number of the signal that ended it.
fn exit_status(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The URL for curl: a path is the tenant's; a URL must be one that the profile allows. It is put together anew from
/// its parts, so that curl cannot read it otherwise than we did.
fn target(text: &str, profile: &Profile) -> Result<String, Error> {
    let url = if text.starts_with('/') && !text.starts_with("//") {
        format!("{}{text}", profile.tenant)
    } else {
        text.to_owned()
    };
    let target = Target::parse(&url).and_then(Target::secured).map_err(|cause| {
        Error::unusable("the target of curl", cause, "write a path that starts with `/`, or an https URL")
    })?;
    if profile.allows(&target.origin) {
        Ok(target.to_string())
    } else {
        Err(Error::foreign_host(&target.origin.host_and_port(), &profile.name))
    }
}

/// Refuses arguments that would hand the token to somebody else; `with_value` are the options that take a value.
fn check(args: &[OsString], with_value: &BTreeSet<String>) -> Result<(), Error> {
    let words: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let refused = |why: &str, hint: &'static str| {
            Err(Error::usage(format!("curl argument `{}` is refused", word)).because(why).hint(hint))
        };
        if matches!(word, "--next" | "-:") {
            // The token is in curl's first set of options only, so what follows gets none.
            return Ok(());
        }
        let options = options_of(word, with_value);
        for option in &options.names {
            if let Some((_, why)) = REFUSED.iter().find(|(name, _)| name == option || is_abbreviation(option, name)) {
                return refused(why, "leave it out, or use `ws1-token get --format curl` with curl itself");
            }
        }
        if options.names.is_empty() {
            return refused("curl would take it for a further URL", "run ws1-token curl once for each URL");
        }
        if options.value_follows {
            words.next();
        }
    }
    Ok(())
}

/// The options that one word holds.
struct Options {
    /// `--name`, or `-x` for every letter of a cluster; empty if the word is no option.
    names: Vec<String>,
    /// The next word is the last one's value.
    value_follows: bool,
}

/// Reads one word as curl does: `--long`, or a cluster of letters that ends at the first one with a value.
fn options_of(word: &str, with_value: &BTreeSet<String>) -> Options {
    if word == "--" {
        // What follows can only be URLs.
        return Options { names: Vec::new(), value_follows: false };
    }
    if word.starts_with("--") {
        // Whether curl itself takes `--name=value` is not for us to bet on.
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        return Options { value_follows: with_value.contains(word), names: vec![name.to_owned()] };
    }
    let mut names = Vec::new();
    let mut letters = word.strip_prefix('-').unwrap_or_default().chars();
    while let Some(letter) = letters.next() {
        let name = format!("-{letter}");
        let valued = with_value.contains(&name);
        names.push(name);
        if valued {
            return Options { value_follows: letters.as_str().is_empty(), names };
        }
    }
    Options { names, value_follows: false }
}

/// Older versions of curl accept any unambiguous beginning of a long option.
fn is_abbreviation(word: &str, name: &str) -> bool {
    word.len() > 4 && name.starts_with(word)
}

/// The options of the installed curl that take a value, as its own help lists them (`-d, --data <data>`).
fn options_with_value() -> Result<BTreeSet<String>, Error> {
    let help = |args: &[&str]| {
        let mut command = child::command("curl", None);
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

/// See [`options_with_value`]. The value is in brackets of either kind: `-x, --proxy [protocol://]host[:port]`.
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
        let options = options_of(word, &with_value(HELP));
        (options.names, options.value_follows)
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
        let with_value = with_value(HELP);
        let checked = |args: &[&str]| check(&args.iter().map(OsString::from).collect::<Vec<_>>(), &with_value);
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

    #[test]
    fn a_path_is_the_tenants_and_a_url_must_be_allowed() {
        let profile = crate::protocol::git::properties::profile();
        let [tenant, other] = [profile.tenant.to_string(), profile.hosts[0].to_string()];
        for (text, url) in [
            ("/SAAS/x?a=b".to_owned(), format!("{tenant}/SAAS/x?a=b")),
            ("/".to_owned(), format!("{tenant}/")),
            (format!("{}/x", tenant.to_uppercase()), format!("{tenant}/x")),
            (format!("{tenant}:443/x"), format!("{tenant}/x")),
            (format!("{other}/x"), format!("{other}/x")),
        ] {
            assert_eq!(target(&text, &profile).unwrap(), url, "{text}");
        }
        for (text, cause) in [
            ("//evil.example/", "error: the target of curl is not usable"),
            ("SAAS", "error: the target of curl is not usable"),
            ("", "error: the target of curl is not usable"),
            ("http://192.0.2.1/", "error: the target of curl is not usable"),
            ("/a b", "error: the target of curl is not usable"),
            ("https://evil.example/", "error: "),
            ("http://127.0.0.1/", "error: "),
        ] {
            let report = target(text, &profile).unwrap_err().report();
            assert!(report.starts_with(cause), "{text}: {report}");
        }
        let foreign = target("https://evil.example:8443/", &profile).unwrap_err();
        assert!(foreign.to_string().starts_with("`evil.example:8443` may not have the token"), "{foreign}");
    }

    #[cfg(unix)]
    #[test]
    fn a_child_that_a_signal_ended_has_128_and_its_number() {
        use std::os::unix::process::ExitStatusExt;
        // The system's wait status: the exit status in its second byte, or the signal and whether it left a core.
        for (raw, status) in [(0, 0), (7 << 8, 7), (255 << 8, 255), (2, 130), (9, 137), (15, 143), (0x8b, 139)] {
            assert_eq!(exit_status(ExitStatus::from_raw(raw)), status, "{raw:x}");
        }
    }

    #[test]
    fn the_help_names_the_options_with_a_value() {
        let long = ["--abstract-unix-socket", "--data", "--header", "--output", "--proxy", "--request", "--user-agent"];
        let all = long.iter().chain(&["-A", "-H", "-X", "-d", "-o", "-x"]).map(|name| (*name).to_owned());
        assert_eq!(with_value(HELP), all.collect());
        assert_eq!(with_value("curl: try 'curl --help'\n<x>\n\n-\n"), BTreeSet::new());
    }

    #[test]
    fn a_beginning_of_five_letters_may_mean_the_option() {
        for (word, meant) in [
            ("--ins", true),
            ("--insecure", true),
            ("--in", false),
            ("--insecure-not", false),
            ("--url-query", false),
            ("-k", false),
            ("-insecure", false),
        ] {
            assert_eq!(REFUSED.iter().any(|(name, _)| is_abbreviation(word, name)), meant, "{word}");
        }
    }
}
