//! Traces and what stands around them, in streams of lines; also for the machines below.

use proptest::prelude::*;

use super::*;
use crate::log::parse::unframe::{Frames, Unframer};
use crate::log::source::lines::{Chunk, Lines};

const LINE: Duration = Duration::from_millis(1);

/// The records that `input` becomes, read at once from one stream.
fn join(input: &[u8]) -> (Vec<Record>, Counts) {
    join_streams(&[(Stream::Only, input)])
}

/// The same for reads from several streams, one after the other.
fn join_streams(reads: &[(Stream, &[u8])]) -> (Vec<Record>, Counts) {
    let mut joiner = Joiner::new(Settings::default());
    let mut out = Vec::new();
    let mut chunks: Vec<Chunk> = Vec::new();
    for &(stream, bytes) in reads {
        let mut lines = Lines::new(stream);
        lines.push(bytes, 7, |chunk| chunks.push(chunk));
        lines.finish(7, |chunk| chunks.push(chunk));
    }
    for chunk in &chunks {
        feed(&mut joiner, chunk, LINE, &mut out);
    }
    joiner.finish(&mut out);
    assert_eq!(joiner.waiting(), 0);
    (out, joiner.counts())
}

fn feed(joiner: &mut Joiner, chunk: &Chunk, now: Duration, out: &mut Vec<Record>) {
    for piece in chunk.lines() {
        let line = Line { piece, stream: chunk.stream, container: b"", time: chunk.time };
        joiner.push(line, now, out);
    }
}

/// Each line of `case` begins with a mark: all lines with `=` are one record, all with `+`
/// another, each with `-` is one of its own.
pub(super) fn check(case: &str) {
    let mut input = String::new();
    let mut expected = Vec::new();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for line in case.lines() {
        let (mark, text) = line.split_at(2);
        input.push_str(text);
        input.push('\n');
        match mark {
            "= " => first.push(text),
            "+ " => second.push(text),
            _ => expected.push(text.to_owned()),
        }
    }
    for joined in [first, second] {
        if !joined.is_empty() {
            expected.push(joined.join("\n"));
        }
    }
    let (records, counts) = join(input.as_bytes());
    let mut texts: Vec<String> = records.iter().map(|record| record.message.clone()).collect();
    texts.sort();
    expected.sort();
    assert_eq!(texts, expected, "the records of\n{input}");
    assert_eq!(counts.lines, input.lines().count() as u64);
}

#[test]
fn ordinary_lines_are_records_of_their_own() {
    let (records, counts) = join(b"one\n\ntwo\r\n  three\nfour");
    let texts: Vec<&str> = records.iter().map(|record| record.message.as_str()).collect();
    assert_eq!(texts, ["one", "", "two", "  three", "four"]);
    assert_eq!(records[2].attribute(LINE_ENDING), Some(&"crlf".into()));
    assert_eq!((counts.lines, counts.records, counts.joined), (5, 5, 0));
}

/// The text that `records` were read from, if all came from one stream.
fn restore(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        let crlf = record.attribute(LINE_ENDING).is_some();
        let within = record.attribute(CONTINUES) == Some(&"line".into());
        let end: &[u8] = if crlf { b"\r\n" } else { b"\n" };
        for (index, line) in record.clone().into_bytes().split(|&byte| byte == b'\n').enumerate() {
            if index > 0 {
                out.extend_from_slice(end);
            }
            out.extend_from_slice(line);
        }
        if !within {
            out.extend_from_slice(end);
        }
    }
    out
}

/// What is known of a sample: its text and what is to be found in it.
struct Sample {
    id: String,
    text: Vec<u8>,
    expected: serde_json::Value,
}

