//! Certificate problems: what rustls says, as one type and in plain words. Requests, `login` and `doctor` share it.

use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use crate::clock::rfc3339;
use crate::failure::CertificateProblem;

/// Names of a certificate that are kept at most.
const NAME_LIMIT: usize = 4;

/// Characters of each name, or of the library's words, that are kept at most.
const TEXT_LIMIT: usize = 120;

/// Sorts what rustls finds wrong with a certificate.
pub(crate) fn classify(error: &CertificateError) -> CertificateProblem {
    let seconds = |time: &UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match error {
        CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer,
        CertificateError::BadSignature => CertificateProblem::WrongSignature,
        CertificateError::ExpiredContext { not_after, .. } => CertificateProblem::Expired(seconds(not_after)),
        CertificateError::NotValidYetContext { not_before, .. } => CertificateProblem::NotYetValid(seconds(not_before)),
        CertificateError::NotValidForNameContext { presented, .. } => {
            CertificateProblem::WrongName(presented.iter().take(NAME_LIMIT).map(|name| cut(bare(name))).collect())
        }
        other => CertificateProblem::Other(cut(&other.to_string())),
    }
}

/// The problem in words.
pub(crate) fn describe(problem: &CertificateProblem) -> String {
    match problem {
        CertificateProblem::UnknownIssuer => "unknown issuer".to_owned(),
        CertificateProblem::WrongSignature => {
            "its signature does not match the trusted authority of that name".to_owned()
        }
        CertificateProblem::WrongName(names) if names.is_empty() => "it names no host".to_owned(),
        CertificateProblem::WrongName(names) => format!("it is valid for {} only", names.join(", ")),
        CertificateProblem::Expired(at) => format!("it expired at {}", rfc3339(*at)),
        CertificateProblem::NotYetValid(at) => format!("it is not valid before {}", rfc3339(*at)),
        CertificateProblem::Other(words) => words.clone(),
    }
}

/// The name in `DnsName("acme.example.com")`, the library's way to write one.
fn bare(presented: &str) -> &str {
    let name = presented.split_once('(').map_or(presented, |(_, name)| name);
    name.trim_end_matches(')').trim_matches('"')
}

/// A text that fits a cache entry, whatever a server presents.
fn cut(text: &str) -> String {
    text.chars().take(TEXT_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bare() {
        for (presented, name) in [
            ("DnsName(\"*.acme.example.com\")", "*.acme.example.com"),
            ("IpAddress(127.0.0.1)", "127.0.0.1"),
            ("DirectoryName", "DirectoryName"),
        ] {
            assert_eq!(bare(presented), name);
        }
    }
}
