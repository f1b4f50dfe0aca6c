//! `curl`: the real curl gets the token, and no other process or host does.

use std::fmt::Write;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::process::Child;
#[cfg(target_os = "linux")]
use std::sync::mpsc;

use ws1_emulator::Emulator;

#[cfg(target_os = "linux")]
use crate::sandbox::SECRET;
use crate::sandbox::{self, Output, Sandbox, assert_snapshot};
use crate::skip::has;
use crate::stub::{Stub, response};

/// A protected path of the tenant.
pub(crate) const USERS: &str = "/SAAS/jersey/manager/api/scim/Users";

/// A tenant and a home that knows it, if there is a curl.
fn world() -> Option<(Emulator, Sandbox)> {
    has("curl").then(|| {
        let emulator = Emulator::start();
        let sandbox = Sandbox::with_tenant(&emulator);
        (emulator, sandbox)
    })
}

/// Lets a host have the token.
fn allow(sandbox: &Sandbox, host: &str) {
    sandbox.edit_profile(|profile| profile["hosts"] = vec![host].into());
}

/// `ws1-token curl` without curl's progress meter.
pub(crate) fn curl(sandbox: &Sandbox, args: &[&str]) -> Output {
    let args: Vec<&str> = ["curl"].iter().chain(args).copied().collect();
    sandbox.run(&args)
}

/// The statuses of the tenant's answers to what is no token request.
fn api_statuses(emulator: &Emulator) -> Vec<u16> {
    let requests = emulator.requests();
    requests.iter().filter(|request| request.path() == USERS).map(|request| request.status).collect()
}

#[test]
fn paths_and_allowed_urls_get_the_token() {
    let Some((emulator, sandbox)) = world() else { return };
    let api = Stub::ok();
    allow(&sandbox, &api.host());
    let users = curl(&sandbox, &[USERS, "-s"]);
    assert!(users.stdout.contains("\"totalResults\":2"), "{users}");
    assert_eq!((users.stderr.as_str(), users.status), ("", 0));
    let same = curl(&sandbox, &[&format!("{}{USERS}", emulator.url()), "-s"]);
    assert_eq!(same.to_string(), users.to_string());
    let other = curl(&sandbox, &[&format!("http://{}/v1/jobs?page=2#top", api.host()), "-s"]);
    assert_eq!(other.to_string(), "ok\n");
    let token = sandbox.run(&["get"]).token();
    let head = &api.heads()[0];
    assert!(head.starts_with("GET /v1/jobs?page=2 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nAuthorization: Bearer {token}\r\n")), "{head}");
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn arguments_are_passed_on() {
    let Some((emulator, sandbox)) = world() else { return };
    let written = curl(&sandbox, &[USERS, "-sS", "-o", "users.json", "-w", "%{http_code}\n"]);
    assert_eq!(written.to_string(), "200\n");
    let users = std::fs::read_to_string(sandbox.path("users.json")).unwrap();
    assert!(users.contains("\"totalResults\":2"), "{users}");
    curl(&sandbox, &[USERS, "--silent", "--data", "a=b c", "--header", "X-Test: one", "-XPUT", "--max-time", "20"]);
    let request = emulator.requests().pop().unwrap();
    assert_eq!((request.method.as_str(), request.body.as_slice()), ("PUT", &b"a=b c"[..]));
    assert_eq!(request.header("x-test"), Some("one"));
    // What begins with an option of curl's is curl's, also what looks like an option of ours.
    let usage = curl(&sandbox, &[USERS, "-s", "--output", "users.json", "--help", "category"]);
    assert!(usage.stdout.contains("curl"), "{usage}");
    let separated = sandbox.run(&["curl", USERS, "--", "-s", "-o", "users.json"]);
    assert_eq!(separated.to_string(), "");
}

#[test]
fn options_stand_on_either_side_of_the_path() {
    let Some((emulator, sandbox)) = world() else { return };
    for args in [
        &["-s", USERS][..],
        &["-sSo", "users.json", USERS, "-w", "%{http_code}\n"],
        &["-X", "GET", "-so", "users.json", USERS],
        &["--profile", "prod", "-v", "-s", USERS, "-o", "users.json"],
        &["--", "-s", USERS, "-o", "users.json"],
    ] {
        let output = curl(&sandbox, args);
        assert_eq!(output.status, 0, "{args:?}: {output}");
    }
    assert_eq!(api_statuses(&emulator), [200; 5]);
    assert_eq!(curl(&sandbox, &["-s"]).status, 2);
    assert_eq!(curl(&sandbox, &["-s", "--profile", "prod", USERS]).status, 2);
}