/// The samples of real traces. They are not part of this repository; without them there
/// are none, and whoever asks is told so.
fn samples() -> Vec<Sample> {
    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/stacktraces");
    let folder = std::path::Path::new(FOLDER);
    let Ok(expected) = std::fs::read_to_string(folder.join("expected.json")) else {
        eprintln!("skipped: no samples in `{FOLDER}`");
        return Vec::new();
    };
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let samples = expected["samples"].as_array().unwrap().iter();
    samples
        .map(|sample| Sample {
            id: sample["id"].as_str().unwrap().to_owned(),
            text: std::fs::read(folder.join(sample["file"].as_str().unwrap())).unwrap(),
            expected: sample.clone(),
        })
        .collect()
}

/// The records of a sample, frames taken off as those of a pipe would be.
fn join_sample(text: &[u8]) -> Vec<Record> {
    let mut unframer = Unframer::new(Frames::Auto);
    let mut joiner = Joiner::new(Settings::default());
    let mut lines = Lines::new(Stream::Only);
    let mut chunks = Vec::new();
    lines.push(text, 7, |chunk| chunks.push(chunk));
    lines.finish(7, |chunk| chunks.push(chunk));
    let mut out = Vec::new();
    for piece in chunks.iter().flat_map(Chunk::lines) {
        let line = Line { piece, stream: Stream::Only, container: b"", time: 7 };
        unframer.line(line, |line| joiner.push(line, LINE, &mut out));
    }
    unframer.finish(|line| joiner.push(line, LINE, &mut out));
    joiner.finish(&mut out);
    out
}

#[test]
fn real_traces_become_the_records_that_belong_together() {
    for Sample { id, text, expected } in samples() {
        let records = join_sample(&text);
        let texts: Vec<&str> = records.iter().map(|record| record.message.as_str()).collect();
        if let Some(joined) = expected["joined_records"].as_array() {
            let mut wanted: Vec<&str> = joined.iter().filter_map(|text| text.as_str()).collect();
            let mut got = texts.clone();
            wanted.sort_unstable();
            got.sort_unstable();
            assert_eq!(got, wanted, "{id}: pieces");
        }
        if expected["format"] == "json" {
            assert!(
                records.iter().all(|record| record.attribute(JOINED).is_none()),
                "{id}: one line each"
            );
            continue;
        }
        let events = expected["events"].as_array().unwrap();
        let is_trace = |record: &&Record| record.attribute(JOINED).is_some();
        let traces: Vec<&Record> = records.iter().filter(is_trace).collect();
        // A warning of PHP is one line.
        let single = usize::from(id == "gen_php_warning");
        assert_eq!(traces.len() + single, events.len(), "{id}: {texts:#?}");
        if let Some(others) = expected["other_lines"].as_u64() {
            assert_eq!((records.len() - traces.len()) as u64, others, "{id}: lines of their own");
        } else if !events.is_empty() && expected["joined_records"].is_null() {
            assert_eq!(records.len(), events.len(), "{id}: nothing else is in it");
        }
        for event in events {
            let holds = |record: &&Record| holds(record, event);
            let found = records.iter().find(holds);
            assert!(found.is_some(), "{id}: all exceptions are in one record");
        }
    }
}

/// Whether type and value of all exceptions of `event` stand in `record`.
fn holds(record: &Record, event: &serde_json::Value) -> bool {
    let leaves = event["group"]["leaves"].as_array().into_iter().flatten();
    event["exceptions"].as_array().unwrap().iter().chain(leaves).all(|exception| {
        let fixed = exception["type_match"].is_null() && exception["value_match"].is_null();
        let name = exception["type"].as_str().filter(|_| fixed);
        let value = exception["value"].as_str().filter(|_| fixed);
        // A value of several lines stands behind bars in groups.
        let value = value.and_then(|value| value.lines().next());
        name.is_none_or(|name| record.message.contains(name))
            && value.is_none_or(|value| record.message.contains(value))
    })
}

