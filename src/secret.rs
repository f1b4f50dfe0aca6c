//! A secret in memory, and the places a client secret can come from.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::background::Background;
use crate::error::{Cause, Error};
use crate::keychain;
use crate::platform;

mod mistakes;

/// Bytes of a secret that are read at most; the vendor allows 4,096.
pub(crate) const SECRET_LIMIT: usize = 16 * 1024;

/// How long a secret command may run unless the run's own deadline is nearer.
pub(crate) const COMMAND_LIMIT: Duration = Duration::from_secs(10);

/// A value that must never be shown.
///
/// It has no `Display` and a redacted `Debug`; whoever needs the text says `expose()`, so every use can be found.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Wraps a text as a secret.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// One line of text as a secret, its one trailing newline removed; `origin` is what a refusal calls it.
    pub(crate) fn from_line(bytes: Vec<u8>, origin: &str) -> Result<Self, SecretError> {
        check(bytes, origin)
    }

    /// The secret itself: for the request, the cache entry and the answer to the caller, and for nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a profile's client secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// The value itself, taken from `WS1_TOKEN_CLIENT_SECRET`.
    Given(Secret),
    /// A file that only its owner can read, unless `shared` accepts others (mounted container secrets).
    File {
        /// Absolute path.
        path: PathBuf,
        /// Accept a file that others can read or own.
        shared: bool,
    },
    /// An environment variable, already looked up: its name, and its value if it is set.
    Env {
        /// Name of the variable.
        name: String,
        /// Its value, if it is set and UTF-8.
        value: Option<Secret>,
    },
    /// The standard output of a command.
    Command(Vec<String>),
    /// The platform's key store.
    Keychain {
        /// Under which account, see [`crate::keychain`].
        account: String,
        /// The profile whose `login` stores it there.
        profile: String,
    },
}

/// Why a secret could not be read, and what to do about it.
#[derive(Debug)]
pub(crate) struct SecretError {
    /// What went wrong, without the secret.
    pub(crate) cause: Cause,
    /// One action that mends it; none where the system has too many files open, which is no setting's fault.
    pub(crate) hint: Option<String>,
}

impl SecretSource {
    /// Reads the secret, strips one trailing newline, and refuses an empty or multi-line one.
    ///
    /// A `command` or the key store may take `limit` at most; the command's standard error goes through to ours.
    pub(crate) fn read(&self, limit: Duration) -> Result<Secret, SecretError> {
        let (bytes, origin) = match self {
            Self::Given(secret) => (secret.expose().as_bytes().to_vec(), "WS1_TOKEN_CLIENT_SECRET".to_owned()),
            Self::File { path, shared } => (read_file(path, *shared)?, format!("`{}`", path.display())),
            Self::Env { name, value } => (read_env(name, value.as_ref())?, format!("the variable `{name}`")),
            Self::Command(argv) => {
                (run(argv, limit)?, format!("the output of `{}`", argv.first().map_or("", String::as_str)))
            }
            Self::Keychain { account, profile } => {
                (read_keychain(account, profile, limit)?, format!("the key store's secret for `{account}`"))
            }
        };
        check(bytes, &origin)
    }

    /// The same for a profile, whose failure names it; `login` is the cure where the file that it stored is gone.
    pub(crate) fn read_for(&self, profile: &str, limit: Duration) -> Result<Secret, Error> {
        self.read(limit).map_err(|SecretError { cause, hint }| match hint {
            Some(_) if self.is_gone(profile) => Error::Secret {
                profile: profile.to_owned(),
                source: cause,
                hint: format!("run `ws1-token login {profile}`"),
            },
            Some(hint) => Error::Secret { profile: profile.to_owned(), source: cause, hint },
            None => Error::System { what: "cannot read the client secret", source: cause },
        })
    }

    /// Whether it is the file that `login` stores the secret of a profile in, and `logout` removed it.
    pub(crate) fn is_gone(&self, profile: &str) -> bool {
        let Self::File { path, .. } = self else { return false };
        let own = path.file_name().is_some_and(|name| name.to_string_lossy() == stored_as(profile));
        own && std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    }

