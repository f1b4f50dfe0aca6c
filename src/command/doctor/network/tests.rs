//! The words for every way that leads, or does not.

use super::*;
use crate::command::doctor::finding::Level;

/// A route without a proxy.
fn direct(host: &str) -> Route {
    Route::direct(host, 443)
}

/// A route through one.
fn proxied() -> Route {
    Route::through("http://user:hunter2@proxy.example.com:3128")
}

/// An attempt that failed.
fn attempt(address: &str, cause: &str) -> Attempt {
    Attempt { address: address.parse().unwrap(), cause: cause.to_owned(), is_silent: cause == "no answer" }
}

#[test]
fn a_proxy_is_named_with_whoever_names_it() {
    let through = "http://proxy.example.com:3128 with a user name and a password";
    for (route, profile, choice, plain, expected) in [
        (direct("h"), None, Choice::None, None, "none".to_owned()),
        (
            direct("h"),
            None,
            Choice::None,
            Some("HTTP_PROXY"),
            "none: HTTP_PROXY does not apply to https, HTTPS_PROXY does".to_owned(),
        ),
        (
            direct("h"),
            None,
            Choice::ThisMachine("ALL_PROXY"),
            None,
            "none: ALL_PROXY does not apply to this machine".to_owned(),
        ),
        (
            direct("h"),
            None,
            Choice::Excluded("HTTPS_PROXY", "no_proxy"),
            None,
            "none: no_proxy excludes the tenant from HTTPS_PROXY".to_owned(),
        ),
        (
            proxied(),
            None,
            Choice::Through("HTTPS_PROXY", "http://user:hunter2@p"),
            None,
            format!("{through} (HTTPS_PROXY)"),
        ),
        (
            proxied(),
            Some("prod"),
            Choice::Excluded("HTTPS_PROXY", "NO_PROXY"),
            None,
            format!("{through} (`proxy` of profile `prod`)"),
        ),
    ] {
        assert_eq!(judge_proxy(&route, profile, &choice, plain).text, expected);
    }
}

#[test]
fn a_names_addresses_are_shown_up_to_a_few() {
    let addresses = |count: u8| -> Vec<SocketAddr> { (1..=count).map(|at| ([192, 0, 2, at], 443).into()).collect() };
    for (host, count, level, text) in [
        ("acme.example.com", 1, Level::Ok, "acme.example.com is 192.0.2.1"),
        ("acme.example.com", 6, Level::Ok, "acme.example.com is 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 2 more"),
        ("192.0.2.1", 1, Level::Skipped, "192.0.2.1 is an address"),
        ("::1", 1, Level::Skipped, "::1 is an address"),
    ] {
        let found = judge_addresses(host, &addresses(count));
        assert_eq!((found.level, found.text.as_str()), (level, text));
    }
}

#[test]
fn what_helps_depends_on_who_is_not_found() {
    for (route, host, fix) in
        [(direct("acme.invalid"), "acme.invalid", "misspelling"), (proxied(), "proxy.example.com", "the proxy's name")]
    {
        let found = unknown_host(&route, "Name or service not known");
        assert_eq!(found.text, format!("looking up {host}: Name or service not known"));
        assert!(found.fix.is_some_and(|text| text.contains(fix)));
        assert_eq!(found.status, EXIT_TEMPORARY);
    }
}

#[test]
fn what_helps_depends_on_how_nobody_answers() {
    let refused = [attempt("[::1]:443", "connection refused"), attempt("127.0.0.1:443", "connection refused")];
    for (route, attempts, text, fix) in [
        (
            direct("h"),
            &refused[..],
            "[::1]:443: connection refused; 127.0.0.1:443: connection refused",
            "check the port",
        ),
        (direct("h"), &[attempt("192.0.2.1:443", "no answer")], "192.0.2.1:443: no answer", "a firewall may be"),
        (proxied(), &refused[1..], "127.0.0.1:443: connection refused", "check that the proxy runs"),
    ] {
        let found = unreachable(&route, attempts);
        assert_eq!((found.text.as_str(), found.status), (text, EXIT_TEMPORARY));
        assert!(found.fix.is_some_and(|words| words.starts_with(fix)), "{fix}");
    }
}

#[test]
fn a_silent_address_before_the_one_that_answers_is_worth_a_warning() {
    let peer = "192.0.2.1:443".parse().unwrap();
    for (passed_over, level) in [
        (vec![], Level::Ok),
        (vec![attempt("[2001:db8::1]:443", "network unreachable")], Level::Ok),
        (vec![attempt("[2001:db8::1]:443", "no answer")], Level::Warning),
    ] {
        let found = judge_connection(&direct("h"), "acme.example.com", peer, &passed_over);
        assert_eq!(found.level, level, "{passed_over:?}");
    }
    let text = judge_connection(&proxied(), "acme.example.com", peer, &[]).text;
    assert_eq!(text, "connected to acme.example.com through 192.0.2.1:443");
}

#[test]
fn a_proxys_refusals_are_told_apart() {
    use TunnelFailure::{Broken, Refused, Untrusted};
    for (failure, status, text, fix) in [
        (Refused(407), 3, "the proxy wants a user name and a password (HTTP 407)", "write them"),
        (Refused(502), 3, "the proxy does not reach acme.example.com (HTTP 502)", "check `tenant`"),
        (
            Refused(403),
            3,
            "the proxy refuses to connect to acme.example.com (HTTP 403)",
            "ask the proxy's administrator",
        ),
        (Broken("no answer in time".to_owned()), 3, "the proxy: no answer in time", "check the proxy's"),
        (
            Untrusted("CN=Corp CA".to_owned()),
            2,
            "the proxy's own certificate, issued by CN=Corp CA, is not trusted",
            "add",
        ),
    ] {
        let found = no_tunnel("acme.example.com", false, &failure);
        assert_eq!((found.text.as_str(), found.status), (text, status));
        assert!(found.fix.is_some_and(|words| words.starts_with(fix)), "{fix}");
    }
    let text = no_tunnel("acme.example.com", true, &Refused(407)).text;
    assert_eq!(text, "the proxy does not accept that user name and password (HTTP 407)");
}
