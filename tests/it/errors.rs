//! Every mistake has its own words, its own hint, and the exit status that says who has to act.

use std::fmt::Write as _;

use base64::Engine;
use serde_json::{Value, json};
use ws1_emulator::{Emulator, TlsFault};

use crate::sandbox::{Output, SECRET, Sandbox, assert_snapshot, set_mode, write};

/// A list of outputs with titles.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Adds one; none of them prints a token.
    fn add(&mut self, title: &str, output: &Output) {
        assert_eq!(output.stdout, "", "{title}: {output}");
        assert_ne!(output.status, 0, "{title}: {output}");
        assert!(!output.to_string().contains("hunter2"), "{title}: {output}");
        writeln!(self.0, "# {title}\n{output}").unwrap();
    }
}

/// A sandbox whose tenant is never reached: nothing listens on that port.
fn unreachable() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_secret(SECRET);
    sandbox.write_config(&json!({ "default_profile": "prod", "profiles": { "prod": {
        "tenant": "http://127.0.0.1:1",
        "client_id": "ci-bot",
        "client_secret": { "file": sandbox.secret_file() },
    } } }));
    sandbox
}

#[test]
fn of_the_command_line() {
    let mut page = Page::default();
    let sandbox = unreachable();
    for args in [
        &["-p", "prod"][..],
        &["gte"],
        &["exec"],
        &["help", "gte"],
        &["status", "prod", "other"],
        &["-p", "prod", "status", "other"],
        &["stauts"],
        &["something"],
        &["get", "--fromat", "json"],
        &["get", "--format", "jsno"],
        &["get", "--format"],
        &["get", "--format", "json", "--format", "json"],
        &["get", "--client-secret", "hunter2"],
        &["get", "--min-ttl", "soon"],
        &["get", "--min-ttl", "-5"],
        &["get", "extra"],
        &["--profile", "get"],
        &["completions", "tcsh"],
        &["completions"],
        &["status", "--jsn"],
    ] {
        page.add(&format!("ws1-token {}", args.join(" ").replace("hunter2", "SECRET")), &sandbox.run(args));
    }
    assert_snapshot!("errors-usage", page.0);
}

#[test]
fn of_the_choice_of_a_profile() {
    let mut page = Page::default();
    let mut sandbox = unreachable();
    page.add("misspelt", &sandbox.run(&["get", "--profile", "prdo"]));
    page.add("unknown", &sandbox.run(&["get", "--profile", "zzz"]));
    page.add("file that is not there", &sandbox.run(&["get", "--config", "nowhere.json"]));
    page.add("directory in place of the file", &sandbox.run(&["get", "--config", "home"]));
    sandbox.set("WS1_TOKEN_PROFILE", "prdo");
    page.add("misspelt in the environment", &sandbox.run(&["get"]));
    sandbox.unset("WS1_TOKEN_PROFILE");
    sandbox.write_config(&json!({ "profiles": { "a": {}, "b": {} } }));
    page.add("none chosen", &sandbox.run(&["get"]));
    sandbox.write_config(&json!({ "profiles": {} }));
    page.add("none there", &sandbox.run(&["get"]));
    std::fs::remove_file(sandbox.config_file()).unwrap();
    page.add("no file", &sandbox.run(&["get"]));
    page.add("no file, but a name", &sandbox.run(&["get", "--profile", "prod"]));
    assert_snapshot!("errors-profile", page.0);
}

#[test]
fn of_the_configuration_file() {
    let mut page = Page::default();
    let sandbox = unreachable();
    for text in [
        "",
        "{ \"profiles\": { \"prod\": {\n  \"tenant\": \"hunter2\",\n} } }",
        "{ \"profiles\": { \"prod\": {\n  \"tennant\": \"hunter2\" } } }",
        "{ \"profiles\": { \"prod\": {\n  \"client_secret\": \"hunter2\" } } }",
        "{ \"profiles\": { \"prod\": {\n  \"client_secret\": { \"value\": \"hunter2\" } } } }",
        "{ \"profiles\": { \"prod\": {\n  \"client_id\": 5 } } }",
        "{ \"profile\": {} }",
        "tenant = \"acme\"",
    ] {
        sandbox.write_config_text(text);
        page.add(&text.replace("hunter2", "…"), &sandbox.run(&["get"]));
    }
    write(&sandbox.config_file(), b"\xff\xfe{}");
    page.add("not UTF-8", &sandbox.run(&["get"]));
    assert_snapshot!("errors-config", page.0);
}

