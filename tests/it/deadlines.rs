//! Nothing waits for ever: every wait of a run has its limit. One test, because waiting is all it does.

use serde_json::json;
use ws1_emulator::{Emulator, Fault, Part, TlsFault};

use crate::sandbox::{Sandbox, assert_snapshot};

#[cfg(unix)]
#[test]
fn every_wait_ends() {
    let tenant = |fault: Option<Fault>| {
        let emulator = Emulator::start();
        let sandbox = Sandbox::with_tenant(&emulator);
        if let Some(fault) = fault {
            emulator.play_always(fault);
        }
        (emulator, sandbox)
    };

    let (silent, of_silent) = tenant(Some(Fault::Hang));
    let (dripping, of_dripping) = tenant(Some(Fault::Drip { ms: 100, part: Part::Headers }));
    let handshake = Emulator::builder().tls_with(TlsFault::HandshakeDrip).start().unwrap();
    let of_handshake = Sandbox::with_tenant(&handshake);
    let (unasked, of_command) = tenant(None);
    of_command.edit_profile(|profile| profile["client_secret"] = json!({ "command": ["sleep", "40"] }));
    // There is a token, but another process holds the lock for its renewal and never ends.
    let (held, of_holder) = tenant(None);
    let token = of_holder.run(&["get"]).token();
    of_holder.age_until(60);
    let lock = std::fs::File::open(of_holder.lock_file()).unwrap();
    fs2::FileExt::lock_exclusive(&lock).unwrap();
    // And the same without one.
    let (cold, of_cold) = tenant(None);
    of_cold.run(&["get"]).token();
    of_cold.age_until(0);
    let cold_lock = std::fs::File::open(of_cold.lock_file()).unwrap();
    fs2::FileExt::lock_exclusive(&cold_lock).unwrap();

    // Pipes without a reader or a writer.
    let (unfed, of_unfed) = tenant(None);
    let (unread, of_unread) = tenant(None);
    let pipe = |sandbox: &Sandbox, path: std::path::PathBuf| {
        assert!(sandbox.program("mkfifo").arg(&path).status().unwrap().success());
    };
    std::fs::remove_file(of_unfed.secret_file()).unwrap();
    pipe(&of_unfed, of_unfed.secret_file());
    pipe(&of_unread, of_unread.path("token"));
    let unset = Sandbox::new();
    std::fs::create_dir_all(unset.config_file().parent().unwrap()).unwrap();
    pipe(&unset, unset.config_file());

    let runs: Vec<_> = [
        ("a tenant that says nothing", &of_silent),
        ("a tenant that speaks too slowly", &of_dripping),
        ("a handshake that is too slow", &of_handshake),
        ("a secret command that does not end", &of_command),
        ("a lock that somebody holds, token due", &of_holder),
        ("a lock that somebody holds, token expired", &of_cold),
        ("a secret's pipe that nobody writes", &of_unfed),
        ("an output's pipe that nobody reads", &of_unread),
        ("a configuration's pipe that nobody writes", &unset),
    ]
    .map(|(title, sandbox)| {
        let output = if std::ptr::eq(sandbox, &raw const of_unread) { &["--output", "token"][..] } else { &[] };
        (title, sandbox, sandbox.start(sandbox.command(&[&["get"], output].concat())))
    })
    .into_iter()
    .map(|(title, sandbox, child)| (title, sandbox.wait(child)))
    .collect();

    assert_eq!(runs[4].1.stdout.trim_end(), token, "a valid token is served whatever the lock does");
    let all: String = runs.iter().map(|(title, run)| format!("# {title}\n{run}\n")).collect();
    assert_snapshot!(
        "deadlines",
        all,
        (r"by process \d+", "by process $$PID"),
        (r"after 1[56] s", "after 15 s"),
        (r"\d+ s left", "$$N s left")
    );
    for (emulator, requests) in
        [(silent, 1), (dripping, 1), (handshake, 0), (unasked, 0), (held, 1), (cold, 1), (unfed, 0), (unread, 1)]
    {
        assert_eq!(emulator.counters().token_requests, requests);
    }
}
