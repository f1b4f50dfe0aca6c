//! What holds for every answer of a token endpoint: for random ones in the tests below, and for the fuzzer's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{HttpResponse, TokenResponse, read, retry_after};
use crate::failure::{FailureKind, RequestFailure};
use crate::secret::Secret;

/// Longest cause, in bytes: a status, two quotations of 200 characters, what stands between them, and what was expected.
const CAUSE_LIMIT: usize = 437;

/// Reads an answer, and panics if what comes of it breaks a promise.
pub(crate) fn check(answer: &HttpResponse, secrets: &[&Secret]) -> Result<TokenResponse, RequestFailure> {
    let result = read(answer, secrets);
    match &result {
        Ok(issued) => {
            assert!((200..300).contains(&answer.status), "a token out of status {}", answer.status);
            check_issued(issued);
        }
        Err(RequestFailure { cause, .. }) => {
            assert!(cause.len() <= CAUSE_LIMIT, "{} bytes", cause.len());
            assert!(cause.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{cause:?}");
            for secret in secrets.iter().map(|secret| secret.expose()) {
                let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
                for shown in [secret, &form, &STANDARD.encode(secret)] {
                    assert!(!cause.contains(shown), "`{shown}` in {cause:?}");
                }
                let credentials = secret.strip_prefix("Basic ").unwrap_or(secret);
                assert!(!cause.contains(credentials), "`{credentials}` in {cause:?}");
            }
        }
    }
    result
}

/// What is issued can be put into any header, line or quotation, lasts a believable time, and fits the cache.
fn check_issued(issued: &TokenResponse) {
    let token = issued.access_token.expose();
    assert!((1..=16 * 1024).contains(&token.len()), "{} bytes", token.len());
    let body = token.trim_end_matches('=');
    assert!(!body.is_empty() && body.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c)), "{token:?}");
    assert!((6..=400 * 86_400).contains(&issued.life), "{} s", issued.life);
    assert!(!issued.life_is_assumed || issued.life == 300);
    if let Some(refresh) = &issued.refresh_token {
        assert!((1..=16 * 1024).contains(&refresh.expose().len()));
        assert!(refresh.expose().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
    crate::cache::properties::check_fits(issued);
}

/// Reads a `Retry-After`, and panics if the pause that comes of it is not one of 1 s to 1 h.
pub(crate) fn check_retry_after(value: &str, now: i64) -> Option<i64> {
    let seconds = retry_after(value, now);
    let pause = FailureKind::TooManyRequests.back_off(1, seconds, 0);
    assert!((1..=3600).contains(&pause), "{value:?}: {pause}");
    assert!(seconds.is_some() || pause == 60, "{value:?} is unreadable: {pause}");
    seconds
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::super::{is_b64token, jwt_life};
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::time::{Duration, UNIX_EPOCH};

    const BEARER: &str = "[A-Za-z0-9._~+/-]{1,60}={0,2}";

    /// A value of a reply's field, more often than not the kind that belongs there.
    fn value() -> impl Strategy<Value = String> {
        let number = prop_oneof![any::<i64>().prop_map(|n| n.to_string()), any::<f64>().prop_map(|n| format!("{n:e}"))];
        prop_oneof![
            4 => BEARER.prop_map(|token| json!(token).to_string()),
            2 => (any::<i64>(), any::<i64>()).prop_map(|(iat, exp)| json!(jwt(iat, exp)).to_string()),
            2 => any::<String>().prop_map(|text| json!(text).to_string()),
            1 => (16_380_usize..16_390).prop_map(|length| json!("a".repeat(length)).to_string()),
            1 => (16_380_usize..16_390).prop_map(|length| json!("\u{1}".repeat(length)).to_string()),
            2 => number,
            2 => (0_i64..100_000).prop_map(|n| json!(n.to_string()).to_string()),
            2 => proptest::sample::select(vec!["null", "true", "[]", "{}", "\"Bearer\"", "1e400", "-1", "\"inf\""])
                .prop_map(str::to_owned),
        ]
    }

    /// A reply: mostly an object with the known fields, in any order, any of them missing, any of them twice.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let keys = ["token_type", "expires_in", "refresh_token", "error", "error_description", "scope"];
        let field = (proptest::sample::select(keys.to_vec()), value());
        let object = (value(), proptest::collection::vec(field, 0..5)).prop_map(|(token, fields)| {
            let fields = fields.iter().map(|(key, value)| format!(",\"{key}\":{value}")).collect::<Vec<_>>().concat();
            format!("{{\"access_token\":{token}{fields}}}").into_bytes()
        });
        let cut = (object, any::<proptest::sample::Index>(), any::<bool>()).prop_map(|(mut body, at, cut)| {
            body.truncate(if cut { at.index(body.len()) } else { body.len() });
            body
        });
        prop_oneof![8 => cut, 1 => any::<Vec<u8>>()]
    }

    fn jwt(iat: i64, exp: i64) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(json!({"iat": iat, "exp": exp}).to_string()))
    }

    /// A reply with just what is given, from a tenant that is well.
    fn reply(token: &str, more: &Value) -> HttpResponse {
        let mut body = json!({"access_token": token});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        HttpResponse { status: 200, body: body.to_string().into_bytes(), ..HttpResponse::default() }
    }

    #[test]
    fn the_longest_cause_of_every_status_is_bounded() {
        let words = "x".repeat(1000);
        let body = json!({"error": words, "error_description": words}).to_string().into_bytes();
        let cause = |status| {
            let answer = HttpResponse { status, body: body.clone(), ..HttpResponse::default() };
            check(&answer, &[]).unwrap_err().cause.len()
        };
        assert_eq!((100..600).map(cause).max(), Some(CAUSE_LIMIT));
    }

    proptest! {
        #[test]
        fn no_answer_breaks_a_promise(status in prop_oneof![3 => Just(200_u16), 1 => 100_u16..600], body in body()) {
            let _ = check(&HttpResponse { status, body, ..HttpResponse::default() }, &[]);
        }

        #[test]
        fn a_sound_reply_is_a_token_for_as_long_as_it_says(token in BEARER, life in 6_i64..=400 * 86_400) {
            // Three parts and a JSON object in the middle would be a JWT with a life of its own.
            prop_assume!(jwt_life(&token).is_none());
            for expires_in in [json!(life), json!(life.to_string()), json!(format!(" {life}.5 "))] {
                let issued = check(&reply(&token, &json!({"expires_in": expires_in})), &[]).unwrap();
                prop_assert_eq!(issued.access_token.expose(), token.as_str());
                prop_assert_eq!((issued.life, issued.life_is_assumed), (life, false));
            }
        }

        #[test]
        fn a_longer_life_is_cut_to_the_longest(life in prop_oneof![400.0 * 86_400.0..1e300, Just(f64::MAX)]) {
            let issued = check(&reply("opaque", &json!({"expires_in": life})), &[]).unwrap();
            prop_assert_eq!(issued.life, 400 * 86_400);
        }

        #[test]
        fn no_life_is_no_token(life in -1_000_000_i64..=5) {
            let result = check(&reply("opaque", &json!({"expires_in": life})), &[]);
            prop_assert!(result.is_err());
        }

        #[test]
        fn the_earlier_of_the_replys_and_the_tokens_life_counts(
            stated in proptest::option::of(-5_i64..100_000), iat in 0_i64..1 << 40, own in 6_i64..100_000,
        ) {
            let result = check(&reply(&jwt(iat, iat + own), &json!({"expires_in": stated})), &[]);
            let life = stated.filter(|stated| *stated > 0).map_or(own, |stated| stated.min(own));
            prop_assert_eq!(result.ok().map(|issued| issued.life), Some(life).filter(|life| *life > 5));
        }

        #[test]
        fn a_token_is_a_bearer_token_or_nothing(token in prop_oneof![any::<String>(), "[a-c]{0,3}[ -~é\n]{0,2}=*"]) {
            let result = check(&reply(&token, &json!({"expires_in": 60})), &[]);
            prop_assert_eq!(result.is_ok(), is_b64token(&token));
        }

        #[test]
        fn a_refresh_token_is_printable_or_nothing(
            token in prop_oneof![any::<String>(), "[ -~]{1,40}", Just("\"".repeat(16 * 1024))],
        ) {
            let issued = check(&reply("opaque", &json!({"expires_in": 60, "refresh_token": token})), &[]).unwrap();
            let sound = !token.is_empty() && token.chars().all(|c| (' '..='~').contains(&c));
            prop_assert_eq!(issued.refresh_token.map(|token| token.expose().to_owned()), Some(token).filter(|_| sound));
        }

        #[test]
        fn a_tenants_words_never_hold_a_secret_that_was_sent(
            id in "[a-z]{1,6}", secret in "s3cr[ -~é]{6,30}", words in proptest::collection::vec((any::<String>(), 0_usize..6), 0..6),
            status in proptest::sample::select(vec![200_u16, 400, 401, 403, 500]),
        ) {
            let secret = Secret::new(secret);
            let basic = super::super::basic(crate::config::AuthStyle::Basic, &id, &secret).unwrap();
            let forms = [
                secret.expose().to_owned(),
                form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect(),
                STANDARD.encode(secret.expose()),
                basic.expose().to_owned(),
                basic.expose().replace("Basic ", ""),
                String::new(),
            ];
            let text: String = words.iter().flat_map(|(word, form)| [word.as_str(), &forms[*form]]).collect();
            let body = json!({"error": text, "error_description": text}).to_string().into_bytes();
            let answer = HttpResponse { status, body, ..HttpResponse::default() };
            prop_assert!(check(&answer, &[&secret, &basic]).is_err(), "an error is no token");
        }

        #[test]
        fn any_retry_after_gives_a_bounded_pause(text in any::<String>(), number in any::<i64>(), now in any::<i64>()) {
            check_retry_after(&text, now);
            prop_assert_eq!(check_retry_after(&format!(" {number} "), now), Some(number));
        }

        #[test]
        fn a_retry_after_date_is_judged_by_our_clock(seconds in 0_u64..250_000_000_000, ahead in -5_000_i64..5_000) {
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            let now = i64::try_from(seconds).unwrap() - ahead;
            prop_assert_eq!(check_retry_after(&date, now), Some(ahead));
        }
    }
}
