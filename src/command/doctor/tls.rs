//! The TLS handshake with the tenant, and why a certificate is not trusted.

use super::SkipReason;
use super::finding::Finding;
use crate::clock::{rfc3339, wall};
use crate::config::Profile;
use crate::context::Context;
use crate::endpoint::HttpEndpoint;
use crate::error::{EXIT_CONFIG, EXIT_TEMPORARY};
use crate::failure::CertificateProblem;
use crate::probe::certificate::Certificate;
use crate::probe::handshake::{Handshake, TlsFailure};
use crate::probe::route::Connection;

/// Days before a certificate expires from which on there is a warning.
const LAST_DAYS: i64 = 14;

/// Makes the handshake; the error says why no request can be sent.
pub(super) fn check(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    connection: Connection,
    findings: &mut Vec<Finding>,
) -> Result<(), SkipReason> {
    let origin = &endpoint.profile.token_url.origin;
    if !origin.https {
        findings.push(Finding::skipped("tls", "none: plain http, to this machine"));
        return Ok(());
    }
    let host = origin.authority();
    context.log.step(|| format!("TLS handshake with {host}"));
    let finding = match endpoint.handshake(connection) {
        Err(error) => Finding::of("tls", &error),
        Ok(Handshake { outcome: Ok(secured), chain }) => {
            findings.push(judge_certificate(secured.version, chain.first(), wall()));
            return Ok(());
        }
        Ok(Handshake { outcome: Err(TlsFailure::Broken(cause)), .. }) => Finding::failed(
            "tls",
            cause,
            "check host and port of `tenant`; if they are right, ask the administrator of the tenant or its proxy",
            EXIT_TEMPORARY,
        ),
        Ok(Handshake { outcome: Err(TlsFailure::Untrusted(problem)), chain }) => {
            untrusted(&problem, &chain, &host, &CaSetting::of(context, endpoint.profile), wall())
        }
    };
    findings.push(finding);
    Err("not tried, no trusted connection")
}

/// Where another CA can be configured.
struct CaSetting {
    /// What to do with its PEM file.
    action: String,
    /// Whether the profile trusts only its own file.
    is_alone: bool,
}

impl CaSetting {
    /// For a profile: its own file, a new one beside the configuration, or the variable where there is no configuration.
    fn of(context: &Context<'_>, profile: &Profile) -> Self {
        let configuration = context.sources.file().filter(|file| file.exists());
        let action = match (&profile.ca_file, configuration) {
            (Some(file), _) => format!("and add it to `{}`", file.display()),
            (None, Some(file)) => format!(
                "save it as `{}` and set \"ca_file\": \"corp-ca.pem\" in profile `{}`",
                file.with_file_name("corp-ca.pem").display(),
                profile.name
            ),
            (None, None) => "and set WS1_TOKEN_CA_FILE to its file".to_owned(),
        };
        Self { action, is_alone: profile.ca_only }
    }

    /// How to trust the CA of a certificate, or a self-signed certificate itself.
    fn fix(&self, is_own: bool, root: &str) -> String {
        let certificate = if is_own { "that certificate".to_owned() } else { format!("the certificate of {root}") };
        format!("get {certificate} (PEM) from the administrator of the network or the tenant, {}", self.action)
    }
}

/// The finding for a trusted certificate: when it expires.
fn judge_certificate(version: &str, certificate: Option<&Certificate>, now: i64) -> Finding {
    let Some(Certificate { subject, issuer, not_after: Some(end) }) = certificate else {
        return Finding::ok("tls", version);
    };
    let text = format!("{version}, certificate of {subject} from {issuer}, valid until {}", date(*end));
    match end.saturating_sub(now) / 86_400 {
        LAST_DAYS.. => Finding::ok("tls", text),
        days => Finding::warning(
            "tls",
            format!("{text}, which is in {days} day{}", if days == 1 { "" } else { "s" }),
            "ask the tenant's administrator to renew the certificate",
        ),
    }
}

/// The date, UTC.
fn date(unix: i64) -> String {
    let mut date = rfc3339(unix);
    date.truncate("YYYY-MM-DD".len());
    date
}

/// The finding for a certificate that is not trusted: subject, issuer and fix.
fn untrusted(problem: &CertificateProblem, chain: &[Certificate], host: &str, ca: &CaSetting, now: i64) -> Finding {
    let unknown = Certificate::default();
    let Certificate { subject, issuer, .. } = chain.first().unwrap_or(&unknown);
    // The CA to trust is the issuer of the last certificate of the chain.
    let root = &chain.last().unwrap_or(&unknown).issuer;
    let own = subject == issuer;
    let under = if root == issuer { String::new() } else { format!(" under {root}") };
    let from = if own { "self-signed".to_owned() } else { format!("issued by {issuer}{under}") };
    let clock = rfc3339(now);
    let (what, fix) = match problem {
        CertificateProblem::UnknownIssuer => {
            let alone = if ca.is_alone { " (`ca_only`: `ca_file` alone counts)" } else { "" };
            let what = if own { ", not trusted" } else { ": unknown issuer" };
            (format!("{what}{alone}"), ca.fix(own, root))
        }
        CertificateProblem::WrongSignature => {
            (", but with another key than the trusted authority of that name".to_owned(), ca.fix(own, root))
        }
        CertificateProblem::WrongName(names) => {
            let names = names.join(", ");
            (format!(", for {names} and not for {host}"), format!("set `tenant` to one of: {names}"))
        }
        CertificateProblem::Expired(end) => (
            format!(", which expired on {}", date(*end)),
            format!("check the clock, which says {clock}; if it is right, have the certificate renewed"),
        ),
        CertificateProblem::NotYetValid(start) => {
            (format!(", not valid before {}", date(*start)), format!("set the clock, which says {clock}"))
        }
        CertificateProblem::Other(cause) => (format!(": {cause}"), "have the certificate replaced".to_owned()),
    };
    let text = format!("{host} presents a certificate of {subject}, {from}{what}");
    Finding::failed("tls", text, fix, EXIT_CONFIG)
}

#[cfg(test)]
mod tests;
