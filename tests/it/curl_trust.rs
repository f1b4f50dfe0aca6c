//! `curl`: whom it trusts, through which proxy it goes, how it ends.

use std::sync::mpsc;

use ws1_emulator::Emulator;

use crate::curl::{USERS, curl, replace_curl};
use crate::sandbox::{self, Output, Sandbox};
use crate::skip::has;
#[cfg(target_os = "linux")]
use crate::strace;
use crate::stub::{Stub, response};

/// A tenant that speaks TLS and a home that trusts its CA alone, if there is a curl.
fn tls_world() -> Option<(Emulator, Sandbox)> {
    has("curl").then(|| {
        let emulator = Emulator::builder().tls().start().unwrap();
        let sandbox = Sandbox::with_tenant(&emulator);
        (emulator, sandbox)
    })
}

/// The status of the users' page, from curl's own words.
fn fetched(sandbox: &Sandbox, args: &[&str]) -> String {
    let args: Vec<&str> = ["-s", "-o", "users.json", "-w", "%{http_code}"].iter().chain(args).copied().collect();
    let Output { stdout, status, .. } = curl(sandbox, &args);
    format!("{stdout} {status}")
}

#[test]
fn curl_trusts_whom_the_profile_trusts() {
    let Some((emulator, mut sandbox)) = tls_world() else { return };
    let other = Emulator::builder().tls().start().unwrap();
    let others_ca = sandbox.path("other.pem");
    sandbox::write(&others_ca, other.ca_pem().unwrap().as_bytes());
    sandbox.edit_profile(|profile| profile["hosts"] = vec![other.host()].into());
    // The platform's roots, for the program; curl itself has others.
    sandbox.set("SSL_CERT_FILE", others_ca.display().to_string());
    let others_page = format!("{}/", other.url());
    assert_eq!(fetched(&sandbox, &[USERS]), "200 0", "ca_file alone");
    assert_eq!(fetched(&sandbox, &[&others_page]), "000 60", "ca_file alone");
    // Each of several connections reads the roots; a byte order mark hides nothing.
    let pem = format!("\u{feff}{}", emulator.ca_pem().unwrap());
    sandbox::write(&sandbox.path("ca.pem"), pem.as_bytes());
    assert_eq!(
        fetched(&sandbox, &[&format!("{USERS}?{{a,b,c}}"), "--no-keepalive", "-H", "Connection: close"]),
        "200200200 0"
    );
    sandbox.edit_profile(|profile| profile["ca_only"] = false.into());
    assert_eq!(fetched(&sandbox, &[USERS]), "200 0", "ca_file and the platform");
    assert_eq!(fetched(&sandbox, &[&others_page]).split(' ').next_back(), Some("0"), "ca_file and the platform");
    let own = others_ca.display().to_string();
    assert_eq!(fetched(&sandbox, &[USERS, "--cacert", &own]), "000 60", "the user's own");
    // A file that is none does not matter where the user names another one.
    sandbox::write(&sandbox.path("ca.pem"), b"none");
    assert_eq!(fetched(&sandbox, &[&others_page, "--cacert", &own]).split(' ').next_back(), Some("0"));
    assert_eq!(fetched(&sandbox, &[USERS]), " 2");
}

#[test]
#[cfg(unix)]
fn roots_of_the_profile_alone_shut_out_curls_own_directory() {
    let Some((_emulator, mut sandbox)) = tls_world() else { return };
    sandbox.run(&["get"]).token();
    replace_curl(&mut sandbox, "echo \"$*\"");
    let alone = curl(&sandbox, &[USERS]).stdout;
    assert!(alone.contains(" --cacert /dev/fd/") && alone.contains(" --capath /dev/null "), "{alone}");
    sandbox.edit_profile(|profile| profile["ca_only"] = false.into());
    let with_platform = curl(&sandbox, &[USERS]).stdout;
    assert!(with_platform.contains(" --cacert /dev/fd/") && !with_platform.contains("--capath"), "{with_platform}");
    assert!(!with_platform.contains("--proxy"), "{with_platform}");
    sandbox.edit_profile(|profile| profile["proxy"] = "https://proxy.example.com".into());
    assert!(curl(&sandbox, &[USERS]).stdout.contains(" --proxy-cacert /dev/fd/"));
    sandbox.edit_profile(|profile| {
        let profile = profile.as_object_mut().unwrap();
        drop((profile.remove("ca_file"), profile.remove("proxy")));
    });
    let platform = curl(&sandbox, &[USERS]).stdout;
    assert!(platform.starts_with("--disable --noproxy * --config /dev/fd/"), "{platform}");
}

