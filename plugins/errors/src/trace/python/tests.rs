//! Tracebacks as real interpreters print them, and what else may come in.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::trace::{find, without_colours};

/// One line for each exception: `type: message` with control characters escaped, frames, parent
/// and relation.
fn describe(text: &str) -> Vec<String> {
    let Some(trace) = find(text) else { return Vec::new() };
    let line = |exception: &Exception| {
        let module =
            exception.module.as_ref().map(|module| format!("{module}.")).unwrap_or_default();
        let frames: Vec<String> = exception
            .frames
            .iter()
            .map(|frame| format!("{}:{}", frame.function, frame.line.unwrap_or_default()))
            .collect();
        let relation = match (exception.parent, &exception.relation) {
            (Some(parent), Some(relation)) => format!(" {relation} of {parent}"),
            _ => String::new(),
        };
        let group = if exception.group { " group" } else { "" };
        format!(
            "{module}{}: {} [{}]{relation}{group}",
            exception.name,
            exception.message.replace('\n', "\\n"),
            frames.join(" ")
        )
    };
    trace.exceptions.iter().map(line).collect()
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(describe(text), expected, "{text}");
}

const ONE: &str = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\n";

#[test]
fn a_message_goes_on_to_the_end_of_its_record() {
    check(&format!("{ONE}ValueError: bad"), &["ValueError: bad [f:1]"]);
    check(&format!("{ONE}ValueError"), &["ValueError:  [f:1]"]);
    check(&format!("{ONE}ValueError: "), &["ValueError:  [f:1]"]);
    check(&format!("{ONE}a.b.C: x: y\n"), &["a.b.C: x: y [f:1]"]);
    check(&format!("{ONE}E: one\n\ntwo\nthree: 3\n\n"), &["E: one\\n\\ntwo\\nthree: 3 [f:1]"]);
    check(&format!("{ONE}m.f.<locals>.E: x"), &["m.f.<locals>.E: x [f:1]"]);
    check(&format!("{}E: x\r\n", ONE.replace('\n', "\r\n")), &["E: x [f:1]"]);
    check(ONE, &["Exception:  [f:1]"]);
}

#[test]
fn causes_and_contexts_hang_on_what_they_led_to() {
    let cause = "The above exception was the direct cause of the following exception:";
    let context = "During handling of the above exception, another exception occurred:";
    check(
        &format!("{ONE}A: 1\n\n{cause}\n\n{ONE}B: 2\n\n{context}\n\n{ONE}C: 3"),
        &["A: 1 [f:1] __cause__ of 1", "B: 2 [f:1] __context__ of 2", "C: 3 [f:1]"],
    );
    // Made and never raised, so it has no traceback of its own.
    check(
        &format!("failed\nA: 1\n\n{cause}\n\n{ONE}B: 2"),
        &["A: 1 [] __cause__ of 1", "B: 2 [f:1]"],
    );
    // Loguru puts two blank lines there.
    check(
        &format!("{ONE}\nA: 1\n\n\n{cause}\n\n\n{ONE}\nB: 2"),
        &["A: 1 [f:1] __cause__ of 1", "B: 2 [f:1]"],
    );
    // The rest is cut off.
    check(&format!("{ONE}A: 1\n\n{cause}\n\n"), &["A: 1 [f:1]"]);
}

#[test]
fn the_text_in_front_is_left_to_the_logger() {
    for (before, start) in [
        ("", 0),
        ("charge failed\n", 14),
        ("ERROR:root:", 11),
        ("Exception in thread worker-3:\n", 0),
        ("failed\nException in thread worker-3 (run):\n", 7),
    ] {
        let text = format!("{before}{ONE}E: x");
        let trace = find(&text).expect("a traceback");
        assert_eq!((trace.start, trace.end), (start, text.len()), "{before:?}");
    }
    let trace = find(&format!("Exception in thread worker-3 (run):\n{ONE}E: x")).expect("one");
    assert_eq!(trace.exceptions[0].thread.as_deref(), Some("worker-3 (run)"));
    assert_eq!(trace.exceptions[0].handled, Some(false));
}

#[test]
fn a_traceback_that_was_moved_is_read_all_the_same() {
    let moved: String = ONE.lines().map(|line| format!("    {line}\n")).collect();
    check(&format!("{moved}    E: x\n      y"), &["E: x\\n  y [f:1]"]);
}

