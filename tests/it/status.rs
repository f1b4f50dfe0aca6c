//! `status`: profiles and the state of their tokens, for people and as JSON.

use serde_json::{Value, json};
use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{PROFILE, Sandbox, assert_snapshot, now};

/// What `status --json` says about a profile.
fn state(sandbox: &Sandbox, profile: &str) -> Value {
    let output = sandbox.run(&["status", "--json", "--profile", profile]);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    let lines: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(lines.len(), 1);
    lines[0].clone()
}

#[test]
fn status_names_every_state() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let of = |sandbox: &Sandbox| {
        let state = state(sandbox, "prod");
        (state["token"].as_str().unwrap().to_owned(), state["refresh_token"].as_bool().unwrap())
    };
    assert_eq!(of(&sandbox), ("none".to_owned(), false));
    sandbox.run(&["get"]).token();
    for (left, expected) in [(5000, "fresh"), (300, "expiring"), (60, "due"), (4, "expired"), (-100, "expired")] {
        sandbox.age_until(left);
        assert_eq!(of(&sandbox), (expected.to_owned(), true));
        let (before, shown, after) = (now(), state(&sandbox, "prod")["expires_in"].clone(), now());
        let end = sandbox.entry()["token"]["expires_at"].as_i64().unwrap();
        match left {
            // The boot clock may be read a second later than the wall clock.
            1.. => assert!((end - after - 1..=end - before).contains(&shown.as_i64().unwrap_or(0)), "{left}: {shown}"),
            _ => assert_eq!(shown, Value::Null),
        }
    }
    sandbox.edit_entry(|entry| entry["refresh_in_flight"] = true.into());
    assert!(!of(&sandbox).1, "one that may have been consumed is none");
    assert_eq!(emulator.counters().token_requests, 1, "no network");
}

#[test]
fn status_tells_a_back_off_until_it_is_over() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play(Fault::retry_after("600"));
    assert_eq!(sandbox.run(&["get"]).status, 3);
    let backed_off = state(&sandbox, "prod");
    assert!((590..=600).contains(&backed_off["retry_in"].as_i64().unwrap()), "{backed_off}");
    assert_eq!(backed_off["problem"], "HTTP 429 too many requests");
    sandbox.age(601);
    assert_eq!(state(&sandbox, "prod")["retry_in"], Value::Null);
}

#[test]
fn status_shows_every_profile() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("A_SECRET", crate::sandbox::SECRET);
    sandbox.add_profile("backed-off", |profile| profile["scope"] = "limited".into());
    sandbox.add_profile("by-command", |profile| {
        profile["client_secret"] = json!({ "command": ["pass", "show", "x"] });
        profile["scope"] = "command".into();
        profile["tenant"] = "acme.example.com".into();
    });
    sandbox.add_profile("by-variable", |profile| {
        profile["client_secret"] = json!({ "env": "A_SECRET" });
        profile["scope"] = "variable".into();
    });
    sandbox.add_profile("no-secret", |profile| {
        profile.as_object_mut().unwrap().remove("client_secret");
        profile["scope"] = "none".into();
    });
    sandbox.add_profile("typo", |profile| profile["tennant"] = "x".into());
    sandbox.add_profile("http", |profile| profile["tenant"] = "http://acme.example.com".into());
    sandbox.run(&["get"]).token();
    sandbox.run(&["get", "--profile", "by-variable"]).token();
    emulator.play(Fault::retry_after("600"));
    assert_eq!(sandbox.run(&["get", "--profile", "backed-off"]).status, 3);
    let (blocks, json) = (sandbox.run(&["status"]), sandbox.run(&["status", "--json"]));
    for shown in [&blocks, &json] {
        assert!(!shown.stdout.contains(crate::sandbox::SECRET) && !shown.stdout.contains("eyJ"), "{shown}");
    }
    let column = (r"column \d+", "column $$NUMBER");
    assert_snapshot!(
        "status",
        blocks,
        column,
        (r"in (2 h \d+ min|3 h)", "in $$TIME"),
        (r"next attempt in .*", "next attempt in $$TIME")
    );
    assert_snapshot!("status-json", json, column, (r#""(expires_in|retry_in)": \d+"#, r#""$1": $$SECONDS"#));
    assert_eq!(emulator.counters().token_requests, 3);
}

#[test]
fn status_without_a_file_shows_the_environments_profile() {
    let mut sandbox = Sandbox::new();
    assert_snapshot!("status-nothing", sandbox.run(&["status"]));
    sandbox.set("WS1_TOKEN_TENANT", "acme.example.com").set("WS1_TOKEN_CLIENT_ID", "ci-bot");
    sandbox.set("WS1_TOKEN_CLIENT_SECRET", "hunter2");
    assert_snapshot!("status-environment", sandbox.run(&["status"]));
}

#[cfg_attr(windows, ignore = "files have no modes there")]
#[test]
fn status_says_what_is_wrong_with_a_cache_entry() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let mut all = String::new();
    let mut show = |title: &str| {
        all.push_str(&format!("# {title}\n{}\n", sandbox.run(&["status"])));
        state(&sandbox, PROFILE)
    };
    sandbox.run(&["get"]).token();
    sandbox.edit_entry(|entry| entry["refresh_in_flight"] = true.into());
    let cut_off = show("a renewal that was cut off");
    assert_eq!((&cut_off["token"], &cut_off["renewal_unfinished"]), (&json!("fresh"), &json!(true)));
    assert_eq!(cut_off["cache_problem"], Value::Null);

    let entry = std::fs::read(sandbox.entry_file()).unwrap();
    crate::sandbox::write(&sandbox.entry_file(), &entry[..entry.len() - 9]);
    let damaged = show("a damaged entry");
    assert_eq!((&damaged["token"], &damaged["cache_problem"]), (&json!("none"), &json!("the cache entry is damaged")));

    #[cfg(unix)]
    {
        crate::sandbox::write(&sandbox.entry_file(), &entry);
        crate::sandbox::set_mode(&sandbox.entry_file(), 0o644);
        let shared = show("an entry that others can read");
        assert!(shared["cache_problem"].as_str().unwrap().ends_with("is open to others (mode 0644)"), "{shared}");
        crate::sandbox::set_mode(&sandbox.entry_file(), 0o600);
        crate::sandbox::set_mode(&sandbox.cache_dir(), 0o777);
        let open = show("a directory that others can write to");
        assert_eq!((&open["token"], &open["cache_problem"]), (&json!("none"), &Value::Null), "another place is used");
        crate::sandbox::set_mode(&sandbox.cache_dir(), 0o700);
        std::fs::remove_file(sandbox.entry_file()).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", sandbox.cache_dir().join(entry_name(&sandbox))).unwrap();
        let link = show("a link");
        assert!(link["cache_problem"].as_str().unwrap().ends_with("is a link"), "{link}");
    }
    assert_snapshot!("status-cache", all, (r"in (2 h \d+ min|3 h)", "in $$TIME"));
    assert_eq!(emulator.counters().token_requests, 1);
}

