//! A line on the terminal during a long wait: `waiting for acme.example.com …`, erased when the wait is over.
//!
//! A separate thread draws it, since the waiting thread is blocked. It is started only on the cold path and only
//! for a person at a terminal (see [`crate::log::Log::waiting`]), sleeps until the line is due, and is never waited for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use crate::terminal;

/// How long a wait lasts before it is shown.
const DELAY: Duration = Duration::from_millis(300);

/// The line of the present wait: there is one terminal.
static LINE: Mutex<Option<Line>> = Mutex::new(None);

/// The line of a wait.
struct Line {
    /// What it says.
    text: String,
    /// When it is to be drawn.
    due: Instant,
    /// Whether it is on the terminal.
    is_drawn: bool,
}

/// A wait. Its line, if it was drawn, is erased when this is dropped.
#[must_use = "the line is erased when this is dropped"]
pub(crate) struct Waiting(());

impl Waiting {
    /// A wait that is shown after 300 ms; `None` within another one, or if the system grants no thread for it.
    pub(crate) fn start(text: String) -> Option<Self> {
        let mut line = present();
        if line.is_some() {
            return None;
        }
        let due = Instant::now() + DELAY;
        // A request takes a thread too: if the system grants only one, the request needs it more.
        let spare = Builder::new().spawn(thread::park).ok()?;
        let drawing = Builder::new().spawn(appear);
        spare.thread().unpark();
        let _ = spare.join();
        drawing.ok()?;
        *line = Some(Line { text, due, is_drawn: false });
        Some(Self(()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut line = present();
        if line.take().is_some_and(|line| line.is_drawn) {
            terminal::erase();
        }
    }
}

/// The line of the present wait; nothing panics while it is held.
fn present() -> MutexGuard<'static, Option<Line>> {
    LINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread: draws the line once it is due, unless the wait is over before.
fn appear() {
    thread::sleep(DELAY);
    if let Some(line) = present().as_mut().filter(|line| line.due <= Instant::now()) {
        line.is_drawn = line.is_drawn || terminal::draw(&line.text);
    }
}

/// Writes something else where the line may be; the line is below it afterwards.
pub(crate) fn make_room_for(write: impl FnOnce()) {
    let line = present();
    let drawn = line.as_ref().filter(|line| line.is_drawn);
    if drawn.is_some() {
        terminal::erase();
    }
    write();
    if let Some(line) = drawn {
        terminal::draw(&line.text);
    }
}
