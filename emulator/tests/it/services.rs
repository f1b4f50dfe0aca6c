//! The services besides Access.

use crate::client::{Answer, BASIC, get, request, request_url, text};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use ws1_emulator::{ClientAuth, Emulator, Fault, Service};

/// The type of a form.
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
/// The default client in a form.
const CLIENT: &str = "grant_type=client_credentials&client_id=ci-bot&client_secret=emulator-secret";
/// Where Connect takes API tokens.
const API_TOKENS: &str = "/csp/gateway/am/api/auth/api-tokens/authorize";
/// The grant of VIDB's API tokens.
const VIDB_GRANT: &str = "grant_type=urn:custom:vcf:params:oauth:grant-type:api-token";

/// A running service.
fn start(service: Service) -> Emulator {
    Emulator::builder().service(service).start().expect("it can listen")
}

/// Requests a token with Basic authentication.
fn ask(emulator: &Emulator) -> Answer {
    request_url("POST", &emulator.token_url(), &format!("{BASIC}{FORM}"), "grant_type=client_credentials")
}

/// The header with a new access token.
fn bearer(emulator: &Emulator) -> String {
    format!("Authorization: Bearer {}\r\n", text(&ask(emulator), "access_token"))
}

/// The names of the fields of a reply.
fn fields(answer: &Answer) -> String {
    answer.json().as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ")
}

#[test]
fn each_service_has_its_reply() {
    let common = "access_token expires_in scope token_type";
    for (service, life, token_type, more) in [
        (Service::Access, 10_799, "Bearer", "refresh_token"),
        (Service::Uem, 3600, "Bearer", ""),
        (Service::Intelligence, 3599, "bearer", "dpa.org_id iss jti nbf"),
        (Service::Connect, 1799, "bearer", "id_token refresh_token"),
        (Service::Vidb, 1798, "Bearer", ""),
    ] {
        let emulator = start(service);
        let answer = ask(&emulator);
        assert_eq!((answer.status(), &answer.json()["expires_in"]), (200, &json!(life)), "{service:?}");
        assert_eq!(text(&answer, "token_type"), token_type);
        let mut expected: Vec<&str> = common.split(' ').chain(more.split_terminator(' ')).collect();
        expected.sort_unstable();
        assert_eq!(fields(&answer), expected.join(" "), "{service:?}");
        assert!(emulator.is_valid(&text(&answer, "access_token")));
        emulator.play(Fault::status(503));
        assert_eq!(ask(&emulator).status(), 503);
        assert_eq!((emulator.counters().token_requests, emulator.counters().client_credentials), (2, 2));
    }
}

#[test]
fn no_service_but_access_has_the_endpoints_of_another() {
    let paths = ["/SAAS/auth/oauthtoken", "/connect/token", "/oauth/token", API_TOKENS, "/acs/token"];
    for (service, own) in [(Service::Uem, 1), (Service::Intelligence, 2), (Service::Connect, 3), (Service::Vidb, 4)] {
        let emulator = start(service);
        for (index, path) in paths.iter().enumerate() {
            let answer = request(&emulator, "POST", path, &format!("{BASIC}{FORM}"), "grant_type=client_credentials");
            assert_eq!(answer.status() == 404, index != own, "{service:?} {path}");
        }
        let slash = request(&emulator, "POST", &format!("{}/", service.token_path()), BASIC, "");
        assert_eq!(slash.status(), 404);
        assert_eq!(get(&emulator, "/SAAS/auth/.well-known/openid-configuration", "").status(), 404);
    }
}

#[test]
fn lives_and_refresh_tokens_can_be_set() {
    let builder = Emulator::builder().service(Service::Uem).life(60).issue_refresh_tokens(true);
    let emulator = builder.start().unwrap();
    let reply = ask(&emulator).json();
    assert_eq!((&reply["expires_in"], reply["refresh_token"].is_string()), (&json!(60), true));
}

