//! The network between the program and the tenant: names, addresses, authorities and proxies.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use ws1_emulator::Emulator;

use crate::sandbox::{Output, Sandbox, assert_snapshot, binary, write};
use crate::skip::{can, can_mount, is_built_with_tests, skip};
use crate::strace;
use crate::stub::{Stub, response};

/// Runs a line of shell in namespaces of its own; `$0` is the binary, `$1` the sandbox.
fn apart(sandbox: &Sandbox, namespaces: &str, line: &str) -> Output {
    let mut shell = sandbox.program("unshare");
    shell.args([namespaces, "sh", "-c", line, binary(), &sandbox.path("").display().to_string()]);
    sandbox.finish(shell)
}

/// A profile whose tenant has that name and is never reached.
fn tenant(url: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_secret(crate::sandbox::SECRET);
    sandbox.write_config(&serde_json::json!({ "default_profile": "prod", "profiles": { "prod": {
        "tenant": url, "client_id": "ci-bot", "client_secret": { "file": sandbox.secret_file() },
    } } }));
    sandbox
}

#[test]
fn a_name_server_that_says_nothing_is_not_waited_for() {
    if !can_mount() {
        return;
    }
    // An address of this process's own, so that tests that run together do not meet.
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 53, high, low.max(1));
    let Ok(mute) = UdpSocket::bind((address, 53)) else {
        skip("port-53", "it is closed to this user");
        return;
    };
    let sandbox = tenant("https://acme.example.com");
    write(&sandbox.path("resolv.conf"), format!("nameserver {address}\noptions timeout:30\n").as_bytes());
    write(&sandbox.path("nsswitch.conf"), b"hosts: dns\n");
    let line = "mount --bind \"$1/resolv.conf\" /etc/resolv.conf && mount --bind \"$1/nsswitch.conf\" /etc/nsswitch.conf && \
                exec \"$0\" get";
    let output = apart(&sandbox, "-m", line);
    assert_eq!(output.status, 3, "{output}");
    // These words are those of a limit of the run; the resolver itself would have gone on for a minute.
    assert_snapshot!("network-mute-name-server", output);
    mute.set_nonblocking(true).unwrap();
    let mut question = [0; 512];
    let size = mute.recv(&mut question).expect("the resolver asked");
    assert!(question[..size].windows(8).any(|bytes| bytes == b"\x04acme\x07ex"));
}

#[test]
fn without_any_route_the_answer_comes_at_once_and_the_refresh_token_stays() {
    if !can("unshare", &["-n", "true"]) {
        return;
    }
    let mut all = String::new();
    for (title, url) in [("a name", "https://acme.example.com"), ("an address", "https://192.0.2.1")] {
        let sandbox = tenant(url);
        let line = "exec \"$0\" get";
        assert_eq!(apart(&sandbox, "-n", line).status, 3, "{title}");
        sandbox.edit_entry(|entry| {
            entry["failure"] = Value::Null;
            entry["refresh_token"] = "unspent".into();
        });
        let output = apart(&sandbox, "-n", line);
        assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{title}");
        let entry = sandbox.entry();
        assert_eq!((&entry["refresh_token"], &entry["refresh_in_flight"]), (&"unspent".into(), &false.into()));
        let pause = entry["failure"]["until"].as_i64().unwrap() - entry["failure"]["at"].as_i64().unwrap();
        assert!((1..=2).contains(&pause), "{title}: {pause}");
        all.push_str(&format!("# {title}\n{output}\n"));
    }
    // A static program's resolver goes on asking until its time is over.
    let all = all.replace("looking up the host name took too long", "looking up the host name failed");
    assert_snapshot!("network-no-route", all);
}

/// The `connect` calls of a trace that go to a TCP port, each with its place among those of its thread.
fn attempts(trace: &str, port: u16) -> Vec<(usize, String)> {
    let port = format!("htons({port})");
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for (thread, call) in
        trace.lines().filter_map(|line| line.split_once(' ')).filter(|(_, call)| call.contains("connect("))
    {
        let place = seen.entry(thread).and_modify(|count| *count += 1).or_insert(1);
        if call.contains(&port) {
            found.push((*place, call.to_owned()));
        }
    }
    found
}

