//! Failures, and when the next attempt is due.

use super::*;

#[test]
fn failures_of_one_class_make_the_back_off_grow() {
    let world = World::empty();
    let mut pauses = Vec::new();
    for _ in 0..6 {
        world.tenant_says([refused(FailureKind::Unusable, "HTML")]);
        world.get();
        pauses.push(world.disk());
        world.pass(60);
    }
    assert_eq!(
        pauses,
        [(5, 1), (10, 2), (20, 3), (40, 4), (60, 5), (60, 6)]
            .map(|(pause, count)| format!("- - pause {pause} Unusable#{count} for {pause}"))
    );
    world.tenant_says([denied("HTTP 401")]);
    world.get();
    assert_eq!(world.disk(), "- - pause 60 Denied#1 for 60", "another class begins anew");
    world.pass(60);
    world.tenant_says([issued("t2", LIFE)]);
    world.get();
    assert_eq!(world.disk(), "t2 -", "a success ends it");
}

#[test]
fn the_back_off_is_spread_by_chance() {
    for (roll, pause) in [(0, 54), (999, 65)] {
        let world = World::empty().replies([denied("HTTP 401")]);
        world.roll.set(roll);
        world.get();
        assert_eq!(world.disk(), format!("- - pause {pause} Denied#1 for {pause}"));
    }
}

#[test]
fn a_failure_is_told_again_in_its_own_words() {
    let world = World::empty().replies([refused(FailureKind::Unusable, "HTTP 200 with an HTML page")]);
    let error = "exit 5: `https://acme.example.com/SAAS/auth/oauthtoken` did not answer as a token endpoint < HTTP 200 \
                 with an HTML page";
    assert_eq!(world.get().answer, error);
    quiet(&world.get(), &format!("{error} < no new attempt for 5 s"), "load");
}

#[test]
fn a_back_off_counts_from_the_failure_not_from_the_request() {
    let world = World::empty().replies([refused(FailureKind::Unusable, "HTML").after(8)]);
    world.get();
    assert_eq!(world.disk(), "- - pause 5 Unusable#1 for 5");
}

#[test]
fn a_changed_secret_is_tried_at_once() {
    let world = World::new(10, Entry { failure: Some(failed(FailureKind::Denied(None), 0, 60)), ..Entry::default() });
    assert_eq!(world.get().effects, "load");
    let world = world.client_secret("s2").replies([denied("HTTP 401")]);
    let effects = "load, lock, load, ask credentials 10000, save - - pause 120 Denied#2 for 120";
    assert_eq!(world.get().effects, effects);
    assert_eq!(world.get().effects, "load", "the new one is no better");
    let world = world.client_secret("s1").replies([issued("t2", LIFE)]);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

#[test]
fn a_secret_that_is_dear_to_read_waits_for_the_back_off() {
    let mut world =
        World::new(10, Entry { failure: Some(failed(FailureKind::Denied(None), 0, 60)), ..Entry::default() });
    let (account, profile) = ("ci-bot@acme.example.com".to_owned(), "prod".to_owned());
    world.profile.client_secret = Some(SecretSource::Keychain { account, profile });
    assert_eq!(world.get().effects, "load");
    world.profile.client_secret = None;
    assert_eq!(world.get().effects, "load");
}

#[test]
fn an_unreadable_secret_does_not_withhold_a_valid_token() {
    loud(
        &World::aged(EXPIRING).without_secret().get(),
        "t1, 400 s left, cached",
        "load, lock, load",
        "cannot read the client secret of profile `prod` (the environment variable `GONE` is not set); using the \
         cached token, 400 s left",
    );
    let error = "exit 2: cannot read the client secret of profile `prod` < the environment variable `GONE` is not set";
    quiet(&World::aged(EXPIRED).without_secret().get(), error, "load, lock, load");
}

#[test]
fn a_certificate_that_is_not_trusted_starts_no_back_off() {
    let world = World::empty().replies([untrusted()]);
    quiet(
        &world.get(),
        "exit 2: cannot verify the certificate of `acme.example.com` < invalid certificate",
        "load, lock, load, ask credentials 10000, save - -",
    );
    world.tenant_says([issued("t2", LIFE)]);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}
