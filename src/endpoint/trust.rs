//! Why there is no secure connection: what rustls says, as types and in plain words. Requests, `login` and `doctor` share
//! it.

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::certificate::Certificate;
use crate::clock::rfc3339;
use crate::failure::{CertificateProblem, FailureKind, RequestFailure, TlsProblem};

/// Names of a certificate that are kept at most.
const NAME_LIMIT: usize = 4;

/// Characters of each name, or of the library's words, that are kept at most.
const TEXT_LIMIT: usize = 120;

/// What a failed handshake with a host that presented these certificates means, if the server's settings are to blame:
/// they will be so the next time too.
pub(super) fn explain(error: &rustls::Error, host: &str, chain: &[Certificate]) -> Option<RequestFailure> {
    use rustls::Error as E;
    let (problem, words) = match error {
        E::InvalidCertificate(error) => return Some(refused(error, host, chain)),
        E::InvalidMessage(InvalidMessage::InvalidContentType) => {
            (TlsProblem::NotTls, "it speaks something else than TLS on that port")
        }
        E::AlertReceived(AlertDescription::UnrecognisedName) => {
            (TlsProblem::UnknownName, "it knows no host of that name")
        }
        E::AlertReceived(AlertDescription::CertificateRequired) => {
            (TlsProblem::WantsCertificate, "it wants a client certificate")
        }
        E::AlertReceived(AlertDescription::HandshakeFailure) => (
            TlsProblem::TooOld,
            "it refuses the handshake: no safe version or cipher in common, or it wants a client certificate",
        ),
        E::PeerIncompatible(_)
        | E::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity) => {
            (TlsProblem::TooOld, "it offers neither TLS 1.2 nor TLS 1.3 with safe parameters")
        }
        _ => return None,
    };
    Some(RequestFailure::new(FailureKind::Tls(problem), words))
}

/// What is wrong with a certificate, as a type and in words.
fn refused(error: &CertificateError, host: &str, chain: &[Certificate]) -> RequestFailure {
    use CertificateError as E;
    use CertificateProblem as P;
    let unknown = Certificate::default();
    let Certificate { subject, issuer, .. } = chain.first().unwrap_or(&unknown);
    // The authority to trust is the issuer of the last certificate.
    let root = &chain.last().unwrap_or(&unknown).issuer;
    let is_own = subject == issuer;
    let authority = || Some(root.clone()).filter(|_| !is_own);
    let issuer_unknown = if is_own { ", not trusted" } else { ": unknown issuer" };
    let (problem, what) = match error {
        E::UnknownIssuer => (P::UnknownIssuer(authority()), issuer_unknown.to_owned()),
        // It would do as one of the trusted ones: then its issuer does not matter.
        error if is_authority(error) => {
            let of_authority = ": it is that of an authority, and not itself trusted";
            (P::UnknownIssuer(None), if is_own { issuer_unknown } else { of_authority }.to_owned())
        }
        E::BadSignature => (
            P::WrongSignature(authority()),
            ", but with another key than the trusted authority of that name".to_owned(),
        ),
        E::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            (P::Unfit, ": it names no host (it has no subjectAltName)".to_owned())
        }
        E::NotValidForNameContext { presented, .. } => {
            let names: Vec<String> = presented.iter().take(NAME_LIMIT).map(|name| cut(bare(name))).collect();
            let what = format!(", for {} and not for {host}", names.join(", "));
            (P::WrongName(names), what)
        }
        E::ExpiredContext { not_after, .. } => {
            let at = seconds(not_after.as_secs());
            (P::Expired(at), format!(", which expired at {}", rfc3339(at)))
        }
        E::NotValidYetContext { not_before, .. } => {
            let at = seconds(not_before.as_secs());
            (P::NotYetValid(at), format!(", not valid before {}", rfc3339(at)))
        }
        other => (P::Unfit, format!(": {}", unfit(other))),
    };
    let of = if subject.is_empty() { String::new() } else { format!(" of {subject}") };
    let from = match (is_own, issuer.as_str()) {
        // A certificate that cannot be read.
        (true, "") => String::new(),
        (true, _) => ", self-signed".to_owned(),
        (false, _) if root == issuer => format!(", issued by {issuer}"),
        (false, _) => format!(", issued by {issuer} under {root}"),
    };
    RequestFailure::new(FailureKind::Certificate(problem), format!("it presents a certificate{of}{from}{what}"))
}

