//! One request on its connection.

use crate::auth;
use crate::http::Request;
use crate::shared::Shared;
use std::net::{SocketAddr, TcpStream};

/// One request, and everything needed to answer it.
pub(crate) struct Visit<'a> {
    /// The emulator.
    pub(crate) shared: &'a Shared,
    /// The request.
    pub(crate) request: &'a Request,
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    /// The connection it came over.
    pub(crate) socket: &'a TcpStream,
}

impl Visit<'_> {
    /// Whether the client has closed the connection, or says something when it should wait.
    pub(crate) fn client_left(&self) -> bool {
        let mut byte = [0];
        let waits = self.socket.set_nonblocking(true).is_ok()
            && self.socket.peek(&mut byte).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        let restored = self.socket.set_nonblocking(false).is_ok();
        !(waits && restored)
    }

    /// The scope of the request's bearer token, if the token is good.
    pub(crate) fn bearer_scope(&self) -> Option<String> {
        self.scope_of(auth::bearer(self.request)?)
    }

    /// The scope of `token`, if it is good.
    pub(crate) fn scope_of(&self, token: &str) -> Option<String> {
        let now = self.shared.clock.now();
        self.shared.tenant().check(token, now).map(|access| access.scope.clone())
    }
}
