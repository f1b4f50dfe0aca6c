//! The programs that use our tokens: which are on PATH, in which version, and whether git needs `http.postBuffer`.
//!
//! All are started at once, with nothing on standard input and a few harmless variables as their environment: no secret
//! variable reaches them, whatever its name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::finding::Finding;
use crate::child::{self, Running, Stderr, Wanted};
use crate::clock::{Deadline, SystemClock};
use crate::command::setup::git::POST_BUFFER;
use crate::config::Profile;
use crate::context::Context;
use crate::origin::Origin;

mod helpers;

/// Time limit for printing a version.
const LIMIT: Duration = Duration::from_secs(3);

/// Maximum bytes of its output that are read.
const OUTPUT_LIMIT: usize = 16 * 1024;

/// Time limit for printing one git setting.
const SETTING_LIMIT: Duration = Duration::from_secs(1);

/// Maximum number of hosts whose git settings are read.
const HOST_LIMIT: usize = 4;

/// git's default for `http.postBuffer`, in bytes: before 2.54 it loses the token on larger pushes.
const DEFAULT_POST_BUFFER: u64 = 1_048_576;

/// The programs, and the arguments with which each prints its version.
const CALLERS: [(&str, &[&str]); 7] = [
    ("kubectl", &["version", "--client"]),
    ("git", &["--version"]),
    // Its first argument alone can keep it from reading a `.curlrc`.
    ("curl", &["--disable", "--version"]),
    ("terraform", &["version"]),
    ("bazel", &["--version"]),
    ("cargo", &["--version"]),
    ("rclone", &["version"]),
];

/// A version: major, minor, patch.
type Version = (u32, u32, u32);

/// The first git that can send a bearer token.
const GIT_SENDS_BEARER: Version = (2, 46, 0);

/// The first git that keeps the token on large pushes (its commit ed0f7a62f7).
const GIT_KEEPS_TOKEN: Version = (2, 54, 0);

/// The variables that programs need to find their files.
const VARIABLES: [&str; 15] = [
    "PATH",
    "HOME",
    "USERPROFILE",
    "SYSTEMROOT",
    "APPDATA",
    "LOCALAPPDATA",
    "TMPDIR",
    "TEMP",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "CARGO_HOME",
    "RUSTUP_HOME",
];

/// A program that was started to print its version.
pub(super) struct Caller {
    /// Its name.
    name: &'static str,
    /// Its arguments.
    args: &'static [&'static str],
    /// Its file.
    path: PathBuf,
    /// Its output, in progress.
    query: Query,
}

/// Starts every program on PATH; the output is collected later.
pub(super) fn start(context: &Context<'_>) -> Vec<Caller> {
    let path = (context.env)("PATH").unwrap_or_default();
    let mut callers = Vec::new();
    for (name, args) in CALLERS {
        for directory in std::env::split_paths(&path).filter(|directory| directory.is_absolute()) {
            let path = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            // Like a shell, skip what cannot be executed.
            if path.is_file()
                && let Ok(query) = begin(context, &path, args, LIMIT, has_version)
            {
                callers.push(Caller { name, args, path, query });
                break;
            }
        }
    }
    callers
}

/// Adds the finding for each program.
pub(super) fn collect(
    context: &Context<'_>,
    callers: Vec<Caller>,
    profile: Option<&Profile>,
    findings: &mut Vec<Finding>,
) {
    if callers.is_empty() {
        let names = CALLERS.map(|(name, _)| name).join(", ");
        findings.push(Finding::skipped("callers", format!("none of {names} is on PATH")));
    }
    let git = callers.iter().find(|caller| caller.name == "git").map(|caller| caller.path.clone());
    for Caller { name, args, path, query } in callers {
        findings.push(match version(&output(query)) {
            Some(version) => {
                judge(name, version, &path, &git_urls(profile), &|url: &str| has_room(context, &path, url))
            }
            None => Finding::warning(
                name,
                format!("{} prints no version", path.display()),
                format!("run `{name} {}`", args.join(" ")),
            ),
        });
    }
    helpers::check(context, git.as_deref(), findings);
}

