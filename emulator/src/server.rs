//! Accepts connections and answers the requests on each, one after the other.

use crate::connections::Registration;
use crate::delivery::{self, Delivery};
use crate::http::read::{self, ReadError};
use crate::http::{Framing, Reply};
use crate::routes;
use crate::service::Host;
use crate::shared::Shared;
use crate::stream::Stream;
use crate::tls::TlsFault;
use crate::visit::Visit;
use rustls::ServerConfig;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The limit for a connection without a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// The limit for each read of the rest of an invalid request.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(300);
/// Time between two bytes of [`TlsFault::HandshakeDrip`].
const DRIP_INTERVAL: Duration = Duration::from_millis(100);

/// The TLS settings of a server.
#[derive(Clone)]
pub(crate) struct Encryption {
    /// Certificate and versions.
    pub(crate) config: Arc<ServerConfig>,
    /// What is wrong with its TLS.
    pub(crate) fault: Option<TlsFault>,
}

/// Accepts connections until the server stops.
#[expect(clippy::needless_pass_by_value, reason = "the accepting thread owns the listener, which closes with it")]
pub(crate) fn accept(listener: TcpListener, host: Host, encryption: Option<Encryption>, shared: Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.gate.stopped() {
            return;
        }
        match accepted {
            Ok((socket, peer)) => start_connection(socket, Ends { host, peer }, encryption.as_ref(), &shared),
            // Perhaps out of file descriptors: do not spin until some are free.
            Err(_) => drop(shared.gate.pause(Duration::from_millis(10))),
        }
    }
}

/// The two ends of a connection.
#[derive(Clone, Copy)]
struct Ends {
    /// The host that accepted it.
    host: Host,
    /// The address of the client.
    peer: SocketAddr,
}

/// Starts the thread of a new connection.
fn start_connection(socket: TcpStream, ends: Ends, encryption: Option<&Encryption>, shared: &Arc<Shared>) {
    shared.count(|counters| counters.connections += 1);
    let Ok(registration) = shared.connections.register(&socket) else {
        return;
    };
    let slow = encryption
        .filter(|encryption| encryption.fault == Some(TlsFault::HandshakeDrip))
        .map(|_| (Arc::clone(&shared.gate), DRIP_INTERVAL));
    let Ok(stream) = Stream::new(socket, encryption.map(|encryption| Arc::clone(&encryption.config)), slow) else {
        return;
    };
    let shared = Arc::clone(shared);
    let serve = move || serve(stream, ends, &shared, registration);
    // If no thread can start, the connection closes.
    drop(thread::Builder::new().name("ws1-emulator connection".to_owned()).spawn(serve));
}

/// Answers requests until one side closes the connection.
fn serve(stream: Stream, ends: Ends, shared: &Shared, registration: Registration) {
    // Without the limit the connection stays open until the server stops, which does no harm.
    let _ = stream.socket().set_read_timeout(Some(IDLE_TIMEOUT));
    let mut reader = BufReader::new(stream);
    loop {
        match read::next(&mut reader) {
            Ok(incoming) => {
                let Ends { host, peer } = ends;
                let socket = reader.get_ref().socket();
                let visit = Visit { shared, request: &incoming.request, host, peer, socket };
                let (delivery, entry) = routes::answer(&visit);
                if let Some(number) = entry {
                    record_status(shared, number, &visit, &delivery);
                }
                let head_only = incoming.request.method == "HEAD";
                if !respond(reader.get_mut(), shared, delivery, incoming.keep_alive, head_only) {
                    break;
                }
            }
            Err(ReadError::Invalid(status)) => {
                reject(reader.get_mut(), shared, status);
                break;
            }
            Err(ReadError::Closed) => break,
        }
    }
    // The socket closes before the connection counts as ended.
    drop(reader);
    drop(registration);
}

/// Logs the status before the client sees it.
fn record_status(shared: &Shared, number: u64, visit: &Visit, delivery: &Delivery) {
    let status = delivery.status();
    if let Some(entry) = shared.journal().entry(number) {
        entry.status = status;
    }
    shared.log(visit.request, status);
}

/// Sends an answer; returns whether the connection stays open.
fn respond(stream: &mut Stream, shared: &Shared, delivery: Delivery, keep_alive: bool, head_only: bool) -> bool {
    let Delivery::Reply(reply) = delivery else {
        delivery::deliver(stream, shared, delivery);
        return false;
    };
    let framing = if keep_alive { Framing::KeepAlive } else { Framing::Close };
    let date = shared.clock.http_date();
    let bytes = if head_only { reply.head(&date, framing) } else { reply.bytes(&date, framing) };
    let sent = stream.write_all(&bytes).and_then(|()| stream.flush()).is_ok();
    if sent && !keep_alive {
        stream.close_notify();
    }
    sent && keep_alive
}

/// Answers an invalid request, and lets the client read the answer before the connection closes.
fn reject(stream: &mut Stream, shared: &Shared, status: u16) {
    let reply = Reply::new(status).bytes(&shared.clock.http_date(), Framing::Close);
    if stream.write_all(&reply).and_then(|()| stream.flush()).is_err() {
        return;
    }
    stream.close_notify();
    // Closing with unread input would reset the connection, and the client could lose the answer.
    let _ = stream.socket().shutdown(Shutdown::Write);
    let _ = stream.socket().set_read_timeout(Some(DRAIN_TIMEOUT));
    let mut unread = [0; 8192];
    for _ in 0..1024 {
        if !stream.socket().read(&mut unread).is_ok_and(|count| count > 0) {
            break;
        }
    }
}