/// Why no trust would make a certificate usable.
fn unfit(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::Other(error) if is(error, &webpki::Error::UnsupportedCertVersion) => {
            "its format is older than X.509 version 3, so it can name no host".to_owned()
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "its extended key usage does not include servers".to_owned()
        }
        #[expect(deprecated, reason = "older verifiers may still say so")]
        E::UnsupportedSignatureAlgorithm
        | E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its signature or key is of a kind that is not safe, or not known".to_owned()
        }
        E::BadEncoding => "it cannot be read".to_owned(),
        E::Expired | E::NotValidYet => "its time ends before it begins".to_owned(),
        other => cut(&other.to_string()),
    }
}

/// Whether the certificate is marked as that of an authority.
pub(super) fn is_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(error) if is(error, &webpki::Error::CaUsedAsEndEntity))
}

/// Whether the library wraps that error.
fn is(error: &rustls::OtherError, wanted: &webpki::Error) -> bool {
    error.0.downcast_ref::<webpki::Error>() == Some(wanted)
}

/// Seconds as a signed number.
fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
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
    use std::fmt::Write as _;
    use std::time::Duration;

    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{OtherError, PeerIncompatible};

    use super::*;

    /// A chain of a server, one authority and perhaps another above it.
    fn chain(names: &[&str]) -> Vec<Certificate> {
        let certificate =
            |pair: &[&str]| Certificate { subject: pair[0].to_owned(), issuer: pair[1].to_owned(), not_after: None };
        names.windows(2).map(certificate).collect()
    }

    /// The library's wrapping of an error that it has no word for.
    fn other(error: webpki::Error) -> CertificateError {
        CertificateError::Other(OtherError(std::sync::Arc::new(error)))
    }

    #[test]
    fn a_certificate_is_told_with_its_issuer_and_what_is_wrong() {
        use CertificateError as E;
        let unix = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expected = ServerName::try_from("acme.example.com").unwrap();
        let wrong_name = |presented: &[&str]| E::NotValidForNameContext {
            expected: expected.clone(),
            presented: presented.iter().map(|name| (*name).to_owned()).collect(),
        };
        let long = format!("DnsName(\"{}\")", "a".repeat(500));
        let own = ["CN=acme", "CN=acme"];
        let mut page = String::new();
        for (error, names) in [
            (E::UnknownIssuer, &["CN=acme", "CN=Corp CA"][..]),
            (E::UnknownIssuer, &["CN=acme", "CN=Sub CA", "CN=Corp CA"]),
            (E::UnknownIssuer, &["", "CN=Corp CA"]),
            (E::UnknownIssuer, &own),
            (other(webpki::Error::CaUsedAsEndEntity), &own),
            (other(webpki::Error::CaUsedAsEndEntity), &["CN=acme", "CN=Corp CA"]),
            (other(webpki::Error::UnsupportedCertVersion), &own),
            (E::BadSignature, &["CN=acme", "CN=Corp CA"]),
            (wrong_name(&["DnsName(\"a.example.com\")", "IpAddress(127.0.0.1)", "DirectoryName"]), &own),
            (wrong_name(&[long.as_str(); 9]), &own),
            (wrong_name(&[]), &own),
            (E::ExpiredContext { time: unix(9), not_after: unix(0) }, &["CN=acme", "CN=CA"]),
            (E::NotValidYetContext { time: unix(9), not_before: unix(u64::MAX) }, &["CN=acme", "CN=CA"]),
            (E::InvalidPurpose, &["CN=acme", "CN=CA"]),
            (E::BadEncoding, &[]),
            (E::Revoked, &["CN=acme", "CN=CA"]),
        ] {
            let failure =
                explain(&rustls::Error::InvalidCertificate(error), "acme.example.com", &chain(names)).unwrap();
            let FailureKind::Certificate(problem) = &failure.kind else { panic!("{failure:?}") };
            writeln!(page, "{}\n  {problem:?}", failure.cause).unwrap();
        }
        insta::assert_snapshot!(page.replace(&"a".repeat(TEXT_LIMIT), "LONG"), @r#"
        it presents a certificate of CN=acme, issued by CN=Corp CA: unknown issuer
          UnknownIssuer(Some("CN=Corp CA"))
        it presents a certificate of CN=acme, issued by CN=Sub CA under CN=Corp CA: unknown issuer
          UnknownIssuer(Some("CN=Corp CA"))
        it presents a certificate, issued by CN=Corp CA: unknown issuer
          UnknownIssuer(Some("CN=Corp CA"))
        it presents a certificate of CN=acme, self-signed, not trusted
          UnknownIssuer(None)
        it presents a certificate of CN=acme, self-signed, not trusted
          UnknownIssuer(None)
        it presents a certificate of CN=acme, issued by CN=Corp CA: it is that of an authority, and not itself trusted
          UnknownIssuer(None)
        it presents a certificate of CN=acme, self-signed: its format is older than X.509 version 3, so it can name no host
          Unfit
        it presents a certificate of CN=acme, issued by CN=Corp CA, but with another key than the trusted authority of that name
          WrongSignature(Some("CN=Corp CA"))
        it presents a certificate of CN=acme, self-signed, for a.example.com, 127.0.0.1, DirectoryName and not for acme.example.com
          WrongName(["a.example.com", "127.0.0.1", "DirectoryName"])
        it presents a certificate of CN=acme, self-signed, for LONG, LONG, LONG, LONG and not for acme.example.com
          WrongName(["LONG", "LONG", "LONG", "LONG"])
        it presents a certificate of CN=acme, self-signed: it names no host (it has no subjectAltName)
          Unfit
        it presents a certificate of CN=acme, issued by CN=CA, which expired at 1970-01-01T00:00:00Z
          Expired(0)
        it presents a certificate of CN=acme, issued by CN=CA, not valid before 9999-12-31T23:59:59Z
          NotYetValid(9223372036854775807)
        it presents a certificate of CN=acme, issued by CN=CA: its extended key usage does not include servers
          Unfit
        it presents a certificate: it cannot be read
          Unfit
        it presents a certificate of CN=acme, issued by CN=CA: Revoked
          Unfit
        "#);
    }

    #[test]
    fn what_a_server_cannot_do_is_told_from_what_happens() {
        use rustls::Error as E;
        let kind = |error: E| explain(&error, "h", &[]).map(|failure| failure.kind);
        for (error, problem) in [
            (E::InvalidMessage(InvalidMessage::InvalidContentType), Some(TlsProblem::NotTls)),
            (E::InvalidMessage(InvalidMessage::MessageTooShort), None),
            (E::AlertReceived(AlertDescription::ProtocolVersion), Some(TlsProblem::TooOld)),
            (E::AlertReceived(AlertDescription::HandshakeFailure), Some(TlsProblem::TooOld)),
            (E::AlertReceived(AlertDescription::UnrecognisedName), Some(TlsProblem::UnknownName)),
            (E::AlertReceived(AlertDescription::CertificateRequired), Some(TlsProblem::WantsCertificate)),
            (E::AlertReceived(AlertDescription::InternalError), None),
            (E::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13), Some(TlsProblem::TooOld)),
            (E::DecryptError, None),
        ] {
            assert_eq!(kind(error.clone()), problem.map(FailureKind::Tls), "{error:?}");
        }
    }

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
