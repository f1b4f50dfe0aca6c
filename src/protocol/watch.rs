//! `get --output FILE --watch`: a token file that stays fresh, for side-cars and services.
//!
//! It is `get` again and again. A round reads configuration and cache as any call does, so the same windows decide when to
//! renew, another process's renewal and a changed profile are noticed, and the memory of failures holds. The time between
//! two rounds is bounded instead of computed from the expiry: neither a suspended machine nor a clock that is set can
//! make it miss one.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::plain;
use crate::broker::{AccessToken, RUN_LIMIT, TokenRequest};
use crate::cache::Cache;
use crate::cli::Get;
use crate::clock::{Clock, Deadline, SystemClock, wall};
use crate::context::Context;
use crate::error::Error;
use crate::platform;
use crate::secret::Secret;

/// Longest time between two rounds, in seconds: how stale the file may be after a suspended machine wakes up.
const LONGEST_INTERVAL: i64 = 10;

/// A file that is kept fresh.
struct Watch<'a> {
    /// What every round works with, but for its deadline.
    context: &'a Context<'a>,
    /// The arguments.
    args: &'a Get,
    /// The file.
    file: PathBuf,
    /// The cache of the profile.
    cache: Option<Cache>,
    /// The token in the file.
    written: Option<Secret>,
}

/// Keeps the file fresh until a signal ends the process.
///
/// A failure of the first round is returned: while this process lives, the file holds a token, and who starts it (systemd,
/// a kubelet) learns why it does not. Later failures are warnings.
pub(super) fn run(context: &Context<'_>, args: &Get, file: &Path, first: &TokenRequest) -> Result<Infallible, Error> {
    platform::end_on_signals();
    let file = context.sources.absolute(file);
    let mut watch = Watch { context, args, file, cache: None, written: None };
    let mut token = watch.obtain(first)?;
    watch.put(&token)?;
    let request = TokenRequest { min_ttl: args.min_ttl, ..TokenRequest::default() };
    loop {
        // At most the mandatory window, so that no token passes its windows between two rounds.
        SystemClock.sleep(Duration::from_secs((token.life / 20).clamp(1, LONGEST_INTERVAL).unsigned_abs()));
        let verbose = context.log.set_verbose(false);
        let obtained = watch.obtain(&request);
        context.log.set_verbose(verbose);
        let kept = obtained.and_then(|new| {
            token = new;
            watch.put(&token)
        });
        if let Err(error) = kept {
            context.log.warn(&format!("{}; `{}` stays as it is", error.summary(), watch.file.display()));
        }
    }
}

impl Watch<'_> {
    /// A token, as `get` gets it.
    fn obtain(&mut self, request: &TokenRequest) -> Result<AccessToken, Error> {
        if platform::is_stream(&self.file) {
            let what = format!("--watch replaces its file, and `{}` cannot be replaced", self.file.display());
            return Err(Error::usage(what).hint("pass a regular file to --output"));
        }
        let context = Context { deadline: Deadline::after(&SystemClock, RUN_LIMIT), ..*self.context };
        let profile = context.sources.profile(None)?;
        let cache = context.cache(&profile)?;
        let known = self.cache.take().filter(|known| known.identity() == cache.identity());
        let cache = self.cache.insert(known.unwrap_or_else(|| cache.with_memory()));
        if cache.failure().is_some_and(|failure| failure.pause(wall()).is_none()) {
            // A new attempt: its failure is reported again.
            context.log.repeat_warnings();
        }
        context.with_cache(&profile, cache, |broker| broker.obtain(request))
    }

    /// Writes a token to the file, unless that holds it.
    fn put(&mut self, token: &AccessToken) -> Result<(), Error> {
        if self.written.as_ref() == Some(&token.access_token) && self.file.exists() {
            return Ok(());
        }
        plain::write(&self.file, &plain::text(self.args, token), plain::PATIENCE)?;
        self.context.log.step(|| format!("wrote `{}`, {} s left", self.file.display(), token.remaining));
        self.context.log.repeat_warnings();
        self.written = Some(token.access_token.clone());
        Ok(())
    }
}
