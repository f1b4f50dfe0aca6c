//! Certificates as they are in the wild: made by the real `openssl`, served by real servers, trusted or not.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use ws1_emulator::{Emulator, TlsFault};

use crate::sandbox::{Output, Sandbox, assert_snapshot, write};
use crate::skip::has;

/// What `openssl ca` needs besides its arguments.
const AUTHORITY: &str = "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nrand_serial=yes\nnew_certs_dir=.\ndefault_md=sha256\n\
                         policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n[req]\ndistinguished_name=dn\n[dn]\n";

/// The extensions of a server's certificate that is signed by itself, as `openssl req -x509` makes it.
const AS_MADE: &str = "basicConstraints=critical,CA:TRUE\nsubjectAltName=DNS:localhost,IP:127.0.0.1";

/// A directory in which certificates are made.
struct Maker(Sandbox);

impl Maker {
    /// An empty one; none without `openssl`.
    fn start() -> Option<Self> {
        if !has("openssl") {
            return None;
        }
        let maker = Self(Sandbox::new());
        write(&maker.0.path("authority.cnf"), AUTHORITY.as_bytes());
        write(&maker.0.path("index"), b"");
        Some(maker)
    }

    /// Runs `openssl`.
    fn openssl(&self, args: &str) {
        let mut openssl = self.0.program("openssl");
        openssl.args(args.split(' '));
        let output = self.0.finish(openssl);
        assert_eq!(output.status, 0, "openssl {args}: {output}");
    }

    /// A new key and a request for a certificate of that name.
    fn key(&self, name: &str) {
        let new = "req -new -config authority.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        self.openssl(&format!("{new} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
    }

    /// A certificate `NAME.crt` with these extensions, valid from and until a year, signed by itself or by another.
    fn make(&self, name: &str, extensions: &str, years: (u32, u32), signer: Option<&str>) {
        self.key(name);
        write(&self.0.path("extensions"), extensions.as_bytes());
        let by = signer.map_or(format!("-selfsign -keyfile {name}.key"), |signer| {
            format!("-cert {signer}.crt -keyfile {signer}.key")
        });
        let (from, to) = years;
        let dates = format!("-startdate {from}0101000000Z -enddate {to}0101000000Z");
        self.openssl(&format!(
            "ca -batch -config authority.cnf -notext -extfile extensions {dates} {by} -in {name}.csr -out {name}.crt"
        ));
    }

    /// The content of a file.
    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.path(file)).unwrap()
    }

    /// A tenant with that certificate, and a home that trusts the file alone.
    fn tenant(&self, name: &str, trusted: &str) -> (Emulator, Sandbox) {
        let identity = self.read(&format!("{name}.crt")) + &self.read(&format!("{name}.key"));
        let emulator = Emulator::builder().identity(identity).start().unwrap();
        let sandbox = Sandbox::with_tenant(&emulator);
        write(&sandbox.path("ca.pem"), self.read(trusted).as_bytes());
        (emulator, sandbox)
    }
}

/// `openssl s_server`, for what the emulator's library cannot do. It ends with the value.
struct Server(Child, String);

impl Server {
    /// Starts one in a maker's directory.
    fn start(maker: &Maker, args: &str) -> Self {
        let mut command = maker.0.program("openssl");
        command.args("s_server -accept 127.0.0.1:0".split(' ')).args(args.split(' '));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let place = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned));
        Self(child, place.expect("it listens"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that answers whatever comes with these words, in clear.
#[derive(Debug)]
pub(crate) struct Talker {
    /// Where it listens.
    pub(crate) host: String,
    /// How many came.
    visits: Arc<AtomicUsize>,
}

impl Talker {
    /// Starts one. Its thread waits for connections until the tests end.
    pub(crate) fn start(words: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let talker = Self { host: listener.local_addr().unwrap().to_string(), visits: Arc::default() };
        let visits = Arc::clone(&talker.visits);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                visits.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(words.as_bytes());
            }
        });
        talker
    }
}

/// The line that says why.
fn cause(output: &Output) -> String {
    let cause = output.stderr.lines().find_map(|line| line.strip_prefix("  caused by: "));
    cause.unwrap_or_else(|| panic!("no cause: {output}")).to_owned()
}

