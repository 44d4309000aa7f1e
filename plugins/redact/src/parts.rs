//! Bodies of forms in parts: `multipart/form-data` (RFC 7578).
//!
//! Each part has a head that names it, and a content of a type of its own. The name counts as the
//! name of any other field; contents that have a type are read by it, files of types that are no
//! text pass byte for byte. The lines between parts, which must stay as they are, are told by the
//! first one, and never looked at as text.
//!
//! Nothing is kept of contents but what could be the beginning of such a line, and values that are
//! short enough to be a field.

use crate::action::WHOLE_MAX;
use crate::engine::{Engine, Scratch};
use crate::field::Field;
use crate::place::Kind;
use crate::rule;
use crate::stream::{Answer, Stream};

/// The longest line between parts, in bytes: 70 of a boundary (RFC 2046, section 5.1.1) and its
/// dashes, and as much again for those who do not count.
const LINE_MAX: usize = 144;
/// The longest head of a part, in bytes. What has a longer one is read as text without a name.
const HEAD_MAX: usize = 4096;
/// The longest content that is read as the value of a field, in bytes. A longer one is a text.
const FIELD_MAX: usize = 1024;

/// A form on its way through.
#[derive(Default)]
pub(crate) struct Parts {
    /// Two dashes and the boundary; known from the first line on.
    delimiter: Vec<u8>,
    /// What has come and has not been dealt with.
    buffer: Vec<u8>,
    place: Place,
}

/// What comes next.
#[derive(Default)]
enum Place {
    /// The first line.
    #[default]
    Begin,
    /// What stands on the line behind a delimiter.
    LineEnd,
    /// The head of a part.
    Head,
    /// The content of one; `fresh` until any of it has come.
    Content { content: Content, fresh: bool },
    /// What follows the last part.
    Behind,
    /// No form in parts at all.
    Text(Box<Stream>),
}

/// How a content is dealt with.
enum Content {
    /// As it is.
    Pass,
    /// As a text of some kind.
    Text(Box<Stream>),
    /// As the value of a field.
    Field(Value),
    /// Its marker is out.
    Swallow,
}

/// The value of a field as far as it has come.
struct Value {
    name: String,
    /// Whether the name makes it a secret.
    secret: bool,
    kind: Kind,
    value: Vec<u8>,
}

/// How far a step came.
enum Step {
    /// There is more to do with what is there.
    On,
    /// More has to come.
    Wait,
}

impl Parts {
    /// The bytes that are kept back.
    pub(crate) fn held(&self) -> usize {
        let within = match &self.place {
            Place::Content { content: Content::Text(stream), .. } | Place::Text(stream) => {
                stream.held()
            }
            Place::Content { content: Content::Field(field), .. } => field.value.len(),
            _ => 0,
        };
        self.buffer.len() + within
    }

    /// Takes the next piece, as [`Stream::push`].
    pub(crate) fn push(
        &mut self,
        engine: &Engine,
        chunk: &[u8],
        last: bool,
        scratch: &mut Scratch,
    ) -> Answer {
        let held = self.held();
        let mut out = Vec::with_capacity(held + chunk.len());
        self.buffer.extend_from_slice(chunk);
        while let Step::On = self.step(engine, last, scratch, &mut out) {}
        if last {
            *self = Parts::default();
        }
        if held == 0 && self.held() == 0 && out == chunk {
            Answer::Pass
        } else {
            Answer::Replace(out)
        }
    }

