//! The platform's key store as a place for client secrets: a Secret Service such as gnome-keyring on Linux, the
//! Keychain on macOS, the Credential Manager on Windows.
//!
//! The service is `ws1-token`, the account `CLIENT@TENANT`: users recognise it in the key store's own program, and profiles
//! of one client share it. Only builds with the cargo feature `keychain` support it.

use std::time::Duration;

#[cfg(not(feature = "keychain"))]
mod absent;
#[cfg(feature = "keychain")]
mod native;

#[cfg(not(feature = "keychain"))]
pub(crate) use absent::{read, remove, store};
#[cfg(feature = "keychain")]
pub(crate) use native::{read, remove, store};

/// Timeout of the key store in `login` and `logout`, where the user may have to unlock it.
pub(crate) const UNLOCK_LIMIT: Duration = Duration::from_secs(60);

/// What the key store is used for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Reading a secret.
    Read,
    /// Storing one in `login`.
    Store,
    /// Removing one in `logout`.
    Remove,
}

impl Purpose {
    /// The verb for messages.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Store => "store",
            Self::Remove => "remove",
        }
    }

    /// What to do instead, for a hint.
    pub(crate) fn alternative(self) -> &'static str {
        match self {
            Self::Read => "use {\"file\": PATH} or {\"command\": [ARGV…]} as `client_secret`",
            Self::Store => "keep the secret in a file with `--store file`",
            Self::Remove => "remove the secret with the key store's own program",
        }
    }

    /// The hint: an action on the key store, or the alternative.
    pub(crate) fn hint(self, action: &str) -> String {
        format!("{action}, or {}", self.alternative())
    }
}
