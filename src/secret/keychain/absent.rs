//! The key store of a build without it: every use is an error that says how to get one.

use std::time::Duration;

use super::Purpose;
use crate::error::Cause;
use crate::secret::{Secret, SecretError};

/// Reads a secret.
pub(crate) fn read(_account: &str, _limit: Duration, purpose: Purpose) -> Result<Option<Secret>, SecretError> {
    Err(unsupported(purpose))
}

/// Stores a secret.
pub(crate) fn store(_account: &str, _secret: &Secret) -> Result<(), SecretError> {
    Err(unsupported(Purpose::STORE))
}

/// Removes a secret.
pub(crate) fn remove(_account: &str) -> Result<bool, SecretError> {
    Err(unsupported(Purpose::REMOVE))
}

/// The error of every use.
fn unsupported(purpose: Purpose) -> SecretError {
    SecretError {
        cause: Cause::new("this build of ws1-token has no keychain support"),
        hint: Some(purpose.hint("install one that has it with `./install.sh --keychain`")),
    }
}
