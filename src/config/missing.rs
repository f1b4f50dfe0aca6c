//! Errors of a profile that is not there.

use std::path::Path;

use super::Sources;
use crate::error::{Error, ErrorKind};
use crate::text::nearest;

/// There is neither a configuration file nor a profile in the environment.
pub(super) fn no_config(file: &Path) -> Error {
    Error::new(ErrorKind::NoConfig, format!("there is no configuration: `{}` does not exist", file.display()))
        .hint("run `ws1-token login`, or set WS1_TOKEN_TENANT, WS1_TOKEN_CLIENT_ID and WS1_TOKEN_CLIENT_SECRET_FILE")
}

/// The configuration file that a flag or a variable names does not exist.
pub(super) fn no_such_file(setting: &str, file: &Path) -> Error {
    Error::usage(format!("the configuration file of {setting} does not exist: `{}`", file.display()))
        .hint(format!("correct the path in {setting}"))
}

/// There is no place for a configuration file.
pub(super) fn no_home(sources: &Sources<'_>) -> Error {
    if let Some(dir) = sources.config_dir.filter(|dir| !dir.is_absolute()) {
        return Error::relative("HOME", dir);
    }
    Error::new(ErrorKind::NoConfig, "there is no configuration: this user has no home directory").hint(
        "name a file with --config, or set WS1_TOKEN_TENANT, WS1_TOKEN_CLIENT_ID and WS1_TOKEN_CLIENT_SECRET_FILE",
    )
}

/// There are profiles, but none is chosen.
pub(super) fn no_profile(file: &Path, known: &[String]) -> Error {
    let hint = match known {
        [] => "run `ws1-token login`".to_owned(),
        known => format!("choose one with --profile ({})", list(known)),
    };
    Error::usage(format!("no profile is chosen, and `{}` names no `default_profile`", file.display())).hint(hint)
}

/// The chosen profile does not exist; `named_by` says what chose it, where that is not the command line.
pub(super) fn unknown_profile(name: &str, named_by: &str, file: &Path, known: &[String]) -> Error {
    let hint = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? ({})", list(known)),
        None if known.is_empty() => format!("run `ws1-token login {name}`"),
        None => format!("choose one of the {}", list(known)),
    };
    let error = Error::usage(format!("no profile named `{name}` in `{}`", file.display())).hint(hint);
    if named_by.is_empty() { error } else { error.because(named_by) }
}

/// No profile has a target.
pub(super) fn no_owner(target: &str, known: &[String]) -> Error {
    Error::usage(format!("no profile may send its token to `{target}`"))
        .hint(format!("add `{target}` to `hosts` of the profile if it is yours ({})", list(known)))
}

/// Several profiles have a target, and none of them is the default.
pub(super) fn several_owners(target: &str, owners: &[&str]) -> Error {
    Error::usage(format!("more than one profile may send its token to `{target}`"))
        .because(list(owners))
        .hint("choose one with --profile, or make it the `default_profile`")
}

/// ``profiles: `a`, `b` ``
fn list<T: std::fmt::Display>(known: &[T]) -> String {
    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("profiles: {}", names.join(", "))
}
