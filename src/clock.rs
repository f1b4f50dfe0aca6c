//! Time, as the program sees it: a wall clock for the tenant's promises, a boot clock that nobody can set.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

/// One reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// Seconds since the Unix epoch, UTC. May jump when somebody sets the clock.
    pub(crate) wall: i64,
    /// Seconds since the machine started, counting sleep; `None` where the platform has no such clock.
    pub(crate) boot: Option<i64>,
}

/// The seam for time: the broker reads, waits and draws its jitter through it, and tests script it.
pub(crate) trait Clock {
    /// Reads both clocks.
    fn now(&self) -> Now;

    /// Time since some fixed moment, for measuring waits. It never jumps.
    fn elapsed(&self) -> Duration;

    /// Names the present boot, so that boot clock readings of another boot are not compared with ours.
    fn boot_id(&self) -> Option<String>;

    /// Waits.
    fn sleep(&self, time: Duration);

    /// A time below `limit`, different in every process, so that waiting processes do not move in step.
    fn jitter(&self, limit: Duration) -> Duration;
}

/// The machine's clocks.
#[derive(Debug)]
pub(crate) struct SystemClock {
    /// The start of the run.
    started: Instant,
}

impl SystemClock {
    /// The clocks of a run that starts now.
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { wall: wall(), boot: crate::platform::boot_clock() }
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn boot_id(&self) -> Option<String> {
        crate::platform::boot_id()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn jitter(&self, limit: Duration) -> Duration {
        let limit = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(random() % limit)
    }
}

/// Seconds since the Unix epoch; negative before 1970.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(crate) fn wall() -> i64 {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => seconds(since),
        Err(before) => -seconds(before.duration()),
    }
}

/// Sixty-four bits that another process does not draw: std seeds its hasher from the system's random source.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// `YYYY-MM-DDTHH:MM:SSZ` of a number of Unix seconds; times that cannot be written so become the nearest that can.
pub(crate) fn rfc3339(unix: i64) -> String {
    let time =
        time::UtcDateTime::from_unix_timestamp(unix.clamp(0, 253_402_300_799)).unwrap_or(time::UtcDateTime::UNIX_EPOCH);
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    )
}

/// A number of seconds in words: `2 h 13 min`, `12 min`, `5 min 3 s`, `40 s`. Only as exact as a person cares for.
pub(crate) fn span(seconds: i64) -> String {
    let (large, small) = match seconds {
        ..60 => ((seconds, "s"), (0, "")),
        60..600 => ((seconds / 60, "min"), (seconds % 60, "s")),
        600..3600 => ((seconds / 60, "min"), (0, "")),
        3600..172_800 => ((seconds / 3600, "h"), (seconds % 3600 / 60, "min")),
        _ => ((seconds / 86_400, "d"), (seconds % 86_400 / 3600, "h")),
    };
    let text = |(number, unit): (i64, &str)| format!("{number} {unit}");
    if small.0 == 0 { text(large) } else { format!("{} {}", text(large), text(small)) }
}

/// A moment so many seconds from now, in words: `in 2 h 13 min`, `now`, `12 min ago`.
pub(crate) fn from_now(seconds: i64) -> String {
    match seconds {
        1.. => format!("in {}", span(seconds)),
        0 => "now".to_owned(),
        _ => format!("{} ago", span(seconds.saturating_neg())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_exact_as_a_person_cares_for() {
        for (seconds, text) in [
            (1, "1 s"),
            (59, "59 s"),
            (60, "1 min"),
            (303, "5 min 3 s"),
            (600, "10 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (8000, "2 h 13 min"),
            (172_799, "47 h 59 min"),
            (172_800, "2 d"),
            (200_000, "2 d 7 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn moments_are_ahead_or_past() {
        for (seconds, text) in [(8000, "in 2 h 13 min"), (0, "now"), (-720, "12 min ago")] {
            assert_eq!(from_now(seconds), text);
        }
        assert!(from_now(i64::MIN).ends_with(" ago"));
    }

    #[test]
    fn times_are_written_as_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_795_440_564), "2026-11-23T13:29:24Z");
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(-5), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn jitter_stays_below_its_limit() {
        for _ in 0..100 {
            assert!(SystemClock::start().jitter(Duration::from_millis(50)) < Duration::from_millis(50));
        }
        assert_eq!(SystemClock::start().jitter(Duration::ZERO), Duration::ZERO);
    }
}
