//! Where `login` stores a client secret and `logout` removes it: a file beside the configuration, or the platform's key
//! store.

use std::io::ErrorKind;
use std::path::Path;

use super::keychain::{self, Purpose, UNLOCK_LIMIT};
use super::source::SecretSource;
use super::{Secret, SecretError};
use crate::error::Error;
use crate::platform;

/// Restores what a store held before.
pub(crate) type Undo = Box<dyn FnOnce()>;

/// A new name of a file, in the configuration's directory, for the secret of a profile.
///
/// Every stored secret gets a file of its own, so that one rename of the configuration replaces profile and secret
/// together. The name also marks the file as written by `login`: no profile's name holds an `@`.
pub(crate) fn new_file_name(profile: &str) -> String {
    format!("{profile}@{:016x}.secret", platform::random())
}

/// The profile whose secret `login` stored in a file of this name; `None` for any other name.
pub(crate) fn owner(name: &str) -> Option<&str> {
    let (profile, number) = name.strip_suffix(".secret")?.rsplit_once('@')?;
    let is_number = number.len() == 16 && number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_number && !profile.contains(['/', '\\'])).then_some(profile)
}

/// Fails if `login` cannot store the secret of an account in the key store.
pub(crate) fn check_key_store(account: &str, profile: &str) -> Result<(), Error> {
    keychain::read(account, UNLOCK_LIMIT, Purpose::STORE).map(|_| ()).map_err(failed(Purpose::STORE, profile))
}

impl SecretSource {
    /// Whether `login` stores the secret of a profile there; `dir` is the configuration's directory.
    pub(crate) fn is_own_store(&self, dir: &Path, profile: &str) -> bool {
        match self {
            Self::File { path, .. } => path.parent() == Some(dir) && file_name(path).and_then(owner) == Some(profile),
            Self::Keychain { .. } => true,
            Self::Given { .. } | Self::Env { .. } | Self::Command(_) => false,
        }
    }

    /// Whether it is a file for the secret of a profile, by its name, and no longer exists.
    pub(crate) fn is_gone(&self, profile: &str) -> bool {
        let Self::File { path, .. } = self else { return false };
        file_name(path)
            .is_some_and(|name| owner(name) == Some(profile) || name.strip_suffix(".secret") == Some(profile))
            && std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    }

    /// Whether the secret of a profile is still there after a logout; the user may have to unlock the key store.
    pub(crate) fn is_present(&self, profile: &str) -> bool {
        match self {
            Self::Keychain { account, .. } => !matches!(keychain::read(account, UNLOCK_LIMIT, Purpose::READ), Ok(None)),
            _ => !self.is_gone(profile),
        }
    }

    /// Stores a secret: in a new file, or in the key store, replacing the old one. The returned [`Undo`] reverts it.
    pub(crate) fn put(&self, secret: &Secret) -> Result<Undo, Error> {
        match self {
            Self::File { path, .. } => {
                let path = path.clone();
                platform::create_private(&path, format!("{}\n", secret.expose()).as_bytes())
                    .map_err(|error| Error::output(&path, error))?;
                Ok(Box::new(move || drop(std::fs::remove_file(&path))))
            }
            Self::Keychain { account, profile } => {
                let account = account.clone();
                let before = keychain::read(&account, UNLOCK_LIMIT, Purpose::STORE)
                    .and_then(|before| keychain::store(&account, secret).map(|()| before))
                    .map_err(failed(Purpose::STORE, profile))?;
                Ok(Box::new(move || match before {
                    Some(secret) => drop(keychain::store(&account, &secret)),
                    None => drop(keychain::remove(&account)),
                }))
            }
            Self::Given { .. } | Self::Env { .. } | Self::Command(_) => Ok(Box::new(|| {})),
        }
    }

    /// Removes the secret of a profile; `false` if there is none.
    pub(crate) fn remove(&self, profile: &str) -> Result<bool, Error> {
        let failed = failed(Purpose::REMOVE, profile);
        match self {
            Self::File { path, .. } => match std::fs::remove_file(path) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(failed(SecretError {
                    cause: format!("`{}`: {error}", path.display()).into(),
                    hint: Some("remove the file by hand".to_owned()),
                })),
            },
            Self::Keychain { account, .. } => keychain::remove(account).map_err(failed),
            Self::Given { .. } | Self::Env { .. } | Self::Command(_) => Ok(false),
        }
    }
}

/// The name of a file.
fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// The error of a store for a profile.
fn failed(purpose: Purpose, profile: &str) -> impl Fn(SecretError) -> Error {
    move |SecretError { cause, hint }| {
        Error::usage(format!("cannot {} the secret of profile `{profile}`", purpose.verb))
            .because(cause)
            .hint(hint.unwrap_or_else(|| purpose.alternative.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The source that a file is.
    fn file(path: &Path) -> SecretSource {
        SecretSource::File { path: path.to_owned(), shared: false, named_by: None }
    }

    #[test]
    fn a_file_is_stored_taken_back_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(new_file_name("prod"));
        let (source, content) = (file(&path), || std::fs::read_to_string(&path).ok());
        let undo = source.put(&Secret::new("a".to_owned())).unwrap();
        assert_eq!(content().as_deref(), Some("a\n"));
        undo();
        assert_eq!(content(), None);
        drop(source.put(&Secret::new("a".to_owned())).unwrap());
        assert!(source.is_present("prod") && source.remove("prod").unwrap());
        assert!(source.is_gone("prod") && !source.is_gone("other"));
        assert!(!source.remove("prod").unwrap());
    }

    #[test]
    fn a_name_tells_whose_it_is() {
        assert_ne!(new_file_name("prod"), new_file_name("prod"));
        assert_eq!(owner(&new_file_name("prod-0123456789abcdef")), Some("prod-0123456789abcdef"));
        for name in [
            "prod.secret",
            "prod@0123456789abcdef",
            "prod@0123456789abcde.secret",
            "prod@0123456789ABCDEF.secret",
            "../prod@0123456789abcdef.secret",
            "a\\b@0123456789abcdef.secret",
        ] {
            assert_eq!(owner(name), None, "{name}");
        }
        let gone = |name: &str| file(&Path::new("/nowhere").join(name)).is_gone("prod");
        assert!(gone(&new_file_name("prod")) && gone("prod.secret"));
        assert!(!gone(&new_file_name("other")) && !gone("other.secret"));
    }

    #[test]
    fn only_what_login_stored_is_its_own() {
        let (dir, name) = (Path::new("/config"), new_file_name("prod"));
        assert!(file(&dir.join(&name)).is_own_store(dir, "prod"));
        assert!(!file(&dir.join(&name)).is_own_store(dir, "other"));
        assert!(!file(&Path::new("/elsewhere").join(&name)).is_own_store(dir, "prod"));
        assert!(!file(&dir.join("prod.secret")).is_own_store(dir, "prod"), "written by hand");
        let key_store = SecretSource::Keychain { account: "a@b".to_owned(), profile: "prod".to_owned() };
        assert!(key_store.is_own_store(dir, "prod"));
        for source in [SecretSource::Command(vec!["pass".to_owned()]), SecretSource::given(Secret::new("a".to_owned()))]
        {
            assert!(!source.is_own_store(dir, "prod") && !source.remove("prod").unwrap());
        }
    }
}
