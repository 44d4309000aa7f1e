//! Where the value behind a secret's name ends.
//!
//! A value may be longer than any buffer, so each kind of end is a small machine that is fed what
//! there is and can go on with the rest later. Nothing has to be kept for it but a few bytes whose
//! meaning the next one decides.

use crate::bytes::{self, TOKEN};

/// How a value ends, and how far the search for its end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// At the closing quote of its level, or of a level outside.
    Quoted(Quoted),
    /// At a blank, a quote or a sign that separates.
    Bare(Bare),
    /// At `&` or the end of the address.
    Pair,
    /// At what follows a number or a word of JSON.
    Scalar,
    /// Behind the bracket that closes it.
    Container(Container),
    /// At `;` or whatever ends the list of cookies.
    Cookie(Option<Quote>),
    /// At the tag behind a text of XML.
    Element(Element),
    /// At the first byte that is not of a class. A point belongs to it if it goes on behind.
    Run(u16),
}

/// A quote and how often it is escaped: a string in a string in a string has level 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    pub(crate) sign: u8,
    pub(crate) level: u8,
}

impl Quote {
    /// Backslashes before the sign, as it is written.
    pub(crate) fn backslashes(self) -> usize {
        (1 << self.level) - 1
    }

    /// The quote with so many backslashes before it; `None` where that is no quote of any level.
    pub(crate) fn written(sign: u8, backslashes: usize) -> Option<Quote> {
        let level = match backslashes {
            0 => 0,
            1 => 1,
            3 => 2,
            7 => 3,
            _ => return None,
        };
        Some(Quote { sign, level })
    }

    /// The level, up to this one, that a sign with so many backslashes before it closes.
    fn closes(self, backslashes: usize) -> Option<u8> {
        let mut left = backslashes;
        for level in 0..=self.level {
            if left.is_multiple_of(2) {
                return Some(level);
            }
            left = (left - 1) / 2;
        }
        None
    }
}

/// Progress in a value without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bare {
    /// In the query of an address in a text, where `,` and `;` are a part of it.
    query: bool,
    /// Brackets that are open.
    open: u8,
}

/// Progress in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) quote: Quote,
    /// A line end ends it, too.
    pub(crate) line: bool,
    backslashes: usize,
}

/// Progress in an object or array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    quote: Quote,
    line: bool,
    depth: usize,
    in_string: bool,
    backslashes: usize,
}

/// Progress in the text of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    /// Written as it is, up to `]]>`.
    literal: bool,
    backslashes: usize,
}

/// How far the machine came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes that belong to the value.
    pub(crate) taken: usize,
    /// Whether the value ends there. Otherwise what was not taken has to be offered again.
    pub(crate) ended: bool,
}

/// The most backslashes before a quote of the deepest level.
const BACKSLASHES: usize = 7;

impl Ending {
    pub(crate) fn quoted(quote: Quote, line: bool) -> Ending {
        Ending::Quoted(Quoted { quote, line, backslashes: 0 })
    }

    pub(crate) fn bare() -> Ending {
        Ending::Bare(Bare { query: false, open: 0 })
    }

    /// In the query of an address that stands in a text.
    pub(crate) fn in_query() -> Ending {
        Ending::Bare(Bare { query: true, open: 0 })
    }

    /// The opening bracket belongs to the value.
    pub(crate) fn container(level: u8, line: bool) -> Ending {
        let quote = Quote { sign: b'"', level };
        Ending::Container(Container { quote, line, depth: 0, in_string: false, backslashes: 0 })
    }

    /// The text of an element, or of a literal part of one (CDATA).
    pub(crate) fn element(literal: bool) -> Ending {
        Ending::Element(Element { literal, backslashes: 0 })
    }

    /// Reads on. `last` says that nothing follows these bytes.
    pub(crate) fn advance(&mut self, bytes: &[u8], last: bool) -> Progress {
        let progress = match self {
            Ending::Quoted(quoted) => quoted.advance(bytes, last),
            Ending::Container(container) => container.advance(bytes, last),
            Ending::Element(element) => element.advance(bytes, last),
            Ending::Bare(bare) => bare.advance(bytes, last),
            Ending::Pair => until(bytes, |b| matches!(b, b'&' | b'#' | b'\n' | b'\r' | b'"')),
            Ending::Scalar => until(bytes, |b| {
                matches!(b, b',' | b'}' | b']' | b'"' | b'\\' | b' ' | b'\t' | b'\n' | b'\r')
            }),
            Ending::Cookie(quote) => cookie(bytes, last, *quote),
            Ending::Run(class) => run(bytes, last, *class),
        };
        if last && !progress.ended {
            Progress { taken: bytes.len(), ended: true }
        } else {
            progress
        }
    }
}

