//! The words for every kind of certificate.

use super::*;
use crate::command::doctor::finding::Level;

/// 2026-11-24T00:00:00Z
const NOW: i64 = 1_795_478_400;

/// A certificate.
fn certificate(subject: &str, issuer: &str, not_after: i64) -> Certificate {
    Certificate { subject: subject.to_owned(), issuer: issuer.to_owned(), not_after: Some(not_after) }
}

/// A chain of a server, one authority and perhaps another above it.
fn chain(authorities: &[&str]) -> Vec<Certificate> {
    let names = [&["CN=acme"], authorities].concat();
    names.windows(2).map(|pair| certificate(pair[0], pair[1], NOW)).collect()
}

/// Text and fix for a problem.
fn told(problem: &CertificateProblem, chain: &[Certificate], is_alone: bool) -> String {
    let ca = CaSetting { action: "and set \"ca_file\"".to_owned(), is_alone };
    let found = untrusted(problem, chain, "acme.example.com", &ca, NOW);
    assert_eq!((found.level, found.status), (Level::Failed, EXIT_CONFIG));
    format!("{}\n{}", found.text, found.fix.unwrap())
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

#[test]
fn the_authority_to_trust_is_the_one_above_the_chain() {
    insta::assert_snapshot!(told(&CertificateProblem::UnknownIssuer, &chain(&["CN=Corp CA"]), false), @r#"
    acme.example.com presents a certificate of CN=acme, issued by CN=Corp CA: unknown issuer
    get the certificate of CN=Corp CA (PEM) from the administrator of the network or the tenant, and set "ca_file"
    "#);
    insta::assert_snapshot!(told(&CertificateProblem::UnknownIssuer, &chain(&["CN=Sub CA", "CN=Corp CA"]), true), @r#"
    acme.example.com presents a certificate of CN=acme, issued by CN=Sub CA under CN=Corp CA: unknown issuer (`ca_only`: `ca_file` alone counts)
    get the certificate of CN=Corp CA (PEM) from the administrator of the network or the tenant, and set "ca_file"
    "#);
    insta::assert_snapshot!(told(&CertificateProblem::UnknownIssuer, &chain(&["CN=acme"]), false), @r#"
    acme.example.com presents a certificate of CN=acme, self-signed, not trusted
    get that certificate (PEM) from the administrator of the network or the tenant, and set "ca_file"
    "#);
    insta::assert_snapshot!(told(&CertificateProblem::WrongSignature, &chain(&["CN=Corp CA"]), false), @r#"
    acme.example.com presents a certificate of CN=acme, issued by CN=Corp CA, but with another key than the trusted authority of that name
    get the certificate of CN=Corp CA (PEM) from the administrator of the network or the tenant, and set "ca_file"
    "#);
}

#[test]
fn other_mistakes_are_no_matter_of_trust() {
    let chain = chain(&["CN=CA"]);
    insta::assert_snapshot!(told(&CertificateProblem::WrongName(vec!["a.example.com".into(), "b.example.com".into()]), &chain, false), @r"
    acme.example.com presents a certificate of CN=acme, issued by CN=CA, for a.example.com, b.example.com and not for acme.example.com
    set `tenant` to one of: a.example.com, b.example.com
    ");
    insta::assert_snapshot!(told(&CertificateProblem::Expired(0), &chain, false), @r"
    acme.example.com presents a certificate of CN=acme, issued by CN=CA, which expired on 1970-01-01
    check the clock, which says 2026-11-24T00:00:00Z; if it is right, have the certificate renewed
    ");
    insta::assert_snapshot!(told(&CertificateProblem::NotYetValid(NOW + 86_400), &chain, false), @r"
    acme.example.com presents a certificate of CN=acme, issued by CN=CA, not valid before 2026-11-25
    set the clock, which says 2026-11-24T00:00:00Z
    ");
    insta::assert_snapshot!(told(&CertificateProblem::Other("Revoked".into()), &chain, false), @r"
    acme.example.com presents a certificate of CN=acme, issued by CN=CA: Revoked
    have the certificate replaced
    ");
}
