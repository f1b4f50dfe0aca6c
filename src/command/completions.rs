//! `completions`: the completion script of a shell, and the answers that the scripts ask for.
//!
//! A script knows nothing of the commands. At every TAB it runs `completions SHELL --word=WORD -- WORDS`: the word at the
//! cursor, and those before it with quotes removed. The answer's first line says what can stand there:
//!
//! * `words`: one of the following lines, each a word, a tab and its description; after `--option=` its value alone
//! * `files`, `directories`: what the shell itself offers there
//! * `command`, a tab and N: another program's command line begins at word N; a further tab and `curl`: its arguments
//!   do
//! * `nothing`
//!
//! Only the configuration file is read; errors in it are ignored here.

use std::fmt::Write;
use std::path::PathBuf;

use clap::CommandFactory;

use crate::cli::{Cli, Completions, Shell};
use crate::config::{Overrides, Sources};
use crate::context::Context;
use crate::outcome::Outcome;

mod line;

use line::{Candidate, Next, TypedLine};

/// Prints a script or an answer.
pub(crate) fn run(context: &Context<'_>, args: &Completions) -> Outcome {
    let Some(word) = &args.word else { return Outcome::answer(script(args.shell)) };
    let mut definitions = Cli::command();
    definitions.build();
    let line = TypedLine::read(&definitions, &args.before);
    let next = line.next(&word.to_string_lossy());
    Outcome::answer(answer(next, || profiles(context.sources, line.config.clone())))
}

/// The script of a shell.
fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("completions/complete.bash"),
        Shell::Zsh => include_str!("completions/complete.zsh"),
        Shell::Fish => include_str!("completions/complete.fish"),
        Shell::Powershell => include_str!("completions/complete.ps1"),
        Shell::Elvish => include_str!("completions/complete.elv"),
    }
}

/// What a script is answered.
fn answer(next: Next, profiles: impl FnOnce() -> Vec<Candidate>) -> String {
    match next {
        Next::Words(candidates) => list(&candidates),
        Next::Profile => list(&profiles()),
        Next::File => "files\n".to_owned(),
        Next::Directory => "directories\n".to_owned(),
        Next::Command { at } => format!("command\t{at}\n"),
        Next::CurlArguments { at } => format!("command\t{at}\tcurl\n"),
        Next::Nothing => "nothing\n".to_owned(),
    }
}

/// Words with their descriptions.
fn list(candidates: &[Candidate]) -> String {
    let mut text = "words\n".to_owned();
    for Candidate { word, description } in candidates {
        let _ = writeln!(text, "{word}\t{description}");
    }
    text
}

/// The profiles of the configuration file that the line names, or of the default one, without names that hold control
/// characters: those cannot be typed.
fn profiles(sources: &Sources<'_>, config: Option<PathBuf>) -> Vec<Candidate> {
    let overrides = Overrides { config, ..Overrides::default() };
    let sources = Sources { overrides: &overrides, ..*sources };
    let Ok(Some(names)) = sources.names() else { return Vec::new() };
    let default = names.default.as_deref();
    let name = |name: String| {
        let description = if default == Some(&name) { "the default profile" } else { "" };
        Candidate { word: name, description: description.to_owned() }
    };
    names.profiles.into_iter().filter(|name| !name.contains(char::is_control)).map(name).collect()
}
