//! The entry on disk: read with the note beside it, marked, stored.

use super::Broker;
use super::lock::WriteAccess;
use crate::cache::{Loaded, Store};
use crate::entry::Entry;

impl<S: Store> Broker<'_, S> {
    /// Reads the entry; one that is not trusted counts as none.
    pub(super) fn load(&self) -> Entry {
        let (what, why) = match self.store.load() {
            Loaded::Entry(entry) => return entry,
            Loaded::Miss => return Entry::default(),
            Loaded::Untrusted(why) => ("a cache file that others could have changed", why),
            Loaded::Unusable(why) => ("a cache that cannot be used", why),
        };
        self.log.warn(&format!("ignoring {what} ({why})"));
        Entry::default()
    }

    /// Reads the entry, and the failure that was noted beside it because it could not be written.
    pub(super) fn load_with_note(&self, guard: Option<&S::Guard>) -> Entry {
        let mut entry = self.load();
        if let Some(noted) = self.store.noted_failure(guard) {
            let is_newer = |at: i64| noted.at >= at;
            if entry.failure.as_ref().is_none_or(|known| is_newer(known.at))
                && entry.token.as_ref().is_none_or(|token| is_newer(token.issued_at))
            {
                entry.renew_after = entry.renew_after.max(noted.until);
                entry.failure = Some(Box::new(noted));
            }
        }
        entry
    }

    /// Notes in the entry on disk that its refresh token is being sent; whether that succeeded.
    pub(super) fn mark(&self, guard: &S::Guard, entry: &mut Entry) -> bool {
        entry.refresh_in_flight = true;
        let marked = self.store.save(guard, entry);
        entry.refresh_in_flight = false;
        marked.is_ok()
    }

    /// Stores the entry if there is access; whether it is stored. A cache that cannot be written never prevents a token.
    pub(super) fn save(&self, access: &WriteAccess<S::Guard>, entry: &Entry) -> bool {
        let saved = access.guard().map(|guard| self.store.save(guard, entry));
        if let Some(Err(why)) = &saved {
            self.log.warn(&format!("cannot write the cache ({why})"));
        }
        matches!(saved, Some(Ok(())))
    }
}
