//! Words around a candidate that say what it is.
//!
//! Looked up only when a candidate needs them, never searched for in the text. The window is a
//! limited number of bytes before the value and does not cross the line, the member of an object or
//! the pair of a query that the value belongs to.

use crate::text::Text;
use std::cell::Cell;

/// How far before a value its words may stand, in bytes.
pub(crate) const WINDOW: usize = 40;
/// How far behind a value a label may begin, in bytes.
const BEHIND: usize = 3;
/// The longest word that is compared.
const WORD_MAX: usize = 16;
/// The shortest part of a word in camelCase that counts; shorter ones stand in any random text.
const PART_MIN: usize = 3;

/// What the last lookups in a text came to, so that the same bytes are not looked through once for
/// each number behind them.
///
/// Every lookup for a list goes the same way to the left. One that comes to where another one began
/// has its answer, but for words that lie too far off by now.
#[derive(Default)]
pub(crate) struct Memory {
    lookups: [Cell<Lookup>; LISTS],
    /// Which one is forgotten next.
    next: Cell<usize>,
}

/// How many lists are remembered; more than are asked for beside one number.
const LISTS: usize = 6;

#[derive(Clone, Copy, Default)]
struct Lookup {
    /// The address of its list.
    list: usize,
    /// Where it began.
    start: usize,
    /// The border of the word that was found; 0 for none.
    found: usize,
}

impl Memory {
    fn of(&self, list: usize) -> &Cell<Lookup> {
        let same = self.lookups.iter().find(|lookup| lookup.get().list == list);
        same.unwrap_or_else(|| {
            let next = self.next.get();
            self.next.set((next + 1) % LISTS);
            &self.lookups[next]
        })
    }
}

/// Goes to the left from `start` as `walk` does, which is told where the last lookup for `list` began.
fn remembered(
    text: &Text<'_>,
    list: &[&str],
    start: usize,
    walk: impl FnOnce(usize) -> Walked,
) -> Option<usize> {
    let list = list.as_ptr() as usize;
    let memory = text.memory().of(list);
    let last = memory.get();
    let known = if last.list == list { last.start } else { usize::MAX };
    let found = match walk(known) {
        Walked::Found(border) => border,
        Walked::Nothing => 0,
        Walked::Known => last.found,
    };
    memory.set(Lookup { list, start, found });
    (found > 0).then_some(found)
}

enum Walked {
    /// A word, with its border that has to be within the window.
    Found(usize),
    /// Whatever stands further to the left does not count.
    Nothing,
    /// Where another lookup began.
    Known,
}

/// Whether one of `words` (lower case) stands before `start`, or on the line above when the value
/// begins its line and the word is that line's label.
pub(crate) fn has_word_before(text: &Text<'_>, start: usize, words: &[&str]) -> bool {
    let floor = start.saturating_sub(WINDOW);
    // The label on a line of its own: blanks, one line end, and a colon before it.
    let mut above = start;
    while above > floor && matches!(text.before(above, 1), b' ' | b'\t') {
        above -= 1;
    }
    if above > floor && text.before(above, 1) == b'\n' {
        let line_end = if text.before(above, 2) == b'\r' { 2 } else { 1 };
        return text.before(above, line_end + 1) == b':'
            && matches!(
                word_before(text, above - line_end, floor, usize::MAX, words),
                Walked::Found(_)
            );
    }
    remembered(text, words, start, |known| word_before(text, start, floor, known, words))
        .is_some_and(|word| word > floor)
}

/// The nearest of `words` before `at`; with it comes one more than where it begins.
fn word_before(
    text: &Text<'_>,
    mut at: usize,
    floor: usize,
    known: usize,
    words: &[&str],
) -> Walked {
    while at > floor {
        if at == known {
            return Walked::Known;
        }
        let byte = text.before(at, 1);
        if byte.is_ascii_alphanumeric() || byte >= 0x80 {
            let end = at;
            while end - at <= WORD_MAX
                && (text.before(at, 1).is_ascii_alphanumeric() || text.before(at, 1) >= 0x80)
            {
                at -= 1;
            }
            let encoded_marker = text.before(at, 1) == b'%' && text.has_word(at, b"5d");
            if end - at > WORD_MAX || at < floor || encoded_marker || is_value(text, at, end) {
                return Walked::Nothing;
            }
            if is_one_of(text, at, end, words) {
                return Walked::Found(at + 1);
            }
        } else if is_border(text, at - 1) {
            return Walked::Nothing;
        } else {
            at -= 1;
        }
    }
    Walked::Nothing
}

