//! Both grants and their errors, settings, and discovery.

use crate::client::{BASIC, TOKEN, ask, get, post, refresh, request, text, token};
use serde_json::json;
use ws1_emulator::{ClientAuth, Emulator, Fault};

#[test]
fn a_token_request_and_its_reply() {
    let emulator = Emulator::start();
    let answer = ask(&emulator);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    assert!(answer.header("date").is_some_and(|date| date.ends_with("GMT")));
    let reply = answer.json();
    assert_eq!(reply["token_type"], "Bearer");
    assert_eq!(reply["expires_in"], 10_799);
    assert_eq!(reply["scope"], "admin");
    assert_eq!(reply.as_object().unwrap().len(), 5);
    let token = text(&answer, "access_token");
    assert_eq!(token.split('.').count(), 3);
    assert!(emulator.is_valid(&token));
    assert_eq!(emulator.issued(), [token]);
    let counters = emulator.counters();
    assert_eq!((counters.connections, counters.token_requests, counters.client_credentials), (1, 1, 1));
    assert_eq!((counters.denied, counters.max_in_flight), (0, 1));
    let requests = emulator.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].target.as_str(), requests[0].status), ("POST", TOKEN, 200));
    assert_eq!(requests[0].form(), [("grant_type".to_owned(), "client_credentials".to_owned())]);
    assert_eq!(requests[0].header("HOST"), Some("x"));
}

#[test]
fn rotation_and_reuse() {
    let emulator = Emulator::start();
    let first = text(&ask(&emulator), "refresh_token");
    let second = text(&refresh(&emulator, &first), "refresh_token");
    assert_ne!(first, second);
    let reuse = refresh(&emulator, &first);
    assert_eq!((reuse.status(), text(&reuse, "error").as_str()), (400, "invalid_grant"));
    assert_eq!(refresh(&emulator, &second).status(), 400, "the family is revoked");
    emulator.play(Fault::status(500));
    assert_eq!(refresh(&emulator, &first).status(), 500);
    let counters = emulator.counters();
    assert_eq!((counters.refresh, counters.refresh_reuse, counters.denied), (4, 2, 2));

    let third = text(&ask(&emulator), "refresh_token");
    emulator.revoke_refresh_tokens();
    assert_eq!(refresh(&emulator, &third).status(), 400);
}

#[test]
fn settings() {
    let plain = Emulator::builder().issue_refresh_tokens(false).life(1).start().unwrap();
    let reply = ask(&plain).json();
    assert_eq!(reply["expires_in"], 0);
    assert_eq!(reply.get("refresh_token"), None);

    let steady = Emulator::builder().rotate_refresh_tokens(false).reissue(true).start().unwrap();
    let first = ask(&steady);
    let again = refresh(&steady, &text(&first, "refresh_token"));
    assert_eq!(text(&again, "refresh_token"), text(&first, "refresh_token"));
    assert_eq!(text(&again, "access_token"), text(&first, "access_token"));
    steady.revoke_all();
    assert_ne!(token(&steady), text(&first, "access_token"));
}

