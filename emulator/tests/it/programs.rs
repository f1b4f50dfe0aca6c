//! curl, git and kubectl against the emulator. The test of a missing client is skipped and says so. With `CI=true` that is a
//! failure, unless `WS1_TEST_MAY_SKIP` names the client.

use crate::client::get;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use ws1_emulator::{Emulator, Service, TlsFault};

/// Whether `program` is installed.
pub(crate) fn present(program: &str) -> bool {
    let found = Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        let _ = writeln!(io::stderr(), "SKIPPED, no {program}: it is not installed, or not for this user");
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        let listed = std::env::var("WS1_TEST_MAY_SKIP").unwrap_or_default();
        let may_skip = listed.split_ascii_whitespace().any(|name| name == program);
        assert!(!is_ci || may_skip, "CI=true, and `{program}` is not in WS1_TEST_MAY_SKIP");
    }
    found
}

/// Runs a command; panics with its standard error unless its success is `success`.
fn run(command: &mut Command, success: bool) -> Output {
    let output = command.stdin(Stdio::null()).output().expect("the program was found before");
    assert_eq!(output.status.success(), success, "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Writes a file in `directory` and returns its path.
fn file(directory: &TempDir, name: &str, text: &str) -> String {
    let path = directory.path().join(name);
    File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("a temporary file");
    path.to_string_lossy().into_owned()
}

/// A file with the certificate of the emulator's CA.
fn ca_file(directory: &TempDir, emulator: &Emulator) -> String {
    file(directory, "ca.pem", emulator.ca_pem().expect("it serves HTTPS"))
}

/// A `curl` that requests a token.
fn curl(emulator: &Emulator, ca: &str) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--cacert", ca, "--user", "ci-bot:emulator-secret"])
        .args(["--data", "grant_type=client_credentials"])
        .arg(format!("{}/SAAS/auth/oauthtoken", emulator.url()));
    curl
}

/// A token, requested with curl.
fn token(emulator: &Emulator, ca: &str) -> String {
    let reply: serde_json::Value =
        serde_json::from_slice(&run(&mut curl(emulator, ca), true).stdout).expect("a JSON reply");
    reply["access_token"].as_str().expect("a token").to_owned()
}

#[test]
fn curl_trusts_the_valid_certificate_only() {
    if !present("curl") {
        return;
    }
    let directory = TempDir::new().unwrap();
    let good = Emulator::builder().tls().start().unwrap();
    assert!(good.url().starts_with("https://localhost:"));
    let ca = ca_file(&directory, &good);
    assert!(good.is_valid(&token(&good, &ca)));
    for fault in [TlsFault::Expired, TlsFault::WrongHost, TlsFault::SelfSigned] {
        let bad = Emulator::builder().tls_with(fault).start().unwrap();
        let refused = run(&mut curl(&bad, &ca_file(&directory, &bad)), false);
        assert_eq!(refused.status.code(), Some(60), "{fault:?}");
        assert_eq!(bad.counters().token_requests, 0);
    }
    let slow = Emulator::builder().tls_with(TlsFault::HandshakeDrip).start().unwrap();
    let refused = run(curl(&slow, &ca_file(&directory, &slow)).args(["--max-time", "0.5"]), false);
    assert_eq!(refused.status.code(), Some(28));
}

/// `git` in `directory`, with `token` and without prompts.
fn git(directory: &Path, token: &str, arguments: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.current_dir(directory)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "http.proxy="])
        .args(["-c", &format!("http.extraHeader=Authorization: Bearer {token}")])
        .args(arguments);
    git
}

