//! Every failure has a memory (I14): processes that fail in the same way cause a handful of attempts together, and each
//! reports the true error.

use serde_json::json;
use ws1_emulator::{Emulator, Fault, TlsFault};

#[cfg(target_os = "linux")]
use crate::sandbox::binary;
use crate::sandbox::{Output, Sandbox, write};
#[cfg(target_os = "linux")]
use crate::skip::can_mount;

/// Attempts that are a handful: the first, and one for each back-off window that ends while a slow machine runs the crowd.
const HANDFUL: u64 = 4;

/// All of a crowd ended with this status, and with this line first.
fn all_failed(runs: &[Output], status: i32, line: &str) {
    for run in runs {
        assert_eq!(run.status, status, "{run}");
        assert!(run.stdout.is_empty() && run.stderr.starts_with(line), "{run}");
    }
}

#[test]
fn an_untrusted_certificate_is_met_by_a_handful_of_a_crowd() {
    let emulator = Emulator::builder().tls_with(TlsFault::Expired).start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    let runs = sandbox.run_many(100, &["get"]);
    all_failed(&runs, 2, "error: cannot verify the certificate of `");
    assert!(emulator.counters().connections <= HANDFUL, "{:?}", emulator.counters());
}

#[test]
fn another_ca_file_is_tried_at_once() {
    let (emulator, stranger) = (Emulator::builder().tls().start().unwrap(), Emulator::builder().tls().start().unwrap());
    let sandbox = Sandbox::with_tenant(&emulator);
    let file = sandbox.path("ca.pem");
    write(&file, stranger.ca_pem().unwrap().as_bytes());
    sandbox.edit_profile(|profile| profile["ca_file"] = json!(file.display().to_string()));
    assert_eq!((sandbox.run(&["get"]).status, sandbox.run(&["get"]).status), (2, 2));
    assert_eq!(emulator.counters().connections, 1);
    write(&file, emulator.ca_pem().unwrap().as_bytes());
    sandbox.run(&["get"]).token();
}

#[cfg(unix)]
#[test]
fn a_secret_command_that_fails_is_run_by_a_handful_of_a_crowd() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let log = sandbox.path("runs");
    let script = format!("echo run >> '{}'; exit 3", log.display());
    let source = json!({ "command": ["/bin/sh", "-c", script] });
    sandbox.edit_profile(|profile| profile["client_secret"] = source);
    let runs = sandbox.run_many(100, &["get"]);
    all_failed(&runs, 2, "error: cannot read the secret of profile `prod`\n");
    let count = || std::fs::read_to_string(&log).unwrap().lines().count() as u64;
    assert!(count() <= HANDFUL, "{}", count());
    assert_eq!(emulator.counters().token_requests, 0);
    // Another command counts as another secret: it is tried at once.
    sandbox.edit_profile(|profile| profile["client_secret"] = json!({ "command": ["printf", crate::sandbox::SECRET] }));
    sandbox.run(&["get"]).token();
}

#[cfg(unix)]
#[test]
fn a_secret_command_that_fails_does_not_hold_up_a_valid_token() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    let log = sandbox.path("runs");
    let script = format!("echo run >> '{}'; exit 3", log.display());
    sandbox.edit_profile(|profile| profile["client_secret"] = json!({ "command": ["/bin/sh", "-c", script] }));
    sandbox.age_until(300);
    for _ in 0..5 {
        let run = sandbox.run(&["get"]);
        assert_eq!((run.status, run.stdout.trim_end()), (0, token.as_str()), "{run}");
    }
    assert_eq!(std::fs::read_to_string(log).unwrap(), "run\n");
}

#[test]
fn a_token_that_is_too_short_to_use_is_asked_for_by_a_handful_of_a_crowd() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.set_life(5);
    let runs = sandbox.run_many(60, &["get"]);
    all_failed(&runs, 5, "error: `");
    assert!(emulator.counters().token_requests <= HANDFUL, "{:?}", emulator.counters());
}

