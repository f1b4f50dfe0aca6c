//! Files and directories of other users: nothing of theirs is believed, and nothing is written where they could swap it.
//!
//! Only root can give a file away, so only root runs these.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use ws1_emulator::Emulator;

use crate::sandbox::{Sandbox, assert_snapshot, mode, set_mode};
use crate::skip::is_root;

/// A user and a group that are not those of the test.
const OTHER: u32 = 65_534;

/// A tenant and a sandbox for it.
fn tenant() -> (Emulator, Sandbox) {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    (emulator, sandbox)
}

/// Gives a file to another user; its mode stays.
fn give_away(path: &Path) {
    chown(path, Some(OTHER), None).unwrap();
}

#[test]
fn a_secret_file_of_another_user_is_refused() {
    if !is_root("only root can give a file away") {
        return;
    }
    let (emulator, sandbox) = tenant();
    give_away(&sandbox.secret_file());
    assert_eq!(mode(&sandbox.secret_file()), 0o600);
    let output = sandbox.run(&["get"]);
    assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{output}");
    assert_snapshot!("owners-secret", output);
    assert_eq!(emulator.counters().connections, 0);
    let shared = serde_json::json!({ "file": sandbox.secret_file(), "allow_shared_file": true });
    sandbox.edit_profile(|profile| profile["client_secret"] = shared);
    sandbox.run(&["get"]).token();
}

#[test]
fn a_cache_entry_of_another_user_is_replaced() {
    if !is_root("only root can give a file away") {
        return;
    }
    let (emulator, sandbox) = tenant();
    let planted = sandbox.run(&["get"]).token();
    give_away(&sandbox.entry_file());
    assert_eq!(mode(&sandbox.entry_file()), 0o600);
    let output = sandbox.run(&["get"]);
    assert_ne!(output.stdout.trim_end(), planted);
    assert_snapshot!("owners-entry", output);
    let counters = emulator.counters();
    assert_eq!((counters.client_credentials, counters.refresh), (2, 0), "nothing of the entry is used");
    assert_eq!(std::fs::metadata(sandbox.entry_file()).unwrap().uid(), 0);
    assert_eq!(sandbox.run(&["get"]).token(), emulator.issued()[1]);
}

#[test]
fn a_parent_that_another_group_can_write_to_costs_nothing() {
    if !is_root("only root can give a file away") {
        return;
    }
    for parent in ["home/.cache", "home"] {
        let (emulator, sandbox) = tenant();
        std::fs::create_dir_all(sandbox.path("home/.cache")).unwrap();
        chown(sandbox.path(parent), None, Some(OTHER)).unwrap();
        set_mode(&sandbox.path(parent), 0o770);
        let token = sandbox.run(&["get"]).token();
        assert_eq!(sandbox.run(&["get"]).token(), token, "{parent}");
        assert_eq!(emulator.counters().token_requests, 1, "{parent}");
        assert_eq!((mode(&sandbox.cache_dir()), mode(&sandbox.path(parent))), (0o700, 0o770), "{parent}");
    }
}
