//! The claims of a token. Decoded and never verified: that is up to the resource server. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The last second that RFC 3339 can write, 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

/// The claims of a JWT that `whoami` shows. Any of them may be missing; one of an unexpected type counts as missing. They
/// come from the tenant: clean them before they are written to a terminal. The serialized fields are stable: `whoami
/// --json` prints them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Claims {
    /// The OAuth client: `cid`, or `client_id` (RFC 9068 §2.2).
    #[serde(skip)]
    pub(crate) client_id: Option<String>,
    /// The name of the client or user: `prn`.
    pub(crate) principal: Option<String>,
    /// Its type: `prn_type`, `SERVICE` or `USER`.
    pub(crate) principal_type: Option<String>,
    /// Its scopes: `scp`, or `scope`; a list, or words separated by spaces.
    pub(crate) scopes: Vec<String>,
    /// The issuer: `iss`.
    pub(crate) issuer: Option<String>,
    /// The audience: `aud`, one or many.
    pub(crate) audience: Vec<String>,
    /// The tenant's ID of the principal: `sub`.
    pub(crate) subject: Option<String>,
    /// Unix second of issue by the tenant's clock: `iat`.
    #[serde(skip)]
    pub(crate) issued_at: Option<i64>,
    /// Unix second of expiry by the tenant's clock: `exp`.
    #[serde(skip)]
    pub(crate) expires_at: Option<i64>,
    /// All claims.
    #[serde(skip)]
    pub(crate) all: Map<String, Value>,
}

impl Claims {
    /// The claims of a token; `None` for an opaque one.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let all: Map<String, Value> = serde_json::from_slice(&payload(token)?).ok()?;
        let text = |name: &str| all.get(name).and_then(text);
        let time = |name: &str| all.get(name).and_then(time);
        let scopes = all.get("scp").or_else(|| all.get("scope")).map(list).unwrap_or_default();
        Some(Self {
            client_id: text("cid").or_else(|| text("client_id")),
            principal: text("prn"),
            principal_type: text("prn_type"),
            scopes: scopes.iter().flat_map(|scopes| scopes.split_whitespace()).map(str::to_owned).collect(),
            issuer: text("iss"),
            audience: all.get("aud").map(list).unwrap_or_default(),
            subject: text("sub"),
            issued_at: time("iat"),
            expires_at: time("exp"),
            all,
        })
    }
}

/// `exp` − `iat` of a JWT in seconds. No other claim is read, since this runs for every issued token.
pub(crate) fn life(token: &str) -> Option<f64> {
    /// The two claims (RFC 7519 §4.1).
    #[derive(Deserialize)]
    struct Times {
        /// Expiry.
        exp: f64,
        /// Issue.
        iat: f64,
    }
    let times: Times = serde_json::from_slice(&payload(token)?).ok()?;
    Some(times.exp - times.iat)
}

/// The claims of a JWT (RFC 7519 §3) as JSON text; `None` for any other token.
fn payload(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()
}

/// A single value as text: a string that is not blank, or a number.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// One value or a list of them.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        value => text(value).into_iter().collect(),
    }
}

