//! Unix: every file of the cache is opened relative to a checked directory descriptor, and links are never followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};

use super::random;

mod directory;
mod hidden;
mod paths;
mod pipe;
mod read;
mod stdio;

pub(crate) use directory::{PrivateDir, others_place};
pub(crate) use hidden::{guard_terminal, read_hidden, terminal};
pub(crate) use paths::{
    create_private, create_private_dir, is_stdout, is_stream, open_lock, rewrite, sweep, without_newline, write_private,
};
pub(crate) use read::{access, is_pipe, read_input, read_secret_file};
pub use stdio::{stdin, stdout};

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

/// A directory of the user's. The variable is Windows'.
pub fn user_dir(_variable: &str, known: impl FnOnce() -> Option<std::path::PathBuf>) -> Option<std::path::PathBuf> {
    known()
}

/// Whether the program runs with rights its caller does not have (set-user-ID or set-group-ID).
pub(crate) fn is_elevated() -> bool {
    use rustix::process::{getegid, getgid, getuid};
    getuid().as_raw() != me() || getgid() != getegid()
}

/// Columns of the terminal behind a stream; `None` where it is none, or does not say.
pub(crate) fn columns(stream: &impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
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

/// Lets SIGTERM and SIGINT end this process, as they end any other, even as the first of a container: what the kernel
/// does for that one without a handler is nothing.
pub(crate) fn end_on_signals() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag::register_conditional_shutdown;
    if std::process::id() == 1 {
        for signal in [SIGINT, SIGTERM] {
            // Failing leaves a container that its runtime has to kill.
            let _ = register_conditional_shutdown(signal, 128 + signal, Arc::new(AtomicBool::new(true)));
        }
    }
}

/// Replaces this process by another program; comes back only with an error.
pub(crate) fn replace_process(command: &mut Command) -> io::Error {
    command.exec()
}

/// The file of a program: the system itself looks on PATH.
pub(crate) fn program(name: &OsStr) -> &OsStr {
    name
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

/// A file that a child inherits, under a name that it can open.
pub(crate) struct Inherited {
    /// Keeps it open.
    _file: OwnedFd,
    /// Its name.
    name: String,
}

impl Inherited {
    /// Leaves a file open across exec.
    fn new(file: OwnedFd) -> io::Result<Self> {
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())?;
        Ok(Self { name: format!("/dev/fd/{}", file.as_raw_fd()), _file: file })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// Replaces this process by another program that can read `content` once, from a pipe; `finish` gives the command the
/// pipe's name. The content never touches a disk, an argument list or an environment.
///
/// It has to fit into the pipe: 64 KiB, 4 KiB for a user who has very many pipes. What the program inherits besides stays
/// open.
pub(crate) fn replace_process_with(
    content: &[u8],
    _dir: &Path,
    mut command: Command,
    _inherited: Option<Inherited>,
    finish: impl FnOnce(&mut Command, &str),
) -> io::Error {
    let pipe = match full_pipe(content) {
        Ok(pipe) => pipe,
        Err(error) => return error,
    };
    finish(&mut command, pipe.name());
    replace_process(&mut command)
}

/// A pipe that holds `content` and whose writer is gone.
fn full_pipe(content: &[u8]) -> io::Result<Inherited> {
    // Not `pipe2`, which macOS lacks; nothing else is started before the process is replaced.
    let (read, write) = rustix::pipe::pipe()?;
    rustix::io::ioctl_fionbio(&write, true)?;
    File::from(write).write_all(content)?;
    Inherited::new(read)
}

/// A file with this content and without a place in any directory, so that nothing of it is left.
pub(crate) fn inherited_file(content: &[u8], _dir: &Path) -> io::Result<Inherited> {
    let mut file = nameless_file()?;
    file.write_all(content)?;
    // Where `/dev/fd` shares the offset instead of opening the file again.
    file.rewind()?;
    Inherited::new(file.into())
}

/// A new file in memory, or one that is already removed.
fn nameless_file() -> io::Result<File> {
    #[cfg(target_os = "linux")]
    if let Ok(file) = rustix::fs::memfd_create("ws1-token", rustix::fs::MemfdFlags::CLOEXEC) {
        return Ok(File::from(file));
    }
    let path = format!("/tmp/.ws1-token.{:016x}.tmp", random());
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(&path, flags, PRIVATE)?;
    rustix::fs::unlink(&path)?;
    Ok(File::from(file))
}

/// The mode of a file; how wide the field is differs between Unix systems.
#[allow(clippy::useless_conversion, reason = "the field is narrower on some systems")]
fn mode_of(stat: &Stat) -> u32 {
    u32::from(stat.st_mode)
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
        // A umask that masks the owner's bits would leave a lock file that cannot be opened a second time.
        let _ = rustix::fs::fchmod(&file, PRIVATE);
    }
    Ok(File::from(file))
}

/// Sets the mode of a new file. Where the file system refuses that, it is enough that others have no right more.
fn set_mode(file: &File, mode: Mode) -> io::Result<()> {
    rustix::fs::fchmod(file, mode).or_else(|error| {
        let others = Mode::from_raw_mode(rustix::fs::fstat(file)?.st_mode) & (Mode::RWXG | Mode::RWXO);
        if mode.contains(others) { Ok(()) } else { Err(error.into()) }
    })
}

/// Writes beside and renames: after any crash the name holds the whole old content or the whole new one.
fn replace_at(dir: &OwnedFd, name: &OsStr, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let mut temporary = OsString::from(".");
    temporary.push(OsStr::from_bytes(stem(name)));
    temporary.push(format!(".{}.{:016x}.tmp", std::process::id(), random()));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(dir, &temporary, flags, PRIVATE)?);
    let written = set_mode(&file, mode)
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