#[test]
fn two_wrong_secrets_in_turn_cost_a_request_each() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    for round in 0..3 {
        for secret in ["wrong", "wrong too"] {
            sandbox.write_secret(secret);
            assert_eq!(sandbox.run(&["get"]).status, 4, "{round} {secret}");
        }
    }
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn the_retry_after_of_a_server_error_counts() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play(Fault::Status {
        code: 503,
        body: String::new(),
        content_type: "text/plain".to_owned(),
        headers: vec![("Retry-After".to_owned(), "120".to_owned())],
    });
    assert_eq!((sandbox.run(&["get"]).status, sandbox.run(&["get"]).status), (3, 3));
    let failure = sandbox.entry()["failure"].clone();
    assert_eq!(failure["until"].as_i64().unwrap() - failure["at"].as_i64().unwrap(), 120, "{failure}");
    assert_eq!(emulator.counters().token_requests, 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_failure_that_a_full_disk_does_not_take_is_remembered_all_the_same() {
    if !can_mount() {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play_always(Fault::status(503));
    std::fs::create_dir_all(sandbox.cache_dir()).unwrap();
    // Two pages: one that is full, and one for the lock file.
    let lines = "mount -t tmpfs -o size=8k,mode=0700 none \"$0\"; head -c 4096 /dev/zero >\"$0\"/full; \
                 for i in $(seq 30); do \"$1\" get || echo $?; done; \
                 \"$1\" forget; \"$1\" get || echo after";
    let mut shell = sandbox.program("unshare");
    shell.args(["-m", "sh", "-ec", lines, &sandbox.cache_dir().display().to_string(), binary()]);
    let output = sandbox.finish(shell);
    assert_eq!(output.stdout.lines().filter(|status| *status == "3").count(), 30, "{output}");
    assert_eq!(output.stderr.matches("HTTP 503").count(), 31, "{output}");
    let after = output.stderr.rsplit("error: ").next().unwrap();
    assert!(!after.contains("no new attempt"), "`forget` ends the pause: {after}");
    assert!(!output.stderr.contains("gave up"), "{output}");
    assert!(emulator.counters().token_requests <= HANDFUL, "{:?}", emulator.counters());
}

#[test]
fn any_refusal_of_the_refresh_token_falls_back_to_the_credentials_in_the_same_run() {
    for (status, code) in
        [(401, "invalid_token"), (400, "invalid_grant"), (403, "access_denied"), (401, "unauthorized")]
    {
        let emulator = Emulator::start();
        let sandbox = Sandbox::with_tenant(&emulator);
        let first = sandbox.run(&["get"]).token();
        sandbox.age_until(0);
        emulator.play(Fault::oauth_error(status, code, ""));
        assert_ne!(sandbox.run(&["get"]).token(), first, "{status} {code}");
        let counters = emulator.counters();
        assert_eq!((counters.refresh, counters.client_credentials), (1, 2), "{status} {code}");
    }
}

#[test]
fn a_client_that_is_refused_keeps_its_refresh_token() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]).token();
    sandbox.age_until(0);
    emulator.play(Fault::oauth_error(401, "invalid_client", ""));
    assert_eq!(sandbox.run(&["get"]).status, 4);
    sandbox.age(90);
    sandbox.run(&["get"]).token();
    let counters = emulator.counters();
    assert_eq!((counters.refresh, counters.client_credentials), (2, 1));
}

#[cfg_attr(windows, ignore = "an installation there names its boots by number")]
#[test]
fn a_token_of_another_machine_counts_by_the_wall_clock() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    // The other machine wrote it just after its boot; this one has been up for longer than any token lives.
    sandbox.edit_entry(|entry| {
        entry["token"]["issued_boot"] = json!(-100_000);
        entry["token"]["boot_id"] = json!("another machine's");
    });
    emulator.play_always(Fault::status(503));
    assert_eq!(sandbox.run(&["get"]).token(), token);
    assert_eq!(emulator.counters().token_requests, 1);
    // The same reading of this boot means that the token has expired, whatever the wall clock says.
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned());
    if let Ok(boot_id) = boot_id {
        sandbox.edit_entry(|entry| entry["token"]["boot_id"] = json!(boot_id));
        assert_eq!(sandbox.run(&["get"]).status, 3);
    }
}
