//! Prints how fast the default rules are on generated service logs and on clean text.
//!
//! The log is NDJSON with ids, paths, durations and user agents; in 3 % of the lines one value of
//! thirteen kinds stands in the message, the query or an attribute. `throughput --hostile` measures
//! texts that are made to be slow, `throughput --own NUMBER` the same logs with so many rules of
//! one's own, `throughput FILE…` files.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;
use tamis_redact::{Engine, Kind, Rules, Scratch, Stream};

/// As the host delivers logs.
const BLOCK: usize = 64 * 1024;
const SIZE: usize = 1 << 20;
const ROUNDS: usize = 101;

fn main() -> std::io::Result<()> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let mut texts = Vec::new();
    let hostile = files == ["--hostile"];
    let own = match &files[..] {
        [flag, number] if flag == "--own" => number.parse().ok(),
        _ => None,
    };
    if hostile {
        texts.extend(self::hostile());
    }
    for file in files.iter().filter(|_| !hostile && own.is_none()) {
        texts.push((file.clone(), Kind::Text, std::fs::read(file)?));
    }
    if files.is_empty() || own.is_some() {
        texts.push(("ndjson, 3 % of lines with data".into(), Kind::Text, log(3, false)));
        texts.push(("ndjson, 3 %, a session key in each line".into(), Kind::Text, log(3, true)));
        texts.push(("ndjson, clean".into(), Kind::Text, log(0, false)));
        texts.push(("ndjson as one JSON body".into(), Kind::Json, log(3, false)));
        texts.push(("prose, clean".into(), Kind::Text, prose()));
    }
    let begun = Instant::now();
    let engine = Engine::new(own.map_or_else(Rules::default, own_rules));
    let mut out = std::io::stdout().lock();
    writeln!(out, "rules made in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3)?;
    for (name, kind, text) in &texts {
        let rounds = if hostile { 3 } else { ROUNDS };
        let (blocks, hits) = mean(rounds, text, |text, scratch| {
            let whole = std::iter::once(text).filter(|_| hostile);
            for block in whole.chain(blocks(text).filter(|_| !hostile)) {
                engine.scan(*kind, block, scratch);
                black_box(scratch.edits().count());
            }
        });
        let (stream, _) = mean(rounds, text, |text, scratch| {
            let mut stream = Stream::new(*kind);
            for chunk in text.chunks(16 * 1024) {
                black_box(stream.push(&engine, chunk, false, scratch));
            }
        });
        writeln!(
            out,
            "{name:42} {blocks:7.0} MB/s in blocks, {stream:7.0} MB/s as a stream, {hits} hits"
        )?;
    }
    Ok(())
}

/// The default rules and so many of one's own: prefixes, shapes, words, groups.
fn own_rules(number: usize) -> Rules {
    let letter = |at: usize| char::from(b'A' + (at % 26) as u8);
    let rule = |at: usize| {
        let pattern = match at % 5 {
            0 => format!("{}{}[0-9]{{6,9}}", letter(at), letter(at / 5 + 7)),
            1 => format!("[A-Z]{{2}}[0-9]{{{}}}{}", 4 + at % 7, letter(at)),
            2 => format!("[0-9]{{{}}}-[0-9]{{2}}-[0-9]{{{}}}", 2 + at % 4, 3 + at % 5),
            3 => format!("(?i)key{at}[ -]?[a-z0-9]{{8,20}}"),
            _ => format!("ref{at}=(?<value>[^ ]{{1,40}})"),
        };
        serde_json::json!({"name": format!("own{at}"), "match": pattern})
    };
    let config = serde_json::json!({"rule": (0..number).map(rule).collect::<Vec<_>>()});
    Rules::from_config(&config).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// Runs of whole lines of at most a block.
fn blocks(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let most = rest.len().min(BLOCK);
        let end = rest[..most].iter().rposition(|&b| b == b'\n').map_or(most, |last| last + 1);
        let (block, behind) = rest.split_at(end);
        rest = behind;
        Some(block)
    })
}

/// The least time that is measured, in seconds: the system counts in steps of some milliseconds.
const LEAST: f64 = 0.08;

