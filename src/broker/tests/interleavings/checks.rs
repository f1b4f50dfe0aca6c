//! The invariants, judged by what the tenant really did and by the model's own time.

use std::collections::HashSet;

use super::server::Fate;
use super::world::State;
use super::{Locks, Want};
use crate::broker::AccessToken;
use crate::endpoint::RequestError;
use crate::entry::Entry;
use crate::error::Error;
use crate::grant::{Grant, TokenResponse};
use crate::token::FLOOR;

/// Milliseconds that a run may take: 27 s.
const RUN: u64 = 27_000;

/// What is counted and remembered, first for one run, then for all of them.
#[derive(Debug, Default)]
pub(super) struct Checks {
    pub(super) violation: Option<String>,
    /// Of this run: how often a process was interrupted, stopped or killed, a request failed, the disk was full.
    pub(super) switches: usize,
    pub(super) stops: usize,
    pub(super) kills: usize,
    pub(super) faults: usize,
    pub(super) full: usize,
    /// Requests of this run.
    requests: usize,
    /// Refresh tokens that may have been consumed.
    spent: HashSet<String>,
    /// The back-off in which no request is allowed.
    window: Option<Window>,
    /// Whether a token was replaced because a caller insisted.
    insisted: bool,
    /// Of all runs: requests, tokens served, errors, runs with a kill, and refresh tokens sent.
    pub(super) total: Total,
}

/// Sums over all runs: a check that never had anything to judge proves nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) requests: usize,
    pub(super) refreshes: usize,
    pub(super) served: usize,
    pub(super) errors: usize,
    pub(super) switches: usize,
    pub(super) stops: usize,
    pub(super) kills: usize,
    pub(super) faults: usize,
    pub(super) full: usize,
    /// Requests that were allowed although a failure was on the disk: the caller insisted.
    pub(super) overridden: usize,
}

impl Total {
    /// The sum of both.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            refreshes: self.refreshes + other.refreshes,
            served: self.served + other.served,
            errors: self.errors + other.errors,
            switches: self.switches + other.switches,
            stops: self.stops + other.stops,
            kills: self.kills + other.kills,
            faults: self.faults + other.faults,
            full: self.full + other.full,
            overridden: self.overridden + other.overridden,
        }
    }
}

/// What a process found at first: the token that it could have served.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Version of the disk.
    version: u64,
    /// When the token that was there ends, in milliseconds of the model.
    ends: Option<u64>,
}

/// The back-off after a failure.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// Wall-clock second at which it is over.
    until: i64,
    /// Whose failure it was.
    by: Option<usize>,
    /// First version of the disk that has the failure.
    told: Option<u64>,
}

impl Checks {
    /// A run begins, with this on the disk.
    pub(super) fn begin(&mut self, disk: Option<&Entry>) {
        let failure = disk.and_then(|entry| entry.failure.as_ref());
        let window = failure.map(|failure| Window { until: failure.until, by: None, told: Some(0) });
        let marked = disk.filter(|entry| entry.refresh_in_flight).and_then(|entry| entry.refresh_token.as_ref());
        let spent = marked.map(|token| token.expose().to_owned()).into_iter().collect();
        *self = Self { violation: self.violation.take(), total: self.total, window, spent, ..Self::default() };
    }
}

impl State {
    /// Whether processes can coordinate, and the clock can be believed.
    fn strict(&self) -> bool {
        self.scenario.locks == Locks::Work && self.set_by == 0
    }

    /// Milliseconds left of an access token, by the tenant's clock; `None` if the tenant never issued it.
    fn left(&self, access_token: &str) -> Option<i64> {
        let ends = i64::try_from(*self.server.ends.get(access_token)?).ok()?;
        Some(ends - i64::try_from(self.now).ok()?)
    }

    /// A process reads the entry.
    pub(super) fn check_load(&mut self, pid: usize) {
        if self.procs[pid].found.is_some() {
            return;
        }
        let token = self.disk.as_ref().and_then(|entry| entry.token.as_ref());
        let ends = token.and_then(|token| self.server.ends.get(token.access_token.expose()).copied());
        self.procs[pid].found = Some(Found { version: self.version, ends });
    }

    /// A process sends a request.
    pub(super) fn check_send(&mut self, pid: usize, grant: &Grant) {
        self.checks.requests += 1;
        if self.strict() && self.procs.iter().any(|proc| proc.sent.is_some()) {
            self.violated("I1", "two requests of live processes are in flight");
        }
        if let Grant::RefreshToken(token) = grant {
            self.checks.total.refreshes += 1;
            if !self.procs[pid].holds_lock {
                self.violated("I5", "a refresh token is sent without the lock");
            }
            if !self.checks.spent.insert(token.expose().to_owned()) {
                self.violated("I5", "a refresh token that may have been consumed is sent again");
            }
        }
        self.check_window(pid);
    }

    /// I7: no request during a back-off, except by a caller that insists and had seen the failure when it started.
    fn check_window(&mut self, pid: usize) {
        let Some(window) = self.checks.window else { return };
        if !self.strict() || window.by == Some(pid) || self.wall() >= window.until {
            return;
        }
        let saw = self.procs[pid].found.as_ref().is_some_and(|found| window.told.is_some_and(|at| found.version >= at));
        if self.scenario.wants[pid] == Want::New && saw {
            self.checks.total.overridden += 1;
        } else {
            self.violated("I7", "a request during the back-off");
        }
    }

