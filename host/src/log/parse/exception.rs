//! The trace in the text of a joined record: where it begins, and the type and the message of
//! the exception that was finally raised.
//!
//! This is for log viewers and routes. Frames, chains and groups are somebody else's to take
//! apart; they find the whole text in `exception.stacktrace`.

/// What a joined text is made of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    /// The message of the logger, if the trace has one in front.
    pub(super) message: Option<&'a str>,
    /// The trace. Empty when the lines belong together for other reasons.
    pub(super) trace: &'a str,
}

/// Takes the text behind a head, or the whole text if there is none, apart.
pub(super) fn parts<'a>(language: &str, text: &'a str, headed: bool) -> Parts<'a> {
    let Some((first, rest)) = text.split_once('\n') else {
        return Parts { message: Some(text), trace: "" };
    };
    let rest_trimmed = rest.trim_start_matches(['\n', '\r']);
    let is_trace = match language {
        "python" => text.contains("(most recent call ") || text.contains("  File \""),
        "dotnet" => text.lines().any(|line| line.trim_start().starts_with("at ")),
        _ => true,
    };
    if !is_trace {
        return Parts { message: Some(text), trace: "" };
    }
    // In these languages the exception has a line of its own, so what stands in front of that
    // is the logger's. In the others the logger's line states the exception.
    let own_line = matches!(language, "python" | "java" | "node" | "dotnet");
    let indented = rest_trimmed.starts_with([' ', '\t'])
        && !rest_trimmed.trim_start().starts_with("+ Exception");
    if headed && own_line && !indented {
        return Parts { message: Some(first.trim_end()), trace: rest_trimmed };
    }
    Parts { message: headed.then(|| first.trim_end()), trace: text }
}

/// Type and message of the exception in `trace`; the message is its first line.
pub(super) fn summary<'a>(language: &str, trace: &'a str) -> Option<(&'a str, &'a str)> {
    match language {
        "python" => python(trace),
        "java" => java(trace),
        "node" => node(trace),
        "dotnet" => dotnet(trace),
        "go" => go(trace),
        "rust" => rust(trace),
        "ruby" => ruby(trace),
        "php" => php(trace),
        "dart" => dart(trace),
        _ => None,
    }
}

/// The last exception that stands behind frames.
fn python(trace: &str) -> Option<(&str, &str)> {
    let mut found = None;
    let mut frames = false;
    for line in trace.lines() {
        // The root of a group stands behind the outermost bar.
        let line = line.strip_prefix("  | ").unwrap_or(line);
        if line.trim_start().starts_with("File \"") {
            frames = true;
        } else if frames
            && !line.starts_with([' ', '\t'])
            && let Some(exception) = typed(line)
        {
            found = Some(exception);
            frames = false;
        }
    }
    found
}

/// `module.Type: message` or `module.Type`.
fn typed(line: &str) -> Option<(&str, &str)> {
    let (name, message) = line.split_once(':').unwrap_or((line, ""));
    let is_name = name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name
            .chars()
            .all(|one| one.is_alphanumeric() || matches!(one, '_' | '.' | '$' | '<' | '>'));
    let separated = message.is_empty() || message.starts_with(' ');
    (is_name && separated).then(|| (name, message.trim()))
}

fn java(trace: &str) -> Option<(&str, &str)> {
    let first = trace.lines().next()?;
    let first = match first.strip_prefix("Exception in thread \"") {
        Some(rest) => rest.split_once("\" ")?.1,
        None => first,
    };
    typed(first).or_else(|| {
        // `…: RuntimeException: message` behind other words.
        let at = first.find("Exception: ").or_else(|| first.find("Error: "))?;
        let start = first[..at].rfind([' ', ':']).map_or(0, |before| before + 1);
        typed(&first[start..])
    })
}

