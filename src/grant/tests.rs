//! Table tests of the grants and of every answer that tenants send.

use super::*;
use AuthStyle::{Basic, BasicFormEncoded, Post};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

fn answer(status: u16, body: impl Into<Vec<u8>>) -> HttpResponse {
    HttpResponse { status, body: body.into(), ..HttpResponse::default() }
}

fn issued(body: &Value) -> Result<TokenResponse, RequestFailure> {
    read(&answer(200, body.to_string()), &[])
}

fn jwt(claims: &Value) -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[test]
fn basic_vectors() {
    let header = |style, id: &str, secret: &str| {
        basic(style, id, &Secret::new(secret.to_owned())).map(|value| value.expose().to_owned())
    };
    for (style, id, secret, value) in [
        (
            Basic,
            "my_client",
            "fFjs8tGiloQD5ze4pL42EV6s0mufGrOG",
            "bXlfY2xpZW50OmZGanM4dEdpbG9RRDV6ZTRwTDQyRVY2czBtdWZHck9H",
        ),
        (Basic, "curl", "fFjs8tGiloQD5ze4pL42EV6s0mufGrOG", "Y3VybDpmRmpzOHRHaWxvUUQ1emU0cEw0MkVWNnMwbXVmR3JPRw=="),
        (Basic, "my_client", "s3cret", "bXlfY2xpZW50OnMzY3JldA=="),
        (BasicFormEncoded, "my_client", "s3cret", "bXlfY2xpZW50OnMzY3JldA=="),
        (Basic, "ci@acme", "a+b%c d", "Y2lAYWNtZTphK2IlYyBk"),
        (BasicFormEncoded, "ci@acme", "a+b%c d", "Y2klNDBhY21lOmElMkJiJTI1Yytk"),
        (Basic, "MyAppTemplate@e9d8", "p:é", "TXlBcHBUZW1wbGF0ZUBlOWQ4OnA6w6k="),
        (BasicFormEncoded, "MyAppTemplate@e9d8", "p:é", "TXlBcHBUZW1wbGF0ZSU0MGU5ZDg6cCUzQSVDMyVBOQ=="),
    ] {
        assert_eq!(header(style, id, secret), Some(format!("Basic {value}")), "{id} {style:?}");
    }
    assert_eq!(header(Post, "a", "b"), None);
}

#[test]
fn forms() {
    assert_eq!(Grant::ClientCredentials.form(None), [("grant_type", "client_credentials")]);
    let refresh = Grant::RefreshToken(Secret::new("r".to_owned()));
    assert_eq!(
        refresh.form(Some("admin")),
        [("grant_type", "refresh_token"), ("refresh_token", "r"), ("scope", "admin")]
    );
}

#[test]
fn a_full_reply_is_read() {
    let reply = json!({"access_token": "abc", "token_type": "Bearer", "expires_in": 10799,
        "refresh_token": "r", "scope": "admin", "id_token": null, "new": {"x": 1}});
    assert_eq!(
        issued(&reply),
        Ok(TokenResponse {
            access_token: Secret::new("abc".to_owned()),
            life: 10_799,
            life_is_assumed: false,
            refresh_token: Some(Secret::new("r".to_owned()))
        })
    );
}

#[test]
fn every_life_that_tenants_send() {
    let plain = "opaque".to_owned();
    let three_hours = jwt(&json!({"iat": 1_000, "exp": 11_800}));
    let minute = jwt(&json!({"iat": 1_000, "exp": 1_060}));
    let life = |token: &str, expires_in: &str| {
        let text = if expires_in.is_empty() {
            format!("{{\"access_token\":\"{token}\"}}")
        } else {
            format!("{{\"access_token\":\"{token}\",\"expires_in\":{expires_in}}}")
        };
        read(&answer(200, text), &[]).map(|issued| issued.life).map_err(|failure| failure.cause)
    };
    for (expires_in, opaque, with_jwt) in [
        ("10799", Some(10_799), Some(10_799)),
        ("\"3600\"", Some(3600), Some(3600)),
        ("\" 3600 \"", Some(3600), Some(3600)),
        ("3600.5", Some(3600), Some(3600)),
        ("\"3600.5\"", Some(3600), Some(3600)),
        ("1e3", Some(1000), Some(1000)),
        ("", Some(300), Some(10_800)),
        ("null", Some(300), Some(10_800)),
        ("\"soon\"", Some(300), Some(10_800)),
        ("\"NaN\"", Some(300), Some(10_800)),
        ("0", None, Some(10_800)),
        ("-1", None, Some(10_800)),
        ("-9223372036854775808", None, Some(10_800)),
        ("1e20", Some(LONGEST_LIFE), Some(10_800)),
        ("9223372036854775807", Some(LONGEST_LIFE), Some(10_800)),
        ("1e400", None, None),
        ("true", None, None),
        ("[1]", None, None),
        ("5", None, None),
        ("6", Some(6), Some(6)),
    ] {
        assert_eq!(life(&plain, expires_in).ok(), opaque, "opaque, {expires_in}");
        assert_eq!(life(&three_hours, expires_in).ok(), with_jwt, "JWT, {expires_in}");
    }
    assert_eq!(life(&minute, "10799"), Ok(60), "the earlier of both");
    assert_eq!(life(&jwt(&json!({"iat": 9, "exp": 3})), "10799").ok(), None, "a JWT that ends before it began");
    for odd in [json!({"exp": 5}), json!({"exp": "5", "iat": 1}), json!([])] {
        assert_eq!(life(&jwt(&odd), "60"), Ok(60), "{odd}");
    }
    for odd in ["a.b", "a.b.c.d", "a.!.c", "..."] {
        assert_eq!(jwt_life(odd), None, "{odd}");
    }
}

