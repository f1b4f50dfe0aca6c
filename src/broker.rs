//! The heart: a token from the cache, or by the refresh token, or by the client's credentials.
//!
//! What is decided is pure and lives in `token.rs` and `entry.rs`; here are the effects, in this order:
//!
//! 1. Read the entry without a lock. A fresh token is served at once: no lock, no network, no secret.
//! 2. A failure that other processes just had is told again instead of being repeated (I7).
//! 3. Try the lock. Whoever gets it reads again: somebody may have renewed meanwhile (I1). Whoever does not serves
//!    the token that is merely expiring, or polls the entry and the lock until one of them changes or time is up (I9).
//! 4. Before the refresh token is sent, the entry on disk says so. If this process dies, the next one finds the mark
//!    and does not send a token that may have been consumed (I5); it asks with the client's credentials.
//! 5. One request, never a retry. A success replaces the entry; a failure is recorded with the moment of the next
//!    attempt. Either way a token that is still valid is served (I6).

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::cache::{Loaded, Store, checksum};
use crate::clock::{Clock, Now};
use crate::config::Profile;
use crate::endpoint::{Endpoint, EndpointError};
use crate::entry::{Ask, Entry, Failure, FailureClass, NO_GAIN_PAUSE, Verdict};
use crate::error::{Cause, Error};
use crate::grant::{Grant, Issued, Refusal};
use crate::lock::Tried;
use crate::log::{Log, RENEWING};
use crate::secret::source::COMMAND_LIMIT;
use crate::secret::{Secret, fingerprint};
use crate::token::{ASSUMED_LIFE, FLOOR, Freshness, Token};

mod login;

/// How long another process's renewal is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(15);

/// How long the tenant may take, both grants together.
const NETWORK_LIMIT: Duration = Duration::from_secs(10);

/// The same while a valid token is at hand and only this process is waiting.
const ADVISORY_NETWORK_LIMIT: Duration = Duration::from_secs(5);

/// A run's whole time. kubectl gives up its discovery after 32 s.
const RUN_LIMIT: Duration = Duration::from_secs(25);

/// How long processes that cannot coordinate spread their requests over.
const UNCOORDINATED_SPREAD: Duration = Duration::from_secs(2);

/// Age in seconds below which a token that a caller gives back is kept: each failing caller would cost a request.
const YOUNG: i64 = 30;

/// What a caller asks of the broker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Want {
    /// Seconds of life that the token must have left.
    pub(crate) min_life: i64,
    /// Whether what is cached may be handed out.
    pub(crate) insist: Insist,
}

/// Which token a caller does not want.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Insist {
    /// Any valid token will do.
    #[default]
    No,
    /// Not the one that is cached now.
    OnNew,
    /// Not the one with this mark (see [`Served::mark`]), which somebody refused.
    OnOther(String),
}

/// A token for a caller.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// The token.
    pub(crate) access_token: Secret,
    /// Its whole life in seconds.
    pub(crate) life: i64,
    /// Seconds left now.
    pub(crate) remaining: i64,
    /// Wall-clock second of this reading.
    pub(crate) now: i64,
    /// It was in the cache before this run.
    pub(crate) from_cache: bool,
}

impl Served {
    /// Wall-clock second at which it ends, by the clock that the caller compares with.
    pub(crate) fn expires_at(&self) -> i64 {
        self.now.saturating_add(self.remaining)
    }

    /// A short name for the token that tells it from another: 32 bits, useless for guessing a token of hundreds.
    pub(crate) fn mark(&self) -> String {
        mark(&self.access_token)
    }
}

/// See [`Served::mark`].
fn mark(access_token: &Secret) -> String {
    format!("{:08x}", checksum(access_token.expose().as_bytes()))
}

/// Leave to write the entry, as far as it can be had.
enum Leave<G> {
    /// The lock is ours.
    Locked(G),
    /// Locks do not work here: write, but never use the refresh token.
    Unlocked(G),
    /// Nothing can be written.
    None,
}

