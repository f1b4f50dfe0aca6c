//! No secret where it does not belong, whatever goes wrong and however verbose the run is.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;
use ws1_emulator::{Emulator, Fault, TlsFault};

use crate::sandbox::{Output, Sandbox, assert_snapshot};
use crate::stub::{Stub, response};

/// The client secret, the access token and the refresh token of these tests: each looks different when encoded.
const SECRET: &str = "Canary+Secret/7Zq~%=";
/// See [`SECRET`].
const ACCESS: &str = "CanaryAccess+4Xw/~9Kd==";
/// See [`SECRET`].
const REFRESH: &str = "Canary Refresh+8Vb/~2Hs%";

/// Every form in which a secret could be somewhere.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let spaced: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let url: String = form_urlencoded::byte_serialize(bytes).collect();
    let mut forms = vec![secret.to_owned(), hex.to_uppercase(), hex, spaced.join(" "), url.replace('+', "%20"), url];
    forms.push(secret.chars().rev().collect());
    // Inside a longer base64 text it can begin at any of three places; its first and last group depend on the rest.
    for lead in 0..3 {
        let shifted = [&b"xxx"[..lead], bytes].concat();
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted);
            forms.push(text[4..text.len() - 4].to_owned());
        }
    }
    forms
}

/// Fails if any form of a secret is in a text.
fn assert_clean(text: &str, secrets: &[&str], place: &str) {
    for secret in secrets {
        for form in forms(secret) {
            assert!(!text.contains(&form), "{form} is in {place}: {text}");
        }
    }
}

/// Fails if a file below a directory has a secret in its name, or in its content where none belongs.
fn assert_clean_files(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        assert_clean(&name, &[SECRET, ACCESS, REFRESH], "a file's name");
        if entry.file_type().unwrap().is_dir() {
            assert_clean_files(&entry.path());
            continue;
        }
        let content = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
        let is_entry = name.starts_with("v1-") && name.ends_with(".json");
        let misplaced: &[&str] = match name.as_str() {
            _ if name.ends_with(".secret") => &[ACCESS, REFRESH],
            _ if is_entry => &[SECRET],
            _ => &[SECRET, ACCESS, REFRESH],
        };
        assert_clean(&content, misplaced, &entry.path().display().to_string());
    }
}

/// A tenant with the canary secret and a sandbox that wants to know everything.
fn curious(emulator: &Emulator) -> Sandbox {
    let mut sandbox = Sandbox::with_tenant(emulator);
    sandbox.write_secret(SECRET);
    let log = sandbox.path("tls-keys.log").display().to_string();
    sandbox.set("RUST_LOG", "trace").set("RUST_BACKTRACE", "full").set("SSLKEYLOGFILE", log);
    sandbox.set("WS1_TOKEN_VERBOSE", "1");
    sandbox
}

/// A run whose standard error is clean.
fn run(sandbox: &Sandbox, args: &[&str], place: &str) -> Output {
    let output = sandbox.run(args);
    assert_clean(&output.stderr, &[SECRET, ACCESS, REFRESH], place);
    assert!(!output.stderr.contains("panicked") && output.status != 101, "{place}: {output}");
    output
}

/// The tenant of these tests, over TLS or not.
fn tenant(tls: bool) -> Emulator {
    let builder = Emulator::builder().client("ci-bot", SECRET);
    if tls { builder.tls() } else { builder }.start().unwrap()
}

/// A good reply with the canary tokens.
fn canaries() -> Fault {
    Fault::Json(json!({ "access_token": ACCESS, "refresh_token": REFRESH, "expires_in": 3600 }))
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("ci-bot:{SECRET}"));
    for (text, title) in
        [(SECRET, "raw"), (&basic, "in Basic credentials"), ("Canary%2BSecret%2F7Zq%7E%25%3D", "in a form")]
    {
        assert!(forms(SECRET).iter().any(|form| text.contains(form)), "{title}");
    }
}

