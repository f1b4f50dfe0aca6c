//! Cache and lock.

use ws1_emulator::Emulator;

use super::{apart, lines, mark, world};
use crate::sandbox::{Sandbox, assert_snapshot, binary, set_mode, write};
use crate::skip::can_mount;
use crate::strace;

/// The checks of this file, and the one that must not depend on them.
const NAMES: [&str; 3] = ["token", "cache", "lock"];

/// A sandbox with a cached token.
fn cached() -> (Emulator, Sandbox) {
    let (emulator, sandbox) = world();
    sandbox.run(&["get"]).token();
    (emulator, sandbox)
}

#[test]
fn caches_that_are_not_as_they_should_be() {
    let mut all = String::new();
    let mut add = |title: &str, spoil: &dyn Fn(&mut Sandbox), status: i32| {
        let (_emulator, mut sandbox) = cached();
        spoil(&mut sandbox);
        let output = sandbox.run(&["doctor"]);
        assert_eq!(output.status, status, "{title}: {output}");
        all.push_str(&format!("# {title}\n{}", lines(&output, &NAMES)));
    };
    add("as it should be", &|_| (), 0);
    add("open to readers, which is fixed in passing", &|sandbox| set_mode(&sandbox.cache_dir(), 0o755), 0);
    add("an entry that others can read", &|sandbox| set_mode(&sandbox.entry_file(), 0o644), 0);
    add(
        "an entry that is a directory",
        &|sandbox| {
            let entry = sandbox.entry_file();
            std::fs::remove_file(&entry).unwrap();
            std::fs::create_dir(&entry).unwrap();
        },
        0,
    );
    add(
        "a file in its place",
        &|sandbox| {
            std::fs::remove_dir_all(sandbox.cache_dir()).unwrap();
            write(&sandbox.cache_dir(), b"");
        },
        0,
    );
    add("a parent that others can write to", &|sandbox| set_mode(&sandbox.path("home/.cache"), 0o777), 0);
    add("a relative path", &|sandbox| _ = sandbox.set("WS1_TOKEN_CACHE_DIR", "here"), 2);
    add(
        "another place",
        &|sandbox| {
            let elsewhere = sandbox.path("elsewhere").display().to_string();
            sandbox.set("WS1_TOKEN_CACHE_DIR", elsewhere);
        },
        0,
    );
    assert_snapshot!("doctor-cache", all);
}

#[test]
fn a_directory_that_others_can_write_to_has_a_private_one_inside() {
    let (_emulator, sandbox) = cached();
    set_mode(&sandbox.cache_dir(), 0o777);
    let before = (sandbox.cached(), std::fs::read(sandbox.entry_file()).unwrap());
    let output = sandbox.run(&["doctor"]);
    assert_snapshot!("doctor-cache-open", lines(&output, &NAMES), (r"ws1-token-\d+", "ws1-token-$$UID"));
    let mut names = sandbox.cached();
    names.retain(|name| !name.starts_with("ws1-token-"));
    assert_eq!((names, std::fs::read(sandbox.entry_file()).unwrap()), before);
    assert_eq!(crate::sandbox::mode(&sandbox.cache_dir()), 0o777);
}

#[test]
fn a_read_only_cache() {
    if !can_mount() {
        return;
    }
    let (emulator, mut sandbox) = cached();
    sandbox.set("PATH", crate::sandbox::path());
    let mut shell = sandbox.program("unshare");
    let line = "mount --bind \"$0\" \"$0\"; mount -o remount,bind,ro \"$0\"; \"$1\" doctor";
    shell.args(["-m", "sh", "-c", line, &sandbox.cache_dir().display().to_string(), binary()]);
    let output = sandbox.finish(shell);
    assert_eq!(output.status, 0, "{output}");
    assert_snapshot!("doctor-cache-read-only", lines(&output, &NAMES));
    assert_eq!(emulator.counters().client_credentials, 2, "a token comes all the same");
}

#[test]
fn a_lock_that_somebody_holds() {
    let (emulator, sandbox) = cached();
    let lock = std::fs::File::open(sandbox.lock_file()).unwrap();
    fs2::FileExt::lock_exclusive(&lock).unwrap();
    write(&sandbox.lock_file(), b"4242\n");
    let output = sandbox.run(&["doctor"]);
    assert_eq!(output.status, 3, "{output}");
    assert_snapshot!("doctor-lock-held", lines(&output, &["discovery", "token", "refresh", "api", "cache", "lock"]));
    assert_eq!(emulator.counters().token_requests, 1, "I1: the holder may be asking");
}

#[test]
fn a_file_system_without_locks() {
    if !strace::is_there() {
        return;
    }
    let emulator = Emulator::start();
    let mut sandbox = apart(&emulator);
    sandbox.set("PATH", crate::sandbox::path());
    let (_, output) = strace::traced(&sandbox, &["-e", "inject=flock:error=EOPNOTSUPP"], &["doctor"]);
    assert_eq!((output.status, mark(&output, "token")), (0, '✓'), "{output}");
    assert_snapshot!("doctor-no-locks", lines(&output, &["lock"]));
}