#[test]
fn real_traces_survive_any_interleaving_of_two_streams() {
    let samples = samples();
    let plain = |sample: &&Sample| {
        sample.expected["format"] == "text"
            && sample.expected["lang"] != "mixed"
            && !sample.id.starts_with("fb_cri")
    };
    let samples: Vec<&Sample> = samples.iter().filter(plain).collect();
    // Every sample against the one seven further on, a line of each at a time, and two.
    for (index, one) in samples.iter().enumerate() {
        let two = samples[(index + 7) % samples.len()];
        for step in [1, 2] {
            let split = |text: &[u8]| -> Vec<Vec<u8>> {
                let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
                lines.chunks(step).map(<[&[u8]]>::concat).collect()
            };
            let (first, second) = (split(&one.text), split(&two.text));
            let mut reads: Vec<(Stream, &[u8])> = Vec::new();
            for turn in 0..first.len().max(second.len()) {
                reads.extend(first.get(turn).map(|text| (Stream::Stdout, text.as_slice())));
                reads.extend(second.get(turn).map(|text| (Stream::Stderr, text.as_slice())));
            }
            let (mixed, _) = join_streams(&reads);
            let of = |stream: &str| -> Vec<String> {
                let is = |record: &&Record| record.attribute(IOSTREAM) == Some(&stream.into());
                mixed.iter().filter(is).map(|record| record.message.clone()).collect()
            };
            let alone = |text: &[u8]| -> Vec<String> {
                join(text).0.into_iter().map(|record| record.message).collect()
            };
            assert_eq!(of("stdout"), alone(&one.text), "{} beside {}", one.id, two.id);
            assert_eq!(of("stderr"), alone(&two.text), "{} beside {}", two.id, one.id);
        }
    }
}

#[test]
fn nothing_is_joined_in_ordinary_logs() {
    const LINES: [&str; 32] = [
        "2026-11-22 07:34:03,305 INFO [shop.orders:90] order received id=@",
        "2026-11-22 07:34:03,305 ERROR [shop.orders:90] could not charge order @: declined",
        "10.0.0.@ - - [22/Nov/2026:07:34:46 +0000] \"GET /orders/@ HTTP/1.1\" 200 2326 \"-\" \"curl/8\"",
        "{\"level\":\"error\",\"msg\":\"failed @\",\"stack\":\"Error: x\\n    at f (/a.js:1:2)\"}",
        "[2026-11-22 07:34:46 +0000] [@] [INFO] Booting worker with pid: @",
        "INFO:     127.0.0.1:@ - \"GET /error HTTP/1.1\" 500 Internal Server Error",
        "Nov 22 07:34:03 host app[@]: Error: connection reset by peer",
        "time=2026-11-22T07:34:03Z level=error msg=\"panic: at the disco\" id=@",
        "Error: order @ was not found",
        "TypeError is what they call it, order @",
        "  at @:00 the job starts",
        "    at least @ orders",
        "\tat the end of day @",
        "java.lang.NullPointerException is handled by the retry policy @",
        "Exception handling took @ ms",
        "panic: not really, @ times",
        "fatal error: none, @",
        "thread 'main' has @ tasks",
        "Caused by: rain, @ mm",
        "Unhandled exception handler installed @",
        "#@ on the list",
        "goroutine @ of 9",
        "Stack trace: see ticket @",
        "Traceback of parcel @",
        "  File @ was not found",
        "",
        "   ",
        "/srv/shop/orders.js:@",
        "main.main(@)",
        "from t.rb to @",
        "note: order @ is late",
        "info: Shop.Orders[@] is no category",
    ];
    // A fixed sequence that puts every line after every other, many times.
    let mut state = 1_u32;
    let mut text = String::new();
    for number in 0..100_000_u32 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let line = LINES[(state >> 16) as usize % LINES.len()];
        text.push_str(&line.replace('@', &(number % 1000).to_string()));
        text.push('\n');
    }
    let (records, counts) = join(text.as_bytes());
    let joined: Vec<&str> = records
        .iter()
        .filter(|record| record.message.contains('\n'))
        .map(|record| record.message.as_str())
        .collect();
    assert_eq!(joined, [""; 0]);
    assert_eq!((counts.joined, counts.records), (0, 100_000));
}

