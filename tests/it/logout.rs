//! `logout`: what is dropped, what is left alone, and what the tenant is told.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::json;
use ws1_emulator::Emulator;

use crate::sandbox::{Output, PROFILE, SECRET, Sandbox, assert_snapshot};
use crate::stub::{Stub, response};

/// A home with the profile `prod` as `login` makes it, and a token in its cache.
fn logged_in(emulator: &Emulator) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.name(&emulator.host(), "$TENANT");
    let args = ["login", PROFILE, "--tenant", &emulator.url(), "--client-id", "ci-bot", "--secret-stdin"];
    let output = sandbox.run_with_stdin(&args, SECRET.as_bytes());
    assert_eq!(output.status, 0, "{output}");
    sandbox
}

/// Where `login` keeps the secret of `prod`.
fn secret(sandbox: &Sandbox) -> PathBuf {
    sandbox.stored_secret(PROFILE)
}

/// The tokens of the cache entry: access and refresh.
fn tokens(sandbox: &Sandbox) -> [String; 2] {
    let entry = sandbox.entry();
    [&entry["token"]["access_token"], &entry["refresh_token"]]
        .map(|token| token.as_str().unwrap_or_default().to_owned())
}

/// Whether nothing of the profile is left but the profile itself.
fn assert_dropped(sandbox: &Sandbox, output: &Output) {
    assert!(!secret(sandbox).exists(), "{output}");
    assert!(sandbox.cached().iter().all(|name| name.ends_with(".lock")), "{output}");
    let get = sandbox.run(&["get"]);
    assert_eq!(get.status, 2);
    assert!(get.stderr.ends_with("hint: run `ws1-token login prod`\n"), "{get}");
}

#[test]
fn a_logout_drops_the_token_and_the_secret_and_keeps_the_profile() {
    let emulator = Emulator::start();
    let sandbox = logged_in(&emulator);
    let config = std::fs::read(sandbox.config_file()).unwrap();
    let access = tokens(&sandbox)[0].clone();
    let first = sandbox.run(&["logout"]);
    assert_dropped(&sandbox, &first);
    assert_eq!(std::fs::read(sandbox.config_file()).unwrap(), config);
    assert!(emulator.is_valid(&access), "the tenant was not asked");
    let second = sandbox.run(&["logout", PROFILE]);
    assert_snapshot!("logout", format!("{first}\n# again\n{second}\n# get\n{}", sandbox.run(&["get"])));
    let again = sandbox.run_with_stdin(&["login", "--secret-stdin"], SECRET.as_bytes());
    assert_eq!(again.status, 0, "{again}");
    sandbox.run(&["get"]).token();
}

#[test]
fn without_a_cache_what_other_runs_have_cached_is_dropped_and_no_directory_is_made() {
    let emulator = Emulator::start();
    for (args, is_logout) in [
        (&["logout"][..], true),
        (&["logout", "--revoke"], true),
        (&["forget"], false),
        (&["forget", "--all"], false),
        (&["terraform", "forget", "localhost"], false),
    ] {
        let mut sandbox = logged_in(&emulator);
        if args[0] == "terraform" {
            sandbox.edit_profile(|profile| profile["hosts"] = json!(["localhost"]));
        }
        let access = tokens(&sandbox)[0].clone();
        sandbox.set("WS1_TOKEN_NO_CACHE", "1");
        let output = sandbox.run(args);
        assert_eq!(output.status, 0, "{args:?}: {output}");
        assert!(sandbox.cached().iter().all(|name| name.ends_with(".lock")), "{args:?}: {output}");
        assert_eq!(output.stdout.contains("token     dropped"), is_logout, "{args:?}: {output}");
        assert_eq!(emulator.is_valid(&access), !args.contains(&"--revoke"), "{args:?}: {output}");
        std::fs::remove_dir_all(sandbox.cache_dir()).unwrap();
        let again = sandbox.run(args);
        assert_eq!((again.stderr.contains("cache"), sandbox.cache_dir().exists()), (false, false), "{args:?}: {again}");
    }
}

