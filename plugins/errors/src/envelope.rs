//! Envelopes: one line of JSON for all, then for each item one line of JSON and its bytes.

use serde_json::{Value, json};
use tamis_sdk::{Timestamp, TraceContext};

use crate::event::{CLIENT, time};

/// An envelope with at most one event.
#[derive(Debug)]
pub(crate) struct Envelope {
    bytes: Vec<u8>,
}

impl Envelope {
    /// For an event, or without an id for items that need none.
    pub(crate) fn new(event_id: Option<&str>, trace: Option<Value>, sent_at: Timestamp) -> Self {
        let (name, version) = CLIENT.split_once('/').unwrap_or((CLIENT, "0.0.0"));
        let mut header = json!({
            "sent_at": time(sent_at),
            "sdk": { "name": name, "version": version },
        });
        if let Some(id) = event_id {
            header["event_id"] = id.into();
        }
        if let Some(trace) = trace {
            header["trace"] = trace;
        }
        let mut bytes = header.to_string().into_bytes();
        bytes.push(b'\n');
        Self { bytes }
    }

    /// Adds an item. The length is in its header, so the payload may hold anything.
    pub(crate) fn add(&mut self, kind: &str, payload: &str) {
        let header =
            json!({ "type": kind, "length": payload.len(), "content_type": "application/json" });
        self.bytes.extend_from_slice(header.to_string().as_bytes());
        self.bytes.push(b'\n');
        self.bytes.extend_from_slice(payload.as_bytes());
        self.bytes.push(b'\n');
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// What a server wants to know of the trace to sample by it.
pub(crate) fn trace(
    trace: &TraceContext,
    public_key: &str,
    environment: &str,
    release: Option<&str>,
) -> Value {
    let mut out = json!({
        "trace_id": trace.trace_id,
        "public_key": public_key,
        "environment": environment,
    });
    if let Some(release) = release {
        out["release"] = release.into();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an envelope by its grammar: header, then item header and payload by length.
    fn read(bytes: &[u8]) -> (Value, Vec<(Value, String)>) {
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let (header, mut rest) = text.split_once('\n').expect("a header");
        let mut items = Vec::new();
        while !rest.is_empty() {
            let (item, after) = rest.split_once('\n').expect("an item header");
            let item: Value = serde_json::from_str(item).expect("JSON");
            let length = item["length"].as_u64().expect("a length") as usize;
            items.push((item, after[..length].to_owned()));
            assert_eq!(&after[length..=length], "\n", "an item ends with its line");
            rest = &after[length + 1..];
        }
        (serde_json::from_str(header).expect("JSON"), items)
    }

    #[test]
    fn items_are_framed_by_their_length() {
        let sent = Timestamp::from_unix_nanos(1_763_796_961_120_345_678);
        let mut envelope = Envelope::new(Some("abc"), None, sent);
        envelope.add("event", "{\"a\":\n\"é\"}\n");
        envelope.add("client_report", "{}");
        let (header, items) = read(&envelope.into_bytes());
        assert_eq!(header["event_id"], "abc");
        assert_eq!(header["sent_at"], "2025-11-22T07:36:01.120345Z");
        assert_eq!(header["sdk"]["name"], "tamis.errors");
        assert!(header["trace"].is_null());
        let found: Vec<_> =
            items.iter().map(|(item, text)| (item["type"].as_str(), &**text)).collect();
        assert_eq!(found, [(Some("event"), "{\"a\":\n\"é\"}\n"), (Some("client_report"), "{}")]);
    }

    #[test]
    fn an_envelope_without_an_event_has_no_id() {
        let context = TraceContext { trace_id: "a".into(), span_id: "b".into(), sampled: true };
        let trace = trace(&context, "key", "production", Some("shop@1"));
        let envelope = Envelope::new(None, Some(trace), Timestamp::default());
        let (header, items) = read(&envelope.into_bytes());
        assert!(header["event_id"].is_null() && items.is_empty());
        assert_eq!(
            header["trace"],
            json!({ "trace_id": "a", "public_key": "key", "environment": "production", "release": "shop@1" })
        );
    }
}
