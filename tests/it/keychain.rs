//! A client secret in the key store: a real Secret Service over a session bus of the test's own.

use std::os::unix::net::UnixListener;

use serde_json::json;
use ws1_emulator::Emulator;

use crate::sandbox::{Output, SECRET, Sandbox, assert_snapshot};
use crate::secret_service::{SecretService, store};
use crate::strace;

/// A profile whose secret is in the key store, for a tenant whose client has this secret.
fn world(secret: &str) -> (Emulator, Sandbox) {
    let emulator = Emulator::builder().client("ci-bot", secret).start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    std::fs::remove_file(sandbox.secret_file()).unwrap();
    sandbox.edit_profile(|profile| profile["client_secret"] = json!({ "keychain": true }));
    (emulator, sandbox)
}

/// Files the client's secret where the program looks for it.
fn file(sandbox: &Sandbox, emulator: &Emulator, secret: &str) {
    let account = format!("ci-bot@{}", emulator.host());
    assert!(store(sandbox, &["service", "ws1-token", "username", &account], secret));
}

#[test]
fn a_secret_in_the_key_store_gets_a_token() {
    let secret = "Canary+Secret/7Zq~%= é";
    let (emulator, mut sandbox) = world(secret);
    let Some(session) = SecretService::start(&mut sandbox) else { return };
    // As an editor or a shell writes it; exactly one newline does not belong to the secret.
    file(&sandbox, &emulator, &format!("{secret}\n"));

    sandbox.set("RUST_LOG", "trace").set("WS1_TOKEN_VERBOSE", "1");
    let output = sandbox.run(&["get"]);
    assert_eq!(output.status, 0, "{output}");
    assert!(output.stderr.contains("reading the secret (keychain)"), "{output}");
    assert!(!output.stderr.contains("Canary"), "{output}");
    assert_eq!(emulator.counters().token_requests, 1);

    // The cached path needs no key store.
    drop(session);
    sandbox.unset("WS1_TOKEN_VERBOSE");
    assert_eq!(sandbox.run(&["get"]).token(), output.stdout.trim_end());
}

#[test]
fn a_crowd_makes_one_request() {
    let (emulator, mut sandbox) = world(SECRET);
    let Some(_session) = SecretService::start(&mut sandbox) else { return };
    file(&sandbox, &emulator, SECRET);
    let tokens: Vec<String> = sandbox.run_many(20, &["get"]).iter().map(Output::token).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn nothing_is_sent_without_a_secret() {
    let (emulator, mut sandbox) = world(SECRET);
    let mut page = String::new();
    let mut add = |title: &str, sandbox: &Sandbox| {
        let output = sandbox.run(&["get"]);
        assert!(!output.to_string().contains(SECRET), "{title}: {output}");
        // Ends the pause: the next key store is asked at once.
        sandbox.run(&["forget"]);
        page.push_str(&format!("# {title}\n{output}\n"));
    };

    sandbox.set("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", sandbox.path("nowhere").display()));
    add("no session bus", &sandbox);
    sandbox.set("DBUS_SESSION_BUS_ADDRESS", "hunter2");
    add("an address that is none", &sandbox);
    let mut alone = Sandbox::with_tenant(&emulator);
    alone.edit_profile(|profile| profile["client_secret"] = json!({ "keychain": true }));
    let Some(_bus) = SecretService::start_bus(&mut alone) else { return };
    add("a session bus without a key store", &alone);

    let Some(session) = SecretService::start(&mut sandbox) else { return };
    add("no secret", &sandbox);
    file(&sandbox, &emulator, "two\nlines");
    add("a secret of two lines", &sandbox);
    let account = format!("ci-bot@{}", emulator.host());
    assert!(store(&sandbox, &["service", "ws1-token", "username", &account, "copy", "2"], SECRET));
    add("two secrets", &sandbox);
    session.lock(&sandbox);
    add("locked, and nobody there to unlock it", &sandbox);
    assert_eq!(emulator.counters().token_requests, 0);
    assert_snapshot!("keychain-errors", page);
}

