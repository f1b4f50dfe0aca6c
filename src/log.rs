//! What is said on standard error besides a final error: warnings, and with `--verbose` the steps. Never a secret.

use std::cell::{Cell, RefCell};
use std::io::Write;

use crate::error::line;

/// Standard error. That it cannot be written is no reason to fail.
pub(crate) struct Log {
    /// Where the lines go.
    stderr: RefCell<Box<dyn Write>>,
    /// Whether steps are told.
    verbose: Cell<bool>,
    /// Warnings already given: each is said once a run.
    said: RefCell<Vec<String>>,
}

impl Log {
    /// A log on a stream.
    pub(crate) fn new(stderr: Box<dyn Write>) -> Self {
        Self { stderr: RefCell::new(stderr), verbose: Cell::new(false), said: RefCell::new(Vec::new()) }
    }

    /// Tells steps from now on, or not.
    pub(crate) fn set_verbose(&self, verbose: bool) {
        self.verbose.set(verbose);
    }

    /// Says nothing from now on: for a caller that takes every byte for an answer.
    pub(crate) fn set_silent(&self) {
        *self.stderr.borrow_mut() = Box::new(std::io::sink());
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

    /// Lines as they are.
    pub(crate) fn write(&self, text: &str) {
        let _ = self.stderr.borrow_mut().write_all(text.as_bytes());
    }
}
