//! The value of a `Server-Timing` field: where the time went until the answer began.

use std::fmt::Write;
use std::time::Duration;

use tamis_sdk::TraceContext;

/// What an exchange spent until its response head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// Since the first byte of the request.
    pub(crate) total: Duration,
    /// Of it inside plugins.
    pub(crate) plugins: Duration,
    /// Of it waiting for the upstream; `None` when it was not asked.
    pub(crate) upstream: Option<Duration>,
}

/// `edge` is what neither plugins nor the upstream took: the proxy, and the client's own sending.
pub(crate) fn value(spent: &Spent, trace: Option<&TraceContext>) -> String {
    let mut value = String::with_capacity(80);
    let elsewhere = spent.plugins + spent.upstream.unwrap_or_default();
    entry(&mut value, "edge", spent.total.saturating_sub(elsewhere));
    value.push_str(", ");
    entry(&mut value, "plugin", spent.plugins);
    if let Some(upstream) = spent.upstream {
        value.push_str(", ");
        entry(&mut value, "upstream", upstream);
    }
    if let Some(trace) = trace {
        let flags = u8::from(trace.sampled);
        let written =
            write!(value, ", trace;desc=00-{}-{}-{flags:02x}", trace.trace_id, trace.span_id);
        written.expect("a string takes everything");
    }
    value
}

/// `name;dur=12.3`, in milliseconds with two digits at most.
fn entry(value: &mut String, name: &str, span: Duration) {
    let hundredths = span.as_micros() / 10;
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    let written = match (rest / 10, rest % 10) {
        (0, 0) => write!(value, "{name};dur={whole}"),
        (tenths, 0) => write!(value, "{name};dur={whole}.{tenths}"),
        _ => write!(value, "{name};dur={whole}.{rest:02}"),
    };
    written.expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_milliseconds() {
        for (micros, expected) in [
            (0, "a;dur=0"),
            (9, "a;dur=0"),
            (10, "a;dur=0.01"),
            (400, "a;dur=0.4"),
            (12_000, "a;dur=12"),
            (12_345, "a;dur=12.34"),
            (1_000_050, "a;dur=1000.05"),
        ] {
            let mut value = String::new();
            entry(&mut value, "a", Duration::from_micros(micros));
            assert_eq!(value, expected);
        }
    }

    #[test]
    fn what_nobody_else_took_is_the_edge() {
        let mut spent = Spent {
            total: Duration::from_micros(13_000),
            plugins: Duration::from_micros(200),
            upstream: Some(Duration::from_micros(12_300)),
        };
        assert_eq!(value(&spent, None), "edge;dur=0.5, plugin;dur=0.2, upstream;dur=12.3");
        spent.upstream = None;
        assert_eq!(value(&spent, None), "edge;dur=12.8, plugin;dur=0.2");
        spent.total = Duration::ZERO;
        assert_eq!(value(&spent, None), "edge;dur=0, plugin;dur=0.2", "clocks may step back");
    }

    #[test]
    fn a_trace_is_written_as_w3c_does() {
        let spent = Spent { total: Duration::ZERO, plugins: Duration::ZERO, upstream: None };
        let trace = TraceContext {
            trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
            span_id: "b7ad6b7169203331".into(),
            sampled: true,
        };
        assert_eq!(
            value(&spent, Some(&trace)),
            "edge;dur=0, plugin;dur=0, trace;desc=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        );
    }
}
