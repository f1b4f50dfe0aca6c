//! Clocks that jump, stand still or start again, and tenants that state odd lifetimes.
//!
//! The wall clock is moved by a library that is loaded before the system's (`LD_PRELOAD`). The boot clock is
//! read without a library: in its place the entry's own readings are moved.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use ws1_emulator::{Emulator, Fault};

use crate::sandbox::{Sandbox, assert_snapshot, now, source};
use crate::skip::{has, is_built_with_tests};

/// Seconds of a day.
const DAY: i64 = 24 * 3600;

/// The life that the cache gives the emulator's tokens.
const LIFE: i64 = 10_799;

/// A home whose programs read the wall clock that a test sets.
struct Moved {
    /// The home.
    sandbox: Sandbox,
    /// When it was made.
    made: Instant,
}

impl Moved {
    /// A home for a tenant; `None` where no library can be built.
    fn new(emulator: &Emulator) -> Option<Self> {
        let mut sandbox = Sandbox::with_tenant(emulator);
        load_shim(&mut sandbox).then(|| Self { sandbox, made: Instant::now() })
    }

    /// Sets the wall clock for every process from now on.
    fn at(&mut self, wall: i64) -> &Sandbox {
        self.sandbox.set("WALL_AT", wall.to_string())
    }

    /// Lets the wall clock go again.
    fn free(&mut self) -> &Sandbox {
        self.sandbox.unset("WALL_AT")
    }

    /// Checks the expiry that a run reported: the wall clock stands still while the boot clock runs, so it may be
    /// earlier by as many seconds as the test has taken, and never later.
    fn assert_end(&self, told: i64, expected: i64) {
        let taken = i64::try_from(self.made.elapsed().as_secs()).unwrap() + 1;
        assert!((expected - taken..=expected).contains(&told), "{told} is not {expected}, {taken} s into the test");
    }
}

/// Lets every process of a sandbox read the wall clock that a test sets; `false` where no library can be built.
pub(crate) fn load_shim(sandbox: &mut Sandbox) -> bool {
    if !is_built_with_tests("no library can be loaded into a static program") || !has("cc") {
        return false;
    }
    let shim = sandbox.path("clock_shim.so").display().to_string();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o", &shim]).arg(source("tests/it/clock_shim.c")).arg("-ldl");
    let built = cc.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    sandbox.set("LD_PRELOAD", shim);
    true
}

/// How many token requests there were.
fn requests(emulator: &Emulator) -> u64 {
    emulator.counters().token_requests
}

/// Moves the boot-clock reading of the entry's issue into the past: so many seconds went by that the wall clock did
/// not see.
fn sleep_unseen(sandbox: &Sandbox, seconds: i64) {
    sandbox.edit_entry(|entry| {
        let issued = entry["token"]["issued_boot"].as_i64().unwrap();
        entry["token"]["issued_boot"] = (issued - seconds).into();
    });
}

/// Makes the entry one of another boot, in which the machine had been up for longer than it is now.
fn reboot(sandbox: &Sandbox) {
    sandbox.edit_entry(|entry| {
        entry["token"]["boot_id"] = "00000000-0000-0000-0000-000000000000".into();
        entry["token"]["issued_boot"] = (1_i64 << 40).into();
    });
}

/// The Unix second of a text such as `2026-11-23T13:29:24Z`.
fn unix(text: &Value) -> i64 {
    let text = text.as_str().unwrap();
    let part = |range: std::ops::Range<usize>| text[range].parse::<u8>().unwrap();
    let month = time::Month::try_from(part(5..7)).unwrap();
    let date = time::Date::from_calendar_date(text[..4].parse().unwrap(), month, part(8..10)).unwrap();
    let time = date.with_hms(part(11..13), part(14..16), part(17..19)).unwrap().assume_utc();
    assert_eq!(time.format(&Rfc3339).unwrap(), text);
    time.unix_timestamp()
}

