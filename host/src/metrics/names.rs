//! What a metric, a label and a list of bounds may look like.
//!
//! The rules are those of the Prometheus naming practices, as `promtool check metrics` tests them,
//! plus what keeps one family from claiming sample names of another.

use super::series::Kind;

/// Most bounds of a histogram and most quantiles of a summary.
const MOST_BOUNDS: usize = 64;
/// Longest name of a metric or label, in bytes.
const LONGEST_NAME: usize = 128;
/// Longest help text, in bytes.
const LONGEST_HELP: usize = 1024;

/// Prefix of the families of the host.
pub(super) const HOST_PREFIX: &str = "tamis_";
/// Label that the host adds to the families of a plugin.
pub(super) const PLUGIN: &str = "plugin";
/// Label of the one series that takes what is over the bound; the name is OpenTelemetry's.
pub(super) const OVERFLOW: &str = "otel_metric_overflow";

/// Endings that belong to the samples of other kinds.
const RESERVED_ENDINGS: [&str; 4] = ["_bucket", "_sum", "_count", "_created"];
/// Labels with a meaning of their own.
const RESERVED_LABELS: [&str; 4] = [PLUGIN, OVERFLOW, "le", "quantile"];
/// Units that are no base units, with the one to use.
const ABBREVIATED: [(&str, &str); 7] = [
    ("_ms", "_seconds"),
    ("_milliseconds", "_seconds"),
    ("_microseconds", "_seconds"),
    ("_nanoseconds", "_seconds"),
    ("_minutes", "_seconds"),
    ("_kilobytes", "_bytes"),
    ("_percent", "_ratio"),
];

/// A name, label, bound or quantile against the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The name has other characters or another length than allowed.
    #[error("use a lower-case letter, then letters, digits and `_`, 128 bytes at most")]
    Name,
    /// The name begins like those of the host.
    #[error("the prefix `tamis_` belongs to the host")]
    Prefix,
    /// A counter that does not end in `_total`, or something else that does.
    #[error("counters, and only counters, end in `_total`")]
    Total,
    /// The name ends like a sample of a histogram or of metadata.
    #[error("the ending `{0}` is taken by other kinds of samples")]
    Ending(&'static str),
    /// The unit is not a base unit.
    #[error("use the base unit `{1}` in place of `{0}`")]
    Unit(&'static str, &'static str),
    /// There is no help text, or it is longer than 1024 bytes.
    #[error("a help text of 1 to 1024 bytes is needed")]
    Help,
    /// A label name breaks the rules, belongs to the host or is there twice.
    #[error("the label `{0}` is malformed, reserved or there twice")]
    Label(String),
    /// More labels than allowed.
    #[error("{0} labels are allowed at most")]
    Labels(usize),
    /// Bounds that do not ascend, are not finite, or are too many.
    #[error("bounds ascend, are finite, and are 64 at most")]
    Bounds,
    /// Quantiles outside of 0 to 1, not ascending, or too many.
    #[error("quantiles ascend from 0 to 1 and are 64 at most")]
    Quantiles,
    /// The plugin registers more metrics than allowed.
    #[error("{0} metrics are allowed at most")]
    Metrics(usize),
}

/// Checks what a plugin wants to register.
pub(super) fn check(
    name: &str,
    help: &str,
    kind: &Kind,
    labels: &[String],
    most_labels: usize,
) -> Result<(), Problem> {
    if !well_formed(name) {
        return Err(Problem::Name);
    }
    if name.starts_with(HOST_PREFIX) {
        return Err(Problem::Prefix);
    }
    if name.ends_with("_total") != matches!(kind, Kind::Counter) {
        return Err(Problem::Total);
    }
    if let Some(ending) = RESERVED_ENDINGS.iter().find(|ending| name.ends_with(*ending)) {
        return Err(Problem::Ending(ending));
    }
    let stem = name.strip_suffix("_total").unwrap_or(name);
    if let Some((short, base)) = ABBREVIATED.iter().find(|(short, _)| stem.ends_with(short)) {
        return Err(Problem::Unit(short, base));
    }
    if help.is_empty() || help.len() > LONGEST_HELP {
        return Err(Problem::Help);
    }
    if labels.len() > most_labels {
        return Err(Problem::Labels(most_labels));
    }
    for (index, label) in labels.iter().enumerate() {
        let fine = well_formed(label)
            && !RESERVED_LABELS.contains(&label.as_str())
            && !labels[..index].contains(label);
        if !fine {
            return Err(Problem::Label(label.clone()));
        }
    }
    match kind {
        Kind::Histogram(bounds) if !ascending(bounds) => Err(Problem::Bounds),
        Kind::Summary(shares)
            if !ascending(shares) || !shares.iter().all(|share| (0.0..=1.0).contains(share)) =>
        {
            Err(Problem::Quantiles)
        }
        _ => Ok(()),
    }
}