/// The broker of one profile.
pub(crate) struct Broker<'a, S> {
    /// Whose token.
    pub(crate) profile: &'a Profile,
    /// Where it is cached.
    pub(crate) store: &'a S,
    /// Time.
    pub(crate) clock: &'a dyn Clock,
    /// Who issues it.
    pub(crate) endpoint: &'a dyn Endpoint,
    /// Where warnings go.
    pub(crate) log: &'a Log<'a>,
    /// The identity's hash, the salt of fingerprints.
    pub(crate) identity: &'a str,
}

impl<S: Store> Broker<'_, S> {
    /// Gets a token that is good for `want`.
    pub(crate) fn obtain(&self, want: &Want) -> Result<Served, Error> {
        let started = self.clock.instant();
        let mut entry = self.load();
        let ask = insist(want, &entry);
        let mut waiting = None;
        loop {
            let freshness = match self.settle(&entry, &ask) {
                ControlFlow::Continue(freshness) => freshness,
                ControlFlow::Break(answer) => return answer,
            };
            let tried = self.store.try_lock();
            if !matches!(tried, Tried::Busy) {
                // What follows may start a secret command, which has the terminal to itself.
                waiting = None;
            }
            match tried {
                Tried::Held(guard) => return self.renew(&Leave::Locked(guard), &ask, started),
                Tried::Unsupported(guard, why) if freshness == Freshness::Expired => {
                    self.log.warn(&format!("the cache cannot be locked, tokens may be fetched twice ({why})"));
                    self.clock.sleep(self.clock.jitter(UNCOORDINATED_SPREAD));
                    return self.renew(&Leave::Unlocked(guard), &ask, started);
                }
                Tried::Unusable(why) if freshness == Freshness::Expired => {
                    self.log.warn(&format!("going on without the cache ({why})"));
                    self.clock.sleep(self.clock.jitter(UNCOORDINATED_SPREAD));
                    return self.renew(&Leave::None, &ask, started);
                }
                Tried::Busy if freshness != Freshness::Expiring => {}
                _ => return self.old_token(&entry, &ask).ok_or_else(|| self.lock_error(started)),
            }
            if self.clock.instant().saturating_duration_since(started) >= LOCK_WAIT {
                return self.old_token_or(&entry, &ask, self.lock_error(started));
            }
            waiting.get_or_insert_with(|| self.log.waiting(|| RENEWING.to_owned()));
            self.clock.sleep(Duration::from_millis(5) + self.clock.jitter(Duration::from_millis(45)));
            entry = self.load();
        }
    }

    /// Drops a cached access token that a caller gives back as refused: only that very one, and not a young one.
    ///
    /// Nothing is said and nothing fails: the caller's own error is on the screen already.
    pub(crate) fn discard(&self, given: &str) {
        let given = Secret::new(given.to_owned());
        let refused = |entry: &Entry| {
            entry.token.as_ref().is_some_and(|token| {
                let age = token.life().saturating_sub(token.remaining(self.clock.now(), &|| self.clock.boot_id()));
                token.access_token == given && age >= YOUNG
            })
        };
        let started = self.clock.instant();
        while refused(&self.load()) && self.clock.instant().saturating_duration_since(started) < Duration::from_secs(2)
        {
            let (guard, locked) = match self.store.try_lock() {
                Tried::Held(guard) => (guard, true),
                Tried::Unsupported(guard, _) => (guard, false),
                Tried::Busy => {
                    self.clock.sleep(Duration::from_millis(20));
                    continue;
                }
                Tried::Unusable(_) => return,
            };
            let mut entry = self.load();
            if refused(&entry) {
                entry.token = None;
                entry.renew_after = 0;
                if !locked {
                    // Writing it back could undo the mark of a process that sends it meanwhile.
                    entry.refresh_token = None;
                }
                let _ = self.store.save(&guard, &entry);
            }
            return;
        }
    }

    /// Reads the entry; what cannot be trusted is no entry.
    fn load(&self) -> Entry {
        match self.store.load() {
            Loaded::Entry(entry) => entry,
            Loaded::Miss => Entry::default(),
            Loaded::Distrusted(why) => {
                self.log.warn(&format!("ignoring a cache file that others could have changed ({why})"));
                Entry::default()
            }
            Loaded::Unusable(why) => {
                self.log.warn(&format!("ignoring a cache that cannot be used ({why})"));
                Entry::default()
            }
        }
    }

    /// Decides on an entry: the final answer, or how urgently to renew.
    fn settle(&self, entry: &Entry, ask: &Ask) -> ControlFlow<Result<Served, Error>, Freshness> {
        let now = self.clock.now();
        let changed = |failure: &Failure| {
            let source = self.profile.client_secret.as_ref();
            let current = source.and_then(|source| source.fingerprint(self.identity));
            current.is_some() && failure.secret.is_some() && current != failure.secret
        };
        match entry.verdict(ask, now, &|| self.clock.boot_id(), &changed) {
            Verdict::Renew(freshness) => ControlFlow::Continue(freshness),
            Verdict::Serve(token, remaining) => ControlFlow::Break(Ok(self.served(token, now, remaining, true))),
            Verdict::TooShort(life) => ControlFlow::Break(Err(self.too_short(life, ask))),
            Verdict::HoldBack(failure, seconds) => {
                let pause = Cause::new(format!("no new attempt for {seconds} s"));
                let source = Cause::new(failure.detail.clone()).because(pause);
                let error = self.failure_error(failure.class, source, seconds);
                ControlFlow::Break(self.old_token_or(entry, ask, error))
            }
        }
    }

    /// Renews, with whatever leave to write there is.
    fn renew(&self, leave: &Leave<S::Guard>, ask: &Ask, started: Instant) -> Result<Served, Error> {
        if let Leave::Locked(guard) | Leave::Unlocked(guard) = leave
            && let Some(warning) = self.store.warning(guard)
        {
            self.log.warn(warning);
        }
        let mut entry = self.load();
        let freshness = match self.settle(&entry, ask) {
            ControlFlow::Continue(freshness) => freshness,
            ControlFlow::Break(answer) => return answer,
        };
        let secret = match self.secret(started) {
            Ok(secret) => secret,
            Err(error) => return self.old_token_or(&entry, ask, error),
        };
        match self.request(leave, &mut entry, freshness, &secret, started) {
            Ok((issued, asked)) => self.install(leave, entry, issued, asked, ask),
            Err(error) => self.record(leave, entry, error, &secret, ask),
        }
    }

    /// Reads the client secret: only here, when a request is about to be sent.
    fn secret(&self, started: Instant) -> Result<Secret, Error> {
        let source = self.profile.client_secret.as_ref().ok_or_else(|| Error::Missing {
            profile: self.profile.name.clone(),
            what: "client secret",
            hint: "set `client_secret` in the profile, or WS1_TOKEN_CLIENT_SECRET_FILE",
        })?;
        let left = RUN_LIMIT.saturating_sub(self.clock.instant().saturating_duration_since(started));
        self.log.step(|| format!("reading the client secret ({})", source.describe()));
        source.read_for(&self.profile.name, left.min(COMMAND_LIMIT))
    }

    /// Asks the tenant: by the refresh token where that is possible and safe, else by the client's credentials.
    ///
    /// Gives the reply and the moment at which its request was started: a token's life counts from there.
    fn request(
        &self,
        leave: &Leave<S::Guard>,
        entry: &mut Entry,
        freshness: Freshness,
        secret: &Secret,
        started: Instant,
    ) -> Result<(Issued, Now), EndpointError> {
        let begun = self.clock.instant();
        let limit = if freshness == Freshness::Expiring { ADVISORY_NETWORK_LIMIT } else { NETWORK_LIMIT };
        let limit = limit.min(RUN_LIMIT.saturating_sub(begun.saturating_duration_since(started)));
        let ask = |grant: &Grant| {
            let left = limit.saturating_sub(self.clock.instant().saturating_duration_since(begun));
            let now = self.clock.now();
            self.log.step(|| format!("asking {} ({})", self.profile.token_url, grant.name()));
            let _waiting = self.log.waiting_for(&self.profile.token_url.origin);
            self.endpoint.request(grant, secret, left.max(Duration::from_millis(500))).map(|issued| (issued, now))
        };
        if entry.refresh_in_flight || !self.profile.use_refresh_token || matches!(leave, Leave::Unlocked(_)) {
            // Whoever set the mark died before it learned what became of the refresh token. And without the lock,
            // writing it back could undo the mark of a process that has the lock and sends it meanwhile.
            entry.refresh_token = None;
            entry.refresh_in_flight = false;
        }
        if let (Leave::Locked(guard), Some(token)) = (leave, entry.refresh_token.clone()) {
            entry.refresh_in_flight = true;
            let marked = self.store.save(guard, entry);
            entry.refresh_in_flight = false;
            if marked.is_ok() {
                let error = match ask(&Grant::RefreshToken(token)) {
                    Ok(issued) => return Ok(issued),
                    Err(error) => error,
                };
                self.log.step(|| format!("the refresh token did not help: {}", error.cause()));
                if error.leaves_refresh_token() {
                    return Err(error);
                }
                entry.refresh_token = None;
                let spent = matches!(error, EndpointError::Refused(Refusal::Denied, _));
                if !spent && freshness != Freshness::Expired {
                    return Err(error);
                }
            }
        }
        ask(&Grant::ClientCredentials)
    }

    /// Takes a reply into the entry, stores it, and serves the better token of the two.
    fn install(
        &self,
        leave: &Leave<S::Guard>,
        mut entry: Entry,
        issued: Issued,
        asked: Now,
        ask: &Ask,
    ) -> Result<Served, Error> {
        if issued.life_is_assumed {
            self.log.warn(&format!(
                "tenant `{}` states no life for its token, assuming {ASSUMED_LIFE} s",
                self.profile.tenant.authority()
            ));
        }
        let token = Token {
            access_token: issued.access_token,
            issued_at: asked.wall,
            expires_at: asked.wall.saturating_add(issued.life),
            issued_boot: asked.boot,
            boot_id: self.clock.boot_id(),
        };
        let now = self.clock.now();
        let boot_id = || self.clock.boot_id();
        let left = token.remaining(now, &boot_id);
        // Whoever insists gets a new token even if it ends earlier, but not one that has ended already.
        let gained =
            (ask.rejected.is_some() && left > FLOOR) || entry.servable(now, &boot_id).is_none_or(|(_, old)| left > old);
        // A gain that is not enough for the caller, if only because the reply took a second, is remembered too.
        let enough = gained && left >= ask.min_life;
        entry.renew_after = if enough { 0 } else { now.wall.saturating_add(NO_GAIN_PAUSE) };
        if gained {
            entry.token = Some(token);
        }
        if self.profile.use_refresh_token && issued.refresh_token.is_some() {
            entry.refresh_token = issued.refresh_token;
        }
        entry.refresh_in_flight = false;
        entry.failure = None;
        self.save(leave, &entry);
        match entry.servable(now, &boot_id) {
            Some((token, remaining)) if remaining >= ask.min_life => Ok(self.served(token, now, remaining, !gained)),
            _ => {
                let best = |token: &Token| token.best_life(token.remaining(now, &boot_id), ask.min_life);
                Err(self.too_short(entry.token.as_ref().map_or(0, best), ask))
            }
        }
    }

    /// Records a failure with the moment of the next attempt, and serves the old token if it is still valid.
    fn record(
        &self,
        leave: &Leave<S::Guard>,
        mut entry: Entry,
        error: EndpointError,
        secret: &Secret,
        ask: &Ask,
    ) -> Result<Served, Error> {
        let now = self.clock.now();
        let class = error.class();
        let mut pause = 0;
        if let Some(class) = class {
            let before = entry.failure.as_ref().filter(|failure| failure.class == class);
            let count = before.map_or(1, |failure| failure.count.saturating_add(1));
            let roll = i64::try_from(self.clock.jitter(Duration::from_millis(1)).as_micros()).unwrap_or(0);
            pause = class.back_off(count, error.retry_after(), roll);
            let until = now.wall.saturating_add(pause);
            entry.renew_after = until;
            entry.failure = Some(Failure {
                class,
                detail: error.cause().to_string(),
                at: now.wall,
                until,
                count,
                secret: Some(fingerprint(self.identity, secret)),
            });
        }
        self.save(leave, &entry);
        self.old_token_or(&entry, ask, self.endpoint_error(error, pause))
    }

    /// Stores the entry as far as there is leave to; a cache that cannot be written never prevents a token.
    fn save(&self, leave: &Leave<S::Guard>, entry: &Entry) {
        if let Leave::Locked(guard) | Leave::Unlocked(guard) = leave
            && let Err(why) = self.store.save(guard, entry)
        {
            self.log.warn(&format!("cannot write the cache ({why})"));
        }
    }

    /// A token for the caller.
    fn served(&self, token: &Token, now: Now, remaining: i64, from_cache: bool) -> Served {
        self.log.step(|| {
            let source = if from_cache { "cached" } else { "new" };
            format!("profile `{}`: {source} token, {remaining} s left", self.profile.name)
        });
        Served { access_token: token.access_token.clone(), life: token.life(), remaining, now: now.wall, from_cache }
    }

    /// The entry's token if it is still good enough for the caller, refused or not.
    fn old_token(&self, entry: &Entry, ask: &Ask) -> Option<Served> {
        let now = self.clock.now();
        let (token, remaining) = entry.servable(now, &|| self.clock.boot_id())?;
        (remaining >= ask.min_life).then(|| self.served(token, now, remaining, true))
    }

    /// The old token with a warning, or the error.
    fn old_token_or(&self, entry: &Entry, ask: &Ask, error: Error) -> Result<Served, Error> {
        let Some(served) = self.old_token(entry, ask) else { return Err(error) };
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(" ({cause})"));
        self.log.warn(&format!("{error}{cause}; using the cached token, {} s left", served.remaining));
        Ok(served)
    }

    /// The error of a request that brought no token; the next attempt is `pause` seconds away.
    fn endpoint_error(&self, error: EndpointError, pause: i64) -> Error {
        match error.class() {
            Some(class) => self.failure_error(class, error.into_cause(), pause),
            None => error.into_error(self.profile),
        }
    }

    /// The error of a failure class.
    fn failure_error(&self, class: FailureClass, source: Cause, retry_in: i64) -> Error {
        let tenant = self.profile.tenant.authority();
        let profile = self.profile.name.clone();
        let answered = source.to_string().starts_with("HTTP ");
        match class {
            FailureClass::Unavailable => Error::Unavailable {
                tenant,
                source,
                hint: if answered {
                    "retry later; if it lasts, ask whoever runs the tenant".to_owned()
                } else {
                    "check the network, and HTTPS_PROXY if a proxy is needed; then retry".to_owned()
                },
            },
            FailureClass::Limited => Error::Limited { tenant, source, retry_in },
            FailureClass::Denied => {
                Error::Denied { tenant, client_id: self.profile.client_id.clone(), profile, source }
            }
            FailureClass::Unusable => Error::Unusable { url: self.profile.token_url.to_string(), source, profile },
        }
    }

    /// The error of a wait that was too long.
    fn lock_error(&self, started: Instant) -> Error {
        let holder = self.store.holder().map_or_else(String::new, |pid| format!(" by process {pid}"));
        Error::LockWait {
            seconds: self.clock.instant().saturating_duration_since(started).as_secs(),
            profile: self.profile.name.clone(),
            source: Cause::new(format!("lock held{holder} on `{}`", self.store.lock_path())),
        }
    }

    /// The error of a tenant whose tokens are too short-lived for the caller.
    fn too_short(&self, life: i64, ask: &Ask) -> Error {
        Error::TooShort { tenant: self.profile.tenant.authority(), life, wanted: ask.min_life.max(FLOOR + 1) }
    }
}

/// What a caller wants, in terms of what is there at the start of the run.
fn insist(want: &Want, entry: &Entry) -> Ask {
    let cached = entry.token.as_ref().map(|token| &token.access_token);
    let rejected = match &want.insist {
        Insist::No => None,
        Insist::OnNew => cached.cloned(),
        Insist::OnOther(refused) => cached.filter(|token| mark(token) == *refused).cloned(),
    };
    let overridden = if want.insist == Insist::OnNew { entry.failure.clone() } else { None };
    Ask { min_life: want.min_life, rejected, overridden }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
