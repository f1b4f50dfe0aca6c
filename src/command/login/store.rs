//! Stores the verified draft: the secret in a new place, then the profile that refers to it, then the old secret goes.
//! However the run ends, profile and secret fit together; the next login or logout deletes what is left over.

use std::time::Duration;

use super::{Draft, DraftSecret, Wizard};
use crate::child::Stderr;
use crate::cli::SecretStore;
use crate::config::{AuthStyle, Profile, Stored, Transaction};
use crate::error::{Error, ErrorKind};
use crate::secret::Secret;
use crate::secret::source::SecretSource;

/// The result of storing.
pub(super) struct Done {
    /// The new file.
    pub(super) stored: Stored,
    /// The profile in it.
    pub(super) profile: Profile,
    /// The secret, if `login` stored it.
    pub(super) secret: Option<Secret>,
    /// The old place of the secret, if the profile has another one now.
    pub(super) old: Option<OldSecret>,
}

/// The place that a profile no longer reads its secret from.
pub(super) enum OldSecret {
    /// `login` had stored the secret there, and removed it.
    Removed(SecretSource),
    /// The user's own, which stays.
    Kept(SecretSource),
}

impl Wizard<'_> {
    /// Stores the draft under the lock of the file; changes that others made since it was read stay.
    pub(super) fn store(&self, draft: &Draft) -> Result<Done, Error> {
        let sources = self.context.sources;
        let mut transaction = self.stored.edit()?;
        self.check_unchanged(draft, &transaction.present)?;
        let edited = transaction.present.with(&self.changes(draft, &transaction.present))?;
        let profile = edited.profile(sources, &self.name, &[])?;
        let before = transaction.present.profile(sources, &self.name, &[]).ok();
        let old = before
            .as_ref()
            .and_then(|old| old.client_secret.clone())
            .filter(|old| profile.client_secret.as_ref() != Some(old));
        if let Some(old) = old.as_ref().filter(|old| self.is_own(old, &transaction.present)) {
            list(&mut transaction, old)?;
        }
        let secret = match &draft.secret {
            DraftSecret::Store(secret) => Some(secret),
            DraftSecret::Keep | DraftSecret::Refer(_) => None,
        };
        let undo = match (secret, &profile.client_secret) {
            (Some(secret), Some(source)) if !self.has_stored(secret, &transaction.present) => {
                list(&mut transaction, source)?;
                Some(source.put(secret)?)
            }
            _ => None,
        };
        if let Err(error) = transaction.write(edited) {
            if let Some(undo) = undo {
                undo();
            }
            return Err(error);
        }
        let stored = transaction.present.clone();
        // Deletes the old file.
        drop(transaction);
        // The tokens of an API token are cached under its place: what this profile has left, no later run would drop.
        if let Some(left) = before
            && left.auth_style == AuthStyle::ApiToken
            && left.identity() != profile.identity()
        {
            let _ = self.context.forget(&left);
        }
        let old = old.and_then(|old| self.retire(old, &stored, &profile));
        Ok(Done { stored, profile, secret: secret.cloned(), old })
    }

    /// Fails if the draft keeps the secret of the profile and another login changed whose secret that is.
    fn check_unchanged(&self, draft: &Draft, present: &Stored) -> Result<(), Error> {
        let now = present.settings(&self.name).unwrap_or_default();
        let is_same = |key: &str| now.get(key) == self.old.get(key);
        if !matches!(draft.secret, DraftSecret::Keep)
            || ["tenant", "token_url", "preset", "client_id", "client_secret", "api_token"].into_iter().all(is_same)
        {
            return Ok(());
        }
        let changed = format!("another login changed profile `{}` meanwhile", self.name);
        Err(Error::new(ErrorKind::Busy, changed).hint("rerun; nothing was changed by this login"))
    }

    /// Whether the file that the profile names already holds this secret: then that file stays, unless `--store` asks for
    /// one of login's own.
    pub(super) fn has_stored(&self, secret: &Secret, present: &Stored) -> bool {
        let profile = present.profile(self.context.sources, &self.name, &[]);
        profile.ok().and_then(|profile| profile.client_secret).is_some_and(|source| {
            matches!(source, SecretSource::File { .. })
                && match self.args.store {
                    None => true,
                    Some(SecretStore::File) => self.is_own(&source, present),
                    Some(SecretStore::Keychain) => false,
                }
                && source.read(Duration::ZERO, Stderr::Inherited).is_ok_and(|stored| stored == *secret)
        })
    }

    /// Whether `login` stores the secret of the profile there.
    fn is_own(&self, source: &SecretSource, stored: &Stored) -> bool {
        source.is_own_store(stored.dir(), &self.name)
    }

    /// Whether the old secret was removed or kept; one in the key store is removed here, unless another profile uses
    /// it. Nothing is reported of a file that was replaced by a new one.
    fn retire(&self, old: SecretSource, stored: &Stored, profile: &Profile) -> Option<OldSecret> {
        let is_own_file =
            |source: &SecretSource| matches!(source, SecretSource::File { .. }) && self.is_own(source, stored);
        match &old {
            SecretSource::File { path, .. } if is_own_file(&old) => {
                let has_successor = profile.client_secret.as_ref().is_some_and(is_own_file);
                (!has_successor && !path.exists()).then_some(OldSecret::Removed(old))
            }
            SecretSource::File { path, .. } => path.exists().then_some(OldSecret::Kept(old)),
            SecretSource::Keychain { .. } => {
                let is_unused = stored.users_of(self.context.sources, &old).is_empty();
                (is_unused && old.remove(&self.name).unwrap_or(false)).then_some(OldSecret::Removed(old))
            }
            SecretSource::Given { .. } | SecretSource::Env { .. } | SecretSource::Command(_) => None,
        }
    }
}

/// Lists the file of a secret in a transaction; other places have no leftovers.
fn list(transaction: &mut Transaction, source: &SecretSource) -> Result<(), Error> {
    let SecretSource::File { path, .. } = source else { return Ok(()) };
    path.file_name().and_then(|name| name.to_str()).map_or(Ok(()), |name| transaction.list(name))
}