#[test]
fn markers_dumps_and_repeats_are_no_source() {
    let text = "Traceback (most recent call last):\n\
        > File \"/srv/a.py\", line 3, in <module>\n\
        \x20   pay(card)\n\
        \x20   │   └ '4111'\n\
        \x20   └ <function pay at 0x7f>\n\
        \n\
        \x20 File \"/srv/a.py\", line 1, in pay\n\
        \x20   total = (\n\
        \x20       ~~~^^^\n\
        \x20       1 /\n\
        \x20       ...<2 lines>...\n\
        \x20       )\n\
        \x20 [Previous line repeated 9 more times]\n\
        \n\
        ZeroDivisionError: division by zero";
    let trace = find(text).expect("a traceback");
    let frames = &trace.exceptions[0].frames;
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].context.as_ref().expect("source").line, "pay(card)");
    assert!(frames[0].context.as_ref().expect("source").after.is_empty());
    let context = frames[1].context.as_ref().expect("source");
    assert_eq!(
        (&*context.line, &*context.after),
        ("total = (", &["1 /".to_owned(), ")".to_owned()][..])
    );
    assert_eq!(trace.exceptions[0].message, "division by zero");
}

#[test]
fn a_file_that_does_not_parse_has_a_place() {
    check(
        "  File \"/app/rules.py\", line 1\n    def f(:\n          ^\nSyntaxError: invalid syntax",
        &["SyntaxError: invalid syntax [:1]"],
    );
    check("  File \"/app/rules.py\", line 1\n    def f(:\nValueError: no", &[]);
    check("  File \"/app/rules.py\", line 1", &[]);
}

#[test]
fn a_traceback_of_another_process_ends_at_its_quotes() {
    check(
        &format!(
            "multiprocessing.pool.RemoteTraceback: \n\"\"\"\n{ONE}A: 1\n\"\"\"\n\nThe above exception \
             was the direct cause of the following exception:\n\n{ONE}A: 1"
        ),
        &["A: 1 [f:1] __cause__ of 1", "A: 1 [f:1]"],
    );
}

#[test]
fn code_of_libraries_is_told_apart() {
    for (file, expected) in [
        ("/srv/shop/orders.py", true),
        ("orders.py", true),
        ("/srv/python/shop.py", true),
        ("/srv/lib/pythonic/shop.py", true),
        ("/srv/venv/lib/python3.11/site-packages/flask/app.py", false),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", false),
        ("/usr/lib/python3.11/threading.py", false),
        ("/usr/local/lib/python3.13/asyncio/runners.py", false),
        ("<frozen importlib._bootstrap>", false),
        ("<string>", false),
    ] {
        assert_eq!(frame::is_of_application(file), expected, "{file}");
    }
    assert_eq!(
        frame::library_of_python("/usr/lib/python3.11/json/decoder.py"),
        Some("json/decoder.py")
    );
}

#[test]
fn groups_nest_and_members_have_chains() {
    let text = include_str!("../../../cases/python/gen_py_group.log");
    check(
        text,
        &[
            "TypeError: inner t [<module>:50] exceptions[0] of 1",
            "ExceptionGroup: nested (1 sub-exception) [] exceptions[2] of 5 group",
            "KeyError: 'k' [b:44] __cause__ of 3",
            "RuntimeError: bad b [<module>:48 b:45] exceptions[1] of 5",
            "ValueError: bad a [<module>:48 a:42] exceptions[0] of 5",
            "ExceptionGroup: batch failed (3 sub-exceptions) [<module>:58 run:52] group",
        ],
    );
    let cause = "During handling of the above exception, another exception occurred:";
    let chained = describe(&format!("{ONE}First: 1\n\n{cause}\n\n{text}"));
    assert_eq!(chained.len(), 7);
    assert_eq!(chained[5], "First: 1 [f:1] __context__ of 6");
    // Not all members are drawn.
    let (before, rest) = text.split_once("    | Traceback").expect("the first member");
    let (_, after) = rest.split_once("    +---------------- 2").expect("the second");
    let cut = format!("{before}    | and 3 more exceptions\n    +---------------- 2{after}");
    assert_eq!(describe(&cut).len(), 5);
}

/// Records of a log file: a line with a head, or one of a server, begins a new one.
fn records(text: &str) -> Vec<String> {
    let begins = |line: &str| {
        line.starts_with("2026-")
            || line.starts_with("[2026-")
            || line.starts_with("127.0.0.1")
            || line.starts_with(" * ")
            || line.starts_with("GET ")
            || line.starts_with('{')
    };
    let mut records: Vec<String> = Vec::new();
    for line in without_colours(text).lines() {
        match records.last_mut() {
            Some(record) if !begins(line) => {
                record.push('\n');
                record.push_str(line);
            }
            _ => records.push(line.to_owned()),
        }
    }
    records
}

#[test]
fn the_corpus_is_read_exactly() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/python");
    let expected = std::fs::read_to_string(folder.join("expected.json")).expect("it is there");
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    let samples = expected["samples"].as_array().expect("a list");
    assert_eq!(samples.len(), 12);
    for sample in samples {
        let file = sample["file"].as_str().expect("a name");
        let text = std::fs::read_to_string(folder.join(file)).expect("it is there");
        let texts: Vec<String> = if file.ends_with("jsonl") {
            let field = |line: &str| {
                let record: Value = serde_json::from_str(line).expect("JSON");
                record["exc_info"].as_str().unwrap_or_default().to_owned()
            };
            text.lines().map(field).collect()
        } else {
            records(&text)
        };
        let traces: Vec<Trace> = texts.iter().filter_map(|text| find(text)).collect();
        let events = sample["events"].as_array().expect("a list");
        assert_eq!(traces.len(), events.len(), "{file}");
        for (trace, event) in traces.iter().zip(events) {
            compare(file, trace, event);
        }
    }
}