    fn step(
        &mut self,
        engine: &Engine,
        last: bool,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Step {
        match &mut self.place {
            Place::Begin => self.begin(last, out),
            Place::LineEnd => self.line_end(last, out),
            Place::Head => self.head(engine, last, scratch, out),
            Place::Content { .. } => self.content(engine, last, scratch, out),
            Place::Behind => {
                out.append(&mut self.buffer);
                Step::Wait
            }
            Place::Text(stream) => {
                push(stream, engine, &self.buffer, last, scratch, out);
                self.buffer.clear();
                Step::Wait
            }
        }
    }

    /// Takes so many bytes out of the buffer as they are.
    fn pass(&mut self, bytes: usize, out: &mut Vec<u8>) {
        out.extend(self.buffer.drain(..bytes));
    }

    fn begin(&mut self, last: bool, out: &mut Vec<u8>) -> Step {
        let known = &self.buffer[..self.buffer.len().min(LINE_MAX)];
        let begins = b"--".iter().zip(known).all(|(dash, byte)| dash == byte);
        match known.iter().position(|&byte| byte == b'\n') {
            Some(end) if begins => {
                let line = known[..end].trim_ascii_end().to_vec();
                if line.len() > 2 {
                    let length = line.len();
                    self.delimiter = line;
                    self.pass(length, out);
                    self.place = Place::LineEnd;
                    return Step::On;
                }
            }
            None if begins && known.len() < LINE_MAX && !last => return Step::Wait,
            _ => {}
        }
        self.place = Place::Text(Box::new(Stream::new(Kind::Text)));
        Step::On
    }

    fn line_end(&mut self, last: bool, out: &mut Vec<u8>) -> Step {
        let (place, bytes) = match self.buffer[..] {
            [b'\r', b'\n', ..] => (Place::Head, 2),
            [b'\n', ..] => (Place::Head, 1),
            [b'-', b'-', ..] => (Place::Behind, 2),
            [] | [b'\r' | b'-'] if !last => return Step::Wait,
            _ => (Place::Head, 0),
        };
        self.pass(bytes, out);
        self.place = place;
        Step::On
    }

    fn head(
        &mut self,
        engine: &Engine,
        last: bool,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Step {
        let known = &self.buffer[..self.buffer.len().min(HEAD_MAX)];
        let content = match end_of_head(known) {
            Some(end) => {
                let head = &self.buffer[..end];
                out.extend_from_slice(&engine.redact(Kind::Text, head, scratch));
                let content = Head::read(head).content(engine);
                self.buffer.drain(..end);
                content
            }
            None if known.len() < HEAD_MAX && !last => return Step::Wait,
            None => Content::Text(Box::new(Stream::new(Kind::Text))),
        };
        self.place = Place::Content { content, fresh: true };
        Step::On
    }

    fn content(
        &mut self,
        engine: &Engine,
        last: bool,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Step {
        let Place::Content { content, fresh } = &mut self.place else { return Step::Wait };
        let found = find_delimiter(&self.buffer, &self.delimiter, *fresh, last);
        let (end, is_end) = match found {
            Found::At(end, _) => (end, true),
            Found::None(end) => (end, last),
        };
        content.push(engine, &self.buffer[..end], is_end, scratch, out);
        *fresh &= end == 0;
        self.buffer.drain(..end);
        match found {
            Found::At(end, behind) => {
                self.pass(behind - end, out);
                self.place = Place::LineEnd;
                Step::On
            }
            Found::None(_) => Step::Wait,
        }
    }
}

impl Content {
    fn push(
        &mut self,
        engine: &Engine,
        bytes: &[u8],
        last: bool,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) {
        match self {
            Content::Pass => out.extend_from_slice(bytes),
            Content::Swallow => {}
            Content::Text(stream) => push(stream, engine, bytes, last, scratch, out),
            Content::Field(field) => {
                let most = if field.secret && engine.needs_whole(rule::PASSWORD) {
                    WHOLE_MAX
                } else {
                    FIELD_MAX
                };
                let (near, far) = bytes.split_at(bytes.len().min(most - field.value.len()));
                field.value.extend_from_slice(near);
                if far.is_empty() && !last {
                    return;
                }
                // What is left of a long secret is part of it, whatever it is.
                let answer = field.answer(engine, far.is_empty(), scratch);
                let mut next = match answer {
                    Some(written) => {
                        out.extend_from_slice(&written);
                        Content::Swallow
                    }
                    None => {
                        let mut stream = Stream::new(field.kind);
                        let ends = last && far.is_empty();
                        push(&mut stream, engine, &field.value, ends, scratch, out);
                        Content::Text(Box::new(stream))
                    }
                };
                if !far.is_empty() {
                    next.push(engine, far, last, scratch, out);
                }
                *self = next;
            }
        }
    }
}

impl Value {
    /// What stands in place of the value; `None` where it is a text like others. `whole` says that
    /// this is all of it.
    fn answer(&self, engine: &Engine, whole: bool, scratch: &mut Scratch) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(&self.value);
        let field = match text {
            Ok(text) if whole || self.secret => engine.field(&self.name, text, scratch),
            _ if self.secret => {
                engine.field(&self.name, &String::from_utf8_lossy(&self.value), scratch)
            }
            _ => return None,
        };
        match field {
            Field::Set(text) => Some(text.into_bytes()),
            Field::Remove => Some(Vec::new()),
            Field::Keep if whole => Some(self.value.clone()),
            Field::Keep => None,
        }
    }
}

/// Pushes a piece and writes what comes out.
fn push(
    stream: &mut Stream,
    engine: &Engine,
    bytes: &[u8],
    last: bool,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) {
    match stream.push(engine, bytes, last, scratch) {
        Answer::Pass => out.extend_from_slice(bytes),
        Answer::Replace(bytes) => out.extend(bytes),
        Answer::Splice(splices) => {
            let mut at = 0;
            for splice in splices {
                out.extend_from_slice(&bytes[at..splice.at]);
                out.extend(splice.bytes);
                at = splice.at + splice.len;
            }
            out.extend_from_slice(&bytes[at..]);
        }
    }
}

/// Behind the empty line that ends a head.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(length) = bytes[from..].iter().position(|&byte| byte == b'\n') {
        let line = &bytes[from..from + length];
        from += length + 1;
        if line.is_empty() || line == b"\r" {
            return Some(from);
        }
    }
    None
}

