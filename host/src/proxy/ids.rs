//! Names for an exchange: the request id and the trace context.
//!
//! A request id is taken over only from a peer that is trusted, and only in a form that is safe in
//! every log; otherwise a UUIDv7 is made. A trace context (W3C) is read strictly: one that is wrong is
//! replaced, never repaired. The two never have anything in common.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The field of the request id.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The field of the trace context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What others add to the trace context.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The one name of an exchange, in heads, records and events. 8 to 128 characters of
/// `[A-Za-z0-9._:+/=-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Takes over what a peer sent, if it has the form.
    #[must_use]
    pub fn accept(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let safe = |byte: &u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'_' | b':' | b'+' | b'/' | b'=' | b'-')
        };
        let accepted = (8..=128).contains(&bytes.len()) && bytes.iter().all(safe);
        accepted.then(|| Self(value.clone()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Made of ASCII in both ways there are to make one.
        self.0.to_str().unwrap_or_default()
    }

    /// The value to send. Cheap.
    #[must_use]
    pub fn to_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What became of the request id of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The id to use.
    pub id: RequestId,
    /// What the client sent and was not taken over: for the log alone, and not safe to print.
    pub foreign: Option<HeaderValue>,
}

/// Makes ids. One per worker; two never make the same.
///
/// The numbers come from a keyed hash over a counter, keyed by the system's randomness: nobody can
/// guess one from another, and none costs a system call.
#[derive(Debug)]
pub struct Ids {
    keys: [RandomState; 2],
    count: u64,
}

impl Default for Ids {
    fn default() -> Self {
        // The second one is keyed apart, so that 128 bits are 128 bits.
        Self { keys: [RandomState::new(), RandomState::new()], count: 0 }
    }
}

impl Ids {
    /// The id of a request: what a trusted peer sent, or a new one.
    pub fn identify(&mut self, headers: &HeaderMap, trusted: bool) -> Identified {
        let mut values = headers.get_all(X_REQUEST_ID).iter();
        let (first, second) = (values.next(), values.next());
        let accepted = match (first, second) {
            (Some(value), None) if trusted => RequestId::accept(value),
            _ => None,
        };
        match accepted {
            Some(id) => Identified { id, foreign: None },
            None => Identified { id: self.request_id(), foreign: first.cloned() },
        }
    }

    /// A new UUIDv7 (RFC 9562).
    pub fn request_id(&mut self) -> RequestId {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.request_id_at(now)
    }

    fn request_id_at(&mut self, now: Duration) -> RequestId {
        let [high, low] = self.random();
        let mut random = [0; 10];
        random[..8].copy_from_slice(&high);
        random[8..].copy_from_slice(&low[..2]);
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = uuid.hyphenated().encode_lower(&mut text);
        let value = HeaderValue::from_str(text).expect("hexadecimal digits and hyphens");
        RequestId(value)
    }

    /// The trace context of a request.
    ///
    /// That of a trusted peer is continued; otherwise a new trace is begun, and what the client sent
    /// is kept as a link.
    pub fn trace(&mut self, headers: &HeaderMap, trusted: bool) -> Trace {
        let received = TraceContext::read(headers);
        let span = self.span_id();
        match received {
            Some(parent) if trusted => Trace {
                context: TraceContext { span_id: span, ..parent.clone() },
                parent: Some(parent.span_id),
                link: None,
            },
            received => {
                let [high, low] = self.random();
                let mut trace_id = [0; 16];
                trace_id[..8].copy_from_slice(&high);
                trace_id[8..].copy_from_slice(&low);
                // All zero means none; one chance in 2^128.
                trace_id[15] |= u8::from(trace_id == [0; 16]);
                let context = TraceContext {
                    trace_id,
                    span_id: span,
                    flags: TraceContext::RANDOM,
                    state: None,
                };
                Trace { context, parent: None, link: received }
            }
        }
    }

    /// A new span id, never zero.
    pub fn span_id(&mut self) -> [u8; 8] {
        loop {
            let [id, _] = self.random();
            if id != [0; 8] {
                return id;
            }
        }
    }

