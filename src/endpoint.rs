//! The tenant over HTTP. This file and `endpoint/` are all that opens sockets or names the HTTP library.

use std::time::Duration;

use ureq::{Agent, Body, http::Response};

use crate::config::{AuthStyle, Profile};
use crate::entry::FailureClass;
use crate::error::{Cause, Error};
use crate::grant::{self, Answer, Grant, Issued, Refusal};
use crate::secret::Secret;

mod client;
mod service;

pub(crate) use client::{cryptography, explain_io};
pub(crate) use service::Discovery;

/// The seam for the tenant: grant in, checked answer out. Only the broker's tests replace it; HTTP is never faked.
pub(crate) trait Endpoint {
    /// Sends one request, once, and reads the answer, all within `limit`.
    fn request(&self, grant: &Grant, secret: &Secret, limit: Duration) -> Result<Issued, EndpointError>;
}

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum EndpointError {
    /// The certificate is not trusted: nothing was sent, and only a person can mend it.
    Untrusted(Cause, String),
    /// No connection: nothing was sent.
    Unreachable(Cause),
    /// The request may have arrived, but no whole answer came back.
    Broken(Cause),
    /// An answer that is no token.
    Refused(Refusal, String),
    /// The profile or the system does not allow a request at all: nothing was sent.
    Setup(Error),
    /// The HTTP library failed; how far it had come is not known.
    Panicked,
}

impl EndpointError {
    /// The cause in words.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Untrusted(cause, _) | Self::Unreachable(cause) | Self::Broken(cause) => cause.clone(),
            Self::Refused(_, cause) => Cause::new(cause.clone()),
            Self::Setup(error) => Cause::new(error.to_string()),
            Self::Panicked => Cause::new("the HTTP library failed"),
        }
    }

    /// The same, consumed.
    pub(crate) fn into_cause(self) -> Cause {
        self.cause()
    }

    /// The kind of failure for the back-off; `None` where only a person can mend it and no back-off helps.
    pub(crate) fn class(&self) -> Option<FailureClass> {
        match self {
            Self::Untrusted(..) | Self::Setup(_) | Self::Panicked => None,
            Self::Unreachable(_) | Self::Broken(_) | Self::Refused(Refusal::Failed, _) => {
                Some(FailureClass::Unavailable)
            }
            Self::Refused(Refusal::Limited(_), _) => Some(FailureClass::Limited),
            Self::Refused(Refusal::Denied, _) => Some(FailureClass::Denied),
            Self::Refused(Refusal::Unusable, _) => Some(FailureClass::Unusable),
        }
    }

    /// What the tenant asked for with `Retry-After`, in seconds.
    pub(crate) fn retry_after(&self) -> Option<i64> {
        match self {
            Self::Refused(Refusal::Limited(seconds), _) => *seconds,
            _ => None,
        }
    }

    /// Whether a refresh token that was sent is certainly unspent: nothing arrived, or the client itself was turned
    /// away before the grant was looked at. Client credentials would fail in the same way.
    pub(crate) fn leaves_refresh_token(&self) -> bool {
        match self {
            Self::Untrusted(..) | Self::Unreachable(_) | Self::Setup(_) | Self::Refused(Refusal::Limited(_), _) => true,
            Self::Refused(Refusal::Denied, cause) => cause.starts_with("HTTP 401"),
            Self::Broken(_) | Self::Refused(..) | Self::Panicked => false,
        }
    }

    /// The error of a failure without a class.
    pub(crate) fn into_error(self, profile: &Profile) -> Error {
        match self {
            Self::Setup(error) => error,
            Self::Panicked => Error::System { what: "cannot send a request", source: self.into_cause() },
            Self::Untrusted(source, hint) => {
                Error::Untrusted { host: profile.token_url.origin.authority(), source, hint }
            }
            other => Error::Unavailable {
                tenant: profile.tenant.authority(),
                source: other.into_cause(),
                hint: "retry".to_owned(),
            },
        }
    }
}

/// The answer to a token request.
pub(crate) struct Asked {
    /// As it came.
    pub(crate) answer: Answer,
    /// The token in it, or what it means instead, with the cause in words that repeat no secret.
    pub(crate) issued: Result<Issued, (Refusal, String)>,
}

/// A profile's token endpoint.
pub(crate) struct HttpEndpoint<'a> {
    /// Whose.
    pub(crate) profile: &'a Profile,
    /// The environment, for the proxy and the platform's root store.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

impl Endpoint for HttpEndpoint<'_> {
    fn request(&self, grant: &Grant, secret: &Secret, limit: Duration) -> Result<Issued, EndpointError> {
        let Asked { issued, .. } = self.ask(grant, secret, limit)?;
        issued.map_err(|(refusal, cause)| EndpointError::Refused(refusal, cause))
    }
}

impl HttpEndpoint<'_> {
    /// Sends one request, once; gives the answer as it came and what it means.
    pub(crate) fn ask(&self, grant: &Grant, secret: &Secret, limit: Duration) -> Result<Asked, EndpointError> {
        let basic = grant::basic(self.profile.auth_style, &self.profile.client_id, secret);
        let answer = self.exchange(limit, &|agent| self.send(agent, grant, basic.as_ref(), secret))?;
        let mut secrets = vec![secret];
        secrets.extend(&basic);
        if let Grant::RefreshToken(token) = grant {
            secrets.push(token);
        }
        let issued = grant::read(&answer, &secrets);
        Ok(Asked { answer, issued })
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
        let mut form = grant.form(profile.scope.as_deref());
        if profile.preset.grant_in_query() {
            for (name, value) in form.drain(..) {
                request = request.query(name, value);
            }
        }
        if profile.auth_style == AuthStyle::Post {
            form.extend([("client_id", profile.client_id.as_str()), ("client_secret", secret.expose())]);
        }
        request.send_form(form)
    }
}