#[test]
fn of_the_settings() {
    let mut page = Page::default();
    for (title, key, value) in [
        ("no tenant", "tenant", Value::Null),
        ("no client", "client_id", Value::Null),
        ("no secret", "client_secret", Value::Null),
        ("client empty", "client_id", "".into()),
        ("client with a colon", "client_id", "ci:hunter2".into()),
        ("tenant empty", "tenant", "".into()),
        ("tenant over http", "tenant", "http://acme.example.com".into()),
        ("tenant with credentials", "tenant", "https://ci-bot:hunter2@acme.example.com".into()),
        ("tenant with a query", "tenant", "https://acme.example.com/?client_secret=hunter2".into()),
        ("tenant with a fragment", "tenant", "https://acme.example.com/#hunter2".into()),
        ("tenant with another path", "tenant", "https://acme.example.com/SAAS/hunter2".into()),
        ("tenant with another scheme", "tenant", "ftp://acme.example.com/".into()),
        ("tenant with a wrong port", "tenant", "acme.example.com:99999".into()),
        ("tenant with a space", "tenant", "acme example.com".into()),
        ("token URL over http", "token_url", "http://acme.example.com/token".into()),
        ("token URL with a fragment", "token_url", "https://acme.example.com/token#hunter2".into()),
        ("scope with a line break", "scope", "a\nb".into()),
        ("hosts with a URL", "hosts", json!(["https://user:hunter2@git.example.com"])),
        ("proxy of another kind", "proxy", "socks4://user:hunter2@proxy".into()),
        ("authority that is not there", "ca_file", "nowhere.pem".into()),
        ("two secrets", "client_secret", json!({ "env": "A", "file": "b" })),
    ] {
        let sandbox = unreachable();
        sandbox.edit_profile(|profile| match value {
            Value::Null => drop(profile.as_object_mut().unwrap().remove(key)),
            _ => profile[key] = value,
        });
        if key == "ca_file" {
            sandbox.edit_profile(|profile| profile["tenant"] = "https://127.0.0.1:1".into());
        }
        page.add(title, &sandbox.run(&["get"]));
    }
    let mut sandbox = unreachable();
    page.add("flag", &sandbox.run(&["get", "--tenant", "https://u:hunter2@acme.example.com"]));
    sandbox.set("WS1_TOKEN_TENANT", "https://u:hunter2@acme.example.com");
    page.add("variable", &sandbox.run(&["get"]));
    assert_snapshot!("errors-settings", page.0);
}

#[cfg(unix)]
#[test]
fn of_the_client_secret() {
    let mut page = Page::default();
    let sandbox = unreachable();
    let file = sandbox.secret_file();
    let by = |secret: Value| {
        sandbox.edit_profile(|profile| profile["client_secret"] = secret);
        sandbox.run(&["get"])
    };
    let by_file = || sandbox.run(&["get"]);
    write(&sandbox.path("word"), b"hunter2");
    for (title, content) in [
        ("empty file", &b""[..]),
        ("file with a newline alone", b"\n"),
        ("file with two lines", b"hunter2\nhunter2\n"),
        ("file that is not UTF-8", b"hunter2\xff"),
        ("file with a NUL", b"hunter2\0"),
        ("file that is too large", &vec![b'x'; 20_000]),
    ] {
        write(&file, content);
        page.add(title, &by_file());
    }
    write(&file, SECRET.as_bytes());
    set_mode(&file, 0o644);
    page.add("file that others can read", &by_file());
    std::fs::remove_file(&file).unwrap();
    page.add("no file", &by_file());
    std::fs::create_dir(&file).unwrap();
    page.add("directory", &by_file());
    std::fs::remove_dir(&file).unwrap();
    page.add("variable that is not set", &by(json!({ "env": "NOWHERE" })));
    page.add("command that is not there", &by(json!({ "command": ["no-such-program", "-x"] })));
    page.add("command that fails", &by(json!({ "command": ["sh", "-c", "cat word; exit 3"] })));
    page.add("command that is killed", &by(json!({ "command": ["sh", "-c", "kill -9 $$"] })));
    page.add("command that prints nothing", &by(json!({ "command": ["true"] })));
    page.add(
        "command that never stops printing",
        &by(json!({ "command": ["sh", "-c", "exec head -c 1000000 /dev/zero"] })),
    );
    page.add("command that complains", &by(json!({ "command": ["sh", "-c", "echo locked >&2; exit 1"] })));
    assert_snapshot!("errors-secret", page.0);
}

