//! A cache that cannot be locked or written.

use super::refresh_token::SENT;
use super::*;

const NO_LOCKS: &str = "the cache cannot be locked, tokens may be fetched twice (not supported)";

#[test]
fn without_locks_the_credentials_are_used_after_a_random_wait() {
    let world = World::aged(EXPIRED).locks([Lock::Unsupported]).replies([issued("t2", LIFE).with("r2")]);
    let effects = "load, no lock, sleep 1000, load, ask credentials 10000, save t2 r2";
    loud(&world.get(), "t2, 10800 s left, new", effects, NO_LOCKS);
}

#[test]
fn without_locks_another_process_may_be_quicker() {
    let world =
        World::aged(EXPIRED).without_secret().locks([Lock::Unsupported]).other_writes(1, renewed("t2", EXPIRED + 1));
    loud(&world.get(), "t2, 10800 s left, cached", "load, no lock, sleep 1000, load", NO_LOCKS);
}

#[test]
fn without_locks_an_expiring_token_is_not_renewed() {
    for lock in [Lock::Unsupported, Lock::Unusable] {
        let run = World::aged(EXPIRING).without_secret().locks([lock]).get();
        assert_eq!((&*run.answer, &*run.warnings), ("t1, 400 s left, cached", ""));
    }
}

#[test]
fn without_locks_a_token_that_has_hardly_any_time_left_is_renewed() {
    let world = World::aged(LIFE - 30).without_secret().locks([Lock::Unsupported]);
    assert_eq!(world.get().answer, "t1, 30 s left, cached");
    let world = World::aged(LIFE - 29).locks([Lock::Unsupported]).replies([issued("t2", LIFE)]);
    let effects = "load, no lock, sleep 1000, load, ask credentials 10000, save t2 -";
    loud(&world.get(), "t2, 10800 s left, new", effects, NO_LOCKS);
    let world = World::aged(LIFE - 9).locks([Lock::Unusable]).replies([unreachable().after(1)]);
    assert_eq!(world.get().answer, "t1, 8 s left, cached");
}

#[test]
fn without_locks_no_refresh_token_is_sent() {
    let world = World::refreshable(EXPIRED).locks([Lock::Unsupported]).replies([issued("t2", LIFE)]);
    assert_eq!(world.get().effects, "load, no lock, sleep 1000, load, ask credentials 10000, save t2 -");
    let world = World::refreshable(EXPIRED).locks([Lock::Unusable]).replies([issued("t2", LIFE)]);
    assert_eq!(world.get().effects, "load, no cache, load, ask credentials 10000");
}

#[test]
fn without_a_cache_a_token_is_fetched_for_this_run_only() {
    let world = World::empty().locks([Lock::Unusable]).replies([issued("t2", LIFE).with("r2")]);
    let effects = "load, no cache, load, ask credentials 10000";
    loud(&world.get(), "t2, 10800 s left, new", effects, "going on without the cache (read-only)");
    assert_eq!(world.disk(), "- -");
}

#[test]
fn without_a_wish_for_a_cache_nothing_is_said_and_nobody_waits() {
    let world = World::empty().locks([Lock::Declined]).replies([issued("t2", LIFE).with("r2")]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, no cache wanted, load, ask credentials 10000");
    assert_eq!(world.disk(), "- -");
}

#[test]
fn without_a_cache_a_failure_is_told_as_it_is() {
    let world = World::empty().locks([Lock::Unusable]).replies([unreachable()]);
    let answer = "exit 3: cannot get a token from tenant `acme.example.com` < connection refused";
    let effects = "load, no cache, load, ask credentials 10000";
    loud(&world.get(), answer, effects, "going on without the cache (read-only)");
}

#[test]
fn a_token_that_cannot_be_saved_is_served_with_a_warning() {
    let mut world = World::empty().replies([issued("t2", LIFE)]);
    world.full_at = vec![1];
    let effects = "load, lock, load, ask credentials 10000, save fails";
    loud(&world.get(), "t2, 10800 s left, new", effects, "cannot write the cache (disk full)");
}

#[test]
fn a_rotation_that_cannot_be_saved_leaves_the_mark_for_the_next_run() {
    let mut world = World::refreshable(EXPIRED).replies([issued("t2", LIFE).with("r2")]);
    world.full_at = vec![2];
    let warning = "cannot write the cache (disk full)";
    loud(&world.get(), "t2, 10800 s left, new", &format!("{SENT}, save fails"), warning);
    assert_eq!(world.disk(), "t1 r1!");
    world.tenant_says([issued("t3", LIFE)]);
    quiet(&world.get(), "t3, 10800 s left, new", "load, lock, load, ask credentials 10000, save t3 -");
}