#[test]
#[cfg(target_os = "linux")]
fn without_files_in_memory_the_roots_are_in_a_file_that_is_already_removed() {
    if !strace::reads_memory() {
        return;
    }
    let Some((_emulator, sandbox)) = tls_world() else { return };
    sandbox.run(&["get"]).token();
    let options = ["-e", "trace=memfd_create,/^unlink", "-e", "inject=memfd_create:error=ENOSYS"];
    let (calls, output) = strace::traced(&sandbox, &options, &["curl", "-s", "-o", "users.json", USERS]);
    assert_eq!(output.to_string(), "");
    let removed = calls.iter().filter(|call| call.name().starts_with("unlink") && call.text.contains("\"/tmp/."));
    assert_eq!(removed.count(), 1, "{calls:?}");
    assert!(std::fs::read_to_string(sandbox.path("users.json")).unwrap().contains("totalResults"));
}

#[test]
fn curl_goes_through_the_profiles_proxy() {
    let Some((emulator, mut sandbox)) = tls_world() else { return };
    sandbox.run(&["get"]).token();
    let refuse = || Stub::start(|_| response("403 Forbidden", "", ""));
    let (proxy, of_environment, of_user) = (refuse(), refuse(), refuse());
    sandbox.edit_profile(|profile| profile["proxy"] = format!("http://u%22x:p\"s@{}", proxy.host()).into());
    sandbox.set("https_proxy", format!("http://{}", of_environment.host())).set("no_proxy", "*");
    fetched(&sandbox, &[USERS]);
    let head = proxy.heads().pop().unwrap();
    assert!(head.starts_with(&format!("CONNECT {} ", emulator.host())), "{head}");
    assert!(head.contains("\r\nProxy-Authorization: Basic dSJ4OnAicw==\r\n"), "{head}");
    // The user's own proxy wins, with its exceptions.
    sandbox.unset("no_proxy");
    fetched(&sandbox, &[USERS, "-x", &of_user.host()]);
    assert_eq!((proxy.heads().len(), of_user.heads().len()), (1, 1));
    // Without either, this machine is reached directly, as in `get`.
    sandbox.edit_profile(|profile| drop(profile.as_object_mut().unwrap().remove("proxy")));
    assert_eq!(fetched(&sandbox, &[USERS]), "200 0");
    for stub in [&proxy, &of_environment, &of_user] {
        assert!(stub.authorized().iter().all(|authorized| !authorized));
    }
    assert_eq!(of_environment.heads().len(), 0);
}

#[test]
fn plain_http_on_this_machine_goes_through_no_proxy() {
    if !has("curl") {
        return;
    }
    let (emulator, proxy) = (Emulator::start(), Stub::ok());
    let mut sandbox = Sandbox::with_tenant(&emulator);
    for name in ["http_proxy", "all_proxy", "ALL_PROXY", "https_proxy"] {
        sandbox.set(name, format!("http://{}", proxy.host()));
    }
    assert_eq!(fetched(&sandbox, &[USERS]), "200 0");
    sandbox.edit_profile(|profile| profile["proxy"] = format!("http://{}", proxy.host()).into());
    assert_eq!(fetched(&sandbox, &[USERS]), "200 0");
    assert_eq!(proxy.heads().len(), 0);
}

#[test]
fn keys_of_the_connection_are_written_nowhere() {
    let Some((_emulator, mut sandbox)) = tls_world() else { return };
    let keys = sandbox.path("keys");
    sandbox.set("SSLKEYLOGFILE", keys.display().to_string());
    assert_eq!(fetched(&sandbox, &[USERS]), "200 0");
    assert!(!keys.exists());
}

#[test]
#[cfg(unix)]
fn a_signal_reaches_curl() {
    use rustix::process::{Pid, Signal, kill_process};
    if !has("curl") {
        return;
    }
    let (reached, is_reached) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let api = Stub::start(move |_| {
        reached.send(()).unwrap();
        let _ = released.recv();
        response("200 OK", "", "ok\n")
    });
    // Dropped before the server, which waits for it.
    let release = release;
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["hosts"] = vec![api.host()].into());
    let mut child = sandbox.start(sandbox.command(&["curl", "-s", &format!("http://{}/", api.host())]));
    is_reached.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
    // A curl that is still there would now print the answer.
    drop(release);
    assert_eq!(sandbox.wait(child).to_string(), "[exit status: 143]\n");
}
