//! `login` in scripts: where each value comes from, what is proved, what is stored, and what a failure leaves behind.

use std::path::PathBuf;

use serde_json::{Value, json};
use ws1_emulator::{Emulator, Fault, TlsFault};

use crate::sandbox::{Output, PROFILE, SECRET, Sandbox, assert_snapshot, names_in, write};

/// A home without configuration, with a tenant that its outputs call `$TENANT`.
pub(crate) fn empty(emulator: &Emulator) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.name(&emulator.host(), "$TENANT");
    sandbox
}

/// Runs `login` with the secret on standard input.
pub(crate) fn login(sandbox: &Sandbox, args: &[&str], secret: &str) -> Output {
    let args: Vec<&str> = ["login"].iter().chain(args).chain(&["--secret-stdin"]).copied().collect();
    sandbox.run_with_stdin(&args, secret.as_bytes())
}

/// The text of the configuration.
pub(crate) fn config(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.config_file()).unwrap()
}

/// The configuration as JSON.
pub(crate) fn parsed(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&config(sandbox)).unwrap()
}

/// Where `login` keeps the secret of a profile.
pub(crate) fn stored(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.stored_secret(name)
}

/// Everything in the configuration's directory and its content; nothing if it is not there.
pub(crate) fn everything(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    let dir = sandbox.config_file().parent().unwrap().to_owned();
    if !dir.exists() {
        return Vec::new();
    }
    let names = names_in(&dir).into_iter().filter(|name| name != ".config.json.lock");
    names.map(|name| (name.clone(), std::fs::read(dir.join(&name)).unwrap())).collect()
}

#[test]
fn a_script_makes_a_profile_and_has_a_token() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let output = login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot"], "emulator-secret\n");
    let counters = emulator.counters();
    assert_eq!((counters.token_requests, counters.client_credentials), (1, 1));
    assert!(emulator.issued().contains(&sandbox.run(&["get"]).token()));
    assert_eq!(emulator.counters().token_requests, 1, "the token of the proof is served");
    assert_eq!(std::fs::read_to_string(stored(&sandbox, "default")).unwrap(), "emulator-secret\n");
    let text = config(&sandbox).replace(&emulator.host(), "$TENANT");
    assert_snapshot!("login-script", format!("{output}\n{text}"));
}

#[cfg(unix)]
#[test]
fn what_is_stored_is_private_under_any_umask() {
    for umask in ["0", "022", "077", "177", "777"] {
        let emulator = Emulator::start();
        let sandbox = empty(&emulator);
        let mut shell = sandbox.program("sh");
        let line = "umask $1; echo emulator-secret | \"$0\" login --tenant $2 --client-id ci-bot --secret-stdin";
        shell.args(["-c", line, crate::sandbox::binary(), umask, &emulator.url()]);
        let output = sandbox.finish(shell);
        assert_eq!(output.status, 0, "{umask}: {output}");
        let dir = sandbox.config_file().parent().unwrap().to_owned();
        for file in [dir.join(".config.json.lock"), sandbox.config_file(), stored(&sandbox, "default")] {
            assert_eq!(crate::sandbox::mode(&file), 0o600, "{umask} {}", file.display());
        }
        assert_eq!(crate::sandbox::mode(&dir), 0o700, "{umask}");
        assert_eq!(names_in(&dir).len(), 3, "and no temporary file");
    }
}

