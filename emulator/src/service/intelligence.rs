//! Intelligence. Paths, life, Basic authentication and the reply are documented. Errors are assumed.

use super::{Denial, Dialect, Endpoint, Format, Host, Parameters};
use crate::claims::Subject;
use crate::http::Reply;
use crate::random;
use serde_json::{Value, json};

/// Intelligence.
pub(super) const DIALECT: Dialect = Dialect {
    name: "intelligence",
    token_path: "/oauth/token",
    endpoint,
    hosts: &[Host::Api, Host::Storage],
    life: 3600,
    shortfall: 1,
    refresh_tokens: false,
    scope: "dpa.reports.read dpa.reports.write",
    parameters: Parameters::FormAndQuery,
    client_in_parameters: false,
    api_tokens: None,
    organisation: true,
    token_header: None,
    claims,
    refuse,
    unauthorized,
    not_found: Reply::not_found,
};

/// The format of a reply with a token.
const FORMAT: Format = Format { token_type: "bearer", claims: &["dpa.org_id", "iss", "jti", "nbf"], ..Format::PLAIN };

/// The token endpoint.
fn endpoint(segments: &[&str]) -> Option<Endpoint> {
    matches!(segments, ["oauth", "token"]).then(|| Endpoint::new("", &FORMAT))
}

/// The claims of an access token.
fn claims(subject: &Subject) -> Value {
    json!({
        "iss": subject.issuance.base,
        "aud": ["api.data.workspaceone.com"],
        "sub": subject.client,
        "client_id": subject.client,
        "scope": subject.scope.split(' ').collect::<Vec<_>>(),
        "jti": random::uuid(),
        "iat": subject.issuance.now,
        "nbf": subject.issuance.now,
        "exp": subject.expires,
        "dpa.org_id": subject.organisation,
    })
}

/// The reply to a refused token request.
fn refuse(denial: &Denial) -> Reply {
    let bad = |error, description: &str| Reply::oauth_error(400, error, description);
    match denial {
        Denial::NotForm => bad("invalid_request", "The body must be application/x-www-form-urlencoded"),
        Denial::Client | Denial::ApiToken(_) | Denial::Organisation => {
            Reply::oauth_error(401, "invalid_client", "Bad client credentials")
                .header("WWW-Authenticate", r#"Basic realm="oauth2/client""#)
        }
        Denial::RefreshToken => bad("invalid_grant", "Invalid refresh token"),
        Denial::Missing(name) => bad("invalid_request", &format!("Missing parameter: {name}")),
        Denial::UnauthorizedGrant => bad("unauthorized_client", "Unauthorized grant type"),
        Denial::UnknownGrant => bad("unsupported_grant_type", "Unsupported grant type"),
    }
}

/// The API's reply to a request without a valid token.
fn unauthorized(given: bool) -> Reply {
    let (error, description) = if given {
        ("invalid_token", "Cannot convert access token to JSON")
    } else {
        ("unauthorized", "Full authentication is required to access this resource")
    };
    Reply::oauth_error(401, error, description).header("WWW-Authenticate", "Bearer")
}