#[test]
fn failures_tell_no_secret() {
    for tls in [false, true] {
        let emulator = tenant(tls);
        for fault in [
            Fault::status(401),
            Fault::status(503),
            Fault::retry_after("30"),
            Fault::Html,
            Fault::GarbageJson,
            Fault::Reset,
            Fault::CloseEmpty,
            Fault::TruncateBody,
            Fault::Oversize { bytes: 300_000 },
            Fault::HugeHeaders { bytes: 20_000 },
            Fault::Raw { bytes: ACCESS.as_bytes().to_vec() },
            Fault::Redirect { code: 302, location: format!("https://example.com/{ACCESS}?x={REFRESH}") },
            Fault::Json(json!({ "access_token": [ACCESS], "refresh_token": REFRESH })),
            Fault::Json(json!({ "access_token": format!("{ACCESS}\n"), "refresh_token": REFRESH })),
            Fault::Json(json!({ "access_token": ACCESS, "token_type": ACCESS, "expires_in": ACCESS })),
            Fault::Json(json!({ "access_token": ACCESS, "expires_in": [ACCESS] })),
            Fault::Json(json!({ "access_token": ACCESS, "refresh_token": REFRESH, "expires_in": 0 })),
        ] {
            let place = format!("{fault:?}");
            let sandbox = curious(&emulator);
            emulator.play_always(fault.clone());
            assert_ne!(run(&sandbox, &["get"], &place).status, 0, "{place}");
            run(&sandbox, &["status"], &place);
            assert_clean(&run(&sandbox, &["doctor"], &place).stdout, &[SECRET, ACCESS, REFRESH], &place);
            emulator.play_normally();
            emulator.play(canaries());
            assert_eq!(run(&sandbox, &["get", "--force-refresh"], &place).stdout, format!("{ACCESS}\n"));
            sandbox.age_until(60);
            emulator.play_always(fault);
            assert_eq!(run(&sandbox, &["get"], &place).stdout, format!("{ACCESS}\n"), "{place}");
            emulator.play_normally();
            assert_clean_files(&sandbox.path(""));
        }
    }
}

#[test]
fn mistakes_tell_no_secret() {
    let emulator = tenant(true);
    let sandbox = curious(&emulator);
    emulator.play(canaries());
    assert_eq!(run(&sandbox, &["get"], "the first").stdout, format!("{ACCESS}\n"));
    for args in [
        &["get", "--output", "nowhere/token"][..],
        &["get", "--min-ttl", "3h"],
        &["exec", "--", "no-such-program"],
        &["forget"],
        &["status", "--json"],
        &["doctor"],
        &["doctor", "--json"],
    ] {
        let output = run(&sandbox, args, &args.join(" "));
        assert_clean(&output.stdout, &[SECRET, ACCESS, REFRESH], &args.join(" "));
    }
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = sandbox.command(&["get"]);
    let child = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let output = sandbox.wait(child);
    assert_eq!(output.status, 1);
    assert_clean(&output.stderr, &[SECRET, ACCESS, REFRESH], "/dev/full");
    assert_clean_files(&sandbox.path(""));
}

#[test]
fn a_damaged_cache_or_configuration_is_not_quoted() {
    let emulator = tenant(false);
    let sandbox = curious(&emulator);
    emulator.play(canaries());
    run(&sandbox, &["get"], "the first");
    let entry = std::fs::read_to_string(sandbox.entry_file()).unwrap();
    crate::sandbox::write(&sandbox.entry_file(), entry.replacen("\"token\":{", "\"token\":5,{", 1).as_bytes());
    run(&sandbox, &["get"], "a damaged entry");
    for text in [
        format!("{{ \"profiles\": {{ \"prod\": {{ \"client_secret\": \"{SECRET}\" }} }} }}"),
        format!("{{ \"profiles\": {{ \"prod\": {{ \"client_secret\": {{ \"file\": [\"{SECRET}\"] }} }} }} }}"),
        format!("{{ \"profiles\": {{ \"prod\": {{ \"preset\": \"{SECRET}\" }} }} }}"),
        format!("{{ \"profiles\": {{ \"prod\": \"{SECRET}\" }} }}"),
        SECRET.to_owned(),
    ] {
        sandbox.write_config_text(&text);
        assert_eq!(run(&sandbox, &["get"], &text).status, 2, "{text}");
    }
}

