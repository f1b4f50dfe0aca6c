//! A token in time: how long it lasts, and what is to be done about that. Pure; the time is always an argument.

use serde::{Deserialize, Serialize};

use crate::clock::Now;
use crate::secret::{self, Secret};

/// A token with less than this many seconds left is never handed out: the caller still has to use it.
pub(crate) const FLOOR: i64 = 5;

/// Longest life that is believed, in seconds: 400 days. Tenants issue a year at the most.
pub(crate) const LONGEST_LIFE: i64 = 400 * 24 * 3600;

/// Life assumed when neither the reply nor the token states one, in seconds.
pub(crate) const ASSUMED_LIFE: i64 = 300;

/// Advisory window at its widest, in seconds: one process renews, the others go on with the valid token.
const ADVISORY: i64 = 600;

/// Mandatory window at its widest, in seconds: everybody waits for the renewal.
const MANDATORY: i64 = 120;

/// Seconds that a token or a failure may come from the future before the clock is taken to have been set back.
pub(crate) const CLOCK_TOLERANCE: i64 = 300;

/// Seconds by which two clocks that agree may differ: both are cut to whole seconds.
const SAME_CLOCK: i64 = 1;

/// An access token and its time.
#[expect(clippy::struct_field_names, reason = "`access_token` is its name in RFC 6749")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    /// The token: RFC 6750 b64token characters only, at most 16 KiB.
    #[serde(with = "secret::exposed")]
    pub(crate) access_token: Secret,
    /// Wall-clock second (Unix, UTC) at which the request that brought it was started.
    pub(crate) issued_at: i64,
    /// Wall-clock second (Unix, UTC) at which it ends.
    pub(crate) expires_at: i64,
    /// Boot-clock second of `issued_at`.
    pub(crate) issued_boot: Option<i64>,
    /// Which boot that clock belongs to.
    pub(crate) boot_id: Option<String>,
}

/// What a token's age means for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Serve it.
    Fresh,
    /// Serve it; one process renews it meanwhile.
    Expiring,
    /// Renew it first; serve it if that fails.
    Due,
    /// Never serve it.
    Expired,
}

impl Token {
    /// Its whole life in seconds.
    pub(crate) fn life(&self) -> i64 {
        self.expires_at.saturating_sub(self.issued_at)
    }

    /// Seconds left, by the wall clock and by the boot clock: the smaller counts.
    ///
    /// A clock set back must not lengthen a life: where the wall clock is plainly before the token's issue, only the boot
    /// clock counts. Boot clocks of two boots or two machines have nothing to do with each other, so `boot_id` is compared
    /// wherever the boot clock would decide. It is not asked while both clocks agree, as on the cached path.
    pub(crate) fn remaining(&self, now: Now, boot_id: &dyn Fn() -> Option<String>) -> i64 {
        let elapsed = self.issued_boot.zip(now.boot).filter(|(then, now)| now >= then);
        let by_boot = elapsed.map(|(then, now)| self.life().saturating_sub(now.saturating_sub(then)));
        let of_this_boot = |by_boot: &i64| (self.boot_id.is_some() && self.boot_id == boot_id()).then_some(*by_boot);
        if self.issued_at > now.wall.saturating_add(CLOCK_TOLERANCE) {
            return by_boot.as_ref().and_then(of_this_boot).unwrap_or(i64::MIN);
        }
        let by_wall = self.expires_at.saturating_sub(now.wall);
        match by_boot {
            Some(by_boot) if by_boot < by_wall.saturating_sub(SAME_CLOCK) => of_this_boot(&by_boot).unwrap_or(by_wall),
            Some(by_boot) => by_boot.min(by_wall),
            None => by_wall,
        }
    }

    /// The life to report to a caller that asks for more: the whole, or what is left if the whole would suffice.
    pub(crate) fn best_life(&self, remaining: i64, wanted: i64) -> i64 {
        if self.life() < wanted { self.life() } else { remaining.max(0) }
    }

    /// The verdict on a token with `remaining` seconds left, for a caller that needs `min_ttl` of them.
    ///
    /// Both windows are a share of the life, so that tokens of half a minute are not renewed on every call.
    pub(crate) fn freshness(&self, remaining: i64, min_ttl: i64) -> Freshness {
        if remaining <= FLOOR || remaining < min_ttl {
            Freshness::Expired
        } else if remaining <= (self.life() / 20).min(MANDATORY) {
            Freshness::Due
        } else if remaining <= self.advisory_window() {
            Freshness::Expiring
        } else {
            Freshness::Fresh
        }
    }

    /// The advisory window in seconds, less up to 20 %: machines that got their tokens together renew apart.
    ///
    /// The share comes from the token itself, so the cached path draws no random number and the verdict is repeatable.
    fn advisory_window(&self) -> i64 {
        let widest = (self.life() / 5).min(ADVISORY);
        let share =
            self.access_token.expose().bytes().rev().take(4).fold(0_i64, |sum, byte| sum * 31 + i64::from(byte));
        widest - widest * (share % 21) / 100
    }
}

