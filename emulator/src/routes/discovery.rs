//! The discovery documents.

use crate::http::Reply;
use crate::visit::Visit;
use serde_json::json;

/// The discovery document below `base`: `SAAS/auth`, `SAAS/t/NAME/auth` or `acs`.
pub(crate) fn answer(visit: &Visit, base: &[&str]) -> Reply {
    let url = &visit.shared.url;
    match base {
        _ if !visit.shared.discovery => Reply::not_found(),
        ["SAAS", "auth"] => document(url, &format!("{url}/SAAS/auth"), "/SAAS/auth/oauthtoken"),
        ["SAAS", "t", name, "auth"] => {
            let issuer = format!("{url}/SAAS/t/{name}/auth");
            document(url, &issuer, &format!("/SAAS/t/{name}/auth/oauthtoken"))
        }
        // The issuer is `/SAAS/auth` for all token endpoints, and so it is in this newer document.
        ["acs"] => document(url, &format!("{url}/SAAS/auth"), "/acs/token"),
        _ => Reply::not_found(),
    }
}

/// A discovery document.
fn document(url: &str, issuer: &str, token_path: &str) -> Reply {
    let jwks = if token_path.starts_with("/acs") {
        format!("{url}/acs/jwks")
    } else {
        format!("{url}/SAAS/API/1.0/REST/auth/token?attribute=publicKey&format=jwks")
    };
    Reply::json(
        200,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{url}/SAAS/auth/oauth2/authorize"),
            "token_endpoint": format!("{url}{token_path}"),
            "revocation_endpoint": format!("{url}/acs/revoke"),
            "jwks_uri": jwks,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "scopes_supported": ["openid", "user", "profile", "email", "admin"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }),
    )
}
