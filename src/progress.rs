//! A line on the terminal while something takes long: `waiting for acme.example.com …`, gone when it is over.
//!
//! It is drawn by a thread of its own, since the one that waits is busy waiting. That thread is started only on the cold
//! path and only for a person at a terminal (see [`crate::log::Log::waiting`]), sleeps until the line is due or the wait
//! is over, and is never waited for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::terminal;

/// How long a wait lasts before it is told: what is quicker needs no word.
const DELAY: Duration = Duration::from_millis(300);

/// A wait. Its line, if one came, is erased when this is dropped.
#[must_use = "the line goes when this is dropped"]
pub(crate) struct Waiting(Option<Arc<Line>>);

/// The line of a wait, shared with the thread that draws it.
#[derive(Debug)]
pub(crate) struct Line {
    /// What it says.
    text: String,
    /// Whether it is there.
    state: Mutex<State>,
    /// Woken when the wait is over.
    over: Condvar,
}

/// How far a line has come.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Not due.
    Early,
    /// On the terminal.
    Drawn,
    /// Over; it never comes back.
    Over,
}

impl Waiting {
    /// A wait that is not told.
    pub(crate) fn untold() -> Self {
        Self(None)
    }

    /// A wait that is told if it lasts. Where the system grants no thread it is not told either.
    pub(crate) fn told(text: String) -> Self {
        let line = Arc::new(Line { text, state: Mutex::new(State::Early), over: Condvar::new() });
        let waiting = Self(Some(Arc::clone(&line)));
        let Ok(drawing) = thread::Builder::new().spawn(move || line.appear()) else { return Self::untold() };
        // A request takes a thread too: where this was the last one that could be had, the request needs it more.
        let Ok(spare) = thread::Builder::new().spawn(|| {}) else {
            drop(waiting);
            let _ = drawing.join();
            return Self::untold();
        };
        let _ = spare.join();
        waiting
    }

    /// Its line, for whoever writes to the terminal meanwhile.
    pub(crate) fn line(&self) -> Weak<Line> {
        self.0.as_ref().map_or_else(Weak::new, Arc::downgrade)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(line) = &self.0 else { return };
        let mut state = line.lock();
        if *state == State::Drawn {
            terminal::erase();
        }
        *state = State::Over;
        line.over.notify_all();
    }
}

impl Line {
    /// The thread's whole life: sleeps until the line is due, then draws it, unless the wait is over before.
    fn appear(&self) {
        let early = |state: &mut State| *state == State::Early;
        let waited = self.over.wait_timeout_while(self.lock(), DELAY, early);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *state == State::Early && terminal::draw(&self.text) {
            *state = State::Drawn;
        }
    }

    /// Writes something else where the line is; the line is below it afterwards.
    pub(crate) fn make_room_for(&self, write: impl FnOnce()) {
        let state = self.lock();
        if *state == State::Drawn {
            terminal::erase();
        }
        write();
        if *state == State::Drawn {
            terminal::draw(&self.text);
        }
    }

    /// The state; nothing panics while it is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
