//! A disk that fails, fills up, or is not ours alone costs the cache and never the token; what is on it stays whole.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use serde_json::Value;
use ws1_emulator::{Emulator, Fault};

use crate::cache::unprivileged;
use crate::lock::release_all;
use crate::sandbox::{Output, Sandbox, assert_snapshot, binary, names_in, set_mode, wait_until, write};
use crate::skip::{can_mount, has, is_root};
use crate::strace;

/// Every name that the rename of a temporary file has among system calls; `?` passes over those that are unknown.
const RENAME: &str = "?rename,?renameat,?renameat2";

/// A tenant and a sandbox for it.
fn tenant() -> (Emulator, Sandbox) {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    (emulator, sandbox)
}

/// The same with a cached token that has so many seconds left; gives the token too.
fn cached(left: i64) -> (Emulator, Sandbox, String) {
    let (emulator, sandbox) = tenant();
    let token = sandbox.run(&["get"]).token();
    sandbox.age_until(left);
    (emulator, sandbox, token)
}

/// The number, as `when=` counts, of the first call of this name whose text holds a part, in a run that fills an empty
/// cache.
fn number(name: &str, part: &str) -> usize {
    let (_emulator, sandbox) = tenant();
    let (calls, _) = strace::traced(&sandbox, &["-s", "20"], &["get"]);
    let numbered = strace::numbered(&calls);
    numbered.iter().find(|(call, _)| call.name() == name && call.text.contains(part)).unwrap().1
}

/// Whether anything in the cache directory is a temporary file.
fn has_temporary(sandbox: &Sandbox) -> bool {
    sandbox.cache_dir().exists() && sandbox.cached().iter().any(|name| name.ends_with(".tmp"))
}

#[test]
fn a_call_that_fails_costs_only_the_cache() {
    if !strace::reads_memory() {
        return;
    }
    let (temporary, content) = (number("openat", "O_EXCL"), number("write", "checksum"));
    let mut text = String::new();
    for (title, tampering, requests) in [
        ("the temporary file's fsync", "fsync:error=EIO:when=1".to_owned(), 2),
        ("the directory's fsync", "fsync:error=EIO:when=2".to_owned(), 1),
        ("rename is forbidden", format!("{RENAME}:error=EACCES"), 2),
        ("rename to another device", format!("{RENAME}:error=EXDEV"), 2),
        ("fchmod", "fchmod:error=EPERM".to_owned(), 1),
        ("no room for the temporary file", format!("openat:error=ENOSPC:when={temporary}"), 2),
        ("the quota of files is used up", format!("openat:error=EDQUOT:when={temporary}"), 2),
        ("no room for the content", format!("write:error=ENOSPC:when={content}"), 2),
        ("the quota of bytes is used up", format!("write:error=EDQUOT:when={content}"), 2),
        ("bytes are written nowhere", format!("write:retval=10:when={content}"), 2),
        ("mkdir", "?mkdir,mkdirat:error=EIO".to_owned(), 2),
        ("the lock file cannot be shortened", "ftruncate:error=EIO".to_owned(), 1),
    ] {
        let (emulator, sandbox) = tenant();
        let output = strace::tampered(&sandbox, &tampering);
        assert_eq!(output.stdout.trim_end(), emulator.issued()[0], "{title}");
        assert!(!has_temporary(&sandbox), "{title}: {:?}", sandbox.cached());
        let next = sandbox.run(&["get"]).token();
        assert_eq!(&next, emulator.issued().last().unwrap(), "{title}: what is on the disk is whole or a miss");
        assert_eq!(emulator.counters().token_requests, requests, "{title}");
        text.push_str(&format!("# {title}\n{output}\n"));
    }
    assert_snapshot!("disk-failing-calls", text);
}

