//! Writes every family in the text form that the scraper asked for.
//!
//! Families come by name, within one the host or the plugins by name, series by label values, so
//! the same state always gives the same bytes. What is negotiated, and why, is in `negotiate`.
//!
//! The forms differ in five points, all of them here: OpenMetrics names a counter's family without
//! `_total` and an info without `_info`, writes `# UNIT`, adds `_created` and exemplars, writes
//! bounds as `1.0` rather than `1`, and ends in `# EOF`.

mod negotiate;

use super::exemplar::Exemplar;
use super::names;
use super::registry::{Definition, Group, Registry};
use super::series::{Kind, Reading, Series};
use bytes::Bytes;
use negotiate::Form;
use std::fmt::Write;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// An answer to a scrape. To be sent with `vary: accept, accept-encoding`.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposition {
    /// Value of `content-type`.
    pub content_type: String,
    /// Value of `content-encoding`, if there is one.
    pub content_encoding: Option<&'static str>,
    /// What was counted.
    pub body: Bytes,
}

/// Writes what `registry` shows. `accept` and `accept_encoding` are the header fields of the
/// request; whatever they say, there is an answer: text 0.0.4, not compressed, if nothing fits.
pub fn expose(
    registry: &Registry,
    accept: Option<&str>,
    accept_encoding: Option<&str>,
) -> Exposition {
    let (form, content_type) = negotiate::content_type(accept.unwrap_or_default());
    let text = write(registry, form);
    let compressed = negotiate::takes_gzip(accept_encoding.unwrap_or_default())
        .then(|| compress(text.as_bytes()))
        .flatten();
    match compressed {
        Some(body) => {
            Exposition { content_type, content_encoding: Some("gzip"), body: body.into() }
        }
        None => Exposition { content_type, content_encoding: None, body: text.into() },
    }
}

fn compress(text: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).ok()?;
    encoder.finish().ok()
}

fn write(registry: &Registry, form: Form) -> String {
    let mut writer = Writer { out: String::with_capacity(32 * 1024), form };
    for (name, groups) in registry.shown() {
        writer.family(&name, &groups);
    }
    if form == Form::OpenMetrics {
        writer.out.push_str("# EOF\n");
    }
    writer.out
}

struct Writer {
    out: String,
    form: Form,
}

/// A label that a single sample has beside those of its series.
type Extra<'a> = Option<(&'a str, f64)>;

