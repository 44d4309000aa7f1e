//! Heads that open with a time, a bracket or a severity.

use super::mark::{
    blanks, bracket, capital_level, is_name, is_number, is_plain_name, level, marked_level,
    named_line, place, word,
};
use super::{Head, access};
use crate::filter::value::Severity;
use crate::log::parse::time::{self, Stamp};

/// How many pieces may stand between the time and the severity.
const PIECES: usize = 8;

/// A head that begins with a time of `len` bytes.
///
/// Without a severity after it the time alone is the head.
pub(super) fn time_first(text: &[u8], stamp: Stamp, len: usize) -> Head<'_> {
    let head = Head { time: Some(stamp), message: len, ..Head::default() };
    after_time(text, len, head)
}

/// Reads on behind the time, which `head` has already.
fn after_time<'a>(text: &'a [u8], start: usize, mut head: Head<'a>) -> Head<'a> {
    let mut at = start;
    let mut found = Head { time: head.time, ..Head::default() };
    for _ in 0..PIECES {
        at += blanks(&text[at..]);
        let rest = &text[at..];
        if let Some((inside, len)) = bracket(rest) {
            let before = found.severity;
            place(inside, &mut found);
            at += len;
            if found.severity.is_some() && before.is_none() && text.get(at) == Some(&b':') {
                at += 1;
            }
            // Behind the severity a bracket may be the beginning of the message.
            if found.severity.is_some() && !text[at..].starts_with(b" [") {
                break;
            }
        } else if let Some((severity, len)) = marked_level(rest) {
            found.severity = Some(severity);
            found.level = Some(&rest[..len]);
            at += len;
            break;
        } else if let [b'|' | b'-', b' ', ..] = rest {
            at += 1;
        } else if let Some((name, len)) = name_before_level(rest) {
            found.logger = Some(name);
            at += len;
        } else if is_number(word(rest))
            && let number = word(rest)
            && marked_level(rest[number.len()..].trim_ascii_start()).is_some()
        {
            found.process = Some(number);
            at += number.len();
        } else if let Some((channel, severity, len)) = channel_level(rest) {
            found.logger = Some(channel);
            found.severity = Some(severity);
            found.level = Some(&rest[channel.len() + 1..len - 1]);
            at += len;
            break;
        } else {
            break;
        }
    }
    if found.severity.is_some() {
        found.message = at;
        return tail(text, at, found);
    }
    // What stands behind the time is the message, with the place of the call in Go.
    head.message = start + text[start..].iter().take_while(|&&byte| byte == b' ').count();
    head.severity = php(text, head.message);
    let place = word(&text[head.message..]);
    if let Some((file, line)) = place.strip_suffix(b":").and_then(named_line)
        && file.ends_with(b".go")
    {
        head.fields.push(("code.file.path", file));
        head.fields.push(("code.line.number", line));
        head.message += place.len();
        head.message += blanks(&text[head.message..]);
    }
    head
}

/// `shop.orders` in front of ` - INFO` or ` INFO`: the name, and the length up to the level.
fn name_before_level(rest: &[u8]) -> Option<(&[u8], usize)> {
    let name = word(rest);
    if !is_name(name) {
        return None;
    }
    let mut after = name.len() + blanks(&rest[name.len()..]);
    if let [b'-' | b'|', b' ', ..] = &rest[after..] {
        after += 2;
    }
    after += blanks(&rest[after..]);
    let followed = capital_level(&rest[after..]).is_some()
        || bracket(&rest[after..]).is_some_and(|(inside, _)| level(inside).is_some());
    followed.then_some((name, after))
}

/// Monolog's `channel.ERROR: `: the channel, the severity and the length with the colon.
fn channel_level(rest: &[u8]) -> Option<(&[u8], Severity, usize)> {
    let both = word(rest).strip_suffix(b":")?;
    let dot = both.iter().rposition(|&byte| byte == b'.')?;
    let (severity, len) = capital_level(&both[dot + 1..])?;
    (dot + 1 + len == both.len()).then_some((&both[..dot], severity, both.len() + 1))
}

/// Reads on behind the severity: process, thread and logger, then the message.
fn tail<'a>(text: &'a [u8], start: usize, mut head: Head<'a>) -> Head<'a> {
    let mut at = start;
    if text.get(at) == Some(&b':') {
        at += 1;
    }
    let tabbed = text.get(at) == Some(&b'\t');
    at += blanks(&text[at..]);
    // Spring: `1 --- [app] [thread] logger : message`.
    let number = word(&text[at..]);
    if is_number(number) && text[at + number.len()..].starts_with(b" --- ") {
        head.process = Some(number);
        at += number.len() + 5;
        at = spring(text, at, &mut head);
    } else if let Some((process, thread, len)) = nginx(number) {
        head.process = Some(process);
        head.thread = Some(thread);
        at += len;
        at += blanks(&text[at..]);
        head.message = at;
        return head;
    } else if let Some(prefix @ (b"- " | b"| ")) = text.get(at..at + 2) {
        at += prefix.len();
        at += blanks(&text[at..]);
    } else if text[at..].starts_with(b"-- ") {
        // Ruby: `-- program: message`.
        at += 3;
        let program = word(&text[at..]);
        if let Some(name) = program.strip_suffix(b":") {
            if !name.is_empty() {
                head.logger = Some(name);
            }
            at += program.len();
        }
        at += blanks(&text[at..]);
        head.message = at;
        return head;
    } else if let Some((inside, len)) = bracket(&text[at..]) {
        at = bracket_behind_level(text, at, inside, len, &mut head);
    }
    if head.access {
        return head;
    }
    at = logger(text, at, tabbed, &mut head);
    head.message = at;
    head
}

