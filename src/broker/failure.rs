//! Errors of token requests: what a failure of each kind is called, and the one hint that goes with it.

use std::time::UNIX_EPOCH;

use crate::clock::{rfc3339, wall};
use crate::config::{AuthStyle, ENVIRONMENT_PROFILE, Layer, Profile};
use crate::endpoint::RequestError;
use crate::entry::Need;
use crate::error::{Cause, EXIT_CONFIG, Error, ErrorKind};
use crate::failure::{CertificateProblem, ErrorCode, FailureKind, ProxyProblem, RequestFailure, TlsProblem};
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
/// source; the trusted roots and the proxy, of the profile and of the environment (`surroundings`). 32 bits of a salted
/// SHA-256, useless for guessing.
pub(crate) fn fingerprint(profile: &Profile, salt: &str, surroundings: &str) -> u32 {
    let mut hash = hmac_sha256::Hash::new();
    let mut add = |bytes: &[u8]| {
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    };
    add(salt.as_bytes());
    add(surroundings.as_bytes());
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
    let place = match profile.set_by.tenant {
        Layer::File => String::new(),
        layer => format!(" of {}", profile.place(layer)),
    };
    let tenant = format!("tenant `{}`{place}", profile.tenant.authority());
    let what = match kind {
        FailureKind::Unreachable | FailureKind::Interrupted | FailureKind::TimedOut | FailureKind::ServerError => {
            format!("cannot get a token from {tenant}")
        }
        FailureKind::TooManyRequests => format!("{tenant} asks for fewer requests"),
        FailureKind::Denied(_) => {
            let place = profile.place(profile.set_by.client_id);
            format!("{tenant} rejected {} of {place}", profile.caller())
        }
        FailureKind::Unusable => format!("`{}`{place} did not answer as a token endpoint", profile.token_url.page()),
        FailureKind::Local(local) => local.what.clone(),
        FailureKind::Certificate(_) => {
            format!("cannot verify the certificate of `{}`", profile.token_url.origin.authority())
        }
        FailureKind::Tls(_) => format!("`{}` offers no safe connection", profile.token_url.origin.authority()),
        FailureKind::Proxy(_) => format!("the proxy does not lead to {tenant}"),
    };
    let error = Error::new(ErrorKind::Request(kind.clone()), what).because(cause);
    hint(profile, kind, retry_in).into_iter().fold(error, Error::hint)
}

/// What to do about it. Where a person cannot tell from the report what to change, `doctor` can.
fn hint(profile: &Profile, kind: &FailureKind, retry_in: i64) -> Option<String> {
    Some(match kind {
        FailureKind::ServerError => "retry later; if it lasts, ask the tenant's administrator".to_owned(),
        FailureKind::Unreachable
        | FailureKind::Interrupted
        | FailureKind::TimedOut
        | FailureKind::Unusable
        | FailureKind::Denied(Some(ErrorCode::InvalidRequest | ErrorCode::Other)) => {
            format!("run `{}`", profile.doctor())
        }
        FailureKind::TooManyRequests => format!("wait {retry_in} s"),
        FailureKind::Denied(Some(ErrorCode::InvalidScope)) => {
            let scope = profile.setting(profile.set_by.scope, "scope");
            format!("compare {scope} with the client's scopes in the tenant")
        }
        FailureKind::Denied(Some(ErrorCode::UnauthorizedClient | ErrorCode::UnsupportedGrantType)) => {
            "register the client as a service client: it must be allowed the grant client_credentials".to_owned()
        }
        FailureKind::Denied(_) if profile.auth_style == AuthStyle::ApiToken => profile.replace_api_token(),
        FailureKind::Denied(_) => {
            let client_id = profile.setting(profile.set_by.client_id, "client_id");
            let secret = profile.client_secret.as_ref().map(|source| format!(" ({})", source.describe()));
            let secret = secret.unwrap_or_default();
            let org_id = if profile.org_id.is_some() { ", its `org_id`" } else { "" };
            format!("compare {client_id}{org_id} and the secret{secret} with the tenant's OAuth client settings")
        }
        FailureKind::Certificate(problem) => certificate_hint(profile, problem),
        FailureKind::Tls(TlsProblem::NotTls) => "check host and port of `tenant`: https is needed there".to_owned(),
        FailureKind::Tls(TlsProblem::UnknownName) => "check the host of `tenant`".to_owned(),
        FailureKind::Tls(TlsProblem::TooOld | TlsProblem::WantsCertificate) => {
            "ask the server's administrator for TLS 1.2 or 1.3, without client certificates".to_owned()
        }
        FailureKind::Proxy(problem) => proxy_hint(profile, problem),
        FailureKind::Local(local) => return local.hint.clone(),
    })
}

/// What to do about a proxy.
fn proxy_hint(profile: &Profile, problem: &ProxyProblem) -> String {
    match problem {
        ProxyProblem::Unreachable => "check that the proxy runs there, or set another one",
        ProxyProblem::NoCredentials => "write them into the proxy's URL: USER:PASSWORD@ before its host",
        ProxyProblem::WrongCredentials => {
            "check both in the proxy's URL; write special characters in them as %40 and the like"
        }
        ProxyProblem::Unreached => "check `tenant` for a misspelling; a tenant inside your network belongs in NO_PROXY",
        ProxyProblem::Forbidden => "ask the proxy's administrator to allow that host and port",
        ProxyProblem::NotAProxy => "check the proxy's scheme, host and port",
        ProxyProblem::Certificate(problem) => return certificate_hint(profile, problem),
    }
    .to_owned()
}

/// What to do about a certificate.
fn certificate_hint(profile: &Profile, problem: &CertificateProblem) -> String {
    match problem {
        CertificateProblem::UnknownIssuer(authority) | CertificateProblem::WrongSignature(authority) => {
            let wanted = match authority.as_deref() {
                None => "that certificate".to_owned(),
                Some("") => "your organisation's CA certificate".to_owned(),
                Some(name) => format!("the certificate of {name}"),
            };
            let add = match &profile.ca_file {
                Some(file) => format!("add it to `{}`", file.display()),
                None if profile.name == ENVIRONMENT_PROFILE => "set WS1_TOKEN_CA_FILE to its file".to_owned(),
                None => format!("set `ca_file` of profile `{}` to its file", profile.name),
            };
            format!("get {wanted} (PEM) from the administrator of the network or the tenant, and {add}")
        }
        CertificateProblem::Expired(_) | CertificateProblem::NotYetValid(_) => {
            format!("check the system clock (it says {}), or renew the certificate", rfc3339(wall()))
        }
        CertificateProblem::WrongName(names) => {
            let tenant = profile.setting(profile.set_by.tenant, "tenant");
            format!("set {tenant} to one of: {}", names.join(", "))
        }
        CertificateProblem::Unfit => "have the certificate replaced".to_owned(),
    }
}

/// The error of a tenant whose tokens live too short for the caller.
pub(super) fn too_short(profile: &Profile, life: i64, need: &Need) -> Error {
    let (tenant, wanted) = (profile.tenant.authority(), need.min_ttl.max(FLOOR + 1));
    Error::usage(format!("tenant `{tenant}` issues tokens for {life} s, less than the {wanted} s asked for"))
        .hint("ask for less with --min-ttl, or raise the client's access token life in the tenant")
}
