//! Standard input and output, without std's buffers: a request is read once, an answer is written once.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// Standard input that does not wait for ever: all of it must come within ten seconds of the first read.
#[derive(Debug)]
pub struct Stdin {
    /// When patience ends.
    deadline: Option<Instant>,
}

impl Stdin {
    /// The process's standard input.
    #[must_use]
    pub fn patient() -> Self {
        Self { deadline: None }
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + Duration::from_secs(10));
        let stdin = rustix::stdio::stdin();
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut ready, left.as_ref()) {
            Ok(0) => Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => Ok(rustix::io::read(stdin, buffer)?),
            Err(error) => Err(error.into()),
        }
    }
}

/// Standard output.
#[derive(Debug, Default)]
pub struct Stdout(());

impl Write for Stdout {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdout(), buffer)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
