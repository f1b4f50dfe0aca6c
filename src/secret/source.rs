//! Where a client secret is read from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keychain::{self, Purpose};
use super::{SECRET_LIMIT, Secret, SecretError};
use crate::child::{self, Finished, Stderr, Wanted};
use crate::clock::{Deadline, SystemClock};
use crate::error::{Cause, Error, ErrorKind};
use crate::platform;

/// Timeout of a secret command and the key store, unless the deadline of the run is nearer.
pub(crate) const COMMAND_LIMIT: Duration = Duration::from_secs(10);

/// The variable that accepts a secret file which others can read, or own.
pub(crate) const SHARED_FILE_VARIABLE: &str = "WS1_TOKEN_ALLOW_SHARED_FILE";

/// The source of a client secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// The value of a variable of ours.
    Given {
        /// Name of the variable.
        variable: &'static str,
        /// Its value.
        secret: Secret,
    },
    /// A file.
    File {
        /// Absolute path.
        path: PathBuf,
        /// Whether others may read or own it, as with mounted container secrets.
        shared: bool,
        /// The flag or variable that names it, if it is not the profile's.
        named_by: Option<&'static str>,
    },
    /// An environment variable, already looked up.
    Env {
        /// Name of the variable.
        name: String,
        /// Its value, or why it has none that is usable.
        value: Result<Secret, &'static str>,
    },
    /// The standard output of a command.
    Command(Vec<String>),
    /// The platform's key store.
    Keychain {
        /// The account: `CLIENT@TENANT`.
        account: String,
        /// The profile, for messages.
        profile: String,
    },
}

impl SecretSource {
    /// Reads the secret: one line, without its trailing newline.
    ///
    /// `limit` is the timeout of a command, of the key store and of a pipe in the place of a file; `stderr` is that of
    /// a command.
    pub(crate) fn read(&self, limit: Duration, stderr: Stderr) -> Result<Secret, SecretError> {
        let (bytes, origin) = match self {
            Self::Given { variable, secret } => (secret.expose().as_bytes().to_vec(), (*variable).to_owned()),
            Self::File { path, shared, .. } => (read_file(path, *shared, limit)?, format!("`{}`", path.display())),
            Self::Env { name, value } => (read_env(name, value.as_ref())?, format!("the variable `{name}`")),
            Self::Command(argv) => {
                (run(argv, limit, stderr)?, format!("the output of `{}`", argv.first().map_or("", String::as_str)))
            }
            Self::Keychain { account, profile } => {
                (read_keychain(account, profile, limit)?, format!("the key store's secret for `{account}`"))
            }
        };
        Secret::from_line(bytes, &origin)
    }

    /// Reads the secret of a profile; the error names the profile, and the hint is `login` if that stored the missing file.
    pub(crate) fn read_for(&self, profile: &str, limit: Duration, stderr: Stderr) -> Result<Secret, Error> {
        self.read(limit, stderr).map_err(|SecretError { cause, hint }| {
            let Some(hint) = hint else { return Error::system("cannot read the secret").because(cause) };
            let hint = if self.is_gone(profile) { format!("run `ws1-token login {profile}`") } else { hint };
            let owner = match self {
                Self::File { named_by: Some(setting), .. } => (*setting).to_owned(),
                _ => format!("profile `{profile}`"),
            };
            Error::new(ErrorKind::Secret, format!("cannot read the secret of {owner}")).because(cause).hint(hint)
        })
    }

    /// The source of a secret that a test has.
    #[cfg(test)]
    pub(crate) fn given(secret: Secret) -> Self {
        Self::Given { variable: "WS1_TOKEN_CLIENT_SECRET", secret }
    }

    /// Whether a flag or a variable gives it, not the profile.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self, Self::Given { .. } | Self::File { named_by: Some(_), .. })
    }

    /// Whether both are the same file or the same account of the key store.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { path, .. }, Self::File { path: other, .. }) => path == other,
            (Self::Keychain { account, .. }, Self::Keychain { account: other, .. }) => account == other,
            _ => false,
        }
    }

    /// Whether reading it takes long, or a person.
    pub(crate) fn is_slow(&self) -> bool {
        matches!(self, Self::Command(_) | Self::Keychain { .. })
    }

    /// Bytes that change with the secret, or with its source where the secret is slow to read. Not to be kept.
    pub(crate) fn fingerprint_input(&self) -> Vec<u8> {
        match self {
            Self::Command(_) | Self::Keychain { .. } => self.place(),
            Self::File { path, .. } if platform::is_pipe(path) => Vec::new(),
            _ => self
                .read(Duration::ZERO, Stderr::Dropped)
                .map_or_else(|_| Vec::new(), |secret| secret.expose().as_bytes().to_vec()),
        }
    }

    /// Bytes that tell this source from others without reading it; of a variable its value, since that is at hand.
    pub(crate) fn place(&self) -> Vec<u8> {
        // The kind is part of it: a command may be called like a file.
        let (kind, place) = match self {
            Self::Given { secret, .. } | Self::Env { value: Ok(secret), .. } => ("value", secret.expose().as_bytes()),
            Self::Env { name, .. } => ("variable", name.as_bytes()),
            Self::File { path, .. } => ("file", path.as_os_str().as_encoded_bytes()),
            Self::Command(argv) => ("command", &*argv.join("\0").into_bytes()),
            Self::Keychain { account, .. } => ("keychain", account.as_bytes()),
        };
        [kind.as_bytes(), b"\0", place].concat()
    }

    /// The source in words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Given { variable, .. } => format!("environment {variable}"),
            Self::File { path, named_by: Some(setting), .. } => format!("file {} of {setting}", path.display()),
            Self::File { path, .. } => format!("file {}", path.display()),
            Self::Env { name, .. } => format!("environment {name}"),
            Self::Command(argv) => format!("command {}", argv.first().map_or("", String::as_str)),
            Self::Keychain { .. } => "keychain".to_owned(),
        }
    }
}