/// The URLs that git may be used with: `hosts`, or the tenant if there are none.
fn git_urls(profile: Option<&Profile>) -> Vec<String> {
    let Some(profile) = profile else { return vec!["https://git.example.com".to_owned()] };
    let hosts = if profile.hosts.is_empty() { std::slice::from_ref(&profile.tenant) } else { &profile.hosts[..] };
    hosts.iter().take(HOST_LIMIT).map(Origin::to_string).collect()
}

/// Whether git's `http.postBuffer` for a URL is larger than the default.
fn has_room(context: &Context<'_>, git: &Path, url: &str) -> bool {
    let args = ["config", "--type=int", "--get-urlmatch", "http.postBuffer", url];
    let Ok(query) = begin(context, git, &args, SETTING_LIMIT, |output| output.contains(&b'\n')) else {
        return false;
    };
    output(query).trim().parse::<u64>().is_ok_and(|size| size > DEFAULT_POST_BUFFER)
}

/// The finding of a version; only git's changes what has to be set up. `has_room`: whether `http.postBuffer` suffices for
/// a URL.
fn judge(
    name: &'static str,
    version: Version,
    path: &Path,
    git_urls: &[String],
    has_room: &dyn Fn(&str) -> bool,
) -> Finding {
    let (major, minor, micro) = version;
    let shown = format!("{major}.{minor}.{micro}, {}", path.display());
    if name != "git" || version >= GIT_KEEPS_TOKEN {
        return Finding::ok(name, shown);
    }
    if version < GIT_SENDS_BEARER {
        return Finding::warning(
            name,
            shown + ": before 2.46 it sends the token as a password, which servers for bearer tokens only refuse",
            "upgrade git to 2.54 or later, or send the header that `ws1-token setup git` shows",
        );
    }
    match git_urls.iter().find(|url| !has_room(url)) {
        Some(url) => Finding::warning(
            name,
            shown + ": from 2.46 to 2.53 it loses the token on pushes larger than http.postBuffer",
            format!("run `git config --global http.{url}/.postBuffer {POST_BUFFER}`"),
        ),
        None => Finding::ok(name, shown + ", http.postBuffer set for large pushes"),
    }
}

/// The first version in a text: `2.47.3` in `git version 2.47.3`, `1.27.1` in `GitVersion:"v1.27.1-gke"`.
fn version(text: &str) -> Option<Version> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let (major, rest) = word.split_once('.')?;
        let (minor, rest) = rest.split_once('.').unwrap_or((rest, "0"));
        let patch = rest.split('.').next().unwrap_or_default();
        Some((major.parse().ok()?, minor.parse().ok()?, patch.parse().unwrap_or(0)))
    })
}

/// A running program, and when it has to end.
type Query = (Running, Deadline);

/// Starts a program; it is ended when `is_enough` accepts its output.
fn begin(
    context: &Context<'_>,
    path: &Path,
    args: &[&str],
    limit: Duration,
    is_enough: fn(&[u8]) -> bool,
) -> std::io::Result<Query> {
    let nothing = if cfg!(windows) { "NUL" } else { "/dev/null" };
    let secrets = context.sources.secret_variables();
    let known = VARIABLES.iter().filter(|name| !secrets.iter().any(|secret| secret == *name));
    let known = known.filter_map(|name| Some((*name, (context.env)(name)?)));
    let mut command = child::command(path, &secrets);
    command
        .args(args)
        .env_clear()
        .envs(known)
        // No request to a cluster, no new directory, no check for updates, no translation.
        .envs([("KUBECONFIG", nothing), ("RCLONE_CONFIG", nothing), ("CHECKPOINT_DISABLE", "1"), ("LC_ALL", "C")])
        // A project's own settings could have a version manager install something.
        .current_dir(path.parent().unwrap_or(path));
    let running = child::start(&mut command, Stderr::Dropped, Wanted { limit: OUTPUT_LIMIT, is_enough })?;
    Ok((running, Deadline::after(&SystemClock, limit)))
}

/// The output of a program; empty after a timeout.
fn output((running, deadline): Query) -> String {
    let finished = running.finish(deadline).ok().flatten();
    finished.map_or_else(String::new, |finished| String::from_utf8_lossy(&finished.stdout).into_owned())
}

/// Whether the output has a complete line and a version.
fn has_version(output: &[u8]) -> bool {
    output.contains(&b'\n') && version(&String::from_utf8_lossy(output)).is_some()
}

#[cfg(test)]
mod tests;
