//! The HTTP client and its settings: one exchange, its limits, its trusted roots and its proxy, and what its failures
//! mean.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};
use ureq::{Agent, Body, Proxy};

use super::{HttpEndpoint, RequestError, trust};
use crate::background::Background;
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::failure::{FailureKind, RequestFailure};
use crate::grant::{self, HttpResponse};
use crate::origin::Target;
use crate::platform;
use crate::proxy::ProxyEnvironment;

/// Bytes of a bundle of certificates that are read at most; the largest in use have a quarter of a million.
const BUNDLE_LIMIT: usize = 16 * 1024 * 1024;

/// How long to wait for the writer of a pipe in the place of such a file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time for finding the tenant's address, and for connecting (TCP and TLS), each.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Bytes of response headers that are read at most.
const HEADER_LIMIT: usize = 16 * 1024;

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
        let connected = Connected::default();
        let agent = self.agent(limit, connected.clone())?;
        look_for_a_thread()?;
        // A panic is silent, see `main.rs`.
        let exchanged = std::panic::catch_unwind(AssertUnwindSafe(|| send(&agent).and_then(read)));
        match exchanged {
            Ok(result) => result.map_err(|error| explain(&error, connected.is_set())),
            Err(_) => Err(RequestError::Local {
                error: Error::system("cannot send a request").because("the HTTP library failed"),
                is_sent: connected.is_set(),
            }),
        }
    }

    /// The HTTP client: every default that is wrong for a token endpoint is set here.
    fn agent(&self, limit: Duration, connected: Connected) -> Result<Agent, RequestError> {
        let https = self.profile.token_url.origin.https;
        let roots = if https { self.roots().map_err(RequestError::local)? } else { Vec::new() };
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(cryptography())
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let config = Agent::config_builder()
            .https_only(https)
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
            .proxy(self.proxy().map_err(RequestError::local)?)
            .tls_config(tls)
            .build();
        Ok(Agent::with_parts(config, DefaultConnector::new().chain(connected), Lookup::default()))
    }

    /// The proxy, if any: the profile's, or the environment's. Plain http is loopback, where a proxy would read the
    /// credentials (I10).
    pub(crate) fn proxy(&self) -> Result<Option<Proxy>, Error> {
        if !self.profile.token_url.origin.https {
            return Ok(None);
        }
        let environment = ProxyEnvironment::read(self.env);
        let (url, name) = match &self.profile.proxy {
            Some(url) => (Some(url.expose()), format!("`proxy` of profile `{}`", self.profile.name)),
            None => (environment.proxy_for(&self.profile.token_url.origin), "the proxy of the environment".to_owned()),
        };
        let Some(url) = url else { return Ok(None) };
        crate::config::check_proxy(url)
            .and_then(|()| Proxy::new(url).map(Some).map_err(|_| "it is not a URL".to_owned()))
            .map_err(|cause| Error::unusable(name, cause, "write http://host:port"))
    }

    /// The trusted roots: the platform's and the profile's `ca_file`, or the latter alone.
    pub(crate) fn roots(&self) -> Result<Vec<Certificate<'static>>, Error> {
        let mut roots = Vec::new();
        if let Some(file) = &self.profile.ca_file {
            roots = certificates(file).map_err(|cause| {
                Error::new(ErrorKind::CaFile, format!("`ca_file` of profile `{}` is not usable", self.profile.name))
                    .because(format!("`{}`: {cause}", file.display()))
                    .hint("name a PEM file that holds your CA's certificate")
            })?;
        }
        if !self.profile.ca_only {
            roots.extend(self.platform_roots());
        }
        if roots.is_empty() {
            return Err(Error::system("cannot verify any certificate")
                .because("this system has no trusted roots; install its CA certificates or set `ca_file`"));
        }
        Ok(roots)
    }

    /// The trusted roots in PEM (RFC 7468), for another program.
    pub(crate) fn roots_as_pem(&self) -> Result<String, Error> {
        let mut text = String::new();
        for root in self.roots()? {
            text.push_str("-----BEGIN CERTIFICATE-----\n");
            for line in STANDARD.encode(root.der()).as_bytes().chunks(64) {
                text.extend(line.iter().map(|byte| char::from(*byte)));
                text.push('\n');
            }
            text.push_str("-----END CERTIFICATE-----\n");
        }
        Ok(text)
    }

    /// The platform's roots. Where they are one bundle file, that file alone: reading the directory of single
    /// certificates beside it costs three times as much and adds nothing.
    fn platform_roots(&self) -> Vec<Certificate<'static>> {
        #[cfg(all(unix, not(target_os = "macos")))]
        {
            let given = (self.env)("SSL_CERT_FILE").map(std::path::PathBuf::from);
            if let Some(bundle) = given.or_else(|| openssl_probe::probe().cert_file)
                && let Ok(roots) = certificates(&bundle)
            {
                return roots;
            }
        }
        rustls_native_certs::load_native_certs().certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
    }
}

