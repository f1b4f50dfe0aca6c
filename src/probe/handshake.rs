//! A TLS handshake that records the peer certificates, so that an unknown issuer can be named.
//!
//! The certificates are verified as for every request. The library's own client shows them only after a success.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme, StreamOwned,
};

use super::certificate::Certificate;
use super::route::Duplex;
use crate::endpoint::{HttpEndpoint, explain_io, trust};
use crate::error::Error;
use crate::failure::CertificateProblem;

/// The result of a handshake.
pub(crate) struct Handshake {
    /// The peer certificates, the end entity first; empty if the handshake failed before.
    pub(crate) chain: Vec<Certificate>,
    /// Success, or why not.
    pub(crate) outcome: Result<Secured, TlsFailure>,
}

/// An established TLS connection.
pub(crate) struct Secured {
    /// The protocol version.
    pub(crate) version: &'static str,
    /// The connection.
    pub(super) stream: StreamOwned<ClientConnection, Box<dyn Duplex>>,
}

/// Why there is no secure connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TlsFailure {
    /// The certificate is not trusted.
    Untrusted(CertificateProblem),
    /// Any other failure.
    Broken(String),
}

/// Wraps the library's verifier, which decides, and records the certificates that it gets.
#[derive(Debug)]
struct Recorder {
    /// The verifier.
    verifier: Arc<WebPkiServerVerifier>,
    /// The peer certificates, in the order of the chain.
    presented: Mutex<Vec<Certificate>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| Certificate::read(der)).collect();
        *self.presented.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

impl HttpEndpoint<'_> {
    /// Makes the handshake with a host; the error says why it could not be started.
    pub(super) fn handshake_with(&self, mut stream: Box<dyn Duplex>, host: &str) -> Result<Handshake, Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.roots()?.iter().map(|root| CertificateDer::from(root.der())));
        let (mut tls, recorder) = begin(roots, host)
            .map_err(|error| Error::system("cannot verify any certificate").because(error.to_string()))?;
        let outcome = match tls.complete_io(&mut stream) {
            Err(error) => Err(explain(&error)),
            Ok(_) if tls.is_handshaking() => Err(TlsFailure::Broken("the connection ended".to_owned())),
            Ok(_) => {
                let version = match tls.protocol_version() {
                    Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
                    _ => "TLS 1.3",
                };
                Ok(Secured { version, stream: StreamOwned::new(tls, stream) })
            }
        };
        let chain = std::mem::take(&mut *recorder.presented.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Handshake { chain, outcome })
    }
}

/// The library's client with its usual settings, but for the verifier.
fn begin(roots: RootCertStore, host: &str) -> Result<(ClientConnection, Arc<Recorder>), rustls::Error> {
    let provider = crate::endpoint::cryptography();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let recorder = Arc::new(Recorder { verifier, presented: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(host).map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok((ClientConnection::new(Arc::new(config), name.to_owned())?, recorder))
}

/// Classifies the failures of a handshake.
fn explain(error: &io::Error) -> TlsFailure {
    let broken = |words: &str| TlsFailure::Broken(words.to_owned());
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(error)) => TlsFailure::Untrusted(trust::classify(error)),
        Some(rustls::Error::InvalidMessage(_)) => broken("the server does not speak TLS"),
        Some(rustls::Error::AlertReceived(alert)) => {
            TlsFailure::Broken(format!("the server sent the TLS alert {alert:?}"))
        }
        Some(rustls::Error::PeerIncompatible(_)) => {
            broken("the server offers neither TLS 1.2 nor TLS 1.3 with safe parameters")
        }
        Some(error) => TlsFailure::Broken(error.to_string()),
        None if error.kind() == io::ErrorKind::UnexpectedEof => broken("the connection ended during the handshake"),
        None => TlsFailure::Broken(explain_io(error, true).cause()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificates_fault_is_told_apart() {
        let io = |error: rustls::Error| explain(&io::Error::new(io::ErrorKind::InvalidData, error));
        let incompatible = rustls::Error::PeerIncompatible(rustls::PeerIncompatible::ServerDoesNotSupportTls12Or13);
        assert_eq!(
            io(incompatible),
            TlsFailure::Broken("the server offers neither TLS 1.2 nor TLS 1.3 with safe parameters".to_owned())
        );
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        assert_eq!(io(alert), TlsFailure::Broken("the server sent the TLS alert HandshakeFailure".to_owned()));
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Revoked);
        assert!(matches!(io(expired), TlsFailure::Untrusted(CertificateProblem::Other(_))));
    }
}