    fn random(&mut self) -> [[u8; 8]; 2] {
        self.count += 1;
        self.keys.each_ref().map(|key| {
            let mut hasher = key.build_hasher();
            hasher.write_u64(self.count);
            hasher.finish().to_be_bytes()
        })
    }
}

/// The trace context of an exchange and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// To send to the upstream: the span in it is ours.
    pub context: TraceContext,
    /// The span that continues in ours.
    pub parent: Option<[u8; 8]>,
    /// The context of a client that is not trusted.
    pub link: Option<TraceContext>,
}

/// A W3C trace context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// Never all zero.
    pub trace_id: [u8; 16],
    /// The span that sends, never all zero.
    pub span_id: [u8; 8],
    /// [`TraceContext::SAMPLED`] and [`TraceContext::RANDOM`]; others are 0.
    pub flags: u8,
    /// What others added, checked, several fields joined in order.
    pub state: Option<Box<str>>,
}

impl TraceContext {
    /// The caller may have recorded its part.
    pub const SAMPLED: u8 = 1;
    /// The trace id is random.
    pub const RANDOM: u8 = 2;

    /// Reads `traceparent` and `tracestate`. `None` without exactly one valid `traceparent`; a
    /// `tracestate` that is invalid is dropped as a whole.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let (parent, None) = (parents.next()?, parents.next()) else { return None };
        let mut context = Self::parse(parent.as_bytes())?;
        context.state = read_state(headers);
        Some(context)
    }

    /// Reads one `traceparent`: `00-<32 digits>-<16 digits>-<2 digits>`, lower case, and what later
    /// versions may append.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (known, rest) = text.split_at_checked(55)?;
        let [version, ..] = hex::<1>(&known[..2])?;
        let appended = match version {
            0xff => return None,
            0 => rest.is_empty(),
            _ => matches!(rest.first(), None | Some(b'-')),
        };
        let delimited = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        if !appended || !delimited {
            return None;
        }
        let trace_id = hex::<16>(&known[3..35])?;
        let span_id = hex::<8>(&known[36..52])?;
        let [flags] = hex::<1>(&known[53..])?;
        if trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        Some(Self { trace_id, span_id, flags: flags & (Self::SAMPLED | Self::RANDOM), state: None })
    }

    /// The value of `traceparent`.
    #[must_use]
    pub fn to_value(&self) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        put_hex(&mut text[3..35], &self.trace_id);
        put_hex(&mut text[36..52], &self.span_id);
        put_hex(&mut text[53..], &[self.flags]);
        HeaderValue::from_bytes(&text).expect("hexadecimal digits and hyphens")
    }

    /// Writes both fields, replacing what is there.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(TRACEPARENT, self.to_value());
        match self.state.as_deref().map(HeaderValue::from_str) {
            Some(Ok(state)) => drop(headers.insert(TRACESTATE, state)),
            _ => drop(headers.remove(TRACESTATE)),
        }
    }

    /// The same, as filters see it.
    #[must_use]
    pub fn to_filter(&self) -> crate::filter::TraceContext {
        let mut digits = [0; 48];
        put_hex(&mut digits[..32], &self.trace_id);
        put_hex(&mut digits[32..], &self.span_id);
        let text = |digits: &[u8]| std::str::from_utf8(digits).unwrap_or_default().into();
        crate::filter::TraceContext {
            trace_id: text(&digits[..32]),
            span_id: text(&digits[32..]),
            sampled: self.flags & Self::SAMPLED != 0,
        }
    }

    /// The trace id as 32 digits.
    #[must_use]
    pub fn trace_id_text(&self) -> String {
        let mut text = [0; 32];
        put_hex(&mut text, &self.trace_id);
        text.iter().map(|byte| *byte as char).collect()
    }
}

/// Lower-case digits only; two for each byte.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn put_hex(digits: &mut [u8], bytes: &[u8]) {
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
}

