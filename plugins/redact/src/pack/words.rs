//! Words beside a value: what it is called, before it or behind it.
//!
//! The same borders as for the rules that ship ([`crate::value::context`]), a longer window, since
//! names of documents are long in some languages, and phrases besides words.

use crate::place::Kind;
use crate::text::Text;
use crate::value::context::{is_border, is_value};

/// How far before a value its words may begin, in bytes.
pub(super) const BEFORE: usize = 64;
/// How far behind a value its words may begin, in bytes.
pub(super) const BEHIND: usize = 32;
/// The longest word that is read.
pub(super) const WORD_MAX: usize = 72;
/// The most words of a window.
const WORDS_MAX: usize = 20;
/// The most blanks around a value that stands alone.
const BLANKS: usize = 8;

/// Words between two values of a list.
const AND: &[&str] =
    &["and", "or", "und", "oder", "y", "o", "et", "ou", "e", "ve", "dan", "en", "och"];

/// Words of a window, in the order of the text.
struct Window {
    /// Taken apart where they are written in camelCase.
    words: [(usize, usize); WORDS_MAX],
    count: usize,
    /// As they are written.
    whole: [(usize, usize); WORDS_MAX],
    whole_count: usize,
}

impl Window {
    const EMPTY: Window =
        Window { words: [(0, 0); WORDS_MAX], count: 0, whole: [(0, 0); WORDS_MAX], whole_count: 0 };

    fn push(&mut self, start: usize, end: usize) {
        if self.count < WORDS_MAX {
            self.words[self.count] = (start, end);
            self.count += 1;
        }
    }

    /// Adds a word.
    fn add(&mut self, text: &Text<'_>, start: usize, end: usize) {
        if self.whole_count < WORDS_MAX {
            self.whole[self.whole_count] = (start, end);
            self.whole_count += 1;
        }
        let mut from = start;
        for at in start + 1..end {
            if text.at(at).is_ascii_uppercase() && text.at(at - 1).is_ascii_lowercase() {
                self.push(from, at);
                from = at;
            }
        }
        self.push(from, end);
    }

    fn words(&self) -> &[(usize, usize)] {
        &self.words[..self.count]
    }
}

/// Whether one of `words` stands near the value.
pub(super) fn are_near(text: &Text<'_>, start: usize, end: usize, words: &[&str]) -> bool {
    has(text, &before(text, start, BEFORE), words) || has(text, &behind(text, end), words)
}

/// Whether what stands right before a value allows that it has a name.
#[inline]
pub(super) fn may_be_named(text: &Text<'_>, start: usize) -> bool {
    matches!(text.before(start, 1), b' ' | b'"' | b'\'' | b'\\' | b'#' | b':' | b'=')
}

/// Whether the value has one of `words` in its name.
pub(super) fn are_name(text: &Text<'_>, start: usize, words: &[&str]) -> bool {
    let mut at = start;
    let mut assigned = false;
    let floor = start.saturating_sub(8);
    while at > floor {
        match text.before(at, 1) {
            b' ' | b'"' | b'\'' | b'\\' | b'#' => {}
            b':' | b'=' if !assigned => assigned = true,
            _ => break,
        }
        at -= 1;
    }
    assigned && has(text, &before(text, at, 40), words)
}

/// Whether the value is all that stands on its line.
pub(super) fn is_alone(text: &Text<'_>, kind: Kind, start: usize, end: usize) -> bool {
    if !begins_line(text, kind, start) {
        return false;
    }
    let mut to = end;
    while to - end < BLANKS && matches!(text.at(to), b' ' | b'\t') {
        to += 1;
    }
    matches!(text.at(to), b'\n' | b'\r' | 0)
}

/// Whether nothing stands before the value on its line.
pub(super) fn begins_line(text: &Text<'_>, kind: Kind, start: usize) -> bool {
    let mut from = start;
    while start - from < BLANKS && matches!(text.before(from, 1), b' ' | b'\t') {
        from -= 1;
    }
    kind == Kind::Text && (from == 0 || matches!(text.before(from, 1), b'\n' | b'\r'))
}

/// The words before `start`, the last one first read.
fn before(text: &Text<'_>, start: usize, far: usize) -> Window {
    let mut read: [(usize, usize); WORDS_MAX] = [(0, 0); WORDS_MAX];
    let (mut count, mut since) = (0, 0);
    let floor = start.saturating_sub(far);
    let mut at = start;
    // The label on a line of its own above the value.
    let mut above = start;
    while above > floor && matches!(text.before(above, 1), b' ' | b'\t') {
        above -= 1;
    }
    if above > floor && text.before(above, 1) == b'\n' {
        let line_end = if text.before(above, 2) == b'\r' { 2 } else { 1 };
        if text.before(above, line_end + 1) == b':' {
            at = above - line_end;
        }
    }
    while at > floor && count < WORDS_MAX {
        if is_of_word(text.before(at, 1)) {
            let end = at;
            while end - at <= WORD_MAX && is_of_word(text.before(at, 1)) {
                at -= 1;
            }
            let encoded_marker = text.before(at, 1) == b'%' && text.has_word(at, b"5d");
            if end - at > WORD_MAX || encoded_marker {
                break;
            }
            if is_value(text, at, end) {
                // Over the other values of a list, but not over a token of ours.
                let joined = match since {
                    0 => true,
                    1 => begins_any(text, read[count - 1], AND),
                    _ => false,
                };
                if !joined || text.before(at, 1) == b':' {
                    break;
                }
                since = 0;
                continue;
            }
            read[count] = (at, end);
            count += 1;
            since += 1;
        } else if is_border(text, at - 1) {
            break;
        } else {
            at -= 1;
        }
    }
    let mut window = Window::EMPTY;
    for &(start, end) in read[..count].iter().rev() {
        window.add(text, start, end);
    }
    window
}

