//! Files by their path: those outside the checked directory of the cache.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use rustix::process::Pid;

use super::{PRIVATE, me, mode_of, open_lock_at, pipe, replace_at, set_mode, stem};

/// The most symbolic links to follow, as the kernel counts.
const LINKS: usize = 40;

/// Seconds after which a temporary file counts as left over, even if a process has the ID in its name.
const STALE: i64 = 3600;

/// Where a path leads a write to, all links followed.
enum Target {
    /// A regular file, or a name that is free: it is replaced.
    File(PathBuf, Option<Stat>),
    /// A device, a pipe, a socket, or an open file under a name such as `/dev/stdout`: it is written into.
    Stream(PathBuf, Stat),
}

/// A path without the one newline, LF or CRLF, that may end it.
pub(crate) fn without_newline(path: OsString) -> OsString {
    let mut bytes = path.into_vec();
    if bytes.ends_with(b"\n") {
        bytes.truncate(bytes.len() - if bytes.ends_with(b"\r\n") { 2 } else { 1 });
    }
    OsString::from_vec(bytes)
}

/// Writes a file with mode 0600, for `get --output` and `login`: it has the whole old content or the whole new one.
///
/// A link stays and its target is replaced. Anything but a regular file is written into, within the time limit.
pub(crate) fn write_private(path: &Path, bytes: &[u8], limit: Duration) -> io::Result<()> {
    match target(path)? {
        Target::Stream(file, stat) => pipe::write_into(&file, &stat, bytes, limit),
        Target::File(file, before) => replace(&file, before.as_ref(), bytes, PRIVATE),
    }
}

/// The same for a file that its owner may share: an old one keeps its mode, and its owner where that is allowed (for
/// root, running for another user).
pub(crate) fn rewrite(path: &Path, bytes: &[u8], limit: Duration) -> io::Result<()> {
    let Target::File(file, Some(before)) = target(path)? else { return write_private(path, bytes, limit) };
    replace(&file, Some(&before), bytes, permissions(&before))?;
    if before.st_uid != me() {
        let (user, group) = (Uid::from_raw(before.st_uid), Gid::from_raw(before.st_gid));
        let _ = rustix::fs::chownat(CWD, &file, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW);
    }
    Ok(())
}

/// Creates a file with mode 0600 under a name that is not taken, without a temporary file: a kill leaves at most the
/// file itself.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (dir, name) = open_parent(path)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(&dir, name, flags, PRIVATE)?);
    let written = set_mode(&file, PRIVATE).and_then(|()| file.write_all(bytes));
    if let Err(error) = written.and_then(|()| file.sync_all()) {
        let _ = rustix::fs::unlinkat(&dir, name, AtFlags::empty());
        return Err(error);
    }
    let _ = rustix::fs::fsync(&dir);
    Ok(())
}

/// Whether a path leads to this process's standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    match (target(path), rustix::fs::fstat(rustix::stdio::stdout())) {
        (Ok(Target::Stream(_, stat)), Ok(stdout)) => (stat.st_dev, stat.st_ino) == (stdout.st_dev, stdout.st_ino),
        _ => false,
    }
}

/// Whether a path leads to something that is written into and cannot be replaced.
pub(crate) fn is_stream(path: &Path) -> bool {
    matches!(target(path), Ok(Target::Stream(..)))
}

/// Finds out where a write to a path goes.
fn target(path: &Path) -> io::Result<Target> {
    let Some(file) = follow(path)? else { return Ok(Target::Stream(path.to_owned(), rustix::fs::stat(path)?)) };
    match rustix::fs::lstat(&file) {
        Ok(stat) if matches!(file_type(&stat), FileType::RegularFile | FileType::Directory) => {
            Ok(Target::File(file, Some(stat)))
        }
        Ok(stat) => {
            check_maker(&file, &stat)?;
            Ok(Target::Stream(file, stat))
        }
        Err(Errno::NOENT) => Ok(Target::File(file, None)),
        Err(error) => Err(error.into()),
    }
}

