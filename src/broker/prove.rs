//! A proof that a client's credentials work: one request with them, whatever is cached or was refused before.

use super::limits::NETWORK_LIMIT;
use super::{Broker, failure, lock};
use crate::cache::Store;
use crate::clock::Deadline;
use crate::endpoint::RequestError;
use crate::entry::Need;
use crate::error::Error;
use crate::grant::Grant;
use crate::lock::LockAttempt;
use crate::secret::Secret;

impl<S: Store> Broker<'_, S> {
    /// Requests a token with the client's credentials, under the identity's lock (I1), and never with a refresh token.
    /// Gives its life in seconds.
    ///
    /// The response becomes the entry, and ends a back-off. A failure changes nothing: the cached token, the refresh
    /// token and the back-off belong to the secret that was used before.
    pub(crate) fn prove(&self, secret: &Secret) -> Result<i64, Error> {
        let access = match lock::wait(self.store, self.clock, self.log, lock::LIMIT, || true) {
            LockAttempt::Busy => return Err(lock::timed_out(self.store, &self.profile.name, lock::LIMIT)),
            attempt => self.uncoordinated(attempt),
        };
        let mut entry = self.load();
        let tried = self.fingerprint();
        let deadline = Deadline::after(self.clock, NETWORK_LIMIT);
        let (response, asked) =
            self.send(&Grant::ClientCredentials, secret, &entry.secrets(), deadline).map_err(|error| {
                let error = error.doubting(secret, &self.profile.client_id);
                let pause = match &error {
                    RequestError::Failed(failure) => failure.kind.back_off(1, failure.retry_after, 0),
                    RequestError::Local { .. } => 0,
                };
                failure::request_error(self.profile, error, pause)
            })?;
        // It may have been consumed, or belong to a secret that is no longer the client's: it is not sent again.
        entry.refresh_token = None;
        entry.refresh_in_flight = false;
        let rejected = entry.token.as_ref().map(|token| token.access_token.clone());
        let token = self.install(&access, entry, response, asked, &Need { rejected, ..Need::default() }, tried)?;
        Ok(token.remaining)
    }
}
