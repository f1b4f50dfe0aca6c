//! What is remembered of one identity between runs, and what follows from it for a caller. Pure.

use serde::{Deserialize, Serialize};

use crate::clock::Now;
use crate::failure::{FailureKind, RequestFailure};
use crate::secret::{self, Secret};
use crate::token::{CLOCK_TOLERANCE, FLOOR, Freshness, Token};

/// Longest back-off in seconds: a longer one on disk was written under another clock and is ignored.
const LONGEST_BACK_OFF: i64 = 3600;

/// Seconds for which nothing is renewed after a renewal that brought nothing better.
pub(crate) const NO_GAIN_PAUSE: i64 = 60;

/// Seconds after which a token that replaced a rejected one may be replaced in turn.
const REPLACED_PAUSE: i64 = 30;

/// Refusals of one token that are kept.
const REFUSALS_LIMIT: usize = 16;

/// Fingerprints that are kept of one failure.
const TRIED_LIMIT: usize = 8;

/// The content of a cache entry. Unknown fields make it another format, hence a miss.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The access token, if there is one.
    pub(crate) token: Option<Token>,
    /// The refresh token, if the tenant issued one and the profile uses it.
    #[serde(with = "secret::exposed::optional")]
    pub(crate) refresh_token: Option<Secret>,
    /// Set, on disk, before the refresh token is sent: if it is set, the token may have been consumed.
    pub(crate) refresh_in_flight: bool,
    /// Wall-clock second at which a caller's rejection of the token led to a new one; 0 if none did.
    pub(crate) replaced_at: i64,
    /// Checksums of the hosts that refused the new one all the same, the latest last. It is written only where it is not
    /// empty, so that other entries are those of programs that do not know it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused_by: Vec<u32>,
    /// Wall-clock second before which a token that is still valid is not renewed.
    pub(crate) renew_after: i64,
    /// The last failure, until a renewal succeeds.
    pub(crate) failure: Option<Box<Failure>>,
}

/// A failed renewal, kept so that other processes do not repeat it at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    /// Why it failed.
    pub(crate) kind: FailureKind,
    /// The same in words that repeat no secret.
    pub(crate) cause: String,
    /// Wall-clock second of the failure.
    pub(crate) at: i64,
    /// Wall-clock second before which no attempt is made.
    pub(crate) until: i64,
    /// How many failures of this kind came one after the other.
    pub(crate) count: u32,
    /// Fingerprints of the secrets and settings that failed so, the latest last; others are tried at once.
    pub(crate) tried: Vec<u32>,
}

/// What a caller needs, in terms of the entry that was there at the start of its run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Need {
    /// Seconds of life that the token must have left.
    pub(crate) min_ttl: i64,
    /// A token that must not be handed out again if the tenant issues another.
    pub(crate) rejected: Option<Secret>,
    /// A failure that is no reason to hold back: it was there before the caller insisted.
    pub(crate) overridden: Option<Box<Failure>>,
    /// The caller accepts only a new token; otherwise it wants the error.
    pub(crate) must_renew: bool,
}

