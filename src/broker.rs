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

use crate::cache::{Loaded, Store};
use crate::clock::{Clock, Deadline, Now};
use crate::config::Profile;
use crate::endpoint::{Endpoint, RequestError};
use crate::entry::{Entry, Failure, Need, Verdict};
use crate::error::{Cause, Error};
use crate::failure::FailureKind;
use crate::grant::{Grant, TokenResponse};
use crate::lock::LockAttempt;
use crate::log::Log;
use crate::secret::Secret;
use crate::secret::source::COMMAND_LIMIT;
use crate::token::{ASSUMED_LIFE, Freshness, Token};

pub(crate) mod failure;
pub(crate) mod forget;
pub(crate) mod lock;
mod prove;
mod request;

use lock::WriteAccess;
pub(crate) use request::{AccessToken, Renew, TokenRequest};

/// Time limit of the network, both grants together.
const NETWORK_LIMIT: Duration = Duration::from_secs(10);

/// The same while a valid token is at hand and only this process is waiting.
const ADVISORY_NETWORK_LIMIT: Duration = Duration::from_secs(5);

/// Shortest time limit of a request, however late it is.
const SHORTEST_REQUEST: Duration = Duration::from_millis(500);

/// Time limit of lock, secret and network together. kubectl gives up its discovery after 32 s.
const RUN_LIMIT: Duration = Duration::from_secs(25);

/// Processes that cannot coordinate spread their requests over this time.
const UNCOORDINATED_SPREAD: Duration = Duration::from_secs(2);

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
}

