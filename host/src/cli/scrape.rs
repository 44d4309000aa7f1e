//! Reads what `/metrics` shows: samples with their labels, and quantiles of histograms.
//!
//! Takes the text form of Prometheus. Lines that are no sample are passed over: whoever asks for a
//! series sees that it is not there.

use std::collections::BTreeMap;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// Everything that was exposed at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scrape(Vec<Sample>);

impl Scrape {
    /// Reads an exposition.
    pub(super) fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(sample).collect())
    }

    /// The samples of this name with at least these labels.
    pub(super) fn of<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        let fits = move |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(label, value)| {
                    sample.labels.get(*label).is_some_and(|known| known == value)
                })
        };
        self.0.iter().filter(fits)
    }

    /// All of them added up.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.of(name, labels).map(|sample| sample.value).sum()
    }

    /// Added up per value of a label, largest first.
    pub(super) fn by(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        label: &str,
    ) -> Vec<(String, f64)> {
        let mut sums: BTreeMap<String, f64> = BTreeMap::new();
        for sample in self.of(name, labels) {
            if let Some(value) = sample.labels.get(label) {
                *sums.entry(value.clone()).or_default() += sample.value;
            }
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        sums
    }

    /// The value below which this share of all observations of a histogram lie, as Prometheus
    /// finds it: linear within a bucket. Nothing when there was no observation, and the last
    /// bound when it lies beyond.
    pub(super) fn quantile(
        &self,
        histogram: &str,
        labels: &[(&str, &str)],
        share: f64,
    ) -> Option<f64> {
        let name = format!("{histogram}_bucket");
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for sample in self.of(&name, labels) {
            let bound: f64 = sample.labels.get("le")?.parse().ok()?;
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, count)) => *count += sample.value,
                None => buckets.push((bound, sample.value)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (_, all) = *buckets.last()?;
        if all <= 0.0 {
            return None;
        }
        let rank = share * all;
        let (mut below, mut lower) = (0.0, 0.0);
        for (bound, count) in buckets {
            if count >= rank {
                if bound.is_infinite() {
                    return Some(lower);
                }
                let within = count - below;
                let part = if within > 0.0 { (rank - below) / within } else { 1.0 };
                return Some(lower + (bound - lower) * part);
            }
            (below, lower) = (count, bound);
        }
        None
    }
}

/// `name{label="value"} 1.5`, perhaps with a time and an exemplar behind it.
fn sample(line: &str) -> Option<Sample> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|one: char| one == '{' || one.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// The labels up to the closing brace, and what is behind it.
fn labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (name, behind) = rest.split_once('=')?;
        let mut value = String::new();
        let mut letters = behind.trim_start().strip_prefix('"')?.char_indices();
        let quoted = behind.trim_start().strip_prefix('"')?;
        let end = loop {
            match letters.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => match letters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, letter) => value.push(letter),
            }
        };
        labels.insert(name.trim().to_owned(), value);
        rest = quoted[end..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "# HELP x Things.\n# TYPE x counter\n\
        x_total{plugin=\"redact\",rule=\"email\",place=\"log\"} 3\n\
        x_total{plugin=\"redact\",rule=\"email\",place=\"body\"} 4\n\
        x_total{plugin=\"redact\",rule=\"a\\\"b\\\\,}\\n\"} 20 1700000000\n\
        y 1.5 # {trace_id=\"z\"} 0.2\n\
        h_bucket{le=\"0.1\"} 50\nh_bucket{le=\"0.2\"} 90\nh_bucket{le=\"+Inf\"} 100\n\
        e_bucket{le=\"+Inf\"} 0\n\
        nonsense\nno{value=\"1\"}\nbroken{a=\"b 1\n# EOF\n";

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let scrape = Scrape::parse(TEXT);
        assert_eq!(scrape.sum("x_total", &[("rule", "email")]), 7.0);
        assert_eq!(scrape.sum("x_total", &[("rule", "email"), ("place", "log")]), 3.0);
        assert_eq!(scrape.sum("x_total", &[("rule", "none")]), 0.0);
        assert_eq!(scrape.sum("y", &[]), 1.5);
        assert_eq!(
            scrape.by("x_total", &[], "rule"),
            [("a\"b\\,}\n".to_owned(), 20.0), ("email".to_owned(), 7.0)]
        );
    }

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let scrape = Scrape::parse(TEXT);
        let close = |share: f64, expected: f64| {
            let found = scrape.quantile("h", &[], share).expect("there are observations");
            assert!((found - expected).abs() < 1e-9, "{share}: {found}");
        };
        close(0.25, 0.05);
        close(0.5, 0.1);
        close(0.7, 0.15);
        close(0.99, 0.2);
        assert_eq!(scrape.quantile("e", &[], 0.5), None, "nothing was observed");
        assert_eq!(scrape.quantile("nowhere", &[], 0.5), None);
    }

    #[test]
    fn histograms_of_several_series_are_added_up() {
        let text = "h_bucket{a=\"1\",le=\"1\"} 1\nh_bucket{a=\"1\",le=\"+Inf\"} 1\n\
                    h_bucket{a=\"2\",le=\"1\"} 0\nh_bucket{a=\"2\",le=\"+Inf\"} 1\n";
        let scrape = Scrape::parse(text);
        assert_eq!(scrape.quantile("h", &[], 0.5), Some(1.0));
        assert_eq!(scrape.quantile("h", &[("a", "1")], 0.5), Some(0.5));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = Scrape::parse(&text);
            let _ = Scrape::parse(&format!("x{{{text}"));
        }
    }
}
