//! Standard input and output, without std's buffers: a request is read once, an answer is written once.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::pipe;

/// Standard input that does not wait for ever: all of it must come within ten seconds of the first read.
pub fn stdin() -> impl Read {
    Stdin { deadline: None }
}

/// Standard output.
pub fn stdout() -> impl Write {
    Stdout
}

/// See [`stdin`].
struct Stdin {
    /// When patience ends.
    deadline: Option<Instant>,
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + Duration::from_secs(10));
        let stdin = rustix::stdio::stdin();
        pipe::wait(stdin, PollFlags::IN, deadline)?;
        Ok(rustix::io::read(stdin, buffer)?)
    }
}

/// See [`stdout`].
struct Stdout;

impl Write for Stdout {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdout(), buffer)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