#[cfg_attr(windows, ignore = "it runs programs of POSIX")]
#[test]
fn a_secret_that_login_did_not_store_is_left_alone() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("A_SECRET", SECRET);
    let mut page = String::new();
    for source in [
        json!({ "file": sandbox.secret_file() }),
        json!({ "env": "A_SECRET" }),
        json!({ "command": ["echo", SECRET] }),
        json!(null),
    ] {
        sandbox.edit_profile(|profile| profile["client_secret"] = source.clone());
        if source.is_null() {
            sandbox.edit_profile(|profile| drop(profile.as_object_mut().unwrap().remove("client_secret")));
        } else {
            sandbox.run(&["get"]).token();
        }
        let output = sandbox.run(&["logout"]);
        assert!(sandbox.secret_file().exists());
        page.push_str(&format!("# {source}\n{output}\n").replace(&sandbox.path("").display().to_string(), "$SANDBOX/"));
    }
    let mut environment = Sandbox::new();
    environment.set_profile("acme.example.com");
    page.push_str(&format!("# the environment's profile\n{}", environment.run(&["logout"])));
    assert_snapshot!("logout-left-alone", page);
}

#[test]
fn a_secret_for_another_tenant_or_client_stays_with_its_token() {
    let (emulator, other) = (Emulator::start(), Emulator::start());
    let mut sandbox = logged_in(&emulator);
    let token = sandbox.run(&["get"]).token();
    let file = secret(&sandbox).display().to_string();
    for (tenant, client, variable, value) in [
        (other.url(), "other", "WS1_TOKEN_CLIENT_SECRET", "z"),
        (other.url(), "ci-bot", "WS1_TOKEN_CLIENT_SECRET", "z"),
        (emulator.url(), "other", "WS1_TOKEN_CLIENT_SECRET", "z"),
        (other.url(), "ci-bot", "WS1_TOKEN_CLIENT_SECRET_FILE", &file),
    ] {
        sandbox.set("WS1_TOKEN_TENANT", tenant).set("WS1_TOKEN_CLIENT_ID", client).set(variable, value);
        let output = sandbox.run(&["logout"]);
        assert_eq!(output.status, 0, "{output}");
        let kept = "secret    kept: that of profile `prod` is for another tenant or client\n";
        assert!(output.stdout.ends_with(kept), "{output}");
        for name in ["WS1_TOKEN_TENANT", "WS1_TOKEN_CLIENT_ID", variable] {
            sandbox.unset(name);
        }
        assert!(secret(&sandbox).exists(), "{output}");
        assert_eq!(sandbox.run(&["get"]).token(), token);
    }
}

#[test]
fn a_logout_with_another_scope_drops_the_profiles_own_token_too() {
    let emulator = Emulator::start();
    let mut sandbox = logged_in(&emulator);
    let own = sandbox.run(&["get"]).token();
    sandbox.set("WS1_TOKEN_SCOPE", "user");
    let scoped = sandbox.run(&["get"]).token();
    let output = sandbox.run(&["logout", "--revoke"]);
    sandbox.unset("WS1_TOKEN_SCOPE");
    assert_eq!(output.status, 0, "{output}");
    assert_dropped(&sandbox, &output);
    assert!(!emulator.is_valid(&own) && !emulator.is_valid(&scoped), "{output}");
}

#[test]
fn a_secret_that_another_profile_uses_stays() {
    let emulator = Emulator::start();
    let sandbox = logged_in(&emulator);
    sandbox.add_profile("other", |profile| profile["scope"] = "user".into());
    let output = sandbox.run(&["logout", PROFILE]);
    assert!(secret(&sandbox).exists());
    assert_snapshot!("logout-shared", output);
    // From the other profile's view the file is not its own.
    assert!(sandbox.run(&["logout", "other"]).stdout.contains("was not stored by login"));
    assert!(secret(&sandbox).exists());
}

#[test]
fn another_profile_that_is_wrong_is_no_obstacle() {
    let emulator = Emulator::start();
    let sandbox = logged_in(&emulator);
    sandbox.add_profile("other", |profile| profile["tennant"] = "x".into());
    let output = sandbox.run(&["logout", PROFILE]);
    assert_eq!(output.status, 0, "{output}");
    assert_dropped(&sandbox, &output);
    assert_eq!(sandbox.run(&["logout", "nobody"]).status, 2);
}

