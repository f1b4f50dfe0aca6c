//! Proxy, name, connection and certificate.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};
use ws1_emulator::{Emulator, TlsFault};

use super::{alone, apart, lines, mark, world};
use crate::network::{Tunnel, refusing};
use crate::sandbox::{SECRET, Sandbox, assert_snapshot, write};
use crate::stub::Stub;

/// The checks of this file, and one that depends on them.
const NAMES: [&str; 5] = ["proxy", "dns", "tcp", "tls", "token"];

/// A home whose tenant is elsewhere.
fn tenant(url: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    alone(&mut sandbox);
    sandbox.write_secret(SECRET);
    sandbox.write_config(&json!({ "profiles": { "prod": {
        "tenant": url, "client_id": "ci-bot", "client_secret": { "file": sandbox.secret_file() } } } }));
    sandbox
}

#[test]
fn a_tenant_that_is_not_reached() {
    let mut all = String::new();
    let mut add = |title: &str, sandbox: &Sandbox| {
        let output = sandbox.run(&["doctor"]);
        assert_eq!(output.status, 3, "{title}: {output}");
        assert!(!output.to_string().contains("hunter2"), "{output}");
        assert_eq!(mark(&output, "cache"), '✓', "what does not depend on the network is examined");
        all.push_str(&format!("# {title}\n{}", lines(&output, &NAMES)));
    };
    add("an unknown name", &tenant("https://nothing.invalid"));
    add("a closed port", &tenant("https://127.0.0.1:1"));
    let mut sandbox = tenant("https://acme.example.com");
    sandbox.set("HTTPS_PROXY", "http://user:hunter2@127.0.0.1:1");
    add("a dead proxy", &sandbox);
    sandbox.set("HTTPS_PROXY", "http://proxy.invalid:3128").set("NO_PROXY", "other.example.com");
    add("an unknown proxy", &sandbox);
    let mut sandbox = tenant("https://acme.invalid");
    sandbox.set("ALL_PROXY", "http://127.0.0.1:1").set("no_proxy", ".invalid");
    add("an excluded tenant", &sandbox);
    sandbox.unset("ALL_PROXY").set("HTTP_PROXY", "http://127.0.0.1:1");
    add("a variable that does not count", &sandbox);
    assert_snapshot!("doctor-unreachable", all, (r"(looking up \S+): .*", "$1: $$SYSTEM"));
}

#[test]
fn a_proxy_that_is_no_proxy() {
    let mut sandbox = tenant("https://acme.example.com");
    sandbox.set("HTTPS_PROXY", "socks4://user:hunter2@proxy");
    let output = sandbox.run(&["doctor"]);
    assert_eq!(output.status, 2);
    assert_snapshot!("doctor-no-proxy", lines(&output, &NAMES));
}

#[test]
fn a_proxy_on_the_way() {
    let (emulator, mut sandbox) = world();
    let tunnel = Tunnel::start();
    sandbox.name(&tunnel.address.to_string(), "$PROXY");
    let url = format!("http://user:hunter2@{}", tunnel.address);
    sandbox.edit_profile(|profile| profile["proxy"] = url.into());
    let output = sandbox.run(&["doctor"]);
    assert_eq!(output.status, 0, "{output}");
    let heads = tunnel.heads.lock().unwrap().clone();
    assert_eq!(heads.len(), 6, "one to look at, one for each request");
    let credentials = "\r\nproxy-authorization: basic dxnlcjpodw50zxiy\r\n";
    for head in heads {
        assert!(head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", emulator.host())), "{head}");
        assert!(head.to_ascii_lowercase().contains(credentials), "{head}");
    }
    let mut all = format!("# a tunnel\n{}", lines(&output, &NAMES));
    for status in ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway", "301 Moved Permanently"] {
        let proxy = refusing(status);
        sandbox.name(&proxy.host(), "$PROXY");
        sandbox.edit_profile(|profile| profile["proxy"] = format!("http://user:hunter2@{}", proxy.host()).into());
        let output = sandbox.run(&["doctor"]);
        assert_eq!(output.status, 3, "{output}");
        all.push_str(&format!("# {status}\n{}", lines(&output, &NAMES)));
    }
    let odd = Stub::start(|_| "SSH-2.0-OpenSSH\r\n\r\n".to_owned());
    sandbox.name(&odd.host(), "$PROXY");
    sandbox.edit_profile(|profile| profile["proxy"] = format!("http://{}", odd.host()).into());
    all.push_str(&format!("# no proxy at all\n{}", lines(&sandbox.run(&["doctor"]), &NAMES)));
    assert!(!all.contains("hunter2"), "{all}");
    assert_snapshot!("doctor-proxy", all, (r"\d{4}-\d\d-\d\d", "$$DATE"));
}

