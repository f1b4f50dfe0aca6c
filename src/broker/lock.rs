//! Write access to an entry: the one wait for the lock, and its one error.

use std::time::Duration;

use super::Broker;
use crate::cache::Store;
use crate::clock::{Clock, Deadline};
use crate::error::{Cause, Error, ErrorKind};
use crate::lock::LockAttempt;
use crate::log::{Log, RENEWING};

/// Time limit of the wait for another process's renewal.
pub(crate) const LIMIT: Duration = Duration::from_secs(15);

/// Write access to an entry: locked, unlocked or none.
pub(crate) enum WriteAccess<G> {
    /// We hold the lock.
    Locked(G),
    /// The file system has no locks: the entry is written, but its refresh token is never used.
    Unlocked(G),
    /// Nothing can be written.
    None,
}

impl<G> WriteAccess<G> {
    /// The guard that a write needs.
    pub(super) fn guard(&self) -> Option<&G> {
        match self {
            Self::Locked(guard) | Self::Unlocked(guard) => Some(guard),
            Self::None => None,
        }
    }
}

/// Waits for the lock. Gives `Busy` at the limit, or when `is_needed` returns `false` between two attempts.
pub(crate) fn wait<S: Store>(
    store: &S,
    clock: &dyn Clock,
    log: &Log<'_>,
    limit: Duration,
    mut is_needed: impl FnMut() -> bool,
) -> LockAttempt<S::Guard> {
    let mut deadline = None;
    let mut waiting = None;
    loop {
        let attempt = store.try_lock();
        if !matches!(attempt, LockAttempt::Busy) || limit.is_zero() {
            return attempt;
        }
        let deadline = *deadline.get_or_insert_with(|| Deadline::after(clock, limit));
        if deadline.is_over(clock) {
            return attempt;
        }
        waiting.get_or_insert_with(|| log.waiting(|| RENEWING.to_owned()));
        clock.sleep(Duration::from_millis(5) + clock.jitter(Duration::from_millis(45)));
        if !is_needed() {
            return attempt;
        }
    }
}

/// The error of a wait that reached its limit.
pub(crate) fn timed_out<S: Store>(store: &S, profile: &str, limit: Duration) -> Error {
    let holder = store.holder().map_or_else(String::new, |pid| format!(" by process {pid}"));
    let seconds = limit.as_secs();
    let what = format!("gave up after {seconds} s waiting for another ws1-token to renew profile `{profile}`");
    Error::new(ErrorKind::Busy, what)
        .because(Cause::new(format!("lock held{holder} on `{}`", store.lock_path())))
        .hint("rerun; if no other ws1-token is running, check that the cache is not on a network file system")
}

impl<S: Store> Broker<'_, S> {
    /// The access that is left where the lock cannot be taken; the user is told why.
    pub(super) fn uncoordinated(&self, attempt: LockAttempt<S::Guard>) -> WriteAccess<S::Guard> {
        match attempt {
            LockAttempt::Held(guard) => WriteAccess::Locked(guard),
            LockAttempt::Unsupported(guard, why) => {
                self.log.warn(&format!("the cache cannot be locked, tokens may be fetched twice ({why})"));
                WriteAccess::Unlocked(guard)
            }
            LockAttempt::Unusable(why) => {
                self.log.warn(&format!("going on without the cache ({why})"));
                WriteAccess::None
            }
            LockAttempt::Declined(why) => {
                self.log.step(|| format!("going on without the cache ({why})"));
                WriteAccess::None
            }
            LockAttempt::Busy => WriteAccess::None,
        }
    }
}
