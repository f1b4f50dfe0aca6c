//! `doctor`: everything that a token depends on, checked in order, one line each with a fix.
//!
//! The order is here; each group of checks is a file of `doctor/`, where pure functions judge what others gathered. A
//! failed check keeps only those from being tried that depend on it.

use std::time::{Duration, Instant};

use crate::cli::Doctor;
use crate::config::Profile;
use crate::context::Context;
use crate::endpoint::HttpEndpoint;
use crate::outcome::Outcome;
use crate::platform::Stream;
use crate::secret::{Secret, fingerprint};
use crate::terminal::Palette;

mod callers;
mod finding;
mod machine;
mod network;
mod reply;
#[cfg(test)]
mod sample;
mod setup;
mod tenant;
mod tls;

use finding::{Finding, Report};
use machine::Machine;
use setup::Setup;

/// How long a person waits at most for what others do: secret command, network, lock.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time below which nothing more is begun.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// Why a check is not tried, in words for its line.
type Why = &'static str;

/// Runs all checks; a failed one never keeps the others from being run that do not depend on it.
pub(crate) fn run(context: &Context<'_>, args: &Doctor) -> Outcome {
    let findings = examine(context);
    let answer = if args.json {
        Outcome::json(&Report::on(&findings))
    } else {
        Outcome::answer(finding::page(&findings, Palette::of(Stream::Stdout, context.env)))
    };
    Outcome { status: finding::exit_status(&findings), ..answer }
}

/// The time of an examination.
struct Time {
    /// When patience ends.
    deadline: Instant,
}

impl Time {
    /// Begins now.
    fn start() -> Self {
        Self { deadline: Instant::now() + PATIENCE }
    }

    /// When something that begins now and may take `limit` must be over.
    fn end(&self, limit: Duration) -> Instant {
        self.deadline.min(Instant::now() + limit)
    }

    /// What is left for a step that may take `limit`; the error says that it is not begun any more.
    fn left(&self, limit: Duration) -> Result<Duration, Why> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left < LAST_MOMENT { Err("not tried, out of time") } else { Ok(left.min(limit)) }
    }
}

/// The findings, in the order of the page.
fn examine(context: &Context<'_>) -> Vec<Finding> {
    let time = Time::start();
    let asked = callers::ask(context);
    let Setup { mut findings, profile, is_complete, secret } = setup::check(context, &time);
    let identity = profile.as_ref().filter(|_| is_complete).map(Profile::identity);
    let machine = if let Some(profile) = &profile {
        let endpoint = HttpEndpoint { profile, env: context.env };
        let _waiting = context.log.waiting_for(&profile.token_url.origin);
        let reached = network::check(context, &endpoint, &time, &mut findings);
        match reached {
            Ok(()) => tenant::introduce(context, &endpoint, &time, &mut findings),
            Err(why) => skip(&mut findings, &["clock", "discovery"], why),
        }
        let mut machine = machine::check(context, identity.as_deref(), &time);
        let secret = match (reached, secret) {
            (Err(why), _) => Err(why),
            (Ok(()), _) if machine.is_busy => Err("not tried, another ws1-token has the lock"),
            (Ok(()), Some(secret)) => Ok(secret),
            (Ok(()), None) if is_complete => Err("not tried, no client secret"),
            (Ok(()), None) => Err("not tried, no client is named"),
        };
        match secret {
            Ok(secret) => tokens(context, &endpoint, &secret, &mut machine, &time, &mut findings),
            Err(why) => skip(&mut findings, &["token", "refresh", "api"], why),
        }
        machine.release();
        machine
    } else {
        let why = "not tried, no usable profile";
        skip(&mut findings, &network::NAMES, why);
        skip(&mut findings, &["clock", "discovery", "token", "refresh", "api"], why);
        machine::check(context, None, &time)
    };
    findings.extend(machine.findings);
    callers::collect(context, asked, profile.as_ref(), &mut findings);
    findings
}

/// Asks for tokens and uses one. The lock is held meanwhile, so that no other process asks at the same time.
fn tokens(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    secret: &Secret,
    machine: &mut Machine,
    time: &Time,
    findings: &mut Vec<Finding>,
) {
    let held_back = machine.held_back(fingerprint(&endpoint.profile.identity(), secret));
    let (finding, issued) = tenant::token(context, endpoint, secret, held_back.as_ref(), time);
    findings.push(finding);
    let Some(issued) = issued else { return skip(findings, &["refresh", "api"], "not tried, no token") };
    let (finding, renewed) = tenant::refresh(context, endpoint, secret, &issued, time);
    findings.push(finding);
    machine.release();
    findings.push(tenant::api(context, endpoint, &renewed.unwrap_or(issued).access_token, time));
}

/// Adds the lines of checks that are not tried, for one reason.
fn skip(findings: &mut Vec<Finding>, names: &[&'static str], why: Why) {
    for name in names {
        findings.push(Finding::skipped(name, why));
    }
}
