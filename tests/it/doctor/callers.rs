//! The programs on PATH, played by scripts.

use std::path::PathBuf;

use serde_json::json;

use super::{lines, world};
use crate::sandbox::{Sandbox, assert_snapshot, set_mode, wait_until, write};
use crate::skip::has;

/// The checks of this file.
const NAMES: [&str; 8] = ["kubectl", "git", "curl", "terraform", "bazel", "cargo", "rclone", "callers"];

/// Puts a script on PATH.
fn install(sandbox: &Sandbox, name: &str, script: &str) -> PathBuf {
    let file = sandbox.path("bin").join(name);
    write(&file, format!("#!/bin/sh\n{script}\n").as_bytes());
    set_mode(&file, 0o700);
    file
}

/// What every program says in an old version, and in a new one.
const SAYINGS: [(&str, &str, &str); 7] = [
    (
        "kubectl",
        "Client Version: version.Info{Major:\"1\", Minor:\"27\", GitVersion:\"v1.27.3\"}",
        "Client Version: v1.32.4",
    ),
    ("git", "git version 2.39.5", "git version 2.54.0"),
    ("curl", "curl 7.61.1 (x86_64-pc-linux-gnu) libcurl/7.61.1", "curl 8.14.1 (x86_64-pc-linux-gnu)"),
    ("terraform", "Terraform v0.11.1", "Terraform v1.11.4"),
    ("bazel", "bazel 5.0.0", "bazel 7.1.0"),
    ("cargo", "cargo 1.70.0 (ec8a8a0ca 2023-04-25)", "cargo 1.95.0 (59807616e 2026-04-14)"),
    ("rclone", "rclone v1.53.3-DEV", "rclone v1.60.1-DEV"),
];

#[test]
fn old_and_new_versions() {
    let (_emulator, sandbox) = world();
    for (name, old, _) in SAYINGS {
        install(&sandbox, name, &format!("echo '{old}'"));
    }
    let mut all = format!("# old\n{}", lines(&sandbox.run(&["doctor"]), &NAMES));
    for (name, _, new) in SAYINGS {
        install(&sandbox, name, &format!("echo '{new}'"));
    }
    let output = sandbox.run(&["doctor"]);
    assert!(output.stdout.ends_with("all well\n"), "{output}");
    all.push_str(&format!("# new\n{}", lines(&output, &NAMES)));
    assert_snapshot!("doctor-callers", all);
}

#[test]
fn git_that_loses_the_token_until_it_is_set_up() {
    let (_emulator, mut sandbox) = world();
    // It prints a setting as the real one does: in bytes, and by the whole URL.
    let script = "case $1 in --version) echo 'git version 2.47.3';; \
                  config) [ \"$2 $3 $4\" = '--type=int --get-urlmatch http.postBuffer' ] && cat \"$HOME/${5#https://}\";; esac";
    install(&sandbox, "git", script);
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    sandbox.set("PATH", path);
    sandbox.edit_profile(|profile| profile["hosts"] = json!(["git.example.com", "code.example.com:8443"]));
    let find = |sandbox: &Sandbox| lines(&sandbox.run(&["doctor"]), &["git"]);
    let mut all = format!("# nothing set\n{}", find(&sandbox));
    write(&sandbox.path("home/git.example.com"), b"52428800\n");
    write(&sandbox.path("home/code.example.com:8443"), b"1048576\n");
    all.push_str(&format!("# the default for one of two\n{}", find(&sandbox)));
    write(&sandbox.path("home/code.example.com:8443"), b"52428800\n");
    all.push_str(&format!("# enough for both\n{}", find(&sandbox)));
    assert_snapshot!("doctor-git", all);
}

#[test]
fn the_real_git_is_content_with_what_setup_writes() {
    if !has("git") {
        return;
    }
    let (emulator, mut sandbox) = world();
    // Everything but its version is the real one's.
    install(
        &sandbox,
        "git",
        "[ \"$1\" = --version ] && exec echo 'git version 2.47.3'; PATH=${PATH#*:}; exec git \"$@\"",
    );
    sandbox.set("PATH", format!("{}:{}", sandbox.path("bin").display(), crate::sandbox::path()));
    let text = lines(&sandbox.run(&["doctor"]), &["git"]);
    assert!(text.contains("run `git config --global http.https://$TENANT/.postBuffer 52428800`"), "{text}");
    assert_eq!(sandbox.run(&["setup", "git", &emulator.host(), "--write"]).status, 0);
    let text = lines(&sandbox.run(&["doctor"]), &["git"]);
    assert!(text.starts_with("✓ git"), "{text}");
}

#[test]
fn programs_that_do_not_answer() {
    let (_emulator, sandbox) = world();
    install(&sandbox, "kubectl", "echo $$ > \"$HOME/pid\"; exec /bin/sleep 600");
    install(&sandbox, "git", "echo no version here");
    install(&sandbox, "curl", "echo 'curl 8.14.1'; (/bin/sleep 3 &) ; exit 7");
    install(&sandbox, "terraform", "exit 1");
    write(&sandbox.path("bin/bazel"), b"not executable");
    std::fs::create_dir(sandbox.path("bin/cargo")).unwrap();
    let output = sandbox.run(&["doctor"]);
    assert_eq!(output.status, 0, "{output}");
    assert_snapshot!("doctor-callers-mute", lines(&output, &NAMES));
    let pid = std::fs::read_to_string(sandbox.path("home/pid")).unwrap();
    wait_until("the program that hung is gone", || !std::path::Path::new("/proc").join(pid.trim()).exists());
}

