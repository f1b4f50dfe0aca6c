//! The route to the tenant one step at a time, for `doctor`: address, connection, tunnel, handshake. No request is sent.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::StreamOwned;

use crate::endpoint::secure::Duplex;
use crate::endpoint::{self, HttpEndpoint, RequestError, explain_io, tunnel};
use crate::error::Error;
use crate::proxy::{Proxy, Scheme};

/// The peer of a connection: the tenant, or the proxy in front of it.
pub(crate) struct Route {
    /// Host name or address, an IPv6 address without brackets.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// The proxy, if it is one.
    pub(crate) proxy: Option<Proxy>,
}

#[cfg(test)]
impl Route {
    /// A route without a proxy.
    pub(crate) fn direct(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, proxy: None }
    }

    /// The route through the proxy of a URL.
    pub(crate) fn through(url: &str, set_by: &str) -> Self {
        let proxy = Proxy::parse(url, set_by).unwrap_or_else(|cause| panic!("{cause}"));
        Self { host: proxy.origin.host.clone(), port: proxy.origin.port, proxy: Some(proxy) }
    }
}

/// An open connection, and the addresses that failed before it.
pub(crate) struct Connection {
    /// Both directions.
    pub(super) stream: Box<dyn Duplex>,
    /// The peer's address.
    pub(crate) peer: SocketAddr,
    /// The addresses that were tried before.
    pub(crate) passed_over: Vec<Attempt>,
}

/// A failed connection attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The address.
    pub(crate) address: SocketAddr,
    /// Why it failed.
    pub(crate) cause: String,
    /// Whether it timed out, which delays every request.
    pub(crate) is_silent: bool,
}

impl HttpEndpoint<'_> {
    /// The route of the token requests.
    pub(crate) fn route(&self) -> Result<Route, Error> {
        let proxy = self.proxy()?;
        let peer = proxy.as_ref().map_or(&self.profile.token_url.origin, |proxy| &proxy.origin);
        Ok(Route { host: peer.host.trim_matches(['[', ']']).to_owned(), port: peer.port, proxy })
    }

    /// Opens a tunnel to the tenant, if the peer is a proxy.
    pub(crate) fn tunnel(&self, route: &Route, connection: &mut Connection) -> Result<(), RequestError> {
        let Some(proxy) = &route.proxy else { return Ok(()) };
        let opened = if proxy.scheme == Scheme::Https {
            let tls = self.tls().map_err(RequestError::local)?;
            let mut stream = std::mem::replace(&mut connection.stream, Box::new(io::empty()));
            tls.handshake(&route.host, &mut stream).and_then(|session| {
                connection.stream = Box::new(StreamOwned::new(session, stream));
                tunnel::open(&mut connection.stream, proxy, &self.profile.token_url.origin)
            })
        } else {
            tunnel::open(&mut connection.stream, proxy, &self.profile.token_url.origin)
        };
        opened.map_err(|error| match explain_io(&error, false) {
            RequestError::Failed(failure) => tunnel::blame(proxy, failure).into(),
            local @ RequestError::Local { .. } => local,
        })
    }
}

/// The addresses of a route's peer.
pub(crate) fn look_up(route: &Route, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    match endpoint::look_up(&route.host, route.port, limit).map_err(|error| error.to_string())? {
        Some(Ok(addresses)) => Ok(addresses),
        Some(Err(error)) => {
            let words = error.to_string();
            Err(words.strip_prefix("failed to lookup address information: ").unwrap_or(&words).to_owned())
        }
        None => Err(format!("no answer within {} s", limit.as_secs())),
    }
}

/// Connects to the first address that answers. `end` is the deadline of everything later on the connection.
pub(crate) fn connect(addresses: &[SocketAddr], limit: Duration, end: Instant) -> Result<Connection, Vec<Attempt>> {
    let connected = Instant::now() + limit;
    let mut passed_over = Vec::new();
    for (at, address) in addresses.iter().enumerate() {
        let left = connected.saturating_duration_since(Instant::now());
        // A silent address uses up half of the time left, so that the others are tried too.
        let share = if at + 1 == addresses.len() { left } else { left / 2 };
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(10))) {
            Ok(socket) => {
                let stream = Box::new(DeadlineStream { socket, deadline: end });
                return Ok(Connection { stream, peer: *address, passed_over });
            }
            Err(error) => {
                let is_silent = matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
                let cause = explain_io(&error, false).cause();
                let cause = if is_silent { "no answer".to_owned() } else { cause };
                passed_over.push(Attempt { address: *address, cause, is_silent });
            }
        }
    }
    Err(passed_over)
}

/// A socket with a deadline for all reads and writes together.
struct DeadlineStream {
    /// The socket.
    socket: TcpStream,
    /// The deadline.
    deadline: Instant,
}

impl DeadlineStream {
    /// Sets the timeout of the next call.
    fn arm(&self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        self.socket.set_write_timeout(Some(left))
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.arm()?;
        self.socket.read(buffer).map_err(timed_out)
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.arm()?;
        self.socket.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A socket timeout is `EAGAIN` on Unix (`WouldBlock`), which the TLS library would take for a non-blocking socket.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}
