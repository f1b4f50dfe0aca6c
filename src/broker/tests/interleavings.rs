//! A model check of the broker: the real code, run by several processes in every order that matters.
//!
//! Each process calls [`Broker::obtain`](super::Broker::obtain) against a world in memory. Every call into the store,
//! the tenant or the clock is a step before which another process may go on, or this one may be stopped for a while
//! or killed; a request may fail in every way, a write may find the disk full. The usual way through costs nothing,
//! each of these is a *deviation*. All runs with a few deviations are made, depth first, and many more by chance.
//! In each of them the invariants are judged by what the tenant knows, see `checks.rs`.
//!
//! Three things are left out because they cannot make a difference: an interruption before a clock reading (only a
//! stop is tried there), the death of a process that has neither the lock nor a request on its way (it is as if it
//! had come to nothing), and polls of a world in which nothing changed.

use super::profile;
use crate::broker::request::fingerprint;
use crate::broker::{Renew, TokenRequest};
use crate::entry::{Entry, Failure};
use crate::failure::FailureKind;
use crate::secret::Secret;
use crate::token::Token;

mod checks;
mod search;
mod server;
mod world;

use checks::Total;
use search::Search;
use server::Server;
use world::World;

/// Wall-clock second at which every run begins.
const WALL: i64 = 1_000_000_000;

/// Life of a token in seconds.
const LIFE: i64 = 10_800;

/// The life that [`Want::More`] asks for.
const MORE: i64 = 3_600;

/// What a process wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Any,
    /// A token that lives for an hour.
    More,
    /// A new token.
    New,
    /// Not the token `t0`.
    Other,
}

impl Want {
    /// In the broker's terms.
    fn request(self) -> TokenRequest {
        match self {
            Self::Any => TokenRequest::default(),
            Self::More => TokenRequest { min_ttl: MORE, ..TokenRequest::default() },
            Self::New => TokenRequest { renew: Renew::Always, ..TokenRequest::default() },
            Self::Other => {
                let refused = fingerprint(&Secret::new("t0".to_owned()));
                TokenRequest { renew: Renew::IfRejected(refused), ..TokenRequest::default() }
            }
        }
    }

    /// Whether it may replace a good token.
    fn insists(self) -> bool {
        matches!(self, Self::New | Self::Other)
    }
}

/// Whether processes can lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locks {
    Work,
    /// The first process can lock, the others cannot: the cache is shared by machines that differ.
    WorkForOne,
    Unsupported,
    Unusable,
}

/// What the disk holds at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start {
    /// Seconds that the token `t0` has left, if there is one.
    left: Option<i64>,
    /// The refresh token `r0`: whether it is marked.
    refresh: Option<bool>,
    /// A failure for so many seconds more.
    failure: Option<i64>,
}

impl Start {
    /// The entry; the tenant knows what is in it.
    fn entry(self, server: &mut Server) -> Option<Entry> {
        let refresh = self.refresh.map(|_| "r0");
        if let Some(left) = self.left {
            let ends = u64::try_from(left.max(0)).unwrap_or(0) * 1000;
            server.know("t0", ends, refresh);
        }
        let until = self.failure.map(|pause| WALL + pause);
        (self != COLD).then(|| Entry {
            token: self.left.map(|left| Token {
                access_token: Secret::new("t0".to_owned()),
                issued_at: WALL + left - LIFE,
                expires_at: WALL + left,
                issued_boot: Some(500_000 + left - LIFE),
                boot_id: Some("this".to_owned()),
            }),
            refresh_token: refresh.map(|token| Secret::new(token.to_owned())),
            refresh_in_flight: self.refresh == Some(true),
            replaced_at: 0,
            refused_by: Vec::new(),
            renew_after: until.unwrap_or(0),
            failure: until.map(|until| {
                Box::new(Failure {
                    kind: FailureKind::Denied(None),
                    cause: "HTTP 401".to_owned(),
                    at: WALL - 30,
                    until,
                    count: 1,
                    tried: vec![crate::broker::failure::fingerprint(&profile(), "id", "")],
                })
            }),
        })
    }
}

/// No entry at all.
const COLD: Start = Start { left: None, refresh: None, failure: None };

/// An entry with the token `t0` that has so many seconds left, and perhaps a refresh token, marked or not.
const fn aged(left: i64, refresh: Option<bool>) -> Start {
    Start { left: Some(left), refresh, failure: None }
}

/// Every beginning: nothing; fresh, expiring, due and expired; at the end of its life; marked; failed just before.
const STARTS: [Start; 12] = [
    COLD,
    aged(10_000, Some(false)),
    aged(400, Some(false)),
    aged(100, Some(false)),
    aged(100, None),
    aged(8, Some(false)),
    aged(-1, None),
    aged(-1, Some(false)),
    aged(-1, Some(true)),
    Start { failure: Some(30), ..COLD },
    Start { failure: Some(30), ..aged(100, Some(false)) },
    Start { failure: Some(30), ..aged(-1, Some(true)) },
];

/// Pairs of callers.
const PAIRS: [[Want; 2]; 6] = [
    [Want::Any, Want::Any],
    [Want::Any, Want::More],
    [Want::Any, Want::New],
    [Want::Any, Want::Other],
    [Want::New, Want::New],
    [Want::More, Want::New],
];

/// What is explored.
#[derive(Debug, Clone)]
struct Scenario {
    start: Start,
    wants: Vec<Want>,
    /// When each process starts, in milliseconds.
    starts: Vec<u64>,
    locks: Locks,
    /// Whether the wall clock may be set once.
    clock_jumps: bool,
    /// Whether all but the first process run on another machine, with another boot clock.
    two_machines: bool,
}

