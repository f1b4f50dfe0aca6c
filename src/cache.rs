//! One self-checking file per identity, replaced atomically: a read needs no lock.
//!
//! The file is one line of JSON, `{"checksum":"<CRC-32 of the content's bytes, hex>","content":{"version":…,"identity":…,
//! "entry":{…}}}`. Anything unexpected in it (cut, damaged, of another version, another identity's) is a miss and never an
//! error. The checksum guards against damage; against attackers there are the file's mode, its owner and the checked
//! directory.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Failure};
use crate::grant;
use crate::lock::{self, LockAttempt, LockGuard};
use crate::platform::{self, CacheRejected, PrivateDir};
use crate::token::{LONGEST_LIFE, Token};

/// Version of the directory's layout: names of the files, and how they are locked.
const LAYOUT: u32 = 1;

/// Version of the content of an entry; an entry of another version is a miss.
const FORMAT: u32 = 2;

/// Bytes that are read of an entry at most: a token of 16 KiB, a refresh token of 16 KiB, and room.
const ENTRY_LIMIT: usize = 64 * 1024;

/// Age in seconds after which a left temporary file is removed.
const STALE: i64 = 3600;

/// The checksum with its largest table: 12 KB of the file for 2 % of the time of a cached call.
const CRC: crc::Crc<u32, crc::Table<16>> = crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_ISO_HDLC);

/// The checksum of entries: tells two texts apart, and hides neither.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// Text before the checksum, and between the checksum and the entry.
const FRAME: (&str, &str, &str) = ("{\"checksum\":\"", "\",\"content\":", "}\n");

/// What a read found.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// A sound entry.
    Entry(Entry),
    /// Nothing, or nothing sound.
    Miss,
    /// Something that is not trusted and will be replaced; the text tells the user why.
    Untrusted(String),
    /// Something that is no entry at all: a link, a pipe, a directory. It is not read; a rename may replace it, never
    /// what it points to. The text tells the user why.
    Unusable(String),
}

/// The seam for the cache: the broker works on it, and the simulation in the tests replaces it.
pub(crate) trait Store {
    /// Write access.
    type Guard;

    /// Reads the entry, without a lock.
    fn load(&self) -> Loaded;

    /// Tries to get leave to write, without waiting.
    fn try_lock(&self) -> LockAttempt<Self::Guard>;

    /// Replaces the entry. An error leaves the old one whole.
    fn save(&self, guard: &Self::Guard, entry: &Entry) -> Result<(), String>;

    /// Notes a failure beside the entry, where that could not be written. It may be lost.
    fn note_failure(&self, guard: &Self::Guard, failure: &Failure);

    /// The failure that was noted, if any. The holder of the lock reads it by its guard: Windows lets nobody else.
    fn noted_failure(&self, guard: Option<&Self::Guard>) -> Option<Failure>;

    /// Who holds the lock, for a message.
    fn holder(&self) -> Option<u32>;

    /// Where the lock is, for a message.
    fn lock_path(&self) -> String;
}

/// Where tokens are cached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this directory, or in a private one inside it.
    Directory(PathBuf),
    /// The same in the user's home, or as the platform's directory for caches. `sudo` may keep these: root leaves them
    /// alone if they are another user's.
    Home(PathBuf),
    /// Nowhere: this user has no home.
    NoHome,
    /// Nowhere: the user wants no cache.
    Off,
}

impl Place {
    /// The directory, if there is one.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) | Self::Home(path) => Some(path),
            Self::NoHome | Self::Off => None,
        }
    }

    /// Opens or creates the directory for writing.
    fn create(&self) -> Result<PrivateDir, CacheRejected> {
        match self {
            Self::Directory(path) => PrivateDir::create(path, is_ours),
            Self::Home(path) => match platform::others_place(path) {
                Some(place) => {
                    Err(CacheRejected::Declined(format!("root leaves another user's `{}` alone", place.display())))
                }
                None => PrivateDir::create(path, is_ours),
            },
            Self::NoHome => Err(CacheRejected::Unusable("this user has no home directory".to_owned())),
            Self::Off => Err(CacheRejected::Declined(OFF.to_owned())),
        }
    }
}

/// Why there is no cache where the user wants none.
pub(crate) const OFF: &str = "switched off by --no-cache or WS1_TOKEN_NO_CACHE";

/// The cache of one identity.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Where it is.
    place: Place,
    /// The identity's hash, in hex.
    identity: String,
    /// In a process that stays: what the disk did not take.
    memory: Option<RefCell<Option<Box<Entry>>>>,
}

