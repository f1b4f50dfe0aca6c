//! Replies that bring no gain.

use super::*;

#[test]
fn a_reply_that_ends_no_later_is_not_taken() {
    for left in [300, 400] {
        let world = World::aged(EXPIRING).replies([issued("t2", left)]);
        let effects = "load, lock, load, ask credentials 5000, save t1 - pause 60";
        quiet(&world.get(), "t1, 400 s left, cached", effects);
        world.pass(59);
        quiet(&world.get(), "t1, 341 s left, cached", "load");
        world.pass(1);
        world.tenant_says([issued("t2", 341)]);
        quiet(&world.get(), "t2, 341 s left, new", "load, lock, load, ask credentials 5000, save t2 -");
    }
}

#[test]
fn a_life_that_is_too_short_for_the_caller_costs_one_request_a_minute() {
    let world = World::empty().replies([issued("t2", 300)]);
    let error = "exit 2: tenant `acme.example.com` issues tokens for 300 s, less than the 3600 s asked for";
    quiet(&world.ask(3600, Renew::IfNeeded), error, "load, lock, load, ask credentials 10000, save t2 - pause 60");
    world.pass(59);
    quiet(&world.ask(3600, Renew::IfNeeded), error, "load");
    quiet(&world.get(), "t2, 241 s left, cached", "load");
    world.pass(1);
    world.tenant_says([issued("t3", LIFE)]);
    let effects = "load, lock, load, ask credentials 10000, save t3 -";
    quiet(&world.ask(3600, Renew::IfNeeded), "t3, 10800 s left, new", effects);
}

#[test]
fn a_life_that_is_just_what_the_caller_needs_is_enough_if_the_reply_took_no_second() {
    let world = World::empty().replies([issued("t2", 3600)]);
    let effects = "load, lock, load, ask credentials 10000, save t2 -";
    quiet(&world.ask(3600, Renew::IfNeeded), "t2, 3600 s left, new", effects);
    let world = World::empty().replies([issued("t2", 3600).after(1)]);
    let error =
        |left| format!("exit 2: tenant `acme.example.com` issues tokens for {left} s, less than the 3600 s asked for");
    quiet(&world.ask(3600, Renew::IfNeeded), &error(3599), &format!("{effects} pause 60"));
    world.pass(59);
    quiet(&world.ask(3600, Renew::IfNeeded), &error(3540), "load");
    quiet(&world.get(), "t2, 3540 s left, cached", "load");
    world.pass(1);
    world.tenant_says([issued("t3", 3600)]);
    quiet(
        &world.ask(3600, Renew::IfNeeded),
        "t3, 3600 s left, new",
        "load, lock, load, ask credentials 10000, save t3 -",
    );
}

#[test]
fn a_token_that_the_tenant_issues_again_costs_one_request_a_minute_too() {
    let world = World::aged(LIFE - 1000).replies([issued("t1", 1000)]);
    let error =
        |left| format!("exit 2: tenant `acme.example.com` issues tokens for {left} s, less than the 3600 s asked for");
    let effects = "load, lock, load, ask credentials 10000, save t1 - pause 60";
    quiet(&world.ask(3600, Renew::IfNeeded), &error(1000), effects);
    world.pass(59);
    quiet(&world.ask(3600, Renew::IfNeeded), &error(941), "load");
    quiet(&world.get(), "t1, 941 s left, cached", "load");
}

#[test]
fn a_caller_that_needs_more_than_is_left_gets_a_new_token_or_an_error() {
    let world = World::aged(LIFE - 1000).replies([issued("t2", LIFE)]);
    let effects = "load, lock, load, ask credentials 10000, save t2 -";
    quiet(&world.ask(3600, Renew::IfNeeded), "t2, 10800 s left, new", effects);
    let world = World::aged(LIFE - 1000).replies([unreachable()]);
    quiet(
        &world.ask(3600, Renew::IfNeeded),
        "exit 3: cannot get a token from tenant `acme.example.com` < connection refused",
        "load, lock, load, ask credentials 10000, save t1 - pause 2 Unreachable#1 for 1",
    );
    quiet(
        &world.ask(3600, Renew::IfNeeded),
        "exit 3: cannot get a token from tenant `acme.example.com` < connection refused < no new attempt for 1 s",
        "load",
    );
    world.pass(2);
    world.tenant_says([issued("t2", LIFE)]);
    assert_eq!(world.ask(3600, Renew::IfNeeded).answer, "t2, 10800 s left, new");
    let world = World::aged(30).replies([issued("t2", LIFE)]);
    assert_eq!(world.ask(LIFE - 10, Renew::IfNeeded).answer, "t2, 10800 s left, new", "also if the old one is young");
}

#[test]
fn a_life_that_nobody_stated_is_told() {
    let world = World::empty();
    let Reply(_, issued) = issued("t2", ASSUMED_LIFE);
    world.tenant_says([Reply(0, issued.map(|issued| TokenResponse { life_is_assumed: true, ..issued }))]);
    loud(
        &world.get(),
        "t2, 300 s left, new",
        "load, lock, load, ask credentials 10000, save t2 -",
        "the reply of tenant `acme.example.com` has no `expires_in`, assuming 300 s",
    );
}
