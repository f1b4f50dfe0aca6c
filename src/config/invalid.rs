//! Explains mistakes in a configuration file without serde's messages, which quote values, and these may be secrets.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::{Value, json};

use super::file::RawProfile;
use crate::error::Error;
use crate::text::nearest;

/// The keys of the file. The JSON Schema lists the same keys.
pub(crate) const FILE_KEYS: &[&str] = &["$schema", "default_profile", "profiles"];
/// The keys of a profile.
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
/// The keys of a secret source.
pub(crate) const SECRET_KEYS: &[&str] = &["file", "allow_shared_file", "env", "command", "keychain"];

/// The whole file with every profile parsed, to find mistakes and their positions.
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

/// Checks the keys and types of every profile in the file.
pub(crate) fn check(file: &Path, text: &str) -> Result<(), Error> {
    serde_json::from_str::<WholeFile>(text).map(|_| ()).map_err(|error| explain(file, text, &error))
}

/// A cause and a hint.
type Mistake = (String, String);

/// Makes a mistake from its two texts.
fn mistake(cause: impl Into<String>, hint: impl Into<String>) -> Mistake {
    (cause.into(), hint.into())
}

/// The error of a file that cannot be parsed.
pub(crate) fn explain(file: &Path, text: &str, error: &serde_json::Error) -> Error {
    // The position in `error` may be relative to one profile's text; this one is relative to the file.
    let whole = serde_json::from_str::<WholeFile>(text).err();
    let place = whole.as_ref().unwrap_or(error);
    let (cause, hint) = match place.classify() {
        Category::Eof => mistake("the file ends in the middle of a value", "complete the JSON"),
        Category::Data => in_file(text).unwrap_or_else(|| {
            mistake("a key stands twice, or a value has the wrong type", "compare the file with the JSON Schema")
        }),
        _ => mistake("this is not JSON", "look for a missing comma, quote or bracket just before that place"),
    };
    Error::usage(format!("`{}` is not valid: line {}, column {}", file.display(), place.line(), place.column()))
        .because(cause)
        .hint(hint)
}

/// The first unknown key or wrongly typed value in the file.
fn in_file(text: &str) -> Option<Mistake> {
    let Ok(Value::Object(file)) = serde_json::from_str(text) else {
        return Some(mistake("the file is not a JSON object", "start it with `{ \"profiles\": {`"));
    };
    unknown(file.keys(), FILE_KEYS, "the file")
        .or_else(|| file.get("profiles")?.as_object()?.iter().find_map(|(name, profile)| in_profile(name, profile)))
}

/// The first unknown key or wrongly typed value in a profile.
fn in_profile(name: &str, profile: &Value) -> Option<Mistake> {
    let place = format!("profile `{name}`");
    let Value::Object(profile) = profile else {
        return Some(mistake(format!("{place} is not an object"), "write its settings between `{` and `}`"));
    };
    let in_secret = || {
        let keys = profile.get("client_secret")?.as_object()?.keys();
        unknown(keys, SECRET_KEYS, &format!("`client_secret` of {place}"))
    };
    let wrongly_typed = || {
        let is_wrong = |key: &&String| RawProfile::deserialize(json!({ key.as_str(): profile[*key] })).is_err();
        let key = profile.keys().find(is_wrong)?;
        let cause = format!("`{key}` of {place} has the wrong type or value");
        Some(mistake(cause, format!("write {}", expected(key))))
    };
    unknown(profile.keys(), PROFILE_KEYS, &place).or_else(in_secret).or_else(wrongly_typed)
}

/// The first unknown key, with a similar known one as the hint.
fn unknown<'a>(keys: impl IntoIterator<Item = &'a String>, known: &[&str], place: &str) -> Option<Mistake> {
    let key = keys.into_iter().find(|key| !known.contains(&key.as_str()))?;
    let hint = match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use one of {}", known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")),
    };
    Some(mistake(format!("unknown key `{key}` in {place}"), hint))
}

/// The expected value of a key.
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