impl Quoted {
    fn advance(&mut self, bytes: &[u8], last: bool) -> Progress {
        for (index, &byte) in bytes.iter().enumerate() {
            if byte == b'\\' {
                self.backslashes += 1;
                continue;
            }
            if byte == self.quote.sign {
                if let Some(level) = self.quote.closes(self.backslashes) {
                    return ended(index - ((1 << level) - 1));
                }
            } else if byte == b'"' && self.backslashes.is_multiple_of(2) {
                // A string around this one may end first.
                match bytes.get(index + 1) {
                    Some(b',' | b'}' | b']' | b'\n' | b'\r') => return ended(index),
                    None if !last => return Progress { taken: index, ended: false },
                    _ => {}
                }
            } else if self.line && (byte == b'\n' || byte == b'\r') {
                return ended(index);
            }
            self.backslashes = 0;
        }
        let kept = if last { 0 } else { self.backslashes.min(BACKSLASHES).min(bytes.len()) };
        self.backslashes -= kept;
        Progress { taken: bytes.len() - kept, ended: false }
    }
}

impl Container {
    fn advance(&mut self, bytes: &[u8], last: bool) -> Progress {
        for (index, &byte) in bytes.iter().enumerate() {
            match byte {
                b'\\' => {
                    self.backslashes += 1;
                    continue;
                }
                b'"' => match self.quote.closes(self.backslashes) {
                    Some(level) if level == self.quote.level => self.in_string = !self.in_string,
                    Some(level) => return ended(index - ((1 << level) - 1)),
                    None => {}
                },
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return ended(index + 1);
                    }
                }
                b'\n' | b'\r' if self.line => return ended(index),
                _ => {}
            }
            self.backslashes = 0;
        }
        let kept = if last { 0 } else { self.backslashes.min(BACKSLASHES).min(bytes.len()) };
        self.backslashes -= kept;
        Progress { taken: bytes.len() - kept, ended: false }
    }
}

impl Element {
    /// A line end and the end of a string around the element end it, too.
    fn advance(&mut self, bytes: &[u8], last: bool) -> Progress {
        for (index, &byte) in bytes.iter().enumerate() {
            let escaped = !self.backslashes.is_multiple_of(2);
            match byte {
                b'\\' => {
                    self.backslashes += 1;
                    continue;
                }
                b'\n' | b'\r' => return ended(index),
                b'<' if !self.literal => return ended(index),
                b']' if self.literal => match bytes.get(index + 1..index + 3) {
                    Some(b"]>") => return ended(index),
                    None if !last => return Progress { taken: index, ended: false },
                    _ => {}
                },
                b'"' if !escaped => match bytes.get(index + 1) {
                    Some(b',' | b'}' | b']' | b'\n' | b'\r') => return ended(index),
                    None if !last => return Progress { taken: index, ended: false },
                    _ => {}
                },
                _ => {}
            }
            self.backslashes = 0;
        }
        // How many there are is remembered, so none is kept.
        Progress { taken: bytes.len(), ended: false }
    }
}

fn ended(taken: usize) -> Progress {
    Progress { taken, ended: true }
}

fn until(bytes: &[u8], ends: impl Fn(u8) -> bool) -> Progress {
    match bytes.iter().position(|&b| ends(b)) {
        Some(index) => ended(index),
        None => Progress { taken: bytes.len(), ended: false },
    }
}

impl Bare {
    /// What closes a quote or a bracket that the value did not open ends it, but only if nothing
    /// else follows.
    fn advance(&mut self, bytes: &[u8], last: bool) -> Progress {
        let mut index = 0;
        while index < bytes.len() {
            let next = bytes.get(index + 1).copied();
            let unknown = next.is_none() && !last;
            match bytes[index] {
                b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'&' | b'<' | b'>' | b'|' => {
                    return ended(index);
                }
                b',' | b';' if !self.query => return ended(index),
                b'#' if self.query => return ended(index),
                b'\\' => match next {
                    Some(b'"' | b'\'' | b'n' | b'r' | b't') => return ended(index),
                    None if unknown => return Progress { taken: index, ended: false },
                    _ => index += 1,
                },
                b'(' | b'[' | b'{' => self.open = self.open.saturating_add(1),
                b')' | b']' | b'}' if self.open > 0 => self.open -= 1,
                b')' | b']' | b'}' | b'\'' | b'`' => match next {
                    None if unknown => return Progress { taken: index, ended: false },
                    None => return ended(index),
                    Some(next) if is_end(next) => return ended(index),
                    _ => {}
                },
                _ => {}
            }
            index += 1;
        }
        // Two backslashes may reach over the end of what is there.
        Progress { taken: index.min(bytes.len()), ended: false }
    }
}

fn is_end(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t'
            | b'\n'
            | b'\r'
            | b'"'
            | b'\''
            | b'`'
            | b'&'
            | b','
            | b';'
            | b')'
            | b']'
            | b'}'
            | b'>'
            | b'|'
            | b'\\'
    )
}

