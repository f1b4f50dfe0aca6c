//! The platform's key store as a place for client secrets: a Secret Service such as gnome-keyring on Linux, the
//! Keychain on macOS, the Credential Manager on Windows.
//!
//! A secret is filed under the service `ws1-token` and an account of the form `CLIENT@TENANT`, so that a person finds it
//! in the key store's own program, and profiles of one client share it. Only builds with the cargo feature `keychain`
//! have this; the others say so.

use std::time::Duration;

use crate::secret::{Secret, SecretError};

#[cfg(not(feature = "keychain"))]
mod absent;
#[cfg(feature = "keychain")]
mod native;

#[cfg(not(feature = "keychain"))]
use absent as system;
#[cfg(feature = "keychain")]
use native as system;

/// How long a person has to unlock the key store while `login` or `logout` waits.
const PERSON_LIMIT: Duration = Duration::from_secs(60);

/// What somebody can do who does without the key store, as the end of a hint.
#[derive(Debug, Clone, Copy)]
enum WayOut {
    /// To have a secret read.
    Reading,
    /// To have `login` store one.
    Storing,
    /// To have `logout` remove one.
    Removing,
}

impl WayOut {
    /// A hint: something to do about the key store, or the way out.
    fn hint(self, instead_of: &str) -> String {
        let way_out = match self {
            Self::Reading => "use {\"file\": PATH} or {\"command\": [ARGV…]} as `client_secret`",
            Self::Storing => "keep the secret in a file with `--store file`",
            Self::Removing => "remove the secret with the key store's own program",
        };
        format!("{instead_of}, or {way_out}")
    }
}

/// Reads the secret of an account, `None` if there is none; the key store may take `limit` at most.
pub(crate) fn read(account: &str, limit: Duration) -> Result<Option<Secret>, SecretError> {
    system::read(account, limit, WayOut::Reading)
}

/// The same where `login` is about to store one in its place: a failure says where else to store it.
pub(crate) fn read_before_storing(account: &str, limit: Duration) -> Result<Option<Secret>, SecretError> {
    system::read(account, limit, WayOut::Storing)
}

/// Stores the secret of an account in place of the one that is there.
pub(crate) fn store(account: &str, secret: &Secret) -> Result<(), SecretError> {
    system::store(account, secret, PERSON_LIMIT)
}

/// Removes the secret of an account; `false` if there is none.
pub(crate) fn remove(account: &str) -> Result<bool, SecretError> {
    system::remove(account, PERSON_LIMIT)
}

/// What to do about a secret that the key store does not hold.
pub(crate) fn hint_for_missing(profile: &str) -> String {
    WayOut::Reading.hint(&format!("run `ws1-token login {profile}`"))
}
