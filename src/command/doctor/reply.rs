//! What a token endpoint that gives no token means by its answer, for this service, and what to do. Pure.

use super::finding::Finding;
use crate::config::{AuthStyle, Preset, Profile};
use crate::endpoint::EndpointError;
use crate::error::{EXIT_DENIED, EXIT_TEMPORARY, EXIT_UNUSABLE};
use crate::grant::{Answer, Refusal};

/// What to compare when the client is turned away.
const COMPARE: &str = "compare `client_id` with the tenant's OAuth clients; if the secret is lost, Regenerate Secret \
                       there, then `ws1-token login`";

/// What to look at when something else than a token endpoint answers.
const WHICH_PAGE: &str = "check `tenant`, `preset` and `token_url` of the profile";

/// What to do about trouble that is not ours.
const LATER: &str = "retry later; if it lasts, ask whoever runs the tenant";

/// An answer that is no token.
pub(super) struct Reply<'a> {
    /// Whose.
    pub(super) profile: &'a Profile,
    /// As it came.
    pub(super) answer: &'a Answer,
    /// What it means in general.
    pub(super) refusal: &'a Refusal,
    /// The same in words, free of secrets.
    pub(super) cause: &'a str,
    /// The client ID or the secret looks different in another `auth_style`.
    pub(super) depends_on_style: bool,
}

impl Reply<'_> {
    /// The finding.
    pub(super) fn explain(&self) -> Finding {
        let (meaning, fix) = self.meaning();
        let status = match self.refusal {
            Refusal::Denied => EXIT_DENIED,
            Refusal::Limited(_) | Refusal::Failed => EXIT_TEMPORARY,
            Refusal::Unusable => EXIT_UNUSABLE,
        };
        let text = if meaning.is_empty() { self.cause.to_owned() } else { format!("{}: {meaning}", self.cause) };
        Finding::failed("token", text, fix, status)
    }

    /// What it means on this service, and what to do.
    fn meaning(&self) -> (String, String) {
        let say = |meaning: &str, fix: &str| (meaning.to_owned(), fix.to_owned());
        match self.answer.status {
            400 => self.bad_request(),
            401 if self.is_html() && self.is_access() => say(
                "a page for people turns the client away, as the services of vCenter and VCF do",
                "set \"preset\": \"vidb\" if this is one of those; else compare client ID and secret with the tenant's",
            ),
            401 => self.wrong_client("the client ID or the secret is wrong for this tenant"),
            403 => {
                say("the tenant, or a firewall before it, refuses", "ask whoever runs the tenant to let this client in")
            }
            404 => self.not_found(),
            200..=299 if *self.refusal == Refusal::Denied => self.bad_request(),
            405 => say("the page there takes no POST, so it is no token endpoint", WHICH_PAGE),
            429 => self.too_many(),
            444 => say(NOT_ITS_NAME.0, NOT_ITS_NAME.1),
            300..=399 => self.redirected(),
            408 => say("the request took too long to arrive there", "retry"),
            500 => say(
                "this service says so when grant_type is missing or wrong, too: something may change requests on the way",
                "retry; if it stays, check `preset`, and that no proxy or firewall changes requests",
            ),
            501..=599 => say("the tenant, or a load balancer before it, has trouble", LATER),
            200..=299 if self.answer.body.iter().all(u8::is_ascii_whitespace) => say(NOT_ITS_NAME.0, NOT_ITS_NAME.1),
            200..=299 if self.is_html() => say(
                "a login page, or that of a captive portal",
                &format!(
                    "open {} in a browser: `tenant` must be the Access host itself, not a portal before it",
                    self.profile.tenant
                ),
            ),
            _ => say("", WHICH_PAGE),
        }
    }

    /// 400, which this service also says to wrong credentials.
    fn bad_request(&self) -> (String, String) {
        let names = |code: &str| self.cause.contains(code);
        if names("invalid_scope") {
            (
                "the client has no such scope".to_owned(),
                "compare `scope` with the client's scopes in the tenant".to_owned(),
            )
        } else if names("unauthorized_client") || names("unsupported_grant_type") {
            let fix = "use the ID of a Service Client Token client: only those may";
            ("the client may not use client_credentials".to_owned(), fix.to_owned())
        } else {
            self.wrong_client("this service says so to a wrong client ID or secret, too")
        }
    }

    /// The credentials are wrong, or only encoded otherwise than the tenant expects.
    fn wrong_client(&self, meaning: &str) -> (String, String) {
        let other = match self.profile.auth_style {
            AuthStyle::Basic => "basic-form-encoded",
            AuthStyle::BasicFormEncoded | AuthStyle::Post => "basic",
        };
        let fix = if self.depends_on_style {
            format!("{COMPARE}; if both are right, try \"auth_style\": \"{other}\" (they hold special characters)")
        } else {
            COMPARE.to_owned()
        };
        (meaning.to_owned(), fix)
    }

    /// 404: another service, or another of its hosts.
    fn not_found(&self) -> (String, String) {
        let meaning = format!("there is nothing at {}", self.profile.token_url.path);
        let fix = if self.is_access() {
            "check that `tenant` is the Access host itself; another service needs its \"preset\" (vCenter, VCF: \"vidb\")"
        } else {
            WHICH_PAGE
        };
        (meaning, fix.to_owned())
    }

    /// 429.
    fn too_many(&self) -> (String, String) {
        let wait = match self.refusal {
            Refusal::Limited(Some(seconds)) if *seconds > 0 => format!("wait {seconds} s"),
            _ => "wait a minute".to_owned(),
        };
        ("the tenant counts requests by the minute and turns the rest away".to_owned(), wait)
    }

    /// A redirect. Credentials are not sent after it.
    fn redirected(&self) -> (String, String) {
        let own = self.profile.token_url.origin.to_string();
        match self.answer.location.as_deref() {
            Some(origin) if origin.contains("://") && origin != own => (
                "credentials are not sent after a redirect".to_owned(),
                format!("set \"tenant\": \"{origin}\" if that is your Access host"),
            ),
            _ => ("this is the path of a page for people".to_owned(), WHICH_PAGE.to_owned()),
        }
    }

    /// Whether the profile takes the service for Access.
    fn is_access(&self) -> bool {
        matches!(self.profile.preset, Preset::Access | Preset::Acs)
    }

    /// Whether the body is a page for people.
    fn is_html(&self) -> bool {
        self.answer.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
    }
}

/// What 444, an empty answer and a closed connection mean here.
const NOT_ITS_NAME: (&str, &str) = (
    "this service answers so when it is not called by its own name",
    "set `tenant` to the tenant's own host name, not an address or an alias",
);

/// A request that got no answer at all.
pub(super) fn unanswered(name: &'static str, error: EndpointError, profile: &Profile) -> Finding {
    match error {
        EndpointError::Broken(cause) if cause.to_string().contains("in time") => {
            Finding::failed(name, cause.to_string(), LATER, EXIT_TEMPORARY)
        }
        EndpointError::Broken(cause) => {
            let (meaning, fix) = NOT_ITS_NAME;
            Finding::failed(name, format!("{cause}: {meaning}"), format!("retry; if it stays, {fix}"), EXIT_TEMPORARY)
        }
        EndpointError::Unreachable(cause) => Finding::failed(name, cause.to_string(), "retry", EXIT_TEMPORARY),
        EndpointError::Refused(_, cause) => Finding::failed(name, cause, WHICH_PAGE, EXIT_UNUSABLE),
        error => Finding::of(name, &error.into_error(profile)),
    }
}

#[cfg(test)]
mod tests;