#[test]
fn uem_takes_credentials_in_the_form() {
    let emulator = start(Service::Uem);
    let url = emulator.token_url();
    assert_eq!(request_url("POST", &url, FORM, CLIENT).status(), 200);
    assert_eq!(ask(&emulator).status(), 200);
    assert_eq!(emulator.requests()[0].client_auth, Some(ClientAuth::Post));
    let refused = |headers: &str, query: &str, body: &str, error: &str| {
        let answer = request_url("POST", &format!("{url}{query}"), headers, body);
        assert_eq!((answer.status(), answer.json()), (400, json!({ "error": error })));
    };
    refused(FORM, &format!("?{CLIENT}"), "", "invalid_client");
    refused(FORM, "", &CLIENT.replace("emulator", "wrong"), "invalid_client");
    refused(FORM, "", &CLIENT.replace("client_credentials", "magic"), "unsupported_grant_type");
    refused(&format!("{BASIC}Content-Type: application/json\r\n"), "", "{}", "invalid_request");
}

#[test]
fn uem_pages_its_devices_on_the_host_of_the_api() {
    let emulator = start(Service::Uem);
    let bearer = bearer(&emulator);
    let search = |query: &str, headers: &str| {
        let url = format!("{}/api/mdm/devices/search{query}", emulator.api_url());
        request_url("GET", &url, &format!("{bearer}{headers}"), "")
    };
    let version_2 = "Accept: application/json;version=2\r\n";
    let mut names = Vec::new();
    for page in 0.. {
        let answer = search(&format!("?page={page}&pagesize=2"), version_2);
        if answer.status() == 204 {
            break;
        }
        assert_eq!(answer.header("content-type").as_deref(), Some("application/json;version=2; charset=utf-8"));
        let reply = answer.json();
        assert_eq!((&reply["Page"], &reply["PageSize"], &reply["Total"]), (&json!(page), &json!(2), &json!(5)));
        names.extend(reply["Devices"].as_array().unwrap().iter().map(|device| device["SerialNumber"].clone()));
    }
    assert_eq!(names, ["EMU00001", "EMU00002", "EMU00003", "EMU00004", "EMU00005"]);
    assert_eq!(search("", "").json()["Devices"].as_array().unwrap().len(), 5);
    assert_eq!(search("", "Accept: application/json;version=9\r\n").json()["errorCode"], 406);
    assert_eq!(search("?page=x", version_2).status(), 400);

    let refused = request_url("GET", &format!("{}/API/mdm/devices/search", emulator.api_url()), "", "");
    assert_eq!((refused.status(), &refused.json()["errorCode"]), (401, &json!(1005)));
    assert_ne!(emulator.url(), emulator.api_url());
    let elsewhere = |url: String| request_url("GET", &format!("{url}/api/mdm/devices/search"), &bearer, "");
    assert_ne!(elsewhere(emulator.url()).status(), 200);
    let token = request_url("POST", &format!("{}/connect/token", emulator.api_url()), FORM, CLIENT);
    assert_eq!(token.status(), 404);
}

#[test]
fn intelligence_takes_the_grant_in_the_query_or_in_the_form() {
    let emulator = Emulator::builder().service(Service::Intelligence).organisation("o").start().unwrap();
    let url = emulator.token_url();
    let in_query = request_url("POST", &format!("{url}?grant_type=client_credentials"), BASIC, "");
    assert_eq!(in_query.status(), 200);
    assert_eq!((text(&in_query, "iss"), text(&in_query, "dpa.org_id")), (emulator.url(), "o".to_owned()));
    assert_eq!(ask(&emulator).status(), 200);
    let split = request_url("POST", &format!("{url}?grant_type=client_credentials"), &format!("{BASIC}{FORM}"), "a=b");
    assert_eq!(split.status(), 200);
    for (query, body) in [("", CLIENT), (CLIENT, "")] {
        let refused = request_url("POST", &format!("{url}?{query}"), FORM, body);
        assert_eq!((refused.status(), text(&refused, "error").as_str()), (401, "invalid_client"));
    }
}

