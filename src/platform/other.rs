//! Platforms without Unix modes and descriptors: access is what the user's profile directory grants.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
pub use std::io::{stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::random;
use super::{Access, CacheRejected, HiddenInput, SecretFileError};

/// Nothing to switch off here.
pub fn harden() {}

/// There is no set-user-ID here.
pub(crate) fn is_elevated() -> bool {
    false
}

/// How wide a console is cannot be asked with std.
pub(crate) fn columns<S>(_stream: &S) -> Option<usize> {
    None
}

/// A console may not know how to erase a line, so none is drawn.
pub(crate) fn is_foreground() -> bool {
    false
}

/// No boot clock that std reaches safely: the wall clock decides alone.
pub(crate) fn boot_clock() -> Option<i64> {
    None
}

/// No boot id either.
pub(crate) fn boot_id() -> Option<String> {
    None
}

/// Runs another program and gives its exit status: a process cannot be replaced here.
pub(crate) fn replace_process(command: &mut Command) -> io::Result<i32> {
    Ok(command.status()?.code().unwrap_or(1))
}

/// There is no guard of the terminal: the one who reads hidden input restores it.
pub(crate) fn terminal() -> io::Result<Stdio> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// See [`terminal`].
pub(crate) fn guard_terminal() -> u8 {
    1
}

/// There are no process groups that could be ended.
pub(crate) fn lead_group(_command: &mut Command) -> bool {
    false
}

/// See [`lead_group`].
pub(crate) fn end_group(_child: &Child) {}

/// See [`inherited_file`].
pub(crate) struct Inherited(std::convert::Infallible);

impl Inherited {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self.0 {}
    }
}

/// There is no open file that a child could open again by name.
pub(crate) fn inherited_file(_content: &[u8]) -> io::Result<Inherited> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// Runs another program that reads `content` from its standard input, by the name `-`, and gives its exit status.
pub(crate) fn replace_process_with(
    content: &[u8],
    mut command: Command,
    finish: impl FnOnce(&mut Command, &str),
) -> io::Result<i32> {
    finish(&mut command, "-");
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(content)?;
    }
    Ok(child.wait()?.code().unwrap_or(1))
}

/// Files have no modes here.
pub(crate) fn access(_path: &Path) -> Option<Access> {
    None
}

/// There is no pipe that has a file's name.
pub(crate) fn is_pipe(_path: &Path) -> bool {
    false
}

/// Standard output has no file's name either.
pub(crate) fn is_stdout(_path: &Path) -> bool {
    false
}

/// Whether a path is that of a device.
pub(crate) fn is_stream(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// Ctrl-C and the end of the session end every process here.
pub(crate) fn end_on_signals() {}

/// Reads a regular file. One larger than `limit` is cut, but not to `limit` or less.
pub(crate) fn read_input(path: &Path, limit: usize, _patience: Duration) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a regular file of at most `limit` bytes; who else can read it is up to its access list.
pub(crate) fn read_secret_file(
    path: &Path,
    _shared: bool,
    limit: usize,
    patience: Duration,
) -> Result<Vec<u8>, SecretFileError> {
    let meta = std::fs::metadata(path).map_err(SecretFileError::Io)?;
    if !meta.is_file() {
        return Err(SecretFileError::Irregular);
    }
    let bytes = read_input(path, limit, patience).map_err(SecretFileError::Io)?;
    if bytes.len() > limit { Err(SecretFileError::TooLarge) } else { Ok(bytes) }
}

/// A path without the one newline, LF or CRLF, that may end it.
pub(crate) fn without_newline(path: OsString) -> OsString {
    let cut = |path: &str| path.strip_suffix('\n').map(|path| path.strip_suffix('\r').unwrap_or(path).into());
    path.to_str().and_then(cut).unwrap_or(path)
}

/// Writes a file atomically. A link stays, and what it leads to is replaced.
pub(crate) fn write_private(path: &Path, bytes: &[u8], _limit: Duration) -> io::Result<()> {
    let path = if path.is_symlink() { std::fs::canonicalize(path)? } else { path.to_owned() };
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    replace_in(path.parent().unwrap_or(Path::new(".")), &name.to_string_lossy(), bytes)
}

/// Writes a new file under a name that is not taken.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

/// The same: access is what the directory grants.
pub(crate) use write_private as rewrite;

/// What a killed write left beside a file stays: its maker cannot be told from a running process.
pub(crate) fn sweep(_path: &Path) {}

/// Creates a directory and its parents.
pub(crate) use std::fs::create_dir_all as create_private_dir;

/// Opens a file to lock, creating it empty.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Reads a line from the console without showing it.
pub(crate) fn read_hidden(ask: impl Fn()) -> io::Result<HiddenInput> {
    ask();
    match rpassword::read_password() {
        Ok(line) => Ok(HiddenInput::Line(line.into_bytes())),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(HiddenInput::End),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(HiddenInput::Interrupt),
        Err(error) => Err(error),
    }
}

/// The cache directory.
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

    /// Reads a whole file. One larger than `limit` bytes is cut, which its checksum will show.
    pub(crate) fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, CacheRejected> {
        let path = self.path.join(name);
        match read_input(&path, limit, Duration::ZERO) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unusable(&path, &error)),
        }
    }

    /// Replaces a file atomically.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace_in(&self.path, name, bytes)
    }

    /// Opens a lock file, creating it empty.
    pub(crate) fn open_lock(&self, name: &str) -> io::Result<File> {
        open_lock(&self.path.join(name))
    }

    /// An open file cannot lose its name here.
    #[expect(clippy::unused_self, reason = "the same shape as on Unix")]
    pub(crate) fn is_current(&self, _name: &str, _file: &File) -> bool {
        true
    }

    /// Removes a file; that there is none is fine.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Wall-clock second in which a file was last written.
    pub(crate) fn modified(&self, name: &str) -> Option<i64> {
        let time = std::fs::metadata(self.path.join(name)).ok()?.modified().ok()?;
        i64::try_from(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()).ok()
    }

    /// Names of the files in the directory.
    pub(crate) fn list(&self) -> io::Result<Vec<String>> {
        std::fs::read_dir(&self.path)?
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect()
    }
}

/// There is no root who could be in another user's place.
pub(crate) fn others_place(_path: &Path) -> Option<PathBuf> {
    None
}

/// Writes beside and renames, retrying for two seconds: a rename fails while another process has the file open.
fn replace_in(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    // Not the whole of a long name: the system limits the temporary one too.
    let stem: String = name.chars().take(100).collect();
    let temporary = dir.join(format!(".{stem}.{}.{:016x}.tmp", std::process::id(), random()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    let mut written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    if written.is_ok() {
        for attempt in 0..8 {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(250));
            }
            written = std::fs::rename(&temporary, dir.join(name));
            if written.is_ok() {
                break;
            }
        }
    }
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// A file or directory that is left alone, with the system's reason.
fn unusable(path: &Path, error: &io::Error) -> CacheRejected {
    CacheRejected::Unusable(format!("`{}`: {error}", path.display()))
}
