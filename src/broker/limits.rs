//! How long the parts of a run may take.

use std::time::Duration;

use super::Broker;
use crate::cache::Store;
use crate::clock::Deadline;
use crate::entry::{Entry, Need};
use crate::token::FLOOR;

/// Time limit of the network, both grants together.
pub(super) const NETWORK_LIMIT: Duration = Duration::from_secs(10);

/// The same while a valid token is at hand and only this process is waiting.
pub(super) const ADVISORY_NETWORK_LIMIT: Duration = Duration::from_secs(5);

/// Shortest time limit of a request, however late it is.
pub(super) const SHORTEST_REQUEST: Duration = Duration::from_millis(500);

/// Time limit of a run from its start: standard input, lock, secret and network together. kubectl gives up its discovery
/// after 32 s.
pub(crate) const RUN_LIMIT: Duration = Duration::from_secs(25);

/// Seconds below which a token is renewed without coordination: its caller still has to use it.
const UNCOORDINATED_FLOOR: i64 = 30;

/// The wait for a renewal ends this long before the old token gets too old for the caller, so that it can be served.
const SPARE: Duration = Duration::from_secs(1);

/// Processes that cannot coordinate spread their requests over this time.
pub(super) const UNCOORDINATED_SPREAD: Duration = Duration::from_secs(2);

impl<S: Store> Broker<'_, S> {
    /// Whether there is no token, or one with so little time left that it is renewed even without coordination.
    pub(super) fn is_running_out(&self, entry: &Entry) -> bool {
        let left = entry.servable(self.clock.now(), &|| self.clock.boot_id()).map(|(_, left)| left);
        left.is_none_or(|left| left < UNCOORDINATED_FLOOR)
    }

    /// When the run has to end: while the old token is still good for the caller, if it is.
    pub(super) fn deadline(&self, entry: &Entry, need: &Need) -> Deadline {
        let left = match entry.servable(self.clock.now(), &|| self.clock.boot_id()) {
            Some((_, left)) if !need.must_renew && left >= need.min_ttl => left - need.min_ttl.max(FLOOR + 1),
            _ => return self.deadline,
        };
        let left = Duration::from_secs(left.unsigned_abs()).saturating_sub(SPARE);
        self.deadline.min(Deadline::after(self.clock, left))
    }
}