/// What to do about an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// Hand this token out; so many seconds are left.
    Serve(&'a Token, i64),
    /// This recent failure still counts; so many seconds are left until the next attempt.
    HoldBack(&'a Failure, i64),
    /// The tenant's tokens do not live as long as the caller wants: their life in seconds.
    TooShort(i64),
    /// Renew; the verdict on what is there tells how urgently.
    Renew(Freshness),
}

impl Entry {
    /// The token and the seconds it has left, if it may be served at all.
    pub(crate) fn servable(&self, now: Now, boot_id: &dyn Fn() -> Option<String>) -> Option<(&Token, i64)> {
        let token = self.token.as_ref()?;
        Some((token, token.remaining(now, boot_id))).filter(|(_, remaining)| *remaining > FLOOR)
    }

    /// Wall-clock second at which the token ends, if there is one.
    pub(crate) fn expires_at(&self) -> Option<i64> {
        self.token.as_ref().map(|token| token.expires_at)
    }

    /// The secrets in it, which no report may repeat.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let token = self.token.as_ref().map(|token| &token.access_token);
        token.into_iter().chain(&self.refresh_token).cloned().collect()
    }

    /// Whether a caller's rejection led to a new token just now: another rejection is not the token's fault.
    pub(crate) fn is_replaced(&self, now: i64) -> bool {
        self.replaced_at <= now && now.saturating_sub(self.replaced_at) < REPLACED_PAUSE
    }

    /// Takes note that a host refused the token: it is dropped, unless it replaced a refused one just now. Whether that
    /// changed anything.
    pub(crate) fn refuse(&mut self, host: u32, now: i64) -> bool {
        if !self.is_replaced(now) {
            (self.token, self.renew_after, self.replaced_at) = (None, 0, now);
            self.refused_by.clear();
            return true;
        }
        let has_room = self.refused_by.len() < REFUSALS_LIMIT;
        if has_room {
            self.refused_by.push(host);
        }
        has_room
    }

    /// The decision for a caller. `fingerprint` is asked only while a failure would hold the caller back.
    pub(crate) fn verdict(
        &self,
        need: &Need,
        now: Now,
        boot_id: &dyn Fn() -> Option<String>,
        fingerprint: &dyn Fn() -> u32,
    ) -> Verdict<'_> {
        let pausing = within(now.wall, self.renew_after);
        let acceptable = self.token.as_ref().filter(|token| need.rejected.as_ref() != Some(&token.access_token));
        if let Some(token) = acceptable {
            let remaining = token.remaining(now, boot_id);
            match token.freshness(remaining, need.min_ttl) {
                Freshness::Fresh => return Verdict::Serve(token, remaining),
                Freshness::Expiring | Freshness::Due if pausing => return Verdict::Serve(token, remaining),
                Freshness::Expired if remaining > FLOOR && self.is_the_best(token, remaining, need, pausing) => {
                    return Verdict::TooShort(token.best_life(remaining, need.min_ttl));
                }
                Freshness::Expired => {}
                urgency => return Verdict::Renew(urgency),
            }
        }
        match self.failure.as_deref().and_then(|failure| Some((failure, failure.pause(now.wall)?))) {
            Some((failure, pause))
                if need.overridden.as_deref() != Some(failure) && failure.tried.contains(&fingerprint()) =>
            {
                Verdict::HoldBack(failure, pause)
            }
            _ => Verdict::Renew(Freshness::Expired),
        }
    }

    /// Takes a new token, unless the present one is as good; whether it was taken. Ends a back-off and the mark.
    pub(crate) fn accept(&mut self, token: Token, need: &Need, now: Now, boot_id: &dyn Fn() -> Option<String>) -> bool {
        let left = token.remaining(now, boot_id);
        // A caller that rejects the present token gets a new one even if it expires earlier, but no expired one.
        let is_gain = (need.rejected.is_some() && left > FLOOR)
            || self.servable(now, boot_id).is_none_or(|(_, present)| left > present);
        // A gain that is not enough for the caller, if only because the reply took a second, starts a pause too.
        let is_enough = is_gain && left >= need.min_ttl;
        self.renew_after = if is_enough { 0 } else { now.wall.saturating_add(NO_GAIN_PAUSE) };
        if is_gain {
            self.token = Some(token);
            self.refused_by.clear();
            self.replaced_at = if need.rejected.is_some() && !need.must_renew { now.wall } else { self.replaced_at };
        }
        self.refresh_in_flight = false;
        self.failure = None;
        is_gain
    }

    /// Records a failure; gives the seconds until the next attempt.
    ///
    /// `roll` is a fraction from 0 to 999 per mille, `fingerprint` that of the secret and the settings that were used.
    pub(crate) fn fail(&mut self, failure: &RequestFailure, now: i64, roll: i64, fingerprint: u32) -> i64 {
        let before = self.failure.take().filter(|before| before.kind.continues(&failure.kind));
        let (count, mut tried) = before.map_or((0, Vec::new()), |before| (before.count, before.tried));
        tried.retain(|other| *other != fingerprint);
        tried.push(fingerprint);
        if tried.len() > TRIED_LIMIT {
            tried.remove(0);
        }
        let count = count.saturating_add(1);
        let pause = failure.kind.back_off(count, failure.retry_after, roll);
        let until = now.saturating_add(pause);
        self.renew_after = until.saturating_add(1);
        let (kind, cause) = (failure.kind.clone(), failure.cause.clone());
        self.failure = Some(Box::new(Failure { kind, cause, at: now, until, count, tried }));
        pause
    }

    /// Whether the tenant was asked just now and has nothing that lives longer: the token is new and short from its
    /// start, or a renewal brought no gain (a pause without a failure).
    fn is_the_best(&self, token: &Token, remaining: i64, need: &Need, pausing: bool) -> bool {
        let is_new = token.life().saturating_sub(remaining) < NO_GAIN_PAUSE;
        (is_new && token.life() < need.min_ttl) || (pausing && self.failure.is_none())
    }
}