#[test]
fn a_failed_flush_is_not_tried_again_and_nothing_is_renamed() {
    if !strace::is_there() {
        return;
    }
    let (_emulator, sandbox) = tenant();
    let (calls, _) = strace::traced(&sandbox, &["-e", "inject=fsync:error=EIO:when=1"], &["get"]);
    let from = calls.iter().position(|call| call.name() == "fsync").unwrap();
    assert!(calls[from + 1].text.starts_with("unlinkat("), "{}", calls[from + 1].text);
    let more = calls[from + 1..].iter().filter(|call| call.name() == "fsync" || call.name().starts_with("rename"));
    assert_eq!(more.count(), 0);
}

/// What a run did, step by step, in few words.
fn steps(calls: &[strace::Call]) -> Vec<&'static str> {
    let mut steps: Vec<_> = calls.iter().filter_map(step).collect();
    steps.dedup();
    steps
}

/// The word for a call; none if it does not matter here.
fn step(call: &strace::Call) -> Option<&'static str> {
    match call.name() {
        "openat" if call.text.contains(", O_RDWR|O_CREAT|O_N") => Some("open the lock for reading and writing"),
        "flock" => Some("lock"),
        "openat" if call.text.contains("O_EXCL") => Some("new file"),
        "fsync" => Some("flush"),
        "rename" | "renameat" | "renameat2" => Some("rename"),
        "sendto" => Some("send"),
        "write" if call.text.starts_with("write(1, ") => Some("answer"),
        _ => None,
    }
}

#[test]
fn the_mark_is_durable_before_the_request_and_the_entry_before_the_answer() {
    if !strace::is_there() {
        return;
    }
    let (_emulator, sandbox, _) = cached(60);
    let (calls, output) = strace::traced(&sandbox, &["-s", "300"], &["get"]);
    output.token();
    let commit = ["new file", "flush", "rename", "flush"];
    let expected =
        [&["open the lock for reading and writing", "lock"][..], &commit, &["send"], &commit, &["answer"]].concat();
    assert_eq!(steps(&calls), expected);
    assert_eq!(sandbox.entry()["refresh_in_flight"], false);
}

#[test]
fn temporary_files_have_names_that_nobody_else_chooses() {
    if !strace::reads_memory() {
        return;
    }
    let (_emulator, sandbox, _) = cached(60);
    let (calls, _) = strace::traced(&sandbox, &["-s", "300"], &["get"]);
    let name = |call: &strace::Call| call.text.split('"').nth(1).unwrap().to_owned();
    let names: Vec<_> = calls.iter().filter(|call| call.text.contains("O_EXCL")).map(name).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_ne!(names[0], names[1]);
    let entry = sandbox.entry_file();
    let holder = std::fs::read_to_string(sandbox.lock_file()).unwrap();
    let start = format!(".{}.{}.", entry.file_name().unwrap().to_string_lossy(), holder.trim_end());
    for name in names {
        let random = name.strip_prefix(&start).and_then(|rest| rest.strip_suffix(".tmp")).unwrap();
        assert!(random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit()), "{random}");
    }
}

#[test]
fn a_new_refresh_token_that_could_not_be_kept_leaves_the_mark() {
    if !strace::is_there() {
        return;
    }
    let (emulator, sandbox, old) = cached(60);
    let refresh_token = sandbox.entry()["refresh_token"].clone();
    // The first rename is the mark's.
    let output = strace::tampered(&sandbox, &format!("{RENAME}:error=ENOSPC:when=2"));
    assert_snapshot!("disk-commit-lost", output);
    assert_ne!(output.stdout.trim_end(), old);
    let entry = sandbox.entry();
    assert_eq!((&entry["refresh_in_flight"], &entry["refresh_token"]), (&Value::Bool(true), &refresh_token));
    sandbox.run(&["get"]).token();
    let counters = emulator.counters();
    assert_eq!((counters.client_credentials, counters.refresh, counters.refresh_reuse), (2, 1, 0));
}

#[test]
fn a_refresh_token_that_cannot_be_marked_is_not_sent() {
    if !strace::is_there() {
        return;
    }
    let (emulator, sandbox, old) = cached(60);
    let output = strace::tampered(&sandbox, &format!("{RENAME}:error=EACCES:when=1"));
    assert_ne!(output.token(), old);
    let counters = emulator.counters();
    assert_eq!((counters.client_credentials, counters.refresh), (2, 0));
    assert_eq!(sandbox.run(&["get"]).token(), output.token(), "the new token could be written");
}

