//! `completions SHELL`: a completion script, from the definitions of the command line.

use clap::CommandFactory;

use super::Outcome;
use crate::cli::{Cli, Completions};

/// Prints the script.
pub(crate) fn run(args: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ws1-token", &mut script);
    Outcome::answer(script)
}
