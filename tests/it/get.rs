//! `get`: the life of a token, and every way to print it.

use ws1_emulator::Emulator;

use crate::sandbox::{Sandbox, assert_snapshot};

#[test]
fn a_token_lives_through_grant_hit_refresh_and_fallback() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get"]).token();
    assert_eq!(sandbox.run(&["get"]).token(), first, "served from the cache");
    sandbox.age_until(60);
    let second = sandbox.run(&["get"]).token();
    assert_ne!(second, first, "renewed by the refresh token");
    sandbox.age_until(60);
    emulator.revoke_refresh_tokens();
    let third = sandbox.run(&["get"]).token();
    assert_ne!(third, second, "renewed by the client's credentials");
    let counters = emulator.counters();
    assert_eq!((counters.token_requests, counters.refresh, counters.refresh_reuse), (4, 2, 0));
}

#[test]
fn every_format_is_exact() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let all: String = ["token", "header", "header-value", "headers-json", "curl", "env"]
        .iter()
        .map(|format| sandbox.run(&["get", "--format", format]).to_string())
        .collect();
    assert_snapshot!("get-formats", all);
}
