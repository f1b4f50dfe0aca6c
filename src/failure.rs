//! What can go wrong with a request, as types. They travel from where a failure arises to where a hint, an exit status, a
//! pause or a fall-back is chosen, and are kept in the cache entry. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `error` of an OAuth reply (RFC 6749 §5.2; `invalid_token`: RFC 6750 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorCode {
    /// `invalid_request`
    InvalidRequest,
    /// `invalid_client`
    InvalidClient,
    /// `invalid_grant`
    InvalidGrant,
    /// `unauthorized_client`
    UnauthorizedClient,
    /// `unsupported_grant_type`
    UnsupportedGrantType,
    /// `invalid_scope`
    InvalidScope,
    /// `invalid_token`
    InvalidToken,
    /// Any other code.
    Other,
}

impl ErrorCode {
    /// Reads a code; the RFC's are lower case, to the letter.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "invalid_request" => Self::InvalidRequest,
            "invalid_client" => Self::InvalidClient,
            "invalid_grant" => Self::InvalidGrant,
            "unauthorized_client" => Self::UnauthorizedClient,
            "unsupported_grant_type" => Self::UnsupportedGrantType,
            "invalid_scope" => Self::InvalidScope,
            "invalid_token" => Self::InvalidToken,
            _ => Self::Other,
        }
    }
}

/// What is wrong with a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CertificateProblem {
    /// Nobody trusted issued it. This is the authority to trust; none if that is the certificate itself.
    UnknownIssuer(Option<String>),
    /// A trusted authority has its issuer's name, but another key. The authority as before.
    WrongSignature(Option<String>),
    /// It is valid for these names only.
    WrongName(Vec<String>),
    /// It expired at this Unix second.
    Expired(i64),
    /// It becomes valid at this Unix second.
    NotYetValid(i64),
    /// No trust makes it usable: it names no host, say.
    Unfit,
}

impl FailureKind {
    /// Passes the names that a certificate brought along through `hide`.
    pub(crate) fn hide(&mut self, hide: &dyn Fn(&str) -> String) {
        let (Self::Certificate(problem) | Self::Proxy(ProxyProblem::Certificate(problem))) = self else { return };
        let names = match problem {
            CertificateProblem::UnknownIssuer(name) | CertificateProblem::WrongSignature(name) => name.as_mut_slice(),
            CertificateProblem::WrongName(names) => names,
            _ => return,
        };
        for name in names {
            *name = hide(name);
        }
    }
}

/// Why there can be no TLS with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TlsProblem {
    /// It speaks something else on that port.
    NotTls,
    /// It has no version or cipher in common with this program.
    TooOld,
    /// It knows no host of that name.
    UnknownName,
    /// It wants a client certificate.
    WantsCertificate,
}

/// Why a proxy does not connect to the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProxyProblem {
    /// There is no connection to the proxy, or it ended.
    Unreachable,
    /// It wants a user name and a password.
    NoCredentials,
    /// It does not accept those it was given.
    WrongCredentials,
    /// It does not reach the tenant.
    Unreached,
    /// It does not let anybody connect there.
    Forbidden,
    /// It does not speak the protocol of its URL.
    NotAProxy,
    /// Its own certificate is not accepted.
    Certificate(CertificateProblem),
}

/// Why a request brought no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureKind {
    /// No connection.
    Unreachable,
    /// The request may have arrived, but the connection ended before a whole answer came back.
    Interrupted,
    /// The same, but no whole answer came back in time.
    TimedOut,
    /// 5xx or 408.
    ServerError,
    /// 429.
    TooManyRequests,
    /// 401, 403, or an OAuth error: the same credentials will be denied again.
    Denied(Option<ErrorCode>),
    /// Another answer: this is not a token endpoint, or not one that works.
    Unusable,
    /// The server's certificate is not accepted.
    Certificate(CertificateProblem),
    /// The server speaks no TLS that is safe.
    Tls(TlsProblem),
    /// The proxy does not connect to the server.
    Proxy(ProxyProblem),
    /// The profile, its secret or this machine does not allow a request: nothing was sent.
    Local(Box<LocalFailure>),
}

/// A failure on this machine, to be reported again by other processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LocalFailure {
    /// What failed.
    pub(crate) what: String,
    /// One action that helps.
    pub(crate) hint: Option<String>,
    /// A setting has to change; else the operating system refused something.
    pub(crate) is_setting: bool,
}

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was sent.
    NotSent,
    /// Something may have been sent.
    Sent,
    /// The server answered.
    Answered,
}

impl FailureKind {
    /// How far the request got.
    pub(crate) fn phase(&self) -> Phase {
        match self {
            Self::Unreachable | Self::Certificate(_) | Self::Tls(_) | Self::Proxy(_) | Self::Local(_) => Phase::NotSent,
            Self::Interrupted | Self::TimedOut => Phase::Sent,
            Self::ServerError | Self::TooManyRequests | Self::Denied(_) | Self::Unusable => Phase::Answered,
        }
    }

    /// Whether the tenant denied the client's ID or secret, as far as it says.
    pub(crate) fn denies_client(&self) -> bool {
        match self {
            Self::Denied(code) => !matches!(
                code,
                Some(ErrorCode::InvalidScope | ErrorCode::UnauthorizedClient | ErrorCode::UnsupportedGrantType)
            ),
            _ => false,
        }
    }

    /// Whether a refresh token that was sent is unspent: it did not arrive, or the server turned the client away before it
    /// looked at the grant. Client credentials would fail in the same way.
    pub(crate) fn leaves_refresh_token(&self) -> bool {
        match self {
            Self::TooManyRequests | Self::Denied(Some(ErrorCode::InvalidClient)) => true,
            other => other.phase() == Phase::NotSent,
        }
    }
}

/// A request that brought no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestFailure {
    /// Why.
    pub(crate) kind: FailureKind,
    /// The same in words that repeat no secret.
    pub(crate) cause: String,
    /// Seconds that the server asks for with `Retry-After`.
    pub(crate) retry_after: Option<i64>,
}

impl RequestFailure {
    /// A failure without `Retry-After`.
    pub(crate) fn new(kind: FailureKind, cause: impl Into<String>) -> Self {
        Self { kind, cause: cause.into(), retry_after: None }
    }
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for RequestFailure {}
