//! The running emulator.

use crate::fault::Fault;
use crate::http::Request;
use crate::journal::Counters;
use crate::shared::Shared;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long stopping waits for connections to end.
const PATIENCE: Duration = Duration::from_millis(900);

/// A running tenant. Dropping it stops it.
pub struct Emulator {
    /// What its connections share.
    pub(crate) shared: Arc<Shared>,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    /// Host and port for URLs.
    pub(crate) host: String,
    /// The CA, if there is TLS.
    pub(crate) ca_pem: Option<String>,
    /// The thread that accepts connections.
    pub(crate) accepting: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Its URL, without a slash at the end: `http://127.0.0.1:PORT` or `https://localhost:PORT`.
    pub fn url(&self) -> String {
        self.shared.url.clone()
    }

    /// The host and port of [`Emulator::url`].
    pub fn host(&self) -> String {
        self.host.clone()
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The certificate of its CA in PEM, if it speaks TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The last 200 requests, oldest first, those in work included.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.journal().requests()
    }

    /// What it has seen so far.
    pub fn counters(&self) -> Counters {
        self.shared.journal().counters
    }

    /// Queues a fault: the next token request without one takes it.
    pub fn play(&self, fault: Fault) {
        self.shared.script.push(fault);
    }

    /// Sets the fault for all token requests the queue has nothing for.
    pub fn play_always(&self, fault: Fault) {
        self.shared.script.stand(fault);
    }

    /// Drops all planned faults.
    pub fn play_normally(&self) {
        self.shared.script.clear();
    }

    /// Lets everyone go who is in [`Fault::Hang`] or [`Fault::HangAfterIssue`] now: they get their answer.
    pub fn release(&self) {
        self.shared.gate.release();
    }

    /// Changes a client's secret, at once; a client that is not there yet is added.
    pub fn set_secret(&self, client_id: &str, secret: &str) {
        self.shared.tenant().set_secret(client_id, secret);
    }

    /// Removes a client, and with it all its tokens.
    pub fn remove_client(&self, client_id: &str) {
        self.shared.tenant().remove_client(client_id);
    }

    /// Changes the life of access tokens issued from now on.
    pub fn set_life(&self, seconds: u64) {
        self.shared.tenant().policy.life = seconds;
    }

    /// Stops the clock at a Unix time, or lets it follow the system again. It is the clock of tokens and of the `Date`
    /// header.
    pub fn set_now(&self, seconds: Option<i64>) {
        self.shared.clock.set(seconds);
    }

    /// Revokes one token, access or refresh.
    pub fn revoke(&self, token: &str) {
        self.shared.tenant().revoke(token);
    }

    /// Revokes all access tokens issued so far.
    pub fn revoke_all(&self) {
        self.shared.tenant().revoke_all();
    }

    /// Forgets all refresh tokens: they will be refused as invalid.
    pub fn revoke_refresh_tokens(&self) {
        self.shared.tenant().revoke_refresh_tokens();
    }

    /// Whether this access token is good now.
    pub fn is_valid(&self, token: &str) -> bool {
        let now = self.shared.clock.now();
        self.shared.tenant().check(token, now).is_some()
    }

    /// All access tokens ever issued, oldest first.
    pub fn issued(&self) -> Vec<String> {
        self.shared.tenant().issued()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shared.gate.stop();
        // The accepting thread looks up when somebody connects.
        let door = SocketAddr::new(reachable(self.addr.ip()), self.addr.port());
        let knocked = TcpStream::connect_timeout(&door, PATIENCE).is_ok();
        if let Some(accepting) = self.accepting.take().filter(|_| knocked) {
            // If it panicked it is done as well.
            let _ = accepting.join();
        }
        self.shared.live.close_all(PATIENCE);
    }
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Emulator").field("url", &self.shared.url).finish_non_exhaustive()
    }
}

/// An address at which a server that listens at `ip` can be reached from this machine.
pub(crate) fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}
