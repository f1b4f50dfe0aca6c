//! The only place that starts other programs.
//!
//! No child inherits a secret variable. A child whose output is read has limits of time and bytes, and its whole
//! process group is ended with it.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::background::Background;
use crate::clock::{Clock, Deadline, SystemClock};
use crate::platform;

/// The variables of our own environment that hold a secret.
const SECRET_VARIABLES: [&str; 2] = ["WS1_TOKEN_CLIENT_SECRET", "WS1_TOKEN_API_TOKEN"];

/// Interval between two checks for the child's exit status.
const POLL: Duration = Duration::from_millis(2);

/// A program to start, its environment free of secret variables; `secret_variables` are those of `{"env"}` sources.
#[expect(clippy::disallowed_methods, reason = "the one place that starts programs")]
pub(crate) fn command(program: impl AsRef<OsStr>, secret_variables: &[String]) -> Command {
    let mut command = Command::new(platform::program(program.as_ref()));
    for name in SECRET_VARIABLES.into_iter().chain(secret_variables.iter().map(String::as_str)) {
        command.env_remove(name);
    }
    command
}

/// The first argument of the program as the guard of a terminal.
const GUARD: &str = "guard-terminal";

/// Whether an argument list makes this process a guard.
pub(crate) fn is_guard(args: &[OsString]) -> bool {
    args.len() == 2 && args[1] == GUARD
}

/// A child that restores the settings of the terminal when this process ends, however that happens, or when this is
/// dropped.
pub(crate) struct TerminalGuard(Child);

impl TerminalGuard {
    /// Starts this program as the guard of the terminal that standard input is; `None` if that is not possible.
    pub(crate) fn start(program: &Path) -> Option<Self> {
        let mut command = command(program, &[]);
        command.arg(GUARD).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(platform::terminal().ok()?);
        let mut guard = Self(command.spawn().ok()?);
        // It has left our process group: signals to the group no longer reach it.
        guard.0.stdout.take()?.read_exact(&mut [0]).ok()?;
        Some(guard)
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// How much of a child's standard output is read.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// Bytes at most; a child that writes more is ended.
    pub(crate) limit: usize,
    /// Whether what was read so far is enough; if so, the child is ended.
    pub(crate) is_enough: fn(&[u8]) -> bool,
}

impl Wanted {
    /// All of it, up to so many bytes.
    pub(crate) fn all(limit: usize) -> Self {
        Self { limit, is_enough: |_| false }
    }
}

/// Where a child's standard error goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stderr {
    /// To ours.
    Inherited,
    /// It is read, up to the limit of standard output.
    Read,
    /// Nowhere.
    Dropped,
}

/// A running child whose output is being read. It has nothing on its standard input.
pub(crate) struct Running {
    /// The child.
    child: Child,
    /// What is read of its standard output.
    wanted: Wanted,
    /// Reads its standard output.
    stdout: Background<io::Result<Vec<u8>>>,
    /// Reads its standard error.
    stderr: Option<Background<io::Result<Vec<u8>>>>,
    /// Whether it leads a process group of its own.
    leads_group: bool,
}

/// What a child did.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its standard output; longer than the limit if it wrote more.
    pub(crate) stdout: Vec<u8>,
    /// Its standard error, where that was read.
    pub(crate) stderr: Vec<u8>,
    /// Its exit status; `None` if it was ended because it had written enough.
    pub(crate) status: Option<ExitStatus>,
}

