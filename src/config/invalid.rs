//! Explains mistakes in a configuration file without serde's messages, which quote values, and these may be secrets.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::file::{Members, RawProfile};
use crate::error::Error;
use crate::text::nearest;

/// The keys of the file. The JSON Schema lists the same keys.
pub(crate) const FILE_KEYS: &[&str] = &["$schema", "default_profile", "profiles"];
/// The keys of a profile.
pub(crate) const PROFILE_KEYS: &[&str] = &[
    "tenant",
    "client_id",
    "client_secret",
    "api_token",
    "org_id",
    "scope",
    "preset",
    "token_url",
    "api",
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

/// The hint for a file of another kind.
const OBJECT: &str = "start it with `{ \"profiles\": {`";

/// A cause and a hint.
type Mistake = (String, String);

/// Makes a mistake from its two texts.
fn mistake(cause: impl Into<String>, hint: impl Into<String>) -> Mistake {
    (cause.into(), hint.into())
}

/// The error of a file that cannot be parsed.
pub(crate) fn explain(file: &Path, text: &str, error: &serde_json::Error) -> Error {
    let place = |error: &serde_json::Error| offset(text, error.line(), error.column());
    if let Err(error) = serde_json::from_str::<Value>(text) {
        let (at, [cause, hint]) = syntax(text, place(&error), error.is_eof());
        return at_place(file, text, at, mistake(cause, hint));
    }
    if let Some((key, at)) = twice(text, text, "") {
        return stands_twice(file, text, &key, at);
    }
    // The position in `error` may be relative to one profile's text; this one is relative to the file.
    let whole = serde_json::from_str::<WholeFile>(text).err();
    let wrong_type = || mistake("a value has the wrong type", "compare the file with the JSON Schema");
    at_place(file, text, place(whole.as_ref().unwrap_or(error)), in_file(text).unwrap_or_else(wrong_type))
}

/// The error of a key that an object has twice, the second time before the byte `at`.
pub(super) fn stands_twice(file: &Path, text: &str, key: &str, at: usize) -> Error {
    at_place(file, text, at, mistake(format!("the key `{key}` stands twice"), "remove one of the two"))
}

/// The error of a mistake at a byte of the file.
fn at_place(file: &Path, text: &str, at: usize, (cause, hint): Mistake) -> Error {
    let before = &text[..at];
    let (line, start) = (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |end| end + 1));
    let column = text[start..at].chars().count() + 1;
    Error::usage(format!("`{}` is not valid: line {line}, column {column}", file.display())).because(cause).hint(hint)
}

/// The byte that the parser stopped at. Its columns count bytes from 1; 0 is the end of the line before.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (start + column).saturating_sub(1).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The offset of a part of a text in that text.
pub(super) fn offset_of(part: &str, text: &str) -> usize {
    (part.as_ptr().addr().wrapping_sub(text.as_ptr().addr())).min(text.len())
}

/// The first key that stands twice in an object of the file, with the objects around it, and where its second value is.
fn twice(object: &str, file: &str, around: &str) -> Option<(String, usize)> {
    let Members(members) = serde_json::from_str(object).ok()?;
    members.iter().enumerate().find_map(|(index, (name, value))| {
        let key = format!("{around}{}", &**name);
        if members[..index].iter().any(|(other, _)| **other == **name) {
            Some((key, offset_of(value.get(), file)))
        } else {
            twice(value.get(), file, &format!("{key}."))
        }
    })
}