#[test]
fn the_second_address_is_tried_if_the_first_cannot_be_reached() {
    let why = "a static program's resolver connects in another order";
    if !can_mount() || !strace::is_there() || !is_built_with_tests(why) {
        return;
    }
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    write(&sandbox.path("hosts"), b"::1 localhost\n127.0.0.1 localhost\n");
    let port = emulator.addr().port();
    let traced = |inject: &str| {
        let line = format!(
            "mount --bind \"$1/hosts\" /etc/hosts && exec strace -f -qq -e trace=connect {inject} -o \"$1/trace\" \"$0\" get --force-refresh"
        );
        let output = apart(&sandbox, "-m", &line);
        (output, attempts(&std::fs::read_to_string(sandbox.path("trace")).unwrap(), port))
    };
    let (output, refused) = traced("");
    output.token();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].1.contains("\"::1\"") && refused[1].1.contains("\"127.0.0.1\""), "{refused:?}");
    for error in ["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "ECONNREFUSED"] {
        let before = emulator.counters().token_requests;
        let (output, seen) = traced(&format!("-e inject=connect:error={error}:when={}", refused[0].0));
        output.token();
        assert!(seen[0].1.contains(error) && seen[0].1.contains("INJECTED"), "{seen:?}");
        assert_eq!(emulator.counters().token_requests, before + 1, "{error}");
    }
}

#[test]
fn the_platforms_authorities_and_the_profiles_are_trusted_together() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let stranger = Emulator::builder().tls().start().unwrap();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let pem = |name: &str, emulator: &Emulator| {
        write(&sandbox.path(name), emulator.ca_pem().unwrap().as_bytes());
        sandbox.path(name).display().to_string()
    };
    let (right, wrong) = (pem("right.pem", &emulator), pem("wrong.pem", &stranger));
    for (title, platform, own, alone, trusted) in [
        ("the platform's", Some(&right), None, false, true),
        ("another of the platform's", Some(&wrong), None, false, false),
        ("the profile's beside another", Some(&wrong), Some(&right), false, true),
        ("the platform's beside another", Some(&right), Some(&wrong), false, true),
        ("the platform's, which does not count", Some(&right), Some(&wrong), true, false),
        ("the profile's alone", Some(&wrong), Some(&right), true, true),
        ("none that fits", None, None, false, false),
    ] {
        match platform {
            Some(file) => sandbox.set("SSL_CERT_FILE", file),
            None => sandbox.unset("SSL_CERT_FILE"),
        };
        sandbox.edit_profile(|profile| {
            profile["ca_file"] = own.map_or(Value::Null, |file| file.as_str().into());
            profile["ca_only"] = alone.into();
        });
        let before = emulator.counters().token_requests;
        let output = sandbox.run(&["get", "--force-refresh"]);
        assert_eq!(emulator.counters().token_requests - before, u64::from(trusted), "{title}: {output}");
        sandbox.run(&["forget"]);
        assert_eq!(sandbox.run(&["get"]).status, if trusted { 0 } else { 2 }, "{title}");
        sandbox.run(&["forget"]);
    }
}

#[test]
fn what_the_configuration_forbids_is_not_even_connected_to() {
    if !strace::is_there() {
        return;
    }
    for url in [
        "http://acme.example.com",
        "http://192.0.2.1:8080",
        "https://ci-bot:hunter2@acme.example.com",
        "https://acme.example.com/?client_secret=hunter2",
        "https://acme.example.com/#hunter2",
        "ftp://acme.example.com",
    ] {
        let sandbox = tenant(url);
        let log = sandbox.path("trace");
        let mut strace = sandbox.program("strace");
        strace.args(["-f", "-qq", "-e", "trace=socket,connect,sendto", "-o"]).arg(&log).args([binary(), "get"]);
        let output = sandbox.finish(strace);
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{url}: {output}");
        assert!(!output.stderr.contains("hunter2"), "{output}");
        let calls = std::fs::read_to_string(&log).unwrap();
        assert!(!calls.contains("socket(") && !calls.contains("connect("), "{url}: {calls}");
    }
    // The words looked for are the tool's own.
    let sandbox = tenant("http://127.0.0.1:1");
    let log = sandbox.path("trace");
    let mut strace = sandbox.program("strace");
    strace.args(["-f", "-qq", "-e", "trace=socket,connect,sendto", "-o"]).arg(&log).args([binary(), "get"]);
    assert_eq!(sandbox.finish(strace).status, 3);
    let calls = std::fs::read_to_string(&log).unwrap();
    assert!(calls.contains("socket(") && calls.contains("connect("), "{calls}");
}

