//! Reads the head of an HTTP/1 message as it came from the wire and says how its body is framed.
//!
//! Promises: whatever passes has exactly one meaning to every reader. Each line ends in CRLF, no
//! line is folded, names are tokens, values hold no control byte, there is at most one
//! `Content-Length` of plain digits, or one `Transfer-Encoding` that says `chunked` and nothing
//! else, never both. A parsed header map cannot tell any of that: parsers drop or fold the evidence.
//!
//! A [`Scanner`] is given everything received so far, again and again until the head is complete;
//! it continues where it stopped, so that a head which drips in byte by byte costs no more than one
//! that comes at once. It copies nothing and knows neither sockets nor time.

use memchr::memchr;

use super::{Refusal, authority};

/// How large a head may be. The same numbers hold for requests and for answers of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head with its empty line. Default 64 KiB.
    pub bytes: usize,
    /// Number of fields, repeated names counted each time. Default 100.
    pub fields: usize,
    /// Bytes of the target of a request. Default 8 KiB, as in nginx.
    pub target: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: 64 * 1024, fields: 100, target: 8 * 1024 }
    }
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body follows.
    None,
    /// This many bytes follow; never 0.
    Length(u64),
    /// Chunks follow.
    Chunked,
    /// The body ends with the connection. Answers only.
    UntilClose,
}

/// What a complete head says about the bytes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the head, with its empty line and an empty line before it.
    pub length: usize,
    /// Status of an answer; 0 for a request.
    pub status: u16,
    /// How the body ends. For an answer: unless its request or status forbid a body.
    pub framing: Framing,
    /// HTTP/1.0.
    pub old: bool,
    /// The connection may carry another message after this one.
    pub persistent: bool,
    /// `Upgrade` is present and `Connection` names it: what follows may be another protocol.
    pub upgrade: bool,
}

/// A field of a scanned head, as offsets into it. The value has no blanks at its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSpan {
    /// First byte of the name.
    pub name: u32,
    /// Byte after the name.
    pub name_end: u32,
    /// First byte of the value.
    pub value: u32,
    /// Byte after the value.
    pub value_end: u32,
}

/// Reads one head after another.
///
/// [`Scanner::advance`] is called with all bytes from the start of the head; after it returned a
/// [`Head`] the next call starts the next head. After a refusal the scanner is of no further use.
#[derive(Debug)]
pub struct Scanner {
    kind: Kind,
    limits: HeadLimits,
    /// Start of the first line that was not read yet.
    line: usize,
    /// Up to here no line end was found.
    searched: usize,
    first_line_read: bool,
    facts: Facts,
    spans: Vec<FieldSpan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Answer,
}

/// What the fields read so far said.
#[derive(Debug, Clone, Copy, Default)]
struct Facts {
    fields: usize,
    old: bool,
    status: u16,
    absolute: bool,
    host: bool,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    upgrade_named: bool,
    upgrade: bool,
}

impl Scanner {
    /// Reads heads of requests.
    #[must_use]
    pub fn requests(limits: HeadLimits) -> Self {
        Self::new(Kind::Request, limits)
    }

    /// Reads heads of answers and keeps where their fields are.
    #[must_use]
    pub fn answers(limits: HeadLimits) -> Self {
        Self::new(Kind::Answer, limits)
    }

    fn new(kind: Kind, limits: HeadLimits) -> Self {
        Self {
            kind,
            limits,
            line: 0,
            searched: 0,
            first_line_read: false,
            facts: Facts::default(),
            spans: Vec::new(),
        }
    }

    /// The fields of the answer that was read last, in wire order.
    #[must_use]
    pub fn spans(&self) -> &[FieldSpan] {
        &self.spans
    }

