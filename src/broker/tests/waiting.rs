//! Waiting for the lock, and the second look under it.

use super::*;

#[test]
fn a_waiter_sees_the_new_entry_without_the_lock() {
    let world = World::empty().without_secret().locks([Lock::Busy]).other_writes(1, renewed("t2", 1));
    quiet(&world.get(), "t2, 10800 s left, cached", "load, busy, sleep 27, load");
}

#[test]
fn a_waiter_takes_over_when_the_leader_is_gone() {
    let world = World::empty().locks([Lock::Busy, Lock::Busy, Lock::Held]).replies([issued("t2", LIFE)]);
    quiet(
        &world.get(),
        "t2, 10800 s left, new",
        "load, busy, sleep 27, load, lock, load, ask credentials 10000, save t2 -",
    );
}

#[test]
fn a_waiter_tells_the_leaders_failure_again() {
    let failure = Some(Box::new(failed(FailureKind::Denied(None), EXPIRED, 60)));
    let world = World::aged(EXPIRED).locks([Lock::Busy]).other_writes(2, Entry { failure, ..t1() });
    quiet(
        &world.get(),
        "exit 4: tenant `acme.example.com` rejected client `ci-bot` of profile `prod` < what it said < no new attempt \
         for 58 s",
        "load, busy, sleep 27, load",
    );
}

#[test]
fn every_class_of_failure_is_told_again_with_its_own_status() {
    for (class, exit) in [
        (FailureKind::Unreachable, "exit 3: cannot get a token from tenant `acme.example.com`"),
        (FailureKind::TooManyRequests, "exit 3: tenant `acme.example.com` asks for fewer requests"),
        (FailureKind::Denied(None), "exit 4: tenant `acme.example.com` rejected client `ci-bot` of profile `prod`"),
        (
            FailureKind::Unusable,
            "exit 5: `https://acme.example.com/SAAS/auth/oauthtoken` did not answer as a token endpoint",
        ),
    ] {
        let world = World::new(10, Entry { failure: Some(Box::new(failed(class, 0, 60))), ..Entry::default() });
        quiet(&world.get(), &format!("{exit} < what it said < no new attempt for 50 s"), "load");
    }
}

#[test]
fn a_wait_that_is_over_names_the_holder() {
    let world = World::empty().locks([Lock::Busy]);
    quiet(
        &world.get(),
        "exit 3: gave up after 15 s waiting for another ws1-token to renew profile `prod` < lock held by process 77 on \
         `/cache/v1.lock`",
        "load, busy, sleep 27, load, busy",
    );
}

#[test]
fn a_leader_that_was_held_up_gets_the_rest_of_the_runs_time() {
    for (late, limit) in [(14, 10_000), (20, 5_000), (60, 500)] {
        let world = World::empty().locks([Lock::HeldLate(late)]).replies([issued("t2", LIFE)]);
        assert_eq!(world.get().effects, format!("load, lock, load, ask credentials {limit}, save t2 -"));
    }
}

#[test]
fn what_was_renewed_before_the_lock_is_served() {
    for age in [EXPIRING, DUE, EXPIRED] {
        let world = World::aged(age).without_secret().locks([Lock::HeldAfter(renewed("t2", age))]);
        quiet(&world.get(), "t2, 10800 s left, cached", "load, lock, load");
    }
}

#[test]
fn what_failed_before_the_lock_is_not_repeated() {
    let failure = Some(Box::new(failed(FailureKind::Unusable, EXPIRED, 5)));
    let world = World::aged(EXPIRED).locks([Lock::HeldAfter(Entry { failure, ..t1() })]);
    let run = world.get();
    assert_eq!(run.effects, "load, lock, load");
    assert!(run.answer.ends_with("< what it said < no new attempt for 5 s"), "{}", run.answer);
}

#[test]
fn an_entry_that_is_not_trusted_is_told_once_and_replaced() {
    let mut world = World::refreshable(FRESH).replies([issued("t2", LIFE)]);
    world.read = |_| Loaded::Untrusted("mode 644".to_owned());
    loud(
        &world.get(),
        "t2, 10800 s left, new",
        "load, lock, load, ask credentials 10000, save t2 -",
        "ignoring a cache file that others could have changed (mode 644)",
    );
    world.tenant_says([issued("t3", LIFE)]);
    world.read = |_| Loaded::Unusable("a directory".to_owned());
    assert_eq!(world.get().warnings, "ignoring a cache that cannot be used (a directory)");
}
