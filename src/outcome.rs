//! How a run ends: the answer, the report, the exit status.

use std::io::Write;

use crate::error::{EXIT_SYSTEM, Error};
use crate::log::Log;

/// How a run ends: what goes to standard output, what is reported, and the exit status.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The complete answer, or nothing.
    pub(crate) stdout: Vec<u8>,
    /// Lines for standard error.
    pub(crate) report: String,
    /// The exit status.
    pub(crate) status: u8,
}

impl Outcome {
    /// An answer, exit status 0.
    pub(crate) fn answer(stdout: impl Into<Vec<u8>>) -> Self {
        Self { stdout: stdout.into(), report: String::new(), status: 0 }
    }

    /// An answer in JSON. Control characters stand in its texts alone, and those that JSON leaves as they are become
    /// escapes too: a terminal could take them for commands.
    pub(crate) fn json(value: &impl serde::Serialize) -> Self {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        let escape = |c: char| {
            let control = c.is_control() && c != '\n';
            if control { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }
        };
        Self::answer(text.chars().map(escape).collect::<String>() + "\n")
    }

    /// Writes the answer at once and whole, then the report; gives the exit status.
    pub(crate) fn finish(self, stdout: &mut dyn Write, log: &Log<'_>) -> u8 {
        let written =
            if self.stdout.is_empty() { Ok(()) } else { stdout.write_all(&self.stdout).and_then(|()| stdout.flush()) };
        log.write(&self.report);
        match written {
            Ok(()) => self.status,
            Err(error) => {
                let error = match error.kind() {
                    std::io::ErrorKind::BrokenPipe => Error::broken_pipe(),
                    _ => Error::system("cannot write the answer to standard output").because(error),
                };
                log.write(&error.report());
                EXIT_SYSTEM
            }
        }
    }
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        Self { stdout: Vec::new(), report: error.report(), status: error.exit_code() }
    }
}

impl From<Result<Self, Error>> for Outcome {
    fn from(result: Result<Self, Error>) -> Self {
        result.unwrap_or_else(Self::from)
    }
}
