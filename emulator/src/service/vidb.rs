//! The identity broker of vCenter and VCF. Paths, life, API tokens, the denial, the issuer and the missing `/SAAS` are
//! published; other errors, other claims and the scope are assumed.

use super::{ApiTokens, Denial, Dialect, Endpoint, Format, Parameters};
use crate::claims;
use crate::http::Reply;

/// The identity broker.
pub(super) const DIALECT: Dialect = Dialect {
    name: "vidb",
    token_path: "/acs/t/CUSTOMER/token",
    endpoint,
    hosts: &[],
    life: 1800,
    shortfall: 2,
    refresh_tokens: false,
    scope: "admin",
    parameters: Parameters::Form,
    client_in_parameters: true,
    api_tokens: Some(ApiTokens {
        path: "/acs/t/CUSTOMER/token",
        grant_type: "urn:custom:vcf:params:oauth:grant-type:api-token",
        parameters: &["api_token"],
        repeated: false,
    }),
    organisation: false,
    token_header: None,
    // It has the code base of Access.
    claims: claims::access,
    refuse,
    unauthorized: |_given| Reply::api_error(401, "not.authenticated", "Not authenticated"),
    not_found,
};

/// The token endpoints of all tenants, and the one without a tenant.
fn endpoint(segments: &[&str]) -> Option<Endpoint> {
    let tenant = match segments {
        ["acs", "token"] => "CUSTOMER",
        ["acs", "t", name, "token"] => name,
        _ => return None,
    };
    Some(Endpoint::new(format!("/SAAS/t/{tenant}"), &Format::PLAIN))
}

/// The reply to a refused token request.
fn refuse(denial: &Denial) -> Reply {
    let (status, error, description) = match denial {
        Denial::Client | Denial::ApiToken(_) | Denial::Organisation => {
            (401, "invalid_client", "oauth2.authorization.credentials.invalid")
        }
        Denial::NotForm | Denial::Missing(_) => (400, "invalid_request", "oauth2.request.invalid"),
        Denial::RefreshToken => (400, "invalid_grant", "oauth2.refresh.token.invalid"),
        Denial::UnauthorizedGrant => (400, "unauthorized_client", "oauth2.grant.type.unauthorized"),
        Denial::UnknownGrant => (400, "unsupported_grant_type", "oauth2.grant.type.unsupported"),
    };
    Reply::oauth_error(status, error, description)
}

/// The reply of the proxy in front of it.
fn not_found() -> Reply {
    Reply::with(
        404,
        "text/html",
        "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
    )
}
