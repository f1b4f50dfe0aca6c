//! The HTTP client and its settings: one exchange, its limits, its trusted roots and its proxy, and what its failures
//! mean.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, KeyProvider};
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};

use super::{EndpointError, HttpEndpoint};
use crate::background::Background;
use crate::clock;
use crate::error::{Cause, Error};
use crate::grant::{self, Answer, Refusal};
use crate::origin::Target;
use crate::platform;
use crate::proxy::ProxyEnvironment;

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
    pub(crate) fn exchange(
        &self,
        limit: Duration,
        send: &dyn Fn(&Agent) -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Answer, EndpointError> {
        let agent = self.agent(limit)?;
        look_for_a_thread()?;
        // A panic is silent, see `main.rs`.
        let exchanged = std::panic::catch_unwind(AssertUnwindSafe(|| {
            send(&agent).map_err(|error| explain(&error)).and_then(answer)
        }));
        exchanged.map_err(|_| EndpointError::Panicked)?
    }

    /// The HTTP client: every default that is wrong for a token endpoint is set here.
    fn agent(&self, limit: Duration) -> Result<Agent, EndpointError> {
        let https = self.profile.token_url.origin.https;
        let roots = if https { self.roots().map_err(EndpointError::Setup)? } else { Vec::new() };
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
            .proxy(self.proxy().map_err(EndpointError::Setup)?)
            .tls_config(tls)
            .build();
        Ok(config.new_agent())
    }

    /// The proxy, if any: the profile's, or the environment's.
    pub(crate) fn proxy(&self) -> Result<Option<Proxy>, Error> {
        let environment = ProxyEnvironment::read(self.env);
        let (url, name) = match &self.profile.proxy {
            Some(url) => (Some(url.expose()), format!("`proxy` of profile `{}`", self.profile.name)),
            None => (environment.proxy_for(&self.profile.token_url.origin), "the proxy of the environment".to_owned()),
        };
        let Some(url) = url else { return Ok(None) };
        crate::config::check_proxy(url)
            .and_then(|()| Proxy::new(url).map(Some).map_err(|_| "it is not a URL".to_owned()))
            .map_err(|cause| Error::Setting {
                setting: name,
                source: cause.into(),
                hint: "write http://host:port".to_owned(),
            })
    }

    /// The trusted roots: the platform's and the profile's `ca_file`, or the latter alone.
    pub(crate) fn roots(&self) -> Result<Vec<Certificate<'static>>, Error> {
        let mut roots = Vec::new();
        if let Some(file) = &self.profile.ca_file {
            roots = certificates(file).map_err(|cause| Error::Setting {
                setting: format!("`ca_file` of profile `{}`", self.profile.name),
                source: Cause::new(format!("`{}`: {cause}", file.display())),
                hint: "name a PEM file that holds your CA's certificate".to_owned(),
            })?;
        }
        if !self.profile.ca_only {
            roots.extend(self.platform_roots());
        }
        if roots.is_empty() {
            return Err(Error::System {
                what: "cannot verify any certificate",
                source: "this system has no trusted roots; install its CA certificates or set `ca_file`".into(),
            });
        }
        Ok(roots)
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

/// The library looks up names in a thread, and panics where the system grants none. Nothing was sent then, which only a
/// look beforehand can tell from a later panic.
fn look_for_a_thread() -> Result<(), EndpointError> {
    Background::start(|| ()).map(drop).map_err(|error| {
        EndpointError::Setup(Error::System {
            what: "cannot send a request",
            source: Cause::new(format!("the system grants no thread: {error}")),
        })
    })
}

/// The certificates of a PEM file; a file without any is an error.
fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let loaded = rustls_native_certs::load_certs_from_paths(Some(file), None);
    if loaded.certs.is_empty() {
        return Err(match std::fs::metadata(file) {
            Err(error) => error.to_string(),
            Ok(_) => "it holds no PEM certificate".to_owned(),
        });
    }
    Ok(loaded.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
}

/// The parts of a response that carry meaning; the body is bounded.
fn answer(mut response: Response<Body>) -> Result<Answer, EndpointError> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let location = header("location").map(|url| match Target::parse(url) {
        Ok(target) => target.origin.to_string(),
        Err(_) => "another page".to_owned(),
    });
    let retry_after = header("retry-after").and_then(|value| grant::retry_after(value, clock::wall()));
    let date = header("date").and_then(grant::http_date);
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(BODY_LIMIT).read_to_vec().map_err(|error| explain(&error))?;
    Ok(Answer { status, location, retry_after, date, body })
}