#[test]
fn a_wrong_secret_is_the_tenants_to_refuse() {
    let (emulator, mut sandbox) = world(SECRET);
    let Some(_session) = SecretService::start(&mut sandbox) else { return };
    file(&sandbox, &emulator, "not the secret");
    let denied = sandbox.run(&["get"]);
    file(&sandbox, &emulator, SECRET);
    let held_back = sandbox.run(&["get"]);
    assert_eq!(emulator.counters().token_requests, 1, "the key store is not asked to see whether the secret changed");
    assert_snapshot!(
        "keychain-denied",
        format!("# denied\n{denied}\n# repaired\n{held_back}"),
        (r"for \d+ s", "for $$N s")
    );
    sandbox.run(&["get", "--force-refresh"]).token();
}

#[test]
fn a_valid_token_is_served_whatever_the_key_store_does() {
    let (emulator, mut sandbox) = world(SECRET);
    let Some(session) = SecretService::start(&mut sandbox) else { return };
    file(&sandbox, &emulator, SECRET);
    let token = sandbox.run(&["get"]).token();
    session.lock(&sandbox);
    sandbox.age_until(60);
    let output = sandbox.run(&["get"]);
    assert_eq!((output.status, output.stdout.trim_end()), (0, token.as_str()), "{output}");
    assert_snapshot!("keychain-locked-while-valid", output.stderr, (r"\d+ s left", "$$N s left"));
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn only_a_request_with_a_secret_of_the_key_store_asks_it() {
    let (emulator, mut sandbox) = world(SECRET);
    // This bus never answers; connections to it are noticed.
    let socket = sandbox.path("bus");
    let bus = UnixListener::bind(&socket).unwrap();
    bus.set_nonblocking(true).unwrap();
    let asked = || bus.accept().is_ok();
    sandbox.set("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", socket.display()));

    sandbox.set("WS1_TOKEN_CLIENT_SECRET", SECRET);
    let token = sandbox.run(&["get"]).token();
    assert!(!asked(), "the environment's secret wins");
    sandbox.unset("WS1_TOKEN_CLIENT_SECRET");
    assert_eq!(sandbox.run(&["get"]).token(), token);
    assert_eq!(sandbox.run(&["status"]).status, 0);
    assert!(!asked(), "there is a fresh token");
    if strace::is_there() {
        let (calls, output) = strace::traced(&sandbox, &[], &["get"]);
        assert_eq!(output.token(), token);
        let needless: Vec<_> =
            calls.iter().filter(|call| ["socket", "connect", "clone3"].contains(&call.name())).collect();
        assert!(needless.is_empty(), "{needless:?}");
    }
    let command = json!({ "command": ["echo", SECRET] });
    sandbox.add_profile("other", |profile| profile["client_secret"] = command);
    sandbox.run(&["get", "--profile", "other", "--force-refresh"]).token();
    assert_eq!(emulator.counters().token_requests, 2);
    assert!(!asked(), "that profile's secret is elsewhere");

    // And that a key store that is asked and says nothing is given up. One test, because waiting is all it does.
    let (_, mut hanging) = world(SECRET);
    let session = SecretService::start(&mut hanging);
    if let Some(session) = &session {
        session.stop();
    }
    sandbox.run(&["forget"]);
    let silent_bus = sandbox.start(sandbox.command(&["get"]));
    let stopped = hanging.start(hanging.command(&["get"]));
    let (silent_bus, stopped) = (sandbox.wait(silent_bus), hanging.wait(stopped));
    assert!(asked());
    assert_snapshot!("keychain-late", silent_bus);
    if session.is_some() {
        assert_eq!(stopped.to_string(), silent_bus.to_string());
    }
    assert_eq!(emulator.counters().token_requests, 2);
}