/// The mean of at least so many rounds, in MB/s, and the hits of one.
fn mean(rounds: usize, text: &[u8], run: impl Fn(&[u8], &mut Scratch)) -> (f64, u64) {
    let mut scratch = Scratch::default();
    run(black_box(text), &mut scratch);
    let hits = scratch.take_counts().total();
    let start = now();
    let (mut took, mut done) = (0.0, 0);
    while done < rounds || took < LEAST {
        run(black_box(text), &mut scratch);
        done += 1;
        took = now() - start;
    }
    ((text.len() * done) as f64 / took / 1e6, hits)
}

/// Seconds of the processor that this thread has had, which others on the machine do not add to; of
/// the clock where the system does not tell.
fn now() -> f64 {
    static BEGIN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| BEGIN.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| alphabet.as_bytes()[self.below(alphabet.len())] as char).collect()
    }
}

const HEX: &str = "0123456789abcdef";

fn value(noise: &mut Noise) -> String {
    match noise.below(13) {
        0 => format!("jane.doe{}@example.com", noise.below(1000)),
        1 => "4111 1111 1111 1111".into(),
        2 => "5555555555554444".into(),
        3 => "DE89 3704 0044 0532 0130 00".into(),
        4 => format!("203.0.113.{}", 1 + noise.below(250)),
        5 => format!("2001:db8:85a3::8a2e:370:{}", noise.below(9999)),
        6 => "078-05-1123".into(),
        7 => format!("+49 30 {}", 1_000_000 + noise.below(8_000_000)),
        8 => format!("Bearer {}", noise.text("abcdefghijkmnpqrstuvwxyz0123456789", 40)),
        9 => format!("password={}", noise.text("abcdefghijkmnpqrstuvwxyz0123456789", 10)),
        10 => format!("gh{}_{}", "p", noise.text("abcdefghijkmnpqrstuvwxyzABCDEFGH0123456789", 36)),
        11 => "00:1A:2B:3C:4D:5E".into(),
        _ => format!(
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.{}",
            noise.text("abcdefghijkmnpqrstuvwxyz0123456789", 43)
        ),
    }
}

fn log(percent: usize, session: bool) -> Vec<u8> {
    const MESSAGES: &[&str] = &[
        "request completed",
        "cache miss",
        "connection pool resized",
        "order shipped to warehouse",
        "retrying after timeout",
        "user authenticated ok",
        "payment accepted",
        "slow query",
        "feature flag evaluated",
        "message published",
    ];
    const PATHS: &[&str] = &[
        "/api/v1/orders",
        "/api/v1/orders/search",
        "/healthz",
        "/assets/app.js",
        "/checkout/cart",
        "/api/v2/users/profile",
    ];
    const AGENTS: &[&str] = &[
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        "curl/8.5.0",
        "okhttp/4.12.0",
        "python-requests/2.31.0",
    ];
    let mut noise = Noise(42);
    let mut out = Vec::with_capacity(SIZE + 1024);
    while out.len() < SIZE {
        let mut message = noise.pick(MESSAGES).to_owned();
        let mut query = format!("page={}&sort=asc", noise.below(50));
        let mut note = String::new();
        if noise.below(100) < percent {
            let value = value(&mut noise);
            match noise.below(3) {
                0 => message = format!("{message} for {value}"),
                1 => query = format!("q={}&page=2", value.replace(' ', "+")),
                _ => note = format!(",\"note\":\"{value}\""),
            }
        }
        let session = if session {
            let h = noise.text(HEX, 32);
            format!(
                ",\"session\":\"{}-{}-4{}-a{}-{}\"",
                &h[..8],
                &h[8..12],
                &h[13..16],
                &h[17..20],
                &h[20..]
            )
        } else {
            String::new()
        };
        let order = noise.text(HEX, 32);
        let line = format!(
            "{{\"ts\":\"2026-11-{:02}T{:02}:{:02}:{:02}.{:03}Z\",\"level\":\"{}\",\"service\":\"{}\",\"msg\":\"{message}\",\
             \"method\":\"{}\",\"path\":\"{}?{query}\",\"status\":{},\"duration_ms\":{}.{},\"bytes\":{},\
             \"trace_id\":\"{}\",\"span_id\":\"{}\",\"order\":\"{}-{}-4{}-a{}-{}\",\"user_agent\":\"{}\",\"pod\":\"shop-{}-{}\"{session}{note}}}\n",
            1 + noise.below(28),
            noise.below(24),
            noise.below(60),
            noise.below(60),
            noise.below(1000),
            noise.pick(&["info", "info", "info", "warn", "error", "debug"]),
            noise.pick(&["checkout", "orders", "payments", "gateway"]),
            noise.pick(&["GET", "POST", "PUT"]),
            noise.pick(PATHS),
            noise.pick(&["200", "201", "204", "404", "500"]),
            noise.below(900),
            noise.below(1000),
            noise.below(200_000),
            noise.text(HEX, 32),
            noise.text(HEX, 16),
            &order[..8],
            &order[8..12],
            &order[13..16],
            &order[17..20],
            &order[20..],
            noise.pick(AGENTS),
            noise.text(HEX, 10),
            noise.text("bcdfghjklmnpqrstvwxz2456789", 5),
        );
        out.extend_from_slice(line.as_bytes());
    }
    out
}