fn node(trace: &str) -> Option<(&str, &str)> {
    let lines: Vec<&str> = trace.lines().collect();
    let frame = lines.iter().position(|line| line.trim_start().starts_with("at "))?;
    // Behind the excerpt, if there is one, and in front of a message of several lines.
    let from = lines[..frame]
        .iter()
        .rposition(|line| line.trim().starts_with('^'))
        .map_or(0, |caret| caret + 1);
    let header = lines[from..frame].iter().find(|line| !line.trim().is_empty())?;
    let header = header.strip_prefix("Uncaught ").unwrap_or(header);
    let code = |header: &str| header.split_once(" [").map(|(name, _)| name.len());
    if let Some(len) = code(header)
        && typed(&header[..len]).is_some()
    {
        let message = header.split_once("]: ").map_or("", |(_, message)| message);
        return Some((&header[..len], message));
    }
    typed(header).or_else(|| {
        let at = header.find("Error: ")?;
        let start = header[..at].rfind(' ').map_or(0, |before| before + 1);
        typed(&header[start..])
    })
}

fn dotnet(trace: &str) -> Option<(&str, &str)> {
    let mut lines = trace.lines().map(str::trim);
    let first = lines.next()?;
    let rest = first
        .strip_prefix("Unhandled exception. ")
        .or_else(|| first.strip_prefix("Unhandled exception: "))
        .or_else(|| first.strip_prefix("Unhandled Exception: "))
        .unwrap_or(first);
    let header = if matches!(rest, "Unhandled Exception:" | "Unhandled exception:") {
        lines.next()?
    } else {
        rest
    };
    let header = header.split_once(" ---> ").map_or(header, |(outer, _)| outer);
    typed(header)
}

fn go(trace: &str) -> Option<(&str, &str)> {
    let first = trace.lines().next()?;
    // The last of several panics is the one that ended the process.
    let last = trace
        .lines()
        .map(str::trim_start)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("panic: "))
        .last();
    if let Some(message) = last {
        return Some(("panic", message.strip_suffix(" [recovered]").unwrap_or(message)));
    }
    if let Some(message) = first.strip_prefix("fatal error: ") {
        return Some(("fatal error", message));
    }
    let served = first.split_once("panic serving ")?.1;
    Some(("panic", served.split_once(": ")?.1))
}

fn rust(trace: &str) -> Option<(&str, &str)> {
    let mut lines = trace.lines();
    let first = lines.next()?;
    if let Some(message) = first.strip_prefix("Error: ") {
        return Some(("Error", message));
    }
    let (_, place) = first.split_once(" panicked at ")?;
    match place.strip_prefix('\'') {
        Some(old) => Some(("panic", old.rsplit_once("', ")?.0)),
        None => Some(("panic", lines.next()?)),
    }
}

/// `… message (Type)`, or Rails' `Type (message):`.
fn ruby(trace: &str) -> Option<(&str, &str)> {
    let first = trace.lines().next()?.trim();
    if let Some((name, message)) = first.strip_suffix("):").and_then(|rest| rest.split_once(" (")) {
        return Some((name, message));
    }
    let (rest, name) = first.strip_suffix(')')?.rsplit_once(" (")?;
    let message = rest
        .find(":in ")
        .and_then(|at| rest[at..].split_once("': "))
        .map_or(rest, |(_, message)| message);
    Some((name, message))
}

fn php(trace: &str) -> Option<(&str, &str)> {
    // The exception that was finally raised is printed last.
    let header =
        trace.lines().rfind(|line| line.starts_with("Next ") || line.contains("Uncaught "));
    let header = match header {
        Some(line) => line
            .strip_prefix("Next ")
            .or_else(|| line.split_once("Uncaught ").map(|(_, rest)| rest))?,
        None => trace.lines().next()?,
    };
    if let Some(old) = header.strip_prefix("exception '") {
        let (name, rest) = old.split_once('\'')?;
        let message =
            rest.strip_prefix(" with message '").and_then(|rest| rest.rsplit_once("' in "));
        return Some((name, message.map_or("", |(message, _)| message)));
    }
    let (name, message) = typed(header.split_once(" in /").map_or(header, |(header, _)| header))?;
    Some((name, message))
}

