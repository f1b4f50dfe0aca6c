//! The tenant's possible replies, and what each leads to.

use serde_json::{Value, json};
use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{Sandbox, assert_snapshot};

/// 400 days, the longest life that is believed.
const LONGEST: i64 = 400 * 24 * 3600;

/// A 200 with this body.
fn body(text: impl Into<String>) -> Fault {
    Fault::Status { code: 200, body: text.into(), content_type: "application/json".to_owned(), headers: Vec::new() }
}

/// A reply with an opaque token and this `expires_in`.
fn opaque(expires_in: impl Into<Value>) -> Fault {
    Fault::Json(json!({ "access_token": "opaque", "token_type": "Bearer", "expires_in": expires_in.into() }))
}

/// The life in seconds that the cache gives the one token it holds.
fn life(sandbox: &Sandbox) -> i64 {
    let entry = sandbox.entry();
    entry["token"]["expires_at"].as_i64().unwrap() - entry["token"]["issued_at"].as_i64().unwrap()
}

#[test]
fn lives_are_read_as_tenants_write_them() {
    let emulator = Emulator::start();
    for (fault, expected) in [
        (opaque(3600), 3600),
        (opaque("3600"), 3600),
        (opaque(" 3600 "), 3600),
        (opaque(3600.9), 3600),
        (opaque(20), 20),
        (opaque(30), 30),
        (opaque(i64::MAX), LONGEST),
        (opaque(u64::MAX), LONGEST),
        (opaque(1e300), LONGEST),
        (opaque("1e20"), LONGEST),
        (opaque(365 * 24 * 3600), 365 * 24 * 3600),
        (body(r#"{"access_token":"opaque","expires_in":1e3}"#), 1000),
        // The token itself knows its life; the earlier of the two counts, and it alone where the reply makes no sense.
        (Fault::set("expires_in", 99_999), 10_800),
        (Fault::set("expires_in", 600), 600),
        (Fault::set("expires_in", 0), 10_800),
        (Fault::set("expires_in", -1), 10_800),
        (Fault::set("expires_in", Value::Null), 10_800),
        (Fault::unset("expires_in"), 10_800),
    ] {
        let sandbox = Sandbox::with_tenant(&emulator);
        emulator.play(fault.clone());
        sandbox.run(&["get"]).token();
        assert_eq!(life(&sandbox), expected, "{fault:?}");
    }
}

#[test]
fn a_token_without_any_stated_life_is_used_for_five_minutes() {
    let emulator = Emulator::start();
    for fault in [
        opaque(Value::Null),
        opaque("soon"),
        opaque(""),
        opaque("NaN"),
        Fault::Json(json!({ "access_token": "opaque" })),
    ] {
        let sandbox = Sandbox::with_tenant(&emulator);
        emulator.play(fault.clone());
        let output = sandbox.run(&["get"]);
        assert_eq!(
            output.to_string(),
            "opaque\n--- stderr ---\nwarning: the reply of tenant `$TENANT` has no `expires_in`, assuming 300 s\n",
            "{fault:?}"
        );
        assert_eq!(life(&sandbox), 300, "{fault:?}");
        assert_eq!(sandbox.run(&["get"]).token(), "opaque", "said once, not on every call");
    }
}

#[test]
fn a_short_lived_token_is_not_renewed_on_every_call() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play_always(opaque(30));
    for _ in 0..5 {
        assert_eq!(sandbox.run(&["get"]).token(), "opaque");
    }
    assert_eq!(emulator.counters().token_requests, 1);
    sandbox.age_until(5);
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 2, "under the floor it is not served");
}

#[test]
fn harmless_differences_are_accepted() {
    let emulator = Emulator::start();
    for fault in [
        Fault::set("token_type", "bearer"),
        Fault::set("token_type", "BEARER"),
        Fault::set("token_type", Value::Null),
        Fault::unset("token_type"),
        Fault::set("id_token", Value::Null),
        Fault::set("future", json!({ "nested": [1, 2, 3] })),
        Fault::set("scope", Value::Null),
        Fault::set("refresh_token", Value::Null),
        Fault::set("refresh_token", 5),
        Fault::set("refresh_token", ""),
        Fault::set("error", Value::Null),
        Fault::set("error", ""),
        Fault::unset("refresh_token"),
        Fault::CloseDelimited { cut: 0 },
        body("\r\n {\"access_token\":\"A-._~+/z09==\",\"expires_in\":60}\n "),
        body(json!({ "access_token": "t".repeat(16 * 1024), "expires_in": 60 }).to_string()),
    ] {
        let sandbox = Sandbox::with_tenant(&emulator);
        emulator.play(fault.clone());
        let token = sandbox.run(&["get"]).token();
        assert_eq!(sandbox.run(&["get"]).token(), token, "{fault:?}");
    }
}

