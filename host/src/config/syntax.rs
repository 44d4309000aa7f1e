//! Errors of the TOML parser as faults, with a remedy where the usual cause is known.
//!
//! The parser goes on after an error, so there may be many; of those in one line only the
//! first is told, since the others mostly follow from it.

use std::sync::Arc;

use toml::de::Error;

use super::excerpt::{hide, quoted};
use super::fault::Fault;
use super::origin::{Origin, Source};

/// One fault per line that does not parse.
pub(super) fn faults(source: &Arc<Source>, errors: &[Error]) -> Vec<Fault> {
    let mut sorted: Vec<&Error> = errors.iter().collect();
    sorted.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let mut faults: Vec<Fault> = Vec::new();
    for error in sorted {
        let origin = Origin::new(source, error.span().unwrap_or(0..0));
        if faults.last().is_none_or(|last| last.origin().line() != origin.line()) {
            faults.push(fault(error, &origin));
        }
    }
    faults
}

fn fault(error: &Error, origin: &Origin) -> Fault {
    let message = error.message();
    let word = word_at(origin);
    let fault = |problem: String, remedy: &str| Fault::new(origin, problem).remedy(remedy);
    let unquoted = || match word.as_str() {
        "" => "write a value behind the `=`, or remove the line".into(),
        "True" | "TRUE" => "write `true` in lower case".into(),
        "False" | "FALSE" => "write `false` in lower case".into(),
        "yes" | "Yes" | "on" => "write `true`, or put the word in quotes".into(),
        "no" | "No" | "off" => "write `false`, or put the word in quotes".into(),
        "null" | "nil" | "none" | "None" => "leave the key out to have its default".into(),
        word if word.starts_with('\u{201c}') || word.starts_with('\u{2018}') => {
            "write straight quotes: \"…\"".to_owned()
        }
        word => format!("put it in quotes: \"{}\"", quoted(word).trim_matches('`')),
    };
    if message.starts_with("string values must be quoted")
        || (message.starts_with("invalid ")
            && word.starts_with(|c: char| c.is_alphabetic())
            && !message.contains("string")
            && !message.contains("key"))
    {
        let problem =
            if word.is_empty() { "a value is missing" } else { "this value is not in quotes" };
        return fault(problem.into(), &unquoted());
    }
    match message {
        "duplicate key" => {
            let problem = format!("the key {} is given twice", quoted(&word));
            fault(problem, "keep one of the two; a table has one heading, with all its keys below")
        }
        _ if message.starts_with("key with no value") || word.starts_with(':') => {
            fault("a key without a value".into(), "write key = value; TOML has no `:`")
        }
        _ if message.starts_with("missing comma between array elements") => fault(
            "a comma is missing in this list".into(),
            "put commas between the items, and check that the list before this line ends with `]`",
        ),
        _ if message.starts_with("unclosed array") => {
            fault("a list is not closed".into(), "end it with `]`")
        }
        _ if message.starts_with("unclosed inline table") => {
            fault("a table is not closed".into(), "end it with `}`")
        }
        _ if message.starts_with("unclosed table") => {
            fault("a heading is not closed".into(), "end it with `]`, or `]]` for a list of tables")
        }
        _ if message.contains("escape") => fault(
            "a backslash that means nothing in double quotes".into(),
            "write the text in single quotes, where a backslash is just a backslash: 'C:\\logs'",
        ),
        _ if message.starts_with("invalid basic string")
            || message.starts_with("invalid literal string") =>
        {
            fault(
                "a string is not closed".into(),
                "end it with the quote it began with, in the same line",
            )
        }
        _ if message.contains("recur") => {
            fault("tables or lists are nested too deeply".into(), "80 levels are read")
        }
        _ if message.starts_with("cannot extend value") => fault(
            format!("not TOML: {message}"),
            "the same key is used as a value and as a table; rename one of them",
        ),
        _ if message.starts_with("invalid unquoted key") => fault(
            format!("{} is no key", quoted(&word)),
            "a key has letters, digits, `-` and `_`; others stand in straight quotes",
        ),
        _ => Fault::new(origin, format!("not TOML: {message}")),
    }
}

/// The word at the origin; hidden if it belongs to a secret.
fn word_at(origin: &Origin) -> String {
    let line = hide(origin.line_text());
    let rest = line.chars().skip(origin.column().saturating_sub(1));
    let word: String = rest.take_while(|c| !matches!(c, ',' | ']' | '}' | '#' | '=')).collect();
    word.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    #[test]
    fn the_usual_slips_have_a_remedy() {
        let mut failed = String::new();
        for (text, place, problem, remedy) in [
            ("a = info\n", "1:5", "not in quotes", "\"info\""),
            ("a = http://x # y\n", "1:5", "not in quotes", "\"http://x\""),
            ("a = 16 MiB\n", "1:5", "not in quotes", "\"16 MiB\""),
            ("a = 10s\n", "1:5", "not in quotes", "\"10s\""),
            ("a = True\n", "1:5", "not in quotes", "lower case"),
            ("a = yes\n", "1:5", "not in quotes", "`true`"),
            ("a = null\n", "1:5", "not in quotes", "leave the key out"),
            ("a = \u{201c}x\u{201d}\n", "1:5", "not in quotes", "straight quotes"),
            ("token = hunter2\n", "1:9", "not in quotes", "\"*******\""),
            ("a = 1\na = 2\n", "2:1", "`a` is given twice", "keep one"),
            ("[a]\nb = 1\n[a]\n", "3:2", "`a` is given twice", "one heading"),
            ("a: 1\n", "1:2", "without a value", "no `:`"),
            ("a = [1, 2\n", "1:10", "not closed", "`]`"),
            ("a = [\"x\" \"y\"]\n", "1:10", "comma", "commas between"),
            ("a = { b = 1\n", "1:12", "not closed", "`}`"),
            ("[a\n", "1:3", "heading is not closed", "`]`"),
            ("a = \"x\n", "1:7", "string is not closed", "same line"),
            ("a = 'x\n", "1:7", "string is not closed", "same line"),
            ("a = \"\\d+\"\n", "1:7", "backslash", "single quotes"),
            ("a = [1]\n[a.b]\n", "2:2", "extend", "rename"),
            ("größe = 1\n", "1:3", "no key", "straight quotes"),
        ] {
            let source = Source::file("t", text);
            let (_, errors) = DeTable::parse_recoverable(source.text());
            let faults = faults(&source, &errors);
            let fault = faults.first().unwrap_or_else(|| panic!("{text:?} is not TOML"));
            let help = fault.help().unwrap_or_default();
            if fault.origin().to_string() != format!("t:{place}")
                || !fault.problem().contains(problem)
                || !help.contains(remedy)
            {
                failed += &format!("{text:?} is not at {place}, {problem}, {remedy}:\n{fault}\n");
            }
        }
        assert!(failed.is_empty(), "{failed}");
    }

    #[test]
    fn each_line_is_told_once() {
        let source = Source::file("t", "a = x = y = z\nb = 1\nc = q\n");
        let (_, errors) = DeTable::parse_recoverable(source.text());
        let lines: Vec<usize> =
            faults(&source, &errors).iter().map(|f| f.origin().line()).collect();
        assert_eq!(lines, [1, 3]);
    }
}
