//! The published JSON Schema against the parser: what one accepts the other accepts.

use serde_json::{Value, json};

use super::invalid::{FILE_KEYS, PROFILE_KEYS, SECRET_KEYS};
use super::{Overrides, Sources};

/// The schema as it ships.
fn schema() -> Value {
    serde_json::from_str(include_str!("config.schema.json")).unwrap()
}

/// Whether a value is valid: just the keywords that the schema uses, and a failure for any other.
fn valid(root: &Value, schema: &Value, value: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "$defs" | "title" | "description" => true,
        "$ref" => valid(root, root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), value),
        "type" => match rule.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            other => panic!("type {other}"),
        },
        "enum" => rule.as_array().unwrap().contains(value),
        "const" => rule == value,
        "oneOf" => rule.as_array().unwrap().iter().filter(|option| valid(root, option, value)).count() == 1,
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| valid(root, rule, item))),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "required" => value
            .as_object()
            .is_none_or(|object| rule.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))),
        "properties" => value.as_object().is_none_or(|object| {
            object.iter().all(|(key, value)| rule.get(key).is_none_or(|schema| valid(root, schema, value)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let known = schema.get("properties").and_then(Value::as_object);
            let extra = object.iter().filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
            match rule {
                Value::Bool(allowed) => *allowed || extra.count() == 0,
                schema => extra.into_iter().all(|(_, value)| valid(root, schema, value)),
            }
        }),
        other => panic!("keyword {other}"),
    })
}

/// Whether the parser takes a file with this content.
fn parses(config: &Value) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    std::fs::File::create(&file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, config.to_string().as_bytes()))
        .unwrap();
    let overrides = Overrides { config: Some(file), ..Overrides::default() };
    let sources =
        Sources { overrides: &overrides, env: &|_| None, config_dir: None, home: None, working_dir: &|| None };
    sources.profile(None).is_ok()
}

#[test]
fn the_schema_lists_the_parsers_keys() {
    let keys = |pointer: &str| -> Vec<String> {
        schema().pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect()
    };
    let sorted = |known: &[&str]| {
        let mut known: Vec<String> = known.iter().map(|key| (*key).to_owned()).collect();
        known.sort();
        known
    };
    assert_eq!(keys("/properties"), sorted(FILE_KEYS));
    assert_eq!(keys("/$defs/profile/properties"), sorted(PROFILE_KEYS));
    let mut secret: Vec<String> =
        (0..4).flat_map(|option| keys(&format!("/$defs/secret/oneOf/{option}/properties"))).collect();
    secret.sort();
    assert_eq!(secret, sorted(SECRET_KEYS));
}

#[test]
fn schema_and_parser_agree_on_every_key_and_type() {
    let values = [
        json!("a.example.com"),
        json!("access"),
        json!("post"),
        json!("http://proxy:3128"),
        json!("https://a.example.com/token"),
        json!(true),
        json!(false),
        json!(5),
        json!([]),
        json!(["a.example.com"]),
        json!([5]),
        json!({}),
        json!({"file": "x"}),
        json!({"file": "x", "allow_shared_file": true}),
        json!({"env": "X", "allow_shared_file": true}),
        json!({"env": "X"}),
        json!({"command": ["x"]}),
        json!({"command": []}),
        json!({"keychain": true}),
        json!({"keychain": false}),
        json!({"file": "x", "env": "X"}),
        json!({"other": "x"}),
    ];
    // These need a value of a form that a schema does not describe; only the type is compared for them.
    let formed = |key: &str, value: &Value| match (key, value.as_str()) {
        ("ca_only", _) => value == &json!(true),
        ("tenant", Some(text)) => text != "a.example.com",
        ("client_id", Some(text)) => text.contains(':'),
        ("token_url", Some(text)) => !text.starts_with("https://"),
        ("proxy", Some(text)) => !text.starts_with("http://"),
        ("api", Some(text)) => text.starts_with("http://"),
        ("org_id", Some(text)) => text.contains(['.', ':']),
        _ => false,
    };
    let root = schema();
    for key in PROFILE_KEYS.iter().chain(&["unknown"]) {
        for value in values.iter().filter(|value| !formed(key, value)) {
            let mut profile = match *key {
                "api_token" => json!({"tenant": "a.example.com", "preset": "vidb"}),
                "org_id" => json!({"tenant": "a.example.com", "client_id": "c", "preset": "connect"}),
                _ => json!({"tenant": "a.example.com", "client_id": "c"}),
            };
            profile[*key] = value.clone();
            let config = json!({"profiles": {"p": profile}});
            assert_eq!(valid(&root, &root, &config), parses(&config), "{config}");
        }
    }
}