/// Sorts the library's errors by what may have happened at the tenant, in our own words: its texts may hold URLs.
fn explain(error: &ureq::Error) -> EndpointError {
    use ureq::{Error as E, Timeout};
    let unreachable = |cause: &str| EndpointError::Unreachable(cause.into());
    let broken = |cause: &str| EndpointError::Broken(cause.into());
    let unusable = |cause: &str| EndpointError::Refused(Refusal::Unusable, cause.to_owned());
    match error {
        E::HostNotFound => unreachable("the host name is unknown"),
        E::Timeout(Timeout::Resolve) => unreachable("looking up the host name took too long"),
        E::Timeout(Timeout::Connect) => unreachable("connecting took too long"),
        E::ConnectionFailed => unreachable("no connection"),
        E::ConnectProxyFailed(_) => unreachable("the proxy refused the connection"),
        E::Timeout(_) => broken("no answer in time"),
        E::BodyExceedsLimit(_) => unusable("an answer of more than 256 KiB"),
        E::LargeResponseHeader(..) => unusable("an answer with more than 16 KiB of headers"),
        E::Protocol(_) | E::Http(_) => unusable("an answer that is not HTTP"),
        E::Rustls(error) => tls(&error.to_string()),
        E::Tls(text) => tls(text),
        E::Io(error) => explain_io(error),
        _ => broken("the request failed"),
    }
}

/// The same for operating-system errors, which may carry a TLS error.
pub(crate) fn explain_io(error: &std::io::Error) -> EndpointError {
    use std::io::ErrorKind as Kind;
    if let Some(inner) = error.get_ref() {
        let text = inner.to_string();
        if error.kind() == Kind::InvalidData {
            return tls(&text);
        }
    }
    if platform::is_out_of_files(error) {
        let source = Cause::new(error.to_string());
        return EndpointError::Setup(Error::System { what: "cannot send a request", source });
    }
    if is_lookup(error) {
        return EndpointError::Unreachable("looking up the host name failed".into());
    }
    match error.kind() {
        Kind::ConnectionRefused => EndpointError::Unreachable("connection refused".into()),
        Kind::HostUnreachable => EndpointError::Unreachable("host unreachable".into()),
        Kind::NetworkUnreachable => EndpointError::Unreachable("network unreachable".into()),
        Kind::AddrNotAvailable => EndpointError::Unreachable("no address to connect from".into()),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
            EndpointError::Broken("the connection was reset".into())
        }
        Kind::UnexpectedEof => EndpointError::Broken("the connection ended in the middle of the answer".into()),
        Kind::TimedOut | Kind::WouldBlock => EndpointError::Broken("no answer in time".into()),
        _ => EndpointError::Broken(Cause::new(error.to_string())),
    }
}

/// Whether it was the system's resolver that failed: std has no public kind for that, only a text of its own on Unix and
/// the system's numbers (`WSAHOST_NOT_FOUND` to `WSANO_DATA`) on Windows.
fn is_lookup(error: &std::io::Error) -> bool {
    error.to_string().starts_with("failed to lookup address information")
        || (cfg!(windows) && matches!(error.raw_os_error(), Some(11_001..=11_004)))
}

/// A TLS failure: a certificate that is not trusted needs a person; anything else is a broken connection.
fn tls(text: &str) -> EndpointError {
    let Some(reason) = text.split_once("invalid peer certificate").map(|(_, reason)| reason) else {
        return EndpointError::Broken(Cause::new(format!("TLS: {text}")));
    };
    let clock =
        || format!("check the system clock (it says {}), or renew the certificate", clock::rfc3339(clock::wall()));
    let hint = if reason.contains("UnknownIssuer") {
        "add your organisation's CA to the system's store, or set `ca_file` in the profile".to_owned()
    } else if reason.contains("xpired") || reason.contains("not valid yet") || reason.contains("NotValidYet") {
        clock()
    } else if reason.contains("not valid for name") || reason.contains("NotValidForName") {
        "check `tenant`: the certificate belongs to another host".to_owned()
    } else {
        "replace the server's certificate, or set `ca_file` in the profile to the CA that issued it".to_owned()
    };
    EndpointError::Untrusted(Cause::new(format!("invalid certificate{}", with_dates(reason))), hint)
}

/// The library's text with its Unix seconds as dates: every whole word that is a number, small ones of 1970 too.
fn with_dates(text: &str) -> String {
    let date = |word: &str| word.parse().ok().map(clock::rfc3339);
    let words = text.split(' ').map(|word| date(word).unwrap_or_else(|| word.to_owned()));
    words.collect::<Vec<_>>().join(" ").replace(" (UNIX)", "")
}

#[cfg(test)]
mod tests;