#[test]
fn what_is_not_a_bearer_token_is_unusable() {
    let long = "a".repeat(TOKEN_LIMIT + 1);
    for token in [
        json!(""),
        json!("a b"),
        json!("a\nb"),
        json!("a\u{0}"),
        json!("é"),
        json!("=a"),
        json!("="),
        json!("a\u{1b}[2J"),
        json!("a\"b"),
        json!("a'b"),
        json!(5),
        json!(null),
        json!({}),
        json!(long),
    ] {
        let failure = issued(&json!({"access_token": token, "expires_in": 60})).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unusable, "{failure}");
    }
    assert!(issued(&json!({"access_token": "a".repeat(TOKEN_LIMIT), "expires_in": 60})).is_ok());
}

#[test]
fn token_types() {
    for kind in [json!("Bearer"), json!("bearer"), json!("BEARER"), json!(null)] {
        assert!(issued(&json!({"access_token": "a", "expires_in": 60, "token_type": kind})).is_ok());
    }
    for kind in [json!("mac"), json!(""), json!(7)] {
        assert!(issued(&json!({"access_token": "a", "expires_in": 60, "token_type": kind})).is_err());
    }
}

#[test]
fn answers_are_classed_by_status_and_body() {
    use FailureKind::{Denied, ServerError, TooManyRequests, Unusable};
    let oauth = |code: &str| json!({ "error": code }).to_string();
    for (status, body, kind, cause) in [
        (400, oauth("invalid_grant"), Denied(Some(ErrorCode::InvalidGrant)), "HTTP 400 invalid_grant"),
        (401, oauth("invalid_client"), Denied(Some(ErrorCode::InvalidClient)), "HTTP 401 invalid_client"),
        (401, "<html>".to_owned(), Denied(None), "HTTP 401"),
        (401, String::new(), Denied(None), "HTTP 401"),
        (403, String::new(), Denied(None), "HTTP 403"),
        (403, oauth("access_denied"), Denied(Some(ErrorCode::Other)), "HTTP 403 access_denied"),
        (408, String::new(), ServerError, "HTTP 408"),
        (200, oauth("invalid_client"), Denied(Some(ErrorCode::InvalidClient)), "HTTP 200 invalid_client"),
        (400, "<html>".to_owned(), Unusable, "HTTP 400, expected 200 with JSON"),
        (404, oauth("x"), Unusable, "HTTP 404 x, expected 200 with JSON"),
        (405, String::new(), Unusable, "HTTP 405, expected 200 with JSON"),
        (302, String::new(), Unusable, "HTTP 302: refusing to follow a redirect"),
        (429, String::new(), TooManyRequests, "HTTP 429 too many requests"),
        (500, oauth("server_error"), ServerError, "HTTP 500 server_error"),
        (503, String::new(), ServerError, "HTTP 503"),
        (200, " <html>".to_owned(), Unusable, "HTTP 200 with an HTML or XML page, expected JSON with a token"),
        (204, String::new(), Unusable, "HTTP 204 with an empty body, expected JSON with a token"),
        (200, "{".to_owned(), Unusable, "HTTP 200 with malformed JSON, expected JSON with a token"),
        (
            200,
            "[]".to_owned(),
            Unusable,
            "HTTP 200 with something that is not a JSON object, expected JSON with a token",
        ),
        (200, "{}".to_owned(), Unusable, "HTTP 200: the reply holds no `access_token`"),
        (
            200,
            "{\"access_token\":\"a\",\"access_token\":\"b\"}".to_owned(),
            Unusable,
            "HTTP 200 with malformed JSON, expected JSON with a token",
        ),
    ] {
        assert_eq!(read(&answer(status, body), &[]), Err(RequestFailure::new(kind, cause)));
    }
}

