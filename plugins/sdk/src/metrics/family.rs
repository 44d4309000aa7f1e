//! One metric with its labels, and the series that were asked for.

use std::cell::RefCell;
use std::time::Duration;

use super::pending::sample;
use super::{
    DURATION_BOUNDS, Declaration, Kind, MetricId, QUANTILES, RegisterError, SeriesError, SeriesId,
};
use crate::backend;

/// A metric, by its labels. Not generic over their number, so that a plugin has this code once.
#[derive(Debug)]
struct Family {
    /// None when it is disabled.
    metric: Option<MetricId>,
    /// Ordered by hash. At most as many as the operator allows.
    known: RefCell<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    hash: u64,
    values: Box<[Box<str>]>,
    series: SeriesId,
}

impl Family {
    fn declared(
        name: &'static str,
        help: &'static str,
        labels: &[&'static str],
        bounds: &[f64],
        kind: fn(Vec<f64>) -> Kind,
        adjust: &mut dyn FnMut(&mut Declaration),
    ) -> Result<Self, RegisterError> {
        let mut declaration =
            Declaration { name, help: help.to_owned(), bounds: bounds.to_vec(), enabled: true };
        adjust(&mut declaration);
        let metric = if declaration.enabled {
            let kind = kind(declaration.bounds);
            let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
            let metric = backend::metrics::register(name, &declaration.help, &kind, &labels)
                .map_err(|reason| RegisterError { metric: name, reason })?;
            Some(metric)
        } else {
            None
        };
        Ok(Self { metric, known: RefCell::new(Vec::new()) })
    }

    fn sample(&self, labels: &[&str], value: f64) {
        if let Some(series) = self.series(labels) {
            sample(series, value);
        }
    }

    /// The series of these values; none when the metric is disabled or a value is too long.
    fn series(&self, values: &[&str]) -> Option<SeriesId> {
        let metric = self.metric?;
        let hash = hash(values);
        let mut known = self.known.borrow_mut();
        let at = known.partition_point(|known| known.hash < hash);
        let found = known[at..]
            .iter()
            .take_while(|known| known.hash == hash)
            .find(|known| known.values.iter().zip(values).all(|(known, value)| **known == **value));
        if let Some(known) = found {
            return Some(known.series);
        }
        match ask(metric, values) {
            Ok(series) => {
                let values = values.iter().map(|value| Box::from(*value)).collect();
                known.insert(at, Known { hash, values, series });
                Some(series)
            }
            Err(SeriesError::Full(overflow)) => Some(overflow),
            Err(SeriesError::Invalid) => None,
        }
    }
}

#[cold]
fn ask(metric: MetricId, values: &[&str]) -> Result<SeriesId, SeriesError> {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    backend::metrics::series(metric, &values)
}

/// Eight bytes at a time; good enough for some hundred short texts that are compared afterwards.
fn hash(values: &[&str]) -> u64 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = MIX;
    let mut add = |word: u64| hash = (hash.rotate_left(23) ^ word).wrapping_mul(MIX);
    for value in values {
        let mut words = value.as_bytes().chunks_exact(8);
        for word in &mut words {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(word);
            add(u64::from_le_bytes(bytes));
        }
        let mut rest = value.len() as u64;
        for byte in words.remainder() {
            rest = rest << 8 | u64::from(*byte);
        }
        add(rest);
    }
    hash
}

macro_rules! kind {
    ($(#[$doc:meta])* $name:ident, $kind:expr, $bounds:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<const LABELS: usize>(Family);

        impl<const LABELS: usize> $name<LABELS> {
            #[doc(hidden)]
            pub fn declared(
                name: &'static str,
                help: &'static str,
                labels: [&'static str; LABELS],
                bounds: Option<&[f64]>,
                adjust: &mut dyn FnMut(&mut Declaration),
            ) -> Result<Self, RegisterError> {
                let bounds = bounds.unwrap_or($bounds);
                Family::declared(name, help, &labels, bounds, $kind, adjust).map(Self)
            }
        }
    };
}

kind!(
    /// Only grows.
    Counter, |_| Kind::Counter, &[]
);
kind!(
    /// Goes up and down. Shown is the sum of what the living instances last set.
    Gauge, |_| Kind::Gauge, &[]
);
kind!(
    /// Counts samples in buckets.
    Histogram, Kind::Histogram, &DURATION_BOUNDS
);
kind!(
    /// Keeps quantiles of the last ten minutes. Cannot be added up over hosts: prefer
    /// [`Histogram`].
    Quantiles, Kind::Summary, &QUANTILES
);

impl<const LABELS: usize> Counter<LABELS> {
    /// Adds one.
    pub fn increment(&self, labels: [&str; LABELS]) {
        self.0.sample(&labels, 1.0);
    }

    /// Adds so many. Negative amounts are ignored by the host, and counted.
    pub fn add(&self, labels: [&str; LABELS], amount: f64) {
        self.0.sample(&labels, amount);
    }
}

impl<const LABELS: usize> Gauge<LABELS> {
    /// Sets the value of this instance.
    pub fn set(&self, labels: [&str; LABELS], value: f64) {
        self.0.sample(&labels, value);
    }
}

impl<const LABELS: usize> Histogram<LABELS> {
    /// Counts this value.
    pub fn observe(&self, labels: [&str; LABELS], value: f64) {
        self.0.sample(&labels, value);
    }

    /// Counts this duration, in seconds.
    pub fn observe_duration(&self, labels: [&str; LABELS], duration: Duration) {
        self.0.sample(&labels, duration.as_secs_f64());
    }
}

impl<const LABELS: usize> Quantiles<LABELS> {
    /// Counts this value.
    pub fn observe(&self, labels: [&str; LABELS], value: f64) {
        self.0.sample(&labels, value);
    }

    /// Counts this duration, in seconds.
    pub fn observe_duration(&self, labels: [&str; LABELS], duration: Duration) {
        self.0.sample(&labels, duration.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_differ_have_different_hashes() {
        let sets: [&[&str]; 9] = [
            &[""],
            &["", ""],
            &["a"],
            &["a", ""],
            &["", "a"],
            &["ab"],
            &["a", "b"],
            &["abcdefgh"],
            &["abcdefgh", ""],
        ];
        let mut hashes: Vec<_> = sets.iter().map(|set| hash(set)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), sets.len());
    }
}
