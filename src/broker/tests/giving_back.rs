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
fn a_token_that_is_another_or_none_is_not_dropped() {
    assert_eq!(World::aged(0).discard("t1"), "load, lock, load, save - -", "a young one is");
    assert_eq!(World::aged(FRESH).discard("t0"), "load");
    assert_eq!(World::empty().discard("t1"), "load");
    assert_eq!(World::aged(FRESH).locks([Lock::HeldAfter(renewed("t2", 0))]).discard("t1"), "load, lock, load");
}

#[test]
fn what_replaced_a_refused_token_is_kept_for_half_a_minute_and_its_refusals_are_counted() {
    let world = World::aged(FRESH).replies([issued("t2", LIFE)]);
    world.discard("t1");
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
    let refusals = || world.run(|broker| broker.obtain(&TokenRequest::default()).unwrap().refused_by).0;
    for _ in 0..17 {
        world.discard("t2");
    }
    assert_eq!(refusals(), [7; 16], "no more than that are kept");
    assert_eq!(world.discard("t2"), "load, lock, load", "nor written");
    world.pass(29);
    assert_eq!((refusals().len(), world.get().answer.as_str()), (16, "t2, 10771 s left, cached"));
    world.pass(1);
    assert_eq!(refusals(), [] as [u32; 0], "it may be tried again");
    assert_eq!(world.discard("t2"), "load, lock, load, save - -");
    world.tenant_says([issued("t3", LIFE)]);
    assert_eq!(world.get().answer, "t3, 10800 s left, new");
    assert_eq!(refusals(), [] as [u32; 0]);
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
