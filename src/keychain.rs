//! The platform's key store as a place for client secrets.
//!
//! A secret is filed under the service `ws1-token` and an account of the form `CLIENT@TENANT`, so that a person finds it
//! in the key store's own program, and profiles of one client share it.

use std::time::Duration;

use crate::error::Cause;
use crate::secret::{Secret, SecretError};

/// Reads the secret of an account; the key store may take `limit` at most.
pub(crate) fn read(_account: &str, _limit: Duration) -> Result<Secret, SecretError> {
    Err(unsupported())
}

/// Stores the secret of an account in place of the one that is there.
pub(crate) fn store(_account: &str, _secret: &Secret) -> Result<(), SecretError> {
    Err(unsupported())
}

/// Removes the secret of an account; `false` if there is none.
pub(crate) fn remove(_account: &str) -> Result<bool, SecretError> {
    Err(unsupported())
}

/// The answer of a build without key store support.
fn unsupported() -> SecretError {
    SecretError {
        cause: Cause::new("this build of ws1-token has no keychain support"),
        hint: Some("use {\"file\": PATH} or {\"command\": [ARGV…]} as `client_secret`".to_owned()),
    }
}
