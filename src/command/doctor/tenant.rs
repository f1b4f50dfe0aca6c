//! What the tenant answers: its clock, discovery, a token for this client, a second one for the refresh token, the API.
//!
//! The tokens are the examination's own: no cached one is used, and the cache entry stays as it is.

use std::time::Duration;

use super::Time;
use super::finding::Finding;
use super::reply::{Reply, unanswered};
use crate::clock::span;
use crate::clock::wall;
use crate::command::Context;
use crate::config::{AuthStyle, Preset, Profile};
use crate::endpoint::{Asked, Discovery, HttpEndpoint};
use crate::error::EXIT_SYSTEM;
use crate::grant::{self, Grant, Issued, Refusal};
use crate::origin::Target;
use crate::secret::Secret;
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
pub(super) fn introduce(context: &Context<'_>, endpoint: &HttpEndpoint<'_>, time: &Time) -> Vec<Finding> {
    let mut ahead = None;
    let mut doors = Vec::new();
    for url in endpoint.discovery_urls() {
        let Ok(limit) = time.left(STEP_LIMIT) else { break };
        context.log.step(|| format!("reading {url}"));
        match endpoint.get(&url, None, limit) {
            Ok(answer) => {
                ahead = ahead.or(answer.date.map(|date| wall().saturating_sub(date)));
                let found = serde_json::from_slice::<Discovery>(&answer.body).ok();
                let document = found.filter(|found| answer.status == 200 && *found != Discovery::default());
                doors.push(Door { path: url.path, found: document.ok_or_else(|| format!("HTTP {}", answer.status)) });
            }
            Err(error) => {
                doors.push(Door { path: url.path, found: Err(error.cause().to_string()) });
                // The other door is of the same host.
                break;
            }
        }
    }
    vec![judge_clock(ahead), judge_discovery(endpoint.profile, &doors)]
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
        self.path.trim_end_matches("/.well-known/openid-configuration")
    }
}

/// The system's clock against the tenant's. From five minutes on, entries of the cache are taken for other machines'.
fn judge_clock(ahead: Option<i64>) -> Finding {
    let Some(ahead) = ahead else { return Finding::skipped("clock", "not compared, the tenant tells no time") };
    let apart = ahead.saturating_abs();
    if apart < CLOCK_GRACE {
        return Finding::ok("clock", format!("within {CLOCK_GRACE} s of the tenant's"));
    }
    let text = format!("{} {} the tenant's", span(apart), if ahead > 0 { "ahead of" } else { "behind" });
    let fix = "set the system clock, best by NTP (`timedatectl set-ntp true` on most Linux systems)";
    if apart < CLOCK_TOLERANCE {
        Finding::warning("clock", text, fix)
    } else {
        Finding::failed("clock", text, fix, EXIT_SYSTEM)
    }
}

/// What discovery says. A token needs none of it.
fn judge_discovery(profile: &Profile, doors: &[Door]) -> Finding {
    let is_access = matches!(profile.preset, Preset::Access | Preset::Acs);
    let documents: Vec<(&Door, &Discovery)> =
        doors.iter().filter_map(|door| Some((door, door.found.as_ref().ok()?))).collect();
    let Some((_, first)) = documents.first() else {
        let seen: Vec<String> =
            doors.iter().filter_map(|door| Some(format!("{}: {}", door.base(), door.found.as_ref().err()?))).collect();
        let text = format!("no document ({}); tokens need none", seen.join(", "));
        let fix = "if the token request fails too, check that `tenant` is the Access host itself";
        return if is_access { Finding::warning("discovery", text, fix) } else { Finding::skipped("discovery", text) };
    };
    let issuer = first.issuer.as_deref().and_then(|url| Target::parse(url).ok());
    let answering: Vec<&str> = documents.iter().map(|(door, _)| door.base()).collect();
    let mut text = format!("{} answer{}", answering.join(" and "), if answering.len() == 1 { "s" } else { "" });
    if let Some(issuer) = &issuer {
        text = format!("{text}, issuer {issuer}");
    }
    for (door, document) in &documents {
        let other = document.token_endpoint.as_deref().and_then(|url| Target::parse(url).ok());
        if let Some(other) = other.filter(|other| other.path != profile.token_url.path) {
            text = format!("{text}; {} names the token endpoint {}", door.base(), other.path);
        }
    }
    match issuer {
        Some(issuer) if is_access && issuer.origin != profile.token_url.origin => {
            let fix = format!("set \"tenant\": \"{}\", the name that tokens carry", issuer.origin);
            Finding::warning("discovery", text, fix)
        }
        _ => Finding::ok("discovery", text),
    }
}

