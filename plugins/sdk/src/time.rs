//! The time of day and a monotonic clock, from the host.
//!
//! `std::time::{Instant, SystemTime}::now` panic on the target of plugins; these take their place.
//! Under `tamis test` and in [`testing`](crate::testing) the clock is virtual.

use std::time::Duration;

/// A moment, in nanoseconds since the Unix epoch. Shown as RFC 3339 in UTC.
///
/// ```
/// use std::time::Duration;
/// use tamis_sdk::Timestamp;
///
/// let moment = Timestamp::from_unix_nanos(1_700_000_000_123_000_000);
/// assert_eq!(moment.to_string(), "2023-11-14T22:13:20.123Z");
/// assert_eq!((moment + Duration::from_secs(1)).since(moment), Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The time of day. One call to the host.
    pub fn now() -> Self {
        Self(crate::backend::clock::now())
    }

    /// From nanoseconds since the Unix epoch.
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn unix_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the Unix epoch.
    pub fn unix_seconds(self) -> f64 {
        Duration::from_nanos(self.0).as_secs_f64()
    }

    /// The time from `earlier` to this; zero when that is the later one.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    /// Stops at the last moment that can be told, in the year 2554.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    /// Stops at the Unix epoch.
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }
}

impl std::fmt::Display for Timestamp {
    /// As many digits behind the second as are needed: none, 3, 6 or 9.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let (year, month, day) = civil(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match nanos {
            0 => Ok(()),
            _ if nanos % 1_000_000 == 0 => write!(f, ".{:03}", nanos / 1_000_000),
            _ if nanos % 1_000 == 0 => write!(f, ".{:06}", nanos / 1_000),
            _ => write!(f, ".{nanos:09}"),
        }?;
        f.write_str("Z")
    }
}

/// Year, month and day of the day that is so many after 1970-01-01.
///
/// Counts in eras of 400 years that begin on a 1 March, so that the leap day is the last of a year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// A moment of the host's monotonic clock, the same for all instances of all plugins.
///
/// ```
/// use tamis_sdk::Instant;
///
/// let start = Instant::now();
/// assert!(start.elapsed() >= std::time::Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// This moment. One call to the host.
    pub fn now() -> Self {
        Self(crate::backend::clock::monotonic())
    }

    /// The time that has passed since.
    pub fn elapsed(self) -> Duration {
        Self::now().since(self)
    }

    /// The time from `earlier` to this; zero when that is the later one.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

/// The span as it crosses to the host: nanoseconds, 584 years at most.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339() {
        let check = |seconds: u64, nanos: u64, expected: &str| {
            let moment = Timestamp::from_unix_nanos(seconds * 1_000_000_000 + nanos);
            assert_eq!(moment.to_string(), expected);
        };
        check(0, 0, "1970-01-01T00:00:00Z");
        check(951_782_399, 0, "2000-02-28T23:59:59Z");
        check(951_782_400, 1, "2000-02-29T00:00:00.000000001Z");
        check(951_868_800, 0, "2000-03-01T00:00:00Z");
        check(4_107_542_400, 0, "2100-03-01T00:00:00Z");
        check(1_732_263_135, 120_000_000, "2024-11-22T08:12:15.120Z");
        check(1_732_263_135, 120_300_000, "2024-11-22T08:12:15.120300Z");
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let moment = Timestamp::from_unix_nanos(5);
        assert_eq!(moment - Duration::from_secs(1), Timestamp::default());
        assert_eq!((moment + Duration::MAX).unix_nanos(), u64::MAX);
        assert_eq!(moment.since(moment + Duration::from_secs(1)), Duration::ZERO);
    }
}
