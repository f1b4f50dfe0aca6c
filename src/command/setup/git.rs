//! `setup git HOST`: URL-scoped configuration, applied by `git config`.
//!
//! An empty helper comes first: it drops the helpers configured for every host, which would store the token of a git
//! before 2.46 on disk.

use super::{Outcome, Words, tool};
use crate::error::Error;
use crate::origin::Origin;

/// Bytes of a push that git 2.46 to 2.53 can still send with the token: more than its default of 1 MiB.
pub(crate) const POST_BUFFER: &str = "52428800";

/// One setting: its key and all its values, in order.
struct Setting {
    /// The key.
    key: String,
    /// The values.
    values: Vec<String>,
}

/// Prints or applies the settings of a host, the tenant's own if none is named.
pub(super) fn run(words: &Words<'_>, host: Option<&str>, write: bool) -> Result<Outcome, Error> {
    let target = match host {
        Some(host) => Origin::parse(host, true).map_err(|cause| {
            Error::unusable("the host name", cause, "write `host` or `host:port`, like git.example.com")
        })?,
        None => words.profile.tenant.clone(),
    };
    let plain = Origin { https: false, ..target.clone() };
    let target = if words.profile.allows(&target) || !words.profile.allows(&plain) { target } else { plain };
    if !words.profile.allows(&target) {
        return Err(Error::foreign_host(&target.host_and_port(), &words.profile.name));
    }
    let settings = settings(words, &target);
    if !write {
        return Ok(Outcome::answer(format!("{}{}", text(&settings), for_old_git(words, &target))));
    }
    let mut said = String::new();
    for setting in &settings {
        said.push_str(&apply(setting)?);
    }
    Ok(Outcome::answer(said))
}

/// What is set for a host.
fn settings(words: &Words<'_>, target: &Origin) -> Vec<Setting> {
    let helper = format!("{} git{}", words.program, words.profile_option);
    vec![
        Setting { key: format!("credential.{target}.helper"), values: vec![String::new(), helper] },
        Setting { key: format!("http.{target}/.postBuffer"), values: vec![POST_BUFFER.to_owned()] },
    ]
}

/// The commands, to paste.
fn text(settings: &[Setting]) -> String {
    let quoted = |value: &str| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$"));
    let lines = settings.iter().flat_map(|Setting { key, values }| {
        values.iter().enumerate().map(move |(at, value)| {
            let how = if at == 0 { "--replace-all" } else { "--add" };
            format!("git config --global {how} {key} {}\n", quoted(value))
        })
    });
    lines.collect::<Vec<_>>().concat()
}

/// The way for git before 2.46 to a server that takes bearer tokens only: a header from the environment, once a call.
fn for_old_git(words: &Words<'_>, target: &Origin) -> String {
    format!(
        "# git before 2.46 to a server that takes bearer tokens only, before the command:\n\
         # GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.{target}/.extraHeader \
         GIT_CONFIG_VALUE_0=\"$({} get --format header)\"\n",
        words.call()
    )
}

/// Applies one setting through git, unless it is so already; says what was done.
fn apply(setting: &Setting) -> Result<String, Error> {
    let Setting { key, values } = setting;
    let present = tool("git", &["config", "--global", "--null", "--get-all", key]).unwrap_or_default();
    let present: Vec<&str> = present.split_terminator('\0').collect();
    if present == values.iter().map(String::as_str).collect::<Vec<_>>() {
        return Ok(format!("{key} is set already\n"));
    }
    for (at, value) in values.iter().enumerate() {
        let how = if at == 0 { "--replace-all" } else { "--add" };
        tool("git", &["config", "--global", how, key, value])?;
    }
    Ok(format!("set {key}\n"))
}
