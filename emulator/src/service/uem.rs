//! UEM. Path, life and credentials are documented. Errors of the token endpoint, claims and scope are assumed; the
//! API's error has the published shape.

use super::{Denial, Dialect, Endpoint, Format, Host, Parameters, bare_error};
use crate::claims::Subject;
use crate::http::Reply;
use crate::random;
use serde_json::{Value, json};

/// UEM.
pub(super) const DIALECT: Dialect = Dialect {
    name: "uem",
    token_path: "/connect/token",
    endpoint,
    hosts: &[Host::Api],
    life: 3600,
    shortfall: 0,
    refresh_tokens: false,
    scope: "api",
    parameters: Parameters::Form,
    client_in_parameters: true,
    api_tokens: None,
    organisation: false,
    token_header: None,
    claims,
    refuse,
    unauthorized,
    not_found: Reply::not_found,
};

/// The token endpoint.
fn endpoint(segments: &[&str]) -> Option<Endpoint> {
    matches!(segments, ["connect", "token"]).then(|| Endpoint::new("", &Format::PLAIN))
}

/// The claims of an access token.
fn claims(subject: &Subject) -> Value {
    json!({
        "iss": subject.issuance.base,
        "aud": format!("{}/resources", subject.issuance.base),
        "client_id": subject.client,
        "scope": [subject.scope],
        "jti": random::uuid(),
        "iat": subject.issuance.now,
        "nbf": subject.issuance.now,
        "exp": subject.expires,
    })
}

/// The reply to a refused token request.
fn refuse(denial: &Denial) -> Reply {
    let error = match denial {
        Denial::NotForm | Denial::Missing(_) => "invalid_request",
        Denial::Client | Denial::ApiToken(_) | Denial::Organisation => "invalid_client",
        Denial::RefreshToken => "invalid_grant",
        Denial::UnauthorizedGrant => "unauthorized_client",
        Denial::UnknownGrant => "unsupported_grant_type",
    };
    bare_error(400, error)
}

/// The API's reply to a request without a valid token.
fn unauthorized(_given: bool) -> Reply {
    let message = "An error occurred while validating remote service client credentials or user not found";
    Reply::json(401, &json!({ "errorCode": 1005, "message": message, "activityId": random::uuid() }))
}
