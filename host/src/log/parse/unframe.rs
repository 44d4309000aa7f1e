//! Takes off what container engines and process managers put around each line of an
//! application: Docker's JSON files, the format of CRI, the names that compose and foreman
//! print in front.
//!
//! Engines cut long lines; the pieces are put together again here. What is around a line says
//! more than the line itself about when and where it was written, so that goes along. A line
//! that has no frame passes as it is: nothing is ever refused.

use std::borrow::Cow;

use serde::Deserialize;

use super::join::{Line, ansi};
use super::time;
use crate::log::source::lines::{Piece, Stream};

/// Which frames are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Frames {
    /// None: the source is the application itself.
    #[default]
    Off,
    /// Those that a line has, each line judged by itself.
    Auto,
}

/// Most bytes of a line that is put together. Longer ones pass in pieces.
const LONGEST: usize = 256 * 1024;
/// Most lines that may wait for their other pieces, one for each stream of each container.
const WAITING: usize = 64;

/// A line that waits for its other pieces.
#[derive(Debug)]
struct Partial {
    stream: Stream,
    container: Vec<u8>,
    text: Vec<u8>,
    time: u64,
    parts: u32,
}

/// Takes the frames off the lines of one source.
#[derive(Debug)]
pub struct Unframer {
    frames: Frames,
    partial: Vec<Partial>,
}

/// A line with what its frame said.
struct Framed<'a> {
    text: Cow<'a, [u8]>,
    stream: Stream,
    container: &'a [u8],
    time: Option<u64>,
    /// The engine cut the line; more of it follows.
    cut: bool,
}

impl Unframer {
    /// For one source.
    pub fn new(frames: Frames) -> Self {
        Self { frames, partial: Vec::new() }
    }

    /// Takes the frame off `line`, and passes on what is complete.
    pub fn line(&mut self, line: Line<'_>, mut each: impl FnMut(Line<'_>)) {
        let framed = match self.frames {
            Frames::Auto if line.piece.part == 0 => frame(line.piece.text),
            _ => None,
        };
        let Some(framed) = framed else { return each(line) };
        let time = framed.time.unwrap_or(line.time);
        let is = |partial: &Partial| {
            partial.stream == framed.stream && partial.container == framed.container
        };
        let waiting = self.partial.iter().position(is);
        let line_of = |text, part, cut, time| Line {
            piece: Piece { text, carriage_return: false, part, cut },
            stream: framed.stream,
            container: framed.container,
            time,
        };
        match (waiting, framed.cut) {
            (None, false) => {
                let text = framed.text.strip_suffix(b"\r").unwrap_or(&framed.text);
                let carriage_return = text.len() < framed.text.len();
                let mut line = line_of(text, 0, false, time);
                line.piece.carriage_return = carriage_return;
                each(line);
            }
            (None, true) => {
                if self.partial.len() >= WAITING {
                    let oldest = self.partial.remove(0);
                    oldest.give_out(false, &mut each);
                }
                self.partial.push(Partial {
                    stream: framed.stream,
                    container: framed.container.to_vec(),
                    text: framed.text.into_owned(),
                    time,
                    parts: 0,
                });
            }
            (Some(index), cut) => {
                let partial = &mut self.partial[index];
                partial.text.extend_from_slice(&framed.text);
                if !cut {
                    self.partial.remove(index).give_out(false, &mut each);
                } else if partial.text.len() >= LONGEST {
                    let next = Partial {
                        text: Vec::new(),
                        container: partial.container.clone(),
                        parts: partial.parts.saturating_add(1),
                        ..*partial
                    };
                    std::mem::replace(partial, next).give_out(true, &mut each);
                }
            }
        }
    }

    /// Passes on what still waits: no line follows.
    pub fn finish(&mut self, mut each: impl FnMut(Line<'_>)) {
        for partial in std::mem::take(&mut self.partial) {
            partial.give_out(false, &mut each);
        }
    }

    /// How many lines wait inside.
    pub fn waiting(&self) -> usize {
        self.partial.len()
    }
}