/// Where a content ends.
#[derive(Clone, Copy)]
enum Found {
    /// Here, and the delimiter ends there.
    At(usize, usize),
    /// Not before this.
    None(usize),
}

/// Looks for a line that begins with the delimiter. The line end before it belongs to it; a content
/// that has nothing before it, not even that, is empty.
fn find_delimiter(bytes: &[u8], delimiter: &[u8], fresh: bool, last: bool) -> Found {
    let mut lines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let mut line = if fresh { Some(0) } else { None };
    while let Some(begin) = line.or_else(|| lines.next().map(|at| at + 1)) {
        line = None;
        let end = match bytes[..begin] {
            [.., b'\r', b'\n'] => begin - 2,
            [.., b'\n'] => begin - 1,
            _ => begin,
        };
        let behind = begin + delimiter.len();
        let same = bytes[begin..].iter().zip(delimiter).all(|(byte, expected)| byte == expected);
        if !same {
            continue;
        }
        match bytes.get(behind) {
            Some(b'\r' | b'\n' | b'-') => return Found::At(end, behind),
            Some(_) => {}
            None if !last => return Found::None(end),
            None if bytes.len() == behind => return Found::At(end, behind),
            None => {}
        }
    }
    let half = !last && bytes.last() == Some(&b'\r');
    Found::None(bytes.len() - usize::from(half))
}

/// What the head of a part says.
#[derive(Default)]
struct Head {
    name: String,
    is_file: bool,
    media_type: Option<String>,
}

impl Head {
    fn read(bytes: &[u8]) -> Head {
        let text = String::from_utf8_lossy(bytes);
        let mut head = Head::default();
        for line in text.lines() {
            let Some((field, value)) = line.split_once(':') else { continue };
            if field.eq_ignore_ascii_case("content-disposition") {
                head.name = parameter(value, "name").unwrap_or_default();
                head.is_file =
                    ["filename", "filename*"].iter().any(|name| parameter(value, name).is_some());
            } else if field.eq_ignore_ascii_case("content-type") {
                head.media_type = Some(value.trim().to_ascii_lowercase());
            }
        }
        head
    }

    /// How the content behind it is dealt with.
    fn content(self, engine: &Engine) -> Content {
        let kind =
            self.media_type.as_deref().map(|media_type| match Kind::of_media_type(media_type) {
                // Parts in parts are a text.
                None if media_type.starts_with("multipart/") => Some(Kind::Text),
                Some(Kind::Parts) => Some(Kind::Text),
                kind => kind,
            });
        let secret = engine.names().find(self.name.as_bytes()).is_some();
        match kind {
            Some(None) if self.is_file || !secret => Content::Pass,
            Some(Some(kind)) if !secret && (self.is_file || kind != Kind::Text) => {
                Content::Text(Box::new(Stream::new(kind)))
            }
            None if self.is_file && !secret => Content::Text(Box::new(Stream::new(Kind::Text))),
            _ if self.name.is_empty() => Content::Text(Box::new(Stream::new(Kind::Text))),
            kind => Content::Field(Value {
                name: self.name,
                secret,
                kind: kind.flatten().unwrap_or(Kind::Text),
                value: Vec::new(),
            }),
        }
    }
}

