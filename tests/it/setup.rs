//! `setup`: the text for every caller, and `--write` through the real git and kubectl.

#[cfg(unix)]
use std::os::unix::fs::symlink;
#[cfg(unix)]
use std::path::Path;

use serde_json::json;

use crate::sandbox::{Sandbox, assert_snapshot, binary, copy_program};
use crate::skip::has;

/// A home whose profile allows a git host; the tenant is never asked.
fn world() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.write_config(&json!({ "default_profile": "prod", "profiles": { "prod": {
        "tenant": "acme.example.com", "client_id": "ci-bot", "hosts": ["git.example.com", "127.0.0.1:9000"] } } }));
    sandbox.name(binary(), "/opt/bin/ws1-token");
    sandbox
}

#[cfg_attr(windows, ignore = "the shells there have other commands: tests/it/windows.rs")]
#[test]
fn every_callers_text() {
    let sandbox = world();
    let mut all = String::new();
    for args in [
        &["setup", "kubectl"][..],
        &["setup", "kubectl", "ci", "--profile", "prod"],
        &["setup", "git"],
        &["setup", "git", "git.example.com", "--profile", "prod"],
        &["setup", "git", "127.0.0.1:9000"],
        &["setup", "git", "evil.example.com"],
        &["setup", "git", "https://git.example.com"],
        &["setup", "curl"],
        &["setup", "bazel", "--profile", "prod"],
        &["setup", "bazel", "build.example.com"],
        &["setup", "cargo", "--profile", "prod"],
        &["setup", "terraform"],
        &["setup", "terraform", "--profile", "prod"],
        &["setup", "rclone"],
        &["setup", "google"],
        &["setup", "curl", "--write"],
        &["setup", "gti"],
    ] {
        all.push_str(&format!("$ ws1-token {}\n{}\n", args.join(" "), sandbox.run(args)));
    }
    assert_snapshot!("setup", all);
}

#[test]
fn git_is_set_up_once_by_git_itself() {
    let sandbox = world();
    if !has("git") {
        return;
    }
    let write = || sandbox.run(&["setup", "git", "git.example.com", "--write"]).to_string();
    let mut all = write();
    let config = std::fs::read(sandbox.path("home/.gitconfig")).unwrap();
    all.push_str(&write());
    assert_eq!(std::fs::read(sandbox.path("home/.gitconfig")).unwrap(), config, "the second time changes nothing");
    let mut list = sandbox.program("git");
    list.args(["config", "--global", "--list"]);
    all.push_str(&sandbox.finish(list).to_string());
    assert_snapshot!("setup-git", all);
}

#[test]
fn the_printed_git_commands_do_the_same() {
    let sandbox = world();
    if !has("git") {
        return;
    }
    let commands = sandbox.run(&["setup", "git", "git.example.com"]).stdout;
    let mut shell = sandbox.program("sh");
    shell.args(["-ec", &commands]);
    assert_eq!(sandbox.finish(shell).to_string(), "");
    let again = sandbox.run(&["setup", "git", "git.example.com", "--write"]);
    assert_eq!(again.stdout.matches("is set already").count(), 2, "{again}");
}

#[cfg(unix)]
#[test]
fn the_program_is_named_as_it_was_found() {
    let mut sandbox = world();
    for dir in ["versions/2", "links", "other"] {
        std::fs::create_dir_all(sandbox.path(dir)).unwrap();
    }
    let (target, link) = (sandbox.path("versions/2/ws1-token"), sandbox.path("links/ws1-token"));
    copy_program(&target);
    symlink(&target, &link).unwrap();
    symlink("/bin/true", sandbox.path("other/ws1-token")).unwrap();
    let is_link = |sandbox: &Sandbox, called: &Path| {
        let mut command = sandbox.program(called);
        let output = sandbox.finish({
            command.args(["setup", "curl"]);
            command
        });
        let wanted = format!("curl --config <({} get --format curl) ", link.display());
        assert!(output.stdout.contains(&wanted), "{}: {output}", called.display());
    };
    // Not on PATH: as it was called, the link unresolved; relative to the working directory too.
    is_link(&sandbox, &link);
    is_link(&sandbox, Path::new("./links/ws1-token"));
    // On PATH: as it is found there, however it was called. Another program of that name does not count.
    let found = [sandbox.path("other"), sandbox.path("links")].map(|dir| dir.display().to_string()).join(":");
    sandbox.set("PATH", format!("links:{found}:/usr/bin:/bin"));
    is_link(&sandbox, &target);
    is_link(&sandbox, &link);
}