#[test]
fn a_tenant_that_echoes_a_secret_is_not_repeated() {
    let emulator = tenant(false);
    let sandbox = curious(&emulator);
    emulator.play(canaries());
    run(&sandbox, &["get"], "the first");
    sandbox.age_until(0);
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("ci-bot:{SECRET}"));
    let url: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let alone = base64::engine::general_purpose::STANDARD.encode(SECRET);
    emulator.play_always(Fault::status(401));
    emulator.play(Fault::oauth_error(400, "invalid_grant", &format!("unknown token {REFRESH}")));
    let refused = run(&sandbox, &["get", "--force-refresh"], "refresh token");
    let mut all = format!("# the refresh token\n{refused}\n");
    for (title, error, words) in [
        ("as it stands", "invalid_client", format!("bad secret {SECRET} for ci-bot")),
        ("in Basic credentials", "invalid_client", format!("cannot read Basic {basic}!")),
        ("URL-encoded", "invalid_client", format!("client_secret={url}&x")),
        ("in base64", "invalid_client", format!("secret {alone}")),
        ("as the error's name", SECRET, String::new()),
        ("across the limit of what is repeated", "invalid_client", format!("{}{SECRET}", "x".repeat(190))),
    ] {
        emulator.play_always(Fault::oauth_error(401, error, &words));
        let output = run(&sandbox, &["get", "--force-refresh"], title);
        assert_eq!(output.status, 4, "{title}");
        all.push_str(&format!("# {title}\n{output}\n"));
        assert_clean_files(&sandbox.path(""));
    }
    assert_snapshot!("leaks-echo", all);
}

/// The ways in which a reply may hold a secret: each with the secret's name and what is sent.
fn encoded() -> Vec<(&'static str, String)> {
    let url = |secret: &str| form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
    let html = |secret: &str| secret.bytes().map(|byte| format!("&#x{byte:x};")).collect::<String>();
    let hex = |secret: &str| secret.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let escaped = |secret: &str| secret.bytes().map(|byte| format!("\\u{byte:04x}")).collect::<String>();
    let mut all = Vec::new();
    for secret in [SECRET, ACCESS, REFRESH] {
        let pair = format!("ci-bot:{secret}");
        all.extend([
            ("raw", secret.to_owned()),
            ("base64", STANDARD.encode(secret)),
            ("unpadded base64", STANDARD_NO_PAD.encode(secret)),
            ("base64 for URLs", URL_SAFE.encode(secret)),
            ("unpadded base64 for URLs", URL_SAFE_NO_PAD.encode(secret)),
            ("Basic", format!("Basic {}", STANDARD.encode(&pair))),
            ("Basic in a form", url(&STANDARD.encode(&pair))),
            ("hexadecimal", hex(secret)),
            ("HEXADECIMAL", hex(secret).to_uppercase()),
            ("form", url(secret)),
            ("query", url(secret).replace('+', "%20")),
            ("JSON", serde_json::to_string(secret).unwrap().replace('/', "\\/")),
            ("JSON by number", escaped(secret)),
            ("HTML", html(secret)),
        ]);
    }
    all
}

/// A tenant that says some words wherever it can, whatever it is asked, and its reply by its number.
fn talkative(words: &str, number: usize) -> String {
    let status =
        ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "429 Slow", "500 X", "200 OK"];
    let word: String = words.chars().filter(char::is_ascii_alphanumeric).collect();
    let header: String = words.chars().filter(|c| (' '..='~').contains(c)).collect();
    let headers = format!(
        "WWW-Authenticate: Bearer error=\"{header}\"\r\nServer: {header}\r\nLocation: https://{word}.example.com/{header}\r\n\
         X-Request-Id: {header}\r\nContent-Type: application/json\r\nRetry-After: {header}\r\n"
    );
    let fields = [
        json!({ "error": words }),
        json!({ "error": "invalid_client", "error_description": format!("{}{words}", "x".repeat(number % 200)) }),
        json!({ "error": "invalid_grant", "error_description": words, "error_uri": words }),
        json!({ "cspErrorCode": words, "message": words, "statusCode": 400 }),
        json!({ "message": words, "path": words, "requestId": words }),
        json!({ "access_token": words, "token_type": words, "expires_in": words, "scope": words }),
        json!({ "error": "x", "error_description": words, "access_token": words, "refresh_token": words }),
    ];
    let redirect = number % 8 == 7;
    let status = if redirect { "302 Found" } else { status[number % status.len()] };
    response(status, &headers, &fields[number / status.len() % fields.len()].to_string())
}