/// `[app] [thread] [trace-span]`, the last of two the thread; answers where the logger begins.
fn spring<'a>(text: &'a [u8], mut at: usize, head: &mut Head<'a>) -> usize {
    let mut inside = Vec::new();
    while let Some((one, len)) = bracket(&text[at..]) {
        inside.push(one.trim_ascii());
        at += len;
        at += blanks(&text[at..]);
    }
    match inside.as_slice() {
        [thread] => head.thread = Some(thread),
        [service, thread, ..] => {
            head.thread = Some(thread);
            head.fields.push(("service.name", service));
        }
        [] => {}
    }
    at
}

/// nginx's `12#34:`.
fn nginx(word: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let both = word.strip_suffix(b":")?;
    let hash = both.iter().position(|&byte| byte == b'#')?;
    let (process, thread) = (&both[..hash], &both[hash + 1..]);
    (is_number(process) && is_number(thread)).then_some((process, thread, word.len()))
}

/// A bracket behind the severity is read if it cannot be the beginning of the message: a name
/// with a line, a dotted name, or anything that a logger follows.
fn bracket_behind_level<'a>(
    text: &'a [u8],
    at: usize,
    inside: &'a [u8],
    len: usize,
    head: &mut Head<'a>,
) -> usize {
    let after = at + len + blanks(&text[at + len..]);
    if named_line(inside).is_some() {
        place(inside, head);
        return after;
    }
    if is_name(inside) && inside.contains(&b'.') {
        head.logger = Some(inside);
        return after;
    }
    let next = word(&text[after..]);
    let logger = next.strip_suffix(b":").is_some_and(is_plain_name)
        || is_name(next) && text[after + next.len()..].starts_with(b" - ");
    if logger {
        place(inside, head);
        return after;
    }
    at
}

/// The logger in front of the message, in one of the forms `name: `, `name - `, `name | `,
/// `name : `, `in name: `; answers where the message begins.
fn logger<'a>(text: &'a [u8], at: usize, tabbed: bool, head: &mut Head<'a>) -> usize {
    let rest = &text[at..];
    let name = word(rest);
    let after = &rest[name.len()..];
    let gap = blanks(after);
    let behind = &after[gap..];
    if name == b"in"
        && let Some(program) = word(behind).strip_suffix(b":")
    {
        head.logger = Some(program);
        let at = at + name.len() + gap + program.len() + 1;
        return at + blanks(&text[at..]);
    }
    // zap: `\tmain.go:20\tmessage`.
    if tabbed && after.first() == Some(&b'\t') {
        match named_line(name) {
            Some((file, line)) if file.contains(&b'.') => {
                head.fields.push(("code.file.path", file));
                head.fields.push(("code.line.number", line));
                return at + name.len() + 1;
            }
            _ if is_name(name) => {
                head.logger = Some(name);
                let next = at + name.len() + 1;
                return logger(text, next, false, head).max(next);
            }
            _ => {}
        }
    }
    let separated = match behind {
        [b'-', b'-', b' ', ..] => 3,
        [b'-' | b'|' | b':', b' ', ..] if gap > 0 => 2,
        _ => 0,
    };
    if separated > 0 && is_name(name) {
        named(name, head);
        let at = at + name.len() + gap + separated;
        return at + blanks(&text[at..]);
    }
    if let Some(plain) = name.strip_suffix(b":")
        && is_plain_name(plain)
        && gap > 0
    {
        head.logger = Some(plain);
        return at + name.len() + gap;
    }
    // Django: `django.request Internal Server Error`.
    if head.time.is_some() && head.logger.is_none() && name.starts_with(b"django.") && is_name(name)
    {
        head.logger = Some(name);
        return at + name.len() + gap;
    }
    at
}

/// `module:function:line`, as loguru prints it, or a name alone.
fn named<'a>(name: &'a [u8], head: &mut Head<'a>) {
    if let Some((rest, line)) = named_line(name) {
        head.fields.push(("code.line.number", line));
        match rest.iter().rposition(|&byte| byte == b':') {
            Some(colon) => {
                head.logger = Some(&rest[..colon]);
                head.fields.insert(0, ("code.function.name", &rest[colon + 1..]));
            }
            None => head.logger = Some(rest),
        }
    } else {
        head.logger = Some(name);
    }
}

