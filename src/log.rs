//! What is said on standard error: warnings, with `--verbose` the steps, the final report, and while something takes long
//! a line that goes again. Never a secret. Who reads it decides how it looks.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::sync::Weak;

use crate::origin::Origin;
use crate::platform::Stream;
use crate::progress::{Line, Waiting};
use crate::terminal::{self, Palette};
use crate::text::line;

/// What is said while another process holds the lock.
pub(crate) const RENEWING: &str = "another ws1-token is renewing …";

/// Who reads standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A person: colours, and a word about long waits, if it is a terminal.
    Person,
    /// A program that called us in its own protocol: the terminal is its own, so plain lines, and only those that matter.
    Program,
    /// A program that takes every byte for an answer: nothing at all.
    Nobody,
}

/// Standard error. That it cannot be written is no reason to fail.
pub(crate) struct Log<'a> {
    /// Where the lines go.
    stderr: RefCell<Box<dyn Write>>,
    /// A variable of the environment: which terminal it is, and whether its user wants colours.
    env: &'a dyn Fn(&str) -> Option<String>,
    /// Who reads it.
    audience: Cell<Audience>,
    /// Whether steps are told.
    verbose: Cell<bool>,
    /// Warnings already given: each is said once a run.
    said: RefCell<Vec<String>>,
    /// The line of the present wait, which may be on the terminal.
    waiting: RefCell<Weak<Line>>,
}

impl<'a> Log<'a> {
    /// A log on a stream, for a person as long as nothing else is known.
    pub(crate) fn new(stderr: Box<dyn Write>, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            stderr: RefCell::new(stderr),
            env,
            audience: Cell::new(Audience::Person),
            verbose: Cell::new(false),
            said: RefCell::new(Vec::new()),
            waiting: RefCell::new(Weak::new()),
        }
    }

    /// Tells steps from now on, or not.
    pub(crate) fn set_verbose(&self, verbose: bool) {
        self.verbose.set(verbose);
    }

    /// Speaks to somebody else from now on.
    pub(crate) fn set_audience(&self, audience: Audience) {
        self.audience.set(audience);
    }

    /// Something the user should know although a token was got.
    pub(crate) fn warn(&self, text: &str) {
        if self.said.borrow().iter().any(|said| said == text) {
            return;
        }
        self.said.borrow_mut().push(text.to_owned());
        self.write(&line(&format!("warning: {text}")));
    }

    /// A step, told with `--verbose` only.
    pub(crate) fn step(&self, text: impl FnOnce() -> String) {
        if self.verbose.get() {
            self.write(&line(&format!("ws1-token: {}", text())));
        }
    }

    /// Something that may take long begins; it is over when the guard is dropped.
    ///
    /// Told to a person at a terminal only, and not where the steps tell it already. Drop the guard before anybody else
    /// writes to the terminal: a child process, a prompt, the answer.
    pub(crate) fn waiting(&self, text: impl FnOnce() -> String) -> Waiting {
        let is_shown = self.audience.get() == Audience::Person
            && !self.verbose.get()
            && terminal::is_erasable(self.env)
            && self.waiting.borrow().upgrade().is_none();
        let waiting = if is_shown { Waiting::shown(text()) } else { Waiting::HIDDEN };
        if is_shown {
            *self.waiting.borrow_mut() = waiting.line();
        }
        waiting
    }

    /// The same for an answer of a server.
    pub(crate) fn waiting_for(&self, server: &Origin) -> Waiting {
        self.waiting(|| format!("waiting for {} …", server.authority()))
    }

    /// Lines as they are, but for colours.
    pub(crate) fn write(&self, text: &str) {
        let palette = match self.audience.get() {
            _ if text.is_empty() => return,
            Audience::Person => Palette::of(Stream::Stderr, self.env),
            Audience::Program => Palette::PLAIN,
            Audience::Nobody => return,
        };
        let write = || {
            let _ = self.stderr.borrow_mut().write_all(palette.paint_report(text).as_bytes());
        };
        match self.waiting.borrow().upgrade() {
            Some(line) => line.make_room_for(write),
            None => write(),
        }
    }
}