impl Cache {
    /// The cache of an identity.
    pub(crate) fn new(place: Place, identity: &str) -> Self {
        Self { place, identity: identity.to_owned(), memory: None }
    }

    /// The same for a process that stays: what cannot be written, or is not to be, is kept in memory.
    pub(crate) fn with_memory(self) -> Self {
        Self { memory: Some(RefCell::default()), ..self }
    }

    /// Keeps an entry in memory alone.
    fn remember(&self, entry: &Entry) -> Result<(), String> {
        // Others may send a refresh token that is on the disk, and no mark would tell them that it was sent.
        if entry.refresh_in_flight
            && matches!(self.load_from_disk(), Loaded::Entry(disk) if disk.refresh_token == entry.refresh_token)
        {
            return Err("no mark can be written".to_owned());
        }
        if let Some(memory) = &self.memory {
            *memory.borrow_mut() = Some(Box::new(entry.clone()));
        }
        Ok(())
    }

    /// Reads the entry on the disk.
    fn load_from_disk(&self) -> Loaded {
        // A directory that cannot be used is a matter of `try_lock`: that says so once.
        let Ok(Some(dir)) = self.open() else { return Loaded::Miss };
        match dir.read(&self.entry_name(), ENTRY_LIMIT) {
            Ok(Some(bytes)) => decode(&bytes, &self.identity).map_or(Loaded::Miss, Loaded::Entry),
            Ok(None) => Loaded::Miss,
            Err(CacheRejected::Replaceable(why)) => Loaded::Untrusted(why),
            Err(CacheRejected::Unusable(why) | CacheRejected::Declined(why)) => Loaded::Unusable(why),
        }
    }

    /// The last failure, until a renewal succeeds.
    pub(crate) fn failure(&self) -> Option<Failure> {
        if let Loaded::Entry(Entry { failure, .. }) = self.load() { failure.map(|failure| *failure) } else { None }
    }

    /// The identity's hash, in hex.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Name of the entry file.
    fn entry_name(&self) -> String {
        format!("v{LAYOUT}-{}.json", self.identity)
    }

    /// Name of the lock file.
    fn lock_name(&self) -> String {
        format!("v{LAYOUT}-{}.lock", self.identity)
    }

    /// The directory, if it exists and can be used.
    fn open(&self) -> Result<Option<PrivateDir>, CacheRejected> {
        self.place.directory().map_or(Ok(None), PrivateDir::open)
    }

    /// Whether there is a directory, even one that cannot be used.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self.open(), Ok(None))
    }

    /// Why [`Store::load`] does not accept the entry, for people; `None` if there is no entry.
    pub(crate) fn why_missed(&self) -> Option<String> {
        match self.open() {
            Ok(dir) => {
                dir?.modified(&self.entry_name())?;
                Some("the cache entry is damaged".to_owned())
            }
            Err(why) => Some(why.to_string()),
        }
    }

    /// Removes the entry. The lock file stays: it may be held.
    pub(crate) fn remove(&self, guard: &LockGuard) -> Result<(), String> {
        guard.dir.as_ref().map_or(Ok(()), |dir| dir.remove(&self.entry_name())).map_err(|error| error.to_string())
    }
}

impl Store for Cache {
    type Guard = LockGuard;

    fn load(&self) -> Loaded {
        let Some(memory) = &self.memory else { return self.load_from_disk() };
        match (self.load_from_disk(), &*memory.borrow()) {
            (Loaded::Entry(disk), Some(kept)) if disk.expires_at() > kept.expires_at() => Loaded::Entry(disk),
            (_, Some(kept)) => Loaded::Entry((**kept).clone()),
            (disk, None) => disk,
        }
    }

    fn try_lock(&self) -> LockAttempt<LockGuard> {
        match lock::try_lock(self.place.create(), &self.lock_name()) {
            LockAttempt::Unusable(_) | LockAttempt::Declined(_) if self.memory.is_some() => {
                LockAttempt::Held(LockGuard::of_memory())
            }
            attempt => attempt,
        }
    }

    fn save(&self, guard: &LockGuard, entry: &Entry) -> Result<(), String> {
        let Some(dir) = &guard.dir else { return self.remember(entry) };
        sweep(dir);
        let name = self.entry_name();
        let saved = dir
            .replace(&name, &encode(entry, &self.identity))
            .map_err(|error| format!("`{}`: {error}", dir.path().join(name).display()));
        if let Some(memory) = &self.memory {
            *memory.borrow_mut() = saved.is_err().then(|| Box::new(entry.clone()));
        }
        saved
    }

