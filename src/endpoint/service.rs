//! The tenant's other doors: discovery, and whatever is read with a token.

use std::time::Duration;

use serde::Deserialize;

use super::{EndpointError, HttpEndpoint};
use crate::config::Preset;
use crate::grant::Answer;
use crate::origin::Target;
use crate::secret::Secret;

/// A discovery document (OpenID Connect Discovery 1.0 §3), as far as it is used. Its URLs are the tenant's words: they
/// are compared with the configured origin before anything is sent there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Discovery {
    /// The issuer that tokens name.
    pub(crate) issuer: Option<String>,
    /// Where tokens are asked for; may be another door than the documented one.
    pub(crate) token_endpoint: Option<String>,
    /// Where tokens are taken back (RFC 7009).
    pub(crate) revocation_endpoint: Option<String>,
}

impl HttpEndpoint<'_> {
    /// The URLs at which the tenant may have a discovery document, the likeliest first.
    pub(crate) fn discovery_urls(&self) -> Vec<Target> {
        let token_url = &self.profile.token_url;
        let parent = token_url.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let mut doors = vec![parent];
        if matches!(self.profile.preset, Preset::Access | Preset::Acs) {
            doors.extend(["/SAAS/auth", "/acs"]);
        }
        let mut urls: Vec<Target> = Vec::new();
        for door in doors {
            let path = format!("{door}/.well-known/openid-configuration");
            if urls.iter().all(|url| url.path != path) {
                urls.push(Target { origin: token_url.origin.clone(), path, rest: String::new() });
            }
        }
        urls
    }

    /// Reads a page of the token endpoint's own origin, with a token if one is given.
    pub(crate) fn get(&self, path: &Target, bearer: Option<&Secret>, limit: Duration) -> Result<Answer, EndpointError> {
        let url = Target { origin: self.profile.token_url.origin.clone(), ..path.clone() };
        self.exchange(limit, |agent| {
            let mut request = agent.get(url.to_string()).header("Accept", "application/json");
            if let Some(token) = bearer {
                request = request.header("Authorization", format!("Bearer {}", token.expose()));
            }
            request.call()
        })
    }
}
