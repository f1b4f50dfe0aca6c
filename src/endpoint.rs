//! Requests to the tenant. This file and `endpoint/` are all that names the HTTP library.

use std::time::Duration;

use ureq::{Agent, Body, http::Response};

use crate::config::{AuthStyle, Profile};
use crate::error::Error;
use crate::failure::{FailureKind, RequestFailure};
use crate::grant::{self, Grant, HttpResponse, TokenResponse};
use crate::proxy::ProxyEnvironment;
use crate::secret::{Secret, mask};

pub(crate) mod certificate;
mod client;
mod roots;
pub(crate) mod secure;
mod service;
mod trust;
pub(crate) mod tunnel;

pub(crate) use client::{explain_io, look_up};
pub(crate) use service::Discovery;

/// The seam for the tenant: grant in, checked answer out. Only the broker's tests replace it; HTTP is never faked.
pub(crate) trait Endpoint {
    /// Sends one request, once, and reads the answer, all within `limit`. No error repeats any of `known`, as no error
    /// repeats what was sent.
    fn request(
        &self,
        grant: &Grant,
        secret: &Secret,
        known: &[Secret],
        limit: Duration,
    ) -> Result<TokenResponse, RequestError>;

    /// What requests depend on besides the profile, as a text that changes with it. It may hold secrets.
    fn surroundings(&self) -> String {
        String::new()
    }
}

/// Why a request brought nothing.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// The server, or the way to it.
    Failed(RequestFailure),
    /// The profile or this machine does not allow a request.
    Local {
        /// Why.
        error: Error,
        /// Whether something may have been sent nevertheless.
        is_sent: bool,
    },
}

impl RequestError {
    /// A failure on this machine before anything was sent.
    pub(crate) fn local(error: Error) -> Self {
        Self::Local { error, is_sent: false }
    }

    /// The cause in words.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::Failed(failure) => failure.cause.clone(),
            Self::Local { error, .. } => error.to_string(),
        }
    }

    /// The same without any of these secrets: a server that had them before may name them in its certificate.
    fn masked(mut self, secrets: &[&Secret]) -> Self {
        if let Self::Failed(failure) = &mut self {
            failure.cause = mask(&failure.cause, secrets);
            failure.kind.hide(&|name| mask(name, secrets));
        }
        self
    }

    /// The same with what looks wrong about the client's secret, where the tenant denied that.
    pub(crate) fn doubting(mut self, secret: &Secret, client_id: &str) -> Self {
        if let Self::Failed(RequestFailure { kind, cause, .. }) = &mut self
            && kind.denies_client()
            && let Some((doubt, _)) = secret.mistake(client_id)
        {
            let what = if client_id.is_empty() { "API token" } else { "client secret" };
            *cause = format!("{cause}; the {what} {doubt}");
        }
        self
    }

    /// Whether the time limit ended the request.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.kind == FailureKind::TimedOut)
    }

    /// Whether a refresh token that was sent is certainly unspent.
    pub(crate) fn leaves_refresh_token(&self) -> bool {
        match self {
            Self::Failed(failure) => failure.kind.leaves_refresh_token(),
            Self::Local { is_sent, .. } => !is_sent,
        }
    }
}

impl From<RequestFailure> for RequestError {
    fn from(failure: RequestFailure) -> Self {
        Self::Failed(failure)
    }
}

/// A token request and its answer.
pub(crate) struct Exchange {
    /// The answer as it came.
    pub(crate) response: HttpResponse,
    /// The token in it, or what it means instead.
    pub(crate) outcome: Result<TokenResponse, RequestFailure>,
}

/// A profile's token endpoint.
pub(crate) struct HttpEndpoint<'a> {
    /// The profile.
    pub(crate) profile: &'a Profile,
    /// The environment, for the proxy and the platform's root store.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

impl Endpoint for HttpEndpoint<'_> {
    fn request(
        &self,
        grant: &Grant,
        secret: &Secret,
        known: &[Secret],
        limit: Duration,
    ) -> Result<TokenResponse, RequestError> {
        Ok(self.ask(grant, secret, known, limit)?.outcome?)
    }

    fn surroundings(&self) -> String {
        let roots = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(|name| (self.env)(name).unwrap_or_default());
        roots.join("\n") + "\n" + &ProxyEnvironment::read(self.env).summary()
    }
}

impl HttpEndpoint<'_> {
    /// Sends one request, once; gives the answer as it came and what it means, without the secrets that were sent and
    /// those that are `known` besides.
    pub(crate) fn ask(
        &self,
        grant: &Grant,
        secret: &Secret,
        known: &[Secret],
        limit: Duration,
    ) -> Result<Exchange, RequestError> {
        let basic = grant::basic(self.profile.auth_style, &self.profile.client_id, secret);
        let ends = if self.profile.auth_style == AuthStyle::ApiToken { secret.ends() } else { Vec::new() };
        let mut secrets: Vec<&Secret> = known.iter().chain([secret]).chain(&basic).chain(&ends).collect();
        if let Grant::RefreshToken(token) = grant {
            secrets.push(token);
        }
        let response = self.exchange(limit, &|agent| self.send(agent, grant, basic.as_ref(), secret));
        let mut response = response.map_err(|error| error.masked(&secrets))?;
        response.location = response.location.map(|origin| mask(&origin, &secrets));
        let outcome = grant::read(&response, &secrets);
        Ok(Exchange { response, outcome })
    }

    /// Sends the request.
    fn send(
        &self,
        agent: &Agent,
        grant: &Grant,
        basic: Option<&Secret>,
        secret: &Secret,
    ) -> Result<Response<Body>, ureq::Error> {
        let profile = self.profile;
        let mut request = agent.post(profile.token_url.to_string()).header("Accept", "application/json");
        if let Some(basic) = basic {
            request = request.header("Authorization", basic.expose());
        }
        let mut form = match profile.auth_style {
            AuthStyle::ApiToken => grant::api_token_form(profile.preset, secret),
            _ => grant.form(profile.scope.as_deref()),
        };
        // A URL is logged on the way: a refresh token stays in the body, which Intelligence reads too. A token URL that has
        // a query of its own says there what the service needs.
        if profile.preset.grant_in_query() && *grant == Grant::ClientCredentials && profile.token_url.rest.is_empty() {
            for (name, value) in form.drain(..) {
                request = request.query(name, value);
            }
        }
        if profile.auth_style == AuthStyle::Post {
            form.extend([("client_id", profile.client_id.as_str()), ("client_secret", secret.expose())]);
        }
        form.extend(profile.org_id.as_deref().map(|org_id| ("orgId", org_id)));
        request.send_form(form)
    }
}
