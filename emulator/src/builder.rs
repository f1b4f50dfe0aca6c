//! The settings of an emulator, and its start.

use crate::clock::Clock;
use crate::connections::Connections;
use crate::emulator::{Emulator, reachable};
use crate::gate::Gate;
use crate::journal::Journal;
use crate::script::Script;
use crate::server::{self, Encryption};
use crate::service::{Host, Service};
use crate::shared::Shared;
use crate::tenant::{Directory, Policy, Tenant};
use crate::tls::{self, TlsFault};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

/// Id and secret of the client if none is added.
const DEFAULT_CLIENT: (&str, &str) = ("ci-bot", "emulator-secret");
/// The API token if none is added.
const DEFAULT_API_TOKEN: &str = "emulator-api-token";
/// Id of the organisation if none is set.
const DEFAULT_ORGANISATION: &str = "5f2c2fa1-0000-4000-8000-000000000001";

/// Length of the queue of connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Settings of an [`Emulator`]; see [`Emulator::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    /// The service.
    service: Service,
    /// Who may request tokens.
    directory: Directory,
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
    /// Certificates and key in PEM, instead of new ones.
    identity: Option<String>,
    /// Directory of the git repositories.
    git_root: Option<PathBuf>,
    /// Address to listen on.
    listen: SocketAddr,
    /// Port of the API, where it has a host of its own; 0 for a free one.
    api_port: u16,
    /// Whether to log requests to standard error.
    log: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            service: Service::default(),
            directory: Directory {
                clients: BTreeMap::new(),
                api_tokens: BTreeSet::new(),
                organisation: DEFAULT_ORGANISATION.to_owned(),
            },
            policy: Policy { life: None, refresh_tokens: None, rotation: true, reissue: false },
            tenant_path: None,
            discovery: true,
            tls: false,
            tls_fault: None,
            identity: None,
            git_root: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            api_port: 0,
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
    /// The service it emulates; Access by default.
    pub fn service(mut self, service: Service) -> Self {
        self.service = service;
        self
    }

    /// Adds a client. Without any there is the default client, `ci-bot` / `emulator-secret`.
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.directory.clients.insert(id.into(), secret.into());
        self
    }

    /// Adds an API token. Without any there is the default one, `emulator-api-token`. Only Connect and VIDB take them.
    pub fn api_token(mut self, token: impl Into<String>) -> Self {
        self.directory.api_tokens.insert(token.into());
        self
    }

    /// Id of the organisation of its clients and API tokens; only Connect and Intelligence tell it.
    pub fn organisation(mut self, id: impl Into<String>) -> Self {
        self.directory.organisation = id.into();
        self
    }

    /// Life of access tokens in seconds; by default the service's, for Access 10800. `expires_in` is one second less,
    /// as real tenants of Access have it; the services differ in that.
    pub fn life(mut self, seconds: u64) -> Self {
        self.policy.life = Some(seconds);
        self
    }

    /// Whether replies have a refresh token; by default as the service has it, for Access true.
    pub fn issue_refresh_tokens(mut self, yes: bool) -> Self {
        self.policy.refresh_tokens = Some(yes);
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

    /// Serves HTTPS with the certificates and the key of a PEM text, the server's own certificate first.
    pub fn identity(mut self, pem: impl Into<String>) -> Self {
        self.identity = Some(pem.into());
        self.tls()
    }

    /// Serves the bare repositories in `directory` at `/git/NAME`, `/git-bearer/NAME` and `/git-basic/NAME`, with git-lfs.
    pub fn git_root(mut self, directory: impl Into<PathBuf>) -> Self {
        self.git_root = Some(directory.into());
        self
    }

    /// Address to listen on; 127.0.0.1 and a free port by default.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Port of the API, where that has a host of its own; a free one by default.
    pub fn api_port(mut self, port: u16) -> Self {
        self.api_port = port;
        self
    }

    /// Whether to write one line per request to standard error, without secrets; false by default.
    pub fn log(mut self, yes: bool) -> Self {
        self.log = yes;
        self
    }

    /// Starts the server.
    pub fn start(self) -> io::Result<Emulator> {
        let listeners = self.listeners()?;
        let addr = listeners[0].1.local_addr()?;
        let mut urls = Vec::new();
        for (host, listener) in &listeners {
            urls.push((*host, self.url(*host, listener.local_addr()?)));
        }
        let (ca_pem, encryption) = if self.tls {
            let tls = match &self.identity {
                Some(pem) => tls::with_identity(pem)?,
                None => tls::prepare(addr.ip(), self.tls_fault)?,
            };
            (Some(tls.ca_pem), Some(Encryption { config: tls.config, fault: self.tls_fault }))
        } else {
            (None, None)
        };
        let host = host(addr, self.tls);
        let shared = Arc::new(self.shared(&urls));
        // The threads of an emulator that does not start in full end with it.
        let mut emulator = Emulator { shared, addr, host, ca_pem, accepting: Vec::new() };
        for (host, listener) in listeners {
            let (serving, encryption) = (Arc::clone(&emulator.shared), encryption.clone());
            let addr = listener.local_addr()?;
            let accepting = thread::Builder::new()
                .name("ws1-emulator".to_owned())
                .spawn(move || server::accept(listener, host, encryption, serving))?;
            emulator.accepting.push((addr, accepting));
        }
        Ok(emulator)
    }

    /// A listener for each host of the service, that of the token endpoint first.
    fn listeners(&self) -> io::Result<Vec<(Host, TcpListener)>> {
        let others = self.service.dialect().hosts.iter().copied();
        let listen = |host| {
            let port = match host {
                Host::Token => self.listen.port(),
                Host::Api => self.api_port,
                Host::Storage => 0,
            };
            let listener = TcpListener::bind(SocketAddr::new(self.listen.ip(), port))?;
            // The standard library's queue of 128 is too short for hundreds of clients that start at once.
            rustix::net::listen(&listener, BACKLOG)?;
            Ok((host, listener))
        };
        [Host::Token].into_iter().chain(others).map(listen).collect()
    }

    /// The URL of a host that listens on `addr`. On loopback the storage has another name than the others, for clients
    /// that look at names and not at ports.
    fn url(&self, of: Host, addr: SocketAddr) -> String {
        let named = self.tls != (of == Host::Storage);
        format!("{}://{}", if self.tls { "https" } else { "http" }, host(addr, named))
    }

    /// The state that the connections share.
    fn shared(mut self, urls: &[(Host, String)]) -> Shared {
        if self.directory.clients.is_empty() {
            let (id, secret) = DEFAULT_CLIENT;
            self.directory.clients.insert(id.to_owned(), secret.to_owned());
        }
        if self.directory.api_tokens.is_empty() {
            self.directory.api_tokens.insert(DEFAULT_API_TOKEN.to_owned());
        }
        let url = |of| urls.iter().find(|(host, _)| *host == of).unwrap_or(&urls[0]).1.clone();
        Shared {
            service: self.service,
            url: url(Host::Token),
            api_url: url(Host::Api),
            storage_url: url(Host::Storage),
            tenant_path: self.tenant_path,
            discovery: self.discovery,
            git_root: self.git_root,
            log: self.log,
            clock: Clock::default(),
            gate: Arc::new(Gate::default()),
            script: Script::default(),
            connections: Arc::new(Connections::default()),
            tenant: Mutex::new(Tenant::new(self.service.dialect(), self.policy, self.directory)),
            journal: Mutex::new(Journal::default()),
        }
    }
}

/// Host and port in the URL of a server at `addr`; `named` is whether loopback has its name instead of its address.
fn host(addr: SocketAddr, named: bool) -> String {
    let reachable = SocketAddr::new(reachable(addr.ip()), addr.port());
    if named && reachable.ip().is_loopback() { format!("localhost:{}", addr.port()) } else { reachable.to_string() }
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
