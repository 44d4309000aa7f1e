//! Metrics in memory, with the rules that a plugin can break alone.

use super::with;
use crate::metrics::{Kind, MetricId, RegisterReason, SeriesError, SeriesId};

#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    kind: Kind,
    labels: Vec<String>,
}

impl Metric {
    pub(crate) fn value(&self, samples: &[f64]) -> f64 {
        match self.kind {
            Kind::Counter => samples.iter().sum(),
            Kind::Gauge => samples.last().copied().unwrap_or_default(),
            Kind::Histogram(_) | Kind::Summary(_) => samples.len() as f64,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) metric: usize,
    values: Vec<String>,
    pub(crate) samples: Vec<f64>,
}

impl Series {
    pub(crate) fn is(&self, values: &[&str]) -> bool {
        self.values.iter().map(String::as_str).eq(values.iter().copied())
    }
}

/// What the host gives to series beyond the bound.
const OVERFLOW: &str = "otel_metric_overflow";

pub(crate) fn register(
    name: &str,
    _: &str,
    kind: &Kind,
    labels: &[String],
) -> Result<MetricId, RegisterReason> {
    with(|host| {
        if let Some(declared) = &host.starting
            && !declared.iter().any(|known| known == name)
        {
            return Err(RegisterReason::Undeclared);
        }
        check(name, kind, labels)?;
        if let Some(index) = host.metrics.iter().position(|metric| metric.name == name) {
            let known = &host.metrics[index];
            return if known.kind == *kind && known.labels == labels {
                Ok(index as MetricId)
            } else {
                Err(RegisterReason::Conflict)
            };
        }
        let (name, kind, labels) = (name.to_owned(), kind.clone(), labels.to_vec());
        host.metrics.push(Metric { name, kind, labels });
        Ok((host.metrics.len() - 1) as MetricId)
    })
}

fn check(name: &str, kind: &Kind, labels: &[String]) -> Result<(), RegisterReason> {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    let sound = match kind {
        Kind::Counter => name.ends_with("_total"),
        Kind::Gauge => true,
        Kind::Histogram(bounds) => {
            bounds.len() <= 64
                && bounds.iter().all(|bound| bound.is_finite())
                && bounds.windows(2).all(|pair| pair[0] < pair[1])
        }
        Kind::Summary(quantiles) => quantiles.iter().all(|part| (0.0..=1.0).contains(part)),
    };
    let names = is_name(name) && !name.starts_with("tamis_");
    if sound && names && labels.len() <= 10 && labels.iter().all(|label| is_name(label)) {
        Ok(())
    } else {
        Err(RegisterReason::Invalid)
    }
}

pub(crate) fn series(metric: MetricId, values: &[String]) -> Result<SeriesId, SeriesError> {
    with(|host| {
        let index = metric as usize;
        let known = host.metrics.get(index).ok_or(SeriesError::Invalid)?;
        if known.labels.len() != values.len() || values.iter().any(|value| value.len() > 128) {
            return Err(SeriesError::Invalid);
        }
        let of_metric = |series: &&Series| series.metric == index;
        let same = |series: &Series| series.metric == index && series.values == values;
        if let Some(at) = host.series.iter().position(same) {
            return Ok(at as SeriesId);
        }
        let full = host.series.iter().filter(of_metric).count() >= host.series_limit;
        let values = if full { vec![OVERFLOW.to_owned()] } else { values.to_vec() };
        let same = |series: &Series| series.metric == index && series.values == values;
        let at = host.series.iter().position(same).unwrap_or_else(|| {
            host.series.push(Series { metric: index, values, samples: Vec::new() });
            host.series.len() - 1
        });
        if full { Err(SeriesError::Full(at as SeriesId)) } else { Ok(at as SeriesId) }
    })
}

pub(crate) fn update(samples: &[(SeriesId, f64)]) {
    with(|host| {
        for (series, value) in samples {
            if let Some(series) = host.series.get_mut(*series as usize) {
                series.samples.push(*value);
            }
        }
    });
}
