//! What the processes share, and who makes the next step.
//!
//! Every process has a thread, but only the one whose turn it is runs. It keeps the turn from step to step, without a
//! switch of threads, until it waits, ends, or the search takes the turn away.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::checks::{Checks, Found};
use super::search::Search;
use super::server::{FATES, Fate, Server};
use super::{Locks, Scenario, WALL};
use crate::broker::{AccessToken, Broker, RUN_LIMIT};
use crate::cache::{Loaded, Store};
use crate::clock::{Clock, Deadline, Now};
use crate::config::{AuthStyle, Profile};
use crate::endpoint::{Endpoint, RequestError};
use crate::entry::{Entry, Failure};
use crate::error::Error;
use crate::grant::{Grant, TokenResponse};
use crate::lock::LockAttempt;
use crate::log::Log;
use crate::secret::Secret;

/// Milliseconds for which a stopped process is stopped: longer than anybody waits for the lock.
const STOPPED: u64 = 20_000;

/// Seconds for which the second machine has been up for longer: more than any token lives.
const UPTIME: i64 = 1_000_000;

/// Milliseconds after which a poll is repeated at the latest if nothing changes.
const POLL: u64 = 5_000;

/// Steps after which a run counts as endless.
const ENDLESS: usize = 20_000;

/// What a thread is unwound with when its process is killed.
struct Killed;

/// A step of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Load,
    Lock,
    Save,
    Unlock,
    /// A clock is read.
    Read,
    /// A request leaves.
    Send,
    /// A request arrives.
    Handle,
    /// The answer arrives.
    Answer,
    End,
}

/// A way to go on at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The process makes its step.
    Step,
    /// Another process goes on instead.
    Switch(usize),
    /// The process is stopped for a while.
    Stop,
    /// The process is killed; what is on its way to the tenant is lost.
    Kill,
    /// The process is killed; what is on its way to the tenant arrives.
    KillArrives,
    /// The process is killed; what is on its way to the tenant arrives after the next request.
    KillArrivesLate,
    /// The wall clock is set by so many seconds.
    SetClock(i64),
}

/// A process.
#[derive(Debug, Clone, Default)]
pub(super) struct Proc {
    pub(super) started: u64,
    /// Milliseconds for which it was stopped.
    pub(super) stopped: u64,
    /// When it goes on; `None` once it has ended.
    wake: Option<u64>,
    /// While it polls: when it goes on at the earliest, once something has changed.
    poll: Option<u64>,
    /// The version of the disk and the lock when it last looked.
    seen: u64,
    pub(super) holds_lock: bool,
    /// The request that it has sent.
    pub(super) sent: Option<(Grant, Fate)>,
    /// When it last read the clock.
    pub(super) read: u64,
    /// What its first look at the disk found.
    pub(super) found: Option<Found>,
}

/// Everything of a run.
pub(super) struct State {
    pub(super) scenario: Scenario,
    pub(super) search: Search,
    /// Milliseconds since the beginning.
    pub(super) now: u64,
    /// Seconds by which the wall clock was set.
    pub(super) set_by: i64,
    pub(super) disk: Option<Entry>,
    /// The failure that is noted in the lock file.
    pub(super) noted: Option<Failure>,
    lock: Option<usize>,
    /// Counts the changes of the disk and of the lock.
    pub(super) version: u64,
    pub(super) server: Server,
    pub(super) procs: Vec<Proc>,
    /// Whose turn it is; `None` when all runs are made.
    turn: Option<usize>,
    steps: usize,
    pub(super) checks: Checks,
    /// The steps of this run.
    trace: Vec<(u64, usize, String)>,
}

/// The world of an exploration: all runs of a search in one scenario.
pub(super) struct World {
    state: Mutex<State>,
    /// One for every process.
    turns: Vec<Condvar>,
    profile: Profile,
}

