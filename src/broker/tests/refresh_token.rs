//! The refresh token: marked before it is sent, and never sent twice.

use super::*;

/// The effects of a run up to and with sending `r1`.
pub(super) const SENT: &str = "load, lock, load, save t1 r1!, ask refresh r1 10000";

#[test]
fn a_refresh_is_marked_before_and_the_rotated_token_kept_after() {
    let world = World::refreshable(DUE).replies([issued("t2", LIFE).with("r2")]);
    quiet(&world.get(), "t2, 10800 s left, new", &format!("{SENT}, save t2 r2"));
    assert_eq!(world.disk(), "t2 r2");
}

#[test]
fn a_reply_without_a_refresh_token_keeps_the_old_one() {
    let world = World::refreshable(EXPIRED).replies([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", &format!("{SENT}, save t2 r1"));
}

#[test]
fn a_dropped_access_token_leaves_the_refresh_token_usable() {
    let world = World::new(FRESH, Entry { refresh_token: Some(secret("r1")), ..Entry::default() });
    world.tenant_says([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, save - r1!, ask refresh r1 10000, save t2 r1");
}

#[test]
fn a_profile_without_refresh_neither_sends_nor_keeps_one() {
    let mut world = World::refreshable(DUE).replies([issued("t2", LIFE).with("r2")]);
    world.profile.use_refresh_token = false;
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 -");
}

#[test]
fn a_refresh_token_that_cannot_be_marked_is_not_sent() {
    let mut world = World::refreshable(DUE).replies([issued("t2", LIFE)]);
    world.full_at = vec![1];
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, save fails, ask credentials 10000, save t2 r1");
}

#[test]
fn a_marked_refresh_token_is_dropped() {
    let marked = Entry { refresh_token: Some(secret("r1")), refresh_in_flight: true, ..t1() };
    let world = World::new(DUE, marked.clone()).replies([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 -");
    let world = World::new(DUE, marked).replies([unreachable()]);
    assert_eq!(
        world.get().effects,
        "load, lock, load, ask credentials 10000, save t1 - pause 2 Unreachable#1 for 1",
        "also when nothing replaces it"
    );
}

#[test]
fn a_run_that_dies_after_sending_leaves_the_mark() {
    let world = World::refreshable(DUE);
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.get()));
    assert!(died.is_err(), "the tenant has no script");
    assert_eq!(world.disk(), "t1 r1!");
    world.tenant_says([issued("t2", LIFE)]);
    quiet(&world.get(), "t2, 10800 s left, new", "load, lock, load, ask credentials 10000, save t2 -");
}

/// A reply; then the failure in the entry, the exit status, the error and its cause.
type Row<'a> = (fn() -> Reply, [&'a str; 4]);

#[test]
fn a_refresh_token_that_was_not_looked_at_is_kept_and_nothing_else_is_tried() {
    let no_token = "cannot get a token from tenant `acme.example.com`";
    let rejected = "tenant `acme.example.com` rejected client `ci-bot` of profile `prod`";
    let too_many = "tenant `acme.example.com` asks for fewer requests";
    let unverified = "cannot verify the certificate of `acme.example.com`";
    let no_request = || fails(RequestError::local(Error::system("no threads").because("none left")));
    let rows: [Row; 5] = [
        (unreachable, [" pause 2 Unreachable#1 for 1", "exit 3", no_token, "connection refused"]),
        (
            || denied("HTTP 401 invalid_client"),
            [" pause 61 Denied#1 for 60", "exit 4", rejected, "HTTP 401 invalid_client"],
        ),
        (|| limited(None, "HTTP 429"), [" pause 61 TooManyRequests#1 for 60", "exit 3", too_many, "HTTP 429"]),
        (untrusted, [" pause 11 Certificate#1 for 10", "exit 2", unverified, "invalid certificate"]),
        (no_request, ["", "exit 1", "no threads", "none left"]),
    ];
    for (reply, [failure, exit, what, why]) in rows {
        let effects = format!("{SENT}, save t1 r1{failure}");
        let world = World::refreshable(EXPIRED).replies([reply()]);
        quiet(&world.get(), &format!("{exit}: {what} < {why}"), &effects);
        let world = World::refreshable(DUE).replies([reply()]);
        let warning = format!("{what} ({why}); using the cached token, 100 s left");
        loud(&world.get(), "t1, 100 s left, cached", &effects, &warning);
    }
}

#[test]
fn a_refused_refresh_token_is_dropped_and_the_credentials_are_tried_at_once() {
    for cause in ["HTTP 400 \"invalid_grant\"", "HTTP 403", "HTTP 200 \"invalid_grant\""] {
        for (age, limit) in [(EXPIRING, 5_000), (DUE, 10_000), (EXPIRED, 10_000)] {
            let world = World::refreshable(age).replies([denied(cause), issued("t2", LIFE)]);
            quiet(
                &world.get(),
                "t2, 10800 s left, new",
                &format!("load, lock, load, save t1 r1!, ask refresh r1 {limit}, ask credentials {limit}, save t2 -"),
            );
        }
    }
}

/// The failures after which the refresh token may have been consumed, and how each is reported.
fn doubtful() -> [(Reply, &'static str); 3] {
    [
        (broken(), " pause 2 Interrupted#1 for 1"),
        (refused(FailureKind::ServerError, "HTTP 503"), " pause 2 ServerError#1 for 1"),
        (refused(FailureKind::Unusable, "HTTP 200 with malformed JSON"), " pause 6 Unusable#1 for 5"),
    ]
}

#[test]
fn a_refresh_token_in_doubt_is_dropped_and_the_valid_token_served() {
    for (reply, failure) in doubtful() {
        let world = World::refreshable(DUE).replies([reply]);
        let run = world.get();
        assert_eq!(run.answer, "t1, 100 s left, cached");
        assert_eq!(run.effects, format!("{SENT}, save t1 -{failure}"));
        assert!(run.warnings.ends_with("; using the cached token, 100 s left"), "{}", run.warnings);
    }
}

#[test]
fn a_refresh_token_in_doubt_is_dropped_and_the_credentials_replace_an_expired_token() {
    for (reply, _) in doubtful() {
        let world = World::refreshable(EXPIRED).replies([reply.after(4), issued("t2", LIFE).with("r2")]);
        quiet(&world.get(), "t2, 10800 s left, new", &format!("{SENT}, ask credentials 6000, save t2 r2"));
    }
}

#[test]
fn when_both_grants_fail_the_second_failure_counts() {
    let world = World::refreshable(EXPIRED).replies([denied("HTTP 400"), limited(Some(7), "HTTP 429")]);
    quiet(
        &world.get(),
        "exit 3: tenant `acme.example.com` asks for fewer requests < HTTP 429",
        &format!("{SENT}, ask credentials 10000, save t1 - pause 8 TooManyRequests#1 for 7"),
    );
}

#[test]
fn the_second_grant_gets_half_a_second_at_least() {
    let world = World::refreshable(EXPIRED).replies([broken().after(10), issued("t2", LIFE)]);
    assert_eq!(world.get().effects, format!("{SENT}, ask credentials 500, save t2 -"));
}
