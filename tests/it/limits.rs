//! The limits of time and size that the program really sets, seen at its system calls and at their edges. No waits.

use std::io::Write;
use std::process::Stdio;

use ws1_emulator::{Emulator, Fault};

use crate::sandbox::Sandbox;
use crate::skip::skip;
use crate::strace::{self, Call};

/// Seconds for the whole exchange with the tenant.
const NETWORK: u64 = 10;

/// Seconds for connecting, the TLS handshake included.
const CONNECT: u64 = 5;

/// Seconds for a request on standard input.
const INPUT: u64 = 10;

/// Bytes of a response body.
const BODY: usize = 256 * 1024;

/// A tenant over TLS, and a sandbox for it.
fn tenant() -> (Emulator, Sandbox) {
    let emulator = Emulator::builder().tls().start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    (emulator, sandbox)
}

/// The timeouts of a run's socket in milliseconds, in their order: of `poll` while it connects, then of every receive
/// and every send. `None` where strace could not look into the program's memory, which takes root.
struct Timeouts {
    /// While it connects.
    connecting: Vec<u64>,
    /// `SO_RCVTIMEO`, as it is set anew again and again.
    receiving: Vec<Option<u64>>,
    /// `SO_SNDTIMEO`.
    sending: Vec<Option<u64>>,
}

/// Reads the timeouts of a trace, and checks that nothing is received or sent before there is one.
fn timeouts(calls: &[Call]) -> Timeouts {
    let mut found = Timeouts { connecting: Vec::new(), receiving: Vec::new(), sending: Vec::new() };
    let from = calls.iter().position(|call| call.name() == "connect" && !call.text.contains("AF_UNIX")).unwrap();
    for call in &calls[from..] {
        match call.name() {
            "poll" if found.receiving.is_empty() && found.sending.is_empty() => {
                let arguments = call.text.split_once(" = ").unwrap().0.trim_end().trim_end_matches(')');
                let limit = arguments.rsplit(", ").next().unwrap();
                found.connecting.push(limit.parse().expect("a poll without a limit"));
            }
            "setsockopt" if call.text.contains("SO_RCVTIMEO") => found.receiving.push(timeval(&call.text)),
            "setsockopt" if call.text.contains("SO_SNDTIMEO") => found.sending.push(timeval(&call.text)),
            "recvfrom" => assert!(!found.receiving.is_empty(), "{}", call.text),
            "sendto" => assert!(!found.sending.is_empty(), "{}", call.text),
            _ => {}
        }
    }
    assert!(!found.connecting.is_empty() && !found.receiving.is_empty() && !found.sending.is_empty());
    found
}

/// Milliseconds of a `struct timeval` that strace wrote with `-xx`.
fn timeval(call: &str) -> Option<u64> {
    let bytes: Vec<u8> =
        call.split('"').nth(1)?.split("\\x").skip(1).map(|hex| u8::from_str_radix(hex, 16).unwrap()).collect();
    let (seconds, micros) = bytes.split_at(8);
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    Some(number(seconds) * 1000 + number(micros) / 1000)
}

/// The timeouts of one `get`.
fn traced(sandbox: &Sandbox) -> Timeouts {
    let options = ["-xx", "-e", "trace=connect,poll,setsockopt,recvfrom,sendto"];
    let (calls, output) = strace::traced(sandbox, &options, &["get"]);
    output.token();
    timeouts(&calls)
}

/// Whether every timeout is one, and none is longer than so many seconds.
fn within(timeouts: &[Option<u64>], seconds: u64) -> bool {
    timeouts.iter().all(|limit| limit.is_some_and(|limit| (1..=seconds * 1000).contains(&limit)))
}

#[test]
fn every_wait_for_the_tenant_has_its_limit_at_the_socket() {
    if !strace::is_there() {
        return;
    }
    let (_emulator, sandbox) = tenant();
    let cold = traced(&sandbox);
    assert!(cold.connecting.iter().all(|limit| (1..=CONNECT * 1000).contains(limit)), "{:?}", cold.connecting);
    if cold.receiving.contains(&None) {
        skip("root", "only root sees what a socket is told: strace shows no memory of the program to its user");
        return;
    }
    let handshake = (cold.sending[0], cold.receiving[0]);
    assert!(within(&[handshake.0, handshake.1], CONNECT), "{handshake:?}");
    assert!(within(&cold.receiving, NETWORK), "{:?}", cold.receiving);
    assert!(within(&cold.sending, NETWORK), "{:?}", cold.sending);
    assert!(cold.receiving.iter().max() > Some(&handshake.1), "the answer has the time of the whole exchange");

    // A valid token is at hand: its owner waits for a new one only half as long.
    sandbox.age_until(300);
    let expiring = traced(&sandbox);
    assert!(within(&expiring.receiving, NETWORK / 2), "{:?}", expiring.receiving);
    assert!(within(&expiring.sending, NETWORK / 2), "{:?}", expiring.sending);
}

