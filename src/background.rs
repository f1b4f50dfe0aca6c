//! Work in a thread of its own, waited for only so long: what the system does without a limit.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::clock::{Deadline, SystemClock};

/// How long to sleep before a look whether the thread has ended without a result.
const LONGEST_NAP: Duration = Duration::from_millis(10);

/// Work that goes on.
pub(crate) struct Background<T> {
    /// The thread.
    thread: JoinHandle<()>,
    /// What came of it.
    result: Arc<Mutex<Option<T>>>,
}

impl<T: Send + 'static> Background<T> {
    /// Begins; an error means that the system grants no thread.
    pub(crate) fn start(work: impl FnOnce() -> T + Send + 'static) -> io::Result<Self> {
        let result = Arc::new(Mutex::new(None));
        let place = Arc::clone(&result);
        let waiting = std::thread::current();
        let thread = spawn(Box::new(move || {
            let found = work();
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
            waiting.unpark();
        }))?;
        Ok(Self { thread, result })
    }

    /// What came of it; `None` if that was not in time, or failed. Then the thread is left to the end of the process.
    pub(crate) fn finish(self, deadline: Deadline) -> Option<T> {
        loop {
            // Before the look at the result, which a thread that has ended does not change any more.
            let is_over = self.thread.is_finished() || deadline.is_over(&SystemClock);
            let found = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
            if is_over || found.is_some() {
                return found;
            }
            std::thread::park_timeout(deadline.left(&SystemClock).min(LONGEST_NAP));
        }
    }
}

/// Starts a thread. Not generic: each kind of work would cost 1 KB more.
fn spawn(work: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    Builder::new().spawn(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_gives_its_result_or_is_left_alone() {
        let later = || Deadline::after(&SystemClock, Duration::from_secs(60));
        assert_eq!(Background::start(|| 7).unwrap().finish(later()), Some(7));
        let (sender, never) = std::sync::mpsc::channel::<()>();
        let hanging = Background::start(move || never.recv()).unwrap();
        assert_eq!(hanging.finish(Deadline::after(&SystemClock, Duration::ZERO)), None);
        drop(sender);
    }
}
