//! The programs that take tokens from here: which are on PATH, in which version, and what is known of those versions.
//!
//! They are asked for their version all at once, with nothing on standard input and hardly an environment: whichever
//! variable holds a secret, none of them gets it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::finding::Finding;
use crate::command::Context;
use crate::command::setup::git::POST_BUFFER;
use crate::config::Profile;
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

/// What is known of versions before one: the problem, and what to do.
const PROBLEMS: [(&str, Version, &str, &str); 5] = [
    (
        "kubectl",
        (1, 30, 0),
        "before 1.30 `kubectl config` has no --exec-interactive-mode, without which it refuses v1 plugins",
        "use --exec-api-version=client.authentication.k8s.io/v1beta1 (`ws1-token setup kubectl --write` does)",
    ),
    (
        "git",
        (2, 46, 0),
        "before 2.46 it sends the token as a password, which servers for bearer tokens only refuse",
        "upgrade git to 2.54 or later, or send the header that `ws1-token setup git` shows",
    ),
    (
        "curl",
        (7, 83, 0),
        "before 7.83 it hands the token on where --location leads to another port of the host (CVE-2022-27776)",
        "upgrade curl, or leave out --location",
    ),
    ("bazel", (5, 4, 0), "before 5.4 it has no credential helpers", "upgrade Bazel, best to 7.1 or later"),
    ("cargo", (1, 74, 0), "before 1.74 it has no credential providers", "upgrade cargo to 1.74 or later"),
];

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
    /// Where it is.
    path: PathBuf,
    /// Its answer.
    answer: Answer,
}

/// Asks every program on PATH for its version; the answers are collected later.
pub(super) fn ask(context: &Context<'_>) -> Vec<Asked> {
    let path = (context.env)("PATH").unwrap_or_default();
    let ask = |(name, args): (&'static str, &[&str])| {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let places = std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(&file));
        // What cannot be started is passed over, as a shell does.
        places.filter(|path| path.is_file()).find_map(|path| {
            let answer = Answer::begin(context, &path, args, LIMIT, |text| version(text).is_some()).ok()?;
            Some(Asked { name, path, answer })
        })
    };
    CALLERS.into_iter().filter_map(ask).collect()
}

/// The finding for each program.
pub(super) fn collect(context: &Context<'_>, asked: Vec<Asked>, profile: Option<&Profile>) -> Vec<Finding> {
    if asked.is_empty() {
        let names = CALLERS.map(|(name, _)| name).join(", ");
        return vec![Finding::skipped("callers", format!("none of {names} is on PATH"))];
    }
    asked
        .into_iter()
        .map(|Asked { name, path, answer }| {
            let Some(version) = answer.end().and_then(|text| version(&text)) else {
                let text = format!("{} tells no version", path.display());
                return Finding::warning(name, text, format!("see what `{name} {}` says", version_arguments(name)));
            };
            let has_room = |url: &str| has_room(context, &path, url);
            judge(name, version, &path, &GitHosts { urls: git_urls(profile), has_room: &has_room })
        })
        .collect()
}

/// How a program is asked for its version, for people.
fn version_arguments(name: &str) -> String {
    CALLERS.iter().find(|(known, _)| *known == name).map_or_else(String::new, |(_, args)| args.join(" "))
}

/// The hosts that git may be used with, and whether git is set up for large pushes to one.
struct GitHosts<'a> {
    /// Their URLs.
    urls: Vec<String>,
    /// Whether `http.postBuffer` is larger than git's default for a URL.
    has_room: &'a dyn Fn(&str) -> bool,
}

/// The URLs of `hosts`, or the tenant's own where there are none.
fn git_urls(profile: Option<&Profile>) -> Vec<String> {
    let Some(profile) = profile else { return vec!["https://git.example.com".to_owned()] };
    let hosts = if profile.hosts.is_empty() { std::slice::from_ref(&profile.tenant) } else { &profile.hosts[..] };
    hosts.iter().take(HOST_LIMIT).map(Origin::to_string).collect()
}

