//! `get --output FILE --watch`: the file follows every renewal, whatever happens meanwhile, until a signal.
//!
//! Tokens of half a minute make a round a second. Time goes by in the entry, which is changed while the process is
//! stopped.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{Output, SECRET, Sandbox, assert_snapshot, binary, mode, names_in, set_mode, wait_until, write};
use crate::skip::can;

/// A tenant whose tokens live for half a minute, a home, and an empty directory `out`.
fn tenant() -> (Emulator, Sandbox) {
    let emulator = Emulator::builder().life(31).start().unwrap();
    let sandbox = Sandbox::with_tenant(&emulator);
    std::fs::create_dir(sandbox.path("out")).unwrap();
    (emulator, sandbox)
}

/// A process that keeps `out/token` fresh.
struct Watch<'a> {
    sandbox: &'a Sandbox,
    child: Child,
    /// The process that gets the signals.
    pid: Pid,
}

impl<'a> Watch<'a> {
    /// Starts it with further arguments, and waits for its file.
    fn start(sandbox: &'a Sandbox, args: &[&str]) -> Self {
        let mut env = sandbox.program("env");
        env.args(["--default-signal=INT,TERM", binary(), "get", "--watch", "--output", "out/token"]).args(args);
        let child = Self::spawn(sandbox, env);
        let pid = Pid::from_child(&child);
        let watch = Self { sandbox, child, pid };
        wait_until("the first token is in the file", || watch.file().exists());
        watch
    }

    /// Starts a command with a file as its standard error.
    fn spawn(sandbox: &Sandbox, mut command: Command) -> Child {
        command.stderr(File::create(sandbox.path("log")).unwrap()).spawn().unwrap()
    }

    /// The file.
    fn file(&self) -> PathBuf {
        self.sandbox.path("out/token")
    }

    /// What is in it.
    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap_or_default()
    }

    /// What was written on standard error so far.
    fn log(&self) -> String {
        std::fs::read_to_string(self.sandbox.path("log")).unwrap()
    }

    /// How many warnings there are.
    fn warnings(&self) -> usize {
        self.log().matches("warning: ").count()
    }

    /// Sends it a signal.
    fn send(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Changes something while it is stopped.
    fn stopped(&self, change: impl FnOnce()) {
        self.send(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.pid.as_raw_pid());
        wait_until("it is stopped", || std::fs::read_to_string(&stat).unwrap().contains(") T "));
        change();
        self.send(Signal::CONT);
    }

    /// Waits until its file holds another text than this one; gives it.
    fn next(&self, before: &str) -> String {
        wait_until("another token is in the file", || !["", before].contains(&self.text().as_str()));
        self.text()
    }

    /// Waits until it has gone round: each sleep of its gives the processor away.
    fn round(&self) {
        let status = format!("/proc/{}/status", self.pid.as_raw_pid());
        let sleeps = || -> u64 {
            let text = std::fs::read_to_string(&status).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
            line.trim().parse().unwrap()
        };
        let before = sleeps();
        wait_until("it has slept twice", || sleeps() >= before + 2);
    }

    /// Ends it by a signal.
    fn end(mut self, signal: Signal) -> i32 {
        self.send(signal);
        let child = RefCell::new(&mut self.child);
        wait_until("it has ended", || child.borrow_mut().try_wait().unwrap().is_some());
        let status = self.child.wait().unwrap();
        std::os::unix::process::ExitStatusExt::signal(&status)
            .map_or(status.code().unwrap_or(-1), |signal| 128 + signal)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it where it must end by itself.
fn ended(sandbox: &Sandbox, args: &[&str]) -> Output {
    let mut timeout = sandbox.program("timeout");
    timeout.args(["20", binary(), "get", "--watch"]).args(args);
    sandbox.finish(timeout)
}

/// How many token requests there were.
fn requests(emulator: &Emulator) -> u64 {
    emulator.counters().token_requests
}

#[test]
fn the_file_follows_every_renewal_until_a_signal() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (emulator, sandbox) = tenant();
        let watch = Watch::start(&sandbox, &["-v"]);
        let first = watch.text();
        assert_eq!(sandbox.run(&["get"]).token(), first, "the bare token, from the cache that all share");
        watch.stopped(|| sandbox.age_until(3));
        let second = watch.next(&first);
        watch.stopped(|| sandbox.age_until(3));
        let third = watch.next(&second);
        assert_eq!((emulator.issued(), requests(&emulator)), (vec![first, second, third.clone()], 3));
        assert_eq!(emulator.counters().refresh, 2);
        wait_until("it has said so", || watch.log().matches("wrote").count() == 3);
        let log = watch.log();
        assert_eq!(watch.end(signal), status);
        assert_eq!(
            (std::fs::read_to_string(sandbox.path("out/token")).unwrap(), mode(&sandbox.path("out/token"))),
            (third, 0o600)
        );
        assert_eq!(names_in(&sandbox.path("out")), ["token"]);
        let log =
            log.replace(&sandbox.path("").display().to_string(), "$SANDBOX/").replace(&emulator.host(), "$TENANT");
        assert_snapshot!("watch-verbose", log, (r"\d+ s left", "$$SECONDS s left"));
    }
}

