//! The claims of an access token.

use crate::random;
use serde_json::{Value, json};

/// The `sub` of all service clients.
const USER: &str = "6c2a0f55-6f0c-4a6e-9d5e-3b1f3c1d9e10";

/// Issuer and time of a token.
pub(crate) struct Issuance {
    /// The tenant's URL up to and including `/SAAS` or `/SAAS/t/NAME`; the issuer is `base/auth`.
    pub(crate) base: String,
    /// Now, in Unix seconds.
    pub(crate) now: i64,
}

/// The claims of a token for `client`, as the service writes them; `ctx` is JSON in a string there too.
pub(crate) fn claims(client: &str, scope: &str, issuance: &Issuance, expires: i64) -> Value {
    let Issuance { base, now } = issuance;
    json!({
        "jti": random::uuid(),
        "prn": format!("{client}@EMULATOR"),
        "domain": "System Domain",
        "user_id": "42",
        "auth_time": now,
        "iss": format!("{base}/auth"),
        "aud": format!("{base}/auth/oauthtoken"),
        "ctx": r#"[{"mtd":"urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport","iat":0,"id":1}]"#,
        "scp": scope,
        "idp": "0",
        "eml": format!("OAuthClient_{client}@noreply.com"),
        "cid": client,
        "wid": "",
        "did": "",
        "pid": random::uuid(),
        "exp": expires,
        "iat": now,
        "sub": USER,
        "prn_type": "SERVICE",
    })
}
