//! The tenant's other doors: discovery, and whatever is read with a token.

use std::time::Duration;

use serde::Deserialize;

use super::{HttpEndpoint, RequestError};
use crate::clock::{Deadline, SystemClock};
use crate::config::{AuthStyle, Preset};
use crate::grant::{self, HttpResponse};
use crate::origin::Target;
use crate::secret::Secret;

/// Time that a request has at least, however late it is.
const SHORTEST: Duration = Duration::from_millis(500);

/// A discovery document (`OpenID` Connect Discovery 1.0 §3), as far as it is used. Its URLs are the tenant's words: they
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

impl Discovery {
    /// The document of a response, if it is one.
    pub(crate) fn read(response: &HttpResponse) -> Option<Self> {
        serde_json::from_slice(&response.body).ok().filter(|found| response.status == 200 && *found != Self::default())
    }
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

    /// The discovery documents that the tenant has, the likeliest first; none where it answers, but not with one.
    pub(crate) fn discover(&self, limit: Duration) -> Result<Vec<Discovery>, RequestError> {
        let deadline = Deadline::after(&SystemClock, limit);
        let mut documents = Vec::new();
        for url in self.discovery_urls() {
            let response = self.get(&url, None, deadline.left(&SystemClock).max(SHORTEST))?;
            match (Discovery::read(&response), grant::unavailable(&response)) {
                (Some(document), _) => documents.push(document),
                (None, Some(failure)) => return Err(failure.into()),
                (None, None) => {}
            }
        }
        Ok(documents)
    }

    /// The document's revocation endpoint, if it has the origin of the token endpoint: no other origin gets the
    /// client's credentials (I10).
    pub(crate) fn revocation_url(&self, document: &Discovery) -> Option<Target> {
        let url = Target::parse(document.revocation_endpoint.as_deref()?).ok()?;
        (url.origin == self.profile.token_url.origin && !url.rest.contains('#')).then_some(url)
    }

    /// Takes a token back (RFC 7009 §2.1); `kind` is `access_token` or `refresh_token`.
    pub(crate) fn revoke(
        &self,
        url: &Target,
        (token, kind): (&Secret, &str),
        secret: &Secret,
        limit: Duration,
    ) -> Result<(), RequestError> {
        let url = Target { origin: self.profile.token_url.origin.clone(), ..url.clone() };
        let basic = grant::basic(self.profile.auth_style, &self.profile.client_id, secret);
        let mut form = vec![("token", token.expose()), ("token_type_hint", kind)];
        if self.profile.auth_style == AuthStyle::Post {
            form.extend([("client_id", self.profile.client_id.as_str()), ("client_secret", secret.expose())]);
        }
        let response = self.exchange(limit, &|agent| {
            let mut request = agent.post(url.to_string()).header("Accept", "application/json");
            if let Some(basic) = &basic {
                request = request.header("Authorization", basic.expose());
            }
            request.send_form(form.clone())
        })?;
        let mut secrets = vec![secret, token];
        secrets.extend(&basic);
        Ok(grant::read_revocation(&response, &secrets)?)
    }

    /// Reads a page of the token endpoint's own origin, with a token if one is given.
    pub(crate) fn get(
        &self,
        path: &Target,
        bearer: Option<&Secret>,
        limit: Duration,
    ) -> Result<HttpResponse, RequestError> {
        let url = Target { origin: self.profile.token_url.origin.clone(), ..path.clone() };
        self.exchange(limit, &|agent| {
            let mut request = agent.get(url.to_string()).header("Accept", "application/json");
            if let Some(token) = bearer {
                request = request.header("Authorization", format!("Bearer {}", token.expose()));
            }
            request.call()
        })
    }
}