#[test]
fn no_field_of_any_reply_tells_a_secret_in_any_encoding() {
    let emulator = tenant(false);
    let (words, count) = (Arc::new(Mutex::new(String::new())), AtomicUsize::new(0));
    let said = Arc::clone(&words);
    let stub = Stub::start(move |_| talkative(&said.lock().unwrap(), count.fetch_add(1, Ordering::Relaxed)));
    let sandbox = curious(&emulator);
    emulator.play(canaries());
    run(&sandbox, &["get"], "the first");
    let first = sandbox.entry();
    std::fs::remove_file(sandbox.entry_file()).unwrap();
    sandbox.edit_profile(|profile| profile["tenant"] = format!("http://{}", stub.host()).into());
    // An entry of that tenant, which gets the tokens of the first one before each call.
    run(&sandbox, &["get"], "an entry");
    for (number, (title, spelling)) in encoded().into_iter().enumerate() {
        *words.lock().unwrap() = spelling;
        let calls: [&[&str]; 6] = [
            &["get", "--force-refresh"],
            &["get", "--force-refresh"],
            &["get", "--force-refresh", "--min-ttl", "10h"],
            &["status"],
            &["doctor"],
            &["doctor", "--json"],
        ];
        for args in &calls[..if number % 5 == 0 { 6 } else { 4 }] {
            sandbox.edit_entry(|entry| {
                entry["token"] = first["token"].clone();
                entry["refresh_token"] = REFRESH.into();
                entry["failure"] = serde_json::Value::Null;
            });
            let output = run(&sandbox, args, title);
            assert_clean(&output.stdout, &[SECRET, ACCESS, REFRESH], title);
            let failure = sandbox.entry()["failure"].to_string();
            assert_clean(&failure, &[SECRET, ACCESS, REFRESH], title);
        }
    }
    assert!(stub.heads().len() > 200, "{}", stub.heads().len());
}

#[test]
fn a_certificate_that_names_a_secret_is_not_quoted() {
    let emulator = Emulator::builder().tls_with(TlsFault::WrongHost).start().unwrap();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("WS1_TOKEN_VERBOSE", "1");
    for secret in ["another-host.example.com", "another-host"] {
        sandbox.write_secret(secret);
        for args in [&["get", "--force-refresh"][..], &["doctor"], &["doctor", "--json"]] {
            let output = sandbox.run(args);
            assert!(!output.to_string().contains(secret), "{output}");
        }
    }
}

