//! A line typed at the terminal without being shown.
//!
//! The terminal is in raw mode (ICANON, ECHO and ISIG off), so Ctrl-C arrives as a byte: whatever ends the line, the
//! terminal is restored first. Input before the prompt or after the line is discarded: it is never shown and never taken
//! for another answer.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::platform::HiddenInput;

/// Bytes of a line at most; a secret is shorter.
const LINE_LIMIT: usize = 64 * 1024;

/// Bytes that arrive within this time belong to one paste.
const SAME_PASTE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Reads a line from the terminal that standard input is; `ask` shows the prompt, once echo is off.
pub(crate) fn read_hidden(ask: impl FnOnce()) -> io::Result<HiddenInput> {
    let typed = {
        let _raw = RawMode::enter()?;
        ask();
        read_line()
    };
    if matches!(typed, Ok(HiddenInput::Interrupt)) {
        // As the key would have done, for the whole process group.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT);
    }
    typed
}

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
        raw.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
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

/// Reads up to the end of a line.
fn read_line() -> io::Result<HiddenInput> {
    let mut line = Line::default();
    loop {
        let Some(byte) = read_byte()? else { return Ok(HiddenInput::End) };
        match line.press(byte) {
            Key::Part => {}
            // A pasted text may begin with a line break.
            Key::Enter if line.text.is_empty() && more_is_there()? => {}
            Key::Enter => break,
            Key::End => return Ok(HiddenInput::End),
            Key::Interrupt => return Ok(HiddenInput::Interrupt),
        }
    }
    let mut rest = Vec::new();
    while more_is_there()? {
        rest.extend(read_byte()?);
    }
    if rest.trim_ascii().is_empty() { Ok(HiddenInput::Line(line.text)) } else { Ok(HiddenInput::Lines) }
}

/// The next byte; `None` at the end of input.
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

/// Whether another byte of the same paste is there.
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
    /// Takes a byte, with the usual editing keys; the terminal's own settings for them are ignored.
    fn press(&mut self, byte: u8) -> Key {
        match byte {
            b'\r' | b'\n' => return Key::Enter,
            3 | 28 => return Key::Interrupt,
            4 if self.text.is_empty() => return Key::End,
            4 => {}
            8 | 127 => self.delete_last(),
            // Ctrl-U deletes the line, Ctrl-W the word: a secret is one word.
            21 | 23 => self.text.clear(),
            _ if self.text.len() < LINE_LIMIT => self.text.push(byte),
            _ => {}
        }
        Key::Part
    }

    /// Deletes the last character, with all its UTF-8 bytes.
    fn delete_last(&mut self) {
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
