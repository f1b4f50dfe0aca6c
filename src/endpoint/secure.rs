//! TLS: a client that verifies as the library does, accepts a certificate that is itself trusted, and remembers what was
//! presented, so that an unknown issuer can be named.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SigningKey;
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use super::certificate::Certificate;
use super::roots::Roots;
use super::{HttpEndpoint, trust};
use crate::error::Error;

/// Both directions of a connection.
pub(crate) trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

/// The settings of TLS with a tenant.
pub(crate) struct Tls {
    /// The library's settings.
    config: Arc<ClientConfig>,
    /// The same verifier as in there.
    verifier: Arc<Verifier>,
}

impl HttpEndpoint<'_> {
    /// Reads the trusted certificates.
    pub(crate) fn tls(&self) -> Result<Tls, Error> {
        Tls::new(self.roots()?).map_err(|error| Error::system("cannot verify any certificate").because(error))
    }
}

impl Tls {
    /// The library's usual settings, but for the verifier.
    fn new(roots: Roots) -> Result<Self, String> {
        let provider = Arc::new(CryptoProvider { key_provider: &NoKeys, ..rustls::crypto::ring::default_provider() });
        let Roots { certificates, store } = roots;
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
            .build()
            .map_err(|error| error.to_string())?;
        let verifier = Arc::new(Verifier { usual, trusted: certificates, presented: Mutex::default() });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), verifier })
    }

    /// Makes a handshake with a host. If its settings are to blame for a failure, the error holds a `RequestFailure`.
    pub(crate) fn handshake(&self, host: &str, mut stream: &mut dyn Duplex) -> io::Result<ClientConnection> {
        let name = ServerName::try_from(host.trim_matches(['[', ']'])).map_err(io::Error::other)?.to_owned();
        let mut connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        match connection.complete_io(&mut stream) {
            Ok(_) if connection.is_handshaking() => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(connection),
            Err(error) => {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                Err(match inner.and_then(|inner| trust::explain(inner, host, &self.presented())) {
                    Some(failure) => io::Error::other(failure),
                    None => error,
                })
            }
        }
    }

    /// The certificates that the last server presented, its own first.
    pub(crate) fn presented(&self) -> Vec<Certificate> {
        self.verifier.presented.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A reader of keys that reads none: no client certificate is ever shown, and what would sign with it is not linked in.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("client certificates are not used".to_owned()))
    }
}

/// The library's verifier with one exception.
#[derive(Debug)]
struct Verifier {
    /// The library's.
    usual: Arc<WebPkiServerVerifier>,
    /// The trusted certificates.
    trusted: Vec<CertificateDer<'static>>,
    /// What the last server presented.
    presented: Mutex<Vec<Certificate>>,
}

impl Verifier {
    /// Whether a server's certificate is itself one of the trusted ones, and valid now: then nobody has to vouch for it.
    /// Its name is still to be checked.
    fn is_pinned(&self, own: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> bool {
        use CertificateError as E;
        if !self.trusted.contains(own) {
            return false;
        }
        // Alone, so that only what is wrong with this certificate counts. Its dates are checked before its issuer.
        match self.usual.verify_server_cert(own, &[], name, &[], now) {
            Err(rustls::Error::InvalidCertificate(error)) => match error {
                E::UnknownIssuer | E::BadSignature | E::UnsupportedSignatureAlgorithmContext { .. } => true,
                error => trust::is_authority(&error),
            },
            _ => false,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(own).chain(others).map(|der| Certificate::read(der)).collect();
        *self.presented.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        let verdict = self.usual.verify_server_cert(own, others, name, ocsp_response, now);
        if verdict.is_err() && self.is_pinned(own, name, now) {
            verify_server_name(&ParsedCertificate::try_from(own)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
