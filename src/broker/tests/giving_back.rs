//! A caller gives a token back as refused.

use super::*;

#[test]
fn a_token_that_is_given_back_is_dropped() {
    let failure = Some(Box::new(failed(FailureKind::Unusable, 0, 5)));
    let entry = Entry { refresh_token: Some(secret("r1")), renew_after: ISSUED + FRESH + 60, failure, ..t1() };
    let world = World::new(FRESH, entry);
    assert_eq!(world.discard("t1"), "load, lock, load, save - r1 Unusable#1 for -95");
}

#[test]
fn a_token_that_is_young_or_another_or_none_is_not_dropped() {
    assert_eq!(World::aged(29).discard("t1"), "load");
    assert_eq!(World::aged(30).discard("t1"), "load, lock, load, save - -");
    assert_eq!(World::aged(FRESH).discard("t0"), "load");
    assert_eq!(World::empty().discard("t1"), "load");
    assert_eq!(World::aged(FRESH).locks([Lock::HeldAfter(renewed("t2", 0))]).discard("t1"), "load, lock, load");
}

#[test]
fn giving_back_waits_for_the_lock_for_two_seconds() {
    assert_eq!(
        World::aged(FRESH).locks([Lock::Busy, Lock::Held]).discard("t1"),
        "load, busy, sleep 27, load, lock, load, save - -"
    );
    let world = World::aged(FRESH).locks([Lock::Busy]);
    assert_eq!(world.discard("t1"), "load, busy, sleep 27, load, busy");
    assert_eq!(world.elapsed.get() / 100, 20);
    assert_eq!(World::aged(FRESH).locks([Lock::Unusable]).discard("t1"), "load, no cache");
    assert_eq!(World::aged(FRESH).locks([Lock::Unsupported]).discard("t1"), "load, no lock, load, save - -");
    let without_lock = World::refreshable(FRESH).locks([Lock::Unsupported]).discard("t1");
    assert_eq!(without_lock, "load, no lock, load, save - -", "the refresh token is not written back");
}
