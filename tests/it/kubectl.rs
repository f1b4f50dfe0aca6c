//! kubectl, every version that is here, against a cluster of the emulator's; and its protocol byte by byte.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use ws1_emulator::Emulator;

use crate::sandbox::{self, Output, PROFILE, SECRET, Sandbox, assert_snapshot};
use crate::skip::skip;

/// What every kubectl prints for the emulated cluster.
const PODS: &str = "NAME       READY   STATUS\nemulated   1/1     Running\n";

/// What asks for an answer of version v1.
const V1: &str =
    r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#;

/// An emulated tenant that is a cluster too, and a home that knows it.
struct Cluster {
    /// The tenant and cluster.
    emulator: Emulator,
    /// The home.
    sandbox: Sandbox,
}

impl Cluster {
    /// Starts one.
    fn start() -> Self {
        let emulator = Emulator::builder().tls().start().unwrap();
        let sandbox = Sandbox::with_tenant(&emulator);
        Self { emulator, sandbox }
    }

    /// A kubeconfig for it, with further settings of the exec section and the cluster's exec extension.
    fn configure(&self, version: &str, exec: &Value, extension: Option<Value>) {
        let mut section = json!({
            "apiVersion": format!("client.authentication.k8s.io/{version}"),
            "command": sandbox::binary(),
            "args": ["kubectl"],
            "interactiveMode": "Never",
        });
        section.as_object_mut().unwrap().extend(exec.as_object().unwrap().clone());
        let named = |extension| json!([{ "name": "client.authentication.k8s.io/exec", "extension": extension }]);
        let extensions = extension.map_or_else(|| json!([]), named);
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "emulated",
            "contexts": [{ "name": "emulated", "context": { "cluster": "emulated", "user": "ws1" } }],
            "clusters": [{ "name": "emulated", "cluster": {
                "server": format!("{}/k8s", self.emulator.url()),
                "certificate-authority": self.sandbox.path("ca.pem"),
                "extensions": extensions,
            }}],
            "users": [{ "name": "ws1", "user": { "exec": section } }],
        });
        sandbox::write(&self.sandbox.path("kubeconfig"), config.to_string().as_bytes());
    }

    /// The same without anything special.
    fn configure_plainly(&self) {
        self.configure("v1", &json!({}), None);
    }

    /// Runs a kubectl.
    fn run(&self, kubectl: &Path, args: &[&str]) -> Output {
        let mut command = self.sandbox.program(kubectl);
        command.arg("--kubeconfig").arg(self.sandbox.path("kubeconfig")).args(args);
        self.sandbox.finish(command)
    }

    /// Lists the pods, which has to work and to print nothing else.
    fn list(&self, kubectl: &Path) {
        let pods = self.run(kubectl, &["get", "pods"]);
        let name = kubectl.display();
        assert_eq!((pods.stdout.as_str(), pods.stderr.as_str(), pods.status), (PODS, "", 0), "{name}");
    }

    /// How many token requests there were.
    fn token_requests(&self) -> u64 {
        self.emulator.counters().token_requests
    }
}

/// Every kubectl of this machine: in PATH, beside the real file behind one, and where the Google Cloud SDK keeps its
/// versions (`kubectl.1.27` and so on). None is a missing client.
pub(crate) fn kubectls() -> Vec<PathBuf> {
    let path = sandbox::path();
    let in_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let behind =
        in_path.iter().filter_map(|dir| Some(dir.join("kubectl").canonicalize().ok()?.parent()?.to_path_buf()));
    let prefixes = ["/usr/lib", "/usr/local", "/usr/local/lib", "/snap", "/opt"].map(PathBuf::from);
    let sdk = prefixes
        .iter()
        .flat_map(|prefix| ["google-cloud-sdk/bin", "google-cloud-sdk/current/bin"].map(|below| prefix.join(below)));
    let found: BTreeSet<PathBuf> = in_path
        .iter()
        .cloned()
        .chain(behind)
        .chain(sdk)
        .filter_map(|dir| std::fs::read_dir(dir).ok())
        .flatten()
        .filter_map(Result::ok)
        .filter(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            if cfg!(windows) { name == "kubectl.exe" } else { name == "kubectl" || name.starts_with("kubectl.1.") }
        })
        .filter_map(|file| file.path().canonicalize().ok())
        .collect();
    if found.is_empty() {
        skip("kubectl", "it is not installed, or not for this user");
    }
    found.into_iter().collect()
}

