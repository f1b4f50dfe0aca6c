//! Errors of token requests: what a failure of each kind is called, and the one hint that goes with it.

use std::time::UNIX_EPOCH;

use crate::clock::{rfc3339, wall};
use crate::config::Profile;
use crate::endpoint::RequestError;
use crate::entry::Need;
use crate::error::{Cause, EXIT_CONFIG, Error, ErrorKind};
use crate::failure::{CertificateProblem, ErrorCode, FailureKind, RequestFailure};
use crate::secret::Secret;
use crate::secret::source::SecretSource;
use crate::token::FLOOR;

/// The error of a request that brought no token; the next attempt is `retry_in` seconds away.
pub(crate) fn request_error(profile: &Profile, error: RequestError, retry_in: i64) -> Error {
    match error {
        RequestError::Local { error, .. } => error,
        RequestError::Failed(failure) => token_error(profile, &failure.kind, failure.cause.into(), retry_in),
    }
}

/// A fingerprint of what a failure may depend on besides the tenant: the secret if it is cheap to read, else its
/// source; the trusted roots and the proxy of the profile. 32 bits of a salted SHA-256, useless for guessing.
pub(crate) fn fingerprint(profile: &Profile, salt: &str) -> u32 {
    let mut hash = hmac_sha256::Hash::new();
    let mut add = |bytes: &[u8]| {
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    };
    add(salt.as_bytes());
    add(&profile.client_secret.as_ref().map_or_else(Vec::new, SecretSource::fingerprint_input));
    add(profile.proxy.as_ref().map_or("", Secret::expose).as_bytes());
    if let Some(file) = &profile.ca_file
        && let Ok(meta) = std::fs::metadata(file)
        && meta.is_file()
    {
        let modified = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        add(file.as_os_str().as_encoded_bytes());
        add(&meta.len().to_le_bytes());
        add(&modified.as_nanos().to_le_bytes());
    }
    add(&[u8::from(profile.ca_only)]);
    let digest = hash.finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// What is recorded of a failure. A failure on this machine is recorded only where repeating it is slow: a setting that
/// is wrong beside a slow secret source. What the system refuses this process, it may grant another.
pub(super) fn memorable(profile: &Profile, error: &RequestError) -> Option<RequestFailure> {
    match error {
        RequestError::Failed(failure) => Some(failure.clone()),
        RequestError::Local { error, .. } => {
            let is_slow = profile.client_secret.as_ref().is_some_and(SecretSource::is_slow);
            (is_slow && error.exit_code() == EXIT_CONFIG).then(|| error.to_failure())
        }
    }
}

/// The error of a failure of that kind, now or recorded.
pub(crate) fn token_error(profile: &Profile, kind: &FailureKind, cause: Cause, retry_in: i64) -> Error {
    let tenant = profile.tenant.authority();
    let what = match kind {
        FailureKind::Unreachable | FailureKind::Interrupted | FailureKind::TimedOut | FailureKind::ServerError => {
            format!("cannot get a token from tenant `{tenant}`")
        }
        FailureKind::TooManyRequests => format!("tenant `{tenant}` asks for fewer requests"),
        FailureKind::Denied(_) => {
            format!("tenant `{tenant}` rejected client `{}` of profile `{}`", profile.client_id, profile.name)
        }
        FailureKind::Unusable => format!("`{}` did not answer as a token endpoint", profile.token_url),
        FailureKind::Local(local) => local.what.clone(),
        FailureKind::Certificate(_) => {
            format!("cannot verify the certificate of `{}`", profile.token_url.origin.authority())
        }
    };
    let error = Error::new(ErrorKind::Request(kind.clone()), what).because(cause);
    hint(profile, kind, retry_in).into_iter().fold(error, Error::hint)
}

/// What to do about it.
fn hint(profile: &Profile, kind: &FailureKind, retry_in: i64) -> Option<String> {
    Some(match kind {
        FailureKind::ServerError => "retry later; if it lasts, ask the tenant's administrator".to_owned(),
        FailureKind::Unreachable | FailureKind::Interrupted | FailureKind::TimedOut => {
            "check the network, and HTTPS_PROXY if a proxy is needed; then retry".to_owned()
        }
        FailureKind::TooManyRequests => format!("wait {retry_in} s"),
        FailureKind::Denied(Some(ErrorCode::InvalidScope)) => {
            "compare `scope` of the profile with the client's scopes in the tenant".to_owned()
        }
        FailureKind::Denied(Some(ErrorCode::UnauthorizedClient | ErrorCode::UnsupportedGrantType)) => {
            "register the client as a service client: it must be allowed the grant client_credentials".to_owned()
        }
        FailureKind::Denied(_) => "compare the client ID and secret with the tenant's OAuth client settings".to_owned(),
        FailureKind::Unusable => {
            format!("check `tenant` and `preset` of profile `{}`: it must be the Access host itself", profile.name)
        }
        FailureKind::Certificate(problem) => certificate_hint(problem),
        FailureKind::Local(local) => return local.hint.clone(),
    })
}

/// What to do about a certificate.
fn certificate_hint(problem: &CertificateProblem) -> String {
    match problem {
        CertificateProblem::UnknownIssuer => {
            "add your organisation's CA to the system's store, or set `ca_file` in the profile".to_owned()
        }
        CertificateProblem::Expired(_) | CertificateProblem::NotYetValid(_) => {
            format!("check the system clock (it says {}), or renew the certificate", rfc3339(wall()))
        }
        CertificateProblem::WrongName(_) => "check `tenant`: the certificate belongs to another host".to_owned(),
        CertificateProblem::WrongSignature | CertificateProblem::Other(_) => {
            "replace the server's certificate, or set `ca_file` in the profile to the CA that issued it".to_owned()
        }
    }
}

/// The error of a tenant whose tokens live too short for the caller.
pub(super) fn too_short(profile: &Profile, life: i64, need: &Need) -> Error {
    let (tenant, wanted) = (profile.tenant.authority(), need.min_ttl.max(FLOOR + 1));
    Error::usage(format!("tenant `{tenant}` issues tokens for {life} s, less than the {wanted} s asked for"))
        .hint("ask for less with --min-ttl, or raise the client's access token life in the tenant")
}
