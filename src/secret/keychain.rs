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
pub(crate) struct Purpose {
    /// The verb for messages.
    pub(crate) verb: &'static str,
    /// What to do instead, for a hint.
    pub(crate) alternative: &'static str,
}

impl Purpose {
    /// Reading a secret.
    pub(crate) const READ: Self =
        Self { verb: "read", alternative: "use {\"file\": PATH} or {\"command\": [ARGV…]} as `client_secret`" };
    /// Storing one in `login`.
    pub(crate) const STORE: Self = Self { verb: "store", alternative: "keep the secret in a file with `--store file`" };
    /// Removing one in `logout`.
    pub(crate) const REMOVE: Self =
        Self { verb: "remove", alternative: "remove the secret with the key store's own program" };

    /// The hint: an action on the key store, or the alternative.
    pub(crate) fn hint(self, action: &str) -> String {
        format!("{action}, or {}", self.alternative)
    }
}
