//! What holds for every entry and every caller at every time.

use proptest::prelude::*;

use super::*;
use crate::failure::{CertificateProblem, ErrorCode, LocalFailure, ProxyProblem, TlsProblem};
use crate::token::properties::{allowed, any_token, reading, second};

/// Any kind of failure.
pub(crate) fn any_kind() -> impl Strategy<Value = FailureKind> {
    use FailureKind::{
        Certificate, Denied, Interrupted, Local, Proxy, ServerError, TimedOut, Tls, TooManyRequests, Unreachable,
        Unusable,
    };
    let names = proptest::collection::vec(any::<String>(), 0..4);
    prop_oneof![
        Just(Unreachable),
        Just(Interrupted),
        Just(TimedOut),
        Just(ServerError),
        Just(TooManyRequests),
        proptest::option::of(Just(ErrorCode::InvalidScope)).prop_map(Denied),
        Just(Unusable),
        names.prop_map(|names| Certificate(CertificateProblem::WrongName(names))),
        any::<i64>().prop_map(|at| Certificate(CertificateProblem::Expired(at))),
        Just(Tls(TlsProblem::TooOld)),
        proptest::option::of(any::<String>())
            .prop_map(|name| Proxy(ProxyProblem::Certificate(CertificateProblem::UnknownIssuer(name)))),
        (any::<String>(), proptest::option::of(any::<String>()), any::<bool>())
            .prop_map(|(what, hint, is_setting)| Local(Box::new(LocalFailure { what, hint, is_setting }))),
    ]
}

/// Any record of a failure, sensible or not.
fn failure() -> impl Strategy<Value = Failure> {
    (any_kind(), second(), second(), any::<u32>()).prop_map(|(kind, at, until, count)| Failure {
        kind,
        cause: String::new(),
        at,
        until,
        count,
        tried: Vec::new(),
    })
}

/// Any entry.
fn entry() -> impl Strategy<Value = Entry> {
    (proptest::option::of(any_token()), second(), proptest::option::of(failure().prop_map(Box::new)))
        .prop_map(|(token, renew_after, failure)| Entry { token, renew_after, failure, ..Entry::default() })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2048, ..ProptestConfig::default() })]

    /// Every verdict keeps its promise, for any numbers at all.
    #[test]
    fn verdicts(
        entry in entry(),
        now in reading(),
        min_ttl in second(),
        rejects in any::<bool>(),
        overrides in any::<bool>(),
        was_tried in any::<bool>(),
    ) {
        let mut entry = entry;
        if let Some(failure) = entry.failure.as_mut().filter(|_| was_tried) {
            failure.tried.push(7);
        }
        let rejected = entry.token.as_ref().filter(|_| rejects).map(|token| token.access_token.clone());
        let overridden = entry.failure.clone().filter(|_| overrides);
        let need = Need { min_ttl, rejected, overridden, must_renew: false };
        let boot_id = || Some("a".to_owned());
        match entry.verdict(&need, now, &boot_id, &|| 7) {
            Verdict::Serve(token, remaining) => {
                prop_assert!(!rejects);
                prop_assert!(remaining > 5 && remaining >= min_ttl);
                prop_assert!(i128::from(remaining) <= allowed(token, now, Some("a")));
            }
            Verdict::HoldBack(failure, seconds) => {
                prop_assert!(!overrides && was_tried);
                prop_assert!((1..=3600).contains(&seconds));
                prop_assert_eq!((i128::from(failure.until) - i128::from(now.wall)).max(1), i128::from(seconds));
                prop_assert!(i128::from(failure.at) <= i128::from(now.wall) + 300, "a failure of the future");
            }
            Verdict::TooShort(life) => prop_assert!(!rejects && life < min_ttl),
            Verdict::Renew(Freshness::Expired) => {}
            Verdict::Renew(_) => prop_assert!(entry.servable(now, &boot_id).is_some()),
        }
    }

    /// What may be served is above the floor by both clocks.
    #[test]
    fn servable_is_above_the_floor(entry in entry(), now in reading()) {
        if let Some((token, remaining)) = entry.servable(now, &|| Some("a".to_owned())) {
            prop_assert!(remaining > 5 && i128::from(remaining) <= allowed(token, now, Some("a")));
        }
    }

    /// A back-off is never nothing, never longer than what a reader of the entry believes, and never shrinks.
    #[test]
    fn back_off_is_within_bounds(
        kind in any_kind(),
        count in any::<u32>(),
        retry_after in proptest::option::of(second()),
        roll in 0..1_000_i64,
    ) {
        let (least, most) = match &kind {
            FailureKind::Unreachable
            | FailureKind::Interrupted
            | FailureKind::TimedOut
            | FailureKind::Proxy(_) => (1, 60),
            FailureKind::TooManyRequests | FailureKind::ServerError => (1, LONGEST_BACK_OFF),
            FailureKind::Denied(_) => (54, 990),
            FailureKind::Unusable => (5, 60),
            FailureKind::Certificate(_) | FailureKind::Tls(_) => (10, 60),
            FailureKind::Local(local) => if local.is_setting { (5, 30) } else { (1, 1) },
        };
        let pause = kind.back_off(count, retry_after, roll);
        prop_assert!((least..=most).contains(&pause), "{pause}");
        prop_assert!(kind.back_off(count.saturating_add(1), retry_after, roll) >= pause);
    }
}