/// Follows the links in a file's place; `None` if that leads to the name of an open file.
fn follow(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match std::fs::read_link(&path) {
            // The process that opened it keeps writing to that file, so it must not be replaced.
            Ok(_) if names_open_file(&path) => return Ok(None),
            Ok(link) => {
                check_maker(&path, &rustix::fs::lstat(&path)?)?;
                path = path.parent().unwrap_or(Path::new("")).join(link);
            }
            Err(_) => return Ok(Some(path)),
        }
    }
    Err(Errno::LOOP.into())
}

/// Whether a link is the name of an open file: one in `/proc/PID/fd` or `/proc/PID/task/TID/fd`, whatever leads there
/// (`/dev/fd`, `/proc/self`). `/proc/PID/cwd` and `root` lead out of `/proc` to links like any other.
fn names_open_file(link: &Path) -> bool {
    let dir = link.parent().and_then(|dir| dir.canonicalize().ok());
    dir.is_some_and(|dir| dir.starts_with("/proc") && dir.ends_with("fd"))
}

/// Fails on a link or pipe of another user in a shared sticky directory such as `/tmp`: that user could choose where
/// the token goes. Linux has the same rule (`fs.protected_symlinks`), but it is not switched on everywhere.
fn check_maker(path: &Path, stat: &Stat) -> io::Result<()> {
    let (dir, _) = open_parent(path)?;
    let dir = rustix::fs::fstat(&dir)?;
    let is_shared = mode_of(&dir) & 0o1002 == 0o1002;
    if is_shared && stat.st_uid != me() && stat.st_uid != dir.st_uid {
        let text = format!("uid {} has put it into a directory that is everybody's", stat.st_uid);
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

/// Replaces a regular file or a free name; where the system does not let it be replaced, the file is written in place.
fn replace(path: &Path, before: Option<&Stat>, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let (dir, name) = open_parent(path)?;
    let replaced = match replace_at(&dir, name, bytes, mode) {
        // Another machine or container, which does not see this process, removed the temporary file as left over.
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace_at(&dir, name, bytes, mode),
        replaced => replaced,
    };
    let Err(error) = replaced else {
        sweep_in(&dir, name);
        return Ok(());
    };
    let is_mount = matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices);
    // A writable file in a directory that is not writable.
    let is_closed = matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
    if !(is_mount || is_closed) || !before.is_some_and(|stat| file_type(stat) == FileType::RegularFile) {
        return Err(error);
    }
    overwrite(&dir, name, bytes, mode).map_err(|why| {
        if !is_mount {
            return error;
        }
        let text = format!("a mount point cannot be replaced, and writing into it failed: {why}");
        io::Error::new(io::ErrorKind::ResourceBusy, text)
    })
}

/// Writes into a regular file: all of it, or the old content is put back.
///
/// The file is truncated last, when the new content is on the disk: until then, restoring the overwritten part undoes
/// everything.
fn overwrite(dir: &OwnedFd, name: &OsStr, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(dir, name, flags, Mode::empty())?);
    let stat = rustix::fs::fstat(&file)?;
    if file_type(&stat) != FileType::RegularFile {
        return Err(io::Error::other("not a regular file"));
    }
    if permissions(&stat) != mode {
        set_mode(&file, mode)?;
    }
    let (old_length, length) = (file.metadata()?.len(), bytes.len() as u64);
    let mut old = Vec::new();
    (&file).take(length).read_to_end(&mut old)?;
    let written = file
        .write_all_at(bytes, 0)
        .and_then(|()| file.sync_all())
        .and_then(|()| if length < old_length { file.set_len(length) } else { Ok(()) });
    if written.is_err() {
        // The blocks of the old content still belong to the file, so it fits even on a full disk.
        let _ = file.write_all_at(&old, 0).and_then(|()| file.set_len(old_length)).and_then(|()| file.sync_all());
    }
    written
}