impl Failure {
    /// Seconds until the next attempt, while there is a pause; none where the clock was set back since.
    ///
    /// Seconds are cut, so the last one belongs to the pause: else a pause of a second could be over in a moment.
    pub(crate) fn pause(&self, now: i64) -> Option<i64> {
        (within(now, self.until.saturating_add(1)) && self.at <= now.saturating_add(CLOCK_TOLERANCE))
            .then(|| (self.until - now).max(1))
    }
}

/// Whether a moment is ahead, and not so far ahead that only a changed clock explains it.
fn within(now: i64, until: i64) -> bool {
    now < until && until.saturating_sub(now) <= LONGEST_BACK_OFF + 1
}

/// How the pauses after failures of a kind grow, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schedule {
    /// After the first failure; doubled by every further one.
    first: i64,
    /// The longest.
    longest: i64,
    /// Which part of a pause is left to chance, per mille: it spreads machines that failed together.
    spread: i64,
}

impl FailureKind {
    /// The schedule of this kind.
    fn schedule(&self) -> Schedule {
        let schedule = |first, longest, spread| Schedule { first, longest, spread };
        match self {
            Self::Unreachable | Self::Interrupted | Self::TimedOut | Self::ServerError | Self::Proxy(_) => {
                schedule(2, 60, 1000)
            }
            Self::TooManyRequests => schedule(60, 60, 0),
            Self::Denied(_) => schedule(60, 900, 200),
            Self::Unusable => schedule(5, 60, 0),
            Self::Certificate(_) | Self::Tls(_) => schedule(10, 60, 0),
            Self::Local(local) if local.is_setting => schedule(5, 30, 0),
            // Another process may have what this one lacked.
            Self::Local(_) => schedule(1, 1, 0),
        }
    }

    /// Whether failures of both kinds count as a series.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        self.schedule() == other.schedule()
    }

    /// Seconds until the next attempt after `count` failures in a row (the first is 1).
    ///
    /// `roll` is a fraction from 0 to 999 per mille; `retry_after` is what the server asked for.
    pub(crate) fn back_off(&self, count: u32, retry_after: Option<i64>, roll: i64) -> i64 {
        if let (Self::TooManyRequests | Self::ServerError, Some(seconds)) = (self, retry_after) {
            return seconds.clamp(1, LONGEST_BACK_OFF);
        }
        let Schedule { first, longest, spread } = self.schedule();
        let pause = (first << count.saturating_sub(1).min(12)).min(longest);
        // A partial spread lies around the pause, a whole one below it.
        let from = if spread == 1000 { 0 } else { pause - pause * spread / 2000 };
        (from + pause * spread / 1000 * roll / 1000).max(1)
    }
}

#[cfg(test)]
mod fleet;
#[cfg(test)]
pub(crate) mod properties;

#[cfg(test)]
mod tests {
    use super::{Entry, Failure, FailureKind, Freshness, Need, Now, Secret};
    use crate::token::tests::token;

    const NOW: Now = Now { wall: 1_000_000, boot: Some(5_000) };

    /// A verdict without what it borrows.
    #[derive(Debug, PartialEq)]
    enum Verdict {
        Serve(i64),
        HoldBack(i64),
        TooShort(i64),
        Renew(Freshness),
    }

    fn verdict(entry: &Entry, need: &Need, later: i64, changed: bool) -> Verdict {
        let now = Now { wall: NOW.wall + later, boot: NOW.boot.map(|boot| boot + later) };
        match entry.verdict(need, now, &|| Some("this".to_owned()), &|| if changed { 8 } else { 7 }) {
            super::Verdict::Serve(_, left) => Verdict::Serve(left),
            super::Verdict::HoldBack(_, left) => Verdict::HoldBack(left),
            super::Verdict::TooShort(life) => Verdict::TooShort(life),
            super::Verdict::Renew(freshness) => Verdict::Renew(freshness),
        }
    }