#[test]
fn streams_do_not_mix() {
    let trace = b"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: bad\n";
    let java = b"java.lang.IllegalStateException: no\n\tat a.B.c(B.java:5)\n\tat a.B.d(B.java:6)\n";
    let one: Vec<&[u8]> = trace.split_inclusive(|&byte| byte == b'\n').collect();
    let two: Vec<&[u8]> = java.split_inclusive(|&byte| byte == b'\n').collect();
    let mut reads = Vec::new();
    for index in 0..4 {
        reads.extend(one.get(index).map(|line| (Stream::Stderr, *line)));
        reads.extend(two.get(index).map(|line| (Stream::Stdout, *line)));
    }
    let (records, _) = join_streams(&reads);
    let mut texts: Vec<Vec<u8>> = records.into_iter().map(Record::into_bytes).collect();
    texts.sort();
    assert_eq!(texts, [trace[..trace.len() - 1].to_vec(), java[..java.len() - 1].to_vec()]);
}

#[test]
fn workers_that_their_heads_tell_apart_do_not_mix() {
    check(
        "\
         = [2026-11-22 07:34:46 +0000] [11] [ERROR] Error handling request /a\n\
         = Traceback (most recent call last):\n\
         =   File \"a.py\", line 1, in f\n\
         - [2026-11-22 07:34:46 +0000] [12] [INFO] from another worker\n\
         =     g()\n\
         + [2026-11-22 07:34:46 +0000] [12] [ERROR] Error handling request /b\n\
         + Traceback (most recent call last):\n\
         +   File \"b.py\", line 1, in h\n\
         + KeyError: 'b'\n\
         =   File \"a.py\", line 2, in g\n\
         = ValueError: bad\n\
         - [2026-11-22 07:34:46 +0000] [11] [INFO] done\n",
    );
}

#[test]
fn the_head_of_the_same_worker_ends_a_trace() {
    check(
        "\
         = [2026-11-22 07:34:46 +0000] [11] [ERROR] Error handling request /a\n\
         = Traceback (most recent call last):\n\
         =   File \"a.py\", line 1, in f\n\
         - [2026-11-22 07:34:46 +0000] [11] [INFO] done\n\
         -     g()\n\
         - ValueError: bad\n",
    );
}

#[test]
fn colours_are_seen_through_and_kept() {
    let text = "\u{1b}[31mTraceback (most recent call last):\u{1b}[0m\n  \
                File \u{1b}[35m\"a.py\"\u{1b}[0m, line \u{1b}[35m1\u{1b}[0m, in f\n\
                \u{1b}[1;35mValueError\u{1b}[0m: \u{1b}[35mbad\u{1b}[0m";
    let (records, _) = join(text.as_bytes());
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].message, text);
}

#[test]
fn an_ordinary_line_waits_for_the_next_one_and_a_trace_for_its_end() {
    let mut joiner = Joiner::new(Settings::default());
    let mut out = Vec::new();
    let chunk = |text: &str| {
        let bytes = text.as_bytes().to_vec();
        Chunk { bytes, stream: Stream::Only, time: 1, part: 0, cut: false }
    };
    let at = Duration::from_millis;
    feed(&mut joiner, &chunk("one\n"), at(0), &mut out);
    assert_eq!((out.len(), joiner.deadline()), (0, Some(at(50))));
    joiner.flush(at(49), &mut out);
    assert_eq!(out.len(), 0);
    joiner.flush(at(50), &mut out);
    assert_eq!((out.len(), joiner.deadline()), (1, None));

    feed(
        &mut joiner,
        &chunk("Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n"),
        at(100),
        &mut out,
    );
    joiner.flush(at(599), &mut out);
    assert_eq!((out.len(), joiner.deadline()), (1, Some(at(600))), "it is not at its end");
    feed(&mut joiner, &chunk("ValueError: bad\n"), at(590), &mut out);
    joiner.flush(at(1090), &mut out);
    assert_eq!((out.len(), joiner.waiting()), (2, 0));
    assert_eq!(joiner.counts().timed_out, 1);

    // What only might have been one comes back line by line.
    feed(&mut joiner, &chunk("TypeError: no\nTypeError: no\nnext\n"), at(2000), &mut out);
    assert_eq!((out.len(), joiner.waiting()), (2, 3));
    joiner.flush(at(2500), &mut out);
    joiner.flush(at(2550), &mut out);
    assert_eq!((out.len(), joiner.waiting()), (5, 0));
}

