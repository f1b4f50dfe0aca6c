//! A proof that a client's credentials work: one request with them, whatever is cached and whoever was refused before.

use std::time::Duration;

use super::{Broker, LOCK_WAIT, Leave, NETWORK_LIMIT};
use crate::cache::Store;
use crate::entry::Ask;
use crate::error::Error;
use crate::grant::Grant;
use crate::lock::Tried;
use crate::log::RENEWING;
use crate::secret::Secret;

/// A token that the credentials under proof were good for.
#[derive(Debug)]
pub(crate) struct Proof {
    /// Its life in seconds.
    pub(crate) life: i64,
}

impl<S: Store> Broker<'_, S> {
    /// Asks for a token by the client's credentials, under the identity's lock (I1), and never by a refresh token.
    ///
    /// The reply becomes the entry, and a back-off is over. A refusal changes nothing: the token that is cached, the
    /// refresh token and the back-off are those of the secret that was used before.
    pub(crate) fn prove(&self, secret: &Secret) -> Result<Proof, Error> {
        let leave = self.leave()?;
        let mut entry = self.load();
        let asked = self.clock.now();
        self.log.step(|| format!("asking {} (client_credentials)", self.profile.token_url));
        let waiting = self.log.waiting_for(&self.profile.token_url.origin);
        let reply = self.endpoint.request(&Grant::ClientCredentials, secret, NETWORK_LIMIT);
        drop(waiting);
        let issued = reply.map_err(|error| {
            let pause = error.class().map_or(0, |class| class.back_off(1, error.retry_after(), 0));
            self.endpoint_error(error, pause)
        })?;
        // One that may have been consumed, or belongs to a secret that is no longer the client's: it is not sent again.
        entry.refresh_token = None;
        let rejected = entry.token.as_ref().map(|token| token.access_token.clone());
        let served = self.install(&leave, entry, issued, asked, &Ask { rejected, ..Ask::default() })?;
        Ok(Proof { life: served.remaining })
    }

    /// Waits for leave to write; where the cache cannot be used, goes on without.
    fn leave(&self) -> Result<Leave<S::Guard>, Error> {
        let started = self.clock.instant();
        let mut waiting = None;
        loop {
            match self.store.try_lock() {
                Tried::Held(guard) => {
                    if let Some(warning) = self.store.warning(&guard) {
                        self.log.warn(warning);
                    }
                    return Ok(Leave::Locked(guard));
                }
                Tried::Unsupported(guard, why) => {
                    self.log.warn(&format!("the cache cannot be locked, tokens may be fetched twice ({why})"));
                    return Ok(Leave::Unlocked(guard));
                }
                Tried::Unusable(why) => {
                    self.log.warn(&format!("going on without the cache ({why})"));
                    return Ok(Leave::None);
                }
                Tried::Busy if self.clock.instant().saturating_duration_since(started) >= LOCK_WAIT => {
                    return Err(self.lock_error(started));
                }
                Tried::Busy => {
                    waiting.get_or_insert_with(|| self.log.waiting(|| RENEWING.to_owned()));
                    self.clock.sleep(Duration::from_millis(20));
                }
            }
        }
    }
}
