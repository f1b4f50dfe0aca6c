//! Faults of the lock: it cannot be taken, it is removed, or its holder hangs.

use std::path::Path;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{Output, Sandbox, assert_snapshot, wait_until};
use crate::strace;

/// A tenant, a sandbox for it, and a cached token that has so many seconds left.
fn cached(left: i64) -> (Emulator, Sandbox, String) {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let token = sandbox.run(&["get"]).token();
    sandbox.age_until(left);
    (emulator, sandbox, token)
}

/// Releases every request that waits for the tenant, also those that arrive a moment later.
pub(crate) fn release_all(emulator: &Emulator) {
    wait_until("the tenant has answered everybody", || {
        emulator.release();
        emulator.requests().iter().all(|request| request.status != 0)
    });
}

#[test]
fn an_interrupted_lock_call_is_repeated() {
    if !strace::is_there() {
        return;
    }
    let (emulator, sandbox, _) = cached(60);
    let options = ["-e", "inject=flock:error=EINTR:when=1..3"];
    let (calls, output) = strace::traced(&sandbox, &options, &["get"]);
    assert_eq!(output.token(), emulator.issued()[1]);
    assert_eq!(calls.iter().filter(|call| call.name() == "flock").count(), 4);
    assert_eq!(emulator.counters().refresh, 1);
}

#[test]
fn without_locks_the_refresh_token_is_never_sent() {
    if !strace::is_there() {
        return;
    }
    // Each may wait for up to two seconds, so that many processes do not ask at once.
    let started: Vec<_> = ["EOPNOTSUPP", "ENOLCK", "ENOSYS"]
        .map(|error| {
            let (emulator, sandbox, _) = cached(0);
            let options = ["-e", &format!("inject=flock:error={error}")];
            let run = sandbox.start(strace::command(&sandbox, &options, &["get"]));
            (error, emulator, sandbox, run)
        })
        .into_iter()
        .collect();
    let mut text = String::new();
    for (error, emulator, sandbox, run) in started {
        let output = sandbox.wait(run);
        text.push_str(&format!("# {error}\n{output}\n"));
        assert_eq!(output.stdout.trim_end(), emulator.issued()[1], "{error}");
        assert_eq!(sandbox.run(&["get"]).token(), emulator.issued()[1], "{error}: it was cached");
        let counters = emulator.counters();
        assert_eq!((counters.client_credentials, counters.refresh), (2, 0), "{error}");
    }
    assert_snapshot!("lock-unsupported", text);
}

#[test]
fn without_locks_a_valid_token_is_not_renewed() {
    if !strace::is_there() {
        return;
    }
    for left in [300, 60] {
        let (emulator, sandbox, old) = cached(left);
        assert_eq!(strace::tampered(&sandbox, "flock:error=EOPNOTSUPP").token(), old);
        assert_eq!(emulator.counters().token_requests, 1, "{left} s left");
    }
}

#[test]
fn a_lock_that_fails_costs_only_the_cache() {
    if !strace::is_there() {
        return;
    }
    let (emulator, sandbox, _) = cached(0);
    let output = strace::tampered(&sandbox, "flock:error=EIO");
    assert_eq!(output.stdout.trim_end(), emulator.issued()[1]);
    assert_snapshot!("lock-failed", output);
    assert_eq!(emulator.counters().refresh, 0);
}

#[test]
fn each_removed_lock_file_lets_one_more_ask_and_no_refresh_token_goes_twice() {
    let (emulator, sandbox, _) = cached(0);
    let lock = sandbox.lock_file();
    for _ in 0..3 {
        emulator.play(Fault::Hang);
    }
    let crowd: Vec<Child> = (0..60).map(|_| sandbox.start(sandbox.command(&["get"]))).collect();
    for asking in 1..=3 {
        wait_until("one more asks", || emulator.counters().max_in_flight == asking);
        if asking < 3 {
            std::fs::remove_file(&lock).unwrap();
        }
    }
    release_all(&emulator);
    let runs: Vec<Output> = crowd.into_iter().map(|child| sandbox.wait(child)).collect();
    assert!(runs.iter().all(|run| emulator.issued()[1..].contains(&run.token())));
    let counters = emulator.counters();
    assert_eq!((counters.token_requests, counters.max_in_flight), (4, 3));
    assert_eq!((counters.refresh, counters.refresh_reuse), (1, 0), "the next process finds the mark");
}

#[test]
fn a_leader_killed_before_it_connects_is_replaced() {
    if !strace::is_there() {
        return;
    }
    let (emulator, sandbox, old) = cached(60);
    let output = strace::tampered(&sandbox, "connect:signal=KILL:when=1");
    assert_eq!((output.status, output.stdout.as_str()), (128 + 9, ""));
    assert_eq!(emulator.counters().token_requests, 1);
    assert_ne!(sandbox.run(&["get"]).token(), old);
    assert_eq!(emulator.counters().token_requests, 2);
}

/// A process that stopped itself at a system call. Dropping it ends it.
struct Stopped {
    /// strace, which runs it.
    tracer: Option<Child>,
    /// The process itself, as soon as it has stopped.
    pid: Option<Pid>,
}

