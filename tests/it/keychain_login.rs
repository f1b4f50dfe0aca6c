//! `login --store keychain` and `logout`: what they put into the key store, replace there, and remove.

use serde_json::{Value, json};
use ws1_emulator::Emulator;

use crate::sandbox::{Output, PROFILE, SECRET, Sandbox, assert_snapshot, names_in};
use crate::secret_service::SecretService;

/// An empty home in a session with a key store, and a tenant that its outputs call `$TENANT`.
fn world() -> Option<(Emulator, Sandbox, SecretService)> {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::new();
    sandbox.name(&emulator.host(), "$TENANT");
    let session = SecretService::start(&mut sandbox)?;
    Some((emulator, sandbox, session))
}

/// Runs `login` for a profile, with the secret on standard input.
fn login(sandbox: &Sandbox, emulator: &Emulator, args: &[&str], secret: &str) -> Output {
    let url = emulator.url();
    let all = ["login", PROFILE, "--tenant", &url, "--client-id", "ci-bot", "--secret-stdin"];
    let args: Vec<&str> = all.iter().chain(args).copied().collect();
    sandbox.run_with_stdin(&args, secret.as_bytes())
}

/// What the key store holds for the client, as another program sees it; empty if it holds nothing.
fn held(sandbox: &Sandbox, emulator: &Emulator) -> String {
    let mut tool = sandbox.program("secret-tool");
    tool.args(["lookup", "service", "ws1-token", "username"]).arg(format!("ci-bot@{}", emulator.host()));
    sandbox.finish(tool).stdout
}

/// Where the profile says that its secret is.
fn source(sandbox: &Sandbox) -> Value {
    let config: Value = serde_json::from_slice(&std::fs::read(sandbox.config_file()).unwrap()).unwrap();
    config["profiles"][PROFILE]["client_secret"].clone()
}

/// Names of the files beside the configuration that hold a secret.
fn secret_files(sandbox: &Sandbox) -> Vec<String> {
    let names = names_in(sandbox.config_file().parent().unwrap());
    names.into_iter().filter(|name| name.ends_with(".secret")).collect()
}

#[test]
fn a_secret_goes_into_the_key_store_and_leaves_it_again() {
    let Some((emulator, sandbox, _session)) = world() else { return };
    let first = login(&sandbox, &emulator, &["--store", "keychain"], SECRET);
    assert_eq!((first.status, first.stderr.as_str()), (0, ""), "{first}");
    assert_eq!(source(&sandbox), json!({ "keychain": true }));
    assert_eq!(secret_files(&sandbox), Vec::<String>::new());
    assert_eq!(held(&sandbox, &emulator), SECRET);
    assert_eq!(emulator.counters().token_requests, 1);
    sandbox.run(&["get", "--force-refresh"]).token();

    let logout = sandbox.run(&["logout"]);
    assert_eq!((logout.status, logout.stderr.as_str()), (0, ""), "{logout}");
    assert_eq!(held(&sandbox, &emulator), "");
    let get = sandbox.run(&["get"]);
    let second = sandbox.run(&["logout"]);
    assert_eq!(emulator.counters().token_requests, 2, "no secret, no request");
    assert_snapshot!("keychain-login", format!("{first}\n# logout\n{logout}\n# get\n{get}\n# logout again\n{second}"));

    // Without a word about the store it goes where the profile says; with one it moves.
    assert_eq!(login(&sandbox, &emulator, &[], SECRET).status, 0);
    assert_eq!(held(&sandbox, &emulator), SECRET);
    assert_eq!(login(&sandbox, &emulator, &["--store", "file"], SECRET).status, 0);
    assert_eq!(secret_files(&sandbox).len(), 1);
    assert!(sandbox.stored_secret(PROFILE).exists());
    assert_eq!(held(&sandbox, &emulator), "", "what is no longer used is not left behind");
    assert_eq!(login(&sandbox, &emulator, &["--store", "keychain"], SECRET).status, 0);
    assert_eq!(secret_files(&sandbox), Vec::<String>::new());
    assert_eq!(held(&sandbox, &emulator), SECRET);
}

#[test]
fn a_refused_login_changes_nothing_in_the_key_store() {
    let Some((emulator, sandbox, _session)) = world() else { return };
    let refused = login(&sandbox, &emulator, &["--store", "keychain"], "hunter2");
    assert_eq!((refused.status, refused.stdout.as_str()), (4, ""), "{refused}");
    assert_eq!(held(&sandbox, &emulator), "");
    assert!(!sandbox.config_file().exists());

    assert_eq!(login(&sandbox, &emulator, &["--store", "keychain"], SECRET).status, 0);
    assert_eq!(login(&sandbox, &emulator, &[], "hunter2").status, 4);
    assert_eq!(held(&sandbox, &emulator), SECRET, "the good one stays");
}

#[test]
fn a_key_store_that_cannot_be_used_costs_no_request_and_no_profile() {
    let Some((emulator, mut sandbox, session)) = world() else { return };
    assert_eq!(login(&sandbox, &emulator, &["--store", "keychain"], SECRET).status, 0);
    session.lock(&sandbox);
    let config = std::fs::read(sandbox.config_file()).unwrap();
    let locked = login(&sandbox, &emulator, &[], SECRET);
    let logout = sandbox.run(&["logout"]);
    assert_eq!(std::fs::read(sandbox.config_file()).unwrap(), config);
    drop(session);
    std::fs::remove_file(sandbox.config_file()).unwrap();
    sandbox.set("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", sandbox.path("nowhere").display()));
    let gone = login(&sandbox, &emulator, &["--store", "keychain"], SECRET);
    assert!(!sandbox.config_file().exists());
    assert_eq!(emulator.counters().token_requests, 1);
    assert_snapshot!(
        "keychain-login-unusable",
        format!("# login, locked\n{locked}\n# logout, locked\n{logout}\n# login, no session bus\n{gone}")
    );
}
