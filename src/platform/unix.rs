//! Unix: every file of the cache is opened relative to a checked directory descriptor, and links are never followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};

use super::CacheRejected;
use super::Stream;
use super::random;

mod hidden;
mod paths;
mod pipe;
mod read;
mod stdio;

pub(crate) use hidden::read_hidden;
pub(crate) use paths::{create_private_dir, is_stdout, open_lock, rewrite, write_private};
pub(crate) use read::{is_pipe, read_input, read_secret_file};
pub use stdio::{Stdin, Stdout};

/// Bits of a mode that let anybody but the owner in.
const OTHERS: u32 = 0o077;
/// Bits of a mode that let anybody but the owner write.
const OTHERS_WRITE: u32 = 0o022;
/// The mode of every file that is ours alone: 0600.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Bytes of a file's name that go into the name of its temporary file. The rest of that takes 33, and some file systems
/// allow no more than 143.
const STEM: usize = 100;

/// Keeps the process's memory out of core dumps and away from other processes of the same user.
///
/// Linux drops core dumps of a process that is not dumpable; elsewhere the core size limit does it.
pub fn harden() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Failing leaves the kernel's default, which is no reason to refuse a token.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    #[cfg(not(target_os = "linux"))]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
}

/// The user whose rights this process has. They never change, so the system is asked once.
fn me() -> u32 {
    static ME: OnceLock<u32> = OnceLock::new();
    *ME.get_or_init(|| rustix::process::geteuid().as_raw())
}

/// Whether the program runs with rights its caller does not have (set-user-ID or set-group-ID).
pub(crate) fn is_elevated() -> bool {
    use rustix::process::{getegid, getgid, getuid};
    getuid().as_raw() != me() || getgid() != getegid()
}

