//! Proxies: which settings count, how they may be written, and who is to blame.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use ws1_emulator::Emulator;

use crate::certificates::Talker;
use crate::network::refusing;
use crate::sandbox::{Output, Sandbox, assert_snapshot};
use crate::skip::has;
use crate::stub::Stub;

/// A home whose tenant is elsewhere, where nobody finds it.
fn far(tenant: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set_profile(tenant);
    sandbox
}

/// A proxy that refuses everything.
fn bad_gateway() -> Stub {
    refusing("502 Bad Gateway")
}

#[test]
fn a_list_of_exceptions_means_what_it_means_to_curl() {
    if !has("curl") {
        return;
    }
    let proxy = bad_gateway();
    for (list, direct, direct_in_curl) in [
        ("acme.invalid", true, true),
        ("invalid", true, true),
        (".invalid", true, true),
        ("invalid.", true, true),
        ("acme.invalid.", true, true),
        ("ACME.Invalid", true, true),
        ("x,acme.invalid", true, true),
        ("x acme.invalid", true, true),
        (" x ,\tacme.invalid ,", true, true),
        ("*", true, true),
        // What curl 7.88 passes over, and programs in Go understand.
        ("*.invalid", true, false),
        ("x,*", true, false),
        ("acme.invalid:8443", true, false),
        ("\"acme.invalid\"", true, false),
        ("acme.invalid:8444", false, false),
        ("cme.invalid", false, false),
        ("x.acme.invalid", false, false),
        ("x;acme.invalid", false, false),
        (".", false, false),
        ("192.0.2.0/24", false, false),
        ("0.0.0.0/0", false, false),
    ] {
        let mut sandbox = far("https://acme.invalid:8443");
        sandbox.set("HTTPS_PROXY", format!("http://{}", proxy.host())).set("NO_PROXY", list);
        let before = proxy.heads().len();
        assert_eq!(sandbox.run(&["get"]).status, 3, "{list}");
        assert_eq!(proxy.heads().len() - before, usize::from(!direct), "{list}");
        let mut curl = sandbox.program("curl");
        curl.args(["--disable", "--silent", "--resolve", "acme.invalid:8443:127.0.0.1", "https://acme.invalid:8443"]);
        let before = proxy.heads().len();
        sandbox.finish(curl);
        let is_direct = proxy.heads().len() == before;
        // A later curl may understand more, never less.
        assert!(is_direct || !direct_in_curl, "curl: {list}");
        assert!(direct || !is_direct, "curl goes directly, we do not: {list}");
    }
}

#[test]
fn a_proxys_url_may_be_written_as_people_write_it() {
    let proxy = bad_gateway();
    let host = proxy.host();
    let mut sandbox = far("https://acme.invalid");
    for (url, pair) in [
        (format!("http://{host}"), None),
        (format!("HTTP://{host}"), None),
        (host.clone(), None),
        (format!(" http://{host} "), None),
        (format!("http://{host}\r\n"), None),
        (format!("\"http://{host}\""), None),
        (format!("'http://{host}/'"), None),
        (format!("http://{host}/path?query#fragment"), None),
        (format!("http://user:pass@{host}"), Some("user:pass")),
        (format!("user:pass@{host}"), Some("user:pass")),
        (format!("http://user@{host}/"), Some("user:")),
        (format!("http://user:@{host}"), Some("user:")),
        (format!("http://user:p%40ss%23%3a@{host}"), Some("user:p@ss#:")),
        (format!("http://user:p#ss@{host}"), Some("user:p#ss")),
        (format!("http://user:p@ss@{host}"), Some("user:p@ss")),
        (format!("http://user:p/s?s@{host}"), Some("user:p/s?s")),
        (format!("http://user:p s\\\"@{host}"), Some("user:p s\\\"")),
        (format!("http://user:100%@{host}"), Some("user:100%")),
        (format!("http://user:%zz%4@{host}"), Some("user:%zz%4")),
        (format!("http://user:p+s:t@{host}"), Some("user:p+s:t")),
        (format!("http://DOMAIN\\user:é%C3%A9@{host}"), Some("DOMAIN\\user:éé")),
    ] {
        sandbox.set("HTTPS_PROXY", &url);
        let before = proxy.heads().len();
        let output = sandbox.run(&["get", "--force-refresh"]);
        assert_eq!((output.status, proxy.heads().len()), (3, before + 1), "{url}: {output}");
        let head = proxy.heads().pop().unwrap();
        assert!(head.starts_with("CONNECT acme.invalid:443 HTTP/1.1\r\nHost: acme.invalid:443\r\n"), "{head}");
        let sent = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: Basic "));
        let expected = pair.map(|pair| base64(pair.as_bytes()));
        assert_eq!(sent, expected.as_deref(), "{url}");
        assert!(output.stderr.contains(&format!("http://{host} (HTTPS_PROXY): ")), "{output}");
        assert_eq!(shown(&output, pair), Vec::<&str>::new(), "{output}");
    }
    // What is blank is not set: the next one counts.
    let before = proxy.heads().len();
    sandbox.set("https_proxy", " ").set("HTTPS_PROXY", "''").set("ALL_PROXY", format!("http://{host}"));
    let output = sandbox.run(&["get", "--force-refresh"]);
    assert!(output.stderr.contains(&format!("http://{host} (ALL_PROXY): ")), "{output}");
    assert_eq!(proxy.heads().len(), before + 1);
}

