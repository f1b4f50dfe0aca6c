//! `setup git [HOST]`: URL-scoped configuration, applied by `git config`.
//!
//! An empty helper comes first: it drops the helpers configured for every host, which would store the token of a git
//! before 2.46 on disk.
//!
//! git trusts the file of `http.URL.sslCAInfo` instead of the platform's roots, while a profile's `ca_file` is trusted
//! beside them. So it is set only where that is the same, or where the server is trusted by that file alone.

use std::time::Duration;

use super::{Outcome, Recipe, shell_line};
use crate::cli::Setup;
use crate::config::Profile;
use crate::context::Context;
use crate::endpoint::{HttpEndpoint, RequestError};
use crate::error::Error;
use crate::failure::FailureKind;
use crate::origin::{Origin, Target};
use crate::text::shell_word;

/// Value of `http.postBuffer`: git 2.46 to 2.53 lose the token in larger pushes. git's default is 1 MiB.
pub(crate) const POST_BUFFER: &str = "52428800";

/// Timeout of a look at a server's certificate.
const LOOK_TIME: Duration = Duration::from_secs(5);

/// What stands before a setting that is printed without a look at the server.
const IF_NEEDED: &str = "# if git does not trust this server; it then trusts that file alone here:\n";

/// A setting: its key and all its values, in order.
type Setting = (String, Vec<String>);

/// Prints, applies or takes back the settings of a host, by default the tenant and all `hosts`.
pub(super) fn run(
    recipe: &Recipe<'_>,
    context: &Context<'_>,
    host: Option<&str>,
    args: &Setup,
) -> Result<Outcome, Error> {
    let targets = targets(recipe.profile, host)?;
    let change = match (args.write, args.undo) {
        (_, true) => remove,
        (true, _) => apply,
        _ => |_: &Recipe<'_>, setting: &Setting| Ok(commands(setting)),
    };
    let mut said = Vec::new();
    for target in &targets {
        for setting in settings(recipe, target) {
            said.push(change(recipe, &setting)?);
        }
        if let Some(setting) = ca_setting(recipe.profile, target) {
            let is_sure = recipe.profile.ca_only && *target == recipe.profile.tenant;
            said.push(match (args.write, args.undo) {
                (true, _) if !is_sure => apply_if_needed(recipe, context, target, &setting)?,
                (false, false) if !is_sure => format!("{IF_NEEDED}# {}", commands(&setting)),
                _ => change(recipe, &setting)?,
            });
        }
    }
    if !args.write && !args.undo {
        said.push(for_old_git(recipe, &targets));
    }
    Ok(Outcome::answer(said.concat()))
}

/// The targets: a host, or the tenant and all `hosts`; by https, unless only plain http is allowed.
fn targets(profile: &Profile, host: Option<&str>) -> Result<Vec<Origin>, Error> {
    let hosts = match host {
        Some(host) => vec![Origin::parse(host, true).map_err(|cause| {
            Error::unusable("the host name", cause, "write `host` or `host:port`, like git.example.com")
        })?],
        None => std::iter::once(&profile.tenant).chain(&profile.hosts).cloned().collect(),
    };
    let mut targets: Vec<Origin> = Vec::new();
    for host in hosts {
        let plain = Origin { https: false, ..host.clone() };
        let target = if profile.allows(&host) || !profile.allows(&plain) { host } else { plain };
        if !profile.allows(&target) {
            return Err(Error::foreign_host(&target.host_and_port(), &profile.name));
        }
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(targets)
}

/// The settings of a target.
fn settings(recipe: &Recipe<'_>, target: &Origin) -> [Setting; 2] {
    let helper = shell_line([&recipe.program, "git"].into_iter().chain(recipe.options.iter().map(String::as_str)));
    // git takes a helper that does not begin with a slash for the name of one, and with `!` for a command.
    let helper = if helper.starts_with('/') { helper } else { format!("!{helper}") };
    [
        (format!("credential.{target}.helper"), vec![String::new(), helper]),
        (format!("http.{target}/.postBuffer"), vec![POST_BUFFER.to_owned()]),
    ]
}

/// The setting that makes git trust the profile's `ca_file`.
fn ca_setting(profile: &Profile, target: &Origin) -> Option<Setting> {
    let file = profile.ca_file.as_ref()?.to_str()?;
    target.https.then(|| (format!("http.{target}/.sslCAInfo"), vec![file.to_owned()]))
}

/// The option of `git config` for the value at an index: the first replaces all present values.
fn option(at: usize) -> &'static str {
    if at == 0 { "--replace-all" } else { "--add" }
}

