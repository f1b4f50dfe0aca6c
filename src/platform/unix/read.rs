//! Reading whole files: opened without waiting, looked at, then read with as few calls as that takes.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{OTHERS, me, mode_of, pipe};
use crate::platform::{Access, SecretFileError};

/// Opens a file for reading; a pipe without anybody at its other end does not make us wait.
pub(super) fn open(dir: impl AsFd, name: impl rustix::path::Arg, more: OFlags) -> rustix::io::Result<(OwnedFd, Stat)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    let file = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    Ok((file, stat))
}

/// Reads an open file to its end. Of one larger than `limit`, more than `limit` bytes are read, but not all.
pub(super) fn whole(file: &OwnedFd, stat: &Stat, limit: usize) -> rustix::io::Result<Vec<u8>> {
    let size = usize::try_from(stat.st_size).unwrap_or(limit).min(limit);
    // With room for one byte more than there should be, the read that brings all of them also shows that they are all.
    let mut bytes = Vec::with_capacity(size + 1);
    loop {
        let count = rustix::io::retry_on_intr(|| rustix::io::read(file, spare_capacity(&mut bytes)))?;
        if count == 0 || (bytes.len() == size && size < limit) || bytes.len() > limit {
            return Ok(bytes);
        }
        bytes.reserve(1);
    }
}

/// Whether a path leads to a pipe, which gives its content only once and perhaps late.
pub(crate) fn is_pipe(path: &Path) -> bool {
    rustix::fs::stat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

/// Reads a regular file, or a pipe for so long at most. One larger than `limit` is cut, but not to `limit` or less.
pub(crate) fn read_input(path: &Path, limit: usize, patience: Duration) -> io::Result<Vec<u8>> {
    let (file, stat) = open(CWD, path, OFlags::empty())?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(whole(&file, &stat, limit)?),
        FileType::Fifo => pipe::read(path, &file, limit, patience),
        _ => Err(io::Error::other("not a regular file")),
    }
}

/// Reads a file that may hold a secret: regular, ours or root's, and closed to others unless `shared`. A pipe is read
/// without these checks: its writer provides the secret.
pub(crate) fn read_secret_file(
    path: &Path,
    shared: bool,
    limit: usize,
    patience: Duration,
) -> Result<Vec<u8>, SecretFileError> {
    let failed = |error: rustix::io::Errno| SecretFileError::Io(error.into());
    let (file, stat) = match open(CWD, path, OFlags::empty()) {
        Ok(opened) => opened,
        Err(error @ (Errno::ACCESS | Errno::PERM)) => {
            let stat = rustix::fs::stat(path).map_err(|_| failed(error))?;
            return Err(SecretFileError::Closed(access_of(&stat)));
        }
        Err(error) => return Err(failed(error)),
    };
    let bytes = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let owner = access_of(&stat);
            if !shared && (owner.mode & OTHERS != 0 || (owner.is_foreign() && !is_read_for(&owner, path))) {
                return Err(SecretFileError::Shared(owner));
            }
            whole(&file, &stat, limit).map_err(failed)?
        }
        FileType::Fifo => pipe::read(path, &file, limit, patience).map_err(SecretFileError::Io)?,
        _ => return Err(SecretFileError::Irregular),
    };
    if bytes.len() > limit { Err(SecretFileError::TooLarge) } else { Ok(bytes) }
}

/// The access to a file, links followed; `None` where there is no file or the platform has no modes.
pub(crate) fn access(path: &Path) -> Option<Access> {
    rustix::fs::stat(path).ok().map(|stat| access_of(&stat))
}

/// The access to a file that was looked at.
fn access_of(stat: &Stat) -> Access {
    let is_own_group = stat.st_gid == rustix::process::getegid().as_raw();
    Access { mode: mode_of(stat) & 0o7777, user: stat.st_uid, me: me(), is_own_group }
}

/// Whether this is root who reads a user's file in that user's own directory: `sudo` with the user's configuration.
fn is_read_for(owner: &Access, path: &Path) -> bool {
    let parent = path.parent().and_then(|parent| rustix::fs::stat(parent).ok());
    owner.me == 0 && parent.is_some_and(|parent| parent.st_uid == owner.user)
}
