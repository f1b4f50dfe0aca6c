//! The protected APIs, revocation, and the control endpoint.

use crate::client::{BASIC, TOKEN, get, post, request, text, token};
use ws1_emulator::Emulator;

/// The protected API.
const USERS: &str = "/SAAS/jersey/manager/api/scim/Users?startIndex=1";
/// Whether a token is valid.
const IS_VALID: &str = "/SAAS/API/1.0/REST/auth/token?attribute=isValid";
/// Whether a token is revoked.
const IS_REVOKED: &str = "/SAAS/API/1.0/REST/auth/token?attribute=isRevoked";

#[test]
fn the_api_requires_a_token_with_the_scope_admin() {
    let emulator = Emulator::start();
    let token = token(&emulator);
    let list = get(&emulator, USERS, &token);
    assert_eq!((list.status(), list.json()["totalResults"].as_u64()), (200, Some(2)));
    let narrow = text(&post(&emulator, TOKEN, "grant_type=client_credentials&scope=user"), "access_token");
    assert_eq!(get(&emulator, USERS, &narrow).status(), 403);
    let wrong = get(&emulator, USERS, "wrong");
    assert_eq!(wrong.status(), 401);
    assert_eq!(wrong.header("www-authenticate").as_deref(), Some(r#"Bearer error="invalid_token""#));
    let none = request(&emulator, "GET", USERS, "", "");
    assert_eq!(none.header("www-authenticate").as_deref(), Some("Bearer"));
    assert_eq!(emulator.counters().api, 4);
}

#[test]
fn the_audit_report_has_events() {
    let emulator = Emulator::start();
    let token = token(&emulator);
    let report = get(&emulator, "/analytics/reports/audit?objectType=LOGIN&pageSize=1", &token).json();
    assert_eq!((report["header"].as_array().unwrap().len(), report["data"].as_array().unwrap().len()), (5, 1));
    let details: serde_json::Value = serde_json::from_str(report["data"][0][4].as_str().unwrap()).unwrap();
    assert_eq!((&details["objectType"], &details["actorUserName"]), (&"LOGIN".into(), &"grace".into()));
    assert_eq!(get(&emulator, "/analytics/reports/audit/", &token).json()["data"].as_array().unwrap().len(), 4);
    assert_eq!(get(&emulator, "/analytics/reports/audit?pageSize=all", &token).status(), 400);
    let narrow = text(&post(&emulator, TOKEN, "grant_type=client_credentials&scope=user"), "access_token");
    assert_eq!(get(&emulator, "/analytics/reports/audit", &narrow).status(), 403);
    assert_eq!(get(&emulator, "/analytics/reports/audit", "wrong").status(), 401);
}

#[test]
fn path_tenants_have_the_api_too() {
    let emulator = Emulator::start();
    let token = text(&post(&emulator, "/SAAS/t/NAME/auth/oauthtoken", "grant_type=client_credentials"), "access_token");
    let below = |path: &str| get(&emulator, &format!("/SAAS/t/NAME/{path}"), &token);
    assert_eq!(below("jersey/manager/api/scim/Users").json()["totalResults"], 2);
    assert_eq!(below("API/1.0/REST/auth/token?attribute=isValid").body(), b"true");
    assert_eq!(below("jersey/manager/api/scim/Groups").status(), 404);
}

#[test]
fn tokens_can_be_revoked_at_the_endpoint() {
    let emulator = Emulator::builder().client("ci-bot", "emulator-secret").client("other", "o").start().unwrap();
    let token = token(&emulator);
    assert_eq!(get(&emulator, IS_VALID, &token).body(), b"true");
    assert_eq!(get(&emulator, IS_REVOKED, &token).body(), b"false");
    let form = format!("token={token}&token_type_hint=access_token");
    let other = "Authorization: Basic b3RoZXI6bw==\r\n";
    assert_eq!(request(&emulator, "POST", "/acs/revoke", other, &form).status(), 400);
    assert_eq!(request(&emulator, "POST", "/acs/revoke", "", &form).status(), 400);
    assert_eq!(request(&emulator, "POST", "/acs/revoke", BASIC, &form).status(), 200);
    assert_eq!(get(&emulator, IS_VALID, &token).body(), b"false");
    assert_eq!(get(&emulator, IS_REVOKED, &token).body(), b"true");
    assert_eq!(get(&emulator, USERS, &token).status(), 401);
    assert_eq!(emulator.counters().revoked, 1);
}

#[test]
fn tokens_can_be_revoked_by_the_test() {
    let emulator = Emulator::start();
    let (first, second) = (token(&emulator), token(&emulator));
    emulator.revoke(&first);
    assert!(!emulator.is_valid(&first));
    assert!(emulator.is_valid(&second));
    emulator.revoke_all();
    assert!(!emulator.is_valid(&second));
    assert!(emulator.is_valid(&token(&emulator)));
}

#[test]
fn the_cluster_answers_as_kubernetes_does() {
    let emulator = Emulator::start();
    let token = token(&emulator);
    assert_eq!(get(&emulator, "/k8s/version", &token).json()["gitVersion"], "v1.30.0");
    assert_eq!(get(&emulator, "/k8s/api/v1/namespaces/n/pods", &token).json()["kind"], "PodList");
    assert_eq!(get(&emulator, "/k8s/secrets", &token).status(), 404);
    let refused = get(&emulator, "/k8s/api", "wrong");
    assert_eq!((refused.status(), text(&refused, "reason").as_str()), (401, "Unauthorized"));
}

#[test]
fn the_control_endpoint_is_not_counted() {
    let emulator = Emulator::start();
    let control = |method: &str, path: &str, body: &str| request(&emulator, method, path, "", body);
    let token = token(&emulator);
    assert_eq!(control("POST", "/emulator/faults", r#"["html", {"status":{"code":503}}]"#).status(), 204);
    assert_eq!(post(&emulator, TOKEN, "").header("content-type").as_deref(), Some("text/html;charset=UTF-8"));
    assert_eq!(post(&emulator, TOKEN, "").status(), 503);
    assert_eq!(control("PUT", "/emulator/faults", r#"{"status":{"code":429}}"#).status(), 204);
    assert_eq!(post(&emulator, TOKEN, "").status(), 429);
    assert_eq!(post(&emulator, TOKEN, "").status(), 429);
    assert_eq!(control("DELETE", "/emulator/faults", "").status(), 204);
    assert_eq!(post(&emulator, TOKEN, "").status(), 500);
    assert_eq!(control("POST", "/emulator/faults", r#"["no-such-fault"]"#).status(), 400);
    assert_eq!(control("POST", "/emulator/revoke-all", "").status(), 204);
    assert!(!emulator.is_valid(&token));
    assert_eq!(control("POST", "/emulator/release", "").status(), 204);
    let counters = control("GET", "/emulator/counters", "").json();
    assert_eq!((&counters["token_requests"], &counters["other"]), (&6.into(), &0.into()));
    let requests = control("GET", "/emulator/requests", "").json();
    assert_eq!((requests.as_array().unwrap().len(), &requests[2]["status"]), (6, &503.into()));
    assert_eq!(control("PATCH", "/emulator/counters", "").status(), 405);
    assert_eq!(control("GET", "/emulator/secrets", "").status(), 404);
}
