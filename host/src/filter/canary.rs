//! Watches what leaves for texts that must never leave: canaries that somebody planted.
//!
//! A canary is a made-up secret, put where real ones would be. It never gets out unless what
//! should have redacted it did not, so every hit is a leak of the real thing by the same way.
//! The rooms ask a [`Watch`] about all that they store, send or show; without canaries that is
//! one look at an absent pointer for each text, and nothing for its bytes.
//!
//! A canary is found whole, in either case, also where it is percent-encoded, escaped as in
//! JSON or HTML, in hexadecimal or in base64, and where two or three of these are on top of one
//! another. Not found are canaries of which a part is missing, that are compressed or encrypted,
//! that are broken by line ends within base64, or in another encoding than UTF-8.
//!
//! Promised: a canary is never named but by its place in the list.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Serialize;

use crate::metrics::{self, Counter};

/// The most canaries: one bit each in the set of those that a text holds.
pub const MOST: usize = 64;
/// How many encodings on top of one another are undone.
const LAYERS: usize = 3;
/// How long nothing more is said of a canary in an output.
const QUIET: Duration = Duration::from_secs(60);

/// A way by which something is stored, sent or shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Output {
    /// Records on their way into a sink, as they are written; what has to be written again is
    /// counted again.
    Logs,
    /// Error events on their way to the plugins that take them.
    Errors,
    /// What plugins send: requests, deliveries, probes.
    Requests,
    /// Keys and values that plugins keep, in memory or in a server.
    State,
    /// The page of metrics.
    Metrics,
    /// The other pages of the admin listener.
    Pages,
    /// What the host itself says on the terminal.
    Terminal,
}

impl Output {
    /// All outputs, in the order of the enum.
    pub const ALL: [Self; 7] = [
        Self::Logs,
        Self::Errors,
        Self::Requests,
        Self::State,
        Self::Metrics,
        Self::Pages,
        Self::Terminal,
    ];

    /// The name, as in logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Errors => "errors",
            Self::Requests => "requests",
            Self::State => "state",
            Self::Metrics => "metrics",
            Self::Pages => "pages",
            Self::Terminal => "terminal",
        }
    }
}

/// What is done about a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnCanary {
    /// It is counted and told of, and goes its way.
    #[default]
    Count,
    /// It is counted and told of, and what holds it is not let out.
    Withhold,
}

/// Asks of texts that leave whether they hold a canary. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Watch(Option<Arc<Planted>>);

/// The canaries, and where they were seen.
struct Planted {
    automaton: AhoCorasick,
    /// The canary behind each pattern, from 0.
    canaries: Box<[u8]>,
    count: usize,
    on_canary: OnCanary,
    /// In the order of [`Output::ALL`].
    hits: Option<[Counter; Output::ALL.len()]>,
    seen: Mutex<BTreeMap<(Output, u8), Seen>>,
}

struct Seen {
    texts: u64,
    told: Instant,
    /// Texts since it was last told of.
    untold: u64,
}

impl fmt::Debug for Planted {
    /// Not the canaries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planted").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Where canaries were seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many canaries there are.
    pub planted: usize,
    /// What is done about them.
    pub on_canary: OnCanary,
    /// What was seen, by output and then by canary.
    pub hits: Vec<Hit>,
}

/// A canary in an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// Where.
    pub output: Output,
    /// Its place in the list, from 1.
    pub canary: usize,
    /// How many texts held it, since the start.
    pub texts: u64,
}

