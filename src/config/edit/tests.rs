//! Table tests and properties of edits.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A change.
fn change(path: &[&str], value: Option<Value>) -> Change {
    Change { path: path.iter().map(|name| (*name).to_owned()).collect(), value }
}

/// The text with members set.
fn edited(text: &str, changes: &[(&[&str], Option<Value>)]) -> String {
    let changes: Vec<Change> = changes.iter().map(|(path, value)| change(path, value.clone())).collect();
    apply(text, &changes).unwrap()
}

/// What a login sets for a new profile.
fn profile<'a>(name: &'a str, paths: &'a mut Vec<Vec<&'a str>>) -> Vec<(&'a [&'a str], Option<Value>)> {
    paths.extend(["tenant", "client_id", "client_secret"].map(|key| vec!["profiles", name, key]));
    let values = [json!("https://b.example.com"), json!("b"), json!({ "file": "b.secret" })];
    paths.iter().map(Vec::as_slice).zip(values.map(Some)).collect()
}

#[test]
fn a_new_file_is_pretty() {
    let mut paths = Vec::new();
    let mut changes: Vec<(&[&str], Option<Value>)> = vec![(&["default_profile"], Some(json!("b")))];
    changes.extend(profile("b", &mut paths));
    insta::assert_snapshot!(edited("{}\n", &changes), @r#"
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
        let mut paths = Vec::new();
        assert_eq!(edited(text, &profile("b", &mut paths)), expected);
    }
}

#[test]
fn a_value_is_replaced_and_nothing_else() {
    let text = "{\n  \"profiles\" : {\n    \"a\":{\"tenant\" :\n \"x\" , \"hosts\":[ \"h\" ],\"client_id\":\"c\"},\n\n    \"ü\\u0062\": {}\n  } }";
    for (path, value, expected) in [
        (&["profiles", "a", "tenant"][..], json!("y"), text.replace("\"x\"", "\"y\"")),
        (&["profiles", "a", "client_id"], json!("d"), text.replace("\"c\"", "\"d\"")),
        (&["profiles", "a", "scope"], json!("s"), text.replace("\"c\"", "\"c\",\"scope\":\"s\"")),
        (&["profiles", "a", "hosts"], json!("z"), text.replace("[ \"h\" ]", "\"z\"")),
        (&["profiles", "üb", "tenant"], json!("t"), text.replace("{}", "{\n      \"tenant\": \"t\"\n    }")),
    ] {
        assert_eq!(edited(text, &[(path, Some(value))]), expected, "{path:?}");
    }
}

#[test]
fn a_member_is_removed_with_its_comma() {
    let text = "{ \"a\": 1,\n  \"b\": [2] , \"c\": {\"d\": 3} }";
    for (path, expected) in [
        (&["a"][..], "{ \"b\": [2] , \"c\": {\"d\": 3} }"),
        (&["b"], "{ \"a\": 1 , \"c\": {\"d\": 3} }"),
        (&["c"], "{ \"a\": 1,\n  \"b\": [2] }"),
        (&["c", "d"], "{ \"a\": 1,\n  \"b\": [2] , \"c\": {} }"),
        (&["c", "x"], text),
        (&["x", "y"], text),
    ] {
        // An object on the way that is not there means no member, and none is made.
        let result = remove(text, &change(path, None).path).unwrap();
        assert_eq!(result, expected, "{path:?}");
    }
}

#[test]
fn of_a_name_given_twice_the_last_counts() {
    let text = r#"{ "profiles": { "a": { "tenant": "x" }, "a": { "tenant": "y" } } }"#;
    let result = edited(text, &[(&["profiles", "a", "tenant"], Some(json!("z")))]);
    assert_eq!(result, text.replace("\"y\"", "\"z\""));
}

#[test]
fn what_is_no_object_is_not_edited() {
    for text in ["", "[]", "1", "{", "{ \"profiles\": 5 }", "\"{}\""] {
        let changes = [change(&["profiles", "a"], Some(json!(1)))];
        assert_eq!(apply(text, &changes), Err(NotAnObject), "{text}");
    }
}

/// A JSON value written with random white space.
fn any_text() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", " ", "\n", "\n  ", "\r\n\t", "  "]);
    let name = || prop::sample::select(vec!["\"a\"", "\"b\"", "\"c d\"", "\"\\u0061x\"", "\"q\\\"q\"", "\"é,:{}\""]);
    let leaf = prop::sample::select(vec!["1", "null", "\"x\"", "\"{,}\"", "[1, {\"a\": 2}]", "{}", "{ }"]);
    let value = leaf.prop_map(str::to_owned).prop_recursive(3, 20, 4, move |inner| {
        let member = (space(), name(), space(), space(), inner, space())
            .prop_map(|(a, name, b, c, value, d)| format!("{a}{name}{b}:{c}{value}{d}"));
        prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(",")))
    });
    (space(), value, space())
        .prop_filter("an object", |(_, value, _)| value.starts_with('{'))
        .prop_map(|(before, value, after)| format!("{before}{value}{after}"))
}

/// A path of one to three names.
fn any_path() -> impl Strategy<Value = Vec<String>> {
    let name = prop::sample::select(vec!["a", "b", "c d", "ax", "q\"q", "é,:{}", "new"]);
    prop::collection::vec(name.prop_map(str::to_owned), 1..4)
}

/// Every member as it stands in the text, in order, but for those on the way to the edited one and for that itself.
fn untouched(text: &str, edited: Option<&[String]>, into: &mut Vec<(String, String)>) {
    let Ok(Names(members)) = serde_json::from_str(text) else { return };
    for (name, value) in members {
        let way = edited.filter(|path| path.first() == Some(&name)).map(|path| &path[1..]);
        match way {
            None => into.push((name, value.get().to_owned())),
            Some(below) if !below.is_empty() => untouched(value.get(), Some(below), into),
            Some(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn an_edit_leaves_every_other_member_as_it_stands(
        text in any_text(),
        path in any_path(),
        value in prop::option::of("[a-z\"é]{0,3}"),
    ) {
        let value = value.map(Value::from);
        let before: Value = serde_json::from_str(&text).unwrap();
        let mut at = Some(&before);
        let blocked = path[..path.len() - 1].iter().any(|name| {
            at = at.and_then(|at| at.get(name));
            at.is_some_and(|at| !at.is_object())
        });
        // That the result means what it should, `apply` checks itself.
        match apply(&text, &[Change { path: path.clone(), value }]) {
            Err(NotAnObject) => prop_assert!(blocked, "{}", text),
            Ok(edited) => {
                let (mut old, mut new) = (Vec::new(), Vec::new());
                untouched(&text, Some(&path), &mut old);
                untouched(&edited, Some(&path), &mut new);
                prop_assert_eq!(old, new, "{}\n{}", text, edited);
                let outside = |text: &str| (text.len() - text.trim_start().len(), text.len() - text.trim_end().len());
                prop_assert_eq!(outside(&text), outside(&edited));
                prop_assert!(!blocked);
            }
        }
    }

    #[test]
    fn setting_what_is_there_changes_nothing(text in any_text(), path in any_path()) {
        let parsed: Value = serde_json::from_str(&text).unwrap();
        let value = path.iter().try_fold(&parsed, |at, name| at.get(name)).filter(|value| value.is_string());
        if let Some(value) = value {
            let once = apply(&text, &[Change { path: path.clone(), value: Some(value.clone()) }]).unwrap();
            let twice = apply(&once, &[Change { path, value: Some(value.clone()) }]).unwrap();
            prop_assert_eq!(once, twice);
        }
    }
}