/// A proxy that answers every request with this status and no tunnel.
pub(crate) fn refusing(status: &'static str) -> Stub {
    Stub::start(move |_| response(status, "", ""))
}

#[test]
fn the_environments_proxies_have_their_order() {
    const NAMES: [&str; 6] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY"];
    let proxies = NAMES.map(|_| refusing("502 Bad Gateway"));
    let mut sandbox = tenant("https://acme.invalid:8443");
    let asked = || proxies.iter().map(|proxy| proxy.heads().len()).collect::<Vec<_>>();
    let mut check = |set: &[&str], no_proxy: Option<(&str, &str)>, expected: Option<&str>| {
        for (name, proxy) in NAMES.iter().zip(&proxies) {
            if set.contains(name) {
                sandbox.set(name, format!("http://{}", proxy.host()));
            } else {
                sandbox.unset(name);
            }
        }
        sandbox.unset("no_proxy").unset("NO_PROXY");
        if let Some((name, list)) = no_proxy {
            sandbox.set(name, list);
        }
        let mut wanted = asked();
        if let Some(at) = expected.and_then(|name| NAMES.iter().position(|other| *other == name)) {
            wanted[at] += 1;
        }
        let output = sandbox.run(&["get", "--force-refresh"]);
        assert_eq!(output.status, 3, "{set:?}: {output}");
        assert_eq!(asked(), wanted, "{set:?} {no_proxy:?}");
    };
    check(&NAMES, None, Some("https_proxy"));
    check(&NAMES[1..], None, Some("HTTPS_PROXY"));
    check(&NAMES[2..], None, Some("all_proxy"));
    check(&NAMES[3..], None, Some("ALL_PROXY"));
    check(&NAMES[4..], None, None);
    check(&NAMES[5..], None, None);
    check(&["ALL_PROXY", "HTTPS_PROXY"], None, Some("HTTPS_PROXY"));
    for (name, list, through) in [
        ("NO_PROXY", "acme.invalid", false),
        ("no_proxy", "acme.invalid", false),
        ("NO_PROXY", "*", false),
        ("NO_PROXY", "example.com,.invalid", false),
        ("NO_PROXY", "acme.invalid:8443", false),
        ("NO_PROXY", "acme.invalid:443", true),
        ("NO_PROXY", "me.invalid", true),
        ("NO_PROXY", "", true),
    ] {
        check(&["HTTPS_PROXY"], Some((name, list)), through.then_some("HTTPS_PROXY"));
    }
    let heads: Vec<String> = proxies.iter().flat_map(Stub::heads).collect();
    assert!(heads.len() > 6);
    for head in heads {
        assert!(head.starts_with("CONNECT acme.invalid:8443 HTTP/1.1\r\n"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("authorization"), "the tenant's credentials: {head}");
    }
}

#[test]
fn the_profiles_proxy_comes_first_and_is_used_for_every_host() {
    let (own, other) = (refusing("502 Bad Gateway"), refusing("502 Bad Gateway"));
    let emulator = Emulator::builder().tls().start().unwrap();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["proxy"] = format!("http://{}", own.host()).into());
    sandbox.set("HTTPS_PROXY", format!("http://{}", other.host())).set("NO_PROXY", "*");
    assert_eq!(sandbox.run(&["get"]).status, 3);
    assert_eq!((own.heads().len(), other.heads().len()), (1, 0));
    assert_eq!(emulator.counters().connections, 0);
    sandbox.edit_profile(|profile| drop(profile.as_object_mut().unwrap().remove("proxy")));
    sandbox.unset("NO_PROXY");
    sandbox.run(&["get", "--force-refresh"]).token();
    assert_eq!(other.heads().len(), 0, "this machine is never reached through the environment's proxy");
}