#[test]
fn lines_of_others_do_not_keep_a_trace_waiting() {
    let mut joiner = Joiner::new(Settings::default());
    let mut out = Vec::new();
    let chunk = |text: &str| {
        let bytes = text.as_bytes().to_vec();
        Chunk { bytes, stream: Stream::Only, time: 1, part: 0, cut: false }
    };
    let trace = "[2026-11-22 07:34:46 +0000] [11] [ERROR] Error handling request /a\n\
                 Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n";
    feed(&mut joiner, &chunk(trace), Duration::ZERO, &mut out);
    for step in 1..=6 {
        let now = Duration::from_millis(step * 100);
        feed(&mut joiner, &chunk("[2026-11-22 07:34:46 +0000] [12] [INFO] x\n"), now, &mut out);
        joiner.flush(now, &mut out);
    }
    assert!(out.iter().any(|record| record.message == trace.trim_end()), "it is cut off, but out");
}

#[test]
fn a_trace_that_is_too_long_goes_on_in_the_next_record() {
    let mut text = String::from("java.lang.StackOverflowError\n");
    for line in 0..40 {
        text.push_str(&format!("\tat a.B.c(B.java:{line})\n"));
    }
    text.push_str("next\n");
    let mut joiner = Joiner::new(Settings { lines: 16, ..Settings::default() });
    let chunk = Chunk {
        bytes: text.clone().into_bytes(),
        stream: Stream::Only,
        time: 1,
        part: 0,
        cut: false,
    };
    let mut out = Vec::new();
    feed(&mut joiner, &chunk, LINE, &mut out);
    joiner.finish(&mut out);
    let parts: Vec<_> = out
        .iter()
        .map(|record| (record.attribute(PART).cloned(), record.attribute(CONTINUES).cloned()))
        .collect();
    let part = |number: i64, more: bool| (Some(number.into()), more.then(|| "record".into()));
    assert_eq!(parts, [part(1, true), part(2, true), part(3, false), (None, None)]);
    assert_eq!(restore(&out), text.as_bytes());
    assert_eq!((joiner.counts().joined, joiner.counts().parts), (1, 2), "it is one trace");
}

#[test]
fn a_line_that_came_in_pieces_stays_where_its_first_piece_went() {
    let long = "x".repeat(Lines::LONGEST + 10);
    let text = format!(
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: {long}\nnext\n{long}\n"
    );
    let (records, _) = join(text.as_bytes());
    assert_eq!(restore(&records), text.as_bytes());
    assert_eq!(records.len(), 4);
    assert!(records[0].message.ends_with('x') && records[0].message.contains("ValueError"));
    assert_eq!(records[2].attribute(PART), Some(&1.into()));
    assert_eq!(records[2].attribute(CONTINUES), Some(&"line".into()));
    assert_eq!(records[3].attribute(PART), Some(&2.into()));
}

