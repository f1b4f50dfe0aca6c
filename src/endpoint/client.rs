//! The HTTP client and its settings: one exchange, its limits, its route to the tenant, and what its failures mean.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};
use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, TcpConnector, Transport, TransportAdapter, time,
};
use ureq::{Agent, Body};

use super::secure::Tls;
use super::{HttpEndpoint, RequestError, trust, tunnel};
use crate::background::Background;
use crate::clock::{self, Deadline, SystemClock};
use crate::error::Error;
use crate::failure::{FailureKind, RequestFailure};
use crate::grant::{self, HttpResponse};
use crate::origin::{Origin, Target};
use crate::platform;
use crate::proxy::{Choice, PROXY_HINT, Proxy, ProxyEnvironment, Scheme};

/// Time for finding the tenant's address, and for connecting (TCP, proxy and TLS), each.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Bytes of response headers that are read at most.
const HEADER_LIMIT: usize = 16 * 1024;

/// Addresses of a host that are tried at most, as many as the HTTP library takes.
const ADDRESS_LIMIT: usize = 16;

/// Bytes of what is received that are held at once: the headers have to fit.
const INPUT_BUFFER: usize = 2 * HEADER_LIMIT;

/// Bytes of what is sent that are held at once: the headers have to fit, among them a client secret of 16 KiB in base64.
const OUTPUT_BUFFER: usize = 64 * 1024;

/// Bytes of a response body that are read at most.
const BODY_LIMIT: u64 = 256 * 1024;

impl HttpEndpoint<'_> {
    /// One request and its whole answer, within `limit`. Not generic: each kind of request would cost 10 KB more.
    pub(super) fn exchange(
        &self,
        limit: Duration,
        send: &dyn Fn(&Agent) -> Result<Response<Body>, ureq::Error>,
    ) -> Result<HttpResponse, RequestError> {
        let route = Arc::new(self.tenant_route().map_err(RequestError::local)?);
        let agent = agent(limit, &route);
        send(&agent).and_then(read).map_err(|error| route.explain(&error))
    }

    /// The route of the token requests.
    fn tenant_route(&self) -> Result<TenantRoute, Error> {
        let target = self.profile.token_url.origin.clone();
        let tls = if target.https { Some(self.tls()?) } else { None };
        Ok(TenantRoute { proxy: self.proxy()?, target, tls, has_tunnel: false.into(), is_connected: false.into() })
    }

    /// The proxy, if any: the profile's, or the environment's. Plain http is loopback, where a proxy would read the
    /// credentials (I10).
    pub(crate) fn proxy(&self) -> Result<Option<Proxy>, Error> {
        let target = &self.profile.token_url.origin;
        let environment = ProxyEnvironment::read(self.env);
        let (url, set_by) = match (&self.profile.proxy, environment.choose(target)) {
            _ if !target.https => return Ok(None),
            (Some(url), _) => (url.expose(), format!("`proxy` of profile `{}`", self.profile.name)),
            (None, Choice::Through(variable, url)) => (url, variable.to_owned()),
            _ => return Ok(None),
        };
        Proxy::parse(url, set_by.as_str()).map(Some).map_err(|cause| Error::unusable(set_by, cause, PROXY_HINT))
    }
}

/// The HTTP client: every default that is wrong for a token endpoint is set here.
fn agent(limit: Duration, route: &Arc<TenantRoute>) -> Agent {
    let config = Agent::config_builder()
        .https_only(route.tls.is_some())
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(limit))
        .timeout_resolve(Some(CONNECT_LIMIT.min(limit)))
        .timeout_connect(Some(CONNECT_LIMIT.min(limit)))
        .max_response_header_size(HEADER_LIMIT)
        .input_buffer_size(INPUT_BUFFER)
        .output_buffer_size(OUTPUT_BUFFER)
        .max_idle_connections(0)
        .accept_encoding("identity")
        .user_agent(concat!("ws1-token/", env!("CARGO_PKG_VERSION")))
        // The environment's would be used otherwise; the route has the one to use.
        .proxy(None)
        .build();
    Agent::with_parts(config, Dial(Arc::clone(route)), Lookup(Arc::clone(route)))
}

/// The route to the tenant, and how much of it is established.
struct TenantRoute {
    /// The proxy to go through.
    proxy: Option<Proxy>,
    /// The tenant.
    target: Origin,
    /// TLS with it, unless it is plain http.
    tls: Option<Tls>,
    /// The proxy has done its part.
    has_tunnel: AtomicBool,
    /// There was a connection: from then on something may have been sent, whatever error comes later.
    is_connected: AtomicBool,
}

