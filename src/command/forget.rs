//! `forget`: drops cached tokens.

use crate::broker::forget::forget;
use crate::cache::{self, Cache, Place};
use crate::cli::Forget;
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;

/// Drops the profile's entry, or every entry.
pub(crate) fn run(context: &Context<'_>, args: &Forget) -> Result<Outcome, Error> {
    let place = context.cache_place()?;
    match &place {
        Place::NoHome | Place::Off => {}
        Place::Directory(dir) if args.all => {
            for identity in cache::identities(dir) {
                forget(context.log, &Cache::new(place.clone(), &identity), "all")?;
            }
        }
        Place::Directory(_) => {
            context.forget(&context.sources.profile(None)?)?;
        }
    }
    Ok(Outcome::answer(""))
}
