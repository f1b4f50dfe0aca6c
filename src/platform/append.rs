//! Lines for a file that another program made for us, and that others may have written to before.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Adds a line to a regular file, and closes that to other users where it is ours to close. A last line without its line
/// feed gets one first.
pub(crate) fn append_line(path: &Path, line: &str) -> io::Result<()> {
    // A pipe would wait for its reader.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut file = File::options().read(true).append(true).open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = file.metadata()?.permissions();
        permissions.set_mode(permissions.mode() & 0o700);
        let _ = file.set_permissions(permissions);
    }
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last)?;
    }
    let start = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{start}{line}\n").as_bytes())
}
