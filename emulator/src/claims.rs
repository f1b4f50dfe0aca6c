//! What an access token says.

use crate::random;
use serde_json::{Value, json};

/// The user that stands behind every service client.
const USER: &str = "6c2a0f55-6f0c-4a6e-9d5e-3b1f3c1d9e10";

/// Where and when a token request takes place.
pub(crate) struct Occasion {
    /// Base of the issuer: the tenant's URL up to and including `/SAAS` or `/SAAS/t/NAME`.
    pub(crate) base: String,
    /// Now, in Unix seconds.
    pub(crate) now: i64,
}

/// The claims of a token for `client`, in the tenant's own words; `ctx` really is a string that holds JSON.
pub(crate) fn claims(client: &str, scope: &str, occasion: &Occasion, expires: i64) -> Value {
    let Occasion { base, now } = occasion;
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
