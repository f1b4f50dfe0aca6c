//! Accepts connections, and answers one request after the other on each.

use crate::delivery::{self, Delivery};
use crate::http::read::{self, Unreadable};
use crate::http::{Framing, Reply};
use crate::live::Guest;
use crate::routes;
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

/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(120);
/// How long a client gets to take in an error before it is cut off.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// Between two bytes of [`TlsFault::HandshakeDrip`].
const DRIP: Duration = Duration::from_millis(100);

/// The TLS of a server.
#[derive(Clone)]
pub(crate) struct Encryption {
    /// The server's side of it.
    pub(crate) config: Arc<ServerConfig>,
    /// What is wrong with it.
    pub(crate) fault: Option<TlsFault>,
}

/// Accepts connections until the server stops.
#[expect(clippy::needless_pass_by_value, reason = "the accepting thread owns the listener, which closes with it")]
pub(crate) fn accept(listener: TcpListener, encryption: Option<Encryption>, shared: Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.gate.stopped() {
            return;
        }
        match accepted {
            Ok((socket, peer)) => welcome(socket, peer, encryption.as_ref(), &shared),
            // Out of file handles, perhaps: do not spin until some are free again.
            Err(_) => drop(shared.gate.pause(Duration::from_millis(10))),
        }
    }
}

/// Gives a new connection its thread.
fn welcome(socket: TcpStream, peer: SocketAddr, encryption: Option<&Encryption>, shared: &Arc<Shared>) {
    shared.count(|counters| counters.connections += 1);
    let Ok(guest) = shared.live.enter(&socket) else {
        return;
    };
    let slow = encryption
        .filter(|encryption| encryption.fault == Some(TlsFault::HandshakeDrip))
        .map(|_| (Arc::clone(&shared.gate), DRIP));
    let Ok(stream) = Stream::new(socket, encryption.map(|encryption| Arc::clone(&encryption.config)), slow) else {
        return;
    };
    let shared = Arc::clone(shared);
    let serve = move || serve(stream, peer, &shared, guest);
    // Without a thread the connection is dropped, which the client sees as a reset.
    drop(thread::Builder::new().name("ws1-emulator connection".to_owned()).spawn(serve));
}

/// Answers requests until one side has had enough.
fn serve(stream: Stream, peer: SocketAddr, shared: &Shared, guest: Guest) {
    // Without a limit the connection lives until the server stops, which is no harm either.
    let _ = stream.socket().set_read_timeout(Some(IDLE));
    let mut reader = BufReader::new(stream);
    loop {
        match read::next(&mut reader) {
            Ok(incoming) => {
                let visit = Visit { shared, request: &incoming.request, peer, socket: reader.get_ref().socket() };
                let (delivery, entry) = routes::answer(&visit);
                if let Some(number) = entry {
                    conclude(shared, number, &visit, &delivery);
                }
                let head_only = incoming.request.method == "HEAD";
                if !deliver(reader.get_mut(), shared, delivery, incoming.keep_alive, head_only) {
                    break;
                }
            }
            Err(Unreadable::Bad(status)) => {
                refuse(reader.get_mut(), shared, status);
                break;
            }
            Err(Unreadable::Gone) => break,
        }
    }
    // The socket closes before its thread counts as done.
    drop(reader);
    drop(guest);
}

/// Notes how a request was answered, before the client can know.
fn conclude(shared: &Shared, number: u64, visit: &Visit, delivery: &Delivery) {
    let status = delivery.status();
    if let Some(entry) = shared.journal().entry(number) {
        entry.status = status;
    }
    shared.log(visit.request, status);
}

/// Sends an answer; says whether the connection stays open.
fn deliver(stream: &mut Stream, shared: &Shared, delivery: Delivery, keep_alive: bool, head_only: bool) -> bool {
    let Delivery::Reply(reply) = delivery else {
        delivery::deliver(stream, shared, delivery);
        return false;
    };
    let framing = if keep_alive { Framing::KeepAlive } else { Framing::Close };
    let date = shared.clock.http_date();
    let bytes = if head_only { reply.head(&date, framing) } else { reply.bytes(&date, framing) };
    let sent = stream.write_all(&bytes).and_then(|()| stream.flush()).is_ok();
    if sent && !keep_alive {
        stream.say_goodbye();
    }
    sent && keep_alive
}

/// Answers what is no proper request, and lets the client read that before the connection closes.
fn refuse(stream: &mut Stream, shared: &Shared, status: u16) {
    let reply = Reply::new(status).bytes(&shared.clock.http_date(), Framing::Close);
    if stream.write_all(&reply).and_then(|()| stream.flush()).is_err() {
        return;
    }
    stream.say_goodbye();
    // Closing with unread input would reset the connection and might destroy the answer on its way.
    let _ = stream.socket().shutdown(Shutdown::Write);
    let _ = stream.socket().set_read_timeout(Some(LAST_WORDS));
    let mut unread = [0; 8192];
    for _ in 0..1024 {
        if !stream.socket().read(&mut unread).is_ok_and(|count| count > 0) {
            break;
        }
    }
}