impl Writer {
    fn family(&mut self, name: &str, groups: &[Arc<Group>]) {
        let Some(first) = groups.first() else { return };
        let Definition { help, kind, .. } = &first.definition;
        let start = self.out.len();
        let stem = names::stem(name, kind);
        match self.form {
            Form::OpenMetrics => {
                let word = if *kind == Kind::Info { "info" } else { kind.word() };
                self.line(format_args!("# TYPE {stem} {word}"));
                let unit = ["seconds", "bytes", "ratio"]
                    .into_iter()
                    .find(|unit| stem.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')));
                if let Some(unit) = unit {
                    self.line(format_args!("# UNIT {stem} {unit}"));
                }
                self.line(format_args!("# HELP {stem} {}", escape(help)));
            }
            Form::Text => {
                // Here quotes are not escaped in help texts.
                let help = help.replace('\\', "\\\\").replace('\n', "\\n");
                self.line(format_args!("# HELP {name} {help}"));
                self.line(format_args!("# TYPE {name} {}", kind.word()));
            }
        }
        let header = self.out.len();
        for group in groups {
            for (values, series) in group.all() {
                let labels = labels(group, values.as_deref());
                self.series(name, stem, &labels, &series);
            }
        }
        if self.out.len() == header {
            self.out.truncate(start);
        }
    }

    fn series(&mut self, name: &str, stem: &str, labels: &str, series: &Series) {
        match series.read() {
            Reading::Counter { count, exemplar } => {
                self.sample(name, labels, None, count, exemplar);
                self.created(stem, labels, series.created);
            }
            Reading::Gauge(Some(value)) => self.sample(name, labels, None, value, None),
            Reading::Gauge(None) => {}
            Reading::Histogram { buckets, sum } => {
                let bucket_name = format!("{stem}_bucket");
                let negative = buckets.first().is_some_and(|(bound, ..)| *bound < 0.0);
                let mut count = 0;
                for (bound, added, exemplar) in buckets {
                    count += added;
                    self.sample(&bucket_name, labels, Some(("le", bound)), count as f64, exemplar);
                }
                // OpenMetrics has a sum only where it never goes down, and no count without it.
                if !(negative && self.form == Form::OpenMetrics) {
                    self.sample(&format!("{stem}_sum"), labels, None, sum, None);
                    self.sample(&format!("{stem}_count"), labels, None, count as f64, None);
                }
                self.created(stem, labels, series.created);
            }
            Reading::Summary { quantiles, count, sum } => {
                for (share, value) in quantiles {
                    let value = value.unwrap_or(f64::NAN);
                    self.sample(name, labels, Some(("quantile", share)), value, None);
                }
                self.sample(&format!("{stem}_sum"), labels, None, sum, None);
                self.sample(&format!("{stem}_count"), labels, None, count as f64, None);
                self.created(stem, labels, series.created);
            }
        }
    }

    fn created(&mut self, stem: &str, labels: &str, created: SystemTime) {
        if self.form == Form::OpenMetrics {
            self.sample(&format!("{stem}_created"), labels, None, seconds(created), None);
        }
    }

    fn sample(
        &mut self,
        name: &str,
        labels: &str,
        extra: Extra<'_>,
        value: f64,
        exemplar: Option<Exemplar>,
    ) {
        self.out.push_str(name);
        match extra {
            None if labels.is_empty() => {}
            None => self.put(format_args!("{{{labels}}}")),
            Some((label, bound)) => {
                let comma = if labels.is_empty() { "" } else { "," };
                let bound = match self.form {
                    Form::OpenMetrics => canonical(bound),
                    Form::Text => number(bound),
                };
                self.put(format_args!("{{{labels}{comma}{label}=\"{bound}\"}}"));
            }
        }
        self.put(format_args!(" {}", number(value)));
        if let (Form::OpenMetrics, Some(Exemplar { trace, value })) = (self.form, exemplar) {
            self.put(format_args!(
                " # {{trace_id=\"{:032x}\",span_id=\"{:016x}\"}} {} {}",
                trace.trace_id,
                trace.span_id,
                number(value),
                number(seconds(trace.at)),
            ));
        }
        self.out.push('\n');
    }

    fn put(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.out.write_fmt(arguments).expect("writing to a string does not fail");
    }

    fn line(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.put(arguments);
        self.out.push('\n');
    }
}

/// The labels of a series without braces: the plugin first, then in the order of the definition.
fn labels(group: &Group, values: Option<&[String]>) -> String {
    let mut out = String::new();
    let mut put = |name: &str, value: &str| {
        let comma = if out.is_empty() { "" } else { "," };
        write!(out, "{comma}{name}=\"{}\"", escape(value))
            .expect("writing to a string does not fail");
    };
    if let Some(plugin) = &group.plugin {
        put(names::PLUGIN, plugin);
    }
    match values {
        Some(values) => {
            group.definition.labels.iter().zip(values).for_each(|(name, value)| put(name, value));
        }
        None => put(names::OVERFLOW, "true"),
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out
}

/// A value: the shortest decimal that reads back as the same float.
fn number(value: f64) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else if value.fract() == 0.0 && value.abs() < EXACT {
        format!("{}", value as i64)
    } else {
        // The debug form turns to an exponent where the other would write hundreds of zeros.
        format!("{value:?}")
    }
}

/// A bound as OpenMetrics wants to see it in a label: always with a fraction.
fn canonical(value: f64) -> String {
    let text = number(value);
    match text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        true => text + ".0",
        false => text,
    }
}

