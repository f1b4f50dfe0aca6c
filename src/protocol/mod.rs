//! One file per caller: what it asks, what it is answered, and how it is told of a failure.

use crate::broker::{Served, Want};
use crate::command::{Context, Outcome};
use crate::config::Profile;
use crate::error::Error;

pub(crate) mod git;
pub(crate) mod kubectl;
pub(crate) mod plain;

/// A caller that names no target and reads failures from standard error and the exit status.
pub(crate) trait Protocol {
    /// The profile that the caller's own configuration names.
    fn profile(&self) -> Option<&str> {
        None
    }

    /// What is asked of the broker.
    fn want(&self) -> Want {
        Want::default()
    }

    /// The answer.
    fn answer(&self, served: &Served, profile: &Profile) -> Result<Vec<u8>, Error>;
}

/// Answers one request: profile, token, answer.
pub(crate) fn serve(context: &Context<'_>, request: Result<impl Protocol, Error>) -> Outcome {
    request
        .and_then(|request| {
            let profile = context.sources.profile(request.profile())?;
            let served = context.obtain(&profile, &request.want())?;
            request.answer(&served, &profile).map(Outcome::answer)
        })
        .into()
}
