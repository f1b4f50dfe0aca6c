//! The caller's environment: it sends no stored secret to another server, and no value is ignored silently.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use ws1_emulator::{Emulator, Fault};

use crate::network::refusing;
use crate::sandbox::{Output, PROFILE, SECRET, Sandbox, assert_snapshot, names_in, set_mode, write};

/// The tenant of the profile, another server, and a sandbox with a token and a refresh token that are due.
fn two_servers() -> (Emulator, Emulator, Sandbox) {
    let (home, stranger) = (Emulator::start(), Emulator::start());
    let mut sandbox = Sandbox::with_tenant(&home);
    home.play(Fault::set("refresh_token", "r1"));
    sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    sandbox.name(&stranger.host(), "$STRANGER");
    (home, stranger, sandbox)
}

/// Fails unless the output is a refusal that names the setting and the profile.
fn assert_refused(output: &Output, setting: &str) {
    assert_eq!(output.status, 2, "{output}");
    assert!(output.stderr.contains(&format!("{setting} is not the ")), "{output}");
    assert!(output.stderr.contains("of profile `prod`\n") && output.stderr.contains("hint: "), "{output}");
}

#[test]
fn no_call_takes_the_stored_secret_to_another_server() {
    let (home, stranger, mut sandbox) = two_servers();
    sandbox.set("WS1_TOKEN_TENANT", stranger.url());
    let git = format!("protocol=http\nhost={}\n\n", stranger.host());
    let bazel = format!(r#"{{"uri":"{}/"}}"#, stranger.url());
    let host = stranger.host();
    for (args, stdin) in [
        (&["get"][..], ""),
        (&["get", "--force-refresh"], ""),
        (&["kubectl"], ""),
        (&["git", "get"], git.as_str()),
        (&["bazel", "get"], &bazel),
        (&["terraform", "get", &host], ""),
        (&["google"], ""),
        (&["curl", "/path"], ""),
        (&["exec", "--", "true"], ""),
        (&["logout", "--revoke"], ""),
        (&["forget"], ""),
        (&["whoami"], ""),
        (&["doctor"], ""),
        (&["setup", "git", "--write"], ""),
    ] {
        let output = sandbox.run_with_stdin(args, stdin.as_bytes());
        assert!(!output.stdout.contains("eyJ") && output.status != 3, "{args:?}: {output}");
        assert_eq!(stranger.counters().connections, 0, "{args:?}: {output}");
    }
    assert_eq!(home.counters().token_requests, 1, "nothing is sent at all");
    let output = sandbox.run(&["get"]);
    assert_refused(&output, "WS1_TOKEN_TENANT");
    assert_snapshot!("environment-stranger", output);
    assert!(sandbox.run(&["status"]).stdout.contains("WS1_TOKEN_TENANT is not the tenant"));
    let flag = sandbox.run(&["get", "--tenant", &stranger.url()]);
    assert_refused(&flag, "--tenant");
    let both = sandbox.run(&["get", "--profile", PROFILE, "--tenant", &stranger.url()]);
    assert_refused(&both, "--tenant");
    assert_eq!(stranger.counters().connections, 0);

    sandbox.set("WS1_TOKEN_CLIENT_SECRET", SECRET);
    sandbox.run(&["get"]).token();
    let request = stranger.requests().remove(0);
    assert_eq!(request.body, b"grant_type=client_credentials", "its own secret, and no stored refresh token");
}

#[test]
fn with_the_flag_a_profile_does_not_depend_on_the_shell() {
    let (home, stranger, mut sandbox) = two_servers();
    let wrong = sandbox.path("wrong.secret").display().to_string();
    sandbox
        .set("WS1_TOKEN_TENANT", stranger.url())
        .set("WS1_TOKEN_CLIENT_ID", "stray")
        .set("WS1_TOKEN_CLIENT_SECRET", "stray")
        .set("WS1_TOKEN_CLIENT_SECRET_FILE", wrong)
        .set("WS1_TOKEN_SCOPE", "stray");
    for args in [&["kubectl"][..], &["get"], &["google"], &["exec", "--", "true"], &["status"], &["doctor"]] {
        let output = sandbox.run(&[args, &["--profile", PROFILE]].concat());
        // Arguments after `--` belong to the command.
        let output = if args[0] == "exec" { sandbox.run(&[&["--profile", PROFILE], args].concat()) } else { output };
        assert_eq!(output.status, 0, "{args:?}: {output}");
        assert!(!output.stdout.contains("stray") && !output.stdout.contains("overridden by"), "{output}");
    }
    assert!(home.requests().iter().all(|request| !String::from_utf8_lossy(&request.body).contains("scope")));
    assert_eq!(stranger.counters().connections, 0);
}

#[test]
fn a_stray_client_is_refused_and_the_flag_helps() {
    let (home, _, mut sandbox) = two_servers();
    sandbox.set("WS1_TOKEN_CLIENT_ID", "stray");
    let output = sandbox.run(&["kubectl"]);
    assert_refused(&output, "WS1_TOKEN_CLIENT_ID");
    assert_snapshot!("environment-stray-client", output);
    assert_refused(&sandbox.run(&["get", "--client-id", "other"]), "--client-id");
    assert_eq!(home.counters().token_requests, 1);
    assert_eq!(sandbox.run(&["kubectl", "--profile", PROFILE]).status, 0);
    sandbox.set("WS1_TOKEN_CLIENT_ID", "ci-bot").set("WS1_TOKEN_TENANT", format!("{}/", home.url()));
    sandbox.run(&["get"]).token();
}

#[test]
fn a_refresh_token_is_in_no_url() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| {
        profile["preset"] = "intelligence".into();
        profile["use_refresh_token"] = true.into();
    });
    emulator.play(Fault::set("refresh_token", "r1"));
    sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    sandbox.run(&["get"]).token();
    let requests = emulator.requests();
    let bodies: Vec<_> = requests.iter().map(|request| String::from_utf8_lossy(&request.body)).collect();
    assert_eq!(bodies[..2], ["", "grant_type=refresh_token&refresh_token=r1"]);
    assert!(requests.iter().all(|request| !request.target.contains("refresh")), "{bodies:?}");
}