/// When `get --format json` says that the token ends.
fn expiry(sandbox: &Sandbox) -> i64 {
    let answer: Value = serde_json::from_str(&sandbox.run(&["get", "--format", "json"]).token()).unwrap();
    unix(&answer["expires_at"])
}

/// When kubectl is told to ask again.
fn reported(sandbox: &Sandbox) -> i64 {
    let answer: Value = serde_json::from_str(&sandbox.run(&["kubectl"]).token()).unwrap();
    unix(&answer["status"]["expirationTimestamp"])
}

#[test]
fn the_wall_clock_is_the_one_of_the_test() {
    let emulator = Emulator::start();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    let wall = now() - 3 * DAY;
    let told = expiry(moved.at(wall));
    moved.assert_end(told, wall + LIFE);
    assert_eq!(moved.sandbox.entry()["token"]["issued_at"], wall);
}

#[test]
fn a_wall_clock_set_back_a_day_neither_lengthens_a_life_nor_costs_a_request() {
    let emulator = Emulator::start();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    let start = now();
    let first = moved.at(start).run(&["get"]).token();
    let sandbox = moved.at(start - DAY);
    assert_eq!(sandbox.run(&["get"]).token(), first, "the boot clock knows its age");
    let left = expiry(sandbox) - (start - DAY);
    assert!((LIFE - 60..=LIFE).contains(&left), "{left}");
    assert_eq!(requests(&emulator), 1);

    sleep_unseen(sandbox, LIFE - 5);
    let second = sandbox.run(&["get"]).token();
    assert_ne!(second, first, "over by the boot clock, though the wall clock gives it another day");
    assert_eq!(sandbox.run(&["get"]).token(), second);
    assert_eq!(requests(&emulator), 2);

    // The wall clock was set right meanwhile: for it, the token from the clock of yesterday has been over for a day.
    let third = moved.free().run(&["get"]).token();
    assert_ne!(third, second);
    assert_eq!(requests(&emulator), 3);
}

#[test]
fn a_wall_clock_set_forward_a_day_costs_one_request() {
    let emulator = Emulator::start();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    let start = now();
    let first = moved.at(start).run(&["get"]).token();
    let sandbox = moved.at(start + DAY);
    let second = sandbox.run(&["get"]).token();
    assert_ne!(second, first);
    for _ in 0..3 {
        assert_eq!(sandbox.run(&["get"]).token(), second);
    }
    assert_eq!(requests(&emulator), 2);
    assert_eq!(moved.at(start).run(&["get"]).token(), second, "set right again, in the same boot");
    assert_eq!(requests(&emulator), 2);
}

#[test]
fn in_1970_no_certificate_is_valid_yet_and_the_hint_is_the_clock() {
    let emulator = Emulator::builder().tls().start().unwrap();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    let cold = moved.at(86_400 + 5).run(&["get"]);
    assert!(cold.stderr.contains("\nhint: check the system clock (it says 1970-01-02T00:00:05Z)"), "{cold}");
    assert_eq!(cold.status, 2);
    let digits = (r"\d{5,}", "$$NUMBER");
    let counters = emulator.counters();
    assert_eq!((counters.token_requests, counters.other), (0, 0), "nothing is sent");

    let token = moved.free().run(&["get"]).token();
    let sandbox = moved.at(86_400 + 5);
    assert_eq!(sandbox.run(&["get"]).token(), token, "what the boot clock vouches for is served");
    sleep_unseen(sandbox, LIFE - 60);
    let due = sandbox.run(&["get"]);
    assert_eq!((due.status, due.stdout.trim_end()), (0, token.as_str()));
    sleep_unseen(sandbox, 60);
    let over = sandbox.run(&["get"]);
    assert_eq!((over.status, over.stdout.as_str()), (2, ""));
    assert_eq!(requests(&emulator), 1);
    let left = (r"\d+ s left", "$$SECONDS s left");
    assert_snapshot!(
        "time-1970",
        format!("# no token\n{cold}\n# token due\n{due}\n# token over\n{over}"),
        digits,
        left
    );
}

