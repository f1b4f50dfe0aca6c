//! What holds for every cache entry: for random ones in the tests below, and for the fuzzer's.

use super::{ENTRY_LIMIT, decode, encode, seal};
use crate::clock::Now;
use crate::entry::{Entry, Failure, Need};
use crate::failure::{CertificateProblem, FailureKind};
use crate::grant::{TokenResponse, is_b64token};
use crate::token::{LONGEST_LIFE, Token};

/// Reads bytes as an entry, with their own checksum and with a true one, and panics if what comes of it is impossible.
pub(crate) fn check(bytes: &[u8]) {
    let framed = std::str::from_utf8(bytes).map(seal).unwrap_or_default();
    for bytes in [bytes, &framed] {
        if let Some(entry) = decode(bytes, "id") {
            check_entry(&entry);
            assert_eq!(decode(&encode(&entry, "id"), "id"), Some(entry));
        }
    }
}

/// A token of an entry is one that could have been issued, and no decision about an entry panics, whatever the clocks
/// say.
fn check_entry(entry: &Entry) {
    if let Some(token) = &entry.token {
        assert!(is_b64token(token.access_token.expose()));
        assert!((1..=LONGEST_LIFE).contains(&token.life()), "{token:?}");
    }
    for wall in [i64::MIN, 0, 1_800_000_000, i64::MAX] {
        for boot in [None, Some(0), Some(5_000), Some(i64::MAX)] {
            for min_ttl in [0, LONGEST_LIFE] {
                let (now, need) = (Now { wall, boot }, Need { min_ttl, ..Need::default() });
                let _ = entry.verdict(&need, now, &|| Some(String::new()), &|| 0);
                let _ = entry.servable(now, &|| None);
            }
        }
    }
}

