//! The TLS handshake with the tenant, and when its certificate expires.

use super::SkipReason;
use super::finding::Finding;
use super::reply::on_the_way;
use crate::clock::{rfc3339, wall};
use crate::context::Context;
use crate::endpoint::HttpEndpoint;
use crate::endpoint::certificate::Certificate;
use crate::probe::handshake::Handshake;
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
    context.log.step(|| format!("TLS handshake with {}", origin.authority()));
    match endpoint.handshake(connection) {
        Ok(Handshake { version, certificate }) => {
            findings.push(judge_certificate(version, certificate.as_ref(), wall()));
            Ok(())
        }
        Err(error) => {
            findings.push(Finding::of("tls", &on_the_way(endpoint.profile, error)));
            Err("not tried, no trusted connection")
        }
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

#[cfg(test)]
mod tests;
