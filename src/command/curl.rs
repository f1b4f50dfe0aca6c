//! `curl PATH|URL`: the real curl, with the token handed over through a pipe: never in an argument, the environment
//! or a file.
//!
//! curl sends a header to every URL of its command line, so what could be a further URL is refused, and so is what
//! sends the header on after a redirect or without checking the certificate.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::{Command, ExitStatus, Stdio};

use super::{Context, Outcome};
use crate::broker::Want;
use crate::cli::Curl;
use crate::config::Profile;
use crate::error::Error;
use crate::origin::Target;
use crate::protocol::plain::curl_config;

/// curl options that would hand the token to somebody else.
const REFUSED: [(&str, &str); 6] = [
    ("--location-trusted", "it sends the token to wherever a redirect points"),
    ("--insecure", "it sends the token without checking who is there"),
    ("-k", "it sends the token without checking who is there"),
    ("--url", "the token would be sent there too"),
    ("--config", "a configuration file can name further URLs"),
    ("-K", "a configuration file can name further URLs"),
];

/// Runs curl; its exit status is the run's.
pub(crate) fn run(context: &Context<'_>, args: &Curl) -> Result<Outcome, Error> {
    let profile = context.sources.profile(None)?;
    let url = target(&args.target, &profile)?;
    check(&args.args)?;
    let served = context.obtain(&profile, &Want::default())?;
    let config = curl_config(&served);
    let spawned = |error: std::io::Error| Error::Spawn { program: "curl".to_owned(), source: error.into() };
    let curl = |config: &str| {
        let mut command = Command::new("curl");
        // First, because curl reads a .curlrc only if the first argument does not forbid it; the rest follows.
        command.env_remove("WS1_TOKEN_CLIENT_SECRET").args(["--config", config, "--url", &url]).args(&args.args);
        command
    };
    let handed = crate::platform::hand_over(config.as_bytes(), |name| curl(name).spawn());
    let status = match handed {
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => through_stdin(curl("-"), config.as_bytes()),
        Err(error) => Err(error),
        Ok(mut child) => child.wait(),
    };
    Ok(Outcome::status(exit_status(status.map_err(spawned)?)))
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
    let target = Target::parse(&url).and_then(Target::secured).map_err(|cause| Error::Setting {
        setting: "the target of curl".to_owned(),
        source: cause.into(),
        hint: "write a path that starts with `/`, or an https URL".to_owned(),
    })?;
    if profile.allows(&target.origin) {
        Ok(target.to_string())
    } else {
        Err(Error::ForeignHost { host: target.origin.authority(), profile: profile.name.clone() })
    }
}

/// Refuses arguments that would hand the token to somebody else.
fn check(args: &[OsString]) -> Result<(), Error> {
    let words: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    // The token is in curl's first set of options only, so what follows `--next` gets none.
    let own: Vec<&str> =
        words.iter().map(String::as_str).take_while(|word| !matches!(*word, "--next" | "-:")).collect();
    if own.is_empty() {
        return Ok(());
    }
    let with_value = options_with_value();
    let mut words = own.into_iter();
    while let Some(word) = words.next() {
        let refused = |why: &str, hint: &'static str| {
            Err(Error::CurlArgument { argument: word.to_owned(), source: why.into(), hint })
        };
        let options = options_of(word, &with_value);
        for option in &options.names {
            if let Some((_, why)) = REFUSED.iter().find(|(name, _)| name == option || is_abbreviation(option, name)) {
                return refused(why, "use `ws1-token get --format curl` with curl itself if you mean it");
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
        let known = with_value.iter().any(|name| name == word);
        return Options { value_follows: known, names: vec![word.to_owned()] };
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
    word.len() > 4 && word.starts_with("--") && name.starts_with(word)
}

/// The options of the installed curl that take a value, as its own help lists them (`-d, --data <data>`).
fn options_with_value() -> BTreeSet<String> {
    let help = |args: &[&str]| {
        let output = Command::new("curl").args(args).env_remove("WS1_TOKEN_CLIENT_SECRET").output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    };
    let mut text = help(&["--disable", "--help", "all"]);
    if text.lines().count() < 50 {
        // Before 7.73 the plain help was the whole list.
        text = help(&["--disable", "--help"]);
    }
    with_value(&text)
}

/// See [`options_with_value`].
fn with_value(help: &str) -> BTreeSet<String> {
    help.lines()
        .filter_map(|line| {
            let names = line.split_once('<')?.0.trim();
            names.starts_with('-').then_some(names)
        })
        .flat_map(|names| names.split(", ").map(|name| name.trim().to_owned()))
        .filter(|name| name.starts_with('-') && !name.contains(' '))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "Usage: curl [options...] <url>\n     --abstract-unix-socket <path> Connect\n -d, --data <data>   POST\n -o, --output <file> Write\n -s, --silent        Silent\n -X, --request <method> M\n -H, --header <header/@file> P\n";

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
            ("evil.example", vec![], false),
            ("-", vec![], false),
            ("-sk", vec!["-s", "-k"], false),
        ] {
            assert_eq!(read(word), (names(&expected), follows), "{word}");
        }
    }

    #[test]
    fn arguments_that_leak_are_refused() {
        let checked = |args: &[&str]| check(&args.iter().map(OsString::from).collect::<Vec<_>>());
        for args in [
            &["https://evil.example"][..],
            &["-s", "evil.example"],
            &["-sk"],
            &["--insecure"],
            &["--insec"],
            &["--location-trusted"],
            &["--url", "https://evil.example"],
            &["-K", "file"],
            &["-"],
            &["--"],
        ] {
            assert!(checked(args).is_err(), "{args:?}");
        }
        for args in [&[][..], &["-s"], &["-sS", "-L", "--compressed"], &["--next", "https://other.example"]] {
            assert!(checked(args).is_ok(), "{args:?}");
        }
    }
}
