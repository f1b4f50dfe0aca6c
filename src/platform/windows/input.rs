//! Standard input, which does not wait for ever.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Standard input: all of it must come within ten seconds of the first read. A thread reads it, for nothing else can give up
/// a read here; the thread ends with the process.
pub fn stdin() -> impl Read {
    Stdin { source: None, rest: Vec::new() }
}

/// See [`stdin`].
struct Stdin {
    /// What the thread has read, and when patience ends.
    source: Option<(Receiver<io::Result<Vec<u8>>>, Instant)>,
    /// Bytes that were read and not given yet.
    rest: Vec<u8>,
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            let source = self.source.take().map_or_else(start, Ok)?;
            let (parts, end) = self.source.insert(source);
            self.rest = match parts.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(part) => part?,
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
                Err(RecvTimeoutError::Disconnected) => Vec::new(),
            };
        }
        let count = self.rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

/// Starts the thread that reads standard input, part by part, to its end.
fn start() -> io::Result<(Receiver<io::Result<Vec<u8>>>, Instant)> {
    let (sender, receiver) = sync_channel(1);
    std::thread::Builder::new().spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let part = io::stdin().read(&mut buffer).map(|count| buffer[..count].to_vec());
            let is_last = part.as_ref().map_or(true, Vec::is_empty);
            if sender.send(part).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok((receiver, Instant::now() + Duration::from_secs(10)))
}