#[cfg_attr(windows, ignore = "a reset is an early end there")]
#[test]
fn a_refused_login_leaves_nothing_behind() {
    let emulator = Emulator::start();
    let tls = Emulator::builder().tls().start().unwrap();
    let expired = Emulator::builder().tls_with(TlsFault::Expired).start().unwrap();
    let mut page = String::new();
    let (url, host) = (emulator.url(), emulator.host());
    for (title, tenant, fault, status) in [
        ("a wrong secret", url.as_str(), Fault::oauth_error(401, "invalid_client", "Client authentication failed"), 4),
        ("a wrong scope", &url, Fault::oauth_error(400, "invalid_scope", "no such scope"), 4),
        ("403", &url, Fault::status(403), 4),
        ("429", &url, Fault::retry_after("30"), 3),
        ("503", &url, Fault::status(503), 3),
        ("a portal page", &url, Fault::Html, 5),
        ("a redirect", &url, Fault::Redirect { code: 302, location: "https://other.example.com/login".to_owned() }, 5),
        ("a reset", &url, Fault::Reset, 3),
        ("nobody there", "http://127.0.0.1:1", Fault::Reset, 3),
        ("an unknown certificate", &tls.url(), Fault::Reset, 2),
        ("an expired certificate", &expired.url(), Fault::Reset, 2),
    ] {
        let mut sandbox = empty(&emulator);
        sandbox.name(&tls.host(), "$TLS").name(&expired.host(), "$EXPIRED");
        emulator.play_always(fault);
        let output = login(&sandbox, &["prod", "--tenant", tenant, "--client-id", "ci-bot"], SECRET);
        assert_eq!((output.status, output.stdout.as_str()), (status, ""), "{title}: {output}");
        assert_eq!(everything(&sandbox), [], "{title}");
        assert!(
            !sandbox.cache_dir().exists() || sandbox.cached().iter().all(|name| name.ends_with(".lock")),
            "{title}"
        );
        page.push_str(&format!("# {title}\n{output}\n"));
    }
    assert!(!page.contains(&host));
    assert_snapshot!("login-refused", page, (r"\d{9,}", "$$NUMBER"));
}

#[test]
fn a_refused_login_changes_nothing_that_is_there() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    let (before, entry) = (everything(&sandbox), std::fs::read(sandbox.entry_file()).unwrap());
    for args in
        [&["prod"][..], &["--client-id", "ci-bot"], &["other", "--tenant", &emulator.url(), "--client-id", "ci-bot"]]
    {
        assert_eq!(login(&sandbox, args, "wrong").status, 4, "{args:?}");
        assert_eq!(everything(&sandbox), before, "{args:?}");
        assert_eq!(std::fs::read(sandbox.entry_file()).unwrap(), entry, "{args:?}");
    }
    assert_eq!(sandbox.run(&["get"]).token(), token);
    assert_eq!(emulator.counters().refresh, 0, "credentials alone are proved");
}

#[test]
fn a_login_ends_a_back_off_and_is_not_held_back_by_one() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play(Fault::retry_after("600"));
    assert_eq!(sandbox.run(&["get"]).status, 3);
    assert_eq!(sandbox.run(&["get"]).status, 3);
    assert_eq!(emulator.counters().token_requests, 1);
    assert_eq!(sandbox.run(&["login"]).status, 0, "a script keeps what is there");
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn a_login_never_runs_beside_another_request() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play(Fault::Hang);
    let get = sandbox.start(sandbox.command(&["get"]));
    crate::sandbox::wait_until("the request is sent", || emulator.counters().token_requests == 1);
    let login = sandbox.start(sandbox.command(&["login"]));
    emulator.release();
    assert_eq!((sandbox.wait(get).status, sandbox.wait(login).status), (0, 0));
    let counters = emulator.counters();
    assert_eq!((counters.token_requests, counters.max_in_flight), (2, 1));
}

#[test]
fn the_profile_is_the_one_that_is_meant() {
    let emulator = Emulator::start();
    let profile = json!({ "tenant": emulator.url(), "client_id": "ci-bot" });
    let one = json!({ "profiles": { "only": profile } });
    let two = json!({ "default_profile": "b", "profiles": { "a": profile, "b": profile } });
    for (file, variable, args, meant) in [
        (None, "", &[][..], "default"),
        (None, "", &["prod"], "prod"),
        (None, "", &["--profile", "prod"], "prod"),
        (None, "ci", &[], "ci"),
        (None, "ci", &["prod"], "prod"),
        (Some(&one), "", &[], "only"),
        (Some(&one), "", &["new"], "new"),
        (Some(&two), "", &[], "b"),
        (Some(&two), "a", &[], "a"),
    ] {
        let mut sandbox = empty(&emulator);
        if let Some(file) = file {
            sandbox.write_config(file);
        }
        sandbox.set("WS1_TOKEN_PROFILE", variable);
        let mut all = vec!["--tenant", "x", "--client-id", "ci-bot"];
        let url = emulator.url();
        all[1] = &url;
        all.extend(args);
        let output = login(&sandbox, &all, SECRET);
        assert_eq!(output.status, 0, "{args:?}: {output}");
        assert!(stored(&sandbox, meant).exists(), "{args:?}");
        // The commands that are printed go by this profile.
        let next = output.stdout.lines().find(|line| line.ends_with(" get")).unwrap().trim().to_owned();
        let words: Vec<&str> = next.split(' ').skip(1).collect();
        assert_eq!(words.contains(&"--profile"), words.contains(&meant), "{next}");
        sandbox.run(&words).token();
        assert_eq!(emulator.counters().max_in_flight, 1);
    }
}

