//! What is probably not meant, though it works: told only where a configuration is tested.

use super::automaton::Automaton;
use super::pattern::{self, Edge, Pattern};
use crate::engine::{Engine, Scratch};
use crate::place::Kind;
use serde_json::Value;
use std::time::Instant;

/// A pattern that may begin with more pairs of bytes than this begins with nothing fixed.
pub(crate) const FIXED_MAX: u32 = 128;

/// Ordinary lines of logs and documents, in which hardly any rule has business.
const SAMPLES: &[&str] = &[
    "2026-11-03T12:34:56.789Z INFO request completed method=GET path=/api/v1/orders status=200 duration_ms=12.5",
    "10.1.2.3 - - [03/Nov/2026:12:34:56 +0000] \"GET /assets/app.js HTTP/1.1\" 304 0 \"-\" \"curl/8.5.0\"",
    "{\"level\":\"info\",\"msg\":\"cache miss\",\"key\":\"cart:1832\",\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}",
    "level=warn msg=\"retrying after timeout\" attempt=3 wait=250ms host=db-7.internal",
    "Traceback (most recent call last):",
    "  File \"/app/shop/views.py\", line 42, in checkout",
    "ValueError: invalid literal for int() with base 10: 'abc'",
    "at com.example.shop.Cart.total(Cart.java:118)",
    "connection pool resized from 10 to 20",
    "order 550e8400-e29b-41d4-a716-446655440000 shipped to warehouse 7",
    "Nov  3 12:34:56 web-1 kernel: [12345.678901] eth0: link up, 1000 Mbps",
    "{\"id\": 1832, \"items\": [{\"sku\": \"AB-1234\", \"count\": 2, \"price\": 19.90}], \"currency\": \"EUR\"}",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0",
    "user authenticated ok session renewed for 30 minutes",
    "GET /search?q=red+shoes&page=2&sort=price HTTP/1.1",
    "SELECT id, total FROM orders WHERE created > '2026-11-01' LIMIT 100",
    "deployed version 2.14.0 (build 20261103.4) in 41 s",
    "memory 512 MiB of 2 GiB, load 0.42 0.37 0.31, uptime 12 days",
    "payment accepted, amount 1,250.00 EUR, reference INV-2026-0042",
    "the queue is empty again after midnight in every region",
];

/// What is known of a rule when it is looked at.
pub(crate) struct Look<'a> {
    pub(crate) text: &'a str,
    pub(crate) pattern: &'a Pattern,
    /// How many pairs of bytes a match may begin with.
    pub(crate) beginnings: u32,
    /// Whether anything but its shape speaks for a match.
    pub(crate) is_backed: bool,
    /// What the values of the rule look like.
    pub(crate) values: Option<Automaton>,
    /// Vectors that are redacted, and vectors that stay.
    pub(crate) vectors: (usize, usize),
    pub(crate) shows_end: bool,
    /// How fast it is read over when no other rule is on, in MB/s.
    pub(crate) speed: u64,
    /// The rule as it is written.
    pub(crate) entry: &'a Value,
}

impl Look<'_> {
    /// Everything about the rule alone.
    pub(crate) fn warnings(&self, warn: &mut impl FnMut(&str, String)) {
        let is_shape = self.beginnings > FIXED_MAX;
        if self.pattern.left == Edge::Line && self.pattern.right == Edge::Line {
            warn("/match", "`^…$` asks for a line of its own, which a value in a body or a record hardly ever has; leave both out, borders are checked anyway".into());
        }
        if is_shape {
            warn(
                "/match",
                format!(
                    "`{}` begins with nothing fixed, so that many places are looked at ({} MB/s alone); begin it with what always stands there",
                    self.text, self.speed
                ),
            );
        }
        if is_shape && !self.is_backed {
            warn(
                "",
                "only the shape speaks for a match; add `check`, or `words` that stand beside it"
                    .into(),
            );
        }
        if self.shows_end && self.pattern.longest < 16 {
            warn(
                "/action",
                "`last4` shows nothing of values under 16 characters: it masks them whole".into(),
            );
        }
        let place = self.entry.get("where").and_then(Value::as_str).unwrap_or_default();
        let named = place.contains("header") && !self.text.contains("(?i");
        if named && pattern::has_letters_of_one_case(&self.pattern.hir) {
            warn("/match", "it tells capitals from small letters, which headers often do not; begin it with `(?i)`".into());
        }
        let exact = |entry: &&Value| entry.as_str().is_some_and(|text| !text.contains(':'));
        let entries = self.entry.get("allow").and_then(Value::as_array).into_iter().flatten();
        for (index, entry) in entries.enumerate().filter(|(_, entry)| exact(entry)) {
            let entry = entry.as_str().unwrap_or_default();
            if self.values.as_ref().is_some_and(|values| !values.is_whole(entry.as_bytes())) {
                warn(
                    &format!("/allow/{index}"),
                    format!(
                        "the rule never finds `{entry}`, so that nothing is allowed by it; write a value as the pattern finds it"
                    ),
                );
            }
        }
        if self.vectors.0 == 0 {
            warn("", "no vector shows what is redacted; add one with `in` and `out`".into());
        }
        if self.vectors.1 == 0 {
            warn("", "no vector shows what stays; add one with `in` and `same = true`".into());
        }
    }
}

/// Whether a rule hits in more than half of the lines that ship.
pub(crate) fn is_everywhere(engine: &Engine, rule: &str) -> bool {
    let mut scratch = Scratch::default();
    let hits = |line: &&&str| {
        engine.scan(Kind::Text, line.as_bytes(), &mut scratch);
        let counts = scratch.take_counts();
        engine.named(&counts).any(|(name, _)| name == rule)
    };
    SAMPLES.iter().filter(hits).count() * 2 > SAMPLES.len()
}

/// How fast ordinary lines of logs are read, in MB/s.
pub(crate) fn speed(engine: &Engine) -> u64 {
    let text = SAMPLES.join("\n").repeat(128);
    let mut scratch = Scratch::default();
    let begun = Instant::now();
    engine.scan(Kind::Text, text.as_bytes(), &mut scratch);
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    text.len() as u64 / micros.max(1)
}