impl TenantRoute {
    /// Whether there was a connection, TLS included.
    fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// What an error means, and who is to blame.
    fn explain(&self, error: &ureq::Error) -> RequestError {
        match (explain(error, self.is_connected()), &self.proxy) {
            (RequestError::Failed(failure), Some(proxy)) if !self.has_tunnel.load(Ordering::Relaxed) => {
                tunnel::blame(proxy, failure).into()
            }
            (error, _) => error,
        }
    }

    /// Goes the rest of the route, over a connection to the tenant or its proxy.
    fn follow(
        &self,
        details: &ConnectionDetails,
        tcp: Box<dyn Transport>,
        since: Instant,
    ) -> std::io::Result<Box<dyn Transport>> {
        let adapt = |transport| {
            let mut adapter = TransportAdapter::new(transport, Arc::clone(&details.current_time));
            let mut timeout = details.timeout;
            if let time::Duration::Exact(limit) = timeout.after {
                timeout.after = time::Duration::Exact(limit.saturating_sub(since.elapsed()));
            }
            adapter.set_timeout(timeout);
            adapter
        };
        let secure = |tls: &Tls, host: &str, transport| -> std::io::Result<Box<dyn Transport>> {
            let mut sock = adapt(transport);
            let conn = tls.handshake(host, &mut sock)?;
            let buffers = LazyBuffers::new(INPUT_BUFFER, OUTPUT_BUFFER);
            Ok(Box::new(Secured { buffers, stream: StreamOwned::new(conn, sock) }))
        };
        let mut transport = tcp;
        if let (Some(proxy), Some(tls)) = (&self.proxy, &self.tls) {
            if proxy.scheme == Scheme::Https {
                transport = secure(tls, &proxy.origin.host, transport)?;
            }
            let mut stream = adapt(transport);
            tunnel::open(&mut stream, proxy, &self.target)?;
            transport = stream.into_inner();
            self.has_tunnel.store(true, Ordering::Relaxed);
        }
        if let Some(tls) = &self.tls {
            transport = secure(tls, &self.target.host, transport)?;
        }
        self.is_connected.store(true, Ordering::Relaxed);
        Ok(transport)
    }
}

impl fmt::Debug for TenantRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantRoute")
    }
}

/// Connects to the tenant.
#[derive(Debug)]
struct Dial(Arc<TenantRoute>);

impl Connector for Dial {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Self::Out>, ureq::Error> {
        let since = Instant::now();
        let Some(tcp) = TcpConnector::default().connect(details, None::<()>)? else { return Ok(None) };
        Ok(Some(self.0.follow(details, Box::new(tcp), since)?))
    }
}

/// A connection under TLS, for the library.
struct Secured {
    /// What is about to be sent, and what was received.
    buffers: LazyBuffers,
    /// The connection.
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        Ok(self.stream.write_all(&self.buffers.output()[..amount])?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secured")
    }
}

/// Looks up the tenant or its proxy, and tells a failed look-up from every other failure of the system: std has no kind of
/// its own for it. The library's own would panic where the system grants no thread.
#[derive(Debug)]
struct Lookup(Arc<TenantRoute>);

impl Resolver for Lookup {
    fn resolve(&self, _: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let peer = self.0.proxy.as_ref().map_or(&self.0.target, |proxy| &proxy.origin);
        let found = look_up(&peer.host, peer.port, *timeout.after)?.ok_or(ureq::Error::Timeout(timeout.reason))?;
        let mut addresses = self.empty();
        match found {
            Ok(found) => found.into_iter().for_each(|address| addresses.push(address)),
            Err(error) if platform::is_out_of_files(&error) => return Err(error.into()),
            Err(_) => {}
        }
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

/// The addresses of a host name or of an address, with or without brackets; `None` if that took longer than `limit`. The
/// system's resolver has no time limit, so a thread waits for it; the outer error is that of a system that grants none.
pub(crate) fn look_up(
    host: &str,
    port: u16,
    limit: Duration,
) -> Result<Option<std::io::Result<Vec<SocketAddr>>>, NoThread> {
    let host = host.trim_matches(['[', ']']).to_owned();
    let look = move || Ok((host.as_str(), port).to_socket_addrs()?.take(ADDRESS_LIMIT).collect());
    let started = Background::start(look).map_err(NoThread)?;
    Ok(started.finish(Deadline::after(&SystemClock, limit)))
}

/// The system grants no thread.
#[derive(Debug)]
pub(crate) struct NoThread(std::io::Error);

impl fmt::Display for NoThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the system grants no thread: {}", self.0)
    }
}

