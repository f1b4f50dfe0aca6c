//! A line on the terminal during a long wait: `waiting for acme.example.com …`, erased when the wait is over.
//!
//! A separate thread draws it, since the waiting thread is blocked. It is started only on the cold path and only
//! for a person at a terminal (see [`crate::log::Log::waiting`]), sleeps until the line is due or the wait is over, and
//! is never waited for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::Builder;
use std::time::Duration;

use crate::terminal;

/// How long a wait lasts before it is shown.
const DELAY: Duration = Duration::from_millis(300);

/// A wait. Its line, if it was drawn, is erased when this is dropped.
#[must_use = "the line is erased when this is dropped"]
pub(crate) struct Waiting(Option<Arc<Line>>);

/// The line of a wait, shared with the thread that draws it.
#[derive(Debug)]
pub(crate) struct Line {
    /// What it says.
    text: String,
    /// Whether it is on the terminal.
    state: Mutex<State>,
    /// Woken when the wait is over.
    over: Condvar,
}

/// How far a line has come.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Not due yet.
    Early,
    /// On the terminal.
    Drawn,
    /// The wait is over.
    Over,
}

impl Waiting {
    /// A wait that is not shown.
    pub(crate) const HIDDEN: Self = Self(None);

    /// A wait that is shown after 300 ms; hidden if the system grants no thread for it.
    pub(crate) fn shown(text: String) -> Self {
        let line = Arc::new(Line { text, state: Mutex::new(State::Early), over: Condvar::new() });
        let waiting = Self(Some(Arc::clone(&line)));
        let Ok(drawing) = Builder::new().spawn(move || line.appear()) else { return Self::HIDDEN };
        // A request takes a thread too: if this was the last one, the request needs it more.
        if let Ok(spare) = Builder::new().spawn(|| {}) {
            let _ = spare.join();
            return waiting;
        }
        drop(waiting);
        let _ = drawing.join();
        Self::HIDDEN
    }

    /// Its line, for everything else that is written to the terminal meanwhile.
    pub(crate) fn line(&self) -> Weak<Line> {
        self.0.as_ref().map_or_else(Weak::new, Arc::downgrade)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(line) = &self.0 {
            line.hide_during(|state| *state = State::Over);
            line.over.notify_all();
        }
    }
}

impl Line {
    /// The thread: draws the line once it is due, unless the wait is over before.
    fn appear(&self) {
        let waited = self.over.wait_timeout_while(self.lock(), DELAY, |state| *state == State::Early);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *state == State::Early && terminal::draw(&self.text) {
            *state = State::Drawn;
        }
    }

    /// Writes something else where the line is; the line is below it afterwards.
    pub(crate) fn make_room_for(&self, write: impl FnOnce()) {
        self.hide_during(|_| write());
    }

    /// Erases the line, does something, and draws the line again unless the wait is over.
    fn hide_during(&self, work: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if *state == State::Drawn {
            terminal::erase();
        }
        work(&mut state);
        if *state == State::Drawn {
            terminal::draw(&self.text);
        }
    }

    /// The state; nothing panics while it is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
