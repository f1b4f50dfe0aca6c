//! `docs/secret-stores.md` with a real `OpenBao`: the client secret out of it, the token into it, and its logins by the
//! tenant's tokens.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use ws1_emulator::Emulator;

use crate::sandbox::{Output, SECRET, Sandbox, wait_until};
use crate::skip::can;

/// A development server of `OpenBao`, its secrets in memory, and a home that can reach it.
struct Store {
    sandbox: Sandbox,
    emulator: Emulator,
    server: Child,
}

impl Store {
    /// A server that is ready; `None`, and a skip, where the program is missing.
    fn start() -> Option<Self> {
        if !can("bao", &["version"]) {
            return None;
        }
        let emulator = Emulator::builder().tls().start().unwrap();
        let mut sandbox = Sandbox::with_tenant(&emulator);
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        sandbox.set("BAO_ADDR", format!("http://{free}")).set("BAO_TOKEN", "root");
        let mut server = sandbox.program("bao");
        server.args(["server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token"]);
        server.arg(format!("-dev-listen-address={free}")).stdout(Stdio::null()).stderr(Stdio::null());
        let server = server.spawn().unwrap();
        let store = Self { sandbox, emulator, server };
        wait_until("the store answers", || store.shell("bao status >/dev/null 2>&1").status == 0);
        Some(store)
    }

    /// Runs a line of the page.
    fn shell(&self, line: &str) -> Output {
        let program = std::path::Path::new(crate::sandbox::binary()).parent().unwrap().display().to_string();
        let mut shell: Command = self.sandbox.program("bash");
        shell.args(["-o", "pipefail", "-c", line]).env("PATH", format!("{program}:{}", self.sandbox.variable("PATH")));
        shell.current_dir(self.sandbox.path(""));
        self.sandbox.finish(shell)
    }

    /// Runs a line, which has to succeed; its output.
    fn succeed(&self, line: &str) -> String {
        let output = self.shell(line);
        assert_eq!(output.status, 0, "{line}: {output}");
        output.stdout
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn the_client_secret_comes_from_the_store_and_the_token_goes_into_it() {
    let Some(store) = Store::start() else { return };
    std::fs::remove_file(store.sandbox.secret_file()).unwrap();
    store.succeed(&format!("printf %s '{SECRET}' | bao kv put secret/ws1 client_secret=-"));
    let command = ["bao", "kv", "get", "-field=client_secret", "secret/ws1"];
    store.sandbox.edit_profile(|profile| profile["client_secret"] = json!({ "command": command }));
    let token = store.sandbox.run(&["get"]).token();
    store.succeed("ws1-token get --format json | bao kv put secret/ws1-token -");
    let stored = store.succeed("bao kv get -field=access_token secret/ws1-token");
    assert_eq!(stored.trim_end(), token);
    assert_eq!(store.emulator.counters().token_requests, 1);
    // A sealed or unreachable store is distinguished from a wrong secret, and the cached token goes on.
    store.succeed("bao operator seal");
    assert_eq!(store.sandbox.run(&["get"]).token(), token);
    let failed = store.sandbox.run(&["get", "--force-refresh"]);
    assert!(failed.status != 0 && failed.stderr.contains("cannot read the secret of profile `prod`"), "{failed}");
    assert!(failed.stdout.is_empty() && !failed.stderr.contains(&token), "{failed}");
}

#[test]
fn the_store_accepts_the_tenants_tokens_of_one_client() {
    let Some(store) = Store::start() else { return };
    let claims: Value =
        serde_json::from_str(&store.sandbox.run(&["get"]).token().split('.').nth(1).map_or_else(String::new, |part| {
            use base64::Engine;
            String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        }))
        .unwrap();
    let issuer = claims["iss"].as_str().unwrap();
    let audience = claims["aud"].as_str().unwrap();
    store.succeed("bao auth enable jwt");
    store.succeed(&format!("bao write auth/jwt/config oidc_discovery_url={issuer} oidc_discovery_ca_pem=@ca.pem"));
    for (role, client) in [("ci", "ci-bot"), ("other", "another-client")] {
        let role_of = json!({
            "role_type": "jwt", "user_claim": "prn", "bound_audiences": audience, "token_policies": "default",
            "bound_claims": { "cid": client, "prn_type": "SERVICE" },
        });
        store.succeed(&format!("echo '{role_of}' | bao write auth/jwt/role/{role} -"));
    }
    let login = |role: &str| store.shell(&format!("ws1-token get | bao write auth/jwt/login role={role} jwt=-"));
    let accepted = login("ci");
    assert!(accepted.status == 0 && accepted.stdout.contains("token_policies"), "{accepted}");
    let refused = login("other");
    assert!(refused.status != 0 && refused.stderr.contains("cid"), "{refused}");
    for output in [accepted, refused] {
        assert!(!output.to_string().contains("eyJ"), "{output}");
    }
}

/// Writes a file of a recipe.
fn put(sandbox: &Sandbox, name: &str, text: &str) {
    crate::sandbox::write(&sandbox.path(name), text.as_bytes());
}

#[test]
fn terraform_gets_the_token_as_a_variable_and_keeps_none_of_it() {
    if !crate::skip::has("terraform") {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let configuration = "variable \"ws1_token\" {\n  type      = string\n  sensitive = true\n}\n\
                         output \"has_token\" {\n  value = nonsensitive(length(var.ws1_token) > 100)\n}\n";
    put(&sandbox, "main.tf", configuration);
    let args = ["exec", "--var", "TF_VAR_ws1_token", "--", "terraform", "apply", "-auto-approve", "-no-color"];
    let mut terraform = sandbox.command(&args);
    terraform.current_dir(sandbox.path("")).env("CHECKPOINT_DISABLE", "1");
    let output = sandbox.finish(terraform);
    assert!(output.status == 0 && output.stdout.contains("has_token = true"), "{output}");
    assert!(!output.to_string().contains("eyJ"), "{output}");
    let state = std::fs::read_to_string(sandbox.path("terraform.tfstate")).unwrap();
    assert!(state.contains("has_token") && !state.contains("eyJ"), "{state}");
}

#[test]
fn ansible_calls_the_api_and_prints_no_token() {
    if !can("ansible-playbook", &["--version"]) {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let page = std::fs::read_to_string(crate::sandbox::source("docs/secret-stores.md")).unwrap();
    let task = page.split("```yaml\n- ansible").nth(1).unwrap().split("```").next().unwrap();
    let task: String = format!("- ansible{task}").lines().map(|line| format!("    {line}\n")).collect();
    let task = task.replace("https://acme.example.com", &emulator.url());
    let task = task.replace("'ws1-token ", &format!("'{} ", crate::sandbox::binary()));
    put(&sandbox, "play.yml", &format!("- hosts: localhost\n  gather_facts: false\n  tasks:\n{task}"));
    let mut play = sandbox.program("ansible-playbook");
    play.args(["-vvv", "--inventory", "localhost,", "--connection", "local"]);
    play.args(["--extra-vars", "ansible_python_interpreter={{ ansible_playbook_python }}"])
        .arg(sandbox.path("play.yml"));
    play.env("LC_ALL", "C.UTF-8").env("ANSIBLE_LOCALHOST_WARNING", "false");
    let output = sandbox.finish(play);
    assert!(output.status == 0 && output.stdout.contains("ok=1"), "{output}");
    assert!(!output.to_string().contains("eyJ"), "{output}");
    assert_eq!(emulator.counters().api, 1);
}