/// A number that stands for itself. A word before it belongs to it and not to what follows; and
/// when it is redacted, what follows must not come near enough to the word to be a hit then.
pub(crate) fn is_value(text: &Text<'_>, start: usize, end: usize) -> bool {
    let digits = text.slice(start, end).iter().filter(|b| b.is_ascii_digit()).count();
    digits >= 3
        || (digits > 0
            && digits == end - start
            && text.at(end) == b'.'
            && text.at(end + 1).is_ascii_digit())
}

/// Whether one of `words` stands within the last two words before `start`.
pub(crate) fn has_word_just_before(text: &Text<'_>, start: usize, words: &[&str]) -> bool {
    let mut at = start;
    for _ in 0..2 {
        let floor = at.saturating_sub(4);
        while at > floor && !text.before(at, 1).is_ascii_alphanumeric() && !is_border(text, at - 1)
        {
            at -= 1;
        }
        let end = at;
        while end - at < WORD_MAX && text.before(at, 1).is_ascii_alphanumeric() {
            at -= 1;
        }
        if at == end {
            return false;
        }
        if is_one_of(text, at, end, words) {
            return true;
        }
    }
    false
}

/// The longest word in other letters than those of ASCII, in bytes.
const WIDE_MAX: usize = 36;

/// Parts of words, each with a letter that is not ASCII, and which bytes they begin with.
pub(crate) struct Parts {
    parts: &'static [&'static str],
    first: [bool; 256],
}

impl Parts {
    pub(crate) const fn new(parts: &'static [&'static str]) -> Parts {
        let mut first = [false; 256];
        let mut index = 0;
        while index < parts.len() {
            first[parts[index].as_bytes()[0] as usize] = true;
            index += 1;
        }
        Parts { parts, first }
    }

    fn are_in(&self, word: &[u8]) -> bool {
        word.iter().enumerate().any(|(at, &byte)| {
            self.first[usize::from(byte)]
                && self.parts.iter().any(|part| word[at..].starts_with(part.as_bytes()))
        })
    }
}

/// Whether a word before `start`, within the window and on its line, has one of `parts` in it.
/// They are compared as they are.
pub(crate) fn has_part_before(text: &Text<'_>, start: usize, parts: &Parts) -> bool {
    let floor = start.saturating_sub(WINDOW);
    remembered(text, parts.parts, start, |known| part_before(text, start, floor, known, parts))
        .is_some_and(|word_end| word_end > floor)
}

/// The nearest word before `at` with one of `parts` in it; with it comes its end.
fn part_before(
    text: &Text<'_>,
    mut at: usize,
    floor: usize,
    known: usize,
    parts: &Parts,
) -> Walked {
    while at > floor {
        if at == known {
            return Walked::Known;
        }
        let end = at;
        let mut wide = false;
        while end - at < WIDE_MAX
            && (text.before(at, 1).is_ascii_alphanumeric() || text.before(at, 1) >= 0x80)
        {
            wide |= text.before(at, 1) >= 0x80;
            at -= 1;
        }
        if at == end {
            if is_border(text, at - 1) {
                return Walked::Nothing;
            }
            at -= 1;
            continue;
        }
        if is_value(text, at, end) {
            return Walked::Nothing;
        }
        if wide && parts.are_in(text.slice(at, end)) {
            return Walked::Found(end);
        }
    }
    Walked::Nothing
}

/// Whether one of `phrases` (lower case) stands before `start`, with signs and blanks between.
pub(crate) fn ends_with_one(text: &Text<'_>, start: usize, phrases: &[&str]) -> bool {
    let mut end = start;
    while start - end < 5 && matches!(text.before(end, 1), b' ' | b':' | b'.' | b'=' | b'"' | b'\'')
    {
        end -= 1;
    }
    end < start
        && phrases.iter().any(|phrase| {
            text.ends_with_word(end, phrase.as_bytes())
                && !text.before(end, phrase.len() + 1).is_ascii_alphanumeric()
        })
}

/// Whether the last word before `start` is one of `words`, with a blank or the sign of a pair between.
pub(crate) fn is_right_behind(text: &Text<'_>, start: usize, words: &[&str]) -> bool {
    let mut at = start;
    while start - at < 4 && matches!(text.before(at, 1), b' ' | b'=' | b':' | b'#' | b'"' | b'\'') {
        at -= 1;
    }
    let end = at;
    while end - at < WORD_MAX && text.before(at, 1).is_ascii_alphanumeric() {
        at -= 1;
    }
    at < end && is_one_of(text, at, end, words)
}