#[test]
fn the_clock_can_be_set() {
    let emulator = Emulator::start();
    emulator.set_now(Some(784_111_777));
    let answer = ask(&emulator);
    assert_eq!(answer.header("date").as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    let token = text(&answer, "access_token");
    emulator.set_now(Some(784_111_777 + 10_799));
    assert!(emulator.is_valid(&token));
    emulator.set_now(Some(784_111_777 + 10_800));
    assert!(!emulator.is_valid(&token));
    emulator.set_now(None);
    emulator.set_life(60);
    assert_eq!(ask(&emulator).json()["expires_in"], 59);
}

#[test]
fn refusals() {
    let emulator = Emulator::start();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let nobody = request(&emulator, "POST", TOKEN, form, "grant_type=client_credentials");
    assert_eq!((nobody.status(), text(&nobody, "error").as_str()), (401, "invalid_client"));
    assert_eq!(post(&emulator, TOKEN, "").status(), 500);
    assert_eq!(post(&emulator, TOKEN, "grant_type=magic").status(), 500);
    assert_eq!(text(&post(&emulator, TOKEN, "grant_type=password"), "error"), "unauthorized_client");
    assert_eq!(post(&emulator, TOKEN, "grant_type=refresh_token").status(), 400);
    assert_eq!(request(&emulator, "GET", TOKEN, BASIC, "").status(), 405);
    let json = format!("{BASIC}Content-Type: application/json\r\n");
    assert_eq!(request(&emulator, "POST", TOKEN, &json, "{}").status(), 400);
    assert_eq!(emulator.counters().denied, 7);
    assert_eq!(post(&emulator, &format!("{TOKEN}/"), "grant_type=client_credentials").status(), 404);

    emulator.set_secret("ci-bot", "changed");
    assert_eq!(ask(&emulator).status(), 401);
    emulator.set_secret("ci-bot", "emulator-secret");
    let token = token(&emulator);
    emulator.remove_client("ci-bot");
    assert_eq!(ask(&emulator).status(), 401);
    assert!(!emulator.is_valid(&token));
}

#[test]
fn the_authentication_method_is_recorded() {
    let emulator = Emulator::builder().client("ci@acme", "a+b%c d").start().unwrap();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let grant = "grant_type=client_credentials";
    let raw = format!("{form}Authorization: Basic Y2lAYWNtZTphK2IlYyBk\r\n");
    let encoded = format!("{form}Authorization: Basic Y2klNDBhY21lOmElMkJiJTI1Yytk\r\n");
    let in_body = format!("{grant}&client_id=ci%40acme&client_secret=a%2Bb%25c+d");
    assert_eq!(request(&emulator, "POST", TOKEN, &raw, grant).status(), 200);
    assert_eq!(request(&emulator, "POST", TOKEN, &encoded, grant).status(), 200);
    assert_eq!(request(&emulator, "POST", TOKEN, form, &in_body).status(), 200);
    assert_eq!(ask(&emulator).status(), 401, "a named client replaces the default one");
    let used: Vec<_> = emulator.requests().iter().map(|request| request.client_auth).collect();
    let expected = [Some(ClientAuth::Basic), Some(ClientAuth::BasicFormEncoded), Some(ClientAuth::Post), None];
    assert_eq!(used, expected);
}

#[test]
fn every_token_endpoint_issues_a_token() {
    let emulator = Emulator::builder().tenant_path("/deep/tenant/").start().unwrap();
    for path in [
        "/SAAS/API/1.0/oauth2/token",
        "/acs/token",
        "/acs/t/CUSTOMER/token",
        "/SAAS/t/X/auth/oauthtoken",
        "/deep/tenant/auth/oauthtoken",
        "/connect/token",
    ] {
        assert_eq!(post(&emulator, path, "grant_type=client_credentials").status(), 200, "{path}");
    }
    let in_query = request(&emulator, "POST", "/oauth/token?grant_type=client_credentials", BASIC, "");
    assert_eq!(text(&in_query, "token_type"), "bearer");
    let connect = post(&emulator, "/csp/gateway/am/api/auth/authorize", "grant_type=client_credentials");
    assert_eq!(connect.json().get("id_token"), Some(&json!(null)));
    assert_eq!(emulator.counters().token_requests, 8);
}

#[test]
fn discovery_can_be_switched_off() {
    let emulator = Emulator::builder().discovery(false).start().unwrap();
    for path in ["/SAAS/auth", "/SAAS/t/X/auth", "/acs"] {
        assert_eq!(get(&emulator, &format!("{path}/.well-known/openid-configuration"), "").status(), 404);
    }
}

#[test]
fn discovery_and_keys() {
    let emulator = Emulator::start();
    let url = emulator.url();
    for (path, token_path) in [("/SAAS/auth", "/SAAS/auth/oauthtoken"), ("/acs", "/acs/token")] {
        let document = get(&emulator, &format!("{path}/.well-known/openid-configuration"), "").json();
        assert_eq!(document["issuer"], format!("{url}/SAAS/auth"));
        assert_eq!(document["token_endpoint"], format!("{url}{token_path}"));
        let keys = document["jwks_uri"].as_str().unwrap().strip_prefix(&url).unwrap();
        assert_eq!(get(&emulator, keys, "").json()["keys"][0]["kty"], "RSA");
    }
    let key = "/SAAS/API/1.0/REST/auth/token?attribute=publicKey";
    assert!(get(&emulator, key, "").json()["mod"].is_string());
    assert!(get(&emulator, &format!("{key}&format=pem"), "").body().starts_with(b"-----BEGIN PUBLIC KEY-----\n"));
    assert_eq!(emulator.counters().other, 6);
}