/// What is wrong with JSON where the parser stopped, by the characters there, and the byte to look at.
fn syntax(text: &str, at: usize, is_end: bool) -> (usize, [&'static str; 2]) {
    const QUOTES: &str = "write `\"` before and after every key and every text";
    let before = text[..at].trim_end();
    let next = text[at..].chars().next().filter(|_| !is_end);
    // Outside a text no control character stops the parser.
    let is_in_text = if is_end { has_open_text(text) } else { next.is_some_and(char::is_control) };
    if is_in_text {
        return (before.rfind('"').unwrap_or(at), ["the closing quotation mark of this text is missing", QUOTES]);
    }
    let here = match (before.chars().next_back(), next) {
        (Some(','), Some('}' | ']')) => ["a comma stands behind the last entry", "remove that comma"],
        (_, Some('/' | '#')) => ["a comment, which JSON does not have", "remove the comment"],
        (_, Some('\'' | '`' | '“' | '”' | '„' | '‘' | '’' | '«' | '»')) => {
            ["a quotation mark other than `\"`", QUOTES]
        }
        _ if !text.trim_start().starts_with('{') => ["the file is not a JSON object", OBJECT],
        (_, None) => ["the file ends in the middle of an object", "close every `{` with `}` and every `[` with `]`"],
        (Some('\\'), _) => ["a single `\\` in a text", "write `\\\\` for each `\\`, or `/` in a path"],
        _ if serde_json::from_str::<Value>(before).is_ok() => {
            ["something stands behind the end of the object", "remove it, or a `}` that closes too early"]
        }
        (_, Some(letter)) if letter.is_alphabetic() => ["a quotation mark is missing", QUOTES],
        (_, Some('"' | '{' | '[')) => ["a comma or a colon is missing", "write it before that place"],
        _ => ["this is not JSON", "look for a missing comma, quote or bracket just before that place"],
    };
    (at, here)
}

/// Whether a text of JSON ends inside a text.
fn has_open_text(json: &str) -> bool {
    let (mut is_open, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        is_open ^= byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
    }
    is_open
}

/// The first unknown key or wrongly typed value in the file.
fn in_file(text: &str) -> Option<Mistake> {
    let Ok(Value::Object(file)) = serde_json::from_str(text) else {
        return Some(mistake("the file is not a JSON object", OBJECT));
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
        ["client_secret", "api_token"].into_iter().find_map(|key| {
            let keys = profile.get(key)?.as_object()?.keys();
            unknown(keys, SECRET_KEYS, &format!("`{key}` of {place}"))
        })
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
        "client_secret" | "api_token" => {
            "one of {\"file\": PATH}, {\"env\": NAME}, {\"command\": [ARGV…]}, {\"keychain\": true}"
        }
        "preset" => "\"access\", \"acs\", \"vidb\", \"uem\", \"intelligence\" or \"connect\"",
        "auth_style" => "\"basic\", \"basic-form-encoded\" or \"post\"",
        "use_refresh_token" | "ca_only" => "true or false",
        "hosts" => "a list of strings like [\"git.example.com\"]",
        _ => "a string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place, the cause and the hint of a text.
    fn explained(text: &str) -> Vec<String> {
        let error = serde_json::from_str::<WholeFile>(text).err().unwrap();
        let error = explain(Path::new("f"), text, &error);
        error.chain().map(str::to_owned).chain(error.action().map(str::to_owned)).collect()
    }

    #[test]
    fn what_people_write_instead_of_json() {
        for (text, place, cause) in [
            ("", "1, column 1", "the file is not a JSON object"),
            ("tenant = \"acme\"", "1, column 2", "the file is not a JSON object"),
            ("[]", "1, column 2", "the file is not a JSON object"),
            ("{\n", "1, column 2", "the file ends in the middle of an object"),
            ("{\"profiles\":{\"p\":{}}", "1, column 20", "the file ends in the middle of an object"),
            ("{\"profiles\":{\n  \"p\":{},\n}}", "3, column 1", "a comma stands behind the last entry"),
            ("{\"profiles\":{\"p\":{\"hosts\":[\"a\", ]}}}", "1, column 33", "a comma stands behind the last entry"),
            ("{ // mine\n}", "1, column 3", "a comment, which JSON does not have"),
            ("# mine\n{}", "1, column 1", "a comment, which JSON does not have"),
            ("{ 'profiles': {} }", "1, column 3", "a quotation mark other than `\"`"),
            ("{ \"é\": “a” }", "1, column 8", "a quotation mark other than `\"`"),
            ("{ profiles: {} }", "1, column 3", "a quotation mark is missing"),
            ("{ \"default_profile: \"p\" }", "1, column 22", "a quotation mark is missing"),
            ("{ \"default_profile\": p\" }", "1, column 22", "a quotation mark is missing"),
            (
                "{\n  \"default_profile\": \"p,\n  \"profiles\": {} }",
                "2, column 22",
                "the closing quotation mark of this text is missing",
            ),
            ("{ \"default_profile\": \"p }", "1, column 22", "the closing quotation mark of this text is missing"),
            ("{ \"default_profile\": \"C:\\Users\" }", "1, column 26", "a single `\\` in a text"),
            ("{ \"default_profile\": \"p\"\n  \"profiles\": {} }", "2, column 3", "a comma or a colon is missing"),
            ("{ \"profiles\" {} }", "1, column 14", "a comma or a colon is missing"),
            ("{ \"profiles\": {} } }", "1, column 20", "something stands behind the end of the object"),
            ("{ \"profiles\": ; }", "1, column 15", "this is not JSON"),
            ("{ \"profiles\": {}, \"profiles\": {} }", "1, column 31", "the key `profiles` stands twice"),
            (
                "{ \"profiles\": { \"p\": {\n \"tenant\": \"a\",\n \"tenant\": \"b\" } } }",
                "3, column 12",
                "the key `profiles.p.tenant` stands twice",
            ),
            (
                "{ \"profiles\": { \"p\": { \"client_secret\": { \"env\": \"A\", \"env\": \"B\" } } } }",
                "1, column 62",
                "the key `profiles.p.client_secret.env` stands twice",
            ),
        ] {
            let found = explained(text);
            assert_eq!(found[..2], [format!("`f` is not valid: line {place}"), cause.to_owned()], "{text}");
            assert_eq!(found.len(), 3, "{text}: a hint");
        }
    }

    #[test]
    fn the_end_of_a_text_is_found_behind_escapes() {
        for (json, is_open) in [("\"a", true), ("\"a\"", false), ("\"a\\\"", true), ("\"a\\\\\"", false), ("", false)] {
            assert_eq!(has_open_text(json), is_open, "{json}");
        }
    }
}
