//! Tests of the entry file: what survives, and what is a miss.

use super::*;
use crate::entry::Failure;
use crate::failure::{ErrorCode, FailureKind};
use crate::secret::Secret;
use crate::token::tests::token;

fn entry() -> Entry {
    Entry {
        token: Some(token("abc.def-_~+/==", 10_800)),
        refresh_token: Some(Secret::new("r\"\\\n\u{1}é".to_owned())),
        refresh_in_flight: true,
        renew_after: 1_000_060,
        failure: Some(Failure {
            kind: FailureKind::Denied(Some(ErrorCode::InvalidClient)),
            cause: "HTTP 429".to_owned(),
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
    assert_eq!(value["content"]["entry"]["token"]["access_token"], "abc.def-_~+/==");
    assert_eq!(bytes.iter().position(|byte| *byte == b'\n'), Some(bytes.len() - 1));
}

/// The format of the file: who changes it changes [`FORMAT`] too.
#[test]
fn the_format_is_pinned() {
    insta::assert_snapshot!(String::from_utf8(encode(&entry(), "id")).unwrap(), @r#"{"checksum":"f63d74fe","content":{"version":2,"identity":"id","entry":{"token":{"access_token":"abc.def-_~+/==","issued_at":1000000,"expires_at":1010800,"issued_boot":5000,"boot_id":"this"},"refresh_token":"r\"\\\n\u0001é","refresh_in_flight":true,"renew_after":1000060,"failure":{"kind":{"denied":"invalid_client"},"cause":"HTTP 429","at":1,"until":2,"count":3,"secret":4}}}}"#);
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
        change(&mut value["content"]);
        decode(&seal(&value["content"].to_string()), "id")
    };
    assert!(with(&|_| {}).is_some());
    assert!(with(&|content| content["version"] = 3.into()).is_none());
    assert!(with(&|content| content["identity"] = "other".into()).is_none());
    assert!(with(&|content| content["future"] = true.into()).is_none());
    assert!(with(&|content| content["entry"]["token"]["access_token"] = "a\nb".into()).is_none());
    assert!(with(&|content| content["entry"]["token"]["access_token"] = 5.into()).is_none());
    assert!(with(&|content| content["entry"]["token"]["expires_at"] = i64::MAX.into()).is_none());
    assert!(with(&|content| content["entry"]["token"]["expires_at"] = 1e30.into()).is_none());
    assert!(with(&|content| content["entry"]["token"]["issued_at"] = (-1).into()).is_none());
    assert!(with(&|content| content["entry"]["failure"]["kind"] = "odd".into()).is_none());
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
