//! The configuration file for `login` and `logout`: profiles without environment and flags, and edits of the text.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::edit::{self, Changes};
use super::file::{self, RawConfig};
use super::{LAYERS, Overrides, Profile, Sources, invalid, layers, missing};
use crate::clock::{Clock, Deadline, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::lock;
use crate::platform;
use crate::secret::source::SecretSource;
use crate::secret::store;

/// How long to wait for the lock of the file, and for the reader of a pipe in its place.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the list in the lock file that are read at most.
const LIST_LIMIT: u64 = 64 * 1024;

/// A configuration file that may not exist yet.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Its path.
    pub(crate) file: PathBuf,
    /// Its text; an empty object if there is no file.
    text: String,
    /// Whether the file exists.
    exists: bool,
}

impl Stored {
    /// Reads the file and checks every profile in it, as a change requires. Root changes nothing in another user's
    /// home, since that user could not open the files that root creates, such as the lock file.
    pub(crate) fn read(sources: &Sources<'_>) -> Result<Self, Error> {
        let stored = Self::open(sources)?;
        match platform::others_place(stored.dir()) {
            Some(place) => Err(Error::usage(format!("root leaves another user's `{}` alone", place.display()))
                .because(format!("the configuration file is `{}`", stored.file.display()))
                .hint("rerun without sudo, or with `sudo -H` for root's own configuration")),
            None => stored.checked(),
        }
    }

    /// Reads the file without a check of other profiles, for a use that does not change it.
    pub(crate) fn open(sources: &Sources<'_>) -> Result<Self, Error> {
        Self::open_file(sources.file().ok_or_else(|| missing::no_home(sources))?)
    }

    /// Fails if any profile has an unknown key or a value of the wrong type.
    fn checked(self) -> Result<Self, Error> {
        invalid::check(&self.file, &self.text).map(|()| self)
    }

    /// Reads a file; a missing or blank one is an empty object.
    fn open_file(file: PathBuf) -> Result<Self, Error> {
        let text = file::read(&file)?.filter(|text| !text.trim().is_empty());
        Ok(Self { file, exists: text.is_some(), text: text.unwrap_or_else(|| "{}\n".to_owned()) })
    }

    /// The directory of the file, the base of relative paths in it.
    pub(crate) fn dir(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("."))
    }

    /// The names of the profiles, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.raw().map(|config| config.profiles.names()).unwrap_or_default()
    }

    /// The default profile: `default_profile`, or the only one.
    pub(crate) fn default_profile(&self) -> Option<String> {
        let mut all = self.names();
        let named = self.raw().and_then(|config| config.default_profile);
        named.or_else(|| if all.len() == 1 { all.pop() } else { None })
    }

    /// Whether the file has a `default_profile`.
    pub(crate) fn names_a_default(&self) -> bool {
        self.raw().is_some_and(|config| config.default_profile.is_some())
    }

    /// The keys of a profile as written in the file; `None` if there is no such profile.
    pub(crate) fn settings(&self, name: &str) -> Option<Map<String, Value>> {
        serde_json::from_str(self.raw()?.profiles.get(name)?.0.get()).ok()
    }

    /// A profile as the file has it; of the environment only the variables in `shown` override it.
    pub(crate) fn profile(&self, sources: &Sources<'_>, name: &str, shown: &[&str]) -> Result<Profile, Error> {
        let is_hidden = |variable: &str| LAYERS.contains(&variable) && !shown.contains(&variable);
        let sources = Sources { overrides: &Overrides::default(), ..*sources };
        let (name, raw) = sources.choose(&self.text, &self.file, Some((name.to_owned(), "")))?;
        layers::build(&sources, &name, raw, self.file.parent(), &is_hidden)
    }

    /// The usable profiles that read their secret from this source.
    pub(crate) fn users_of(&self, sources: &Sources<'_>, source: &SecretSource) -> Vec<String> {
        let uses = |name: &String| {
            self.profile(sources, name, &[])
                .is_ok_and(|profile| profile.client_secret.as_ref().is_some_and(|other| other.is_same_place(source)))
        };
        self.names().into_iter().filter(uses).collect()
    }

    /// The file with changes made, not written yet.
    pub(crate) fn with(&self, changes: &Changes<'_>) -> Result<Self, Error> {
        let text = edit::apply(&self.text, changes).ok_or_else(|| {
            Error::system("cannot edit the configuration file")
                .because(format!("`{}` is no configuration file", self.file.display()))
        })?;
        Self { text, ..self.clone() }.checked()
    }

    /// Takes the lock of the file for `login`, and reads it again: another login may have changed it.
    pub(crate) fn edit(&self) -> Result<Transaction, Error> {
        platform::create_private_dir(self.dir()).map_err(|error| Error::output(&self.file, error))?;
        let lock = self.lock()?;
        Ok(Transaction::start(Self::open_file(self.file.clone())?.checked()?, lock))
    }

    /// The same for `logout`, which creates nothing and goes on without the lock: what it removes is not in the file.
    pub(crate) fn clean(self) -> Transaction {
        let lock = if self.lock_path().exists() { self.lock().ok().flatten() } else { None };
        let present = Self::open_file(self.file.clone()).unwrap_or(self);
        Transaction::start(present, lock)
    }

    /// Whether a profile names a file as the place of its secret, by the last part of its path.
    fn refers_to(&self, name: &str) -> bool {
        let Some(config) = self.raw() else { return true };
        config.profiles.names().iter().any(|profile| {
            let source = self
                .settings(profile)
                .and_then(|mut keys| keys.remove("client_secret").or_else(|| keys.remove("api_token")));
            let file = source.as_ref().and_then(|source| source.get("file")?.as_str());
            file.is_some_and(|file| Path::new(file).file_name().is_some_and(|file| file == name))
        })
    }

    /// The path of the lock file.
    fn lock_path(&self) -> PathBuf {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        self.file.with_file_name(format!(".{name}.lock"))
    }

    /// Locks the file through a lock file in the same directory; `None` where the file system has no locks, or no lock
    /// file can be created: the file itself may be a mount that can be written.
    fn lock(&self) -> Result<Option<File>, Error> {
        let path = self.lock_path();
        let file = match platform::open_lock(&path) {
            Err(error)
                if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) =>
            {
                return Ok(None);
            }
            opened => opened.map_err(|error| Error::output(&path, error))?,
        };
        let deadline = Deadline::after(&SystemClock, PATIENCE);
        loop {
            match lock::flock(&file) {
                lock::Flock::Held => return Ok(Some(file)),
                lock::Flock::Unsupported(_) | lock::Flock::Failed(_) => return Ok(None),
                lock::Flock::Busy if deadline.is_over(&SystemClock) => break,
                lock::Flock::Busy => SystemClock.sleep(Duration::from_millis(10)),
            }
        }
        let what = format!("another ws1-token is writing `{}`", self.file.display());
        Err(Error::new(ErrorKind::Busy, what).hint("rerun when it is done; it holds the lock file beside that file"))
    }

    /// The parsed file.
    fn raw(&self) -> Option<RawConfig<'_>> {
        serde_json::from_str(&self.text).ok()
    }
}