#[test]
fn a_new_name_can_be_typed_and_be_a_files() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let mut page = String::new();
    for name in ["../prod", ".prod", "a/b", "a b", "prod\u{e9}", "", "-x"] {
        let args = ["--tenant", &emulator.url(), "--client-id", "ci-bot", &format!("--profile={name}")];
        let output = login(&sandbox, &args, SECRET);
        assert_eq!(output.status, 2, "{name}: {output}");
        page.push_str(&format!("# {name}\n{output}\n"));
    }
    assert_eq!(everything(&sandbox), []);
    assert_snapshot!("login-names", page);
}

#[test]
fn variables_are_values_too() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let mut sandbox = empty(&emulator);
    write(&sandbox.path("ca.pem"), emulator.ca_pem().unwrap().as_bytes());
    sandbox.set_profile(&format!("{}/SAAS/apps", emulator.url())).set("WS1_TOKEN_SCOPE", "user");
    sandbox.set("WS1_TOKEN_CA_FILE", "ca.pem");
    let output = sandbox.run(&["login", "prod"]);
    assert_eq!(output.status, 0, "{output}");
    for name in ["TENANT", "CLIENT_ID", "CLIENT_SECRET", "SCOPE", "CA_FILE"] {
        sandbox.unset(&format!("WS1_TOKEN_{name}"));
    }
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 1);
    let profile = parsed(&sandbox)["profiles"]["prod"].clone();
    let name = stored(&sandbox, "prod").file_name().unwrap().to_str().unwrap().to_owned();
    let expected = json!({ "tenant": emulator.url(), "client_id": "ci-bot", "client_secret": { "file": name },
        "scope": "user", "ca_file": sandbox.path("ca.pem") });
    assert_eq!(profile, expected);
    assert_eq!(std::fs::read_to_string(stored(&sandbox, "prod")).unwrap(), format!("{SECRET}\n"), "a copy");
}

#[test]
fn a_file_of_the_users_is_only_named() {
    let emulator = Emulator::start();
    for by_flag in [true, false] {
        let mut sandbox = empty(&emulator);
        sandbox.write_secret(SECRET);
        let url = emulator.url();
        let mut args = vec!["login", "--tenant", &url, "--client-id", "ci-bot"];
        if by_flag {
            args.extend(["--client-secret-file", "client.secret"]);
        } else {
            sandbox.set("WS1_TOKEN_CLIENT_SECRET_FILE", "client.secret");
        }
        let output = sandbox.run(&args);
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
        let named = &parsed(&sandbox)["profiles"]["default"]["client_secret"];
        assert_eq!(*named, json!({ "file": sandbox.secret_file() }));
        assert_eq!(everything(&sandbox).len(), 1, "no copy");
        sandbox.unset("WS1_TOKEN_CLIENT_SECRET_FILE");
        assert_eq!(sandbox.run(&["login"]).status, 0, "and kept");
        assert_eq!(parsed(&sandbox)["profiles"]["default"]["client_secret"], json!({ "file": sandbox.secret_file() }));
        assert_eq!(sandbox.run(&["login", "--store", "file"]).status, 0, "but stored on request");
        assert!(stored(&sandbox, "default").exists());
        assert!(sandbox.secret_file().exists(), "what is not ours stays");
        let back = sandbox.run(&["login", "--client-secret-file", "client.secret"]);
        assert!(back.stdout.contains("\nremoved   the secret of file "), "{back}");
        assert_eq!(everything(&sandbox).len(), 1, "and the copy goes when it is no longer used");
    }
}

#[cfg(unix)]
#[test]
fn a_source_that_the_profile_has_is_kept() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("A_SECRET", SECRET);
    for source in [json!({ "env": "A_SECRET" }), json!({ "command": ["echo", SECRET] })] {
        sandbox.edit_profile(|profile| profile["client_secret"] = source.clone());
        let output = sandbox.run(&["login", "--scope", "user"]);
        assert_eq!(output.status, 0, "{output}");
        assert_eq!(parsed(&sandbox)["profiles"][PROFILE]["client_secret"], source);
        assert!(!stored(&sandbox, PROFILE).exists());
    }
    assert_eq!(login(&sandbox, &[], SECRET).status, 0, "a new one takes its place");
    assert!(stored(&sandbox, PROFILE).exists());
}