impl Watch {
    /// For these canaries; the first [`MOST`] of them. None of them: everything passes. Hits are
    /// counted in `metrics`, if there are any.
    ///
    /// # Errors
    ///
    /// Why they cannot be looked for, which is a matter of their size.
    pub fn new<'t>(
        canaries: impl IntoIterator<Item = &'t str>,
        on_canary: OnCanary,
        metrics: Option<&metrics::Host>,
    ) -> Result<Self, String> {
        let mut patterns: Vec<(Vec<u8>, u8)> = Vec::new();
        let mut count = 0;
        for (canary, text) in (0..).zip(canaries.into_iter().take(MOST)) {
            patterns.extend(spellings(text.as_bytes()).into_iter().map(|one| (one, canary)));
            count += 1;
        }
        if count == 0 {
            return Ok(Self::default());
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(patterns.iter().map(|(pattern, _)| pattern))
            .map_err(|error| error.to_string())?;
        Ok(Self(Some(Arc::new(Planted {
            automaton,
            canaries: patterns.into_iter().map(|(_, canary)| canary).collect(),
            count,
            on_canary,
            hits: metrics.map(|host| {
                Output::ALL.map(|output| host.redaction.canary_hits.with([output.as_str()]))
            }),
            seen: Mutex::default(),
        }))))
    }

    /// Whether there is nothing to look for.
    pub fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    /// Whether this may leave: one thing, such as a record or a request, in all its parts. If it
    /// holds a canary that is counted and told of, and only withheld if the operator wants that.
    #[must_use]
    pub fn passes<'t>(&self, output: Output, parts: impl IntoIterator<Item = &'t [u8]>) -> bool {
        let Some(planted) = &self.0 else { return true };
        let found = parts.into_iter().fold(0, |found, part| found | planted.found(part));
        if found == 0 {
            return true;
        }
        planted.note(output, found);
        planted.on_canary == OnCanary::Count
    }

    /// Whether a text holds a canary. Neither counted nor told: for who looks at many things at
    /// once first.
    pub fn finds(&self, text: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|planted| planted.found(text) != 0)
    }

    /// What was seen, if there is anything to see.
    pub fn report(&self) -> Option<Report> {
        let planted = self.0.as_ref()?;
        let seen = planted.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let hit = |(&(output, canary), seen): (&(Output, u8), &Seen)| Hit {
            output,
            canary: usize::from(canary) + 1,
            texts: seen.texts,
        };
        Some(Report {
            planted: planted.count,
            on_canary: planted.on_canary,
            hits: seen.iter().map(hit).collect(),
        })
    }
}

impl Planted {
    /// The canaries in a text, a bit each.
    fn found(&self, text: &[u8]) -> u64 {
        let mut found = self.scan(text);
        let mut layer = unwrapped(text);
        for _ in 0..LAYERS {
            let Some(inner) = layer else { break };
            found |= self.scan(&inner);
            layer = unwrapped(&inner);
        }
        found
    }

    fn scan(&self, text: &[u8]) -> u64 {
        let all = u64::MAX >> (64 - self.count);
        let mut found = 0;
        for hit in self.automaton.find_overlapping_iter(text) {
            found |= 1 << self.canaries[hit.pattern().as_usize()];
            // However often they are in there, it takes no longer.
            if found == all {
                break;
            }
        }
        found
    }

    /// Counts canaries in an output, and tells of each once and then once a minute.
    fn note(&self, output: Output, found: u64) {
        if let Some(hits) = &self.hits {
            hits[output as usize].add(u64::from(found.count_ones()));
        }
        for canary in (0..64_u8).filter(|canary| found >> canary & 1 == 1) {
            let now = Instant::now();
            let texts = {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                let fresh = || Seen { texts: 0, told: now, untold: 0 };
                let seen = seen.entry((output, canary)).or_insert_with(fresh);
                seen.texts += 1;
                seen.untold += 1;
                if seen.texts > 1 && now.duration_since(seen.told) < QUIET {
                    continue;
                }
                seen.told = now;
                std::mem::take(&mut seen.untold)
            };
            let withheld = self.on_canary == OnCanary::Withhold;
            tracing::error!(
                output = output.as_str(),
                canary = u64::from(canary) + 1,
                texts,
                withheld,
                "canary {} of [redact] was not redacted and has reached the output `{}`",
                canary + 1,
                output.as_str()
            );
        }
    }
}

/// What to look for, for one canary. Case is no matter of the patterns, and what can be undone
/// in a text is not among them.
fn spellings(canary: &[u8]) -> Vec<Vec<u8>> {
    let mut spellings = vec![canary.to_vec()];
    if canary.contains(&b' ') {
        // As forms write blanks.
        let plus = |byte: &u8| if *byte == b' ' { b'+' } else { *byte };
        spellings.push(canary.iter().map(plus).collect());
    }
    // What is undone in a text is undone in a canary that looks encoded itself, too.
    let mut layer = unwrapped(canary);
    for _ in 0..LAYERS {
        let Some(inner) = layer else { break };
        layer = unwrapped(&inner);
        spellings.push(inner);
    }
    let hex: String = canary.iter().map(|byte| format!("{byte:02x}")).collect();
    spellings.push(hex.into_bytes());
    // What is packed into base64 is JSON, more often than not.
    let json = serde_json::to_string(&String::from_utf8_lossy(canary)).unwrap_or_default();
    let json = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    for text in [canary, json.as_bytes()] {
        // Three bytes are four digits, so what stands before decides between three spellings.
        // Digits that hold bits of a neighbour are left out.
        for before in 0..3 {
            let mut padded = vec![0; before];
            padded.extend_from_slice(text);
            let first = (before * 8).div_ceil(6);
            let last = padded.len() * 8 / 6;
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let digits = engine.encode(&padded).into_bytes();
                spellings.extend(digits.get(first..last).map(<[u8]>::to_vec));
            }
        }
    }
    spellings.retain(|one| !one.is_empty());
    spellings.sort();
    spellings.dedup();
    spellings
}

