//! `whoami`: the claims of the cached token as a person needs them. No network, nothing verified.

use super::{Context, Outcome};
use crate::cli::Whoami;
use crate::error::Error;

/// Prints the claims.
pub(crate) fn run(_context: &Context<'_>, _args: &Whoami) -> Result<Outcome, Error> {
    Ok(Outcome::answer(""))
}
