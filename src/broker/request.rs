//! What a caller asks for, and what it gets.

use crate::cache::checksum;
use crate::entry::{Entry, Need};
use crate::secret::Secret;

/// A caller's request for a token.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenRequest {
    /// Seconds that the token must have left.
    pub(crate) min_ttl: i64,
    /// Whether the cached token may be handed out.
    pub(crate) renew: Renew,
}

/// When a valid cached token is renewed nevertheless.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Renew {
    /// Never.
    #[default]
    IfNeeded,
    /// Always.
    Always,
    /// If it is the one with this fingerprint, which a server refused.
    IfRejected(String),
}

impl TokenRequest {
    /// The same in terms of the entry that is there at the start of the run.
    pub(super) fn need(&self, entry: &Entry, now: i64) -> Need {
        let cached = entry.token.as_ref().map(|token| &token.access_token);
        let (rejected, overridden) = match &self.renew {
            Renew::IfNeeded => (None, None),
            Renew::Always => (cached.cloned(), entry.failure.clone()),
            Renew::IfRejected(_) if entry.is_replaced(now) => (None, None),
            Renew::IfRejected(refused) => (cached.filter(|token| fingerprint(token) == *refused).cloned(), None),
        };
        Need { min_ttl: self.min_ttl, rejected, overridden, must_renew: self.renew == Renew::Always }
    }
}

/// An access token for a caller.
#[expect(clippy::struct_field_names, reason = "`access_token` is its name in RFC 6749")]
#[derive(Debug, Clone)]
pub(crate) struct AccessToken {
    /// The token.
    pub(crate) access_token: Secret,
    /// Its whole life in seconds.
    pub(crate) life: i64,
    /// Seconds left at `now`.
    pub(crate) remaining: i64,
    /// Wall-clock second at which `remaining` was read.
    pub(crate) now: i64,
    /// Checksums of the hosts that refused it although it has just replaced a refused one, one for each refusal.
    pub(crate) refused_by: Vec<u32>,
}

impl AccessToken {
    /// Wall-clock second at which it expires, by the clock that the caller compares with.
    pub(crate) fn expires_at(&self) -> i64 {
        self.now.saturating_add(self.remaining)
    }

    /// A short name that tells this token from another: 32 bits, useless for guessing a token of hundreds.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&self.access_token)
    }
}

/// See [`AccessToken::fingerprint`]. The last 64 bytes tell tokens apart: a JWT's are of its signature, and an opaque
/// token's are random.
pub(super) fn fingerprint(access_token: &Secret) -> String {
    let token = access_token.expose().as_bytes();
    format!("{:08x}", checksum(&token[token.len().saturating_sub(64)..]))
}