#[test]
fn no_program_gets_a_secret() {
    let (_emulator, mut sandbox) = world();
    let record = "{ echo \"$0 $*\"; /usr/bin/env; } >> \"$HOME/seen\"; echo 'git version 2.47.3'";
    for (name, ..) in SAYINGS {
        install(&sandbox, name, record);
    }
    let canary = "emulator-secret";
    sandbox.set("CI_SECRET", canary).set("WS1_TOKEN_CLIENT_SECRET", canary).set("KUBECONFIG", "/my/clusters");
    sandbox.edit_profile(|profile| profile["client_secret"] = json!({ "env": "CI_SECRET" }));
    assert_eq!(sandbox.run(&["doctor"]).status, 0);
    let seen = std::fs::read_to_string(sandbox.path("home/seen")).unwrap();
    assert!(seen.matches("HOME=").count() >= 7, "{seen}");
    assert!(!seen.contains(canary) && !seen.contains("eyJ") && !seen.contains("/my/clusters"), "{seen}");
}

#[test]
fn where_programs_are_looked_for() {
    let (_emulator, mut sandbox) = world();
    std::fs::create_dir(sandbox.path("first")).unwrap();
    write(&sandbox.path("first/curl"), b"#!/bin/sh\necho 1.0.0\n");
    install(&sandbox, "curl", "echo 'curl 8.14.1'");
    // A program with a relative path may be looked for where it stands, and from there once more.
    std::fs::create_dir_all(sandbox.path("relative/relative")).unwrap();
    for place in ["relative/git", "relative/relative/git"] {
        write(&sandbox.path(place), b"#!/bin/sh\n: > \"$HOME/ran\"\n");
        set_mode(&sandbox.path(place), 0o700);
    }
    let path = format!("relative:{}:{}", sandbox.path("first").display(), sandbox.path("bin").display());
    sandbox.set("PATH", path);
    let text = lines(&sandbox.run(&["doctor"]), &NAMES);
    assert_eq!(text, "✓ curl           8.14.1, $SANDBOX/bin/curl\n", "what cannot be run is passed over");
    assert!(!sandbox.path("home/ran").exists(), "the working directory is nobody's PATH");
    sandbox.unset("PATH");
    let text = lines(&sandbox.run(&["doctor"]), &NAMES);
    assert_eq!(text, "– callers        none of kubectl, git, curl, terraform, bazel, cargo, rclone is on PATH\n");
}

#[cfg(unix)]
#[test]
fn helpers_that_point_to_nothing_are_found() {
    if !has("git") {
        return;
    }
    let (_emulator, mut sandbox) = world();
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    sandbox.set("PATH", path);
    // The real git, in a version that needs nothing else.
    let real = std::env::split_paths(&crate::sandbox::path()).map(|dir| dir.join("git")).find(|file| file.is_file());
    let real = real.unwrap().display().to_string();
    install(&sandbox, "git", &format!("[ \"$1\" = --version ] && echo 'git version 2.54.0' || exec '{real}' \"$@\""));
    let there = install(&sandbox, "ws1-token", "");
    let set = |sandbox: &Sandbox, key: &str, value: &str| {
        let mut git = sandbox.program(&real);
        git.args(["config", "--global", "--add", key, value]);
        assert_eq!(sandbox.finish(git).to_string(), "");
    };
    set(&sandbox, "credential.https://a.example.com.helper", &format!("{} git", there.display()));
    set(&sandbox, "credential.helper", "/nowhere/else");
    let kubeconfig = sandbox.path("home/.kube/config");
    std::fs::create_dir_all(kubeconfig.parent().unwrap()).unwrap();
    let user = |command: &str| {
        format!("- name: u\n  user:\n    exec:\n      args:\n      - kubectl\n      command: {command}\n")
    };
    write(&kubeconfig, format!("users:\n{}{}", user(&there.display().to_string()), user("/nowhere/aws")).as_bytes());
    let names = ["git-helper", "kubeconfig"];
    assert_eq!(lines(&sandbox.run(&["doctor"]), &names), "");
    set(&sandbox, "credential.https://b.example.com:8443.helper", "'/my old/ws1-token' git --profile prod");
    set(&sandbox, "credential.helper", "!/old/git-credential-ws1");
    write(&kubeconfig, format!("users:\n{}{}", user("\"/my old/ws1-token\""), user("bin/ws1-token")).as_bytes());
    let mut all = lines(&sandbox.run(&["doctor"]), &names);
    sandbox.set("KUBECONFIG", "/nowhere:other");
    write(&sandbox.path("other"), user("/older/ws1-token").as_bytes());
    all.push_str(&format!("# KUBECONFIG\n{}", lines(&sandbox.run(&["doctor"]), &names)));
    assert_snapshot!("doctor-helpers", all);
}