/// A run that gets a request on standard input, and then the end of it; gives its calls.
fn with_input(sandbox: &Sandbox, options: &[&str], args: &[&str], input: &str) -> (Vec<Call>, String) {
    let mut command = strace::command(sandbox, options, args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = sandbox.wait(child);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{args:?}: {output}");
    (strace::calls(sandbox), output.stdout)
}

/// Milliseconds of the `struct timespec` of a `ppoll`.
fn timespec(call: &Call) -> Option<u64> {
    let field = |name: &str| {
        let digits = call.text.split_once(name)?.1;
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
    };
    Some(field("tv_sec=")? * 1000 + field("tv_nsec=")? / 1_000_000)
}

#[test]
fn a_request_on_standard_input_has_ten_seconds_in_all() {
    if !strace::is_there() {
        return;
    }
    let (emulator, sandbox) = tenant();
    let git = format!("protocol=https\nhost={}\n", emulator.host());
    let bazel = format!("{{\"uri\":\"https://{}/\"}}", emulator.host());
    for (args, input) in
        [(&["git", "get"][..], &git), (&["git", "erase"], &git), (&["git", "store"], &git), (&["bazel", "get"], &bazel)]
    {
        let (calls, _) = with_input(&sandbox, &["-e", "trace=ppoll"], args, input);
        let of_input = |call: &&Call| call.text.starts_with("ppoll([{fd=0, events=POLLIN}], 1, ");
        let limits: Vec<Option<u64>> = calls.iter().filter(of_input).map(timespec).collect();
        if calls.iter().any(|call| call.text.starts_with("ppoll(0x")) {
            skip("root", "only root sees what poll is told: strace shows no memory of the program to its user");
            return;
        }
        assert!(limits.len() > 1, "{args:?}: one wait for the request, one for its end: {calls:?}");
        assert!(within(&limits, INPUT), "{args:?}: {limits:?}");
        assert!(limits.is_sorted_by(|one, next| one >= next), "{args:?}: the later ones have what is left: {limits:?}");
    }
}

#[test]
fn an_interrupted_read_of_standard_input_is_repeated() {
    if !strace::is_there() {
        return;
    }
    let (emulator, sandbox) = tenant();
    sandbox.run(&["get"]).token();
    for (args, input) in [
        (["git", "get"], format!("protocol=https\nhost={}\n\n", emulator.host())),
        (["bazel", "get"], format!("{{\"uri\":\"https://{}/\"}}", emulator.host())),
    ] {
        let (calls, answer) = with_input(&sandbox, &[], &args, &input);
        assert!(answer.contains("eyJ"), "{answer}");
        let numbered = strace::numbered(&calls);
        let number = |name: &str, start: &str| {
            numbered.iter().find(|(call, _)| call.name() == name && call.text.starts_with(start)).unwrap().1
        };
        let read = format!("inject=read:error=EINTR:when={}", number("read", "read(0, "));
        let poll = format!("inject=ppoll:error=EINTR:when={}", number("ppoll", "ppoll("));
        for inject in [&read, &poll] {
            let (calls, interrupted) = with_input(&sandbox, &["-e", inject], &args, &input);
            assert!(calls.iter().any(|call| call.text.contains("EINTR") && call.text.ends_with("(INJECTED)")));
            assert!(interrupted.contains("eyJ"), "{args:?} {inject}: {interrupted}");
        }
    }
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn a_request_on_standard_input_may_have_64_kib() {
    let (emulator, sandbox) = tenant();
    sandbox.run(&["get"]).token();
    let git = |fill: &str| format!("protocol=https\nhost={}\nx={fill}\n\n", emulator.host());
    let bazel = |fill: &str| format!("{{\"uri\":\"https://{}/\",\"headers\":{{\"x\":\"{fill}\"}}}}", emulator.host());
    for (args, make) in [(["git", "get"], &git as &dyn Fn(&str) -> String), (["bazel", "get"], &bazel)] {
        let room = 64 * 1024 - make("").len();
        let (whole, more) = (make(&"x".repeat(room)), make(&"x".repeat(room + 1)));
        assert_eq!(whole.len(), 64 * 1024);
        let whole = sandbox.run_with_stdin(&args, whole.as_bytes());
        assert!(whole.status == 0 && whole.stdout.contains("eyJ"), "{args:?}: {whole}");
        let more = sandbox.run_with_stdin(&args, more.as_bytes());
        assert!(!more.stdout.contains("eyJ"), "{args:?}: {more}");
    }
}

/// A 200 with this body and these headers.
fn reply(body: String, headers: Vec<(String, String)>) -> Fault {
    Fault::Status { code: 200, body, content_type: "application/json".to_owned(), headers }
}

/// A reply with a token.
const TOKEN: &str = r#"{"access_token":"opaque","expires_in":600}"#;

#[test]
fn a_body_of_256_kib_is_read_and_not_a_byte_more() {
    let (emulator, sandbox) = tenant();
    let body = |bytes: usize| reply(format!("{TOKEN}{}", " ".repeat(bytes - TOKEN.len())), Vec::new());
    emulator.play(body(BODY));
    assert_eq!(sandbox.run(&["get"]).token(), "opaque");
    sandbox.run(&["forget"]);
    emulator.play(body(BODY + 1));
    let output = sandbox.run(&["get"]);
    assert_eq!((output.status, output.stdout.as_str()), (5, ""));
    assert!(output.stderr.contains("an answer of more than 256 KiB"), "{output}");
}

#[test]
fn headers_of_16_kib_are_read_and_no_more() {
    let (emulator, sandbox) = tenant();
    // What the server itself adds takes some of it.
    let padded = |bytes: usize| reply(TOKEN.to_owned(), vec![("X-Fill".to_owned(), "x".repeat(bytes))]);
    emulator.play(padded(15 * 1024));
    assert_eq!(sandbox.run(&["get"]).token(), "opaque");
    sandbox.run(&["forget"]);
    emulator.play(padded(16 * 1024));
    let output = sandbox.run(&["get"]);
    assert_eq!((output.status, output.stdout.as_str()), (5, ""));
    assert!(output.stderr.contains("an answer with more than 16 KiB of headers"), "{output}");
}
