//! The tenant's clock: the system's, or a time set by the test.

use crate::sync::lock;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// The time in Unix seconds.
#[derive(Default)]
pub(crate) struct Clock {
    /// The time set by the test.
    fixed: Mutex<Option<i64>>,
}

impl Clock {
    /// Now, in Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        lock(&self.fixed).unwrap_or_else(now)
    }

    /// Stops the clock at `time`, or follows the system clock again.
    pub(crate) fn set(&self, time: Option<i64>) {
        *lock(&self.fixed) = time;
    }

    /// Now, in the format of the `Date` header.
    pub(crate) fn http_date(&self) -> String {
        http_date(self.now())
    }
}

/// A Unix time as an HTTP date; 1970 if it is out of range.
fn http_date(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(&Rfc2822)
        .unwrap_or_default()
        .replace("+0000", "GMT")
}

/// The system's time in Unix seconds; 0 if it is before 1970.
#[expect(clippy::disallowed_methods, reason = "the one place where the emulator reads the system's time")]
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_http_dates() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(i64::MAX), http_date(0));
    }

    #[test]
    fn a_set_clock_stands_still() {
        let clock = Clock::default();
        clock.set(Some(5));
        assert_eq!(clock.now(), 5);
        clock.set(None);
        assert!(clock.now() > 1_700_000_000);
    }
}
