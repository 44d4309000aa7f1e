//! What kind of text is scanned. Only what cannot be seen in the text itself depends on it.

/// Where a text stands, as rules name it in `where` and `except`. One bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Place {
    /// Log records, the access record among them.
    Log = 1,
    /// The bodies of messages.
    Body = 2,
    /// Header fields.
    Header = 4,
    /// Targets of requests and other addresses.
    Query = 8,
    /// Error events, and whatever else is shown.
    Event = 16,
}

impl Place {
    /// All, with their names.
    pub(crate) const ALL: [(&str, Place); 5] = [
        ("log", Place::Log),
        ("body", Place::Body),
        ("header", Place::Header),
        ("query", Place::Query),
        ("event", Place::Event),
    ];
}

/// The kind of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// Log records, plain text, and whatever else has lines. JSON, logfmt and query strings in it
    /// are recognised where they stand; line ends are never crossed.
    Text,
    /// A JSON document, or several. Values may go over line ends.
    Json,
    /// A form or a query string: pairs at `&`, percent-encoded.
    Form,
    /// A form in parts, each of which has a name and a kind of its own. Only [`crate::Stream`] and
    /// [`crate::Engine::redact`] know its parts; for a scan it is text.
    Parts,
}

/// The media types of texts, as patterns: all of which [`Kind::of_media_type`] knows the kind.
pub(crate) const MEDIA_TYPES: [&str; 19] = [
    "text/*",
    "*/json",
    "*/*+json",
    "*/*+xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
    "application/json-seq",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/graphql",
    "application/javascript",
    "application/ecmascript",
];

impl Kind {
    /// The kind of a body by its media type, with or without parameters; `None` for types that are
    /// no text.
    pub fn of_media_type(media_type: &str) -> Option<Kind> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (top, sub) = essence.split_once('/')?;
        match (top, sub) {
            ("application", "x-www-form-urlencoded") => Some(Kind::Form),
            ("multipart", "form-data") => Some(Kind::Parts),
            (_, sub) if sub == "json" || sub.ends_with("+json") => Some(Kind::Json),
            (
                "application",
                "graphql" | "javascript" | "ecmascript" | "xml" | "yaml" | "x-yaml" | "toml",
            ) => Some(Kind::Text),
            (
                "application",
                "x-ndjson" | "ndjson" | "jsonl" | "x-jsonlines" | "json-seq" | "jsonlines",
            ) => Some(Kind::Json),
            ("text", _) => Some(Kind::Text),
            (_, sub) if sub.ends_with("+xml") => Some(Kind::Text),
            _ => None,
        }
    }

    /// Whether markers have to be percent-encoded.
    pub(crate) fn is_encoded(self) -> bool {
        self == Kind::Form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for (media_type, kind) in [
            ("application/json; charset=utf-8", Some(Kind::Json)),
            ("application/problem+json", Some(Kind::Json)),
            ("application/x-ndjson", Some(Kind::Json)),
            ("application/x-www-form-urlencoded", Some(Kind::Form)),
            ("multipart/form-data; boundary=x", Some(Kind::Parts)),
            ("multipart/mixed; boundary=x", None),
            ("text/event-stream", Some(Kind::Text)),
            ("TEXT/HTML", Some(Kind::Text)),
            ("image/svg+xml", Some(Kind::Text)),
            ("image/png", None),
            ("application/octet-stream", None),
            ("nonsense", None),
        ] {
            assert_eq!(Kind::of_media_type(media_type), kind, "`{media_type}`");
        }
    }

    #[test]
    fn every_type_that_is_asked_for_has_a_kind() {
        for pattern in MEDIA_TYPES {
            let media_type = pattern.replace('*', "x");
            assert!(Kind::of_media_type(&media_type).is_some(), "`{media_type}`");
        }
    }
}
