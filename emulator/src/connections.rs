//! The open connections, so that the server can close them when it stops.

use crate::sync::lock;
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// All open connections.
#[derive(Default)]
pub(crate) struct Connections {
    /// A duplicated handle of every open socket.
    sockets: Mutex<Sockets>,
    /// Notified when a connection ends.
    changed: Condvar,
}

/// The open sockets, by number.
#[derive(Default)]
struct Sockets {
    /// Number of the next connection.
    next: u64,
    /// The open ones.
    open: HashMap<u64, TcpStream>,
}

/// A registered connection; dropping it removes the connection.
pub(crate) struct Registration {
    /// The list that it is in.
    connections: Arc<Connections>,
    /// Its number there.
    number: u64,
}

impl Connections {
    /// Registers `socket`.
    pub(crate) fn register(self: &Arc<Self>, socket: &TcpStream) -> io::Result<Registration> {
        let handle = socket.try_clone()?;
        let mut sockets = lock(&self.sockets);
        let number = sockets.next;
        sockets.next += 1;
        sockets.open.insert(number, handle);
        Ok(Registration { connections: Arc::clone(self), number })
    }

    /// Closes all connections and waits up to `timeout` for their threads.
    pub(crate) fn close_all(&self, timeout: Duration) {
        let sockets = lock(&self.sockets);
        for socket in sockets.open.values() {
            // Fails only if the client has closed the connection.
            let _ = socket.shutdown(Shutdown::Both);
        }
        let _guard = self
            .changed
            .wait_timeout_while(sockets, timeout, |sockets| !sockets.open.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.connections.sockets).open.remove(&self.number);
        self.connections.changed.notify_all();
    }
}