/// Whether this is the Cloud SDK's `kubectl`: it asks the cluster for its version before it starts one of its siblings,
/// and says everything twice if that fails.
pub(crate) fn is_dispatcher(kubectl: &Path) -> bool {
    let siblings = kubectl.parent().unwrap().read_dir().unwrap();
    let versioned = |file: std::io::Result<std::fs::DirEntry>| {
        file.unwrap().file_name().to_string_lossy().starts_with("kubectl.1.")
    };
    kubectl.ends_with("kubectl") && siblings.into_iter().any(versioned)
}

#[test]
fn every_kubectl_lists_pods_in_both_versions_with_one_token() {
    let cluster = Cluster::start();
    for kubectl in kubectls() {
        for version in ["v1", "v1beta1"] {
            cluster.configure(version, &json!({}), None);
            cluster.list(&kubectl);
        }
        assert_eq!(cluster.token_requests(), 1, "{}", kubectl.display());
    }
}

#[test]
fn every_kubectl_can_name_the_profile_in_the_cluster() {
    let cluster = Cluster::start();
    let config: Value = serde_json::from_slice(&std::fs::read(cluster.sandbox.config_file()).unwrap()).unwrap();
    let right = config["profiles"][PROFILE].clone();
    let mut wrong = right.clone();
    wrong["client_id"] = "nobody".into();
    for kubectl in kubectls() {
        for version in ["v1", "v1beta1"] {
            let with_info = json!({ "provideClusterInfo": true });
            // The default profile is the wrong one, so only the extension can be what chose.
            let profiles = json!({ "wrong": wrong, "cluster": right });
            cluster.sandbox.write_config(&json!({ "default_profile": "wrong", "profiles": profiles }));
            cluster.configure(version, &with_info, Some(json!({ "profile": "cluster", "audience": "x" })));
            cluster.list(&kubectl);
            // An explicit argument has precedence, and a cluster without an extension leaves the choice alone.
            let profiles = json!({ "cluster": wrong, PROFILE: right });
            cluster.sandbox.write_config(&json!({ "default_profile": PROFILE, "profiles": profiles }));
            let exec = json!({ "provideClusterInfo": true, "args": ["kubectl", "--profile", PROFILE] });
            cluster.configure(version, &exec, Some(json!({ "profile": "cluster" })));
            cluster.list(&kubectl);
            cluster.configure(version, &with_info, None);
            cluster.list(&kubectl);
        }
    }
    assert_eq!(cluster.emulator.counters().denied, 0);
}

/// A long-lived client of the cluster: `kubectl proxy`, which adds the token to whatever comes through it.
struct Proxy {
    /// The process.
    child: std::process::Child,
    /// Where it listens.
    address: String,
}

impl Proxy {
    /// Starts one on a free port.
    fn start(cluster: &Cluster, kubectl: &Path) -> Self {
        use std::io::BufRead;
        let mut command = cluster.sandbox.program(kubectl);
        command.arg("--kubeconfig").arg(cluster.sandbox.path("kubeconfig")).args(["proxy", "--port=0"]);
        let mut child = cluster.sandbox.start(command);
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().rsplit(' ').next().unwrap().to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{line}");
        Self { child, address }
    }