fn cookie(bytes: &[u8], last: bool, quote: Option<Quote>) -> Progress {
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b';' | b'\n' | b'\r' => return ended(index),
            b' ' | b'\t' | b',' if quote.is_none() => return ended(index),
            b'\\' => match bytes.get(index + 1) {
                Some(b'"' | b'n' | b'r') => return ended(index),
                None if !last => return Progress { taken: index, ended: false },
                _ => {}
            },
            b'"' => return ended(index),
            b'\'' if quote.is_none_or(|q| q.sign == b'\'') => return ended(index),
            _ => {}
        }
    }
    Progress { taken: bytes.len(), ended: false }
}

fn run(bytes: &[u8], last: bool, class: u16) -> Progress {
    let mut index = 0;
    while index < bytes.len() {
        let byte = bytes[index];
        if byte == b'.' && class & TOKEN != 0 {
            match bytes.get(index + 1) {
                Some(&next) if bytes::is(next, class) && next != b'.' => {}
                None if !last => return Progress { taken: index, ended: false },
                _ => return ended(index),
            }
        } else if !bytes::is(byte, class) {
            return ended(index);
        }
        index += 1;
    }
    Progress { taken: index, ended: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value at the beginning of a text, found in one piece and byte by byte.
    fn value(mut ending: Ending, text: &str) -> &str {
        let mut slow = ending;
        let bytes = text.as_bytes();
        let whole = ending.advance(bytes, true);
        assert!(whole.ended);
        let (mut taken, mut known) = (0, 0);
        loop {
            known = (known + 1).min(bytes.len());
            let progress = slow.advance(&bytes[taken..known], known == bytes.len());
            taken += progress.taken;
            assert!(known - taken <= BACKSLASHES, "little is kept");
            if progress.ended {
                break;
            }
        }
        assert_eq!(taken, whole.taken, "in pieces, `{text}`");
        &text[..whole.taken]
    }

    #[test]
    fn strings_end_at_their_level() {
        let quoted = |level| Ending::quoted(Quote { sign: b'"', level }, true);
        assert_eq!(value(quoted(0), r#"a\"b\\","x"#), r#"a\"b\\"#);
        assert_eq!(value(quoted(1), r#"a\\\"b\",\"x"#), r#"a\\\"b"#);
        assert_eq!(value(quoted(1), r#"a b","x"#), "a b");
        assert_eq!(value(quoted(2), r#"a\\\"b"#), "a");
        assert_eq!(value(quoted(0), "a b\nc\""), "a b");
        assert_eq!(value(Ending::quoted(Quote { sign: b'\'', level: 0 }, true), "a\"b'"), "a\"b");
        assert_eq!(value(Ending::quoted(Quote { sign: b'\'', level: 0 }, true), "ab\",\"x'"), "ab");
    }

    #[test]
    fn bare_values_end_at_signs() {
        assert_eq!(value(Ending::bare(), "hunter2 x"), "hunter2");
        assert_eq!(value(Ending::bare(), "hunter2)"), "hunter2");
        assert_eq!(value(Ending::bare(), "hunt)er2) x"), "hunt)er2");
        assert_eq!(value(Ending::bare(), r"hunter2\nx"), "hunter2");
        assert_eq!(value(Ending::bare(), r#"hu\\nter2\" x"#), r"hu\\nter2");
        assert_eq!(value(Ending::bare(), "it's'"), "it's");
        assert_eq!(value(Ending::bare(), "[redacted] x"), "[redacted]");
        assert_eq!(value(Ending::bare(), "${X}}"), "${X}");
    }

    #[test]
    fn containers_end_at_their_bracket() {
        assert_eq!(
            value(Ending::container(0, true), r#"{"a":["}"],"b":{}},"x""#),
            r#"{"a":["}"],"b":{}}"#
        );
        assert_eq!(value(Ending::container(1, true), r#"[\"]\",1],\"x"#), r#"[\"]\",1]"#);
        assert_eq!(value(Ending::container(1, true), r#"[1,2","x"#), "[1,2");
        assert_eq!(value(Ending::container(0, true), "[1,\n2]"), "[1,");
        assert_eq!(value(Ending::container(0, false), "[1,\n2],3"), "[1,\n2]");
    }

    #[test]
    fn the_others() {
        assert_eq!(value(Ending::in_query(), "a,b)](x"), "a,b");
        assert_eq!(value(Ending::Pair, "a,b;c+d&e"), "a,b;c+d");
        assert_eq!(value(Ending::Scalar, "-12.5e3}"), "-12.5e3");
        assert_eq!(value(Ending::Cookie(None), "abc; b=c"), "abc");
        assert_eq!(value(Ending::Run(TOKEN), "abc.def. x"), "abc.def");
    }
}
