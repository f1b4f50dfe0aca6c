//! The TLS handshake with the tenant, and what is wrong with a certificate that is not trusted.

use super::finding::Finding;
use crate::clock::{rfc3339, wall};
use crate::command::Context;
use crate::config::Profile;
use crate::endpoint::HttpEndpoint;
use crate::endpoint::certificate::Certificate;
use crate::endpoint::handshake::{Distrust, TlsFailure};
use crate::endpoint::probe::Connection;
use crate::error::{EXIT_CONFIG, EXIT_TEMPORARY};

/// Days before the end of a certificate from which that is worth a warning.
const LAST_DAYS: i64 = 14;

/// Makes the handshake; an error says why nothing can be sent after it.
pub(super) fn check(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    connection: Connection,
    findings: &mut Vec<Finding>,
) -> Result<(), String> {
    let host = endpoint.profile.token_url.origin.authority();
    if !endpoint.profile.token_url.origin.https {
        findings.push(Finding::skipped("tls", "none: plain http, to this machine"));
        return Ok(());
    }
    context.log.step(|| format!("TLS handshake with {host}"));
    let (finding, blocked) = match endpoint.handshake(connection) {
        Err(error) => (Finding::of("tls", &error), true),
        Ok(handshake) => match handshake.outcome {
            Ok(secured) => (judge_certificate(secured.version, handshake.chain.first(), wall()), false),
            Err(TlsFailure::Broken(cause)) => (broken(&cause), true),
            Err(TlsFailure::Untrusted(distrust)) => {
                let ca = CaSetting::of(context, endpoint.profile);
                (untrusted(&distrust, &handshake.chain, &host, &ca, wall()), true)
            }
        },
    };
    findings.push(finding);
    if blocked { Err("not tried, no trusted connection".to_owned()) } else { Ok(()) }
}

/// Where a further authority is written down.
struct CaSetting {
    /// What to do with its PEM file.
    action: String,
    /// The profile trusts its own file alone.
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
}

/// A certificate that is trusted: until when.
fn judge_certificate(version: &str, certificate: Option<&Certificate>, now: i64) -> Finding {
    let Some(certificate) = certificate else { return Finding::ok("tls", version) };
    let text = format!("{version}, certificate of {} from {}", certificate.subject, certificate.issuer);
    let Some(end) = certificate.not_after else { return Finding::ok("tls", text) };
    let text = format!("{text}, valid until {}", date(end));
    let days = end.saturating_sub(now) / 86_400;
    if days < LAST_DAYS {
        let text = format!("{text}, which is in {days} day{}", if days == 1 { "" } else { "s" });
        return Finding::warning("tls", text, "have whoever runs the tenant renew its certificate");
    }
    Finding::ok("tls", text)
}

/// The day of a moment.
fn date(unix: i64) -> String {
    rfc3339(unix).split('T').next().unwrap_or_default().to_owned()
}

/// No handshake, and no certificate to blame.
fn broken(cause: &str) -> Finding {
    let fix = "check host and port of `tenant`; if they are right, ask whoever runs the tenant or a proxy before it";
    Finding::failed("tls", cause, fix, EXIT_TEMPORARY)
}

/// A certificate that is not trusted: whose, from whom, and how that can change.
fn untrusted(distrust: &Distrust, chain: &[Certificate], host: &str, ca: &CaSetting, now: i64) -> Finding {
    let first = chain.first().cloned().unwrap_or_default();
    // The authority to trust is the one above the last certificate of the chain.
    let root = chain.last().map_or("", |last| &last.issuer);
    let from = if first.is_self_issued() {
        "signed by itself".to_owned()
    } else if chain.len() > 1 && root != first.issuer {
        format!("issued by {} under {root}", first.issuer)
    } else {
        format!("issued by {}", first.issuer)
    };
    let presented = format!("{host} presents a certificate of {}, {from}", first.subject);
    let get = |what: &str| format!("get {what} (PEM) from whoever runs the network or the tenant, {}", ca.action);
    let alone = if ca.is_alone { " (`ca_only`: `ca_file` alone counts)" } else { "" };
    let (text, fix) = match distrust {
        Distrust::UnknownIssuer if first.is_self_issued() => {
            (format!("{presented}, which nobody here trusts{alone}"), get("that certificate"))
        }
        Distrust::UnknownIssuer => {
            (format!("{presented}, whom nobody here trusts{alone}"), get(&format!("the certificate of {root}")))
        }
        Distrust::OtherKey => (
            format!("{presented}, but with another key than the trusted authority of that name"),
            get(&format!("the present certificate of {root}")),
        ),
        Distrust::WrongName(names) => {
            let names = names.join(", ");
            (format!("{presented}, for {names} and not for {host}"), format!("set `tenant` to one of: {names}"))
        }
        Distrust::Expired(end) => (
            format!("{presented}, which ended on {}", date(*end)),
            format!("check the clock, which says {}; if it is right, have the certificate renewed", rfc3339(now)),
        ),
        Distrust::NotYet(start) => (
            format!("{presented}, which begins on {}", date(*start)),
            format!("set the clock, which says {}", rfc3339(now)),
        ),
        Distrust::Other(cause) => (format!("{presented}: {cause}"), "have the certificate replaced".to_owned()),
    };
    Finding::failed("tls", text, fix, EXIT_CONFIG)
}

#[cfg(test)]
mod tests;