/// Each as one line, or one document, of the whole size.
fn hostile() -> Vec<(String, Kind, Vec<u8>)> {
    let units = [
        "0",
        "1 ",
        "4111 ",
        "4",
        "@",
        "a.",
        "a@",
        "a@b.c",
        "deadbeef",
        "ey",
        "eyJ-",
        "eyJ.",
        "%40",
        "\\u0040",
        "\"",
        "\\\"",
        "[",
        "{",
        "://",
        ":",
        "::",
        "a:",
        "-----BEGIN ",
        "-",
        "１",
        "password=",
        "password:",
        "\"token\":[",
        "\"token\":{\"",
        "token\":\"",
        "Cookie: a=b; ",
        "Cookie: ",
        "Bearer ",
        "sk-",
        "ghp_",
        "1.2.3.4.",
        "+49 ",
        "(415) ",
        "DE89 ",
        "00:11:22:33:44:55:",
        "phone 1 ",
        "a=b&",
        "=",
        "Bearer aaaaaaaaaaaa ",
        "-----BEGIN PRIVATE KEY-----",
        "AA:AAAAAAAAAAAAA",
        // Values in other spellings, and what only looks like one.
        "11 ",
        "11%20",
        "%2011",
        "11\\u0020",
        "11&nbsp;",
        "11\u{a0}",
        "1\u{200b}",
        "１ ",
        "４１１１ ",
        "٤١١١ ",
        "ａ",
        "＠",
        "a＠b.cd ",
        "%",
        "\\",
        "&amp;",
        "&#64;",
        "%2540",
        "%3A",
        "a%40b.cd ",
        "password%3D",
        "%22password%22%3A%22x",
        "aGVsbG8gdGhlcmUh",
        "YUdWc2JHOGdkR2hsY21VaA",
        "amFuZUBleGFtcGxlLmNvbQ== ",
        "6a616e65406578616d706c652e",
    ];
    let mut all = Vec::new();
    for unit in units {
        for kind in [Kind::Text, Kind::Json, Kind::Form] {
            all.push((
                format!("{unit:?} as {kind:?}"),
                kind,
                unit.repeat(SIZE / unit.len()).into_bytes(),
            ));
        }
    }
    all
}

fn prose() -> Vec<u8> {
    const WORDS: &[&str] = &[
        "the", "server", "answers", "with", "a", "page", "of", "orders", "when", "nobody", "asks",
        "for", "more", "than", "one", "hundred", "lines", "and", "the", "queue", "is", "empty",
        "again", "after", "midnight", "in", "every", "region",
    ];
    let mut noise = Noise(43);
    let mut out = Vec::with_capacity(SIZE + 64);
    while out.len() < SIZE {
        for _ in 0..12 {
            out.extend_from_slice(noise.pick(WORDS).as_bytes());
            out.push(b' ');
        }
        out.pop();
        out.extend_from_slice(b".\n");
    }
    out
}
