//! The route to the tenant: proxy, DNS, connection, TLS. Each step is tried only after the one before it succeeded.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::finding::Finding;
use super::reply::on_the_way;
use super::{SkipReason, TimeBudget};
use crate::config::Profile;
use crate::context::Context;
use crate::endpoint::HttpEndpoint;
use crate::error::EXIT_TEMPORARY;
use crate::probe::route::{Attempt, Route, connect, look_up};
use crate::proxy::{Choice, ProxyEnvironment};

/// Time limit for the DNS lookup, for connecting, and for the handshake, each.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// Maximum number of addresses that are shown.
const SHOWN: usize = 4;

/// The checks, in their order.
pub(super) const NAMES: [&str; 4] = ["proxy", "dns", "tcp", "tls"];

/// Checks the route; the error says why no request can be sent.
pub(super) fn check(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    time: &TimeBudget,
    findings: &mut Vec<Finding>,
) -> Result<(), SkipReason> {
    let before = findings.len();
    let reached = follow(context, endpoint, time, findings);
    if let Err(why) = reached {
        let done = findings.len() - before;
        super::skip(findings, &NAMES[done..], why);
    }
    reached
}

/// Takes the steps in order, with one finding each; the error says why the later ones are skipped.
fn follow(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    time: &TimeBudget,
    findings: &mut Vec<Finding>,
) -> Result<(), SkipReason> {
    let profile = endpoint.profile;
    let route = match endpoint.route() {
        Ok(route) => route,
        Err(error) => {
            findings.push(Finding::of("proxy", &error));
            return Err("not tried, the proxy is not usable");
        }
    };
    findings.push(proxy(context, profile, &route));
    context.log.step(|| format!("looking up {}", route.host));
    let addresses = match look_up(&route, time.left(STEP_LIMIT)?) {
        Ok(addresses) => addresses,
        Err(cause) => {
            findings.push(unknown_host(&route, &cause));
            return Err("not tried, no address is known");
        }
    };
    findings.push(judge_addresses(&route.host, &addresses));
    context.log.step(|| format!("connecting to {}, port {}", route.host, route.port));
    let mut connection = match connect(&addresses, time.left(STEP_LIMIT)?, time.end(2 * STEP_LIMIT)) {
        Ok(connection) => connection,
        Err(attempts) => {
            findings.push(unreachable(&route, &attempts));
            return Err("not tried, no connection");
        }
    };
    if let Err(error) = endpoint.tunnel(&route, &mut connection) {
        findings.push(Finding::of("tcp", &on_the_way(profile, error)));
        return Err("not tried, no connection through the proxy");
    }
    let target = profile.token_url.origin.authority();
    findings.push(judge_connection(&route, &target, connection.peer, &connection.passed_over));
    super::tls::check(context, endpoint, connection, findings)
}

/// Which proxy is used, and by which setting.
fn proxy(context: &Context<'_>, profile: &Profile, route: &Route) -> Finding {
    let environment = ProxyEnvironment::read(context.env);
    let plain = ["http_proxy", "HTTP_PROXY"].into_iter().find(|name| (context.env)(name).is_some());
    judge_proxy(route, profile, &environment.choose(&profile.token_url.origin), plain)
}

/// The finding for it. A proxy is shown without its credentials.
fn judge_proxy(route: &Route, profile: &Profile, choice: &Choice<'_>, plain: Option<&str>) -> Finding {
    let text = match (&route.proxy, choice, plain) {
        (Some(proxy), ..) if proxy.credentials.is_some() => format!("{proxy}, with a user name and a password"),
        (Some(proxy), ..) => proxy.to_string(),
        (None, ..) if profile.proxy.is_some() => {
            format!("none: `proxy` of profile `{}` does not apply to this machine", profile.name)
        }
        (None, Choice::Excluded(variable, by), _) => format!("none: {by} excludes the tenant from {variable}"),
        (None, Choice::ThisMachine(variable), _) => format!("none: {variable} does not apply to this machine"),
        (None, _, Some(plain)) => format!("none: {plain} does not apply to https, HTTPS_PROXY does"),
        (None, ..) => "none".to_owned(),
    };
    Finding::ok("proxy", text)
}

/// The addresses of a host name; an IP address needs no lookup.
fn judge_addresses(host: &str, addresses: &[SocketAddr]) -> Finding {
    if host.parse::<IpAddr>().is_ok() {
        return Finding::skipped("dns", format!("{host} is an address"));
    }
    let shown: Vec<String> = addresses.iter().take(SHOWN).map(|address| address.ip().to_string()).collect();
    let more = match addresses.len() - shown.len() {
        0 => String::new(),
        more => format!(", {more} more"),
    };
    Finding::ok("dns", format!("{host} is {}{more}", shown.join(", ")))
}

/// A failed lookup.
fn unknown_host(route: &Route, cause: &str) -> Finding {
    let fix = match &route.proxy {
        Some(proxy) => format!("check the proxy's name in {}, and the network", proxy.set_by),
        None => "check `tenant` for a misspelling, and the network; where only a proxy knows the name, set HTTPS_PROXY"
            .to_owned(),
    };
    Finding::failed("dns", format!("looking up {}: {cause}", route.host), fix, EXIT_TEMPORARY)
}

/// No connection to any address.
fn unreachable(route: &Route, attempts: &[Attempt]) -> Finding {
    let attempt = |Attempt { address, cause, .. }: &Attempt| format!("{address}: {cause}");
    let shown: Vec<String> = attempts.iter().take(SHOWN).map(attempt).collect();
    let fix = if let Some(proxy) = &route.proxy {
        &format!("check that the proxy runs there, or change {}", proxy.set_by)
    } else if attempts.iter().any(|attempt| attempt.is_silent) {
        "a firewall may be on the way: join the VPN, or set HTTPS_PROXY if a proxy is needed"
    } else {
        "check the port in `tenant` and that the tenant runs; set HTTPS_PROXY if a proxy is needed"
    };
    Finding::failed("tcp", shown.join("; "), fix, EXIT_TEMPORARY)
}

/// A connection; a silent address that was tried before it is a warning.
fn judge_connection(route: &Route, target: &str, peer: SocketAddr, passed_over: &[Attempt]) -> Finding {
    let (target, through) = if route.proxy.is_some() { (target, " through ") } else { ("", "") };
    match passed_over.iter().find(|attempt| attempt.is_silent) {
        Some(Attempt { address, .. }) => Finding::warning(
            "tcp",
            format!("connected to {target}{through}{peer}, but {address} does not answer, which delays every call"),
            format!("fix the route to {}, or the DNS record", address.ip()),
        ),
        None => Finding::ok("tcp", format!("connected to {target}{through}{peer}")),
    }
}

#[cfg(test)]
mod tests;