    /// Whether both name one file, or one account of the key store.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { path, .. }, Self::File { path: other, .. }) => path == other,
            (Self::Keychain { account, .. }, Self::Keychain { account: other, .. }) => account == other,
            _ => false,
        }
    }

    /// A number that changes when the secret changes; `None` for sources that are not cheap to read.
    ///
    /// Thirty-two bits of a salted SHA-256: enough to see a change, useless for guessing.
    pub(crate) fn fingerprint(&self, salt: &str) -> Option<u32> {
        match self {
            Self::Command(_) | Self::Keychain { .. } => None,
            _ => Some(self.read(Duration::ZERO).map_or(0, |secret| fingerprint(salt, &secret))),
        }
    }

    /// Where the secret comes from, for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Given(_) => "environment WS1_TOKEN_CLIENT_SECRET".to_owned(),
            Self::File { path, .. } => format!("file {}", path.display()),
            Self::Env { name, .. } => format!("environment {name}"),
            Self::Command(argv) => format!("command {}", argv.first().map_or("", String::as_str)),
            Self::Keychain { .. } => "keychain".to_owned(),
        }
    }
}

/// Name of the file, beside the configuration, that `login` stores the secret of a profile in.
pub(crate) fn stored_as(profile: &str) -> String {
    format!("{profile}.secret")
}

/// The change detector of a secret, see [`SecretSource::fingerprint`].
pub(crate) fn fingerprint(salt: &str, secret: &Secret) -> u32 {
    let mut hash = hmac_sha256::Hash::new();
    hash.update(salt);
    hash.update([0]);
    hash.update(secret.expose());
    let digest = hash.finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// Reads a secret file after checking that nobody else can.
fn read_file(path: &Path, shared: bool) -> Result<Vec<u8>, SecretError> {
    platform::read_secret_file(path, shared, SECRET_LIMIT).map_err(|error| {
        let hint = match &error {
            platform::SecretFileError::Io(error) if platform::is_out_of_files(error) => None,
            platform::SecretFileError::Io(_) => {
                Some(format!("write the client secret to `{}` with mode 600", path.display()))
            }
            platform::SecretFileError::Shared(_) => Some(format!(
                "run `chmod 600 {}`, or set \"allow_shared_file\": true beside \"file\" for a mounted container secret",
                path.display()
            )),
            platform::SecretFileError::Irregular | platform::SecretFileError::TooLarge => {
                Some("name a regular file that holds the client secret and nothing else".to_owned())
            }
        };
        SecretError { cause: Cause::new(format!("`{}`: {error}", path.display())), hint }
    })
}

/// The value of a secret's environment variable.
fn read_env(name: &str, value: Option<&Secret>) -> Result<Vec<u8>, SecretError> {
    value.map(|secret| secret.expose().as_bytes().to_vec()).ok_or_else(|| SecretError {
        cause: Cause::new(format!("the environment variable `{name}` is not set")),
        hint: Some(format!("set {name}, or change `client_secret` in the profile")),
    })
}

/// Reads the secret of an account from the key store.
fn read_keychain(account: &str, profile: &str, limit: Duration) -> Result<Vec<u8>, SecretError> {
    let secret = keychain::read(account, limit)?.ok_or_else(|| SecretError {
        cause: Cause::new(format!("the key store holds no secret for `{account}`")),
        hint: Some(keychain::hint_for_missing(profile)),
    })?;
    Ok(secret.0.into_bytes())
}

/// Runs a secret command: nothing on its stdin, its stderr is ours, its stdout is the secret.
fn run(argv: &[String], limit: Duration) -> Result<Vec<u8>, SecretError> {
    let name = argv.first().cloned().unwrap_or_default();
    let failed = |what: String| SecretError {
        cause: Cause::new(format!("the command `{name}` {what}")),
        // Its arguments may hold a password, so they are not repeated.
        hint: Some("run the command of `client_secret` by hand and see that it prints the client secret".to_owned()),
    };
    let mut child = Command::new(&name)
        .args(argv.get(1..).unwrap_or_default())
        .env_remove("WS1_TOKEN_CLIENT_SECRET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("could not be started: {error}")))?;
    let mut out = child.stdout.take().ok_or_else(|| failed("has no standard output".to_owned()))?;
    let reader = Background::start(move || {
        let mut bytes = Vec::new();
        let read = out.by_ref().take(SECRET_LIMIT as u64 + 1).read_to_end(&mut bytes);
        read.map(|_| bytes)
    })
    .map_err(|error| failed(format!("could not be read: {error}")))?;
    let deadline = Instant::now() + limit;
    // A grandchild may hold the pipe open; the reading thread is then left to the end of the process.
    let bytes = match reader.finish(deadline) {
        Some(Ok(bytes)) => bytes,
        Some(Err(_)) => return Err(failed("could not be read".to_owned())),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed(format!("did not finish within {} s", limit.as_secs())));
        }
    };
    if bytes.len() > SECRET_LIMIT {
        // It would die of the closed pipe, which is not what is wrong with it.
        let _ = child.kill();
        let _ = child.wait();
        return Ok(bytes);
    }
    match wait_until(&mut child, deadline) {
        Ok(Some(status)) if status.success() => Ok(bytes),
        Ok(Some(status)) => Err(failed(format!("failed ({status})"))),
        Ok(None) => Err(failed(format!("did not finish within {} s", limit.as_secs()))),
        Err(error) => Err(failed(format!("could not be waited for: {error}"))),
    }
}