fn dart(trace: &str) -> Option<(&str, &str)> {
    let line = trace.lines().nth(1)?;
    if let Some(name) = line.strip_prefix("Instance of '").and_then(|rest| rest.strip_suffix('\''))
    {
        return Some((name, ""));
    }
    // `Bad state: message` is how the language itself puts it.
    typed(line).or_else(|| {
        line.split_once(": ").filter(|(name, _)| name.len() < 40 && !name.contains('\''))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exception_that_was_raised_last_is_named() {
        for (language, trace, expected) in [
            (
                "python",
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'a'\n\nDuring\n\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\nshop.errors.Missing: no: a\nmore",
                ("shop.errors.Missing", "no: a"),
            ),
            (
                "python",
                "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 1, in f\n  | ExceptionGroup: batch (1 sub-exception)\n  +-+---\n    | Traceback\n    |   File \"b.py\", line 1, in g\n    | ValueError: x",
                ("ExceptionGroup", "batch (1 sub-exception)"),
            ),
            (
                "java",
                "Exception in thread \"main\" shop.App$E: no\n\tat a.B.c(B.java:1)",
                ("shop.App$E", "no"),
            ),
            (
                "java",
                "Jul 09 feeder.MakeLog: RuntimeException: Run\n  at a.B.c(B.java:1)",
                ("RuntimeException", "Run"),
            ),
            ("node", "/a.js:1\nx\n^\n\nTypeError: no\n    at f (/a.js:1:2)", ("TypeError", "no")),
            (
                "node",
                "charge failed TypeError: no: x\n    at f (/a.js:1:2)",
                ("TypeError", "no: x"),
            ),
            ("node", "Error [ERR_X]: no\n    at f (/a.js:1:2)", ("Error", "no")),
            (
                "dotnet",
                "Unhandled exception. A.BException: no ---> C.DException: x\n   at A.B.C()",
                ("A.BException", "no"),
            ),
            (
                "dotnet",
                "Unhandled Exception:\nA.BException: no\n   at A.B.C()",
                ("A.BException", "no"),
            ),
            ("go", "panic: a [recovered]\n\tpanic: b\n\ngoroutine 1 [running]:", ("panic", "b")),
            ("go", "fatal error: all asleep\n\ngoroutine 1 [x]:", ("fatal error", "all asleep")),
            ("go", "http: panic serving [::1]:5: no\ngoroutine 1 [x]:", ("panic", "no")),
            ("rust", "thread 'main' panicked at a.rs:1:2:\nno\nnote: x", ("panic", "no")),
            ("rust", "thread 'main' panicked at 'no', a.rs:1:2\nnote: x", ("panic", "no")),
            (
                "ruby",
                "t.rb:8:in `f': could not (PaymentError)\n\tfrom t.rb:5:in `g'",
                ("PaymentError", "could not"),
            ),
            (
                "ruby",
                "could not charge (PaymentError)\nt.rb:8:in `f'",
                ("PaymentError", "could not charge"),
            ),
            ("ruby", " A::B (no route):\n  a.rb:1:in `f'", ("A::B", "no route")),
            (
                "php",
                "PHP Fatal error:  Uncaught A: x in /a:1\nStack trace:\n#0 {main}\n\nNext B: y in /b:2\nStack trace:\n#0 {main}",
                ("B", "y"),
            ),
            ("php", "exception 'E' with message 'no' in /a.php:5\nStack trace:", ("E", "no")),
            (
                "dart",
                "Unhandled exception:\nBadState: no\n#0      f (a.dart:1:2)",
                ("BadState", "no"),
            ),
        ] {
            assert_eq!(summary(language, trace), Some(expected), "`{trace}`");
        }
        assert_eq!(summary("python", "nothing"), None);
        assert_eq!(summary("cobol", "nothing"), None);
    }
}
