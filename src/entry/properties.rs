//! What holds for every entry and every caller at every time.

use proptest::prelude::*;

use super::*;
use crate::token::properties::{allowed, any_token, reading, second};

/// Any kind of failure.
fn class() -> impl Strategy<Value = FailureClass> {
    use FailureClass::{Denied, Limited, Unavailable, Unusable};
    prop_oneof![Just(Unavailable), Just(Limited), Just(Denied), Just(Unusable)]
}

/// Any record of a failure, sensible or not.
fn failure() -> impl Strategy<Value = Failure> {
    (class(), second(), second(), any::<u32>()).prop_map(|(class, at, until, count)| Failure {
        class,
        detail: String::new(),
        at,
        until,
        count,
        secret: None,
    })
}

/// Any entry.
fn entry() -> impl Strategy<Value = Entry> {
    (proptest::option::of(any_token()), second(), proptest::option::of(failure()))
        .prop_map(|(token, renew_after, failure)| Entry { token, renew_after, failure, ..Entry::default() })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2048, ..ProptestConfig::default() })]

    /// Every verdict keeps its promise, for any numbers at all.
    #[test]
    fn verdicts(
        entry in entry(),
        now in reading(),
        min_life in second(),
        rejects in any::<bool>(),
        overrides in any::<bool>(),
        changed in any::<bool>(),
    ) {
        let rejected = entry.token.as_ref().filter(|_| rejects).map(|token| token.access_token.clone());
        let overridden = entry.failure.clone().filter(|_| overrides);
        let ask = Ask { min_life, rejected, overridden };
        let boot_id = || Some("a".to_owned());
        match entry.verdict(&ask, now, &boot_id, &|_| changed) {
            Verdict::Serve(token, remaining) => {
                prop_assert!(!rejects);
                prop_assert!(remaining > 5 && remaining >= min_life);
                prop_assert!(i128::from(remaining) <= allowed(token, now));
            }
            Verdict::HoldBack(failure, seconds) => {
                prop_assert!(!overrides && !changed);
                prop_assert!((1..=3600).contains(&seconds));
                prop_assert_eq!(i128::from(failure.until) - i128::from(now.wall), i128::from(seconds));
                prop_assert!(i128::from(failure.at) <= i128::from(now.wall) + 300, "a failure of the future");
            }
            Verdict::TooShort(life) => prop_assert!(!rejects && life < min_life),
            Verdict::Renew(Freshness::Expired) => {}
            Verdict::Renew(_) => prop_assert!(entry.servable(now, &boot_id).is_some()),
        }
    }

    /// What may be served is above the floor by both clocks.
    #[test]
    fn servable_is_above_the_floor(entry in entry(), now in reading()) {
        if let Some((token, remaining)) = entry.servable(now, &|| Some("a".to_owned())) {
            prop_assert!(remaining > 5 && i128::from(remaining) <= allowed(token, now));
        }
    }

    /// A back-off is never nothing, never longer than what a reader of the entry believes, and never shrinks.
    #[test]
    fn back_off_is_within_bounds(
        class in class(),
        count in any::<u32>(),
        retry_after in proptest::option::of(second()),
        roll in 0..1_000_i64,
    ) {
        let (least, most) = match class {
            FailureClass::Unavailable => (1, 60),
            FailureClass::Limited => (1, LONGEST_BACK_OFF),
            FailureClass::Denied => (54, 990),
            FailureClass::Unusable => (5, 60),
        };
        let pause = class.back_off(count, retry_after, roll);
        prop_assert!((least..=most).contains(&pause), "{pause}");
        prop_assert!(class.back_off(count.saturating_add(1), retry_after, roll) >= pause);
    }
}