/// A head that begins with a bracket: a time, or a severity.
pub(super) fn bracket_first(text: &[u8]) -> Option<Head<'_>> {
    let (inside, len) = bracket(text)?;
    if let Some(severity) = level(inside.trim_ascii()) {
        let head = Head { severity: Some(severity), level: Some(inside), ..Head::default() };
        return Some(tail(text, len, head));
    }
    let (stamp, clock) = time::take(inside)?;
    let behind = &inside[clock..];
    let mut head = Head { time: Some(stamp), message: len, ..Head::default() };
    if behind.is_empty() || behind == b" UTC" {
        if let Some(request) = access::request(text, len) {
            return Some(Head { time: Some(stamp), ..request });
        }
        return Some(after_time(text, len, head));
    }
    // Celery: `[time: LEVEL/process]`.
    if let Some(behind) = behind.strip_prefix(b": ") {
        let (severity, word) = capital_level(behind)?;
        head.severity = Some(severity);
        head.level = Some(&behind[..word]);
        head.thread = behind[word..].strip_prefix(b"/");
        head.message = len + blanks(&text[len..]);
        return Some(head);
    }
    let behind = behind.strip_prefix(b" ")?.trim_ascii_start();
    if let Some((severity, word)) = capital_level(behind) {
        head.severity = Some(severity);
        head.level = Some(&behind[..word]);
        let name = behind[word..].trim_ascii();
        if is_name(name) {
            head.logger = Some(name);
        }
        head.message = len + blanks(&text[len..]);
        return Some(head);
    }
    // PHP: `[22-Nov-2026 07:34:03 Europe/Berlin]`.
    is_name(behind).then(|| after_time(text, len, head))
}

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

/// A head that begins with a severity in capitals.
pub(super) fn level_first(text: &[u8]) -> Option<Head<'_>> {
    if let Some(head) = ruby(text).or_else(|| glog(text)) {
        return Some(head);
    }
    if let Some(severity) = php(text, 0) {
        return Some(Head { severity: Some(severity), ..Head::default() });
    }
    let (severity, len) = capital_level(text)?;
    let mut head = Head { severity: Some(severity), level: Some(&text[..len]), ..Head::default() };
    let rest = &text[len..];
    // Python: `LEVEL:logger:message`.
    if let Some(behind) = rest.strip_prefix(b":")
        && !behind.starts_with(b" ")
    {
        let end = behind.iter().take(120).position(|&byte| byte == b':')?;
        let name = &behind[..end];
        if !is_name(name) {
            return None;
        }
        head.logger = Some(name);
        head.message = len + 1 + end + 1;
        return Some(head);
    }
    // uvicorn: `LEVEL:     message`, sometimes of an access log.
    if let Some(behind) = rest.strip_prefix(b":") {
        let at = len + 1 + blanks(behind);
        if let Some(request) = access::uvicorn(text, at) {
            return Some(Head { severity: head.severity, level: head.level, ..request });
        }
        head.message = at;
        return Some(head);
    }
    if !matches!(rest.first(), Some(b' ' | b'\t')) {
        return None;
    }
    let at = len + blanks(rest);
    let (inside, skip) = match bracket(&text[at..]) {
        Some((inside, skip)) => (inside, Some(skip)),
        None => (&text[at..], None),
    };
    let Some((stamp, clock)) = time::take(inside) else {
        return Some(tail(text, len, head));
    };
    head.time = Some(stamp);
    let at = at + skip.unwrap_or(clock);
    Some(module(text, at, head))
}

/// Behind `LEVEL time`: `module message` or `module process thread message`, as in Django's
/// own example.
fn module<'a>(text: &'a [u8], at: usize, mut head: Head<'a>) -> Head<'a> {
    let at = at + blanks(&text[at..]);
    let name = word(&text[at..]);
    let is_module = name.len() < 60
        && name
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.' | b'0'..=b'9'))
        && matches!(name.first(), Some(b'a'..=b'z' | b'_'));
    if !is_module {
        return tail(text, at, head);
    }
    head.logger = Some(name);
    let mut at = at + name.len();
    at += blanks(&text[at..]);
    let process = word(&text[at..]);
    let behind = at + process.len() + blanks(&text[at + process.len()..]);
    let thread = word(&text[behind..]);
    if is_number(process) && is_number(thread) {
        head.process = Some(process);
        head.thread = Some(thread);
        at = behind + thread.len();
        at += blanks(&text[at..]);
    }
    head.message = at;
    head
}

/// Ruby's `E, [time #process] ERROR -- program: message`.
fn ruby(text: &[u8]) -> Option<Head<'_>> {
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
fn glog(text: &[u8]) -> Option<Head<'_>> {
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
