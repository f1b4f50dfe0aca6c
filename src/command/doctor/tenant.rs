//! What the tenant answers: its clock, discovery, a token for this client, a second one for the refresh token, the API.
//!
//! The tokens are the examination's own: no cached one is used, and the cache entry stays as it is.

use std::fmt::Write;
use std::time::Duration;

use super::finding::Finding;
use super::reply::{Reply, unanswered};
use super::{Time, Why};
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

/// Time for the token request, as everywhere.
const TOKEN_LIMIT: Duration = Duration::from_secs(10);

/// Time for each other request.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// Seconds by which the clocks may differ without a word.
const CLOCK_GRACE: i64 = 30;

/// Below which path and query of the service the API for administrators answers.
const ADMIN_API: &str = "/jersey/manager/api/scim/Users";

/// The tenant's clock and its discovery document.
pub(super) fn introduce(context: &Context<'_>, endpoint: &HttpEndpoint<'_>, time: &Time, findings: &mut Vec<Finding>) {
    let mut ahead = None;
    let mut doors = Vec::new();
    for url in endpoint.discovery_urls() {
        let Ok(limit) = time.left(STEP_LIMIT) else { break };
        context.log.step(|| format!("reading {url}"));
        let answer = endpoint.get(&url, None, limit);
        // A host that does not answer at one door does not at the other.
        let is_last = answer.is_err();
        let found = match answer {
            Ok(answer) => {
                ahead = ahead.or(answer.date.map(|date| wall().saturating_sub(date)));
                Discovery::read(&answer).ok_or_else(|| format!("HTTP {}", answer.status))
            }
            Err(error) => Err(error.cause()),
        };
        doors.push(Door { path: url.path, found });
        if is_last {
            break;
        }
    }
    findings.push(judge_clock(ahead));
    findings.push(judge_discovery(endpoint.profile, &doors));
}

/// A place where a discovery document may be, and what was there.
struct Door {
    /// Its path.
    path: String,
    /// The document, or what there was instead.
    found: Result<Discovery, String>,
}

impl Door {
    /// The path of the service that it belongs to.
    fn base(&self) -> &str {
        self.path.strip_suffix("/.well-known/openid-configuration").unwrap_or(&self.path)
    }
}

/// The system's clock against the tenant's. From five minutes on, entries of the cache are taken for other machines'.
fn judge_clock(ahead: Option<i64>) -> Finding {
    let Some(ahead) = ahead else {
        return Finding::skipped("clock", format_args!("not compared, the tenant tells no time"));
    };
    let apart = ahead.saturating_abs();
    if apart < CLOCK_GRACE {
        return Finding::ok("clock", format_args!("within {CLOCK_GRACE} s of the tenant's"));
    }
    let text = format_args!("{} {} the tenant's", span(apart), if ahead > 0 { "ahead of" } else { "behind" });
    let fix = format_args!("set the system clock, best by NTP (`timedatectl set-ntp true` on most Linux systems)");
    if apart < CLOCK_TOLERANCE {
        Finding::warning("clock", text, fix)
    } else {
        Finding::failed("clock", text, fix, EXIT_SYSTEM)
    }
}

/// What discovery says. A token needs none of it.
fn judge_discovery(profile: &Profile, doors: &[Door]) -> Finding {
    let is_access = matches!(profile.preset, Preset::Access | Preset::Acs);
    let (mut answering, mut silent, mut others) = (String::new(), String::new(), String::new());
    let mut issuer = None;
    for door in doors {
        let base = door.base();
        let separator = |list: &str, word| if list.is_empty() { "" } else { word };
        match &door.found {
            Ok(document) => {
                let _ = write!(answering, "{}{base}", separator(&answering, " and "));
                issuer = issuer.or_else(|| Target::parse(document.issuer.as_deref()?).ok());
                let other = document.token_endpoint.as_deref().and_then(|url| Target::parse(url).ok());
                if let Some(other) = other.filter(|other| other.path != profile.token_url.path) {
                    let _ = write!(others, "; {base} names the token endpoint {}", other.path);
                }
            }
            Err(instead) => {
                let _ = write!(silent, "{}{base}: {instead}", separator(&silent, ", "));
            }
        }
    }
    if answering.is_empty() {
        let text = format_args!("no document ({silent}); tokens need none");
        let fix = format_args!("if the token request fails too, check that `tenant` is the Access host itself");
        return if is_access { Finding::warning("discovery", text, fix) } else { Finding::skipped("discovery", text) };
    }
    let Some(issuer) = issuer else { return Finding::ok("discovery", format_args!("found at {answering}{others}")) };
    let text = format_args!("found at {answering}, issuer {issuer}{others}");
    if is_access && issuer.origin != profile.token_url.origin {
        let fix = format_args!("set \"tenant\": \"{}\", the name that tokens carry", issuer.origin);
        return Finding::warning("discovery", text, fix);
    }
    Finding::ok("discovery", text)
}

/// Asks for a token with the client's credentials, once, whatever the cache holds.
pub(super) fn token(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    secret: &Secret,
    held_back: Option<&(String, i64)>,
    time: &Time,
) -> (Finding, Option<TokenResponse>) {
    let profile = endpoint.profile;
    match ask(context, endpoint, &Grant::ClientCredentials, secret, time.left(TOKEN_LIMIT)) {
        Err(skipped) => (Finding::skipped("token", format_args!("{skipped}")), None),
        Ok(Ok(Exchange { outcome: Ok(issued), .. })) => {
            let left = held_back.map(|(failure, pause)| (failure.as_str(), *pause));
            (judge_token(&issued, left), Some(issued))
        }
        Ok(Ok(Exchange { response, outcome: Err(failure) })) => {
            let style = |style| grant::basic(style, &profile.client_id, secret);
            let depends_on_style = style(AuthStyle::Basic) != style(AuthStyle::BasicFormEncoded);
            let reply = Reply { profile, response: &response, failure: &failure, depends_on_style };
            (reply.explain(), None)
        }
        Ok(Err(error)) => (unanswered(error, profile), None),
    }
}