#[test]
fn what_is_missing_is_named_where_nobody_can_be_asked() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let url = emulator.url();
    let mut page = String::new();
    for args in [
        &["login"][..],
        &["login", "--tenant", &url],
        &["login", "--tenant", &url, "--client-id", "ci-bot"],
        &["login", "--client-id", "ci-bot", "--secret-stdin"],
        &["login", "--tenant", "http://acme.example.com", "--client-id", "ci-bot", "--secret-stdin"],
        &["login", "--tenant", "https://ana:hunter2@acme.example.com", "--client-id", "ci-bot", "--secret-stdin"],
        &["login", "--tenant", "", "--client-id", "ci-bot", "--secret-stdin"],
        &["login", "--tenant", &url, "--client-id", "ci:bot", "--secret-stdin"],
        &["login", "--tenant", &url, "--client-id", "ci-bot", "--scope", "\u{e9}", "--secret-stdin"],
        &["login", "--tenant", &url, "--client-id", "ci-bot", "--client-secret-file", "nowhere"],
        &["login", "--tenant", &url, "--client-id", "ci-bot", "--ca-file", "nowhere", "--secret-stdin"],
        &["login", "--store", "keychain", "--client-secret-file", "x"],
        &["login", "--import", "x", "--tenant", "x"],
        &["login", "prod", "--profile", "prod"],
    ] {
        let output = sandbox.run_with_stdin(args, SECRET.as_bytes());
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{args:?}: {output}");
        let shown = args.join(" ").replace(&url, "$URL").replace("hunter2", "SECRET");
        page.push_str(&format!("# ws1-token {shown}\n{output}\n"));
    }
    assert_eq!(everything(&sandbox), []);
    assert_eq!(emulator.counters().token_requests, 0);
    assert!(!page.contains("hunter2"));
    assert_snapshot!("login-missing", page);
}

#[test]
fn the_secret_on_standard_input_is_one_line() {
    let emulator = Emulator::builder().client("ci-bot", "a b").client("spaced", " a ").start().unwrap();
    let mut page = String::new();
    for (input, client, status) in [
        ("a b", "ci-bot", 0),
        ("a b\n", "ci-bot", 0),
        ("a b\r\n", "ci-bot", 0),
        (" a \n", "spaced", 0),
        ("a b\n\n", "ci-bot", 2),
        ("a\nb\n", "ci-bot", 2),
        ("", "ci-bot", 2),
        ("\n", "ci-bot", 2),
        ("a\tb\n", "ci-bot", 2),
    ] {
        let sandbox = empty(&emulator);
        let output = login(&sandbox, &["--tenant", &emulator.url(), "--client-id", client], input);
        assert_eq!(output.status, status, "{input:?}: {output}");
        if status == 2 {
            page.push_str(&format!("# {input:?}\n{output}\n"));
            assert_eq!(everything(&sandbox), []);
        }
    }
    let sandbox = empty(&emulator);
    let many = "x".repeat(17_000);
    let output = login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot"], &many);
    page.push_str(&format!("# 17,000 letters\n{output}"));
    assert_snapshot!("login-stdin", page);
}

#[test]
fn a_preset_is_stored_and_decides_on_the_url() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    for (preset, path) in [
        ("acs", "/acs/token"),
        ("vidb", "/acs/t/CUSTOMER/token"),
        ("uem", "/connect/token"),
        ("access", "/SAAS/auth/oauthtoken"),
    ] {
        let output =
            login(&sandbox, &["--tenant", &emulator.url(), "--client-id", "ci-bot", "--preset", preset], SECRET);
        assert_eq!(output.status, 0, "{output}");
        assert_eq!(emulator.requests().last().unwrap().target, path);
        assert_eq!(parsed(&sandbox)["profiles"]["default"]["preset"], preset);
    }
}

#[test]
fn without_proof_nobody_is_asked() {
    let sandbox = Sandbox::new();
    let output = login(&sandbox, &["--tenant", "acme.example.com", "--client-id", "ci-bot", "--no-verify"], SECRET);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    assert!(!sandbox.cache_dir().exists());
    assert_snapshot!("login-no-verify", output);
}