#[test]
fn git_clones_and_pushes() {
    if !(present("git") && present("curl")) {
        return;
    }
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    run(&mut git(here, "", &["init", "--quiet", "--bare", "-b", "main", "root/demo.git"]), true);
    let emulator = Emulator::builder().git_root(here.join("root")).start().unwrap();
    let token = token(&emulator, "/dev/null");
    let url = |prefix: &str| format!("{}/{prefix}/demo.git", emulator.url());
    run(&mut git(here, &token, &["clone", "--quiet", &url("git"), "one"]), true);
    let one = here.join("one");
    // Larger than git's post buffer, so that the push is chunked; all lines differ, so that it does not compress well.
    let mut big = String::new();
    for number in 0_u64..150_000 {
        writeln!(big, "{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
    }
    file(&directory, "one/big", &big);
    run(&mut git(&one, "", &["add", "big"]), true);
    run(&mut git(&one, "", &["commit", "--quiet", "-m", "big"]), true);
    run(&mut git(&one, &token, &["push", "--quiet", "origin", "HEAD:main"]), true);
    run(&mut git(here, &token, &["clone", "--quiet", &url("git-bearer"), "two"]), true);
    assert_eq!(std::fs::read_to_string(here.join("two/big")).unwrap(), big);
    let chunked = emulator.requests().iter().any(|request| request.header("transfer-encoding") == Some("chunked"));
    assert!(chunked, "the push was not chunked");

    let with_password = url("git").replace("http://", &format!("http://x:{token}@"));
    let mut plain = Command::new("git");
    run(plain.args(["-c", "http.proxy=", "ls-remote", "--quiet", &with_password]), true);
    let refused = get(&emulator, "/git/demo.git/info/refs?service=git-upload-pack", "wrong");
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.head().matches("WWW-Authenticate").count(), 2);
    let refused = get(&emulator, "/git-bearer/demo.git/info/refs?service=git-upload-pack", "wrong");
    assert_eq!(refused.head().matches("WWW-Authenticate").count(), 1);
    assert_eq!(get(&emulator, "/git/../one/.git/HEAD", &token).status(), 404);
}

#[test]
fn curl_follows_a_download_to_the_storage_without_the_token() {
    if !present("curl") {
        return;
    }
    let directory = TempDir::new().unwrap();
    for tls in [false, true] {
        let builder = Emulator::builder().service(Service::Intelligence);
        let emulator = if tls { builder.tls() } else { builder }.start().unwrap();
        let mut plain = Command::new("curl");
        plain.args(["--silent", "--show-error", "--noproxy", "*"]);
        if tls {
            plain.args(["--cacert", &ca_file(&directory, &emulator)]);
        }
        let curl = |arguments: &[&str]| {
            let mut curl = Command::new("curl");
            curl.args(plain.get_args()).args(arguments);
            String::from_utf8(run(&mut curl, true).stdout).unwrap()
        };
        let grant = format!("{}?grant_type=client_credentials", emulator.token_url());
        let reply = curl(&["--user", "ci-bot:emulator-secret", "--request", "POST", &grant]);
        let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
        let bearer = format!("Authorization: Bearer {}", reply["access_token"].as_str().unwrap());
        let api = format!("{}/v2/reports", emulator.api_url());
        let list = curl(&["--header", &bearer, "--request", "POST", &format!("{api}/x/downloads/search")]);
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let download = format!("{api}/tracking/{}/download", list["data"]["results"][0]["id"].as_str().unwrap());
        assert!(curl(&["--header", &bearer, "--location", &download]).starts_with("device_friendly_name,"));
        let leaked = curl(&["--header", &bearer, "--location-trusted", &download]);
        assert!(leaked.contains("Only one auth mechanism allowed"), "{leaked}");
    }
}

#[test]
fn kubectl_lists_the_pod() {
    if !(present("kubectl") && present("curl")) {
        return;
    }
    let directory = TempDir::new().unwrap();
    let emulator = Emulator::builder().tls().start().unwrap();
    let ca = ca_file(&directory, &emulator);
    let token = token(&emulator, &ca);
    let kubectl = |token: &str| {
        let config = format!(
            "{{apiVersion: v1, kind: Config, current-context: x, \
             clusters: [{{name: c, cluster: {{server: {}/k8s, certificate-authority: {ca}}}}}], \
             users: [{{name: u, user: {{token: {token}}}}}], \
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]}}",
            emulator.url()
        );
        let mut kubectl = Command::new("kubectl");
        kubectl.env("HOME", directory.path()).arg("--kubeconfig").arg(file(&directory, "config", &config)).arg("get");
        kubectl
    };
    let pods = run(kubectl(&token).arg("pods"), true).stdout;
    assert!(String::from_utf8_lossy(&pods).contains("emulated   1/1     Running"));
    let raw = run(kubectl(&token).args(["--raw", "/api"]), true).stdout;
    assert!(String::from_utf8_lossy(&raw).contains("APIVersions"));
    run(kubectl("wrong").arg("pods"), false);
}
