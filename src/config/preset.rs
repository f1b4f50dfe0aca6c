//! Presets: services that differ in the path of the token endpoint and in where the grant's parameters go.

use clap::ValueEnum;
use serde::Deserialize;

use super::AuthStyle;
use crate::origin::{Origin, Target};

/// The service that a profile is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Preset {
    /// Workspace ONE Access / Omnissa Access.
    #[default]
    Access,
    /// The newer `/acs` endpoints of the same service (Omnissa Identity Service).
    Acs,
    /// The identity broker of vCenter and VCF.
    Vidb,
    /// Workspace ONE UEM.
    Uem,
    /// Workspace ONE Intelligence.
    Intelligence,
    /// Omnissa Connect (CSP), Horizon Cloud.
    Connect,
}

/// A tenant or token URL that leads to no endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongUrl {
    /// The cause, without the URL.
    pub(crate) cause: String,
    /// The hint.
    pub(crate) hint: String,
    /// Whether `token_url` is wrong, not `tenant`.
    pub(crate) in_token_url: bool,
}

impl Preset {
    /// Whether the parameters of client credentials go into the query, with an empty body: the documented form of
    /// Intelligence.
    pub(crate) fn grant_in_query(self) -> bool {
        self == Self::Intelligence
    }

    /// Whether refresh tokens are used where the profile does not say: Intelligence issues none.
    pub(crate) fn issues_refresh_tokens(self) -> bool {
        !self.grant_in_query()
    }

    /// Whether it is Access itself, by either of its doors.
    pub(crate) fn is_access(self) -> bool {
        matches!(self, Self::Access | Self::Acs)
    }

    /// Whether an API token can stand for client ID and secret.
    pub(crate) fn takes_api_tokens(self) -> bool {
        matches!(self, Self::Connect | Self::Vidb)
    }

    /// Whether its API is never on the host of its token endpoint.
    pub(crate) fn has_api_elsewhere(self) -> bool {
        matches!(self, Self::Uem | Self::Intelligence)
    }

    /// The base URL of the API where it follows from the tenant: `auth.REGION.…` and `api.REGION.…` of Intelligence.
    pub(crate) fn api(self, tenant: &Origin) -> Option<Target> {
        let region = tenant.host.strip_prefix("auth.").filter(|_| self == Self::Intelligence)?;
        let origin = Origin { host: format!("api.{region}"), ..tenant.clone() };
        Some(Target { origin, path: String::new(), rest: String::new() })
    }

    /// The host of the token endpoint in a region, for the services that have one for all customers.
    pub(crate) fn regional_host(self, region: &str) -> Option<String> {
        let is_plain = !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match self {
            _ if !is_plain => None,
            Self::Uem => Some(format!("{region}.uemauth.workspaceone.com")),
            Self::Intelligence => Some(format!("auth.{region}.data.workspaceone.com")),
            _ => None,
        }
    }

    /// The tenant of all customers, for the service that has one.
    pub(crate) fn usual_tenant(self) -> Option<&'static str> {
        (self == Self::Connect).then_some("connect.omnissa.com")
    }

    /// What to do about a client secret that is lost or was rejected.
    pub(crate) fn new_secret(self) -> &'static str {
        match self {
            Self::Access | Self::Acs => "Regenerate Secret there",
            Self::Uem => "delete the client there and add it anew, for no other way makes a new one",
            Self::Vidb | Self::Intelligence | Self::Connect => "make a new one there",
        }
    }

    /// A harmless route of the API, to try a token with; `None` where none is known.
    pub(crate) fn sample_route(self) -> Option<&'static str> {
        match self {
            Self::Access | Self::Acs => Some("/SAAS/jersey/manager/api/scim/Users"),
            Self::Uem => Some("/API/mdm/devices/search"),
            Self::Connect => Some("/csp/gateway/am/api/loggedin/user/orgs"),
            Self::Vidb | Self::Intelligence => None,
        }
    }

    /// The path of the token endpoint for a path of the tenant's URL; `None` if the service has none there.
    fn path(self, tenant: &str, style: AuthStyle) -> Option<String> {
        let below =
            |prefix: &str| tenant.strip_prefix(prefix).is_some_and(|name| !name.is_empty() && !name.contains('/'));
        match (self, tenant) {
            (Self::Access, "" | "/SAAS") => Some("/SAAS/auth/oauthtoken".to_owned()),
            (Self::Access, path) if below("/SAAS/t/") => Some(format!("{path}/auth/oauthtoken")),
            (Self::Acs, "" | "/acs") => Some("/acs/token".to_owned()),
            (Self::Vidb, "") => Some("/acs/t/CUSTOMER/token".to_owned()),
            (Self::Acs | Self::Vidb, path) if below("/acs/t/") => Some(format!("{path}/token")),
            (Self::Uem, "") => Some("/connect/token".to_owned()),
            (Self::Intelligence, "") => Some("/oauth/token".to_owned()),
            (Self::Connect, "") if style == AuthStyle::ApiToken => {
                Some("/csp/gateway/am/api/auth/api-tokens/authorize".to_owned())
            }
            (Self::Connect, "") => Some("/csp/gateway/am/api/auth/authorize".to_owned()),
            (preset, path) if !path.is_empty() && preset.path("", style).as_deref() == Some(path) => {
                Some(path.to_owned())
            }
            _ => None,
        }
    }
}

