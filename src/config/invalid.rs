//! What is wrong with a configuration file, in our own words: serde's would quote values, which may be secrets.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::file::RawProfile;
use crate::error::Error;
use crate::text::nearest;

/// The keys of the file, of a profile and of a secret source; the JSON Schema lists the same.
pub(crate) const FILE_KEYS: &[&str] = &["$schema", "default_profile", "profiles"];
/// See [`FILE_KEYS`].
pub(crate) const PROFILE_KEYS: &[&str] = &[
    "tenant",
    "client_id",
    "client_secret",
    "scope",
    "preset",
    "token_url",
    "auth_style",
    "use_refresh_token",
    "hosts",
    "ca_file",
    "ca_only",
    "proxy",
    "git_username",
];
/// See [`FILE_KEYS`].
pub(crate) const SECRET_KEYS: &[&str] = &["file", "allow_shared_file", "env", "command", "keychain"];

/// The whole file, every profile parsed: only to find mistakes and their place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeFile {
    /// Ignored.
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    /// Ignored.
    #[serde(rename = "default_profile")]
    _default: Option<String>,
    /// Ignored.
    #[serde(rename = "profiles", default)]
    _profiles: BTreeMap<String, RawProfile>,
}

/// Checks every profile of the file for keys and types, not only the one that is used.
pub(crate) fn check(file: &Path, text: &str) -> Result<(), Error> {
    serde_json::from_str::<WholeFile>(text).map(|_| ()).map_err(|error| explain(file, text, &error))
}

/// The error for a file that could not be parsed.
pub(crate) fn explain(file: &Path, text: &str, error: &serde_json::Error) -> Error {
    // The first error may have been found inside one profile's text; this one counts from the top of the file.
    let whole = serde_json::from_str::<WholeFile>(text).err();
    let place = whole.as_ref().unwrap_or(error);
    let (cause, hint) = match place.classify() {
        serde_json::error::Category::Eof => {
            ("the file ends in the middle of a value".to_owned(), "complete the JSON".to_owned())
        }
        serde_json::error::Category::Data => mistake(text),
        _ => (
            "this is not JSON".to_owned(),
            "look for a missing comma, quote or bracket just before that place".to_owned(),
        ),
    };
    Error::usage(format!("`{}` is not valid: line {}, column {}", file.display(), place.line(), place.column()))
        .because(cause)
        .hint(hint)
}

/// The first unknown key or wrongly typed value, and what to do about it.
fn mistake(text: &str) -> (String, String) {
    let fallback = || {
        (
            "a key stands twice, or a value has the wrong type".to_owned(),
            "compare the file with the JSON Schema".to_owned(),
        )
    };
    let Ok(Value::Object(file)) = serde_json::from_str(text) else {
        return ("the file is not a JSON object".to_owned(), "start it with `{ \"profiles\": {`".to_owned());
    };
    if let Some(found) = unknown(file.keys(), FILE_KEYS, "the file") {
        return found;
    }
    let Some(Value::Object(profiles)) = file.get("profiles") else {
        return fallback();
    };
    for (name, profile) in profiles {
        let Value::Object(profile) = profile else {
            return (format!("profile `{name}` is not an object"), "write its settings between `{` and `}`".to_owned());
        };
        let place = format!("profile `{name}`");
        if let Some(found) = unknown(profile.keys(), PROFILE_KEYS, &place) {
            return found;
        }
        if let Some(Value::Object(secret)) = profile.get("client_secret")
            && let Some(found) = unknown(secret.keys(), SECRET_KEYS, &format!("`client_secret` of {place}"))
        {
            return found;
        }
        for (key, value) in profile {
            let one = serde_json::json!({ key: value });
            if serde_json::from_value::<RawProfile>(one).is_err() {
                let cause = format!("`{key}` of {place} has the wrong type or value");
                return (cause, format!("write {}", expected(key)));
            }
        }
    }
    fallback()
}

/// The first key that is not known, and the one that was probably meant.
fn unknown<'a>(keys: impl IntoIterator<Item = &'a String>, known: &[&str], place: &str) -> Option<(String, String)> {
    let key = keys.into_iter().find(|key| !known.contains(&key.as_str()))?;
    let hint = match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use one of {}", known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")),
    };
    Some((format!("unknown key `{key}` in {place}"), hint))
}

/// What a key wants, in words.
fn expected(key: &str) -> &'static str {
    match key {
        "client_secret" => "one of {\"file\": PATH}, {\"env\": NAME}, {\"command\": [ARGV…]}, {\"keychain\": true}",
        "preset" => "\"access\", \"acs\", \"vidb\", \"uem\", \"intelligence\" or \"connect\"",
        "auth_style" => "\"basic\", \"basic-form-encoded\" or \"post\"",
        "use_refresh_token" | "ca_only" => "true or false",
        "hosts" => "a list of strings like [\"git.example.com\"]",
        _ => "a string",
    }
}