#[test]
fn a_proxy_that_refuses_is_told_from_a_tenant_and_its_password_is_not_told() {
    let mut all = String::new();
    for status in ["407 Proxy Authentication Required", "502 Bad Gateway", "403 Forbidden", "301 Moved Permanently"] {
        let proxy = refusing(status);
        for by_profile in [true, false] {
            let mut sandbox = tenant("https://acme.invalid");
            let url = format!("http://user:hunter2@{}", proxy.host());
            if by_profile {
                sandbox.edit_profile(|profile| profile["proxy"] = url.clone().into());
            } else {
                sandbox.set("HTTPS_PROXY", &url);
            }
            let output = sandbox.run(&["-v", "get"]);
            assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{output}");
            for words in ["hunter2", "user:", "dXNlcjpodW50ZXIy"] {
                assert!(!output.stderr.contains(words), "{output}");
                assert!(!std::fs::read_to_string(sandbox.entry_file()).unwrap().contains(words));
            }
            let head = proxy.heads().pop().unwrap();
            assert!(head.to_ascii_lowercase().contains("\r\nproxy-authorization: basic "), "{head}");
            assert!(head.contains("dXNlcjpodW50ZXIy"), "{head}");
            if by_profile {
                let secret = (sandbox.secret_file().display().to_string(), "$SECRET");
                let stderr = output.stderr.replace(&secret.0, secret.1).replace(&proxy.host(), "$PROXY");
                all.push_str(&format!("# {status}\n{stderr}\n"));
            }
        }
    }
    assert_snapshot!("network-proxy-refuses", all);
}

/// A proxy that does its work: it makes a tunnel to whatever it is asked for, on this machine.
pub(crate) struct Tunnel {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The heads of all requests.
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    /// Starts one. Its thread waits for connections until the tests end.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heads);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, log) = (client.unwrap(), Arc::clone(&log));
                std::thread::spawn(move || serve(client, &log));
            }
        });
        Self { address, heads }
    }
}

/// One connection through the proxy.
fn serve(mut client: TcpStream, log: &Mutex<Vec<String>>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(head);
    let mut tenant = TcpStream::connect(target).unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), tenant.try_clone().unwrap());
    let up = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut tenant, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = up.join();
}

#[test]
fn a_token_comes_through_a_proxy_that_sees_none_of_it() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    let tunnel = Tunnel::start();
    let url = format!("http://user:hunter2@{}", tunnel.address);
    sandbox.edit_profile(|profile| profile["proxy"] = url.into());
    let first = sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    let second = sandbox.run(&["get"]).token();
    assert_eq!(emulator.issued(), [first, second]);
    let counters = emulator.counters();
    assert_eq!((counters.client_credentials, counters.refresh), (1, 1));
    let heads = tunnel.heads.lock().unwrap().clone();
    assert_eq!(heads.len(), 2, "{heads:?}");
    for head in heads {
        assert!(head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", emulator.host())), "{head}");
        let lines: Vec<String> = head.to_ascii_lowercase().lines().map(str::to_owned).collect();
        assert!(!lines.iter().any(|line| line.starts_with("authorization:")), "{head}");
    }
    assert!(emulator.requests().iter().all(|request| request.header("proxy-authorization").is_none()));
}

#[test]
fn a_proxy_does_not_make_a_stranger_the_tenant() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let stranger = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    write(&sandbox.path("ca.pem"), stranger.ca_pem().unwrap().as_bytes());
    let tunnel = Tunnel::start();
    sandbox.edit_profile(|profile| profile["proxy"] = format!("http://{}", tunnel.address).into());
    assert_eq!(sandbox.run(&["get"]).status, 2);
    assert_eq!(tunnel.heads.lock().unwrap().len(), 1);
    assert_eq!(emulator.counters().token_requests, 0);
}