#[cfg(unix)]
#[test]
fn of_the_home() {
    let mut page = Page::default();
    let mut sandbox = unreachable();
    sandbox.set("HOME", "home");
    page.add("relative", &sandbox.run(&["get"]));
    assert_eq!(crate::sandbox::names_in(&sandbox.path("")), ["client.secret", "home"], "nothing is written here");
    sandbox.set("WS1_TOKEN_CACHE_DIR", "cache");
    sandbox.set("HOME", sandbox.path("home").display().to_string());
    page.add("relative cache directory", &sandbox.run(&["get"]));
    assert_snapshot!("errors-home", page.0);
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_home_the_environment_is_enough() {
    // A user without an entry in the user database has no home at all.
    if !crate::skip::is_root("only root can become such a user") || !crate::nobody::is_there() {
        return;
    }
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::new();
    sandbox.unset("HOME").name(&emulator.host(), "$TENANT");
    let copy = crate::nobody::copy_binary(&sandbox);
    set_mode(&sandbox.path(""), 0o777);
    let get = |sandbox: &Sandbox, args: &[&str]| {
        sandbox.finish(crate::nobody::shell(
            sandbox,
            &copy.display().to_string(),
            &format!("exec \"$0\" get {}", args.join(" ")),
        ))
    };
    let mut page = Page::default();
    page.add("no home", &get(&sandbox, &[]));
    sandbox.set_profile(&emulator.url());
    let run = |args: &[&str]| get(&sandbox, args);
    let uncached = run(&[]);
    assert_eq!(uncached.status, 0, "{uncached}");
    assert_snapshot!("errors-no-home", format!("{}\n# environment alone\n{uncached}", page.0));
    set_mode(&sandbox.path(""), 0o1777);
    let named = sandbox.path("cache").display().to_string();
    let token = run(&["--cache-dir", &named]).stdout;
    assert_eq!(run(&["--cache-dir", &named]).stdout, token);
    assert_eq!(emulator.counters().token_requests, 2);
}

#[cfg_attr(windows, ignore = "names of variables have no case there")]
#[test]
fn of_the_network() {
    let mut page = Page::default();
    let sandbox = unreachable();
    let refused = sandbox.run(&["get"]);
    assert_eq!(refused.status, 3);
    page.add("refused", &refused);
    let far = unreachable();
    far.edit_profile(|profile| profile["tenant"] = "nothing.invalid".into());
    page.add("unknown host", &far.run(&["get"]));
    let mut proxied = unreachable();
    proxied.edit_profile(|profile| profile["tenant"] = "https://acme.example.com".into());
    proxied.set("HTTPS_PROXY", "http://user:hunter2@127.0.0.1:1");
    page.add("dead proxy", &proxied.run(&["get"]));
    proxied.set("HTTPS_PROXY", "socks4://user:hunter2@127.0.0.1:1");
    page.add("proxy of another kind", &proxied.run(&["get", "--force-refresh"]));
    assert_snapshot!("errors-network", page.0);
}

#[test]
fn a_tenant_that_cannot_be_reached_has_not_consumed_the_refresh_token() {
    for tenant in ["http://127.0.0.1:1", "nothing.invalid"] {
        let sandbox = unreachable();
        sandbox.edit_profile(|profile| profile["tenant"] = tenant.into());
        assert_eq!(sandbox.run(&["get"]).status, 3, "{tenant}");
        sandbox.edit_entry(|entry| {
            entry["failure"] = Value::Null;
            entry["refresh_token"] = "unspent".into();
        });
        let output = sandbox.run(&["get", "-v"]);
        assert!(output.stderr.contains("(refresh_token)"), "{tenant}: {output}");
        assert!(!output.stderr.contains("(client_credentials)"), "{tenant}: {output}");
        assert_eq!(output.status, 3, "{tenant}");
        let entry = sandbox.entry();
        assert_eq!(
            (&entry["refresh_token"], &entry["refresh_in_flight"]),
            (&"unspent".into(), &false.into()),
            "{tenant}"
        );
    }
}

#[test]
fn of_the_certificate() {
    let mut page = Page::default();
    let stranger = Emulator::builder().tls().start().unwrap();
    for (title, fault) in [
        ("another authority of the same name", None),
        ("expired", Some(TlsFault::Expired)),
        ("another host's", Some(TlsFault::WrongHost)),
        ("self-signed", Some(TlsFault::SelfSigned)),
    ] {
        let builder = Emulator::builder();
        let emulator = fault.map_or(builder.clone().tls(), |fault| builder.tls_with(fault)).start().unwrap();
        let sandbox = Sandbox::with_tenant(&emulator);
        if fault.is_none() {
            write(&sandbox.path("ca.pem"), stranger.ca_pem().unwrap().as_bytes());
        }
        let output = sandbox.run(&["get"]);
        assert_eq!(output.status, 2, "{output}");
        page.add(title, &output);
        let counters = emulator.counters();
        assert_eq!((counters.token_requests, counters.other), (0, 0), "{title}: nothing is sent");
        sandbox.age(12);
        sandbox.run(&["get"]);
        assert_eq!(emulator.counters().connections, 2, "{title}: the pause is short");
    }
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    write(&sandbox.path("ca.pem"), b"no certificate");
    page.add("authority without a certificate", &sandbox.run(&["get"]));
    assert_snapshot!("errors-certificate", page.0, (r"\d{9,}", "$$NUMBER"));
}

#[test]
fn a_certificate_that_went_bad_does_not_cost_a_valid_token() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let stranger = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    write(&sandbox.path("ca.pem"), stranger.ca_pem().unwrap().as_bytes());
    let output = sandbox.run(&["get"]);
    assert_eq!((output.status, output.stdout.trim_end(), output.stderr.lines().count()), (0, token.as_str(), 1));
    assert!(sandbox.entry()["refresh_token"].is_string(), "nothing was sent, so it is still good");
}

