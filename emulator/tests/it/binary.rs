//! The program `ws1-emulator`.

use crate::client::{BASIC, exchange, request_url};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running emulator; dropping it ends the process.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program; also returns its line of JSON.
pub(crate) fn start(command: &mut Command) -> (Running, Value) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program is built");
    let mut running = Running(child);
    let mut line = String::new();
    let stdout = running.0.stdout.as_mut().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    (running, serde_json::from_str(&line).expect("JSON"))
}

/// The program: as the environment names it, where a copy is tested, or as it was when this was compiled.
#[expect(clippy::disallowed_methods, reason = "only the environment knows where a copy is")]
pub(crate) fn program() -> Command {
    Command::new(
        std::env::var("CARGO_BIN_EXE_ws1-emulator").unwrap_or_else(|_| env!("CARGO_BIN_EXE_ws1-emulator").to_owned()),
    )
}

#[test]
fn prints_its_url_and_serves() {
    let directory = TempDir::new().unwrap();
    let secret = directory.path().join("secret");
    fs::File::create(&secret).and_then(|mut file| file.write_all(b"s3cret\n\n")).unwrap();
    let (_named, ready) = start(program().args(["--client-id", "me", "--client-secret-file"]).arg(&secret));
    assert_eq!((&ready["client_id"], &ready["client_secret"]), (&"me".into(), &"s3cret\n".into()));

    let ready_file = directory.path().join("ready.json");
    let (mut running, ready) = start(
        program()
            .args(["--log", "--life", "60", "--fault", r#"{"status":{"code":503}}"#, "--ready-file"])
            .arg(&ready_file),
    );
    assert_eq!((&ready["client_id"], &ready["client_secret"]), (&"ci-bot".into(), &"emulator-secret".into()));
    assert_eq!(ready["ca_file"], Value::Null);
    assert_eq!(serde_json::from_str::<Value>(&fs::read_to_string(ready_file).unwrap()).unwrap(), ready);

    let addr: SocketAddr = ready["url"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    let ask = || {
        let head = "POST /oauth/token?grant_type=client_credentials&hush=hush HTTP/1.1\r\nConnection: close\r\n";
        exchange(addr, &format!("{head}{BASIC}\r\n"))
    };
    assert_eq!(ask().status(), 503);
    assert_eq!(ask().json()["expires_in"], 59);
    running.0.kill().unwrap();
    let mut log = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(log, "POST /oauth/token 503\nPOST /oauth/token 200\n");
}

#[test]
fn tells_what_a_service_has() {
    let directory = TempDir::new().unwrap();
    let secret = directory.path().join("token");
    fs::File::create(&secret).and_then(|mut file| file.write_all(b"t0ken\n")).unwrap();
    let keys = |ready: &Value| ready.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    for (service, expected) in [
        ("access", "ca_file client_id client_secret url"),
        ("uem", "api_url ca_file client_id client_secret service token_url url"),
        ("intelligence", "api_url ca_file client_id client_secret org_id service token_url url"),
        ("connect", "api_token api_token_url api_url ca_file client_id client_secret org_id service token_url url"),
        ("vidb", "api_token api_token_url api_url ca_file client_id client_secret service token_url url"),
    ] {
        let (_running, ready) = start(program().args(["--service", service]));
        assert_eq!(keys(&ready), expected);
        let separate = matches!(service, "uem" | "intelligence");
        assert_eq!(ready["api_url"].is_string() && ready["api_url"] != ready["url"], separate, "{service}");
    }
    let mut connect = program();
    connect.args(["--service", "connect", "--org-id", "o", "--life", "60", "--api-token-file"]).arg(&secret);
    let (_running, ready) = start(&mut connect);
    assert_eq!((&ready["org_id"], &ready["api_token"]), (&"o".into(), &"t0ken".into()));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let issued = request_url("POST", ready["api_token_url"].as_str().unwrap(), form, "api_token=t0ken");
    assert_eq!((issued.status(), &issued.json()["expires_in"]), (200, &59.into()));
}

#[test]
fn writes_its_ca() {
    let directory = TempDir::new().unwrap();
    let ca = directory.path().join("ca.pem");
    let (_running, ready) = start(program().args(["--tls", "--ca-out"]).arg(&ca));
    assert_eq!(ready["ca_file"].as_str(), ca.to_str());
    assert!(fs::read_to_string(ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn reports_errors() {
    let fails = |arguments: &[&str]| {
        let output = program().args(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let unreadable = fails(&["--client-secret-file", "/no/such/file"]);
    assert!(unreadable.starts_with("error: cannot read the secret in `/no/such/file`\n  caused by: "));
    assert!(fails(&["--fault", "\"no-such-fault\""]).contains("unknown variant"));
    assert!(fails(&["--git-root", "/no/such/directory"]).contains("cannot find `/no/such/directory`"));
    assert!(fails(&["--org-id", "x"]).contains("--service access has no --org-id"));
    assert!(fails(&["--service", "vidb", "--api-port", "1"]).contains("--service vidb has no --api-port"));
    assert!(fails(&["--service", "uem", "--api-token-file", "x"]).contains("--service uem has no --api-token-file"));
    assert!(fails(&["--service", "horizon"]).contains("possible values: access, uem, intelligence, connect, vidb"));
    assert!(fails(&["--ca-out", "x"]).contains("--tls"));
}
