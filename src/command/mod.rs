//! One file per user command; here is which call leads to which, and who reads standard error of each.

use std::io::Read;

use crate::cli::Command;
use crate::context::Context;
use crate::error::Error;
use crate::log::Audience;
use crate::outcome::Outcome;
use crate::protocol;

mod completions;
mod curl;
mod doctor;
mod exec;
mod forget;
mod login;
mod logout;
mod setup;
mod status;
pub(crate) mod usage;
mod whoami;

/// Runs a command.
pub(crate) fn dispatch(context: &Context<'_>, command: &Command, stdin: &mut dyn Read) -> Outcome {
    if crate::platform::is_elevated() {
        let what = "ws1-token refuses to run with rights that its caller does not have";
        return Error::usage(what).hint("remove the set-user-ID and set-group-ID bits from the program").into();
    }
    context.log.set_audience(audience(command));
    match command {
        Command::Get(args) => protocol::plain::run(context, args),
        Command::Kubectl(args) => protocol::kubectl::run(context, args),
        Command::Git(args) => protocol::git::run(context, &args.operation, stdin),
        Command::Bazel(_) => protocol::bazel::run(context, stdin),
        Command::Terraform(args) => apart(|| protocol::terraform::run(context, args.operation, &args.host)),
        Command::Google => apart(|| protocol::google::run(context)),
        Command::Curl(args) => apart(|| curl::run(context, args).into()),
        Command::Exec(args) => apart(|| exec::run(context, args).into()),
        Command::Login(args) => apart(|| login::run(context, args).into()),
        Command::Logout(args) => apart(|| logout::run(context, args).into()),
        Command::Forget(args) => apart(|| forget::run(context, args).into()),
        Command::Status(args) => apart(|| status::run(context, args).into()),
        Command::Whoami(args) => apart(|| whoami::run(context, args).into()),
        Command::Doctor(args) => apart(|| doctor::run(context, args)),
        Command::Setup(args) => apart(|| setup::run(context, args).into()),
        Command::Completions(args) => apart(|| completions::run(context, args)),
    }
}

/// Runs a command that people call, in a stack frame of its own: inlined, what `login` and `doctor` need of the stack would
/// be touched by every call with a cached token, page by page.
#[inline(never)]
#[cold]
fn apart(command: impl FnOnce() -> Outcome) -> Outcome {
    command()
}

/// Who reads standard error of a command.
fn audience(command: &Command) -> Audience {
    match command {
        Command::Kubectl(_) => Audience::Client,
        Command::Git(_) | Command::Bazel(_) | Command::Terraform(_) => Audience::Program,
        Command::Google => Audience::Nobody,
        _ => Audience::Person,
    }
}