/// The words behind `end`, but not one that is the name of something else.
fn behind(text: &Text<'_>, end: usize) -> Window {
    let mut window = Window::EMPTY;
    let mut at = end;
    while at < end + BEHIND {
        if is_of_word(text.at(at)) {
            let start = at;
            while at - start <= WORD_MAX && is_of_word(text.at(at)) {
                at += 1;
            }
            let named = matches!(text.at(at), b':' | b'=' | b'[' | b'/' | b'*' | b'%' | b'@')
                || (text.at(at) == b'"' && text.at(at + 1) == b':');
            if at - start > WORD_MAX || named || is_value(text, start, at) {
                break;
            }
            window.add(text, start, at);
        } else if is_border(text, at)
            || matches!(text.at(at), b'[' | b'"' | b'\'' | b'\\' | b'%' | b',')
        {
            break;
        } else {
            at += 1;
        }
    }
    window
}

pub(super) fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Whether one of `phrases` stands among the words.
fn has(text: &Text<'_>, window: &Window, phrases: &[&str]) -> bool {
    let words = window.words();
    let whole = &window.whole[..window.whole_count];
    phrases.iter().any(|phrase| {
        (0..words.len()).any(|from| begins(text, &words[from..], phrase))
            || (words.len() > whole.len()
                && whole.iter().any(|&word| begins(text, &[word], phrase)))
    })
}

/// Whether a word is one of some.
fn begins_any(text: &Text<'_>, word: (usize, usize), words: &[&str]) -> bool {
    words.iter().any(|one| begins(text, &[word], one))
}

/// Whether the words begin with a phrase.
fn begins(text: &Text<'_>, words: &[(usize, usize)], phrase: &str) -> bool {
    let mut words = words.iter();
    phrase.split(' ').all(|part| {
        words.next().is_some_and(|&(start, end)| {
            let word = text.slice(start, end);
            match part.strip_suffix('*') {
                Some(stem) => word
                    .get(..stem.len())
                    .is_some_and(|head| head.eq_ignore_ascii_case(stem.as_bytes())),
                None => word.eq_ignore_ascii_case(part.as_bytes()),
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: bool) {
        let text = Text::new(input.as_bytes(), true);
        let at = input.find('#').expect("the value is marked");
        let words = &["passport*", "epassport", "tax id", "steuernummer", "führerschein*"];
        assert_eq!(are_near(&text, at, at + 1, words), expected, "in `{input}`");
    }

    #[test]
    fn words_and_phrases_stand_on_either_side() {
        check("passport #", true);
        check("my tax id is #", true);
        check("my taxId: #", true);
        check("tax_id=#", true);
        check("tax and id #", false);
        check("Führerscheinnummer: #", true);
        check("# is my passport", true);
        check("{\"id\":\"#\",\"passport\":1}", false);
        check("id=# passport=2", false);
        check("id # passport: 2", false);
        check("passport 1234567 or #", true);
        check("passports C5082716, K4917283 and #", true);
        check("passport 1234567 costs #", false);
        check("country/de/passport:9f86d081884c7d65 #", false);
        check("ePassport #", true);
        check("# or 1234567 passport", false);
        check("[passport] #", false);
        check("# [passport]", false);
        check("passport\n#", false);
        check("passport:\n#", true);
        check("#\npassport", false);
    }

    #[test]
    fn names_stand_right_before() {
        let name = |input: &str| {
            let text = Text::new(input.as_bytes(), true);
            are_name(&text, input.find('#').expect("the value is marked"), &["serial"])
        };
        assert!(name("{\"serial\": \"#") && name("serial_no=#") && name("Serial: #"));
        assert!(!name("serial #") && !name("serial: a #"));
    }

    #[test]
    fn a_value_is_alone_on_its_line() {
        let alone = |input: &str, kind: Kind| {
            let text = Text::new(input.as_bytes(), true);
            let at = input.find('#').expect("the value is marked");
            is_alone(&text, kind, at, at + 1)
        };
        assert!(alone("#", Kind::Text) && alone("a\n # \nb", Kind::Text));
        assert!(!alone("#", Kind::Json) && !alone("a #", Kind::Text) && !alone("#,", Kind::Text));
    }
}