    /// Reads on in `bytes`, which start with the head and hold everything received so far.
    ///
    /// Returns `None` while the head is not complete.
    ///
    /// # Errors
    ///
    /// [`Refusal`], as soon as it is certain: a head need not be complete to be refused.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Option<Head>, Refusal> {
        if self.line == 0 && !self.first_line_read {
            self.spans.clear();
        }
        while let Some(found) = memchr(b'\n', bytes.get(self.searched..).unwrap_or_default()) {
            let end = self.searched + found;
            if end >= self.limits.bytes {
                return Err(self.too_large(bytes));
            }
            let Some(line) = bytes[self.line..end].strip_suffix(b"\r") else {
                return Err(self.broken(&bytes[self.line..=end], Refusal::LineEnd));
            };
            let start = self.line;
            self.line = end + 1;
            self.searched = end + 1;
            if !self.first_line_read {
                // One empty line before a message is tolerated, as clients of old sent one behind
                // the body of a POST.
                if line.is_empty() && start == 0 && self.kind == Kind::Request {
                    continue;
                }
                self.first_line_read = true;
                self.first_line(line)?;
            } else if line.is_empty() {
                let head = self.finish()?;
                self.line = 0;
                self.searched = 0;
                self.first_line_read = false;
                self.facts = Facts::default();
                return Ok(Some(head));
            } else {
                self.field(line, start)?;
            }
        }
        self.searched = bytes.len();
        if bytes.len() >= self.limits.bytes {
            return Err(self.too_large(bytes));
        }
        // What is no HTTP at all should not have to wait for a line end or a deadline.
        if !self.first_line_read && !self.may_start(&bytes[self.line.min(bytes.len())..]) {
            return Err(self.first_line_refusal());
        }
        Ok(None)
    }

    /// Names the fault of a line without CRLF, preferring what is wrong with the line itself.
    fn broken(&self, line: &[u8], or: Refusal) -> Refusal {
        if self.first_line_read && matches!(line.first(), Some(b' ' | b'\t')) {
            return Refusal::Folded;
        }
        or
    }

    fn first_line_refusal(&self) -> Refusal {
        match self.kind {
            Kind::Request => Refusal::RequestLine,
            Kind::Answer => Refusal::StatusLine,
        }
    }

    fn too_large(&self, bytes: &[u8]) -> Refusal {
        let line = &bytes[self.line.min(bytes.len())..];
        if self.kind == Kind::Request && !self.first_line_read && line.len() > self.limits.target {
            return Refusal::TargetTooLong;
        }
        Refusal::HeadTooLarge
    }

    /// False when the beginning of a first line can no longer become one.
    fn may_start(&self, line: &[u8]) -> bool {
        match self.kind {
            Kind::Request => {
                let method = memchr(b' ', line).map_or(line, |end| &line[..end]);
                method.len() <= MAX_METHOD
                    && (method.iter().all(|byte| is_token(*byte))
                        || (self.line == 0 && line == b"\r"))
            }
            Kind::Answer => line.iter().zip(b"HTTP/1.").all(|(have, want)| have == want),
        }
    }

    fn first_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        match self.kind {
            Kind::Request => self.request_line(line),
            Kind::Answer => self.status_line(line),
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let method_end = memchr(b' ', line).ok_or(Refusal::RequestLine)?;
        let method = &line[..method_end];
        if method.is_empty()
            || method.len() > MAX_METHOD
            || !method.iter().all(|byte| is_token(*byte))
        {
            return Err(Refusal::RequestLine);
        }
        let rest = &line[method_end + 1..];
        let target_end = memchr(b' ', rest).ok_or(Refusal::RequestLine)?;
        let target = &rest[..target_end];
        self.facts.old = match &rest[target_end + 1..] {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                return Err(Refusal::Version);
            }
            _ => return Err(Refusal::RequestLine),
        };
        if target.len() > self.limits.target {
            return Err(Refusal::TargetTooLong);
        }
        if method == b"CONNECT" {
            return Err(Refusal::Method);
        }
        match target.first() {
            Some(b'/') => check_target(target),
            Some(b'*') if target.len() == 1 && method == b"OPTIONS" => Ok(()),
            _ => {
                self.facts.absolute = true;
                check_absolute(target)
            }
        }
    }

    fn status_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let (version, rest) = line.split_at_checked(9).ok_or(Refusal::StatusLine)?;
        self.facts.old = match version {
            b"HTTP/1.1 " => false,
            b"HTTP/1.0 " => true,
            _ => return Err(Refusal::StatusLine),
        };
        let (digits, reason) = rest.split_at_checked(3).ok_or(Refusal::StatusLine)?;
        let mut status = 0u16;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return Err(Refusal::StatusLine);
            }
            status = status * 10 + u16::from(digit - b'0');
        }
        let well_formed = (100..=599).contains(&status)
            && matches!(reason.first(), None | Some(b' '))
            && is_value(reason);
        if !well_formed {
            return Err(Refusal::StatusLine);
        }
        self.facts.status = status;
        Ok(())
    }

    fn field(&mut self, line: &[u8], start: usize) -> Result<(), Refusal> {
        self.facts.fields += 1;
        if self.facts.fields > self.limits.fields {
            return Err(Refusal::TooManyFields);
        }
        let (name, value, value_start) = split_field(line)?;
        if self.kind == Kind::Answer {
            // A head is never longer than `limits.bytes`, which fits by far.
            let at = |offset: usize| (start + offset) as u32;
            self.spans.push(FieldSpan {
                name: at(0),
                name_end: at(name.len()),
                value: at(value_start),
                value_end: at(value_start + value.len()),
            });
        }
        // Most fields are told apart by their length alone.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") && self.kind == Kind::Request => {
                if std::mem::replace(&mut self.facts.host, true) {
                    return Err(Refusal::HostRepeated);
                }
                authority::check(value)
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.facts.upgrade = true;
                Ok(())
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.facts.close |= token.eq_ignore_ascii_case(b"close");
                    self.facts.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                    self.facts.upgrade_named |= token.eq_ignore_ascii_case(b"upgrade");
                }
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = parse_length(value)?;
                match self.facts.length {
                    None => {}
                    // Some servers and caches say it twice. Two equal numbers leave nothing to
                    // guess, and an answer is framed anew anyway; a request is held to more.
                    Some(before) if before == length && self.kind == Kind::Answer => {}
                    Some(_) => return Err(Refusal::LengthRepeated),
                }
                self.facts.length = Some(length);
                Ok(())
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if std::mem::replace(&mut self.facts.chunked, true) {
                    return Err(Refusal::CodingInvalid);
                }
                check_coding(value)
            }
            _ => Ok(()),
        }
    }

    fn finish(&self) -> Result<Head, Refusal> {
        let facts = &self.facts;
        if self.kind == Kind::Request && !facts.host && !facts.old {
            return Err(Refusal::HostMissing);
        }
        if facts.chunked && facts.old {
            return Err(Refusal::CodingInOldVersion);
        }
        let framing = match (facts.chunked, facts.length) {
            (true, Some(_)) => return Err(Refusal::LengthAndCoding),
            (true, None) => Framing::Chunked,
            (false, Some(0)) => Framing::None,
            (false, Some(length)) => Framing::Length(length),
            (false, None) if self.kind == Kind::Answer => Framing::UntilClose,
            (false, None) => Framing::None,
        };
        Ok(Head {
            length: self.line,
            status: facts.status,
            framing,
            old: facts.old,
            persistent: !facts.close && (!facts.old || facts.keep_alive),
            upgrade: facts.upgrade && facts.upgrade_named,
        })
    }
}

