//! Waits that end when the server stops.

use crate::sync::lock;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The wait ended because the server stops.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Where connection threads wait for a time or for [`Gate::release`].
#[derive(Default)]
pub(crate) struct Gate {
    /// What the waits depend on.
    state: Mutex<State>,
    /// Notified on every change of `state`.
    changed: Condvar,
}

/// The state of a [`Gate`].
#[derive(Default)]
struct State {
    /// Set once, when the server stops.
    stopped: bool,
    /// Number of releases so far.
    releases: u64,
}

impl Gate {
    /// Waits for `time`.
    pub(crate) fn pause(&self, time: Duration) -> Result<(), Stopped> {
        let until = Instant::now() + time;
        let mut state = lock(&self.state);
        while !state.stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Err(Stopped)
    }

    /// Waits for the next [`Gate::release`].
    pub(crate) fn wait_for_release(&self) -> Result<(), Stopped> {
        let mut state = lock(&self.state);
        let seen = state.releases;
        while !state.stopped && state.releases == seen {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped { Err(Stopped) } else { Ok(()) }
    }

    /// Ends all current [`Gate::wait_for_release`].
    pub(crate) fn release(&self) {
        lock(&self.state).releases += 1;
        self.changed.notify_all();
    }

    /// Ends all waits, current and future.
    pub(crate) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_all();
    }

    /// Whether the server is stopping.
    pub(crate) fn stopped(&self) -> bool {
        lock(&self.state).stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_ends_every_wait() {
        let gate = Gate::default();
        std::thread::scope(|scope| {
            let hanging = scope.spawn(|| gate.wait_for_release());
            let pausing = scope.spawn(|| gate.pause(Duration::from_secs(3600)));
            gate.stop();
            assert_eq!(hanging.join().unwrap(), Err(Stopped));
            assert_eq!(pausing.join().unwrap(), Err(Stopped));
        });
        assert_eq!(gate.wait_for_release(), Err(Stopped));
    }

    #[test]
    fn a_pause_ends_by_itself() {
        assert_eq!(Gate::default().pause(Duration::from_millis(1)), Ok(()));
    }
}
