//! Killed at any system call of a renewal: the entry is whole, the next run has a token, and no refresh token that may
//! have been consumed is sent again (I4, I5, I12).

use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{Sandbox, names_in};
use crate::strace;

/// How a renewal begins and ends.
#[derive(Clone, Copy, PartialEq)]
enum Renewal {
    /// Nothing is cached.
    Cold,
    /// The token is due, and the refresh token brings a new one.
    Refresh,
    /// The token is due, and the tenant is in trouble.
    Failure,
}

/// Whether every point is tried, which takes a minute, or only some.
fn is_full() -> bool {
    std::env::var("WS1_TEST_FULL").is_ok_and(|value| value == "1")
}

/// Puts the cache and the tenant where the renewal begins; gives the entry's bytes.
fn prepare(renewal: Renewal, emulator: &Emulator, sandbox: &Sandbox) -> Option<Vec<u8>> {
    emulator.play_normally();
    // There is none at the very beginning.
    let _ = std::fs::remove_dir_all(sandbox.cache_dir());
    if renewal == Renewal::Cold {
        return None;
    }
    sandbox.run(&["get"]).token();
    sandbox.age_until(60);
    if renewal == Renewal::Failure {
        emulator.play_always(Fault::status(503));
    }
    Some(std::fs::read(sandbox.entry_file()).unwrap())
}

/// The system calls of a renewal that have to do with files or the network, from its first look at the cache on: name
/// and number.
fn points(sandbox: &Sandbox) -> Vec<(String, usize)> {
    let (calls, output) = strace::traced(sandbox, &["-e", "trace=%file,%desc,%network"], &["get"]);
    assert_eq!(output.status, 0, "{output}");
    let cache = sandbox.cache_dir().display().to_string();
    let numbered = strace::numbered(&calls);
    let all = numbered.iter().skip_while(|(call, _)| !call.text.contains(&cache));
    all.map(|(call, number)| (call.name().to_owned(), *number)).collect()
}

/// Checks what a killed run left in the cache directory, and clears its temporary file away.
fn check_left(old: Option<&[u8]>, emulator: &Emulator, sandbox: &Sandbox, point: &str) {
    if !sandbox.cache_dir().exists() {
        return;
    }
    let (temporary, rest): (Vec<_>, Vec<_>) =
        names_in(&sandbox.cache_dir()).into_iter().partition(|name| name.ends_with(".tmp"));
    assert!(temporary.len() <= 1, "{point}: {temporary:?}");
    for name in temporary {
        std::fs::remove_file(sandbox.cache_dir().join(name)).unwrap();
    }
    if !rest.iter().any(|name| name.ends_with(".json")) {
        assert_eq!(old, None, "{point}: the entry is lost");
        return;
    }
    let bytes = std::fs::read(sandbox.entry_file()).unwrap();
    if Some(&bytes[..]) != old {
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text, framed(&text), "{point}");
        let token = sandbox.entry()["token"]["access_token"].as_str().unwrap().to_owned();
        assert!(emulator.issued().contains(&token), "{point}");
    }
}

/// The text of an entry file with its checksum computed anew.
fn framed(text: &str) -> String {
    let body = text.split_once("\"content\":").unwrap().1.strip_suffix("}\n").unwrap();
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(body.as_bytes());
    format!("{{\"checksum\":\"{checksum:08x}\",\"content\":{body}}}\n")
}

/// Kills a renewal at each of its calls, one run after the other.
fn kill_everywhere(renewal: Renewal, always: &[&str]) {
    if !strace::reads_memory() {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    prepare(renewal, &emulator, &sandbox);
    let points = points(&sandbox);
    for name in always {
        assert!(points.iter().any(|(call, _)| call == name), "{name} is not among {points:?}");
    }
    let chosen: Vec<_> = points.iter().enumerate().filter(|(at, _)| is_full() || at % 6 == 0).collect();
    let mut killed = 0;
    for (_, (call, number)) in &chosen {
        let point = format!("{call}:signal=KILL:when={number}");
        let old = prepare(renewal, &emulator, &sandbox);
        let before = emulator.counters().token_requests;
        let run = strace::tampered(&sandbox, &point);
        if run.status == 128 + 9 {
            killed += 1;
            assert_eq!(run.stdout, "", "{point}");
            check_left(old.as_deref(), &emulator, &sandbox, &point);
        } else {
            // The network may need a call less than it did before.
            assert_eq!(run.status, 0, "{point}: {run}");
        }
        emulator.play_normally();
        let token = sandbox.run(&["get"]).token();
        assert!(emulator.issued().contains(&token), "{point}");
        let counters = emulator.counters();
        assert!(counters.token_requests - before <= 2, "{point}");
        assert_eq!(counters.refresh_reuse, 0, "{point}");
    }
    assert!(killed * 10 >= chosen.len() * 9, "{killed} of {} runs were killed", chosen.len());
}

/// The calls without which this would not be the renewal that is meant.
const COMMIT: [&str; 8] = ["flock", "sendto", "recvfrom", "openat", "fchmod", "write", "fsync", "close"];

#[test]
fn a_first_token_survives_death_at_any_call() {
    kill_everywhere(Renewal::Cold, &COMMIT);
}

#[test]
fn a_refresh_survives_death_at_any_call() {
    kill_everywhere(Renewal::Refresh, &COMMIT);
}

#[test]
fn a_failure_survives_death_at_any_call() {
    kill_everywhere(Renewal::Failure, &COMMIT);
}
