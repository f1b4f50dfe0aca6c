//! The lock that serialises renewal. Its guard is a parameter of every write, so an unlocked write does not compile.
//!
//! The lock is a file of its own beside the entry: never the entry (on Windows a locked file cannot be read), never
//! deleted (a deleted lock file can be held twice), never judged by its existence. The kernel frees it when its holder
//! dies, however it dies.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use crate::platform::{CacheRejected, PrivateDir};

/// The result of an attempt to take the lock.
#[derive(Debug)]
pub(crate) enum LockAttempt<G> {
    /// It is ours until the guard is dropped.
    Held(G),
    /// Another process has it.
    Busy,
    /// This file system knows no locks: writing is allowed, but others may do the same at the same time.
    Unsupported(G, String),
    /// The cache cannot be written at all; the text says why.
    Unusable(String),
    /// No cache is used, on purpose; the text says why.
    Declined(String),
}

/// Write access: the directory, checked and held open, and the lock where there is one.
#[derive(Debug)]
pub(crate) struct LockGuard {
    /// Where the entry is written; in a process that stays, nowhere but in its memory.
    pub(crate) dir: Option<PrivateDir>,
    /// Held until it is dropped.
    lock: Option<File>,
}

impl LockGuard {
    /// Write access to the memory of this process.
    pub(crate) fn of_memory() -> Self {
        Self { dir: None, lock: None }
    }
}

/// Tries to take the lock `name` in the directory, without waiting.
pub(crate) fn try_lock(opened: Result<PrivateDir, CacheRejected>, name: &str) -> LockAttempt<LockGuard> {
    let dir = match opened {
        Ok(dir) => dir,
        Err(CacheRejected::Declined(why)) => return LockAttempt::Declined(why),
        Err(why) => return LockAttempt::Unusable(why.to_string()),
    };
    loop {
        let mut file = match dir.open_lock(name) {
            Ok(file) => file,
            Err(error) => return LockAttempt::Unusable(format!("lock file `{name}`: {error}")),
        };
        match flock(&file) {
            // The file may have been removed or replaced between the open and the lock: then ours guards nothing.
            Flock::Held if !dir.is_current(name, &file) => {}
            Flock::Held => {
                note_holder(&mut file);
                return LockAttempt::Held(LockGuard { dir: Some(dir), lock: Some(file) });
            }
            Flock::Busy => return LockAttempt::Busy,
            Flock::Unsupported(error) => {
                let why = format!("lock file `{name}`: {error}");
                return LockAttempt::Unsupported(LockGuard { dir: Some(dir), lock: None }, why);
            }
            Flock::Failed(error) => return LockAttempt::Unusable(format!("lock file `{name}`: {error}")),
        }
    }
}

/// Bytes of a lock file at most: the holder's line and a note.
const FILE_LIMIT: usize = 4096;

/// Bytes of the holder's line: a process ID, blanks, a line feed.
const HOLDER_LINE: usize = 12;

/// The process ID that the lock's holder wrote into the file: for a message, never for a decision.
pub(crate) fn holder(dir: &PrivateDir, name: &str) -> Option<u32> {
    let bytes = dir.read(name, FILE_LIMIT).ok()??;
    std::str::from_utf8(bytes.get(..HOLDER_LINE).unwrap_or(&bytes)).ok()?.trim().parse().ok()
}

/// Writes our process ID over that of the last holder; write errors are ignored.
fn note_holder(file: &mut File) {
    let line = format!("{:<width$}\n", std::process::id(), width = HOLDER_LINE - 1);
    let _ = file.rewind().and_then(|()| file.write_all(line.as_bytes()));
}

/// Leaves a note for the next holders. A file that is long enough is overwritten, which needs no space on the disk;
/// write errors are ignored.
pub(crate) fn note(guard: &LockGuard, text: &[u8]) {
    let Some(mut file) = guard.lock.as_ref() else { return };
    let length = text.len().min(FILE_LIMIT - HOLDER_LINE - 1);
    let mut padded = vec![b' '; FILE_LIMIT - HOLDER_LINE];
    padded[..length].copy_from_slice(&text[..length]);
    let _ = file.seek(SeekFrom::Start(HOLDER_LINE as u64)).and_then(|_| file.write_all(&padded));
}

/// Removes the note.
pub(crate) fn clear_note(guard: &LockGuard) {
    if own_note(guard).is_some() {
        note(guard, b"");
    }
}

/// The note of the last holder that left one.
pub(crate) fn noted(dir: &PrivateDir, name: &str) -> Option<Vec<u8>> {
    note_in(&dir.read(name, FILE_LIMIT).ok()??)
}

/// The same for who has the lock.
pub(crate) fn own_note(guard: &LockGuard) -> Option<Vec<u8>> {
    let mut file = guard.lock.as_ref()?;
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.take(FILE_LIMIT as u64).read_to_end(&mut bytes)).ok()?;
    note_in(&bytes)
}

/// The note in the bytes of a lock file.
fn note_in(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(bytes.get(HOLDER_LINE..)?.trim_ascii().to_vec()).filter(|note| !note.is_empty())
}

/// The result of one lock call.
pub(crate) enum Flock {
    /// Ours.
    Held,
    /// Held by another process.
    Busy,
    /// Not possible on this file system.
    Unsupported(io::Error),
    /// Anything else.
    Failed(io::Error),
}