#[test]
fn a_token_that_another_process_got_is_in_the_file_without_a_request() {
    let (emulator, sandbox) = tenant();
    let watch = Watch::start(&sandbox, &["--format", "header"]);
    let first = watch.text();
    let second = sandbox.run(&["get", "--force-refresh"]).token();
    assert_eq!(watch.next(&first), format!("Authorization: Bearer {second}\n"));
    assert_eq!(requests(&emulator), 2);
    assert_eq!(watch.log(), "");
}

#[test]
fn the_manifest_of_a_secret_follows_the_token_too() {
    let (_emulator, sandbox) = tenant();
    let watch = Watch::start(&sandbox, &["--format", "kubernetes-secret", "--name", "ws1"]);
    let first = watch.text();
    watch.stopped(|| sandbox.age_until(3));
    let second = watch.next(&first);
    assert!([first, second].iter().all(|text| text.starts_with(r#"{"apiVersion":"v1","kind":"Secret""#)));
}

#[test]
fn a_file_of_another_place_is_linked_and_one_that_is_gone_is_written_again() {
    let (_emulator, sandbox) = tenant();
    std::fs::create_dir(sandbox.path("kept")).unwrap();
    write(&sandbox.path("kept/token"), b"old");
    set_mode(&sandbox.path("kept/token"), 0o644);
    symlink("../kept/token", sandbox.path("out/token")).unwrap();
    let watch = Watch::start(&sandbox, &[]);
    let token = watch.next("old");
    std::fs::remove_file(sandbox.path("kept/token")).unwrap();
    wait_until("the file is there again", || watch.text() == token);
    assert!(watch.file().is_symlink());
    assert_eq!((mode(&sandbox.path("kept/token")), names_in(&sandbox.path("kept"))), (0o600, vec!["token".to_owned()]));
    assert_eq!(watch.log(), "");
}

#[test]
fn what_cannot_be_replaced_is_not_watched() {
    let (emulator, sandbox) = tenant();
    assert!(sandbox.program("mkfifo").arg(sandbox.path("out/pipe")).status().unwrap().success());
    symlink("pipe", sandbox.path("out/link")).unwrap();
    let refused: String = ["out/pipe", "out/link", "/dev/null", "/dev/stdout", "/dev/fd/1"]
        .iter()
        .map(|file| format!("# --output {file}\n{}\n", ended(&sandbox, &["--output", file])))
        .collect();
    assert_eq!(requests(&emulator), 0);
    let usage = ended(&sandbox, &[]);
    let github = ended(&sandbox, &["--output", "out/token", "--format", "github"]);
    assert_snapshot!("watch-refused", format!("{refused}# no --output\n{usage}\n# github\n{github}"));
}

#[test]
fn a_first_failure_ends_it_with_its_own_status() {
    let (emulator, sandbox) = tenant();
    let get = |file: &str| ended(&sandbox, &["--output", file]);
    emulator.play(Fault::status(503));
    let mut all = format!("# the tenant is down\n{}\n", get("out/token"));
    write(&sandbox.secret_file(), b"wrong");
    all += &format!("# a wrong secret\n{}\n", get("out/token"));
    std::fs::remove_file(sandbox.secret_file()).unwrap();
    all += &format!("# no secret\n{}\n", get("out/token"));
    sandbox.write_secret(SECRET);
    sandbox.run(&["get"]).token();
    all += &format!("# no directory\n{}\n", get("missing/token"));
    std::fs::remove_file(sandbox.config_file()).unwrap();
    all += &format!("# no configuration\n{}\n", get("out/token"));
    assert_snapshot!("watch-first-failure", all, (r"for \d+ s", "for $$SECONDS s"));
    assert_eq!(names_in(&sandbox.path("out")), Vec::<String>::new());
}

#[test]
fn a_tenant_that_is_down_costs_a_warning_for_each_attempt_until_it_is_up_again() {
    let (emulator, sandbox) = tenant();
    let watch = Watch::start(&sandbox, &[]);
    let first = watch.text();
    emulator.play_always(Fault::retry_after("600"));
    for attempt in 2..4 {
        watch.stopped(|| sandbox.age(700));
        wait_until("it has asked", || requests(&emulator) == attempt);
        // The entry is written after the answer.
        wait_until("it knows", || sandbox.entry()["failure"]["count"] == attempt - 1);
        watch.round();
    }
    emulator.play_normally();
    watch.stopped(|| sandbox.age(700));
    let second = watch.next(&first);
    assert_eq!((emulator.issued(), requests(&emulator)), (vec![first, second], 4));
    let log = watch.log();
    assert_eq!(watch.end(Signal::TERM), 143);
    let log = log.replace(&sandbox.path("").display().to_string(), "$SANDBOX/").replace(&emulator.host(), "$TENANT");
    assert_snapshot!("watch-tenant-down", log);
}

#[test]
fn a_secret_that_is_gone_costs_a_warning_and_not_one_a_round() {
    let (emulator, sandbox) = tenant();
    let watch = Watch::start(&sandbox, &[]);
    let first = watch.text();
    std::fs::remove_file(sandbox.secret_file()).unwrap();
    // In its last seconds it is served with a warning of its own, if a round falls into them.
    watch.stopped(|| sandbox.age_until(6));
    wait_until("it has expired", || watch.log().contains("stays as it is"));
    watch.round();
    watch.round();
    assert_eq!((watch.text(), requests(&emulator)), (first.clone(), 1));
    let log = watch.log();
    let count = |text: &str| log.matches(text).count();
    assert_eq!(count("stays as it is"), 1, "{log}");
    assert!(count("using the cached token") <= 1 && watch.warnings() <= 2, "{log}");
    sandbox.write_secret(SECRET);
    watch.next(&first);
    assert_eq!(requests(&emulator), 2);
    // A token was written: the next failure is another one.
    std::fs::remove_file(sandbox.secret_file()).unwrap();
    watch.stopped(|| sandbox.age_until(3));
    wait_until("it warns again", || watch.log().matches("stays as it is").count() == 2);
}

#[test]
fn a_secret_or_profile_that_changes_on_disk_counts_at_the_next_round() {
    let (emulator, sandbox) = tenant();
    let watch = Watch::start(&sandbox, &[]);
    let first = watch.text();
    emulator.set_secret("ci-bot", "another secret");
    emulator.revoke_refresh_tokens();
    sandbox.write_secret("another secret");
    watch.stopped(|| sandbox.age_until(3));
    let second = watch.next(&first);
    // A profile that is half written costs a warning.
    let config = std::fs::read_to_string(sandbox.config_file()).unwrap();
    sandbox.write_config_text(&config[..config.len() / 2]);
    wait_until("it warns", || watch.warnings() == 1);
    watch.round();
    assert_eq!((watch.warnings(), watch.text()), (1, second.clone()), "{}", watch.log());
    // Another client has a token of its own.
    emulator.set_secret("other", "another secret");
    sandbox.write_config_text(&config.replace("ci-bot", "other"));
    let third = watch.next(&second);
    assert_eq!((emulator.issued().last(), requests(&emulator)), (Some(&third), 4));
    assert_eq!(watch.warnings(), 1, "{}", watch.log());
}

#[test]
fn without_a_cache_the_process_remembers_token_refresh_token_and_failures() {
    for off in [true, false] {
        let (emulator, mut sandbox) = tenant();
        // Two seconds after it was issued, such a token is renewed.
        emulator.set_life(8);
        let mut args = vec![];
        if off {
            args.push("--no-cache");
        } else {
            write(&sandbox.path("file"), b"");
            let file = sandbox.path("file").display().to_string();
            sandbox.set("WS1_TOKEN_CACHE_DIR", file);
        }
        let watch = Watch::start(&sandbox, &args);
        let second = watch.next(&watch.text());
        emulator.set_life(31);
        let third = watch.next(&second);
        watch.round();
        let counters = emulator.counters();
        assert_eq!((counters.client_credentials, counters.refresh, counters.refresh_reuse), (1, 2, 0));
        assert_eq!(watch.text(), third);
        assert!(!sandbox.cache_dir().exists());
        assert_eq!(watch.log(), "");
        // The failures of another profile are remembered too.
        emulator.play_always(Fault::retry_after("600"));
        let config = std::fs::read_to_string(sandbox.config_file()).unwrap();
        emulator.set_secret("other", SECRET);
        sandbox.write_config_text(&config.replace("ci-bot", "other"));
        wait_until("it has asked", || requests(&emulator) == 4);
        watch.round();
        assert_eq!((requests(&emulator), watch.text()), (4, third));
    }
}

#[test]
fn a_directory_that_goes_and_comes_costs_a_warning() {
    let (emulator, sandbox) = tenant();
    let watch = Watch::start(&sandbox, &[]);
    let first = watch.text();
    std::fs::rename(sandbox.path("out"), sandbox.path("away")).unwrap();
    wait_until("it warns", || watch.warnings() == 1);
    watch.round();
    assert_eq!(watch.warnings(), 1, "{}", watch.log());
    assert!(watch.log().contains("out/token` (No such file or directory"), "{}", watch.log());
    std::fs::rename(sandbox.path("away"), sandbox.path("out")).unwrap();
    sandbox.run(&["get", "--force-refresh"]).token();
    watch.next(&first);
    assert_eq!((watch.warnings(), requests(&emulator)), (1, 2));
}

#[test]
fn a_machine_that_slept_has_a_new_token_after_a_round() {
    let (emulator, sandbox) = tenant();
    let watch = Watch::start(&sandbox, &[]);
    let first = watch.text();
    // The wall clock did not see it.
    watch.stopped(|| {
        sandbox.edit_entry(|entry| {
            let issued = entry["token"]["issued_boot"].as_i64().unwrap();
            entry["token"]["issued_boot"] = (issued - 3600).into();
        });
    });
    watch.next(&first);
    assert_eq!((requests(&emulator), watch.log()), (2, String::new()));
}

#[test]
fn a_clock_that_is_set_while_it_runs_costs_no_more_than_a_request() {
    let (emulator, mut sandbox) = tenant();
    if !crate::time::load_shim(&mut sandbox) {
        return;
    }
    let start = crate::sandbox::now();
    let clock = sandbox.path("clock");
    let set = |wall: i64| write(&clock, wall.to_string().as_bytes());
    set(start);
    sandbox.set("WALL_FILE", clock.display().to_string());
    let watch = Watch::start(&sandbox, &[]);
    let first = watch.text();
    watch.stopped(|| set(start - 24 * 3600));
    watch.round();
    assert_eq!((watch.text(), requests(&emulator)), (first.clone(), 1), "the boot clock knows its age");
    watch.stopped(|| set(start + 24 * 3600));
    let second = watch.next(&first);
    watch.round();
    assert_eq!((watch.text(), requests(&emulator)), (second, 2));
    assert_eq!(watch.log(), "");
}

#[test]
fn after_an_hour_a_renewal_has_the_time_of_the_first() {
    let (emulator, mut sandbox) = tenant();
    if !crate::time::load_shim(&mut sandbox) {
        return;
    }
    let clock = sandbox.path("clock");
    sandbox.set("MONOTONIC_FILE", clock.display().to_string());
    let watch = Watch::start(&sandbox, &[]);
    let first = watch.text();
    watch.stopped(|| {
        write(&clock, b"3600");
        sandbox.age_until(3);
    });
    watch.next(&first);
    assert_eq!((requests(&emulator), watch.log()), (2, String::new()));
}

#[test]
fn a_signal_during_a_renewal_leaves_the_whole_file() {
    let (emulator, sandbox) = tenant();
    let watch = Watch::start(&sandbox, &[]);
    let first = watch.text();
    emulator.play(Fault::HangAfterIssue);
    watch.stopped(|| sandbox.age_until(3));
    wait_until("it is asking", || requests(&emulator) == 2);
    assert_eq!(watch.end(Signal::TERM), 143);
    assert_eq!(std::fs::read_to_string(sandbox.path("out/token")).unwrap(), first);
    assert_eq!(names_in(&sandbox.path("out")), ["token"]);
}

#[test]
fn the_first_process_of_a_container_ends_by_a_signal_too() {
    if !can("unshare", &["--pid", "--fork", "true"]) {
        return;
    }
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (_emulator, sandbox) = tenant();
        let mut unshare = sandbox.program("unshare");
        unshare.args(["--pid", "--fork", "--kill-child", binary(), "get", "--watch", "--output", "out/token"]);
        let child = Watch::spawn(&sandbox, unshare);
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let first = || std::fs::read_to_string(&children).unwrap().trim().parse().ok().and_then(Pid::from_raw);
        wait_until("it has started", || first().is_some());
        let watch = Watch { sandbox: &sandbox, pid: first().unwrap(), child };
        wait_until("the first token is in the file", || watch.file().exists());
        assert_eq!(watch.end(signal), status);
    }
}

#[test]
fn longer_wanted_lives_and_forced_renewals_work_as_for_get() {
    let (emulator, sandbox) = tenant();
    let before = sandbox.run(&["get"]).token();
    let watch = Watch::start(&sandbox, &["--min-ttl", "20", "--force-refresh"]);
    let first = watch.text();
    assert_ne!(first, before);
    watch.stopped(|| sandbox.age_until(15));
    watch.next(&first);
    // Each round writes a file that is gone.
    for _ in 0..2 {
        std::fs::remove_file(watch.file()).unwrap();
        wait_until("the file is there again", || watch.file().exists());
    }
    assert_eq!(requests(&emulator), 3, "only the first round is forced");
}
