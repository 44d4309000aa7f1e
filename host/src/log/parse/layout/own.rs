//! Layouts that only one logger has.

use super::Head;
use super::head::tail;
use super::mark::{blanks, bracket, capital_level, is_name, is_number, level, named_line, word};
use crate::filter::value::Severity;
use crate::log::parse::time::{self, Stamp};

/// PHP's own words: `PHP Warning:  …`. They stay in the message.
pub(super) fn php(text: &[u8], at: usize) -> Option<Severity> {
    let rest = text.get(at..)?.strip_prefix(b"PHP ")?;
    let end = rest.iter().take(24).position(|&byte| byte == b':')?;
    match &rest[..end] {
        b"Fatal error"
        | b"Parse error"
        | b"Recoverable fatal error"
        | b"Core error"
        | b"Compile error" => Some(Severity::Error),
        b"Warning" | b"Core warning" | b"Compile warning" => Some(Severity::Warn),
        b"Notice" | b"Deprecated" | b"Strict Standards" => Some(Severity::Info),
        _ => None,
    }
}

/// Ruby's `E, [time #process] ERROR -- program: message`.
pub(super) fn ruby(text: &[u8]) -> Option<Head<'_>> {
    let (b'A'..=b'Z', b", [") = (text.first()?, text.get(1..4)?) else { return None };
    let (inside, len) = bracket(&text[3..])?;
    let (stamp, clock) = time::take_dated(inside)?;
    let process = inside[clock..].trim_ascii().strip_prefix(b"#").filter(|text| is_number(text));
    let at = 3 + len;
    let at = at + blanks(&text[at..]);
    let (severity, word) = capital_level(&text[at..])
        .unwrap_or((Severity::Info, usize::from(text[at..].starts_with(b"ANY")) * 3));
    let head = Head {
        time: Some(stamp),
        severity: Some(severity),
        level: Some(&text[at..at + word]),
        process,
        ..Head::default()
    };
    Some(tail(text, at + word, head))
}

/// glog and klog: `I1122 07:36:01.113000   17 main.go:23] message`.
pub(super) fn glog(text: &[u8]) -> Option<Head<'_>> {
    let severity = match text.first()? {
        b'I' => Severity::Info,
        b'W' => Severity::Warn,
        b'E' => Severity::Error,
        b'F' => Severity::Fatal,
        _ => return None,
    };
    if !text.get(1..5)?.iter().all(u8::is_ascii_digit) || text.get(5) != Some(&b' ') {
        return None;
    }
    let (stamp, clock) = time::take_clock(&text[6..])?;
    let stamp = stamp.on(&text[1..3], &text[3..5])?;
    let at = 6 + clock;
    let at = at + blanks(&text[at..]);
    let thread = word(&text[at..]);
    let place_at = at + thread.len() + blanks(&text[at + thread.len()..]);
    let (file, line) = named_line(word(&text[place_at..]).strip_suffix(b"]")?)?;
    let message = place_at + word(&text[place_at..]).len();
    Some(Head {
        time: Some(stamp),
        severity: Some(severity),
        level: Some(&text[..1]),
        thread: Some(thread).filter(|text| is_number(text)),
        fields: vec![("code.file.path", file), ("code.line.number", line)],
        message: message + blanks(&text[message..]),
        ..Head::default()
    })
}

/// The console of .NET: `info: Category[14]`, the message on the next line.
pub(super) fn dotnet(text: &[u8]) -> Option<Head<'_>> {
    let severity = match text.get(..6)? {
        b"trce: " => Severity::Trace,
        b"dbug: " => Severity::Debug,
        b"info: " => Severity::Info,
        b"warn: " => Severity::Warn,
        b"fail: " => Severity::Error,
        b"crit: " => Severity::Fatal,
        _ => return None,
    };
    let category = word(&text[6..]);
    let open = category.strip_suffix(b"]")?.iter().rposition(|&byte| byte == b'[')?;
    let event = &category[open + 1..category.len() - 1];
    if !is_name(&category[..open]) || !is_number(event.strip_prefix(b"-").unwrap_or(event)) {
        return None;
    }
    let at = 6 + category.len();
    let gap = text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    Some(Head {
        severity: Some(severity),
        level: Some(&text[..4]),
        logger: Some(&category[..open]),
        fields: vec![("log.event_id", event)],
        message: at + gap,
        ..Head::default()
    })
}

/// `java.util.logging`: `time class method`, then `LEVEL: message` on a line of its own.
pub(super) fn util_logging(text: &[u8], stamp: Stamp, len: usize) -> Option<Head<'_>> {
    // Only this layout prints the hour in two halves.
    if !matches!(text.get(len - 2..len)?, b"AM" | b"PM") {
        return None;
    }
    let end = text.iter().position(|&byte| byte == b'\n').unwrap_or(text.len());
    let place = text[len..end].trim_ascii();
    let mut head = Head { time: Some(stamp), message: len, ..Head::default() };
    let class = word(place);
    head.message += blanks(&text[len..]);
    if end == text.len() || !is_name(class) {
        return Some(head);
    }
    let second = end + 1;
    let len = text[second..].iter().take(8).take_while(|byte| byte.is_ascii_uppercase()).count();
    let behind = &text[second + len..];
    let severity = level(&text[second..second + len])?;
    if !behind.starts_with(b": ") {
        return Some(head);
    }
    head.severity = Some(severity);
    head.level = Some(&text[second..second + len]);
    head.logger = Some(class);
    let method = place[class.len()..].trim_ascii();
    if !method.is_empty() {
        head.fields.push(("code.function.name", method));
    }
    head.message = second + len + 2;
    Some(head)
}