#[cfg_attr(windows, ignore = "the paths of the example are Unix'")]
#[test]
fn options_come_from_variables_too() {
    let mut sandbox = world();
    let cargo = |sandbox: &Sandbox, args: &[&str]| {
        let output = sandbox.run(&[&["setup", "cargo"], args].concat());
        output.stdout.replace(binary(), "ws1-token").lines().last().unwrap_or_default().to_owned()
    };
    assert!(cargo(&sandbox, &[]).ends_with("ws1-token\", \"get\", \"--format\", \"header-value\"]"));
    std::fs::rename(sandbox.config_file(), sandbox.path("c.json")).unwrap();
    let file = sandbox.path("c.json").display().to_string();
    sandbox.set("WS1_TOKEN_PROFILE", "prod").set("WS1_TOKEN_CONFIG", "c.json").set("WS1_TOKEN_CACHE_DIR", "~/cache");
    let home = sandbox.path("home/cache").display().to_string();
    let all = format!("\"--profile\", \"prod\", \"--config\", \"{file}\", \"--cache-dir\", \"{home}\", \"get\"");
    assert!(cargo(&sandbox, &[]).contains(&all), "{}", cargo(&sandbox, &[]));
    let flags = cargo(&sandbox, &["--profile=prod", "--cache-dir=/c", "--config", &file]);
    assert!(flags.contains(&all.replace(&home, "/c")), "{flags}");
}

#[test]
fn git_is_taken_back_once_and_only_what_is_ours() {
    let sandbox = world();
    if !has("git") {
        return;
    }
    let git = |args: &[&str]| {
        let mut git = sandbox.program("git");
        git.args(["config", "--global"]).args(args);
        sandbox.finish(git).stdout
    };
    git(&["user.name", "somebody"]);
    let before = git(&["--list"]);
    let run = |option: &str| sandbox.run(&["setup", "git", "git.example.com", option]).to_string();
    run("--write");
    let mut all = run("--undo");
    assert_eq!(git(&["--list"]), before);
    all.push_str(&format!("# again\n{}", run("--undo")));
    // Written with another option, or by an older program: ours all the same. Another helper beside it is not.
    sandbox.run(&["setup", "git", "git.example.com", "--profile", "prod", "--write"]);
    all.push_str(&format!("# with --profile\n{}", run("--undo")));
    assert_eq!(git(&["--list"]), before);
    run("--write");
    git(&["--add", "credential.https://git.example.com.helper", "store"]);
    git(&["http.https://git.example.com/.postBuffer", "1"]);
    all.push_str(&format!("# with others\n{}", run("--undo")));
    assert_snapshot!("setup-git-undo", all);
    let helper = "credential.https://git.example.com.helper=store\n";
    assert_eq!(git(&["--list"]), format!("{before}{helper}http.https://git.example.com/.postbuffer=1\n"));
    // The same value twice, apart from each other.
    for value in ["/old/ws1-token git", "store", "/old/ws1-token git"] {
        git(&["--add", "credential.https://git.example.com.helper", value]);
    }
    assert!(run("--undo").starts_with("removed credential.https://git.example.com.helper\n"));
    // Another one's empty value, which drops the helpers before it.
    git(&["--replace-all", "credential.https://git.example.com.helper", ""]);
    all = run("--undo");
    assert!(all.starts_with("credential.https://git.example.com.helper has no value of ours"), "{all}");
}

#[test]
fn a_tool_that_is_missing_or_fails_is_an_error() {
    let mut sandbox = world();
    sandbox.set("PATH", "/nonexistent");
    let missing = sandbox.run(&["setup", "git", "--write"]);
    assert_snapshot!("setup-no-git", missing);
}
