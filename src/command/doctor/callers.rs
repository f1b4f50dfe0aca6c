//! The programs that take tokens from here: which are on PATH, in which version, and what is known of those versions.
//!
//! They are asked for their version all at once, with nothing on standard input and hardly an environment: whichever
//! variable holds a secret, none of them gets it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::finding::Finding;
use crate::child::{self, Running, Stderr, Wanted};
use crate::clock::{Deadline, SystemClock};
use crate::command::setup::git::POST_BUFFER;
use crate::config::Profile;
use crate::context::Context;
use crate::origin::Origin;

/// How long a program may take to tell its version.
const LIMIT: Duration = Duration::from_secs(3);

/// Bytes of its output that are read at most.
const OUTPUT_LIMIT: usize = 16 * 1024;

/// How long git may take to tell one setting.
const SETTING_LIMIT: Duration = Duration::from_secs(1);

/// Hosts whose git settings are looked at, at most.
const HOST_LIMIT: usize = 4;

/// Bytes up to which git before 2.54 keeps the token: its own default for `http.postBuffer`.
const DEFAULT_POST_BUFFER: u64 = 1_048_576;

/// The programs, and how each is asked for its version.
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

/// The git from which on it can send a bearer token.
const GIT_SENDS_BEARER: Version = (2, 46, 0);

/// The git from which on large pushes keep the token (its commit ed0f7a62f7).
const GIT_KEEPS_TOKEN: Version = (2, 54, 0);

/// The variables that programs need to be themselves.
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

/// A program that was asked.
pub(super) struct Asked {
    /// Its name.
    name: &'static str,
    /// How it is asked.
    args: &'static [&'static str],
    /// Where it is.
    path: PathBuf,
    /// Its answer.
    answer: Answer,
}

/// Asks every program on PATH for its version; the answers are collected later.
pub(super) fn ask(context: &Context<'_>) -> Vec<Asked> {
    let path = (context.env)("PATH").unwrap_or_default();
    let mut asked = Vec::new();
    for (name, args) in CALLERS {
        for directory in std::env::split_paths(&path).filter(|directory| directory.is_absolute()) {
            let path = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            // What cannot be started is passed over, as a shell does.
            if path.is_file()
                && let Ok(answer) = Answer::begin(context, &path, args, LIMIT, has_version)
            {
                asked.push(Asked { name, args, path, answer });
                break;
            }
        }
    }
    asked
}

/// Adds the finding for each program.
pub(super) fn collect(
    context: &Context<'_>,
    asked: Vec<Asked>,
    profile: Option<&Profile>,
    findings: &mut Vec<Finding>,
) {
    if asked.is_empty() {
        let names = CALLERS.map(|(name, _)| name).join(", ");
        findings.push(Finding::skipped("callers", format!("none of {names} is on PATH")));
    }
    for Asked { name, args, path, answer } in asked {
        findings.push(match version(&answer.end()) {
            Some(version) => {
                judge(name, version, &path, &git_urls(profile), &|url: &str| has_room(context, &path, url))
            }
            None => Finding::warning(
                name,
                format!("{} tells no version", path.display()),
                format!("see what `{name} {}` says", args.join(" ")),
            ),
        });
    }
}

/// The URLs that git may be used with: of `hosts`, or the tenant's own where there are none.
fn git_urls(profile: Option<&Profile>) -> Vec<String> {
    let Some(profile) = profile else { return vec!["https://git.example.com".to_owned()] };
    let hosts = if profile.hosts.is_empty() { std::slice::from_ref(&profile.tenant) } else { &profile.hosts[..] };
    hosts.iter().take(HOST_LIMIT).map(Origin::to_string).collect()
}

/// Whether git buffers more than its default for pushes to a URL, by its own account.
fn has_room(context: &Context<'_>, git: &Path, url: &str) -> bool {
    let args = ["config", "--type=int", "--get-urlmatch", "http.postBuffer", url];
    let Ok(answer) = Answer::begin(context, git, &args, SETTING_LIMIT, |output| output.contains(&b'\n')) else {
        return false;
    };
    answer.end().trim().parse::<u64>().is_ok_and(|size| size > DEFAULT_POST_BUFFER)
}

/// The finding of a version; only git's changes what has to be set up. `has_room` tells whether git is set up for large
/// pushes to a URL.
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

/// A program that was asked something and is given a little time for its answer.
struct Answer {
    /// The program.
    running: Running,
    /// When its time is over.
    deadline: Deadline,
}

impl Answer {
    /// Starts a program; it has said enough when `is_enough` says so.
    fn begin(
        context: &Context<'_>,
        path: &Path,
        args: &[&str],
        limit: Duration,
        is_enough: fn(&[u8]) -> bool,
    ) -> std::io::Result<Self> {
        let nothing = if cfg!(windows) { "NUL" } else { "/dev/null" };
        let known = VARIABLES.iter().filter_map(|name| Some((*name, (context.env)(name)?)));
        let mut command = child::command(path, None);
        command
            .args(args)
            .env_clear()
            .envs(known)
            // No cluster to greet, no directory to make, no check for updates, no words of another language.
            .envs([("KUBECONFIG", nothing), ("RCLONE_CONFIG", nothing), ("CHECKPOINT_DISABLE", "1"), ("LC_ALL", "C")])
            // A project's own settings could have a version manager install something.
            .current_dir(path.parent().unwrap_or(path));
        let running = child::start(&mut command, Stderr::Dropped, Wanted { limit: OUTPUT_LIMIT, is_enough })?;
        Ok(Self { running, deadline: Deadline::after(&SystemClock, limit) })
    }

    /// What it said; nothing if it was not in time.
    fn end(self) -> String {
        let finished = self.running.finish(self.deadline).ok().flatten();
        finished.map_or_else(String::new, |finished| String::from_utf8_lossy(&finished.stdout).into_owned())
    }
}

/// Whether a line with a version is there.
fn has_version(output: &[u8]) -> bool {
    output.contains(&b'\n') && version(&String::from_utf8_lossy(output)).is_some()
}

#[cfg(test)]
mod tests;