/// Asks for a token with the client's credentials, once, whatever the cache holds.
pub(super) fn token(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    secret: &Secret,
    held_back: Option<&(String, i64)>,
    time: &Time,
) -> (Finding, Option<Issued>) {
    let profile = endpoint.profile;
    let limit = match time.left(TOKEN_LIMIT) {
        Ok(limit) => limit,
        Err(why) => return (Finding::skipped("token", why), None),
    };
    let grant = Grant::ClientCredentials;
    context.log.step(|| format!("asking {} ({})", profile.token_url, grant.name()));
    match endpoint.ask(&grant, secret, limit) {
        Ok(Asked { issued: Ok(issued), .. }) => {
            let left = held_back.map(|(failure, pause)| (failure.as_str(), *pause));
            (judge_token(&issued, left), Some(issued))
        }
        Ok(Asked { answer, issued: Err((refusal, cause)) }) => {
            let style = |style| grant::basic(style, &profile.client_id, secret);
            let depends_on_style = style(AuthStyle::Basic) != style(AuthStyle::BasicFormEncoded);
            let reply = Reply { profile, answer: &answer, refusal: &refusal, cause: &cause, depends_on_style };
            (reply.explain(), None)
        }
        Err(error) => (unanswered("token", error, profile), None),
    }
}

/// A token; what still holds other calls back is worth a warning.
fn judge_token(issued: &Issued, held_back: Option<(&str, i64)>) -> Finding {
    let refresh = if issued.refresh_token.is_some() { "with" } else { "without" };
    let text = format!("issued for {}, {refresh} a refresh token", span(issued.life));
    if let Some((detail, seconds)) = held_back {
        let text = format!("{text}; other calls still hold back for {} after \"{detail}\"", span(seconds));
        return Finding::warning("token", text, "run `ws1-token get --force-refresh`");
    }
    if issued.life_is_assumed {
        let text = format!("{text}: the tenant states none, so {ASSUMED_LIFE} s are assumed");
        return Finding::warning("token", text, "set the access token's time to live in the client's settings");
    }
    Finding::ok("token", text)
}

/// Sends the refresh token that the examination itself got, once.
pub(super) fn refresh(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    secret: &Secret,
    issued: &Issued,
    time: &Time,
) -> (Finding, Option<Issued>) {
    if !endpoint.profile.use_refresh_token {
        return (Finding::skipped("refresh", "not tried, `use_refresh_token` is false"), None);
    }
    let Some(token) = issued.refresh_token.clone() else {
        let why = "the tenant issues no refresh token; renewal goes by the client's credentials";
        return (Finding::skipped("refresh", why), None);
    };
    let limit = match time.left(STEP_LIMIT) {
        Ok(limit) => limit,
        Err(why) => return (Finding::skipped("refresh", why), None),
    };
    let grant = Grant::RefreshToken(token);
    context.log.step(|| format!("asking {} ({})", endpoint.profile.token_url, grant.name()));
    let renewed = match endpoint.ask(&grant, secret, limit) {
        Ok(Asked { issued: Ok(issued), .. }) => Ok(issued),
        Ok(Asked { issued: Err((refusal, cause)), .. }) => Err((refusal == Refusal::Denied, cause)),
        Err(error) => Err((false, error.cause().to_string())),
    };
    (judge_refresh(&renewed), renewed.ok())
}

/// The answer to a refresh token, or whether it was denied and the cause. A failure costs a request, and no token.
fn judge_refresh(renewed: &Result<Issued, (bool, String)>) -> Finding {
    match renewed {
        Ok(issued) => {
            let next = if issued.refresh_token.is_some() { "a new" } else { "the same" };
            Finding::ok("refresh", format!("renewed for {}, {next} refresh token", span(issued.life)))
        }
        Err((denied, cause)) => {
            let fix = if *denied {
                "set \"use_refresh_token\": false in the profile, which spares the attempt"
            } else {
                "retry later"
            };
            Finding::warning("refresh", format!("{cause}; renewal goes by the client's credentials"), fix)
        }
    }
}

/// Reads from the API that needs the scope Admin, with the newest token.
pub(super) fn api(context: &Context<'_>, endpoint: &HttpEndpoint<'_>, token: &Secret, time: &Time) -> Finding {
    let Some(url) = admin_api(endpoint.profile) else {
        return Finding::skipped("api", "not tried, this service has another");
    };
    let limit = match time.left(STEP_LIMIT) {
        Ok(limit) => limit,
        Err(why) => return Finding::skipped("api", why),
    };
    context.log.step(|| format!("reading {url} with the new token"));
    match endpoint.get(&url, Some(token), limit) {
        Ok(answer) => judge_api(answer.status, endpoint.profile.scope.as_deref()),
        Err(error) => Finding::warning("api", error.cause().to_string(), "retry later"),
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
    match status {
        200 => Finding::ok("api", "it takes the token, scope Admin included"),
        403 => {
            let fix = match scope {
                Some(_) => "if the client is to administer, add `admin` to `scope` in the profile",
                None => "if the client is to administer, give it the scope Admin in the tenant",
            };
            Finding::warning("api", "no scope Admin (HTTP 403): good for the user APIs only", fix)
        }
        401 => Finding::warning(
            "api",
            "it does not take the token that the tenant issued just now (HTTP 401)",
            "check that `tenant` is the name that tokens carry as `iss` (`ws1-token whoami`), and the tenant's clock",
        ),
        404 => {
            Finding::warning("api", "there is no SCIM API here (HTTP 404)", "check that `tenant` is the Access host")
        }
        429 => Finding::warning("api", "too many requests (HTTP 429)", "wait a minute"),
        status => Finding::warning("api", format!("HTTP {status}"), "retry later"),
    }
}

#[cfg(test)]
mod tests;