/// The text with one layer of percent-encoding, of escapes with a backslash and of references
/// of HTML undone; nothing if there is none. What only looks like one stays.
fn unwrapped(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut copied, mut from) = (0, 0);
    while let Some(found) = memchr::memchr3(b'%', b'\\', b'&', &text[from..]) {
        let at = from + found;
        from = at + 1;
        let rest = &text[from..];
        let undone = match text[at] {
            b'%' => byte(rest).map(|byte| (Piece::Byte(byte), 2)),
            b'\\' => unescaped(rest),
            _ => dereferenced(rest),
        };
        let Some((piece, length)) = undone else { continue };
        out.extend_from_slice(&text[copied..at]);
        match piece {
            Piece::Byte(byte) => out.push(byte),
            Piece::Character(one) => out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        from += length;
        copied = from;
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(&text[copied..]);
    Some(out)
}

/// What an encoding stood for.
enum Piece {
    Byte(u8),
    Character(char),
}

impl Piece {
    fn of(number: u32) -> Option<Self> {
        char::from_u32(number).map(Self::Character)
    }
}

/// What stands behind a backslash, and how many bytes it takes.
fn unescaped(text: &[u8]) -> Option<(Piece, usize)> {
    let plain = |character| Some((Piece::Character(character), 1));
    match text.first()? {
        one @ (b'\\' | b'"' | b'\'' | b'/') => plain(char::from(*one)),
        b'n' => plain('\n'),
        b'r' => plain('\r'),
        b't' => plain('\t'),
        b'x' => Some((Piece::Byte(byte(&text[1..])?), 3)),
        b'u' if text.get(1) == Some(&b'{') => {
            let length = text[2..].iter().take(7).position(|byte| *byte == b'}')?;
            Some((Piece::of(number(&text[2..], length, 16)?)?, length + 3))
        }
        b'u' => {
            let unit = number(&text[1..], 4, 16)?;
            // Characters beyond 16 bits are two units.
            let low = || {
                let rest = text.get(5..)?.strip_prefix(b"\\u")?;
                number(rest, 4, 16).filter(|low| (0xdc00..0xe000).contains(low))
            };
            match (unit, low()) {
                (0xd800..0xdc00, Some(low)) => {
                    Some((Piece::of(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))?, 11))
                }
                _ => Some((Piece::of(unit)?, 5)),
            }
        }
        _ => None,
    }
}

/// What a reference of HTML behind its `&` stands for, and how many bytes it takes.
fn dereferenced(text: &[u8]) -> Option<(Piece, usize)> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let piece = match &text[..end] {
        b"amp" => Piece::Character('&'),
        b"lt" => Piece::Character('<'),
        b"gt" => Piece::Character('>'),
        b"quot" => Piece::Character('"'),
        b"apos" => Piece::Character('\''),
        [b'#', b'x' | b'X', digits @ ..] => Piece::of(number(digits, digits.len(), 16)?)?,
        [b'#', digits @ ..] => Piece::of(number(digits, digits.len(), 10)?)?,
        _ => return None,
    };
    Some((piece, end + 1))
}