#[test]
fn a_clock_before_1970_is_survived() {
    let emulator = Emulator::start();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    // No kernel lets anybody set it so; what matters is that the arithmetic holds.
    let sandbox = moved.at(-DAY);
    for args in [&["get"][..], &["get"], &["kubectl"], &["get", "--format", "json"]] {
        assert!(sandbox.run(args).token().contains(&emulator.issued().pop().unwrap()), "{args:?}");
    }
    assert_eq!(sandbox.run(&["status"]).status, 0);
    assert_eq!(moved.free().run(&["get"]).token(), emulator.issued().pop().unwrap());
}

#[test]
fn a_suspended_machine_counts_the_time_it_slept() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    let first = sandbox.run(&["get"]).token();
    sleep_unseen(&sandbox, LIFE - 700);
    assert_eq!(sandbox.run(&["get"]).token(), first, "still outside every window");
    assert_eq!(requests(&emulator), 1);
    sleep_unseen(&sandbox, 600);
    let second = sandbox.run(&["get"]).token();
    assert_ne!(second, first, "due after most of its life was slept");
    sleep_unseen(&sandbox, 3 * 3600);
    emulator.play_always(Fault::status(503));
    let over = sandbox.run(&["get"]);
    assert_eq!((over.status, over.stdout.as_str()), (3, ""), "over is over, whatever the wall clock says");
}

#[test]
fn after_a_reboot_the_wall_clock_decides_alone() {
    let emulator = Emulator::start();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    let start = now();
    let first = moved.at(start).run(&["get"]).token();
    reboot(&moved.sandbox);
    let sandbox = moved.at(start + 600);
    assert_eq!(sandbox.run(&["get"]).token(), first);
    assert_eq!(expiry(sandbox), start + LIFE);
    // It seems to be from the future: up to five minutes are two clocks that differ, more means that a clock was set,
    // and then nothing is known of the token's age.
    assert_eq!(moved.at(start - 300).run(&["get"]).token(), first);
    assert_eq!(requests(&emulator), 1);
    let sandbox = moved.at(start - 301);
    let second = sandbox.run(&["get"]).token();
    assert_ne!(second, first);
    assert_eq!(sandbox.run(&["get"]).token(), second);
    assert_eq!(requests(&emulator), 2);
}

#[test]
fn after_2038_everything_goes_on() {
    let emulator = Emulator::start();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    // 2042, 2106 and later than both 32-bit clocks, and the last day of four digits.
    for wall in [now() + 500_000_000, 4_294_967_296 + DAY, 253_402_300_799 - DAY] {
        let before = requests(&emulator);
        let told = expiry(moved.at(wall));
        moved.assert_end(told, wall + LIFE);
        assert_eq!(requests(&emulator), before + 1, "{wall}");
        let sandbox = moved.at(wall + 5);
        let (told, to_kubectl) = (expiry(sandbox), reported(sandbox));
        assert_eq!(sandbox.run(&["status"]).status, 0);
        moved.assert_end(told, wall + LIFE);
        moved.assert_end(to_kubectl, wall + LIFE - 60);
        assert_eq!(requests(&emulator), before + 1, "{wall}");
    }
}

#[test]
fn kubectl_is_told_a_moment_ahead_under_any_clock() {
    let emulator = Emulator::start();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    let start = now();
    let walls = [start, start - DAY, start + DAY, 5, start + 500_000_000, start - 299, start + LIFE - 20];
    for wall in walls {
        moved.free();
        moved.sandbox.run(&["get", "--force-refresh"]).token();
        // With a whole life, and with a few seconds of one that cannot be renewed.
        for slept in [0, LIFE - 20] {
            sleep_unseen(&moved.sandbox, slept);
            if slept > 0 {
                emulator.play_always(Fault::status(503));
            }
            let output = moved.at(wall).run(&["kubectl"]);
            emulator.play_normally();
            if slept > 0 && output.status == 3 {
                // By this clock it was over, and there was no new one.
                assert_eq!(output.stdout, "");
                continue;
            }
            assert_eq!(output.status, 0, "{wall} {output}");
            let answer: Value = serde_json::from_str(&output.stdout).unwrap();
            let ahead = unix(&answer["status"]["expirationTimestamp"]) - wall;
            assert!((1..=LIFE - 60).contains(&ahead), "{wall} {slept}: {ahead}");
        }
    }
}

