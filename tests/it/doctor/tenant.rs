//! Clock, discovery, tokens and API.

use serde_json::json;
use ws1_emulator::{Emulator, Fault};

use super::{apart, lines, mark, world};
use crate::sandbox::{Sandbox, assert_snapshot, now};
use crate::stub::{Stub, response};

#[test]
fn wrong_replies_are_explained() {
    let (emulator, sandbox) = world();
    let mut all = String::new();
    for (title, fault) in [
        ("a wrong secret", Fault::oauth_error(401, "invalid_client", "Client authentication failed")),
        ("the same as 400", Fault::oauth_error(400, "invalid_client", "Client authentication failed")),
        ("a grant that is not allowed", Fault::oauth_error(400, "unauthorized_client", "no")),
        ("a scope that is not there", Fault::oauth_error(400, "invalid_scope", "no")),
        ("forbidden", Fault::status(403)),
        ("nothing there", Fault::status(404)),
        ("a wrong method", Fault::status(405)),
        ("a wrong grant type", Fault::oauth_error(500, "server_error", "grant_type is incorrect or absent")),
        ("a wrong host", Fault::status(444)),
        ("no body", Fault::status(200)),
        ("no answer at all", Fault::CloseEmpty),
        ("a reset", Fault::Reset),
        ("a page", Fault::Html),
        ("another host", Fault::Redirect { code: 302, location: "https://portal.example.com/login?x=hunter2".into() }),
        ("another page", Fault::Redirect { code: 302, location: "/login?x=hunter2".into() }),
        ("too many requests", Fault::retry_after("30")),
        ("trouble", Fault::status(503)),
        ("no token", Fault::Json(json!({ "token_type": "Bearer" }))),
        ("not HTTP", Fault::Raw { bytes: b"hunter2".to_vec() }),
    ] {
        emulator.play(fault);
        let output = sandbox.run(&["doctor"]);
        assert_ne!(output.status, 0, "{title}: {output}");
        assert!(!output.to_string().contains("hunter2"), "{output}");
        assert_eq!((mark(&output, "refresh"), mark(&output, "api"), mark(&output, "lock")), ('–', '–', '✓'), "{title}");
        all.push_str(&format!("# {title}\n{}", lines(&output, &["token"])));
    }
    assert_snapshot!("doctor-wrong-replies", all);
    assert_eq!(emulator.counters().refresh, 0);
}

