//! Clocks that are set, and lives that count from the request.

use super::*;

#[test]
fn a_life_counts_from_the_start_of_its_request() {
    let world = World::empty().replies([issued("t2", LIFE).after(8)]);
    assert_eq!(world.get().answer, "t2, 10792 s left, new");
    let world = World::refreshable(EXPIRED).replies([broken().after(3), issued("t2", LIFE).after(2)]);
    assert_eq!(world.get().answer, "t2, 10798 s left, new", "the request that brought it");
}

#[test]
fn a_reply_that_took_longer_than_its_tokens_life_is_not_served() {
    let world = World::empty().replies([issued("t2", 10).after(6)]);
    let run = world.get();
    assert_eq!(
        run.answer,
        "exit 5: `https://acme.example.com/SAAS/auth/oauthtoken` did not answer as a token endpoint < the new token has \
         expired on arrival"
    );
}

#[test]
fn a_wall_clock_set_back_lengthens_no_life() {
    for back in [200, 86_400] {
        let world = World::aged(FRESH);
        world.wall.set(ISSUED - back);
        quiet(&world.get(), "t1, 10700 s left, cached", "load");
        world.pass(LIFE - FRESH);
        world.tenant_says([issued("t2", LIFE)]);
        assert_eq!(world.get().answer, "t2, 10800 s left, new");
        quiet(&world.get(), "t2, 10800 s left, cached", "load");
    }
}

#[test]
fn a_wall_clock_set_back_over_a_reboot_makes_a_token_unknown() {
    let world = World::aged(FRESH).replies([issued("t2", LIFE)]);
    world.wall.set(ISSUED - 86_400);
    world.boot_id.set("next");
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
}

#[test]
fn a_wall_clock_set_forward_costs_one_request() {
    let world = World::aged(FRESH).replies([issued("t2", LIFE)]);
    world.wall.set(ISSUED + 86_400);
    assert_eq!(world.get().answer, "t2, 10800 s left, new");
    quiet(&world.get(), "t2, 10800 s left, cached", "load");
    world.wall.set(ISSUED);
    quiet(&world.get(), "t2, 10800 s left, cached", "load");
}

#[test]
fn a_wall_clock_set_back_lengthens_no_back_off() {
    let world = World::empty().replies([denied("HTTP 401")]);
    world.get();
    for back in [1_800, 86_400] {
        world.wall.set(ISSUED - back);
        world.tenant_says([denied("HTTP 401")]);
        let run = world.get();
        assert!(run.effects.starts_with("load, lock, load, ask credentials"), "{back}: {run:?}");
    }
}
