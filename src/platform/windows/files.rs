//! Files, and the programs that hold them open: virus scanners, backups, indexers. What such a program is in the way of is
//! tried again for a moment.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::random;
use crate::platform::{CacheRejected, SecretFileError};

/// How long to wait for another program to close a file, and how often to look.
const PATIENCE: Duration = Duration::from_millis(500);
/// See [`PATIENCE`].
const LOOK: Duration = Duration::from_millis(10);

/// Share modes of an open file (CreateFileW): what others may do with it meanwhile.
const NOTHING: u32 = 0;
/// See [`NOTHING`].
const READ: u32 = 1;
/// See [`NOTHING`]. Without `FILE_SHARE_DELETE` nobody can remove or rename the file.
const READ_AND_WRITE: u32 = 3;

/// Age at which a temporary file counts as left over. One that is being written cannot be removed.
const STALE: Duration = Duration::from_secs(60);

/// Characters of a file's name that go into the name of its temporary file: the system limits both.
const STEM: usize = 100;

/// Whether another program has the file open, in a way that excludes this use. `ERROR_ACCESS_DENIED` is what the target of a
/// rename gives then.
fn is_held(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(5 | 32))
}

/// The same for a file to read, where `ERROR_ACCESS_DENIED` means what it says.
fn is_held_from_readers(error: &io::Error) -> bool {
    error.raw_os_error() == Some(32)
}

/// Repeats what another program is in the way of.
fn patiently<T>(is_held: fn(&io::Error) -> bool, mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match work() {
            Err(error) if is_held(&error) && Instant::now() < end => std::thread::sleep(LOOK),
            done => return done,
        }
    }
}

