//! `doctor`: what it finds in every state of the world, and that it changes none.

use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{Output, Sandbox, assert_snapshot, wait_until};

mod callers;
mod machine;
mod network;
mod setup;
mod tenant;

/// A tenant over TLS, a sandbox for it, and no program on PATH.
fn world() -> (Emulator, Sandbox) {
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = apart(&emulator);
    (emulator, sandbox)
}

/// A sandbox for a tenant, with nothing on PATH but what a test puts into `bin`.
fn apart(emulator: &Emulator) -> Sandbox {
    let mut sandbox = Sandbox::with_tenant(emulator);
    alone(&mut sandbox);
    sandbox.name(&emulator.addr().to_string(), "$ADDRESS");
    sandbox
}

/// Empties PATH.
fn alone(sandbox: &mut Sandbox) {
    std::fs::create_dir(sandbox.path("bin")).unwrap();
    let bin = sandbox.path("bin").display().to_string();
    sandbox.set("PATH", bin);
}

/// The lines of some checks, with their fixes, and the exit status.
fn lines(output: &Output, names: &[&str]) -> String {
    let page = output.to_string();
    let mut wanted = false;
    let chosen = page.lines().filter(|line| {
        if !line.starts_with("  fix: ") {
            wanted = line.split(' ').nth(1).is_some_and(|name| names.contains(&name));
        }
        wanted || line.starts_with('[')
    });
    chosen.map(|line| format!("{line}\n")).collect()
}

/// The mark of a check.
fn mark(output: &Output, name: &str) -> char {
    let line = output.stdout.lines().find(|line| line.split(' ').nth(1) == Some(name));
    line.unwrap_or_else(|| panic!("no line of {name}: {output}")).chars().next().unwrap()
}

#[test]
fn a_healthy_tenant() {
    let (emulator, sandbox) = world();
    let output = sandbox.run(&["doctor"]);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
    assert_snapshot!(
        "doctor-healthy",
        output,
        (r"localhost is .*", "localhost is $$ADDRESSES"),
        (r"\d{4}-\d\d-\d\d", "$$DATE")
    );
    let counters = emulator.counters();
    assert_eq!((counters.token_requests, counters.client_credentials, counters.refresh), (2, 1, 1));
    assert_eq!((counters.api, counters.other, counters.refresh_reuse), (1, 2, 0), "the API, two documents");
    assert_eq!(counters.connections, 6, "one to look at, one for each request");
    assert!(sandbox.cached().iter().all(|name| !name.ends_with(".json")), "no entry is made: {:?}", sandbox.cached());
}

#[test]
fn json_says_the_same_in_fields() {
    let (emulator, sandbox) = world();
    emulator.play_always(Fault::oauth_error(401, "invalid_client", "no"));
    let page = sandbox.run(&["doctor"]);
    let output = sandbox.run(&["doctor", "--json"]);
    assert_eq!((page.status, output.status, output.stderr.as_str()), (4, 4, ""));
    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((&report["version"], &report["exit_status"]), (&1.into(), &4.into()));
    let mut again = String::new();
    let checks = report["checks"].as_array().unwrap();
    for check in checks {
        let mark = match check["level"].as_str().unwrap() {
            "ok" => "✓",
            "warning" => "!",
            "failed" => "✗",
            "skipped" => "–",
            other => panic!("{other}"),
        };
        assert_eq!(check["exit_status"], if mark == "✗" { 4 } else { 0 }, "{check}");
        again.push_str(&format!(
            "{mark} {:<13}  {}\n",
            check["name"].as_str().unwrap(),
            check["text"].as_str().unwrap()
        ));
        if let Some(fix) = check["fix"].as_str() {
            again.push_str(&format!("  fix: {fix}\n"));
        }
    }
    assert_eq!(format!("{again}1 problem\n"), page.stdout);
    let fields: Vec<&String> = checks[0].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["exit_status", "fix", "level", "name", "text"]);
}

#[test]
fn the_cached_token_is_neither_used_nor_changed() {
    let (emulator, sandbox) = world();
    let token = sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    let before = std::fs::read(sandbox.entry_file()).unwrap();
    let refresh_token = sandbox.entry()["refresh_token"].as_str().unwrap().to_owned();
    let sent = emulator.requests().len();
    assert_eq!(sandbox.run(&["doctor"]).status, 0);
    assert_eq!(std::fs::read(sandbox.entry_file()).unwrap(), before);
    for request in &emulator.requests()[sent..] {
        let text = format!("{} {:?} {}", request.target, request.headers, String::from_utf8_lossy(&request.body));
        assert!(!text.contains(&token) && !text.contains(&refresh_token), "{text}");
    }
    // Nor is the refresh token spent for the next call.
    assert_ne!(sandbox.run(&["get"]).token(), token);
    let counters = emulator.counters();
    assert_eq!((counters.client_credentials, counters.refresh, counters.refresh_reuse), (2, 2, 0));
}

#[test]
fn no_other_process_asks_meanwhile() {
    let (emulator, sandbox) = world();
    emulator.play(Fault::Hang);
    let doctor = sandbox.start(sandbox.command(&["doctor"]));
    wait_until("the token request is there", || emulator.counters().token_requests == 1);
    let lock = sandbox.cached().into_iter().find(|name| name.ends_with(".lock")).unwrap();
    let lock = std::fs::File::open(sandbox.cache_dir().join(lock)).unwrap();
    assert!(fs2::FileExt::try_lock_exclusive(&lock).is_err(), "the lock is held while the tenant is asked");
    emulator.release();
    assert_eq!(sandbox.wait(doctor).status, 0);
    fs2::FileExt::try_lock_exclusive(&lock).unwrap();
}

#[test]
fn the_first_failure_gives_the_exit_status() {
    let (emulator, mut sandbox) = world();
    emulator.play_always(Fault::status(503));
    assert_eq!(sandbox.run(&["doctor"]).status, 3);
    emulator.set_now(Some(crate::sandbox::now() - 3600));
    let output = sandbox.run(&["doctor"]);
    assert_eq!((mark(&output, "clock"), mark(&output, "token"), output.status), ('✗', '✗', 1));
    sandbox.set("WS1_TOKEN_PROFILE", "prdo");
    assert_eq!(sandbox.run(&["doctor"]).status, 2);
}
