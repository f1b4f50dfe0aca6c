//! strace as a tool of tests: it shows a run's system calls, makes them fail, or kills the run there.

use std::process::Command;

use crate::sandbox::{Output, Sandbox, binary};
use crate::skip::{can, is_root};

/// A system call of a run as strace writes it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The number of the thread that made it.
    thread: String,
    /// `name(arguments) = result`; without the result where another thread came in between.
    pub(crate) text: String,
}

impl Call {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.text.split_once('(').map_or("", |(name, _)| name)
    }
}

/// Whether strace works here; if not, the test is to be skipped.
pub(crate) fn is_there() -> bool {
    can("strace", &["-qq", "-o", "/dev/null", "true"])
}

/// Whether strace also shows the texts that a call's arguments point to; if not, the test is to be skipped.
pub(crate) fn reads_memory() -> bool {
    is_there() && is_root("the kernel shows only root what is in the memory of a program that is not dumpable")
}

/// `ws1-token` under strace, with these options more.
pub(crate) fn command(sandbox: &Sandbox, options: &[&str], args: &[&str]) -> Command {
    let mut strace = sandbox.program("strace");
    strace.args(["-f", "-qq", "-o"]).arg(sandbox.path("strace.log")).args(options).arg(binary()).args(args);
    strace
}

/// Runs `ws1-token` and gives its system calls in their order.
pub(crate) fn traced(sandbox: &Sandbox, options: &[&str], args: &[&str]) -> (Vec<Call>, Output) {
    let output = sandbox.finish(command(sandbox, options, args));
    (calls(sandbox), output)
}

/// Runs `get` while some of its system calls are tampered with: `fsync:error=EIO:when=1`.
pub(crate) fn tampered(sandbox: &Sandbox, tampering: &str) -> Output {
    sandbox.finish(command(sandbox, &["-e", &format!("inject={tampering}")], &["get"]))
}

/// The calls of the last run.
pub(crate) fn calls(sandbox: &Sandbox) -> Vec<Call> {
    let log = std::fs::read_to_string(sandbox.path("strace.log")).unwrap();
    log.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(thread, text)| Call { thread: thread.to_owned(), text: text.trim_start().to_owned() })
        .filter(|call| call.text.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

/// The calls of the main thread, each with its number among those of the same name, from 1: as `when=` counts.
pub(crate) fn numbered(calls: &[Call]) -> Vec<(&Call, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    calls
        .iter()
        .filter(|call| call.thread == calls[0].thread)
        .map(|call| {
            let count = counts.entry(call.name()).or_insert(0);
            *count += 1;
            (call, *count)
        })
        .collect()
}