#[test]
fn a_refresh_token_that_was_not_sent_is_kept() {
    if !strace::is_there() {
        return;
    }
    let (emulator, sandbox, old) = cached(60);
    let refresh_token = sandbox.entry()["refresh_token"].clone();
    let output = strace::tampered(&sandbox, "connect:error=ECONNREFUSED");
    assert_snapshot!("disk-not-sent", output, (r"\d+ s left", "$$N s left"));
    assert_eq!(output.stdout.trim_end(), old);
    let entry = sandbox.entry();
    assert_eq!((&entry["refresh_in_flight"], &entry["refresh_token"]), (&Value::Bool(false), &refresh_token));
    // The back-off is over.
    sandbox.edit_entry(|entry| {
        entry["failure"] = Value::Null;
        entry["renew_after"] = 0.into();
    });
    assert_ne!(sandbox.run(&["get"]).token(), old);
    let counters = emulator.counters();
    assert_eq!((counters.client_credentials, counters.refresh, counters.refresh_reuse), (1, 1, 0));
}

#[test]
fn a_run_that_may_not_write_more_dies_and_leaves_the_entry_whole() {
    let (emulator, sandbox, _) = cached(0);
    let before = std::fs::read(sandbox.entry_file()).unwrap();
    let mut limited = sandbox.program("prlimit");
    limited.args(["--fsize=100", binary(), "get"]);
    let output = sandbox.finish(limited);
    // SIGXFSZ is 25.
    assert_eq!((output.status, output.stdout.as_str()), (128 + 25, ""));
    assert_eq!(std::fs::read(sandbox.entry_file()).unwrap(), before);
    let left: Vec<_> = sandbox.cached().into_iter().filter(|name| name.ends_with(".tmp")).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let left = sandbox.cache_dir().join(&left[0]);
    assert!(Command::new("touch").args(["-d", "2 hours ago"]).arg(&left).status().unwrap().success());
    sandbox.run(&["get"]).token();
    assert!(!left.exists());
    let counters = emulator.counters();
    assert_eq!((counters.token_requests, counters.refresh_reuse), (2, 0));
}

/// Runs lines of shell in a mount namespace of their own, with the cache directory as `$0` and the binary as `$1`.
fn in_namespace(sandbox: &Sandbox, lines: &str) -> Output {
    let mut shell = sandbox.program("unshare");
    shell.args(["-m", "sh", "-ec", lines, &sandbox.cache_dir().display().to_string(), binary()]);
    sandbox.finish(shell)
}

#[test]
fn a_full_disk_keeps_the_old_entry_and_the_refresh_token_unsent() {
    if !can_mount() {
        return;
    }
    let (emulator, sandbox, _) = cached(0);
    // One page of room, and the entry fills it.
    let lines = "mkdir kept; cp -p \"$0\"/*.json kept; mount -t tmpfs -o size=4k,mode=0700 none \"$0\"; \
                 cp -p kept/* \"$0\"; \"$1\" get; cmp kept/* \"$0\"/*.json; ls -A \"$0\"";
    let output = in_namespace(&sandbox, lines);
    assert_snapshot!("disk-full", output);
    let counters = emulator.counters();
    assert_eq!((counters.client_credentials, counters.refresh), (2, 0));
}

#[test]
fn a_read_only_disk_serves_what_is_on_it_and_renews_nothing() {
    if !can_mount() {
        return;
    }
    let read_only = "mount --bind \"$0\" \"$0\"; mount -o remount,bind,ro \"$0\"; \"$1\" get";
    let mut text = String::new();
    for (title, left, requests) in [("fresh", 5000, 1), ("due", 60, 1), ("expired", 0, 2)] {
        let (emulator, sandbox, _) = cached(left);
        let before = std::fs::read(sandbox.entry_file()).unwrap();
        let output = in_namespace(&sandbox, read_only);
        assert_eq!(output.stdout.trim_end(), emulator.issued().last().unwrap(), "{title}");
        assert_eq!(std::fs::read(sandbox.entry_file()).unwrap(), before, "{title}");
        let counters = emulator.counters();
        assert_eq!((counters.token_requests, counters.refresh), (requests, 0), "{title}");
        text.push_str(&format!("# {title}\n{output}\n"));
    }
    assert_snapshot!("disk-read-only", text);
}