/// Whether a path leads to something that is written into and cannot be replaced: a device or a pipe. The system's own rules
/// decide which names those are (`NUL`, `COM1`, on older systems `C:\x\nul.txt`): it gives them another prefix.
pub(crate) fn is_stream(path: &Path) -> bool {
    std::path::absolute(path).is_ok_and(|path| path.as_os_str().as_encoded_bytes().starts_with(br"\\.\"))
}

/// Reads a regular file. One larger than `limit` is cut, but not to `limit` or less.
pub(crate) fn read_input(path: &Path, limit: usize, _patience: Duration) -> io::Result<Vec<u8>> {
    if is_stream(path) || path.is_dir() {
        return Err(io::Error::other("not a regular file"));
    }
    let file = patiently(is_held_from_readers, || File::open(path))?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a regular file of at most `limit` bytes; who else can read it is up to its access list, which is not looked at.
pub(crate) fn read_secret_file(
    path: &Path,
    _shared: bool,
    limit: usize,
    patience: Duration,
) -> Result<Vec<u8>, SecretFileError> {
    if is_stream(path) || path.is_dir() {
        return Err(SecretFileError::Irregular);
    }
    let bytes = read_input(path, limit, patience).map_err(SecretFileError::Io)?;
    if bytes.len() > limit { Err(SecretFileError::TooLarge) } else { Ok(bytes) }
}

/// Writes a file atomically. A link stays, and what it leads to is replaced; a device is written into.
pub(crate) fn write_private(path: &Path, bytes: &[u8], limit: Duration) -> io::Result<()> {
    if is_stream(path) {
        return write_into(path, bytes, limit);
    }
    let path = if path.is_symlink() { std::fs::canonicalize(path)? } else { path.to_owned() };
    let (dir, name) = parts(&path).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let replaced = match replace_in(dir, &name, bytes) {
        // Another run took the temporary file for one that was left over.
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace_in(dir, &name, bytes),
        replaced => replaced,
    };
    if replaced.is_ok() {
        sweep(&path);
    }
    replaced
}

/// Writes into a device, which may take its time.
fn write_into(path: &Path, bytes: &[u8], limit: Duration) -> io::Result<()> {
    let (done, result) = std::sync::mpsc::sync_channel(1);
    let (path, bytes) = (path.to_owned(), bytes.to_owned());
    std::thread::Builder::new().spawn(move || {
        let written = OpenOptions::new().write(true).open(path).and_then(|mut device| device.write_all(&bytes));
        let _ = done.send(written);
    })?;
    result.recv_timeout(limit).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Directory and name of a file.
fn parts(path: &Path) -> Option<(&Path, String)> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    Some((path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")), name))
}

/// Writes beside and renames.
fn replace_in(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    if name.contains(':') {
        return Err(io::Error::other("`:` names a stream inside a file"));
    }
    let temporary = dir.join(format!("{}{}.{:016x}.tmp", temporary_start(name), std::process::id(), random()));
    create_private(&temporary, bytes)?;
    let renamed = patiently(is_held, || std::fs::rename(&temporary, dir.join(name)));
    if renamed.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    renamed
}

/// What the names of a file's temporary files start with.
fn temporary_start(name: &str) -> String {
    format!(".{}.", name.chars().take(STEM).collect::<String>())
}

/// Writes a new file under a name that is not taken; nobody else can open it meanwhile.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).share_mode(NOTHING).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Removes what killed runs left beside a file.
pub(crate) fn sweep(path: &Path) {
    let Some((dir, name)) = parts(path) else { return };
    sweep_in(dir, &temporary_start(&name));
}

/// Removes the old temporary files whose names start like this. The system keeps those that a process has open.
fn sweep_in(dir: &Path, start: &str) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.to_str().and_then(|name| name.strip_prefix(start)).is_some_and(is_temporary);
        let age = entry.metadata().and_then(|meta| meta.modified()).map(|time| time.elapsed().unwrap_or_default());
        if is_ours && age.is_ok_and(|age| age > STALE) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Whether this is the end of a temporary file's name: a process ID, a number, `tmp`.
fn is_temporary(end: &str) -> bool {
    let Some((process, number)) = end.strip_suffix(".tmp").and_then(|end| end.split_once('.')) else { return false };
    process.parse::<u32>().is_ok() && number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Opens a file to lock, creating it empty. While it is open, nobody can remove or rename it.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).share_mode(READ_AND_WRITE).open(path)
}

/// A file for a child to read, which exists as long as this value.
pub(crate) struct Inherited {
    /// Its path.
    name: String,
    /// Keeps others from changing or removing it.
    file: Option<File>,
}

/// What the names of such files start with.
const HANDED_OVER: &str = ".handed-over.";

/// A file with this content for a child, in a directory of the user's own.
pub(crate) fn inherited_file(content: &[u8], dir: &Path) -> io::Result<Inherited> {
    std::fs::create_dir_all(dir)?;
    sweep_in(dir, HANDED_OVER);
    let path = dir.join(format!("{HANDED_OVER}{}.{:016x}.tmp", std::process::id(), random()));
    let name = path.to_str().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
    create_private(&path, content)?;
    let file = OpenOptions::new().read(true).share_mode(READ).open(&path).ok();
    Ok(Inherited { name, file })
}

impl Inherited {
    /// Its path.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Inherited {
    fn drop(&mut self) {
        drop(self.file.take());
        let _ = patiently(is_held, || std::fs::remove_file(&self.name));
    }
}

/// The cache directory.
///
/// A file that another program holds open cannot be replaced. Its next version then goes beside it, under a second name, and
/// whichever of the two was written last counts; the next version that can replace the first removes the second.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    /// Its path.
    path: PathBuf,
}

impl PrivateDir {
    /// The directory, if it exists.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, CacheRejected> {
        Ok(path.is_dir().then(|| Self { path: path.to_owned() }))
    }

    /// The directory, created if need be.
    pub(crate) fn create(path: &Path, _ours: fn(&str) -> bool) -> Result<Self, CacheRejected> {
        std::fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next version of a held file goes.
    fn beside(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.next"))
    }

    /// Reads a whole file. One larger than `limit` bytes is cut, which its checksum will show.
    pub(crate) fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, CacheRejected> {
        let (first, beside) = (self.path.join(name), self.beside(name));
        let path = if written(&beside).is_some_and(|time| Some(time) >= written(&first)) { beside } else { first };
        match read_input(&path, limit, Duration::ZERO) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unusable(&path, &error)),
        }
    }

    /// Replaces a file atomically.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        match replace_in(&self.path, name, bytes) {
            Err(error) if is_held(&error) => replace_in(&self.path, &format!("{name}.next"), bytes),
            Ok(()) => {
                let _ = std::fs::remove_file(self.beside(name));
                Ok(())
            }
            failed => failed,
        }
    }

    /// Opens a lock file, creating it empty.
    pub(crate) fn open_lock(&self, name: &str) -> io::Result<File> {
        open_lock(&self.path.join(name))
    }

    /// An open lock file keeps its name: see [`open_lock`].
    #[expect(clippy::unused_self, reason = "the same shape as on Unix")]
    pub(crate) fn is_current(&self, _name: &str, _file: &File) -> bool {
        true
    }

    /// Removes a file; that there is none is fine.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        for path in [self.path.join(name), self.beside(name)] {
            match patiently(is_held, || std::fs::remove_file(&path)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Wall-clock second in which a file was last written.
    pub(crate) fn modified(&self, name: &str) -> Option<i64> {
        let time = written(&self.path.join(name))?;
        i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()).ok()
    }

    /// Names of the files in the directory.
    pub(crate) fn list(&self) -> io::Result<Vec<String>> {
        std::fs::read_dir(&self.path)?
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect()
    }
}

/// When a file was last written.
fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// A file or directory that is left alone, with the system's reason.
fn unusable(path: &Path, error: &io::Error) -> CacheRejected {
    CacheRejected::Unusable(format!("`{}`: {error}", path.display()))
}
