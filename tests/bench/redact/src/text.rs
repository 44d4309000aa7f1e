//! The texts that are gone through: logs of a service as a fleet writes them, and texts that
//! somebody made to be slow.
//!
//! All of it is made from a seed, so that every run goes through the same bytes. Values of persons
//! are made up or reserved for documentation; keys and tokens are noise in the right shape.

use std::fmt::Write as _;

/// A generator of numbers that look random, the same for the same seed (SplitMix64).
pub(crate) struct Noise(u64);

impl Noise {
    /// From a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// One below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of these.
    pub(crate) fn of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// So many signs of an alphabet.
    pub(crate) fn signs(&mut self, alphabet: &str, number: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..number)
            .map(|_| char::from(alphabet[self.below(alphabet.len() as u64) as usize]))
            .collect()
    }
}

const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const MIXED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// How many lines in a thousand of the realistic log hold personal data.
pub(crate) const LINES_WITH_HITS: u64 = 30;

/// A log of JSON lines of about so many bytes; in some of its lines, if `hits`, one value that has
/// to be found.
pub(crate) fn log(bytes: usize, hits: bool, seed: u64) -> String {
    let mut noise = Noise::new(seed);
    let mut text = String::with_capacity(bytes + 1024);
    let mut time = 1_793_000_000_000_u64;
    while text.len() < bytes {
        time += noise.below(40);
        let hit = hits && noise.below(1000) < LINES_WITH_HITS;
        line(&mut text, &mut noise, time, hit);
    }
    text
}

fn line(text: &mut String, noise: &mut Noise, time: u64, hit: bool) {
    let place = if hit { noise.below(3) } else { 9 };
    let found = if hit { value(noise) } else { String::new() };
    let service = noise.of(&["checkout", "catalogue", "ledger", "search", "gateway", "mailer"]);
    let level = noise.of(&["INFO", "INFO", "INFO", "DEBUG", "WARN"]);
    let message = noise.of(&[
        "request handled",
        "rendered template orders/detail.html from the cache",
        "row lock was held longer than expected, going on",
        "published 14 events to the topic orders.created",
        "cache entry is stale, asked the origin for a new one",
        "feature flag new-basket is off for this tenant",
        "connection pool is at 12 of 40, nobody waits",
    ]);
    let message = if place == 0 { format!("{message} for {found}") } else { message.to_owned() };
    let path = noise.of(&["/api/orders", "/api/products", "/assets/app.js", "/api/basket/items"]);
    let query = match place {
        1 => format!("?ref={}", found.replace(['+', ' ', '='], "%20")),
        _ => format!("?page={}&size=50", noise.below(90)),
    };
    let _ = write!(
        text,
        "{{\"timestamp\":{time},\"level\":\"{level}\",\"service\":\"{service}\",\"message\":\"{message}\",\
         \"trace_id\":\"{}\",\"span_id\":\"{}\",\"http\":{{\"method\":\"{}\",\"path\":\"{path}/{}{query}\",\
         \"status\":{},\"bytes\":{}}},\"duration_ms\":{}.{},\"host\":\"{service}-{}-{}\",\
         \"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\",\
         \"build\":\"{}\"",
        noise.signs(HEX, 32),
        noise.signs(HEX, 16),
        noise.of(&["GET", "GET", "POST", "PUT"]),
        noise.below(900_000),
        noise.of(&["200", "200", "201", "304", "404"]),
        noise.below(60_000),
        noise.below(900),
        noise.below(10),
        noise.signs(HEX, 9),
        noise.signs("bcdfghjklmnpqrstvwxz2456789", 5),
        noise.signs(HEX, 40),
    );
    if place == 2 {
        let _ = write!(text, ",\"attrs\":{{\"subject\":\"{found}\",\"retry\":false}}");
    }
    text.push_str("}\n");
}