#[test]
fn the_keys_of_a_connection_are_not_logged() {
    let emulator = tenant(true);
    let sandbox = curious(&emulator);
    assert_eq!(sandbox.run(&["get"]).status, 0);
    assert!(!sandbox.path("tls-keys.log").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_waiting_process_shows_no_secret_in_its_command_line() {
    let emulator = tenant(false);
    let sandbox = curious(&emulator);
    emulator.play(Fault::Hang);
    let child = sandbox.start(sandbox.command(&["get"]));
    crate::sandbox::wait_until("the request is sent", || emulator.requests().len() == 1);
    let command_line = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    assert_clean(&String::from_utf8_lossy(&command_line), &[SECRET, ACCESS, REFRESH], "the command line");
    emulator.release();
    assert_eq!(sandbox.wait(child).status, 0);
}

#[test]
fn a_proxy_a_redirect_and_a_stranger_learn_and_tell_nothing() {
    const PASSWORD: &str = "Canary-Proxy+5Jd_3Lm";
    let emulator = tenant(true);
    let stranger = tenant(true);
    let target = Stub::ok();
    let proxies = ["407 Proxy Authentication Required", "502 Bad Gateway"]
        .map(|status| (status, Stub::start(move |_| response(status, "", &format!("{ACCESS} {REFRESH}")))));
    for (status, proxy) in &proxies {
        let sandbox = curious(&emulator);
        let url = format!("http://user:{PASSWORD}@{}", proxy.host());
        sandbox.edit_profile(|profile| profile["proxy"] = url.into());
        let secrets = [SECRET, ACCESS, REFRESH, PASSWORD];
        for args in [&["get"][..], &["status"], &["status", "--json"], &["kubectl"], &["exec", "--", "true"]] {
            let output = sandbox.run(args);
            assert_clean(&format!("{}{}", output.stdout, output.stderr), &secrets, status);
        }
        let entry = std::fs::read_to_string(sandbox.entry_file()).unwrap();
        assert_clean(&entry, &secrets, "the entry");
        assert_clean(&proxy.heads().concat(), &[SECRET, ACCESS, REFRESH], "what the proxy heard");
        assert!(!proxy.heads().is_empty());
    }
    let sandbox = curious(&emulator);
    for code in [301, 302, 303, 307, 308] {
        emulator.play(Fault::Redirect { code, location: format!("http://{}/{ACCESS}", target.host()) });
        assert_eq!(run(&sandbox, &["get", "--force-refresh"], "a redirect").status, 5);
    }
    assert_eq!(target.heads(), Vec::<String>::new());
    crate::sandbox::write(&sandbox.path("ca.pem"), stranger.ca_pem().unwrap().as_bytes());
    assert_eq!(run(&sandbox, &["get", "--force-refresh"], "a stranger").status, 2);
    assert_clean_files(&sandbox.path(""));
}

#[test]
fn every_caller_is_told_of_a_failure_without_a_secret() {
    let emulator = tenant(false);
    let request = format!("protocol=http\nhost={}\n\n", emulator.host());
    let refused = format!("protocol=http\nhost={}\nusername=oauth2\npassword={ACCESS}\n\n", emulator.host());
    for fault in [
        Fault::oauth_error(401, "invalid_client", &format!("{SECRET} is wrong")),
        Fault::status(503),
        Fault::Html,
        Fault::Raw { bytes: format!("{SECRET} {ACCESS}").into_bytes() },
        Fault::Json(json!({ "access_token": format!("{ACCESS}\r\n"), "refresh_token": REFRESH })),
    ] {
        let place = format!("{fault:?}");
        let sandbox = curious(&emulator);
        for has_token in [false, true] {
            if has_token {
                emulator.play(canaries());
                run(&sandbox, &["get", "--force-refresh"], &place);
            }
            emulator.play_always(fault.clone());
            for (args, input) in [
                (&["kubectl"][..], ""),
                (&["git", "get"], &request),
                (&["git", "erase"], &refused),
                (&["git", "store"], &refused),
                (&["curl", "/SAAS/x", "-s"], ""),
                (&["exec", "--", "sh", "-c", "exit 3"], ""),
                (&["status", "--json"], ""),
                (&["get", "--output", "nowhere/x"], ""),
                (&["get", "--min-ttl", "300d"], ""),
            ] {
                if has_token {
                    sandbox.age_until(20);
                }
                let output = sandbox.run_with_stdin(args, input.as_bytes());
                assert_clean(&output.stderr, &[SECRET, ACCESS, REFRESH], &format!("{args:?} {place}"));
                assert_clean(&output.stdout, &[SECRET, REFRESH], &format!("{args:?} {place}"));
                assert!(!output.stderr.contains("panicked"), "{args:?} {place}");
                if has_token && sandbox.entry()["token"].is_null() {
                    break;
                }
            }
            emulator.play_normally();
        }
        assert_clean_files(&sandbox.path(""));
    }
}

#[cfg(unix)]
#[test]
fn no_byte_of_a_secret_can_be_read_by_others() {
    let emulator = tenant(true);
    let sandbox = curious(&emulator);
    let mut shell = sandbox.program("sh");
    let line = "umask 0; \"$0\" get; \"$0\" get --output token.file; \"$0\" kubectl; \"$0\" get --force-refresh";
    shell.args(["-c", line, crate::sandbox::binary()]);
    for _ in 0..4 {
        emulator.play(canaries());
    }
    assert_eq!(sandbox.finish(shell).status, 0);
    assert_eq!(assert_private(&sandbox.path("")), 4, "the secret, the entry, the output; and the token once more");
}

/// Fails if a file that others can read holds a secret; gives how many secrets there are in the others.
#[cfg(unix)]
fn assert_private(dir: &Path) -> usize {
    let mut private = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            private += assert_private(&path);
            continue;
        }
        let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        if crate::sandbox::mode(&path).trailing_zeros() >= 6 {
            private += [SECRET, ACCESS, REFRESH].iter().filter(|secret| content.contains(*secret)).count();
        } else {
            assert_clean(&content, &[SECRET, ACCESS, REFRESH], &path.display().to_string());
        }
    }
    private
}

