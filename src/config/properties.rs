//! What holds for every configuration file: for random ones in the tests below, and for the fuzzer's.

use std::path::Path;

use serde_json::Value;

use super::{Overrides, Profile, Sources, layers};
use crate::error::Error;

/// A secret that was written into the wrong place of the file.
const CANARY: &str = "hunter2-c4n4ry";

/// What a canary is written as: alone, and as every part of a URL but its host, which may be named.
const PLACES: [&str; 8] = [
    CANARY,
    "https://u:hunter2-c4n4ry@h.example.com",
    "https://hunter2-c4n4ry@h.example.com/",
    "https://h.example.com/hunter2-c4n4ry",
    "https://h.example.com/?secret=hunter2-c4n4ry",
    "h.example.com#hunter2-c4n4ry",
    "socks5://u:hunter2-c4n4ry@h:1080",
    "hunter2-c4n4ry:\u{1}\u{e9} \\",
];

/// Reads a text as the configuration file, nothing else given.
fn read(text: &str) -> Result<Profile, Error> {
    let overrides = Overrides::default();
    let home = Some(Path::new("/home/ana"));
    let sources =
        Sources { overrides: &overrides, env: &|_| None, config_dir: None, home, working_dir: &|| Some("/cwd".into()) };
    let (name, raw) = sources.choose(text, Path::new("/etc/ws1-token/config.json"), None)?;
    layers::build(&sources, &name, raw, Some(Path::new("/etc/ws1-token")), &|_| false)
}

/// Reads a file, and the same file with a canary in the place of every string; panics if a profile comes of it that
/// cannot be, or a report that repeats the canary. Gives what the file itself came to.
pub(crate) fn check(text: &str) -> Result<Profile, String> {
    let result = read(text).map_err(|error| error.report());
    match &result {
        Ok(profile) => check_profile(profile),
        Err(report) => check_report(report),
    }
    if let Ok(Value::Object(file)) = serde_json::from_str(text)
        && !text.to_lowercase().contains("c4n4ry")
    {
        let file = Value::Object(file);
        for at in 0..strings(&mut file.clone(), "", None).min(40) {
            for place in PLACES {
                let mut changed = file.clone();
                strings(&mut changed, place, Some(at));
                if let Err(error) = read(&changed.to_string()) {
                    let report = error.report();
                    check_report(&report);
                    assert!(!report.to_lowercase().contains("c4n4ry"), "{changed}\n{report}");
                }
            }
        }
    }
    result
}

/// Counts the strings that are values, `default_profile` aside, which names a profile and may be repeated; replaces
/// the one of number `at`.
fn strings(value: &mut Value, with: &str, at: Option<usize>) -> usize {
    /// Goes on counting at `seen`.
    fn walk(value: &mut Value, with: &str, at: Option<usize>, seen: &mut usize) {
        match value {
            Value::String(text) => {
                if at == Some(*seen) {
                    with.clone_into(text);
                }
                *seen += 1;
            }
            Value::Array(list) => list.iter_mut().for_each(|value| walk(value, with, at, seen)),
            Value::Object(object) => {
                let values = object.iter_mut().filter(|(key, _)| *key != "default_profile");
                values.for_each(|(_, value)| walk(value, with, at, seen));
            }
            _ => {}
        }
    }
    let mut seen = 0;
    walk(value, with, at, &mut seen);
    seen
}

/// A report is a few short lines with nothing in them that a terminal would obey.
fn check_report(report: &str) {
    assert!(report.starts_with("error: ") && report.ends_with('\n'), "{report:?}");
    assert!(report.lines().count() <= 3 && report.lines().all(|line| line.len() <= 403), "{report:?}");
    assert!(!report.contains(|c: char| c.is_control() && c != '\n'), "{report:?}");
    assert_eq!(report.matches("\nhint: ").count(), 1, "{report:?}");
}

