//! The TLS handshake with the tenant as every request makes it, and what the tenant presents in it.

use rustls::ProtocolVersion;

use super::route::Connection;
use crate::endpoint::certificate::Certificate;
use crate::endpoint::{HttpEndpoint, RequestError, explain_io};

/// A successful handshake.
pub(crate) struct Handshake {
    /// The protocol version.
    pub(crate) version: &'static str,
    /// The tenant's certificate.
    pub(crate) certificate: Option<Certificate>,
}

impl HttpEndpoint<'_> {
    /// Makes the handshake; nothing is sent after it.
    pub(crate) fn handshake(&self, mut connection: Connection) -> Result<Handshake, RequestError> {
        let tls = self.tls().map_err(RequestError::local)?;
        let host = &self.profile.token_url.origin.host;
        let session = tls.handshake(host, &mut connection.stream).map_err(|error| explain_io(&error, false))?;
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS 1.3",
        };
        Ok(Handshake { version, certificate: tls.presented().into_iter().next() })
    }
}