#[test]
fn a_reply_without_a_refresh_token_keeps_the_old_one() {
    let emulator = Emulator::builder().rotate_refresh_tokens(false).start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]).token();
    let refresh_token = sandbox.entry()["refresh_token"].clone();
    assert!(refresh_token.is_string());
    sandbox.age_until(60);
    emulator.play(Fault::unset("refresh_token"));
    sandbox.run(&["get"]).token();
    assert_eq!(sandbox.entry()["refresh_token"], refresh_token);
    assert_eq!((emulator.counters().refresh, emulator.counters().client_credentials), (1, 1));
}

#[test]
fn an_earlier_ending_token_never_replaces_a_good_one() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get"]).token();
    sandbox.age_until(300);
    emulator.play(opaque(100));
    assert_eq!(sandbox.run(&["get"]).token(), first);
    assert_eq!(sandbox.run(&["get"]).token(), first, "and nobody asks again at once");
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn a_tenant_that_reissues_its_token_is_not_asked_on_every_call() {
    let emulator = Emulator::builder().reissue(true).start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get"]).token();
    let expires_in = sandbox.entry()["token"]["expires_at"].as_i64().unwrap() - crate::sandbox::now();
    // Both the cache and the tenant are near the end of the token's life.
    sandbox.age_until(60);
    emulator.set_now(Some(crate::sandbox::now() + expires_in - 60));
    for _ in 0..5 {
        assert_eq!(sandbox.run(&["get"]).token(), first);
    }
    assert_eq!(emulator.counters().token_requests, 2);
}

/// What a run with an empty cache and one with a token near its end say to an answer, and what it costs.
///
/// Whatever the answer, the token that is there stays as it is and is served, with one warning.
fn both(emulator: &Emulator, title: &str, fault: &Fault) -> String {
    let requests = |since: u64| emulator.counters().token_requests - since;
    let cold = Sandbox::with_tenant(emulator);
    let start = emulator.counters().token_requests;
    emulator.play_always(fault.clone());
    let output = cold.run(&["get"]);
    assert_eq!(output.stdout, "", "{title}");
    assert!(cold.entry()["token"].is_null(), "{title}");
    assert_eq!(cold.run(&["get"]).status, output.status, "{title}");
    assert_eq!(requests(start), 1, "{title}: a failure is not repeated at once");
    emulator.play_normally();

    let due = Sandbox::with_tenant(emulator);
    let token = due.run(&["get"]).token();
    due.age_until(60);
    let before = due.entry()["token"].clone();
    let start = emulator.counters().token_requests;
    emulator.play_always(fault.clone());
    let served = due.run(&["get"]);
    emulator.play_normally();
    let cost = requests(start);
    assert_eq!((served.status, served.stdout.trim_end()), (0, token.as_str()), "{title}: {served}");
    assert_eq!(served.stderr.lines().count(), 1, "{title}: {served}");
    assert_eq!(due.entry()["token"], before, "{title}");
    format!("# {title}\n{output}[requests of the second: {cost}]\n{}\n", served.to_string().split_once('\n').unwrap().1)
}

/// All of them, for a snapshot.
fn table(status: i32, rows: &[(&str, Fault)]) -> String {
    let emulator = Emulator::start();
    let text: String = rows.iter().map(|(title, fault)| both(&emulator, title, fault)).collect();
    assert_eq!(text.matches(&format!("[exit status: {status}]")).count(), rows.len(), "{text}");
    assert_eq!(emulator.counters().refresh_reuse, 0);
    text
}

/// What differs from run to run in these tables.
const LEFT: (&str, &str) = (r"\d+ s left", "$$SECONDS s left");

