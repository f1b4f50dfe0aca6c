//! The way to the tenant: proxy, name, connection, TLS. Each step is tried only if the one before it worked.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Time;
use super::finding::Finding;
use crate::command::Context;
use crate::config::Profile;
use crate::endpoint::HttpEndpoint;
use crate::endpoint::probe::{Attempt, Route, TunnelFailure, connect, look_up};
use crate::error::{EXIT_CONFIG, EXIT_TEMPORARY};
use crate::proxy::{Choice, ProxyEnvironment};

/// Time for looking up a name, for connecting, and for the handshake, each.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// Addresses that are shown at most.
const SHOWN: usize = 4;

/// The checks, in their order.
pub(super) const NAMES: [&str; 4] = ["proxy", "dns", "tcp", "tls"];

/// Examines the way; an error says why nothing can be sent over it.
pub(super) fn check(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    time: &Time,
) -> (Vec<Finding>, Result<(), String>) {
    let mut findings = Vec::new();
    let way = walk(context, endpoint, time, &mut findings);
    if let Err(why) = &way {
        let done = findings.len();
        findings.extend(NAMES.iter().skip(done).map(|name| Finding::skipped(name, why.clone())));
    }
    (findings, way)
}

/// Goes as far as the way leads, with one finding for each step; the error is the reason if that is not all of it.
fn walk(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    time: &Time,
    findings: &mut Vec<Finding>,
) -> Result<(), String> {
    let profile = endpoint.profile;
    let route = match endpoint.route() {
        Ok(route) => route,
        Err(error) => {
            findings.push(Finding::of("proxy", &error));
            return Err("not tried, the proxy is not usable".to_owned());
        }
    };
    findings.push(proxy(context, profile, &route));
    context.log.step(|| format!("looking up {}", route.host));
    let limit = time.left(STEP_LIMIT)?;
    let addresses = match look_up(&route, limit) {
        Ok(addresses) => addresses,
        Err(cause) => {
            findings.push(unknown_host(&route, &cause));
            return Err(format!("not tried, {} has no known address", route.host));
        }
    };
    findings.push(judge_addresses(&route.host, &addresses));
    context.log.step(|| format!("connecting to {}, port {}", route.host, route.port));
    let connection = match connect(&addresses, time.left(STEP_LIMIT)?, time.end(2 * STEP_LIMIT)) {
        Ok(connection) => connection,
        Err(attempts) => {
            findings.push(unreachable(&route, &attempts));
            return Err("not tried, no connection".to_owned());
        }
    };
    let passed_over = connection.passed_over.clone();
    let peer = connection.peer;
    let target = profile.token_url.origin.authority();
    match endpoint.tunnel(&route, connection) {
        Ok(connection) => {
            findings.push(judge_connection(&route, &target, peer, &passed_over));
            super::tls::check(context, endpoint, connection, findings)
        }
        Err(failure) => {
            let has_credentials = route.proxy().is_some_and(|(_, named)| named);
            findings.push(no_tunnel(&target, has_credentials, &failure));
            Err("not tried, no connection through the proxy".to_owned())
        }
    }
}

/// Which proxy there is, and who says so.
fn proxy(context: &Context<'_>, profile: &Profile, route: &Route) -> Finding {
    let environment = ProxyEnvironment::read(context.env);
    let choice = environment.choose(&profile.token_url.origin);
    let plain = ["http_proxy", "HTTP_PROXY"].into_iter().find(|name| (context.env)(name).is_some());
    let by_profile = profile.proxy.as_ref().map(|_| profile.name.as_str());
    let target = profile.token_url.origin.authority();
    Finding::ok("proxy", proxy_text(route.proxy().as_ref(), by_profile, &choice, &target, plain))
}

/// The words for that. A proxy is shown without its credentials.
fn proxy_text(
    proxy: Option<&(String, bool)>,
    profile: Option<&str>,
    choice: &Choice<'_>,
    target: &str,
    plain: Option<&str>,
) -> String {
    let through = |source: &str| {
        let (url, named) = proxy.map_or(("", false), |(url, named)| (url.as_str(), *named));
        format!("{url}{} ({source})", if named { " with a user name and a password" } else { "" })
    };
    match (profile, choice) {
        (Some(profile), _) => through(&format!("`proxy` of profile `{profile}`")),
        (None, Choice::Through(variable, _)) => through(variable),
        (None, Choice::Excluded(variable, by)) => format!("none: {by} excludes {target} from {variable}"),
        (None, Choice::ThisMachine(variable)) => format!("none: {variable} does not count for this machine"),
        (None, Choice::None) => match plain {
            Some(plain) => format!("none: {plain} does not count for https, HTTPS_PROXY would"),
            None => "none".to_owned(),
        },
    }
}

