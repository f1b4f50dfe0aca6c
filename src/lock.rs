//! The lock that serialises renewal. Its guard is a parameter of every write, so an unlocked write does not compile.
//!
//! The lock is a file of its own beside the entry: never the entry (on Windows a locked file cannot be read), never
//! deleted (a deleted lock file can be held twice), never judged by its existence. The kernel frees it when its holder
//! dies, however it dies.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, Write};

use crate::platform::{Distrust, PrivateDir};

/// What became of an attempt to take the lock.
#[derive(Debug)]
pub(crate) enum Tried<G> {
    /// It is ours until the guard is dropped.
    Held(G),
    /// Another process has it.
    Busy,
    /// This file system knows no locks: writing is allowed, but others may do the same at the same time.
    Unsupported(G, String),
    /// The cache cannot be written at all; the text says why.
    Unusable(String),
}

/// Leave to write: the directory, checked and held open, and the lock where there is one.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Where the entry is written.
    pub(crate) dir: PrivateDir,
    /// Held until it is dropped.
    _lock: Option<File>,
    /// Something about the directory that the user should know.
    pub(crate) warning: Option<String>,
}

/// Tries to take the lock `name` in the directory, without waiting.
pub(crate) fn try_lock(opened: Result<(PrivateDir, Option<String>), Distrust>, name: &str) -> Tried<Guard> {
    let (dir, warning) = match opened {
        Ok(opened) => opened,
        Err(Distrust::Unusable(why) | Distrust::Replaceable(why)) => return Tried::Unusable(why),
    };
    loop {
        let mut file = match dir.open_lock(name) {
            Ok(file) => file,
            Err(error) => return Tried::Unusable(format!("lock file `{name}`: {error}")),
        };
        match flock(&file) {
            // Somebody may have removed or replaced the file between the open and the lock: then ours guards nothing.
            Flock::Held if !dir.is_current(name, &file) => {}
            Flock::Held => {
                note_holder(&mut file);
                return Tried::Held(Guard { dir, _lock: Some(file), warning });
            }
            Flock::Busy => return Tried::Busy,
            Flock::Unsupported(error) => {
                let why = format!("lock file `{name}`: {error}");
                return Tried::Unsupported(Guard { dir, _lock: None, warning }, why);
            }
            Flock::Failed(error) => return Tried::Unusable(format!("lock file `{name}`: {error}")),
        }
    }
}

/// The process that holds the lock, as it wrote itself into the file: for a message, never for a decision.
pub(crate) fn holder(dir: &PrivateDir, name: &str) -> Option<u32> {
    let bytes = dir.read(name, 16).ok()??;
    std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
}

/// Writes our process id into the lock file; that this fails matters to nobody.
fn note_holder(file: &mut File) {
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
}

/// What the system says to one lock call.
pub(crate) enum Flock {
    /// Ours.
    Held,
    /// Somebody else's.
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
        let Tried::Held(guard) = try_lock(open(), "x.lock") else { panic!("not held") };
        assert!(matches!(try_lock(open(), "x.lock"), Tried::Busy));
        assert_eq!(holder(&guard.dir, "x.lock"), Some(std::process::id()));
        drop(guard);
        assert!(matches!(try_lock(open(), "x.lock"), Tried::Held(_)));
    }

    #[test]
    fn a_removed_lock_file_is_made_anew() {
        let temporary = temporary();
        let path = temporary.path().join("c");
        let open = || PrivateDir::create(&path, |_| true);
        let Tried::Held(first) = try_lock(open(), "x.lock") else { panic!("not held") };
        std::fs::remove_file(path.join("x.lock")).unwrap();
        let Tried::Held(_second) = try_lock(open(), "x.lock") else { panic!("not held") };
        drop(first);
        assert!(matches!(try_lock(open(), "x.lock"), Tried::Busy));
    }
}
