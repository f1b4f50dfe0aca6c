//! The line that a long wait shows on a terminal: it is there during the wait, and erased without a trace after it.
//!
//! Nothing is timed: a test waits until the line is shown, then lets the tenant answer. That no line comes is known once
//! another run, begun later, shows its own.

use std::process::Command;

use ws1_emulator::{Emulator, Fault};

use crate::lock::release_all;
use crate::sandbox::{Output, Sandbox, binary, set_mode, wait_until};
use crate::terminal::{CTRL_C, Terminal};

/// What is said while another process holds the lock.
const RENEWING: &str = "another ws1-token is renewing …";

/// A tenant that hangs, and a sandbox for it with a terminal of the usual kind.
fn hanging() -> (Emulator, Sandbox) {
    let emulator = Emulator::start();
    let mut sandbox = Sandbox::with_tenant(&emulator);
    sandbox.set("TERM", "xterm");
    emulator.play_always(Fault::Hang);
    (emulator, sandbox)
}

/// What is said while the tenant is waited for.
fn waiting(emulator: &Emulator) -> String {
    format!("waiting for {} …", emulator.host())
}

/// A line of shell with the program as `$0`.
fn shell(sandbox: &Sandbox, line: &str) -> Command {
    let mut shell = sandbox.program("sh");
    shell.args(["-c", line, binary()]);
    shell
}

/// Waits for the end of a run whose answer goes into a pipe, and checks that it is a token and nothing is left behind.
fn ends_clean(terminal: Terminal, sandbox: &Sandbox) -> Output {
    let output = terminal.finish(sandbox);
    assert_eq!((output.status, left_on_screen(&output).as_str()), (0, ""), "{output:?}");
    output
}

