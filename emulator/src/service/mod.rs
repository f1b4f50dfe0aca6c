//! The services the emulator can be: all that differs between them at the token endpoint, one [`Dialect`] each.

mod access;
mod connect;
mod intelligence;
mod uem;
mod vidb;

use crate::claims::Subject;
use crate::http::Reply;
use serde_json::Value;

/// A Workspace ONE service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// Workspace ONE Access, with the token endpoints of its siblings at its side.
    #[default]
    Access,
    /// Workspace ONE UEM; its API is on a host of its own.
    Uem,
    /// Workspace ONE Intelligence; its API and its downloads are on hosts of their own.
    Intelligence,
    /// Omnissa Connect, formerly Cloud Services (CSP).
    Connect,
    /// The identity broker in vCenter and VCF.
    Vidb,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 5] = [Self::Access, Self::Uem, Self::Intelligence, Self::Connect, Self::Vidb];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        self.dialect().name
    }

    /// The path of its token endpoint.
    pub fn token_path(self) -> &'static str {
        self.dialect().token_path
    }

    /// The path where it takes API tokens, if it takes them.
    pub fn api_token_path(self) -> Option<&'static str> {
        self.dialect().api_tokens.as_ref().map(|accepted| accepted.path)
    }

    /// Whether its API is on another host than its token endpoint.
    pub fn has_api_host(self) -> bool {
        self.dialect().hosts.contains(&Host::Api)
    }

    /// Whether its tokens belong to an organisation.
    pub fn has_organisation(self) -> bool {
        self.dialect().organisation
    }

    /// How it differs from the others.
    pub(crate) fn dialect(self) -> &'static Dialect {
        match self {
            Self::Access => &access::DIALECT,
            Self::Uem => &uem::DIALECT,
            Self::Intelligence => &intelligence::DIALECT,
            Self::Connect => &connect::DIALECT,
            Self::Vidb => &vidb::DIALECT,
        }
    }
}

/// What differs between the services.
pub(crate) struct Dialect {
    /// The name of the service.
    name: &'static str,
    /// The path of the token endpoint.
    token_path: &'static str,
    /// The token endpoint at a path, given as its segments, if there is one.
    pub(crate) endpoint: fn(&[&str]) -> Option<Endpoint>,
    /// Hosts besides that of the token endpoint.
    pub(crate) hosts: &'static [Host],
    /// Default life of an access token, in seconds.
    pub(crate) life: u64,
    /// By how many seconds `expires_in` falls short of the life.
    pub(crate) shortfall: i64,
    /// Whether replies have a refresh token by default.
    pub(crate) refresh_tokens: bool,
    /// The scope of a request that names none.
    pub(crate) scope: &'static str,
    /// Where a token request may have its parameters.
    pub(crate) parameters: Parameters,
    /// Whether client ID and secret may be parameters, instead of HTTP Basic.
    pub(crate) client_in_parameters: bool,
    /// How it takes API tokens, if it does.
    pub(crate) api_tokens: Option<ApiTokens>,
    /// Whether its tokens belong to an organisation.
    organisation: bool,
    /// A header that may have the access token instead of `Authorization`.
    pub(crate) token_header: Option<&'static str>,
    /// The claims of an access token.
    pub(crate) claims: fn(&Subject) -> Value,
    /// The reply to a refused token request.
    pub(crate) refuse: fn(&Denial) -> Reply,
    /// The API's reply to a request without a valid access token; the argument is whether it had one.
    pub(crate) unauthorized: fn(bool) -> Reply,
    /// The reply to a request to an unknown path.
    pub(crate) not_found: fn() -> Reply,
}

/// A host of the service: a listener of the emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// The token endpoint, and everything else that has no host of its own.
    Token,
    /// The API.
    Api,
    /// Files that the API redirects to.
    Storage,
}

/// A token endpoint.
pub(crate) struct Endpoint {
    /// The path that the issuer begins with: for Access `/SAAS` or `/SAAS/t/NAME`.
    pub(crate) base: String,
    /// The format of its replies.
    pub(crate) format: &'static Format,
    /// Whether it takes API tokens and nothing else.
    pub(crate) only_api_tokens: bool,
}

impl Endpoint {
    /// An endpoint for all grants of its service.
    pub(crate) fn new(base: impl Into<String>, format: &'static Format) -> Self {
        Self { base: base.into(), format, only_api_tokens: false }
    }
}

/// The format of a reply with a token.
pub(crate) struct Format {
    /// The `token_type`.
    pub(crate) token_type: &'static str,
    /// Fields that are null if they have no value.
    pub(crate) nulls: &'static [&'static str],
    /// Claims of the access token that the reply repeats.
    pub(crate) claims: &'static [&'static str],
}

impl Format {
    /// The reply of Access and most others.
    pub(crate) const PLAIN: Self = Self { token_type: "Bearer", nulls: &[], claims: &[] };
}

/// Where a token request may have its parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameters {
    /// In the form.
    Form,
    /// In the form or, if there is none, in the query.
    FormElseQuery,
    /// In both.
    FormAndQuery,
}

/// How a service takes API tokens. They are no client's, and can be used more than once.
pub(crate) struct ApiTokens {
    /// The path of the endpoint.
    path: &'static str,
    /// The grant type, where the endpoint takes others too.
    pub(crate) grant_type: &'static str,
    /// The parameters that may have the token.
    pub(crate) parameters: &'static [&'static str],
    /// Whether the reply repeats it as its refresh token.
    pub(crate) repeated: bool,
}

/// Why a token request is refused.
pub(crate) enum Denial<'a> {
    /// The body is no form.
    NotForm,
    /// The client is unknown, or its secret wrong.
    Client,
    /// The API token is unknown; its last characters.
    ApiToken(&'a str),
    /// The organisation is not the client's.
    Organisation,
    /// The refresh token is unknown, revoked or used.
    RefreshToken,
    /// This parameter is missing.
    Missing(&'static str),
    /// The client may not use this grant type.
    UnauthorizedGrant,
    /// The grant type is unknown or absent.
    UnknownGrant,
}

/// The error body of RFC 6749, section 5.2, without a description.
fn bare_error(status: u16, error: &str) -> Reply {
    Reply::json(status, &serde_json::json!({ "error": error }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_paths_are_endpoints() {
        for service in Service::ALL {
            for path in [Some(service.token_path()), service.api_token_path()].into_iter().flatten() {
                let segments: Vec<&str> = path.split('/').skip(1).collect();
                assert!((service.dialect().endpoint)(&segments).is_some(), "{path}");
                assert!((service.dialect().endpoint)(&[&segments[..], &[""]].concat()).is_none(), "{path}/");
            }
        }
    }
}