impl World {
    /// Makes all runs; gives how many they were and what the checks counted, or the first violation.
    pub(super) fn explore(scenario: &Scenario, search: Search, profile: Profile) -> Result<(usize, Checks), String> {
        let count = scenario.wants.len();
        let mut state = State {
            scenario: scenario.clone(),
            search,
            now: 0,
            set_by: 0,
            disk: None,
            noted: None,
            lock: None,
            version: 0,
            server: Server::default(),
            procs: Vec::new(),
            turn: None,
            steps: 0,
            checks: Checks::default(),
            trace: Vec::new(),
        };
        state.begin();
        let world = Self { state: Mutex::new(state), turns: (0..count).map(|_| Condvar::new()).collect(), profile };
        std::thread::scope(|scope| {
            for pid in 0..count {
                let process = Process { world: &world, pid };
                scope.spawn(move || process.live());
            }
        });
        let state = world.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.checks.violation.clone().map_or(Ok((state.search.runs, state.checks)), Err)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Prepares a run and chooses the process that begins.
    fn begin(&mut self) {
        self.now = 0;
        self.set_by = 0;
        self.noted = None;
        self.lock = None;
        self.version = 0;
        self.steps = 0;
        self.trace.clear();
        self.server = Server::default();
        self.disk = self.scenario.start.entry(&mut self.server);
        self.checks.begin(self.disk.as_ref());
        self.procs = self.scenario.starts.iter().map(|at| Proc { wake: Some(*at), ..Proc::default() }).collect();
        self.pass_on(0);
    }

    /// Gives the turn to one of the processes that can go on, at the moment when there is one. `after` comes last.
    fn pass_on(&mut self, after: usize) {
        let Some(next) = self.procs.iter().filter_map(|proc| proc.wake).min() else { return };
        self.now = self.now.max(next);
        let count = self.procs.len();
        let ready: Vec<usize> = (after + 1..=after + count)
            .map(|pid| pid % count)
            .filter(|pid| self.procs[*pid].wake.is_some_and(|wake| wake <= self.now))
            .collect();
        self.turn = Some(ready[self.search.choose(ready.len(), ready.len())]);
    }

    /// Ends a run: the next one begins, unless there is none.
    fn end_run(&mut self) {
        if self.checks.violation.is_some() || !self.search.next() {
            self.turn = None;
            return;
        }
        self.begin();
    }

    /// How a process goes on at a step.
    fn decide(&mut self, pid: usize, step: Step) -> Turn {
        let mut turns = vec![Turn::Step];
        // A clock reading has nothing to do with what other processes do meanwhile, unless time passes.
        if step != Step::Read {
            let ready = |other: &usize| *other != pid && self.procs[*other].wake.is_some_and(|wake| wake <= self.now);
            turns.extend((0..self.procs.len()).filter(ready).map(Turn::Switch));
        }
        if self.checks.stops < 2 && step != Step::End {
            turns.push(Turn::Stop);
        }
        // The death of a process that neither has the lock nor a request on its way has no effect.
        let kills = self.checks.kills < 2 && (self.procs[pid].holds_lock || self.procs[pid].sent.is_some());
        if kills && !matches!(step, Step::Read | Step::End | Step::Unlock) {
            turns.push(Turn::Kill);
            if step == Step::Handle {
                turns.extend([Turn::KillArrives, Turn::KillArrivesLate]);
            }
        }
        if self.scenario.clock_jumps && step == Step::Read && self.set_by == 0 {
            turns.extend([-86_400, -200, 86_400].map(Turn::SetClock));
        }
        turns[self.search.choose(1, turns.len())]
    }

    /// Something changed: every waiting process sees it at its next poll.
    fn changed(&mut self) {
        self.version += 1;
        for proc in &mut self.procs {
            if let Some(earliest) = proc.poll.take() {
                proc.wake = Some(earliest.max(self.now));
            }
        }
    }

    /// When a process that sleeps goes on.
    ///
    /// As long as nothing changes, all polls are alike. Depth first, they are left out: the sleep ends at the change,
    /// at the end of the wait, or after some seconds.
    fn sleep_until(&mut self, pid: usize, time: Duration) -> u64 {
        let proc = &mut self.procs[pid];
        let earliest = self.now + millis(time);
        let is_poll = time <= Duration::from_millis(50);
        if !is_poll || proc.seen != self.version || self.search.is_random() {
            return earliest;
        }
        proc.poll = Some(earliest);
        let over = proc.started + 15_000;
        let latest = if over > self.now { over.min(self.now + POLL) } else { self.now + POLL };
        latest.max(earliest)
    }

    /// The wall clock in seconds.
    pub(super) fn wall(&self) -> i64 {
        WALL + i64::try_from(self.now / 1000).unwrap_or(i64::MAX) + self.set_by
    }

    /// Both clocks.
    pub(super) fn clocks(&self) -> Now {
        let seconds = i64::try_from(self.now / 1000).unwrap_or(i64::MAX);
        Now { wall: self.wall(), boot: Some(500_000 + seconds) }
    }

    /// Notes what a process does.
    fn note(&mut self, pid: usize, what: impl FnOnce() -> String) {
        self.trace.push((self.now, pid, what()));
    }

    /// Notes the first violation, with everything that led to it.
    pub(super) fn violated(&mut self, invariant: &str, what: &str) {
        if self.checks.violation.is_none() {
            let mut steps = String::new();
            for (at, pid, what) in &self.trace {
                let _ = writeln!(steps, "  {at:>6} ms  process {pid}: {what}");
            }
            let run = self.search.describe();
            self.checks.violation = Some(format!("{invariant}: {what}\n{:?}\n{run}\n{steps}", self.scenario));
        }
    }
}

/// One process: the three seams of the broker, each call a step.
#[derive(Clone, Copy)]
struct Process<'w> {
    world: &'w World,
    pid: usize,
}

