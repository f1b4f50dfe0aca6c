//! What the programs that it runs find in their environment: everything but the secrets.

use ws1_emulator::Emulator;

use crate::sandbox::{SECRET, Sandbox, path, set_mode, write};

/// Stands for a secret that no child may see.
const CANARY: &str = "canary-of-the-environment";

/// A home whose `curl`, `git`, `kubectl` and `any-command` write down their environment, and print the client secret.
fn world(emulator: &Emulator) -> Sandbox {
    let mut sandbox = Sandbox::with_tenant(emulator);
    let bin = sandbox.path("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["curl", "git", "kubectl", "any-command"] {
        let output = if name == "curl" { " -s, --silent Silent mode" } else { SECRET };
        let script = format!("#!/bin/sh\nenv >> '{}'\necho '{output}'\n", sandbox.path("seen").display());
        write(&bin.join(name), script.as_bytes());
        set_mode(&bin.join(name), 0o700);
    }
    sandbox.set("PATH", format!("{}:{}", bin.display(), path())).set("KEPT", "yes").set("WS1_TOKEN_API_TOKEN", CANARY);
    sandbox
}

/// Runs it; fails unless so many children saw the environment, and no secret in it.
fn assert_unseen(sandbox: &Sandbox, args: &[&str], children: usize) {
    let output = sandbox.run(args);
    assert_eq!(output.status, 0, "{output}");
    let seen = std::fs::read_to_string(sandbox.path("seen")).unwrap();
    assert_eq!(seen.lines().filter(|line| *line == "KEPT=yes").count(), children, "{seen}");
    for secret in [SECRET, CANARY] {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
}

/// The same where the client secret is in a variable of the user's.
fn assert_variable_unseen(args: &[&str], children: usize) {
    let emulator = Emulator::start();
    let mut sandbox = world(&emulator);
    sandbox.edit_profile(|profile| profile["client_secret"] = serde_json::json!({ "env": "MY_SECRET" }));
    sandbox.set("MY_SECRET", SECRET);
    assert_unseen(&sandbox, args, children);
}

#[test]
fn a_command_of_exec_sees_no_client_secret() {
    assert_variable_unseen(&["exec", "--", "any-command"], 1);
}

#[test]
fn curl_sees_no_client_secret() {
    // Twice for its help, which is too short to be the list of options, and once for the request.
    assert_variable_unseen(&["curl", "/path", "-s"], 3);
}

#[test]
fn git_sees_no_client_secret_when_it_is_set_up() {
    // For each of two settings, it is asked for the present values; then three values are set.
    assert_variable_unseen(&["setup", "git", "--write"], 5);
}

#[test]
fn kubectl_sees_no_client_secret_when_it_is_set_up() {
    assert_variable_unseen(&["setup", "kubectl", "--write"], 3);
}

#[test]
fn a_secret_command_sees_no_other_secret() {
    let emulator = Emulator::start();
    let sandbox = world(&emulator);
    sandbox.edit_profile(|profile| profile["client_secret"] = serde_json::json!({ "command": ["any-command"] }));
    assert_unseen(&sandbox, &["get"], 1);
}