impl Scenario {
    /// Callers that start together.
    fn new(start: Start, wants: &[Want]) -> Self {
        Self {
            start,
            wants: wants.to_vec(),
            starts: vec![0; wants.len()],
            locks: Locks::Work,
            clock_jumps: false,
            two_machines: false,
        }
    }

    /// The same, the last one ten seconds later: it finds what the others left.
    fn last_later(mut self) -> Self {
        if let Some(last) = self.starts.last_mut() {
            *last = 10_000;
        }
        self
    }
}

/// Whether the big exploration is wanted.
#[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
fn full() -> bool {
    std::env::var_os("WS1_TEST_FULL").is_some_and(|value| value == "1")
}

/// Explores scenarios; fails with the first run in which an invariant does not hold. Returns the number of runs.
#[expect(clippy::print_stderr, reason = "tells with --nocapture how much was explored")]
fn explore(name: &str, scenarios: &[Scenario], search: impl Fn(usize) -> Search) -> Total {
    let began = std::time::Instant::now();
    let (mut all, mut sum) = (0, Total::default());
    for (number, scenario) in scenarios.iter().enumerate() {
        let (runs, checks) =
            World::explore(scenario, search(number), profile()).unwrap_or_else(|what| panic!("{what}"));
        all += runs;
        sum = sum.plus(checks.total);
    }
    let scenarios = scenarios.len();
    eprintln!("{name}: {all} runs of {scenarios} scenarios in {:.1} s: {sum:?}", began.elapsed().as_secs_f64());
    sum
}

/// Every start with every group of callers.
fn everything(groups: &[&[Want]]) -> Vec<Scenario> {
    STARTS.iter().flat_map(|start| groups.iter().map(|wants| Scenario::new(*start, wants))).collect()
}

/// Nothing that can happen may be missing: a check that had nothing to judge proves nothing.
fn met_everything(total: Total) {
    let Total { requests, refreshes, served, errors, switches, stops, kills, faults, full, overridden } = total;
    let counts = [requests, refreshes, served, errors, switches, stops, kills, faults, full, overridden];
    assert!(counts.iter().all(|count| *count > 0), "{total:?}");
}

#[test]
fn two_processes_in_every_order() {
    let groups: Vec<&[Want]> = PAIRS.iter().map(<[Want; 2]>::as_slice).collect();
    let (deep, shallow) = if full() { (groups.as_slice(), &groups[..0]) } else { groups.split_at(1) };
    met_everything(explore("two processes, 2 deviations", &everything(deep), |_| Search::systematic(2)).plus(explore(
        "two processes, 1 deviation",
        &everything(shallow),
        |_| Search::systematic(1),
    )));
    if full() {
        let scenarios = [COLD, aged(-1, Some(false))].map(|start| Scenario::new(start, &[Want::Any, Want::Any]));
        explore("two processes, 3 deviations", &scenarios, |_| Search::systematic(3));
    }
}

#[test]
fn three_processes_in_every_order() {
    use Want::{Any, New};
    let together = everything(&[&[Any, Any, Any], &[Any, Any, New]]);
    let later = everything(&[&[Any, Any], &[Any, New], &[New, Any], &[Any, Any, Any]]);
    let scenarios: Vec<Scenario> = together.into_iter().chain(later.into_iter().map(Scenario::last_later)).collect();
    met_everything(explore("three processes, 1 deviation", &scenarios, |_| Search::systematic(1)));
    if full() {
        let scenarios: Vec<_> = everything(&[&[Any, Any]]).into_iter().map(Scenario::last_later).collect();
        explore("two processes and a later one, 2 deviations", &scenarios, |_| Search::systematic(2));
    }
}

#[test]
fn processes_by_chance() {
    use Want::{Any, More, New, Other};
    let scenarios = everything(&[&[Any, Any, Any], &[Any, More, New], &[Any, Other, New]]);
    let runs = if full() { 1_000 } else { 100 };
    met_everything(explore("by chance", &scenarios, |number| Search::random(0x5eed + number as u64 * 7919, runs)));
}

#[test]
fn processes_that_cannot_lock() {
    let groups: [&[Want]; 2] = [&[Want::Any, Want::Any], &[Want::Any, Want::New]];
    for locks in [Locks::WorkForOne, Locks::Unsupported, Locks::Unusable] {
        let mut scenarios = everything(&groups);
        for scenario in &mut scenarios {
            scenario.locks = locks;
            if locks == Locks::WorkForOne {
                // It marks and sends the refresh token while the other, after its random wait, has a request under way.
                scenario.starts[0] = 1_100;
            }
        }
        let total = explore(&format!("{locks:?}"), &scenarios, |_| Search::systematic(if full() { 2 } else { 1 }));
        assert!(total.served > 0 && total.errors > 0, "{total:?}");
        assert_eq!(total.refreshes > 0, locks == Locks::WorkForOne, "{total:?}");
    }
}

#[test]
fn processes_whose_clock_is_set() {
    let groups: [&[Want]; 2] = [&[Want::Any, Want::Any], &[Want::Any, Want::New]];
    let scenarios: Vec<_> = everything(&groups).into_iter().map(|all| Scenario { clock_jumps: true, ..all }).collect();
    met_everything(explore("clock set", &scenarios, |_| Search::systematic(if full() { 2 } else { 1 })));
}

#[test]
fn processes_of_two_machines() {
    let groups: [&[Want]; 2] = [&[Want::Any, Want::Any], &[Want::Any, Want::New]];
    let scenarios: Vec<_> = everything(&groups).into_iter().map(|all| Scenario { two_machines: true, ..all }).collect();
    met_everything(explore("two machines", &scenarios, |_| Search::systematic(if full() { 2 } else { 1 })));
}