#[test]
fn a_back_off_from_another_clock_holds_nobody_back() {
    let emulator = Emulator::start();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    let start = now();
    emulator.play(Fault::retry_after("600"));
    assert_eq!(moved.at(start + DAY).run(&["get"]).status, 3);
    assert_eq!(moved.at(start + DAY + 599).run(&["get"]).status, 3, "the same clock");
    assert_eq!(requests(&emulator), 1);
    moved.at(start).run(&["get"]).token();
    assert_eq!(requests(&emulator), 2);
}

#[test]
fn tokens_of_half_a_minute_cost_one_request_per_life() {
    let emulator = Emulator::builder().life(31).start().unwrap();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    let start = now();
    let mut asked_at = Vec::new();
    for second in (0..100).step_by(2) {
        let before = requests(&emulator);
        moved.at(start + second).run(&["get"]).token();
        if requests(&emulator) > before {
            asked_at.push(second);
        }
        assert!(requests(&emulator) <= before + 1);
    }
    // 30 s of life: it is expiring in its last 6 s, a fifth, and never served in its last 5 s.
    assert!(asked_at.last().unwrap() > &70, "{asked_at:?}");
    assert!(asked_at.windows(2).all(|pair| (24..=26).contains(&(pair[1] - pair[0]))), "{asked_at:?}");
}

#[test]
fn a_tenant_that_reissues_its_token_is_asked_once_a_minute_at_most() {
    let emulator = Emulator::builder().reissue(true).start().unwrap();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    let start = now();
    emulator.set_now(Some(start));
    let first = moved.at(start).run(&["get"]).token();
    let mut asked_at = Vec::new();
    for second in (LIFE - 400..LIFE - 100).step_by(10) {
        emulator.set_now(Some(start + second));
        let before = requests(&emulator);
        assert_eq!(moved.at(start + second).run(&["get"]).token(), first);
        if requests(&emulator) > before {
            asked_at.push(second - (LIFE - 400));
        }
    }
    assert_eq!(asked_at, [0, 60, 120, 180, 240]);
    assert_eq!(moved.sandbox.entry()["token"]["expires_at"], start + LIFE, "the same end all the time");
}

#[test]
fn a_life_counts_from_the_start_of_the_request() {
    let emulator = Emulator::start();
    let sandbox = Sandbox::with_tenant(&emulator);
    emulator.play(Fault::Delay { ms: 3100 });
    sandbox.run(&["get"]).token();
    let token = &sandbox.entry()["token"];
    let waited = now() - token["issued_at"].as_i64().unwrap();
    assert!(waited >= 3, "{waited}");
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let uptime: i64 = uptime.split('.').next().unwrap().parse().unwrap();
    let waited = uptime - token["issued_boot"].as_i64().unwrap();
    assert!(waited >= 3, "{waited}");
}

#[test]
fn a_life_beyond_belief_ends_after_400_days() {
    let emulator = Emulator::start();
    let Some(mut moved) = Moved::new(&emulator) else { return };
    let start = now();
    emulator.play(Fault::Json(json!({ "access_token": "opaque", "expires_in": 5_000 * DAY })));
    let told = expiry(moved.at(start));
    moved.assert_end(told, start + 400 * DAY);
    assert_eq!(reported(moved.at(start + 399 * DAY)), start + 400 * DAY - 60);
    assert_eq!(requests(&emulator), 1);
    assert_ne!(moved.at(start + 400 * DAY).run(&["get"]).token(), "opaque");
    assert_eq!(requests(&emulator), 2);
}
