//! Standard error: warnings, with `--verbose` the steps, the final report, and a temporary line during long waits. Never a
//! secret. The audience decides how it looks.

use std::cell::{Cell, RefCell};
use std::io::Write;

use crate::child::Stderr;
use crate::origin::Origin;
use crate::progress::{self, Waiting};
use crate::terminal::{self, Palette};
use crate::text::line;

/// The line that is shown while another process holds the lock.
pub(crate) const RENEWING: &str = "another ws1-token is renewing …";

/// Who reads standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A person: on a terminal there are colours and a line during long waits.
    Person,
    /// A program that called us in its own protocol and owns the terminal: plain lines, and no line during waits.
    Program,
    /// A client that takes every byte for an answer, unless the run fails: no warnings.
    Client,
    /// A program that takes every byte for an answer: no output.
    Nobody,
}

/// Standard error. Write errors are ignored.
pub(crate) struct Log<'a> {
    /// Where the lines go.
    stderr: RefCell<Box<dyn Write>>,
    /// Looks up a variable of the environment, for the terminal and its colours.
    env: &'a dyn Fn(&str) -> Option<String>,
    /// Who reads it.
    audience: Cell<Audience>,
    /// Whether steps are written.
    verbose: Cell<bool>,
    /// Warnings already written, without their digits: each is written once a run.
    said: RefCell<Vec<String>>,
}

impl<'a> Log<'a> {
    /// A log on a stream, for a person until the audience is set.
    pub(crate) fn new(stderr: Box<dyn Write>, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            stderr: RefCell::new(stderr),
            env,
            audience: Cell::new(Audience::Person),
            verbose: Cell::new(false),
            said: RefCell::new(Vec::new()),
        }
    }

    /// Where the programs that this one starts may write their standard error.
    pub(crate) fn childrens_stderr(&self) -> Stderr {
        if self.audience.get() == Audience::Nobody { Stderr::Dropped } else { Stderr::Inherited }
    }

    /// Switches steps on or off; whether they were on.
    pub(crate) fn set_verbose(&self, verbose: bool) -> bool {
        self.verbose.replace(verbose)
    }

    /// Sets the audience.
    pub(crate) fn set_audience(&self, audience: Audience) {
        self.audience.set(audience);
    }

    /// Writes a warning: something that the user should know although the command goes on. Two that differ in a number,
    /// such as the seconds left, say the same.
    pub(crate) fn warn(&self, text: &str) {
        let is_dropped = self.audience.get() == Audience::Client && !self.verbose.get();
        let said: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
        if !is_dropped && !self.said.borrow().contains(&said) {
            self.said.borrow_mut().push(said);
            self.write(&line(&format!("warning: {text}")));
        }
    }

    /// Lets warnings that were written be written again.
    pub(crate) fn repeat_warnings(&self) {
        self.said.borrow_mut().clear();
    }

    /// Writes a step, with `--verbose` only.
    pub(crate) fn step(&self, text: impl FnOnce() -> String) {
        if self.verbose.get() {
            self.write(&line(&format!("ws1-token: {}", text())));
        }
    }

    /// Starts a wait, which is over when the guard is dropped; `None` if it is not shown.
    ///
    /// It is shown to a person at a terminal only, and not with `--verbose`, whose steps say the same. Drop the guard before
    /// anything else writes to the terminal: a child process, a prompt, the answer.
    pub(crate) fn waiting(&self, text: impl FnOnce() -> String) -> Option<Waiting> {
        let is_shown =
            self.audience.get() == Audience::Person && !self.verbose.get() && terminal::is_erasable(self.env);
        if is_shown { Waiting::start(text()) } else { None }
    }

    /// Starts a wait for a server's response.
    pub(crate) fn waiting_for(&self, server: &Origin) -> Option<Waiting> {
        self.waiting(|| format!("waiting for {} …", server.authority()))
    }

    /// Writes lines as they are, with coloured prefixes for people.
    pub(crate) fn write(&self, text: &str) {
        let palette = match self.audience.get() {
            _ if text.is_empty() => return,
            Audience::Person => Palette::of(&std::io::stderr(), self.env),
            Audience::Program | Audience::Client => Palette::PLAIN,
            Audience::Nobody => return,
        };
        progress::make_room_for(|| drop(self.stderr.borrow_mut().write_all(palette.paint_report(text).as_bytes())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    /// A stream that the test can read.
    struct Shared(Rc<RefCell<String>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().push_str(&String::from_utf8_lossy(bytes));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_warning_is_written_once_whatever_its_numbers() {
        let text = Rc::new(RefCell::new(String::new()));
        let log = Log::new(Box::new(Shared(Rc::clone(&text))), &|_| None);
        for warning in ["down, 7 s left", "down, 6 s left", "up, 6 s left"] {
            log.warn(warning);
        }
        log.repeat_warnings();
        log.warn("down, 5 s left");
        assert_eq!(*text.borrow(), "warning: down, 7 s left\nwarning: up, 6 s left\nwarning: down, 5 s left\n");
    }
}
