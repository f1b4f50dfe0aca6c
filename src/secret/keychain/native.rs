//! The key store through the keyring crates.
//!
//! On Linux the library finds the D-Bus session itself: it reads `DBUS_SESSION_BUS_ADDRESS` and `XDG_RUNTIME_DIR`
//! from the process's environment, as every D-Bus client does.

use std::time::Duration;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};

use super::{Purpose, UNLOCK_LIMIT};
use crate::background::Background;
use crate::clock::{Deadline, SystemClock};
use crate::error::Cause;
use crate::platform::KeyStore;
use crate::secret::{Secret, SecretError};

/// The service name of every secret.
const SERVICE: &str = "ws1-token";

/// Reads the secret of an account, `None` if there is none; `limit` is the timeout.
pub(crate) fn read(account: &str, limit: Duration, purpose: Purpose) -> Result<Option<Secret>, SecretError> {
    ask(account, limit, purpose, |entry| if_there(entry.get_password().map(Secret::new)))
}

/// Stores the secret of an account in place of the present one.
pub(crate) fn store(account: &str, secret: &Secret) -> Result<(), SecretError> {
    let secret = secret.clone();
    ask(account, UNLOCK_LIMIT, Purpose::STORE, move |entry| entry.set_password(secret.expose()))
}

/// Removes the secret of an account; `false` if there is none.
pub(crate) fn remove(account: &str) -> Result<bool, SecretError> {
    let removed = ask(account, UNLOCK_LIMIT, Purpose::REMOVE, |entry| if_there(entry.delete_credential()))?;
    Ok(removed.is_some())
}

/// Turns a missing secret into `None`.
fn if_there<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Err(Error::NoEntry) => Ok(None),
        answer => answer.map(Some),
    }
}

/// A failed use of the key store.
enum KeyStoreFailure {
    /// There is no key store, or no connection to it.
    Unreachable(Error),
    /// It returned an error.
    Refused(Error),
    /// Timeout: it hangs, or waits to be unlocked.
    Late(Duration),
    /// No thread could be started, or the library panicked.
    Broken(String),
}

/// Uses the entry of an account, with a timeout.
fn ask<T: Send + 'static>(
    account: &str,
    limit: Duration,
    purpose: Purpose,
    question: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
) -> Result<T, SecretError> {
    let name = account.to_owned();
    let answer = within(limit, move || {
        let store = KeyStore::new().map_err(KeyStoreFailure::Unreachable)?;
        store.build(SERVICE, &name, None).and_then(|entry| question(&entry)).map_err(KeyStoreFailure::Refused)
    });
    answer.map_err(|failure| explain(&failure, account, purpose))
}

/// Does work in a thread, with a timeout. A late thread ends with the process, which also closes the connection and with it
/// a prompt of the key store.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, KeyStoreFailure> + Send + 'static,
) -> Result<T, KeyStoreFailure> {
    let deadline = Deadline::after(&SystemClock, limit);
    let worker = Background::start(work)
        .map_err(|error| KeyStoreFailure::Broken(format!("the system starts no thread: {error}")))?;
    worker.finish(deadline).unwrap_or_else(|| {
        Err(if deadline.is_over(&SystemClock) {
            KeyStoreFailure::Late(limit)
        } else {
            KeyStoreFailure::Broken("the key store's library stopped on a bug".to_owned())
        })
    })
}

/// Cause and hint. An error of the library may contain the secret, so only known parts of it are shown.
fn explain(failure: &KeyStoreFailure, account: &str, purpose: Purpose) -> SecretError {
    let (cause, action) = match failure {
        KeyStoreFailure::Broken(what) => return SecretError { cause: Cause::new(what.clone()), hint: None },
        KeyStoreFailure::Unreachable(error) => (
            Cause::new("the key store cannot be reached").because(words(error)),
            "run a Secret Service, such as gnome-keyring, in a D-Bus session",
        ),
        KeyStoreFailure::Late(limit) => (
            Cause::new(format!("the key store did not answer within {} s", limit.as_secs())),
            "unlock the key store if it asks for that",
        ),
        KeyStoreFailure::Refused(error @ Error::NoStorageAccess(_)) => (
            Cause::new("the key store is locked, or has no default keyring").because(words(error)),
            "unlock the key store",
        ),
        KeyStoreFailure::Refused(Error::Ambiguous(found)) => (
            Cause::new(format!("the key store holds {} secrets for `{account}`", found.len())),
            "remove all but one with the key store's own program",
        ),
        KeyStoreFailure::Refused(error) => (
            Cause::new(format!("the key store failed for `{account}`")).because(words(error)),
            "look at it with the key store's own program",
        ),
    };
    SecretError { cause, hint: Some(purpose.hint(action)) }
}