/// Reads a secret file, after a check of its owner and mode unless `shared`.
fn read_file(path: &Path, shared: bool, limit: Duration) -> Result<Vec<u8>, SecretError> {
    platform::read_secret_file(path, shared, SECRET_LIMIT, limit).map_err(|error| {
        let hint = match &error {
            platform::SecretFileError::Io(error) if platform::is_out_of_files(error) => None,
            platform::SecretFileError::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Some(format!("let this user enter the directory of `{}`", path.display()))
            }
            platform::SecretFileError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                Some("start the program that writes the secret into the pipe".to_owned())
            }
            platform::SecretFileError::Io(_) => Some(format!("write the secret to `{}` with mode 600", path.display())),
            platform::SecretFileError::Shared(owner) => {
                let mounted = format!("set {SHARED_FILE_VARIABLE}=1 if it is a mounted container secret");
                Some(if owner.user == owner.me {
                    format!("run `chmod 600 {}`, or {mounted}", path.display())
                } else {
                    format!("{mounted}, else give it to uid {} with mode 600", owner.me)
                })
            }
            platform::SecretFileError::Closed(owner) => Some(format!(
                "set `fsGroup` of the pod if it is a mounted container secret, else run `chown {} {}` as root",
                owner.me,
                path.display()
            )),
            platform::SecretFileError::Irregular | platform::SecretFileError::TooLarge => {
                Some("name a regular file that holds the secret and nothing else".to_owned())
            }
        };
        SecretError { cause: Cause::new(format!("`{}`: {error}", path.display())), hint }
    })
}

/// The value of an environment variable that was looked up.
fn read_env(name: &str, value: Result<&Secret, &&'static str>) -> Result<Vec<u8>, SecretError> {
    value.map(|secret| secret.expose().as_bytes().to_vec()).map_err(|why| SecretError {
        cause: Cause::new(format!("the environment variable `{name}` {why}")),
        hint: Some(format!("set {name}, or change the source of the secret in the profile")),
    })
}

/// Reads the secret of an account from the key store.
fn read_keychain(account: &str, profile: &str, limit: Duration) -> Result<Vec<u8>, SecretError> {
    let secret = keychain::read(account, limit, Purpose::READ)?.ok_or_else(|| SecretError {
        cause: Cause::new(format!("the key store holds no secret for `{account}`")),
        hint: Some(Purpose::READ.hint(&format!("run `ws1-token login {profile}`"))),
    })?;
    Ok(secret.0.into_bytes())
}

/// Runs a secret command; its standard output is the secret. It has no standard input.
fn run(argv: &[String], limit: Duration, stderr: Stderr) -> Result<Vec<u8>, SecretError> {
    let name = argv.first().cloned().unwrap_or_default();
    let failed = |what: String| SecretError {
        cause: Cause::new(format!("the command `{name}` {what}")),
        // The arguments are not shown: they may hold a password.
        hint: Some("run that command by hand and see that it prints the secret alone".to_owned()),
    };
    let mut command = child::command(&name, &[]);
    command.args(argv.get(1..).unwrap_or_default());
    let running = child::start(&mut command, stderr, Wanted::all(SECRET_LIMIT))
        .map_err(|error| failed(format!("could not be started: {error}")))?;
    match running.finish(Deadline::after(&SystemClock, limit)) {
        Ok(Some(Finished { stdout, status: None, .. })) => Ok(stdout),
        Ok(Some(Finished { stdout, status: Some(status), .. })) if status.success() => Ok(stdout),
        Ok(Some(Finished { status: Some(status), .. })) => Err(failed(format!("failed ({status})"))),
        Ok(None) => Err(failed(format!("did not finish within {} s", limit.as_secs()))),
        Err(error) => Err(failed(format!("could not be read: {error}"))),
    }
}