/// Gives a file to another user; only root can.
fn give_away(sandbox: &Sandbox, name: &str) {
    assert!(Command::new("chown").arg("65534").arg(sandbox.path(name)).status().unwrap().success());
}

#[test]
fn another_users_directory_is_not_written_to_by_root() {
    if !is_root("only root can give a directory away") {
        return;
    }
    for place in ["home", "home/.cache", "home/.cache/ws1-token"] {
        let (emulator, sandbox, _) = cached(0);
        let before = std::fs::read(sandbox.entry_file()).unwrap();
        give_away(&sandbox, place);
        assert_eq!(sandbox.run(&["get"]).token(), emulator.issued()[1], "{place}");
        assert_eq!(std::fs::read(sandbox.entry_file()).unwrap(), before, "{place}");
        assert_eq!((emulator.counters().refresh, sandbox.cached().len()), (0, 2), "{place}");
    }
}

#[test]
fn parents_that_others_can_change_cost_nothing() {
    for mode in [0o700, 0o755, 0o775, 0o777, 0o1777] {
        let (emulator, sandbox) = tenant();
        std::fs::create_dir_all(sandbox.path("home/.cache")).unwrap();
        set_mode(&sandbox.path("home/.cache"), mode);
        let token = sandbox.run(&["get"]).token();
        assert_eq!(sandbox.run(&["get"]).token(), token, "{mode:o}");
        assert_eq!(emulator.counters().token_requests, 1, "{mode:o}");
        assert_eq!(std::fs::metadata(sandbox.cache_dir()).unwrap().permissions().mode() & 0o7777, 0o700);
    }
}