/// The parts of a library's error that cannot contain the secret.
fn words(error: &Error) -> String {
    match error {
        Error::PlatformFailure(source) | Error::NoStorageAccess(source) => source.to_string(),
        Error::BadEncoding(_) => "the secret holds bytes that are not UTF-8".to_owned(),
        Error::BadDataFormat(..) => "the secret is in a form that it does not know".to_owned(),
        Error::TooLong(what, limit) => format!("its {what} is longer than {limit}"),
        Error::Invalid(what, reason) => format!("its {what} is not valid: {reason}"),
        Error::BadStoreFormat(reason) | Error::NotSupportedByStore(reason) => reason.clone(),
        _ => "it gives no reason".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure as a user reads it.
    fn told(failure: &KeyStoreFailure) -> String {
        let SecretError { cause, hint } = explain(failure, "ci-bot@acme.example.com", Purpose::STORE);
        let error = crate::error::Error::system("failed").because(cause);
        let causes: Vec<_> = error.chain().skip(1).collect();
        format!("{} | {}", causes.join(" < "), hint.unwrap_or_default())
    }

    #[test]
    fn a_refusal_is_told_without_the_secret() {
        let secret = || b"hunter2\xff".to_vec();
        let failed = "the key store failed for `ci-bot@acme.example.com`";
        let look = "look at it with the key store's own program, or keep the secret in a file with `--store file`";
        for (error, why) in [
            (Error::BadEncoding(secret()), "the secret holds bytes that are not UTF-8"),
            (Error::BadDataFormat(secret(), "hunter2".into()), "the secret is in a form that it does not know"),
            (Error::TooLong("secret".to_owned(), 2560), "its secret is longer than 2560"),
            (Error::Invalid("user".to_owned(), "cannot be empty".to_owned()), "its user is not valid: cannot be empty"),
            (Error::BadStoreFormat("no such collection".to_owned()), "no such collection"),
            (Error::PlatformFailure("code 5".into()), "code 5"),
            (Error::NoDefaultStore, "it gives no reason"),
        ] {
            assert_eq!(told(&KeyStoreFailure::Refused(error)), format!("{failed} < {why} | {look}"));
        }
    }

    #[test]
    fn only_a_missing_secret_is_no_error() {
        assert!(matches!(if_there::<()>(Err(Error::NoEntry)), Ok(None)));
        assert!(matches!(if_there(Ok(1)), Ok(Some(1))));
        assert!(if_there::<()>(Err(Error::NoDefaultStore)).is_err());
    }

    #[test]
    fn a_key_store_that_hangs_or_panics_is_given_up() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let late =
            within(Duration::from_millis(10), move || ended.recv().map_err(|_| KeyStoreFailure::Late(Duration::ZERO)));
        assert!(matches!(late, Err(KeyStoreFailure::Late(limit)) if limit == Duration::from_millis(10)));
        drop(end);

        // Unlike `panic!`, this prints nothing.
        let broken = within::<()>(Duration::from_secs(60), || std::panic::resume_unwind(Box::new(())));
        let Err(broken @ KeyStoreFailure::Broken(_)) = broken else { panic!("a panic is no answer") };
        assert_eq!(told(&broken), "the key store's library stopped on a bug | ");
        assert!(explain(&broken, "a@b", Purpose::READ).hint.is_none(), "which is no setting's fault");
        assert!(matches!(within(Duration::from_secs(60), || Ok(1)), Ok(1)));
    }

    #[test]
    #[ignore = "writes into the key store of the session that it runs in: `.ci/run` gives it one of its own"]
    fn a_secret_is_stored_replaced_and_removed() {
        let account = "ws1-token-test@example.com";
        let limit = Duration::from_secs(10);
        let read = |account| read(account, limit, Purpose::READ).unwrap();
        assert_eq!(read(account), None);
        assert!(!remove(account).unwrap());
        for text in ["a+b%c d", "p:é"] {
            let secret = Secret::new(text.to_owned());
            store(account, &secret).unwrap();
            assert_eq!(read(account), Some(secret));
            assert_eq!(read("other@example.com"), None);
        }
        assert!(remove(account).unwrap());
        assert!(!remove(account).unwrap());
        assert_eq!(read(account), None);
    }
}
