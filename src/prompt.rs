//! Questions to a person at the terminal: asked on standard error, answered on standard input. Nothing asks but `login`.

use std::io::Read;

use crate::error::{Cause, Error};
use crate::log::Log;
use crate::platform::Stream;
use crate::platform::{self, HiddenInput};
use crate::secret::{SECRET_LIMIT, Secret};
use crate::text::line;

/// A person who can be asked.
pub(crate) struct Person<'a> {
    /// Standard error.
    log: &'a Log<'a>,
}

impl<'a> Person<'a> {
    /// The person at the terminal, if standard input and standard error are one.
    pub(crate) fn at_the_terminal(log: &'a Log<'a>) -> Option<Self> {
        (Stream::Stdin.is_terminal() && Stream::Stderr.is_terminal()).then_some(Self { log })
    }

    /// Says something, a line at a time.
    pub(crate) fn say(&self, text: &str) {
        self.log.write(&line(text));
    }

    /// Shows a failure and goes on.
    pub(crate) fn show(&self, error: &Error) {
        self.log.write(&error.report());
    }

    /// Asks for a line; Enter alone gives what is `offered`, shown in brackets, or else an empty line.
    pub(crate) fn ask(&self, question: &str, offered: Option<&str>) -> Result<String, Error> {
        let brackets = offered.map_or_else(String::new, |offered| format!(" [{offered}]"));
        self.log.write(&unended(&format!("{question}{brackets}: ")));
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        let failed = |error: std::io::Error| Error::system("cannot read the answer").because(error);
        if read.map_err(failed)? == 0 {
            self.log.write("\n");
            return Err(no_answer());
        }
        let answer = answer.trim();
        Ok(if answer.is_empty() { offered.unwrap_or_default().to_owned() } else { answer.to_owned() })
    }

    /// The same until there is an answer.
    pub(crate) fn insist(&self, question: &str, offered: Option<&str>) -> Result<String, Error> {
        loop {
            let answer = self.ask(question, offered)?;
            if !answer.is_empty() {
                return Ok(answer);
            }
            self.say("it cannot be empty; once more");
        }
    }

    /// Asks for a secret, which is not shown; `None` is Enter alone.
    pub(crate) fn ask_secret(&self, question: &str) -> Result<Option<Secret>, Error> {
        loop {
            match hidden(self.log, question)? {
                Ok(secret) => return Ok(Some(secret)),
                Err(Unusable::Empty) => return Ok(None),
                Err(Unusable::Because(why)) => self.say(&format!("{why}; once more")),
            }
        }
    }
}

/// Why what was typed is no secret.
enum Unusable {
    /// Nothing was typed.
    Empty,
    /// The reason in words, without the secret.
    Because(Cause),
}

/// One hidden line.
fn hidden(log: &Log, question: &str) -> Result<Result<Secret, Unusable>, Error> {
    let typed = platform::read_hidden(|| log.write(&unended(&format!("{question}: "))));
    // Enter was not shown either.
    log.write("\n");
    match typed {
        Ok(HiddenInput::Line(bytes)) if bytes.is_empty() => Ok(Err(Unusable::Empty)),
        Ok(HiddenInput::Line(bytes)) => {
            Ok(Secret::from_line(bytes, "the client secret").map_err(|error| Unusable::Because(error.cause)))
        }
        Ok(HiddenInput::Lines) => Ok(Err(Unusable::Because("the client secret holds a line break".into()))),
        Ok(HiddenInput::End) => Err(no_answer()),
        Ok(HiddenInput::Interrupt) => Err(Error::interrupted()),
        Err(error) => Err(Error::system("cannot read the client secret").because(error)),
    }
}

/// The secret on standard input, for scripts: all of it, for as long as it takes, since `pass` may ask for a passphrase.
/// A person who types it is not shown it.
pub(crate) fn secret_from_stdin(log: &Log) -> Result<Secret, Error> {
    let unusable = |source: Cause| {
        Error::unusable("what --secret-stdin reads", source, "hand over the client secret alone, on one line")
    };
    if Stream::Stdin.is_terminal() {
        return match hidden(log, "Client secret (not shown)")? {
            Ok(secret) => Ok(secret),
            Err(Unusable::Empty) => Err(no_answer()),
            Err(Unusable::Because(why)) => Err(unusable(why)),
        };
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(SECRET_LIMIT as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::system("cannot read the client secret").because(error))?;
    Secret::from_line(bytes, "standard input").map_err(|error| unusable(error.cause))
}

/// The error of a question that was answered with the end of input.
fn no_answer() -> Error {
    Error::usage("the question was not answered; nothing was changed")
}

/// A text as it may be shown, without the end of a line.
fn unended(text: &str) -> String {
    line(text).trim_end_matches('\n').to_owned()
}