#[test]
fn revoked_tokens_are_good_for_nothing() {
    let emulator = Emulator::start();
    let sandbox = logged_in(&emulator);
    let [access, refresh] = tokens(&sandbox);
    let output = sandbox.run(&["logout", "--revoke"]);
    assert_dropped(&sandbox, &output);
    assert!(!emulator.is_valid(&access));
    assert_eq!(emulator.counters().revoked, 2);
    let requests = emulator.requests();
    let sent: Vec<_> = requests.iter().filter(|request| request.path() == "/acs/revoke").collect();
    let form = |at: usize| sent[at].form();
    assert_eq!(form(0), [("token".to_owned(), refresh), ("token_type_hint".to_owned(), "refresh_token".to_owned())]);
    assert_eq!(form(1), [("token".to_owned(), access), ("token_type_hint".to_owned(), "access_token".to_owned())]);
    assert!(
        sent.iter().all(|request| request.header("authorization").is_some_and(|value| value.starts_with("Basic ")))
    );
    let again = sandbox.run(&["logout", "--revoke"]);
    assert_snapshot!("logout-revoke", format!("{output}\n# again\n{again}"));
    assert_eq!(emulator.counters().revoked, 2);
}

#[test]
fn the_clients_style_and_a_token_in_flight_are_respected() {
    let emulator = Emulator::start();
    let sandbox = logged_in(&emulator);
    sandbox.run(&["forget"]);
    sandbox.edit_profile(|profile| profile["auth_style"] = "post".into());
    sandbox.run(&["get"]).token();
    sandbox.edit_entry(|entry| entry["refresh_in_flight"] = true.into());
    let [_, refresh] = tokens(&sandbox);
    let output = sandbox.run(&["logout", "--revoke"]);
    assert_eq!(output.status, 0, "{output}");
    let requests = emulator.requests();
    let sent = requests.iter().find(|request| request.path() == "/acs/revoke").unwrap();
    assert_eq!(sent.header("authorization"), None);
    assert!(sent.form().contains(&("client_secret".to_owned(), SECRET.to_owned())));
    assert!(!requests.iter().any(|request| String::from_utf8_lossy(&request.body).contains(&refresh)), "I5");
    assert!(output.stdout.contains("revoked access token\n"), "{output}");
}

#[test]
fn a_tenant_without_revocation_is_told() {
    let emulator = Emulator::builder().discovery(false).start().unwrap();
    let sandbox = logged_in(&emulator);
    let output = sandbox.run(&["logout", "--revoke"]);
    assert_dropped(&sandbox, &output);
    assert_eq!(emulator.counters().revoked, 0);
    assert_snapshot!("logout-no-discovery", output);
}

#[test]
fn a_refused_revocation_is_told_and_everything_is_dropped() {
    let emulator = Emulator::start();
    let sandbox = logged_in(&emulator);
    emulator.set_secret("ci-bot", "regenerated");
    let output = sandbox.run(&["logout", "--revoke"]);
    assert_eq!((output.status, output.stdout.as_str()), (4, ""));
    assert_dropped(&sandbox, &output);
    assert_snapshot!("logout-refused", output);
}

/// A tenant of one test: it issues a token, and answers everything else as it is told.
fn tenant(answer: impl Fn(&str, &str) -> Option<String> + Send + 'static) -> Stub {
    let host = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&host);
    let stub = Stub::start(move |head| {
        let target = head.split(' ').nth(1).unwrap_or_default();
        if target == "/SAAS/auth/oauthtoken" {
            let body = r#"{"access_token":"an-access-token","refresh_token":"a-refresh-token","expires_in":3600}"#;
            return response("200 OK", "Content-Type: application/json\r\n", body);
        }
        answer(target, &own.lock().unwrap()).unwrap_or_else(|| response("404 Not Found", "", ""))
    });
    *host.lock().unwrap() = stub.host();
    stub
}

/// A home that is logged in to such a tenant.
fn logged_in_to(stub: &Stub) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.name(&stub.host(), "$TENANT");
    let url = format!("http://{}", stub.host());
    let args = ["login", PROFILE, "--tenant", &url, "--client-id", "ci-bot", "--secret-stdin"];
    let output = sandbox.run_with_stdin(&args, SECRET.as_bytes());
    assert_eq!(output.status, 0, "{output}");
    sandbox
}

/// A discovery document that names this endpoint.
fn document(endpoint: &str) -> String {
    response("200 OK", "Content-Type: application/json\r\n", &json!({ "revocation_endpoint": endpoint }).to_string())
}

