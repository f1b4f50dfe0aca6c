//! Requests to the tenant: its clock, discovery, a token for this client, a second one by the refresh token, the API.
//!
//! No cached token is used, and the cache entry stays as it is.

use std::time::Duration;

use super::finding::Finding;
use super::reply::{TokenReply, unanswered};
use super::{SkipReason, TimeBudget};
use crate::clock::wall;
use crate::config::{AuthStyle, Preset, Profile};
use crate::context::Context;
use crate::endpoint::{Discovery, Exchange, HttpEndpoint, RequestError};
use crate::error::EXIT_SYSTEM;
use crate::failure::FailureKind;
use crate::grant::{self, Grant, TokenResponse};
use crate::origin::Target;
use crate::secret::Secret;
use crate::text::span;
use crate::token::{ASSUMED_LIFE, CLOCK_TOLERANCE};

/// Time limit for the token request, as in every command.
const TOKEN_LIMIT: Duration = Duration::from_secs(10);

/// Time limit for each other request.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// Seconds by which the clocks may differ without a warning.
const CLOCK_GRACE: i64 = 30;

/// Path of an API that needs the scope Admin, below the service's base path.
const ADMIN_API: &str = "/jersey/manager/api/scim/Users";

/// The tenant, as the requests of a run reach it.
pub(super) struct Tenant<'a> {
    /// The run.
    pub(super) context: &'a Context<'a>,
    /// Its endpoints.
    pub(super) endpoint: &'a HttpEndpoint<'a>,
    /// The time that is left.
    pub(super) time: &'a TimeBudget,
}

impl Tenant<'_> {
    /// Its clock and its discovery document.
    pub(super) fn clock_and_discovery(&self, findings: &mut Vec<Finding>) {
        let mut ahead = None;
        let mut attempts = Vec::new();
        for url in self.endpoint.discovery_urls() {
            let Ok(limit) = self.time.left(STEP_LIMIT) else { break };
            self.context.log.step(|| format!("reading {url}"));
            let answer = self.endpoint.get(&url, None, limit);
            // If the host does not answer, the other path will not either.
            let is_last = answer.is_err();
            let found = match answer {
                Ok(answer) => {
                    ahead = ahead.or(answer.date.map(|date| wall().saturating_sub(date)));
                    Discovery::read(&answer).ok_or_else(|| format!("HTTP {}", answer.status))
                }
                Err(error) => Err(error.cause()),
            };
            attempts.push(DiscoveryAttempt { path: url.path, found });
            if is_last {
                break;
            }
        }
        findings.push(judge_clock(ahead));
        findings.push(judge_discovery(self.endpoint.profile, &attempts));
    }

    /// Sends one token request, if there is time left; the error says why it was skipped.
    fn ask(
        &self,
        grant: &Grant,
        secret: &Secret,
        limit: Duration,
    ) -> Result<Result<Exchange, RequestError>, SkipReason> {
        let limit = self.time.left(limit)?;
        let profile = self.endpoint.profile;
        let name = grant.name(profile.auth_style);
        self.context.log.step(|| format!("asking {} ({name})", profile.token_url.page()));
        Ok(self.endpoint.ask(grant, secret, &[], limit))
    }

    /// Sends one `client_credentials` request, whatever the cache holds; `back_off` is that of other calls.
    pub(super) fn token(&self, secret: &Secret, back_off: Option<&(String, i64)>) -> (Finding, Option<TokenResponse>) {
        let profile = self.endpoint.profile;
        match self.ask(&Grant::ClientCredentials, secret, TOKEN_LIMIT) {
            Err(skipped) => (Finding::skipped("token", skipped), None),
            Ok(Ok(Exchange { outcome: Ok(issued), .. })) => {
                let left = back_off.map(|(failure, pause)| (failure.as_str(), *pause));
                (judge_token(&issued, left), Some(issued))
            }
            Ok(Ok(Exchange { response, outcome: Err(failure) })) => {
                let style = |style| grant::basic(style, &profile.client_id, secret);
                let depends_on_style = style(AuthStyle::Basic) != style(AuthStyle::BasicFormEncoded);
                let reply = TokenReply { profile, response: &response, failure: &failure, depends_on_style };
                (reply.explain(), None)
            }
            Ok(Err(error)) => (unanswered(error, profile), None),
        }
    }

    /// Sends the refresh token of the token request before, once.
    pub(super) fn refresh(&self, secret: &Secret, issued: &TokenResponse) -> (Finding, Option<TokenResponse>) {
        let skipped = |why: SkipReason| (Finding::skipped("refresh", why), None);
        if !self.endpoint.profile.use_refresh_token {
            return skipped("not tried, `use_refresh_token` is false");
        }
        let Some(token) = issued.refresh_token.clone() else {
            return skipped("the tenant issues no refresh token; renewal uses client_credentials");
        };
        let renewed = match self.ask(&Grant::RefreshToken(token), secret, STEP_LIMIT) {
            Err(why) => return skipped(why),
            Ok(Ok(Exchange { outcome, .. })) => {
                outcome.map_err(|failure| (matches!(failure.kind, FailureKind::Denied(_)), failure.cause))
            }
            Ok(Err(error)) => Err((false, error.cause())),
        };
        (judge_refresh(&renewed), renewed.ok())
    }

    /// Reads from an API that needs the scope Admin, with the newest token.
    pub(super) fn api(&self, token: &Secret) -> Finding {
        let profile = self.endpoint.profile;
        let url = match (admin_api(profile), profile.sample_url()) {
            (Some(url), _) | (None, Some(url)) => url,
            _ if profile.api_base().is_none() => {
                let fix = format!("run `{} --api HOST`", profile.login());
                return Finding::warning("api", "the profile does not say where the API is", fix);
            }
            _ => return Finding::skipped("api", "not tried, no harmless route of this API is known"),
        };
        let limit = match self.time.left(STEP_LIMIT) {
            Ok(limit) => limit,
            Err(why) => return Finding::skipped("api", why),
        };
        self.context.log.step(|| format!("reading {url} with the new token"));
        let there = Profile { token_url: url.clone(), ..profile.clone() };
        match (HttpEndpoint { profile: &there, env: self.endpoint.env }).get(&url, Some(token), limit) {
            Ok(answer) if profile.preset.is_access() => judge_api(answer.status, profile.scope.as_deref()),
            Ok(answer) => judge_sibling(answer.status, &url),
            Err(error) => Finding::warning("api", error.cause(), "retry later"),
        }
    }
}