/// One non-blocking lock call. fs2 is called by its full name: std's methods of the same names would win otherwise.
pub(crate) fn flock(file: &File) -> Flock {
    /// `ENOLCK`: an NFS server without a lock manager. std has no kind for it.
    const NO_LOCKS: i32 = if cfg!(target_os = "linux") { 37 } else { 77 };
    loop {
        match fs2::FileExt::try_lock_exclusive(file) {
            Ok(()) => return Flock::Held,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => return Flock::Busy,
            Err(error) if error.kind() == ErrorKind::Unsupported || error.raw_os_error() == Some(NO_LOCKS) => {
                return Flock::Unsupported(error);
            }
            Err(error) => return Flock::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::temporary;

    #[test]
    fn one_holder_at_a_time() {
        let temporary = temporary();
        let open = || PrivateDir::create(&temporary.path().join("c"), |_| true);
        let LockAttempt::Held(guard) = try_lock(open(), "x.lock") else { panic!("not held") };
        assert!(matches!(try_lock(open(), "x.lock"), LockAttempt::Busy));
        assert_eq!(holder(guard.dir.as_ref().unwrap(), "x.lock"), Some(std::process::id()));
        drop(guard);
        assert!(matches!(try_lock(open(), "x.lock"), LockAttempt::Held(_)));
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_file_that_another_one_has_replaced_is_not_the_current_one() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("c");
        let dir = PrivateDir::create(&path, |_| true).unwrap();
        let file = dir.open_lock("x.lock").unwrap();
        assert!(dir.is_current("x.lock", &file));
        std::fs::rename(path.join("x.lock"), path.join("y.lock")).unwrap();
        assert!(!dir.is_current("x.lock", &file), "no file has the name");
        dir.open_lock("x.lock").unwrap();
        assert!(!dir.is_current("x.lock", &file), "another file has it");
        assert!(dir.is_current("y.lock", &file));
        std::fs::hard_link(path.join("y.lock"), path.join("z.lock")).unwrap();
        std::fs::remove_file(path.join("y.lock")).unwrap();
        assert!(dir.is_current("z.lock", &file) && !dir.is_current("y.lock", &file));
    }

    #[test]
    fn the_holder_is_told_if_the_file_holds_a_number() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("c");
        let dir = PrivateDir::create(&path, |_| true).unwrap();
        assert_eq!(holder(&dir, "x.lock"), None, "no file");
        let mut file = dir.open_lock("x.lock").unwrap();
        file.write_all(b"1234567890123\n").unwrap();
        note_holder(&mut file);
        assert_eq!(holder(&dir, "x.lock"), Some(std::process::id()), "nothing is left of a longer number");
        for (content, expected) in [("", None), ("0123456789\n", Some(123_456_789)), ("42", Some(42)), ("x\n", None)] {
            drop(dir.open_lock("x.lock").unwrap());
            let mut file = File::options().write(true).truncate(true).open(path.join("x.lock")).unwrap();
            file.write_all(content.as_bytes()).unwrap();
            assert_eq!(holder(&dir, "x.lock"), expected, "{content:?}");
        }
    }

    #[test]
    fn a_note_is_read_by_the_holder_and_by_others_until_it_is_cleared() {
        let temporary = temporary();
        let open = || PrivateDir::create(&temporary.path().join("c"), |_| true);
        let LockAttempt::Held(guard) = try_lock(open(), "x.lock") else { panic!("not held") };
        assert_eq!(own_note(&guard), None);
        for text in ["a note", "another"] {
            note(&guard, text.as_bytes());
            assert_eq!(own_note(&guard).as_deref(), Some(text.as_bytes()));
            if cfg!(unix) {
                assert_eq!(noted(guard.dir.as_ref().unwrap(), "x.lock").as_deref(), Some(text.as_bytes()));
            }
        }
        clear_note(&guard);
        assert_eq!(own_note(&guard), None);
        drop(guard);
        assert_eq!(noted(&open().unwrap(), "x.lock"), None);
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_no_lock() {
        for why in [CacheRejected::Unusable("why".to_owned()), CacheRejected::Replaceable("why".to_owned())] {
            assert!(matches!(try_lock(Err(why), "x.lock"), LockAttempt::Unusable(why) if why == "why"));
        }
        let why = CacheRejected::Declined("why".to_owned());
        assert!(matches!(try_lock(Err(why), "x.lock"), LockAttempt::Declined(why) if why == "why"));
    }

    #[cfg(windows)]
    #[test]
    fn an_open_lock_file_keeps_its_name() {
        let temporary = temporary();
        let path = temporary.path().join("c");
        let dir = PrivateDir::create(&path, |_| true).unwrap();
        let file = dir.open_lock("x.lock").unwrap();
        assert!(std::fs::remove_file(path.join("x.lock")).is_err());
        assert!(std::fs::rename(path.join("x.lock"), path.join("y.lock")).is_err());
        assert!(dir.is_current("x.lock", &file) && path.join("x.lock").exists());
        drop(file);
        std::fs::remove_file(path.join("x.lock")).unwrap();
    }

    // Windows lets nobody remove it: see `an_open_lock_file_keeps_its_name`.
    #[cfg(unix)]
    #[test]
    fn a_removed_lock_file_is_made_anew() {
        let temporary = temporary();
        let path = temporary.path().join("c");
        let open = || PrivateDir::create(&path, |_| true);
        let LockAttempt::Held(first) = try_lock(open(), "x.lock") else { panic!("not held") };
        std::fs::remove_file(path.join("x.lock")).unwrap();
        let LockAttempt::Held(_second) = try_lock(open(), "x.lock") else { panic!("not held") };
        drop(first);
        assert!(matches!(try_lock(open(), "x.lock"), LockAttempt::Busy));
    }
}