#[test]
fn no_proxy_reads_what_goes_to_this_machine_in_clear() {
    let proxy = refusing("200 OK");
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let url = format!("http://{}", proxy.host());
    sandbox.edit_profile(|profile| profile["proxy"] = url.clone().into());
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
        sandbox.set(name, &url);
    }
    sandbox.run(&["get"]).token();
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.stdout.contains("`proxy` of profile `prod` does not apply to this machine"), "{doctor}");
    assert_eq!(proxy.heads(), Vec::<String>::new());
}

#[test]
fn a_value_that_is_not_utf_8_is_not_taken_for_none() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.add_profile("other", |_| ());
    let before = names_in(&sandbox.path("home"));
    let odd = |text: &str| OsString::from_vec([text.as_bytes(), b"\xff"].concat());
    for name in
        ["PROFILE", "TENANT", "CLIENT_ID", "CLIENT_SECRET", "SCOPE", "VERBOSE"].map(|end| format!("WS1_TOKEN_{end}"))
    {
        for args in [&["get"][..], &["kubectl"], &["status"], &["login", "--secret-stdin", "--no-verify"]] {
            let mut command = sandbox.command(args);
            let output = sandbox.finish({
                command.env(&name, odd("prod"));
                command
            });
            let expected =
                format!("error: {name} is not usable\n  caused by: it holds bytes that are not UTF-8\nhint: ");
            let is_shown =
                output.stderr.starts_with(&expected) || output.stdout.contains(&format!("{name} is not usable"));
            assert!(is_shown, "{args:?}: {output}");
        }
    }
    assert_eq!((emulator.counters().connections, names_in(&sandbox.path("home"))), (0, before));

    // A path may be anything.
    let (config, secret, cache) = (odd("config"), odd("secret"), odd("cache"));
    let place = sandbox.path("");
    std::fs::rename(sandbox.config_file(), place.join(&config)).unwrap();
    std::fs::rename(sandbox.secret_file(), place.join(&secret)).unwrap();
    let mut command = sandbox.command(&["get"]);
    for (name, file) in [("CONFIG", config), ("CLIENT_SECRET_FILE", secret), ("CACHE_DIR", cache.clone())] {
        // A newline that ends it is dropped from it too.
        let path = [place.join(file).into_os_string().into_vec(), b"\n".to_vec()].concat();
        command.env(format!("WS1_TOKEN_{name}"), OsString::from_vec(path));
    }
    sandbox.finish(command).token();
    assert!(place.join(cache).is_dir());
}

