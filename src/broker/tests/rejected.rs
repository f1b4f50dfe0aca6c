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
fn force_refresh_keeps_a_good_token_if_the_new_one_ended_on_its_way() {
    // Five seconds are too few to be handed out.
    for takes in [5, 6] {
        let world = World::aged(FRESH).replies([issued("t2", 10).after(takes)]);
        let effects = "load, lock, load, ask credentials 10000, save t1 - pause 60";
        let answer = format!("t1, {} s left, cached", LIFE - FRESH - takes);
        quiet(&world.ask(0, Renew::Always), &answer, effects);
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
    let failure = Some(failed(FailureKind::Denied(None), FRESH, 60));
    let renew_after = ISSUED + FRESH + 60;
    for entry in [Entry { failure: failure.clone(), ..Entry::default() }, Entry { renew_after, failure, ..t1() }] {
        let world = World::new(FRESH + 10, entry).replies([issued("t2", LIFE)]);
        let effects = "load, lock, load, ask credentials 10000, save t2 -";
        quiet(&world.ask(0, Renew::Always), "t2, 10800 s left, new", effects);
    }
}

#[test]
fn force_refresh_respects_a_back_off_that_began_after_its_start() {
    let failure = Some(failed(FailureKind::Denied(None), FRESH, 60));
    let world = World::aged(FRESH).locks([Lock::HeldAfter(Entry { failure: failure.clone(), ..t1() })]);
    loud(
        &world.ask(0, Renew::Always),
        "t1, 10700 s left, cached",
        "load, lock, load",
        "tenant `acme.example.com` rejected client `ci-bot` of profile `prod` (what it said); using the cached token, \
         10700 s left",
    );
    let before = Entry { failure: failure.clone(), ..Entry::default() };
    let again = Entry { failure: failure.map(|failure| Failure { count: 2, ..failure }), ..Entry::default() };
    let world = World::new(FRESH, before).locks([Lock::HeldAfter(again)]);
    assert_eq!(world.ask(0, Renew::Always).effects, "load, lock, load", "not the one that it found");
}

#[test]
fn force_refresh_that_fails_serves_the_valid_token() {
    let world = World::aged(FRESH).replies([unreachable()]);
    loud(
        &world.ask(0, Renew::Always),
        "t1, 10700 s left, cached",
        "load, lock, load, ask credentials 10000, save t1 - pause 1 Unreachable#1 for 1",
        "cannot get a token from tenant `acme.example.com` (connection refused); using the cached token, 10700 s left",
    );
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
    let world = World::new(FRESH, Entry { failure: Some(failed(FailureKind::Denied(None), FRESH, 60)), ..t1() });
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
