//! How metrics are declared, and what the host says to it.

use super::SeriesId;
use crate::config::ConfigError;

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
    pub type counter<const LABELS: usize> = crate::metrics::Counter<LABELS>;
    pub type gauge<const LABELS: usize> = crate::metrics::Gauge<LABELS>;
    pub type histogram<const LABELS: usize> = crate::metrics::Histogram<LABELS>;
    pub type summary<const LABELS: usize> = crate::metrics::Quantiles<LABELS>;
}