/// Whether git buffers more than its default for pushes to a URL, by its own account.
fn has_room(context: &Context<'_>, git: &Path, url: &str) -> bool {
    let args = ["config", "--type=int", "--get-urlmatch", "http.postBuffer", url];
    let size = Answer::begin(context, git, &args, SETTING_LIMIT, |_| true).ok().and_then(Answer::end);
    size.and_then(|size| size.trim().parse::<u64>().ok()).is_some_and(|size| size > DEFAULT_POST_BUFFER)
}

/// What is known of a version.
fn judge(name: &'static str, version: Version, path: &Path, git: &GitHosts<'_>) -> Finding {
    let shown = format!("{}.{}.{}, {}", version.0, version.1, version.2, path.display());
    if let Some((_, _, problem, fix)) = PROBLEMS.iter().find(|(old, end, ..)| *old == name && version < *end) {
        return Finding::warning(name, format!("{shown}: {problem}"), *fix);
    }
    if name != "git" || version >= GIT_KEEPS_TOKEN {
        return Finding::ok(name, shown);
    }
    match git.urls.iter().find(|url| !(git.has_room)(url)) {
        Some(url) => Finding::warning(
            name,
            format!("{shown}: from 2.46 to 2.53 it loses the token on pushes larger than http.postBuffer"),
            format!("run `git config --global http.{url}/.postBuffer {POST_BUFFER}`"),
        ),
        None => Finding::ok(name, format!("{shown}, http.postBuffer set for large pushes")),
    }
}

/// The first version in a text: `2.47.3` in `git version 2.47.3`, `1.27.1` in `GitVersion:"v1.27.1-gke"`.
fn version(text: &str) -> Option<Version> {
    let mut words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    words.find_map(|word| {
        let mut parts = word.split('.');
        let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
        let (major, minor) = (number()?, number()?);
        Some((major, minor, number().unwrap_or(0)))
    })
}

/// The output of a child that is waited for a little only.
struct Answer {
    /// The child.
    child: Child,
    /// What it says, when it has said enough.
    output: Receiver<String>,
    /// When patience ends.
    deadline: Instant,
}

impl Answer {
    /// Starts a program; it has said enough when a whole line and what is wanted is there.
    fn begin(
        context: &Context<'_>,
        path: &Path,
        args: &[&str],
        limit: Duration,
        is_wanted: fn(&str) -> bool,
    ) -> std::io::Result<Self> {
        let nothing = if cfg!(windows) { "NUL" } else { "/dev/null" };
        let known = VARIABLES.iter().filter_map(|name| Some((*name, (context.env)(name)?)));
        let mut child = Command::new(path)
            .args(args)
            .env_clear()
            .envs(known)
            // No cluster to greet, no directory to make, no check for updates, no words of another language.
            .envs([("KUBECONFIG", nothing), ("RCLONE_CONFIG", nothing), ("CHECKPOINT_DISABLE", "1"), ("LC_ALL", "C")])
            // A project's own settings could have a version manager install something.
            .current_dir(path.parent().unwrap_or(path))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (sender, output) = channel();
        let stdout = child.stdout.take();
        // Without a thread nothing is ever sent, and the answer is none.
        let reader = std::thread::Builder::new().spawn(move || sender.send(read(stdout, is_wanted)));
        drop(reader);
        Ok(Self { child, output, deadline: Instant::now() + limit })
    }

    /// What it said; `None` if it said nothing in time.
    fn end(mut self) -> Option<String> {
        let output = self.output.recv_timeout(self.deadline.saturating_duration_since(Instant::now())).ok();
        // It has said enough, or is given up; whatever it still does is not waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        output.filter(|output| !output.is_empty())
    }
}

/// Reads until enough is said.
fn read(stdout: Option<impl Read>, is_wanted: fn(&str) -> bool) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 1024]);
    let Some(mut stdout) = stdout else { return text };
    while text.len() < OUTPUT_LIMIT && !(text.contains('\n') && is_wanted(&text)) {
        match stdout.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(size) => text.push_str(&String::from_utf8_lossy(&buffer[..size])),
        }
    }
    text
}

#[cfg(test)]
mod tests;
