//! Sends replies, and what faults send instead.

use crate::fault::Part;
use crate::http::{Framing, Reply};
use crate::shared::Shared;
use crate::stream::Stream;
use std::io::{self, Write as _};
use std::time::Duration;

/// Bytes to send, in pieces that are built one by one: a huge reply is never in memory as a whole.
pub(crate) type Pieces = Box<dyn Iterator<Item = Vec<u8>>>;

/// How a request is answered.
pub(crate) enum Delivery {
    /// A proper reply.
    Reply(Reply),
    /// These bytes; the connection closes after them.
    Bytes {
        /// The status in them.
        status: u16,
        /// What is sent.
        pieces: Pieces,
    },
    /// A reply that is sent byte by byte.
    Drip {
        /// The reply.
        reply: Reply,
        /// Time between two bytes.
        interval: Duration,
        /// The part that is slow.
        part: Part,
    },
    /// The connection is reset (RST).
    Reset,
    /// The connection closes without a reply.
    Close,
}

impl Delivery {
    /// The status that the client sees; 0 if none.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Reply(reply) | Self::Drip { reply, .. } => reply.status,
            Self::Bytes { status, .. } => *status,
            Self::Reset | Self::Close => 0,
        }
    }
}

/// Sends everything but a proper reply. A client that closes early is no error: faults provoke that.
pub(crate) fn deliver(stream: &mut Stream, shared: &Shared, delivery: Delivery) {
    let _ = match delivery {
        Delivery::Bytes { pieces, .. } => send(stream, shared, pieces),
        Delivery::Drip { reply, interval, part } => drip(stream, shared, &reply, interval, part),
        // With SO_LINGER 0, closing a socket resets the connection.
        Delivery::Reset => {
            rustix::net::sockopt::set_socket_linger(stream.socket(), Some(Duration::ZERO)).map_err(io::Error::from)
        }
        Delivery::Close | Delivery::Reply(_) => Ok(()),
    };
}

/// Sends all pieces, unless the client closes or the server stops.
fn send(stream: &mut Stream, shared: &Shared, pieces: Pieces) -> io::Result<()> {
    for piece in pieces {
        if shared.gate.stopped() {
            return Ok(());
        }
        stream.write_all(&piece)?;
    }
    stream.flush()?;
    stream.close_notify();
    Ok(())
}

/// Sends a reply byte by byte.
fn drip(stream: &mut Stream, shared: &Shared, reply: &Reply, interval: Duration, part: Part) -> io::Result<()> {
    let bytes = reply.bytes(&shared.clock.http_date(), Framing::Close);
    let at_once = match part {
        Part::Headers => 0,
        Part::Body => bytes.len() - reply.body.len(),
    };
    stream.write_all(&bytes[..at_once])?;
    stream.flush()?;
    for byte in &bytes[at_once..] {
        shared.gate.pause(interval).map_err(|_| io::ErrorKind::ConnectionAborted)?;
        stream.write_all(&[*byte])?;
        stream.flush()?;
    }
    stream.close_notify();
    Ok(())
}
