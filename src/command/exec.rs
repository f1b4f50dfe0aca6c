//! `exec -- CMD`: runs a command with the token in one environment variable.

use crate::broker::TokenRequest;
use crate::child;
use crate::cli::Exec;
use crate::context::Context;
use crate::error::Error;
use crate::outcome::Outcome;

/// Replaces this process by the command, so that exit status and signals are the command's.
pub(crate) fn run(context: &Context<'_>, args: &Exec) -> Result<Outcome, Error> {
    let profile = context.sources.profile(None)?;
    let served = context.obtain(&profile, &TokenRequest::default())?;
    let (program, rest) = args
        .command
        .split_first()
        .ok_or(Error::usage(format!("profile `{}` has no command to run", profile.name)).hint("name it after `--`"))?;
    let mut command = child::command(program, profile.secret_variable());
    command.args(rest).env(&args.var, served.access_token.expose());
    let status = crate::platform::replace_process(&mut command)
        .map_err(|error| Error::spawn(&program.to_string_lossy(), error))?;
    Ok(Outcome::status(u8::try_from(status).unwrap_or(1)))
}
