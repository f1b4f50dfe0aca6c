//! Reads the argument list: the name that the program was called by, and the arguments of `curl`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Parser, Subcommand};

use super::{Cli, Command, quick};

/// Global options that take a value.
pub(super) const GLOBALS_WITH_VALUE: [&str; 6] =
    ["--profile", "--config", "--cache-dir", "--tenant", "--client-id", "--client-secret-file"];

/// Names that the program may be called by (the file stem), and the arguments that each implies.
const NAMES: [(&str, &[&str]); 4] = [
    ("git-credential-ws1", &["git"]),
    ("bazel-credential-ws1", &["bazel"]),
    ("terraform-credentials-ws1", &["terraform"]),
    ("ws1-header-value", &["get", "--format", "header-value"]),
];

/// A usage error, or a request for help or the version.
#[derive(Debug)]
pub(crate) struct Mistake {
    /// The error of clap.
    pub(crate) error: clap::Error,
    /// The command that was given, if any.
    pub(crate) command: Option<String>,
}

/// Reads an argument list, its first element the name of the program.
pub(crate) fn parse(args: Vec<OsString>) -> Result<Cli, Mistake> {
    let args = by_name(args);
    if let Some(cli) = quick::parse(&args) {
        return Ok(cli);
    }
    let word = next_word(&args, 1).map(|at| args[at].to_string_lossy().into_owned());
    Cli::try_parse_from(separate_curl_args(args))
        .map_err(|error| Mistake { error, command: word.filter(|word| Command::has_subcommand(word)) })
}

/// Inserts the arguments that the program's name implies.
fn by_name(mut args: Vec<OsString>) -> Vec<OsString> {
    let stem = args.first().and_then(|name| Path::new(name).file_stem()).and_then(OsStr::to_str);
    if let Some((_, stands_for)) = NAMES.iter().find(|(name, _)| Some(*name) == stem) {
        args.splice(1..1, stands_for.iter().map(OsString::from));
    }
    args
}

/// `curl [OPTIONS] TARGET ARGS…`: inserts `--`, since everything after the target is curl's, even an option of ours.
fn separate_curl_args(mut args: Vec<OsString>) -> Vec<OsString> {
    let Some(command) = next_word(&args, 1).filter(|at| args[*at] == "curl") else { return args };
    if let Some(target) = next_word(&args, command + 1)
        && args.len() > target + 1
        && !args[command..target].iter().any(|arg| arg == "--")
    {
        args.insert(target + 1, "--".into());
    }
    args
}

/// Index of the next argument that is neither a global option nor its value.
fn next_word(args: &[OsString], mut at: usize) -> Option<usize> {
    loop {
        let arg = args.get(at)?.to_string_lossy();
        if GLOBALS_WITH_VALUE.contains(&arg.as_ref()) {
            at += 2;
        } else if arg.starts_with('-') {
            at += 1;
        } else {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Format, Get};

    fn parsed(args: &[&str]) -> Result<Cli, String> {
        parse(args.iter().map(OsString::from).collect()).map_err(|mistake| mistake.error.kind().to_string())
    }

    #[test]
    fn the_definitions_are_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn names_stand_for_commands() {
        for name in ["git-credential-ws1", "/usr/libexec/git-credential-ws1", "git-credential-ws1.exe"] {
            let cli = parsed(&[name, "get"]).unwrap();
            assert!(matches!(cli.command, Command::Git(git) if git.operation == "get"), "{name}");
        }
        let cli = parsed(&["/bin/ws1-header-value"]).unwrap();
        assert_eq!(cli.command, Command::Get(Get { format: Some(Format::HeaderValue), ..Get::default() }));
        for name in ["ws1-token", "kubectl-ws1_token", "renamed"] {
            assert_eq!(parsed(&[name, "get"]).unwrap().command, Command::Get(Get::default()), "{name}");
        }
    }

    #[test]
    fn what_follows_the_target_is_curls() {
        for (args, target, rest) in [
            (vec!["curl", "/x"], "/x", vec![]),
            (vec!["curl", "/x", "-v", "--profile", "p", "--help"], "/x", vec!["-v", "--profile", "p", "--help"]),
            (vec!["--profile", "curl", "curl", "--tenant", "t", "/x", "-s"], "/x", vec!["-s"]),
            (vec!["curl", "/x", "--", "-s"], "/x", vec!["--", "-s"]),
        ] {
            let mut all = vec!["ws1-token"];
            all.extend(&args);
            let Command::Curl(curl) = parsed(&all).unwrap().command else { panic!("{args:?}") };
            assert_eq!((curl.target.as_str(), curl.args), (target, rest.into_iter().map(OsString::from).collect()));
        }
        assert!(parsed(&["ws1-token", "curl", "-s", "/x"]).is_err());
    }
}