#[test]
fn a_proxy_over_tls_has_a_certificate_of_its_own() {
    let (_, mut sandbox) = world();
    let proxy = Emulator::builder().tls().start().unwrap();
    sandbox.name(&proxy.host(), "$PROXY").name(&proxy.addr().to_string(), "$PROXY-ADDRESS");
    sandbox.edit_profile(|profile| profile["proxy"] = proxy.url().into());
    let mut all = format!("# not trusted\n{}", lines(&sandbox.run(&["doctor"]), &NAMES));
    write(&sandbox.path("ca.pem"), proxy.ca_pem().unwrap().as_bytes());
    all.push_str(&format!("# trusted, but no proxy\n{}", lines(&sandbox.run(&["doctor"]), &NAMES)));
    assert_snapshot!("doctor-proxy-tls", all, (r"localhost is .*", "localhost is $$ADDRESSES"));
}

#[test]
fn certificates() {
    let mut all = String::new();
    let mut add = |title: &str, emulator: &Emulator, prepare: &dyn Fn(&mut Sandbox), status: i32| {
        let mut sandbox = apart(emulator);
        prepare(&mut sandbox);
        let output = sandbox.run(&["doctor"]);
        assert_eq!(output.status, status, "{title}: {output}");
        let asked = emulator.counters().token_requests;
        assert_eq!(asked, if status == 0 { 2 } else { 0 }, "{title}: nothing is sent to whom nobody trusts");
        all.push_str(&format!("# {title}\n{}", lines(&output, &["tls", "clock", "token"])));
    };
    let start = |fault: Option<TlsFault>| {
        let builder = Emulator::builder();
        fault.map_or(builder.clone().tls(), |fault| builder.tls_with(fault)).start().unwrap()
    };
    let untold = |sandbox: &mut Sandbox| {
        sandbox.edit_profile(|profile| {
            profile["ca_file"] = Value::Null;
            profile["ca_only"] = false.into();
        });
    };
    let stranger = start(None);
    let another = |sandbox: &mut Sandbox| write(&sandbox.path("ca.pem"), stranger.ca_pem().unwrap().as_bytes());
    add("an unknown authority", &start(None), &untold, 2);
    let of_environment = |sandbox: &mut Sandbox| {
        std::fs::remove_file(sandbox.config_file()).unwrap();
        let tenant = sandbox.path("tenant");
        let url = std::fs::read_to_string(tenant).unwrap();
        sandbox.set_profile(&url);
    };
    let emulator = start(None);
    let remember = |sandbox: &mut Sandbox| {
        write(&sandbox.path("tenant"), emulator.url().as_bytes());
        of_environment(sandbox);
    };
    add("an unknown authority, without a file", &emulator, &remember, 2);
    add("another authority of the same name", &start(None), &another, 2);
    add("signed by itself", &start(Some(TlsFault::SelfSigned)), &|_| (), 2);
    add("of another host", &start(Some(TlsFault::WrongHost)), &|_| (), 2);
    add("expired", &start(Some(TlsFault::Expired)), &|_| (), 2);
    add("soon expired", &start(Some(TlsFault::ExpiresSoon)), &|_| (), 0);
    add(
        "an authority's file that is not there",
        &start(None),
        &|sandbox| {
            std::fs::remove_file(sandbox.path("ca.pem")).unwrap();
        },
        2,
    );
    assert_snapshot!(
        "doctor-certificates",
        all,
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "$$TIME"),
        (r"(until|on) \d{4}-\d\d-\d\d", "$1 $$DATE")
    );
}

#[test]
fn what_does_not_speak_tls() {
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = plain.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in plain.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let mut sandbox = tenant(&format!("https://{address}"));
    sandbox.name(&address.to_string(), "$TENANT");
    let mut all = format!("# plain HTTP\n{}", lines(&sandbox.run(&["doctor"]), &NAMES));
    let closing = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closing.local_addr().unwrap();
    std::thread::spawn(move || closing.incoming().for_each(drop));
    let mut sandbox = tenant(&format!("https://{address}"));
    sandbox.name(&address.to_string(), "$TENANT");
    all.push_str(&format!("# a closed connection\n{}", lines(&sandbox.run(&["doctor"]), &NAMES)));
    assert_snapshot!(
        "doctor-no-tls",
        all,
        (r"(: )(the connection was reset|the connection ended during the handshake)", "$1$$CLOSED")
    );
}

#[test]
fn what_says_nothing_is_not_waited_for_long() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    let mut sandbox = tenant(&format!("https://{address}"));
    sandbox.name(&address.to_string(), "$TENANT");
    let slow = Emulator::builder().tls_with(TlsFault::HandshakeDrip).start().unwrap();
    let other = apart(&slow);
    let started = [&sandbox, &other].map(|sandbox| sandbox.start(sandbox.command(&["doctor"])));
    let all: Vec<String> = [&sandbox, &other]
        .iter()
        .zip(started)
        .map(|(sandbox, run)| {
            let output = sandbox.wait(run);
            assert_eq!(output.status, 3, "{output}");
            lines(&output, &["tcp", "tls", "clock", "cache", "lock"])
        })
        .collect();
    assert_snapshot!("doctor-silence", all.concat());
}