#[test]
fn a_servers_own_certificate_may_be_the_trusted_one() {
    let Some(maker) = Maker::start() else { return };
    let name = "subjectAltName=DNS:localhost";
    maker.make("root", "basicConstraints=critical,CA:TRUE", (2020, 2049), None);
    maker.make("as-made", AS_MADE, (2020, 2049), None);
    maker.make("other", AS_MADE, (2020, 2049), None);
    maker.make("plain", name, (2020, 2049), None);
    maker.make("issued", name, (2020, 2049), Some("root"));
    maker.make("authority", AS_MADE, (2020, 2049), Some("root"));
    maker.make("over", AS_MADE, (2020, 2021), None);
    maker.make("over-issued", name, (2020, 2021), Some("root"));
    maker.make("early", AS_MADE, (2048, 2049), None);
    let elsewhere = AS_MADE.replace("localhost", "other.example.com").replace("127.0.0.1", "192.0.2.1");
    maker.make("elsewhere", &elsewhere, (2020, 2049), None);
    maker.make("nameless", "basicConstraints=critical,CA:TRUE", (2020, 2049), None);
    let mut all = String::new();
    for (name, trusted, works) in [
        ("as-made", "as-made", true),
        ("plain", "plain", true),
        ("issued", "issued", true),
        ("issued", "root", true),
        ("authority", "authority", true),
        ("authority", "root", false),
        ("as-made", "other", false),
        ("issued", "other", false),
        ("over", "over", false),
        ("over-issued", "over-issued", false),
        ("early", "early", false),
        ("elsewhere", "elsewhere", false),
        ("nameless", "nameless", false),
    ] {
        let (emulator, mut sandbox) = maker.tenant(name, &format!("{trusted}.crt"));
        let output = sandbox.run(&["get"]);
        assert_eq!(output.status, if works { 0 } else { 2 }, "{name}, trusting {trusted}: {output}");
        assert_eq!(emulator.counters().token_requests, u64::from(works), "{name}, trusting {trusted}");
        if !works {
            writeln!(all, "# {name}, trusting {trusted}\n{output}").unwrap();
        }
        // The same among the platform's.
        let file = sandbox.path("ca.pem").display().to_string();
        sandbox.set("SSL_CERT_FILE", file).edit_profile(|profile| {
            profile["ca_file"] = Value::Null;
            profile["ca_only"] = false.into();
        });
        let output = sandbox.run(&["get", "--force-refresh"]);
        assert_eq!(output.status, if works { 0 } else { 2 }, "{name}, trusting {trusted}: {output}");
    }
    assert_snapshot!("certificates-pinned", all);
}

