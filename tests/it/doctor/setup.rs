//! Configuration, permissions and secret.

use serde_json::json;
use ws1_emulator::Emulator;

use super::{alone, apart, lines, world};
use crate::sandbox::{SECRET, Sandbox, assert_snapshot, set_mode, write};

/// The checks of this file.
const NAMES: [&str; 3] = ["configuration", "permissions", "secret"];

#[test]
fn without_any_configuration() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::new();
    alone(&mut sandbox);
    sandbox.name(&emulator.host(), "$TENANT");
    let mut all = format!("# nothing\n{}\n", sandbox.run(&["doctor"]));
    let url = emulator.url();
    let output = sandbox.run(&["doctor", "--tenant", &url]);
    assert_eq!(output.status, 0, "the way to the tenant is all that was asked about");
    all.push_str(&format!("# a tenant\n{output}\n"));
    let output = sandbox.run(&["doctor", "--tenant", &url, "--client-id", "ci-bot"]);
    all.push_str(&format!("# a tenant and a client\n{output}\n"));
    sandbox.set_profile(&url).set("WS1_TOKEN_SCOPE", "user");
    all.push_str(&format!("# all of it in the environment\n{}\n", sandbox.run(&["doctor"])));
    assert_snapshot!("doctor-no-configuration", all);
    assert_eq!(emulator.counters().client_credentials, 1);
}

#[test]
fn a_configuration_that_is_not_usable() {
    let (emulator, mut sandbox) = world();
    let mut all = String::new();
    let mut add = |title: &str, sandbox: &Sandbox| {
        let output = sandbox.run(&["doctor"]);
        assert_eq!(output.status, 2, "{title}: {output}");
        assert!(!output.stdout.contains("hunter2"), "{output}");
        all.push_str(&format!("# {title}\n{}", lines(&output, &[&NAMES[..], &["tls", "token"]].concat())));
    };
    sandbox.set("WS1_TOKEN_PROFILE", "prdo");
    add("a profile that is not there", &sandbox);
    sandbox.unset("WS1_TOKEN_PROFILE");
    sandbox.edit_profile(|profile| drop(profile.as_object_mut().unwrap().remove("client_id")));
    add("no client, which the way to the tenant does not need", &sandbox);
    sandbox.edit_profile(|profile| {
        profile["client_id"] = "ci-bot".into();
        profile["client_secret"] = json!("hunter2");
        // The reported column must not depend on where the sandbox is.
        profile["ca_file"] = "../../../ca.pem".into();
    });
    add("a value of another kind", &sandbox);
    sandbox.write_config_text("{ \"profiles\": { \"prod\": {\n  \"tennant\": \"hunter2\" } } }");
    add("a misspelt key", &sandbox);
    sandbox.write_config_text("{ \"profiles\": ");
    add("half a file", &sandbox);
    assert_snapshot!("doctor-configuration", all);
    assert_eq!(emulator.counters().token_requests, 0);
}

#[test]
fn permissions_of_the_configuration() {
    let emulator = Emulator::start();
    let sandbox = apart(&emulator);
    let directory = sandbox.config_file().parent().unwrap().to_owned();
    let mut all = String::new();
    let mut add = |title: &str| {
        let output = sandbox.run(&["doctor"]);
        assert_eq!(output.status, 0, "{output}");
        all.push_str(&format!("# {title}\n{}", lines(&output, &["permissions"])));
    };
    set_mode(&directory, 0o755);
    add("as made");
    set_mode(&sandbox.config_file(), 0o644);
    add("readable");
    sandbox.add_profile("other", |profile| profile["proxy"] = "http://user:hunter2@proxy.example.com:3128".into());
    set_mode(&sandbox.config_file(), 0o644);
    add("readable, with a password in another profile");
    set_mode(&sandbox.config_file(), 0o646);
    add("writable");
    set_mode(&sandbox.config_file(), 0o600);
    set_mode(&directory, 0o757);
    add("in a writable directory");
    assert_snapshot!("doctor-permissions", all);
}

#[test]
fn places_of_the_secret() {
    let (emulator, mut sandbox) = world();
    let mut all = String::new();
    let mut add = |title: &str, status: i32, sandbox: &Sandbox| {
        let output = sandbox.run(&["doctor"]);
        assert_eq!(output.status, status, "{title}: {output}");
        assert!(!output.to_string().contains(SECRET) && !output.stdout.contains("hunter2"), "{output}");
        all.push_str(&format!("# {title}\n{}", lines(&output, &["secret", "token"])));
    };
    add("a file", 0, &sandbox);
    set_mode(&sandbox.secret_file(), 0o640);
    add("a file that others can read", 2, &sandbox);
    sandbox.edit_profile(|profile| profile["client_secret"]["allow_shared_file"] = true.into());
    add("the same, accepted", 0, &sandbox);
    write(&sandbox.secret_file(), b"emulator-secret\n\n");
    add("a line too many", 2, &sandbox);
    write(&sandbox.secret_file(), b"emulator-secret \n");
    add("a space too many", 4, &sandbox);
    std::fs::remove_file(sandbox.secret_file()).unwrap();
    add("no file", 2, &sandbox);
    sandbox.edit_profile(|profile| profile["client_secret"] = json!({ "env": "CI_SECRET" }));
    add("no variable", 2, &sandbox);
    sandbox.set("CI_SECRET", SECRET);
    add("a variable", 0, &sandbox);
    let command = json!({ "command": ["/bin/sh", "-c", format!("echo {SECRET}; : hunter2")] });
    sandbox.edit_profile(|profile| profile["client_secret"] = command);
    add("a command", 0, &sandbox);
    sandbox
        .edit_profile(|profile| profile["client_secret"] = json!({ "command": ["/bin/sh", "-c", "exit 7; hunter2"] }));
    add("a command that fails", 2, &sandbox);
    sandbox.edit_profile(|profile| drop(profile.as_object_mut().unwrap().remove("client_secret")));
    add("none", 2, &sandbox);
    assert_snapshot!("doctor-secret", all);
    assert_eq!(emulator.counters().client_credentials, 5, "what cannot be read is not sent");
}
