//! What the tenant is asked, to the byte.

use std::fmt::Write as _;

use serde_json::json;
use ws1_emulator::{ClientAuth, Emulator, Fault, Request};

use crate::sandbox::{SECRET, Sandbox, assert_snapshot};

/// A request as it came in.
fn render(request: &Request) -> String {
    let mut text = format!("{} {}\n", request.method, request.target);
    for (name, value) in &request.headers {
        writeln!(text, "{name}: {value}").unwrap();
    }
    format!("{text}\n{}\n", String::from_utf8(request.body.clone()).unwrap())
}

/// All requests, with a name for the tenant's port.
fn seen(emulator: &Emulator) -> String {
    let requests: Vec<String> = emulator.requests().iter().map(render).collect();
    requests.join("---\n").replace(&emulator.host(), "$TENANT").replace(env!("CARGO_PKG_VERSION"), "$VERSION")
}

/// The line of the only request, and its body.
fn only(emulator: &Emulator) -> (String, String) {
    let requests = emulator.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert!(!request.target.contains(SECRET), "{}", request.target);
    (format!("{} {}", request.method, request.target), String::from_utf8(request.body.clone()).unwrap())
}

#[test]
fn both_grants_to_the_byte() {
    let emulator = Emulator::builder().client("my_client", "fFjs8tGiloQD5ze4pL42EV6s0mufGrOG").start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.write_secret("fFjs8tGiloQD5ze4pL42EV6s0mufGrOG");
    sandbox.edit_profile(|profile| profile["client_id"] = "my_client".into());
    emulator.play(Fault::set("refresh_token", "refresh/token+1"));
    sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    sandbox.run(&["get"]).token();
    let basic = "Basic bXlfY2xpZW50OmZGanM4dEdpbG9RRDV6ZTRwTDQyRVY2czBtdWZHck9H";
    assert!(emulator.requests().iter().all(|request| request.header("authorization") == Some(basic)));
    // The emulator does not know its own patched refresh token: the third request is the fall-back.
    assert_snapshot!("request-grants", seen(&emulator));
}

#[test]
fn the_scope_goes_along_with_both_grants() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["scope"] = "admin user".into());
    emulator.play(Fault::set("refresh_token", "r1"));
    sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    sandbox.run(&["get"]).token();
    let bodies: Vec<String> =
        emulator.requests().iter().map(|request| String::from_utf8(request.body.clone()).unwrap()).collect();
    assert_eq!(
        bodies,
        [
            "grant_type=client_credentials&scope=admin+user",
            "grant_type=refresh_token&refresh_token=r1&scope=admin+user",
            "grant_type=client_credentials&scope=admin+user",
        ]
    );
    sandbox.set("WS1_TOKEN_SCOPE", "user");
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.requests()[3].body, b"grant_type=client_credentials&scope=user", "the environment wins");
}

#[test]
fn a_refresh_token_that_came_with_client_credentials_is_kept_and_used() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play(Fault::set("refresh_token", "r1"));
    sandbox.run(&["get"]).token();
    assert_eq!(sandbox.entry()["refresh_token"], "r1");
    sandbox.age_until(60);
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.requests()[1].body, b"grant_type=refresh_token&refresh_token=r1");
}

#[test]
fn a_profile_without_refresh_never_sends_a_refresh_token() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["use_refresh_token"] = false.into());
    let first = sandbox.run(&["get"]).token();
    assert_eq!(sandbox.entry()["refresh_token"], json!(null), "nor is it kept");
    sandbox.age_until(60);
    assert_ne!(sandbox.run(&["get"]).token(), first);
    let counters = emulator.counters();
    assert_eq!((counters.client_credentials, counters.refresh), (2, 0));
}

/// A client whose id and secret look different in every style.
const ODD: (&str, &str) = ("ci@acme", "a+b%c d:é");

