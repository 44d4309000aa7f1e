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

mod family;

pub use family::{Counter, Gauge, Histogram, Quantiles};

use std::cell::{Cell, RefCell};

use crate::backend;
use crate::config::ConfigError;

pub(crate) type MetricId = u32;
pub(crate) type SeriesId = u32;

/// Upper bounds for durations of web requests in seconds, as OpenTelemetry's HTTP conventions
/// advise; the bounds of a histogram that names none.
pub const DURATION_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Quantiles of a summary that names none.
pub const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// A set of metrics, as [`metrics!`](crate::metrics!) declares it.
pub trait Set: Sized {
    /// Their names, for the manifest.
    const NAMES: &'static [&'static str];

    /// Registers all, each as it was changed by `adjust`. Only in
    /// [`configure`](crate::Plugin::configure).
    ///
    /// # Errors
    ///
    /// The first that the host refused.
    fn register_with(adjust: impl FnMut(&mut Declaration)) -> Result<Self, RegisterError>;

    /// Registers all as declared. Only in [`configure`](crate::Plugin::configure).
    ///
    /// # Errors
    ///
    /// The first that the host refused.
    fn register() -> Result<Self, RegisterError> {
        Self::register_with(|_| {})
    }
}

/// A metric on its way to the host: what configuration may change about it.
///
/// ```
/// use tamis_sdk::metrics::{self, Set};
///
/// tamis_sdk::metrics! {
///     struct Times {
///         total: histogram("total_seconds", "Time.", []),
///         old: summary("total_milliseconds", "Time, for old dashboards.", []),
///     }
/// }
///
/// # fn main() -> Result<(), metrics::RegisterError> {
/// let times = Times::register_with(|metric| match metric.name {
///     "total_seconds" => metric.bounds = vec![0.1, 1.0, 10.0],
///     _ => metric.enabled = false,
/// })?;
/// # times.total.observe([], 0.2);
/// # times.old.observe([], 0.2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// The name, as in the manifest.
    pub name: &'static str,
    /// One sentence.
    pub help: String,
    /// Upper bounds of a histogram, quantiles of a summary; of no meaning to the others.
    pub bounds: Vec<f64>,
    /// Set to false, the metric does not exist and samples of it go nowhere.
    pub enabled: bool,
}

/// What is counted, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram(Vec<f64>),
    Summary(Vec<f64>),
}

/// The host refused a metric. An author's slip, found by `tamis check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterError {
    /// The name of the metric.
    pub metric: &'static str,
    /// Why.
    pub reason: RegisterReason,
}

/// Why a metric was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RegisterReason {
    /// The name is not in the manifest: the set is missing in `#[plugin(metrics(…))]`.
    Undeclared,
    /// A name, label name, bound or quantile against the rules, or too many labels.
    Invalid,
    /// Registered before with another kind, labels, bounds or quantiles.
    Conflict,
    /// Called outside of `configure`.
    TooLate,
}

lift!(RegisterReason { Undeclared, Invalid, Conflict, TooLate });

impl std::fmt::Display for RegisterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let metric = self.metric;
        match self.reason {
            RegisterReason::Undeclared => {
                write!(f, "metric `{metric}` is in no set named by `#[plugin(metrics(…))]`")
            }
            RegisterReason::Invalid => {
                write!(
                    f,
                    "metric `{metric}` has a name, label, bound or quantile against the rules"
                )
            }
            RegisterReason::Conflict => {
                write!(f, "metric `{metric}` was registered before in another way")
            }
            RegisterReason::TooLate => {
                write!(f, "metric `{metric}` can only be registered in `configure`")
            }
        }
    }
}

impl std::error::Error for RegisterError {}

impl From<RegisterError> for Vec<ConfigError> {
    fn from(error: RegisterError) -> Self {
        vec![ConfigError::new("", error.to_string())]
    }
}

/// Why a series cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeriesError {
    /// Not one value per label name, or one that is too long.
    Invalid,
    /// The bound on series is reached; count into this one.
    Full(SeriesId),
}

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

/// So many samples wait at most for the end of a hook; more are handed over at once.
const MOST_PENDING: usize = 1024;

