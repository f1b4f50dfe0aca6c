//! A request with the state that its answer needs.

use crate::auth;
use crate::http::Request;
use crate::shared::Shared;
use std::net::{SocketAddr, TcpStream};

/// A request, and what its answer depends on.
pub(crate) struct Visit<'a> {
    /// The state of the emulator.
    pub(crate) shared: &'a Shared,
    /// The request.
    pub(crate) request: &'a Request,
    /// The address of the client.
    pub(crate) peer: SocketAddr,
    /// Its connection.
    pub(crate) socket: &'a TcpStream,
}

impl Visit<'_> {
    /// Whether the client has closed the connection; also true if it sends more before the answer.
    pub(crate) fn client_closed(&self) -> bool {
        let mut byte = [0];
        let waits = self.socket.set_nonblocking(true).is_ok()
            && self.socket.peek(&mut byte).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        let restored = self.socket.set_nonblocking(false).is_ok();
        !(waits && restored)
    }

    /// The scope of the request's bearer token, if the token is valid.
    pub(crate) fn bearer_scope(&self) -> Option<String> {
        self.scope_of(auth::bearer(self.request)?)
    }

    /// The scope of `token`, if it is valid.
    pub(crate) fn scope_of(&self, token: &str) -> Option<String> {
        let now = self.shared.clock.now();
        self.shared.tenant().check(token, now).map(|access| access.scope.clone())
    }
}