#[test]
fn standard_input_is_curls() {
    let Some((emulator, sandbox)) = world() else { return };
    sandbox.run_with_stdin(&["curl", USERS, "-s", "--data-binary", "@-"], b"from a pipe\n");
    assert_eq!(emulator.requests().pop().unwrap().body, b"from a pipe\n");
}

#[test]
fn the_exit_status_is_curls() {
    let Some((emulator, sandbox)) = world() else { return };
    allow(&sandbox, "127.0.0.1:1");
    assert_eq!(curl(&sandbox, &["http://127.0.0.1:1/", "-s"]).status, 7);
    assert_eq!(curl(&sandbox, &[USERS, "-s", "--retry"]).status, 2, "its value is missing");
    sandbox.run(&["get"]);
    emulator.revoke_all();
    let refused = curl(&sandbox, &[USERS, "-s", "-f"]);
    assert_eq!((refused.to_string().as_str(), refused.status), ("[exit status: 22]\n", 22));
    assert_eq!(api_statuses(&emulator), [401]);
}

#[test]
fn without_a_token_curl_does_not_run() {
    let Some((emulator, sandbox)) = world() else { return };
    sandbox.write_secret("wrong");
    assert_eq!(curl(&sandbox, &[USERS, "-s"]).status, 4);
    assert_eq!(api_statuses(&emulator), Vec::<u16>::new());
}

#[test]
fn what_would_leak_the_token_is_refused_before_any_request() {
    let Some((emulator, sandbox)) = world() else { return };
    let foreign = Stub::ok();
    let mut sandbox = sandbox;
    sandbox.name(&foreign.host(), "$FOREIGN");
    let evil = format!("http://{}/", foreign.host());
    let tenant = format!("127.0.0.1:{}", emulator.addr().port());
    let mut all = String::new();
    for args in [
        &[evil.as_str()][..],
        &["http://127.0.0.1/"],
        &["http://192.0.2.1/"],
        &["https://evil.example/"],
        &["//evil.example/"],
        &["ftp://evil.example/"],
        &["SAAS/auth"],
        &[&format!("http://user@{tenant}/")],
        &[&format!("http://{tenant}@evil.example/")],
        &[&format!("http://{tenant}\\@evil.example/")],
        &["/a b"],
        &[USERS, &evil],
        &[USERS, "-s", &evil],
        &[USERS, "-so", "file", &evil],
        &[USERS, "-sofile", &evil],
        &[USERS, "-o", "--next", &evil],
        &[USERS, "-d", "-:", &evil],
        &[USERS, "--", &evil],
        &[USERS, "--", "-s", "--", &evil],
        &[USERS, "-", &evil],
        &[USERS, "-k"],
        &[USERS, "-sk"],
        &[USERS, "--insecure"],
        &[USERS, "--insec"],
        &[USERS, "-L", "--location-trusted"],
        &[USERS, "--url", &evil],
        &[USERS, &format!("--url={evil}")],
        &[USERS, "--config", "file"],
        &[USERS, "-Kfile"],
        &[USERS, "-sK", "file"],
        &[USERS, "-v"],
        &[USERS, "-sv", "-o", "file"],
        &[USERS, "--trace-ascii", "file"],
        &[USERS, "--libcurl", "file"],
        &[USERS, "--next", "-v", &evil],
        &[USERS, "-s:", &evil],
        &[USERS, "--krb4", "--next", &evil],
        &[USERS, "--VERBOSE"],
        &[USERS, "--sil"],
        &[USERS, "--data=a"],
        &[USERS, &format!("--expand-url={evil}")],
        &[USERS, "--expand-config", "file"],
        &[USERS, "-s?"],
        &["-s"],
        // In clear, to whom the user names.
        &[USERS, "-x", &foreign.host()],
        &[USERS, "-sx", &foreign.host()],
        &[USERS, "--preproxy", &foreign.host()],
        &[USERS, "--socks5-hostname", &foreign.host()],
        &[USERS, "--connect-to", &format!("::{}", foreign.host())],
        &[USERS, "--resolve", &format!("{tenant}:127.0.0.2")],
        &[USERS, "--unix-socket", "socket"],
        &[USERS, "--noproxy", "x"],
        &[USERS, "--haproxy-protocol"],
    ] {
        let output = curl(&sandbox, args);
        assert_eq!((output.stdout.as_str(), output.status), ("", 2), "{args:?}: {output}");
        writeln!(all, "$ ws1-token curl {}\n{output}", args.join(" ")).unwrap();
    }
    all = all.replace(&foreign.host(), "$FOREIGN").replace(&tenant, "$TENANT");
    assert_snapshot!("curl-refused", all);
    assert_eq!((foreign.heads(), emulator.counters().connections), (vec![], 0));
}

