//! How the end of a certificate is told.

use super::*;
use crate::command::doctor::finding::Level;

/// 2026-11-24T00:00:00Z
const NOW: i64 = 1_795_478_400;

/// A certificate.
fn certificate(subject: &str, issuer: &str, not_after: i64) -> Certificate {
    Certificate { subject: subject.to_owned(), issuer: issuer.to_owned(), not_after: Some(not_after) }
}

#[test]
fn the_end_of_a_certificate_is_told_in_time() {
    let day = 86_400;
    for (left, level, end) in [
        (90 * day, Level::Ok, "valid until 2027-02-22"),
        (14 * day, Level::Ok, "valid until 2026-12-08"),
        (14 * day - 1, Level::Warning, "valid until 2026-12-07, which is in 13 days"),
        (day, Level::Warning, "valid until 2026-11-25, which is in 1 day"),
    ] {
        let found = judge_certificate("TLS 1.3", Some(&certificate("CN=acme", "CN=CA", NOW + left)), NOW);
        assert_eq!(found.level, level, "{left}");
        assert_eq!(found.text, format!("TLS 1.3, certificate of CN=acme from CN=CA, {end}"));
    }
    assert_eq!(judge_certificate("TLS 1.2", None, NOW).text, "TLS 1.2");
}
