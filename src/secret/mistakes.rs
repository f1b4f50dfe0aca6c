//! Recognises what users store by mistake instead of a client secret. Pure; reveals nothing of the secret, not even its
//! length.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Secret;

/// The hint of most mistakes.
const AGAIN: &str = "store the client secret alone, as the tenant shows it";

impl Secret {
    /// A likely mistake and a hint. The secret may still be right.
    pub(crate) fn mistake(&self, client_id: &str) -> Option<(&'static str, &'static str)> {
        let secret = self.0.as_str();
        let quoted = |mark: char| secret.len() > 1 && secret.starts_with(mark) && secret.ends_with(mark);
        let pair = format!("{client_id}:");
        // The vendor's documentation tells users to encode the pair by hand; three bytes become four characters.
        let encoded = STANDARD.encode(&pair.as_bytes()[..pair.len() / 3 * 3]);
        if secret.starts_with(' ') || secret.ends_with(' ') {
            Some(("begins or ends with a space", "store it without the space, unless the tenant shows it so"))
        } else if quoted('"') || quoted('\'') {
            Some(("is in quotation marks", AGAIN))
        } else if secret.starts_with('{') {
            Some(("looks like JSON", "import the Intelligence console's file with `ws1-token login --import FILE`"))
        } else if secret.starts_with(&pair) {
            Some(("begins with the client ID", AGAIN))
        } else if !encoded.is_empty() && secret.strip_prefix("Basic ").unwrap_or(secret).starts_with(&encoded) {
            Some(("is the Base64 of client ID and secret", AGAIN))
        } else if !secret.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            Some(("holds a character that is not printable ASCII, which no tenant issues", AGAIN))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_in_place_of_a_secret() {
        for (secret, what) in [
            ("fFjs8tGiloQD5ze4pL42EV6s0mufGrOG", None),
            ("a b", None),
            (" a", Some("begins or ends with a space")),
            ("a ", Some("begins or ends with a space")),
            ("\"a\"", Some("is in quotation marks")),
            ("'a'", Some("is in quotation marks")),
            ("\"", None),
            ("{\"clientSecret\":\"a\"}", Some("looks like JSON")),
            ("my_client:a", Some("begins with the client ID")),
            ("bXlfY2xpZW50OmZGanM4dEdpbG9RRDV6ZTRwTDQyRVY2czBtdWZHck9H", Some("is the Base64 of client ID and secret")),
            ("Basic bXlfY2xpZW50OnMzY3JldA==", Some("is the Base64 of client ID and secret")),
            ("p:é", Some("holds a character that is not printable ASCII, which no tenant issues")),
        ] {
            let found = Secret::new(secret.to_owned()).mistake("my_client");
            assert_eq!(found.map(|(what, _)| what), what, "{secret}");
        }
    }
}
