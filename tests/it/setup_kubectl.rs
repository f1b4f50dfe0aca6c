//! `setup kubectl`: the entry that every kubectl writes, other credentials of a user, and a kubeconfig in trouble.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::json;
use ws1_emulator::Emulator;

use crate::sandbox::{Output, Sandbox, assert_snapshot, binary};

/// A cluster of the emulator's, a kubeconfig that knows it, and a directory first on PATH with links to kubectl and to the
/// program.
pub(crate) struct Kube {
    /// The tenant and cluster.
    pub(crate) emulator: Emulator,
    /// The home.
    pub(crate) sandbox: Sandbox,
    /// The kubeconfig.
    file: PathBuf,
}

impl Kube {
    /// With a kubeconfig in some place.
    pub(crate) fn start(file: &str) -> Self {
        let emulator = Emulator::builder().tls().start().unwrap();
        let mut sandbox = Sandbox::with_tenant(&emulator);
        let (bin, file) = (sandbox.path("bin"), sandbox.path(file));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        symlink(binary(), bin.join("ws1-token")).unwrap();
        let path = format!("{}:{}", bin.display(), sandbox.variable("PATH"));
        sandbox.set("PATH", path).set("KUBECONFIG", file.display().to_string());
        let kube = Self { emulator, sandbox, file };
        kube.configure(&json!([]));
        kube
    }

    /// Writes the kubeconfig with some users.
    fn configure(&self, users: &serde_json::Value) {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "acme",
            "clusters": [{"name": "acme", "cluster": {
                "server": format!("{}/k8s", self.emulator.url()), "certificate-authority": self.sandbox.path("ca.pem") }}],
            "contexts": [{"name": "acme", "context": {"cluster": "acme", "user": "ws1"}}],
            "users": users,
        });
        crate::sandbox::write(&self.file, config.to_string().as_bytes());
    }

    /// Makes this kubectl the one on PATH.
    pub(crate) fn choose(&self, kubectl: &Path) {
        let link = self.sandbox.path("bin/kubectl");
        let _ = std::fs::remove_file(&link);
        symlink(kubectl, link).unwrap();
    }

    /// What `setup kubectl` says.
    pub(crate) fn setup(&self, args: &[&str]) -> Output {
        self.sandbox.run(&[&["setup", "kubectl"], args].concat())
    }

    /// The kubeconfig as text.
    fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }

    /// A user's entry, as kubectl reads it.
    fn user(&self, name: &str) -> serde_json::Value {
        let mut view = self.sandbox.program("kubectl");
        view.args(["config", "view", "--output", "json"]);
        let config: serde_json::Value = serde_json::from_str(&self.sandbox.finish(view).stdout).unwrap();
        let users = config["users"].as_array().cloned().unwrap_or_default();
        users.into_iter().find(|user| user["name"] == name).map_or(json!(null), |user| user["user"].clone())
    }
}

#[test]
fn every_kubectl_is_set_up_once_by_itself_and_works() {
    for kubectl in crate::kubectl::kubectls() {
        let kube = Kube::start("kube/config");
        kube.choose(&kubectl);
        let cache = kube.sandbox.path("a b,\"c\" \\ ${x} it's %s ü").display().to_string();
        let write = || kube.setup(&["--profile", "prod", "--cache-dir", &cache, "--write"]).to_string();
        let name = kubectl.display();
        let next = "next\n  kubectl --user=ws1 auth whoami\n  kubectl config set-context --current --user=ws1\n";
        assert_eq!(write(), format!("User \"ws1\" set.\n{next}"), "{name}");
        let first = kube.text();
        assert_eq!(write(), format!("user \"ws1\" is set already\n{next}"), "{name}");
        assert_eq!(kube.text(), first, "{name}");
        let exec = &kube.user("ws1")["exec"];
        assert_eq!(exec["args"], json!(["kubectl", "--profile", "prod", "--cache-dir", cache]), "{name}");
        assert_eq!(exec["apiVersion"], "client.authentication.k8s.io/v1beta1", "{name}");
        assert_eq!(exec["command"], kube.sandbox.path("bin/ws1-token").display().to_string(), "{name}: {first}");
        let mut pods = kube.sandbox.program("kubectl");
        pods.args(["get", "pods"]);
        let output = kube.sandbox.finish(pods);
        assert!(output.status == 0 && output.stdout.starts_with("NAME"), "{name}: {output}");
        assert_eq!(kube.setup(&["--undo"]).to_string(), "removed users.ws1\n", "{name}");
        assert_eq!(kube.user("ws1"), json!(null), "{name}");
        let undone = kube.text();
        let again = "user \"ws1\" has no command: nothing to remove\n";
        assert_eq!((kube.setup(&["--undo"]).to_string().as_str(), kube.text()), (again, undone), "{name}");
    }
}