/// One of thirteen kinds.
fn value(noise: &mut Noise) -> String {
    match noise.below(13) {
        0 => {
            let name = noise.of(&["jane.doe", "w.okafor", "lin+shop", "sari_p"]);
            format!("{name}{}@mail.example", noise.below(99))
        }
        1 => with_luhn(&format!("4{}", noise.signs(DIGITS, 14))),
        2 => noise.of(&["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"]).to_owned(),
        3 => format!(
            "{}-{:02}-{}",
            200 + noise.below(400),
            10 + noise.below(80),
            1000 + noise.below(8999)
        ),
        4 => format!("+49 30 {}", 1_000_000 + noise.below(8_999_999)),
        5 => format!("203.0.113.{}", 1 + noise.below(254)),
        6 => format!("2001:db8:85a3::8a2e:370:{:x}", 0x1000 + noise.below(0xefff)),
        7 => format!(
            "00:1a:2b:{:02x}:{:02x}:{:02x}",
            noise.below(256),
            noise.below(256),
            noise.below(256)
        ),
        8 => format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.{}", noise.signs(MIXED, 43)),
        9 => format!("Bearer {}", noise.signs(MIXED, 32)),
        10 => format!("ghp_{}", noise.signs(MIXED, 36)),
        11 => format!("AKIA{}", noise.signs(UPPER, 16)),
        _ => format!("password={}", noise.signs(MIXED, 14)),
    }
}

fn with_luhn(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// Lines of plain text of about so many bytes, with nothing in them that has to be found.
pub(crate) fn prose(bytes: usize, seed: u64) -> String {
    let mut noise = Noise::new(seed);
    let mut text = String::with_capacity(bytes + 1024);
    while text.len() < bytes {
        for _ in 0..10 + noise.below(10) {
            let words = ["the", "queue", "was", "emptied", "before", "midnight", "and", "every"];
            let others = ["worker", "waits", "for", "what", "comes", "next", "in", "its", "region"];
            text.push_str(if noise.below(2) == 0 { noise.of(&words) } else { noise.of(&others) });
            text.push(' ');
        }
        text.push_str("again.\n");
    }
    text
}

/// Lines of 240 bytes or a little more, each filled with what `unit` answers.
fn lines(bytes: usize, mut unit: impl FnMut() -> String) -> String {
    let mut text = String::with_capacity(bytes + 300);
    while text.len() < bytes {
        let start = text.len();
        while text.len() < start + 240 {
            text.push_str(&unit());
        }
        text.push('\n');
    }
    text
}

/// Texts that are made to be slow, each of about so many bytes: what a scanner may take for the
/// beginning of something, again and again.
pub(crate) fn hostile(bytes: usize) -> Vec<(&'static str, String)> {
    let mut noise = Noise::new(7);
    let mut texts = vec![
        ("all digits", lines(bytes, || noise.signs(DIGITS, 60))),
        ("hex", lines(bytes, || noise.signs(HEX, 60))),
        ("base64", lines(bytes, || noise.signs(MIXED, 60))),
    ];
    let inner = noise.signs(MIXED, 48);
    texts.push(("base64 of base64", lines(bytes, || base64(&noise.signs(&inner, 45)))));
    let long = noise.signs(MIXED, 60_000) + "\n";
    texts.push(("lines of 60 kB", long.repeat(bytes.div_ceil(long.len()))));
    for (name, unit) in [
        ("all `@`", "@"),
        ("`a@a@a@`", "a@"),
        ("`a.a.a.a`", "a."),
        ("`1 1 1 1`", "1 "),
        ("`eyeyey`", "ey"),
        ("`%40%40`", "%40"),
        ("`\\u0040`", "\\u0040"),
        ("unclosed quotes", "\"a\":\""),
        ("open brackets", "["),
        ("colons", ":"),
        ("`12:34:`", "12:34:"),
        ("`://://`", "://"),
        ("`-----BEGIN `", "-----BEGIN "),
        ("`password=`", "password="),
        ("full-width digits", "\u{ff14}"),
    ] {
        texts.push((name, lines(bytes, || unit.to_owned())));
    }
    texts
}

/// Texts that hold next to nothing but values and what has to be read to tell that it is none, each
/// of about so many bytes. No log looks like this, and no speed is promised for it.
pub(crate) fn dense(bytes: usize) -> Vec<(&'static str, String)> {
    let mut noise = Noise::new(8);
    let mut texts = vec![("groups of digits", lines(bytes, || noise.signs(DIGITS, 4) + " "))];
    texts.push(("values only", lines(bytes, || value(&mut noise) + " ")));
    for (name, unit) in [("e-mail addresses", "a@b.example "), ("`token: `", "token: ")] {
        texts.push((name, lines(bytes, || unit.to_owned())));
    }
    texts
}

/// Base64 of a text whose length is a multiple of three.
fn base64(text: &str) -> String {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let threes = text.as_bytes().chunks_exact(3);
    threes
        .flat_map(|three| {
            let bits = three.iter().fold(0, |bits, &byte| bits << 8 | usize::from(byte));
            [18, 12, 6, 0].map(|shift| char::from(SIGNS[bits >> shift & 63]))
        })
        .collect()
}
