//! Recognises what users store by mistake instead of a client secret. Pure; reveals nothing of the secret, not even its
//! length.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Secret;

/// The hint of most mistakes.
const AGAIN: &str = "store the secret alone, as the tenant shows it";

/// Characters that every tenant's secrets have at least.
const SHORTEST: usize = 8;

impl Secret {
    /// A likely mistake and a hint. The secret may still be right. An API token has no client ID: that is empty.
    pub(crate) fn mistake(&self, client_id: &str) -> Option<(&'static str, &'static str)> {
        let secret = self.0.as_str();
        let quoted = |mark: char| secret.len() > 1 && secret.starts_with(mark) && secret.ends_with(mark);
        let pair = format!("{client_id}:");
        // The vendor's documentation tells users to encode the pair by hand; three bytes become four characters.
        let encoded = STANDARD.encode(&pair.as_bytes()[..pair.len() / 3 * 3]);
        Some(if secret.starts_with(' ') || secret.ends_with(' ') {
            ("begins or ends with a space", "store it without the space, unless the tenant shows it so")
        } else if quoted('"') || quoted('\'') {
            ("is in quotation marks", AGAIN)
        } else if is_placeholder(secret) {
            ("is a placeholder that nothing has replaced", AGAIN)
        } else if secret.starts_with('{') {
            ("looks like JSON", "import the Intelligence console's file with `ws1-token login --import FILE`")
        } else if secret == client_id {
            ("is the client ID", AGAIN)
        } else if !client_id.is_empty() && secret.starts_with(&pair) {
            ("begins with the client ID", AGAIN)
        } else if !encoded.is_empty() && secret.strip_prefix("Basic ").unwrap_or(secret).starts_with(&encoded) {
            ("is the Base64 of client ID and secret", AGAIN)
        } else if secret.contains('\u{feff}') {
            ("holds a byte order mark", AGAIN)
        } else if !secret.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            ("holds a character that is not printable ASCII, which no tenant issues", AGAIN)
        } else if secret.contains(' ') {
            ("holds a space", AGAIN)
        } else if secret.len() < SHORTEST {
            ("is shorter than any that a tenant issues", AGAIN)
        } else {
            return None;
        })
    }
}

/// Whether a text stands where a secret should be filled in.
fn is_placeholder(text: &str) -> bool {
    let within = |start: &str, end: &str| text.starts_with(start) && text.ends_with(end) && text.len() > 2;
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let starts = ["changeme", "replace", "your", "insert", "todo", "placeholder"];
    let words = ["secret", "clientsecret", "mysecret", "password", "none", "null", "undefined"];
    within("<", ">")
        || within("${", "}")
        || within("$(", ")")
        || within("{{", "}}")
        || within("%", "%")
        || starts.iter().any(|start| plain.starts_with(start))
        || words.contains(&plain.as_str())
        || text.chars().next().is_some_and(|first| text.chars().all(|c| c == first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_in_place_of_a_secret() {
        for (secret, what) in [
            ("fFjs8tGiloQD5ze4pL42EV6s0mufGrOG", None),
            ("a b", Some("holds a space")),
            ("a+b/c=d~", None),
            ("my_client", Some("is the client ID")),
            ("fFjs8t", Some("is shorter than any that a tenant issues")),
            ("abc\u{feff}defgh", Some("holds a byte order mark")),
            ("<client-secret>", Some("is a placeholder that nothing has replaced")),
            ("${WS1_SECRET}", Some("is a placeholder that nothing has replaced")),
            ("{{ secret }}", Some("is a placeholder that nothing has replaced")),
            ("%SECRET%", Some("is a placeholder that nothing has replaced")),
            ("CHANGE_ME", Some("is a placeholder that nothing has replaced")),
            ("your-client-secret", Some("is a placeholder that nothing has replaced")),
            ("client_secret", Some("is a placeholder that nothing has replaced")),
            ("xxxxxxxxxxxx", Some("is a placeholder that nothing has replaced")),
            ("********", Some("is a placeholder that nothing has replaced")),
            (" a", Some("begins or ends with a space")),
            ("a ", Some("begins or ends with a space")),
            ("\"a\"", Some("is in quotation marks")),
            ("'a'", Some("is in quotation marks")),
            ("\"", Some("is a placeholder that nothing has replaced")),
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