#[test]
fn another_credential_of_the_user_is_named_and_stays() {
    let Some(kubectl) = crate::kubectl::kubectls().pop() else { return };
    let kube = Kube::start("kube/config");
    kube.choose(&kubectl);
    let exec = |command: &str, args| json!({"apiVersion": "client.authentication.k8s.io/v1", "command": command, "args": args});
    let other = exec("aws", json!(["eks", "get-token"]));
    let mut all = String::new();
    for user in [
        json!({"token": "c4n4ry"}),
        json!({"tokenFile": "/t"}),
        json!({"client-certificate": "/c", "client-key": "/k"}),
        json!({"username": "u", "password": "c4n4ry"}),
        json!({"auth-provider": {"name": "oidc"}}),
        json!({ "exec": other }),
        json!({"exec": exec("ws1-token", json!(["kubectl"])), "token": "c4n4ry"}),
    ] {
        kube.configure(&json!([{ "name": "ws1", "user": user }]));
        let before = kube.text();
        let output = kube.setup(&["--write"]);
        assert_eq!((output.status, kube.text()), (2, before), "{output}");
        all.push_str(&output.to_string());
    }
    kube.configure(&json!([{ "name": "ws1", "user": { "exec": other } }]));
    all.push_str(&format!("# --undo\n{}", kube.setup(&["--undo"])));
    assert_snapshot!("setup-kubectl-foreign", all);
    assert!(kube.text().contains("aws"));
    // An old entry of ours is brought up to date; what is no credential stays.
    kube.configure(
        &json!([{ "name": "ws1", "user": { "exec": exec("/old/ws1-token", json!(["kubectl"])), "as": "me" } }]),
    );
    assert!(kube.setup(&["--write"]).to_string().starts_with("User \"ws1\" set.\n"));
    assert_eq!(kube.user("ws1")["exec"]["command"], kube.sandbox.path("bin/ws1-token").display().to_string());
    assert_eq!(kube.setup(&["--undo"]).to_string(), "removed users.ws1.exec\n");
    assert_eq!(kube.user("ws1"), json!({"as": "me"}));
    assert!(kube.setup(&["--write"]).to_string().starts_with("User \"ws1\" set.\n"));
    // kubectl reads a property's path by its dots.
    let said = kube.setup(&["my.us er", "--write"]).to_string();
    assert!(
        said.starts_with("User \"my.us er\" set.\n") && said.contains(" '--user=my.us er' auth whoami\n"),
        "{said}"
    );
    assert_eq!(kube.setup(&["my.us er", "--undo"]).to_string(), "removed users.my.us er\n");
    assert_eq!(kube.user("my.us er"), json!(null));
}

#[test]
fn a_locked_or_broken_kubeconfig_has_kubectls_own_word() {
    let Some(kubectl) = crate::kubectl::kubectls().pop() else { return };
    let kube = Kube::start("kube/config");
    kube.choose(&kubectl);
    let lock = kube.sandbox.path("kube/config.lock");
    crate::sandbox::write(&lock, b"");
    let mut all = kube.setup(&["--write"]).to_string();
    std::fs::remove_file(lock).unwrap();
    crate::sandbox::write(&kube.file, b"{{{");
    all.push_str(&kube.setup(&["--write"]).to_string());
    all.push_str(&kube.setup(&["--undo"]).to_string());
    assert_snapshot!("setup-kubectl-trouble", all);
}
