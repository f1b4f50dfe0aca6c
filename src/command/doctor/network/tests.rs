//! The words for every way that leads, or does not.

use super::*;
use crate::command::doctor::finding::Level;

/// A route without a proxy.
fn direct(host: &str) -> Route {
    Route::direct(host, 443)
}

/// A route through one.
fn proxied() -> Route {
    Route::through("http://user:hunter2@proxy.example.com:3128", "HTTPS_PROXY")
}

/// An attempt that failed.
fn attempt(address: &str, cause: &str) -> Attempt {
    Attempt { address: address.parse().unwrap(), cause: cause.to_owned(), is_silent: cause == "no answer" }
}

#[test]
fn a_proxy_is_named_with_whoever_names_it() {
    let through = "http://proxy.example.com:3128 (HTTPS_PROXY), with a user name and a password";
    let bare = Route::through("http://proxy.example.com", "ALL_PROXY");
    for (route, by_profile, choice, plain, expected) in [
        (direct("h"), false, Choice::None, None, "none"),
        (
            direct("h"),
            false,
            Choice::None,
            Some("HTTP_PROXY"),
            "none: HTTP_PROXY does not apply to https, HTTPS_PROXY does",
        ),
        (direct("h"), false, Choice::ThisMachine("ALL_PROXY"), None, "none: ALL_PROXY does not apply to this machine"),
        (
            direct("h"),
            false,
            Choice::Excluded("HTTPS_PROXY", "no_proxy"),
            None,
            "none: no_proxy excludes the tenant from HTTPS_PROXY",
        ),
        (direct("h"), true, Choice::None, None, "none: `proxy` of profile `prod` does not apply to this machine"),
        (proxied(), false, Choice::Through("HTTPS_PROXY", "http://user:hunter2@p"), None, through),
        (proxied(), true, Choice::Excluded("HTTPS_PROXY", "NO_PROXY"), None, through),
        (bare, false, Choice::None, None, "http://proxy.example.com:80 (ALL_PROXY)"),
    ] {
        let mut profile = crate::protocol::git::properties::profile();
        profile.proxy = by_profile.then(|| crate::secret::Secret::new("http://p".to_owned()));
        profile.name = "prod".to_owned();
        assert_eq!(judge_proxy(&route, &profile, &choice, plain).text, expected);
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
    for (route, host, fix) in [
        (direct("acme.invalid"), "acme.invalid", "misspelling"),
        (proxied(), "proxy.example.com", "the proxy's name in HTTPS_PROXY"),
    ] {
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
        (
            proxied(),
            &refused[1..],
            "127.0.0.1:443: connection refused",
            "check that the proxy runs there, or change HTTPS_PROXY",
        ),
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