/// Waits for a child's end; `None` if it had to be killed at the deadline.
fn wait_until(child: &mut Child, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Turns the bytes of a source into a secret: one line of text, its one trailing newline removed.
fn check(bytes: Vec<u8>, origin: &str) -> Result<Secret, SecretError> {
    let failed = |what: &str| SecretError {
        cause: Cause::new(format!("{origin} {what}")),
        hint: Some("store the client secret alone, on one line".to_owned()),
    };
    if bytes.len() > SECRET_LIMIT {
        return Err(failed("holds more than 16 KiB"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| failed("holds bytes that are not UTF-8"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(failed("is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(failed("holds a line break or a control character"));
    }
    Ok(Secret(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<String, String> {
        check(text.as_bytes().to_vec(), "`s`")
            .map(|secret| secret.expose().to_owned())
            .map_err(|error| error.cause.to_string())
    }

    #[test]
    fn exactly_one_trailing_newline_is_stripped() {
        assert_eq!(checked("a+b%c d\n"), Ok("a+b%c d".to_owned()));
        assert_eq!(checked("a\r\n"), Ok("a".to_owned()));
        assert_eq!(checked(" a "), Ok(" a ".to_owned()));
        assert_eq!(checked("p:é"), Ok("p:é".to_owned()));
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        assert_eq!(checked(""), Err("`s` is empty".to_owned()));
        assert_eq!(checked("\n"), Err("`s` is empty".to_owned()));
        assert_eq!(checked("a\n\n"), Err("`s` holds a line break or a control character".to_owned()));
        assert!(check(vec![0xff], "`s`").is_err());
        assert!(check(vec![b'a'; SECRET_LIMIT + 1], "`s`").is_err());
    }

    #[test]
    fn debug_shows_nothing() {
        let source = SecretSource::Given(Secret::new("canary".to_owned()));
        assert_eq!(format!("{source:?}"), "Given(***)");
    }

    #[test]
    fn fingerprints_differ_by_secret_and_by_salt() {
        let (a, b) = (Secret::new("a".to_owned()), Secret::new("b".to_owned()));
        assert_ne!(fingerprint("x", &a), fingerprint("x", &b));
        assert_ne!(fingerprint("x", &a), fingerprint("y", &a));
        assert_eq!(fingerprint("x", &a), fingerprint("x", &a.clone()));
    }
}
