//! The one place that knows which operating system this is.
//!
//! Everything that needs modes, owners, links, descriptors or the boot clock is here, behind the same names for
//! every platform; the rest of the program is plain std.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;

mod append;
mod inspect;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

// Which of the keyring crates' stores `crate::secret::keychain` asks.
#[cfg(all(feature = "keychain", target_os = "macos"))]
pub(crate) use apple_native_keyring_store::keychain::Store as KeyStore;
#[cfg(all(feature = "keychain", windows))]
pub(crate) use windows_native_keyring_store::Store as KeyStore;
#[cfg(all(feature = "keychain", unix, not(target_os = "macos")))]
pub(crate) use zbus_secret_service_keyring_store::Store as KeyStore;

pub use system::{harden, stdin, stdout, user_dir};

pub(crate) use append::append_line;
pub(crate) use inspect::{Access, network_file_system};
pub(crate) use system::{
    Inherited, PrivateDir, access, boot_clock, boot_id, columns, create_private, create_private_dir, end_group,
    end_on_signals, guard_terminal, inherited_file, is_elevated, is_foreground, is_pipe, is_stdout, is_stream,
    lead_group, open_lock, others_place, program, read_hidden, read_input, read_secret_file, replace_process,
    replace_process_with, rewrite, sweep, terminal, without_newline, write_private,
};

/// Input that was not shown.
#[derive(Debug)]
pub(crate) enum HiddenInput {
    /// One line, without its line break.
    Line(Vec<u8>),
    /// A pasted text of several lines.
    #[cfg_attr(windows, expect(dead_code, reason = "lines are read one by one"))]
    Lines,
    /// The end of input: Ctrl-D, or the terminal was closed.
    End,
    /// Ctrl-C, where it did not end the process.
    Interrupt,
}

/// Sixty-four bits that another process does not draw: std seeds its hasher from the system's random source.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Why a secret file is not read.
#[derive(Debug)]
pub(crate) enum SecretFileError {
    /// It could not be opened or read.
    Io(io::Error),
    /// Others can read it, or it belongs to another user.
    #[cfg_attr(windows, expect(dead_code, reason = "access lists are not read"))]
    Shared(Access),
    /// This user may not read it.
    #[cfg_attr(windows, expect(dead_code, reason = "access lists are not read"))]
    Closed(Access),
    /// It is not a regular file.
    Irregular,
    /// It is larger than any secret.
    TooLarge,
}

impl fmt::Display for SecretFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Shared(access) if access.is_foreign() => {
                write!(f, "it belongs to another user (uid {})", access.user)
            }
            Self::Shared(Access { mode, .. }) => write!(f, "others can read it (mode {mode:04o})"),
            Self::Closed(Access { user, mode, me, .. }) => {
                write!(f, "uid {me} may not read it (owner uid {user}, mode {mode:04o})")
            }
            Self::Irregular => f.write_str("not a regular file"),
            Self::TooLarge => f.write_str("larger than a secret can be"),
        }
    }
}

/// Whether too many files are open: neither a setting nor the network is to blame.
pub(crate) fn is_out_of_files(error: &io::Error) -> bool {
    /// This process's limit and the system's; std has no kind for them.
    const TOO_MANY: [i32; 2] = if cfg!(windows) { [4, 10_024] } else { [24, 23] };
    error.raw_os_error().is_some_and(|code| TOO_MANY.contains(&code))
}

/// Why a file of the cache directory is not used.
#[derive(Debug)]
pub(crate) enum CacheRejected {
    /// Its content is not trusted, but it may be replaced: others could have read or written it.
    #[cfg_attr(windows, expect(dead_code, reason = "access lists are not read"))]
    Replaceable(String),
    /// It is left alone: a link, a pipe or a directory in the place of the file, or it cannot be read.
    Unusable(String),
    /// It could be created, but is not to be: this is root, and the place is another user's.
    Declined(String),
}

impl fmt::Display for CacheRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Replaceable(why) | Self::Unusable(why) | Self::Declined(why)) = self;
        f.write_str(why)
    }
}

/// A directory for a test's cache: in the usual place for temporary files, or in another one if others can rename what is
/// there, because no cache is kept in such a place.
#[cfg(test)]
pub(crate) fn temporary() -> tempfile::TempDir {
    let places = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
    let mut made = places.iter().filter_map(|place| tempfile::tempdir_in(place).ok());
    made.find(|dir| PrivateDir::create(&dir.path().join("probe"), |_| true).is_ok()).unwrap()
}