#[test]
fn of_a_wrong_secret() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.write_secret("hunter2");
    let mut page = Page::default();
    page.add("first", &sandbox.run(&["get"]));
    page.add("again at once", &sandbox.run(&["get"]));
    let seconds = (r"for \d+ s", "for $$SECONDS s");
    assert_snapshot!("errors-denied", page.0, seconds);
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn of_a_secret_that_looks_wrong() {
    let emulator = Emulator::start();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("ci-bot:{SECRET}"));
    let mut page = Page::default();
    for (title, stored, doubt) in [
        ("a space behind it", format!("{SECRET} "), "begins or ends with a space"),
        ("a space within", format!("{} {}", &SECRET[..9], &SECRET[9..]), "holds a space"),
        ("quotes", format!("\"{SECRET}\""), "is in quotation marks"),
        ("two byte order marks", format!("\u{feff}\u{feff}{SECRET}"), "holds a byte order mark"),
        ("the pair", format!("ci-bot:{SECRET}"), "begins with the client ID"),
        ("its base64", basic.clone(), "is the Base64 of client ID and secret"),
        ("a header", format!("Basic {basic}"), "is the Base64 of client ID and secret"),
        ("a placeholder", "<your-secret-here>".to_owned(), "is a placeholder that nothing has replaced"),
        ("a letter of another alphabet", format!("{SECRET}ß"), "holds a character that is not printable ASCII"),
        ("the start of one", SECRET[..5].to_owned(), "is shorter than any that a tenant issues"),
        ("the client ID", "ci-bot".to_owned(), "is the client ID"),
        ("another secret", SECRET.chars().rev().collect(), ""),
    ] {
        let sandbox = Sandbox::with_tenant(&emulator);
        sandbox.write_secret(&stored);
        let output = sandbox.run(&["get"]);
        assert_eq!(output.status, 4, "{title}: {output}");
        assert_eq!(output.stderr.contains("; the client secret "), !doubt.is_empty(), "{title}: {output}");
        let place = format!("the secret (file {})", sandbox.secret_file().display());
        assert!(output.stderr.contains(doubt) && output.stderr.contains(&place), "{title}: {output}");
        let again = sandbox.run(&["get"]);
        assert!(again.stderr.contains(doubt) && again.stderr.contains("no new attempt"), "{title}: {again}");
        let doctor = sandbox.run(&["doctor"]);
        assert!(doctor.stdout.contains(doubt), "{title}: {doctor}");
        let login = sandbox.run_with_stdin(
            &["login", "new", "--tenant", &emulator.url(), "--client-id", "ci-bot", "--secret-stdin"],
            stored.as_bytes(),
        );
        assert!(login.status == 4 && login.stderr.contains(doubt), "{title}: {login}");
        for output in [&output, &again, &doctor, &login] {
            let text = output.to_string();
            assert!(stored == "ci-bot" || !text.contains(stored.trim()), "{title}: {text}");
            assert!(!text.contains(SECRET), "{title}: {text}");
        }
        page.add(title, &output);
    }
    assert_snapshot!("errors-doubts", page.0);
}

