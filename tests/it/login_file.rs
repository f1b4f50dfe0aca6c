//! How `login` changes the configuration file: as little as possible, atomically, and one login at a time.

use serde_json::json;
use ws1_emulator::Emulator;

use crate::login::{config, empty, everything, login, parsed, stored};
use crate::sandbox::{PROFILE, SECRET, Sandbox, assert_snapshot, names_in, write};

/// A configuration as a person writes it.
const BY_HAND: &str = r#"{
    "default_profile" : "prod",

    "profiles": {
        "staging":   {"tenant": "staging.example.com", "client_id":"s",
                      "client_secret": {"command": ["pass", "s"]}},
        "prod": {
            "hosts": [ "git.example.com",
                       "127.0.0.1:9000" ],
            "tenant": "$URL/SAAS", "client_id": "old-bot",
            "use_refresh_token": false
        }
    }
}
"#;

#[test]
fn an_update_changes_only_what_differs() {
    let emulator = Emulator::builder().client("ci-bot", SECRET).start().unwrap();
    let sandbox = empty(&emulator);
    let before = BY_HAND.replace("$URL", &emulator.url());
    sandbox.write_config_text(&before);
    assert_eq!(login(&sandbox, &["--client-id", "ci-bot"], SECRET).status, 0);
    let name = |profile: &str| stored(&sandbox, profile).file_name().unwrap().to_str().unwrap().to_owned();
    let prod = name(PROFILE);
    let secret = format!("\"use_refresh_token\": false,\n            \"client_secret\": {{ \"file\": \"{prod}\" }}");
    let after = before.replace("old-bot", "ci-bot").replace("\"use_refresh_token\": false", &secret);
    assert_eq!(config(&sandbox), after);
    let same = format!("{}/SAAS/apps/#!/bookmarks", emulator.url());
    assert_eq!(login(&sandbox, &["--tenant", &same], SECRET).status, 0);
    assert_eq!(config(&sandbox), after, "the same tenant, however it is written");
    let args = ["new", "--tenant", &emulator.url(), "--client-id", "ci-bot", "--scope", "user"];
    assert_eq!(login(&sandbox, &args, SECRET).status, 0);
    let new = format!(
        "        }},\n        \"new\": {{\n            \"tenant\": \"{}\",\n            \"client_id\": \"ci-bot\",\n            \
         \"client_secret\": {{ \"file\": \"{}\" }},\n            \"scope\": \"user\"\n        }}\n    }}\n}}\n",
        emulator.url(),
        name("new")
    );
    assert_eq!(config(&sandbox), after.replace("        }\n    }\n}\n", &new));
    assert_eq!(sandbox.run(&["login", "new", "--scope", ""]).status, 0);
    assert_eq!(parsed(&sandbox)["profiles"]["new"].get("scope"), None);
}

#[test]
fn a_file_that_is_not_understood_is_not_touched() {
    let emulator = Emulator::start();
    let mut page = String::new();
    for text in [
        "{ \"profiles\": { \"other\": { \"tennant\": \"x\", \"client_id\": \"c\" } } }",
        "{ \"profiles\": { \"other\": { \"tenant\": \"x\", \"client_secret\": { \"flie\": \"x\" } } }, \"default\": \"x\" }",
        "{ \"profiles\": { \"prod\": { \"hosts\": \"git.example.com\" } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"x\", } } }",
        "{ \"profiles\": { \"prod\": { \"tenant\": \"x\"",
        "[]",
    ] {
        let sandbox = empty(&emulator);
        sandbox.write_config_text(text);
        let output = login(&sandbox, &["prod", "--tenant", &emulator.url(), "--client-id", "ci-bot"], SECRET);
        assert_eq!((output.status, config(&sandbox).as_str()), (2, text), "{output}");
        assert_eq!(everything(&sandbox).len(), 1, "{text}");
        page.push_str(&format!("# {text}\n{output}\n"));
    }
    assert_eq!(emulator.counters().token_requests, 0);
    assert_snapshot!("login-config", page);
}

#[test]
fn an_empty_file_is_none() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    sandbox.write_config_text(" \n");
    assert_eq!(login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot"], SECRET).status, 0);
    assert!(config(&sandbox).starts_with("{\n  \"default_profile\": \"default\",\n"));
}

#[test]
fn a_second_profile_leaves_the_default_as_it_was() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let first = json!({ "profiles": { "first": { "tenant": "first.example.com", "client_id": "f" } } });
    sandbox.write_config(&first);
    let output = login(&sandbox, &["second", "--tenant", &emulator.url(), "--client-id", "ci-bot"], SECRET);
    assert_eq!(parsed(&sandbox)["default_profile"], "first", "calls without a name went there before");
    assert_snapshot!("login-second", output);
}

