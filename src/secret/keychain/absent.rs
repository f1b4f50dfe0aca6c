//! The key store of a build that has none: every use of it is an error that says how to come by one.

use std::time::Duration;

use super::WayOut;
use crate::error::Cause;
use crate::secret::{Secret, SecretError};

/// See [`super::read`].
pub(super) fn read(_account: &str, _limit: Duration, way_out: WayOut) -> Result<Option<Secret>, SecretError> {
    Err(unsupported(way_out))
}

/// See [`super::store`].
pub(super) fn store(_account: &str, _secret: &Secret, _limit: Duration) -> Result<(), SecretError> {
    Err(unsupported(WayOut::Storing))
}

/// See [`super::remove`].
pub(super) fn remove(_account: &str, _limit: Duration) -> Result<bool, SecretError> {
    Err(unsupported(WayOut::Removing))
}

/// The one answer.
fn unsupported(way_out: WayOut) -> SecretError {
    SecretError {
        cause: Cause::new("this build of ws1-token has no keychain support"),
        hint: Some(way_out.hint("install one that has it with `./install.sh --keychain`")),
    }
}
