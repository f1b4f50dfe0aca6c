//! `/SAAS/API/1.0/REST/auth/token`: whether a token is valid or revoked, and the public key.

use crate::auth;
use crate::http::{Reply, form};
use crate::visit::Visit;

/// Answers by the query parameter `attribute`.
pub(crate) fn answer(visit: &Visit) -> Reply {
    if !visit.request.reads() {
        return Reply::method_not_allowed("GET");
    }
    let query = form::pairs(visit.request.query());
    match form::field(&query, "attribute") {
        Some("isValid") => about_token(visit, |token| visit.scope_of(token).is_some()),
        Some("isRevoked") => about_token(visit, |token| visit.shared.tenant().is_revoked(token)),
        Some("publicKey") => public_key(visit, form::field(&query, "format").unwrap_or("jwk")),
        _ => Reply::not_found(),
    }
}

/// The public key as a JWK set.
pub(crate) fn jwks(visit: &Visit) -> Reply {
    Reply::json(200, &visit.shared.tenant().signer.jwks())
}

/// Answers `true` or `false` about the bearer token.
fn about_token(visit: &Visit, check: impl Fn(&str) -> bool) -> Reply {
    match auth::bearer(visit.request) {
        Some(token) => Reply::text(200, if check(token) { "true" } else { "false" }),
        None => Reply::new(401).header("WWW-Authenticate", "Bearer"),
    }
}

/// The public key in a format.
fn public_key(visit: &Visit, format: &str) -> Reply {
    match format {
        "jwk" => Reply::json(200, &visit.shared.tenant().signer.jwk()),
        "jwks" => jwks(visit),
        "pem" => Reply::text(200, &visit.shared.tenant().signer.pem()),
        _ => Reply::new(400),
    }
}
