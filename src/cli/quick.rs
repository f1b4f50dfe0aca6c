//! Reads the command lines that callers run thousands of times without clap, which takes longer to build its tree of
//! commands than the rest of a cached run takes.
//!
//! Everything else (help, a typo, a rare command) is `None` and goes to clap. A test compares both parsers.

use std::ffi::OsString;

use clap::ValueEnum;

use super::value::duration;
use super::{Bazel, BazelOperation, Cli, Command, Format, Get, Git, Kubectl};
use crate::config::Overrides;

/// Reads `get`, `kubectl`, `git OPERATION` and `bazel get` with their options.
pub(super) fn parse(args: &[OsString]) -> Option<Cli> {
    let mut words = args.get(1..)?.iter().map(|arg| arg.to_str());
    let mut overrides = Overrides::default();
    let (mut format, mut min_ttl) = (None, None);
    let mut command = None;
    let mut operation_of_bazel = None;
    while let Some(word) = words.next() {
        let word = word?;
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (word, None),
        };
        let mut value = || match inline {
            Some(value) => Some(value).filter(|value| !value.is_empty()),
            None => words.next()?.filter(|value| !value.starts_with('-') && !value.is_empty()),
        };
        match (name, &mut command) {
            ("--profile" | "-p", _) => once(&mut overrides.profile, value()?.to_owned())?,
            ("--config", _) => once(&mut overrides.config, value()?.into())?,
            ("--cache-dir", _) => once(&mut overrides.cache_dir, value()?.into())?,
            ("--no-cache", _) if inline.is_none() && !overrides.no_cache => overrides.no_cache = true,
            ("--tenant", _) => once(&mut overrides.tenant, value()?.to_owned())?,
            ("--client-id", _) => once(&mut overrides.client_id, value()?.to_owned())?,
            ("--client-secret-file", _) => once(&mut overrides.client_secret_file, value()?.into())?,
            ("-v" | "--verbose", _) if inline.is_none() && !overrides.verbose => overrides.verbose = true,
            ("--format", Some(Command::Get(_))) => once(&mut format, quick_format(value()?)?)?,
            ("--min-ttl", Some(Command::Get(_) | Command::Kubectl(_))) => once(&mut min_ttl, duration(value()?).ok()?)?,
            ("--force-refresh", Some(Command::Get(get))) if inline.is_none() && !get.force_refresh => {
                get.force_refresh = true;
            }
            ("get", None) => command = Some(Command::Get(Get::default())),
            ("bazel", None) => command = Some(Command::Bazel(Bazel { operation: BazelOperation::Get })),
            ("get", Some(Command::Bazel(_))) => once(&mut operation_of_bazel, ())?,
            ("kubectl", None) => command = Some(Command::Kubectl(Kubectl::default())),
            ("git", None) => command = Some(Command::Git(Git { operation: String::new() })),
            (operation, Some(Command::Git(git)))
                if git.operation.is_empty() && !operation.is_empty() && !operation.starts_with('-') =>
            {
                operation.clone_into(&mut git.operation);
            }
            _ => return None,
        }
    }
    match command? {
        Command::Git(git) if git.operation.is_empty() => None,
        Command::Bazel(_) if operation_of_bazel.is_none() => None,
        Command::Get(get) => {
            let get = Get { format, min_ttl: min_ttl.unwrap_or(0), ..get };
            Some(Cli { overrides, command: Command::Get(get) })
        }
        Command::Kubectl(_) => {
            Some(Cli { overrides, command: Command::Kubectl(Kubectl { min_ttl: min_ttl.unwrap_or(0) }) })
        }
        command => Some(Cli { overrides, command }),
    }
}

/// A format that needs no other option.
fn quick_format(name: &str) -> Option<Format> {
    Format::from_str(name, false).ok().filter(|format| *format != Format::KubernetesSecret)
}

/// Sets an option that may be given once.
fn once<T>(option: &mut Option<T>, value: T) -> Option<()> {
    option.replace(value).is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// Every list of up to four of these words, behind the program's name.
    fn lists() -> Vec<Vec<OsString>> {
        let words = [
            "get",
            "kubectl",
            "git",
            "bazel",
            "store",
            "curl",
            "--profile",
            "p",
            "--profile=p",
            "--profile=",
            "-p",
            "-pq",
            "-p=q",
            "--format",
            "json",
            "--format=json",
            "--format=token",
            "--format=kubernetes-secret",
            "--name=n",
            "--min-ttl=5m",
            "--min-ttl",
            "9",
            "--force-refresh",
            "-v",
            "--verbose=1",
            "--help",
            "--",
            "-",
            "",
            "--prof=p",
            "--config=c",
            "--cache-dir=d",
            "--no-cache",
            "--tenant=t",
            "--client-id=i",
            "--client-secret-file=f",
            "--version",
            "a=b",
        ];
        let mut lists = vec![vec![]];
        let mut from = 0;
        for _ in 0..3 {
            let to = lists.len();
            for at in from..to {
                for word in words {
                    let mut list: Vec<&str> = lists[at].clone();
                    list.push(word);
                    lists.push(list);
                }
            }
            from = to;
        }
        lists.iter().map(|list| std::iter::once(&"ws1-token").chain(list).map(OsString::from).collect()).collect()
    }

    #[test]
    fn what_is_read_quickly_is_what_clap_reads() {
        let mut quick = 0;
        for args in lists() {
            if let Some(cli) = parse(&args) {
                quick += 1;
                assert_eq!(Cli::try_parse_from(&args).ok(), Some(cli), "{args:?}");
            }
        }
        assert!(quick > 200, "only {quick} lists were read quickly");
    }

    #[test]
    fn the_lines_of_real_callers_are_read_quickly() {
        for line in [
            "ws1-token get",
            "ws1-token get --format json --min-ttl 30m",
            "ws1-token --profile prod get --format=header",
            "ws1-token kubectl --profile prod",
            "ws1-token -p prod get",
            "ws1-token get -p prod",
            "ws1-token git --profile prod get",
            "ws1-token git get",
            "ws1-token bazel get",
        ] {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(parse(&args).is_some(), "{line}");
        }
    }
}
