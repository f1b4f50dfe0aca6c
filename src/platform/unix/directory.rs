//! The cache directory: ours alone, or a private directory of ours inside it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{OTHERS, OTHERS_WRITE, PRIVATE, me, mode_of, open_lock_at, paths, read, replace_at};
use crate::platform::CacheRejected;

/// A directory that is ours alone, held open so that it cannot be swapped between a check and a use.
///
/// Where the directory that was asked for belongs to another user, or others may write to it (the volume of a pod,
/// `/tmp`), it is `ws1-token-UID` inside. Others may be able to rename that one, but never to make one that is ours.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    /// The checked descriptor.
    fd: OwnedFd,
    /// Its path, for messages.
    path: PathBuf,
}

impl PrivateDir {
    /// Opens an existing directory for reading entries: ours, and not writable by others. `None` if there is none.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, CacheRejected> {
        let Some(given) = Candidate::open(path)? else { return Ok(None) };
        if given.is_ours() && given.is_private() {
            return Ok(Some(given.dir));
        }
        let inside = Candidate::open(&inside(path))?;
        let fitting = [inside, Some(given)].into_iter().flatten().find(|dir| dir.is_ours() && !dir.lets_others_write());
        Ok(fitting.map(|fitting| fitting.dir))
    }

    /// Opens or creates the directory for writing, with mode 0700. `ours` tells our own files by their names: only a
    /// directory that holds nothing else is closed to others.
    pub(crate) fn create(path: &Path, ours: fn(&str) -> bool) -> Result<Self, CacheRejected> {
        if let Some(parent) = path.parent() {
            paths::create_private_dir(parent).map_err(|error| unusable(parent, &error))?;
        }
        let given = Candidate::open_or_make(path)?;
        if given.is_ours() && !given.lets_others_write() && (given.is_private() || given.close(ours)) {
            return Ok(given.dir);
        }
        let inside = Candidate::open_or_make(&inside(path))?;
        if !inside.is_ours() {
            return Err(refused(&inside.dir.path, "belongs to another user"));
        }
        if inside.is_private() || inside.close(|_| true) {
            return Ok(inside.dir);
        }
        let mode = mode_of(&inside.stat) & 0o777;
        let why = format!("is open to others, and its mode cannot be changed (mode {mode:04o})");
        Err(refused(&inside.dir.path, &why))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a whole file. One much larger than `limit` bytes is cut, which its checksum will show.
    pub(crate) fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, CacheRejected> {
        let (file, stat) = match read::open(&self.fd, name, OFlags::NOFOLLOW) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(refused(&self.path.join(name), "is a link")),
            Err(error) => return Err(unusable(&self.path.join(name), &error.into())),
        };
        self.check_file(name, &stat)?;
        let bytes = read::whole(&file, &stat, limit);
        bytes.map(Some).map_err(|error| unusable(&self.path.join(name), &error.into()))
    }

    /// Whether a file is regular, ours alone, and has no second name.
    fn check_file(&self, name: &str, stat: &Stat) -> Result<(), CacheRejected> {
        let mode = mode_of(stat) & 0o777;
        let why = if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(refused(&self.path.join(name), "is not a regular file"));
        } else if stat.st_uid != me() {
            "belongs to another user".to_owned()
        } else if mode & OTHERS != 0 {
            format!("is open to others (mode {mode:04o})")
        } else if stat.st_nlink > 1 {
            "has a second name".to_owned()
        } else {
            return Ok(());
        };
        Err(CacheRejected::Replaceable(format!("`{}` {why}", self.path.join(name).display())))
    }

    /// Replaces a file atomically: a new file with mode 0600, flushed to disk, then renamed over the old one.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace_at(&self.fd, OsStr::new(name), bytes, PRIVATE)
    }

    /// Opens a lock file, creating it empty with mode 0600; links are not followed.
    pub(crate) fn open_lock(&self, name: &str) -> io::Result<File> {
        let file = open_lock_at(&self.fd, OsStr::new(name))?;
        // Another user may have created it while the directory was writable to others, and could hold it for ever.
        let is_ours = rustix::fs::fstat(&file)?.st_uid == me();
        if is_ours { Ok(file) } else { Err(io::Error::other("it belongs to another user")) }
    }

    /// Whether an open file is still the one that has this name.
    pub(crate) fn is_current(&self, name: &str, file: &File) -> bool {
        let (Ok(open), Ok(named)) =
            (rustix::fs::fstat(file), rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW))
        else {
            return false;
        };
        open.st_nlink > 0 && open.st_dev == named.st_dev && open.st_ino == named.st_ino
    }

    /// Removes a file; that there is none is fine.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Err(Errno::NOENT) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Wall-clock second in which a file was last written.
    pub(crate) fn modified(&self, name: &str) -> Option<i64> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        #[allow(clippy::useless_conversion, reason = "the field is narrower on some systems")]
        i64::try_from(stat.st_mtime).ok()
    }

    /// Names of the files in the directory.
    pub(crate) fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// A directory that was opened, but not yet found to be ours alone.