    /// A process gets an answer.
    pub(super) fn check_answer(
        &mut self,
        pid: usize,
        grant: &Grant,
        fate: Fate,
        answer: &Result<TokenResponse, RequestError>,
    ) {
        if let Grant::RefreshToken(token) = grant
            && fate.leaves_refresh_token()
        {
            self.checks.spent.remove(token.expose());
        }
        let until = self.wall() + fate.pause();
        // What the system refuses one process, it may grant another.
        let is_remembered = answer.is_err() && fate != Fate::Local;
        self.checks.window = is_remembered.then_some(Window { until, by: Some(pid), told: None });
    }

    /// A process notes its failure where it could not save it.
    pub(super) fn check_note(&mut self, pid: usize) {
        let version = self.version;
        if let Some(window) = self.checks.window.as_mut().filter(|window| window.by == Some(pid)) {
            window.told.get_or_insert(version);
        }
    }

    /// A process is dead: what it knows and has not told is lost.
    pub(super) fn check_killed(&mut self, pid: usize) {
        if self.checks.window.is_some_and(|window| window.by == Some(pid) && window.told.is_none()) {
            self.checks.window = None;
        }
    }

    /// A process replaces the entry.
    pub(super) fn check_save(&mut self, pid: usize, entry: &Entry) {
        let version = self.version;
        if let Some(window) = &mut self.checks.window
            && window.by == Some(pid)
            && window.told.is_none()
            && entry.failure.is_some()
        {
            window.told = Some(version);
        }
        self.check_saved_refresh_token(entry);
        let old = self.disk.as_ref().and_then(|entry| entry.token.clone());
        let old_left = old.as_ref().and_then(|token| self.left(token.access_token.expose())).unwrap_or(0);
        let new_left = match &entry.token {
            None => 0,
            Some(token) => match self.left(token.access_token.expose()) {
                None => return self.violated("I4", "a token that nobody issued is saved"),
                Some(left) => {
                    let said = token.remaining(self.clocks(), &|| Some("this".to_owned()));
                    if said * 1000 > left + 1000 && self.set_by == 0 {
                        self.violated("I4", "a token is saved with a longer life than it has");
                    }
                    left
                }
            },
        };
        // A second is what rounding to whole seconds costs.
        if old_left <= FLOOR * 1000 || new_left >= old_left - 1000 {
            return;
        }
        if self.scenario.wants[pid].insists() && new_left + self.since_read(pid) > (FLOOR - 1) * 1000 {
            self.checks.insisted = true;
        } else if self.strict() {
            self.violated("I4", "a good token is replaced by one that ends earlier");
        }
    }

    /// Milliseconds since a process last looked at a clock: it cannot help being stopped after that.
    fn since_read(&self, pid: usize) -> i64 {
        i64::try_from(self.now - self.procs[pid].read).unwrap_or(0)
    }

    /// I5: the disk never offers a refresh token that may have been consumed.
    fn check_saved_refresh_token(&mut self, entry: &Entry) {
        let offered = entry.refresh_token.as_ref().filter(|_| !entry.refresh_in_flight);
        if offered.is_some_and(|token| self.checks.spent.contains(token.expose())) {
            self.violated("I5", "a refresh token that may have been consumed is saved without its mark");
        }
    }

    /// A process ends.
    pub(super) fn check_end(&mut self, pid: usize, result: &Result<AccessToken, Error>) {
        let proc = &self.procs[pid];
        let took = (self.now - proc.started).saturating_sub(proc.stopped);
        if took > RUN {
            self.violated("I9", &format!("a run of {took} ms"));
        }
        match result {
            Ok(served) => self.check_served(pid, served),
            Err(_) => self.check_error(pid),
        }
    }

    /// I2: a token is good when it is handed out, for as long as is said and as is wanted.
    fn check_served(&mut self, pid: usize, served: &AccessToken) {
        self.checks.total.served += 1;
        let Some(left) = self.left(served.access_token.expose()) else {
            return self.violated("I2", "a token that nobody issued is served");
        };
        let left = left + self.since_read(pid);
        if left <= (FLOOR - 1) * 1000 {
            self.violated("I2", &format!("a token is served that has {left} ms left"));
        }
        if served.remaining * 1000 >= left + 1000 {
            self.violated("I2", &format!("{} s are promised of {left} ms", served.remaining));
        }
        if served.remaining <= FLOOR || served.remaining < self.scenario.wants[pid].request().min_ttl {
            self.violated("I2", &format!("only {} s are left", served.remaining));
        }
    }

    /// I6: a process that found a token that is still good enough gets a token.
    fn check_error(&mut self, pid: usize) {
        self.checks.total.errors += 1;
        let needed = self.scenario.wants[pid].request().min_ttl.max(FLOOR).unsigned_abs() * 1000 + 1000;
        let proc = &self.procs[pid];
        let found = proc.found.as_ref().and_then(|found| found.ends);
        let must_renew = self.scenario.wants[pid] == Want::New;
        if !must_renew
            && found.is_some_and(|ends| ends > proc.read + needed)
            && !self.checks.insisted
            && self.set_by == 0
        {
            self.violated("I6", "a process that found a good token serves none");
        }
    }

    /// A run is over.
    pub(super) fn check_run(&mut self) {
        if self.server.reused > 0 {
            self.violated("I5", "the tenant saw a refresh token again");
        }
        let checks = &self.checks;
        let calm = checks.faults == 0 && checks.full == 0 && self.strict();
        let insists = self.scenario.wants.iter().any(|want| want.insists());
        if calm && !insists && checks.requests > 1 + checks.kills {
            self.violated("I1", "more requests than the renewal needs");
        }
        let Checks { requests, switches, stops, kills, faults, full, .. } = self.checks;
        let run = Total { requests, switches, stops, kills, faults, full, ..Total::default() };
        self.checks.total = self.checks.total.plus(run);
    }
}
