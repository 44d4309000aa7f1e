//! Lines of access logs: common, combined, and what the servers of Python make of them.

use memchr::memchr;

use super::Head;
use super::mark::{blanks, bracket, is_number, word};
use crate::log::parse::time;

/// `host ident user [time] "request" status size`, and in the combined form `"referrer"
/// "agent"`; what stands behind that is kept as one field.
pub(super) fn read(text: &[u8]) -> Option<Head<'_>> {
    let client = word(text);
    let at = client.len() + 1;
    let identity = word(text.get(at..)?);
    let at = at + identity.len() + 1;
    let user = word(text.get(at..)?);
    let at = at + user.len() + 1;
    if !is_address(client) || identity.is_empty() {
        return None;
    }
    let (inside, len) = bracket(text.get(at..)?)?;
    let (stamp, clock) = time::take_dated(inside)?;
    if clock != inside.len() {
        return None;
    }
    let mut head = request(text, at + len)?;
    head.time = Some(stamp);
    let mut fields = vec![("client.address", client)];
    if user != b"-" {
        fields.push(("user.name", user));
    }
    fields.append(&mut head.fields);
    head.fields = fields;
    Some(head)
}

/// uvicorn's `10.0.0.1:5000 - "GET / HTTP/1.1" 200 OK`.
pub(super) fn uvicorn(text: &[u8], at: usize) -> Option<Head<'_>> {
    let client = word(&text[at..]);
    let behind = at + client.len();
    if !client.contains(&b':') || !text.get(behind..)?.starts_with(b" - \"") {
        return None;
    }
    let mut head = request(text, behind + 2)?;
    // The reason phrase is in the status already.
    head.fields.retain(|(name, _)| *name != "log.rest");
    head.fields.insert(0, ("client.address", client));
    Some(head)
}

/// ` "GET /a HTTP/1.1" 200 2326 "referrer" "agent" rest` from `at`.
pub(super) fn request(text: &[u8], at: usize) -> Option<Head<'_>> {
    let mut at = at + blanks(text.get(at..)?);
    let (request, len) = quoted(&text[at..])?;
    let message = at;
    at += len;
    at += blanks(&text[at..]);
    let status = word(&text[at..]);
    if status.len() != 3 || !is_number(status) {
        return None;
    }
    at += status.len();
    let mut head = Head { message, access: true, ..Head::default() };
    let plain = strip_colour(request);
    let mut words = plain.splitn(3, |&byte| byte == b' ');
    match (words.next(), words.next(), words.next().and_then(|last| last.strip_prefix(b"HTTP/"))) {
        (Some(method), Some(target), Some(version))
            if method.iter().all(u8::is_ascii_uppercase) =>
        {
            head.fields.push(("http.request.method", method));
            head.fields.push(("url.original", target));
            head.fields.push(("network.protocol.version", version));
        }
        _ => head.fields.push(("http.request.original", plain)),
    }
    head.fields.push(("http.response.status_code", status));
    at += blanks(&text[at..]);
    let size = word(&text[at..]);
    if is_number(size) || size == b"-" {
        if size != b"-" {
            head.fields.push(("http.response.body.size", size));
        }
        at += size.len();
        at += blanks(&text[at..]);
        for name in ["http.request.referrer", "user_agent.original"] {
            let Some((value, len)) = quoted(&text[at..]) else { break };
            if value != b"-" && !value.is_empty() {
                head.fields.push((name, value));
            }
            at += len;
            at += blanks(&text[at..]);
        }
    }
    let rest = text[at..].trim_ascii();
    if !rest.is_empty() {
        head.fields.push(("log.rest", rest));
    }
    Some(head)
}

/// The text in the quotes at the start of `text`, and the length with them.
fn quoted(text: &[u8]) -> Option<(&[u8], usize)> {
    let inside = text.strip_prefix(b"\"")?;
    let mut from = 0;
    loop {
        let end = from + memchr(b'"', &inside[from..])?;
        let slashes = inside[..end].iter().rev().take_while(|&&byte| byte == b'\\').count();
        if slashes % 2 == 0 {
            return (!inside[..end].contains(&b'\n')).then_some((&inside[..end], end + 2));
        }
        from = end + 1;
    }
}

/// Werkzeug colours the request by its status, terminal or not.
fn strip_colour(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let Some(rest) = text.strip_prefix(b"\x1b[") {
        match rest.iter().position(|&byte| byte == b'm') {
            Some(end) => text = &rest[end + 1..],
            None => return text,
        }
    }
    text.strip_suffix(b"\x1b[0m").unwrap_or(text)
}

fn is_address(text: &[u8]) -> bool {
    (2..=255).contains(&text.len())
        && text.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'_' | b'%' | b'/')
        })
}
