//! The standard streams: an answer is written whole or not at all, and nothing is read that was not asked for.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use ws1_emulator::Emulator;

use crate::sandbox::{Output, Sandbox, assert_snapshot, binary};

/// A tenant and a sandbox for it.
fn tenant() -> (Emulator, Sandbox) {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    (emulator, sandbox)
}

/// Runs `get` with this standard output.
fn get_into(sandbox: &Sandbox, stdout: impl Into<Stdio>) -> Output {
    let mut command = sandbox.command(&["get"]);
    sandbox.wait(command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap())
}

/// Runs a line of shell with the binary as `$0`.
fn shell(sandbox: &Sandbox, line: &str) -> Output {
    let mut shell = sandbox.program("sh");
    shell.args(["-c", line, binary()]);
    sandbox.finish(shell)
}

#[test]
fn a_reader_that_went_away_is_no_drama() {
    let (emulator, sandbox) = tenant();
    for _ in 0..2 {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(get_into(&sandbox, writer).to_string(), "[exit status: 1]\n");
    }
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 1, "the token was cached");
}

#[test]
fn a_full_device_is_said() {
    let (emulator, sandbox) = tenant();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    assert_snapshot!("stdio-full", get_into(&sandbox, full()));
    sandbox.run(&["get"]).token();
    assert_eq!(emulator.counters().token_requests, 1, "the token was cached");
}

#[test]
fn a_closed_output_swallows_the_token_and_harms_no_file() {
    let (emulator, sandbox) = tenant();
    assert_eq!(shell(&sandbox, "exec \"$0\" get >&-").to_string(), "");
    let token = emulator.issued().remove(0);
    assert_eq!(sandbox.entry()["token"]["access_token"], token, "nothing was written into the entry");
    let holder = std::fs::read_to_string(sandbox.lock_file()).unwrap();
    assert!(
        holder.strip_suffix('\n').is_some_and(|pid| pid.trim_end().parse::<u32>().is_ok()),
        "nor into the lock: {holder}"
    );
    assert_eq!(sandbox.run(&["get"]).token(), token);
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn without_any_stream_the_token_is_still_cached() {
    let (emulator, sandbox) = tenant();
    assert_eq!(shell(&sandbox, "exec \"$0\" get <&- >&- 2>&-").to_string(), "");
    assert_eq!(sandbox.run(&["get"]).token(), emulator.issued()[0]);
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn a_closed_standard_error_changes_nothing_else() {
    let (_emulator, sandbox) = tenant();
    let token = sandbox.run(&["get"]).token();
    for line in ["exec \"$0\" -v get 2>&-", "exec \"$0\" -v get 2>/dev/full"] {
        let output = shell(&sandbox, line);
        assert_eq!((output.status, output.stdout.trim_end()), (0, token.as_str()), "{line}");
    }
    sandbox.write_secret("wrong");
    sandbox.age_until(0);
    assert_eq!(shell(&sandbox, "exec \"$0\" get --force-refresh 2>/dev/full").to_string(), "[exit status: 4]\n");
}

#[test]
fn get_leaves_standard_input_alone() {
    let (_emulator, sandbox) = tenant();
    for _ in 0..2 {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"for somebody else\n").unwrap();
        let mut command = sandbox.command(&["get"]);
        command.stdin(reader.try_clone().unwrap());
        // The other end stays open: reading to the end would wait for ever.
        sandbox.finish(command).token();
        drop(writer);
        let mut left = String::new();
        reader.read_to_string(&mut left).unwrap();
        assert_eq!(left, "for somebody else\n");
    }
}
