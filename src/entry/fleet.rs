//! What a fleet asks of a tenant: machines that each keep a token fresh, simulated with the decisions of this module. Time
//! is a number here, and chance a sequence that is the same every time. `docs/kubernetes.md` has the table.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use super::{Entry, Need, Verdict};
use crate::clock::Now;
use crate::failure::{FailureKind, RequestFailure};
use crate::secret::Secret;
use crate::token::Token;

/// Seconds between two looks of `--watch`.
const INTERVAL: i64 = 10;

/// Life of a token in seconds.
const LIFE: i64 = 10_800;

/// Numbers that look random: the same for the same start (Knuth's MMIX).
struct Chance(u64);

impl Chance {
    /// A number below a limit.
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A fleet and its tenant.
struct Fleet {
    /// How many machines there are, each with as many profiles.
    machines: i64,
    /// The same for each machine.
    profiles: i64,
    /// Seconds in which they start.
    start: i64,
    /// When the tenant answers 503.
    outage: Range<i64>,
}

impl Fleet {
    /// Requests by second, for so many seconds.
    fn run(&self, seconds: i64) -> BTreeMap<i64, i64> {
        let mut chance = Chance(1);
        let mut entries: Vec<Entry> = (0..self.machines * self.profiles).map(|_| Entry::default()).collect();
        let mut looks: BinaryHeap<_> =
            (0..entries.len()).map(|number| Reverse((chance.below(self.start), number))).collect();
        let mut requests = BTreeMap::new();
        while let Some(Reverse((time, number))) = looks.pop() {
            if time >= seconds {
                break;
            }
            let entry = &mut entries[number];
            let next = match entry.verdict(&Need::default(), now(time), &|| None, &|| 0) {
                // Nothing can change before the token has this long left.
                Verdict::Serve(_, left) => (left - 600) / INTERVAL * INTERVAL,
                Verdict::HoldBack(..) | Verdict::TooShort(_) => INTERVAL,
                Verdict::Renew(_) => {
                    *requests.entry(time).or_default() += 1;
                    self.ask(entry, time, &mut chance);
                    INTERVAL
                }
            };
            looks.push(Reverse((time + next.max(INTERVAL), number)));
        }
        requests
    }

    /// A request: a token, or 503 during the outage.
    fn ask(&self, entry: &mut Entry, time: i64, chance: &mut Chance) {
        let now = now(time);
        if self.outage.contains(&time) {
            let roll = chance.below(1000);
            entry.fail(&RequestFailure::new(FailureKind::ServerError, "503"), now.wall, roll, 0);
            return;
        }
        let text: String = (0..8).map(|_| char::from(b'a' + u8::try_from(chance.below(26)).unwrap())).collect();
        let token = Token {
            access_token: Secret::new(text),
            issued_at: now.wall,
            expires_at: now.wall + LIFE,
            issued_boot: None,
            boot_id: None,
        };
        entry.accept(token, &Need::default(), now, &|| None);
    }
}

/// A moment, so many seconds after the start.
fn now(time: i64) -> Now {
    Now { wall: 1_000_000 + time, boot: None }
}

/// A row of the table.
fn row(title: &str, fleet: &Fleet, watched: Range<i64>) -> String {
    let requests = fleet.run(watched.end);
    let seen: Vec<(&i64, &i64)> = requests.range(watched.clone()).collect();
    let all: i64 = seen.iter().map(|(_, count)| **count).sum();
    let (at, peak) = seen.iter().max_by_key(|(at, count)| (**count, -**at)).copied().unwrap_or((&0, &0));
    let tenths = all * 36_000 / (watched.end - watched.start);
    let hourly = if tenths < 100 { format!("{}.{}", tenths / 10, tenths % 10) } else { (tenths / 10).to_string() };
    format!("| {title} | {hourly} | {peak} | {at} |\n")
}

#[test]
fn what_a_fleet_asks_of_its_tenant() {
    let fleet = |machines, start| Fleet { machines, profiles: 1, start, outage: 0..0 };
    let hour = 3600;
    let mut table =
        "| fleet | requests an hour | most in a second | when, in seconds |\n|---|---|---|---|\n".to_owned();
    table += &row("10,000 nodes, from day to day", &fleet(10_000, LIFE), 6 * hour..12 * hour);
    table += &row("the same, started within a minute: the start", &fleet(10_000, 60), 0..hour);
    table += &row("the same: the renewals before the first 3 hours are over", &fleet(10_000, 60), 2 * hour..3 * hour);
    table += &row("the same: those of the next 3 hours", &fleet(10_000, 60), 5 * hour..6 * hour);
    let outage = Fleet { outage: 2 * hour..3 * hour + 1800, ..fleet(10_000, 60) };
    table += &row("the same, the tenant down for 90 min: while it is down", &outage, 2 * hour..3 * hour + 1800);
    table += &row("the same: the hour after", &outage, 3 * hour + 1800..4 * hour + 1800);
    table += &row(
        "1,000 nodes with 3 profiles each, from day to day",
        &Fleet { profiles: 3, ..fleet(1000, LIFE) },
        6 * hour..12 * hour,
    );
    table += &row("any number of nodes, one Secret", &fleet(1, 1), 0..30 * hour);
    insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("fleet", table);
    });
    let page = include_str!("../../docs/kubernetes.md");
    assert!(page.contains(&table), "docs/kubernetes.md has another table");
}