/// Seconds since the epoch, to the millisecond.
fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::exemplar::Trace;
    use super::super::host::{Build, Host};
    use super::super::plugin::{InstanceMetrics, Limits, PluginMetrics};
    use super::*;
    use std::collections::{BTreeMap, HashSet};
    use std::io::Read;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

    /// A host with every kind of metric and the nastiest texts.
    fn host() -> (Arc<Host>, InstanceMetrics) {
        let host = Arc::new(Host::new(Build { version: "0.1.0", revision: "abc" }));
        host.plugins.calls.with(["a", "on-request", "ok"]).add(3);
        host.plugins.duration.with(["a", "on-request"]).observe(0.002);
        let kinds = [
            ("hits_total", Kind::Counter),
            ("depth_bytes", Kind::Gauge),
            ("wait_seconds", Kind::Histogram([0.5, 1.0, 2.0].into())),
            ("change_ratio", Kind::Histogram([-1.0, 0.0].into())),
            ("rows", Kind::Summary([0.5, 1.0].into())),
        ];
        let declared = kinds.iter().map(|(name, _)| name.to_string());
        let plugin = PluginMetrics::new(&host, "a", declared, Limits::default());
        plugin.publish();
        let mut instance = plugin.instance();
        let trace = Trace {
            trace_id: 0xabc,
            span_id: 0xdef,
            at: UNIX_EPOCH + Duration::from_millis(1_700_000_000_250),
        };
        for (name, kind) in kinds {
            let help = "Says \"hello\\\",\nand more.".to_owned();
            let metric = instance
                .register(name.into(), help, kind, vec!["path".into()])
                .expect("it is declared");
            let series =
                instance.series(metric, vec!["/a\"b\\c\nd€".into()]).expect("there is room");
            instance.update(&[(series, 1.5), (series, 0.25)], Some(&trace));
        }
        (host, instance)
    }

    fn text(host: &Host, accept: &str) -> String {
        let exposition = expose(host.registry(), Some(accept), None);
        String::from_utf8(exposition.body.to_vec()).expect("text")
    }

    fn family<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
        text.lines().filter(|line| line.contains(name)).collect()
    }

    #[test]
    fn the_text_form_says_everything_but_exemplars() {
        let (host, _instance) = host();
        let text = text(&host, "");
        let labels = r#"plugin="a",path="/a\"b\\c\nd€""#;
        assert_eq!(
            family(&text, "hits"),
            [
                r#"# HELP hits_total Says "hello\\",\nand more."#.to_owned(),
                "# TYPE hits_total counter".into(),
                format!("hits_total{{{labels}}} 1.75"),
            ]
        );
        assert_eq!(
            family(&text, "wait_seconds")[1..],
            [
                "# TYPE wait_seconds histogram".to_owned(),
                format!("wait_seconds_bucket{{{labels},le=\"0.5\"}} 1"),
                format!("wait_seconds_bucket{{{labels},le=\"1\"}} 1"),
                format!("wait_seconds_bucket{{{labels},le=\"2\"}} 2"),
                format!("wait_seconds_bucket{{{labels},le=\"+Inf\"}} 2"),
                format!("wait_seconds_sum{{{labels}}} 1.75"),
                format!("wait_seconds_count{{{labels}}} 2"),
            ]
        );
        assert!(family(&text, "change_ratio_sum").len() == 1);
        assert!(
            !text.contains("# EOF") && !text.contains("_created") && !text.contains("trace_id")
        );
    }

    #[test]
    fn open_metrics_says_more() {
        let (host, _instance) = host();
        let text = text(&host, OPEN_METRICS);
        let labels = r#"plugin="a",path="/a\"b\\c\nd€""#;
        let trace =
            "# {trace_id=\"00000000000000000000000000000abc\",span_id=\"0000000000000def\"}";
        let hits = family(&text, "hits");
        assert_eq!(hits[0], "# TYPE hits counter");
        assert_eq!(hits[1], r#"# HELP hits Says \"hello\\\",\nand more."#);
        assert_eq!(hits[2], format!("hits_total{{{labels}}} 1.75 {trace} 0.25 1700000000.25"));
        assert!(hits[3].starts_with(&format!("hits_created{{{labels}}} 1")), "{}", hits[3]);
        let wait = family(&text, "wait_seconds");
        assert_eq!(wait[1], "# UNIT wait_seconds seconds");
        assert_eq!(
            wait[3],
            format!("wait_seconds_bucket{{{labels},le=\"0.5\"}} 1 {trace} 0.25 1700000000.25")
        );
        assert_eq!(wait[4], format!("wait_seconds_bucket{{{labels},le=\"1.0\"}} 1"));
        assert!(family(&text, "change_ratio_sum").is_empty(), "sums only where they only grow");
        assert!(family(&text, "change_ratio_count").is_empty(), "and no count without a sum");
        assert_eq!(family(&text, "tamis_build")[0], "# TYPE tamis_build info");
        assert!(text.contains("tamis_build_info{version=\"0.1.0\",revision=\"abc\"} 1\n"));
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn the_same_state_gives_the_same_bytes() {
        let (host, _instance) = host();
        assert_eq!(text(&host, OPEN_METRICS), text(&host, OPEN_METRICS));
        let names: Vec<String> = text(&host, "")
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ").map(String::from))
            .collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn gzip_unpacks_to_the_same() {
        let (host, _instance) = host();
        let plain = expose(host.registry(), None, None);
        let packed = expose(host.registry(), None, Some("deflate, gzip;q=0.5"));
        assert_eq!((plain.content_encoding, packed.content_encoding), (None, Some("gzip")));
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).expect("gzip");
        assert_eq!(unpacked, plain.body);
        assert!(packed.body.len() * 4 < plain.body.len());
    }

    #[test]
    fn numbers_read_back_as_the_same_float() {
        let table = [
            (0.0, "0"),
            (1.0, "1"),
            (-2.0, "-2"),
            (0.1, "0.1"),
            (1e-9, "1e-9"),
            (1e300, "1e300"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in table {
            assert_eq!(number(value), text);
            if value.is_finite() {
                assert_eq!(text.parse::<f64>().expect("a number"), value);
            }
        }
        assert_eq!(canonical(1.0), "1.0");
        assert_eq!(canonical(-5.0), "-5.0");
        assert_eq!(canonical(0.5), "0.5");
        assert_eq!(canonical(f64::INFINITY), "+Inf");
    }

    /// One sample line, taken apart by the grammar of the format rather than by our own writer.
    struct Sample {
        name: String,
        labels: BTreeMap<String, String>,
        value: f64,
        exemplar: bool,
    }

    fn parse(line: &str) -> Sample {
        let end = line.find(['{', ' ']).expect("a name ends");
        let (name, mut rest) = line.split_at(end);
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            loop {
                let (label, after) = rest.split_once("=\"").expect("a label has a value");
                let mut value = String::new();
                let mut chars = after.char_indices();
                let end = loop {
                    let (index, char) = chars.next().expect("a value ends");
                    match char {
                        '"' => break index,
                        '\\' => match chars.next().expect("an escape ends").1 {
                            'n' => value.push('\n'),
                            other => {
                                assert!(matches!(other, '\\' | '"'), "unknown escape in {line}");
                                value.push(other);
                            }
                        },
                        other => value.push(other),
                    }
                };
                assert_eq!(labels.insert(label.into(), value), None, "label twice in {line}");
                rest = &after[end + 1..];
                match rest.strip_prefix(',') {
                    Some(more) => rest = more,
                    None => break,
                }
            }
            rest = rest.strip_prefix('}').expect("labels end");
        }
        let rest = rest.strip_prefix(' ').expect("a blank before the value");
        let (value, exemplar) = match rest.split_once(" # ") {
            Some((value, _)) => (value, true),
            None => (rest, false),
        };
        let value = match value {
            "+Inf" => f64::INFINITY,
            "NaN" => f64::NAN,
            value => value.parse().expect(line),
        };
        Sample { name: name.into(), labels, value, exemplar }
    }

    /// What the format demands of any text: groups in one piece, buckets that ascend, no series
    /// twice.
    fn check(text: &str, open_metrics: bool) {
        assert!(text.ends_with('\n') && !text.contains('\r') && !text.contains("\n\n"));
        let body = match open_metrics {
            true => text.strip_suffix("# EOF\n").expect("the end is marked"),
            false => text,
        };
        let (mut families, mut series) = (HashSet::new(), HashSet::new());
        let (mut family, mut kind) = (String::new(), String::new());
        let mut last_bucket: Option<(BTreeMap<String, String>, f64)> = None;
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let (word, name) = (words.next(), words.next().expect("a name"));
                if family != name {
                    assert!(families.insert(name.to_owned()), "{name} is in two pieces");
                    name.clone_into(&mut family);
                }
                if word == Some("TYPE") {
                    words.next().expect("a type").clone_into(&mut kind);
                }
                continue;
            }
            let sample = parse(line);
            let ending = sample.name.strip_prefix(family.as_str()).expect(line);
            let endings: &[&str] = match (kind.as_str(), open_metrics) {
                ("counter", true) => &["_total", "_created"],
                ("info", true) => &["_info"],
                ("histogram", _) => &["_bucket", "_sum", "_count", "_created"],
                ("summary", _) => &["", "_sum", "_count", "_created"],
                _ => &[""],
            };
            assert!(endings.contains(&ending), "{line} in {family}");
            assert!(series.insert((sample.name.clone(), sample.labels.clone())), "{line}: twice");
            assert!(!sample.exemplar || ["_bucket", "_total"].contains(&ending), "{line}");
            let mut labels = sample.labels;
            if let Some(bound) = labels.remove("le") {
                match &last_bucket {
                    Some((before, count)) if *before == labels => {
                        assert!(sample.value >= *count, "{line}: buckets ascend");
                    }
                    _ => {}
                }
                assert!(
                    open_metrics == (bound.contains('.') || bound == "+Inf" || bound.contains('e'))
                        || !open_metrics,
                    "{line}: canonical bounds"
                );
                last_bucket = Some((labels, sample.value));
            } else if ending == "_count" && kind == "histogram" {
                assert_eq!(last_bucket.take().map(|last| last.1), Some(sample.value), "{line}");
            }
        }
    }

    #[test]
    fn every_form_keeps_to_the_grammar() {
        let (host, _instance) = host();
        host.expose(None, None);
        check(&text(&host, ""), false);
        check(&text(&host, OPEN_METRICS), true);
    }

    /// Runs where Prometheus is installed; elsewhere the grammar above has to do.
    #[test]
    fn promtool_finds_nothing_to_complain_of() {
        let (host, _instance) = host();
        host.expose(None, None);
        let promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut promtool) = promtool else {
            eprintln!("skipped: promtool is not installed");
            return;
        };
        let mut input = promtool.stdin.take().expect("it is piped");
        input.write_all(text(&host, "").as_bytes()).expect("promtool reads");
        drop(input);
        let output = promtool.wait_with_output().expect("promtool ends");
        let said =
            String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.trim().is_empty(), "{said}");
    }
}