/// Whether a word stands before the value or a label right behind it.
pub(crate) fn has_word_near(text: &Text<'_>, start: usize, end: usize, words: &[&str]) -> bool {
    has_word_before(text, start, words) || has_label_behind(text, end, words)
}

/// Whether one of `words` follows within a blank, a dash or a bracket.
pub(crate) fn has_label_behind(text: &Text<'_>, end: usize, words: &[&str]) -> bool {
    let mut at = end;
    while at < end + BEHIND && matches!(text.at(at), b' ' | b'-' | b'(') {
        at += 1;
    }
    if at == end {
        return false;
    }
    let start = at;
    while at < start + WORD_MAX && text.at(at).is_ascii_alphabetic() {
        at += 1;
    }
    is_one_of(text, start, at, words)
}

/// Compares a word, and its parts where it is written in camelCase (`phoneNumber`).
fn is_one_of(text: &Text<'_>, start: usize, end: usize, words: &[&str]) -> bool {
    let whole = text.slice(start, end);
    let equals = |part: &[u8]| {
        let first = part.first().map_or(0, u8::to_ascii_lowercase);
        words.iter().any(|word| {
            word.len() == part.len()
                && word.as_bytes().first() == Some(&first)
                && part.eq_ignore_ascii_case(word.as_bytes())
        })
    };
    // Most are numbers.
    if whole.iter().all(u8::is_ascii_digit) {
        return false;
    }
    if equals(whole) {
        return true;
    }
    let is_part = |part: &[u8]| part.len() >= PART_MIN && equals(part);
    let mut from = 0;
    for hump in 1..whole.len() {
        if whole[hump].is_ascii_uppercase() && whole[hump - 1].is_ascii_lowercase() {
            if is_part(&whole[from..hump]) {
                return true;
            }
            from = hump;
        }
    }
    from > 0 && is_part(&whole[from..])
}

/// What a window does not cross: line ends, brackets of objects, `&` and `;` between pairs, the
/// comma between two members of an object, and values that are, or were, hits.
pub(crate) fn is_border(text: &Text<'_>, at: usize) -> bool {
    match text.at(at) {
        b'\n' | b'\r' | b'{' | b'}' | b'&' | b';' | b'@' | b']' | b'*' | 0 => true,
        b',' => {
            let before = text.before(at, 1);
            let behind = text.at(at + 1);
            before == b'"' || before == b'\'' || behind == b'"' || behind == b'\''
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, expected: bool) {
        let text = Text::new(input.as_bytes(), true);
        let at = input.find('#').expect("the value is marked");
        assert_eq!(has_word_before(&text, at, &["phone", "call"]), expected, "in `{input}`");
    }

    #[test]
    fn words_stand_within_the_window_and_the_member() {
        check("phone #", true);
        check("Phone: #", true);
        check("\"phoneNumber\":\"#", true);
        check("home_phone=#", true);
        check("please call me at #", true);
        check("headphones #", false);
        check("phone x\n#", false);
        check("phone:\n#", true);
        check("phone:\r\n  #", true);
        check("{\"phone\":null,\"order\":\"#", false);
        check("phone=&order=#", false);
        check("phone and many other words before the value #", false);
        check("phone 34567890 or #", false);
        check("phone 2: #", true);
        check("phone jane@example.com #", false);
        check("phone [email] #", false);
        check("[phone] #", false);
        check("phone:9f86d081884c7d65 #", false);
        check("#", false);
    }

    proptest! {
        #[test]
        fn what_was_looked_up_before_changes_no_answer(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "phone", "call", "11", "1", "123", " ", " ", "-", ":", "\n", "\r\n", "&", "%5d",
                ",", "\"", "x", "Phone", "é", "\u{a0}", "тел", "words", "aVeryLongWordIndeed",
            ]), 1..40),
        ) {
            let input = pieces.concat();
            let (words, parts) = (&["phone", "call"][..], Parts::new(&["тел", "é"]));
            let shared = Text::new(input.as_bytes(), true);
            for (at, _) in input.char_indices() {
                let alone = Text::new(input.as_bytes(), true);
                let expected = has_word_before(&alone, at, words);
                prop_assert_eq!(has_word_before(&shared, at, words), expected, "words at {}", at);
                let expected = has_part_before(&alone, at, &parts);
                prop_assert_eq!(has_part_before(&shared, at, &parts), expected, "parts at {}", at);
            }
        }
    }

    #[test]
    fn labels_behind() {
        let text = Text::new(b"781 1704 office", true);
        assert!(has_label_behind(&text, 8, &["office"]));
        let text = Text::new(b"781 1704office", true);
        assert!(!has_label_behind(&text, 8, &["office"]));
    }
}
