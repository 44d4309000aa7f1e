//! Heads of syslog: RFC 5424, RFC 3164, and the form in which daemons write it to files.

use super::Head;
use super::mark::{blanks, bracket, is_name, is_number, word};
use crate::filter::value::Severity;
use crate::log::parse::time::{self, Stamp};

/// A head that begins with a priority: `<34>1 …` or `<34>Nov 22 …`.
pub(super) fn with_priority(text: &[u8]) -> Option<Head<'_>> {
    let end = text.iter().take(5).position(|&byte| byte == b'>')?;
    let digits = text.get(1..end)?;
    if !is_number(digits) {
        return None;
    }
    let priority: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (facility, severity) = (priority / 8, severity(priority % 8));
    if facility > 23 {
        return None;
    }
    let rest = end + 1;
    let mut head = match text.get(rest..rest + 2)? {
        b"1 " => version_1(text, rest + 2)?,
        _ => {
            let (stamp, len) = time::take(&text[rest..])?;
            without_priority(text, stamp, rest + len)?
        }
    };
    head.severity = Some(severity);
    head.level = Some(&text[..0]);
    head.fields
        .push(("log.syslog.facility.code", FACILITIES.get(usize::from(facility))?.as_bytes()));
    Some(head)
}

const FACILITIES: [&str; 24] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19", "20", "21", "22", "23",
];

fn severity(number: u16) -> Severity {
    match number {
        0..=2 => Severity::Fatal,
        3 => Severity::Error,
        4 => Severity::Warn,
        5 | 6 => Severity::Info,
        _ => Severity::Debug,
    }
}

/// RFC 5424 behind its version: `time host app process id data message`.
fn version_1(text: &[u8], start: usize) -> Option<Head<'_>> {
    let mut at = start;
    let mut next = || {
        let field = word(&text[at..]);
        at += field.len();
        at += usize::from(text.get(at) == Some(&b' '));
        field
    };
    let (stamp, host, app, process, id) = (next(), next(), next(), next(), next());
    let mut head = Head::default();
    if stamp != b"-" {
        head.time = Some(time::whole(std::str::from_utf8(stamp).ok()?)?);
    }
    let stated = |field: &'static str, value| {
        (value != b"-" && !<[u8]>::is_empty(value)).then_some((field, value))
    };
    head.process = stated("", process).map(|(_, value)| value);
    head.fields.extend(stated("host.name", host));
    head.fields.extend(stated("log.syslog.appname", app));
    head.fields.extend(stated("log.syslog.msgid", id));
    let rest = &text[at..];
    if rest.starts_with(b"-") {
        at += 1;
    } else {
        let len = structured_data(rest)?;
        head.fields.push(("log.syslog.structured_data", &rest[..len]));
        at += len;
    }
    at += blanks(&text[at..]);
    if text[at..].starts_with("\u{feff}".as_bytes()) {
        at += '\u{feff}'.len_utf8();
    }
    head.message = at;
    Some(head)
}

/// The length of `[id k="v"][…]`, in which `\"`, `\\` and `\]` are escaped.
fn structured_data(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while text.get(at) == Some(&b'[') {
        let mut quoted = false;
        loop {
            at += 1;
            match text.get(at)? {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b']' if !quoted => break,
                b'\n' => return None,
                _ => {}
            }
        }
        at += 1;
    }
    (at > 0).then_some(at)
}

/// `time host tag[process]: message`, the time being read already.
pub(super) fn without_priority(text: &[u8], stamp: Stamp, len: usize) -> Option<Head<'_>> {
    let mut at = len + blanks(&text[len..]);
    let mut head = Head { time: Some(stamp), ..Head::default() };
    let host = word(&text[at..]);
    let after = at + host.len() + blanks(&text[at + host.len()..]);
    let tag_word = word(&text[after..]);
    // Relays leave the host out now and then; then the tag comes at once.
    let tag_at = if host.ends_with(b":") { at } else { after };
    let tag = if host.ends_with(b":") { host } else { tag_word };
    let name_and_process = tag.strip_suffix(b":")?;
    let name = match name_and_process.iter().position(|&byte| byte == b'[') {
        Some(open) => {
            let (process, inside) = bracket(&name_and_process[open..])?;
            if open + inside != name_and_process.len() {
                return None;
            }
            head.process = Some(process);
            &name_and_process[..open]
        }
        None => name_and_process,
    };
    if name.is_empty() || name.len() > 100 {
        return None;
    }
    if tag_at == after {
        let valid = is_name(host) || host.iter().all(|byte| byte.is_ascii_graphic());
        if !valid {
            return None;
        }
        head.fields.push(("host.name", host));
    }
    head.fields.push(("log.syslog.appname", name));
    at = tag_at + tag.len();
    head.message = at + blanks(&text[at..]);
    Some(head)
}