/// Longest method that is read; the registered ones have at most 17 letters.
const MAX_METHOD: usize = 32;

/// Splits `name: value`, checks both and gives the offset of the value without blanks around it.
pub(crate) fn split_field(line: &[u8]) -> Result<(&[u8], &[u8], usize), Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::Folded);
    }
    let name_end = line.iter().position(|byte| !is_token(*byte)).unwrap_or(line.len());
    if name_end == 0 || line.get(name_end) != Some(&b':') {
        // A control byte in the value is the likelier fault when there is a name before a colon.
        return Err(Refusal::FieldName);
    }
    let raw = &line[name_end + 1..];
    let leading = raw.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let trailing = raw[leading..].iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t'));
    let value = &raw[leading..raw.len() - trailing.count()];
    if !is_value(value) {
        return Err(if memchr(b'\r', value).is_some() {
            Refusal::LineEnd
        } else {
            Refusal::FieldValue
        });
    }
    Ok((&line[..name_end], value, name_end + 1 + leading))
}

/// Digits only, at most 19, so that the number fits and is spelled in one way to every reader.
fn parse_length(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::LengthInvalid);
    }
    Ok(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn check_coding(value: &[u8]) -> Result<(), Refusal> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let known: [&[u8]; 5] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"identity"];
    // A lone foreign token is a coding we do not have; all else is a way to hide `chunked`.
    if known.iter().any(|coding| value.eq_ignore_ascii_case(coding)) {
        return Err(Refusal::CodingUnknown);
    }
    Err(Refusal::CodingInvalid)
}

fn check_target(target: &[u8]) -> Result<(), Refusal> {
    if target.iter().all(|byte| is_target(*byte)) { Ok(()) } else { Err(Refusal::Target) }
}

/// `http://host[:port][/path][?query]`, nothing else.
fn check_absolute(target: &[u8]) -> Result<(), Refusal> {
    check_target(target)?;
    let scheme_end = memchr::memmem::find(target, b"://").ok_or(Refusal::Target)?;
    let scheme = &target[..scheme_end];
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(Refusal::Target);
    }
    let rest = &target[scheme_end + 3..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    authority::check(&rest[..end]).map_err(|_| Refusal::Target)
}

/// The bytes of a token (RFC 9110, section 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    CLASSES[byte as usize] & TOKEN != 0
}

/// A byte that may stand in a target. More than RFC 3986 allows: braces, carets and bars are sent by
/// browsers as they are. Everything that passes here is accepted by the parser behind, too.
pub(crate) fn is_target(byte: u8) -> bool {
    CLASSES[byte as usize] & TARGET != 0
}

const TOKEN: u8 = 1;
const TARGET: u8 = 2;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        let character = byte as u8;
        if character.is_ascii_alphanumeric()
            || matches!(
                character,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            )
        {
            classes[byte] |= TOKEN;
        }
        if !matches!(character, b'"' | b'#' | b'<' | b'>' | b'`') {
            classes[byte] |= TARGET;
        }
        byte += 1;
    }
    classes
};

/// True when no byte is a control byte, a tab excepted. Looks at eight bytes at a time.
pub(crate) fn is_value(value: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = value.as_chunks::<8>();
    let mut suspicious = false;
    for word in words {
        let word = u64::from_ne_bytes(*word);
        // Sets the high bit of each byte below 0x20, and of each that is 0x7f.
        let below = word.wrapping_sub(ONES * 0x20) & !word;
        let delete = word ^ (ONES * 0x7f);
        let delete = delete.wrapping_sub(ONES) & !delete;
        suspicious |= (below | delete) & HIGHS != 0;
    }
    let plain = |byte: &u8| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f);
    // The arithmetic borrows from byte to byte, so a hit is only a suspicion; a tab is one, too.
    if suspicious { value.iter().all(plain) } else { rest.iter().all(plain) }
}

#[cfg(test)]
mod tests;
