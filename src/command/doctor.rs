//! `doctor`: everything that a token depends on, checked in order, one line each with a fix.
//!
//! The order is here; each file of `doctor/` is a group of checks, where pure functions turn results into findings. After
//! a failed check only those that depend on it are skipped.

use std::time::{Duration, Instant};

use crate::broker::failure::fingerprint;
use crate::cli::Doctor;
use crate::config::Profile;
use crate::context::Context;
use crate::endpoint::{Endpoint, HttpEndpoint};
use crate::grant::TokenResponse;
use crate::outcome::Outcome;
use crate::secret::Secret;
use crate::terminal::Palette;

mod callers;
mod finding;
mod machine;
mod network;
mod reply;
mod setup;
mod tenant;
mod tls;

use finding::{Finding, Report};
use machine::CacheCheck;
use setup::ConfigCheck;
use tenant::Tenant;

/// Time limit for everything that is waited for: secret command, network, lock.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Time left below which no further step is started.
const SHORTEST_STEP: Duration = Duration::from_millis(500);

/// Why a check is skipped, as its line says.
type SkipReason = &'static str;

/// Runs all checks.
pub(crate) fn run(context: &Context<'_>, args: &Doctor) -> Outcome {
    let findings = examine(context);
    let answer = if args.json {
        Outcome::json(&Report::on(&findings))
    } else {
        Outcome::answer(finding::page(&findings, Palette::of(&std::io::stdout(), context.env)))
    };
    Outcome { status: finding::exit_status(&findings), ..answer }
}

/// The time limit of the whole run.
struct TimeBudget {
    /// When it ends.
    deadline: Instant,
}

impl TimeBudget {
    /// Starts now.
    fn start() -> Self {
        Self { deadline: Instant::now() + TIME_LIMIT }
    }

    /// The deadline of something that starts now and may take `limit`.
    fn end(&self, limit: Duration) -> Instant {
        self.deadline.min(Instant::now() + limit)
    }

    /// The time limit of a step that may take `limit`; the error says that it is no longer started.
    fn left(&self, limit: Duration) -> Result<Duration, SkipReason> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left < SHORTEST_STEP { Err("not tried, out of time") } else { Ok(left.min(limit)) }
    }
}

/// The findings, in the order of the page.
fn examine(context: &Context<'_>) -> Vec<Finding> {
    let time = TimeBudget::start();
    let callers = callers::start(context);
    let ConfigCheck { mut findings, profile, is_complete, secret } = setup::check(context, &time);
    let identity = profile.as_ref().filter(|_| is_complete).map(Profile::identity);
    let mut known: Vec<Secret> = secret.iter().cloned().collect();
    let cache = if let Some(profile) = &profile {
        let endpoint = HttpEndpoint { profile, env: context.env };
        let _waiting = context.log.waiting_for(&profile.token_url.origin);
        let reached = network::check(context, &endpoint, &time, &mut findings);
        let tenant = Tenant { context, endpoint: &endpoint, time: &time };
        match reached {
            Ok(()) => tenant.clock_and_discovery(&mut findings),
            Err(why) => skip(&mut findings, &["clock", "discovery"], why),
        }
        let mut cache = machine::check(context, identity.as_deref(), &time);
        let secret = match (reached, secret) {
            (Err(why), _) => Err(why),
            (Ok(()), _) if cache.is_busy => Err("not tried, another ws1-token has the lock"),
            (Ok(()), Some(secret)) => Ok(secret),
            (Ok(()), None) if is_complete => Err("not tried, no client secret"),
            (Ok(()), None) => Err("not tried, no client is named"),
        };
        match secret {
            Ok(secret) => known.extend(tokens(&tenant, &secret, &mut cache, &mut findings)),
            Err(why) => skip(&mut findings, &["token", "refresh", "api"], why),
        }
        cache.release();
        cache
    } else {
        let why = "not tried, no usable profile";
        skip(&mut findings, &network::NAMES, why);
        skip(&mut findings, &["clock", "discovery", "token", "refresh", "api"], why);
        machine::check(context, None, &time)
    };
    findings.extend(cache.findings);
    callers::collect(context, callers, profile.as_ref(), &mut findings);
    // Certificates, headers and programs may say what they like.
    let known: Vec<&Secret> = known.iter().collect();
    findings.into_iter().map(|finding| finding.masked(&known)).collect()
}

/// Requests tokens and uses one; gives those that came. The lock is held meanwhile, so that no other process sends a
/// request at the same time.
fn tokens(tenant: &Tenant<'_>, secret: &Secret, cache: &mut CacheCheck, findings: &mut Vec<Finding>) -> Vec<Secret> {
    let profile = tenant.endpoint.profile;
    let tried = fingerprint(profile, &profile.identity(), &tenant.endpoint.surroundings());
    let back_off = cache.back_off(tried);
    let (finding, issued) = tenant.token(secret, back_off.as_ref());
    findings.push(finding);
    let Some(issued) = issued else {
        skip(findings, &["refresh", "api"], "not tried, no token");
        return Vec::new();
    };
    let (finding, renewed) = tenant.refresh(secret, &issued);
    findings.push(finding);
    cache.release();
    findings.push(tenant.api(&renewed.as_ref().unwrap_or(&issued).access_token));
    renewed.into_iter().chain([issued]).flat_map(TokenResponse::into_secrets).collect()
}

/// Adds skipped findings for some checks, with one reason.
fn skip(findings: &mut Vec<Finding>, names: &[&'static str], why: SkipReason) {
    for name in names {
        findings.push(Finding::skipped(name, why));
    }
}