/// A request for a discovery document.
struct DiscoveryAttempt {
    /// Its path.
    path: String,
    /// The document, or why there is none.
    found: Result<Discovery, String>,
}

impl DiscoveryAttempt {
    /// The base path of its service.
    fn base(&self) -> &str {
        self.path.strip_suffix("/.well-known/openid-configuration").unwrap_or(&self.path)
    }
}

/// The system clock against the tenant's. From five minutes on, the cache rejects entries as another machine's.
fn judge_clock(ahead: Option<i64>) -> Finding {
    let Some(ahead) = ahead else {
        return Finding::skipped("clock", "not compared, the tenant sends no `Date`");
    };
    let apart = ahead.saturating_abs();
    if apart < CLOCK_GRACE {
        return Finding::ok("clock", format!("within {CLOCK_GRACE} s of the tenant's"));
    }
    let text = format!("{} {} the tenant's", span(apart), if ahead > 0 { "ahead of" } else { "behind" });
    let fix = "set the system clock, preferably by NTP (`timedatectl set-ntp true` on most Linux systems)";
    if apart < CLOCK_TOLERANCE {
        Finding::warning("clock", text, fix)
    } else {
        Finding::failed("clock", text, fix, EXIT_SYSTEM)
    }
}

/// The finding for discovery. Token requests do not depend on it.
fn judge_discovery(profile: &Profile, attempts: &[DiscoveryAttempt]) -> Finding {
    let is_access = matches!(profile.preset, Preset::Access | Preset::Acs);
    let found: Vec<(&str, &Discovery)> =
        attempts.iter().filter_map(|attempt| Some((attempt.base(), attempt.found.as_ref().ok()?))).collect();
    if found.is_empty() {
        let missing =
            |attempt: &DiscoveryAttempt| Some(format!("{}: {}", attempt.base(), attempt.found.as_ref().err()?));
        let missing: Vec<String> = attempts.iter().filter_map(missing).collect();
        let text = format!("no document ({}); tokens need none", missing.join(", "));
        let fix = "if the token request fails too, check that `tenant` is the Access host itself";
        return if is_access { Finding::warning("discovery", text, fix) } else { Finding::skipped("discovery", text) };
    }
    let bases: Vec<&str> = found.iter().map(|(base, _)| *base).collect();
    let issuer = found.iter().find_map(|(_, document)| Target::parse(document.issuer.as_deref()?).ok());
    let mut text = vec![format!("found at {}", bases.join(" and "))];
    text.extend(issuer.as_ref().map(|issuer| format!(", issuer {issuer}")));
    text.extend(found.iter().filter_map(|(base, document)| {
        let endpoint = Target::parse(document.token_endpoint.as_deref()?).ok()?;
        let differs = endpoint.path != profile.token_url.path;
        differs.then(|| format!("; {base} names the token endpoint {}", endpoint.path))
    }));
    let text = text.concat();
    match issuer {
        Some(issuer) if is_access && issuer.origin != profile.token_url.origin => {
            let fix = format!("set \"tenant\": \"{}\", the name that tokens carry", issuer.origin);
            Finding::warning("discovery", text, fix)
        }
        _ => Finding::ok("discovery", text),
    }
}