struct Candidate {
    /// The directory.
    dir: PrivateDir,
    /// Its owner and mode.
    stat: Stat,
}

impl Candidate {
    /// Opens a directory without following a link in its place. `None` if there is none.
    fn open(path: &Path) -> Result<Option<Self>, CacheRejected> {
        match Self::try_open(path) {
            Ok(candidate) => Ok(Some(candidate)),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => Err(refused(path, "is not a directory")),
            Err(error) => Err(unusable(path, &error.into())),
        }
    }

    /// The same with the system's error.
    fn try_open(path: &Path) -> rustix::io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        Ok(Self { dir: PrivateDir { fd, path: path.to_owned() }, stat })
    }

    /// Opens a directory, or makes one with mode 0700, as far as the umask leaves it. Another process may be faster.
    fn open_or_make(path: &Path) -> Result<Self, CacheRejected> {
        if let Some(found) = Self::open(path)? {
            return Ok(found);
        }
        match rustix::fs::mkdir(path, Mode::RWXU) {
            // The umask may take the owner's own rights: to read it, or to reach what is in it.
            Ok(()) => match Self::try_open(path) {
                Err(Errno::ACCESS) => {
                    rustix::fs::chmod(path, Mode::RWXU).map_err(|error| unusable(path, &error.into()))?;
                }
                Ok(made) if mode_of(&made.stat) & 0o700 != 0o700 => {
                    // Whether that had an effect is seen when it is used.
                    let _ = rustix::fs::fchmod(&made.dir.fd, Mode::RWXU);
                }
                _ => {}
            },
            Err(Errno::EXIST) => {}
            Err(error) => return Err(unusable(path, &error.into())),
        }
        Self::open(path)?.ok_or_else(|| refused(path, "went away"))
    }

    /// Whether it belongs to us.
    fn is_ours(&self) -> bool {
        self.stat.st_uid == me()
    }

    /// Whether others may have put something into it.
    fn lets_others_write(&self) -> bool {
        mode_of(&self.stat) & OTHERS_WRITE != 0
    }

    /// Whether its permission bits are 0700.
    fn is_private(&self) -> bool {
        mode_of(&self.stat) & 0o777 == 0o700
    }

    /// Sets mode 0700 if all the names in it are ours; whether it is private now. Some file systems refuse a mode,
    /// others forget it.
    fn close(&self, ours: fn(&str) -> bool) -> bool {
        self.dir.list().is_ok_and(|names| names.iter().all(|name| ours(name)))
            && rustix::fs::fchmod(&self.dir.fd, Mode::RWXU).is_ok()
            && rustix::fs::fstat(&self.dir.fd).is_ok_and(|stat| mode_of(&stat) & 0o777 == 0o700)
    }
}

/// The private directory in one that is not ours alone.
fn inside(path: &Path) -> PathBuf {
    path.join(format!("ws1-token-{}", me()))
}

/// The directory of another user that a path is in, if this is root: `sudo` may keep the user's HOME, and files that
/// root creates there lock the user out. A directory that everybody may write to does not count.
pub(crate) fn others_place(path: &Path) -> Option<PathBuf> {
    if me() != 0 {
        return None;
    }
    let owner = |dir: &Path| rustix::fs::stat(dir).map(|stat| (stat.st_uid, mode_of(&stat) & 0o002 != 0));
    // In a user namespace, the system's own directories belong to the overflow user ID.
    let system = owner(Path::new("/")).map_or(0, |(user, _)| user);
    for dir in path.ancestors() {
        match owner(dir) {
            Ok((_, true)) => return None,
            Ok((user, _)) if user != 0 && user != system => return Some(dir.to_owned()),
            // Root's, or not there yet.
            _ => {}
        }
    }
    None
}

/// A file or directory that is left alone, and why.
fn refused(path: &Path, why: &str) -> CacheRejected {
    CacheRejected::Unusable(format!("`{}` {why}", path.display()))
}

/// The same with the system's reason.
fn unusable(path: &Path, error: &io::Error) -> CacheRejected {
    CacheRejected::Unusable(format!("`{}`: {error}", path.display()))
}
