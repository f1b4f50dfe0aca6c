//! The configuration file for `login` and `logout`: profiles without environment and flags, and edits of the text.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::edit::{self, Changes};
use super::file::{self, RawConfig};
use super::{Overrides, Profile, Sources, invalid, layers, missing};
use crate::clock::{Clock, Deadline, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::lock;
use crate::platform;
use crate::secret::source::SecretSource;

/// The environment variables that override settings of a profile.
pub(crate) const LAYERS: [&str; 6] = [
    "WS1_TOKEN_TENANT",
    "WS1_TOKEN_CLIENT_ID",
    "WS1_TOKEN_CLIENT_SECRET_FILE",
    "WS1_TOKEN_CLIENT_SECRET",
    "WS1_TOKEN_SCOPE",
    "WS1_TOKEN_CA_FILE",
];

/// How long to wait for the lock of the file, and for the reader of a pipe in its place.
const PATIENCE: Duration = Duration::from_secs(5);

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
    /// Reads the file and checks every profile in it, as a change requires.
    pub(crate) fn read(sources: &Sources<'_>) -> Result<Self, Error> {
        Self::open(sources)?.checked()
    }

    /// Reads the file without a check of other profiles, for a use that does not change it.
    pub(crate) fn open(sources: &Sources<'_>) -> Result<Self, Error> {
        Self::open_file(sources.file().ok_or(missing::no_home())?)
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
        serde_json::from_str(self.raw()?.profiles.get(name)?.get()).ok()
    }

    /// A profile as the file has it; of the environment only the variables in `shown` override it.
    pub(crate) fn profile(&self, sources: &Sources<'_>, name: &str, shown: &[&str]) -> Result<Profile, Error> {
        let env = |variable: &str| {
            let hidden = LAYERS.contains(&variable) && !shown.contains(&variable);
            if hidden { None } else { (sources.env)(variable) }
        };
        let sources = Sources { overrides: &Overrides::default(), env: &env, ..*sources };
        let (name, raw) = sources.choose(&self.text, &self.file, Some(name.to_owned()))?;
        layers::build(&sources, &name, raw, self.file.parent())
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
                .because(format!("`{}` would not say what it should", self.file.display()))
        })?;
        Self { text, ..self.clone() }.checked()
    }

    /// Changes the file under its lock. `change` gets the present file and returns the new one, and an undo that is called
    /// if that cannot be written.
    pub(crate) fn update<B: FnOnce()>(
        &self,
        change: impl FnOnce(&Self) -> Result<(Self, B), Error>,
    ) -> Result<Self, Error> {
        let failed = |source: std::io::Error| Error::output(&self.file, source);
        platform::create_private_dir(self.dir()).map_err(failed)?;
        let _lock = self.lock()?;
        let present = Self::open_file(self.file.clone())?.checked()?;
        let (edited, undo) = change(&present)?;
        if present.exists && edited.text == present.text {
            return Ok(edited);
        }
        platform::rewrite(&self.file, edited.text.as_bytes(), PATIENCE).map_err(|error| {
            undo();
            failed(error)
        })?;
        Ok(Self { exists: true, ..edited })
    }

    /// Locks the file through a lock file in the same directory; `None` where the file system has no locks.
    fn lock(&self) -> Result<Option<std::fs::File>, Error> {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let path = self.file.with_file_name(format!(".{name}.lock"));
        let file = platform::open_lock(&path).map_err(|error| Error::output(&path, error))?;
        let deadline = Deadline::after(&SystemClock, PATIENCE);
        loop {
            match lock::flock(&file) {
                lock::Flock::Held => return Ok(Some(file)),
                lock::Flock::Busy if !deadline.is_over(&SystemClock) => SystemClock.sleep(Duration::from_millis(10)),
                lock::Flock::Busy => {
                    return Err(Error::new(
                        ErrorKind::Busy,
                        format!("another ws1-token is writing `{}`", self.file.display()),
                    )
                    .hint("rerun when it is done; it holds the lock file beside that file"));
                }
                lock::Flock::Unsupported(_) | lock::Flock::Failed(_) => return Ok(None),
            }
        }
    }

    /// The parsed file.
    fn raw(&self) -> Option<RawConfig<'_>> {
        serde_json::from_str(&self.text).ok()
    }
}
