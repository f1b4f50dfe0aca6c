//! What goes out on a connection: a reply, or what a fault makes of it.

use crate::fault::Part;
use crate::http::{Framing, Reply};
use crate::shared::Shared;
use crate::stream::Stream;
use std::io::{self, Write as _};
use std::time::Duration;

/// Bytes to send one after the other. Each piece is made when its turn comes, so that a huge reply takes no memory.
pub(crate) type Pieces = Box<dyn Iterator<Item = Vec<u8>>>;

/// How a request is answered.
pub(crate) enum Delivery {
    /// A proper reply.
    Reply(Reply),
    /// These bytes; the connection closes after them.
    Bytes {
        /// The status they announce.
        status: u16,
        /// What is sent.
        pieces: Pieces,
    },
    /// A reply byte by byte.
    Drip {
        /// The reply.
        reply: Reply,
        /// Time between two bytes.
        interval: Duration,
        /// What comes slowly.
        part: Part,
    },
    /// A reset.
    Reset,
    /// Nothing.
    Silence,
}

impl Delivery {
    /// The status the client gets to see; 0 if none.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Reply(reply) | Self::Drip { reply, .. } => reply.status,
            Self::Bytes { status, .. } => *status,
            Self::Reset | Self::Silence => 0,
        }
    }
}

/// Sends what is no proper reply. That the client leaves early is part of the play.
pub(crate) fn deliver(stream: &mut Stream, shared: &Shared, delivery: Delivery) {
    let _ = match delivery {
        Delivery::Bytes { pieces, .. } => send(stream, shared, pieces),
        Delivery::Drip { reply, interval, part } => drip(stream, shared, &reply, interval, part),
        // With no time to linger, closing a socket resets its connection.
        Delivery::Reset => {
            rustix::net::sockopt::set_socket_linger(stream.socket(), Some(Duration::ZERO)).map_err(io::Error::from)
        }
        Delivery::Silence | Delivery::Reply(_) => Ok(()),
    };
}

/// Sends all pieces, unless the client leaves or the server stops first.
fn send(stream: &mut Stream, shared: &Shared, pieces: Pieces) -> io::Result<()> {
    for piece in pieces {
        if shared.gate.stopped() {
            return Ok(());
        }
        stream.write_all(&piece)?;
    }
    stream.flush()?;
    stream.say_goodbye();
    Ok(())
}

/// Sends a reply byte by byte.
fn drip(stream: &mut Stream, shared: &Shared, reply: &Reply, interval: Duration, part: Part) -> io::Result<()> {
    let bytes = reply.bytes(&shared.clock.http_date(), Framing::Close);
    let quick = match part {
        Part::Headers => 0,
        Part::Body => bytes.len() - reply.body.len(),
    };
    stream.write_all(&bytes[..quick])?;
    stream.flush()?;
    for byte in &bytes[quick..] {
        shared.gate.pause(interval).map_err(|_| io::ErrorKind::ConnectionAborted)?;
        stream.write_all(&[*byte])?;
        stream.flush()?;
    }
    stream.say_goodbye();
    Ok(())
}