/// Removes what killed runs left beside a file.
pub(crate) fn sweep(path: &Path) {
    if let Ok(Some(file)) = follow(path)
        && let Ok((dir, name)) = open_parent(&file)
    {
        sweep_in(&dir, name);
    }
}

/// The same in an open directory.
fn sweep_in(dir: &OwnedFd, name: &OsStr) {
    let stat = |name: &CStr| rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
    let (Ok(entries), Ok(written)) =
        (rustix::fs::Dir::read_from(dir), rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW))
    else {
        return;
    };
    for entry in entries.flatten() {
        let (Some(maker), Ok(found)) = (maker(entry.file_name().to_bytes(), name), stat(entry.file_name())) else {
            continue;
        };
        // Both times come from the file system, whose clock may be that of another machine.
        let is_over = written.st_mtime.saturating_sub(found.st_mtime) > STALE || is_gone(maker);
        if file_type(&found) == FileType::RegularFile && found.st_uid == me() && is_over {
            let _ = rustix::fs::unlinkat(dir, entry.file_name(), AtFlags::empty());
        }
    }
}

/// The ID of the process that made this temporary file for `name`; `None` if it is no such temporary file.
fn maker(temporary: &[u8], name: &OsStr) -> Option<i32> {
    let rest = temporary.strip_prefix(b".")?.strip_prefix(stem(name))?.strip_prefix(b".")?.strip_suffix(b".tmp")?;
    let (process, random) = std::str::from_utf8(rest).ok()?.split_once('.')?;
    let is_ours = random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    process.parse().ok().filter(|process| is_ours && *process > 0)
}

/// Whether no other process has this ID: a file with our own ID was left by an earlier process.
fn is_gone(process: i32) -> bool {
    Pid::from_raw(process).is_some_and(|pid| {
        pid == rustix::process::getpid() || rustix::process::test_kill_process(pid) == Err(Errno::SRCH)
    })
}

/// The permission bits of a file.
fn permissions(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode) & Mode::from_raw_mode(0o777)
}

/// The type of a file.
fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Creates a directory and its parents, for their owner alone; one that is there stays as it is.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_private_dir(parent)?;
    }
    match rustix::fs::mkdir(path, Mode::RWXU) {
        // A umask that takes the owner's own rights would leave a directory that its owner cannot enter. A file system
        // may know no modes.
        Ok(()) => drop(rustix::fs::chmod(path, Mode::RWXU)),
        // Another process was faster.
        Err(Errno::EXIST) if path.is_dir() => {}
        Err(error) => return Err(error.into()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_temporary_files_are_known() {
        let long = "x".repeat(255);
        let start = "x".repeat(stem(OsStr::new(&long)).len());
        for (temporary, name, process) in [
            (".token.42.0123456789abcdef.tmp", "token", Some(42)),
            (&format!(".{start}.7.0123456789abcdef.tmp"), &long, Some(7)),
            (".other.42.0123456789abcdef.tmp", "token", None),
            (".token.old.42.0123456789abcdef.tmp", "token", None),
            (".token.42.0123456789abcdef", "token", None),
            (".token.42.0123456789abcde.tmp", "token", None),
            (".token.42.0123456789abcdeg.tmp", "token", None),
            (".token.x.0123456789abcdef.tmp", "token", None),
            (".token.-1.0123456789abcdef.tmp", "token", None),
            (".token.0.0123456789abcdef.tmp", "token", None),
            (".token.tmp", "token", None),
            ("token.42.0123456789abcdef.tmp", "token", None),
        ] {
            assert_eq!(maker(temporary.as_bytes(), OsStr::new(name)), process, "{temporary}");
        }
    }

    #[test]
    fn a_process_that_is_there_keeps_its_temporary_file() {
        assert!(is_gone(std::process::id().cast_signed()), "what we left we left in an earlier life");
        assert!(!is_gone(1));
        assert!(!is_gone(0));
        assert!(is_gone(4_194_305), "one more than Linux counts to");
    }
}
