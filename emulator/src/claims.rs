//! What an access token is about, and the claims that Access writes into it.

use crate::random;
use serde_json::{Value, json};

/// The `sub` of all service clients.
const USER: &str = "6c2a0f55-6f0c-4a6e-9d5e-3b1f3c1d9e10";

/// Issuer and time of a token.
pub(crate) struct Issuance {
    /// The URL that the issuer begins with: for Access up to and including `/SAAS` or `/SAAS/t/NAME`.
    pub(crate) base: String,
    /// Now, in Unix seconds.
    pub(crate) now: i64,
}

/// What an access token is about.
pub(crate) struct Subject<'a> {
    /// The client it is issued to.
    pub(crate) client: &'a str,
    /// The scope granted.
    pub(crate) scope: &'a str,
    /// The client's organisation.
    pub(crate) organisation: &'a str,
    /// Issuer and time.
    pub(crate) issuance: &'a Issuance,
    /// Expiry in Unix seconds.
    pub(crate) expires: i64,
}

/// The claims of a token as Access writes them; `ctx` is JSON in a string there too. The issuer is `base/auth`.
pub(crate) fn access(subject: &Subject) -> Value {
    let Subject { client, scope, issuance: Issuance { base, now }, expires, .. } = subject;
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