#[test]
fn what_is_no_token_is_never_printed_or_kept() {
    let token = |value: Value| Fault::set("access_token", value);
    let rows = [
        ("line break", token("good\nInjected: header".into())),
        ("carriage return", token("good\rbad".into())),
        ("NUL", token("good\0bad".into())),
        ("escape sequence", token("good\u{1b}[2Jbad".into())),
        ("space", token("good bad".into())),
        ("quote", token("good'bad".into())),
        ("not ASCII", token("göod".into())),
        ("padding only", token("==".into())),
        ("padding inside", token("a=b".into())),
        ("longer than 16 KiB", token("t".repeat(16 * 1024 + 1).into())),
        ("empty", token("".into())),
        ("number", token(5.into())),
        ("object", token(json!({ "token": "t" }))),
        ("null", token(Value::Null)),
        ("missing", Fault::unset("access_token")),
        ("empty object", Fault::Json(json!({}))),
        ("array", Fault::Json(json!(["t"]))),
        ("string", Fault::Json("t".into())),
        ("another type", Fault::set("token_type", "mac")),
        ("type not a string", Fault::set("token_type", 5)),
        ("token twice", body(r#"{"access_token":"one","access_token":"two","expires_in":60}"#)),
        ("text after the object", body(r#"{"access_token":"one","expires_in":60}{"access_token":"two"}"#)),
        ("text cut off", body(r#"{"access_token":"one","expires_in":60"#)),
        ("life boolean", Fault::set("expires_in", true)),
        ("life beyond any number", body(r#"{"access_token":"one","expires_in":1e400}"#)),
        ("life zero", opaque(0)),
        ("life minus one", opaque(-1)),
        ("life at the floor", opaque(5)),
    ];
    assert_snapshot!("replies-no-token", table(5, &rows), LEFT);
}

#[test]
fn what_is_no_token_endpoint_is_said() {
    let rows = [
        ("login page", Fault::Html),
        ("204", Fault::status(204)),
        ("200 without a body", Fault::status(200)),
        ("garbage", Fault::GarbageJson),
        ("gzip", Fault::GzipBomb),
        ("a large body", Fault::Oversize { bytes: 1_000_000 }),
        ("an endless body", Fault::EndlessChunked),
        ("huge headers", Fault::HugeHeaders { bytes: 100_000 }),
        ("not HTTP", Fault::Raw { bytes: b"SSH-2.0-OpenSSH_9.9\r\n".to_vec() }),
        ("a body without a length, cut off", Fault::CloseDelimited { cut: 7 }),
        ("404", Fault::status(404)),
        ("405", Fault::status(405)),
        (
            "415 with a page",
            Fault::Status {
                code: 415,
                body: "<html>no".to_owned(),
                content_type: "text/html".to_owned(),
                headers: Vec::new(),
            },
        ),
        ("404 with an OAuth error", Fault::oauth_error(404, "not_found", "no such client")),
    ];
    assert_snapshot!("replies-no-endpoint", table(5, &rows), LEFT);
}

#[test]
fn a_redirect_is_never_followed() {
    let other = Emulator::start();
    let location = format!("{}/SAAS/auth/oauthtoken?secret=hunter2", other.url());
    let redirect = |code: u16, location: &str| Fault::Redirect { code, location: location.to_owned() };
    let rows = [
        ("301", redirect(301, &location)),
        ("302", redirect(302, &location)),
        ("303", redirect(303, &location)),
        ("307", redirect(307, &location)),
        ("308", redirect(308, &location)),
        ("to a page of its own", redirect(302, "/SAAS/auth/login")),
        ("with credentials in it", redirect(302, "https://user:hunter2@example.com/")),
        ("without a location", Fault::status(302)),
        ("300", Fault::status(300)),
    ];
    let text = table(5, &rows).replace(&other.host(), "$OTHER");
    assert!(!text.contains("hunter2"), "{text}");
    assert_snapshot!("replies-redirects", text, LEFT);
    assert_eq!(other.counters().connections, 0, "the target is never contacted");
}

#[test]
fn a_denial_is_told_in_the_tenants_words() {
    let rows = [
        ("401", Fault::status(401)),
        ("401 with an OAuth error", Fault::oauth_error(401, "invalid_client", "Client authentication failed")),
        (
            "401 with a page",
            Fault::Status {
                code: 401,
                body: "<html>sign in".to_owned(),
                content_type: "text/html".to_owned(),
                headers: Vec::new(),
            },
        ),
        ("403", Fault::status(403)),
        ("403 with an OAuth error", Fault::oauth_error(403, "access_denied", "not from this network")),
        ("400 invalid_scope", Fault::oauth_error(400, "invalid_scope", "unknown scope: admim")),
        ("400 unauthorized_client", Fault::oauth_error(400, "unauthorized_client", "")),
        ("200 with an OAuth error", Fault::oauth_error(200, "invalid_client", "Client authentication failed")),
        ("control characters", Fault::oauth_error(400, "bad\u{1b}[2J", "line\nbreak \u{7}\u{e9}")),
        ("many words", Fault::oauth_error(400, "invalid_request", &"word ".repeat(1000))),
    ];
    assert_snapshot!("replies-denials", table(4, &rows), LEFT);
}

#[test]
fn a_400_without_an_oauth_error_is_no_denial() {
    let rows = [
        ("400 without a body", Fault::status(400)),
        (
            "400 with JSON",
            Fault::Status {
                code: 400,
                body: r#"{"message":"nginx"}"#.to_owned(),
                content_type: "application/json".to_owned(),
                headers: Vec::new(),
            },
        ),
    ];
    assert_snapshot!("replies-400", table(5, &rows), LEFT);
}

#[cfg_attr(windows, ignore = "a reset is an early end there")]
#[test]
fn trouble_is_temporary() {
    let rows = [
        ("500", Fault::status(500)),
        (
            "502 with a page",
            Fault::Status {
                code: 502,
                body: "<html>bad gateway".to_owned(),
                content_type: "text/html".to_owned(),
                headers: Vec::new(),
            },
        ),
        ("503", Fault::status(503)),
        ("504", Fault::status(504)),
        ("500 with an OAuth error", Fault::oauth_error(500, "server_error", "Unexpected")),
        ("408", Fault::status(408)),
        ("reset", Fault::Reset),
        ("reset after the token was issued", Fault::ResetAfterIssue),
        ("closed without a word", Fault::CloseEmpty),
        ("cut off", Fault::TruncateBody),
    ];
    let emulator = Emulator::start();
    let text: String = rows
        .iter()
        // The pause after such a failure is drawn by lot and may be over after a second: only one request here.
        .map(|(title, fault)| temporary(&emulator, title, fault))
        .collect();
    assert_snapshot!("replies-trouble", text, LEFT);
    assert_eq!(emulator.counters().refresh_reuse, 0);
}

/// Like [`both`], without the second run: its back-off is too short to be relied on.
fn temporary(emulator: &Emulator, title: &str, fault: &Fault) -> String {
    let cold = Sandbox::with_tenant(emulator);
    emulator.play_always(fault.clone());
    let start = emulator.counters().token_requests;
    let output = cold.run(&["get"]);
    assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{title}");
    assert_eq!(emulator.counters().token_requests - start, 1, "{title}");
    let until = cold.entry()["failure"]["until"].as_i64().unwrap();
    assert!((1..=2).contains(&(until - cold.entry()["failure"]["at"].as_i64().unwrap())), "{title}");
    emulator.play_normally();

    let due = Sandbox::with_tenant(emulator);
    let token = due.run(&["get"]).token();
    due.age_until(60);
    let before = due.entry()["token"].clone();
    let start = emulator.counters().token_requests;
    emulator.play_always(fault.clone());
    let served = due.run(&["get"]);
    emulator.play_normally();
    assert_eq!(emulator.counters().token_requests - start, 1, "{title}");
    assert_eq!((served.status, served.stdout.trim_end()), (0, token.as_str()), "{title}: {served}");
    assert_eq!(served.stderr.lines().count(), 1, "{title}: {served}");
    assert_eq!(due.entry()["token"], before, "{title}");
    assert_eq!(due.entry()["refresh_token"], Value::Null, "{title}: it may have been consumed");
    format!("# {title}\n{output}{}\n", served.to_string().split_once('\n').unwrap().1)
}

#[test]
fn too_many_requests_are_answered_with_a_pause() {
    let rows = [
        ("30", Fault::retry_after("30")),
        ("0", Fault::retry_after("0")),
        ("-5", Fault::retry_after("-5")),
        ("1000000000", Fault::retry_after("1000000000")),
        ("soon", Fault::retry_after("soon")),
        ("a date in the past", Fault::retry_after("Wed, 21 Oct 2015 07:28:00 GMT")),
        ("a date in another century", Fault::retry_after("Tue, 21 Oct 2127 07:28:00 GMT")),
        ("no header", Fault::status(429)),
    ];
    let emulator = Emulator::start();
    let mut text = String::new();
    for (title, fault) in rows {
        let sandbox = Sandbox::with_tenant(&emulator);
        emulator.play(fault);
        let output = sandbox.run(&["get"]);
        assert_eq!(output.status, 3, "{title}");
        let failure = sandbox.entry()["failure"].clone();
        let pause = failure["until"].as_i64().unwrap() - failure["at"].as_i64().unwrap();
        text.push_str(&format!("# Retry-After: {title}\n{output}[pause: {pause} s]\n\n"));
    }
    assert_snapshot!("replies-429", text);
}

#[test]
fn a_pause_that_the_tenant_asked_for_is_kept_by_everyone() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    emulator.play_always(Fault::retry_after("30"));
    let first = sandbox.run(&["get"]);
    assert_eq!((first.status, first.stdout.trim_end()), (0, token.as_str()));
    for run in sandbox.run_many(8, &["get"]) {
        assert_eq!(run.token(), token, "the others have nothing to warn of");
    }
    assert_eq!(emulator.counters().token_requests, 2);
    emulator.play_normally();
    sandbox.age(31);
    assert_ne!(sandbox.run(&["get"]).token(), token);
    assert_eq!(emulator.counters().refresh_reuse, 0);
}