    fn failure(until: i64) -> Failure {
        Failure {
            kind: FailureKind::Denied(None),
            cause: "HTTP 401".to_owned(),
            at: NOW.wall,
            until: NOW.wall + until,
            count: 1,
            tried: vec![7],
        }
    }

    #[test]
    fn a_tokens_age_decides() {
        let entry = Entry { token: Some(token("t", 10_800)), ..Entry::default() };
        let need = Need::default();
        assert_eq!(verdict(&entry, &need, 0, false), Verdict::Serve(10_800));
        assert_eq!(verdict(&entry, &need, 10_265, false), Verdict::Serve(535));
        assert_eq!(verdict(&entry, &need, 10_266, false), Verdict::Renew(Freshness::Expiring));
        assert_eq!(verdict(&entry, &need, 10_680, false), Verdict::Renew(Freshness::Due));
        assert_eq!(verdict(&entry, &need, 10_795, false), Verdict::Renew(Freshness::Expired));
        assert_eq!(verdict(&Entry::default(), &need, 0, false), Verdict::Renew(Freshness::Expired));
    }

    #[test]
    fn a_pause_spares_valid_tokens_only() {
        let entry = Entry { token: Some(token("t", 10_800)), renew_after: NOW.wall + 10_900, ..Entry::default() };
        let need = Need::default();
        assert_eq!(verdict(&entry, &need, 10_300, false), Verdict::Serve(500));
        assert_eq!(verdict(&entry, &need, 10_700, false), Verdict::Serve(100));
        assert_eq!(verdict(&entry, &need, 10_796, false), Verdict::Renew(Freshness::Expired));
        let far = Entry { renew_after: NOW.wall + 1_000_000, ..entry };
        assert_eq!(verdict(&far, &need, 10_700, false), Verdict::Renew(Freshness::Due), "written under another clock");
    }

    #[test]
    fn a_failure_holds_back_until_it_is_over_or_the_secret_changes() {
        let entry = Entry { failure: Some(Box::new(failure(60))), ..Entry::default() };
        let need = Need::default();
        assert_eq!(verdict(&entry, &need, 18, false), Verdict::HoldBack(42));
        assert_eq!(verdict(&entry, &need, 18, true), Verdict::Renew(Freshness::Expired));
        assert_eq!(verdict(&entry, &need, 60, false), Verdict::HoldBack(1), "seconds are cut");
        assert_eq!(verdict(&entry, &need, 61, false), Verdict::Renew(Freshness::Expired));
        let of = |until| Entry { failure: Some(Box::new(failure(until))), ..Entry::default() };
        assert_eq!(
            verdict(&of(3600), &need, 0, false),
            Verdict::HoldBack(3600),
            "the longest that a tenant may ask for"
        );
        assert_eq!(
            verdict(&of(3601), &need, 0, false),
            Verdict::Renew(Freshness::Expired),
            "written under another clock"
        );
        assert_eq!(verdict(&entry, &need, -300, false), Verdict::HoldBack(360), "clocks of two machines");
        assert_eq!(verdict(&entry, &need, -301, false), Verdict::Renew(Freshness::Expired), "the clock was set back");
    }

    #[test]
    fn a_failure_does_not_withhold_a_valid_token() {
        let entry = Entry {
            token: Some(token("t", 10_800)),
            renew_after: NOW.wall + 10_760,
            failure: Some(Box::new(failure(10_760))),
            ..Entry::default()
        };
        assert_eq!(verdict(&entry, &Need::default(), 10_700, false), Verdict::Serve(100));
    }

    #[test]
    fn insisting_overrides_the_token_and_the_failure_seen_before() {
        let entry = Entry { token: Some(token("t", 10_800)), failure: Some(Box::new(failure(60))), ..Entry::default() };
        let insist = Need {
            rejected: Some(Secret::new("t".to_owned())),
            overridden: Some(Box::new(failure(60))),
            ..Need::default()
        };
        assert_eq!(verdict(&entry, &insist, 0, false), Verdict::Renew(Freshness::Expired));
        let renewed = Entry { token: Some(token("new", 10_800)), ..Entry::default() };
        assert_eq!(verdict(&renewed, &insist, 0, false), Verdict::Serve(10_800), "somebody else renewed it");
        let failed = Entry { failure: Some(Box::new(Failure { at: NOW.wall + 1, ..failure(60) })), ..entry };
        assert_eq!(verdict(&failed, &insist, 1, false), Verdict::HoldBack(59), "somebody else failed meanwhile");
    }

