//! Presets: services that differ in the path of the token endpoint and in where the grant's parameters go.

use clap::ValueEnum;
use serde::Deserialize;

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

    /// The path of the token endpoint for a path of the tenant's URL; `None` if the service has none there.
    fn path(self, tenant: &str) -> Option<String> {
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
            (Self::Connect, "") => Some("/csp/gateway/am/api/auth/authorize".to_owned()),
            (preset, path) if !path.is_empty() && preset.path("").as_deref() == Some(path) => Some(path.to_owned()),
            _ => None,
        }
    }
}

/// The tenant's origin and its token endpoint. A bare host means https.
pub(crate) fn token_url(preset: Preset, tenant: &str, token_url: Option<&str>) -> Result<(Origin, Target), WrongUrl> {
    let url = if tenant.contains("://") { tenant.to_owned() } else { format!("https://{tenant}") };
    let read = |url: &str, in_token_url: bool, hint: &str| {
        let target = Target::parse(url).and_then(Target::secured).and_then(|target| match target.rest.as_str() {
            "" => Ok(target),
            rest if rest.starts_with('?') => Err("it holds a query".to_owned()),
            _ => Err("it holds a fragment".to_owned()),
        });
        target.map_err(|cause| WrongUrl { cause, hint: hint.to_owned(), in_token_url })
    };
    let target = read(&url, false, "write the tenant's host, like `acme.example.com`")?;
    let origin = target.origin.clone();
    if let Some(url) = token_url {
        return Ok((origin, read(url, true, "write the whole https URL of the token endpoint")?));
    }
    let path = preset.path(target.path.trim_end_matches('/')).ok_or_else(|| WrongUrl {
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
        token_url(preset, tenant, None).map(|(_, target)| target.to_string()).map_err(|wrong| wrong.cause)
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
            token_url(Preset::Access, "a.example.com", Some("https://b.example.com/x/token")).unwrap();
        assert_eq!(
            (origin.to_string(), target.to_string()),
            ("https://a.example.com".to_owned(), "https://b.example.com/x/token".to_owned())
        );
        assert!(token_url(Preset::Access, "a.example.com", Some("http://b.example.com/")).unwrap_err().in_token_url);
        assert!(token_url(Preset::Access, "a.example.com", Some("https://b.example.com/?secret=x")).is_err());
    }
}
