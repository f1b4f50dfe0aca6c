//! The connections that are open, so that stopping can close them.

use crate::sync::lock;
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// All open connections.
#[derive(Default)]
pub(crate) struct Live {
    /// A second handle on every open socket.
    sockets: Mutex<Sockets>,
    /// Woken whenever a connection ends.
    changed: Condvar,
}

/// The sockets by number.
#[derive(Default)]
struct Sockets {
    /// Number of the next connection.
    next: u64,
    /// The open ones.
    open: HashMap<u64, TcpStream>,
}

/// Keeps one connection registered until it is dropped.
pub(crate) struct Guest {
    /// Where it is registered.
    live: Arc<Live>,
    /// Its number there.
    number: u64,
}

impl Live {
    /// Registers `socket`.
    pub(crate) fn enter(self: &Arc<Self>, socket: &TcpStream) -> io::Result<Guest> {
        let handle = socket.try_clone()?;
        let mut sockets = lock(&self.sockets);
        let number = sockets.next;
        sockets.next += 1;
        sockets.open.insert(number, handle);
        Ok(Guest { live: Arc::clone(self), number })
    }

    /// Closes all connections and waits until their threads are done, but no longer than `patience`.
    pub(crate) fn close_all(&self, patience: Duration) {
        let sockets = lock(&self.sockets);
        for socket in sockets.open.values() {
            // A socket the client closed already needs no closing.
            let _ = socket.shutdown(Shutdown::Both);
        }
        let _guard = self
            .changed
            .wait_timeout_while(sockets, patience, |sockets| !sockets.open.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        lock(&self.live.sockets).open.remove(&self.number);
        self.live.changed.notify_all();
    }
}
