//! The renewal algorithm: a token from the cache, by the refresh token, or by the client's credentials.
//!
//! What is decided is pure and lives in `token.rs` and `entry.rs`; here are the effects, in this order:
//!
//! 1. Read the entry without a lock. A fresh token is served at once: no lock, no network, no secret.
//! 2. A failure that another process has recorded is reported again instead of being repeated (I7).
//! 3. Take the lock, and read again: another process may have renewed meanwhile (I1). While another process holds it,
//!    a token that is merely expiring is served; otherwise entry and lock are polled until one of them changes or time
//!    is up (I9).
//! 4. Before the refresh token is sent, the entry on disk says so. If this process dies, the next one finds the mark
//!    and does not send a token that may have been consumed (I5); it uses the client's credentials.
//! 5. One request, never a retry. A success replaces the entry; a failure is recorded with the moment of the next
//!    attempt. Either way a token that is still valid is served (I6).

use std::ops::ControlFlow;
use std::time::Duration;

use crate::cache::Store;
use crate::clock::{Clock, Deadline, Now};
use crate::config::Profile;
use crate::endpoint::{Endpoint, RequestError};
use crate::entry::{Entry, Failure, Need, Verdict};
use crate::error::{Cause, Error};
use crate::failure::{FailureKind, RequestFailure};
use crate::grant::{Grant, TokenResponse};
use crate::lock::LockAttempt;
use crate::log::Log;
use crate::secret::Secret;
use crate::secret::source::{COMMAND_LIMIT, SecretSource};
use crate::token::{ASSUMED_LIFE, Freshness, Token};

mod disk;
pub(crate) mod failure;
pub(crate) mod forget;
mod limits;
pub(crate) mod lock;
mod prove;
mod request;

pub(crate) use limits::RUN_LIMIT;
use limits::{ADVISORY_NETWORK_LIMIT, NETWORK_LIMIT, SHORTEST_REQUEST, UNCOORDINATED_SPREAD};
use lock::WriteAccess;
pub(crate) use request::{AccessToken, Renew, TokenRequest};

/// The broker of one profile.
pub(crate) struct Broker<'a, S> {
    /// The profile.
    pub(crate) profile: &'a Profile,
    /// The cache.
    pub(crate) store: &'a S,
    /// Time.
    pub(crate) clock: &'a dyn Clock,
    /// The tenant.
    pub(crate) endpoint: &'a dyn Endpoint,
    /// Warnings and steps.
    pub(crate) log: &'a Log<'a>,
    /// The identity's hash, the salt of fingerprints.
    pub(crate) identity: &'a str,
    /// When the run has to end.
    pub(crate) deadline: Deadline,
}

