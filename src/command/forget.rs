//! `forget`: drops cached tokens.

use crate::broker::forget::forget;
use crate::cache::{self, Cache};
use crate::cli::Forget;
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;

/// Drops the profile's entry, or every entry.
pub(crate) fn run(context: &Context<'_>, args: &Forget) -> Result<Outcome, Error> {
    let Some(dir) = context.cache_dir()? else { return Ok(Outcome::answer("")) };
    if args.all {
        for identity in cache::identities(&dir) {
            forget(context.log, &Cache::new(Some(&dir), &identity), "all")?;
        }
    } else {
        context.forget(&context.sources.profile(None)?)?;
    }
    Ok(Outcome::answer(""))
}