/// Columns of the terminal behind a standard stream; `None` where it is none, or does not say.
pub(crate) fn columns(stream: Stream) -> Option<usize> {
    use rustix::stdio::{stderr, stdin, stdout};
    let fd = match stream {
        Stream::Stdin => stdin(),
        Stream::Stdout => stdout(),
        Stream::Stderr => stderr(),
    };
    rustix::termios::tcgetwinsize(fd).ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Whether the terminal behind standard error is ours to draw on: a job in the background would write into the midst of
/// what its user does, or be stopped for it. A terminal without jobs belongs to everybody.
pub(crate) fn is_foreground() -> bool {
    rustix::termios::tcgetpgrp(rustix::stdio::stderr()).map_or(true, |group| group == rustix::process::getpgrp())
}

/// Seconds since the machine started, sleep included.
#[allow(
    clippy::unnecessary_wraps,
    clippy::useless_conversion,
    reason = "only Linux has this clock, of differing width"
)]
pub(crate) fn boot_clock() -> Option<i64> {
    #[cfg(target_os = "linux")]
    {
        // The same clock as CLOCK_BOOTTIME, but rounded up to a whole second. Asking for that one by name would first
        // look for the fast way to it, which takes another system call and on older kernels four.
        Some(i64::from(rustix::system::sysinfo().uptime) - 1)
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

/// The kernel's name for the present boot.
pub(crate) fn boot_id() -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(text.trim().to_owned()).filter(|id| !id.is_empty())
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

/// Replaces this process by another program; comes back only with an error.
pub(crate) fn replace_process(command: &mut Command) -> io::Result<i32> {
    Err(command.exec())
}

/// Lets a child lead a process group of its own; whether that is possible.
pub(crate) fn lead_group(command: &mut Command) -> bool {
    command.process_group(0);
    true
}

/// Ends the process group that a child leads.
pub(crate) fn end_group(child: &Child) {
    let leader = rustix::process::Pid::from_child(child);
    let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
}

/// A file name under which a child can read `content` once: the read end of a pipe that the child inherits.
///
/// The content never touches a disk, an argument list or an environment. `start` gets the name and starts the child;
/// the pipe is filled only then, so a content larger than the pipe cannot block for ever.
pub(crate) fn hand_over<T>(content: &[u8], start: impl FnOnce(&str) -> io::Result<T>) -> io::Result<T> {
    // Not `pipe2`, which macOS lacks; nothing else is started between the two calls.
    let (read, write) = rustix::pipe::pipe()?;
    rustix::io::fcntl_setfd(&write, rustix::io::FdFlags::CLOEXEC)?;
    let child = start(&format!("/dev/fd/{}", read.as_raw_fd()))?;
    drop(read);
    match File::from(write).write_all(content) {
        // The child may end without reading it; its own exit status tells why.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(child),
    }
}

/// A directory that is ours alone, held open so that nobody can swap it between a check and a use.
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
        let Some((fd, stat)) = open_dir(path)? else { return Ok(None) };
        if mode_of(&stat) & OTHERS_WRITE != 0 {
            // What is in it may be anybody's; `create` mends it before anything is written.
            return Ok(None);
        }
        Ok(Some(Self { fd, path: path.to_owned() }))
    }

    /// Opens or creates the directory for writing: mode 0700, every parent trusted.
    ///
    /// A directory that others could write to is closed to them and emptied of our files; the text tells so.
    pub(crate) fn create(path: &Path, ours: fn(&str) -> bool) -> Result<(Self, Option<String>), CacheRejected> {
        if let Some(parent) = path.parent() {
            create_private_dir(parent).map_err(|error| unusable(parent, &error))?;
            check_parents(parent)?;
        }
        let opened = if let Some(opened) = open_dir(path)? {
            opened
        } else {
            match paths::make_private_dir(path) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(unusable(path, &error.into())),
            }
            open_dir(path)?.ok_or_else(|| CacheRejected::Unusable(format!("`{}` went away", path.display())))?
        };
        let (fd, stat) = opened;
        let dir = Self { fd, path: path.to_owned() };
        let mode = mode_of(&stat) & 0o7777;
        let warning = if mode & OTHERS == 0 && mode & 0o700 == 0o700 { None } else { dir.close_to_others(mode, ours)? };
        Ok((dir, warning))
    }

    /// Takes others' rights away. Only a directory that holds nothing but our own files is touched.
    fn close_to_others(&self, mode: u32, ours: fn(&str) -> bool) -> Result<Option<String>, CacheRejected> {
        let names = self.list().map_err(|error| unusable(&self.path, &error))?;
        if names.iter().any(|name| !ours(name)) {
            let text = format!("`{}` is open to others (mode {mode:04o}) and holds other files", self.path.display());
            return Err(CacheRejected::Unusable(text));
        }
        rustix::fs::fchmod(&self.fd, Mode::RWXU).map_err(|error| unusable(&self.path, &error.into()))?;
        if mode & OTHERS_WRITE == 0 {
            return Ok(None);
        }
        for name in &names {
            let _ = rustix::fs::unlinkat(&self.fd, name.as_str(), AtFlags::empty());
        }
        Ok(Some(format!("`{}` was writable by others: emptied it and set mode 0700", self.path.display())))
    }

    /// Reads a whole file. One much larger than `limit` bytes is cut, which its checksum will show.
    pub(crate) fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, CacheRejected> {
        let (file, stat) = match read::open(&self.fd, name, OFlags::NOFOLLOW) {
            Ok(opened) => opened,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(CacheRejected::Unusable(self.say(name, "is a link"))),
            Err(error) => return Err(unusable(&self.path.join(name), &error.into())),
        };
        self.check_file(name, &stat)?;
        let bytes = read::whole(&file, &stat, limit);
        bytes.map(Some).map_err(|error| unusable(&self.path.join(name), &error.into()))
    }

    /// Whether a file is regular, ours alone, and has no second name.
    fn check_file(&self, name: &str, stat: &Stat) -> Result<(), CacheRejected> {
        let mode = mode_of(stat) & 0o777;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            Err(CacheRejected::Unusable(self.say(name, "is not a regular file")))
        } else if stat.st_uid != me() {
            Err(CacheRejected::Replaceable(self.say(name, "belongs to another user")))
        } else if mode & OTHERS != 0 {
            Err(CacheRejected::Replaceable(self.say(name, &format!("is open to others (mode {mode:04o})"))))
        } else if stat.st_nlink > 1 {
            Err(CacheRejected::Replaceable(self.say(name, "has a second name")))
        } else {
            Ok(())
        }
    }

    /// Replaces a file atomically: a new file with mode 0600, flushed to disk, then renamed over the old one.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace_at(&self.fd, OsStr::new(name), bytes, PRIVATE)
    }

    /// Opens a lock file, creating it empty with mode 0600; links are not followed.
    pub(crate) fn open_lock(&self, name: &str) -> io::Result<File> {
        open_lock_at(&self.fd, OsStr::new(name))
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
            Err(rustix::io::Errno::NOENT) | Ok(()) => Ok(()),
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

    /// A sentence about one file.
    fn say(&self, name: &str, what: &str) -> String {
        format!("`{}` {what}", self.path.join(name).display())
    }
}