impl<'w> Process<'w> {
    /// A thread: the same process in every run.
    fn live(self) {
        while let Some(mut state) = self.wait(self.world.lock()) {
            state.procs[self.pid].started = state.now;
            let want = state.scenario.wants[self.pid].request();
            drop(state);
            let result = catch_unwind(AssertUnwindSafe(|| {
                let log = Log::new(Box::new(std::io::sink()), &|_| None);
                let profile = &self.world.profile;
                let deadline = Deadline::after(&self, RUN_LIMIT);
                let broker = Broker {
                    profile,
                    store: &self,
                    clock: &self,
                    endpoint: &self,
                    log: &log,
                    identity: "id",
                    deadline,
                };
                let result = broker.obtain(&want);
                drop(self.step(Step::End));
                result
            }));
            self.ended(&result.map_err(|payload| payload.is::<Killed>()));
        }
    }

    /// The end of a process: by itself, by a kill (`Err(true)`) or by a panic.
    fn ended(self, result: &Result<Result<AccessToken, Error>, bool>) {
        let mut state = self.world.lock();
        match result {
            Ok(result) => {
                state.note(self.pid, || match result {
                    Ok(served) => format!("serves {}, {} s left", served.access_token.expose(), served.remaining),
                    Err(error) => format!("fails: {error}"),
                });
                state.check_end(self.pid, result);
            }
            Err(true) => state.note(self.pid, || "is dead".to_owned()),
            Err(false) => state.violated("I11", "a process panicked"),
        }
        state.procs[self.pid].wake = None;
        state.procs[self.pid].sent = None;
        if state.procs.iter().all(|proc| proc.wake.is_none()) {
            state.check_run();
            state.end_run();
        } else {
            state.pass_on(self.pid);
        }
        self.hand_over(&state);
    }

    /// Wakes the thread whose turn it is.
    fn hand_over(self, state: &State) {
        match state.turn {
            Some(pid) => self.world.turns[pid].notify_one(),
            None => self.world.turns.iter().for_each(Condvar::notify_one),
        }
    }

