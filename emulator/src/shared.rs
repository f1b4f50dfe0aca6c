//! What all connections share.

use crate::clock::Clock;
use crate::gate::Gate;
use crate::http::Request;
use crate::journal::{Counters, Journal};
use crate::live::Live;
use crate::script::Script;
use crate::sync::lock;
use crate::tenant::Tenant;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// The running emulator, as its connections see it.
pub(crate) struct Shared {
    /// The tenant's URL, without a slash at the end.
    pub(crate) url: String,
    /// One more path below which the tenant's token endpoint is.
    pub(crate) tenant_path: Option<String>,
    /// Whether there are discovery documents.
    pub(crate) discovery: bool,
    /// Where the git repositories are.
    pub(crate) git_root: Option<PathBuf>,
    /// Whether to write a line per request to standard error.
    pub(crate) log: bool,
    /// The time.
    pub(crate) clock: Clock,
    /// Where threads wait.
    pub(crate) gate: Arc<Gate>,
    /// Faults to play.
    pub(crate) script: Script,
    /// Open connections.
    pub(crate) live: Arc<Live>,
    /// Clients and tokens.
    pub(crate) tenant: Mutex<Tenant>,
    /// Requests and counters.
    pub(crate) journal: Mutex<Journal>,
}

impl Shared {
    /// The tenant, for a moment.
    pub(crate) fn tenant(&self) -> MutexGuard<'_, Tenant> {
        lock(&self.tenant)
    }

    /// The journal, for a moment.
    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        lock(&self.journal)
    }

    /// Changes the counters.
    pub(crate) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.journal().counters);
    }

    /// Writes a line about an answered request, if wanted. Queries, headers and bodies may be secret and stay out.
    pub(crate) fn log(&self, request: &Request, status: u16) {
        if self.log {
            // There is nowhere to report that standard error is closed.
            let _ = writeln!(std::io::stderr(), "{} {} {status}", request.method, request.path().escape_debug());
        }
    }
}
