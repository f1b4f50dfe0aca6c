//! `forget`: drops cached tokens.

use crate::broker::forget::forget;
use crate::cache::{self, Cache};
use crate::cli::Forget;
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;

/// Drops the profile's entry, or every entry.
pub(crate) fn run(context: &Context<'_>, args: &Forget) -> Result<Outcome, Error> {
    if !args.all {
        context.forget(&context.sources.profile(None)?)?;
        return Ok(Outcome::answer(""));
    }
    let place = context.usual_place()?;
    for identity in place.directory().map(cache::identities).unwrap_or_default() {
        forget(context.log, &Cache::new(place.clone(), &identity), "all")?;
    }
    Ok(Outcome::answer(""))
}
