//! A request with the state that its answer needs.

use crate::auth;
use crate::http::{Reply, Request};
use crate::service::{Dialect, Host};
use crate::shared::Shared;
use std::net::{SocketAddr, TcpStream};

/// A request, and what its answer depends on.
pub(crate) struct Visit<'a> {
    /// The state of the emulator.
    pub(crate) shared: &'a Shared,
    /// The request.
    pub(crate) request: &'a Request,
    /// The host that it was sent to.
    pub(crate) host: Host,
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

    /// How the service differs from others.
    pub(crate) fn dialect(&self) -> &'static Dialect {
        self.shared.service.dialect()
    }

    /// The request's access token.
    fn access_token(&self) -> Option<&str> {
        auth::bearer(self.request).or_else(|| self.request.header(self.dialect().token_header?))
    }

    /// The scope of the request's access token, if the token is valid.
    pub(crate) fn bearer_scope(&self) -> Option<String> {
        self.scope_of(self.access_token()?)
    }

    /// The scope of the request's access token, or the API's reply to a request without a valid one.
    pub(crate) fn authorize(&self) -> Result<String, Reply> {
        self.bearer_scope().ok_or_else(|| (self.dialect().unauthorized)(self.access_token().is_some()))
    }

    /// The scope of `token`, if it is valid.
    pub(crate) fn scope_of(&self, token: &str) -> Option<String> {
        let now = self.shared.clock.now();
        self.shared.tenant().check(token, now).map(|access| access.scope.clone())
    }
}
