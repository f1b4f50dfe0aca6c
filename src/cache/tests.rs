//! Tests of the entry file: what survives, and what is a miss.

use super::*;
use crate::token::tests::token;

fn entry() -> Entry {
    Entry {
        token: Some(token("abc.def-_~+/==", 10_800)),
        refresh_token: Some(Secret::new("r\"\\\n\u{1}é".to_owned())),
        refresh_in_flight: true,
        renew_after: 1_000_060,
        failure: Some(Failure {
            class: FailureClass::Limited,
            detail: "HTTP 429".to_owned(),
            at: 1,
            until: 2,
            count: 3,
            secret: Some(4),
        }),
    }
}

#[test]
fn an_entry_survives_the_disk() {
    for entry in [entry(), Entry::default(), Entry { failure: None, ..entry() }] {
        assert_eq!(decode(&encode(&entry, "id"), "id"), Some(entry));
    }
}

#[test]
fn the_file_is_one_line_of_json() {
    let bytes = encode(&entry(), "id");
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(value["entry"]["token"]["access_token"], "abc.def-_~+/==");
    assert_eq!(bytes.iter().position(|byte| *byte == b'\n'), Some(bytes.len() - 1));
}

#[test]
fn any_change_of_any_byte_is_a_miss() {
    let bytes = encode(&entry(), "id");
    for at in 0..bytes.len() {
        for flip in [1, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            assert_eq!(decode(&changed, "id"), None, "byte {at} ^ {flip}");
        }
        assert_eq!(decode(&bytes[..at], "id"), None, "cut at {at}");
    }
    let mut longer = bytes;
    longer.extend_from_slice(b"\"}\n");
    assert_eq!(decode(&longer, "id"), None);
}

#[test]
fn what_cannot_be_is_a_miss_even_with_a_true_checksum() {
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_slice(&encode(&entry(), "id")).unwrap();
        change(&mut value["entry"]);
        decode(&seal(&value["entry"].to_string()), "id")
    };
    assert!(with(&|_| {}).is_some());
    assert!(with(&|entry| entry["version"] = 2.into()).is_none());
    assert!(with(&|entry| entry["identity"] = "other".into()).is_none());
    assert!(with(&|entry| entry["future"] = true.into()).is_none());
    assert!(with(&|entry| entry["token"]["access_token"] = "a\nb".into()).is_none());
    assert!(with(&|entry| entry["token"]["access_token"] = 5.into()).is_none());
    assert!(with(&|entry| entry["token"]["expires_at"] = i64::MAX.into()).is_none());
    assert!(with(&|entry| entry["token"]["expires_at"] = 1e30.into()).is_none());
    assert!(with(&|entry| entry["token"]["issued_at"] = (-1).into()).is_none());
    assert!(with(&|entry| entry["failure"]["class"] = "odd".into()).is_none());
}

#[test]
fn only_our_own_names_are_ours() {
    for name in ["v1-ab.json", "v12-ab.lock", ".v1-ab.json.7.00ff.tmp"] {
        assert!(is_ours(name), "{name}");
    }
    for name in ["notes.txt", "v-ab", "vx-ab", "v1", ".bashrc"] {
        assert!(!is_ours(name), "{name}");
    }
}