    #[test]
    fn a_life_that_can_never_suffice_is_not_asked_for_again_at_once() {
        let entry = Entry { token: Some(token("t", 300)), ..Entry::default() };
        let need = Need { min_ttl: 3600, ..Need::default() };
        assert_eq!(verdict(&entry, &need, 1, false), Verdict::TooShort(300));
        assert_eq!(verdict(&entry, &need, 61, false), Verdict::Renew(Freshness::Expired));
        assert_eq!(verdict(&entry, &Need::default(), 1, false), Verdict::Serve(299));
    }

    #[test]
    fn a_life_that_suffices_only_while_it_is_new_is_asked_for_again() {
        let entry = Entry { token: Some(token("t", 3600)), ..Entry::default() };
        let need = Need { min_ttl: 3600, ..Need::default() };
        assert_eq!(verdict(&entry, &need, 0, false), Verdict::Serve(3600));
        assert_eq!(verdict(&entry, &need, 1, false), Verdict::Renew(Freshness::Expired), "a new one would do");
        let longer = Need { min_ttl: 3601, ..Need::default() };
        assert_eq!(verdict(&entry, &longer, 1, false), Verdict::TooShort(3600), "none would do");
        assert_eq!(verdict(&entry, &longer, 59, false), Verdict::TooShort(3600));
        assert_eq!(verdict(&entry, &longer, 60, false), Verdict::Renew(Freshness::Expired));
    }

    #[test]
    fn nothing_is_said_of_a_token_at_its_floor() {
        let entry = Entry { token: Some(token("t", 300)), renew_after: NOW.wall + 300, ..Entry::default() };
        let at = |later| Now { wall: NOW.wall + later, boot: None };
        let left = |later| entry.servable(at(later), &|| None).map(|(_, remaining)| remaining);
        assert_eq!((left(294), left(295)), (Some(6), None));
        let need = Need { min_ttl: 3600, ..Need::default() };
        assert_eq!(verdict(&entry, &need, 294, false), Verdict::TooShort(300));
        assert_eq!(verdict(&entry, &need, 295, false), Verdict::Renew(Freshness::Expired));
    }

    #[test]
    fn a_renewal_without_gain_is_not_repeated_at_once_for_callers_who_want_more() {
        let entry = Entry { token: Some(token("t", 10_800)), renew_after: NOW.wall + 9_060, ..Entry::default() };
        let need = Need { min_ttl: 3600, ..Need::default() };
        assert_eq!(verdict(&entry, &need, 9_001, false), Verdict::TooShort(1_799));
        assert_eq!(verdict(&entry, &need, 9_060, false), Verdict::Renew(Freshness::Expired));
        let failed = Entry { failure: Some(Box::new(failure(9_060))), ..entry };
        assert_eq!(verdict(&failed, &need, 9_001, false), Verdict::HoldBack(59), "a failure tells its own story");
    }

    #[test]
    fn back_off_grows_to_a_limit() {
        use FailureKind::{Denied, Interrupted, ServerError, TimedOut, TooManyRequests, Unreachable, Unusable};
        let series =
            |kind: &FailureKind, roll| (1..=8).map(|count| kind.back_off(count, None, roll)).collect::<Vec<_>>();
        for kind in [Unreachable, Interrupted, TimedOut, ServerError] {
            assert_eq!(series(&kind, 999), [1, 3, 7, 15, 31, 59, 59, 59]);
            assert_eq!(series(&kind, 0), [1; 8]);
        }
        assert_eq!(series(&Denied(None), 500), [60, 120, 240, 480, 900, 900, 900, 900]);
        assert_eq!(series(&Unusable, 0), [5, 10, 20, 40, 60, 60, 60, 60]);
        assert_eq!(series(&TooManyRequests, 0), [60; 8]);
        assert_eq!(Denied(None).back_off(u32::MAX, None, 999), 989);
        for (asked, given) in [(30, 30), (-5, 1), (0, 1), (1_000_000_000, 3600)] {
            assert_eq!(TooManyRequests.back_off(1, Some(asked), 0), given);
            assert_eq!(ServerError.back_off(1, Some(asked), 0), given);
        }
    }
}