#[test]
fn a_curlrc_sends_the_token_nowhere() {
    let Some((_emulator, sandbox)) = world() else { return };
    let foreign = Stub::ok();
    sandbox::write(
        &sandbox.path("home/.curlrc"),
        format!("url = \"http://{}/\"\ninsecure\n", foreign.host()).as_bytes(),
    );
    let users = curl(&sandbox, &[USERS, "-s"]);
    assert_eq!((users.status, foreign.heads()), (0, vec![]));
}

#[test]
fn the_token_stays_with_its_host() {
    let Some((_emulator, sandbox)) = world() else { return };
    let foreign = Stub::ok();
    let evil = format!("http://{}/", foreign.host());
    let away = format!("Location: {evil}\r\n");
    let door = Stub::start(move |_| response("302 Found", &away, ""));
    allow(&sandbox, &door.host());
    let redirected = curl(&sandbox, &[&format!("http://{}/", door.host()), "-s", "-L"]);
    assert_eq!(redirected.to_string(), "ok\n");
    assert_eq!((door.authorized(), foreign.authorized()), (vec![true], vec![false]));
}

#[test]
#[cfg(target_os = "linux")]
fn the_token_is_in_no_argument_environment_or_file() {
    let Some((emulator, sandbox)) = world() else { return };
    let (reached, is_reached) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let api = Stub::start(move |_| {
        reached.send(()).unwrap();
        // An error is the end of the test.
        let _ = released.recv();
        response("200 OK", "", "ok\n")
    });
    // Dropped before the server, which waits for it.
    let release = release;
    allow(&sandbox, &api.host());
    let mut sandbox = sandbox;
    let temporary = sandbox.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    sandbox.set("TMPDIR", temporary.display().to_string());
    // The secret from the environment, to see that it ends there.
    sandbox.set("WS1_TOKEN_CLIENT_SECRET", SECRET).set("CANARY", "here");
    sandbox.edit_profile(|profile| drop(profile.as_object_mut().unwrap().remove("client_secret")));
    std::fs::remove_file(sandbox.secret_file()).unwrap();
    let child = sandbox.start(sandbox.command(&["curl", &format!("http://{}/", api.host()), "-s"]));
    is_reached.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    let token = emulator.issued().pop().unwrap();
    let seen = look_at_curl(&child);
    let files = files_with(&sandbox.path(""), &token);
    release.send(()).unwrap();
    let output = sandbox.wait(child);
    assert_eq!(output.to_string(), "ok\n");
    assert!(api.heads()[0].contains(&token), "it was there");
    assert!(seen.contains("CANARY=here"), "{seen}");
    for secret in [token.as_str(), SECRET, "WS1_TOKEN_CLIENT_SECRET"] {
        assert!(!seen.contains(secret), "{seen}");
    }
    assert_eq!(files, [sandbox.entry_file()]);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

/// Arguments and environment of the curl that a run has become.
#[cfg(target_os = "linux")]
fn look_at_curl(child: &Child) -> String {
    let curl = PathBuf::from(format!("/proc/{}", child.id()));
    let read = |name: &str| String::from_utf8_lossy(&std::fs::read(curl.join(name)).unwrap()).replace('\0', "\n");
    let arguments = read("cmdline");
    assert!(arguments.starts_with("curl\n"), "{arguments}");
    format!("{arguments}{}", read("environ"))
}

/// The files below a directory that hold a text.
pub(crate) fn files_with(dir: &Path, text: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let (dirs, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let holds = |file: &PathBuf| String::from_utf8_lossy(&std::fs::read(file).unwrap()).contains(text);
    files.into_iter().filter(holds).chain(dirs.iter().flat_map(|dir| files_with(dir, text))).collect()
}

#[test]
fn curl_itself_can_ask() {
    let Some((emulator, sandbox)) = world() else { return };
    if !has("bash") {
        return;
    }
    let ws1 = sandbox::binary();
    let url = format!("{}{USERS}", emulator.url());
    for script in [
        format!("curl -s -K <({ws1} get --format curl) {url}"),
        format!("curl -s -H @<({ws1} get --format header) {url}"),
        format!("set -o pipefail; {ws1} get --format curl | curl -s -K - {url}"),
        format!("curl -s -H \"$({ws1} get --format header)\" {url}"),
        format!("eval \"$({ws1} get --format env)\"; curl -s --oauth2-bearer \"$WS1_ACCESS_TOKEN\" {url}"),
    ] {
        let mut command = sandbox.program("bash");
        command.args(["-c", &script]);
        let output = sandbox.finish(command);
        assert!(output.stdout.contains("\"totalResults\":2"), "{script}: {output}");
        assert_eq!((output.stderr.as_str(), output.status), ("", 0), "{script}");
    }
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn a_missing_curl_is_named() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let empty = sandbox.path("empty");
    std::fs::create_dir(&empty).unwrap();
    sandbox.set("PATH", empty.display().to_string());
    let alone = curl(&sandbox, &[USERS]);
    assert_snapshot!("curl-missing", alone);
    assert_eq!(curl(&sandbox, &[USERS, "-d", "a=b"]).to_string(), alone.to_string());
}

/// Puts a program of our own in curl's place.
#[cfg(unix)]
pub(crate) fn replace_curl(sandbox: &mut Sandbox, script: &str) {
    let dir = sandbox.path("bin");
    std::fs::create_dir(&dir).unwrap();
    // Another process writes it: a file that this one has open for writing could be inherited by a child that another
    // test starts just then, and a file that is open for writing cannot be run.
    let mut shell = sandbox.program("sh");
    shell.args(["-c", "printf '%s' \"$0\" > bin/curl && chmod 700 bin/curl", &format!("#!/bin/sh\n{script}\n")]);
    assert_eq!(sandbox.finish(shell).to_string(), "");
    sandbox.set("PATH", format!("{}:{}", dir.display(), sandbox::path()));
}

#[cfg(unix)]
#[test]
fn a_signal_that_ends_curl_is_told_as_shells_tell_it() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    replace_curl(&mut sandbox, "case $SIGNAL in '') exit 35;; *) kill -$SIGNAL $$;; esac");
    assert_eq!(curl(&sandbox, &[USERS]).to_string(), "[exit status: 35]\n");
    // Not SIGINT, SIGQUIT and SIGHUP: who starts the tests in the background may have them ignored.
    let user = if cfg!(target_os = "linux") { 10 } else { 30 };
    for (signal, status) in [("KILL", 128 + 9), ("TERM", 128 + 15), ("USR1", 128 + user)] {
        sandbox.set("SIGNAL", signal);
        assert_eq!(curl(&sandbox, &[USERS]).to_string(), format!("[exit status: {status}]\n"), "{signal}");
    }
}

#[cfg(unix)]
#[test]
fn the_options_of_a_curl_before_7_73_are_read_from_its_plain_help() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    // `--help all` is an unknown option's story there; the plain help lists every option.
    let old = "case \"$*\" in\n\
               '--disable --help all') echo 'curl: try --help'; exit 2;;\n\
               '--disable --help') echo ' -d, --data <data>  HTTP POST data'; echo ' -s, --silent  Silent mode';;\n\
               *) shift 5; echo \"$*\";;\nesac";
    replace_curl(&mut sandbox, old);
    let passed = curl(&sandbox, &[USERS, "-s", "-d", "text"]);
    assert_eq!(passed.to_string(), format!("--url http://$TENANT{USERS} -s -d text\n"));
    let unknown = curl(&sandbox, &[USERS, "--user-agent", "text"]);
    assert_eq!((unknown.status, unknown.stdout.as_str()), (2, ""), "what no help lists is refused");
    // A newer one says it all at once; what its plain help says does not count.
    let lines = (0..60).map(|number| format!("echo '     --x{number} <x>  X'")).collect::<Vec<_>>().join("\n");
    let new = old.replace("echo 'curl: try --help'; exit 2", &lines);
    std::fs::remove_dir_all(sandbox.path("bin")).unwrap();
    replace_curl(&mut sandbox, &new);
    assert_eq!(curl(&sandbox, &[USERS, "--x7", "text"]).status, 0);
    assert_eq!(curl(&sandbox, &[USERS, "-d", "text"]).status, 2);
}