#[cfg(target_os = "linux")]
#[test]
fn no_process_of_a_run_shows_a_secret_in_its_command_line() {
    let emulator = tenant(false);
    let (reached, is_reached) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let api = Stub::start(move |_| {
        reached.send(()).unwrap();
        // An error is the end of the test.
        let _ = released.recv();
        response("200 OK", "", "ok\n")
    });
    let sandbox = curious(&emulator);
    sandbox.edit_profile(|profile| profile["hosts"] = vec![api.host()].into());
    // A due token, so that the run renews it first; then curl has it.
    emulator.play(canaries());
    run(&sandbox, &["get"], "the first");
    sandbox.age_until(60);
    emulator.play_always(canaries());
    let child = sandbox.start(sandbox.command(&["curl", &format!("http://{}/", api.host()), "-s", "-d", "a=b"]));
    is_reached.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    let lines = command_lines(child.id());
    release.send(()).unwrap();
    assert_eq!(sandbox.wait(child).stdout, "ok\n");
    assert!(api.heads()[0].contains(ACCESS), "it was there");
    assert!(lines.iter().any(|line| line.starts_with("curl ")), "{lines:?}");
    assert_clean(&lines.join("\n"), &[SECRET, ACCESS, REFRESH], "a command line");
}

/// The command lines of a process and of all that descend from it.
#[cfg(target_os = "linux")]
fn command_lines(root: u32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut family = vec![root];
    while let Some(process) = family.pop() {
        let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        lines.push(String::from_utf8_lossy(&line).replace('\0', " "));
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let parent = format!("PPid:\t{process}\n");
            if let Ok(number) = entry.file_name().to_string_lossy().parse()
                && std::fs::read_to_string(entry.path().join("status")).is_ok_and(|status| status.contains(&parent))
            {
                family.push(number);
            }
        }
    }
    lines
}

/// A home without configuration that wants to know everything, and the arguments of a login that fails or does not.
fn newcomer(emulator: &Emulator) -> (Sandbox, Vec<String>) {
    let mut sandbox = Sandbox::new();
    sandbox.set("WS1_TOKEN_VERBOSE", "1").set("RUST_LOG", "trace").set("RUST_BACKTRACE", "full");
    let mut args = vec!["login".to_owned(), "--tenant".to_owned(), emulator.url()];
    args.extend(["--client-id", "ci-bot", "--secret-stdin"].map(str::to_owned));
    if let Some(pem) = emulator.ca_pem() {
        crate::sandbox::write(&sandbox.path("ca.pem"), pem.as_bytes());
        args.extend(["--ca-file", "ca.pem"].map(str::to_owned));
    }
    (sandbox, args)
}

