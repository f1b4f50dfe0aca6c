//! Time, as the program sees it: a wall clock for the tenant's times, a boot clock that cannot be set.

use std::time::{Duration, Instant};

/// One reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// Seconds since the Unix epoch, UTC. Jumps when the clock is set.
    pub(crate) wall: i64,
    /// Seconds since the machine started, counting sleep; `None` where the platform has no such clock.
    pub(crate) boot: Option<i64>,
}

/// The seam for time: the broker reads, waits and draws its jitter through it, and tests script it.
pub(crate) trait Clock {
    /// Reads both clocks.
    fn now(&self) -> Now;

    /// The monotonic clock, for measuring waits. It never jumps.
    fn instant(&self) -> Instant;

    /// Names the present boot, so that boot clock readings of another boot are not compared with ours.
    fn boot_id(&self) -> Option<String>;

    /// Waits.
    fn sleep(&self, time: Duration);

    /// A time below `limit`, different in every process, so that waiting processes do not move in step.
    fn jitter(&self, limit: Duration) -> Duration;
}

/// The moment at which a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// So far from now.
    pub(crate) fn after(clock: &dyn Clock, limit: Duration) -> Self {
        Self(clock.instant() + limit)
    }

    /// The time left.
    pub(crate) fn left(self, clock: &dyn Clock) -> Duration {
        self.0.saturating_duration_since(clock.instant())
    }

    /// Whether no time is left.
    pub(crate) fn is_over(self, clock: &dyn Clock) -> bool {
        self.left(clock).is_zero()
    }
}

/// The machine's clocks.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { wall: wall(), boot: crate::platform::boot_clock() }
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn boot_id(&self) -> Option<String> {
        crate::platform::boot_id()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn jitter(&self, limit: Duration) -> Duration {
        let limit = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(crate::platform::random() % limit)
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The monotonic clock of a script, so long after its start.
    pub(crate) fn instant(elapsed: Duration) -> Instant {
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        *START + elapsed
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
            assert!(SystemClock.jitter(Duration::from_millis(50)) < Duration::from_millis(50));
        }
        assert_eq!(SystemClock.jitter(Duration::ZERO), Duration::ZERO);
    }
}
