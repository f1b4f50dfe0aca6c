//! The cached path, seen from the system: it opens no socket, takes no lock, starts no thread and writes nothing but
//! the answer.

use ws1_emulator::Emulator;

use crate::sandbox::Sandbox;
use crate::strace;

/// The system calls of a run, one a line, and the token that it printed.
fn traced(sandbox: &Sandbox, args: &[&str]) -> (Vec<String>, String) {
    let (calls, output) = strace::traced(sandbox, &[], args);
    (calls.into_iter().map(|call| call.text).collect(), output.token())
}

/// The lines of any of these calls.
fn of<'a>(calls: &'a [String], names: &[&str]) -> Vec<&'a str> {
    let is = |call: &&str| call.split_once('(').is_some_and(|(name, _)| names.contains(&name));
    calls.iter().map(String::as_str).filter(is).collect()
}

#[test]
fn a_cached_token_costs_two_files_and_one_write() {
    if !strace::reads_memory() {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();

    let (calls, printed) = traced(&sandbox, &["get"]);
    assert_eq!(printed, token);
    let none: Vec<&str> = Vec::new();
    assert_eq!(
        of(&calls, &["prctl"]).iter().filter(|call| call.contains("PR_SET_DUMPABLE")).collect::<Vec<_>>(),
        [&"prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE) = 0"],
        "no core dump holds the token"
    );
    assert_eq!(of(&calls, &["socket", "socketpair", "connect", "sendto", "sendmsg", "bind"]), none);
    assert_eq!(of(&calls, &["flock", "fcntl64"]), none);
    assert!(!of(&calls, &["fcntl"]).iter().any(|call| call.contains("LK")), "{calls:#?}");
    assert_eq!(of(&calls, &["clone", "clone3", "fork", "vfork"]), none);
    assert_eq!(of(&calls, &["ioctl"]), none, "nobody asks whether it is a terminal");
    assert_eq!(of(&calls, &["nanosleep", "clock_nanosleep", "fsync", "fdatasync"]), none);
    let changes = ["rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "chmod", "fchmod"];
    assert_eq!(of(&calls, &changes), none);
    assert_eq!(of(&calls, &["fchmodat", "ftruncate", "link", "linkat", "symlink", "symlinkat", "utimensat"]), none);
    let writing = |call: &&str| ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| call.contains(flag));
    let opened = of(&calls, &["open", "openat", "openat2", "creat"]);
    assert_eq!(opened.iter().copied().filter(writing).collect::<Vec<_>>(), none);
    let written = of(&calls, &["write", "writev", "pwrite64", "pwritev"]);
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(written[0].starts_with("write(1, "), "{written:?}");
    assert!(written[0].ends_with(&format!("= {}", token.len() + 1)), "{written:?}");
    let read: Vec<_> = opened.iter().filter(|call| call.contains(".json\"") || call.contains(".secret\"")).collect();
    assert_eq!(read.len(), 2, "the configuration and the entry, and no secret: {read:?}");
    assert_eq!(emulator.counters().connections, 1);

    // That the words above are the ones strace uses shows in a run that does all of it.
    sandbox.age_until(60);
    let (calls, _) = traced(&sandbox, &["get"]);
    for names in [&["socket"][..], &["connect"], &["flock"], &["fsync"], &["rename", "renameat", "renameat2"]] {
        assert!(!of(&calls, names).is_empty(), "{names:?}");
    }
    assert!(of(&calls, &["openat"]).iter().copied().any(|call| writing(&call)));
}