#[test]
fn a_store_that_is_not_there_is_refused_before_a_request() {
    let emulator = Emulator::start();
    let sandbox = empty(&emulator);
    let args = ["--tenant", &emulator.url(), "--client-id", "ci-bot", "--store", "keychain"];
    let output = login(&sandbox, &args, SECRET);
    assert_eq!((output.status, output.stdout.as_str()), (2, ""));
    assert_eq!(emulator.counters().token_requests, 0);
    assert_eq!(everything(&sandbox), []);
    assert_snapshot!("login-keychain", output);
}

#[test]
fn variables_that_would_win_are_told() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("WS1_TOKEN_TENANT", "other.example.com").set("WS1_TOKEN_CLIENT_ID", "ci-bot");
    sandbox.set("WS1_TOKEN_CLIENT_SECRET", "another").set("WS1_TOKEN_SCOPE", "user").set("WS1_TOKEN_PROFILE", "else");
    let output = login(&sandbox, &["prod", "--tenant", &emulator.url(), "--scope", "admin"], SECRET);
    assert_snapshot!("login-overridden", output);
}

#[test]
fn a_stored_secret_goes_to_no_other_tenant_or_client() {
    let (emulator, other) = (Emulator::start(), Emulator::start());
    let sandbox = empty(&emulator);
    assert_eq!(login(&sandbox, &[PROFILE, "--tenant", &emulator.url(), "--client-id", "ci-bot"], SECRET).status, 0);
    let (before, sent) = (everything(&sandbox), emulator.requests().len());
    let (tenant, token_url) = (other.url(), format!("{}/x", other.url()));
    for (variable, args) in [
        (("WS1_TOKEN_TENANT", tenant.as_str()), &[][..]),
        (("WS1_TOKEN_CLIENT_ID", "other"), &[]),
        (("", ""), &["--tenant", &tenant]),
        (("", ""), &["--token-url", &token_url]),
        (("", ""), &["--client-id", "other"]),
        (("", ""), &["--tenant", &tenant, "--no-verify"]),
        (("", ""), &["--tenant", &tenant, "--store", "file"]),
    ] {
        let mut command = sandbox.command(&[&["login", PROFILE], args].concat());
        if !variable.0.is_empty() {
            command.env(variable.0, variable.1);
        }
        let output = sandbox.finish(command);
        assert_eq!(output.status, 2, "{variable:?} {args:?}: {output}");
        assert!(output.stderr.contains("is for another tenant or client\n"), "{output}");
        assert_eq!(everything(&sandbox), before, "{variable:?} {args:?}");
    }
    assert_eq!((other.requests().len(), emulator.requests().len()), (0, sent));
    assert_eq!(login(&sandbox, &[PROFILE, "--tenant", &other.url()], SECRET).status, 0, "with a secret of its own");
    assert_eq!(parsed(&sandbox)["profiles"][PROFILE]["tenant"], other.url());
}

#[test]
fn a_secret_from_anywhere_belongs_to_its_profile() {
    let (emulator, other) = (Emulator::start(), Emulator::start());
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("A_SECRET", SECRET);
    for source in
        [json!({ "file": sandbox.secret_file() }), json!({ "env": "A_SECRET" }), json!({ "command": ["echo", SECRET] })]
    {
        sandbox.edit_profile(|profile| profile["client_secret"] = source.clone());
        let before = everything(&sandbox);
        let output = sandbox.run(&["login", "--tenant", &other.url()]);
        assert_eq!((output.status, everything(&sandbox)), (2, before), "{source}: {output}");
    }
    assert_eq!(other.requests().len() + emulator.requests().len(), 0);
}

#[test]
fn a_kept_secret_does_not_join_a_profile_that_changed_meanwhile() {
    let (emulator, other) = (Emulator::start(), Emulator::start());
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play(Fault::Hang);
    let keeps = sandbox.start(sandbox.command(&["login", "--scope", "user"]));
    crate::sandbox::wait_until("the request is sent", || emulator.counters().token_requests == 1);
    assert_eq!(login(&sandbox, &["--tenant", &other.url()], SECRET).status, 0);
    let before = everything(&sandbox);
    emulator.release();
    let output = sandbox.wait(keeps);
    assert_eq!((output.status, everything(&sandbox)), (3, before), "{output}");
    assert!(output.stderr.starts_with("error: another login changed profile `prod` meanwhile\n"), "{output}");
}
