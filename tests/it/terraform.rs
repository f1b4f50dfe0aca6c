//! `terraform get|store|forget`: the real Terraform, and the protocol itself.

use serde_json::json;
use ws1_emulator::Emulator;

use crate::sandbox::{self, Sandbox, assert_snapshot};
use crate::stub::{Stub, response};

/// A host of the profile whose services the test plays.
const HOST: &str = "registry.example.com";

/// A tenant and a home whose profile allows [`HOST`].
fn world() -> (Emulator, Sandbox) {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["hosts"] = json!([HOST]));
    (emulator, sandbox)
}

#[test]
fn the_protocol_is_exact() {
    let (emulator, sandbox) = world();
    let mut all = String::new();
    for args in [
        &["get", HOST][..],
        &["get", "evil.example.com"],
        &["get", "registry.example.com:8443"],
        &["get", "u@registry.example.com"],
        &["forget", "evil.example.com"],
        &["store", HOST],
        &["get"],
        &["list", HOST],
    ] {
        let output = sandbox.run(&[&["terraform"], args].concat());
        all.push_str(&format!("$ ws1-token terraform {}\n{output}\n", args.join(" ")));
    }
    assert_snapshot!("terraform", all);
    let first = sandbox.run(&["get"]).token();
    assert_eq!(sandbox.run(&["terraform", "forget", HOST]).to_string(), "");
    assert_ne!(sandbox.run(&["get"]).token(), first, "forgotten");
    assert_eq!(emulator.counters().token_requests, 2);
}

#[cfg(unix)]
#[test]
fn terraform_sends_the_token_to_the_services_of_the_host() {
    let (_emulator, sandbox) = world();
    if !crate::skip::has("terraform") {
        return;
    }
    let services = Stub::start(|_| response("404 Not Found", "", ""));
    let plugins = sandbox.path("home/.terraform.d/plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    std::os::unix::fs::symlink(sandbox::binary(), plugins.join("terraform-credentials-ws1")).unwrap();
    let settings = format!(
        "credentials_helper \"ws1\" {{ args = [\"--profile\", \"prod\"] }}\n\
         host \"{HOST}\" {{ services = {{ \"modules.v1\" = \"http://{}/\" }} }}\n",
        services.host()
    );
    sandbox::write(&sandbox.path("home/.terraformrc"), settings.as_bytes());
    let project = sandbox.path("project");
    std::fs::create_dir(&project).unwrap();
    let module = format!("module \"m\" {{\n  source = \"{HOST}/a/b/c\"\n  version = \"1.0.0\"\n}}\n");
    sandbox::write(&project.join("main.tf"), module.as_bytes());
    let mut init = sandbox.program("terraform");
    init.arg("init").current_dir(&project).env("CHECKPOINT_DISABLE", "1");
    let output = sandbox.finish(init);
    let heads = services.heads();
    assert!(!heads.is_empty(), "{output}");
    let token = sandbox.run(&["get"]).token();
    assert!(heads[0].contains(&format!("Authorization: Bearer {token}\r\n")), "{}", heads[0]);
}