impl std::error::Error for NoThread {}

impl From<NoThread> for ureq::Error {
    fn from(error: NoThread) -> Self {
        std::io::Error::other(error).into()
    }
}

/// The parts of a response that carry meaning; the body is bounded.
fn read(mut response: Response<Body>) -> Result<HttpResponse, ureq::Error> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let location = header("location").map(|url| match Target::parse(url) {
        Ok(target) => target.origin.to_string(),
        Err(_) => "another page".to_owned(),
    });
    let retry_after = header("retry-after").and_then(|value| grant::retry_after(value, clock::wall()));
    let date = header("date").and_then(grant::http_date);
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(BODY_LIMIT).read_to_vec()?;
    Ok(HttpResponse { status, location, retry_after, date, body })
}

/// Sorts the library's errors, in our own words: its texts may hold URLs.
fn explain(error: &ureq::Error, is_sent: bool) -> RequestError {
    use ureq::{Error as E, Timeout};
    let unreachable = |cause: &str| RequestFailure::new(FailureKind::Unreachable, cause).into();
    let unusable = |cause: &str| RequestFailure::new(FailureKind::Unusable, cause).into();
    match error {
        E::HostNotFound => unreachable("looking up the host name failed"),
        E::Timeout(Timeout::Resolve) => unreachable("looking up the host name took too long"),
        E::ConnectionFailed => unreachable("no connection"),
        E::Timeout(_) => timed_out(is_sent),
        E::BodyExceedsLimit(_) => unusable("an answer of more than 256 KiB"),
        E::LargeResponseHeader(..) => unusable("an answer with more than 16 KiB of headers"),
        E::Protocol(_) | E::Http(_) => unusable("an answer that is not HTTP"),
        E::Io(error) => explain_io(error, is_sent),
        _ => broken("the request failed", is_sent),
    }
}

/// A connection that ended: before or after something may have been sent.
fn broken(cause: impl Into<String>, is_sent: bool) -> RequestError {
    let kind = if is_sent { FailureKind::Interrupted } else { FailureKind::Unreachable };
    RequestFailure::new(kind, cause).into()
}

/// A time limit that was reached.
fn timed_out(is_sent: bool) -> RequestError {
    let (kind, cause) = if is_sent {
        (FailureKind::TimedOut, "no answer in time")
    } else {
        (FailureKind::Unreachable, "connecting took too long")
    };
    RequestFailure::new(kind, cause).into()
}

/// Sorts the errors of a connection, which may carry those of TLS or a proxy.
pub(crate) fn explain_io(error: &std::io::Error, is_sent: bool) -> RequestError {
    use std::io::ErrorKind as Kind;
    if let Some(inner) = error.get_ref() {
        if let Some(failure) = inner.downcast_ref::<RequestFailure>() {
            return failure.clone().into();
        }
        if let Some(error) = inner.downcast_ref::<NoThread>() {
            return RequestError::local(Error::system("cannot send a request").because(error.to_string()));
        }
        if let Some(error) = inner.downcast_ref::<rustls::Error>() {
            // A server that wants a client certificate says so after the handshake, before it reads anything.
            let failure = trust::explain(error, "", &[]).map(RequestError::from);
            return failure.unwrap_or_else(|| broken(format!("TLS: {error}"), is_sent));
        }
    }
    if platform::is_out_of_files(error) {
        let error = Error::system("cannot send a request").because(error.to_string());
        return RequestError::Local { error, is_sent };
    }
    match error.kind() {
        Kind::ConnectionRefused => broken("connection refused", is_sent),
        Kind::HostUnreachable => broken("host unreachable", is_sent),
        Kind::NetworkUnreachable => broken("network unreachable", is_sent),
        Kind::AddrNotAvailable => broken("no address to connect from", is_sent),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
            broken("the connection was reset", is_sent)
        }
        Kind::UnexpectedEof if is_sent => broken("the connection ended in the middle of the answer", is_sent),
        Kind::UnexpectedEof => broken("the connection ended during the handshake", is_sent),
        Kind::TimedOut | Kind::WouldBlock => timed_out(is_sent),
        _ => broken(error.to_string(), is_sent),
    }
}

#[cfg(test)]
mod tests;
