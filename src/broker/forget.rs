//! Dropping a cached token: one that a caller gives back as refused, or on request.

use std::time::Duration;

use super::{Broker, lock};
use crate::cache::{Cache, Loaded, Store};
use crate::clock::SystemClock;
use crate::entry::Entry;
use crate::error::Error;
use crate::lock::{LockAttempt, LockGuard, clear_note};
use crate::log::Log;
use crate::secret::Secret;

/// Time limit of the wait for the lock in `discard`, whose result is not used.
const GIVE_BACK_LIMIT: Duration = Duration::from_secs(2);

impl<S: Store> Broker<'_, S> {
    /// Takes back a cached access token that a host refused, which has this checksum: only that very one is dropped, and not
    /// if it has just replaced a refused one, for then each failing caller would cost a request.
    ///
    /// It is silent and never fails: the caller's own error is on the screen already.
    pub(crate) fn discard(&self, given: &str, host: u32) {
        let given = Secret::new(given.to_owned());
        let is_refused = |entry: &Entry| entry.token.as_ref().is_some_and(|token| token.access_token == given);
        if !is_refused(&self.load()) {
            return;
        }
        let attempt = lock::wait(self.store, self.clock, self.log, GIVE_BACK_LIMIT, || is_refused(&self.load()));
        let (guard, is_locked) = match attempt {
            LockAttempt::Held(guard) => (guard, true),
            LockAttempt::Unsupported(guard, _) => (guard, false),
            LockAttempt::Busy | LockAttempt::Unusable(_) | LockAttempt::Declined(_) => return,
        };
        let mut entry = self.load();
        if is_refused(&entry) && entry.refuse(host, self.clock.now().wall) {
            if !is_locked {
                // Writing it back could undo the mark of a process that sends it meanwhile.
                entry.refresh_token = None;
            }
            let _ = self.store.save(&guard, &entry);
        }
    }
}

/// Removes an entry under the lock, since a renewal in progress would store it again. Returns the entry and the lock:
/// until that is dropped, no process can store it again.
pub(crate) fn forget(log: &Log<'_>, cache: &Cache, profile: &str) -> Result<(Entry, LockGuard), Error> {
    let failed =
        |why: String| Error::system(format!("cannot drop the cached token of profile `{profile}`")).because(why);
    match lock::wait(cache, &SystemClock, log, lock::LIMIT, || true) {
        LockAttempt::Held(guard) | LockAttempt::Unsupported(guard, _) => {
            let entry = match cache.load() {
                Loaded::Entry(entry) => entry,
                Loaded::Miss | Loaded::Untrusted(_) | Loaded::Unusable(_) => Entry::default(),
            };
            cache.remove(&guard).map_err(failed)?;
            clear_note(&guard);
            Ok((entry, guard))
        }
        LockAttempt::Declined(why) => Err(failed(why).hint("rerun without sudo")),
        LockAttempt::Unusable(why) => Err(failed(why)),
        LockAttempt::Busy => Err(lock::timed_out(cache, profile, lock::LIMIT)),
    }
}