#[test]
fn no_login_or_logout_tells_a_secret() {
    for tls in [false, true] {
        let emulator = tenant(tls);
        for fault in [
            canaries(),
            Fault::status(401),
            Fault::status(503),
            Fault::Html,
            Fault::Reset,
            Fault::Raw { bytes: format!("{SECRET} {ACCESS}").into_bytes() },
            Fault::oauth_error(401, "invalid_client", &format!("{SECRET} is wrong for ci-bot")),
            Fault::Redirect { code: 302, location: format!("https://example.com/{ACCESS}?x={SECRET}") },
            Fault::Json(json!({ "access_token": format!("{ACCESS}\n"), "refresh_token": REFRESH })),
        ] {
            let place = format!("{fault:?}");
            let (sandbox, args) = newcomer(&emulator);
            emulator.play_always(fault);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            for args in [&args[..], &["logout", "--revoke"], &["logout"]] {
                let output = sandbox.run_with_stdin(args, SECRET.as_bytes());
                assert_clean(&format!("{}{}", output.stdout, output.stderr), &[SECRET, ACCESS, REFRESH], &place);
                assert!(!output.stderr.contains("panicked"), "{place}: {output}");
                assert_clean_files(&sandbox.path(""));
            }
        }
    }
}

#[test]
fn mistakes_at_a_login_tell_no_secret() {
    let emulator = tenant(false);
    let (mut sandbox, args) = newcomer(&emulator);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    for input in [format!("{SECRET}\n{SECRET}"), format!("{SECRET}\u{1}"), SECRET.repeat(2000)] {
        let output = sandbox.run_with_stdin(&args, input.as_bytes());
        assert_eq!(output.status, 2, "{output}");
        assert_clean(&format!("{}{}", output.stdout, output.stderr), &[SECRET], "a mistake");
    }
    let file = json!({ "tokenEndpoint": emulator.url(), "clientId": "ci:bot", "clientSecret": SECRET, "more": SECRET });
    crate::sandbox::write(&sandbox.path("console.secret"), file.to_string().as_bytes());
    sandbox.set("WS1_TOKEN_TENANT", format!("https://u:{SECRET}@h/")).set("WS1_TOKEN_SCOPE", format!("é{SECRET}"));
    for args in [&["login", "--import", "console.secret"][..], &["login"], &["login", "--tenant", &emulator.url()]] {
        let output = sandbox.run(args);
        assert_eq!(output.status, 2, "{output}");
        assert_clean(&format!("{}{}", output.stdout, output.stderr), &[SECRET], &args.join(" "));
    }
    assert_clean_files(&sandbox.path(""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_login_at_work_shows_no_secret() {
    let emulator = tenant(false);
    let (sandbox, args) = newcomer(&emulator);
    emulator.play(Fault::Hang);
    let mut login = sandbox.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    login.stdin(std::process::Stdio::piped());
    let mut child = sandbox.start(login);
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), SECRET.as_bytes()).unwrap();
    crate::sandbox::wait_until("the request is sent", || emulator.requests().len() == 1);
    for file in ["cmdline", "environ"] {
        match std::fs::read(format!("/proc/{}/{file}", child.id())) {
            Ok(bytes) => assert_clean(&String::from_utf8_lossy(&bytes), &[SECRET], file),
            // Of a program that is not dumpable the kernel shows it only to root.
            Err(error) => assert_eq!((file, error.kind()), ("environ", std::io::ErrorKind::PermissionDenied)),
        }
    }
    assert_clean_files(&sandbox.path(""));
    emulator.release();
    assert_eq!(sandbox.wait(child).status, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_typed_unseen_is_never_seen() {
    use crate::terminal::Terminal;
    let emulator = tenant(false);
    let (sandbox, _) = newcomer(&emulator);
    emulator.play(Fault::status(401));
    emulator.play(canaries());
    let mut terminal = Terminal::start(&sandbox.command(&["login"]));
    terminal.expect("Tenant").expect(": ").type_line(&emulator.url()).expect("Client ID: ").type_line("ci-bot");
    terminal.expect("(not shown): ").type_line("wrong").expect("Scopes").expect(": ").type_line("");
    terminal.expect("Client ID [").type_line("").expect("(not shown): ").type_line(SECRET);
    let output = terminal.finish(&sandbox);
    assert_eq!(output.status, 0, "{output}");
    assert_clean(&output.to_string(), &[SECRET, ACCESS, REFRESH], "the screen");
    assert_clean_files(&sandbox.path(""));
}
