//! Questions to a person at the terminal: asked on standard error, answered on standard input. Nothing asks but `login`.

use std::io::{IsTerminal, Read, stderr, stdin};
use std::path::PathBuf;

use crate::child::TerminalGuard;
use crate::error::{Cause, Error};
use crate::log::Log;
use crate::platform::{self, HiddenInput};
use crate::secret::{SECRET_LIMIT, Secret};
use crate::text::{clean, line};

/// A person who can be asked.
pub(crate) struct Person<'a> {
    /// Standard error.
    log: &'a Log<'a>,
    /// This program's file.
    executable: &'a dyn Fn() -> Option<PathBuf>,
}

impl<'a> Person<'a> {
    /// The person at the terminal, if standard input and standard error are terminals.
    pub(crate) fn at_the_terminal(log: &'a Log<'a>, executable: &'a dyn Fn() -> Option<PathBuf>) -> Option<Self> {
        (stdin().is_terminal() && stderr().is_terminal()).then_some(Self { log, executable })
    }

    /// Writes a line.
    pub(crate) fn say(&self, text: &str) {
        self.log.write(&line(text));
    }

    /// Writes an error and goes on.
    pub(crate) fn show(&self, error: &Error) {
        self.log.write(&error.report());
    }

    /// Asks for a line; Enter alone returns `offered`, shown in brackets, or else an empty string.
    pub(crate) fn ask(&self, question: &str, offered: Option<&str>) -> Result<String, Error> {
        let brackets = offered.map_or_else(String::new, |offered| format!(" [{offered}]"));
        self.log.write(&clean(&format!("{question}{brackets}: ")));
        let mut answer = String::new();
        let read = stdin().read_line(&mut answer);
        let failed = |error: std::io::Error| Error::system("cannot read the answer").because(error);
        if read.map_err(failed)? == 0 {
            self.log.write("\n");
            return Err(no_answer());
        }
        let answer = answer.trim();
        Ok(if answer.is_empty() { offered.unwrap_or_default().to_owned() } else { answer.to_owned() })
    }

    /// Asks until there is an answer.
    pub(crate) fn insist(&self, question: &str, offered: Option<&str>) -> Result<String, Error> {
        loop {
            let answer = self.ask(question, offered)?;
            if !answer.is_empty() {
                return Ok(answer);
            }
            self.say("a value is required");
        }
    }

    /// Asks for a secret without echo; `None` is Enter alone.
    pub(crate) fn ask_secret(&self, question: &str) -> Result<Option<Secret>, Error> {
        loop {
            match self.hidden(question)? {
                Ok(secret) => return Ok(secret),
                Err(why) => self.say(&format!("{why}; try again")),
            }
        }
    }

    /// One line without echo: the secret, `None` if nothing was typed, or why it is not valid.
    fn hidden(&self, question: &str) -> Result<Result<Option<Secret>, Cause>, Error> {
        let guard = (self.executable)().and_then(|program| TerminalGuard::start(&program));
        let typed = platform::read_hidden(|| self.log.write(&clean(&format!("{question}: "))));
        drop(guard);
        // Enter was not echoed either.
        self.log.write("\n");
        match typed {
            Ok(HiddenInput::Line(bytes)) if bytes.is_empty() => Ok(Ok(None)),
            Ok(HiddenInput::Line(bytes)) => {
                Ok(Secret::from_line(bytes, "the secret").map(Some).map_err(|error| error.cause))
            }
            Ok(HiddenInput::Lines) => Ok(Err("the secret holds a line break".into())),
            Ok(HiddenInput::End) => Err(no_answer()),
            Ok(HiddenInput::Interrupt) => Err(Error::interrupted()),
            Err(error) => Err(Error::system("cannot read the secret").because(error)),
        }
    }
}

/// The secret on standard input, for scripts. Without a timeout, since `pass` may ask for a passphrase; without echo at a
/// terminal.
pub(crate) fn secret_from_stdin(log: &Log<'_>, executable: &dyn Fn() -> Option<PathBuf>) -> Result<Secret, Error> {
    let unusable = |source: Cause| {
        Error::unusable("the secret on standard input", source, "hand over the secret alone, on one line")
    };
    if stdin().is_terminal() {
        return Person { log, executable }.hidden("Secret (not shown)")?.map_err(unusable)?.ok_or(no_answer());
    }
    let mut bytes = Vec::new();
    let read = stdin().lock().take(SECRET_LIMIT as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::system("cannot read the secret").because(error))?;
    Secret::from_line(bytes, "it").map_err(|error| unusable(error.cause))
}

/// The error of a prompt that was answered with the end of input.
fn no_answer() -> Error {
    Error::usage("the question was not answered; nothing was changed")
}
