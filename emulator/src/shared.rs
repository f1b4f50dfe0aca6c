//! The state that all connections share.

use crate::clock::Clock;
use crate::connections::Connections;
use crate::gate::Gate;
use crate::http::Request;
use crate::journal::{Counters, Journal};
use crate::script::Script;
use crate::service::Service;
use crate::sync::lock;
use crate::tenant::Tenant;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// The state of a running emulator.
pub(crate) struct Shared {
    /// The service.
    pub(crate) service: Service,
    /// The tenant's URL, without a trailing slash.
    pub(crate) url: String,
    /// The URL of its API; `url` if that has no host of its own.
    pub(crate) api_url: String,
    /// The URL of its downloads; `url` if they have no host of their own.
    pub(crate) storage_url: String,
    /// Additional tenant path with a token endpoint below it.
    pub(crate) tenant_path: Option<String>,
    /// Whether the discovery documents are served.
    pub(crate) discovery: bool,
    /// Directory of the git repositories.
    pub(crate) git_root: Option<PathBuf>,
    /// Whether to log requests to standard error.
    pub(crate) log: bool,
    /// The tenant's clock.
    pub(crate) clock: Clock,
    /// Where connection threads wait.
    pub(crate) gate: Arc<Gate>,
    /// The planned faults.
    pub(crate) script: Script,
    /// The open connections.
    pub(crate) connections: Arc<Connections>,
    /// Clients and tokens.
    pub(crate) tenant: Mutex<Tenant>,
    /// The request log and the counters.
    pub(crate) journal: Mutex<Journal>,
}

impl Shared {
    /// Locks the tenant.
    pub(crate) fn tenant(&self) -> MutexGuard<'_, Tenant> {
        lock(&self.tenant)
    }

    /// Locks the journal.
    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.journal)
    }

    /// Changes the counters.
    pub(crate) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.journal().counters);
    }

    /// Logs an answered request if the log is on, without query, headers and body, which may contain secrets.
    pub(crate) fn log(&self, request: &Request, status: u16) {
        if self.log {
            // If standard error is closed, there is nowhere to report it.
            let _ = writeln!(std::io::stderr(), "{} {} {status}", request.method, request.path().escape_debug());
        }
    }
}