impl<S: Store> Broker<'_, S> {
    /// Gets a token for a request.
    pub(crate) fn obtain(&self, request: &TokenRequest) -> Result<AccessToken, Error> {
        // Only `--force-refresh` overrides a failure, so it has to know of one that is noted beside the entry.
        let is_forced = request.renew == Renew::Always;
        let mut entry = if is_forced { self.load_with_note(None) } else { self.load() };
        let need = request.need(&entry, self.clock.now().wall);
        let mut freshness = match self.judge(&entry, &need) {
            ControlFlow::Continue(freshness) => freshness,
            ControlFlow::Break(answer) => return answer,
        };
        let mut answer = None;
        let limit = match freshness {
            Freshness::Expiring => Duration::ZERO,
            _ => lock::LIMIT.min(self.deadline(&entry, &need).left(self.clock)),
        };
        let attempt = lock::wait(self.store, self.clock, self.log, limit, || {
            entry = self.load_with_note(None);
            match self.judge(&entry, &need) {
                ControlFlow::Continue(now) => freshness = now,
                ControlFlow::Break(settled) => answer = Some(settled),
            }
            answer.is_none() && freshness != Freshness::Expiring
        });
        if let Some(answer) = answer {
            return answer;
        }
        let timed_out = || lock::timed_out(self.store, &self.profile.name, limit);
        match (attempt, freshness) {
            (LockAttempt::Held(guard), _) => self.renew(&WriteAccess::Locked(guard), &need),
            (LockAttempt::Busy, Freshness::Due | Freshness::Expired) => self.old_token_or(&entry, &need, timed_out()),
            (attempt, Freshness::Due | Freshness::Expired)
                if freshness == Freshness::Expired || self.is_running_out(&entry) =>
            {
                let access = self.uncoordinated(attempt);
                if access.guard().is_some() {
                    self.clock.sleep(self.clock.jitter(UNCOORDINATED_SPREAD));
                }
                self.renew(&access, &need)
            }
            _ => self.old_token(&entry, &need).ok_or_else(timed_out),
        }
    }

    /// Decides on an entry: the final answer, or how urgently to renew.
    fn judge(&self, entry: &Entry, need: &Need) -> ControlFlow<Result<AccessToken, Error>, Freshness> {
        let now = self.clock.now();
        match entry.verdict(need, now, &|| self.clock.boot_id(), &|| self.fingerprint()) {
            Verdict::Renew(freshness) => ControlFlow::Continue(freshness),
            Verdict::Serve(token, remaining) => {
                ControlFlow::Break(Ok(self.hand_out(entry, token, (now, remaining), true)))
            }
            Verdict::TooShort(life) => ControlFlow::Break(Err(failure::too_short(self.profile, life, need))),
            Verdict::HoldBack(Failure { kind, cause, .. }, seconds) => {
                let cause = Cause::new(cause).because(format!("no new attempt for {seconds} s"));
                let error = failure::token_error(self.profile, kind, cause, seconds);
                ControlFlow::Break(self.old_token_or(entry, need, error))
            }
        }
    }

    /// See [`failure::fingerprint`].
    fn fingerprint(&self) -> u32 {
        failure::fingerprint(self.profile, self.identity, &self.endpoint.surroundings())
    }

    /// Renews with the write access there is.
    fn renew(&self, access: &WriteAccess<S::Guard>, need: &Need) -> Result<AccessToken, Error> {
        let mut entry = self.load_with_note(access.guard());
        let freshness = match self.judge(&entry, need) {
            ControlFlow::Continue(freshness) => freshness,
            ControlFlow::Break(answer) => return answer,
        };
        let deadline = self.deadline(&entry, need);
        let left = deadline.left(self.clock);
        // A command that is ended before its time says nothing about the secret: better the old token than that.
        if left < COMMAND_LIMIT
            && self.profile.client_secret.as_ref().is_some_and(SecretSource::is_slow)
            && let Some(token) = self.old_token(&entry, need)
        {
            return Ok(token);
        }
        // Taken before the secret is read: one that changes meanwhile is tried at once.
        let tried = self.fingerprint();
        let secret = match self.secret(deadline) {
            Ok(secret) => secret,
            Err(error) => {
                let error = RequestError::local(error);
                // The entry has no mark yet: if the failure is not recorded, nothing has to be stored.
                let access =
                    if failure::memorable(self.profile, &error).is_some() { access } else { &WriteAccess::None };
                return self.record(access, entry, error, need, Some(tried));
            }
        };
        let requested = self.request(access, &mut entry, freshness, &secret, deadline);
        match requested.map_err(|error| error.doubting(&secret, &self.profile.client_id)) {
            Ok((response, asked)) => self.install(access, entry, response, asked, need, tried),
            // Too late is no failure of the tenant's where it had less than the usual time.
            Err(error) if left < NETWORK_LIMIT && error.is_timeout() => self.record(access, entry, error, need, None),
            Err(error) => self.record(access, entry, error, need, Some(tried)),
        }
    }

    /// Reads the client secret: only here, when a request is about to be sent.
    fn secret(&self, deadline: Deadline) -> Result<Secret, Error> {
        let source = self.profile.client_secret.as_ref().ok_or_else(|| Error::no_secret(&self.profile.name))?;
        self.log.step(|| format!("reading the secret ({})", source.describe()));
        let limit = deadline.left(self.clock).min(COMMAND_LIMIT);
        source.read_for(&self.profile.name, limit, self.log.childrens_stderr())
    }

    /// Sends the refresh token where that is possible and safe, else the client's credentials.
    ///
    /// Gives the response and the moment at which its request was started: a token's life counts from there.
    fn request(
        &self,
        access: &WriteAccess<S::Guard>,
        entry: &mut Entry,
        freshness: Freshness,
        secret: &Secret,
        deadline: Deadline,
    ) -> Result<(TokenResponse, Now), RequestError> {
        let known = entry.secrets();
        let limit = if freshness == Freshness::Expiring { ADVISORY_NETWORK_LIMIT } else { NETWORK_LIMIT };
        let deadline = Deadline::after(self.clock, limit.min(deadline.left(self.clock)));
        if entry.refresh_in_flight || !self.profile.use_refresh_token || matches!(access, WriteAccess::Unlocked(_)) {
            // The process that set the mark died before it learned what became of the refresh token. And without the
            // lock, writing it back could undo the mark of a process that has the lock and sends it meanwhile.
            entry.refresh_token = None;
            entry.refresh_in_flight = false;
        }
        if let (WriteAccess::Locked(guard), Some(token)) = (access, entry.refresh_token.clone())
            && self.mark(guard, entry)
        {
            let error = match self.send(&Grant::RefreshToken(token), secret, &known, deadline) {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            self.log.step(|| format!("the refresh token brought no token: {}", error.cause()));
            if error.leaves_refresh_token() {
                return Err(error);
            }
            entry.refresh_token = None;
            let is_refused =
                matches!(&error, RequestError::Failed(failure) if matches!(failure.kind, FailureKind::Denied(_)));
            if !is_refused && freshness != Freshness::Expired {
                return Err(error);
            }
        }
        self.send(&Grant::ClientCredentials, secret, &known, deadline)
    }

    /// Sends one request.
    fn send(
        &self,
        grant: &Grant,
        secret: &Secret,
        known: &[Secret],
        deadline: Deadline,
    ) -> Result<(TokenResponse, Now), RequestError> {
        let limit = deadline.left(self.clock).max(SHORTEST_REQUEST);
        let asked = self.clock.now();
        self.log.step(|| format!("asking {} ({})", self.profile.token_url.page(), grant.name(self.profile.auth_style)));
        let _waiting = self.log.waiting_for(&self.profile.token_url.origin);
        self.endpoint.request(grant, secret, known, limit).map(|response| (response, asked))
    }

    /// Takes a response into the entry, stores it, and serves the better token of the two.
    fn install(
        &self,
        access: &WriteAccess<S::Guard>,
        mut entry: Entry,
        response: TokenResponse,
        asked: Now,
        need: &Need,
        tried: u32,
    ) -> Result<AccessToken, Error> {
        if response.life_is_assumed {
            let tenant = self.profile.tenant.authority();
            self.log.warn(&format!("the reply of tenant `{tenant}` has no `expires_in`, assuming {ASSUMED_LIFE} s"));
        }
        let token = Token {
            access_token: response.access_token,
            issued_at: asked.wall,
            expires_at: asked.wall.saturating_add(response.life),
            issued_boot: asked.boot,
            boot_id: self.clock.boot_id(),
        };
        let now = self.clock.now();
        let boot_id = || self.clock.boot_id();
        let is_gain = entry.accept(token, need, now, &boot_id);
        if self.profile.use_refresh_token && response.refresh_token.is_some() {
            entry.refresh_token = response.refresh_token;
        }
        let Some((token, left)) = entry.servable(now, &boot_id) else {
            let cause = "the new token has expired on arrival".to_owned();
            let error = RequestFailure::new(FailureKind::Unusable, cause).into();
            return self.record(access, entry, error, need, Some(tried));
        };
        let answer = if need.must_renew && !is_gain {
            let cause = "the tenant's new token is no better than the cached one";
            Err(Error::system("no new token").because(cause))
        } else if left >= need.min_ttl {
            Ok(self.hand_out(&entry, token, (now, left), !is_gain))
        } else {
            Err(failure::too_short(self.profile, token.best_life(left, need.min_ttl), need))
        };
        self.save(access, &entry);
        answer
    }

    /// Records a failure with what was `tried` and the moment of the next attempt, and serves the old token if it is still
    /// valid. Without `tried`, nothing holds the next attempt back.
    fn record(
        &self,
        access: &WriteAccess<S::Guard>,
        mut entry: Entry,
        error: RequestError,
        need: &Need,
        tried: Option<u32>,
    ) -> Result<AccessToken, Error> {
        let mut pause = 0;
        if let Some(tried) = tried
            && let Some(failure) = failure::memorable(self.profile, &error)
        {
            let roll = i64::try_from(self.clock.jitter(Duration::from_millis(1)).as_micros()).unwrap_or(0);
            pause = entry.fail(&failure, self.clock.now().wall, roll, tried);
        }
        if !self.save(access, &entry)
            && let (Some(guard), Some(failure)) = (access.guard(), &entry.failure)
        {
            self.store.note_failure(guard, failure);
        }
        self.old_token_or(&entry, need, failure::request_error(self.profile, error, pause))
    }

    /// A token for the caller.
    fn hand_out(&self, entry: &Entry, token: &Token, (now, remaining): (Now, i64), from_cache: bool) -> AccessToken {
        self.log.step(|| {
            let source = if from_cache { "cached" } else { "new" };
            format!("profile `{}`: {source} token, {remaining} s left", self.profile.name)
        });
        AccessToken {
            access_token: token.access_token.clone(),
            life: token.life(),
            remaining,
            now: now.wall,
            refused_by: if entry.is_replaced(now.wall) { entry.refused_by.clone() } else { Vec::new() },
        }
    }

    /// The entry's token if it is still good enough for the caller, unless only a new one will do.
    fn old_token(&self, entry: &Entry, need: &Need) -> Option<AccessToken> {
        let now = self.clock.now();
        let (token, remaining) = entry.servable(now, &|| self.clock.boot_id())?;
        (remaining >= need.min_ttl && !need.must_renew).then(|| self.hand_out(entry, token, (now, remaining), true))
    }

    /// The old token with a warning, or the error.
    fn old_token_or(&self, entry: &Entry, need: &Need, error: Error) -> Result<AccessToken, Error> {
        let Some(token) = self.old_token(entry, need) else { return Err(error) };
        self.log.warn(&format!("{}; using the cached token, {} s left", error.summary(), token.remaining));
        Ok(token)
    }
}

#[cfg(test)]
mod tests;
