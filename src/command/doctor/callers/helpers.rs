//! What callers are configured to run: whether the program that git's credential helpers and kubeconfigs name is there.
//!
//! Kubeconfigs are read line by line, not by kubectl, which may ask a cluster for its version first.

use std::path::{Path, PathBuf};

use super::{SETTING_LIMIT, begin, output};
use crate::command::doctor::finding::Finding;
use crate::command::setup::{is_ours, kubectl::kubeconfigs};
use crate::context::Context;

/// Maximum bytes of a kubeconfig that is read.
const FILE_LIMIT: u64 = 1024 * 1024;

/// A warning for every configured path of ours where no file is.
pub(super) fn check(context: &Context<'_>, git: Option<&Path>, findings: &mut Vec<Finding>) {
    for (key, path) in git.map(|git| git_helpers(context, git)).unwrap_or_default() {
        if path.is_absolute() && !path.is_file() {
            let host = key.strip_suffix(".helper").and_then(|url| url.split_once("://"));
            let fix = match host {
                Some((_, host)) => format!("run `ws1-token setup git {host} --write`"),
                None => format!("run `git config --global --unset-all {key}`, then `ws1-token setup git --write`"),
            };
            let text = format!("{key} runs {}, which does not exist", path.display());
            findings.push(Finding::warning("git-helper", text, fix));
        }
    }
    for file in kubeconfigs(context) {
        for path in commands(&file).into_iter().filter(|path| !path.is_file()) {
            let text = format!("{} runs {}, which does not exist", file.display(), path.display());
            findings.push(Finding::warning(
                "kubeconfig",
                text,
                "run `ws1-token setup kubectl USER --write` for its user",
            ));
        }
    }
}

/// The credential helpers that are this program: their keys and paths.
fn git_helpers(context: &Context<'_>, git: &Path) -> Vec<(String, PathBuf)> {
    let args = ["config", "--null", "--get-regexp", r"^credential\..*helper$"];
    let Ok(query) = begin(context, git, &args, SETTING_LIMIT, |_| false) else { return Vec::new() };
    let output = output(query);
    let settings = output.split('\0').filter_map(|setting| setting.split_once('\n'));
    let words = settings.map(|(key, command)| (key.to_owned(), first_word(command)));
    words.filter(|(_, word)| is_ours(word)).map(|(key, word)| (key, word.into())).collect()
}

/// The first word of a command of a POSIX shell, in git's configuration behind an optional `!`.
fn first_word(command: &str) -> String {
    let (mut word, mut quote) = (String::new(), None);
    let mut chars = command.trim_start_matches('!').trim_start().chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => word.extend(chars.next()),
            ('\'' | '"', None) => quote = Some(c),
            (' ' | '\t', None) => break,
            _ => word.push(c),
        }
    }
    word
}

/// The paths of this program in a kubeconfig, as commands or behind env(1). Bare names are the client's to find.
fn commands(file: &Path) -> Vec<PathBuf> {
    let is_small = std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.len() <= FILE_LIMIT);
    let text = if is_small { std::fs::read_to_string(file).unwrap_or_default() } else { String::new() };
    let values = text.lines().map(str::trim).filter_map(|line| {
        let value = line.strip_prefix("command:").or_else(|| line.strip_prefix("- "))?.trim();
        Some(match value.strip_prefix('\'') {
            Some(inner) => inner.trim_end_matches('\'').replace("''", "'"),
            None => serde_json::from_str(value).unwrap_or_else(|_| value.to_owned()),
        })
    });
    let paths = values.filter(|value| is_ours(value) && Path::new(value).components().count() > 1);
    paths.map(|path| file.with_file_name(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_the_shells() {
        for (command, word) in [
            ("/opt/bin/ws1-token git --profile prod", "/opt/bin/ws1-token"),
            ("!/opt/bin/ws1-token git", "/opt/bin/ws1-token"),
            ("'/my bin/it'\\''s/ws1-token' git", "/my bin/it's/ws1-token"),
            ("\"/my \\\"bin\\\"/ws1-token\" git", "/my \"bin\"/ws1-token"),
            ("/my\\ bin/ws1-token git", "/my bin/ws1-token"),
            ("store", "store"),
            ("", ""),
        ] {
            assert_eq!(first_word(command), word);
        }
    }

    #[cfg_attr(windows, ignore = "the paths of the example are Unix'")]
    #[test]
    fn kubeconfigs_are_read_as_kubectl_and_people_write_them() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("config");
        let text = "users:\n- name: ws1-token\n  user:\n    exec:\n      command: /a/ws1-token\n- user:\n    exec:\n      \
                    args:\n      - /b c/ws1-token\n      - kubectl\n      command: /usr/bin/env\n- user:\n    exec:\n      \
                    command: \"/d \\\"e\\\"/ws1-token\"\n- user:\n    exec:\n      command: '/it''s/ws1-token'\n- user:\n    \
                    exec:\n      command: bin/ws1-token\n      command: ws1-token\n      command: /x/aws\n";
        crate::platform::write_private(&file, text.as_bytes(), std::time::Duration::ZERO).unwrap();
        let below = place.path().join("bin/ws1-token");
        let found = ["/a/ws1-token", "/b c/ws1-token", "/d \"e\"/ws1-token", "/it's/ws1-token"].map(PathBuf::from);
        assert_eq!(commands(&file), [&found[..], &[below]].concat());
        assert!(commands(&place.path().join("none")).is_empty());
    }
}
