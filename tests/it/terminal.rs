//! A person at a terminal: a program on a pseudo-terminal of its own, what it shows, and keys that are pressed.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::sandbox::{Output, Sandbox};

/// What Ctrl-C sends.
pub(crate) const CTRL_C: u8 = 3;
/// What Ctrl-Z sends.
pub(crate) const CTRL_Z: u8 = 26;
/// What Ctrl-D sends: the end of input, at the start of a line.
pub(crate) const CTRL_D: u8 = 4;

/// How long something is waited for on the screen; a test that gets there has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has been shown so far, and a bell for more.
type Screen = Arc<(Mutex<Vec<u8>>, Condvar)>;

/// A program whose input and messages are a terminal, in a session of its own, so that keys become signals.
pub(crate) struct Terminal {
    /// The program.
    child: Child,
    /// The person's side.
    keyboard: File,
    /// Everything shown.
    screen: Screen,
    /// How much of it was looked at.
    seen: usize,
    /// Reads what is shown, to the end.
    watcher: JoinHandle<()>,
}

impl Terminal {
    /// Starts a command of the sandbox with a terminal on all three streams.
    pub(crate) fn start(command: &Command) -> Self {
        Self::launch(command, true)
    }

    /// Starts a command with a terminal on standard input and standard error, its standard output in a pipe.
    pub(crate) fn start_piped(command: &Command) -> Self {
        Self::launch(command, false)
    }

    /// Starts the command through `setsid`, which makes the terminal the controlling one, and with the signals as a
    /// terminal's user has them: tests that run in the background of a script inherit some of them ignored.
    fn launch(command: &Command, stdout: bool) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let side = || {
            let side = ioctl_tiocgptpeer(&person, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
            Stdio::from(side.unwrap())
        };
        let mut setsid = Command::new("env");
        setsid.args(["--default-signal=INT,TERM,HUP,QUIT,TSTP", "setsid", "--ctty"]);
        setsid.arg(command.get_program()).args(command.get_args()).env_clear();
        setsid.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(dir) = command.get_current_dir() {
            setsid.current_dir(dir);
        }
        setsid.stdin(side()).stderr(side()).stdout(if stdout { side() } else { Stdio::piped() });
        let child = setsid.spawn().unwrap();
        // The program alone has its side of the terminal now, so its end is the end of what is shown.
        drop(setsid);
        let keyboard = File::from(person);
        let screen = Screen::default();
        let watcher = watch(keyboard.try_clone().unwrap(), Arc::clone(&screen));
        Self { child, keyboard, screen, seen: 0, watcher }
    }

    /// Waits until a text is shown behind what was waited for before.
    pub(crate) fn expect(&mut self, text: &str) -> &mut Self {
        let screen = Arc::clone(&self.screen);
        let (shown, bell) = &*screen;
        let mut shown = shown.lock().unwrap();
        loop {
            let found = shown[self.seen..].windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                self.seen += at + text.len();
                return self;
            }
            let (next, timeout) = bell.wait_timeout(shown, PATIENCE).unwrap();
            shown = next;
            assert!(!timeout.timed_out(), "never shown: {text:?}\n{}", String::from_utf8_lossy(&shown));
        }
    }

    /// Types a text and presses Enter.
    pub(crate) fn type_line(&mut self, text: &str) -> &mut Self {
        self.type_text(&format!("{text}\r"))
    }

    /// Types a text, or pastes it, for a terminal does not know the difference.
    pub(crate) fn type_text(&mut self, text: &str) -> &mut Self {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: u8) -> &mut Self {
        self.keyboard.write_all(&[key]).unwrap();
        self
    }

    /// Sends a signal to the program, or to its whole process group.
    pub(crate) fn signal(&mut self, signal: Signal, whole_group: bool) -> &mut Self {
        let program = Pid::from_child(&self.child);
        if whole_group { kill_process_group(program, signal) } else { kill_process(program, signal) }.unwrap();
        self
    }

    /// Whether the terminal shows what is typed, line by line, and makes signals of keys: as a shell wants it.
    pub(crate) fn is_cooked(&self) -> bool {
        let usual = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcgetattr(&self.keyboard).unwrap().local_modes.contains(usual)
    }

    /// Waits for the program's end, and for the terminal to be as it was. Gives what it wrote into its pipe, what the
    /// screen showed as standard error, and the exit status.
    pub(crate) fn finish(mut self, sandbox: &Sandbox) -> Output {
        for waited in 0.. {
            if self.watcher.is_finished() {
                break;
            }
            if waited > 4000 {
                self.child.kill().unwrap();
                panic!("it does not end:\n{}", String::from_utf8_lossy(&self.screen.0.lock().unwrap()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut output = sandbox.wait(self.child);
        self.watcher.join().unwrap();
        assert!(
            tcgetattr(&self.keyboard).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON),
            "the terminal was left without echo"
        );
        let shown = self.screen.0.lock().unwrap();
        output.stderr = String::from_utf8_lossy(&shown).replace("\r\n", "\n");
        output
    }
}

/// Collects what is shown, until the program and all that it started have closed their side.
fn watch(mut person: File, screen: Screen) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        // At the end Linux says EIO.
        while let Ok(count @ 1..) = person.read(&mut bytes) {
            screen.0.lock().unwrap().extend_from_slice(&bytes[..count]);
            screen.1.notify_all();
        }
    })
}

/// A shell that runs a line on a terminal.
fn shell(sandbox: &Sandbox, line: &str) -> Command {
    let mut shell = sandbox.program("sh");
    shell.args(["-c", line]);
    shell
}

#[test]
fn a_program_meets_a_terminal() {
    let sandbox = Sandbox::new();
    let line = "test -t 0 && test -t 1 && test -t 2 && echo 'who?' && read -r name && echo \"hello $name\"; exit 3";
    let mut terminal = Terminal::start(&shell(&sandbox, line));
    terminal.expect("who?").type_line("Ana").expect("hello Ana");
    let output = terminal.finish(&sandbox);
    assert_eq!((output.stdout.as_str(), output.status), ("", 3));
    assert_eq!(output.stderr, "who?\nAna\nhello Ana\n", "what is typed is shown");
}

#[test]
fn keys_are_signals_and_the_end_of_input() {
    let sandbox = Sandbox::new();
    // No child of the shell's: it could miss the signal between its fork and its start.
    let line = "test -t 1 || echo piped; echo ready >&2; read -r line || echo end >&2; exec sleep 60";
    let mut terminal = Terminal::start_piped(&shell(&sandbox, line));
    terminal.expect("ready").press(CTRL_D).expect("end").press(CTRL_C);
    let output = terminal.finish(&sandbox);
    assert_eq!((output.stdout.as_str(), output.status), ("piped\n", 130));
}

#[test]
fn a_terminal_without_echo_is_noticed() {
    let sandbox = Sandbox::new();
    let mut terminal = Terminal::start(&shell(&sandbox, "stty -echo; echo ready; read -r line; echo \"got $line\""));
    terminal.expect("ready");
    assert!(!terminal.is_cooked());
    terminal.type_line("hidden").expect("got hidden");
    let finished = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| terminal.finish(&sandbox)));
    assert!(finished.is_err());
}