#[cfg_attr(windows, ignore = "a refused connection takes two seconds there")]
#[test]
fn of_values_from_elsewhere() {
    let emulator = Emulator::start();
    let mut page = Page::default();
    for (title, variable, value) in [
        ("the secret", "WS1_TOKEN_CLIENT_SECRET", "not-the-secret"),
        ("the client", "WS1_TOKEN_CLIENT_ID", "nobody"),
        ("the scope", "WS1_TOKEN_SCOPE", "no-such-scope"),
        ("the tenant", "WS1_TOKEN_TENANT", "http://127.0.0.1:1"),
        ("a file that is not there", "WS1_TOKEN_CLIENT_SECRET_FILE", "nowhere.secret"),
        ("a file with a wrong secret", "WS1_TOKEN_CLIENT_SECRET_FILE", "client.secret"),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.name(&emulator.host(), "$TENANT").set_profile(&emulator.url()).set(variable, value);
        sandbox.write_secret("not-the-secret");
        if variable == "WS1_TOKEN_SCOPE" {
            emulator.play(ws1_emulator::Fault::oauth_error(400, "invalid_scope", "no such scope"));
        }
        page.add(title, &sandbox.run(&["get"]));
    }
    let tls = Emulator::builder().tls().start().unwrap();
    let mut sandbox = Sandbox::with_tenant(&tls);
    sandbox.set("WS1_TOKEN_CA_FILE", "nowhere.pem");
    page.add("the authorities", &sandbox.run(&["get"]));
    let sandbox = Sandbox::with_tenant(&emulator);
    let flags = ["get", "--tenant", "http://127.0.0.1:1", "--client-secret-file", "client.secret"];
    page.add("a flag's tenant", &sandbox.run(&flags));
    let flags = ["get", "--client-id", "nobody", "--client-secret-file", "client.secret"];
    page.add("a flag's client", &sandbox.run(&flags));
    sandbox.edit_profile(|profile| profile["tenant"] = "http://127.0.0.1:1".into());
    page.add("a chosen profile", &sandbox.run(&["get", "-p", "prod"]));
    assert_snapshot!("errors-origins", page.0);
}

#[cfg_attr(windows, ignore = "it runs programs of POSIX")]
#[test]
fn every_source_of_a_secret_works() {
    let secret = |profile: &mut Value, source: Value| profile["client_secret"] = source;
    let emulator = Emulator::start();
    let asks = |sandbox: &Sandbox, title: &str| {
        let before = emulator.counters().token_requests;
        assert!(emulator.is_valid(&sandbox.run(&["get"]).token()), "{title}");
        assert_eq!(emulator.counters().token_requests, before + 1, "{title}");
    };
    for (title, content) in [("newline", format!("{SECRET}\n")), ("line ending of Windows", format!("{SECRET}\r\n"))] {
        let sandbox = Sandbox::with_tenant(&emulator);
        sandbox.write_secret(&content);
        asks(&sandbox, title);
    }
    let sandbox = Sandbox::with_tenant(&emulator);
    set_mode(&sandbox.secret_file(), 0o644);
    let shared = json!({ "file": sandbox.secret_file(), "allow_shared_file": true });
    sandbox.edit_profile(|profile| secret(profile, shared));
    asks(&sandbox, "shared file");

    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("MY_SECRET", SECRET).edit_profile(|profile| secret(profile, json!({ "env": "MY_SECRET" })));
    asks(&sandbox, "variable");

    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| secret(profile, json!({ "command": ["echo", SECRET] })));
    asks(&sandbox, "command");

    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("WS1_TOKEN_CLIENT_SECRET", SECRET).edit_profile(|profile| secret(profile, json!({ "env": "NOWHERE" })));
    asks(&sandbox, "WS1_TOKEN_CLIENT_SECRET");

    let sandbox = Sandbox::with_tenant(&emulator);
    let beside = sandbox.path("home/.config/ws1-token/prod.secret");
    write(&beside, SECRET.as_bytes());
    sandbox.edit_profile(|profile| secret(profile, json!({ "file": "prod.secret" })));
    asks(&sandbox, "beside the configuration");
    sandbox.run(&["forget"]);
    sandbox.edit_profile(|profile| secret(profile, json!({ "file": "~/.config/ws1-token/prod.secret" })));
    asks(&sandbox, "below the home");
}

