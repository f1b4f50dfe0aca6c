//! A secret in memory.

use std::fmt;

use crate::error::Cause;

pub(crate) mod keychain;
mod mistakes;
pub(crate) mod source;
pub(crate) mod store;

/// Bytes of a secret that are read at most; the vendor allows 4,096.
pub(crate) const SECRET_LIMIT: usize = 16 * 1024;

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

/// Why a secret could not be read, and what to do about it.
#[derive(Debug)]
pub(crate) struct SecretError {
    /// What went wrong, without the secret.
    pub(crate) cause: Cause,
    /// One action that mends it; none where the system has too many files open, which is no setting's fault.
    pub(crate) hint: Option<String>,
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
        assert_eq!(format!("{:?}", Secret::new("canary".to_owned())), "***");
    }

    #[test]
    fn fingerprints_differ_by_secret_and_by_salt() {
        let (a, b) = (Secret::new("a".to_owned()), Secret::new("b".to_owned()));
        assert_ne!(fingerprint("x", &a), fingerprint("x", &b));
        assert_ne!(fingerprint("x", &a), fingerprint("y", &a));
        assert_eq!(fingerprint("x", &a), fingerprint("x", &a.clone()));
    }
}