/// The cryptography of TLS.
pub(crate) fn cryptography() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { key_provider: &NoKeys, ..rustls::crypto::ring::default_provider() })
}

/// A reader of keys that reads none: no client certificate is ever shown, and what would sign with it is not linked in.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(
        &self,
        _key: rustls::pki_types::PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn rustls::sign::SigningKey>, rustls::Error> {
        Err(rustls::Error::General("client certificates are not used".to_owned()))
    }
}

/// Notes that a connection is established: from then on something may have been sent, whatever error comes later.
#[derive(Debug, Clone, Default)]
struct Connected(Arc<AtomicBool>);

impl Connected {
    /// Whether there was a connection, TLS included.
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<In: Transport> Connector<In> for Connected {
    type Out = In;

    fn connect(&self, _details: &ConnectionDetails, chained: Option<In>) -> Result<Option<In>, ureq::Error> {
        self.0.fetch_or(chained.is_some(), Ordering::Relaxed);
        Ok(chained)
    }
}

/// Looks up names, and tells a failed look-up from every other failure of the system: std has no kind of its own for it.
#[derive(Debug, Default)]
struct Lookup(DefaultResolver);

impl Resolver for Lookup {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.0.resolve(uri, config, timeout).map_err(|error| match error {
            ureq::Error::Io(error) if !platform::is_out_of_files(&error) => ureq::Error::HostNotFound,
            error => error,
        })
    }
}

/// The library looks up names in a thread, and panics where the system grants none.
fn look_for_a_thread() -> Result<(), RequestError> {
    Background::start(|| ()).map(drop).map_err(|error| {
        let cause = format!("the system grants no thread: {error}");
        RequestError::local(Error::system("cannot send a request").because(cause))
    })
}

/// The certificates of a PEM file; a file without any is an error.
fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let text = platform::read_input(file, BUNDLE_LIMIT, PATIENCE).map_err(|error| error.to_string())?;
    if text.len() > BUNDLE_LIMIT {
        return Err("larger than 16 MiB".to_owned());
    }
    // A byte order mark would hide the first certificate.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let found = CertificateDer::pem_slice_iter(text).filter_map(Result::ok);
    let certificates: Vec<_> = found.map(|der| Certificate::from_der(&der).to_owned()).collect();
    if certificates.is_empty() { Err("it holds no PEM certificate".to_owned()) } else { Ok(certificates) }
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
        E::ConnectProxyFailed(_) => unreachable("the proxy refused the connection"),
        E::Timeout(_) => timed_out(is_sent),
        E::BodyExceedsLimit(_) => unusable("an answer of more than 256 KiB"),
        E::LargeResponseHeader(..) => unusable("an answer with more than 16 KiB of headers"),
        E::Protocol(_) | E::Http(_) => unusable("an answer that is not HTTP"),
        E::Rustls(error) => tls(error, is_sent),
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

/// Sorts operating-system errors, which may carry a TLS error.
pub(crate) fn explain_io(error: &std::io::Error, is_sent: bool) -> RequestError {
    use std::io::ErrorKind as Kind;
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls(error, is_sent);
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

/// Sorts TLS errors.
fn tls(error: &rustls::Error, is_sent: bool) -> RequestError {
    match error {
        rustls::Error::InvalidCertificate(error) => {
            let problem = trust::classify(error);
            let cause = format!("invalid certificate: {}", trust::describe(&problem));
            RequestFailure::new(FailureKind::Certificate(problem), cause).into()
        }
        error => broken(format!("TLS: {error}"), is_sent),
    }
}

#[cfg(test)]
mod tests;