#[cfg_attr(windows, ignore = "it runs programs of POSIX")]
#[test]
fn a_secret_command_sees_no_other_secret_and_no_input() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let script = format!("cat; echo \"asked ${{WS1_TOKEN_CLIENT_SECRET-unset}}\" >&2; echo {SECRET}");
    sandbox.edit_profile(|profile| profile["client_secret"] = json!({ "command": ["sh", "-c", script] }));
    sandbox.set("WS1_TOKEN_CLIENT_SECRET", "");
    let output = sandbox.run_with_stdin(&["get"], b"hunter2");
    assert_eq!((output.status, output.stderr.as_str()), (0, "asked unset\n"), "{output}");
    assert_eq!(sandbox.run(&["get"]).token(), output.stdout.trim_end(), "a cached token asks for no secret");
}

#[test]
fn the_environment_alone_is_enough() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::new();
    sandbox.set_profile(&emulator.url());
    let token = sandbox.run(&["get"]).token();
    assert_eq!(sandbox.run(&["get"]).token(), token);
    assert_eq!(emulator.counters().token_requests, 1);
    sandbox.unset("WS1_TOKEN_CLIENT_SECRET").write_secret(SECRET);
    sandbox.set("WS1_TOKEN_CLIENT_SECRET_FILE", "client.secret");
    sandbox.run(&["forget"]);
    assert_ne!(sandbox.run(&["get"]).token(), token);
}

#[test]
fn flags_beat_the_environment_and_the_environment_beats_the_file() {
    let emulators: Vec<Emulator> = ["file", "env", "flag"]
        .map(|id| Emulator::builder().client(id, format!("{id}-secret")).start().unwrap())
        .into();
    let mut sandbox = Sandbox::with_tenant(&emulators[0]);
    for id in ["file", "env", "flag"] {
        write(&sandbox.path(&format!("{id}.secret")), format!("{id}-secret").as_bytes());
    }
    let file = sandbox.path("file.secret");
    sandbox.edit_profile(|profile| {
        profile["client_id"] = "file".into();
        profile["client_secret"]["file"] = file.display().to_string().into();
    });
    let asked = || emulators.iter().map(|emulator| emulator.counters().token_requests).collect::<Vec<_>>();
    sandbox.run(&["get"]).token();
    assert_eq!(asked(), [1, 0, 0]);
    sandbox
        .set("WS1_TOKEN_TENANT", emulators[1].url())
        .set("WS1_TOKEN_CLIENT_ID", "env")
        .set("WS1_TOKEN_CLIENT_SECRET_FILE", "env.secret");
    sandbox.run(&["get"]).token();
    assert_eq!(asked(), [1, 1, 0]);
    let url = emulators[2].url();
    let flags = ["get", "--tenant", &url, "--client-id", "flag", "--client-secret-file", "flag.secret"];
    sandbox.run(&flags).token();
    assert_eq!(asked(), [1, 1, 1]);

    sandbox.unset("WS1_TOKEN_TENANT").unset("WS1_TOKEN_CLIENT_ID").unset("WS1_TOKEN_CLIENT_SECRET_FILE");
    let other = sandbox.path("other.json");
    write(&other, &std::fs::read(sandbox.config_file()).unwrap());
    std::fs::remove_file(sandbox.config_file()).unwrap();
    sandbox.set("WS1_TOKEN_CONFIG", other.display().to_string()).set("WS1_TOKEN_PROFILE", "prod");
    sandbox.run(&["get"]).token();
    sandbox.set("WS1_TOKEN_CONFIG", "nowhere.json").set("WS1_TOKEN_PROFILE", "nobody");
    sandbox.run(&["get", "--config", "other.json", "--profile", "prod"]).token();
    assert_eq!(asked(), [1, 1, 1], "all of it from the cache");
}