/// Starts a child.
///
/// It gets a process group of its own, so that its children end with it. If we have a terminal, it stays in our group
/// instead: it may prompt the user there, and Ctrl-C reaches it.
pub(crate) fn start(command: &mut Command, stderr: Stderr, wanted: Wanted) -> io::Result<Running> {
    let has_terminal = io::stderr().is_terminal() && platform::is_foreground();
    let leads_group = !has_terminal && platform::lead_group(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(match stderr {
        Stderr::Inherited => Stdio::inherit(),
        Stderr::Read => Stdio::piped(),
        Stderr::Dropped => Stdio::null(),
    });
    let mut child = command.spawn()?;
    let pipes = (child.stdout.take(), child.stderr.take());
    let readers = || {
        let stderr =
            pipes.1.map(|pipe| Background::start(move || read(pipe, Wanted::all(wanted.limit)))).transpose()?;
        let stdout = pipes.0.ok_or(io::ErrorKind::BrokenPipe)?;
        Ok((Background::start(move || read(stdout, wanted))?, stderr))
    };
    match readers() {
        Ok((stdout, stderr)) => Ok(Running { child, wanted, stdout, stderr, leads_group }),
        Err(error) => {
            end(&mut child, leads_group);
            Err(error)
        }
    }
}

/// Starts a child and waits for its end.
pub(crate) fn run(
    command: &mut Command,
    stderr: Stderr,
    wanted: Wanted,
    deadline: Deadline,
) -> io::Result<Option<Finished>> {
    start(command, stderr, wanted)?.finish(deadline)
}

impl Running {
    /// Waits for the child's end, or until it has written enough; `None` if it had to be ended at the deadline.
    pub(crate) fn finish(self, deadline: Deadline) -> io::Result<Option<Finished>> {
        let Self { mut child, wanted, stdout, stderr, leads_group } = self;
        let wait = || {
            // A grandchild may hold the pipe open; the reading thread then ends with the process.
            let Some(stdout) = stdout.finish(deadline).transpose()? else { return Ok(None) };
            if stdout.len() > wanted.limit || (wanted.is_enough)(&stdout) {
                return Ok(Some(Finished { stdout, stderr: Vec::new(), status: None }));
            }
            loop {
                if let Some(status) = child.try_wait()? {
                    let stderr = stderr.and_then(|reader| reader.finish(deadline)).transpose()?.unwrap_or_default();
                    return Ok(Some(Finished { stdout, stderr, status: Some(status) }));
                }
                if deadline.is_over(&SystemClock) {
                    return Ok(None);
                }
                SystemClock.sleep(POLL);
            }
        };
        let finished = wait();
        if !matches!(finished, Ok(Some(Finished { status: Some(_), .. }))) {
            end(&mut child, leads_group);
        }
        finished
    }
}

/// Ends a child, and its process group if it leads one.
fn end(child: &mut Child, leads_group: bool) {
    if leads_group {
        platform::end_group(child);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads until there is enough.
fn read(mut pipe: impl Read, wanted: Wanted) -> io::Result<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    while bytes.len() <= wanted.limit && !(wanted.is_enough)(&bytes) {
        match pipe.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Runs a shell script; `seconds` are its time.
    fn script(text: &str, wanted: Wanted, seconds: u64) -> Option<Finished> {
        let mut command = command("/bin/sh", &["MINE".to_owned()]);
        command.args(["-c", text]).envs([("PATH", "/usr/bin:/bin")]);
        let deadline = Deadline::after(&SystemClock, Duration::from_secs(seconds));
        run(&mut command, Stderr::Read, wanted, deadline).expect("the shell can be started")
    }

    #[test]
    fn both_outputs_and_the_status_are_kept() {
        let finished = script("echo out; echo err >&2; exit 3", Wanted::all(100), 60).unwrap();
        assert_eq!((&finished.stdout[..], &finished.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(finished.status.unwrap().code(), Some(3));
    }

    #[test]
    fn a_child_that_writes_without_end_is_ended() {
        let finished = script("while :; do echo xxxxxxxxxxxxxxxx; done", Wanted::all(100), 60).unwrap();
        assert!(finished.status.is_none() && (101..=100 + 4096).contains(&finished.stdout.len()));
        let wanted = Wanted { limit: 100, is_enough: |output| output.ends_with(b"2\n") };
        assert_eq!(script("echo 1; echo 2; sleep 600", wanted, 60).unwrap().stdout, b"1\n2\n");
    }

    #[test]
    fn a_childs_children_end_with_it() {
        let place = tempfile::tempdir().unwrap();
        let note = place.path().join("pid");
        // The limit is zero: the grandchild is found by the process ID that it wrote, if it came that far.
        let text = format!("sleep 600 & echo $! > '{}'; echo; wait", note.display());
        let wanted = Wanted { limit: 100, is_enough: |output| output == b"\n" };
        assert!(script(&text, wanted, 60).unwrap().status.is_none());
        let pid = std::fs::read_to_string(note).unwrap();
        // An ended process that nobody has waited for yet is a zombie.
        let is_alive = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        let deadline = Deadline::after(&SystemClock, Duration::from_secs(60));
        while is_alive() && !deadline.is_over(&SystemClock) {
            SystemClock.sleep(POLL);
        }
        assert!(!is_alive(), "{pid}");
        assert!(script("sleep 600", Wanted::all(100), 0).is_none());
    }

    #[test]
    fn secret_variables_are_not_inherited() {
        let removed: Vec<_> = command("x", &["MINE".to_owned()]).get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(removed, ["MINE", "WS1_TOKEN_API_TOKEN", "WS1_TOKEN_CLIENT_SECRET"]);
    }
}

#[cfg(all(test, windows))]
mod windows_tests {
    use super::*;

    /// The place of a file that [`holds_a_file`] holds open.
    const PLACE: &str = "WS1_TOKEN_TEST_PLACE";

    #[test]
    #[ignore = "the grandchild of `a_childs_children_end_with_it`, which starts it by this name"]
    #[expect(clippy::disallowed_methods, reason = "it is a program of its own")]
    fn holds_a_file() {
        let Some(place) = std::env::var_os(PLACE) else { return };
        let _held = std::fs::File::create(place).unwrap();
        SystemClock.sleep(Duration::from_secs(600));
    }

    #[test]
    fn a_childs_children_end_with_it() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("held");
        let program = std::env::current_exe().unwrap();
        // cmd is the child, this program the grandchild.
        let mut command = command("cmd", &[]);
        command.args(["/d", "/c"]).arg(program).args(["holds_a_file", "--ignored", "--nocapture"]).env(PLACE, &file);
        let running = start(&mut command, Stderr::Dropped, Wanted::all(10_000)).unwrap();
        let deadline = Deadline::after(&SystemClock, Duration::from_secs(60));
        while !file.exists() && !deadline.is_over(&SystemClock) {
            SystemClock.sleep(POLL);
        }
        assert!(running.finish(Deadline::after(&SystemClock, Duration::ZERO)).unwrap().is_none());
        // A name is free again when nobody has its file open.
        let is_held = || std::fs::remove_file(&file).is_ok() && file.exists();
        while is_held() && !deadline.is_over(&SystemClock) {
            SystemClock.sleep(POLL);
        }
        assert!(place.close().is_ok());
    }
}