#[test]
fn a_switch_is_read_like_any_variable() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    set_mode(&sandbox.secret_file(), 0o644);
    let run = |name: &str, value: &[u8], args: &[&str]| {
        let mut command = sandbox.command(args);
        command.env(name, OsString::from_vec(value.to_vec()));
        sandbox.finish(command)
    };
    for (value, shared) in [
        (&b""[..], false),
        (b"\n", false),
        (b"0", false),
        (b"0\n", false),
        (b"0\r\n", false),
        (b"1", true),
        (b"1\n", true),
        (b"yes", true),
    ] {
        let output = run("WS1_TOKEN_ALLOW_SHARED_FILE", value, &["get", "--force-refresh"]);
        assert_eq!(output.status, if shared { 0 } else { 2 }, "{value:?}: {output}");
    }
    let secret = sandbox.secret_file().display().to_string();
    for (name, args) in [
        ("WS1_TOKEN_ALLOW_SHARED_FILE", &["get"][..]),
        ("WS1_TOKEN_ALLOW_SHARED_FILE", &["get", "--client-secret-file", &secret]),
        ("WS1_TOKEN_NO_CACHE", &["get"]),
        ("WS1_TOKEN_NO_CACHE", &["forget"]),
    ] {
        let output = run(name, b"0\xff", args);
        let expected = format!("error: {name} is not usable\n  caused by: it holds bytes that are not UTF-8\n");
        assert!(output.status == 2 && output.stderr.starts_with(&expected), "{args:?}: {output}");
    }
}

#[test]
fn a_variable_that_was_read_from_a_file_may_end_in_a_newline() {
    let emulator = Emulator::start();
    for end in ["\n", "\r\n"] {
        let mut sandbox = Sandbox::new();
        let secret = sandbox.secret_file();
        write(&secret, SECRET.as_bytes());
        let cache = sandbox.path("cache");
        for (name, value) in [
            ("TENANT", emulator.url()),
            ("CLIENT_ID", "ci-bot".to_owned()),
            ("CLIENT_SECRET_FILE", secret.display().to_string()),
            ("SCOPE", "user".to_owned()),
            ("CACHE_DIR", cache.display().to_string()),
            ("VERBOSE", "0".to_owned()),
        ] {
            sandbox.set(&format!("WS1_TOKEN_{name}"), value + end);
        }
        sandbox.run(&["get"]).token();
        assert_eq!(names_in(&cache).len(), 2);
    }
    let bodies: Vec<_> = emulator.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, vec![b"grant_type=client_credentials&scope=user".to_vec(); 2]);
}

#[test]
fn a_cache_directory_is_absolute_wherever_it_is_named() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let before = (names_in(&sandbox.path("")), names_in(&sandbox.path("home")));
    let mut all = String::new();
    for value in ["rel", "./rel", "$HOME/c", "~root/c", ""] {
        let output = sandbox.run(&["get", &format!("--cache-dir={value}")]);
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{value}: {output}");
        all.push_str(&format!("# {value}\n{output}\n"));
    }
    assert_snapshot!("environment-cache-dir", all);
    assert_eq!((names_in(&sandbox.path("")), names_in(&sandbox.path("home"))), before, "nothing is written");
    assert_eq!(emulator.counters().connections, 0);
    sandbox.run(&["get", "--cache-dir=~/c"]).token();
    assert!(sandbox.path("home/c").is_dir());
    sandbox.set("HOME", "home");
    assert_eq!(sandbox.run(&["get", "--cache-dir=~/c"]).status, 2, "nor is a home that is relative");
}

#[test]
fn a_named_configuration_that_is_not_there_is_named() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let missing = sandbox.path("missing.json").display().to_string();
    let mut all = format!("# flag\n{}\n", sandbox.run(&["get", "--config", &missing]));
    for args in [&["status"][..], &["doctor"], &["kubectl"]] {
        let output = sandbox.run(&[args, &["--config", &missing]].concat());
        assert_eq!(output.status, 2, "{output}");
        assert!(!format!("{output}").contains("ws1-token login"), "{output}");
    }
    sandbox.set("WS1_TOKEN_CONFIG", &missing);
    all.push_str(&format!("# variable\n{}", sandbox.run(&["get"])));
    assert_snapshot!("environment-no-such-configuration", all);
    assert_eq!(emulator.counters().connections, 0);
}

#[test]
fn nothing_is_stored_below_a_relative_home() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::new();
    sandbox.set("HOME", "home");
    let url = emulator.url();
    let login = ["login", "prod", "--tenant", &url, "--client-id", "ci-bot", "--secret-stdin"];
    for more in [&[][..], &["--no-verify"]] {
        let output = sandbox.run_with_stdin(&[&login, more].concat(), SECRET.as_bytes());
        assert_eq!(output.status, 2, "{output}");
        assert!(output.stderr.starts_with("error: HOME is not an absolute path: "), "{output}");
    }
    let cache = format!("--cache-dir={}", sandbox.path("cache").display());
    let config = format!("--config={}", sandbox.path("c.json").display());
    for places in [["--config=~/c.json", &cache], [&config, "--cache-dir=rel"], [&config, "-v"]] {
        let output = sandbox.run_with_stdin(&[&login[..], &places].concat(), SECRET.as_bytes());
        assert_eq!(output.status, 2, "{output}");
        assert!(output.stderr.contains(" is not an absolute path: "), "{output}");
    }
    assert_eq!((names_in(&sandbox.path("home")), names_in(&sandbox.path(""))), (vec![], vec!["home".to_owned()]));
    assert_eq!(emulator.counters().connections, 0);
}