/// The mode of a file; how wide the field is differs between Unix systems.
#[allow(clippy::useless_conversion, reason = "the field is narrower on some systems")]
fn mode_of(stat: &Stat) -> u32 {
    u32::from(stat.st_mode)
}

/// Opens a directory of ours without following a link in its place. `None` if there is none.
fn open_dir(path: &Path) -> Result<Option<(OwnedFd, Stat)>, CacheRejected> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
            return Err(CacheRejected::Unusable(format!("`{}` is not a directory", path.display())));
        }
        Err(error) => return Err(unusable(path, &error.into())),
    };
    let stat = rustix::fs::fstat(&fd).map_err(|error| unusable(path, &error.into()))?;
    if stat.st_uid != me() {
        return Err(CacheRejected::Unusable(format!("`{}` belongs to another user", path.display())));
    }
    Ok(Some((fd, stat)))
}

/// Opens a lock file of a directory, creating it if need be.
fn open_lock_at(dir: &OwnedFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(dir, name, flags, PRIVATE)?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("not a regular file"));
    }
    if mode_of(&stat) & 0o777 != 0o600 {
        // A umask that takes the owner's own rights would leave a lock that nobody can open a second time.
        let _ = rustix::fs::fchmod(&file, PRIVATE);
    }
    Ok(File::from(file))
}

/// Whether nobody but root and us can rename our directory away: the walk that OpenSSH makes before it trusts a file.
///
/// A parent writable by others passes if it is sticky; one writable by our own primary group passes too.
fn check_parents(parent: &Path) -> Result<(), CacheRejected> {
    let me = me();
    let real = std::fs::canonicalize(parent).map_err(|error| unusable(parent, &error))?;
    for path in real.ancestors() {
        let stat = rustix::fs::stat(path).map_err(|error| unusable(path, &error.into()))?;
        let mode = mode_of(&stat);
        let sticky = mode & 0o1000 != 0;
        let by_group = mode & 0o020 != 0 && stat.st_gid != rustix::process::getegid().as_raw();
        let by_others = mode & 0o002 != 0;
        if stat.st_uid != me && stat.st_uid != 0 {
            return Err(CacheRejected::Unusable(format!("`{}` belongs to another user", path.display())));
        }
        if (by_group || by_others) && !sticky {
            return Err(CacheRejected::Unusable(format!("`{}` is writable by others", path.display())));
        }
    }
    Ok(())
}

/// Writes beside and renames: after any crash the name holds the whole old content or the whole new one.
fn replace_at(dir: &OwnedFd, name: &OsStr, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let mut temporary = OsString::from(".");
    temporary.push(OsStr::from_bytes(stem(name)));
    temporary.push(format!(".{}.{:016x}.tmp", std::process::id(), random()));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(dir, &temporary, flags, PRIVATE)?);
    let written = rustix::fs::fchmod(&file, mode)
        .map_err(io::Error::from)
        .and_then(|()| file.write_all(bytes))
        // After a failed fsync the kernel marks the pages clean, so a second one would lie: give up at once.
        .and_then(|()| file.sync_all())
        .and_then(|()| Ok(rustix::fs::renameat(dir, &temporary, dir, name)?));
    if let Err(error) = written {
        let _ = rustix::fs::unlinkat(dir, &temporary, AtFlags::empty());
        return Err(error);
    }
    // The new name is already visible; that it survives a power cut is best effort.
    let _ = rustix::fs::fsync(dir);
    Ok(())
}

/// What a temporary file's name has of the name of its file: not all of a long one, for the system limits the whole.
fn stem(name: &OsStr) -> &[u8] {
    &name.as_bytes()[..name.len().min(STEM)]
}

/// A file or directory that is left alone, with the system's reason.
fn unusable(path: &Path, error: &io::Error) -> CacheRejected {
    CacheRejected::Unusable(format!("`{}`: {error}", path.display()))
}
