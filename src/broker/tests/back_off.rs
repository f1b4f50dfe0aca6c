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
        world.pass(61);
    }
    assert_eq!(
        pauses,
        [(5, 1), (10, 2), (20, 3), (40, 4), (60, 5), (60, 6)]
            .map(|(pause, count)| format!("- - pause {} Unusable#{count} for {pause}", pause + 1))
    );
    world.tenant_says([denied("HTTP 401")]);
    world.get();
    assert_eq!(world.disk(), "- - pause 61 Denied#1 for 60", "another class begins anew");
    world.pass(61);
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
        assert_eq!(world.disk(), format!("- - pause {} Denied#1 for {pause}", pause + 1));
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
    assert_eq!(world.disk(), "- - pause 6 Unusable#1 for 5");
}

#[test]
fn a_changed_secret_is_tried_at_once() {
    let world =
        World::new(10, Entry { failure: Some(Box::new(failed(FailureKind::Denied(None), 0, 60))), ..Entry::default() });
    assert_eq!(world.get().effects, "load");
    let world = world.client_secret("s2").replies([denied("HTTP 401")]);
    let effects = "load, lock, load, ask credentials 10000, save - - pause 121 Denied#2 for 120";
    assert_eq!(world.get().effects, effects);
    assert_eq!(world.get().effects, "load", "the new one is no better");
    let world = world.client_secret("s3").replies([issued("t2", LIFE)]);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

#[test]
fn a_secret_that_is_dear_to_read_waits_for_the_back_off() {
    let mut world =
        World::new(10, Entry { failure: Some(Box::new(failed(FailureKind::Denied(None), 0, 60))), ..Entry::default() });
    let source = |program: &str| Some(SecretSource::Command(vec![program.to_owned()]));
    world.profile.client_secret = source("no-such-program");
    world.disk.borrow_mut().failure.as_mut().unwrap().tried = vec![failure::fingerprint(&world.profile, "id", "")];
    assert_eq!(world.get().effects, "load");
    world.profile.client_secret = source("no-such-program-either");
    assert!(world.get().effects.starts_with("load, lock, load"), "another command is tried at once");
}

#[test]
fn a_setting_that_changes_during_the_request_is_tried_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut again = file.reopen().unwrap();
    let mut world = World::empty().replies([denied("HTTP 401")]);
    world.profile.ca_file = Some(file.path().to_owned());
    world.meanwhile.replace(Some(Box::new(move || again.write_all(b"another").unwrap())));
    world.get();
    world.tenant_says([issued("t2", LIFE)]);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

#[test]
fn what_ends_before_its_time_is_no_failure() {
    let mut world = World::aged(LIFE - 12);
    world.profile.client_secret = Some(SecretSource::Command(vec!["no-such-program".to_owned()]));
    quiet(&world.get(), "t1, 12 s left, cached", "load, lock, load");
    let world = World::aged(LIFE - 12).replies([refused(FailureKind::TimedOut, "no reply").after(5)]);
    assert_eq!(world.get().answer, "t1, 7 s left, cached");
    assert_eq!(world.disk(), "t1 -");
}

#[test]
fn an_unreadable_secret_does_not_withhold_a_valid_token() {
    loud(
        &World::aged(EXPIRING).without_secret().get(),
        "t1, 400 s left, cached",
        "load, lock, load",
        "cannot read the secret of profile `prod` (the environment variable `GONE` is not set); using the \
         cached token, 400 s left",
    );
    let error = "exit 2: cannot read the secret of profile `prod` < the environment variable `GONE` is not set";
    let world = World::aged(EXPIRED).without_secret();
    quiet(&world.get(), error, "load, lock, load");
    quiet(&world.get(), error, "load, lock, load");
}

#[test]
fn a_certificate_that_is_not_trusted_is_remembered_for_a_moment() {
    let world = World::empty().replies([untrusted()]);
    let error = "exit 2: cannot verify the certificate of `acme.example.com` < invalid certificate";
    quiet(&world.get(), error, "load, lock, load, ask credentials 10000, save - - pause 11 Certificate#1 for 10");
    quiet(&world.get(), &format!("{error} < no new attempt for 10 s"), "load");
    world.pass(11);
    world.tenant_says([issued("t2", LIFE)]);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

#[test]
fn another_ca_file_is_tried_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut world = World::empty().replies([untrusted()]);
    world.profile.ca_file = Some(file.path().to_owned());
    world.get();
    assert_eq!(world.get().effects, "load");
    std::fs::File::create(file.path()).unwrap().write_all(b"another certificate").unwrap();
    world.tenant_says([issued("t2", LIFE)]);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

#[test]
fn two_wrong_secrets_in_turn_are_both_remembered() {
    let mut world = World::empty().client_secret("client-secret-1").replies([denied("HTTP 401")]);
    world.get();
    world = world.client_secret("client-secret-2").replies([denied("HTTP 401")]);
    world.get();
    for secret in ["client-secret-1", "client-secret-2", "client-secret-1"] {
        world = world.client_secret(secret);
        assert_eq!(world.get().effects, "load", "{secret}");
    }
    let world = world.client_secret("s3").replies([issued("t2", LIFE)]);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

#[test]
fn what_this_machine_does_not_allow_is_no_reason_for_others_to_wait() {
    let no_thread = || fails(RequestError::local(Error::system("cannot send a request").because("no threads")));
    let world = World::empty().replies([no_thread()]);
    let effects = "load, lock, load, ask credentials 10000, save - -";
    quiet(&world.get(), "exit 1: cannot send a request < no threads", effects);
    world.tenant_says([issued("t2", LIFE)]);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

#[test]
fn a_failure_that_cannot_be_stored_is_noted_beside_the_entry() {
    let mut world = World::empty().replies([denied("HTTP 401")]);
    world.full_at = (1..9).collect();
    let error = "exit 4: tenant `acme.example.com` rejected client `ci-bot` of profile `prod` < HTTP 401";
    let effects = "load, lock, load, ask credentials 10000, save fails, note";
    loud(&world.get(), error, effects, "cannot write the cache (disk full)");
    quiet(&world.get(), &format!("{error} < no new attempt for 60 s"), "load, lock, load");
    world.pass(61);
    world.tenant_says([issued("t2", LIFE)]);
    world.full_at.clear();
    assert_eq!(world.get().answer, "t2, 10800 s left, new", "the note is over");
    quiet(&world.get(), "t2, 10800 s left, cached", "load");
}

#[test]
fn a_secret_command_that_fails_is_remembered() {
    let mut world = World::aged(EXPIRED);
    world.profile.client_secret = Some(SecretSource::Command(vec!["no-such-program".to_owned()]));
    let error = "exit 2: cannot read the secret of profile `prod` < ";
    let run = world.get();
    assert!(run.answer.starts_with(error) && run.effects.ends_with("save t1 - pause 6 Local#1 for 5"), "{run:?}");
    let run = world.get();
    assert!(run.answer.starts_with(error) && run.answer.ends_with("no new attempt for 5 s"), "{run:?}");
    assert_eq!(run.effects, "load");
}