    /// The status of one request.
    fn status(&self) -> String {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        stream.write_all(b"GET /api HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_client_that_lives_longer_than_its_token_goes_on() {
    let cluster = Cluster::start();
    cluster.configure_plainly();
    // The Cloud SDK's dispatcher would leave the real one behind when it is ended.
    let Some(kubectl) = kubectls().into_iter().rfind(|kubectl| !is_dispatcher(kubectl)) else { return };
    cluster.list(&kubectl);
    // The client is told that the token ends within a second or so, and asks again after that.
    cluster.sandbox.age_until(58);
    cluster.sandbox.edit_entry(|entry| entry["renew_after"] = (sandbox::now() + 600).into());
    let proxy = Proxy::start(&cluster, &kubectl);
    assert_eq!(proxy.status(), "200");
    assert_eq!(cluster.token_requests(), 1, "the old token was still good");
    cluster.sandbox.edit_entry(|entry| entry["renew_after"] = 0.into());
    sandbox::wait_until("a new token is asked for", || {
        assert_eq!(proxy.status(), "200", "no request fails meanwhile");
        cluster.token_requests() == 2
    });
    assert_eq!(proxy.status(), "200");
}

#[test]
fn a_token_that_expired_on_disk_is_renewed() {
    let cluster = Cluster::start();
    cluster.configure_plainly();
    for kubectl in kubectls() {
        cluster.list(&kubectl);
        cluster.sandbox.age_until(-10);
        let before = cluster.token_requests();
        cluster.list(&kubectl);
        assert_eq!(cluster.token_requests(), before + 1, "{}", kubectl.display());
    }
}

#[test]
fn after_a_revocation_forget_helps() {
    let cluster = Cluster::start();
    cluster.configure_plainly();
    for kubectl in kubectls() {
        cluster.list(&kubectl);
        cluster.emulator.revoke_all();
        let before = cluster.token_requests();
        let refused = cluster.run(&kubectl, &["get", "pods"]);
        let name = kubectl.display();
        assert_eq!((refused.stdout.as_str(), refused.status), ("", 1), "{name}");
        let last = refused.stderr.lines().last();
        assert_eq!(last, Some("error: You must be logged in to the server (Unauthorized)"), "{name}");
        assert_eq!(cluster.token_requests(), before, "{name}");
        assert_eq!(cluster.sandbox.run(&["forget"]).status, 0);
        cluster.list(&kubectl);
        assert_eq!(cluster.token_requests(), before + 1, "{name}");
    }
}

#[test]
fn kubectl_shows_why_there_is_no_token() {
    let mut cluster = Cluster::start();
    cluster.configure_plainly();
    cluster.sandbox.name(sandbox::binary(), "$WS1_TOKEN");
    for kubectl in kubectls().iter().filter(|kubectl| !is_dispatcher(kubectl)) {
        cluster.sandbox.write_secret("wrong");
        let denied = cluster.run(kubectl, &["get", "--raw", "/api"]);
        cluster.sandbox.write_secret(SECRET);
        cluster.sandbox.run(&["forget"]);
        assert_snapshot!("kubectl-denied", denied);
        cluster.sandbox.edit_profile(|profile| profile["tenant"] = "https://127.0.0.1:1".into());
        let down = cluster.run(kubectl, &["get", "--raw", "/api"]);
        cluster.sandbox.run(&["forget"]);
        cluster.sandbox.edit_profile(|profile| profile["tenant"] = cluster.emulator.url().into());
        assert_snapshot!("kubectl-tenant-down", down);
    }
}

#[test]
fn answers_are_exact() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let mut all = String::new();
    for info in [
        None,
        Some(""),
        Some(V1),
        Some(&V1.replace("/v1", "/v1beta1")),
        // .NET's word for it, and what a client may leave out.
        Some(&V1.replace("ExecCredential", "ExecCredentials")),
        Some(r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":null}"#),
        Some("{}"),
    ] {
        match info {
            None => sandbox.unset("KUBERNETES_EXEC_INFO"),
            Some(info) => sandbox.set("KUBERNETES_EXEC_INFO", info),
        };
        all.push_str(&sandbox.run(&["kubectl"]).to_string());
    }
    assert_snapshot!("kubectl-answers", all);
}

#[test]
fn requests_that_cannot_be_answered_say_why() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let cluster = |config: &str| {
        V1.replace(
            r#""interactive""#,
            &format!(r#""cluster":{{"server":"https://h","config":{config}}},"interactive""#),
        )
    };
    let mut all = String::new();
    for info in [
        V1.replace("/v1", "/v1alpha1"),
        V1.replace("client.authentication.k8s.io/v1", "v1"),
        V1.replace(r#""client.authentication.k8s.io/v1""#, "1"),
        "{".to_owned(),
        "[]".to_owned(),
        "not JSON \u{1b}[2J".to_owned(),
        format!("{V1} {V1}"),
        cluster(r#"{"profile":""}"#),
        cluster(r#"{"profile":7}"#),
        cluster(r#"{"profile":"a\nb"}"#),
        cluster(r#"{"profile":"prdo"}"#),
        cluster(r#"{"tenant":"https://evil.example","profile":"../prod"}"#),
    ] {
        sandbox.set("KUBERNETES_EXEC_INFO", info.clone());
        let output = sandbox.run(&["kubectl"]);
        assert_eq!((output.stdout.as_str(), output.status), ("", 2), "{info}");
        write!(all, "$ KUBERNETES_EXEC_INFO={} ws1-token kubectl\n{output}", info.escape_debug()).unwrap();
    }
    assert_snapshot!("kubectl-mistakes", all);
    assert_eq!(emulator.counters().token_requests, 0);
}

#[test]
fn the_reported_expiry_is_early_and_ahead() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let reported = || {
        let start = sandbox::now();
        let answer: Value = serde_json::from_str(&sandbox.run(&["kubectl"]).stdout).unwrap();
        let text = answer["status"]["expirationTimestamp"].as_str().unwrap().to_owned();
        (start..start + 20_000).find(|time| rfc3339(*time) == text).unwrap_or_else(|| panic!("{text} is over"))
    };
    let end = || sandbox.entry()["token"]["expires_at"].as_i64().unwrap();
    // The boot clock may be read a second later than the wall clock.
    let is_early = |reported: i64| assert!((end() - 61..=end() - 60).contains(&reported), "{reported}");
    is_early(reported());
    // A tenant that hands the same token out again until it expires, so that none can be renewed in time.
    emulator.play_always(ws1_emulator::Fault::status(503));
    sandbox.age_until(700);
    is_early(reported());
    sandbox.edit_entry(|entry| entry["renew_after"] = (sandbox::now() + 600).into());
    sandbox.age_until(30);
    sandbox.edit_entry(|entry| entry["renew_after"] = (sandbox::now() + 600).into());
    let start = sandbox::now();
    let ahead = reported();
    assert!((start + 1..=sandbox::now() + 1).contains(&ahead), "{ahead} {start}");
}

#[test]
fn a_warning_does_not_reach_the_client() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]);
    sandbox.age_until(60);
    emulator.play_always(ws1_emulator::Fault::status(503));
    // The process whose request fails writes the warning.
    let forgotten = || {
        sandbox.edit_entry(|entry| {
            entry["failure"] = Value::Null;
            entry["renew_after"] = 0.into();
        });
    };
    let output = sandbox.run(&["kubectl"]);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
    assert!(output.stdout.contains("\"token\":"), "{output}");
    for (args, warning) in [(&["get"][..], "warning: "), (&["kubectl", "--verbose"], "\nwarning: ")] {
        forgotten();
        let output = sandbox.run(args);
        assert!(output.status == 0 && output.stderr.contains(warning), "{output}");
    }
    sandbox.age_until(-10);
    let failed = sandbox.run(&["kubectl"]);
    assert!(failed.status == 3 && failed.stderr.starts_with("error: "), "{failed}");
}

#[test]
fn a_client_that_asks_once_gets_a_token_that_lasts() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get"]).token();
    sandbox.age_until(3600);
    assert!(sandbox.run(&["kubectl", "--min-ttl", "59m"]).stdout.contains(&first));
    assert!(!sandbox.run(&["kubectl", "--min-ttl=2h"]).stdout.contains(&first));
    assert_eq!(emulator.counters().token_requests, 2);
}

/// A Unix time as kubectl wants it.
fn rfc3339(seconds: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(seconds).unwrap().format(&Rfc3339).unwrap()
}