/// Lines of all kinds, to be put together at random.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let known = proptest::sample::select(vec![
        "Traceback (most recent call last):",
        "  File \"a.py\", line 1, in f",
        "    g()",
        "    ^^^",
        "ValueError: bad",
        "",
        " ",
        "The above exception was the direct cause of the following exception:",
        "  + Exception Group Traceback (most recent call last):",
        "  | x",
        "\"\"\"",
        "java.lang.IllegalStateException: no",
        "\tat a.B.c(B.java:5)",
        "Caused by: java.io.IOException: x",
        "\t... 2 more",
        "TypeError: no",
        "    at f (/a.js:1:2)",
        "    at /a.js:1:2 {",
        "}",
        "  code: 1",
        "/srv/a.js:12",
        "  ^",
        "Node.js v20.1.0",
        "panic: no",
        "goroutine 1 [running]:",
        "main.main()",
        "\t/a.go:1 +0x1",
        "exit status 2",
        "thread 'main' panicked at a.rs:1:2:",
        "stack backtrace:",
        "   0: f",
        "note: x",
        "Error: x",
        "Caused by:",
        "    0: y",
        "t.rb:8:in `f': no (E)",
        "\tfrom t.rb:5:in `g'",
        "t.rb:5:in `g'",
        "PHP Fatal error:  Uncaught E: x in /a:1",
        "Stack trace:",
        "#0 /a.php(5): f()",
        "#1 {main}",
        "  thrown in /a on line 1",
        "Unhandled exception:",
        "#0      f (a.dart:1:2)",
        "System.X.YException: no",
        "   at A.B.C(String s) in /a.cs:line 5",
        "info: A.B[1]",
        "      inside",
        "2026-11-22 07:34:03,305 ERROR app: failed",
        "[2026-11-22 07:34:46 +0000] [11] [ERROR] x",
        "[2026-11-22 07:34:46 +0000] [12] [INFO] x",
        "{\"level\":\"info\"}",
        "plain text",
        "Jul 09, 2015 3:23:29 PM a.B c",
        "SEVERE: no",
        "\u{1b}[31mred\u{1b}[0m",
        "Fatal Python error: x",
        "a.py:1: UserWarning: x",
    ]);
    proptest::collection::vec(
        prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[ -~]{0,40}"],
        0..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_line_comes_out_once_and_unchanged(lines in lines()) {
        let text = lines.concat_lines();
        let (records, counts) = join(text.as_bytes());
        let mut out: Vec<String> = records
            .iter()
            .flat_map(|record| record.message.split('\n').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let mut expected = lines;
        out.sort();
        expected.sort();
        prop_assert_eq!(out, expected);
        prop_assert_eq!(counts.records, records.len() as u64);
    }

    #[test]
    fn bytes_of_any_kind_come_out_as_they_went_in(
        bytes in proptest::collection::vec(prop_oneof![3 => Just(b'\n'), 1 => Just(b'\r'), 2 => Just(b' '), 4 => any::<u8>()], 0..400),
    ) {
        let (records, _) = join(&bytes);
        let mut expected = bytes;
        if expected.last().is_some_and(|&last| last != b'\n') {
            expected.push(b'\n');
        }
        prop_assert_eq!(restore(&records), expected);
    }

    #[test]
    fn the_records_do_not_depend_on_the_reads(lines in lines(), mut cuts in proptest::collection::vec(0usize..2000, 0..8)) {
        let text = lines.concat_lines();
        let (whole, _) = join(text.as_bytes());
        cuts.sort_unstable();
        let mut joiner = Joiner::new(Settings::default());
        let mut reader = Lines::new(Stream::Only);
        let mut out = Vec::new();
        let mut from = 0;
        for to in cuts.into_iter().chain([text.len()]) {
            let to = to.clamp(from, text.len());
            reader.push(&text.as_bytes()[from..to], 7, |chunk| feed(&mut joiner, &chunk, LINE, &mut out));
            from = to;
        }
        reader.finish(7, |chunk| feed(&mut joiner, &chunk, LINE, &mut out));
        joiner.finish(&mut out);
        prop_assert_eq!(out, whole);
    }
}

trait ConcatLines {
    fn concat_lines(&self) -> String;
}

impl ConcatLines for Vec<String> {
    fn concat_lines(&self) -> String {
        self.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}
