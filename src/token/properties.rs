//! What holds for every token at every time, however the clocks are set.

use proptest::prelude::*;

use super::*;

/// Any second: often near a boundary of the type or of a decision, else anywhere.
pub(crate) fn second() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => 0..20_000_i64,
        1 => prop_oneof![Just(i64::MIN), Just(-1), Just(0), Just(2_147_483_648), Just(i64::MAX)],
        1 => any::<i64>(),
    ]
}

/// Any reading of both clocks.
pub(crate) fn reading() -> impl Strategy<Value = Now> {
    (second(), proptest::option::of(second())).prop_map(|(wall, boot)| Now { wall, boot })
}

/// Any token, sensible or not.
pub(crate) fn any_token() -> impl Strategy<Value = Token> {
    ("[a-z]{0,6}", second(), second(), proptest::option::of(second()), proptest::option::of("[ab]")).prop_map(
        |(text, issued_at, expires_at, issued_boot, boot_id)| Token {
            access_token: Secret::new(text),
            issued_at,
            expires_at,
            issued_boot,
            boot_id,
        },
    )
}

/// What the clocks allow at most on the boot of that name, in numbers that cannot overflow.
pub(crate) fn allowed(token: &Token, now: Now, id: Option<&str>) -> i128 {
    let wide = i128::from;
    let by_wall = (wide(token.issued_at) <= wide(now.wall) + wide(CLOCK_TOLERANCE))
        .then(|| wide(token.expires_at) - wide(now.wall));
    let elapsed = token.issued_boot.zip(now.boot).map(|(then, now)| wide(now) - wide(then)).filter(|time| *time >= 0);
    let by_boot = elapsed.map(|elapsed| wide(token.expires_at) - wide(token.issued_at) - elapsed);
    let by_boot = by_boot.filter(|_| id.is_some() && token.boot_id.as_deref() == id);
    [by_wall, by_boot].into_iter().flatten().min().unwrap_or(wide(i64::MIN))
}

/// The life of a usable token; mostly short, where the windows are narrow.
fn life() -> impl Strategy<Value = i64> {
    prop_oneof![FLOOR + 1..100, FLOOR + 1..10_800, FLOOR + 1..=LONGEST_LIFE]
}

/// Freshness as a number: the more, the fresher.
fn rank(freshness: Freshness) -> u8 {
    match freshness {
        Freshness::Expired => 0,
        Freshness::Due => 1,
        Freshness::Expiring => 2,
        Freshness::Fresh => 3,
    }
}

/// A token of the boot `a` that is as old as its life allows, with that life.
fn alive(text: String, life: i64) -> Token {
    Token {
        access_token: Secret::new(text),
        issued_at: 1_000_000,
        expires_at: 1_000_000 + life,
        issued_boot: Some(5_000),
        boot_id: Some("a".to_owned()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1024, ..ProptestConfig::default() })]

    /// Numbers beyond the type are cut, but that brings no token to life.
    #[test]
    fn neither_clock_is_exceeded(token in any_token(), now in reading(), id in proptest::option::of("[ab]")) {
        let remaining = token.remaining(now, &|| id.clone());
        prop_assert!(i128::from(remaining) <= allowed(&token, now, id.as_deref()).max(0), "{remaining}");
    }

    /// Real time passes and the wall clock is set, again and again: the expiry never moves later.
    #[test]
    fn setting_the_clock_lengthens_no_life(
        life in 6..LONGEST_LIFE,
        steps in proptest::collection::vec((0..4_000_000_i64, prop_oneof![-500..500_i64, -100_000_000..100_000_000_i64]), 1..6),
    ) {
        let token = alive("t".to_owned(), life);
        let (mut passed, mut set) = (0, 0);
        for (time, jump) in steps {
            passed += time;
            set += jump;
            let now = Now { wall: token.issued_at + passed + set, boot: Some(5_000 + passed) };
            let remaining = token.remaining(now, &|| Some("a".to_owned()));
            prop_assert!(remaining <= life - passed, "{remaining} of {}", life - passed);
            prop_assert!(set > 0 || remaining == life - passed, "a clock set back shortens nothing: {remaining}");
        }
    }

    /// After a reboot only the wall clock is left, and a token from its future is unknown.
    #[test]
    fn a_reboot_leaves_the_wall_clock(
        life in 6..LONGEST_LIFE,
        later in -1_000_000..1_000_000_i64,
        boot in 0..10_000_i64,
    ) {
        let token = alive("t".to_owned(), life);
        let now = Now { wall: token.issued_at + later, boot: Some(boot) };
        let remaining = token.remaining(now, &|| Some("b".to_owned()));
        if later < -CLOCK_TOLERANCE {
            prop_assert_eq!(remaining, i64::MIN);
        } else {
            prop_assert!((life - later - 1..=life - later).contains(&remaining), "{}", remaining);
        }
    }

    #[test]
    fn more_time_never_makes_a_token_staler(
        text in "[a-z]{0,6}",
        life in 0..=LONGEST_LIFE,
        less in second(),
        more in second(),
        min_life in second(),
    ) {
        let token = alive(text, life);
        let (less, more) = (less.min(more), less.max(more));
        prop_assert!(rank(token.freshness(less, min_life)) <= rank(token.freshness(more, min_life)));
        prop_assert!(rank(token.freshness(more, min_life)) <= rank(token.freshness(more, min_life.saturating_sub(1))));
    }

    #[test]
    fn windows_scale_with_the_life(text in "[a-z]{0,6}", life in life(), part in 0..1_000_i64) {
        let token = alive(text, life);
        let remaining = life * part / 1000;
        let freshness = token.freshness(remaining, 0);
        let (advisory, mandatory) = ((life / 5).min(600), (life / 20).min(120));
        prop_assert_eq!(token.freshness(life, 0), Freshness::Fresh, "a new token is never renewed at once");
        prop_assert_eq!(freshness == Freshness::Expired, remaining <= 5);
        prop_assert_eq!(freshness == Freshness::Due, remaining > 5 && remaining <= mandatory);
        if remaining > advisory.max(5) {
            prop_assert_eq!(freshness, Freshness::Fresh);
        }
        if remaining > mandatory.max(5) && remaining <= advisory * 4 / 5 {
            prop_assert_eq!(freshness, Freshness::Expiring, "at most a fifth of the window is taken off");
        }
    }

    #[test]
    fn no_number_is_too_much(token in any_token(), now in reading(), min_life in second()) {
        let remaining = token.remaining(now, &|| Some("a".to_owned()));
        token.freshness(remaining, min_life);
        prop_assert!(token.best_life(remaining, min_life) >= 0 || token.life() < 0);
    }
}
