//! Stores the verified draft: the secret first, then the profile. Either both are stored or neither changes.

use super::{Draft, DraftSecret, Wizard};
use crate::config::{Profile, Stored};
use crate::error::Error;
use crate::secret::Secret;
use crate::secret::source::SecretSource;
use crate::secret::store::Undo;

/// The result of storing.
pub(super) struct Done {
    /// The new file.
    pub(super) stored: Stored,
    /// The profile in it.
    pub(super) profile: Profile,
    /// The secret, if `login` stored it.
    pub(super) secret: Option<Secret>,
    /// The old place of the secret, where it was removed.
    pub(super) removed: Option<SecretSource>,
}

impl Wizard<'_> {
    /// Stores the draft under the lock of the file; changes that others made since it was read stay.
    pub(super) fn store(&self, draft: &Draft) -> Result<Done, Error> {
        let sources = self.context.sources;
        let secret = match &draft.secret {
            DraftSecret::Store(secret) => Some(secret),
            DraftSecret::Keep | DraftSecret::Refer(_) => None,
        };
        let stored = self.stored.update(|present| {
            let edited = present.with(&self.changes(draft, present))?;
            let profile = edited.profile(sources, &self.name, &[])?;
            let put = secret.zip(profile.client_secret.as_ref()).map(|(secret, source)| source.put(secret));
            let undo: Option<Undo> = put.transpose()?;
            Ok((edited, || undo.into_iter().for_each(|undo| undo())))
        })?;
        let profile = stored.profile(sources, &self.name, &[])?;
        let removed = self.remove_old_secret(&stored, &profile);
        Ok(Done { stored, profile, secret: secret.cloned(), removed })
    }

    /// Removes a secret that `login` stored elsewhere before, unless another profile uses it.
    fn remove_old_secret(&self, stored: &Stored, profile: &Profile) -> Option<SecretSource> {
        let old = self.stored.profile(self.context.sources, &self.name, &[]).ok()?.client_secret?;
        let is_obsolete = profile.client_secret.as_ref() != Some(&old)
            && old.is_own_store(self.stored.dir(), &self.name)
            && stored.users_of(self.context.sources, &old).is_empty();
        (is_obsolete && old.remove(&self.name).unwrap_or(false)).then_some(old)
    }
}
