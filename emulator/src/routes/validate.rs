//! `/SAAS/API/1.0/REST/auth/token`: is my token good, and which key signs it?

use crate::auth;
use crate::http::{Reply, form};
use crate::visit::Visit;

/// Answers one of the three questions.
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

/// The published key as a key set.
pub(crate) fn jwks(visit: &Visit) -> Reply {
    Reply::json(200, &visit.shared.tenant().signer.jwks())
}

/// Says `true` or `false` about the bearer token.
fn about_token(visit: &Visit, question: impl Fn(&str) -> bool) -> Reply {
    match auth::bearer(visit.request) {
        Some(token) => Reply::text(200, if question(token) { "true" } else { "false" }),
        None => Reply::new(401).header("WWW-Authenticate", "Bearer"),
    }
}

/// The published key in one of its formats.
fn public_key(visit: &Visit, format: &str) -> Reply {
    match format {
        "jwk" => Reply::json(200, &visit.shared.tenant().signer.jwk()),
        "jwks" => jwks(visit),
        "pem" => Reply::text(200, &visit.shared.tenant().signer.pem()),
        _ => Reply::new(400),
    }
}
