//! The cache on this machine: its directory, what is in it, and the lock that serialises renewal.

use std::path::Path;
use std::time::Duration;

use super::finding::Finding;
use super::{SkipReason, TimeBudget};
use crate::broker::lock::wait;
use crate::cache::{self, Cache, Loaded, OFF, Place, Store};
use crate::clock::{SystemClock, wall};
use crate::context::Context;
use crate::entry::Entry;
use crate::error::EXIT_TEMPORARY;
use crate::lock::{LockAttempt, LockGuard};
use crate::platform;

/// Time limit for another process's renewal.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

/// The fix for an unsuitable directory.
const ELSEWHERE: &str = "set WS1_TOKEN_CACHE_DIR to a directory of your own on a local disk";

/// What is known of the cache, and the lock for a token request.
pub(super) struct CacheCheck {
    /// The findings.
    pub(super) findings: Vec<Finding>,
    /// The entry; empty if it cannot be read.
    pub(super) entry: Entry,
    /// The lock, held until this is dropped; `None` if it cannot be taken.
    guard: Option<LockGuard>,
    /// Another process has the lock: no token request may be sent.
    pub(super) is_busy: bool,
}

/// Checks the cache; takes the lock of the identity, if there is one.
pub(super) fn check(context: &Context<'_>, identity: Option<&str>, time: &TimeBudget) -> CacheCheck {
    let mut check = CacheCheck { findings: Vec::new(), entry: Entry::default(), guard: None, is_busy: false };
    let place = match context.cache_place() {
        Ok(place) => place,
        Err(error) => {
            check.findings.push(Finding::of("cache", &error));
            return check.without_lock("not tried, no cache");
        }
    };
    let cache = identity.map(|identity| Cache::new(place.clone(), identity));
    let (finding, is_usable) = match &place {
        Place::Directory(_) | Place::Home(_) => examine(&place, cache.as_ref(), &mut check.entry),
        Place::NoHome => {
            let text = "none: this user has no home directory, so every call asks the tenant";
            (Finding::warning("cache", text, ELSEWHERE), false)
        }
        Place::Off => (Finding::ok("cache", format!("none: {OFF}, so every call asks the tenant")), false),
    };
    check.findings.push(finding);
    match cache {
        _ if !is_usable => check.without_lock("not tried, the cache is not used"),
        None => check.without_lock("not tried, no client"),
        Some(cache) => check.lock(context, &cache, time),
    }
}

impl CacheCheck {
    /// The failure for which other calls back off, if it was with this secret and these settings: its text, and the seconds left.
    pub(super) fn back_off(&self, fingerprint: u32) -> Option<(String, i64)> {
        let failure = self.entry.failure.as_ref()?;
        let pause = failure.pause(wall())?;
        failure.tried.contains(&fingerprint).then(|| (failure.cause.clone(), pause))
    }

    /// Releases the lock.
    pub(super) fn release(&mut self) {
        self.guard = None;
    }

    /// The line of a lock that was not tried.
    fn without_lock(mut self, why: SkipReason) -> Self {
        self.findings.push(Finding::skipped("lock", why));
        self
    }

    /// Takes the lock; waits up to 5 s for a renewal in progress.
    fn lock(mut self, context: &Context<'_>, cache: &Cache, time: &TimeBudget) -> Self {
        let limit = time.left(LOCK_LIMIT).unwrap_or_default();
        context.log.step(|| format!("taking the lock {}", cache.lock_path()));
        let tried = wait(cache, &SystemClock, context.log, limit, || true);
        self.findings.push(match &tried {
            LockAttempt::Held(_) => Finding::ok("lock", "taken and released"),
            LockAttempt::Busy => held(&cache.lock_path(), cache.holder(), limit),
            LockAttempt::Unsupported(_, why) => Finding::warning(
                "lock",
                format!("no locks here ({why}): processes may each fetch a token, the refresh token is not used"),
                ELSEWHERE,
            ),
            LockAttempt::Unusable(why) | LockAttempt::Declined(why) => {
                Finding::warning("lock", format!("{why}: tokens are issued, but not cached"), ELSEWHERE)
            }
        });
        self.is_busy = matches!(tried, LockAttempt::Busy);
        self.guard = match tried {
            LockAttempt::Held(guard) | LockAttempt::Unsupported(guard, _) => Some(guard),
            LockAttempt::Busy | LockAttempt::Unusable(_) | LockAttempt::Declined(_) => None,
        };
        self
    }
}

/// A lock that another process holds.
fn held(path: &str, holder: Option<u32>, limit: Duration) -> Finding {
    let process = holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    Finding::failed(
        "lock",
        format!("{path} has been held by {process} for more than {} s", limit.as_secs()),
        format!("wait for {process}, or end it if it hangs"),
        EXIT_TEMPORARY,
    )
}

/// Checks directory and entry, after the directory is made what the next call would make of it.
fn examine(place: &Place, cache: Option<&Cache>, entry: &mut Entry) -> (Finding, bool) {
    let unused = |why: &str, fix: &str| Finding::warning("cache", format!("not used: {why}"), fix);
    let directory = match cache::prepare(place) {
        Ok(directory) => directory,
        Err(why) => return (unused(&why.to_string(), ELSEWHERE), false),
    };
    match cache.map(Store::load) {
        Some(Loaded::Entry(found)) => *entry = found,
        Some(Loaded::Untrusted(why) | Loaded::Unusable(why)) => return (unused(&why, "run `ws1-token forget`"), true),
        Some(Loaded::Miss) | None => {}
    }
    let mode = platform::access(&directory).map(|access| access.mode & 0o777);
    let count = cache::identities(&directory).len();
    (judge_directory(&directory, mode, count, platform::network_file_system(&directory)), true)
}

/// The finding for a usable directory.
fn judge_directory(directory: &Path, mode: Option<u32>, count: usize, network: Option<&str>) -> Finding {
    let mode = mode.map_or_else(String::new, |mode| format!(", mode {mode:04o}"));
    let entries = if count == 1 { "entry" } else { "entries" };
    let text = format!("{}{mode}, {count} {entries}", directory.display());
    match network {
        Some(kind) => Finding::warning(
            "cache",
            format!("{text}, on a network file system ({kind}), where locks may not reach other machines"),
            ELSEWHERE,
        ),
        None => Finding::ok("cache", text),
    }
}

#[cfg(test)]
mod tests;