#[test]
fn a_wrong_secret() {
    let (emulator, sandbox) = world();
    sandbox.write_secret("hunter2+");
    let output = sandbox.run(&["doctor"]);
    assert_snapshot!("doctor-wrong-secret", lines(&output, &["secret", "token", "refresh", "api"]));
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn a_clock_that_is_off() {
    let (emulator, sandbox) = world();
    let mut all = String::new();
    for (title, by, status) in [("a minute", 90, 0), ("the other way", -90, 0), ("an hour", 3700, 1)] {
        emulator.set_now(Some(now() + by));
        let output = sandbox.run(&["doctor"]);
        assert_eq!(output.status, status, "{title}: {output}");
        all.push_str(&format!("# {title}\n{}", lines(&output, &["clock"])));
    }
    assert_snapshot!("doctor-clock", all, (r"\d+ (min|s|h)", "$$N $1"));
}

#[test]
fn a_service_that_tells_nothing_about_itself() {
    let token = r#"{"access_token":"abc","expires_in":300}"#;
    let stub = Stub::start(move |head| {
        if head.starts_with("POST") { response("200 OK", "", token) } else { response("404 Not Found", "", "<html>") }
    });
    let emulator = Emulator::start();
    let mut sandbox = apart(&emulator);
    sandbox.name(&stub.host(), "$STUB");
    let mut all = String::new();
    for preset in ["access", "uem"] {
        sandbox.edit_profile(|profile| {
            profile["tenant"] = format!("http://{}", stub.host()).into();
            profile["preset"] = preset.into();
        });
        let output = sandbox.run(&["doctor"]);
        assert_eq!(output.status, 0, "{output}");
        all.push_str(&format!("# {preset}\n{}", lines(&output, &["clock", "discovery", "token", "refresh", "api"])));
    }
    assert_snapshot!("doctor-mute-service", all);
}

#[test]
fn a_tenant_under_another_name() {
    let emulator = Emulator::start();
    let sandbox = apart(&emulator);
    let alias = emulator.url().replace("127.0.0.1", "localhost");
    sandbox.edit_profile(|profile| profile["tenant"] = alias.into());
    let output = sandbox.run(&["doctor"]);
    assert_eq!(output.status, 0, "{output}");
    assert_snapshot!("doctor-alias", lines(&output, &["discovery"]), (r"localhost:\d+", "$$ALIAS"));
}

/// The lines about tokens.
fn tokens(sandbox: &Sandbox) -> String {
    let output = sandbox.run(&["doctor"]);
    assert_eq!(output.status, 0, "{output}");
    lines(&output, &["token", "refresh", "api"])
}

#[test]
fn refresh_tokens() {
    let (emulator, sandbox) = world();
    emulator.play(Fault::Delay { ms: 0 });
    emulator.play(Fault::oauth_error(400, "invalid_grant", "Invalid refresh token"));
    let mut all = format!("# refused\n{}", tokens(&sandbox));
    emulator.play(Fault::Delay { ms: 0 });
    emulator.play(Fault::ResetAfterIssue);
    all.push_str(&format!("# lost\n{}", tokens(&sandbox)));
    assert_eq!(emulator.counters().refresh, 2);
    sandbox.edit_profile(|profile| profile["use_refresh_token"] = false.into());
    all.push_str(&format!("# switched off\n{}", tokens(&sandbox)));
    let without = Emulator::builder().issue_refresh_tokens(false).start().unwrap();
    all.push_str(&format!("# none issued\n{}", tokens(&apart(&without))));
    let lasting = Emulator::builder().rotate_refresh_tokens(false).start().unwrap();
    lasting.play(Fault::Delay { ms: 0 });
    lasting.play(Fault::unset("refresh_token"));
    all.push_str(&format!("# the same for ever\n{}", tokens(&apart(&lasting))));
    assert_snapshot!("doctor-refresh", all);
    assert_eq!((emulator.counters().refresh, without.counters().refresh), (2, 0));
}

#[test]
fn the_api_for_administrators() {
    let (emulator, sandbox) = world();
    sandbox.edit_profile(|profile| profile["scope"] = "user".into());
    let mut all = format!("# without the scope\n{}", tokens(&sandbox));
    sandbox.edit_profile(|profile| drop(profile.as_object_mut().unwrap().remove("scope")));
    emulator.play_always(Fault::set("access_token", "unknown-to-the-api"));
    all.push_str(&format!("# not taken\n{}", tokens(&sandbox)));
    assert_snapshot!("doctor-api", all);
    let asked: Vec<_> = emulator.requests().into_iter().filter(|request| request.target.contains("scim")).collect();
    assert!(asked.iter().all(|request| request.target == "/SAAS/jersey/manager/api/scim/Users?count=1"));
    assert_eq!(asked.iter().map(|request| request.status).collect::<Vec<_>>(), [403, 401]);
}

#[test]
fn a_back_off_is_told_and_not_respected() {
    let (emulator, sandbox) = world();
    emulator.play(Fault::retry_after("600"));
    assert_eq!(sandbox.run(&["get"]).status, 3);
    let before = std::fs::read(sandbox.entry_file()).unwrap();
    let mut all = format!("# the same secret\n{}", tokens(&sandbox));
    assert_eq!(std::fs::read(sandbox.entry_file()).unwrap(), before);
    assert_eq!(sandbox.run(&["get"]).status, 3, "others still hold back");
    emulator.set_secret("ci-bot", "another");
    sandbox.write_secret("another");
    all.push_str(&format!("# another secret, which is tried at once\n{}", tokens(&sandbox)));
    assert_snapshot!("doctor-back-off", all, (r"for \d+ min( \d+ s)?", "for $$N min"));
}
