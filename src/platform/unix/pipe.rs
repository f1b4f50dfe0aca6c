//! Pipes, devices and sockets in the place of a file: read and written within a time limit, never replaced.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// How often to check whether a pipe has a reader: poll(2) cannot wait for that.
const LOOK: Duration = Duration::from_millis(10);

/// Bytes to make room for before each read.
const ROOM: usize = 4096;

/// What was read from pipes in this run: a pipe can be read only once, and some inputs are read twice.
static GIVEN: Mutex<Vec<(PathBuf, Vec<u8>)>> = Mutex::new(Vec::new());

/// Reads a pipe until all writers have closed it. Stops when more than `limit` bytes are read.
pub(super) fn read(path: &Path, file: &OwnedFd, limit: usize, patience: Duration) -> io::Result<Vec<u8>> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, bytes)) = given.iter().find(|(known, _)| known == path) {
        return Ok(bytes.clone());
    }
    let end = Instant::now() + patience;
    let mut bytes = Vec::new();
    while bytes.len() <= limit {
        // Without this, a pipe that has no writer yet would look like one at its end.
        wait(file, PollFlags::IN, end)?;
        bytes.reserve(ROOM);
        match rustix::io::read(file, spare_capacity(&mut bytes)) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    given.push((path.to_owned(), bytes.clone()));
    Ok(bytes)
}

/// Writes into anything but a regular file. Its type, mode and inode stay.
pub(super) fn write_into(path: &Path, stat: &Stat, bytes: &[u8], limit: Duration) -> io::Result<()> {
    let end = Instant::now() + limit;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind == FileType::Socket {
        let mut socket = UnixStream::connect(path)?;
        socket.set_write_timeout(Some(limit))?;
        return socket.write_all(bytes);
    }
    let file = open(path, kind, end)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(&file, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => rest = &rest[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(&file, PollFlags::OUT, end)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Opens it for writing; a pipe, as soon as it has a reader.
fn open(path: &Path, kind: FileType, end: Instant) -> io::Result<OwnedFd> {
    let mut flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    if kind == FileType::RegularFile {
        // An open file, by the name of its descriptor: what other processes have written to it stays.
        flags |= OFlags::APPEND;
    }
    loop {
        match rustix::fs::open(path, flags, Mode::empty()) {
            Err(Errno::NXIO) if kind == FileType::Fifo && Instant::now() < end => std::thread::sleep(LOOK),
            Err(Errno::NXIO) if kind == FileType::Fifo => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads this pipe"));
            }
            opened => return Ok(opened?),
        }
    }
}

/// Waits until a file can be read or written, whatever signals arrive.
pub(super) fn wait(file: impl AsFd, what: PollFlags, end: Instant) -> io::Result<()> {
    loop {
        let left = Timespec::try_from(end.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::new(&file, what)], left.as_ref()) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody is at the other end of this pipe")),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