/// Sends one grant, once, if there is time left; the error is why not.
fn ask(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    grant: &Grant,
    secret: &Secret,
    limit: Result<Duration, Why>,
) -> Result<Result<Exchange, RequestError>, Why> {
    let limit = limit?;
    context.log.step(|| format!("asking {} ({})", endpoint.profile.token_url, grant.name()));
    Ok(endpoint.ask(grant, secret, limit))
}

/// A token; what still holds other calls back is worth a warning.
fn judge_token(issued: &TokenResponse, held_back: Option<(&str, i64)>) -> Finding {
    let refresh = if issued.refresh_token.is_some() { "with" } else { "without" };
    let text = format_args!("issued for {}, {refresh} a refresh token", span(issued.life));
    if let Some((detail, seconds)) = held_back {
        return Finding::warning(
            "token",
            format_args!("{text}; other calls still hold back for {} after \"{detail}\"", span(seconds)),
            format_args!("run `ws1-token get --force-refresh`"),
        );
    }
    if issued.life_is_assumed {
        return Finding::warning(
            "token",
            format_args!("{text}: the tenant states none, so {ASSUMED_LIFE} s are assumed"),
            format_args!("set the access token's time to live in the client's settings"),
        );
    }
    Finding::ok("token", text)
}

/// Sends the refresh token that the examination itself got, once.
pub(super) fn refresh(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    secret: &Secret,
    issued: &TokenResponse,
    time: &Time,
) -> (Finding, Option<TokenResponse>) {
    let skipped = |why: Why| (Finding::skipped("refresh", format_args!("{why}")), None);
    if !endpoint.profile.use_refresh_token {
        return skipped("not tried, `use_refresh_token` is false");
    }
    let Some(token) = issued.refresh_token.clone() else {
        return skipped("the tenant issues no refresh token; renewal goes by the client's credentials");
    };
    let renewed = match ask(context, endpoint, &Grant::RefreshToken(token), secret, time.left(STEP_LIMIT)) {
        Err(why) => return skipped(why),
        Ok(Ok(Exchange { outcome: Ok(issued), .. })) => Ok(issued),
        Ok(Ok(Exchange { outcome: Err(failure), .. })) => {
            Err((matches!(failure.kind, FailureKind::Denied(_)), failure.cause))
        }
        Ok(Err(error)) => Err((false, error.cause())),
    };
    (judge_refresh(&renewed), renewed.ok())
}

/// The answer to a refresh token, or whether it was denied and the cause. A failure costs a request, and no token.
fn judge_refresh(renewed: &Result<TokenResponse, (bool, String)>) -> Finding {
    match renewed {
        Ok(issued) => {
            let next = if issued.refresh_token.is_some() { "a new" } else { "the same" };
            Finding::ok("refresh", format_args!("renewed for {}, {next} refresh token", span(issued.life)))
        }
        Err((denied, cause)) => {
            let spare = "set \"use_refresh_token\": false in the profile, which spares the attempt";
            let fix = if *denied { spare } else { "retry later" };
            let text = format_args!("{cause}; renewal goes by the client's credentials");
            Finding::warning("refresh", text, format_args!("{fix}"))
        }
    }
}

/// Reads from the API that needs the scope Admin, with the newest token.
pub(super) fn api(context: &Context<'_>, endpoint: &HttpEndpoint<'_>, token: &Secret, time: &Time) -> Finding {
    let Some(url) = admin_api(endpoint.profile) else {
        return Finding::skipped("api", format_args!("not tried, this service has another"));
    };
    let limit = match time.left(STEP_LIMIT) {
        Ok(limit) => limit,
        Err(why) => return Finding::skipped("api", format_args!("{why}")),
    };
    context.log.step(|| format!("reading {url} with the new token"));
    match endpoint.get(&url, Some(token), limit) {
        Ok(answer) => judge_api(answer.status, endpoint.profile.scope.as_deref()),
        Err(error) => Finding::warning("api", format_args!("{}", error.cause()), format_args!("retry later")),
    }
}

/// Where that API is: below the token endpoint's own tenant, on the tenant's host only.
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

/// The API's answer.
fn judge_api(status: u16, scope: Option<&str>) -> Finding {
    let (text, fix) = match status {
        200 => return Finding::ok("api", format_args!("it takes the token, scope Admin included")),
        403 if scope.is_some() => (
            "no scope Admin: good for the user APIs only",
            "if the client is to administer, add `admin` to `scope` in the profile",
        ),
        403 => (
            "no scope Admin: good for the user APIs only",
            "if the client is to administer, give it the scope Admin in the tenant",
        ),
        401 => (
            "it does not take the token that the tenant issued just now",
            "check that `tenant` is the name that tokens carry as `iss` (`ws1-token whoami`), and the tenant's clock",
        ),
        404 => ("there is no SCIM API here", "check that `tenant` is the Access host"),
        429 => ("too many requests", "wait a minute"),
        _ => ("no answer for a token", "retry later"),
    };
    Finding::warning("api", format_args!("{text} (HTTP {status})"), format_args!("{fix}"))
}

#[cfg(test)]
mod tests;
