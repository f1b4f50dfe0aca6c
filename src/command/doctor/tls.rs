//! The TLS handshake with the tenant, and what is wrong with a certificate that is not trusted.

use super::Why;
use super::finding::Finding;
use crate::clock::{rfc3339, wall};
use crate::config::Profile;
use crate::context::Context;
use crate::endpoint::HttpEndpoint;
use crate::error::{EXIT_CONFIG, EXIT_TEMPORARY};
use crate::probe::certificate::Certificate;
use crate::probe::handshake::{Distrust, Handshake, TlsFailure};
use crate::probe::route::Connection;

/// Days before the end of a certificate from which that is worth a warning.
const LAST_DAYS: i64 = 14;

/// Makes the handshake; an error says why nothing can be sent after it.
pub(super) fn check(
    context: &Context<'_>,
    endpoint: &HttpEndpoint<'_>,
    connection: Connection,
    findings: &mut Vec<Finding>,
) -> Result<(), Why> {
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
            "check host and port of `tenant`; if they are right, ask whoever runs it or a proxy before it",
            EXIT_TEMPORARY,
        ),
        Ok(Handshake { outcome: Err(TlsFailure::Untrusted(distrust)), chain }) => {
            untrusted(&distrust, &chain, &host, &CaSetting::of(context, endpoint.profile), wall())
        }
    };
    findings.push(finding);
    Err("not tried, no trusted connection")
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

    /// How the authority above a certificate, or the certificate itself, comes to be trusted.
    fn fix(&self, is_own: bool, root: &str) -> String {
        let certificate = if is_own { "that certificate".to_owned() } else { format!("the certificate of {root}") };
        format!("get {certificate} (PEM) from whoever runs the network or the tenant, {}", self.action)
    }
}

/// A certificate that is trusted: until when.
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
            "have whoever runs the tenant renew its certificate",
        ),
    }
}

/// The day of a moment.
fn date(unix: i64) -> String {
    let mut date = rfc3339(unix);
    date.truncate("YYYY-MM-DD".len());
    date
}

/// A certificate that is not trusted: whose, from whom, and how that can change.
fn untrusted(distrust: &Distrust, chain: &[Certificate], host: &str, ca: &CaSetting, now: i64) -> Finding {
    let nobody = Certificate::default();
    let Certificate { subject, issuer, .. } = chain.first().unwrap_or(&nobody);
    // The authority to trust is the one above the last certificate of the chain.
    let root = &chain.last().unwrap_or(&nobody).issuer;
    let own = subject == issuer;
    let under = if root == issuer { String::new() } else { format!(" under {root}") };
    let from = if own { "signed by itself".to_owned() } else { format!("issued by {issuer}{under}") };
    let clock = rfc3339(now);
    let (what, fix) = match distrust {
        Distrust::UnknownIssuer => {
            let alone = if ca.is_alone { " (`ca_only`: `ca_file` alone counts)" } else { "" };
            let who = if own { "which" } else { "whom" };
            (format!(", {who} nobody here trusts{alone}"), ca.fix(own, root))
        }
        Distrust::OtherKey => {
            (", but with another key than the trusted authority of that name".to_owned(), ca.fix(own, root))
        }
        Distrust::WrongName(names) => {
            let names = names.join(", ");
            (format!(", for {names} and not for {host}"), format!("set `tenant` to one of: {names}"))
        }
        Distrust::Expired(end) => (
            format!(", which ended on {}", date(*end)),
            format!("check the clock, which says {clock}; if it is right, have the certificate renewed"),
        ),
        Distrust::NotYet(start) => {
            (format!(", which begins on {}", date(*start)), format!("set the clock, which says {clock}"))
        }
        Distrust::Other(cause) => (format!(": {cause}"), "have the certificate replaced".to_owned()),
    };
    let text = format!("{host} presents a certificate of {subject}, {from}{what}");
    Finding::failed("tls", text, fix, EXIT_CONFIG)
}

#[cfg(test)]
mod tests;
