//! A secret in memory, where client secrets are read from, and where `login` stores them.

use std::fmt;

use crate::error::Cause;
use crate::text::utf8;

pub(crate) mod keychain;
mod mask;
mod mistakes;
pub(crate) mod source;
pub(crate) mod store;

pub(crate) use mask::{mask, mask_tokens};

/// The most bytes of a secret to read; the vendor allows 4,096.
pub(crate) const SECRET_LIMIT: usize = 16 * 1024;

/// A value that must never be printed: no `Display`, a redacted `Debug`, and [`Secret::expose`] to find every use of the text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Wraps a text as a secret.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Checks one line of text and removes its trailing newline; `origin` names the source in an error.
    pub(crate) fn from_line(bytes: Vec<u8>, origin: &str) -> Result<Self, SecretError> {
        let failed = |what: &str| SecretError {
            cause: Cause::new(format!("{origin} {what}")),
            hint: Some("store the secret alone, on one line".to_owned()),
        };
        let encoded = |what| SecretError { hint: Some("store the secret alone, as UTF-8".to_owned()), ..failed(what) };
        if bytes.len() > SECRET_LIMIT {
            return Err(failed("holds more than 16 KiB"));
        }
        let mut text = utf8(bytes).map_err(encoded)?;
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
        Ok(Self(text))
    }

    /// Its last characters, as secrets of their own: Connect names an API token that it refuses by them.
    pub(crate) fn ends(&self) -> Vec<Self> {
        let end = |length: usize| self.0.len().checked_sub(length).and_then(|at| self.0.get(at..));
        (4..=8).filter_map(end).map(|end| Self(end.to_owned())).collect()
    }

    /// The text: only for requests, the cache entry, the answer to the caller, and the stores of `login`.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Secrets as plain text, for the cache entry alone.
pub(crate) mod exposed {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Secret;

    /// Writes the secret.
    pub(crate) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    /// Reads a secret.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }

    /// The same for a secret that may be missing; its member must be there all the same.
    pub(crate) mod optional {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        use super::Secret;

        /// Writes the secret, or null.
        #[expect(clippy::ref_option, reason = "the signature is serde's")]
        pub(crate) fn serialize<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
            secret.as_ref().map(Secret::expose).serialize(serializer)
        }

        /// Reads a secret, or null.
        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
            Option::<String>::deserialize(deserializer).map(|secret| secret.map(Secret::new))
        }
    }
}

/// A secret that could not be read, stored or removed.
#[derive(Debug)]
pub(crate) struct SecretError {
    /// The cause, without the secret.
    pub(crate) cause: Cause,
    /// The hint; `None` for a failure of the operating system.
    pub(crate) hint: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<String, String> {
        Secret::from_line(text.as_bytes().to_vec(), "`s`")
            .map(|secret| secret.expose().to_owned())
            .map_err(|error| error.cause.to_string())
    }

    #[test]
    fn exactly_one_trailing_newline_is_stripped() {
        assert_eq!(checked("a+b%c d\n"), Ok("a+b%c d".to_owned()));
        assert_eq!(checked("a\r\n"), Ok("a".to_owned()));
        assert_eq!(checked(" a "), Ok(" a ".to_owned()));
        assert_eq!(checked("p:é"), Ok("p:é".to_owned()));
        assert_eq!(checked("\u{feff}a\n"), Ok("a".to_owned()), "Windows editors begin a file so");
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        assert_eq!(checked(""), Err("`s` is empty".to_owned()));
        assert_eq!(checked("\n"), Err("`s` is empty".to_owned()));
        assert_eq!(checked("a\n\n"), Err("`s` holds a line break or a control character".to_owned()));
        assert!(Secret::from_line(vec![0xff], "`s`").is_err());
        assert!(Secret::from_line(vec![b'a'; SECRET_LIMIT + 1], "`s`").is_err());
    }

    #[test]
    fn the_end_of_a_token_is_no_less_secret() {
        let token = Secret::new("3fGh-9kLmNp2".to_owned());
        let masked = |words: &str| mask(words, &token.ends().iter().collect::<Vec<_>>());
        assert_eq!(masked("Invalid refresh token: xxxx...LmNp2"), "Invalid refresh token: xxxx...***");
        assert_eq!(masked("xxxxNp2"), "xxxxNp2", "too short to tell anything");
        assert_eq!(Secret::new("é123".to_owned()).ends().len(), 1, "5 bytes are whole characters, 4 are not");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("canary".to_owned())), "***");
    }
}
