//! Many processes at once: one sends the request, none waits in vain, none repeats it.

use std::collections::BTreeSet;

use serde_json::Value;
use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{Output, Sandbox, wait_until};

/// The tokens that a crowd of processes printed; all must have succeeded in silence.
fn tokens(runs: &[Output]) -> BTreeSet<String> {
    runs.iter().map(Output::token).collect()
}

#[test]
fn a_crowd_on_an_empty_cache_makes_one_request() {
    for (count, delay) in [(16, 0), (200, 300)] {
        let emulator = Emulator::start();
        let sandbox = Sandbox::with_tenant(&emulator);
        emulator.play_always(Fault::Delay { ms: delay });
        let printed = tokens(&sandbox.run_many(count, &["get"]));
        assert_eq!(printed.into_iter().collect::<Vec<_>>(), emulator.issued(), "{count}");
        assert_eq!(emulator.counters().token_requests, 1, "{count}");
    }
}

#[test]
fn a_crowd_with_a_due_token_makes_one_request_and_gets_the_new_one() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    emulator.play_always(Fault::Delay { ms: 200 });
    let printed = tokens(&sandbox.run_many(30, &["get"]));
    assert_eq!(printed.into_iter().collect::<Vec<_>>(), emulator.issued()[1..]);
    let counters = emulator.counters();
    assert_eq!((counters.token_requests, counters.refresh, counters.refresh_reuse), (2, 1, 0));
}

#[test]
fn a_crowd_with_a_wrong_secret_makes_one_request() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.write_secret("wrong");
    let runs = sandbox.run_many(50, &["get"]);
    assert_eq!(runs.iter().filter(|run| run.status == 4 && run.stdout.is_empty()).count(), 50);
    assert_eq!(emulator.counters().token_requests, 1);
    sandbox.write_secret("wrong again");
    assert_eq!(sandbox.run(&["get"]).status, 4);
    assert_eq!(emulator.counters().token_requests, 2, "a changed secret is tried at once");
    sandbox.write_secret(crate::sandbox::SECRET);
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 3);
}

#[test]
fn while_one_renews_an_expiring_token_nobody_else_waits() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let old = sandbox.run(&["get"]).token();
    sandbox.age_until(300);
    emulator.play(Fault::Hang);
    let leader = sandbox.start(sandbox.command(&["get"]));
    wait_until("the leader asks", || emulator.requests().len() == 2);
    // The tenant is silent as long as these run: a process that waited for it could not end before it is released.
    // A process takes so long to start under Wine that twenty would outlast the leader's patience.
    let others = tokens(&sandbox.run_many(if cfg!(windows) { 4 } else { 20 }, &["get"]));
    assert_eq!(emulator.requests()[1].status, 0, "the leader is still waiting");
    emulator.release();
    let new = sandbox.wait(leader).token();
    assert_eq!(others, BTreeSet::from([old.clone()]));
    assert_ne!(new, old);
    assert_eq!(sandbox.run(&["get"]).token(), new);
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn a_killed_leader_is_replaced_and_its_refresh_token_is_not_sent_again() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let old = sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    emulator.play(Fault::HangAfterIssue);
    let mut leader = sandbox.start(sandbox.command(&["get"]));
    wait_until("the leader asks", || emulator.counters().refresh == 1);
    assert_eq!(sandbox.entry()["refresh_in_flight"], true, "the mark is on disk before the token is sent");
    let waiting: Vec<_> = (0..10).map(|_| sandbox.start(sandbox.command(&["get"]))).collect();
    leader.kill().unwrap();
    leader.wait().unwrap();
    let runs: Vec<Output> = waiting.into_iter().map(|child| sandbox.wait(child)).collect();
    let printed = tokens(&runs);
    assert_eq!(printed.len(), 1);
    assert!(!printed.contains(&old));
    let counters = emulator.counters();
    assert_eq!((counters.refresh, counters.client_credentials, counters.refresh_reuse), (1, 2, 0));
    let mut left = sandbox.cached();
    left.retain(|name| name.starts_with('.'));
    assert_eq!(left, Vec::<String>::new(), "no temporary file");
}

#[test]
fn a_leader_killed_before_anything_is_cached_is_replaced() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play(Fault::Hang);
    let mut leader = sandbox.start(sandbox.command(&["get"]));
    wait_until("the leader asks", || emulator.requests().len() == 1);
    let waiting: Vec<_> = (0..10).map(|_| sandbox.start(sandbox.command(&["get"]))).collect();
    leader.kill().unwrap();
    leader.wait().unwrap();
    let runs: Vec<Output> = waiting.into_iter().map(|child| sandbox.wait(child)).collect();
    assert_eq!(tokens(&runs).len(), 1);
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn an_expired_token_and_a_busy_tenant_cost_one_request() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]).token();
    sandbox.age_until(0);
    emulator.play_always(Fault::retry_after("60"));
    let runs = sandbox.run_many(30, &["get"]);
    assert_eq!(runs.iter().filter(|run| run.status == 3 && run.stdout.is_empty()).count(), 30);
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn an_expired_token_and_a_dead_tenant_cost_a_handful_of_attempts() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]).token();
    sandbox.age_until(0);
    let expired = sandbox.entry()["token"].clone();
    sandbox.run(&["forget"]);
    std::fs::remove_dir_all(sandbox.cache_dir()).unwrap();
    // Nothing listens there; the port of a tenant that is gone could be another test's.
    sandbox.edit_profile(|profile| profile["tenant"] = "http://127.0.0.1:1".into());
    assert_eq!(sandbox.run(&["get"]).status, 3);
    sandbox.edit_entry(|entry| {
        entry["failure"] = Value::Null;
        entry["renew_after"] = 0.into();
        entry["token"] = expired;
    });
    let runs = sandbox.run_many(30, &["get"]);
    assert_eq!(runs.iter().filter(|run| run.status == 3 && run.stdout.is_empty()).count(), 30);
    // Each attempt that failed is counted. The first pause is a second, in which a slow machine may not start them all.
    let attempts = sandbox.entry()["failure"]["count"].as_i64().unwrap();
    assert!((1..10).contains(&attempts), "{attempts}");
}

#[test]
fn a_removed_lock_file_does_no_harm() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get"]).token();
    std::fs::remove_file(sandbox.lock_file()).unwrap();
    assert_eq!(sandbox.run(&["get"]).token(), first);
    sandbox.age_until(60);
    assert_eq!(tokens(&sandbox.run_many(20, &["get"])).len(), 1);
    assert_eq!(emulator.counters().token_requests, 2);
}