#[test]
fn credentials_go_to_no_other_host() {
    let stranger = Stub::ok();
    for endpoint in [
        format!("http://{}/acs/revoke", stranger.host()),
        "https://other.example.com/revoke".to_owned(),
        "ftp://x".to_owned(),
        "/acs/revoke".to_owned(),
    ] {
        let stub = tenant(move |target, _| target.contains(".well-known").then(|| document(&endpoint)));
        let sandbox = logged_in_to(&stub);
        let output = sandbox.run(&["logout", "--revoke"]);
        assert_eq!(output.status, 0, "{output}");
        assert_dropped(&sandbox, &output);
        assert!(!stub.heads().iter().any(|head| head.contains("revoke")));
        assert_snapshot!("logout-foreign", output, (r"valid for .*", "valid for $$TIME"));
    }
    assert_eq!(stranger.heads(), Vec::<String>::new(), "I10");
}

#[test]
fn the_second_document_is_asked_too() {
    let stub = tenant(|target, host| match target {
        "/acs/.well-known/openid-configuration" => Some(document(&format!("http://{host}/acs/revoke?x=1"))),
        "/acs/revoke?x=1" => Some(response("200 OK", "", "")),
        _ => None,
    });
    let sandbox = logged_in_to(&stub);
    let output = sandbox.run(&["logout", "--revoke"]);
    assert!(output.stdout.contains("revoked refresh token and access token\n"), "{output}");
    assert_eq!(stub.heads().iter().filter(|head| head.starts_with("POST /acs/revoke?x=1 ")).count(), 2);
}

