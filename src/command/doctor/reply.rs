//! What a response without a token means on this service, and what to do. Pure.

use super::finding::Finding;
use crate::broker::failure::request_error;
use crate::config::{AuthStyle, Preset, Profile};
use crate::endpoint::RequestError;
use crate::error::{EXIT_TEMPORARY, EXIT_UNUSABLE, Error, ErrorKind};
use crate::failure::{ErrorCode, FailureKind, RequestFailure};
use crate::grant::HttpResponse;

/// The fix if the URL is not a token endpoint.
const WHICH_PAGE: &str = "check `tenant`, `preset` and `token_url` of the profile";

/// The fix for a failure of the tenant.
const LATER: &str = "retry later; if it persists, ask the tenant's administrator";

/// The error of a step on the way to the tenant. `get` would say to run `doctor`.
pub(super) fn on_the_way(profile: &Profile, error: RequestError) -> Error {
    let is_network = matches!(&error, RequestError::Failed(failure) if matches!(
        failure.kind,
        FailureKind::Unreachable | FailureKind::Interrupted | FailureKind::TimedOut
    ));
    let error = request_error(profile, error, 0);
    if is_network { error.hint("check the network, and HTTPS_PROXY if a proxy is needed; then retry") } else { error }
}

/// A response without a token.
pub(super) struct TokenReply<'a> {
    /// The profile.
    pub(super) profile: &'a Profile,
    /// The response.
    pub(super) response: &'a HttpResponse,
    /// Its meaning on any service.
    pub(super) failure: &'a RequestFailure,
    /// Client ID or secret are encoded differently in another `auth_style`.
    pub(super) depends_on_style: bool,
}