impl Partial {
    fn give_out(self, cut: bool, each: &mut impl FnMut(Line<'_>)) {
        let part = if cut || self.parts > 0 { self.parts.saturating_add(1) } else { 0 };
        each(Line {
            piece: Piece { text: &self.text, carriage_return: false, part, cut },
            stream: self.stream,
            container: &self.container,
            time: self.time,
        });
    }
}

fn frame(line: &[u8]) -> Option<Framed<'_>> {
    match line.first()? {
        b'{' => docker(line),
        b'0'..=b'9' => cri(line).or_else(|| foreman(line)),
        b'A'..=b'Z' | b'a'..=b'z' => compose(line),
        // Compose colours the name, and ends the colour behind the bar.
        0x1b => {
            let end = line.iter().position(|&byte| byte == b'm')?;
            let mut framed = compose(&line[end + 1..])?;
            framed.text = match framed.text {
                Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix(b"\x1b[0m").unwrap_or(text)),
                owned => owned,
            };
            Some(framed)
        }
        _ => None,
    }
}

/// `{"log":"text\n","stream":"stdout","time":"…"}`.
fn docker(line: &[u8]) -> Option<Framed<'_>> {
    #[derive(Deserialize)]
    struct Entry<'a> {
        #[serde(borrow)]
        log: Cow<'a, str>,
        stream: &'a str,
        time: &'a str,
    }
    if !line.get(..8)?.starts_with(b"{\"log\":") {
        return None;
    }
    let entry: Entry<'_> = serde_json::from_slice(line).ok()?;
    let stream = stream(entry.stream.as_bytes())?;
    let time = nanoseconds(entry.time.as_bytes())?;
    let cut = !entry.log.ends_with('\n');
    let text = match entry.log {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_suffix('\n').unwrap_or(text).as_bytes()),
        Cow::Owned(mut text) => {
            if !cut {
                text.pop();
            }
            Cow::Owned(text.into_bytes())
        }
    };
    Some(Framed { text, stream, container: b"", time: Some(time), cut })
}

/// `2019-05-07T18:57:50.904275087+00:00 stdout F text`; `P` for a piece that more follow.
fn cri(line: &[u8]) -> Option<Framed<'_>> {
    let (stamp, len) = time::take_dated(line)?;
    let rest = line[len..].strip_prefix(b" ")?;
    let stream = stream(rest.get(..6)?)?;
    let (cut, text) = match &rest[6..] {
        [b' ', tag @ (b'P' | b'F'), b' ', text @ ..] => (*tag == b'P', text),
        [b' ', tag @ (b'P' | b'F')] => (*tag == b'P', &b""[..]),
        _ => return None,
    };
    let time = stamp.nanoseconds(&jiff::tz::TimeZone::UTC, 0);
    Some(Framed { text: Cow::Borrowed(text), stream, container: b"", time, cut })
}

/// `name-1  | text`.
fn compose(line: &[u8]) -> Option<Framed<'_>> {
    let name = line
        .iter()
        .take(100)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        .count();
    // The number of the replica is what other tables do not have.
    let digits = line[..name].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let numbered =
        digits > 0 && name > digits + 1 && matches!(line[name - digits - 1], b'-' | b'_');
    if !numbered {
        return None;
    }
    barred(line, name, &line[..name])
}

/// `07:34:03 web.1  | text`.
fn foreman(line: &[u8]) -> Option<Framed<'_>> {
    let (_, clock) = time::take_clock(line)?;
    let rest = line[clock..].strip_prefix(b" ")?;
    let name = rest
        .iter()
        .take(100)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        .count();
    let dot = rest[..name].iter().rposition(|&byte| byte == b'.')?;
    let numbered = dot + 1 < name && rest[dot + 1..name].iter().all(u8::is_ascii_digit);
    if !numbered {
        return None;
    }
    barred(rest, name, &rest[..name])
}

/// The text behind `  | ` at `at`.
fn barred<'a>(line: &'a [u8], at: usize, container: &'a [u8]) -> Option<Framed<'a>> {
    let blanks = line[at..].iter().take_while(|&&byte| byte == b' ').count();
    let text = line[at + blanks..].strip_prefix(b"|")?;
    let text = match text {
        [] => text,
        [b' ', text @ ..] => text,
        _ => return None,
    };
    let text = if blanks > 0 { Cow::Borrowed(text) } else { return None };
    Some(Framed { text, stream: Stream::Only, container, time: None, cut: false })
}

