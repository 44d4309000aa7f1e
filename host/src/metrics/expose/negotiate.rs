//! Which text form, and whether compressed.
//!
//! Only forms that are named in `Accept` are candidates: the one with the highest `q` wins, among
//! equals the one that says most. A wildcard names nothing, so browsers and `curl` get text 0.0.4,
//! as they do from every other exporter. The protobuf form is not offered. Our names are plain,
//! so any escaping scheme that is asked for is kept by doing nothing; it is only repeated.

/// What the text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    OpenMetrics,
    Text,
}

/// One entry of `Accept` or `Accept-Encoding`.
struct Entry<'a> {
    name: String,
    parameters: Vec<(String, &'a str)>,
    quality: f32,
}

impl Entry<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }
}

/// The entries that are not refused by `q=0`. What cannot be read is left out.
fn entries(field: &str) -> impl Iterator<Item = Entry<'_>> {
    field.split(',').filter_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
        let parameters: Vec<(String, &str)> = parts
            .filter_map(|part| part.split_once('='))
            .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim().trim_matches('"')))
            .collect();
        let quality = match parameters.iter().find(|(key, _)| key == "q") {
            Some((_, value)) => value.parse().ok().filter(|q| (0.0..=1.0).contains(q))?,
            None => 1.0,
        };
        (quality > 0.0).then_some(Entry { name, parameters, quality })
    })
}

/// The form to answer with, and its `content-type`.
pub(super) fn content_type(accept: &str) -> (Form, String) {
    let mut best: Option<(f32, u8, Form, String)> = None;
    for entry in entries(accept) {
        let Some((rank, form, content_type)) = offer(&entry) else { continue };
        let better = best
            .as_ref()
            .is_none_or(|(quality, other, ..)| (entry.quality, rank) > (*quality, *other));
        if better {
            best = Some((entry.quality, rank, form, content_type));
        }
    }
    best.map(|(_, _, form, content_type)| (form, content_type))
        .unwrap_or_else(|| (Form::Text, TEXT.into()))
}

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What can be answered to one entry, with its rank among equals.
fn offer(entry: &Entry<'_>) -> Option<(u8, Form, String)> {
    let escaping = entry.parameter("escaping").map(|asked| {
        let known = ["allow-utf-8", "underscores", "dots", "values"];
        known.into_iter().find(|scheme| *scheme == asked).unwrap_or("underscores")
    });
    let tail = escaping.map(|scheme| format!("; escaping={scheme}")).unwrap_or_default();
    match (entry.name.as_str(), entry.parameter("version")) {
        ("application/openmetrics-text", Some("1.0.0")) => {
            let head = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            Some((4, Form::OpenMetrics, format!("{head}{tail}")))
        }
        ("application/openmetrics-text", Some("0.0.1") | None) => {
            let head = "application/openmetrics-text; version=0.0.1; charset=utf-8";
            Some((3, Form::OpenMetrics, head.into()))
        }
        ("text/plain", Some("1.0.0")) => {
            let scheme = escaping.unwrap_or("underscores");
            let head = "text/plain; version=1.0.0; charset=utf-8";
            Some((2, Form::Text, format!("{head}; escaping={scheme}")))
        }
        ("text/plain", Some("0.0.4") | None) => Some((1, Form::Text, TEXT.into())),
        _ => None,
    }
}

/// Whether `Accept-Encoding` takes gzip, by name or by wildcard.
pub(super) fn takes_gzip(accept_encoding: &str) -> bool {
    let named = accept_encoding.split(',').any(|entry| {
        entry.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("gzip"))
    });
    let wanted = if named { "gzip" } else { "*" };
    entries(accept_encoding).any(|entry| entry.name == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_negotiated() {
        const OPEN_1: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        const OPEN_0: &str = "application/openmetrics-text; version=0.0.1; charset=utf-8";
        const TEXT_1: &str = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores";
        let utf8_open = format!("{OPEN_1}; escaping=allow-utf-8");
        let utf8_text = TEXT_1.replace("underscores", "allow-utf-8");
        let proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
            encoding=delimited";
        let table = [
            ("", TEXT),
            ("*/*", TEXT),
            ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", TEXT),
            ("text/plain", TEXT),
            ("text/plain;version=0.0.4", TEXT),
            ("text/plain; version=\"1.0.0\"; escaping=allow-utf-8", utf8_text.as_str()),
            ("text/plain;version=1.0.0", TEXT_1),
            ("text/plain;version=1.0.0;escaping=nonsense", TEXT_1),
            ("text/plain;version=9.9", TEXT),
            ("application/openmetrics-text", OPEN_0),
            ("application/openmetrics-text;version=0.0.1", OPEN_0),
            ("APPLICATION/OpenMetrics-Text ; Version=1.0.0", OPEN_1),
            ("application/openmetrics-text;version=2.0.0", TEXT),
            // By q first, by what says most among equals.
            ("text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0", OPEN_1),
            ("application/openmetrics-text;version=1.0.0;q=0.4,text/plain;q=0.5", TEXT),
            ("application/openmetrics-text;version=1.0.0;q=0,*/*", TEXT),
            ("application/openmetrics-text;version=1.0.0;q=2,text/plain;q=0.1", TEXT),
            // What Prometheus 2.42 with native histograms, and 3, send.
            (
                &format!(
                    "{proto},application/openmetrics-text;version=1.0.0;q=0.8,\
                     application/openmetrics-text;version=0.0.1;q=0.75,\
                     text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
                ),
                OPEN_1,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                utf8_open.as_str(),
            ),
            (";;;,=,q=1,text/plain;=;q=x", TEXT),
        ];
        for (accept, expected) in table {
            let (form, content_type) = content_type(accept);
            assert_eq!(content_type, expected, "{accept}");
            assert_eq!(form == Form::OpenMetrics, expected.contains("openmetrics"), "{accept}");
        }
    }

    #[test]
    fn gzip_is_used_when_accepted() {
        let table = [
            ("", false),
            ("identity", false),
            ("gzip", true),
            ("br, GZIP;q=0.3", true),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("*", true),
            ("*;q=0", false),
            ("xgzip", false),
        ];
        for (field, expected) in table {
            assert_eq!(takes_gzip(field), expected, "{field}");
        }
    }
}
