//! Access. Token endpoint and lives are documented; the texts of its errors are assumed.

use super::{Denial, Dialect, Endpoint, Format, Parameters};
use crate::claims;
use crate::http::Reply;

/// Access.
pub(super) const DIALECT: Dialect = Dialect {
    name: "access",
    token_path: "/SAAS/auth/oauthtoken",
    endpoint,
    hosts: &[],
    life: 10_800,
    shortfall: 1,
    refresh_tokens: true,
    scope: "admin",
    parameters: Parameters::FormElseQuery,
    client_in_parameters: true,
    api_tokens: None,
    organisation: false,
    token_header: None,
    claims: claims::access,
    refuse,
    unauthorized,
    not_found: Reply::not_found,
};

/// Intelligence's reply, here with a refresh token.
const LOWER_CASE: Format = Format { token_type: "bearer", ..Format::PLAIN };
/// Connect's reply, here with a refresh token.
const NULL_ID_TOKEN: Format = Format { nulls: &["id_token"], ..Format::PLAIN };

/// The token endpoints, with those of the sibling services.
fn endpoint(segments: &[&str]) -> Option<Endpoint> {
    let format = match segments {
        ["SAAS", "auth", "oauthtoken"]
        | ["SAAS", "API", "1.0", "oauth2", "token"]
        | ["acs" | "connect", "token"]
        | ["acs", "t", _, "token"] => &Format::PLAIN,
        ["oauth", "token"] => &LOWER_CASE,
        ["csp", "gateway", "am", "api", "auth", "authorize"] => &NULL_ID_TOKEN,
        ["SAAS", "t", name, "auth", "oauthtoken"] => {
            return Some(Endpoint::new(format!("/SAAS/t/{name}"), &Format::PLAIN));
        }
        _ => return None,
    };
    Some(Endpoint::new("/SAAS", format))
}

/// The reply to a refused token request.
fn refuse(denial: &Denial) -> Reply {
    let bad = |error, description: &str| Reply::oauth_error(400, error, description);
    match denial {
        Denial::NotForm => bad("invalid_request", "The body must be application/x-www-form-urlencoded"),
        Denial::Client | Denial::ApiToken(_) | Denial::Organisation => {
            Reply::oauth_error(401, "invalid_client", "Client authentication failed")
                .header("WWW-Authenticate", r#"Basic realm="ws1""#)
        }
        Denial::RefreshToken => bad("invalid_grant", "Invalid refresh token"),
        Denial::Missing(name) => bad("invalid_request", &format!("Missing parameter: {name}")),
        Denial::UnauthorizedGrant => bad("unauthorized_client", "The client is not authorized for this grant type"),
        // The service answers this with a server error, too.
        Denial::UnknownGrant => Reply::oauth_error(500, "server_error", "grant_type is incorrect or absent"),
    }
}

/// The API's reply to a request without a valid token.
fn unauthorized(given: bool) -> Reply {
    let challenge = if given { r#"Bearer error="invalid_token""# } else { "Bearer" };
    Reply::api_error(401, "not.authenticated", "Not authenticated").header("WWW-Authenticate", challenge)
}
