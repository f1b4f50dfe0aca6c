//! Table tests and properties of edits.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

/// The text with keys of a profile set or removed.
fn edited(text: &str, profile: &str, keys: &[(&'static str, Option<Value>)]) -> Option<String> {
    apply(text, &Changes { default_profile: None, profile, keys: keys.to_vec() })
}

/// What a login sets for a new profile.
fn new_profile() -> Vec<(&'static str, Option<Value>)> {
    vec![
        ("tenant", Some(json!("https://b.example.com"))),
        ("client_id", Some(json!("b"))),
        ("client_secret", Some(json!({ "file": "b.secret" }))),
    ]
}

#[test]
fn a_new_file_is_pretty() {
    let changes = Changes { default_profile: Some("b".to_owned()), profile: "b", keys: new_profile() };
    insta::assert_snapshot!(apply("{}\n", &changes).unwrap(), @r#"
    {
      "default_profile": "b",
      "profiles": {
        "b": {
          "tenant": "https://b.example.com",
          "client_id": "b",
          "client_secret": { "file": "b.secret" }
        }
      }
    }
    "#);
}

#[test]
fn a_new_profile_looks_like_its_siblings() {
    for (text, expected) in [
        (
            "{ \"profiles\": {\n    \"a\": {\n      \"tenant\": \"a\"\n    } } }\n",
            "{ \"profiles\": {\n    \"a\": {\n      \"tenant\": \"a\"\n    },\n    \"b\": {\n      \"tenant\": \"https://b.example.com\",\n      \
             \"client_id\": \"b\",\n      \"client_secret\": { \"file\": \"b.secret\" }\n    } } }\n",
        ),
        (
            "{\"profiles\":{\"a\":{\"tenant\":\"a\"}}}",
            "{\"profiles\":{\"a\":{\"tenant\":\"a\"},\"b\":{\"tenant\":\"https://b.example.com\",\"client_id\":\"b\",\
             \"client_secret\":{\"file\":\"b.secret\"}}}}",
        ),
        (
            "{\r\n\t\"profiles\": {\r\n\t\t\"a\": { \"tenant\": \"a\" }\r\n\t}\r\n}\r\n",
            "{\r\n\t\"profiles\": {\r\n\t\t\"a\": { \"tenant\": \"a\" },\r\n\t\t\"b\": { \"tenant\": \"https://b.example.com\", \
             \"client_id\": \"b\", \"client_secret\": { \"file\": \"b.secret\" } }\r\n\t}\r\n}\r\n",
        ),
        (
            "{\n\t\"profiles\": {}\n}\n",
            "{\n\t\"profiles\": {\n\t\t\"b\": {\n\t\t\t\"tenant\": \"https://b.example.com\",\n\t\t\t\"client_id\": \"b\",\n\t\t\t\
             \"client_secret\": { \"file\": \"b.secret\" }\n\t\t}\n\t}\n}\n",
        ),
        (
            "{ \"$schema\": \"s\" }",
            "{ \"$schema\": \"s\", \"profiles\": { \"b\": { \"tenant\": \"https://b.example.com\", \"client_id\": \"b\", \
             \"client_secret\": { \"file\": \"b.secret\" } } } }",
        ),
    ] {
        assert_eq!(edited(text, "b", &new_profile()).as_deref(), Some(expected));
    }
}

#[test]
fn a_value_is_replaced_and_nothing_else() {
    let text = "{\n  \"profiles\" : {\n    \"a\":{\"tenant\" :\n \"x\" , \"hosts\":[ \"h\" ],\"client_id\":\"c\"},\n\n    \"ü\\u0062\": {}\n  } }";
    for (profile, key, value, expected) in [
        ("a", "tenant", json!("y"), text.replace("\"x\"", "\"y\"")),
        ("a", "client_id", json!("d"), text.replace("\"c\"", "\"d\"")),
        ("a", "scope", json!("s"), text.replace("\"c\"", "\"c\",\"scope\":\"s\"")),
        ("a", "hosts", json!("z"), text.replace("[ \"h\" ]", "\"z\"")),
        ("üb", "tenant", json!("t"), text.replace("{}", "{\n      \"tenant\": \"t\"\n    }")),
    ] {
        assert_eq!(edited(text, profile, &[(key, Some(value))]), Some(expected), "{key} of {profile}");
    }
}

#[test]
fn a_member_is_removed_with_its_comma() {
    let inside = "{ \"a\": 1,\n  \"b\": [2] , \"c\": {\"d\": 3} }";
    for (key, expected) in [
        ("a", "{ \"b\": [2] , \"c\": {\"d\": 3} }"),
        ("b", "{ \"a\": 1 , \"c\": {\"d\": 3} }"),
        ("c", "{ \"a\": 1,\n  \"b\": [2] }"),
        ("x", inside),
    ] {
        let file = |profile: &str| format!(" {{\"profiles\":{{ \"p\" :{profile}}}}}\n");
        assert_eq!(edited(&file(inside), "p", &[(key, None)]), Some(file(expected)), "{key}");
    }
    assert_eq!(
        edited("{\"profiles\": {\"p\": {\"a\": 1 }}}", "p", &[("a", None)]).unwrap(),
        "{\"profiles\": {\"p\": { }}}"
    );
}

#[test]
fn of_a_name_given_twice_the_last_counts() {
    let text = r#"{ "profiles": { "a": { "tenant": "x" }, "a": { "tenant": "y" } } }"#;
    let result = edited(text, "a", &[("tenant", Some(json!("z")))]);
    assert_eq!(result, Some(text.replace("\"y\"", "\"z\"")));
}

#[test]
fn what_is_no_object_is_not_edited() {
    for text in ["", "[]", "1", "{", "{ \"profiles\": 5 }", "{ \"profiles\": { \"a\": 5 } }", "\"{}\""] {
        assert_eq!(edited(text, "a", &[("tenant", Some(json!("t")))]), None, "{text}");
    }
}

/// A JSON object written with random white space; no name stands in it twice.
fn any_text() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", " ", "\n", "\n  ", "\r\n\t", "  "]);
    let names = ["\"profiles\"", "\"a\"", "\"c d\"", "\"\\u0061x\"", "\"q\\\"q\"", "\"é,:{}\""];
    let leaf = prop::sample::select(vec!["1", "null", "\"x\"", "\"{,}\"", "[1, {\"a\": 2}]", "{}", "{ }"]);
    let value = leaf.prop_map(str::to_owned).prop_recursive(3, 24, 5, move |inner| {
        let member = (space(), space(), space(), inner, space());
        let members = prop::collection::vec(member, names.len());
        let chosen = prop::sample::subsequence(names.to_vec(), 0..=names.len());
        (chosen.prop_shuffle(), members).prop_map(|(names, members)| {
            let members = names.iter().zip(members);
            let members = members.map(|(name, (a, b, c, value, d))| format!("{a}{name}{b}:{c}{value}{d}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        })
    });
    (space(), value, space())
        .prop_filter("an object", |(_, value, _)| value.starts_with('{'))
        .prop_map(|(before, value, after)| format!("{before}{value}{after}"))
}

/// A profile's name, and a key of it.
fn any_place() -> impl Strategy<Value = (&'static str, &'static str)> {
    let name = || prop::sample::select(vec!["a", "c d", "ax", "q\"q", "é,:{}", "new"]);
    (name(), name())
}

/// Every member as it stands in the text, in order, but for those on the path to the edited one and for that itself.
fn untouched(text: &str, edited: &[&str], into: &mut Vec<(String, String)>) {
    let Ok(Members(members)) = serde_json::from_str(text) else { return };
    for (name, value) in members {
        match edited {
            [first, below @ ..] if *name == **first => untouched(value.get(), below, into),
            [] => {}
            _ => into.push((name.to_string(), value.get().to_owned())),
        }
    }
}

/// What the file means after the changes.
fn intended(text: &str, changes: &Changes<'_>) -> Option<Value> {
    /// The object that is a member, made if it is missing.
    fn object<'a>(parent: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
        parent.entry(name).or_insert_with(|| Map::new().into()).as_object_mut()
    }
    let mut file: Map<String, Value> = serde_json::from_str(text).ok()?;
    file.extend(changes.default_profile.clone().map(|name| ("default_profile".to_owned(), name.into())));
    for (key, value) in &changes.keys {
        let profile = object(object(&mut file, "profiles")?, changes.profile)?;
        match value {
            Some(value) => profile.insert((*key).to_owned(), value.clone()),
            None => profile.remove(*key),
        };
    }
    Some(file.into())
}

proptest! {
    #[test]
    fn an_edit_leaves_every_other_member_as_it_stands(
        text in any_text(),
        (profile, key) in any_place(),
        value in prop::option::of("[a-z\"é]{0,3}"),
        default in prop::option::of("[a-z\"é]{0,3}"),
    ) {
        let file: Value = serde_json::from_str(&text).unwrap();
        let object = |value: Option<&Value>| value.is_none_or(Value::is_object);
        let sound = object(file.get("profiles")) && object(file.get("profiles").and_then(|all| all.get(profile)));
        let changes = Changes { default_profile: default, profile, keys: vec![(key, value.map(Value::from))] };
        let result = apply(&text, &changes);
        prop_assert_eq!(result.is_some(), sound, "{}", text);
        if let Some(edited) = result {
            let means: Value = serde_json::from_str(&edited).unwrap();
            prop_assert_eq!(means, intended(&text, &changes).unwrap(), "{}\n{}", text, edited);
            let (mut old, mut new) = (Vec::new(), Vec::new());
            untouched(&text, &["profiles", profile, key], &mut old);
            untouched(&edited, &["profiles", profile, key], &mut new);
            new.retain(|(name, _)| name != "default_profile");
            prop_assert_eq!(old, new, "{}\n{}", text, edited);
            let outside = |text: &str| (text.len() - text.trim_start().len(), text.len() - text.trim_end().len());
            prop_assert_eq!(outside(&text), outside(&edited));
        }
    }

    #[test]
    fn setting_what_is_there_changes_nothing(text in any_text(), (profile, key) in any_place()) {
        let file: Value = serde_json::from_str(&text).unwrap();
        if let Some(value) = file.pointer("/profiles").and_then(|all| all.get(profile)?.get(key)).filter(|value| value.is_string()) {
            let changes = [(key, Some(value.clone()))];
            let once = edited(&text, profile, &changes).unwrap();
            prop_assert_eq!(edited(&once, profile, &changes), Some(once));
        }
    }
}