#[cfg(unix)]
#[test]
fn a_linked_configuration_is_changed_where_it_is_kept() {
    let emulator = Emulator::start();
    for (exists, mode) in [(true, 0o644), (true, 0o600), (true, 0o400), (false, 0o600)] {
        let sandbox = empty(&emulator);
        let kept = sandbox.path("dotfiles/ws1/config.json");
        std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
        std::fs::create_dir_all(sandbox.config_file().parent().unwrap()).unwrap();
        if exists {
            write(&kept, b"{}");
            crate::sandbox::set_mode(&kept, mode);
        }
        std::os::unix::fs::symlink("../../../dotfiles/ws1/config.json", sandbox.config_file()).unwrap();
        let output = login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot"], SECRET);
        assert_eq!(output.status, 0, "{output}");
        assert!(std::fs::symlink_metadata(sandbox.config_file()).unwrap().is_symlink());
        assert_eq!(parsed(&sandbox)["default_profile"], "default");
        assert_eq!(crate::sandbox::mode(&kept), mode, "the mode stays as its owner wants it");
        assert_eq!(
            names_in(kept.parent().unwrap()),
            ["config.json"],
            "the secret is beside the link, not in the dotfiles"
        );
        assert!(stored(&sandbox, "default").exists());
        sandbox.run(&["get"]).token();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_configuration_of_somebody_else_stays_theirs() {
    use std::os::unix::fs::{MetadataExt, chown};
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    sandbox.write_config_text("{}");
    if let Err(error) = chown(sandbox.config_file(), Some(54321), Some(54321)) {
        crate::skip::skip("root", &format!("chown: {error}"));
        return;
    }
    assert_eq!(login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot"], SECRET).status, 0);
    let meta = std::fs::metadata(sandbox.config_file()).unwrap();
    assert_eq!((meta.uid(), meta.gid(), parsed(&sandbox)["default_profile"].as_str()), (54321, 54321, Some("default")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_configuration_that_cannot_be_written_leaves_no_secret() {
    let emulator = Emulator::start();
    let mut sandbox = empty(&emulator);
    std::fs::create_dir_all(sandbox.config_file().parent().unwrap()).unwrap();
    // It does not exist, and not even root can create it.
    std::os::unix::fs::symlink("/proc/nowhere/config.json", sandbox.config_file()).unwrap();
    sandbox.name("/home/.config", "$CONFIG");
    let output = login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot"], SECRET);
    assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output}");
    assert_eq!(names_in(sandbox.config_file().parent().unwrap()), [".config.json.lock", "config.json"]);
    assert_snapshot!("login-unwritable", output);
}

#[test]
fn logins_at_once_lose_nothing() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    sandbox.write_secret(SECRET);
    let names: Vec<String> = (0..24).map(|number| format!("p{number}")).collect();
    let url = emulator.url();
    let children: Vec<_> = names
        .iter()
        .map(|name| {
            let mut login =
                sandbox.command(&["login", name, "--tenant", &url, "--client-id", "ci-bot", "--scope", name]);
            login.args(["--store", "file"]).env("WS1_TOKEN_CLIENT_SECRET", SECRET);
            sandbox.start(login)
        })
        .collect();
    for child in children {
        let output = sandbox.wait(child);
        assert_eq!(output.status, 0, "{output}");
    }
    let file = parsed(&sandbox);
    for name in &names {
        assert_eq!(file["profiles"][name]["scope"], *name);
        assert!(stored(&sandbox, name).exists());
    }
    assert!(names.iter().any(|name| file["default_profile"] == *name), "the first of them");
    assert_eq!(everything(&sandbox).len(), 25, "and no temporary file");
}

#[cfg(unix)]
#[test]
fn a_login_waits_for_another_that_writes() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    sandbox.write_config_text("{}");
    let file = std::fs::File::create(sandbox.config_file().with_file_name(".config.json.lock")).unwrap();
    fs2::FileExt::try_lock_exclusive(&file).unwrap();
    let output = login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot"], SECRET);
    assert_eq!((output.status, config(&sandbox).as_str()), (3, "{}"));
    assert!(!stored(&sandbox, "default").exists());
    assert_snapshot!("login-locked", output);
}

#[test]
fn a_changed_tenant_takes_its_token_url_along() {
    let emulator = Emulator::start();
    let other = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["token_url"] = format!("{}/acs/token", emulator.url()).into());
    assert_eq!(login(&sandbox, &["--scope", "user"], SECRET).status, 0);
    assert_eq!(emulator.requests().last().unwrap().target, "/acs/token", "kept as long as the tenant is the same");
    sandbox.name(&other.host(), "$OTHER");
    let output = login(&sandbox, &["--tenant", &other.url()], SECRET);
    assert_eq!((output.status, other.counters().token_requests), (0, 1), "{output}");
    assert_eq!(parsed(&sandbox)["profiles"][PROFILE].get("token_url"), None);
    assert_snapshot!("login-moved", output);
}