/// At most 32 members `key=value` out of all fields, in order; `None` when one of them is invalid.
fn read_state(headers: &HeaderMap) -> Option<Box<str>> {
    let mut members: Vec<&str> = Vec::new();
    for value in headers.get_all(TRACESTATE) {
        let text = std::str::from_utf8(value.as_bytes()).ok()?;
        for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])) {
            // Empty members are allowed, and mean nothing.
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            let repeated = members.iter().any(|before| before.split('=').next() == Some(key));
            if repeated || members.len() == 32 || !is_state_key(key) || !is_state_value(value) {
                return None;
            }
            members.push(member);
        }
    }
    (!members.is_empty()).then(|| members.join(",").into_boxed_str())
}

fn is_state_key(key: &str) -> bool {
    let bytes = key.as_bytes();
    let first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let rest = |byte: &u8| first(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    bytes.len() <= 256 && bytes.first().is_some_and(first) && bytes.iter().all(rest)
}

fn is_state_value(value: &str) -> bool {
    let printable = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b',' | b'=');
    value.len() <= 256 && value.as_bytes().iter().all(printable) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn fields(fields: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let value = HeaderValue::from_bytes(value).expect("a value");
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    #[test]
    fn an_id_is_taken_over_only_from_a_trusted_peer_and_only_in_its_form() {
        let mut ids = Ids::default();
        let long = [b'a'; 129];
        for (value, accepted) in [
            (&b"abcdefgh"[..], true),
            (b"01890a5d-ac96-774b-bcce-b302099a8057", true),
            (b"A.z_0:9+/=-", true),
            (&long[..128], true),
            (&long, false),
            (b"abcdefg", false),
            (b"", false),
            (b"abc defgh", false),
            (b"abcdefgh\t", false),
            (b"abcdefgh,abcdefgh", false),
            (b"\xc3\xbcabcdefgh", false),
            (b"<script>alert", false),
            (b"abcdefgh;x", false),
            (b"{\"a\":\"b\"}", false),
        ] {
            let headers = fields(&[("x-request-id", value)]);
            let identified = ids.identify(&headers, true);
            assert_eq!(
                identified.id.as_str().as_bytes() == value,
                accepted,
                "{}",
                value.escape_ascii()
            );
            assert_eq!(identified.foreign.is_none(), accepted);
            let identified = ids.identify(&headers, false);
            assert_ne!(identified.id.as_str().as_bytes(), value, "a stranger names nothing");
            assert_eq!(identified.foreign.expect("kept apart").as_bytes(), value);
        }
        let twice = fields(&[("x-request-id", b"abcdefgh"), ("x-request-id", b"abcdefgh")]);
        assert_ne!(ids.identify(&twice, true).id.as_str(), "abcdefgh");
        assert!(ids.identify(&HeaderMap::new(), true).foreign.is_none());
    }

    #[test]
    fn ids_are_uuids_of_version_7_and_never_the_same() {
        let mut ids = Ids::default();
        let mut other = Ids::default();
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            for ids in [&mut ids, &mut other] {
                let id = ids.request_id();
                assert!(RequestId::accept(&id.to_value()).is_some());
                assert!(seen.insert(id.as_str().to_owned()), "{id} twice");
            }
        }
        let uuid = ids.request_id_at(Duration::from_millis(0x0123_4567_89ab));
        let uuid = uuid::Uuid::parse_str(uuid.as_str()).expect("a uuid");
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
        assert!(uuid.to_string().starts_with("01234567-89ab-7"), "{uuid}");
    }

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_parent_is_read_strictly() {
        let read = |text: &str| TraceContext::parse(text.as_bytes());
        let good = read(GOOD).expect("valid");
        assert_eq!(good.to_value(), GOOD);
        assert_eq!(good.flags, TraceContext::SAMPLED);
        let later = read(&GOOD.replacen("00", "01", 1)).expect("a later version");
        assert_eq!(later.to_value(), GOOD, "we speak our own version");
        assert!(
            read(&format!("{}-what-the-future-brings", GOOD.replacen("00", "cc", 1))).is_some()
        );
        assert_eq!(read(&GOOD.replace("-01", "-ff")).expect("unknown flags").flags, 3);
        for bad in [
            "",
            "00",
            &GOOD[..54],
            &format!("{GOOD}-00"),
            &format!("{GOOD} "),
            &GOOD.to_uppercase(),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replacen("00", "0x", 1),
            &GOOD.replace('-', "_"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-011",
            &format!("{}x", GOOD.replacen("00", "cc", 1)),
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_trace_state_is_kept_whole_or_not_at_all() {
        let read = |states: &[&str]| {
            let mut headers = fields(&[("traceparent", GOOD.as_bytes())]);
            for state in states {
                headers.append(TRACESTATE, HeaderValue::from_str(state).expect("a value"));
            }
            TraceContext::read(&headers).expect("a valid parent").state.map(String::from)
        };
        let many = |count: usize| -> String {
            (0..count).map(|number| format!("k{number}=v")).collect::<Vec<_>>().join(",")
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["a=1"]).as_deref(), Some("a=1"));
        assert_eq!(read(&["a=1", "b=2, c=3"]).as_deref(), Some("a=1,b=2,c=3"), "in order");
        assert_eq!(read(&["a=1,,", " ", "b=2\t"]).as_deref(), Some("a=1,b=2"));
        assert_eq!(read(&["0t@v_-*/=x y!"]).as_deref(), Some("0t@v_-*/=x y!"));
        assert_eq!(read(&[&many(32)]), Some(many(32)));
        assert_eq!(read(&[&many(33)]), None);
        assert_eq!(read(&[&format!("a={}", "v".repeat(256))]).map(|state| state.len()), Some(258));
        for bad in [
            "a",
            "=1",
            "A=1",
            "a b=1",
            "_a=1",
            "a=b=c",
            "a=1,a=2",
            "a=\u{e9}",
            &format!("a={}", "v".repeat(257)),
            &format!("{}=v", "k".repeat(257)),
        ] {
            assert_eq!(read(&["ok=1", bad]), None, "{bad}");
        }
    }

    #[test]
    fn a_trace_is_continued_for_the_trusted_and_begun_for_others() {
        let mut ids = Ids::default();
        let headers = fields(&[("traceparent", GOOD.as_bytes()), ("tracestate", b"a=1")]);
        let sent = TraceContext::read(&headers).expect("valid");
        let trace = ids.trace(&headers, true);
        assert_eq!((trace.context.trace_id, trace.context.flags), (sent.trace_id, sent.flags));
        assert_eq!(trace.context.state.as_deref(), Some("a=1"));
        assert_eq!(trace.parent, Some(sent.span_id));
        assert_ne!(trace.context.span_id, sent.span_id, "the span is ours");
        let trace = ids.trace(&headers, false);
        assert_ne!(trace.context.trace_id, sent.trace_id);
        assert_eq!(trace.context.flags, TraceContext::RANDOM);
        assert_eq!((trace.parent, trace.link), (None, Some(sent)));
        for headers in [
            HeaderMap::new(),
            fields(&[("traceparent", b"bad"), ("tracestate", b"a=1")]),
            fields(&[("traceparent", GOOD.as_bytes()), ("traceparent", GOOD.as_bytes())]),
        ] {
            let trace = ids.trace(&headers, true);
            assert_eq!((trace.parent, trace.link, trace.context.state), (None, None, None));
        }
        let mut headers = headers;
        let trace = ids.trace(&HeaderMap::new(), true);
        trace.context.write(&mut headers);
        assert_eq!(headers[TRACEPARENT], trace.context.to_value());
        assert!(!headers.contains_key(TRACESTATE), "what belonged to another trace is gone");
        assert!(
            headers[TRACEPARENT].to_str().expect("text").contains(&trace.context.trace_id_text())
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(trace_id in any::<[u8; 16]>(), span_id in any::<[u8; 8]>(), flags in 0u8..4) {
            let context = TraceContext { trace_id, span_id, flags, state: None };
            let valid = trace_id != [0; 16] && span_id != [0; 8];
            let read = TraceContext::parse(context.to_value().as_bytes());
            prop_assert_eq!(read, valid.then_some(context));
        }

        #[test]
        fn anything_is_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceContext::parse(&bytes);
        }
    }
}
