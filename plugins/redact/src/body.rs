//! A body on its way through, and what happens to one that cannot be read.
//!
//! The engine reads bytes in which ASCII is ASCII: UTF-8, the ISO 8859 family, the Windows code
//! pages, Shift_JIS, GB 18030 and their like. In UTF-16 and UTF-32, and in charsets that shift
//! between alphabets or are no ASCII at all, nothing would be found; such a text is *unreadable*.

use crate::engine::{Engine, Scratch};
use crate::place::Kind;
use crate::stream::{Answer, Stream};

/// What becomes of a text that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The message is answered with an error, or cut off where that is too late.
    #[default]
    Reject,
    /// It goes on as it is.
    Pass,
    /// The message goes on without a body.
    DropBody,
}

/// What can be said of a body by the head of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It is read as a text of this kind.
    Text(Kind),
    /// It is no text, as far as its type goes.
    NoText,
    /// It is a text in a charset that cannot be read.
    Unreadable,
}

impl Reading {
    /// By the `content-type`. A message without one may hold anything and is read as text.
    pub(crate) fn of(media_type: Option<&str>) -> Reading {
        let Some(media_type) = media_type else { return Reading::Text(Kind::Text) };
        match Kind::of_media_type(media_type) {
            None => Reading::NoText,
            Some(_) if charset(media_type).is_some_and(|name| !is_readable(&name)) => {
                Reading::Unreadable
            }
            Some(kind) => Reading::Text(kind),
        }
    }

    /// The receipt that stands in the access record.
    pub(crate) fn receipt(self) -> &'static str {
        match self {
            Reading::Text(_) => "ran",
            Reading::NoText => "skipped:type",
            Reading::Unreadable => "skipped:charset",
        }
    }
}

/// One body.
pub(crate) struct Body {
    stream: Stream,
    /// Which of the sets has it.
    set: usize,
    begun: bool,
    /// It turned out to be unreadable, and goes on as it is.
    passes: bool,
}

impl Body {
    /// Of which nothing was seen yet.
    pub(crate) fn new(kind: Kind, set: usize) -> Body {
        Body { stream: Stream::new(kind), set, begun: false, passes: false }
    }

    /// Of which nothing is read.
    pub(crate) fn passing(set: usize) -> Body {
        Body { passes: true, ..Body::new(Kind::Text, set) }
    }

    /// Which of the sets has it.
    pub(crate) fn set(&self) -> usize {
        self.set
    }

    /// Takes the next piece. `None`: it must not go on.
    pub(crate) fn push(
        &mut self,
        engine: &Engine,
        piece: &[u8],
        last: bool,
        unreadable: Unreadable,
        scratch: &mut Scratch,
    ) -> Option<Answer> {
        if !self.begun && !piece.is_empty() {
            self.begun = true;
            if is_wide(piece) {
                match unreadable {
                    Unreadable::Pass => self.passes = true,
                    // The head is out, so nothing can be said in its place any more.
                    Unreadable::Reject | Unreadable::DropBody => return None,
                }
            }
        }
        if self.passes {
            return Some(Answer::Pass);
        }
        Some(self.stream.push(engine, piece, last, scratch))
    }
}

/// The charset of a media type, in lower case.
fn charset(media_type: &str) -> Option<String> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    })
}

/// Whether ASCII is ASCII in this charset. Names are those of the IANA registry of charsets; one
/// that is not known is read, as nearly all that were ever in use hold ASCII.
fn is_readable(charset: &str) -> bool {
    const BEGINNINGS: [&str; 12] = [
        "utf-16",
        "utf16",
        "utf-32",
        "utf32",
        "utf-7",
        "iso-10646",
        "unicode",
        "csunicode",
        "iso-2022-",
        "hz-gb",
        "ebcdic",
        "x-ebcdic",
    ];
    let ibm = charset.strip_prefix("ibm").or_else(|| charset.strip_prefix("cp"));
    // Code pages 37, 273 to 500, 870 to 1149 are EBCDIC; 437 and those around 850 are not.
    let is_ebcdic = ibm.and_then(|number| number.parse().ok()).is_some_and(|number: u32| {
        matches!(number, 37 | 273..=424 | 500 | 870..=871 | 875 | 880 | 905 | 918 | 924 | 1026 | 1047 | 1140..=1149)
    });
    let is_wide =
        matches!(charset, "ucs-2" | "ucs-4" | "ucs2" | "ucs4" | "scsu" | "bocu-1" | "cesu-16");
    !is_ebcdic && !is_wide && !BEGINNINGS.iter().any(|start| charset.starts_with(start))
}

/// Whether a text begins like UTF-16 or UTF-32: with their mark of the order of bytes, half of one,
/// or a zero among the first four bytes, as RFC 4627, section 3, tells encodings of JSON apart.
fn is_wide(piece: &[u8]) -> bool {
    matches!(piece, [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0xFE] | [0xFF])
        || piece.iter().take(4).any(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;

    #[test]
    fn what_can_be_read_is_told_by_type_and_charset() {
        use Reading::{NoText, Text};
        for (media_type, reading) in [
            (None, Text(Kind::Text)),
            (Some("text/plain"), Text(Kind::Text)),
            (Some("text/html; charset=UTF-8"), Text(Kind::Text)),
            (Some("application/json; charset=\"iso-8859-1\""), Text(Kind::Json)),
            (Some("text/plain; charset=windows-1252"), Text(Kind::Text)),
            (Some("text/plain; charset=cp437"), Text(Kind::Text)),
            (Some("text/plain; charset=shift_jis"), Text(Kind::Text)),
            (Some("text/plain; format=flowed; charset=utf-16le"), Reading::Unreadable),
            (Some("application/json;Charset=\"UTF-32\""), Reading::Unreadable),
            (Some("text/plain; charset=utf-7"), Reading::Unreadable),
            (Some("text/plain; charset=IBM037"), Reading::Unreadable),
            (Some("text/plain; charset=iso-2022-jp"), Reading::Unreadable),
            (Some("image/png"), NoText),
            (Some("application/octet-stream; charset=utf-16"), NoText),
        ] {
            assert_eq!(Reading::of(media_type), reading, "{media_type:?}");
        }
    }

    #[test]
    fn a_wide_text_is_known_by_how_it_begins() {
        let wide = |text: &str, little: bool| -> Vec<u8> {
            let units = text.encode_utf16();
            units
                .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
                .collect()
        };
        let engine = Engine::new(Rules::default());
        for (text, is_out) in [
            (b"mail jane@example.com".to_vec(), true),
            (Vec::new(), true),
            (wide("{\"a\":1}", true), false),
            (wide("{\"a\":1}", false), false),
            (wide("\u{feff}\u{5b57}", true), false),
            (wide("\u{feff}\u{5b57}", false), false),
            (vec![0xFF], false),
        ] {
            let push = |unreadable, piece: &[u8]| {
                let mut body = Body::new(Kind::Text, 0);
                body.push(&engine, piece, true, unreadable, &mut Scratch::default())
            };
            assert_eq!(push(Unreadable::Reject, &text).is_some(), is_out, "{text:?}");
            assert_eq!(push(Unreadable::DropBody, &text).is_some(), is_out, "{text:?}");
            assert!(push(Unreadable::Pass, &text).is_some());
            if !is_out {
                assert_eq!(push(Unreadable::Pass, &text), Some(Answer::Pass), "{text:?}");
            }
        }
    }
}