#[test]
fn doctor_finds_a_misspelt_variable_and_nobody_else_looks() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["client_secret"] = serde_json::json!({ "env": "WS1_TOKEN_MINE" }));
    sandbox.set("WS1_TOKEN_MINE", SECRET).set("WS1_TOKEN_VERBOSE", "0").set("WS1_ACCESS_TOKEN", "x");
    let bin = sandbox.path("bin").display().to_string();
    sandbox.set("PATH", bin);
    let found = |sandbox: &Sandbox| {
        let page = sandbox.run(&["doctor"]).stdout;
        let lines: Vec<_> = page.lines().skip_while(|line| !line.starts_with("! environment")).take(2).collect();
        lines.join("\n")
    };
    assert_eq!(found(&sandbox), "", "all of these are known");
    sandbox.set("WS1_TOKEN_TENAT", "acme.example.com");
    sandbox.run(&["get"]).token();
    assert_snapshot!("environment-misspelt", found(&sandbox));
}

#[test]
fn a_variable_of_the_profile_reaches_no_child_when_it_is_not_used() {
    const CANARY: &str = "canary-of-the-profile";
    let emulator = Emulator::start();
    for name in ["MY_SECRET", "CARGO_HOME"] {
        let mut sandbox = Sandbox::with_tenant(&emulator);
        let (bin, seen) = (sandbox.path("bin"), sandbox.path("seen"));
        std::fs::create_dir(&bin).unwrap();
        for program in ["curl", "git", "cargo", "any-command"] {
            let script = format!("#!/bin/sh\nenv >> '{}'\necho {program} 1.2.3\n", seen.display());
            write(&bin.join(program), script.as_bytes());
            set_mode(&bin.join(program), 0o700);
        }
        let secret = sandbox.secret_file().display().to_string();
        sandbox.edit_profile(|profile| profile["client_secret"] = serde_json::json!({ "env": name }));
        sandbox.set("PATH", format!("{}:{}", bin.display(), crate::sandbox::path())).set(name, CANARY);
        for args in
            [&["exec", "--", "any-command"][..], &["curl", "/path", "-s"], &["setup", "git", "--write"], &["doctor"]]
        {
            sandbox.run(&[&["--client-secret-file", &secret], args].concat());
        }
        sandbox.set("WS1_TOKEN_CLIENT_SECRET_FILE", &secret);
        assert_eq!(sandbox.run(&["exec", "--", "any-command"]).status, 0);
        let seen = std::fs::read_to_string(seen).unwrap();
        assert!(seen.lines().filter(|line| line.starts_with("PATH=")).count() > 6, "{seen}");
        assert!(!seen.contains(CANARY), "{name}: {seen}");
    }
}

#[test]
fn the_variables_of_other_profiles_reach_no_child() {
    const CANARY: &str = "canary-of-another-profile";
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let (bin, seen) = (sandbox.path("bin"), sandbox.path("seen"));
    std::fs::create_dir(&bin).unwrap();
    for program in ["curl", "git", "any-command"] {
        write(&bin.join(program), format!("#!/bin/sh\nenv >> '{}'\n", seen.display()).as_bytes());
        set_mode(&bin.join(program), 0o700);
    }
    sandbox.add_profile("second", |profile| profile["client_secret"] = serde_json::json!({ "env": "SECOND" }));
    sandbox.add_profile("broken", |profile| profile["no_such_key"] = serde_json::json!({}));
    sandbox.set("PATH", format!("{}:{}", bin.display(), crate::sandbox::path())).set("SECOND", CANARY);
    let exec = sandbox.run(&["--profile", PROFILE, "exec", "--", "any-command"]);
    assert_eq!((exec.status, exec.stderr.as_str()), (0, ""), "{exec}");
    for args in [&["curl", "/path", "-s"][..], &["setup", "git", "--write"]] {
        sandbox.run(&[&["--profile", PROFILE], args].concat());
    }
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.lines().filter(|line| line.starts_with("PATH=")).count() > 2, "{seen}");
    assert!(!seen.contains(CANARY), "{seen}");
}
