//! The trusted roots, seen from the system: read when a request is sent and only those that count, never for a cached
//! token.

use ws1_emulator::Emulator;

use crate::sandbox::{Sandbox, write};
use crate::strace;

/// The files and directories of certificates that a run opens, in their order, without those that are not there.
fn opened(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let (calls, output) = strace::traced(sandbox, &["-e", "trace=open,openat", "-s", "300"], args);
    output.token();
    let is_of_certificates = |path: &str| [".pem", ".crt", "/ssl", "/pki"].iter().any(|part| path.contains(part));
    calls
        .iter()
        .filter(|call| !call.text.contains("ENOENT"))
        .filter_map(|call| call.text.split('"').nth(1))
        .filter(|path| is_of_certificates(path))
        .map(str::to_owned)
        .collect()
}

/// A tenant that speaks TLS, and a sandbox whose profile trusts it.
fn tenant() -> (Emulator, Sandbox, String) {
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    let ca = sandbox.path("ca.pem").display().to_string();
    (emulator, sandbox, ca)
}

#[test]
fn a_profile_that_trusts_its_own_root_alone_reads_no_other() {
    if !strace::reads_memory() {
        return;
    }
    let (_emulator, mut sandbox, ca) = tenant();
    sandbox.set("SSL_CERT_FILE", ca.replace("ca.pem", "platform.pem"));
    write(&sandbox.path("platform.pem"), b"");
    assert_eq!(opened(&sandbox, &["get"]), [ca]);
}

#[test]
fn a_cached_token_needs_no_roots() {
    if !strace::reads_memory() {
        return;
    }
    let (_emulator, sandbox, ca) = tenant();
    for alone in [true, false] {
        sandbox.edit_profile(|profile| profile["ca_only"] = alone.into());
        sandbox.run(&["get", "--force-refresh"]).token();
        let nothing: Vec<String> = Vec::new();
        assert_eq!(opened(&sandbox, &["get"]), nothing, "alone: {alone}");
    }
    assert!(opened(&sandbox, &["get", "--force-refresh"]).contains(&ca), "the words are those of strace");
}

#[test]
fn the_platforms_bundle_is_read_and_no_directory_beside_it() {
    if !strace::reads_memory() {
        return;
    }
    let (emulator, mut sandbox, ca) = tenant();
    sandbox.edit_profile(|profile| profile["ca_only"] = false.into());
    let bundle = sandbox.path("platform.pem");
    write(&bundle, emulator.ca_pem().unwrap().as_bytes());
    sandbox.set("SSL_CERT_FILE", bundle.display().to_string());
    assert_eq!(opened(&sandbox, &["get"]), [ca.clone(), bundle.display().to_string()], "the variable's file");

    sandbox.unset("SSL_CERT_FILE");
    let read = opened(&sandbox, &["get", "--force-refresh"]);
    assert!(read.len() <= 2 && read[0] == ca, "{read:?}");
    assert!(read.iter().all(|path| std::fs::metadata(path).unwrap().is_file()), "{read:?}");
}