/// The commands of a setting, to paste.
fn commands((key, values): &Setting) -> String {
    let line = |(at, value)| format!("git config --global {} {key} {}\n", option(at), shell_word(value));
    values.iter().map(String::as_str).enumerate().map(line).collect()
}

/// For git before 2.46 and a server that accepts only bearer tokens: a header in the environment of one command.
fn for_old_git(recipe: &Recipe<'_>, targets: &[Origin]) -> String {
    let call = recipe.call();
    let line = |target| {
        format!(
            "# GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.{target}/.extraHeader \
             GIT_CONFIG_VALUE_0=\"$({call} get --format header)\"\n"
        )
    };
    let lines: String = targets.iter().map(line).collect();
    format!("# git before 2.46 to a server that takes bearer tokens only, before the command:\n{lines}")
}

/// Whether git has a setting already.
fn is_set(recipe: &Recipe<'_>, (key, values): &Setting) -> bool {
    let present = recipe.tool("git", &["config", "--global", "--null", "--get-all", key]).unwrap_or_default();
    present.split_terminator('\0').eq(values)
}

/// Applies one setting through git unless it is already set; returns what was done.
fn apply(recipe: &Recipe<'_>, setting: &Setting) -> Result<String, Error> {
    let (key, values) = setting;
    if is_set(recipe, setting) {
        return Ok(format!("{key} is set already\n"));
    }
    for (at, value) in values.iter().enumerate() {
        recipe.tool("git", &["config", "--global", option(at), key, value])?;
    }
    Ok(format!("set {key}\n"))
}

/// The same for the CA of a server, if that server needs it.
fn apply_if_needed(
    recipe: &Recipe<'_>,
    context: &Context<'_>,
    target: &Origin,
    setting: &Setting,
) -> Result<String, Error> {
    if is_set(recipe, setting) {
        return Ok(format!("{} is set already\n", setting.0));
    }
    match needs_ca(context, recipe.profile, target) {
        Ok(true) => apply(recipe, setting),
        Ok(false) => Ok(String::new()),
        Err(error) => Ok(format!(
            "{} is left as it is: {target} does not show whether it is needed ({})\n",
            setting.0,
            error.cause()
        )),
    }
}

/// Whether a server's certificate is trusted with the profile's `ca_file` and not without. It gets one request, or two,
/// for its front page.
fn needs_ca(context: &Context<'_>, profile: &Profile, target: &Origin) -> Result<bool, RequestError> {
    let page = Target { origin: target.clone(), path: "/".to_owned(), rest: String::new() };
    let is_trusted = |with_ca: bool| {
        let ca_file = profile.ca_file.clone().filter(|_| with_ca);
        let profile = Profile { token_url: page.clone(), ca_file, ca_only: with_ca, ..profile.clone() };
        match (HttpEndpoint { profile: &profile, env: context.env }).get(&page, None, LOOK_TIME) {
            Ok(_) => Ok(true),
            Err(RequestError::Failed(failure)) if matches!(failure.kind, FailureKind::Certificate(_)) => Ok(false),
            // This system may have no roots of its own.
            Err(RequestError::Local { .. }) if !with_ca => Ok(false),
            Err(error) => Err(error),
        }
    };
    Ok(!is_trusted(false)? && is_trusted(true)?)
}

/// Removes the values of one setting that are ours, with whatever options they were written; returns what was done.
fn remove(recipe: &Recipe<'_>, (key, values): &Setting) -> Result<String, Error> {
    let present = recipe.tool("git", &["config", "--global", "--null", "--get-all", key]).unwrap_or_default();
    let is_ours = |value: &&str| values.iter().any(|ours| ours == value) || value.contains("ws1-token");
    let mut ours: Vec<&str> = present.split_terminator('\0').filter(is_ours).collect();
    // An empty value alone is somebody else's.
    if ours.iter().all(|value| value.is_empty()) {
        return Ok(format!("{key} has no value of ours: nothing to remove\n"));
    }
    while let Some(value) = ours.pop() {
        recipe.tool("git", &["config", "--global", "--fixed-value", "--unset-all", key, value])?;
        ours.retain(|other| *other != value);
    }
    Ok(format!("removed {key}\n"))
}