fn compare(file: &str, trace: &Trace, event: &Value) {
    let chain = event["exceptions"].as_array().expect("a list");
    let found = if event["only_last"] == true {
        &trace.exceptions[trace.exceptions.len() - chain.len()..]
    } else {
        &trace.exceptions[..]
    };
    assert_eq!(found.len(), chain.len(), "{file}");
    for (found, expected) in found.iter().zip(chain) {
        same(file, found, expected);
    }
    for leaf in event["group"]["leaves"].as_array().into_iter().flatten() {
        let found = trace.exceptions.iter().find(|found| leaf["value"] == *found.message);
        same(file, found.unwrap_or_else(|| panic!("{file}: {leaf} is missing")), leaf);
    }
    if let Some(thread) = event["thread"].as_str() {
        assert_eq!(found[0].thread.as_deref(), Some(thread), "{file}");
    }
}

fn same(file: &str, found: &Exception, expected: &Value) {
    assert_eq!(expected["type"], *found.name, "{file}");
    assert_eq!(expected["value"].as_str().unwrap_or_default(), found.message, "{file}");
    assert_eq!(expected["module"].as_str(), found.module.as_deref(), "{file}");
    let accepted = expected["frames_accept"].as_array().cloned().unwrap_or_default();
    let frames = Value::from(found.frames.len());
    assert!(expected["frames"] == frames || accepted.contains(&frames), "{file}: {frames} frames");
    for (key, frame) in
        [("crash_frame", found.frames.last()), ("oldest_frame", found.frames.first())]
    {
        let expected = &expected[key];
        let Some(frame) = frame.filter(|_| expected.is_object()) else { continue };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(function) = text(&expected["function"]) {
            assert_eq!(frame.function, function, "{file}");
        }
        assert!(
            expected["filename"].is_null() || frame.file == text(&expected["filename"]),
            "{file}"
        );
        assert!(
            expected["lineno"].is_null() || expected["lineno"] == frame.line.unwrap_or_default(),
            "{file}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_text_at_all_may_come_in(text in "\\PC*") {
        find(&text);
    }

    #[test]
    fn pieces_of_tracebacks_in_any_order_may_come_in(
        pieces in proptest::collection::vec(0_usize..PIECES.len(), 0..40)
    ) {
        let text: String = pieces.iter().map(|&piece| PIECES[piece]).collect();
        if let Some(trace) = find(&text) {
            prop_assert!(!trace.exceptions.is_empty());
            prop_assert!(trace.start <= trace.end && trace.end <= text.len());
            prop_assert!(text.is_char_boundary(trace.start) && text.is_char_boundary(trace.end));
            let count = trace.exceptions.len() as u32;
            for (index, exception) in trace.exceptions.iter().enumerate() {
                prop_assert_eq!(exception.parent.is_none(), index as u32 + 1 == count);
                prop_assert!(exception.parent.is_none_or(|parent| parent > index as u32 && parent < count));
                prop_assert!(!exception.name.is_empty());
            }
        }
    }
}

const PIECES: [&str; 18] = [
    "Traceback (most recent call last):\n",
    "  File \"/srv/a.py\", line 3, in f\n",
    "  File \"/srv/a.py\", line 3\n",
    "    g(x)\n",
    "      ^^^\n",
    "ValueError: bad\n",
    "KeyError\n",
    "\n",
    "The above exception was the direct cause of the following exception:\n",
    "During handling of the above exception, another exception occurred:\n",
    "  + Exception Group Traceback (most recent call last):\n",
    "  |   File \"/srv/a.py\", line 3, in f\n",
    "  | ExceptionGroup: é (2 sub-exceptions)\n",
    "  +-+---------------- 1 ----------------\n",
    "    | ValueError: bad\n",
    "    +---------------- 2 ----------------\n",
    "    +------------------------------------\n",
    "  [Previous line repeated 3 more times]\r\n",
];

#[test]
fn long_traces_keep_both_ends() {
    let frames: String =
        (1..=300).map(|line| format!("  File \"a.py\", line {line}, in f\n")).collect();
    let trace = find(&format!("Traceback (most recent call last):\n{frames}E: x")).expect("one");
    let frames = &trace.exceptions[0].frames;
    assert_eq!(frames.len(), crate::trace::MOST_FRAMES);
    assert_eq!((frames[0].line, frames[99].line), (Some(1), Some(300)));
}
