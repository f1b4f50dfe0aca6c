//! `setup`: the text for every caller, and `--write` through the real git and kubectl.

use serde_json::json;
use ws1_emulator::Emulator;

use crate::sandbox::{Sandbox, assert_snapshot, binary};
use crate::skip::has;

/// A home whose profile allows a git host; the tenant is never asked.
fn world() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.write_config(&json!({ "default_profile": "prod", "profiles": { "prod": {
        "tenant": "acme.example.com", "client_id": "ci-bot", "hosts": ["git.example.com", "127.0.0.1:9000"] } } }));
    sandbox.name(binary(), "/opt/bin/ws1-token");
    sandbox
}

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
fn every_kubectl_is_set_up_once_by_itself_and_works() {
    let emulator = Emulator::builder().tls().start().unwrap();
    for kubectl in crate::kubectl::kubectls() {
        let mut sandbox = Sandbox::with_tenant(&emulator);
        let bin = sandbox.path("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(&kubectl, bin.join("kubectl")).unwrap();
        std::os::unix::fs::symlink(binary(), bin.join("ws1-token")).unwrap();
        let path = format!("{}:{}", bin.display(), sandbox.variable("PATH"));
        let file = sandbox.path("kubeconfig");
        sandbox.set("PATH", path).set("KUBECONFIG", file.display().to_string());
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "acme",
            "clusters": [{"name": "acme", "cluster": {
                "server": format!("{}/k8s", emulator.url()), "certificate-authority": sandbox.path("ca.pem") }}],
            "contexts": [{"name": "acme", "context": {"cluster": "acme", "user": "ws1"}}]
        });
        crate::sandbox::write(&file, config.to_string().as_bytes());
        let write = || sandbox.run(&["setup", "kubectl", "--profile", "prod", "--write"]).to_string();
        let name = kubectl.display();
        assert_eq!(write(), "User \"ws1\" set.\n", "{name}");
        let first = std::fs::read(&file).unwrap();
        assert_eq!(write(), "user \"ws1\" is set already\n", "{name}");
        assert_eq!(std::fs::read(&file).unwrap(), first, "{name}");
        let mut pods = sandbox.program(bin.join("kubectl"));
        pods.args(["get", "pods"]);
        let output = sandbox.finish(pods);
        assert!(output.status == 0 && output.stdout.starts_with("NAME"), "{name}: {output}");
    }
}

#[test]
fn a_tool_that_is_missing_or_fails_is_an_error() {
    let mut sandbox = world();
    sandbox.set("PATH", "/nonexistent");
    let missing = sandbox.run(&["setup", "git", "--write"]);
    assert_snapshot!("setup-no-git", missing);
}