/// A `NumericDate` (RFC 7519 §2) without its fraction; also as a string. `None` beyond the year 9999.
#[expect(clippy::cast_possible_truncation, reason = "a float too large saturates, and is then out of range")]
fn time(value: &Value) -> Option<i64> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Some(seconds as i64).filter(|_| seconds.is_finite()).filter(|time| (0..=LAST_SECOND).contains(time))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A token with these claims, as text.
    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    fn read(claims: &Value) -> Claims {
        Claims::of(&jwt(&claims.to_string())).unwrap()
    }

    #[test]
    fn the_claims_of_a_service_client() {
        let claims = read(&json!({
            "iss": "https://acme.example.com/SAAS/auth", "aud": "https://acme.example.com/SAAS/auth/oauthtoken",
            "cid": "ci-bot", "prn": "ci-bot@ACME", "prn_type": "SERVICE", "scp": "admin  user",
            "sub": "6c2a", "iat": 1_795_440_564, "exp": 1_795_451_364, "ctx": "[{}]",
        }));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!((claims.client_id, claims.principal), (text("ci-bot"), text("ci-bot@ACME")));
        assert_eq!((claims.principal_type, claims.subject), (text("SERVICE"), text("6c2a")));
        assert_eq!(claims.issuer, text("https://acme.example.com/SAAS/auth"));
        assert_eq!(claims.audience, ["https://acme.example.com/SAAS/auth/oauthtoken"]);
        assert_eq!(claims.scopes, ["admin", "user"]);
        assert_eq!((claims.issued_at, claims.expires_at), (Some(1_795_440_564), Some(1_795_451_364)));
        assert_eq!(claims.all.len(), 10);
    }

    #[test]
    fn claims_of_other_types_are_read_as_far_as_they_mean_something() {
        for (scope, expected) in [
            (json!({"scp": ["admin", "user openid"]}), vec!["admin", "user", "openid"]),
            (json!({"scope": "a b"}), vec!["a", "b"]),
            (json!({"scp": "a", "scope": "b"}), vec!["a"]),
            (json!({"scp": [1, null, {}, "a", ""]}), vec!["1", "a"]),
            (json!({"scp": {"a": 1}}), vec![]),
            (json!({"scp": null}), vec![]),
            (json!({}), vec![]),
        ] {
            assert_eq!(read(&scope).scopes, expected, "{scope}");
        }
        for (audience, expected) in [
            (json!("one"), vec!["one"]),
            (json!(["one", "two words"]), vec!["one", "two words"]),
            (json!([]), vec![]),
            (json!(5), vec!["5"]),
            (json!(true), vec![]),
        ] {
            assert_eq!(read(&json!({ "aud": audience })).audience, expected, "{audience}");
        }
        for (client, expected) in [
            (json!({"cid": 42}), Some("42")),
            (json!({"client_id": "x"}), Some("x")),
            (json!({"cid": " ", "client_id": "x"}), Some("x")),
            (json!({"cid": ["x"]}), None),
            (json!({"cid": null}), None),
        ] {
            assert_eq!(read(&client).client_id.as_deref(), expected, "{client}");
        }
    }

    #[test]
    fn times_are_seconds_of_the_calendar() {
        for (time, expected) in [
            (json!(1_795_440_564), Some(1_795_440_564)),
            (json!(1_795_440_564.9), Some(1_795_440_564)),
            (json!("1795440564"), Some(1_795_440_564)),
            (json!(0), Some(0)),
            (json!(253_402_300_799_i64), Some(253_402_300_799)),
            (json!(253_402_300_800_i64), None),
            (json!(1e300), None),
            (json!(-5), None),
            (json!("NaN"), None),
            (json!("inf"), None),
            (json!("soon"), None),
            (json!([1]), None),
            (json!(null), None),
        ] {
            assert_eq!(read(&json!({ "exp": time })).expires_at, expected, "{time}");
        }
    }

    #[test]
    fn a_token_that_is_no_jwt_is_opaque() {
        let opaque = ["", "abc", "a.b", "a..c", "a.b.c.d", "e30.bm90IGpzb24.x", "e30.W10.x", "e30.NDI.x", "e30.!!.x"];
        for token in opaque {
            assert_eq!(Claims::of(token), None, "{token}");
            assert_eq!(life(token), None, "{token}");
        }
        assert!(Claims::of(&jwt("{}")).is_some_and(|claims| claims.all.is_empty()));
        assert!(Claims::of(&format!("{}==.x", jwt("{}").trim_end_matches(".c2ln"))).is_some(), "padded");
        assert_eq!(Claims::of(&jwt(&"[".repeat(100_000))), None, "deep");
    }

    #[test]
    fn a_life_needs_both_times() {
        assert_eq!(life(&jwt(r#"{"iat":10,"exp":310.5}"#)), Some(300.5));
        for claims in ["{}", r#"{"exp":310}"#, r#"{"iat":"10","exp":310}"#] {
            assert_eq!(life(&jwt(claims)), None, "{claims}");
        }
    }

    /// Any JSON value of a few levels.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|number| Value::from(f64::from(number))),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(".*", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".*", claims in proptest::collection::vec(any::<u8>(), 0..200)) {
            for token in [text.clone(), format!("{text}.{text}.{text}"), jwt(&text)] {
                let _ = (Claims::of(&token), life(&token));
            }
            let token = format!("a.{}.b", URL_SAFE_NO_PAD.encode(&claims));
            let _ = (Claims::of(&token), life(&token));
        }

        #[test]
        fn claims_of_any_type_are_read(names in proptest::collection::vec(
            proptest::sample::select(vec!["cid", "client_id", "prn", "prn_type", "scp", "scope", "iss", "aud", "sub", "iat", "exp"]), 0..12),
            values in proptest::collection::vec(value(), 12),
        ) {
            let all: Map<String, Value> = names.into_iter().map(str::to_owned).zip(values).collect();
            let claims = read(&Value::Object(all.clone()));
            prop_assert_eq!(&claims.all, &all);
            for time in [claims.issued_at, claims.expires_at].into_iter().flatten() {
                prop_assert!((0..=LAST_SECOND).contains(&time));
            }
            let texts = [claims.client_id, claims.principal, claims.principal_type, claims.issuer, claims.subject];
            let said = texts.into_iter().flatten().chain(claims.scopes).chain(claims.audience);
            for text in said {
                prop_assert!(!text.trim().is_empty());
            }
        }
    }
}
