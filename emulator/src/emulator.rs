//! The handle on a running emulator.

use crate::fault::Fault;
use crate::http::Request;
use crate::journal::Counters;
use crate::shared::Shared;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// The limit for the wait for connections when it stops.
const STOP_TIMEOUT: Duration = Duration::from_millis(900);

/// A running tenant. Dropping it stops it.
pub struct Emulator {
    /// The state that its connections share.
    pub(crate) shared: Arc<Shared>,
    /// The address it listens on.
    pub(crate) addr: SocketAddr,
    /// Host and port in its URL.
    pub(crate) host: String,
    /// The certificate of its CA in PEM, if it serves HTTPS.
    pub(crate) ca_pem: Option<String>,
    /// The address of each of its hosts, and the thread that accepts connections there.
    pub(crate) accepting: Vec<(SocketAddr, JoinHandle<()>)>,
}

impl Emulator {
    /// Its URL, without a trailing slash: `http://127.0.0.1:PORT` or `https://localhost:PORT`.
    pub fn url(&self) -> String {
        self.shared.url.clone()
    }

    /// The URL of its API, without a trailing slash; [`Emulator::url`] if that has no host of its own.
    pub fn api_url(&self) -> String {
        self.shared.api_url.clone()
    }

    /// The URL of its token endpoint.
    pub fn token_url(&self) -> String {
        format!("{}{}", self.shared.url, self.shared.service.token_path())
    }

    /// Id of the organisation of its clients and API tokens.
    pub fn organisation(&self) -> String {
        self.shared.tenant().organisation().to_owned()
    }

    /// The host and port of [`Emulator::url`].
    pub fn host(&self) -> String {
        self.host.clone()
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The certificate of its CA in PEM, if it serves HTTPS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The last 200 requests, oldest first, including those without an answer yet.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.journal().requests()
    }

    /// The counters so far.
    pub fn counters(&self) -> Counters {
        self.shared.journal().counters
    }

    /// Queues a fault for one token request.
    pub fn play(&self, fault: Fault) {
        self.shared.script.push(fault);
    }

    /// Sets the fault for all token requests while the queue is empty.
    pub fn play_always(&self, fault: Fault) {
        self.shared.script.set_default(fault);
    }

    /// Removes all queued faults and the one of [`Emulator::play_always`].
    pub fn play_normally(&self) {
        self.shared.script.clear();
    }

    /// Ends all [`Fault::Hang`] and [`Fault::HangAfterIssue`] of now: these requests are answered.
    pub fn release(&self) {
        self.shared.gate.release();
    }

    /// Changes the secret of a client, or adds the client.
    pub fn set_secret(&self, client_id: &str, secret: &str) {
        self.shared.tenant().set_secret(client_id, secret);
    }

    /// Removes a client and all its tokens.
    pub fn remove_client(&self, client_id: &str) {
        self.shared.tenant().remove_client(client_id);
    }

    /// Adds an API token.
    pub fn add_api_token(&self, token: &str) {
        self.shared.tenant().add_api_token(token);
    }

    /// Removes an API token; access tokens issued for it stay valid.
    pub fn remove_api_token(&self, token: &str) {
        self.shared.tenant().remove_api_token(token);
    }

    /// Changes the life of access tokens issued from now on.
    pub fn set_life(&self, seconds: u64) {
        self.shared.tenant().policy.life = Some(seconds);
    }

    /// Stops the clock of tokens and of the `Date` header at a Unix time, or follows the system clock again.
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

    /// Revokes all refresh tokens.
    pub fn revoke_refresh_tokens(&self) {
        self.shared.tenant().revoke_refresh_tokens();
    }

    /// Whether this access token is valid now.
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
        // The accepting threads check whether to stop after each connection.
        for (addr, accepting) in self.accepting.drain(..) {
            let address = SocketAddr::new(reachable(addr.ip()), addr.port());
            if TcpStream::connect_timeout(&address, STOP_TIMEOUT).is_ok() {
                // A panic ends the thread as well.
                let _ = accepting.join();
            }
        }
        self.shared.connections.close_all(STOP_TIMEOUT);
    }
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Emulator").field("url", &self.shared.url).finish_non_exhaustive()
    }
}

/// The address to connect to for a server on this machine that listens on `ip`.
pub(crate) fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}