impl TokenReply<'_> {
    /// Its meaning on this service, and the fix.
    pub(super) fn explain(&self) -> Finding {
        match self.response.status {
            400 => self.bad_request(),
            401 if self.is_html() && self.is_access() => self.say(
                "a web page refuses the client, as the services of vCenter and VCF do",
                "set \"preset\": \"vidb\" if this is one of those; else compare client ID and secret with the tenant's",
            ),
            401 => self.wrong_client("the client ID or the secret is wrong for this tenant"),
            403 => {
                self.say("the tenant, or a firewall in front of it, refuses", "ask the tenant's administrator to allow this client")
            }
            404 => self.say(
                &format!("there is nothing at {}", self.profile.token_url.path),
                if self.is_access() {
                    "check that `tenant` is the Access host itself; another service needs its \"preset\" (vCenter, VCF: \"vidb\")"
                } else {
                    WHICH_PAGE
                },
            ),
            200..=299 if matches!(self.failure.kind, FailureKind::Denied(_)) => self.bad_request(),
            405 => self.say("the page there does not accept POST, so it is not a token endpoint", WHICH_PAGE),
            429 => self.too_many(),
            444 => self.say(NOT_ITS_NAME.0, NOT_ITS_NAME.1),
            300..=399 => self.redirected(),
            408 => self.say("the request took too long to arrive there", "retry"),
            500 => self.say(
                "this service also answers so if grant_type is missing or wrong: something on the way may change requests",
                "retry; if it stays, check `preset`, and that no proxy or firewall changes requests",
            ),
            501..=599 => self.say("the tenant, or a load balancer in front of it, fails", LATER),
            200..=299 if self.response.body.iter().all(u8::is_ascii_whitespace) => {
                self.say(NOT_ITS_NAME.0, NOT_ITS_NAME.1)
            }
            200..=299 if self.is_html() => self.say(
                "a login page, or that of a captive portal",
                "open it in a browser: `tenant` must be the Access host itself, not a portal in front of it",
            ),
            _ => self.say("", WHICH_PAGE),
        }
    }

    /// The finding.
    fn say(&self, meaning: &str, fix: &str) -> Finding {
        let status = ErrorKind::Request(self.failure.kind.clone()).exit_code();
        let separator = if meaning.is_empty() { "" } else { ": " };
        Finding::failed("token", format!("{}{separator}{meaning}", self.failure.cause), fix, status)
    }

    /// An OAuth error, or 400, which this service also answers to wrong credentials.
    fn bad_request(&self) -> Finding {
        match self.failure.kind {
            FailureKind::Denied(Some(ErrorCode::InvalidScope)) => {
                self.say("the client has no such scope", "compare `scope` with the client's scopes in the tenant")
            }
            FailureKind::Denied(Some(ErrorCode::UnauthorizedClient | ErrorCode::UnsupportedGrantType)) => self.say(
                "the client may not use client_credentials",
                "use the ID of a Service Client Token client: only those may",
            ),
            _ => self.wrong_client("this service also answers so to a wrong client ID or secret"),
        }
    }

    /// The fix for a refused client.
    fn compare(&self) -> String {
        if self.profile.auth_style == AuthStyle::ApiToken {
            return self.profile.replace_api_token();
        }
        let new = self.profile.preset.new_secret();
        format!(
            "compare `client_id` with the tenant's OAuth clients; if the secret is lost, {new}, then `ws1-token login`"
        )
    }

    /// The credentials are wrong, or encoded differently from what the tenant expects.
    fn wrong_client(&self, meaning: &str) -> Finding {
        let compare = self.compare();
        if self.profile.auth_style == AuthStyle::ApiToken {
            return self.say("the API token is wrong, revoked or expired", &compare);
        }
        if !self.depends_on_style {
            return self.say(meaning, &compare);
        }
        let other = match self.profile.auth_style {
            AuthStyle::Basic => "basic-form-encoded",
            AuthStyle::BasicFormEncoded | AuthStyle::Post | AuthStyle::ApiToken => "basic",
        };
        let fix =
            format!("{compare}; if both are right, try \"auth_style\": \"{other}\" (they hold special characters)");
        self.say(meaning, &fix)
    }

    /// 429.
    fn too_many(&self) -> Finding {
        let seconds = self.failure.retry_after.filter(|seconds| *seconds > 0).unwrap_or(60);
        let meaning = "the tenant limits the requests per minute";
        self.say(meaning, &format!("wait {seconds} s"))
    }

    /// A redirect, which is not followed: it would send the credentials elsewhere.
    fn redirected(&self) -> Finding {
        let own = self.profile.token_url.origin.to_string();
        match self.response.location.as_deref() {
            Some(origin) if origin.contains("://") && origin != own => self.say(
                "credentials are not sent after a redirect",
                &format!("set \"tenant\": \"{origin}\" if that is your Access host"),
            ),
            _ => self.say("this is the path of a web page", WHICH_PAGE),
        }
    }

    /// Whether the profile's preset is for Access.
    fn is_access(&self) -> bool {
        matches!(self.profile.preset, Preset::Access | Preset::Acs)
    }

    /// Whether the body is HTML.
    fn is_html(&self) -> bool {
        self.response.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
    }
}

/// What 444, an empty body and a closed connection mean on this service.
const NOT_ITS_NAME: (&str, &str) = (
    "this service answers so when it is not called by its own name",
    "set `tenant` to the tenant's own host name, not an address or an alias",
);

/// A request without a response.
pub(super) fn unanswered(error: RequestError, profile: &Profile) -> Finding {
    let RequestError::Failed(failure) = &error else { return Finding::of("token", &request_error(profile, error, 0)) };
    let cause = failure.cause.clone();
    let (text, fix, status) = match failure.kind {
        FailureKind::TimedOut => (cause, LATER.to_owned(), EXIT_TEMPORARY),
        FailureKind::Interrupted => {
            let (meaning, fix) = NOT_ITS_NAME;
            (format!("{cause}: {meaning}"), format!("retry; if it stays, {fix}"), EXIT_TEMPORARY)
        }
        FailureKind::Unreachable => (cause, "retry".to_owned(), EXIT_TEMPORARY),
        FailureKind::Unusable => (cause, WHICH_PAGE.to_owned(), EXIT_UNUSABLE),
        _ => return Finding::of("token", &request_error(profile, error, 0)),
    };
    Finding::failed("token", text, fix, status)
}

#[cfg(test)]
mod tests;
