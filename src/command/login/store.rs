//! Storing what was proved: the secret first, then the profile. Either both are there at the end, or neither changed.

use std::path::PathBuf;

use super::{Choice, Draft, Login, is_own_store};
use crate::config::{Profile, Stored};
use crate::error::Error;
use crate::platform;
use crate::secret::Secret;
use crate::secret::keychain;
use crate::secret::source::{COMMAND_LIMIT, SecretSource};

/// What was stored.
pub(super) struct Done {
    /// The file as it is now.
    pub(super) stored: Stored,
    /// The profile as the file has it.
    pub(super) profile: Profile,
    /// The secret, where it was stored by us.
    pub(super) secret: Option<Secret>,
    /// Where it was before and is no longer needed.
    pub(super) removed: Option<SecretSource>,
}

/// How a place for secrets was before.
enum Before {
    /// Nothing was changed.
    Untouched,
    /// A file and its content, if it was there.
    File(PathBuf, Option<Vec<u8>>),
    /// An account of the key store and its secret, if it had one.
    Keychain(String, Option<Secret>),
}

impl Login<'_> {
    /// Stores the draft while no other login does: what others stored meanwhile stays.
    pub(super) fn store(&self, draft: &Draft) -> Result<Done, Error> {
        let sources = self.context.sources;
        let stored = self.stored.update(|present| {
            let edited = present.with(&self.changes(draft, present))?;
            let profile = edited.profile(sources, &self.name, &[])?;
            let before = match (&draft.secret, &profile.client_secret) {
                (Choice::Store(secret), Some(source)) => self.put(source, secret)?,
                _ => Before::Untouched,
            };
            Ok((edited, || before.restore()))
        })?;
        let profile = stored.profile(sources, &self.name, &[])?;
        let removed = self.remove_old_secret(&stored, &profile);
        let secret = match &draft.secret {
            Choice::Store(secret) => Some(secret.clone()),
            Choice::Stay | Choice::Refer(_) => None,
        };
        Ok(Done { stored, profile, secret, removed })
    }

    /// Puts the secret where the profile will look for it.
    fn put(&self, source: &SecretSource, secret: &Secret) -> Result<Before, Error> {
        match source {
            SecretSource::File { path, .. } => {
                let before = Before::File(path.clone(), std::fs::read(path).ok());
                platform::write_private(path, format!("{}\n", secret.expose()).as_bytes())
                    .map_err(|error| Error::output(&path, error))?;
                Ok(before)
            }
            SecretSource::Keychain { account, .. } => {
                let before =
                    keychain::read_before_storing(account, COMMAND_LIMIT).map_err(|error| self.store_error(error))?;
                keychain::store(account, secret).map_err(|error| self.store_error(error))?;
                Ok(Before::Keychain(account.clone(), before))
            }
            SecretSource::Given(_) | SecretSource::Env { .. } | SecretSource::Command(_) => Ok(Before::Untouched),
        }
    }

    /// Removes the secret that `login` stored in another place before, unless another profile has it from there.
    fn remove_old_secret(&self, stored: &Stored, profile: &Profile) -> Option<SecretSource> {
        let old = self.stored.profile(self.context.sources, &self.name, &[]).ok()?.client_secret?;
        let obsolete = profile.client_secret.as_ref() != Some(&old)
            && is_own_store(&old, &self.stored, &self.name)
            && stored.users_of(self.context.sources, &old).is_empty();
        let removed = match &old {
            SecretSource::File { path, .. } if obsolete => std::fs::remove_file(path).is_ok(),
            SecretSource::Keychain { account, .. } if obsolete => keychain::remove(account).unwrap_or(false),
            _ => false,
        };
        removed.then_some(old)
    }
}

impl Before {
    /// Makes it so again, as far as that is possible.
    fn restore(self) {
        match self {
            Self::Untouched => {}
            Self::File(path, Some(content)) => drop(platform::write_private(&path, &content)),
            Self::File(path, None) => drop(std::fs::remove_file(path)),
            Self::Keychain(account, Some(secret)) => drop(keychain::store(&account, &secret)),
            Self::Keychain(account, None) => drop(keychain::remove(&account)),
        }
    }
}