impl<S: Store> Broker<'_, S> {
    /// Gets a token for a request.
    pub(crate) fn obtain(&self, request: &TokenRequest) -> Result<AccessToken, Error> {
        let deadline = Deadline::after(self.clock, RUN_LIMIT);
        let mut entry = self.load();
        let need = request.need(&entry);
        let mut freshness = match self.judge(&entry, &need) {
            ControlFlow::Continue(freshness) => freshness,
            ControlFlow::Break(answer) => return answer,
        };
        let mut answer = None;
        let limit = if freshness == Freshness::Expiring { Duration::ZERO } else { lock::LIMIT };
        let attempt = lock::wait(self.store, self.clock, self.log, limit, || {
            entry = self.load();
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
        match attempt {
            LockAttempt::Held(guard) => self.renew(&WriteAccess::Locked(guard), &need, deadline),
            LockAttempt::Busy if freshness != Freshness::Expiring => self.old_token_or(&entry, &need, timed_out()),
            attempt if freshness == Freshness::Expired => {
                // Only where processes can read what one of them writes does it help that they start apart.
                if matches!(attempt, LockAttempt::Unsupported(..)) {
                    self.clock.sleep(self.clock.jitter(UNCOORDINATED_SPREAD));
                }
                let access = self.uncoordinated(attempt);
                self.renew(&access, &need, deadline)
            }
            _ => self.old_token(&entry, &need).ok_or_else(timed_out),
        }
    }

    /// Reads the entry; one that is not trusted counts as none.
    fn load(&self) -> Entry {
        let (what, why) = match self.store.load() {
            Loaded::Entry(entry) => return entry,
            Loaded::Miss => return Entry::default(),
            Loaded::Untrusted(why) => ("a cache file that others could have changed", why),
            Loaded::Unusable(why) => ("a cache that cannot be used", why),
        };
        self.log.warn(&format!("ignoring {what} ({why})"));
        Entry::default()
    }

    /// Decides on an entry: the final answer, or how urgently to renew.
    fn judge(&self, entry: &Entry, need: &Need) -> ControlFlow<Result<AccessToken, Error>, Freshness> {
        let now = self.clock.now();
        match entry.verdict(need, now, &|| self.clock.boot_id(), &|failure| self.has_new_secret(failure)) {
            Verdict::Renew(freshness) => ControlFlow::Continue(freshness),
            Verdict::Serve(token, remaining) => ControlFlow::Break(Ok(self.hand_out(token, now, remaining, true))),
            Verdict::TooShort(life) => ControlFlow::Break(Err(failure::too_short(self.profile, life, need))),
            Verdict::HoldBack(Failure { kind, cause, .. }, seconds) => {
                let cause = Cause::new(cause).because(format!("no new attempt for {seconds} s"));
                let error = failure::token_error(self.profile, kind, cause, seconds);
                ControlFlow::Break(self.old_token_or(entry, need, error))
            }
        }
    }

    /// Whether the client secret is another than that of a failure.
    fn has_new_secret(&self, failure: &Failure) -> bool {
        let source = self.profile.client_secret.as_ref();
        let current = source.and_then(|source| source.fingerprint(self.identity));
        current.is_some() && failure.secret.is_some() && current != failure.secret
    }

    /// Renews with the write access there is.
    fn renew(&self, access: &WriteAccess<S::Guard>, need: &Need, deadline: Deadline) -> Result<AccessToken, Error> {
        let mut entry = self.load();
        let freshness = match self.judge(&entry, need) {
            ControlFlow::Continue(freshness) => freshness,
            ControlFlow::Break(answer) => return answer,
        };
        let secret = match self.secret(deadline) {
            Ok(secret) => secret,
            Err(error) => return self.old_token_or(&entry, need, error),
        };
        match self.request(access, &mut entry, freshness, &secret, deadline) {
            Ok((response, asked)) => self.install(access, entry, response, asked, need),
            Err(error) => self.record(access, entry, error, &secret, need),
        }
    }

    /// Reads the client secret: only here, when a request is about to be sent.
    fn secret(&self, deadline: Deadline) -> Result<Secret, Error> {
        let source = self.profile.client_secret.as_ref().ok_or_else(|| Error::no_secret(&self.profile.name))?;
        self.log.step(|| format!("reading the client secret ({})", source.describe()));
        source.read_for(&self.profile.name, deadline.left(self.clock).min(COMMAND_LIMIT))
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
            let error = match self.send(&Grant::RefreshToken(token), secret, deadline) {
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
        self.send(&Grant::ClientCredentials, secret, deadline)
    }

    /// Notes in the entry on disk that its refresh token is being sent; whether that succeeded.
    fn mark(&self, guard: &S::Guard, entry: &mut Entry) -> bool {
        entry.refresh_in_flight = true;
        let marked = self.store.save(guard, entry);
        entry.refresh_in_flight = false;
        marked.is_ok()
    }

    /// Sends one request.
    fn send(&self, grant: &Grant, secret: &Secret, deadline: Deadline) -> Result<(TokenResponse, Now), RequestError> {
        let limit = deadline.left(self.clock).max(SHORTEST_REQUEST);
        let asked = self.clock.now();
        self.log.step(|| format!("asking {} ({})", self.profile.token_url, grant.name()));
        let _waiting = self.log.waiting_for(&self.profile.token_url.origin);
        self.endpoint.request(grant, secret, limit).map(|response| (response, asked))
    }

    /// Takes a response into the entry, stores it, and serves the better token of the two.
    fn install(
        &self,
        access: &WriteAccess<S::Guard>,
        mut entry: Entry,
        response: TokenResponse,
        asked: Now,
        need: &Need,
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
        self.save(access, &entry);
        match entry.servable(now, &boot_id) {
            Some((token, left)) if left >= need.min_ttl => Ok(self.hand_out(token, now, left, !is_gain)),
            _ => {
                let best = |token: &Token| token.best_life(token.remaining(now, &boot_id), need.min_ttl);
                Err(failure::too_short(self.profile, entry.token.as_ref().map_or(0, best), need))
            }
        }
    }

    /// Records a failure with the moment of the next attempt, and serves the old token if it is still valid.
    fn record(
        &self,
        access: &WriteAccess<S::Guard>,
        mut entry: Entry,
        error: RequestError,
        secret: &Secret,
        need: &Need,
    ) -> Result<AccessToken, Error> {
        let mut pause = 0;
        if let RequestError::Failed(failure) = &error {
            let roll = i64::try_from(self.clock.jitter(Duration::from_millis(1)).as_micros()).unwrap_or(0);
            let secret = secret.fingerprint(self.identity);
            pause = entry.fail(failure, self.clock.now().wall, roll, secret).unwrap_or(0);
        }
        self.save(access, &entry);
        self.old_token_or(&entry, need, failure::request_error(self.profile, error, pause))
    }

    /// Stores the entry if there is access; a cache that cannot be written never prevents a token.
    fn save(&self, access: &WriteAccess<S::Guard>, entry: &Entry) {
        if let Some(Err(why)) = access.guard().map(|guard| self.store.save(guard, entry)) {
            self.log.warn(&format!("cannot write the cache ({why})"));
        }
    }

    /// A token for the caller.
    fn hand_out(&self, token: &Token, now: Now, remaining: i64, from_cache: bool) -> AccessToken {
        self.log.step(|| {
            let source = if from_cache { "cached" } else { "new" };
            format!("profile `{}`: {source} token, {remaining} s left", self.profile.name)
        });
        AccessToken {
            access_token: token.access_token.clone(),
            life: token.life(),
            remaining,
            now: now.wall,
            from_cache,
        }
    }

    /// The entry's token if it is still good enough for the caller, refused or not.
    fn old_token(&self, entry: &Entry, need: &Need) -> Option<AccessToken> {
        let now = self.clock.now();
        let (token, remaining) = entry.servable(now, &|| self.clock.boot_id())?;
        (remaining >= need.min_ttl).then(|| self.hand_out(token, now, remaining, true))
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
