//! Locks that ignore poisoning: where panics unwind, which they do not in a release build, one in a connection must not
//! stop the server.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also after a thread has panicked with the lock held.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_does_not_poison() {
        let mutex = Mutex::new(1);
        std::thread::scope(|scope| {
            let panicking = scope.spawn(|| {
                let _held = lock(&mutex);
                std::panic::resume_unwind(Box::new("broken connection"));
            });
            assert!(panicking.join().is_err());
        });
        assert_eq!(*lock(&mutex), 1);
    }
}
