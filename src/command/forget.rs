//! `forget`: drops cached tokens.

use std::time::Duration;

use super::{Context, Outcome};
use crate::cache::{self, Cache, Store};
use crate::cli::Forget;
use crate::clock::{Clock, SystemClock};
use crate::config::Profile;
use crate::error::{Cause, Error};
use crate::lock::Tried;
use crate::log::{Log, RENEWING};

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
    if let Some(dir) = context.cache_dir()? {
        forget(context.log, &Cache::new(Some(&dir), &profile.identity()), &profile.name)?;
    }
    Ok(Outcome::answer(""))
}

/// Removes one entry, under the lock: a renewal in progress would bring it back.
fn forget(log: &Log<'_>, cache: &Cache, profile: &str) -> Result<(), Error> {
    let clock = SystemClock::start();
    let mut waiting = None;
    let failed = |why: String| Error::Forget { profile: profile.to_owned(), source: Cause::new(why) };
    loop {
        match cache.try_lock() {
            Tried::Held(guard) | Tried::Unsupported(guard, _) => return cache.remove(&guard).map_err(failed),
            Tried::Unusable(why) => return Err(failed(why)),
            Tried::Busy if clock.elapsed() < PATIENCE => {
                waiting.get_or_insert_with(|| log.waiting(|| RENEWING.to_owned()));
                clock.sleep(Duration::from_millis(20));
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
