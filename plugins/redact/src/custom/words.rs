//! Words near a match that make it a hit, or keep it from being one.
//!
//! Looked up only beside a match. A window is so many bytes on each side and ends with the line,
//! the member of an object or the pair of a query; what was replaced, and what may be, ends it too,
//! so that nothing comes nearer to a word by being redacted.

use crate::text::Text;

/// The longest word, in bytes.
pub(crate) const WORD_MAX: usize = 24;
/// The widest window, in bytes.
pub(crate) const WINDOW_MAX: usize = 200;
/// How far before a value its key may begin, in bytes.
const KEY_MAX: usize = 80;

/// Words and where they may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// In lower case.
    pub(crate) any: Vec<String>,
    /// Bytes before a match.
    pub(crate) before: usize,
    /// Bytes behind it.
    pub(crate) after: usize,
    /// Whether the name that the value stands behind counts, however far it is.
    pub(crate) or_key: bool,
}

impl Words {
    /// Whether one of the words stands near the match.
    pub(crate) fn stand_near(&self, text: &Text<'_>, start: usize, end: usize) -> bool {
        self.is_before(text, start, false)
            || (self.or_key && self.is_key(text, start))
            || self.is_behind(text, end, false)
    }

    /// The same for words that keep a match from being a hit: numbers and markers between them are
    /// looked past, so that such a word still counts when what stood between was replaced.
    pub(crate) fn keep_from(&self, text: &Text<'_>, start: usize, end: usize) -> bool {
        self.is_before(text, start, true)
            || (self.or_key && self.is_key(text, start))
            || self.is_behind(text, end, true)
    }

    fn is_before(&self, text: &Text<'_>, start: usize, past: bool) -> bool {
        let mut at = start;
        let mut floor = start.saturating_sub(self.before);
        while at > floor {
            let byte = text.before(at, 1);
            if is_letter(byte) {
                let end = at;
                while end - at <= WORD_MAX && is_letter(text.before(at, 1)) {
                    at -= 1;
                }
                let too_far = end - at > WORD_MAX || at < floor;
                if too_far || (!past && is_number(text.slice(at, end))) {
                    return false;
                }
                if self.has(text.slice(at, end)) {
                    return true;
                }
            } else if past && byte == b']' {
                // A marker takes no room.
                let open = (1..=48).find(|back| text.before(at, *back) == b'[');
                let width = open.unwrap_or(1);
                at -= width.min(at);
                floor = floor.saturating_sub(width - 1);
            } else if is_border(text, at - 1, past) {
                return false;
            } else {
                at -= 1;
            }
        }
        false
    }

    fn is_behind(&self, text: &Text<'_>, end: usize, past: bool) -> bool {
        let mut at = end;
        let most = end + self.after;
        while at < most {
            let byte = text.at(at);
            if is_letter(byte) {
                let start = at;
                while at - start <= WORD_MAX && is_letter(text.at(at)) {
                    at += 1;
                }
                if at > most || at - start > WORD_MAX || (!past && is_number(text.slice(start, at)))
                {
                    return false;
                }
                if self.has(text.slice(start, at)) {
                    return true;
                }
            } else if is_border(text, at, past) || (!past && byte == b'[') {
                return false;
            } else {
                at += 1;
            }
        }
        false
    }

    /// Whether the value stands right behind a name with one of the words in it.
    fn is_key(&self, text: &Text<'_>, start: usize) -> bool {
        let mut at = start;
        let floor = start.saturating_sub(KEY_MAX);
        let mut sign = false;
        while at > floor {
            match text.before(at, 1) {
                b' ' | b'\t' | b'"' | b'\'' | b'\\' | b'-' | b'[' => at -= 1,
                b':' | b'=' if !sign => {
                    sign = true;
                    at -= 1;
                }
                b'>' if !sign && text.before(at, 2) == b'=' => at -= 1,
                _ => break,
            }
        }
        if !sign {
            return false;
        }
        while at > floor {
            let end = at;
            while at > floor && is_letter(text.before(at, 1)) {
                at -= 1;
            }
            if end > at && self.has(text.slice(at, end)) {
                return true;
            }
            if at > floor && matches!(text.before(at, 1), b'_' | b'-' | b'.') {
                at -= 1;
            } else {
                return false;
            }
        }
        false
    }

    /// Whether this is one of the words, or one of its parts in camelCase is.
    fn has(&self, word: &[u8]) -> bool {
        let equals =
            |part: &[u8]| self.any.iter().any(|word| part.eq_ignore_ascii_case(word.as_bytes()));
        if equals(word) {
            return true;
        }
        let mut from = 0;
        for hump in 1..word.len() {
            if word[hump].is_ascii_uppercase() && word[hump - 1].is_ascii_lowercase() {
                if equals(&word[from..hump]) {
                    return true;
                }
                from = hump;
            }
        }
        from > 0 && equals(&word[from..])
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// What may be, or was, a value of its own.
fn is_number(word: &[u8]) -> bool {
    word.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3
}

fn is_border(text: &Text<'_>, at: usize, past: bool) -> bool {
    match text.at(at) {
        b'\n' | b'\r' | b'{' | b'}' | b'&' | b';' | 0 => true,
        b'@' | b']' | b'*' => !past,
        b',' => {
            let (before, behind) = (text.before(at, 1), text.at(at + 1));
            matches!(before, b'"' | b'\'') || matches!(behind, b'"' | b'\'')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let any = ["badge", "staff"].map(String::from).into();
        Words { any, before: 20, after: 10, or_key: true }
    }

    fn check(input: &str, near: bool, keep: bool) {
        let text = Text::new(input.as_bytes(), true);
        let at = input.find('#').expect("the match is marked");
        let words = words();
        assert_eq!(words.stand_near(&text, at, at + 1), near, "near in `{input}`");
        assert_eq!(words.keep_from(&text, at, at + 1), keep, "kept in `{input}`");
    }

    #[test]
    fn words_stand_within_the_window_and_the_member() {
        check("badge #", true, true);
        check("Badge no. #", true, true);
        check("badges #", false, false);
        check("# (staff)", true, true);
        check("# of the staff", false, false);
        check("badge\n#", false, false);
        check("badge 12345 #", false, true);
        check("badge [email] #", false, true);
        check("badge and a good deal of text #", false, false);
        check("{\"badge\":1,\"x\":\"#\"}", false, false);
        check("badge;#", false, false);
    }

    #[test]
    fn the_key_counts_however_far_it_is() {
        check("{\"staffNumberAndMoreThanThat\":\"#\"}", true, true);
        check("{\"the_badge_number_of_somebody\": \"#\"}", true, true);
        check("badge_number_of_somebody=#", true, true);
        check("badge_of_somebody_in_the_house #", false, false);
    }
}
