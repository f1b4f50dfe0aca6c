//! Connect (CSP). Paths, life, both ways to get a token, and the shape of errors are published; the errors of other
//! refusals than a wrong API token, the claims and `refresh_token: null` are assumed.

use super::{ApiTokens, Denial, Dialect, Endpoint, Format, Parameters};
use crate::claims::Subject;
use crate::http::Reply;
use crate::random;
use serde_json::{Value, json};

/// Connect.
pub(super) const DIALECT: Dialect = Dialect {
    name: "connect",
    token_path: "/csp/gateway/am/api/auth/authorize",
    endpoint,
    hosts: &[],
    life: 1800,
    shortfall: 1,
    refresh_tokens: false,
    scope: "ALL_PERMISSIONS customer_number openid group_ids group_names",
    parameters: Parameters::FormAndQuery,
    client_in_parameters: false,
    api_tokens: Some(ApiTokens {
        path: "/csp/gateway/am/api/auth/api-tokens/authorize",
        grant_type: "refresh_token",
        parameters: &["api_token", "refresh_token"],
        repeated: true,
    }),
    organisation: true,
    token_header: Some("csp-auth-token"),
    claims,
    refuse,
    unauthorized,
    not_found: || error(404, "404.000", "Not found"),
};

/// The format of a reply with a token.
const FORMAT: Format = Format { token_type: "bearer", nulls: &["id_token", "refresh_token"], ..Format::PLAIN };

/// The token endpoints.
fn endpoint(segments: &[&str]) -> Option<Endpoint> {
    let only_api_tokens = match segments {
        ["csp", "gateway", "am", "api", "auth", "authorize"] => false,
        ["csp", "gateway", "am", "api", "auth", "api-tokens", "authorize"] => true,
        _ => return None,
    };
    Some(Endpoint { only_api_tokens, ..Endpoint::new("", &FORMAT) })
}

/// The claims of an access token.
fn claims(subject: &Subject) -> Value {
    json!({
        "iss": subject.issuance.base,
        "sub": format!("emulator:{}", subject.client),
        "azp": subject.client,
        "acct": subject.client,
        "context": random::uuid(),
        "context_name": subject.organisation,
        "perms": ["csp:org_member"],
        "jti": random::uuid(),
        "iat": subject.issuance.now,
        "exp": subject.expires,
    })
}

/// The reply to a refused token request.
fn refuse(denial: &Denial) -> Reply {
    match denial {
        Denial::NotForm => error(415, "415.000", "The body must be application/x-www-form-urlencoded"),
        Denial::Client => error(401, "250.100", "Invalid client credentials"),
        Denial::ApiToken(end) => {
            error(400, "540.120-340.800", &format!("invalid_grant: Invalid refresh token: xxxxx...{end}"))
        }
        Denial::Organisation => error(403, "250.110", "The client does not belong to this organisation"),
        Denial::RefreshToken => error(400, "540.120-340.800", "invalid_grant: Invalid refresh token"),
        Denial::Missing(name) => error(400, "400.000", &format!("Missing parameter: {name}")),
        Denial::UnauthorizedGrant | Denial::UnknownGrant => error(400, "400.010", "unsupported_grant_type"),
    }
}

/// The API's reply to a request without a valid token.
fn unauthorized(_given: bool) -> Reply {
    error(401, "250.120", "Unauthorized")
}

/// An error: it has no `error`.
fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({
        "metadata": null,
        "traceId": random::opaque()[..16],
        "requestId": random::opaque()[..16],
        "statusCode": status,
        "moduleCode": code.split('.').next(),
        "cspErrorCode": code,
        "message": message,
    });
    Reply::json(status, &body)
}
