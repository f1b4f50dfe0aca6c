//! Callers that reject the cached token.

use super::*;

#[test]
fn force_refresh_gets_a_new_token() {
    let world = World::aged(FRESH).replies([issued("t2", LIFE)]);
    let effects = "load, lock, load, ask credentials 10000, save t2 -";
    quiet(&world.ask(0, Renew::Always), "t2, 10800 s left, new", effects);
    let world = World::aged(FRESH).replies([issued("t2", 600)]);
    quiet(&world.ask(0, Renew::Always), "t2, 600 s left, new", effects);
}

#[test]
fn force_refresh_that_brings_no_new_token_is_an_error_and_keeps_the_good_one() {
    // Five seconds are too few to be handed out.
    for takes in [5, 6] {
        let world = World::aged(FRESH).replies([issued("t2", 10).after(takes)]);
        let effects = "load, lock, load, ask credentials 10000, save t1 - pause 60";
        let error = "exit 1: no new token < the tenant's new token is no better than the cached one";
        quiet(&world.ask(0, Renew::Always), error, effects);
    }
}

#[test]
fn force_refresh_is_content_with_a_renewal_after_its_start() {
    let world = World::aged(FRESH).without_secret().locks([Lock::HeldAfter(renewed("t2", FRESH))]);
    quiet(&world.ask(0, Renew::Always), "t2, 10800 s left, cached", "load, lock, load");
    let world = World::aged(FRESH).without_secret().locks([Lock::Busy]).other_writes(1, renewed("t2", FRESH + 1));
    quiet(&world.ask(0, Renew::Always), "t2, 10800 s left, cached", "load, busy, sleep 27, load");
}

#[test]
fn force_refresh_overrides_the_back_off_that_it_finds() {
    let failure = Some(Box::new(failed(FailureKind::Denied(None), FRESH, 60)));
    let renew_after = ISSUED + FRESH + 60;
    for entry in [Entry { failure: failure.clone(), ..Entry::default() }, Entry { renew_after, failure, ..t1() }] {
        let world = World::new(FRESH + 10, entry).replies([issued("t2", LIFE)]);
        let effects = "load, lock, load, ask credentials 10000, save t2 -";
        quiet(&world.ask(0, Renew::Always), "t2, 10800 s left, new", effects);
    }
}

#[test]
fn force_refresh_overrides_a_failure_that_is_noted_beside_the_entry() {
    let world = World::empty();
    world.noted.replace(Some(failed(FailureKind::Denied(None), 0, 60)));
    assert!(world.get().answer.ends_with("no new attempt for 60 s"));
    world.tenant_says([issued("t2", LIFE)]);
    assert_eq!(world.ask(0, Renew::Always).answer, "t2, 10800 s left, new");
}

#[test]
fn force_refresh_respects_a_back_off_that_began_after_its_start() {
    let failure = Some(Box::new(failed(FailureKind::Denied(None), FRESH, 60)));
    let world = World::aged(FRESH).locks([Lock::HeldAfter(Entry { failure: failure.clone(), ..t1() })]);
    let error = "exit 4: tenant `acme.example.com` rejected client `ci-bot` of profile `prod` < what it said < no new \
                 attempt for 60 s";
    quiet(&world.ask(0, Renew::Always), error, "load, lock, load");
    let before = Entry { failure: failure.clone(), ..Entry::default() };
    let again =
        Entry { failure: failure.map(|failure| Box::new(Failure { count: 2, ..*failure })), ..Entry::default() };
    let world = World::new(FRESH, before).locks([Lock::HeldAfter(again)]);
    assert_eq!(world.ask(0, Renew::Always).effects, "load, lock, load", "not the one that it found");
}

#[test]
fn force_refresh_that_fails_is_an_error_and_keeps_the_valid_token() {
    let world = World::aged(FRESH).replies([unreachable()]);
    let effects = "load, lock, load, ask credentials 10000, save t1 - pause 2 Unreachable#1 for 1";
    let error = "exit 3: cannot get a token from tenant `acme.example.com` < connection refused";
    quiet(&world.ask(0, Renew::Always), error, effects);
    quiet(&world.get(), "t1, 10700 s left, cached", "load");
}

#[test]
fn a_token_that_replaced_a_refused_one_is_not_replaced_again_at_once() {
    let world = World::aged(FRESH).replies([issued("t2", LIFE)]);
    assert_eq!(world.ask(0, Renew::IfRejected(fingerprint(&secret("t1")))).answer, "t2, 10800 s left, new");
    let again = || world.ask(0, Renew::IfRejected(fingerprint(&secret("t2"))));
    world.pass(29);
    quiet(&again(), "t2, 10771 s left, cached", "load");
    world.pass(1);
    world.tenant_says([issued("t3", LIFE)]);
    assert_eq!(again().answer, "t3, 10800 s left, new");
}

#[test]
fn a_refused_token_is_renewed_unless_it_is_cached_no_more() {
    let refused = fingerprint(&secret("t1"));
    let world = World::aged(FRESH).replies([issued("t2", LIFE)]);
    let insist = Renew::IfRejected(refused);
    let effects = "load, lock, load, ask credentials 10000, save t2 -";
    quiet(&world.ask(0, insist.clone()), "t2, 10800 s left, new", effects);
    quiet(&world.ask(0, insist), "t2, 10800 s left, cached", "load");
}

#[test]
fn a_refused_token_is_no_reason_to_override_a_back_off() {
    let world =
        World::new(FRESH, Entry { failure: Some(Box::new(failed(FailureKind::Denied(None), FRESH, 60))), ..t1() });
    let run = world.ask(0, Renew::IfRejected(fingerprint(&secret("t1"))));
    assert_eq!((&*run.answer, &*run.effects), ("t1, 10700 s left, cached", "load"));
}

#[test]
fn fingerprints_tell_tokens_apart() {
    let world = World::aged(FRESH);
    let (served, ..) = world.run(|broker| broker.obtain(&TokenRequest::default()).unwrap());
    assert_eq!(served.fingerprint(), fingerprint(&secret("t1")));
    assert_ne!(served.fingerprint(), fingerprint(&secret("t2")));
    assert_eq!((served.life, served.expires_at()), (LIFE, ISSUED + LIFE));
}