#[test]
fn a_revocation_that_is_denied_with_200_is_no_success() {
    for (body, revoked) in [
        (r#"{"error":"unsupported_token_type"}"#, false),
        (r#"{"error":"invalid_client","error_description":"unknown"}"#, false),
        ("", true),
        ("{}", true),
        ("revoked", true),
    ] {
        let stub = tenant(move |target, host| {
            Some(if target.contains(".well-known") {
                document(&format!("http://{host}/acs/revoke"))
            } else {
                response("200 OK", "Content-Type: application/json\r\n", body)
            })
        });
        let sandbox = logged_in_to(&stub);
        let output = sandbox.run(&["logout", "--revoke"]);
        assert_eq!(output.status, if revoked { 0 } else { 4 }, "{body}: {output}");
        assert_eq!(output.stdout.contains("revoked"), revoked, "{body}: {output}");
        assert_dropped(&sandbox, &output);
    }
}

#[test]
fn trouble_with_the_tenant_has_its_status_and_everything_is_dropped() {
    let mut page = String::new();
    for (title, discovery, revocation, status) in [
        ("discovery fails", "503 Service Unavailable", "", 3),
        ("discovery is limited", "429 Too Many Requests", "", 3),
        ("revocation fails", "200 OK", "503 Service Unavailable", 3),
        ("the client is denied", "200 OK", "401 Unauthorized", 4),
        ("there is no such page", "200 OK", "404 Not Found", 5),
        ("a redirect", "200 OK", "302 Found", 5),
    ] {
        let stub = tenant(move |target, host| {
            Some(match (target.contains(".well-known"), discovery) {
                (true, "200 OK") => document(&format!("http://{host}/acs/revoke")),
                (true, status) => response(status, "", ""),
                (false, _) => response(revocation, "Location: https://other.example.com/\r\n", ""),
            })
        });
        let sandbox = logged_in_to(&stub);
        let output = sandbox.run(&["logout", "--revoke"]);
        assert_eq!((output.status, output.stdout.as_str()), (status, ""), "{title}: {output}");
        assert_dropped(&sandbox, &output);
        page.push_str(&format!("# {title}\n{output}\n"));
    }
    let stub = tenant(|_, _| None);
    let sandbox = logged_in_to(&stub);
    drop(stub);
    let output = sandbox.run(&["logout", "--revoke"]);
    assert_dropped(&sandbox, &output);
    page.push_str(&format!("# nobody there\n{output}"));
    assert_snapshot!("logout-trouble", page);
}

#[test]
fn without_a_secret_nothing_can_be_revoked() {
    let emulator = Emulator::start();
    let sandbox = logged_in(&emulator);
    std::fs::remove_file(secret(&sandbox)).unwrap();
    let output = sandbox.run(&["logout", "--revoke"]);
    assert_eq!(output.status, 2);
    assert_dropped(&sandbox, &output);
    assert_eq!(emulator.counters().other, 0);
    assert_snapshot!("logout-no-secret", output);
}

#[test]
fn a_logout_waits_for_a_renewal_and_drops_what_it_brought() {
    let emulator = Emulator::start();
    let sandbox = logged_in(&emulator);
    sandbox.age_until(60);
    emulator.play(ws1_emulator::Fault::Hang);
    let get = sandbox.start(sandbox.command(&["get"]));
    crate::sandbox::wait_until("the renewal is on its way", || emulator.counters().refresh == 1);
    let logout = sandbox.start(sandbox.command(&["logout", "--revoke"]));
    emulator.release();
    let renewed = sandbox.wait(get).token();
    let output = sandbox.wait(logout);
    assert_eq!(output.status, 0, "{output}");
    assert_dropped(&sandbox, &output);
    assert!(!emulator.is_valid(&renewed));
}

#[test]
fn a_secret_beside_the_configuration_that_login_did_not_write_stays() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let by_hand = sandbox.config_file().with_file_name("prod.secret");
    crate::sandbox::write(&by_hand, SECRET.as_bytes());
    sandbox.edit_profile(|profile| profile["client_secret"] = json!({ "file": "prod.secret" }));
    sandbox.run(&["get"]).token();
    let output = sandbox.run(&["logout"]);
    assert_eq!(output.status, 0, "{output}");
    assert!(output.stdout.contains("was not stored by login\n"), "{output}");
    assert_eq!(std::fs::read(&by_hand).unwrap(), SECRET.as_bytes());
    // Nor does a login that stores a copy touch it, or that one's logout.
    let login = sandbox.run(&["login", "--store", "file"]);
    assert!(login.stdout.contains("prod.secret, which the profile no longer uses\n"), "{login}");
    assert_dropped(&sandbox, &sandbox.run(&["logout"]));
    assert_eq!(std::fs::read(&by_hand).unwrap(), SECRET.as_bytes());
}

#[test]
fn no_get_beside_a_logout_leaves_a_token_behind() {
    let emulator = Emulator::start();
    let rounds = if std::env::var("WS1_TEST_FULL").is_ok_and(|value| value == "1") { 60 } else { 12 };
    let sandbox = logged_in(&emulator);
    for round in 0..rounds {
        let login = sandbox.run_with_stdin(&["login", "--secret-stdin"], SECRET.as_bytes());
        assert_eq!(login.status, 0, "{login}");
        let start = || sandbox.start(sandbox.command(&["get"]));
        let mut gets: Vec<_> = (0..6).map(|_| start()).collect();
        let logout = sandbox.start(sandbox.command(&["logout"]));
        gets.extend((0..6).map(|_| start()));
        assert_eq!(sandbox.wait(logout).status, 0);
        for get in gets {
            let output = sandbox.wait(get);
            assert!(matches!(output.status, 0 | 2), "{output}");
        }
        assert!(sandbox.cached().iter().all(|name| name.ends_with(".lock")), "round {round}: {:?}", sandbox.cached());
        assert_eq!(sandbox.run(&["get"]).status, 2, "round {round}");
    }
}

#[test]
fn a_get_waits_until_a_logout_has_removed_the_secret() {
    let emulator = Emulator::start();
    let sandbox = logged_in(&emulator);
    let requests = emulator.counters().token_requests;
    // As another login would: the logout waits for it, and then goes on without.
    let lock = std::fs::File::open(sandbox.config_file().with_file_name(".config.json.lock")).unwrap();
    fs2::FileExt::try_lock_exclusive(&lock).unwrap();
    let entry = sandbox.entry_file();
    let logout = sandbox.start(sandbox.command(&["logout"]));
    crate::sandbox::wait_until("the token is dropped", || !entry.exists());
    assert!(secret(&sandbox).exists());
    let get = sandbox.run(&["get"]);
    assert_eq!(get.status, 2, "{get}");
    assert_eq!(emulator.counters().token_requests, requests);
    assert_dropped(&sandbox, &sandbox.wait(logout));
}
