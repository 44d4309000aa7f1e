//! Metrics of a plugin: declared once, counted without strings on the hot path.
//!
//! [`metrics!`](crate::metrics!) declares a set; its names go into the manifest by
//! `#[plugin(metrics(…))]`. The id of a series is asked for once per set of label values, samples
//! are collected during a hook, and one call hands them over at its end. When the operator's bound
//! on series is reached, samples go to the overflow series that the host names.
//!
//! ```
//! use tamis_sdk::{Config, ConfigError, Plugin, Summary, metrics, plugin};
//!
//! metrics! {
//!     /// What this plugin counts.
//!     struct Counts {
//!         requests: counter("shop_requests_total", "Requests.", [method, status]),
//!         seconds: histogram("shop_request_seconds", "Time to the last byte.", [method]),
//!     }
//! }
//!
//! struct Shop { counts: Counts }
//!
//! #[plugin(metrics(Counts))]
//! impl Plugin for Shop {
//!     fn configure(_: Config) -> Result<Self, Vec<ConfigError>> {
//!         Ok(Self { counts: Counts::register()? })
//!     }
//!
//!     fn on_done(&mut self, summary: Summary) {
//!         let status = metrics::digits(summary.status);
//!         self.counts.requests.increment([&summary.method, &status]);
//!         self.counts.seconds.observe_duration([&summary.method], summary.total);
//!     }
//! }
//! ```

mod declare;
mod family;
mod pending;

pub use declare::{Declaration, RegisterError, RegisterReason, Set, kinds};
pub(crate) use declare::{Kind, SeriesError};
pub use family::{Counter, Gauge, Histogram, Quantiles};
pub(crate) use pending::after_hook;

pub(crate) type MetricId = u32;
pub(crate) type SeriesId = u32;

/// Upper bounds for durations of web requests in seconds, as OpenTelemetry's HTTP conventions
/// advise; the bounds of a histogram that names none.
pub const DURATION_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Quantiles of a summary that names none.
pub const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// A number as a label value, without an allocation.
///
/// ```
/// assert_eq!(&*tamis_sdk::metrics::digits(404), "404");
/// ```
pub fn digits(number: u16) -> Digits {
    let mut text = [b'0'; 5];
    let (mut start, mut rest) = (text.len(), number);
    loop {
        start -= 1;
        text[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return Digits { text, start: start as u8 };
        }
    }
}

/// The digits of a number; see [`digits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    text: [u8; 5],
    start: u8,
}

impl std::ops::Deref for Digits {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.text[usize::from(self.start)..]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_labels() {
        for number in [0, 7, 10, 200, 404, 65_535] {
            assert_eq!(&*digits(number), number.to_string());
        }
    }
}
