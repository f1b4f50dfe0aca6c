//! `exec CMD`: runs a command with the token in one environment variable, as `env`(1) would.

use std::ffi::OsStr;
use std::io::{self, ErrorKind as IoErrorKind};

use crate::broker::TokenRequest;
use crate::child;
use crate::cli::Exec;
use crate::context::Context;
use crate::error::{Error, ErrorKind};
use crate::outcome::Outcome;

/// Replaces this process by the command, so that exit status and signals are the command's.
pub(crate) fn run(context: &Context<'_>, args: &Exec) -> Result<Outcome, Error> {
    let profile = context.sources.profile(None)?;
    let request = TokenRequest { min_ttl: args.min_ttl, ..TokenRequest::default() };
    let served = context.obtain(&profile, &request)?;
    let (program, rest) = args
        .command
        .split_first()
        .ok_or(Error::usage(format!("profile `{}` has no command to run", profile.name)).hint("name a command"))?;
    let mut command = child::command(program, &context.sources.secret_variables());
    command.args(rest).env(&args.var, served.access_token.expose());
    Err(not_run(program, crate::platform::replace_process(&mut command)))
}

/// The error of a command that was not run.
fn not_run(program: &OsStr, error: io::Error) -> Error {
    let program = program.to_string_lossy();
    if error.kind() == IoErrorKind::NotFound {
        return Error::spawn(&program, error).with_kind(ErrorKind::CommandNotFound);
    }
    Error::spawn(&program, error)
        .with_kind(ErrorKind::CommandNotRun)
        .hint(format!("check that `{program}` is a program and that you may execute it"))
}
