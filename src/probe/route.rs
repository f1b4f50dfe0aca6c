//! The route to the tenant one step at a time, for `doctor`: address, connection, tunnel, handshake. No request is sent.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq::{Proxy, ProxyProtocol};

use super::handshake::{Handshake, TlsFailure};
use crate::background::Background;
use crate::clock::{Deadline, SystemClock};
use crate::endpoint::HttpEndpoint;
use crate::endpoint::explain_io;
use crate::error::Error;
use crate::secret::Secret;

/// Maximum number of addresses that are tried, as in the HTTP library.
const ADDRESS_LIMIT: usize = 16;

/// Maximum bytes of a proxy's response head.
const ANSWER_LIMIT: usize = 16 * 1024;

/// The peer of a connection: the tenant, or the proxy in front of it.
pub(crate) struct Route {
    /// Host name or address, an IPv6 address without brackets.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// The proxy, if it is one.
    proxy: Option<Proxy>,
}

impl Route {
    /// Whether it is a proxy.
    pub(crate) fn is_proxied(&self) -> bool {
        self.proxy.is_some()
    }

    /// The proxy's URL without its credentials.
    pub(crate) fn proxy(&self) -> Option<String> {
        let proxy = self.proxy.as_ref()?;
        let scheme = if proxy.protocol() == ProxyProtocol::Https { "https" } else { "http" };
        Some(format!("{scheme}://{}:{}", proxy.host(), proxy.port()))
    }

    /// Whether the proxy's URL holds credentials.
    pub(crate) fn has_credentials(&self) -> bool {
        self.proxy.as_ref().is_some_and(|proxy| proxy.username().is_some() || proxy.password().is_some())
    }
}

#[cfg(test)]
impl Route {
    /// A route without a proxy.
    pub(crate) fn direct(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, proxy: None }
    }

    /// The route through the proxy of a URL.
    pub(crate) fn through(url: &str) -> Self {
        let proxy = Proxy::new(url).unwrap();
        Self { host: proxy.host().to_owned(), port: proxy.port(), proxy: Some(proxy) }
    }
}

/// An open connection, and the addresses that failed before it.
pub(crate) struct Connection {
    /// Both directions.
    stream: Box<dyn Duplex>,
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

/// Why a proxy opens no tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TunnelFailure {
    /// It answers with another status than 200.
    Refused(u16),
    /// The connection or the protocol failed.
    Broken(String),
    /// Its own certificate is not trusted.
    Untrusted(String),
}

impl HttpEndpoint<'_> {
    /// The route of the token requests.
    pub(crate) fn route(&self) -> Result<Route, Error> {
        let bare = |host: &str| host.trim_matches(['[', ']']).to_owned();
        let target = &self.profile.token_url.origin;
        Ok(match self.proxy()? {
            Some(proxy) => Route { host: bare(proxy.host()), port: proxy.port(), proxy: Some(proxy) },
            None => Route { host: bare(&target.host), port: target.port, proxy: None },
        })
    }

    /// Opens a tunnel to the tenant, if the peer is a proxy.
    pub(crate) fn tunnel(&self, route: &Route, connection: &mut Connection) -> Result<(), TunnelFailure> {
        let Some(proxy) = &route.proxy else { return Ok(()) };
        if proxy.protocol() == ProxyProtocol::Https {
            let stream = std::mem::replace(&mut connection.stream, Box::new(io::empty()));
            connection.stream = self.encrypt(stream, &route.host)?;
        }
        let target = &self.profile.token_url.origin;
        let target = format!("{}:{}", target.host, target.port);
        let credentials = credentials(proxy);
        let request = format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{}\r\n",
            credentials.as_ref().map_or("", |line| line.expose())
        );
        let broken = |error: &io::Error| TunnelFailure::Broken(explain_io(error, true).cause());
        let stream = &mut connection.stream;
        stream.write_all(request.as_bytes()).and_then(|()| stream.flush()).map_err(|error| broken(&error))?;
        match read_status(stream).map_err(|error| broken(&error))? {
            Some(200) => Ok(()),
            Some(status) => Err(TunnelFailure::Refused(status)),
            None => Err(TunnelFailure::Broken("the server is not an HTTP proxy".to_owned())),
        }
    }

    /// The TLS connection to an https proxy.
    fn encrypt(&self, stream: Box<dyn Duplex>, host: &str) -> Result<Box<dyn Duplex>, TunnelFailure> {
        let handshake = self.handshake_with(stream, host).map_err(|error| TunnelFailure::Broken(error.to_string()))?;
        match handshake.outcome {
            Ok(secured) => Ok(Box::new(secured.stream)),
            Err(TlsFailure::Broken(cause)) => Err(TunnelFailure::Broken(cause)),
            Err(TlsFailure::Untrusted(_)) => {
                let issuer = handshake.chain.first().map_or("", |certificate| &certificate.issuer);
                Err(TunnelFailure::Untrusted(issuer.to_owned()))
            }
        }
    }

    /// Makes the TLS handshake with the tenant; nothing is sent after it.
    pub(crate) fn handshake(&self, connection: Connection) -> Result<Handshake, Error> {
        let host = self.profile.token_url.origin.host.trim_matches(['[', ']']);
        self.handshake_with(connection.stream, host)
    }
}

/// The addresses of a host name. The system's resolver has no time limit, so a thread waits for it.
pub(crate) fn look_up(route: &Route, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    let (host, port) = (route.host.clone(), route.port);
    let found = Background::start(move || (host.as_str(), port).to_socket_addrs())
        .map_err(|error| format!("the system grants no thread: {error}"))?
        .finish(Deadline::after(&SystemClock, limit));
    match found {
        Some(Ok(addresses)) => Ok(addresses.take(ADDRESS_LIMIT).collect()),
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

/// Both directions of a connection.
pub(super) trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

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

/// The header line with a proxy's credentials.
fn credentials(proxy: &Proxy) -> Option<Secret> {
    if proxy.username().is_none() && proxy.password().is_none() {
        return None;
    }
    let pair = format!("{}:{}", proxy.username().unwrap_or_default(), proxy.password().unwrap_or_default());
    Some(Secret::new(format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(pair))))
}

/// The status of an HTTP response. It is read byte by byte, because what follows the head comes from the tenant.
fn read_status(stream: &mut dyn Read) -> io::Result<Option<u16>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < ANSWER_LIMIT {
        if stream.read(&mut byte)? == 0 {
            break;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.split_ascii_whitespace().nth(1));
    Ok(status.and_then(|status| status.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_status_is_read_and_nothing_behind_its_head() {
        for (answer, status, rest) in [
            ("HTTP/1.1 200 Connection established\r\n\r\nTLS", Some(200), "TLS"),
            ("HTTP/1.0 407\r\nVia: x\r\n\r\n", Some(407), ""),
            ("SSH-2.0-OpenSSH\r\n", None, ""),
            ("", None, ""),
        ] {
            let mut bytes = answer.as_bytes();
            assert_eq!(read_status(&mut bytes).unwrap(), status, "{answer}");
            assert_eq!(bytes, rest.as_bytes(), "{answer}");
        }
    }

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        let shown = |url: &str| Route::through(url).proxy().unwrap();
        assert_eq!(shown("http://user:hunter2@proxy.example.com:3128"), "http://proxy.example.com:3128");
        assert_eq!(shown("https://proxy.example.com"), "https://proxy.example.com:443");
        assert_eq!(shown("proxy.example.com"), "http://proxy.example.com:80");
        assert!(Route::through("http://user@proxy.example.com").has_credentials());
        assert!(!Route::through("http://proxy.example.com").has_credentials());
    }
}