#[test]
fn tokens_have_their_characters_and_16_kib() {
    let read = |access_token: &str, refresh_token: &str| {
        let body = json!({ "access_token": access_token, "refresh_token": refresh_token, "expires_in": 60 });
        read(&answer(200, body.to_string()), &[]).map_err(|failure| failure.cause)
    };
    let long = |text: &str, more: usize| text.repeat(16 * 1024 + more);
    assert!(read(&long("t", 0), "r").is_ok());
    assert_eq!(read(&long("t", 1), "r").unwrap_err(), "HTTP 200: `access_token` is longer than 16 KiB");
    let odd = "HTTP 200: `access_token` holds characters that no bearer token may hold";
    assert_eq!(read(&long(" ", 0), "r").unwrap_err(), odd);
    let kept = |refresh_token: &str| read("t", refresh_token).unwrap().refresh_token.is_some();
    assert!(kept("r") && kept(" !~") && kept(&long("r", 0)));
    for odd in ["", "\u{7f}", "\u{1f}", "\n", "é", &long("r", 1)] {
        assert!(!kept(odd), "{:?}", &odd[..odd.len().min(5)]);
    }
}

#[test]
fn a_revocation_is_a_success_unless_it_is_denied_or_failed() {
    use FailureKind::{Denied, ServerError, TooManyRequests, Unusable};
    let denied = json!({ "error": "invalid_client" }).to_string();
    for (status, body, expected) in [
        (200, "", None),
        (200, "{}", None),
        (200, "<html>", None),
        (200, r#"{"error":""}"#, None),
        (204, "", None),
        (299, "", None),
        (200, denied.as_str(), Some(Denied(Some(ErrorCode::InvalidClient)))),
        (400, denied.as_str(), Some(Denied(Some(ErrorCode::InvalidClient)))),
        (400, "", Some(Unusable)),
        (401, "", Some(Denied(None))),
        (300, "", Some(Unusable)),
        (404, "", Some(Unusable)),
        (429, "", Some(TooManyRequests)),
        (503, "", Some(ServerError)),
    ] {
        let read = read_revocation(&answer(status, body.to_owned()), &[]);
        assert_eq!(read.err().map(|failure| failure.kind), expected, "{status} {body}");
    }
}

#[test]
fn a_tenants_words_are_cut_cleaned_and_redacted() {
    let secret = Secret::new("s3cr/t+".to_owned());
    let words = |description: &str| {
        let body = json!({"error": "invalid_client", "error_description": description}).to_string();
        read(&answer(401, body), &[&secret]).unwrap_err().cause
    };
    assert_eq!(
        words("no s3cr/t+ s3cr%2Ft%2B czNjci90Kw== \u{1b}[2J\nx"),
        "HTTP 401 invalid_client: \"no *** *** *** ?[2J?x\""
    );
    assert_eq!(words(&"x".repeat(100_000)), format!("HTTP 401 invalid_client: \"{}\"", "x".repeat(200)));
}

#[test]
fn services_that_do_not_speak_oauth_are_quoted_too() {
    use FailureKind::{Denied, ServerError, TooManyRequests, Unusable};
    let csp =
        |status: u16| json!({"statusCode": status, "cspErrorCode": "250.100", "message": "bad api_token"}).to_string();
    let spring = json!({"status": 404, "error": "Not Found", "message": "No message available"}).to_string();
    for (status, body, kind, cause) in [
        (400, csp(400), Denied(None), "HTTP 400 250.100: \"bad api_token\""),
        (401, csp(401), Denied(None), "HTTP 401 250.100: \"bad api_token\""),
        (403, json!({"message": "no"}).to_string(), Denied(None), "HTTP 403: \"no\""),
        (404, spring, Unusable, "HTTP 404 Not Found: \"No message available\", expected 200 with JSON"),
        (429, csp(429), TooManyRequests, "HTTP 429 too many requests 250.100: \"bad api_token\""),
        (500, csp(500), ServerError, "HTTP 500 250.100: \"bad api_token\""),
        (200, csp(200), Unusable, "HTTP 200: the reply holds no `access_token`"),
        (400, json!({"message": "no"}).to_string(), Unusable, "HTTP 400: \"no\", expected 200 with JSON"),
        (
            401,
            json!({"error": "invalid_client", "error_description": "a", "message": "b"}).to_string(),
            Denied(Some(ErrorCode::InvalidClient)),
            "HTTP 401 invalid_client: \"a\"",
        ),
    ] {
        assert_eq!(read(&answer(status, body.clone()), &[]), Err(RequestFailure::new(kind, cause)), "{status} {body}");
    }
}

#[test]
fn a_reply_does_not_repeat_its_own_tokens() {
    let body = json!({
        "error": "server_error", "access_token": "mine", "refresh_token": "also mine",
        "error_description": "issued mine and also%20mine, eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    });
    let failure = read(&answer(400, body.to_string()), &[]).unwrap_err();
    assert_eq!(failure.cause, "HTTP 400 server_error: \"issued *** and ***, ***\"");
}

#[test]
fn retry_after_is_a_number_or_a_date() {
    assert_eq!(retry_after("30", 0), Some(30));
    assert_eq!(retry_after(" -5 ", 0), Some(-5));
    assert_eq!(retry_after("1000000000", 0), Some(1_000_000_000));
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_747), Some(30));
    assert_eq!(retry_after("soon", 0), None);
    assert_eq!(retry_after("", 0), None);
}
