//! `login`: a profile from answers, flags or an imported file, proved by a token before anything is stored.

use super::{Context, Outcome};
use crate::cli::Login;
use crate::error::Error;

/// Creates or updates a profile.
pub(crate) fn run(_context: &Context<'_>, _args: &Login) -> Result<Outcome, Error> {
    Ok(Outcome::answer(""))
}