#[test]
fn intelligence_redirects_a_download_to_another_host() {
    let emulator = start(Service::Intelligence);
    let bearer = bearer(&emulator);
    let api = |method: &str, path: &str, headers: &str, body: &str| {
        request_url(method, &format!("{}/v2/reports/{path}", emulator.api_url()), headers, body)
    };
    let run = api("POST", "r1/run", &bearer, "").json();
    assert_eq!(run["data"]["report_id"], "r1");
    let list = api("POST", "r1/downloads/search", &bearer, r#"{"page_size":1,"offset":0}"#).json();
    let download = &list["data"]["results"][0];
    assert_eq!((&download["status"], &download["report_schedule_id"]), (&json!("COMPLETED"), &run["data"]["id"]));
    assert_eq!(api("POST", "r1/downloads/search", &bearer, r#"{"offset":1}"#).json()["data"]["results"], json!([]));
    assert_eq!(api("POST", "r1/downloads/search", &bearer, "x").status(), 400);

    let path = format!("tracking/{}/download", download["id"].as_str().unwrap());
    let redirect = api("GET", &path, &bearer, "");
    assert_eq!((redirect.status(), redirect.body()), (302, &b""[..]));
    let location = redirect.header("location").unwrap();
    assert!(location.starts_with("http://localhost:"), "{location}");
    let report = request_url("GET", &location, "", "");
    assert_eq!(report.header("content-type").as_deref(), Some("application/octet-stream"));
    assert_eq!(report.body().split(|&byte| byte == b'\n').count(), 4);
    assert_eq!(request_url("GET", &location, &bearer, "").status(), 400, "storage takes no access token");
    assert_eq!(request_url("GET", location.split('?').next().unwrap(), "", "").status(), 403);
    assert_eq!(api("GET", &path, "", "").status(), 401);
    assert_eq!(api("GET", "r1/run", &bearer, "").status(), 405);
    assert_eq!(api("POST", "r1/preview", &bearer, "").status(), 404);
}

#[test]
fn connect_takes_an_api_token_again_and_again() {
    let emulator = Emulator::builder().service(Service::Connect).api_token("t0ken-12345").start().unwrap();
    let ask = |query: &str, headers: &str, body: &str| {
        request(&emulator, "POST", &format!("{API_TOKENS}{query}"), headers, body)
    };
    for (query, headers, body) in [
        ("", FORM, "api_token=t0ken-12345"),
        ("", FORM, "refresh_token=t0ken-12345"),
        ("", FORM, "grant_type=refresh_token&api_token=t0ken-12345"),
        ("?refresh_token=t0ken-12345", "Content-Type: application/json\r\n", ""),
    ] {
        let answer = ask(query, headers, body);
        assert_eq!((answer.status(), text(&answer, "refresh_token").as_str()), (200, "t0ken-12345"), "{query}{body}");
        assert_eq!(answer.json()["expires_in"], 1799);
    }
    let denied = ask("", FORM, "api_token=secret-abcde");
    assert_eq!(denied.status(), 400);
    assert_eq!(fields(&denied), "cspErrorCode message metadata moduleCode requestId statusCode traceId");
    assert_eq!(text(&denied, "message"), "invalid_grant: Invalid refresh token: xxxxx...abcde");
    assert_eq!(ask("", FORM, "").json()["statusCode"], 400);
    emulator.remove_api_token("t0ken-12345");
    assert_eq!(ask("", FORM, "api_token=t0ken-12345").status(), 400);
    emulator.add_api_token("x");
    assert_eq!(ask("", FORM, "api_token=x").status(), 200);
    assert_eq!(text(&ask("", FORM, "api_token=é"), "message"), "invalid_grant: Invalid refresh token: xxxxx...é");
    let counters = emulator.counters();
    assert_eq!((counters.token_requests, counters.refresh, counters.refresh_reuse, counters.denied), (9, 0, 0, 4));
}

#[test]
fn connect_knows_its_organisation() {
    let emulator = Emulator::builder().service(Service::Connect).organisation("o1").start().unwrap();
    let headers = format!("{BASIC}{FORM}");
    let grant = |form: &str| {
        let body = format!("grant_type=client_credentials{form}");
        request_url("POST", &emulator.token_url(), &headers, &body)
    };
    let answer = grant("&orgId=o1");
    assert_eq!((&answer.json()["id_token"], &answer.json()["refresh_token"]), (&Value::Null, &Value::Null));
    assert_eq!(grant("&orgId=o2").json()["statusCode"], 403);
    let wrong = request_url("POST", &emulator.token_url(), FORM, CLIENT);
    assert_eq!(
        (wrong.status(), &wrong.json()["cspErrorCode"], wrong.json().get("error")),
        (401, &"250.100".into(), None)
    );

    let token = text(&answer, "access_token");
    let organisations = get(&emulator, "/csp/gateway/am/api/loggedin/user/orgs", &token).json();
    assert_eq!(organisations["refLinks"], json!(["/csp/gateway/am/api/orgs/o1"]));
    let header = format!("csp-auth-token: {token}\r\n");
    let one = request(&emulator, "GET", "/csp/gateway/am/api/orgs/o1", &header, "");
    assert_eq!((one.status(), &one.json()["displayName"]), (200, &json!("Emulator")));
    assert_eq!(get(&emulator, "/csp/gateway/am/api/orgs/o2", &token).json()["statusCode"], 404);
    assert_eq!(get(&emulator, "/csp/gateway/am/api/orgs/o1", "wrong").json()["statusCode"], 401);
}

#[test]
fn vidb_takes_an_api_token_without_a_client() {
    let emulator = start(Service::Vidb);
    let ask =
        |path: &str, token: &str| request(&emulator, "POST", path, FORM, &format!("{VIDB_GRANT}&api_token={token}"));
    for path in ["/acs/t/CUSTOMER/token", "/acs/t/other/token", "/acs/token"] {
        let answer = ask(path, "emulator-api-token");
        assert_eq!((&answer.json()["expires_in"], answer.json().get("refresh_token")), (&json!(1798), None), "{path}");
    }
    let denied = json!({
        "error": "invalid_client",
        "error_description": "oauth2.authorization.credentials.invalid",
    });
    let wrong = [ask("/acs/t/CUSTOMER/token", "wrong"), request(&emulator, "POST", "/acs/token", FORM, "grant_type=x")];
    for answer in wrong {
        assert_eq!((answer.status(), answer.json()), (401, denied.clone()));
    }
    let missing = request(&emulator, "POST", "/acs/token", FORM, VIDB_GRANT);
    assert_eq!((missing.status(), text(&missing, "error").as_str()), (400, "invalid_request"));
}

#[test]
fn vidb_lists_users_and_has_no_saas() {
    let emulator = start(Service::Vidb);
    let answer = ask(&emulator);
    let users = get(&emulator, "/usergroup/t/CUSTOMER/scim/v2/Users", &text(&answer, "access_token"));
    assert_eq!(users.header("content-type").as_deref(), Some("application/scim+json"));
    assert_eq!(users.json()["Resources"][1]["userName"], "grace");
    assert_eq!(get(&emulator, "/usergroup/t/CUSTOMER/scim/v2/Users", "wrong").status(), 401);
    let saas = request(&emulator, "POST", "/SAAS/auth/oauthtoken", BASIC, "");
    assert_eq!((saas.status(), saas.header("content-type").as_deref()), (404, Some("text/html")));
}

#[test]
fn the_other_hosts_end_with_the_emulator() {
    let emulator = start(Service::Intelligence);
    let addr = emulator.api_url().strip_prefix("http://").unwrap().to_owned();
    drop(TcpStream::connect(&addr).unwrap());
    drop(emulator);
    assert!(TcpStream::connect(&addr).is_err());
}

#[test]
fn the_port_of_the_api_can_be_chosen() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let builder = Emulator::builder().api_port(taken.local_addr().unwrap().port());
    let refused = builder.clone().service(Service::Uem).start().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AddrInUse);
    assert!(builder.start().is_ok(), "Access has no such port");
}