/// The base URL of an API: a bare host means https, and routes follow its path.
pub(crate) fn api_url(api: &str) -> Result<Target, String> {
    let target = Target::parse(&with_scheme(api)).and_then(Target::secured)?;
    if !target.rest.is_empty() {
        return Err("it holds a query or a fragment".to_owned());
    }
    Ok(Target { path: target.path.trim_end_matches('/').to_owned(), ..target })
}

/// A host or URL as a URL.
fn with_scheme(given: &str) -> String {
    if given.contains("://") { given.to_owned() } else { format!("https://{given}") }
}

/// The tenant's origin and its token endpoint. A bare host means https.
pub(crate) fn token_url(
    preset: Preset,
    tenant: &str,
    token_url: Option<&str>,
    style: AuthStyle,
) -> Result<(Origin, Target), WrongUrl> {
    let read = |url: &str, in_token_url: bool, hint: &str| {
        let target = Target::parse(url).and_then(Target::secured).and_then(|target| match target.rest.as_str() {
            "" => Ok(target),
            // RFC 6749 §3.2: a token endpoint may have a query, but no fragment.
            rest if rest.contains('#') => Err("it holds a fragment".to_owned()),
            _ if in_token_url => Ok(target),
            _ => Err("it holds a query".to_owned()),
        });
        target.map_err(|cause| WrongUrl { cause, hint: hint.to_owned(), in_token_url })
    };
    let target = read(&with_scheme(tenant), false, "write the tenant's host, like `acme.example.com`")?;
    let origin = target.origin.clone();
    if let Some(url) = token_url {
        return Ok((origin, read(url, true, "write the whole https URL of the token endpoint")?));
    }
    let path = preset.path(target.path.trim_end_matches('/'), style).ok_or_else(|| WrongUrl {
        cause: "this service has no token endpoint under its path".to_owned(),
        hint: format!("write `{origin}` alone, or the endpoint's URL as `token_url`"),
        in_token_url: false,
    })?;
    Ok((origin, Target { path, ..target }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(preset: Preset, tenant: &str) -> Result<String, String> {
        token_url(preset, tenant, None, AuthStyle::Basic)
            .map(|(_, target)| target.to_string())
            .map_err(|wrong| wrong.cause)
    }

    #[test]
    fn tenants_give_token_urls() {
        use Preset::{Access, Acs, Connect, Intelligence, Uem, Vidb};
        for (preset, tenant, expected) in [
            (Access, "acme.example.com", "https://acme.example.com/SAAS/auth/oauthtoken"),
            (Access, "Acme.Example.com:8443", "https://acme.example.com:8443/SAAS/auth/oauthtoken"),
            (Access, "https://acme.example.com/", "https://acme.example.com/SAAS/auth/oauthtoken"),
            (Access, "https://acme.example.com/SAAS", "https://acme.example.com/SAAS/auth/oauthtoken"),
            (Access, "https://acme.example.com/SAAS/auth/oauthtoken", "https://acme.example.com/SAAS/auth/oauthtoken"),
            (Access, "https://h.example.com/SAAS/t/X", "https://h.example.com/SAAS/t/X/auth/oauthtoken"),
            (Access, "h.example.com/SAAS/t/X/", "https://h.example.com/SAAS/t/X/auth/oauthtoken"),
            (Access, "http://127.0.0.1:8080", "http://127.0.0.1:8080/SAAS/auth/oauthtoken"),
            (Acs, "acme.example.com", "https://acme.example.com/acs/token"),
            (Vidb, "https://vc.example.com/acs/t/CUSTOMER", "https://vc.example.com/acs/t/CUSTOMER/token"),
            (Vidb, "vc.example.com", "https://vc.example.com/acs/t/CUSTOMER/token"),
            (Uem, "na.uemauth.workspaceone.com", "https://na.uemauth.workspaceone.com/connect/token"),
            (Intelligence, "auth.na1.data.workspaceone.com", "https://auth.na1.data.workspaceone.com/oauth/token"),
            (Connect, "connect.omnissa.com", "https://connect.omnissa.com/csp/gateway/am/api/auth/authorize"),
        ] {
            assert_eq!(url(preset, tenant), Ok(expected.to_owned()), "{tenant}");
        }
    }

    #[test]
    fn wrong_tenants_are_refused_and_not_repeated() {
        for (tenant, cause) in [
            ("", "its host is not a host name or an address"),
            ("http://acme.example.com", "it is http:// to another machine, which would send secrets in clear text"),
            ("https://user:hunter2@acme.example.com", "it holds credentials"),
            ("https://acme.example.com/?secret=hunter2", "it holds a query"),
            ("https://acme.example.com/#hunter2", "it holds a fragment"),
            ("https://acme.example.com/SAAS/apps", "this service has no token endpoint under its path"),
            ("https://acme.example.com/SAAS/t/", "this service has no token endpoint under its path"),
            ("https://acme.example.com/SAAS/t/a/b", "this service has no token endpoint under its path"),
            ("ftp://acme.example.com", "its scheme is neither https nor http"),
        ] {
            assert_eq!(url(Preset::Access, tenant), Err(cause.to_owned()), "{tenant}");
        }
    }

    #[test]
    fn a_token_url_overrides_the_path_and_may_be_elsewhere() {
        let (origin, target) =
            token_url(Preset::Access, "a.example.com", Some("https://b.example.com/x/token"), AuthStyle::Basic)
                .unwrap();
        assert_eq!(
            (origin.to_string(), target.to_string()),
            ("https://a.example.com".to_owned(), "https://b.example.com/x/token".to_owned())
        );
        let refused = |url| token_url(Preset::Access, "a.example.com", Some(url), AuthStyle::Basic).unwrap_err();
        assert!(refused("http://b.example.com/").in_token_url);
        assert_eq!(refused("https://b.example.com/token?a=b#c").cause, "it holds a fragment");
        let with_query = "https://b.example.com/token?tenant=x";
        let (_, target) = token_url(Preset::Access, "a.example.com", Some(with_query), AuthStyle::Basic).unwrap();
        assert_eq!(target.to_string(), with_query);
    }

    #[test]
    fn an_api_token_has_its_own_endpoint_at_connect_only() {
        let url = |preset, tenant| token_url(preset, tenant, None, AuthStyle::ApiToken).unwrap().1.to_string();
        assert_eq!(
            url(Preset::Connect, "connect.omnissa.com"),
            "https://connect.omnissa.com/csp/gateway/am/api/auth/api-tokens/authorize"
        );
        assert_eq!(url(Preset::Vidb, "vc.example.com/acs/t/X"), "https://vc.example.com/acs/t/X/token");
    }

    #[test]
    fn the_api_of_intelligence_follows_from_the_region() {
        for (preset, tenant, expected) in [
            (Preset::Intelligence, "auth.eu1.data.workspaceone.com", Some("https://api.eu1.data.workspaceone.com")),
            (Preset::Intelligence, "intelligence.example.com", None),
            (Preset::Access, "auth.example.com", None),
        ] {
            let api = preset.api(&Origin::parse(tenant, true).unwrap());
            assert_eq!(api.map(|api| api.to_string()).as_deref(), expected, "{tenant}");
        }
    }

    #[test]
    fn base_urls_of_apis() {
        for (given, expected) in [
            ("uem.example.com", Ok("https://uem.example.com")),
            ("https://uem.example.com:8443/base/", Ok("https://uem.example.com:8443/base")),
            ("http://127.0.0.1:8080/", Ok("http://127.0.0.1:8080")),
            ("http://uem.example.com", Err("it is http:// to another machine, which would send secrets in clear text")),
            ("uem.example.com?x", Err("it holds a query or a fragment")),
        ] {
            let found = api_url(given).map(|api| api.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{given}");
        }
    }
}