#[test]
fn every_style_of_authentication() {
    for (style, auth, header, body) in [
        ("basic", ClientAuth::Basic, Some("Basic Y2lAYWNtZTphK2IlYyBkOsOp"), "grant_type=client_credentials"),
        (
            "basic-form-encoded",
            ClientAuth::BasicFormEncoded,
            Some("Basic Y2klNDBhY21lOmElMkJiJTI1YytkJTNBJUMzJUE5"),
            "grant_type=client_credentials",
        ),
        (
            "post",
            ClientAuth::Post,
            None,
            "grant_type=client_credentials&client_id=ci%40acme&client_secret=a%2Bb%25c+d%3A%C3%A9",
        ),
    ] {
        let emulator = Emulator::builder().client(ODD.0, ODD.1).start().unwrap();
        let sandbox = Sandbox::with_tenant(&emulator);
        sandbox.write_secret(ODD.1);
        sandbox.edit_profile(|profile| {
            profile["client_id"] = ODD.0.into();
            profile["auth_style"] = style.into();
        });
        sandbox.run(&["get"]).token();
        assert_eq!(only(&emulator), ("POST /SAAS/auth/oauthtoken".to_owned(), body.to_owned()), "{style}");
        let request = &emulator.requests()[0];
        assert_eq!((request.client_auth, request.header("authorization")), (Some(auth), header), "{style}");
    }
}

#[test]
fn a_refused_style_is_not_followed_by_another() {
    let emulator = Emulator::builder().client(ODD.0, ODD.1).start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.write_secret("wrong");
    sandbox.edit_profile(|profile| profile["client_id"] = ODD.0.into());
    assert_eq!(sandbox.run(&["get"]).status, 4);
    only(&emulator);
}

#[test]
fn every_sibling_service_is_asked_at_its_own_door() {
    let body = "grant_type=client_credentials";
    for (preset, path, line, body) in [
        ("access", "", "POST /SAAS/auth/oauthtoken", body),
        ("access", "/", "POST /SAAS/auth/oauthtoken", body),
        ("access", "/SAAS", "POST /SAAS/auth/oauthtoken", body),
        ("access", "/SAAS/t/ACME", "POST /SAAS/t/ACME/auth/oauthtoken", body),
        ("acs", "", "POST /acs/token", body),
        ("acs", "/acs/t/ACME", "POST /acs/t/ACME/token", body),
        ("vidb", "", "POST /acs/t/CUSTOMER/token", body),
        ("uem", "", "POST /connect/token", body),
        ("connect", "", "POST /csp/gateway/am/api/auth/authorize", body),
        ("intelligence", "", "POST /oauth/token?grant_type=client_credentials", ""),
    ] {
        let emulator = Emulator::start();
        let sandbox = Sandbox::with_tenant(&emulator);
        sandbox.edit_profile(|profile| {
            profile["preset"] = preset.into();
            profile["tenant"] = format!("{}{path}", emulator.url()).into();
        });
        sandbox.run(&["get"]).token();
        assert_eq!(only(&emulator), (line.to_owned(), body.to_owned()), "{preset} {path}");
    }
}

#[test]
fn intelligence_is_asked_with_an_empty_body_and_never_for_a_refresh() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| {
        profile["preset"] = "intelligence".into();
        profile["scope"] = "a b".into();
    });
    sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    sandbox.run(&["get"]).token();
    assert_snapshot!("request-intelligence", seen(&emulator));
}

#[test]
fn a_token_url_is_asked_in_place_of_the_tenants() {
    let (tenant, door) = (Emulator::start(), Emulator::start());
    let sandbox = Sandbox::with_tenant(&tenant);
    sandbox.edit_profile(|profile| profile["token_url"] = format!("{}/acs/token", door.url()).into());
    sandbox.run(&["get"]).token();
    assert_eq!(only(&door).0, "POST /acs/token");
    assert_eq!(tenant.counters().connections, 0);
}

#[test]
fn over_tls_with_a_private_authority() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]).token();
    assert_eq!(only(&emulator).0, "POST /SAAS/auth/oauthtoken");
}
