//! `forget`: drops cached tokens.

use std::time::Duration;

use crate::cache::{self, Cache, Loaded, Store};
use crate::cli::Forget;
use crate::clock::{Clock, Deadline, SystemClock};
use crate::config::Profile;
use crate::context::Context;
use crate::entry::Entry;
use crate::error::{Cause, Error};
use crate::lock::Tried;
use crate::log::{Log, RENEWING};
use crate::outcome::Outcome;

/// How long a renewal in progress is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Drops the profile's entry, or every entry.
pub(crate) fn run(context: &Context<'_>, args: &Forget) -> Result<Outcome, Error> {
    let Some(dir) = context.cache_dir()? else { return Ok(Outcome::answer("")) };
    if !args.all {
        return forget_profile(context, &context.sources.profile(None)?);
    }
    for identity in cache::identities(&dir) {
        forget(context.log, &Cache::new(Some(&dir), &identity), "all")?;
    }
    Ok(Outcome::answer(""))
}

/// Drops the entry of one profile.
pub(crate) fn forget_profile(context: &Context<'_>, profile: &Profile) -> Result<Outcome, Error> {
    take(context, profile).map(|_| Outcome::answer(""))
}

/// Drops the entry of one profile and gives it, empty if there was none.
pub(super) fn take(context: &Context<'_>, profile: &Profile) -> Result<Entry, Error> {
    match context.cache_dir()? {
        Some(dir) => forget(context.log, &Cache::new(Some(&dir), &profile.identity()), &profile.name),
        None => Ok(Entry::default()),
    }
}

/// Removes one entry, under the lock: a renewal in progress would bring it back.
fn forget(log: &Log<'_>, cache: &Cache, profile: &str) -> Result<Entry, Error> {
    let deadline = Deadline::after(&SystemClock, PATIENCE);
    let mut waiting = None;
    let failed = |why: String| Error::Forget { profile: profile.to_owned(), source: Cause::new(why) };
    loop {
        match cache.try_lock() {
            Tried::Held(guard) | Tried::Unsupported(guard, _) => {
                let entry = match cache.load() {
                    Loaded::Entry(entry) => entry,
                    Loaded::Miss | Loaded::Distrusted(_) | Loaded::Unusable(_) => Entry::default(),
                };
                return cache.remove(&guard).map(|()| entry).map_err(failed);
            }
            Tried::Unusable(why) => return Err(failed(why)),
            Tried::Busy if !deadline.is_over(&SystemClock) => {
                waiting.get_or_insert_with(|| log.waiting(|| RENEWING.to_owned()));
                SystemClock.sleep(Duration::from_millis(20));
            }
            Tried::Busy => {
                let holder = cache.holder().map_or_else(String::new, |pid| format!(" by process {pid}"));
                return Err(Error::LockWait {
                    seconds: PATIENCE.as_secs(),
                    profile: profile.to_owned(),
                    source: Cause::new(format!("lock held{holder} on `{}`", cache.lock_path())),
                });
            }
        }
    }
}
