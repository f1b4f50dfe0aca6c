//! The socket of a connection, plain or under TLS.

use crate::gate::Gate;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// The byte stream to a client.
pub(crate) enum Stream {
    /// HTTP.
    Plain(TcpStream),
    /// HTTPS.
    Tls(Box<StreamOwned<ServerConnection, Socket>>),
}

/// The socket below TLS, slow if a fault asks for it.
pub(crate) struct Socket {
    /// The real socket.
    socket: TcpStream,
    /// If it is slow: where to wait between two bytes, and how long.
    slow: Option<(Arc<Gate>, Duration)>,
}

impl Stream {
    /// The stream over `socket`, with TLS if there is a configuration for it.
    pub(crate) fn new(
        socket: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        slow: Option<(Arc<Gate>, Duration)>,
    ) -> io::Result<Self> {
        // Replies are sent in one write or, slowly, byte by byte: the system must not delay or join the writes.
        socket.set_nodelay(true)?;
        let Some(config) = tls else {
            return Ok(Self::Plain(socket));
        };
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(session, Socket { socket, slow }))))
    }

    /// The TCP socket.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.sock.socket,
        }
    }

    /// Sends the TLS alert `close_notify`, if there is TLS.
    pub(crate) fn close_notify(&mut self) {
        if let Self::Tls(tls) = self {
            tls.conn.send_close_notify();
            // Fails only if the client has closed the connection.
            let _ = tls.flush();
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some((gate, interval)) = &self.slow else {
            return self.socket.write(bytes);
        };
        gate.pause(*interval).map_err(|_| io::ErrorKind::ConnectionAborted)?;
        self.socket.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