/// The name that the entry of the one profile had, by its lock file.
#[cfg(unix)]
fn entry_name(sandbox: &Sandbox) -> String {
    sandbox.cached().iter().find_map(|name| name.strip_suffix(".lock")).unwrap().to_owned() + ".json"
}

#[test]
fn status_tells_failures_past_and_present() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.write_secret("wrong");
    assert_eq!(sandbox.run(&["get"]).status, 4);
    let shown = |age: i64| {
        sandbox.age(age);
        sandbox.run(&["status"]).stdout.lines().nth(4).unwrap().to_owned()
    };
    let held_back = shown(0);
    let (cause, next) = held_back.split_once(", next attempt in ").unwrap();
    assert!(cause.starts_with("  HTTP 401 invalid_client"), "{held_back}");
    assert!(next.ends_with(" UTC)"), "{held_back}");
    assert_eq!(state(&sandbox, PROFILE)["token"], "none", "as it always was");
    let over = shown(7200);
    assert!(over.starts_with(cause) && over.ends_with(", 2 h ago; the next call tries again"), "{over}");
    assert_eq!(state(&sandbox, PROFILE)["retry_at"], Value::Null);
    // Neither a changed secret nor its absence is looked at.
    std::fs::remove_file(sandbox.secret_file()).unwrap();
    assert_eq!(shown(0), over);
}

#[test]
fn status_of_one_profile_is_its_block() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.add_profile("typo", |profile| profile["tennant"] = "x".into());
    let invalid = state(&sandbox, "typo");
    assert_eq!((&invalid["token"], &invalid["default"]), (&json!("invalid"), &json!(false)));
    assert_eq!(state(&sandbox, PROFILE)["default"], true);
    let unknown = sandbox.run(&["status", "--profile", "tipo"]);
    assert_eq!((unknown.status, unknown.stdout.as_str()), (2, ""));
    assert!(unknown.stderr.contains("did you mean `typo`?"), "{unknown}");
    // The variable chooses the profile that is used when none is named, and hides none.
    sandbox.set("WS1_TOKEN_PROFILE", "typo");
    let lines = sandbox.run(&["status"]).stdout;
    let lines: Vec<&str> = lines.lines().filter(|line| !line.starts_with(' ')).collect();
    assert!(lines[0].starts_with("prod  ") && lines[1].starts_with("typo (default)  "), "{lines:?}");
}

#[test]
fn status_leaves_everything_as_it_is() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let before = crate::sandbox::names_in(&sandbox.path("home"));
    assert_eq!(sandbox.run(&["status"]).status, 0);
    assert_eq!(crate::sandbox::names_in(&sandbox.path("home")), before, "no cache directory");
    assert_eq!(emulator.counters().connections, 0);
}

#[test]
fn no_control_character_of_a_name_reaches_the_terminal() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let name = "a\u{1b}]0;x\u{7}\u{9b}2J\u{7f}";
    sandbox.add_profile(name, |profile| profile["tenant"] = "http://acme.example.com".into());
    for args in [&["status"][..], &["status", "--json"]] {
        let shown = sandbox.run(args).stdout;
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
    let lines: Vec<Value> = serde_json::from_str(&sandbox.run(&["status", "--json"]).stdout).unwrap();
    assert_eq!(lines[0]["profile"], name, "the JSON says it all the same");
}