#[cfg(test)]
pub(crate) mod properties;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use Freshness::{Due, Expired, Expiring, Fresh};

    /// A token of the present boot that was issued at wall second 1,000,000 and boot second 5,000.
    pub(crate) fn token(text: &str, life: i64) -> Token {
        Token {
            access_token: Secret::new(text.to_owned()),
            issued_at: 1_000_000,
            expires_at: 1_000_000 + life,
            issued_boot: Some(5_000),
            boot_id: Some("this".to_owned()),
        }
    }

    fn left(token: &Token, wall: i64, boot: Option<i64>, id: &str) -> i64 {
        let id = id.to_owned();
        token.remaining(Now { wall, boot }, &move || Some(id.clone()))
    }

    #[test]
    fn the_smaller_of_both_clocks_counts() {
        let token = token("t", 3600);
        assert_eq!(left(&token, 1_000_100, Some(5_100), "this"), 3500);
        assert_eq!(left(&token, 1_000_100, None, "this"), 3500, "no boot clock");
        assert_eq!(left(&token, 1_000_000, Some(8_500), "this"), 100, "wall clock stands still");
        assert_eq!(left(&token, 1_086_400, Some(5_100), "this"), -82_800, "wall clock a day forward");
        assert_eq!(left(&token, 1_000_200, Some(60), "next"), 3400, "after a reboot");
        assert_eq!(left(&token, 1_000_200, Some(900_000), "other"), 3400, "on a machine that has been up for longer");
        assert_eq!(left(&token, 1_000_200, Some(900_000), "this"), -891_400, "the wall clock was set back by hours");
    }

    #[test]
    fn a_wall_clock_set_back_lengthens_nothing() {
        let token = token("t", 3600);
        let yesterday = 1_000_000 - 86_400;
        assert_eq!(left(&token, yesterday, Some(5_100), "this"), 3500, "the boot clock decides");
        assert_eq!(left(&token, yesterday, Some(9_000), "this"), -400);
        assert_eq!(left(&token, yesterday, Some(9_000), "other"), i64::MIN, "another boot: nothing is known");
        assert_eq!(left(&token, yesterday, Some(60), "this"), i64::MIN);
        assert_eq!(left(&token, yesterday, None, "this"), i64::MIN);
        assert_eq!(left(&token, 0, Some(5_100), "this"), 3500, "1970");
        assert_eq!(left(&token, i64::MIN, Some(5_100), "this"), 3500);
        assert!(left(&token, i64::MAX, Some(i64::MAX), "this") < 0);
    }

    #[test]
    fn clocks_of_two_machines_may_differ_by_five_minutes() {
        let token = token("t", 3600);
        assert_eq!(left(&token, 999_700, Some(5_000), "this"), 3600, "never longer than its life");
        assert_eq!(left(&token, 999_700, None, "other"), 3900, "by this machine's clock, as nothing else is known");
        assert_eq!(left(&token, 999_699, None, "other"), i64::MIN);
        assert_eq!(left(&token, 999_699, Some(5_000), "this"), 3600);
    }

    #[test]
    fn the_best_life_is_the_whole_where_that_is_too_short() {
        let token = token("t", 3600);
        assert_eq!(
            (token.best_life(100, 3601), token.best_life(100, 3600), token.best_life(100, 60)),
            (3600, 100, 100)
        );
        assert_eq!(token.best_life(-5, 60), 0);
    }

    #[test]
    fn windows_are_a_share_of_the_life() {
        let verdicts = |life: i64, left: &[i64]| -> Vec<Freshness> {
            left.iter().map(|left| token("t", life).freshness(*left, 0)).collect()
        };
        // The share of `t` is 116 % 21 = 11 %: 600 s become 534 s, 60 s become 54 s.
        assert_eq!(
            verdicts(10_800, &[10_800, 535, 534, 121, 120, 6, 5, 0, -1]),
            [Fresh, Fresh, Expiring, Expiring, Due, Due, Expired, Expired, Expired]
        );
        assert_eq!(verdicts(300, &[300, 55, 54, 16, 15, 6, 5]), [Fresh, Fresh, Expiring, Expiring, Due, Due, Expired]);
        assert_eq!(verdicts(30, &[30, 7, 6, 5]), [Fresh, Fresh, Expiring, Expired]);
        assert_eq!(verdicts(6, &[6, 5]), [Fresh, Expired]);
    }

    #[test]
    fn a_caller_may_need_more_than_the_floor() {
        let token = token("t", 10_800);
        assert_eq!(token.freshness(3_600, 3_600), Freshness::Fresh);
        assert_eq!(token.freshness(3_599, 3_600), Freshness::Expired);
    }
}