/// The finding for a token; a back-off of other calls is a warning.
fn judge_token(issued: &TokenResponse, back_off: Option<(&str, i64)>) -> Finding {
    let refresh = if issued.refresh_token.is_some() { "with" } else { "without" };
    let text = format!("issued for {}, {refresh} a refresh token", span(issued.life));
    if let Some((detail, seconds)) = back_off {
        return Finding::warning(
            "token",
            format!("{text}; other calls back off for {} more after \"{detail}\"", span(seconds)),
            "run `ws1-token get --force-refresh`",
        );
    }
    if issued.life_is_assumed {
        return Finding::warning(
            "token",
            format!("{text}: the reply has no `expires_in`, so {ASSUMED_LIFE} s are assumed"),
            "set the access token's time to live in the client's settings",
        );
    }
    Finding::ok("token", text)
}

/// The finding for the refresh request, or whether it was denied and the cause. A failure is a warning: renewal falls
/// back to `client_credentials`.
fn judge_refresh(renewed: &Result<TokenResponse, (bool, String)>) -> Finding {
    match renewed {
        Ok(issued) => {
            let next = if issued.refresh_token.is_some() { "a new" } else { "the same" };
            Finding::ok("refresh", format!("renewed for {}, {next} refresh token", span(issued.life)))
        }
        Err((denied, cause)) => {
            let spare = "set \"use_refresh_token\": false in the profile, which saves the attempt";
            let fix = if *denied { spare } else { "retry later" };
            let text = format!("{cause}; renewal uses client_credentials");
            Finding::warning("refresh", text, fix)
        }
    }
}

/// The URL of that API, if token endpoint and tenant have the same origin.
fn admin_api(profile: &Profile) -> Option<Target> {
    let path = profile.token_url.path.as_str();
    let base = match profile.preset {
        Preset::Access => path.strip_suffix("/auth/oauthtoken")?,
        Preset::Acs if path == "/acs/token" => "/SAAS",
        _ => return None,
    };
    let origin = profile.tenant.clone();
    let url = Target { origin, path: format!("{base}{ADMIN_API}"), rest: "?count=1".to_owned() };
    (profile.tenant == profile.token_url.origin).then_some(url)
}

/// The finding for the response of another service's API.
fn judge_sibling(status: u16, url: &Target) -> Finding {
    let (text, fix) = match status {
        200..=299 => return Finding::ok("api", format!("{} accepts the token", url.origin)),
        401 => ("the API rejects the token", "check that `api` belongs to the service that issues the token"),
        403 => ("the API does not allow this route", "give the client a role that may read"),
        404 => ("there is no such API there", "check `api` of the profile"),
        429 => ("too many requests", "wait a minute"),
        _ => ("unexpected answer", "retry later"),
    };
    Finding::warning("api", format!("{text} ({url}, HTTP {status})"), fix)
}

/// The finding for the API's response.
fn judge_api(status: u16, scope: Option<&str>) -> Finding {
    let (text, fix) = match status {
        200 => return Finding::ok("api", "the API accepts the token (scope: admin)"),
        403 if scope.is_some() => (
            "no scope Admin: valid for the user APIs only",
            "for administration, add `admin` to `scope` in the profile",
        ),
        403 => (
            "no scope Admin: valid for the user APIs only",
            "for administration, give the client the scope Admin in the tenant",
        ),
        401 => (
            "the API rejects the token that the tenant has just issued",
            "check that `tenant` is the name that tokens carry as `iss` (`ws1-token whoami`), and the tenant's clock",
        ),
        404 => ("there is no SCIM API here", "check that `tenant` is the Access host"),
        429 => ("too many requests", "wait a minute"),
        _ => ("unexpected answer", "retry later"),
    };
    Finding::warning("api", format!("{text} (HTTP {status})"), fix)
}

#[cfg(test)]
mod tests;
