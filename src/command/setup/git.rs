//! `setup git HOST`: URL-scoped configuration, applied by `git config`.
//!
//! An empty helper comes first: it drops the helpers configured for every host, which would store the token of a git
//! before 2.46 on disk.

use super::{Outcome, Recipe, shell_line};
use crate::error::Error;
use crate::origin::Origin;

/// Value of `http.postBuffer`: git 2.46 to 2.53 lose the token in larger pushes. git's default is 1 MiB.
pub(crate) const POST_BUFFER: &str = "52428800";

/// A setting: its key and all its values, in order.
type Setting = (String, Vec<String>);

/// Prints or applies the settings of a host, by default the tenant.
pub(super) fn run(recipe: &Recipe<'_>, host: Option<&str>, write: bool) -> Result<Outcome, Error> {
    let target = match host {
        Some(host) => Origin::parse(host, true).map_err(|cause| {
            Error::unusable("the host name", cause, "write `host` or `host:port`, like git.example.com")
        })?,
        None => recipe.profile.tenant.clone(),
    };
    let plain = Origin { https: false, ..target.clone() };
    let target = if recipe.profile.allows(&target) || !recipe.profile.allows(&plain) { target } else { plain };
    if !recipe.profile.allows(&target) {
        return Err(Error::foreign_host(&target.host_and_port(), &recipe.profile.name));
    }
    let settings = settings(recipe, &target);
    if write {
        let said: Result<Vec<String>, Error> = settings.iter().map(|setting| apply(recipe, setting)).collect();
        return Ok(Outcome::answer(said?.concat()));
    }
    Ok(Outcome::answer(format!("{}{}", text(&settings), for_old_git(recipe, &target))))
}

/// The settings of a host.
fn settings(recipe: &Recipe<'_>, target: &Origin) -> [Setting; 2] {
    let helper = [&recipe.program, "git"].into_iter().chain(recipe.profile_args.iter().map(String::as_str));
    [
        (format!("credential.{target}.helper"), vec![String::new(), shell_line(helper)]),
        (format!("http.{target}/.postBuffer"), vec![POST_BUFFER.to_owned()]),
    ]
}

/// The option of `git config` for the value at an index: the first replaces all present values.
fn option(at: usize) -> &'static str {
    if at == 0 { "--replace-all" } else { "--add" }
}

/// The commands, to paste.
fn text(settings: &[Setting]) -> String {
    let quoted = |value: &str| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$"));
    let lines = settings.iter().flat_map(|(key, values)| {
        let line = move |(at, value): (usize, &String)| {
            format!("git config --global {} {key} {}\n", option(at), quoted(value))
        };
        values.iter().enumerate().map(line)
    });
    lines.collect()
}

/// For git before 2.46 and a server that accepts only bearer tokens: a header in the environment of one command.
fn for_old_git(recipe: &Recipe<'_>, target: &Origin) -> String {
    format!(
        "# git before 2.46 to a server that takes bearer tokens only, before the command:\n\
         # GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.{target}/.extraHeader \
         GIT_CONFIG_VALUE_0=\"$({} get --format header)\"\n",
        recipe.call()
    )
}

/// Applies one setting through git unless it is already set; returns what was done.
fn apply(recipe: &Recipe<'_>, (key, values): &Setting) -> Result<String, Error> {
    let present = recipe.tool("git", &["config", "--global", "--null", "--get-all", key]).unwrap_or_default();
    if present.split_terminator('\0').eq(values) {
        return Ok(format!("{key} is set already\n"));
    }
    for (at, value) in values.iter().enumerate() {
        recipe.tool("git", &["config", "--global", option(at), key, value])?;
    }
    Ok(format!("set {key}\n"))
}