    /// Waits for the turn; `None` when all runs are made.
    fn wait(self, mut state: MutexGuard<'w, State>) -> Option<MutexGuard<'w, State>> {
        loop {
            match state.turn {
                Some(pid) if pid == self.pid => return Some(state),
                None => return None,
                Some(_) => {
                    state = self.world.turns[self.pid].wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Waits for the turn in the middle of a run.
    fn resume(self, state: MutexGuard<'w, State>) -> MutexGuard<'w, State> {
        self.wait(state).expect("a run does not end before its processes")
    }

    /// Lets time pass for this process.
    fn pause(self, mut state: MutexGuard<'w, State>, until: u64) -> MutexGuard<'w, State> {
        state.procs[self.pid].wake = Some(until);
        state.pass_on(self.pid);
        self.hand_over(&state);
        let mut state = self.resume(state);
        state.procs[self.pid].poll = None;
        state
    }

    /// Comes to a step; gives the state when the step is to be made.
    fn step(self, step: Step) -> MutexGuard<'w, State> {
        let mut state = self.world.lock();
        loop {
            state.steps += 1;
            if state.steps > ENDLESS {
                state.violated("I9", "the run does not end");
                die(state);
            }
            let turn = state.decide(self.pid, step);
            match turn {
                Turn::Step => return state,
                Turn::Switch(other) => {
                    state.note(self.pid, || format!("is interrupted before {step:?}"));
                    state.checks.switches += 1;
                    state.turn = Some(other);
                    self.hand_over(&state);
                    state = self.resume(state);
                    return state;
                }
                Turn::Stop => {
                    state.note(self.pid, || format!("is stopped before {step:?}"));
                    state.checks.stops += 1;
                    state.procs[self.pid].stopped += STOPPED;
                    let until = state.now + STOPPED;
                    return self.pause(state, until);
                }
                Turn::SetClock(by) => {
                    state.note(self.pid, || format!("the clock is set by {by} s"));
                    state.set_by = by;
                }
                Turn::Kill | Turn::KillArrives | Turn::KillArrivesLate => {
                    state.note(self.pid, || format!("is killed before {step:?}: {turn:?}"));
                    state.checks.kills += 1;
                    state.killed(self.pid, turn);
                    die(state);
                }
            }
        }
    }
}

/// The end of a process that is killed.
fn die(state: MutexGuard<'_, State>) -> ! {
    drop(state);
    resume_unwind(Box::new(Killed))
}

impl State {
    /// What becomes of a killed process's request.
    fn killed(&mut self, pid: usize, turn: Turn) {
        if let Some((grant, fate)) = self.procs[pid].sent.take() {
            match turn {
                Turn::KillArrives => drop(self.server.handle(&grant, fate, self.now)),
                Turn::KillArrivesLate => self.server.late.push(grant),
                _ => {}
            }
        }
        self.check_killed(pid);
    }

    /// Sends a request; gives when it arrives and when the caller gets the response.
    fn send(&mut self, pid: usize, grant: &Grant, limit: Duration) -> (u64, u64) {
        self.check_send(pid, grant);
        let fate = if self.checks.faults < 3 || self.search.is_random() {
            FATES[self.search.choose(1, FATES.len())]
        } else {
            Fate::Good
        };
        self.checks.faults += usize::from(fate != Fate::Good);
        self.note(pid, || format!("asks with {} {}: {fate:?}", grant.name(AuthStyle::Basic), refresh_token(grant)));
        self.procs[pid].sent = Some((grant.clone(), fate));
        let (handled, answered) = fate.times();
        let limit = millis(limit);
        (self.now + handled.min(limit), self.now + answered.min(limit))
    }
}

/// The refresh token of a grant, for the trace.
fn refresh_token(grant: &Grant) -> &str {
    match grant {
        Grant::RefreshToken(token) => token.expose(),
        Grant::ClientCredentials => "",
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Process<'_> {
    /// Whether it runs on another machine than the first, which has been up for longer.
    fn is_elsewhere(&self, state: &State) -> bool {
        state.scenario.two_machines && self.pid > 0
    }
}

impl Clock for Process<'_> {
    fn now(&self) -> Now {
        let mut state = self.step(Step::Read);
        state.procs[self.pid].read = state.now;
        let clocks = state.clocks();
        let boot = clocks.boot.map(|boot| boot + if self.is_elsewhere(&state) { UPTIME } else { 0 });
        Now { boot, ..clocks }
    }

    fn instant(&self) -> Instant {
        crate::clock::tests::instant(Duration::from_millis(self.step(Step::Read).now))
    }

    fn boot_id(&self) -> Option<String> {
        let is_elsewhere = self.is_elsewhere(&self.world.lock());
        Some(if is_elsewhere { "other" } else { "this" }.to_owned())
    }

    fn sleep(&self, time: Duration) {
        let mut state = self.world.lock();
        let until = state.sleep_until(self.pid, time);
        drop(self.pause(state, until));
    }

    fn jitter(&self, limit: Duration) -> Duration {
        limit * self.world.lock().search.roll() / 1000
    }
}

impl Endpoint for Process<'_> {
    fn request(
        &self,
        grant: &Grant,
        _secret: &Secret,
        _known: &[Secret],
        limit: Duration,
    ) -> Result<TokenResponse, RequestError> {
        let mut state = self.step(Step::Send);
        let (handled, answered) = state.send(self.pid, grant, limit);
        drop(self.pause(state, handled));
        let mut state = self.step(Step::Handle);
        let (_, fate) = state.procs[self.pid].sent.clone().expect("sent above");
        let now = state.now;
        let answer = state.server.handle(grant, fate, now);
        drop(self.pause(state, answered));
        let mut state = self.step(Step::Answer);
        state.procs[self.pid].sent = None;
        state.check_answer(self.pid, grant, fate, &answer);
        state.note(self.pid, || match &answer {
            Ok(issued) => format!("gets {}", issued.access_token.expose()),
            Err(error) => format!("gets no token: {}", error.cause()),
        });
        answer
    }
}

/// A held lock, or leave to write where locks do not work.
struct Held<'w>(Process<'w>, bool);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let Self(process, locked) = *self;
        let mut state = if std::thread::panicking() { process.world.lock() } else { process.step(Step::Unlock) };
        if locked {
            state.lock = None;
            state.procs[process.pid].holds_lock = false;
            state.changed();
        }
    }
}

impl<'w> Store for Process<'w> {
    type Guard = Held<'w>;

    fn load(&self) -> Loaded {
        let mut state = self.step(Step::Load);
        state.procs[self.pid].seen = state.version;
        state.check_load(self.pid);
        state.note(self.pid, || "reads the entry".to_owned());
        state.disk.clone().map_or(Loaded::Miss, Loaded::Entry)
    }

    fn try_lock(&self) -> LockAttempt<Held<'w>> {
        let mut state = self.step(Step::Lock);
        match state.scenario.locks {
            Locks::WorkForOne if self.pid == 0 => {}
            Locks::Unsupported | Locks::WorkForOne => {
                return LockAttempt::Unsupported(Held(*self, false), "not supported".to_owned());
            }
            Locks::Unusable => return LockAttempt::Unusable("read-only".to_owned()),
            Locks::Work => {}
        }
        if state.lock.is_some() {
            state.note(self.pid, || "finds the lock held".to_owned());
            return LockAttempt::Busy;
        }
        state.note(self.pid, || "takes the lock".to_owned());
        state.lock = Some(self.pid);
        state.procs[self.pid].holds_lock = true;
        LockAttempt::Held(Held(*self, true))
    }

    fn save(&self, _guard: &Held<'w>, entry: &Entry) -> Result<(), String> {
        let mut state = self.step(Step::Save);
        if state.search.choose(1, 2) == 1 {
            state.note(self.pid, || "cannot save".to_owned());
            state.checks.full += 1;
            return Err("disk full".to_owned());
        }
        state.note(self.pid, || {
            let token = entry.token.as_ref().map_or("-", |token| token.access_token.expose());
            let refresh = entry.refresh_token.as_ref().map_or("-", Secret::expose);
            let mark = if entry.refresh_in_flight { "!" } else { "" };
            let failure = entry.failure.as_ref().map_or(String::new(), |failure| format!(" {:?}", failure.kind));
            format!("saves {token} {refresh}{mark}{failure}")
        });
        state.changed();
        state.check_save(self.pid, entry);
        state.disk = Some(entry.clone());
        Ok(())
    }

    fn note_failure(&self, _guard: &Held<'w>, failure: &Failure) {
        let mut state = self.step(Step::Read);
        state.noted = Some(failure.clone());
        state.changed();
        state.check_note(self.pid);
    }

    fn noted_failure(&self, _guard: Option<&Held<'w>>) -> Option<Failure> {
        self.step(Step::Read).noted.clone()
    }

    fn holder(&self) -> Option<u32> {
        None
    }

    fn lock_path(&self) -> String {
        "/cache/v1.lock".to_owned()
    }
}
