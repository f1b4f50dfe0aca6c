//! `google`: executable-sourced credentials, as the libraries run it and read it.

use serde_json::{Value, json};
use ws1_emulator::Emulator;

use crate::sandbox::{self, Sandbox, assert_snapshot, now};
use crate::stub::{Stub, response};

/// What the libraries ask for.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

#[test]
fn success_and_failure_are_answers() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let output = sandbox.run(&["google"]);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output}");
    let answer: Value = serde_json::from_str(&output.stdout).unwrap();
    let expiry = answer["expiration_time"].as_i64().unwrap();
    assert!((now() + 10_700..now() + 10_800).contains(&expiry), "{answer}");
    let token = sandbox.run(&["get"]).token();
    assert_eq!(
        answer,
        json!({"version": 1, "success": true, "token_type": JWT, "id_token": token, "expiration_time": expiry})
    );
    let mut all = String::new();
    sandbox.set("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", "urn:ietf:params:oauth:token-type:saml2");
    all.push_str(&sandbox.run(&["google", "--verbose"]).to_string());
    sandbox.unset("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE");
    sandbox.run(&["forget"]);
    sandbox.write_secret("wrong");
    all.push_str(&sandbox.run(&["google"]).to_string());
    assert_snapshot!("google-failures", all);
}

#[cfg_attr(windows, ignore = "it runs programs of POSIX")]
#[test]
fn the_secret_command_writes_nothing_to_standard_error() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let script = format!("echo unlocking >&2; echo {}", sandbox::SECRET);
    sandbox.edit_profile(|profile| profile["client_secret"] = json!({ "command": ["sh", "-c", script] }));
    let output = sandbox.run(&["google"]);
    assert!(output.stdout.contains("\"success\":true"), "{output}");
    assert_eq!(output.stderr, "");
    sandbox.run(&["forget"]);
    assert_eq!(sandbox.run(&["get"]).stderr, "unlocking\n", "a person reads it");
    sandbox.edit_profile(|profile| profile["client_secret"]["command"] = json!(["sh", "-c", "echo no >&2; exit 1"]));
    sandbox.run(&["forget"]);
    let output = sandbox.run(&["google"]);
    assert!(output.stdout.contains("\"success\":false") && output.stderr.is_empty(), "{output}");
}

#[test]
fn a_warning_does_not_spoil_the_answer() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]);
    sandbox.age_until(60);
    emulator.play_always(ws1_emulator::Fault::status(503));
    let output = sandbox.run(&["google"]);
    assert_eq!(output.stderr, "");
    assert!(output.stdout.contains("\"success\":true"), "{output}");
}

#[test]
fn the_library_exchanges_the_token() {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    let mut probe = sandbox.program("python3");
    probe.args(["-c", "import google.auth.pluggable, google.auth.transport.requests"]);
    if probe.output().map_or(true, |output| !output.status.success()) {
        crate::skip::skip("google-auth", "the Python library, with requests, is not installed");
        return;
    }
    let exchange = Stub::start(|_| {
        let body = json!({"access_token": "federated", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer", "expires_in": 3600});
        response("200 OK", "Content-Type: application/json\r\n", &body.to_string())
    });
    let script = format!(
        "import google.auth.pluggable as p, google.auth.transport.requests as r\n\
         c = p.Credentials(audience='//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/w',\n\
           subject_token_type='{JWT}', token_url='http://{}/token',\n\
           credential_source={{'executable': {{'command': '{} google', 'timeout_millis': 30000}}}})\n\
         c.refresh(r.Request())\nprint(c.token)\n",
        exchange.host(),
        sandbox::binary()
    );
    sandbox.set("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    let mut python = sandbox.program("python3");
    python.args(["-c", &script]);
    let output = sandbox.finish(python);
    assert_eq!(output.stdout, "federated\n", "{output}");
}