fn well_formed(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn ascending(bounds: &[f64]) -> bool {
    bounds.len() <= MOST_BOUNDS
        && bounds.iter().all(|bound| bound.is_finite())
        && bounds.windows(2).all(|pair| pair[0] < pair[1])
}

/// The name that OpenMetrics gives a family: that of its samples without the ending of the kind.
pub(super) fn stem<'a>(name: &'a str, kind: &Kind) -> &'a str {
    let ending = match kind {
        Kind::Counter => "_total",
        Kind::Info => "_info",
        _ => "",
    };
    name.strip_suffix(ending).unwrap_or(name)
}

/// Every name which the samples of a family may bear; no other family may use one of them.
pub(super) fn claimed(name: &str, kind: &Kind) -> Vec<String> {
    let stem = stem(name, kind);
    let endings: &[&str] = match kind {
        Kind::Counter => &["", "_total", "_created"],
        Kind::Gauge => &[""],
        Kind::Info => &["", "_info"],
        Kind::Histogram(_) => &["", "_bucket", "_sum", "_count", "_created"],
        Kind::Summary(_) => &["", "_sum", "_count", "_created"],
    };
    endings.iter().map(|ending| format!("{stem}{ending}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str, kind: Kind, labels: &[&str]) -> Option<Problem> {
        let labels: Vec<String> = labels.iter().map(|label| label.to_string()).collect();
        check(name, "Something.", &kind, &labels, 3).err()
    }

    #[test]
    fn names_follow_the_practices() {
        let histogram = || Kind::Histogram([0.1, 1.0].into());
        let table = [
            ("requests_total", Kind::Counter, None),
            ("http_server_request_duration_seconds", histogram(), None),
            ("queue_bytes", Kind::Gauge, None),
            ("", Kind::Gauge, Some(Problem::Name)),
            ("_queue", Kind::Gauge, Some(Problem::Name)),
            ("9_lives", Kind::Gauge, Some(Problem::Name)),
            ("Queue", Kind::Gauge, Some(Problem::Name)),
            ("queue:length", Kind::Gauge, Some(Problem::Name)),
            ("queue\nlength", Kind::Gauge, Some(Problem::Name)),
            ("größe_bytes", Kind::Gauge, Some(Problem::Name)),
            ("tamis_queue", Kind::Gauge, Some(Problem::Prefix)),
            ("requests", Kind::Counter, Some(Problem::Total)),
            ("requests_total", Kind::Gauge, Some(Problem::Total)),
            ("queue_count", Kind::Gauge, Some(Problem::Ending("_count"))),
            ("build_info", Kind::Gauge, None),
            ("wait_ms", histogram(), Some(Problem::Unit("_ms", "_seconds"))),
            (
                "wait_milliseconds_total",
                Kind::Counter,
                Some(Problem::Unit("_milliseconds", "_seconds")),
            ),
        ];
        for (name, kind, expected) in table {
            assert_eq!(problem(name, kind, &["path"]), expected, "{name}");
        }
        assert_eq!(problem(&"a".repeat(129), Kind::Gauge, &[]), Some(Problem::Name));
        let none = check("queue_bytes", "", &Kind::Gauge, &[], 3);
        assert_eq!(none, Err(Problem::Help), "a metric without help helps nobody");
    }

    #[test]
    fn labels_are_well_formed_few_and_not_reserved() {
        assert_eq!(problem("load_ratio", Kind::Gauge, &["a", "b", "c"]), None);
        let four = problem("load_ratio", Kind::Gauge, &["a", "b", "c", "d"]);
        assert_eq!(four, Some(Problem::Labels(3)));
        for label in ["plugin", "le", "quantile", "otel_metric_overflow", "__name", "A", "a-b", ""]
        {
            let found = problem("load_ratio", Kind::Gauge, &[label]);
            assert_eq!(found, Some(Problem::Label(label.into())), "{label}");
        }
        let twice = problem("load_ratio", Kind::Gauge, &["a", "a"]);
        assert_eq!(twice, Some(Problem::Label("a".into())));
    }

    #[test]
    fn bounds_and_quantiles_ascend() {
        let bounds: [(&[f64], bool); 7] = [
            (&[], true),
            (&[-1.0, 0.0, 2.5], true),
            (&[1.0, 1.0], false),
            (&[2.0, 1.0], false),
            (&[f64::INFINITY], false),
            (&[f64::NAN], false),
            (&[0.0; 65], false),
        ];
        for (bounds, fine) in bounds {
            let found = problem("wait_seconds", Kind::Histogram(bounds.into()), &[]);
            assert_eq!(found.is_none(), fine, "{bounds:?}");
        }
        assert_eq!(problem("wait_seconds", Kind::Summary([0.0, 0.5, 1.0].into()), &[]), None);
        for shares in [[0.5, 1.1], [-0.1, 0.5], [0.9, 0.5]] {
            let found = problem("wait_seconds", Kind::Summary(shares.into()), &[]);
            assert_eq!(found, Some(Problem::Quantiles), "{shares:?}");
        }
    }
}
