//! `exec -- CMD`: runs a command with the token in one environment variable.

use crate::broker::Want;
use crate::child;
use crate::cli::Exec;
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;

/// Replaces this process by the command, so that exit status and signals are the command's.
pub(crate) fn run(context: &Context<'_>, args: &Exec) -> Result<Outcome, Error> {
    let profile = context.sources.profile(None)?;
    let served = context.obtain(&profile, &Want::default())?;
    let (program, rest) = args.command.split_first().ok_or(Error::Missing {
        profile: profile.name.clone(),
        what: "command to run",
        hint: "name it after `--`",
    })?;
    let mut command = child::command(program, profile.secret_variable());
    command.args(rest).env(&args.var, served.access_token.expose());
    let status = crate::platform::replace_process(&mut command)
        .map_err(|error| Error::Spawn { program: program.to_string_lossy().into_owned(), source: error.into() })?;
    Ok(Outcome::status(u8::try_from(status).unwrap_or(1)))
}
