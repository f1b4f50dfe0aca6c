//! The common cases: a fresh token, an expiring, a due one, none.

use super::*;

#[test]
fn a_fresh_token_is_served_without_lock_secret_or_request() {
    let world = World::aged(FRESH).without_secret().locks([Lock::Unusable]);
    quiet(&world.get(), "t1, 10700 s left, cached", "load");
}

#[test]
fn an_empty_cache_is_filled() {
    let world = World::empty().replies([issued("t2", LIFE).with("r2")]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 r2");
    quiet(&world.get(), "t2, 10800 s left, cached", "load");
}

#[test]
fn a_token_at_its_floor_is_not_served() {
    let world = World::aged(LIFE - 5).replies([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 -");
}

#[test]
fn a_missing_secret_setting_is_an_error() {
    let mut world = World::empty();
    world.profile.client_secret = None;
    quiet(&world.get(), "exit 2: profile `prod` has no client secret", "load, lock, load");
}

#[test]
fn an_expiring_token_is_renewed_by_whoever_gets_the_lock() {
    let world = World::aged(EXPIRING).replies([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 5000, save t2 -");
}

#[test]
fn an_expiring_token_is_served_while_another_renews() {
    let world = World::aged(EXPIRING).without_secret().locks([Lock::Busy]);
    quiet(&world.get(), "t1, 400 s left, cached", "load, busy");
}

#[test]
fn a_failed_renewal_costs_one_warning_and_one_request_per_back_off() {
    let world = World::aged(EXPIRING).replies([limited(Some(30), "HTTP 429")]);
    loud(
        &world.get(),
        "t1, 400 s left, cached",
        "load, lock, load, ask credentials 5000, save t1 - pause 31 TooManyRequests#1 for 30",
        "tenant `acme.example.com` asks for fewer requests (HTTP 429); using the cached token, 400 s left",
    );
    world.pass(30);
    quiet(&world.get(), "t1, 370 s left, cached", "load");
    world.pass(1);
    world.tenant_says([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 5000, save t2 -");
}

#[test]
fn a_due_token_is_renewed_first() {
    let world = World::aged(DUE).replies([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 -");
}

#[test]
fn a_due_token_is_waited_for_until_another_has_renewed_it() {
    let world = World::aged(DUE).without_secret().locks([Lock::Busy]).other_writes(3, renewed("t2", DUE + 3));
    quiet(&world.get(), "t2, 10800 s left, cached", "load, busy, sleep 27, load");
    assert_eq!(world.elapsed.get() / 1000, 3);
}

#[test]
fn a_due_token_is_served_when_the_wait_is_over() {
    let warning = "gave up after 15 s waiting for another ws1-token to renew profile `prod` (lock held by process 77 on \
                   `/cache/v1.lock`); using the cached token,";
    let world = World::aged(DUE).locks([Lock::Busy]);
    let effects = "load, busy, sleep 27, load, busy";
    loud(&world.get(), "t1, 85 s left, cached", effects, &format!("{warning} 85 s left"));
    assert_eq!(world.elapsed.get() / 1000, 15);
    let run = World::aged(FRESH).locks([Lock::Busy]).ask(0, Renew::Always);
    let error = "exit 3: gave up after 15 s waiting for another ws1-token to renew profile `prod` < lock held by process 77 \
                 on `/cache/v1.lock`";
    quiet(&run, error, effects);
}

#[test]
fn a_due_token_is_served_when_its_renewal_fails() {
    let world = World::aged(DUE).replies([unreachable().after(7)]);
    loud(
        &world.get(),
        "t1, 93 s left, cached",
        "load, lock, load, ask credentials 10000, save t1 - pause 2 Unreachable#1 for 1",
        "cannot get a token from tenant `acme.example.com` (connection refused); using the cached token, 93 s left",
    );
}

#[test]
fn a_due_token_whose_renewal_fails_is_enough_if_it_lives_as_long_as_is_needed() {
    let world = || World::aged(DUE).replies([unreachable()]);
    assert_eq!(world().ask(LIFE - DUE, Renew::IfNeeded).answer, "t1, 100 s left, cached");
    let error = "exit 3: cannot get a token from tenant `acme.example.com` < connection refused";
    assert_eq!(world().ask(LIFE - DUE + 1, Renew::IfNeeded).answer, error);
}

#[test]
fn a_due_token_is_served_at_once_during_a_back_off() {
    let world = World::new(DUE, Entry { renew_after: ISSUED + DUE + 1, ..t1() });
    quiet(&world.get(), "t1, 100 s left, cached", "load");
}

#[test]
fn a_token_that_ends_during_the_renewal_is_not_served() {
    let world = World::aged(LIFE - 10).replies([unreachable().after(5)]);
    quiet(
        &world.get(),
        "exit 3: cannot get a token from tenant `acme.example.com` < connection refused",
        "load, lock, load, ask credentials 3000, save t1 - pause 2 Unreachable#1 for 1",
    );
}

#[test]
fn a_wait_ends_while_the_old_token_can_still_be_used() {
    let world = World::aged(LIFE - 12).locks([Lock::Busy]);
    assert_eq!(world.get().answer, "t1, 7 s left, cached");
    let world = World::aged(LIFE - 12).replies([unreachable().after(5)]);
    let run = world.get();
    assert_eq!(run.answer, "t1, 7 s left, cached");
    assert!(run.effects.contains("ask credentials 5000"), "{}", run.effects);
    let world = World::aged(LIFE - 100).locks([Lock::Busy]);
    assert_eq!(world.ask(95, Renew::IfNeeded).answer, "t1, 96 s left, cached", "good enough for this caller");
}
