//! `bazel get`: the credential helper protocol, byte for byte. The published schema asks for `headers`, names to lists of
//! strings, and `expires`, an ISO 8601 text; further properties are free.

use serde_json::{Value, json};
use ws1_emulator::Emulator;

use crate::sandbox::{Sandbox, assert_snapshot};

/// Asks for a URI.
fn ask(sandbox: &Sandbox, request: &str) -> crate::sandbox::Output {
    sandbox.run_with_stdin(&["bazel", "get"], request.as_bytes())
}

#[test]
fn the_headers_of_an_allowed_uri_are_answered() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.edit_profile(|profile| profile["hosts"] = json!(["build.example.com"]));
    for uri in [
        format!("{}/cas/1", emulator.url()),
        "https://build.example.com/cas".to_owned(),
        "grpcs://build.example.com".to_owned(),
    ] {
        let output = ask(&sandbox, &json!({ "uri": uri }).to_string());
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{uri}: {output}");
        let answer: Value = serde_json::from_str(&output.stdout).unwrap();
        let token = sandbox.run(&["get"]).token();
        assert_eq!(answer["headers"], json!({ "Authorization": [format!("Bearer {token}")] }), "{uri}");
        assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
    }
    assert_snapshot!("bazel-answer", ask(&sandbox, &json!({ "uri": emulator.url() }).to_string()));
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn everything_else_is_an_error_without_an_answer() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let mut all = String::new();
    for request in
        ["", "{", "{}", "{\"uri\":5}", "{\"uri\":\"https://evil.example/\"}", "{\"uri\":\"http://build.example.com/\"}"]
    {
        let output = ask(&sandbox, request);
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{request}: {output}");
        all.push_str(&format!("< {request}\n{output}\n"));
    }
    all.push_str(&sandbox.run(&["bazel"]).to_string());
    all.push_str(&sandbox.run(&["bazel", "put"]).to_string());
    assert_snapshot!("bazel-errors", all);
    assert_eq!(emulator.counters().connections, 0);
}

#[cfg(unix)]
#[test]
fn the_link_needs_no_argument_but_the_operation() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let link = sandbox.path("bazel-credential-ws1");
    std::os::unix::fs::symlink(crate::sandbox::binary(), &link).unwrap();
    let mut command = sandbox.program(&link);
    command.arg("get").stdin(std::process::Stdio::piped());
    let mut child = sandbox.start(command);
    let request = json!({ "uri": emulator.url() }).to_string();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), request.as_bytes()).unwrap();
    let output = sandbox.wait(child);
    assert!(output.stdout.starts_with("{\"headers\":{\"Authorization\":[\"Bearer "), "{output}");
}
