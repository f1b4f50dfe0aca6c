//! The program without the cargo feature `keychain`.

use serde_json::json;
use ws1_emulator::Emulator;

use crate::sandbox::{Sandbox, assert_snapshot};

#[test]
fn a_build_without_key_store_support_says_so() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["client_secret"] = json!({ "keychain": true }));
    sandbox.set("WS1_TOKEN_VERBOSE", "1");
    let output = sandbox.run(&["get"]);
    assert_eq!(emulator.counters().connections, 0);
    assert_snapshot!("keychain-absent", output);
}
