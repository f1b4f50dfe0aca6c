//! What goes out on a connection: a reply, or what a fault makes of it.

use crate::fault::Part;
use crate::http::{Framing, Reply};
use crate::shared::Shared;
use crate::stream::Stream;
use std::io::{self, Write as _};
use std::time::Duration;

/// What a client gets to see.
pub(crate) enum Delivery {
    /// A proper reply.
    Reply(Reply),
    /// These bytes, then the end.
    Bytes {
        /// The status they announce.
        status: u16,
        /// What is sent.
        bytes: Vec<u8>,
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
    /// A reply without end.
    Endless,
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
            Self::Endless => 200,
            Self::Reset | Self::Silence => 0,
        }
    }
}

/// Sends what is no proper reply. That the client leaves early is part of the play.
pub(crate) fn deliver(stream: &mut Stream, shared: &Shared, delivery: Delivery) {
    let _ = match delivery {
        Delivery::Bytes { bytes, .. } => {
            let sent = stream.write_all(&bytes).and_then(|()| stream.flush());
            stream.say_goodbye();
            sent
        }
        Delivery::Drip { reply, interval, part } => drip(stream, shared, &reply, interval, part),
        Delivery::Endless => endless(stream, shared),
        // With no time to linger, closing a socket resets its connection.
        Delivery::Reset => {
            rustix::net::sockopt::set_socket_linger(stream.socket(), Some(Duration::ZERO)).map_err(io::Error::from)
        }
        Delivery::Silence | Delivery::Reply(_) => Ok(()),
    };
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

/// Sends chunks of spaces until the client or the server has had enough.
fn endless(stream: &mut Stream, shared: &Shared) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    while !shared.gate.stopped() {
        stream.write_all(chunk.as_bytes())?;
    }
    Ok(())
}
