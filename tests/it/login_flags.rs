//! `login` with the flags of keys that no question asks for.

use serde_json::{Value, json};
use ws1_emulator::Emulator;

use crate::login::{empty, everything, login, parsed};
use crate::sandbox::{PROFILE, SECRET, assert_snapshot, source, write};

/// The keys of a profile, as the published schema lists them.
fn keys() -> Vec<String> {
    let schema = std::fs::read(source("src/config/config.schema.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    schema["$defs"]["profile"]["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_key_of_a_profile_has_a_flag() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    write(&sandbox.path("ca.pem"), b"");
    let url = emulator.url();
    let token_url = format!("{url}/acs/token");
    let args = [
        &[PROFILE, "--tenant", &url, "--client-id", "ci-bot", "--scope", "user", "--preset", "acs"][..],
        &["--token-url", &token_url, "--host", "git.example.com", "--host", "127.0.0.1:9000", "--ca-file", "ca.pem"],
        &["--ca-only", "--proxy", "http://proxy.example.com:3128", "--git-username", "git", "--auth-style", "post"],
        &["--no-refresh-token", "--no-verify", "--api", "api.example.com"],
    ]
    .concat();
    let output = login(&sandbox, &args, SECRET);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
    let connect = ["login", "connect", "--preset", "connect", "--api-token-stdin", "--org-id", "0a-1b", "--no-verify"];
    assert_eq!(sandbox.run_with_stdin(&connect, SECRET.as_bytes()).status, 0);
    let profiles = parsed(&sandbox)["profiles"].clone();
    let profile = profiles[PROFILE].clone();
    let names = |name: &str| profiles[name].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut written = [names(PROFILE), names("connect")].concat();
    written.sort();
    written.dedup();
    assert_eq!(written, keys());
    assert_eq!(names("connect"), ["api_token", "org_id", "preset", "tenant"]);
    assert_eq!(profiles["connect"]["tenant"], "https://connect.omnissa.com", "the service of all customers");
    for (key, value) in [
        ("api", json!("api.example.com")),
        ("hosts", json!(["git.example.com", "127.0.0.1:9000"])),
        ("token_url", json!(token_url)),
        ("auth_style", json!("post")),
        ("ca_only", json!(true)),
        ("proxy", json!("http://proxy.example.com:3128")),
        ("git_username", json!("git")),
        ("use_refresh_token", json!(false)),
    ] {
        assert_eq!(profile[key], value, "{key}");
    }
    let args =
        [
            &[
                "login",
                "--no-verify",
                "--token-url",
                "",
                "--host",
                "",
                "--proxy",
                "",
                "--git-username",
                "",
                "--api",
                "",
            ][..],
            &["--ca-only=false", "--use-refresh-token", "--auth-style", "basic"],
        ]
        .concat();
    assert_eq!(sandbox.run(&args).status, 0);
    let profile = parsed(&sandbox)["profiles"][PROFILE].clone();
    for key in ["hosts", "token_url", "proxy", "git_username", "api"] {
        assert_eq!(profile.get(key), None, "{key}");
    }
    assert_eq!(profile["use_refresh_token"], true);
    assert_eq!(profile["ca_only"], false);
    assert_eq!(profile["auth_style"], "basic");
}

#[test]
fn a_flag_is_proved_before_it_is_stored() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let token_url = format!("{}/acs/token", emulator.url());
    let args =
        ["--tenant", &emulator.url(), "--client-id", "ci-bot", "--token-url", &token_url, "--auth-style", "post"];
    assert_eq!(login(&sandbox, &args, SECRET).status, 0);
    let requests = emulator.requests();
    assert_eq!((requests.len(), requests[0].target.as_str()), (1, "/acs/token"));
    assert_eq!(requests[0].header("authorization"), None);
}

#[cfg_attr(windows, ignore = "the paths of the snapshot are Unix'")]
#[test]
fn a_flag_that_cannot_be_is_named_and_nothing_is_stored() {
    let emulator = Emulator::start();
    let mut sandbox = empty(&emulator);
    sandbox.name("/home/.config", "$CONFIG");
    let url = emulator.url();
    let mut page = String::new();
    for args in [
        &["--host", "https://git.example.com"][..],
        &["--host", "git.example.com", "--host", "a b"],
        &["--token-url", "http://acme.example.com/token"],
        &["--token-url", "https://a:hunter2@acme.example.com/token"],
        &["--proxy", "socks4://127.0.0.1:1"],
        &["--proxy", "http://ana:hunter2@proxy.example.com:3128"],
        &["--git-username", "a\tb"],
        &["--auth-style", "digest"],
        &["--api", "http://acme.example.com"],
        &["--region", "na"],
        &["--org-id", "0a-1b"],
        &["--api-token-stdin"],
        &["--ca-only"],
        &["--ca-only=perhaps"],
        &["--use-refresh-token", "--no-refresh-token"],
    ] {
        let all = [&["--tenant", &url, "--client-id", "ci-bot"], args].concat();
        let output = login(&sandbox, &all, SECRET);
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{args:?}: {output}");
        page.push_str(&format!("# {}\n{output}\n", args.join(" ").replace("hunter2", "SECRET")));
    }
    assert_eq!(everything(&sandbox), []);
    assert_eq!(emulator.counters().token_requests, 0);
    assert!(!page.contains("hunter2"));
    assert_snapshot!("login-flags", page);
}