impl Stopped {
    /// Runs `get` until a call is done, as strace names it.
    fn at(sandbox: &Sandbox, call: &str) -> Self {
        let options = ["-e", &format!("inject={call}:signal=STOP")];
        let mut stopped = Self { tracer: Some(sandbox.start(strace::command(sandbox, &options, &["get"]))), pid: None };
        let log = sandbox.path("strace.log");
        let stop = || {
            let log = std::fs::read_to_string(&log).ok()?;
            let line = log.lines().find(|line| line.ends_with("--- stopped by SIGSTOP ---"))?;
            Pid::from_raw(line.split(' ').next()?.parse().ok()?)
        };
        wait_until("the process stops", || stop().is_some());
        stopped.pid = stop();
        stopped
    }

    /// Lets it go on to its end.
    fn resume(mut self, sandbox: &Sandbox) -> Output {
        kill_process(self.pid.take().unwrap(), Signal::CONT).unwrap();
        sandbox.wait(self.tracer.take().unwrap())
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            let _ = kill_process(pid, Signal::KILL);
        }
        if let Some(mut tracer) = self.tracer.take() {
            let _ = tracer.kill();
            let _ = tracer.wait();
        }
    }
}

/// What becomes of a run that has just locked a file which has lost its name meanwhile.
fn lock_lost(lose: impl Fn(&Path)) {
    let (emulator, sandbox, old) = cached(0);
    let lock = sandbox.lock_file();
    let late = Stopped::at(&sandbox, "flock:when=1");
    lose(&lock);
    let new = sandbox.run(&["get"]).token();
    assert_ne!(new, old);
    assert_eq!(late.resume(&sandbox).token(), new);
    assert_eq!(strace::calls(&sandbox).iter().filter(|call| call.name() == "flock").count(), 2);
    assert_eq!(emulator.counters().token_requests, 2);
}

#[test]
fn a_lock_file_removed_between_its_opening_and_its_locking_guards_nothing() {
    if !strace::is_there() {
        return;
    }
    lock_lost(|lock| std::fs::remove_file(lock).unwrap());
}

#[test]
fn a_lock_file_replaced_between_its_opening_and_its_locking_guards_nothing() {
    if !strace::is_there() {
        return;
    }
    // It still has a name, but another file has the one that counts.
    lock_lost(|lock| std::fs::rename(lock, lock.with_extension("aside")).unwrap());
}

#[test]
fn a_leader_that_stops_after_the_commit_is_not_waited_for() {
    if !strace::is_there() {
        return;
    }
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    sandbox.run(&["get"]).token();
    sandbox.edit_entry(|entry| entry["refresh_token"] = serde_json::Value::Null);
    sandbox.age_until(0);
    // The directory's flush comes after the rename; the lock is still held.
    let leader = Stopped::at(&sandbox, "fsync:when=2");
    let others: Vec<String> = sandbox.run_many(10, &["get"]).iter().map(Output::token).collect();
    assert_eq!(others, vec![emulator.issued()[1].clone(); 10]);
    assert_eq!(leader.resume(&sandbox).token(), emulator.issued()[1]);
    assert_eq!(emulator.counters().token_requests, 2);
}

/// The waits for a leader that stopped while it held the lock: together, because waiting is all that they do.
#[test]
fn a_stopped_leader_costs_the_wait_and_no_more() {
    if !strace::is_there() {
        return;
    }
    let mut text = String::new();
    let started: Vec<_> = [("due", 60), ("expired", 0)]
        .map(|(title, left)| {
            let (emulator, mut sandbox, old) = cached(left);
            // The line break after its process number is the second thing that it writes.
            let leader = Stopped::at(&sandbox, "write:when=2");
            sandbox.name(&format!("process {}", leader.pid.unwrap().as_raw_nonzero()), "process $LEADER");
            let others: Vec<Child> = (0..4).map(|_| sandbox.start(sandbox.command(&["get"]))).collect();
            (title, emulator, sandbox, old, leader, others)
        })
        .into_iter()
        .collect();
    for (title, emulator, sandbox, old, leader, others) in started {
        let runs: Vec<Output> = others.into_iter().map(|child| sandbox.wait(child)).collect();
        assert_eq!(emulator.counters().token_requests, 1, "{title}: nobody asks in the leader's stead");
        text.push_str(&format!("# {title}\n{}\n", runs[0]));
        for run in &runs {
            let expected = if title == "due" { (0, format!("{old}\n")) } else { (3, String::new()) };
            assert_eq!((run.status, run.stdout.clone()), expected, "{title}: {run}");
        }
        assert_eq!(leader.resume(&sandbox).token(), emulator.issued()[1], "{title}");
        assert_eq!(sandbox.run(&["get"]).token(), emulator.issued()[1], "{title}");
        assert_eq!(emulator.counters().token_requests, 2, "{title}");
    }
    assert_snapshot!("lock-stopped", text, (r"after 1[56] s", "after 15 s"), (r"\d+ s left", "$$N s left"));
}
