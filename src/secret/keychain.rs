//! The platform's key store as a place for client secrets: a Secret Service such as gnome-keyring on Linux, the
//! Keychain on macOS, the Credential Manager on Windows.
//!
//! A secret is filed under the service `ws1-token` and an account of the form `CLIENT@TENANT`, so that a person finds it
//! in the key store's own program, and profiles of one client share it. Only builds with the cargo feature `keychain`
//! have this; the others say so.

use std::time::Duration;

#[cfg(not(feature = "keychain"))]
mod absent;
#[cfg(feature = "keychain")]
mod native;

#[cfg(not(feature = "keychain"))]
pub(crate) use absent::{read, remove, store};
#[cfg(feature = "keychain")]
pub(crate) use native::{read, remove, store};

/// How long a person has to unlock the key store while `login` or `logout` waits.
pub(crate) const UNLOCK_LIMIT: Duration = Duration::from_secs(60);

/// What the key store is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// To read a secret.
    Read,
    /// To store one for `login`.
    Store,
    /// To remove one for `logout`.
    Remove,
}

impl Purpose {
    /// What it does with a secret.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Store => "store",
            Self::Remove => "remove",
        }
    }

    /// What to do without the key store.
    pub(crate) fn alternative(self) -> &'static str {
        match self {
            Self::Read => "use {\"file\": PATH} or {\"command\": [ARGV…]} as `client_secret`",
            Self::Store => "keep the secret in a file with `--store file`",
            Self::Remove => "remove the secret with the key store's own program",
        }
    }

    /// A hint: something to do about the key store, or the alternative.
    pub(crate) fn hint(self, action: &str) -> String {
        format!("{action}, or {}", self.alternative())
    }
}
