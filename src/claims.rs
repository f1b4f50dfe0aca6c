//! What a token says about itself. Decoded and never verified: that is the resource server's business. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The claims of a JWT (RFC 7519 §3) as JSON text; `None` for any other token.
pub(crate) fn payload(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()
}
