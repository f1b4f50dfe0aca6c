//! A line typed at the terminal without being shown.
//!
//! The terminal gives every key at once and makes no signals of them, so that Ctrl-C comes here first: whatever ends the
//! line, the terminal is put back before anything else happens. What is typed before the question or left over behind
//! the line is thrown away, never shown and never taken for another answer.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::platform::Typed;

/// Bytes of a line at most; more is no secret, whatever it is.
const LINE_LIMIT: usize = 64 * 1024;

/// A pasted text comes in one go, a person's next key does not.
const SAME_PASTE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Reads a line from the terminal that standard input is; `ask` is called when nothing is shown any more.
pub(crate) fn read_hidden(ask: impl FnOnce()) -> io::Result<Typed> {
    let typed = {
        let _dark = Dark::fall()?;
        ask();
        read_line()
    };
    if matches!(typed, Ok(Typed::Interrupt)) {
        // As the key would have done; whoever runs this program may stop with it.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT);
    }
    typed
}

/// The terminal without echo, until this is dropped.
struct Dark {
    /// As it was.
    before: Termios,
}

impl Dark {
    /// Switches the echo off, and the terminal's own handling of lines and keys.
    fn fall() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut dark = before.clone();
        dark.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        dark.special_codes[SpecialCodeIndex::VMIN] = 1;
        dark.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &dark)?;
        Ok(Self { before })
    }
}

impl Drop for Dark {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

/// Reads keys until they make a line.
fn read_line() -> io::Result<Typed> {
    let mut line = Line::default();
    loop {
        let Some(byte) = read_byte()? else { return Ok(Typed::End) };
        match line.press(byte) {
            Key::Part => {}
            // A text that was copied with the line break in front of it.
            Key::Enter if line.text.is_empty() && more_is_there()? => {}
            Key::Enter => break,
            Key::End => return Ok(Typed::End),
            Key::Interrupt => return Ok(Typed::Interrupt),
        }
    }
    let mut rest = Vec::new();
    while more_is_there()? {
        rest.extend(read_byte()?);
    }
    if rest.trim_ascii().is_empty() { Ok(Typed::Line(line.text)) } else { Ok(Typed::Lines) }
}

/// The next byte; `None` where the terminal is gone.
fn read_byte() -> io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        match rustix::io::read(io::stdin(), &mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether another byte follows at once.
fn more_is_there() -> io::Result<bool> {
    let stdin = io::stdin();
    Ok(poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&SAME_PASTE))? > 0)
}

/// What has been typed of a line.
#[derive(Default)]
struct Line {
    /// The bytes.
    text: Vec<u8>,
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
}

impl Line {
    /// Takes a byte in, with the keys that every terminal has: the user's own settings of them are not looked at.
    fn press(&mut self, byte: u8) -> Key {
        match byte {
            b'\r' | b'\n' => return Key::Enter,
            3 | 28 => return Key::Interrupt,
            4 if self.text.is_empty() => return Key::End,
            4 => {}
            8 | 127 => self.rub_out(),
            // Ctrl-U takes the line away, Ctrl-W the word; a secret is one.
            21 | 23 => self.text.clear(),
            _ if self.text.len() < LINE_LIMIT => self.text.push(byte),
            _ => {}
        }
        Key::Part
    }

    /// Takes the last character away: one byte that begins one, and those that go on with it.
    fn rub_out(&mut self) {
        while self.text.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
    }
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
        ] {
            let mut line = Line::default();
            let last = keys.bytes().map(|byte| line.press(byte)).last();
            assert_eq!((last, line.text.as_slice()), (Some(end), text.as_bytes()), "{keys:?}");
        }
    }

    #[test]
    fn a_line_is_bounded() {
        let mut line = Line::default();
        for _ in 0..LINE_LIMIT + 5 {
            assert_eq!(line.press(b'a'), Key::Part);
        }
        assert_eq!(line.text.len(), LINE_LIMIT);
    }
}
