//! Files by their path: those outside the checked directory of the cache.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};

use super::{PRIVATE, open_lock_at, replace_at};

/// A path without the one newline, LF or CRLF, that may end it.
pub(crate) fn without_newline(path: OsString) -> OsString {
    let mut bytes = path.into_vec();
    if bytes.ends_with(b"\n") {
        bytes.truncate(bytes.len() - if bytes.ends_with(b"\r\n") { 2 } else { 1 });
    }
    OsString::from_vec(bytes)
}

/// Writes a file atomically with mode 0600, for `get --output` and `login`. A link in its place is replaced, not followed.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (dir, name) = open_parent(path)?;
    replace_at(&dir, name, bytes, PRIVATE)
}

/// Writes a new file with mode 0600 under a name that is not taken; no temporary file is made, so a kill leaves at most the
/// file itself.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (dir, name) = open_parent(path)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(&dir, name, flags, PRIVATE)?);
    let written = rustix::fs::fchmod(&file, PRIVATE).map_err(io::Error::from).and_then(|()| file.write_all(bytes));
    if let Err(error) = written.and_then(|()| file.sync_all()) {
        let _ = rustix::fs::unlinkat(&dir, name, AtFlags::empty());
        return Err(error);
    }
    let _ = rustix::fs::fsync(&dir);
    Ok(())
}

/// Writes a file atomically that is its owner's to share or not: a new one gets mode 0600, an old one keeps its mode, and
/// its owner where that is allowed (root's run for somebody else). A link in its place is replaced, not followed.
pub(crate) fn rewrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let Ok(before) = rustix::fs::stat(path) else { return write_private(path, bytes) };
    let (dir, name) = open_parent(path)?;
    replace_at(&dir, name, bytes, Mode::from_raw_mode(before.st_mode) & Mode::from_raw_mode(0o777))?;
    if before.st_uid != rustix::process::geteuid().as_raw() {
        let (user, group) = (Uid::from_raw(before.st_uid), Gid::from_raw(before.st_gid));
        let _ = rustix::fs::chownat(&dir, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW);
    }
    Ok(())
}

/// Creates a directory and its parents, for their owner alone; one that is there stays as it is.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_private_dir(parent)?;
    }
    match make_private_dir(path) {
        // Another process was faster.
        Err(rustix::io::Errno::EXIST) if path.is_dir() => Ok(()),
        made => Ok(made?),
    }
}

/// Creates one directory with mode 0700 under any umask: one that takes the owner's own rights would leave a directory
/// that its owner cannot enter. A file system may know no modes.
fn make_private_dir(path: &Path) -> rustix::io::Result<()> {
    rustix::fs::mkdir(path, Mode::RWXU)?;
    let _ = rustix::fs::chmod(path, Mode::RWXU);
    Ok(())
}

/// Opens a file to lock, creating it empty with mode 0600; links are not followed.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    let (dir, name) = open_parent(path)?;
    open_lock_at(&dir, name)
}

/// The directory of a file, opened, and the file's name in it.
fn open_parent(path: &Path) -> io::Result<(OwnedFd, &OsStr)> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir = rustix::fs::open(parent, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((dir, name))
}