    fn note_failure(&self, guard: &LockGuard, failure: &Failure) {
        lock::note(guard, &serde_json::to_vec(failure).unwrap_or_default());
    }

    fn noted_failure(&self, guard: Option<&LockGuard>) -> Option<Failure> {
        let note = match guard {
            Some(guard) => lock::own_note(guard),
            None => lock::noted(&self.open().ok()??, &self.lock_name()),
        }?;
        serde_json::from_slice(&note).ok()
    }

    fn holder(&self) -> Option<u32> {
        lock::holder(&self.open().ok()??, &self.lock_name())
    }

    fn lock_path(&self) -> String {
        let Ok(Some(dir)) = self.open() else { return self.lock_name() };
        dir.path().join(self.lock_name()).display().to_string()
    }
}

/// Identities (in hex) that have an entry in a directory.
pub(crate) fn identities(dir: &Path) -> Vec<String> {
    let Ok(Some(dir)) = PrivateDir::open(dir) else { return Vec::new() };
    let prefix = format!("v{LAYOUT}-");
    let mut found: Vec<String> = dir
        .list()
        .unwrap_or_default()
        .iter()
        .filter_map(|name| name.strip_prefix(&prefix)?.strip_suffix(".json"))
        .filter(|identity| identity.len() == 64 && identity.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_owned)
        .collect();
    found.sort();
    found
}

/// Makes a directory that can be used, as the next write would, and gives its path: the given one, or one inside it.
pub(crate) fn prepare(place: &Place) -> Result<PathBuf, CacheRejected> {
    place.create().map(|dir| dir.path().to_owned())
}

/// Whether a file name in the cache directory is one that this program makes.
fn is_ours(name: &str) -> bool {
    let name = name.strip_prefix('.').unwrap_or(name);
    name.strip_prefix('v')
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(version, _)| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Removes temporary files that a killed process left long ago.
fn sweep(dir: &PrivateDir) {
    let Ok(names) = dir.list() else { return };
    let now = crate::clock::wall();
    let stale = names.iter().filter(|name| {
        name.starts_with('.')
            && is_ours(name)
            && dir.modified(name).is_some_and(|time| now.saturating_sub(time) > STALE)
    });
    for name in stale {
        let _ = dir.remove(name);
    }
}

/// An entry and what proves that it is the one that is looked for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<T> {
    /// See [`FORMAT`].
    version: u32,
    /// The identity's hash: an entry copied from another identity is a miss.
    identity: String,
    /// The entry.
    entry: T,
}

/// The bytes of an entry file.
fn encode(entry: &Entry, identity: &str) -> Vec<u8> {
    let content = Content { version: FORMAT, identity: identity.to_owned(), entry };
    // Strings and integers only: writing them as JSON cannot fail.
    seal(&serde_json::to_string(&content).unwrap_or_default())
}

/// Puts a content behind its checksum.
fn seal(body: &str) -> Vec<u8> {
    let checksum = checksum(body.as_bytes());
    format!("{}{checksum:08x}{}{body}{}", FRAME.0, FRAME.1, FRAME.2).into_bytes()
}

/// Reads an entry file of an identity; `None` for anything unexpected.
fn decode(bytes: &[u8], identity: &str) -> Option<Entry> {
    let rest = bytes.strip_prefix(FRAME.0.as_bytes())?;
    let (checksum, rest) = rest.split_at_checked(8)?;
    let body = rest.strip_prefix(FRAME.1.as_bytes())?.strip_suffix(FRAME.2.as_bytes())?;
    if format!("{:08x}", self::checksum(body)).as_bytes() != checksum {
        return None;
    }
    let content: Content<Entry> = serde_json::from_slice(body).ok()?;
    let Content { version, identity: owner, entry } = content;
    (version == FORMAT && owner == identity && entry.token.as_ref().is_none_or(is_possible)).then_some(entry)
}

/// Whether a token's characters and times are possible.
fn is_possible(token: &Token) -> bool {
    token.issued_at >= 0
        && token.expires_at > token.issued_at
        && token.expires_at - token.issued_at <= LONGEST_LIFE
        && grant::is_b64token(token.access_token.expose())
}

#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
#[cfg(test)]
mod tests;