#[test]
fn a_directory_swapped_for_a_link_during_a_renewal_is_still_the_one_that_was_checked() {
    let (emulator, sandbox, old) = cached(60);
    emulator.play(Fault::Hang);
    let run = sandbox.start(sandbox.command(&["get"]));
    wait_until("the tenant is asked", || emulator.requests().len() == 2);
    let (aside, elsewhere) = (sandbox.path("home/.cache/aside"), sandbox.path("elsewhere"));
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::rename(sandbox.cache_dir(), &aside).unwrap();
    symlink(&elsewhere, sandbox.cache_dir()).unwrap();
    release_all(&emulator);
    let new = sandbox.wait(run).token();
    assert_ne!(new, old);
    assert_eq!(names_in(&elsewhere), Vec::<String>::new());
    std::fs::remove_file(sandbox.cache_dir()).unwrap();
    std::fs::rename(&aside, sandbox.cache_dir()).unwrap();
    assert_eq!(sandbox.run(&["get"]).token(), new, "it was written where it was checked");
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn a_lock_that_cannot_be_opened_costs_only_the_cache() {
    if !is_root("only root can leave a lock file behind that its user cannot open") {
        return;
    }
    let mut text = String::new();
    for (title, spoil) in [
        (
            "root's",
            (|sandbox: &Sandbox| std::os::unix::fs::chown(sandbox.lock_file(), Some(0), Some(0)).unwrap()) as fn(&_),
        ),
        ("read-only", |sandbox| set_mode(&sandbox.lock_file(), 0o400)),
    ] {
        for (urgency, left, requests) in [("fresh", 5000, 1), ("due", 60, 1), ("expired", 0, 2)] {
            let (emulator, sandbox, _) = cached(left);
            let Some(get) = unprivileged(&sandbox) else { return };
            spoil(&sandbox);
            let output = sandbox.finish(get);
            assert_eq!(output.stdout.trim_end(), emulator.issued().last().unwrap(), "{title} {urgency}");
            let counters = emulator.counters();
            assert_eq!((counters.token_requests, counters.refresh), (requests, 0), "{title} {urgency}");
            text.push_str(&format!("# {title}, {urgency}\n{output}\n"));
        }
    }
    assert_snapshot!("disk-lock-closed", text);
}

#[test]
fn an_entry_of_another_version_is_neither_read_nor_touched() {
    let (emulator, sandbox, _) = cached(60);
    let newer =
        sandbox.cache_dir().join(sandbox.entry_file().file_name().unwrap().to_string_lossy().replace("v1-", "v2-"));
    write(&newer, b"{\"of\":\"the future\"}\n");
    sandbox.run(&["get"]).token();
    assert_eq!(std::fs::read(&newer).unwrap(), b"{\"of\":\"the future\"}\n");
    assert_eq!(emulator.counters().refresh, 1, "beside it, everything is as ever");
}

/// Runs a refresh with a limited resource, from too little to enough, and checks what each run leaves behind.
fn starve(limits: impl Iterator<Item = String>) -> (Vec<Output>, Emulator) {
    let (emulator, sandbox) = tenant();
    let mut runs = Vec::new();
    for limit in limits {
        let _ = std::fs::remove_dir_all(sandbox.cache_dir());
        let old = sandbox.run(&["get"]).token();
        sandbox.age_until(0);
        let mut limited = sandbox.program("prlimit");
        limited.args([&limit, binary(), "get"]);
        let output = sandbox.finish(limited);
        assert_ne!(output.status, 101, "{limit}: {output}");
        assert!(!output.stderr.contains("panic") && !output.stderr.contains("src/"), "{limit}: {output}");
        assert_eq!(output.status == 0, !output.stdout.is_empty(), "{limit}: {output}");
        let token = sandbox.entry()["token"]["access_token"].as_str().unwrap().to_owned();
        assert!(token == old || emulator.issued().contains(&token), "{limit}");
        assert_ne!(sandbox.run(&["get"]).token(), old, "{limit}");
        assert_eq!(emulator.counters().refresh_reuse, 0, "{limit}");
        let enough = output.status == 0 && output.stderr.is_empty();
        runs.push(output);
        if enough {
            break;
        }
    }
    (runs, emulator)
}

#[test]
fn too_few_descriptors_end_in_a_token_or_in_plain_words() {
    if !has("prlimit") {
        return;
    }
    let (runs, _emulator) = starve((4..=12).map(|count| format!("--nofile={count}")));
    assert!(runs.len() > 1 && runs.last().unwrap().status == 0, "{runs:?}");
    assert!(runs.iter().all(|run| matches!(run.status, 0 | 1)), "{runs:?}");
    let text: String = runs.iter().map(|run| format!("{run}\n")).collect();
    assert_snapshot!("disk-descriptors", text);
}

#[test]
fn too_little_memory_never_harms_the_entry() {
    if !has("prlimit") {
        return;
    }
    let (runs, _emulator) = starve((8..=128).map(|step| format!("--as={}", step * 500_000)));
    assert!(runs.len() > 1 && runs.last().unwrap().status == 0, "{runs:?}");
}

#[test]
fn without_a_thread_or_a_socket_the_system_is_named() {
    if !strace::is_there() {
        return;
    }
    let mut text = String::new();
    for tampering in
        ["?clone,clone3:error=EAGAIN", "?clone,clone3:error=ENOMEM", "socket:error=EMFILE", "socket:error=ENFILE"]
    {
        let (emulator, sandbox, _) = cached(0);
        let output = strace::tampered(&sandbox, tampering);
        assert_eq!(output.status, 1, "{tampering}");
        assert_eq!(emulator.counters().token_requests, 1, "{tampering}");
        assert_eq!(sandbox.entry()["failure"], Value::Null, "{tampering}: the next run need not wait");
        sandbox.run(&["get"]).token();
        let counters = emulator.counters();
        assert_eq!((counters.refresh, counters.refresh_reuse), (1, 0), "{tampering}: nothing was sent");
        text.push_str(&format!("# {tampering}\n{output}\n"));
    }
    assert_snapshot!("disk-no-resources", text);
}
