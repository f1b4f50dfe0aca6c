//! Certificates, valid or with a fault.

use crate::clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use time::OffsetDateTime;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// A fault of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TlsFault {
    /// The certificate has expired.
    Expired,
    /// The certificate becomes valid in a year.
    NotYetValid,
    /// The certificate expires in nine days.
    ExpiresSoon,
    /// The certificate is for another host.
    WrongHost,
    /// The certificate is self-signed, not signed by the CA.
    SelfSigned,
    /// The certificate is valid, but the server sends one byte every 100 ms: the handshake takes minutes.
    HandshakeDrip,
}

/// The CA and the settings of a TLS server.
pub(crate) struct Tls {
    /// The certificate of the new CA.
    pub(crate) ca_pem: String,
    /// Certificate and versions.
    pub(crate) config: Arc<ServerConfig>,
}

/// Creates a CA and a certificate for `localhost`, the loopback addresses and `address`.
pub(crate) fn prepare(address: IpAddr, fault: Option<TlsFault>) -> io::Result<Tls> {
    build(address, fault).map_err(io::Error::other)
}

/// [`prepare`] with the errors of the libraries.
fn build(address: IpAddr, fault: Option<TlsFault>) -> Result<Tls, Box<dyn Error + Send + Sync>> {
    let ca = CertifiedIssuer::self_signed(authority(), KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let params = leaf(address, fault)?;
    let certificate = match fault {
        Some(TlsFault::SelfSigned) => params.self_signed(&key)?,
        _ => params.signed_by(&key, &ca)?,
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = server_config(vec![certificate.der().clone()], key)?;
    Ok(Tls { ca_pem: ca.pem(), config: Arc::new(config) })
}

/// The settings of a server with the certificates and the key of a PEM text.
pub(crate) fn with_identity(pem: &str) -> io::Result<Tls> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(io::Error::other)?;
    let config = server_config(chain.map_err(io::Error::other)?, key).map_err(io::Error::other)?;
    let certificates = pem.split("-----BEGIN PRIVATE KEY").next().unwrap_or_default();
    Ok(Tls { ca_pem: certificates.to_owned(), config: Arc::new(config) })
}

/// The CA's certificate.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "ws1-emulator test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The server's certificate.
fn leaf(address: IpAddr, fault: Option<TlsFault>) -> Result<CertificateParams, Box<dyn Error + Send + Sync>> {
    let names = match fault {
        Some(TlsFault::WrongHost) => vec!["another-host.example.com".to_owned()],
        _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), address.to_string()],
    };
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "ws1-emulator");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    match fault {
        Some(TlsFault::Expired) => {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 12, 31);
        }
        Some(TlsFault::NotYetValid) => {
            params.not_before = OffsetDateTime::from_unix_timestamp(clock::now() + 365 * DAY)?;
        }
        // Half a day more, so that nine whole days remain during a test.
        Some(TlsFault::ExpiresSoon) => {
            params.not_after = OffsetDateTime::from_unix_timestamp(clock::now() + 9 * DAY + DAY / 2)?;
        }
        _ => {}
    }
    Ok(params)
}

/// TLS 1.2 and 1.3 with this certificate.
fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_certificate() {
        let address = "127.0.0.1".parse().unwrap();
        for fault in [
            None,
            Some(TlsFault::Expired),
            Some(TlsFault::NotYetValid),
            Some(TlsFault::ExpiresSoon),
            Some(TlsFault::WrongHost),
            Some(TlsFault::SelfSigned),
            Some(TlsFault::HandshakeDrip),
        ] {
            let tls = prepare(address, fault).unwrap();
            assert!(tls.ca_pem.starts_with("-----BEGIN CERTIFICATE-----"), "{fault:?}");
        }
    }
}