/// The largest entry that an answer can lead to is one that can be read again.
pub(crate) fn check_fits(issued: &TokenResponse) {
    let entry = Entry {
        token: Some(Token {
            access_token: issued.access_token.clone(),
            issued_at: 1_800_000_000,
            expires_at: 1_800_000_000 + issued.life,
            issued_boot: Some(i64::MAX),
            boot_id: Some("01234567-89ab-cdef-0123-456789abcdef".to_owned()),
        }),
        refresh_token: issued.refresh_token.clone(),
        refresh_in_flight: false,
        replaced_at: i64::MAX,
        refused_by: vec![u32::MAX; 16],
        renew_after: i64::MAX,
        failure: Some(Box::new(Failure {
            kind: FailureKind::Certificate(CertificateProblem::WrongName(vec!["\"".repeat(120); 4])),
            cause: "\"".repeat(800),
            at: i64::MAX,
            until: i64::MAX,
            count: u32::MAX,
            tried: vec![u32::MAX; 8],
        })),
    };
    let bytes = encode(&entry, &"f".repeat(64));
    assert!(bytes.len() <= ENTRY_LIMIT, "{} bytes", bytes.len());
    assert_eq!(decode(&bytes, &"f".repeat(64)), Some(entry));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::properties::any_kind;
    use crate::secret::Secret;
    use proptest::option::of;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use serde_json::{Value, json};

    fn token() -> impl Strategy<Value = Token> {
        let times = (0_i64..1 << 50, 1..=LONGEST_LIFE, of(0..=i64::MAX), of(any::<String>()));
        ("[A-Za-z0-9._~+/-]{1,60}={0,2}", times).prop_map(|(text, (issued_at, life, issued_boot, boot_id))| Token {
            access_token: Secret::new(text),
            issued_at,
            expires_at: issued_at + life,
            issued_boot,
            boot_id,
        })
    }

    fn failure() -> impl Strategy<Value = Failure> {
        (any_kind(), any::<(String, i64, i64, u32, Vec<u32>)>())
            .prop_map(|(kind, (cause, at, until, count, tried))| Failure { kind, cause, at, until, count, tried })
    }

    fn entry() -> impl Strategy<Value = Entry> {
        (
            of(token()),
            of(any::<String>().prop_map(Secret::new)),
            any::<(bool, i64, Vec<u32>, i64)>(),
            of(failure().prop_map(Box::new)),
        )
            .prop_map(
                |(token, refresh_token, (refresh_in_flight, replaced_at, refused_by, renew_after), failure)| Entry {
                    token,
                    refresh_token,
                    refresh_in_flight,
                    replaced_at,
                    refused_by,
                    renew_after,
                    failure,
                },
            )
    }

    /// An entry with a token and a failure, as JSON.
    fn full() -> impl Strategy<Value = Value> {
        (entry(), token(), failure()).prop_map(|(entry, token, failure)| {
            let entry = Entry { token: Some(token), failure: Some(Box::new(failure)), ..entry };
            let file: Value = serde_json::from_slice(&encode(&entry, "id")).unwrap();
            file["content"].clone()
        })
    }

    fn sealed(value: &Value) -> Option<Entry> {
        decode(&seal(&value.to_string()), "id")
    }

    /// Where the fields of an entry are.
    const FIELDS: [&str; 20] = [
        "/version",
        "/identity",
        "/entry",
        "/entry/replaced_at",
        "/entry/renew_after",
        "/entry/token",
        "/entry/refresh_token",
        "/entry/refresh_in_flight",
        "/entry/failure",
        "/entry/token/access_token",
        "/entry/token/issued_at",
        "/entry/token/expires_at",
        "/entry/token/issued_boot",
        "/entry/token/boot_id",
        "/entry/failure/kind",
        "/entry/failure/cause",
        "/entry/failure/at",
        "/entry/failure/until",
        "/entry/failure/count",
        "/entry/failure/tried",
    ];

    proptest! {
        #[test]
        fn any_entry_survives_the_disk(entry in entry(), id in "[0-9a-f]{64}") {
            check_entry(&entry);
            let bytes = encode(&entry, &id);
            prop_assert_eq!(bytes.iter().position(|byte| *byte == b'\n'), Some(bytes.len() - 1), "one line");
            prop_assert_eq!(decode(&bytes, &id), Some(entry));
        }

        #[test]
        fn another_identitys_entry_is_a_miss(entry in entry(), id in "[0-9a-f]{64}", other in "[0-9a-f]{64}") {
            prop_assume!(id != other);
            prop_assert_eq!(decode(&encode(&entry, &id), &other), None);
        }

        #[test]
        fn a_cut_a_tail_or_a_damaged_byte_is_a_miss(
            entry in entry(), at in any::<Index>(), flip in 1_u8.., tail in proptest::collection::vec(any::<u8>(), 1..9),
        ) {
            let bytes = encode(&entry, "id");
            let at = at.index(bytes.len());
            prop_assert_eq!(decode(&bytes[..at], "id"), None);
            prop_assert_eq!(decode(&[&bytes[..], &tail].concat(), "id"), None);
            let mut damaged = bytes;
            damaged[at] ^= flip;
            prop_assert_eq!(decode(&damaged, "id"), None);
        }

        #[test]
        fn random_bytes_never_panic(bytes in any::<Vec<u8>>(), text in "[\\[{\"a0-9:,}\\]]{0,60}") {
            check(&bytes);
            check(text.as_bytes());
        }

        #[test]
        fn a_field_of_another_type_is_a_miss_even_with_a_true_checksum(
            entry in full(), field in select(FIELDS.to_vec()),
            value in select(vec![json!([]), json!(1.5), json!({"x": 1}), json!([null]), json!(1e30)]),
        ) {
            // The one field that is a list may be empty.
            prop_assume!(field != "/entry/failure/tried" || value != json!([]));
            let mut changed = entry;
            *changed.pointer_mut(field).unwrap() = value;
            prop_assert_eq!(sealed(&changed), None, "{}", field);
        }

        #[test]
        fn numbers_that_cannot_be_are_a_miss_or_harmless(
            entry in full(), numbers in proptest::collection::vec((select(FIELDS.to_vec()), any::<i64>()), 1..4),
        ) {
            let mut changed = entry;
            for (field, number) in numbers {
                if let Some(value) = changed.pointer_mut(field).filter(|value| value.is_number() || value.is_null()) {
                    *value = json!(number);
                }
            }
            check(changed.to_string().as_bytes());
        }

        #[test]
        fn a_missing_field_is_a_miss_or_nothing(entry in full(), field in select(FIELDS.to_vec())) {
            let (parent, key) = field.rsplit_once('/').unwrap();
            let (mut without, mut empty) = (entry.clone(), entry);
            without.pointer_mut(parent).and_then(Value::as_object_mut).unwrap().remove(key).unwrap();
            *empty.pointer_mut(field).unwrap() = Value::Null;
            if key != "refresh_token" {
                prop_assert_eq!(sealed(&without), sealed(&empty));
            }
            let optional = ["token", "failure", "issued_boot", "boot_id"];
            prop_assert_eq!(sealed(&without).is_some(), optional.contains(&key), "{}", field);
        }

        #[test]
        fn another_version_or_a_further_field_is_a_miss(entry in full(), version in 3_u32.., key in "[a-z_]{1,9}_") {
            for field in ["", "/entry", "/entry/token", "/entry/failure"] {
                let mut further = entry.clone();
                further.pointer_mut(field).unwrap()[&key] = json!(1);
                prop_assert_eq!(sealed(&further), None);
            }
            let mut newer = entry.clone();
            newer["version"] = json!(version);
            prop_assert_eq!(sealed(&newer), None);
            prop_assert!(sealed(&entry).is_some());
        }

        #[test]
        fn a_field_given_twice_is_a_miss(entry in full(), field in select(FIELDS.to_vec())) {
            let (parent, key) = field.rsplit_once('/').unwrap();
            let object = entry.pointer(parent).unwrap().to_string();
            let twice = format!("{{\"{key}\":{},{}", entry.pointer(field).unwrap(), &object[1..]);
            let text = entry.to_string().replacen(&object, &twice, 1);
            prop_assert_eq!(decode(&seal(&text), "id"), None, "{}", text);
        }
    }

    #[test]
    fn deep_nesting_is_a_miss() {
        for body in ["[".repeat(100_000), "{\"entry\":".repeat(100_000)] {
            check(body.as_bytes());
            assert_eq!(decode(&seal(&body), "id"), None);
        }
    }
}