/// What a terminal shows in the end, colours aside: `\r` goes back to the start of the line, and `ESC [ K` erases from
/// there.
fn left_on_screen(output: &Output) -> String {
    let mut lines = vec![Vec::new()];
    let mut column = 0;
    let mut chars = output.stderr.chars();
    while let Some(c) = chars.next() {
        let line = lines.last_mut().unwrap();
        match c {
            '\r' => column = 0,
            '\n' => {
                lines.push(Vec::new());
                column = 0;
            }
            '\u{1b}' => {
                if chars.by_ref().skip(1).find(char::is_ascii_alphabetic) == Some('K') {
                    line.truncate(column);
                }
            }
            c => {
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
    }
    lines.iter().map(|line| line.iter().collect::<String>()).collect::<Vec<_>>().join("\n")
}

/// The cache's lock, held by this test until it is dropped.
fn hold_lock(sandbox: &Sandbox) -> std::fs::File {
    let lock = std::fs::File::open(sandbox.lock_file()).unwrap();
    fs2::FileExt::try_lock_exclusive(&lock).unwrap();
    lock
}

#[test]
fn a_long_request_is_told_and_leaves_no_trace() {
    let (emulator, sandbox) = hanging();
    let mut terminal = Terminal::start_piped(&sandbox.command(&["get"]));
    terminal.expect(&waiting(&emulator));
    release_all(&emulator);
    let output = ends_clean(terminal, &sandbox);
    assert_eq!(output.stdout.trim_end(), emulator.issued()[0]);
    assert_eq!(output.stderr, format!("\r{}\r\u{1b}[K", waiting(&emulator)), "and nothing else");
}

#[test]
fn the_answer_on_the_same_terminal_stands_alone() {
    let (emulator, sandbox) = hanging();
    for (args, shown) in [
        (&["get"][..], "TOKEN\n"),
        (&["exec", "--", "sh", "-c", "printf 'out '; echo err >&2"], "out err\n"),
        (&["curl", "/SAAS/API/1.0/REST/auth/token?attribute=isValid", "--silent"], "true"),
    ] {
        let mut terminal = Terminal::start(&sandbox.command(args));
        terminal.expect(&waiting(&emulator));
        release_all(&emulator);
        let output = terminal.finish(&sandbox);
        let token = emulator.issued().last().unwrap().clone();
        assert_eq!(
            (output.status, left_on_screen(&output).as_str()),
            (0, &*shown.replace("TOKEN", &token)),
            "{args:?}"
        );
        sandbox.run(&["forget"]);
    }
}

#[test]
fn waiting_for_another_process_is_told() {
    let (emulator, sandbox) = hanging();
    let leader = sandbox.start(sandbox.command(&["get"]));
    wait_until("the leader has asked", || emulator.requests().len() == 1);
    let mut terminal = Terminal::start_piped(&sandbox.command(&["get"]));
    terminal.expect(RENEWING);
    release_all(&emulator);
    let token = sandbox.wait(leader).token();
    assert_eq!(ends_clean(terminal, &sandbox).stdout.trim_end(), token);
    assert_eq!(emulator.counters().token_requests, 1);
}

#[test]
fn the_wait_for_the_lock_gives_way_to_the_wait_for_the_tenant() {
    let (emulator, sandbox) = hanging();
    emulator.play_normally();
    sandbox.run(&["get"]).token();
    sandbox.age_until(0);
    emulator.play_always(Fault::Hang);
    let lock = hold_lock(&sandbox);
    let mut terminal = Terminal::start_piped(&sandbox.command(&["get"]));
    terminal.expect(RENEWING);
    drop(lock);
    terminal.expect(&waiting(&emulator));
    release_all(&emulator);
    let output = ends_clean(terminal, &sandbox);
    assert_eq!(output.stdout.trim_end(), emulator.issued()[1]);
}

#[test]
fn forget_tells_what_it_waits_for() {
    let (emulator, sandbox) = hanging();
    emulator.play_normally();
    sandbox.run(&["get"]).token();
    let lock = hold_lock(&sandbox);
    let mut terminal = Terminal::start_piped(&sandbox.command(&["forget"]));
    terminal.expect(RENEWING);
    drop(lock);
    let dropped = "dropped the cached token of profile `prod`\n";
    assert_eq!(ends_clean(terminal, &sandbox).stdout, dropped);
}

#[test]
fn the_line_makes_room_for_a_failure() {
    let (emulator, sandbox) = hanging();
    let mut terminal = Terminal::start_piped(&sandbox.command(&["get"]));
    terminal.expect(&waiting(&emulator));
    drop(emulator);
    let output = terminal.finish(&sandbox);
    let left = left_on_screen(&output);
    assert_eq!((output.status, output.stdout.as_str()), (3, ""));
    assert!(left.starts_with("error: cannot get a token from tenant"), "{left}");
    assert!(!left.contains("waiting"), "{left}");
}

#[test]
fn the_line_comes_back_below_a_warning() {
    let (emulator, sandbox) = hanging();
    emulator.play_normally();
    sandbox.run(&["get"]).token();
    sandbox.age_until(0);
    let lock = hold_lock(&sandbox);
    let mut terminal = Terminal::start_piped(&sandbox.command(&["get"]));
    terminal.expect(RENEWING);
    set_mode(&sandbox.entry_file(), 0o644);
    terminal.expect("ignoring a cache file that others could have changed").expect(RENEWING);
    drop(lock);
    let output = terminal.finish(&sandbox);
    let left = left_on_screen(&output);
    assert_eq!(output.stdout.trim_end(), emulator.issued()[1]);
    assert!(left.starts_with("warning: ignoring") && left.ends_with(")\n") && left.lines().count() == 1, "{left:?}");
}

#[test]
fn a_narrow_terminal_is_left_clean_too() {
    let (emulator, sandbox) = hanging();
    let mut terminal = Terminal::start_piped(&shell(&sandbox, "stty cols 16 && exec \"$0\" get"));
    terminal.expect("\rwaiting for 12…");
    release_all(&emulator);
    ends_clean(terminal, &sandbox);
}

#[test]
fn an_interrupted_wait_ends_at_once() {
    let (emulator, sandbox) = hanging();
    let mut terminal = Terminal::start_piped(&sandbox.command(&["get"]));
    terminal.expect(&waiting(&emulator)).press(CTRL_C);
    assert_eq!(terminal.finish(&sandbox).status, 130);
}

#[test]
fn nobody_else_is_told() {
    let (emulator, mut sandbox) = hanging();
    let git = format!("printf 'protocol=http\\nhost={}\\n\\n' | ", emulator.host());
    let bazel = format!("printf '{{\"uri\":\"{}/x\"}}' | ", emulator.url());
    let silent = [
        ("kubectl".to_owned(), String::new()),
        ("git get".to_owned(), git),
        ("bazel get".to_owned(), bazel),
        (format!("terraform get {}", emulator.host()), String::new()),
        ("google".to_owned(), String::new()),
        ("get".to_owned(), "TERM=dumb ".to_owned()),
        ("get".to_owned(), "env -u TERM ".to_owned()),
        ("get 2>&1 | cat >&2".to_owned(), String::new()),
        ("get & wait".to_owned(), "set -m; ".to_owned()),
        ("get --verbose".to_owned(), String::new()),
    ];
    // Terraform names hosts of https only.
    sandbox.edit_profile(|profile| profile["hosts"] = vec![emulator.host()].into());
    let profiles: Vec<String> = (0..=silent.len()).map(|number| format!("p{number}")).collect();
    for name in &profiles {
        sandbox.add_profile(name, |profile| profile["scope"] = name.as_str().into());
    }
    let mut terminals = Vec::new();
    for ((args, before), profile) in silent.iter().zip(&profiles) {
        sandbox.set("WS1_TOKEN_PROFILE", profile);
        terminals.push(Terminal::start_piped(&shell(&sandbox, &format!("{before}\"$0\" {args}"))));
    }
    wait_until("all have asked", || emulator.requests().len() == silent.len());
    // This one began later, so the others would have shown their line before it shows its own.
    sandbox.set("WS1_TOKEN_PROFILE", profiles.last().unwrap());
    let mut witness = Terminal::start_piped(&sandbox.command(&["get"]));
    witness.expect(&waiting(&emulator));
    release_all(&emulator);
    ends_clean(witness, &sandbox);
    for (terminal, (args, before)) in terminals.into_iter().zip(&silent) {
        let output = terminal.finish(&sandbox);
        let steps_only = output.stderr.lines().all(|line| line.starts_with("ws1-token: "));
        let clean = if args.contains("verbose") {
            steps_only
        } else if args.contains("cat") {
            !output.stderr.contains("waiting")
        } else {
            output.stderr.is_empty()
        };
        assert!(clean && !output.stderr.contains('\u{1b}') && output.status == 0, "{before} {args}: {output:?}");
    }
    assert_eq!(emulator.counters().token_requests, u64::try_from(profiles.len()).unwrap());
}