fn stream(name: &[u8]) -> Option<Stream> {
    match name {
        b"stdout" => Some(Stream::Stdout),
        b"stderr" => Some(Stream::Stderr),
        _ => None,
    }
}

fn nanoseconds(text: &[u8]) -> Option<u64> {
    let text = ansi::strip(text);
    let (stamp, len) = time::take_dated(&text)?;
    (len == text.len()).then(|| stamp.nanoseconds(&jiff::tz::TimeZone::UTC, 0)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the lines of `input` become: container, stream, text, number of the piece.
    fn unframe(input: &str) -> Vec<String> {
        let mut unframer = Unframer::new(Frames::Auto);
        let mut out = Vec::new();
        let mut each = |line: Line<'_>| {
            let text = String::from_utf8_lossy(line.piece.text);
            let container = String::from_utf8_lossy(line.container);
            let stream = line.stream.name().unwrap_or("-");
            out.push(format!("{container}/{stream}/{}: {text}", line.piece.part));
        };
        for text in input.lines() {
            let piece =
                Piece { text: text.as_bytes(), carriage_return: false, part: 0, cut: false };
            unframer.line(Line { piece, stream: Stream::Only, container: b"", time: 5 }, &mut each);
        }
        unframer.finish(&mut each);
        assert_eq!(unframer.waiting(), 0);
        out
    }

    #[test]
    fn frames_go_and_what_they_say_stays() {
        for (line, expected) in [
            ("2019-05-07T18:57:50.904275087+00:00 stderr F log", "/stderr/0: log"),
            ("2019-05-07T18:57:50.904275087Z stdout F", "/stdout/0: "),
            (
                r#"{"log":"a\tb\n","stream":"stdout","time":"2026-11-22T07:36:01.000000000Z"}"#,
                "/stdout/0: a\tb",
            ),
            ("api-1     |   File \"a.py\"", "api-1/-/0:   File \"a.py\""),
            ("api-1     |", "api-1/-/0: "),
            ("\u{1b}[36mshop_web_1  | \u{1b}[0mok", "shop_web_1/-/0: ok"),
            ("07:34:03 web.1  | ok", "web.1/-/0: ok"),
            // Not frames.
            ("name-1|value", "/-/0: name-1|value"),
            ("total | 17", "/-/0: total | 17"),
            (r#"{"log":"a"}"#, r#"/-/0: {"log":"a"}"#),
            (
                r#"{"log":"a","stream":"x","time":"y"}"#,
                r#"/-/0: {"log":"a","stream":"x","time":"y"}"#,
            ),
            (
                "2019-05-07 18:57:50 stdout was closed",
                "/-/0: 2019-05-07 18:57:50 stdout was closed",
            ),
        ] {
            assert_eq!(unframe(line), [expected], "`{line}`");
        }
    }

    #[test]
    fn pieces_are_put_together_stream_by_stream() {
        let time = "2019-05-07T18:57:50.904275087+00:00";
        let lines = format!(
            "{time} stdout P 1a. some \n{time} stderr P 1b. some \n{time} stdout P multiline \n\
             {time} stderr F log\n{time} stdout F log\n{time} stdout P rest"
        );
        assert_eq!(
            unframe(&lines),
            ["/stderr/0: 1b. some log", "/stdout/0: 1a. some multiline log", "/stdout/0: rest"]
        );
    }

    #[test]
    fn what_grows_too_long_passes_in_pieces() {
        let piece = "x".repeat(100_000);
        let time = "2019-05-07T18:57:50Z";
        let lines: String = (0..4).map(|_| format!("{time} stdout P {piece}\n")).collect();
        let out = unframe(&format!("{lines}{time} stdout F end"));
        let parts: Vec<&str> = out.iter().map(|line| &line[..9]).collect();
        assert_eq!(parts, ["/stdout/1", "/stdout/2"]);
        let bytes: usize = out.iter().map(|line| line.len() - 11).sum();
        assert_eq!(bytes, 400_003);
    }
}