/// Whatever a profile is made of, it sends secrets over TLS or to this machine, and breaks no protocol.
fn check_profile(profile: &Profile) {
    let origin = &profile.token_url.origin;
    assert!(origin.https || origin.is_loopback(), "{origin}");
    assert!(profile.token_url.rest.is_empty());
    assert!(!profile.client_id.is_empty() && !profile.client_id.contains(':'));
    for text in [&profile.client_id, &profile.git_username] {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    assert!(profile.scope.as_deref().is_none_or(|scope| !scope.contains(char::is_control)));
    assert!(profile.ca_file.is_some() || !profile.ca_only);
    for host in profile.hosts.iter().chain([&profile.tenant, origin]) {
        crate::origin::properties::check_origin(host);
    }
    assert_eq!(profile.identity().len(), 64);
}

#[cfg(test)]
mod tests {
    use super::super::invalid::{PROFILE_KEYS, SECRET_KEYS};
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use serde_json::json;

    /// A value: often one that some key wants.
    fn value() -> impl Strategy<Value = Value> {
        let secret =
            (select(SECRET_KEYS.to_vec()), select(vec![json!("x"), json!(true), json!(["x", "y"]), json!([])]))
                .prop_map(|(key, value)| json!({ key: value }));
        prop_oneof![
            4 => select(vec![json!("acme.example.com"), json!("acs"), json!("post"), json!(true), json!(["h:1"]), json!(5),
                json!("https://acme.example.com/x"), json!("http://127.0.0.1:3128"), json!(null), json!(["https://x"])]),
            1 => any::<String>().prop_map(Value::from),
            1 => proptest::collection::vec(any::<String>(), 0..3).prop_map(Value::from),
            2 => secret,
        ]
    }

    /// A file with one profile that may be sound.
    fn file() -> impl Strategy<Value = Value> {
        let key = prop_oneof![9 => select(PROFILE_KEYS.to_vec()).prop_map(str::to_owned), 1 => "[a-z_]{1,9}"];
        let settings = proptest::collection::vec((key, value()), 0..4);
        (settings, proptest::option::of(value())).prop_map(|(settings, default)| {
            let mut profile = json!({"tenant": "acme.example.com", "client_id": "ci-bot"});
            profile.as_object_mut().unwrap().extend(settings);
            let mut file = json!({"profiles": {"prod": profile}});
            if let Some(default) = default {
                file["$schema"] = default;
            }
            file
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_file_gives_an_impossible_profile_or_repeats_a_value(file in file()) {
            let _ = check(&file.to_string());
        }

        #[test]
        fn garbage_is_an_error(text in any::<String>(), json in "[\\[{\"a0:,}\\] ]{0,60}") {
            for text in [text, json] {
                prop_assert!(check(&text).is_err(), "{text}");
            }
        }

        #[test]
        fn a_cut_file_is_an_error_at_its_end(file in file(), at in any::<Index>()) {
            let text = file.to_string();
            let end = (0..=at.index(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            prop_assert!(check(&text[..end]).is_err(), "{}", &text[..end]);
        }
    }

    #[test]
    fn a_sound_file_is_a_profile_and_a_canary_in_it_is_not_repeated() {
        let secrets = [
            json!({"file": "x", "allow_shared_file": true}),
            json!({"env": "X"}),
            json!({"command": ["pass", "x"]}),
            json!({"keychain": true}),
        ];
        for secret in secrets {
            let text = json!({"$schema": "s", "default_profile": "prod", "profiles": {"prod": {
                "tenant": "acme.example.com", "client_id": "ci-bot", "client_secret": secret, "scope": "admin",
                "preset": "access", "token_url": "https://acme.example.com/x", "auth_style": "basic",
                "use_refresh_token": true, "hosts": ["git.example.com", "h:1"], "ca_file": "ca.pem", "ca_only": true,
                "proxy": "http://u:p@proxy:3128", "git_username": "oauth2"}}});
            assert!(check(&text.to_string()).is_ok(), "{text}");
        }
    }
}
