//! Reads the argument list, and the name that the program was called by.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Subcommand};

use super::{Cli, Command, Doctor, Forget, Format, Get, Logout, Status, Whoami, examples, quick};

/// Global options that take a value.
pub(super) const GLOBALS_WITH_VALUE: [&str; 7] =
    ["--profile", "-p", "--config", "--cache-dir", "--tenant", "--client-id", "--client-secret-file"];

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
    let at = next_word(&args, 1);
    let word = at.map(|at| args[at].to_string_lossy().into_owned());
    let mut args = args;
    if let Some(at) = at.filter(|at| args[*at] == "version") {
        args[at] = "--version".into();
    }
    let definitions = Cli::command();
    let definitions = if args.len() > 1 { definitions } else { definitions.help_template(examples::FIRST_PAGE) };
    definitions
        .try_get_matches_from(args)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .and_then(named)
        .and_then(of_a_secret)
        .map_err(|error| Mistake { error, command: word.filter(|word| Command::has_subcommand(word)) })
}

/// `status NAME` is `--profile NAME status`. clap sees no conflict with an option that stands before the command.
fn named(mut cli: Cli) -> Result<Cli, clap::Error> {
    let is_for_all = matches!(cli.command, Command::Forget(Forget { all: true, .. }));
    let named = match &mut cli.command {
        Command::Logout(Logout { named, .. })
        | Command::Forget(Forget { named, .. })
        | Command::Status(Status { named, .. })
        | Command::Whoami(Whoami { named, .. })
        | Command::Doctor(Doctor { named, .. }) => named.name.take(),
        Command::Login(login) if cli.overrides.profile.is_some() => login.name.clone(),
        _ => None,
    };
    if cli.overrides.profile.is_some() && (named.is_some() || is_for_all) {
        let text = "the argument '--profile <NAME>' cannot be used with another name of a profile, or with '--all'";
        return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
    }
    cli.overrides.profile = named.or(cli.overrides.profile);
    Ok(cli)
}

/// The names of a Secret go with its format only. clap knows no option that another one's value allows.
fn of_a_secret(cli: Cli) -> Result<Cli, clap::Error> {
    if let Command::Get(Get { name: Some(_), format, .. }) = &cli.command
        && *format != Some(Format::KubernetesSecret)
    {
        let text = "the argument '--name <NAME>' goes with '--format kubernetes-secret' only";
        return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
    }
    Ok(cli)
}

/// Inserts the arguments that the program's name implies.
fn by_name(mut args: Vec<OsString>) -> Vec<OsString> {
    let stem = args.first().and_then(|name| Path::new(name).file_stem()).and_then(OsStr::to_str);
    if let Some((_, stands_for)) = NAMES.iter().find(|(name, _)| Some(*name) == stem) {
        args.splice(1..1, stands_for.iter().map(OsString::from));
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
    fn a_profile_has_several_spellings() {
        for args in [
            &["status", "prod"][..],
            &["-p", "prod", "status"],
            &["-pprod", "status"],
            &["status", "-p=prod"],
            &["status", "--profile", "prod"],
            &["--profile=prod", "status"],
        ] {
            let all: Vec<&str> = std::iter::once("ws1-token").chain(args.iter().copied()).collect();
            assert_eq!(parsed(&all).unwrap().overrides.profile.as_deref(), Some("prod"), "{args:?}");
        }
        for command in ["logout", "forget", "whoami", "doctor", "status"] {
            assert_eq!(parsed(&["ws1-token", command, "prod"]), parsed(&["ws1-token", "-p", "prod", command]));
            assert!(parsed(&["ws1-token", "-p", "prod", command, "prod"]).is_err(), "{command}: once is enough");
        }
        for twice in ["login prod -p prod", "-p prod login prod", "-p prod forget --all", "forget --all prod"] {
            let all: Vec<&str> = std::iter::once("ws1-token").chain(twice.split(' ')).collect();
            assert_eq!(parsed(&all), Err(clap::error::ErrorKind::ArgumentConflict.to_string()), "{twice}");
        }
    }

    #[test]
    fn version_is_a_word_too() {
        for args in [&["version"][..], &["-p", "version", "version"], &["--version"]] {
            let all: Vec<&str> = std::iter::once("ws1-token").chain(args.iter().copied()).collect();
            assert_eq!(parsed(&all), Err(clap::error::ErrorKind::DisplayVersion.to_string()), "{args:?}");
        }
        assert!(parsed(&["ws1-token", "exec", "version"]).is_ok());
    }

    #[test]
    fn what_is_no_option_of_ours_is_curls_with_all_that_follows() {
        for (args, rest) in [
            (vec!["curl", "/x"], vec!["/x"]),
            (vec!["curl", "/x", "-v", "--profile", "p", "--help"], vec!["/x", "-v", "--profile", "p", "--help"]),
            (vec!["--profile", "curl", "curl", "--tenant", "t", "/x", "-s"], vec!["/x", "-s"]),
            (vec!["curl", "/x", "--", "-s"], vec!["/x", "--", "-s"]),
            (vec!["curl", "-s", "/x", "-v"], vec!["-s", "/x", "-v"]),
            (vec!["curl", "-v", "--profile=p", "-so", "f", "/x"], vec!["-so", "f", "/x"]),
            (vec!["curl", "-X", "POST", "--profile", "p"], vec!["-X", "POST", "--profile", "p"]),
            (vec!["curl", "--data", "--config", "/x"], vec!["--data", "--config", "/x"]),
            (vec!["curl", "--", "-s", "/x"], vec!["-s", "/x"]),
            (vec!["curl", "-sv", "/x"], vec!["-sv", "/x"]),
        ] {
            let mut all = vec!["ws1-token"];
            all.extend(&args);
            let Command::Curl(curl) = parsed(&all).unwrap().command else { panic!("{args:?}") };
            assert_eq!(curl.args, rest.into_iter().map(OsString::from).collect::<Vec<_>>());
        }
        assert!(parsed(&["ws1-token", "curl"]).is_err());
        assert!(parsed(&["ws1-token", "curl", "--help"]).is_err());
    }
}
