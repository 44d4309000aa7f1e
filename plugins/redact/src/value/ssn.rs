//! Social security numbers of the United States.

use super::{context, digits};
use crate::text::Text;
use digits::Groups;
use std::ops::Range;

/// Words before nine digits that make them one.
pub(crate) const WORDS: &[&str] = &["ssn", "social", "ssns"];

/// The longest word that is read before a number, in bytes.
const COLUMN: usize = 24;

/// Finds a number that begins with the first group: `AAA-GG-SSSS`, or nine digits behind a word.
pub(crate) fn find(text: &Text<'_>, groups: &Groups) -> Option<Range<usize>> {
    let length = |group: usize| groups.groups().get(group).map_or(0, |group| group.length);
    let grouped = length(0) == 3 && length(1) == 2 && length(2) == 4;
    if !grouped && length(0) != 9 {
        return None;
    }
    let count = if grouped { 3 } else { 1 };
    let separator = groups.groups().get(1).map_or(0, |group| group.separator);
    if grouped && (!groups.is_uniform(3) || separator == b'+') {
        return None;
    }
    let end = groups.end_of(count);
    let goes_on =
        groups.groups().len() > count && groups.groups()[count].separator == separator && grouped;
    if goes_on || !digits::may_begin(text, groups.start) || !digits::may_end(text, end) {
        return None;
    }
    // A dash or dot that goes on to the left makes it part of something longer.
    let before = text.before(groups.start, 1);
    if grouped && before == separator && text.before(groups.start, 2).is_ascii_digit() {
        return None;
    }
    if !is_assigned(&groups.digits()[..9]) {
        return None;
    }
    let alone = grouped && !(separator == b' ' && is_in_columns(text, groups.start, end));
    (alone || context::has_word_before(text, groups.start, WORDS)).then_some(groups.start..end)
}

/// Whether numbers with blanks between them stand in a row with others: the status, the time and
/// the size of an answer behind its path.
fn is_in_columns(text: &Text<'_>, start: usize, end: usize) -> bool {
    let behind = text.at(end) == b' ' && matches!(text.at(end + 1), b'"' | b'-' | b'0'..=b'9');
    if text.before(start, 1) != b' ' {
        return behind && text.before(start, 1) != b':';
    }
    let mut at = start - 1;
    // The sign of a sentence.
    if matches!(text.before(at, 1), b':' | b',') {
        at -= 1;
    }
    let word = at;
    while word - at < COLUMN && text.before(at, 1).is_ascii_alphabetic() {
        at -= 1;
    }
    at == word || !matches!(text.before(at, 1), 0 | b' ' | b'\n' | b'\t' | b'"' | b'(' | b'\'')
}

/// Whether such a number can have been given out to a person.
pub(crate) fn is_assigned(number: &[u8]) -> bool {
    let value = |range: Range<usize>| {
        number[range].iter().fold(0u32, |value, &d| value * 10 + u32::from(d))
    };
    let (area, group, serial) = (value(0..3), value(3..5), value(5..9));
    let void = [(78, 5, 1120), (219, 9, 9999)].contains(&(area, group, serial));
    !(area == 0 || area == 666 || area >= 900 || group == 0 || serial == 0 || void)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let at = input.find(|c: char| c.is_ascii_digit()).expect("there is a digit");
        let found = find(&text, &Groups::read(&text, at));
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    #[test]
    fn one_separator_twice_and_an_area_that_exists() {
        check("078-05-1123", Some("078-05-1123"));
        check("x 078 05 1123 x", Some("078 05 1123"));
        check("078.05.1123.", Some("078.05.1123"));
        check("ssn 536904399", Some("536904399"));
        check("social security number is 536904399", Some("536904399"));
        check("078-05-1120", None);
        check("GET /metrics 200 15 3456", None);
        check("\"GET / HTTP/1.1\" 200 15 3456 \"-\"", None);
        check("a=1 200 15 3456", None);
        check("is 200 15 3456, thanks", Some("200 15 3456"));
        check("666-05-1123", None);
        check("900-05-1123", None);
        check("078-00-1123", None);
        check("078-05-0000", None);
        check("693-09.4444", None);
        check("id 536904399", None);
        check("078-05-11234", None);
        check("078-05-1123-9", None);
    }
}
