//! The settings of an emulator, and its start.

use crate::clock::Clock;
use crate::connections::Connections;
use crate::emulator::{Emulator, reachable};
use crate::gate::Gate;
use crate::journal::Journal;
use crate::script::Script;
use crate::server::{self, Encryption};
use crate::shared::Shared;
use crate::tenant::{Policy, Tenant};
use crate::tls::{self, TlsFault};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

/// Id and secret of the client if none is added.
const DEFAULT_CLIENT: (&str, &str) = ("ci-bot", "emulator-secret");
/// Life of access tokens in seconds: three hours, the default of the service.
const DEFAULT_LIFE: u64 = 10_800;

/// Length of the queue of connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Settings of an [`Emulator`]; see [`Emulator::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    /// Secrets by client id.
    clients: BTreeMap<String, String>,
    /// Settings of the tokens.
    policy: Policy,
    /// Additional tenant path with a token endpoint below it.
    tenant_path: Option<String>,
    /// Whether the discovery documents are served.
    discovery: bool,
    /// Whether it serves HTTPS.
    tls: bool,
    /// What is wrong with its TLS.
    tls_fault: Option<TlsFault>,
    /// Directory of the git repositories.
    git_root: Option<PathBuf>,
    /// Address to listen on.
    listen: SocketAddr,
    /// Whether to log requests to standard error.
    log: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            clients: BTreeMap::new(),
            policy: Policy { life: DEFAULT_LIFE, refresh_tokens: true, rotation: true, reissue: false },
            tenant_path: None,
            discovery: true,
            tls: false,
            tls_fault: None,
            git_root: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            log: false,
        }
    }
}

impl Emulator {
    /// Starts a tenant on plain HTTP with one client, `ci-bot` / `emulator-secret`.
    ///
    /// # Panics
    ///
    /// If it cannot listen on loopback.
    pub fn start() -> Self {
        Self::builder().start().unwrap_or_else(|error| panic!("the emulator cannot listen on 127.0.0.1: {error}"))
    }

    /// A tenant with settings of your own.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Adds a client. Without any there is the default client, `ci-bot` / `emulator-secret`.
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.clients.insert(id.into(), secret.into());
        self
    }

    /// Life of access tokens in seconds; 10800 by default. `expires_in` is one second less, as real tenants have it.
    pub fn life(mut self, seconds: u64) -> Self {
        self.policy.life = seconds;
        self
    }

    /// Whether replies have a refresh token; true by default.
    pub fn issue_refresh_tokens(mut self, yes: bool) -> Self {
        self.policy.refresh_tokens = yes;
        self
    }

    /// Whether each refresh consumes the refresh token and issues its successor; true by default.
    ///
    /// The second use of a consumed token is counted as reuse and revokes the whole family of refresh tokens.
    pub fn rotate_refresh_tokens(mut self, yes: bool) -> Self {
        self.policy.rotation = yes;
        self
    }

    /// Whether a request gets the unexpired access token again instead of a new one; false by default.
    pub fn reissue(mut self, yes: bool) -> Self {
        self.policy.reissue = yes;
        self
    }

    /// Serves the token endpoint also at `path/auth/oauthtoken`. Paths of the form `/SAAS/t/NAME` need no setting.
    pub fn tenant_path(mut self, path: impl Into<String>) -> Self {
        self.tenant_path = Some(path.into().trim_end_matches('/').to_owned());
        self
    }

    /// Whether the discovery documents are served; true by default.
    pub fn discovery(mut self, yes: bool) -> Self {
        self.discovery = yes;
        self
    }

    /// Serves HTTPS, with a certificate for `localhost`, 127.0.0.1 and `::1` from a new CA: [`Emulator::ca_pem`].
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Serves HTTPS with a fault.
    pub fn tls_with(mut self, fault: TlsFault) -> Self {
        self.tls_fault = Some(fault);
        self.tls()
    }

    /// Serves the bare repositories in `directory` at `/git/NAME` and `/git-bearer/NAME`.
    pub fn git_root(mut self, directory: impl Into<PathBuf>) -> Self {
        self.git_root = Some(directory.into());
        self
    }

    /// Address to listen on; 127.0.0.1 and a free port by default.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Whether to write one line per request to standard error, without secrets; false by default.
    pub fn log(mut self, yes: bool) -> Self {
        self.log = yes;
        self
    }

    /// Starts the server.
    pub fn start(self) -> io::Result<Emulator> {
        let listener = TcpListener::bind(self.listen)?;
        // The standard library's queue of 128 is too short for hundreds of clients that start at once.
        rustix::net::listen(&listener, BACKLOG)?;
        let addr = listener.local_addr()?;
        let host = host(addr, self.tls);
        let (ca_pem, encryption) = if self.tls {
            let tls = tls::prepare(addr.ip(), self.tls_fault)?;
            (Some(tls.ca_pem), Some(Encryption { config: tls.config, fault: self.tls_fault }))
        } else {
            (None, None)
        };
        let shared = Arc::new(self.shared(&host));
        let serving = Arc::clone(&shared);
        let accepting = thread::Builder::new()
            .name("ws1-emulator".to_owned())
            .spawn(move || server::accept(listener, encryption, serving))?;
        Ok(Emulator { shared, addr, host, ca_pem, accepting: Some(accepting) })
    }

    /// The state that the connections share.
    fn shared(mut self, host: &str) -> Shared {
        if self.clients.is_empty() {
            let (id, secret) = DEFAULT_CLIENT;
            self.clients.insert(id.to_owned(), secret.to_owned());
        }
        Shared {
            url: format!("{}://{host}", if self.tls { "https" } else { "http" }),
            tenant_path: self.tenant_path,
            discovery: self.discovery,
            git_root: self.git_root,
            log: self.log,
            clock: Clock::default(),
            gate: Arc::new(Gate::default()),
            script: Script::default(),
            connections: Arc::new(Connections::default()),
            tenant: Mutex::new(Tenant::new(self.policy, self.clients)),
            journal: Mutex::new(Journal::default()),
        }
    }
}

/// Host and port in the URL of a server at `addr`.
fn host(addr: SocketAddr, tls: bool) -> String {
    let reachable = SocketAddr::new(reachable(addr.ip()), addr.port());
    if tls && reachable.ip().is_loopback() { format!("localhost:{}", addr.port()) } else { reachable.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_can_be_connected_to() {
        assert_eq!(host("127.0.0.1:8".parse().unwrap(), false), "127.0.0.1:8");
        assert_eq!(host("127.0.0.1:8".parse().unwrap(), true), "localhost:8");
        assert_eq!(host("0.0.0.0:8".parse().unwrap(), false), "127.0.0.1:8");
        assert_eq!(host("[::]:8".parse().unwrap(), false), "[::1]:8");
        assert_eq!(host("192.0.2.1:8".parse().unwrap(), true), "192.0.2.1:8");
    }
}