/// The addresses of a name; one that is an address itself needs none.
fn judge_addresses(host: &str, addresses: &[SocketAddr]) -> Finding {
    if host.parse::<IpAddr>().is_ok() {
        return Finding::skipped("dns", format!("{host} is an address"));
    }
    let mut shown: Vec<String> = addresses.iter().take(SHOWN).map(|address| address.ip().to_string()).collect();
    if addresses.len() > SHOWN {
        shown.push(format!("{} more", addresses.len() - SHOWN));
    }
    Finding::ok("dns", format!("{host} is {}", shown.join(", ")))
}

/// A name without an address.
fn unknown_host(route: &Route, cause: &str) -> Finding {
    let fix = if route.is_proxied() {
        "check the proxy's name, and the network"
    } else {
        "check `tenant` for a misspelling, and the network; where only a proxy knows the name, set HTTPS_PROXY"
    };
    Finding::failed("dns", format!("looking up {}: {cause}", route.host), fix, EXIT_TEMPORARY)
}

/// No connection to any address.
fn unreachable(route: &Route, attempts: &[Attempt]) -> Finding {
    let shown: Vec<String> =
        attempts.iter().take(SHOWN).map(|attempt| format!("{}: {}", attempt.address, attempt.cause)).collect();
    let fix = if route.is_proxied() {
        "check that the proxy runs there, or set another"
    } else if attempts.iter().any(|attempt| attempt.is_silent) {
        "a firewall may be on the way: join the VPN, or set HTTPS_PROXY if a proxy is needed"
    } else {
        "check the port in `tenant` and that the tenant runs; set HTTPS_PROXY if a proxy is needed"
    };
    Finding::failed("tcp", shown.join("; "), fix, EXIT_TEMPORARY)
}

/// A connection; addresses that cost time before it are worth a warning.
fn judge_connection(route: &Route, target: &str, peer: SocketAddr, passed_over: &[Attempt]) -> Finding {
    let through = if route.is_proxied() { format!("to {target} through {peer}") } else { format!("to {peer}") };
    match passed_over.iter().find(|attempt| attempt.is_silent) {
        Some(silent) => Finding::warning(
            "tcp",
            format!("connected {through}, but {} does not answer and costs every request time", silent.address),
            format!("mend the route to {}, or have its name no longer say so", silent.address.ip()),
        ),
        None => Finding::ok("tcp", format!("connected {through}")),
    }
}

/// A proxy that does not lead to the tenant.
fn no_tunnel(target: &str, has_credentials: bool, failure: &TunnelFailure) -> Finding {
    let (text, fix, status) = match failure {
        TunnelFailure::Refused(407) if has_credentials => (
            "the proxy does not accept that user name and password (HTTP 407)".to_owned(),
            "check both in the proxy's URL; write special characters in them as %40 and the like".to_owned(),
            EXIT_TEMPORARY,
        ),
        TunnelFailure::Refused(407) => (
            "the proxy wants a user name and a password (HTTP 407)".to_owned(),
            "write them into the proxy's URL: http://USER:PASSWORD@host:port".to_owned(),
            EXIT_TEMPORARY,
        ),
        TunnelFailure::Refused(status @ (502..=504)) => (
            format!("the proxy does not reach {target} (HTTP {status})"),
            "check `tenant` for a misspelling; a tenant inside your network belongs into NO_PROXY".to_owned(),
            EXIT_TEMPORARY,
        ),
        TunnelFailure::Refused(status) => (
            format!("the proxy refuses to connect to {target} (HTTP {status})"),
            format!("have whoever runs the proxy allow {target}"),
            EXIT_TEMPORARY,
        ),
        TunnelFailure::Broken(cause) => {
            (format!("the proxy: {cause}"), "check the proxy's host, port and scheme".to_owned(), EXIT_TEMPORARY)
        }
        TunnelFailure::Untrusted(issuer) => (
            format!("the proxy's own certificate, issued by {issuer}, is not trusted"),
            "add that issuer to `ca_file`, or write the proxy with http://".to_owned(),
            EXIT_CONFIG,
        ),
    };
    Finding::failed("tcp", text, fix, status)
}

#[cfg(test)]
mod tests;