/// A change of the file and of the secrets beside it, under the lock.
///
/// The lock file lists the secret files that the change creates or stops using. At the end, those that no profile
/// refers to are deleted; after a kill, the next transaction deletes them.
pub(crate) struct Transaction {
    /// The file as it is now.
    pub(crate) present: Stored,
    /// The lock file; `None` where there is no lock, and nothing is listed.
    lock: Option<File>,
    /// Names of secret files to delete unless a profile refers to them.
    listed: Vec<String>,
}

impl Transaction {
    /// Deletes what a killed transaction left behind.
    fn start(present: Stored, mut lock: Option<File>) -> Self {
        let mut text = String::new();
        if let Some(file) = &mut lock {
            // A list that cannot be read counts as empty.
            let _ = file.take(LIST_LIMIT).read_to_string(&mut text);
        }
        let listed = text.lines().filter(|name| store::owner(name).is_some()).map(str::to_owned).collect();
        let mut transaction = Self { present, lock, listed };
        transaction.sweep();
        transaction
    }

    /// Lists a secret file that is about to be created, or will no longer be used.
    pub(crate) fn list(&mut self, name: &str) -> Result<(), Error> {
        self.listed.push(name.to_owned());
        let Some(file) = &mut self.lock else { return Ok(()) };
        let written = file.write_all(format!("{name}\n").as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| Error::output(&self.present.lock_path(), error))
    }

    /// Replaces the file atomically.
    pub(crate) fn write(&mut self, edited: Stored) -> Result<(), Error> {
        if self.present.exists && edited.text == self.present.text {
            return Ok(());
        }
        platform::rewrite(&edited.file, edited.text.as_bytes(), PATIENCE)
            .map_err(|error| Error::output(&edited.file, error))?;
        self.present = Stored { exists: true, ..edited };
        Ok(())
    }

    /// Deletes the listed secret files that no profile refers to, and what a killed write of the file left.
    fn sweep(&mut self) {
        let dir = self.present.dir().to_owned();
        for name in self.listed.drain(..).filter(|name| !self.present.refers_to(name)) {
            let _ = std::fs::remove_file(dir.join(name));
        }
        let Some(lock) = &mut self.lock else { return };
        let _ = lock.set_len(0).and_then(|()| lock.rewind());
        platform::sweep(&self.present.file);
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.sweep();
    }
}
