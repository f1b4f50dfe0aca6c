//! `forget`: drops cached tokens.

use crate::broker::forget::forget;
use crate::cache::{self, Cache, Place};
use crate::cli::Forget;
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;

/// Drops the profile's entry, or every entry.
pub(crate) fn run(context: &Context<'_>, args: &Forget) -> Result<Outcome, Error> {
    if !args.all {
        context.forget(&context.sources.profile(None)?)?;
    } else if let place @ Place::Directory(dir) = &context.usual_place()? {
        for identity in cache::identities(dir) {
            forget(context.log, &Cache::new(place.clone(), &identity), "all")?;
        }
    }
    Ok(Outcome::answer(""))
}
