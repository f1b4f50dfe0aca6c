//! A proof of credentials.

use super::*;

/// A login's proof: the life it found or the failure, the effects and what is on the disk afterwards.
fn proved(world: &World) -> String {
    let (result, effects, warnings) = world.run(|broker| broker.prove(&secret("client-secret-1")));
    assert!(world.replies.borrow().is_empty(), "a reply was not asked for: {effects}");
    let result = result.map_or_else(|error| told(&error), |life| format!("{life} s"));
    format!("{result}\n{effects}\n{warnings}\n{}", world.disk())
}

#[test]
fn a_proof_asks_with_credentials_whatever_is_cached() {
    for (world, disk) in [
        (World::empty(), "t2 -"),
        (World::refreshable(FRESH), "t2 -"),
        (World::new(FRESH, Entry { refresh_in_flight: true, refresh_token: Some(secret("r1")), ..t1() }), "t2 -"),
        (
            World::new(
                EXPIRED,
                Entry { failure: Some(Box::new(failed(FailureKind::Denied(None), EXPIRED, 60))), ..Entry::default() },
            ),
            "t2 -",
        ),
    ] {
        let world = world.replies([issued("t2", 60)]);
        assert_eq!(proved(&world), format!("60 s\nlock, load, ask credentials 10000, save {disk}\n\n{disk}"));
    }
    let world = World::refreshable(FRESH).replies([issued("t2", LIFE).with("r2")]);
    assert!(proved(&world).ends_with("t2 r2"));
}

#[test]
fn a_refused_proof_leaves_the_entry_as_it_is() {
    let backed_off = Entry { failure: Some(Box::new(failed(FailureKind::Denied(None), FRESH, 60))), ..t1() };
    for entry in [Entry::default(), t1(), Entry { refresh_token: Some(secret("r1")), ..t1() }, backed_off] {
        for reply in [denied("HTTP 401"), unreachable(), broken(), untrusted()] {
            let world = World::new(FRESH, entry.clone()).replies([reply]);
            let before = world.disk();
            let told = proved(&world);
            assert!(told.contains("\nlock, load, ask credentials 10000\n"), "{told}");
            assert!(told.ends_with(&before), "{told}");
        }
    }
}

#[test]
fn a_proof_waits_for_the_lock_and_does_without_a_cache() {
    let world = World::empty().locks([Lock::Busy, Lock::Busy, Lock::Held]).replies([issued("t2", LIFE)]);
    assert!(proved(&world).contains("busy, sleep 27, busy, sleep 27, lock, load, ask credentials 10000, save t2 -"));
    let world = World::empty().locks([Lock::Busy]);
    assert!(proved(&world).starts_with("exit 3: gave up after 15 s waiting"));
    let world = World::empty().locks([Lock::Unusable]).replies([issued("t2", LIFE)]);
    let told = proved(&world);
    assert!(told.starts_with(&format!("{LIFE} s\nno cache, load, ask credentials 10000\ngoing on without")), "{told}");
    let world = World::refreshable(FRESH).locks([Lock::Unsupported]).replies([issued("t2", LIFE)]);
    let told = proved(&world);
    assert!(told.contains("no lock, load, ask credentials 10000, save t2 -\nthe cache cannot be locked"), "{told}");
}