/// The number that the first so many digits are.
fn number(text: &[u8], digits: usize, radix: u32) -> Option<u32> {
    let digits = std::str::from_utf8(text.get(..digits)?).ok()?;
    // A sign is no digit.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

/// The byte that the first two digits are.
fn byte(text: &[u8]) -> Option<u8> {
    number(text, 2, 16).and_then(|number| u8::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "jane.canary@shop.example";
    /// With everything that any encoding does something about.
    const ODD: &str = "p@ss word/\"+%41&é🦜";

    fn watch(canaries: &[&str], on_canary: OnCanary) -> (Watch, metrics::Host) {
        let host = metrics::Host::new(metrics::Build { version: "0", revision: "x" });
        let watch = Watch::new(canaries.iter().copied(), on_canary, Some(&host));
        (watch.expect("they are small"), host)
    }

    #[test]
    fn a_canary_is_found_in_every_spelling() {
        let (watch, _) = watch(&[CANARY, ODD], OnCanary::Count);
        let json = serde_json::to_string(ODD).expect("a text");
        let percent =
            |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let component = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let ascii: String = ODD.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let html = ODD.replace('&', "&amp;").replace('"', "&quot;").replace('@', "&#x40;");
        let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        for text in [
            CANARY.to_owned(),
            ODD.to_owned(),
            CANARY.to_uppercase(),
            format!("mail={}&x=1", component(CANARY)),
            component(ODD),
            component(&component(ODD)).to_lowercase(),
            percent(CANARY),
            component(ODD).replace("%20", "+"),
            json.clone(),
            serde_json::to_string(&json).expect("a text"),
            component(&json),
            ascii,
            html,
            format!("{ODD:?}"),
            CANARY.replace('@', "\\x40"),
            CANARY.replace('@', "\\u{40}"),
            CANARY.replace('@', "&#64;"),
            format!("a=%,\\q &nbsp; {CANARY}"),
            CANARY.bytes().map(|byte| format!("{byte:02X}")).collect(),
            base64(CANARY),
            base64(&format!("x{CANARY}")),
            base64(&format!("user:{CANARY} and more")),
            base64(&format!("{{\"password\":{json}}}")),
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(format!("?>{ODD}")),
        ] {
            assert!(watch.finds(text.as_bytes()), "{text}");
            let around = format!("before {text} behind");
            assert!(watch.finds(around.as_bytes()), "{around}");
        }
    }

    #[test]
    fn nothing_else_is_a_canary() {
        let (watch, _) = watch(&[CANARY, ODD, "12345678"], OnCanary::Count);
        for text in [
            "",
            "%",
            "100%",
            "%4",
            "\\",
            "\\u12",
            "\\u{",
            "\\ud83d\\ud83d",
            "&",
            "&#;",
            "&#99999999;",
            "%zz\\u+123&#-64;",
            "jane.canary",
            "canary@shop.example",
            "1234567 8",
            "jane.canary@shop%00.example",
            "{\"level\":\"info\",\"message\":\"a \\\"plain\\\" line\"}",
        ] {
            assert!(!watch.finds(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn canaries_pass_or_not_as_the_operator_wants_and_are_counted() {
        let holding = [&b"clean"[..], b"12345678", CANARY.as_bytes(), b"12345678 again"];
        for (on_canary, passes) in [(OnCanary::Count, true), (OnCanary::Withhold, false)] {
            let (watch, host) = watch(&["another canary", CANARY, "12345678"], on_canary);
            assert!(watch.passes(Output::Logs, [&b"clean"[..]]));
            for _ in 0..2 {
                assert_eq!(watch.passes(Output::State, holding), passes);
            }
            let hit = |canary| Hit { output: Output::State, canary, texts: 2 };
            let report = watch.report().expect("there are canaries");
            assert_eq!((report.planted, report.hits), (3, vec![hit(2), hit(3)]));
            let text = host.expose(None, None).body;
            let text = String::from_utf8_lossy(&text);
            for line in ["{output=\"state\"} 4", "{output=\"logs\"} 0"] {
                let line = format!("tamis_canary_hits_total{line}");
                assert!(text.lines().any(|one| one == line), "{line} in {text}");
            }
        }
    }

    #[test]
    fn without_canaries_everything_passes_and_nothing_shows() {
        let (watch, host) = watch(&[], OnCanary::Withhold);
        assert!(watch.is_idle() && watch.passes(Output::Pages, [CANARY.as_bytes()]));
        assert_eq!(watch.report(), None);
        let text = host.expose(None, None).body;
        assert!(!String::from_utf8_lossy(&text).contains("canary"));
    }

    #[test]
    fn as_many_as_there_may_be_are_told_apart() {
        let canaries: Vec<String> = (0..MOST).map(|number| format!("canary-{number:02}")).collect();
        let all: Vec<&str> = canaries.iter().map(String::as_str).collect();
        let (watch, _) = watch(&all, OnCanary::Count);
        assert!(watch.passes(Output::Errors, [all.join(" ").as_bytes()]));
        assert_eq!(watch.report().map(|report| report.hits.len()), Some(MOST));
    }

    #[test]
    fn nothing_that_is_said_names_a_canary() {
        let (watch, _) = watch(&[CANARY], OnCanary::Count);
        assert!(watch.passes(Output::Logs, [CANARY.as_bytes()]));
        let said = format!("{watch:?} {:?}", watch.report());
        assert!(!watch.finds(said.as_bytes()), "{said}");
    }
}