/// The value of a parameter, without its quotes: `form-data; name="a;b"`.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (_, behind) = rest.split_once(';')?;
        let (written, value) = behind.split_once('=')?;
        let mut found = String::new();
        let value = value.trim_start();
        if let Some(quoted) = value.strip_prefix('"') {
            let mut characters = quoted.char_indices();
            rest = "";
            while let Some((at, character)) = characters.next() {
                match character {
                    '"' => {
                        rest = &quoted[at + 1..];
                        break;
                    }
                    '\\' => found.extend(characters.next().map(|(_, next)| next)),
                    _ => found.push(character),
                }
            }
        } else {
            let end = value.find(';').unwrap_or(value.len());
            found.push_str(value[..end].trim());
            rest = &value[end..];
        }
        if written.trim().eq_ignore_ascii_case(name) {
            return Some(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;
    use serde_json::json;

    const HEAD: &str = "--b42\r\nContent-Disposition: form-data; name=";

    fn engine(action: &str) -> Engine {
        let config = json!({"actions": {"default": action}, "key": "0123456789abcdef"});
        Engine::new(Rules::from_config(&config).unwrap_or_else(|errors| panic!("{errors:?}")))
    }

    /// What goes out when the text comes cut at these places.
    fn in_pieces(engine: &Engine, text: &[u8], cuts: &[usize]) -> Vec<u8> {
        let (mut stream, mut scratch) = (Stream::new(Kind::Parts), Scratch::default());
        let (mut out, mut from) = (Vec::new(), 0);
        for &to in cuts.iter().chain([&text.len()]) {
            push(&mut stream, engine, &text[from..to], false, &mut scratch, &mut out);
            assert!(stream.held() <= HEAD_MAX + 200 || engine.needs_whole(rule::PASSWORD));
            from = to;
        }
        push(&mut stream, engine, b"", true, &mut scratch, &mut out);
        out
    }

    /// Forms with what becomes of them.
    fn forms() -> Vec<(Vec<u8>, Vec<u8>)> {
        let long = "v".repeat(6_000);
        let end = "\r\n--b42--\r\n";
        let mut all: Vec<(Vec<u8>, Vec<u8>)> = [
            (format!("{HEAD}\"password\"\r\n\r\na b\r\nc{end}"), format!("{HEAD}\"password\"\r\n\r\n[redacted]{end}")),
            (format!("{HEAD}\"password\"\r\n\r\n{long}{end}"), format!("{HEAD}\"password\"\r\n\r\n[redacted]{end}")),
            (format!("{HEAD}password\r\n\r\nx{end}"), format!("{HEAD}password\r\n\r\n[redacted]{end}")),
            (format!("{HEAD}\"user[api_key]\"\r\n\r\nx{end}"), format!("{HEAD}\"user[api_key]\"\r\n\r\n[redacted]{end}")),
            (format!("{HEAD}\"password\"\r\n\r\n{end}"), format!("{HEAD}\"password\"\r\n\r\n{end}")),
            (format!("{HEAD}\"password\"\r\n\r\n--b42--\r\n"), format!("{HEAD}\"password\"\r\n\r\n--b42--\r\n")),
            (format!("{HEAD}\"password\"\r\n\r\ncut off"), format!("{HEAD}\"password\"\r\n\r\n[redacted]")),
            (format!("{HEAD}\"password\"\r\n\r\nx\r\n--b42"), format!("{HEAD}\"password\"\r\n\r\n[redacted]\r\n--b42")),
            (format!("{HEAD}\"password\"\r\n\r\nx\r\n--b421\r\n--b4{end}"), format!("{HEAD}\"password\"\r\n\r\n[redacted]{end}")),
            (format!("{HEAD}\"password\""), format!("{HEAD}\"password\"")),
            (format!("{HEAD}\"phone\"\r\n\r\n081234567890\r\n{HEAD}\"n\"\r\n\r\n081234567890{end}"), format!("{HEAD}\"phone\"\r\n\r\n[phone]\r\n{HEAD}\"n\"\r\n\r\n081234567890{end}")),
            (format!("{HEAD}\"note\"\r\n\r\nmail jane@example.com {long} jane@example.com{end}"), format!("{HEAD}\"note\"\r\n\r\nmail [email] {long} [email]{end}")),
            (format!("{HEAD}\"j\"\r\nContent-Type: application/json\r\n\r\n{{\"pin\":\n 1234}}{end}"), format!("{HEAD}\"j\"\r\nContent-Type: application/json\r\n\r\n{{\"pin\":\n \"[redacted]\"}}{end}")),
            (format!("{HEAD}\"f\"; filename=\"jane@example.com\"\r\nContent-Type: text/plain\r\n\r\nto joe@example.com{end}"), format!("{HEAD}\"f\"; filename=\"[email]\"\r\nContent-Type: text/plain\r\n\r\nto [email]{end}")),
            (format!("{HEAD}\"f\"; filename=\"a;\\\"b\"\r\nContent-Type: image/png\r\n\r\njane@example.com{end}"), format!("{HEAD}\"f\"; filename=\"a;\\\"b\"\r\nContent-Type: image/png\r\n\r\njane@example.com{end}")),
            (format!("{HEAD}\"f\"\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\nX: y\r\n\r\njane@example.com\r\n--i--{end}epilogue"), format!("{HEAD}\"f\"\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\nX: y\r\n\r\n[email]\r\n--i--{end}epilogue")),
            ("--b\nContent-Disposition: form-data; name=\"pin\"\n\n12\n--b--\n".into(), "--b\nContent-Disposition: form-data; name=\"pin\"\n\n[redacted]\n--b--\n".into()),
            ("no form: jane@example.com".into(), "no form: [email]".into()),
            ("--\r\njane@example.com".into(), "--\r\n[email]".into()),
            (format!("--{long}\r\njane@example.com"), format!("--{long}\r\n[email]")),
            (format!("--b\r\nX: {long}\r\n\r\njane@example.com\r\n--b--\r\n"), format!("--b\r\nX: {long}\r\n\r\n[email]\r\n--b--\r\n")),
            // The boundary is no number of a card.
            ("--4111111111111111\r\n\r\na@example.com\r\n--4111111111111111--".into(), "--4111111111111111\r\n\r\n[email]\r\n--4111111111111111--".into()),
            (String::new(), String::new()),
        ]
        .map(|(text, expected)| (text.into_bytes(), expected.into_bytes()))
        .into();
        let head = format!(
            "{HEAD}\"f\"; filename=\"x\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        let bytes: Vec<u8> = (0..=255).chain(*b"\r\r\n\n--b4\r\n--b42x jane@example.com").collect();
        let file = [head.as_bytes(), &bytes, end.as_bytes()].concat();
        all.push((file.clone(), file));
        let field =
            [HEAD.as_bytes(), b"\"n\"\r\n\r\n\xff jane@example.com", end.as_bytes()].concat();
        let clean = [HEAD.as_bytes(), b"\"n\"\r\n\r\n\xff [email]", end.as_bytes()].concat();
        all.push((field, clean));
        all
    }

    #[test]
    fn parts_are_read_by_their_names_and_types() {
        for (text, expected) in forms() {
            let engine = Engine::new(Rules::default());
            let out = engine.redact(Kind::Parts, &text, &mut Scratch::default()).into_owned();
            assert_eq!(
                String::from_utf8_lossy(&out),
                String::from_utf8_lossy(&expected),
                "`{}`",
                String::from_utf8_lossy(&text)
            );
        }
    }

    #[test]
    fn parts_may_be_cut_anywhere_and_are_redacted_once() {
        for action in ["replace", "mask", "last4", "hash", "drop", "report", "encrypt"] {
            let engine = engine(action);
            for (text, _) in forms() {
                let whole = engine.redact(Kind::Parts, &text, &mut Scratch::default()).into_owned();
                for cut in (0..=text.len()).step_by(1 + text.len() / 500) {
                    let out = in_pieces(&engine, &text, &[cut]);
                    assert!(
                        out == whole,
                        "{action}, cut at {cut}: {}",
                        String::from_utf8_lossy(&out)
                    );
                }
                let cuts: Vec<usize> = (1..text.len()).collect();
                assert!(in_pieces(&engine, &text, &cuts) == whole, "{action}, byte by byte");
                let twice = engine.redact(Kind::Parts, &whole, &mut Scratch::default());
                assert_eq!(
                    String::from_utf8_lossy(&twice),
                    String::from_utf8_lossy(&whole),
                    "{action}, once more"
                );
            }
        }
    }
}