thread_local! {
    static PENDING: RefCell<Vec<(SeriesId, f64)>> = const { RefCell::new(Vec::new()) };
    /// What is left to do when the hook is over. A pointer, so that a plugin without metrics does
    /// not import them.
    static AFTER_HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
}

fn sample(series: SeriesId, value: f64) {
    let full = PENDING.with_borrow_mut(|pending| {
        pending.push((series, value));
        pending.len() >= MOST_PENDING
    });
    AFTER_HOOK.set(Some(flush));
    if full {
        after_hook();
    }
}

fn flush() {
    PENDING.with_borrow_mut(|pending| {
        backend::metrics::update(pending);
        pending.clear();
    });
}

/// Hands over what was counted during the hook that is over.
#[inline]
pub(crate) fn after_hook() {
    if let Some(flush) = AFTER_HOOK.take() {
        flush();
    }
}

/// Declares a set of metrics: `field: kind("name", "help", [labels], bounds)`.
///
/// Kinds are `counter`, `gauge`, `histogram` and `summary`. The two last take upper bounds or
/// quantiles as a fourth argument; without it they are [`DURATION_BOUNDS`](crate::metrics::DURATION_BOUNDS)
/// and [`QUANTILES`](crate::metrics::QUANTILES). Names follow Prometheus: `snake_case`, the base
/// unit as suffix (`_seconds`, `_bytes`, `_ratio`), counters end in `_total`.
///
/// See the [module](mod@crate::metrics) for an example.
#[macro_export]
macro_rules! metrics {
    (
        $(#[$outer:meta])*
        $visibility:vis struct $set:ident {
            $(
                $(#[$inner:meta])*
                $field:ident : $kind:ident (
                    $name:literal, $help:literal, [$($label:ident),* $(,)?] $(, $bounds:expr)? $(,)?
                )
            ),* $(,)?
        }
    ) => {
        $(#[$outer])*
        #[derive(Debug)]
        $visibility struct $set {
            $(
                $(#[$inner])*
                #[doc = concat!("`", $name, "`: ", $help)]
                $visibility $field: $crate::__private::metric_kinds::$kind<
                    { $crate::__private::count(&[$(stringify!($label)),*]) }
                >,
            )*
        }

        impl $crate::metrics::Set for $set {
            const NAMES: &'static [&'static str] = &[$($name),*];

            fn register_with(
                mut adjust: impl FnMut(&mut $crate::metrics::Declaration),
            ) -> ::core::result::Result<Self, $crate::metrics::RegisterError> {
                ::core::result::Result::Ok(Self {
                    $(
                        $field: $crate::__private::metric_kinds::$kind::declared(
                            $name,
                            $help,
                            [$(stringify!($label)),*],
                            {
                                let bounds: ::core::option::Option<&[f64]> =
                                    ::core::option::Option::None;
                                $(
                                    let bounds = bounds.or(::core::option::Option::Some(
                                        ::core::convert::AsRef::<[f64]>::as_ref(&$bounds),
                                    ));
                                )?
                                bounds
                            },
                            &mut adjust,
                        )?,
                    )*
                })
            }
        }

        impl $set {
            /// Registers all as declared; only in `configure`.
            #[allow(dead_code, reason = "one of two ways to register")]
            $visibility fn register()
                -> ::core::result::Result<Self, $crate::metrics::RegisterError>
            {
                <Self as $crate::metrics::Set>::register()
            }

            /// Registers all, each as it was changed by `adjust`; only in `configure`.
            #[allow(dead_code, reason = "one of two ways to register")]
            $visibility fn register_with(
                adjust: impl FnMut(&mut $crate::metrics::Declaration),
            ) -> ::core::result::Result<Self, $crate::metrics::RegisterError> {
                <Self as $crate::metrics::Set>::register_with(adjust)
            }
        }
    };
}

/// The names that the macro knows the kinds by.
#[doc(hidden)]
#[allow(non_camel_case_types, reason = "written as in the macro")]
pub mod kinds {
    pub type counter<const LABELS: usize> = super::Counter<LABELS>;
    pub type gauge<const LABELS: usize> = super::Gauge<LABELS>;
    pub type histogram<const LABELS: usize> = super::Histogram<LABELS>;
    pub type summary<const LABELS: usize> = super::Quantiles<LABELS>;
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