#[test]
fn every_problem_has_the_same_words_everywhere_and_is_permanent() {
    let Some(maker) = Maker::start() else { return };
    maker.make("root", "basicConstraints=critical,CA:TRUE", (2020, 2049), None);
    maker.make("server", "subjectAltName=DNS:localhost,IP:127.0.0.1", (2020, 2049), Some("root"));
    maker.make("client", "subjectAltName=DNS:localhost\nextendedKeyUsage=clientAuth", (2020, 2049), Some("root"));
    maker.make("authority", AS_MADE, (2020, 2049), Some("root"));
    maker.key("old");
    maker.openssl("x509 -req -in old.csr -signkey old.key -days 30 -out old.crt");
    maker.key("mixed");
    write(&maker.0.path("extensions"), b"subjectAltName=DNS:localhost");
    maker.openssl("x509 -req -in mixed.csr -signkey mixed.key -days -1 -extfile extensions -out mixed.crt");
    let version_1 = Server::start(&maker, "-cert old.crt -key old.key");
    let tls_1_1 = Server::start(&maker, "-cert root.crt -key root.key -tls1_1 -cipher DEFAULT@SECLEVEL=0");
    let mutual = Server::start(&maker, "-cert server.crt -key server.key -Verify 1 -tls1_3 -www");
    let mutual_1_2 = Server::start(&maker, "-cert server.crt -key server.key -Verify 1 -tls1_2 -www");
    let plain = Talker::start("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let banner = Talker::start("SSH-2.0-OpenSSH\r\n");
    let faults = [TlsFault::Expired, TlsFault::NotYetValid, TlsFault::WrongHost, TlsFault::SelfSigned]
        .map(|fault| Emulator::builder().tls_with(fault).start().unwrap());
    let own = ["client", "authority", "mixed"].map(|name| maker.tenant(name, "root.crt"));
    let stranger = Emulator::builder().tls().start().unwrap();
    let elsewhere = |url: &str| {
        let sandbox = Sandbox::with_tenant(&stranger);
        sandbox.edit_profile(|profile| profile["tenant"] = url.into());
        sandbox
    };
    let mut worlds: Vec<(&str, String, Sandbox)> = vec![
        ("X.509 version 1", version_1.1.clone(), elsewhere(&format!("https://{}", version_1.1))),
        ("TLS 1.1 only", tls_1_1.1.clone(), elsewhere(&format!("https://{}", tls_1_1.1))),
        ("plain HTTP", plain.host.clone(), elsewhere(&format!("https://{}", plain.host))),
        ("something else", banner.host.clone(), elsewhere(&format!("https://{}", banner.host))),
    ];
    let titles = ["expired", "not yet valid", "wrong name", "signed by itself"];
    worlds.extend(
        titles.iter().zip(&faults).map(|(title, tenant)| (*title, tenant.host(), Sandbox::with_tenant(tenant))),
    );
    let titles = ["for clients", "an authority's", "impossible dates"];
    worlds.extend(titles.iter().zip(own).map(|(title, (tenant, sandbox))| {
        let host = tenant.host();
        // It serves until the tests end.
        std::mem::forget(tenant);
        (*title, host, sandbox)
    }));
    for (title, server) in [("client certificate", &mutual), ("client certificate, TLS 1.2", &mutual_1_2)] {
        let sandbox = elsewhere(&format!("https://{}", server.1));
        write(&sandbox.path("ca.pem"), maker.read("root.crt").as_bytes());
        worlds.push((title, server.1.clone(), sandbox));
    }
    let mut all = String::new();
    for (title, host, sandbox) in &mut worlds {
        sandbox.name(host, "$TENANT").set("LC_ALL", "C");
        let got = sandbox.run(&["get"]);
        let login = sandbox.run(&["login"]);
        let doctor = sandbox.run(&["doctor"]);
        assert_eq!((got.status, login.status, doctor.status), (2, 2, 2), "{title}: {got}{login}{doctor}");
        let cause = cause(&got);
        assert!(login.stderr.contains(&format!("  caused by: {cause}\n")), "{title}: {login}");
        assert!(doctor.stdout.contains(&format!(": {cause}\n")), "{title}: {doctor}");
        let again = sandbox.run(&["get"]);
        assert!(again.stderr.contains("no new attempt for"), "{title}: {again}");
        assert_eq!(again.status, 2, "{title}");
        writeln!(all, "# {title}\n{got}").unwrap();
    }
    assert_snapshot!("certificates-problems", all);
}

#[test]
fn a_server_that_can_never_work_is_met_by_a_handful_of_a_crowd() {
    let plain = Talker::start("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["tenant"] = format!("https://{}", plain.host).into());
    for output in sandbox.run_many(30, &["get"]) {
        assert_eq!(output.status, 2, "{output}");
        assert!(output.stderr.contains("it speaks something else than TLS on that port"), "{output}");
    }
    assert!(plain.visits.load(Ordering::SeqCst) <= 3, "{plain:?}");
}

#[test]
fn whatever_holds_the_certificate_is_read_or_named() {
    let Some(maker) = Maker::start() else { return };
    maker.make("root", "basicConstraints=critical,CA:TRUE", (2020, 2049), None);
    maker.make("server", "subjectAltName=DNS:localhost", (2020, 2049), Some("root"));
    maker.openssl("x509 -in root.crt -trustout -out trusted.crt");
    maker.openssl("x509 -in root.crt -outform der -out der.crt");
    maker.openssl("crl2pkcs7 -nocrl -certfile root.crt -out pkcs7.crt");
    let pem = maker.read("root.crt");
    let file = |name: &str| std::fs::read(maker.0.path(name)).unwrap();
    let utf16: Vec<u8> = [0xfeff].into_iter().chain(pem.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let (_emulator, sandbox) = maker.tenant("server", "root.crt");
    let mut all = String::new();
    for (title, content, works) in [
        ("as it is", pem.clone().into_bytes(), true),
        ("byte order mark", format!("\u{feff}{pem}").into_bytes(), true),
        ("lines of Windows", pem.replace('\n', "\r\n").into_bytes(), true),
        ("both, and words before it", format!("\u{feff}Acme CA\r\n{}", pem.replace('\n', "\r\n")).into_bytes(), true),
        ("no newline at the end", pem.trim_end().as_bytes().to_vec(), true),
        ("behind a key", [file("root.key"), file("root.crt")].concat(), true),
        ("OpenSSL's own form", file("trusted.crt"), false),
        ("DER", file("der.crt"), false),
        ("PKCS 7", file("pkcs7.crt"), false),
        ("a key", file("root.key"), false),
        ("UTF-16", utf16, false),
        ("damaged", pem.replacen("MII", "AAA", 1).into_bytes(), false),
        ("cut", pem.as_bytes()[..pem.len() / 2].to_vec(), false),
        ("empty", Vec::new(), false),
    ] {
        write(&sandbox.path("ca.pem"), &content);
        let output = sandbox.run(&["get", "--force-refresh"]);
        assert_eq!(output.status, if works { 0 } else { 2 }, "{title}: {output}");
        if !works {
            writeln!(all, "# {title}\n{output}").unwrap();
        }
    }
    assert_snapshot!("certificates-files", all);
}

/// Whether curl accepts a tenant's certificate in a sandbox's environment.
fn curl_accepts(sandbox: &Sandbox, url: &str) -> bool {
    let mut curl = sandbox.program("curl");
    curl.args(["--disable", "--silent", "--output", "/dev/null", url]);
    sandbox.finish(curl).status == 0
}

#[test]
fn the_variables_of_openssl_count_as_in_curl() {
    if !has("curl") {
        return;
    }
    let Some(maker) = Maker::start() else { return };
    maker.make("root", "basicConstraints=critical,CA:TRUE", (2020, 2049), None);
    maker.make("server", "subjectAltName=DNS:localhost", (2020, 2049), Some("root"));
    maker.make("other", "basicConstraints=critical,CA:TRUE", (2020, 2049), None);
    let (emulator, mut sandbox) = maker.tenant("server", "root.crt");
    for (dir, file) in [("right", "root.crt"), ("wrong", "other.crt"), ("empty", "")] {
        std::fs::create_dir(sandbox.path(dir)).unwrap();
        if !file.is_empty() {
            write(&sandbox.path(&format!("{dir}/ca.pem")), maker.read(file).as_bytes());
            maker.openssl(&format!("rehash {}", sandbox.path(dir).display()));
        }
    }
    sandbox.edit_profile(|profile| {
        profile["ca_file"] = Value::Null;
        profile["ca_only"] = false.into();
    });
    let base = sandbox.path("").display().to_string();
    for (file, dirs, works) in [
        ("", "$/right", true),
        ("", "$/wrong", false),
        ("", "$/wrong:$/right", true),
        ("", "$/right:$/nowhere", true),
        ("", ":$/right", true),
        ("", "$/empty", false),
        ("$/right/ca.pem", "", true),
        ("$/right/ca.pem", "$/wrong", true),
        ("$/wrong/ca.pem", "$/right", true),
        ("$/wrong/ca.pem", "$/empty", false),
        ("$/wrong/ca.pem", "", false),
        ("$/nowhere.pem", "", false),
    ] {
        for (name, value) in [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", dirs)] {
            sandbox.set(name, value.replace("$/", &base));
        }
        // Without --force-refresh: what was tried with other roots says nothing about these.
        let output = sandbox.run(&["get"]);
        assert_eq!(output.status, if works { 0 } else { 2 }, "{file} {dirs}: {output}");
        // Where both are set, curl 7.88 reads the directories alone; OpenSSL reads both.
        if file.is_empty() || dirs.is_empty() {
            assert_eq!(curl_accepts(&sandbox, &emulator.url()), works, "curl: {file} {dirs}");
        }
        if works {
            sandbox.run(&["forget"]);
        }
    }
    assert_snapshot!("certificates-no-file", sandbox.run(&["get"]));
    write(&sandbox.path("nowhere.pem"), b"");
    assert_eq!(sandbox.run(&["get"]).status, 2, "a file without a certificate");
    write(&sandbox.path("nowhere.pem"), maker.read("root.crt").as_bytes());
    sandbox.run(&["get"]).token();
}
