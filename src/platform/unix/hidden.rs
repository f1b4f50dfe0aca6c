//! A line typed at the terminal without being shown.
//!
//! The terminal is in raw mode (ICANON, ECHO and ISIG off), so Ctrl-C and Ctrl-Z arrive as bytes, and the terminal is
//! restored before they take effect. If a signal ends the process, a guard restores it: a child that has the settings
//! and waits for the end of a pipe, which the kernel closes even after SIGKILL. Input before the prompt or after the
//! line is discarded: it is never shown and never taken for another answer.

use std::io;
use std::os::fd::AsFd;
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process, setsid};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::platform::HiddenInput;

/// Bytes of a line at most; a secret is shorter.
const LINE_LIMIT: usize = 64 * 1024;

/// Bytes that arrive within this time belong to one paste.
const SAME_PASTE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Reads a line from the terminal on standard input; `ask` shows the prompt, once echo is off.
pub(crate) fn read_hidden(ask: impl Fn()) -> io::Result<HiddenInput> {
    loop {
        let typed = {
            let _raw = RawMode::enter()?;
            ask();
            read_line()?
        };
        match typed {
            // Stops the whole job, as the key would have done. Once it is continued, the prompt is shown again.
            None => drop(kill_current_process_group(Signal::TSTP)),
            Some(input) => {
                if matches!(input, HiddenInput::Interrupt) {
                    let _ = kill_process(getpid(), Signal::INT);
                }
                return Ok(input);
            }
        }
    }
}

/// The terminal on standard input, for a child.
pub(crate) fn terminal() -> io::Result<Stdio> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Runs the guard: restores the terminal on standard error when standard input ends. Gives the exit status.
///
/// A line on standard output says that it is ready.
pub(crate) fn guard_terminal() -> u8 {
    let guard = || -> rustix::io::Result<()> {
        let before = tcgetattr(io::stderr())?;
        // In a session of its own, no signal to the group reaches it, and the terminal is not its controlling one, so
        // it may change the settings from the background.
        setsid()?;
        rustix::io::write(io::stdout(), b"\n")?;
        while retry_on_intr(|| rustix::io::read(io::stdin(), &mut [0]))? > 0 {}
        // Other settings than ours were made by another program since.
        if !tcgetattr(io::stderr())?.local_modes.intersects(SHOWN) {
            tcsetattr(io::stderr(), OptionalActions::Flush, &before)?;
        }
        Ok(())
    };
    u8::from(guard().is_err())
}

/// The local modes that are off while a line is hidden, and that every shell's terminal has on.
const SHOWN: LocalModes = LocalModes::ECHO.union(LocalModes::ICANON).union(LocalModes::ISIG);

/// The terminal in raw mode, until this is dropped.
struct RawMode {
    /// The settings to restore.
    before: Termios,
}

impl RawMode {
    /// Switches ECHO, ICANON and ISIG off.
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.local_modes -= SHOWN | LocalModes::ECHONL;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

/// Reads up to the end of a line; `None` is Ctrl-Z.
fn read_line() -> io::Result<Option<HiddenInput>> {
    let mut line = Vec::new();
    loop {
        match read_byte()?.map_or(Key::End, |byte| press(&mut line, byte)) {
            Key::Part => {}
            // A pasted text may begin with a line break.
            Key::Enter if line.is_empty() && more_is_there()? => {}
            Key::Enter => break,
            Key::End => return Ok(Some(HiddenInput::End)),
            Key::Interrupt => return Ok(Some(HiddenInput::Interrupt)),
            Key::Suspend => return Ok(None),
        }
    }
    let mut rest = Vec::new();
    while more_is_there()? {
        rest.extend(read_byte()?);
    }
    Ok(Some(if rest.trim_ascii().is_empty() { HiddenInput::Line(line) } else { HiddenInput::Lines }))
}

/// The next byte; `None` at the end of input.
fn read_byte() -> io::Result<Option<u8>> {
    let mut byte = [0];
    let count = retry_on_intr(|| rustix::io::read(io::stdin(), &mut byte))?;
    Ok((count > 0).then_some(byte[0]))
}

/// Whether another byte of the same paste is there.
fn more_is_there() -> io::Result<bool> {
    let stdin = io::stdin();
    Ok(poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&SAME_PASTE))? > 0)
}

/// What a key means.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    /// A part of the line, or a change of it.
    Part,
    /// The end of the line.
    Enter,
    /// The end of all input: Ctrl-D in an empty line.
    End,
    /// Ctrl-C, or Ctrl-\.
    Interrupt,
    /// Ctrl-Z.
    Suspend,
}

/// Takes a byte of a line, with the usual editing keys; the terminal's own settings for them are ignored.
fn press(line: &mut Vec<u8>, byte: u8) -> Key {
    match byte {
        b'\r' | b'\n' => return Key::Enter,
        3 | 28 => return Key::Interrupt,
        26 => return Key::Suspend,
        4 if line.is_empty() => return Key::End,
        4 => {}
        // The last character, with all its UTF-8 bytes.
        8 | 127 => while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {},
        // Ctrl-U deletes the line, Ctrl-W the word: a secret is one word.
        21 | 23 => line.clear(),
        _ if line.len() < LINE_LIMIT => line.push(byte),
        _ => {}
    }
    Key::Part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_a_line() {
        for (keys, text, end) in [
            ("secret\r", "secret", Key::Enter),
            ("a+b%c d\n", "a+b%c d", Key::Enter),
            ("sec\u{8}\u{7f}\u{7f}\u{7f}\u{7f}x\r", "x", Key::Enter),
            ("pé€\u{7f}\u{7f}x\r", "px", Key::Enter),
            ("wrong\u{15}right\r", "right", Key::Enter),
            ("wrong\u{17}right\r", "right", Key::Enter),
            ("\r", "", Key::Enter),
            ("\u{4}", "", Key::End),
            ("a\u{4}b\r", "ab", Key::Enter),
            ("a\u{15}\u{4}", "", Key::End),
            ("half\u{3}", "half", Key::Interrupt),
            ("half\u{1c}", "half", Key::Interrupt),
            ("half\u{1a}", "half", Key::Suspend),
        ] {
            let mut line = Vec::new();
            let last = keys.bytes().map(|byte| press(&mut line, byte)).last();
            assert_eq!((last, line.as_slice()), (Some(end), text.as_bytes()), "{keys:?}");
        }
    }

    #[test]
    fn a_line_is_bounded() {
        let mut line = Vec::new();
        for _ in 0..LINE_LIMIT + 5 {
            assert_eq!(press(&mut line, b'a'), Key::Part);
        }
        assert_eq!(line.len(), LINE_LIMIT);
    }
}