/// Base64 by the coreutils.
fn base64(bytes: &[u8]) -> String {
    let sandbox = Sandbox::new();
    crate::sandbox::write(&sandbox.path("plain"), bytes);
    let mut base64 = sandbox.program("base64");
    base64.args(["-w0", "plain"]);
    sandbox.finish(base64).stdout
}

/// The parts of the credentials that an output shows.
fn shown<'a>(output: &Output, pair: Option<&'a str>) -> Vec<&'a str> {
    let password = pair.and_then(|pair| pair.split_once(':')).map(|(_, password)| password);
    password.into_iter().filter(|word| !word.is_empty() && output.to_string().contains(*word)).collect()
}

/// A SOCKS 5 proxy for this machine, with a password if one is given.
struct Socks {
    /// Where it listens.
    host: String,
    /// What it was asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    /// Starts one that answers with that code. Its threads wait for connections until the tests end.
    fn start(password: Option<&'static str>, code: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socks = Self { host: listener.local_addr().unwrap().to_string(), asked: Arc::default() };
        let asked = Arc::clone(&socks.asked);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, asked) = (client.unwrap(), Arc::clone(&asked));
                std::thread::spawn(move || {
                    let _ = serve(&mut client, password, code, &asked);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        socks
    }
}

/// A byte.
fn byte(client: &mut TcpStream) -> std::io::Result<u8> {
    let mut byte = [0];
    client.read_exact(&mut byte).map(|()| byte[0])
}

/// As many bytes as the first one says.
fn sized(client: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = vec![0; usize::from(byte(client)?)];
    client.read_exact(&mut bytes).map(|()| String::from_utf8(bytes).unwrap())
}

/// One connection through the proxy (RFC 1928, RFC 1929).
fn serve(client: &mut TcpStream, password: Option<&str>, code: u8, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    assert_eq!(byte(client)?, 5);
    let methods = sized(client)?;
    match password {
        None => client.write_all(&[5, 0])?,
        Some(_) if !methods.contains('\u{2}') => return client.write_all(&[5, 0xff]),
        Some(password) => {
            client.write_all(&[5, 2])?;
            assert_eq!(byte(client)?, 1);
            let given = format!("{}:{}", sized(client)?, sized(client)?);
            client.write_all(&[1, u8::from(given != password)])?;
        }
    }
    let mut head = [0; 4];
    client.read_exact(&mut head)?;
    assert_eq!(head, [5, 1, 0, 3]);
    let host = sized(client)?;
    let mut port = [0; 2];
    client.read_exact(&mut port)?;
    let place = format!("{host}:{}", u16::from_be_bytes(port));
    asked.lock().unwrap().push(place.clone());
    if code != 0 {
        return client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    let mut tenant = TcpStream::connect(place)?;
    client.write_all(&[&[5, 0, 0, 3, 4][..], b"host", &[0, 0]].concat())?;
    let (mut from, mut to) = (client.try_clone()?, tenant.try_clone()?);
    let up = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut tenant, client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = up.join();
    Ok(())
}

#[test]
fn a_token_comes_through_a_socks_proxy() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    for (password, scheme, credentials) in [
        (None, "socks5", ""),
        (None, "socks5h", ""),
        (None, "SOCKS5", "user:hunter2@"),
        (Some("user:hunt er2"), "socks5", "user:hunt%20er2@"),
    ] {
        let socks = Socks::start(password, 0);
        sandbox.edit_profile(|profile| profile["proxy"] = format!("{scheme}://{credentials}{}", socks.host).into());
        let token = sandbox.run(&["get", "--force-refresh"]).token();
        assert!(emulator.is_valid(&token));
        assert_eq!(*socks.asked.lock().unwrap(), [emulator.host()], "the name, which the proxy looks up");
        let doctor = sandbox.run(&["doctor"]);
        assert_eq!(doctor.status, 0, "{doctor}");
        assert!(doctor.stdout.contains(&format!("socks5://{} (`proxy` of profile `prod`)", socks.host)), "{doctor}");
        assert!(!doctor.to_string().contains("er2"), "{doctor}");
    }
}

#[test]
fn every_failure_of_a_proxy_names_it_and_who_set_it() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let closing = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = closing.local_addr().unwrap().to_string();
    std::thread::spawn(move || closing.incoming().for_each(drop));
    let required = refusing("407 Proxy Authentication Required");
    let (bad, forbidden) = (bad_gateway(), refusing("403 Forbidden"));
    let odd = Stub::start(|_| "SSH-2.0-OpenSSH\r\n\r\n".to_owned());
    let secure = Emulator::builder().tls().start().unwrap();
    let talker = Talker::start("HTTP/1.1 400 Bad Request\r\n\r\n");
    let (locked, denying) = (Socks::start(Some("a:b"), 0), Socks::start(None, 2));
    let unreaching = Socks::start(None, 4);
    let mut all = String::new();
    for (title, scheme, host, status) in [
        ("dead", "http", "127.0.0.1:1".to_owned(), 3),
        ("unknown", "http", "proxy.invalid:3128".to_owned(), 3),
        ("mute", "http", mute.local_addr().unwrap().to_string(), 3),
        ("closing", "http", closed, 3),
        ("wants a password", "http", required.host(), 3),
        ("does not reach the tenant", "http", bad.host(), 3),
        ("refuses", "http", forbidden.host(), 3),
        ("is something else", "http", odd.host(), 2),
        ("has an unknown certificate", "https", secure.host(), 2),
        ("does not speak TLS", "https", talker.host.clone(), 2),
        ("dead SOCKS proxy", "socks5", "127.0.0.1:1".to_owned(), 3),
        ("SOCKS proxy that wants a password", "socks5", locked.host.clone(), 3),
        ("SOCKS proxy that refuses", "socks5", denying.host.clone(), 3),
        ("SOCKS proxy that does not reach the tenant", "socks5h", unreaching.host.clone(), 3),
        ("SOCKS 4", "socks4", "127.0.0.1:1".to_owned(), 2),
    ] {
        let wants = title.contains("password");
        for credentials in ["ana:hunter2@", ""].iter().take(1 + usize::from(wants)) {
            let mut sandbox = far("https://acme.invalid");
            sandbox.name(&host, "$PROXY").set("all_proxy", format!("{scheme}://{credentials}{host}/"));
            let output = sandbox.run(&["get"]);
            assert_eq!((output.status, output.stdout.as_str()), (status, ""), "{title}: {output}");
            assert!(output.stderr.contains("all_proxy"), "{title}: {output}");
            assert!(scheme == "socks4" || output.stderr.contains(&format!("//{host} (all_proxy): ")), "{title}");
            assert!(!output.stderr.contains("ana") && !output.stderr.contains("hunter2"), "{title}: {output}");
            let with = if wants && !credentials.is_empty() { ", but not this one" } else { "" };
            writeln!(all, "# {title}{with}\n{output}").unwrap();
            // doctor finds the same.
            let doctor = sandbox.run(&["doctor"]);
            assert_eq!(doctor.status, status, "{title}: {doctor}");
            assert!(doctor.stdout.contains(&format!("//{host} (all_proxy)")) || status == 2, "{title}: {doctor}");
            assert!(!doctor.to_string().contains("hunter2"), "{title}: {doctor}");
        }
    }
    assert_snapshot!(
        "proxies-failures",
        all,
        (r": the connection (was reset|ended during the handshake)", ": $$CLOSED")
    );
}

#[test]
fn another_proxy_in_the_environment_is_tried_at_once() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    // Only names other than this machine's go through the environment's proxy.
    sandbox.edit_profile(|profile| profile["tenant"] = "https://acme.invalid".into());
    let (first, second) = (bad_gateway(), bad_gateway());
    sandbox.set("HTTPS_PROXY", format!("http://{}", first.host()));
    sandbox.run(&["get"]);
    sandbox.run(&["get"]);
    assert_eq!(first.heads().len(), 1, "remembered");
    sandbox.set("HTTPS_PROXY", format!("http://{}", second.host()));
    sandbox.run(&["get"]);
    assert_eq!(second.heads().len(), 1);
    let output = sandbox.set("NO_PROXY", "acme.invalid").run(&["get"]);
    assert!(output.stderr.contains("looking up the host name failed"), "{output}");
}
