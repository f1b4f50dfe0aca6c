//! `forget`: drops cached tokens.

use crate::broker::forget::forget;
use crate::cache::{self, Cache};
use crate::cli::Forget;
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::text::line;

/// Drops the profile's entry, or every entry, and says what was there.
pub(crate) fn run(context: &Context<'_>, args: &Forget) -> Result<Outcome, Error> {
    if !args.all {
        let profile = context.sources.profile(None)?;
        let (entry, _) = context.forget(&profile)?;
        let name = &profile.name;
        return Ok(Outcome::answer(line(&match entry.token {
            Some(_) => format!("dropped the cached token of profile `{name}`"),
            None => format!("profile `{name}` had no cached token"),
        })));
    }
    let place = context.usual_place()?;
    let identities = place.directory().map(cache::identities).unwrap_or_default();
    let mut dropped = 0;
    for identity in identities {
        let (entry, _) = forget(context.log, &Cache::new(place.clone(), &identity), "all")?;
        dropped += usize::from(entry.token.is_some());
    }
    Ok(Outcome::answer(match dropped {
        0 => "no token was cached\n".to_owned(),
        1 => "dropped 1 cached token\n".to_owned(),
        more => format!("dropped {more} cached tokens\n"),
    }))
}
