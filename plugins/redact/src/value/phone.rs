//! Telephone numbers: international with `+` or `00`, North American, and national forms beside a
//! word that says so.
//!
//! A candidate is a group of digits; a number may begin before it, at a `+` or a bracket.

use super::context;
use crate::text::Text;
use std::ops::Range;

/// How far before a group its number may begin, in bytes.
const BACK: usize = 16;
/// The longest number with its separators, in bytes.
const MAX: usize = 32;

/// Words that say it, whatever the number looks like.
const WORDS: &[&str] = &[
    "phone",
    "phones",
    "tel",
    "telephone",
    "telp",
    "telepon",
    "telefon",
    "telefono",
    "mobile",
    "cell",
    "cellphone",
    "fax",
    "whatsapp",
    "sms",
    "hp",
    "msisdn",
    "handphone",
    "hotline",
    "dial",
    "dialed",
];

/// Words that say it of a number in groups.
const VAGUE: &[&str] = &["call", "contact", "reach", "answering", "messages", "desk"];

/// Words behind a number in a list of contacts.
const LABELS: &[&str] =
    &["office", "fax", "mobile", "cell", "home", "work", "desk", "tel", "phone", "direct", "main"];

/// Numbers of countries in the plan of E.164: code, fewest and most digits with the code. Where
/// nothing is listed the plan itself is the limit. From the national numbering plans published by
/// the ITU; a little wide on purpose.
const COUNTRIES: &[(&str, usize, usize)] = &[
    ("1", 11, 11),
    ("20", 10, 12),
    ("27", 11, 11),
    ("30", 12, 13),
    ("31", 11, 11),
    ("32", 10, 11),
    ("33", 11, 11),
    ("34", 11, 11),
    ("36", 10, 11),
    ("39", 8, 13),
    ("40", 11, 11),
    ("41", 11, 12),
    ("43", 8, 15),
    ("44", 11, 12),
    ("45", 10, 10),
    ("46", 9, 12),
    ("47", 10, 10),
    ("48", 11, 11),
    ("49", 8, 15),
    ("51", 10, 11),
    ("52", 12, 13),
    ("53", 8, 10),
    ("54", 12, 13),
    ("55", 12, 13),
    ("56", 11, 11),
    ("57", 10, 12),
    ("58", 12, 12),
    ("60", 10, 12),
    ("61", 11, 11),
    ("62", 9, 15),
    ("63", 10, 12),
    ("64", 9, 12),
    ("65", 10, 12),
    ("66", 10, 11),
    ("7", 11, 11),
    ("81", 11, 12),
    ("82", 10, 12),
    ("84", 10, 12),
    ("86", 11, 13),
    ("90", 12, 12),
    ("91", 12, 12),
    ("92", 11, 12),
    ("93", 11, 11),
    ("94", 11, 11),
    ("95", 9, 12),
    ("98", 12, 12),
    ("212", 12, 12),
    ("213", 11, 12),
    ("216", 11, 11),
    ("218", 11, 12),
    ("351", 12, 12),
    ("352", 8, 12),
    ("353", 10, 12),
    ("354", 10, 12),
    ("355", 11, 12),
    ("356", 11, 11),
    ("357", 11, 11),
    ("358", 8, 15),
    ("359", 11, 12),
    ("370", 11, 11),
    ("371", 11, 11),
    ("372", 10, 11),
    ("373", 11, 11),
    ("374", 11, 11),
    ("375", 12, 12),
    ("380", 12, 12),
    ("381", 10, 12),
    ("385", 11, 12),
    ("386", 11, 11),
    ("420", 12, 12),
    ("421", 12, 12),
    ("852", 11, 11),
    ("853", 11, 11),
    ("880", 11, 13),
    ("886", 11, 12),
    ("961", 10, 11),
    ("962", 11, 12),
    ("965", 11, 11),
    ("966", 11, 12),
    ("968", 11, 11),
    ("971", 11, 12),
    ("972", 11, 12),
    ("973", 11, 11),
    ("974", 11, 11),
    ("977", 11, 13),
    ("994", 12, 12),
    ("995", 12, 12),
    ("998", 12, 12),
];

/// Codes of one and two digits; every other code has three, the first two of which are listed in
/// `WIDE`.
const WIDE: &[&str] = &[
    "21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59", "67", "68", "69",
    "80", "85", "87", "88", "96", "97", "99",
];
const TWO: &[&str] = &[
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65",
    "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// Where a number that holds the group at `group` begins.
pub(crate) fn start(text: &Text<'_>, group: usize) -> usize {
    let floor = group.saturating_sub(BACK);
    let mut at = group;
    let mut start = group;
    while at > floor {
        match text.before(at, 1) {
            b'+' => return at - 1,
            b'(' => start = at - 1,
            byte if byte.is_ascii_digit() => {}
            b')' | b' ' | b'-' | b'.' | b'/' | 0xa0 => {}
            0xc2 if text.at(at) == 0xa0 => {}
            _ => break,
        }
        at -= 1;
    }
    // Two zeros in place of the plus.
    let mut first = at;
    while first < group && !text.at(first).is_ascii_digit() {
        first += 1;
    }
    if text.at(first) == b'0' && text.at(first + 1) == b'0' && first < group {
        return first;
    }
    start
}

/// Finds a number that begins at `start`, as [`start`] found it.
pub(crate) fn find(text: &Text<'_>, start: usize) -> Option<Range<usize>> {
    let before = text.before(start, 1);
    if before.is_ascii_alphanumeric() || matches!(before, b'*' | b'+' | b'#') {
        return None;
    }
    if before == b'.' && text.before(start, 2).is_ascii_alphanumeric() {
        return None;
    }
    if text.at(start) == b'+' || (text.at(start) == b'0' && text.at(start + 1) == b'0') {
        return international(text, start);
    }
    // Behind a dash that follows a digit or letter: the end of something longer.
    if before == b'-' && text.before(start, 2).is_ascii_alphanumeric() {
        return None;
    }
    let number = Number::read(text, start)?;
    north_american(text, &number).or_else(|| national(text, &number))
}

/// `+`, country and number; `00` in place of the `+`.
fn international(text: &Text<'_>, start: usize) -> Option<Range<usize>> {
    let plus = text.at(start) == b'+';
    let first = if plus { start + 1 } else { start + 2 };
    if !text.at(first).is_ascii_digit() || (!plus && text.at(first) == b'0') {
        return None;
    }
    let number = Number::read(text, first)?;
    let (least, most) = limits(number.digits())?;
    // A number may be followed by others; the longest beginning that fits is the number.
    let (count, end) = number.longest(|digits| (least..=most).contains(&digits))?;
    // Without the plus it is a group of digits like others, above all among groups without dashes.
    let dashes = number.separators[..number.runs - 1].iter().all(|s| *s == b'-');
    let doubtful = number.runs < 2 || count < 9 || !dashes || is_behind_group(text, start);
    if !plus && doubtful && !context::has_word_near(text, start, end, WORDS) {
        return None;
    }
    let end = extension(text, end);
    (!text.at(end).is_ascii_alphanumeric()).then_some(start..end)
}

/// Whether a short word with a digit stands before, as in an account number.
fn is_behind_group(text: &Text<'_>, start: usize) -> bool {
    let mut at = start.saturating_sub(1);
    if text.before(start, 1) != b' ' {
        return false;
    }
    let mut digit = false;
    while start - at <= 5 && text.before(at, 1).is_ascii_alphanumeric() {
        digit |= text.before(at, 1).is_ascii_digit();
        at -= 1;
    }
    digit
}

/// The fewest and most digits that a number beginning like this may have.
fn limits(digits: &[u8]) -> Option<(usize, usize)> {
    let starts = |code: &str| {
        code.len() <= digits.len()
            && code.bytes().zip(digits).all(|(code, digit)| code == digit + b'0')
    };
    let known = digits.first().is_some_and(|&d| d == 1 || d == 7)
        || TWO.iter().any(|code| starts(code))
        || WIDE.iter().any(|code| starts(code));
    if !known {
        return None;
    }
    Some(
        COUNTRIES
            .iter()
            .find(|(code, ..)| starts(code))
            .map_or((8, 15), |&(_, least, most)| (least, most)),
    )
}

/// `(AAA) BBB-CCCC`, `AAA-BBB-CCCC`, `AAA.BBB.CCCC`; a one may stand before it.
fn north_american(text: &Text<'_>, number: &Number) -> Option<Range<usize>> {
    let groups = number.groups();
    let digits = number.digits();
    let (groups, digits, country) = match groups {
        [1, rest @ ..] if digits[0] == 1 => (rest, &digits[1..], 1),
        _ => (groups, digits, 0),
    };
    if !groups.starts_with(&[3, 3, 4]) || digits[0] < 2 || digits[3] < 2 {
        return None;
    }
    let dense =
        number.separators[country..country + 2].iter().all(|s| matches!(s, b'-' | b'.' | b')'));
    if !dense
        && !number.bracketed
        && !context::has_word_near(text, number.start, number.ends[country + 2], WORDS)
    {
        return None;
    }
    let end = extension(text, number.ends[country + 2]);
    let goes_on = matches!(text.at(end), b'-' | b'.') && text.at(end + 1).is_ascii_digit();
    (!goes_on && !text.at(end).is_ascii_alphanumeric()).then_some(number.start..end)
}

/// Any other grouping, or none, beside a word.
fn national(text: &Text<'_>, number: &Number) -> Option<Range<usize>> {
    let (count, end) = number.longest(|digits| (7..=12).contains(&digits))?;
    let end = extension(text, end);
    if text.at(end).is_ascii_alphanumeric() || matches!(text.at(end), b':' | b'%') {
        return None;
    }
    let groups = number.groups();
    let single = groups[0] >= count;
    if is_date(number)
        || text.before(number.start, 1) == b'-'
        || number.separators[0] == b'/' && groups[0] < 3
    {
        return None;
    }
    // A fraction, or an amount.
    if groups.len() == 2 && number.separators[0] == b'.' {
        return None;
    }
    let goes_on = text.at(end + 1).is_ascii_digit() && matches!(text.at(end), b'-' | b'.' | b'/');
    if goes_on {
        return None;
    }
    let named = |words: &[&str]| context::has_word_before(text, number.start, words);
    let words = named(WORDS) || (!single && named(VAGUE));
    let labelled = !single || count >= 9;
    (words || (labelled && context::has_label_behind(text, end, LABELS)))
        .then_some(number.start..end)
}

fn is_date(number: &Number) -> bool {
    let digits = number.digits();
    let value = |range: Range<usize>| {
        digits[range].iter().fold(0u32, |value, &d| value * 10 + u32::from(d))
    };
    match number.groups() {
        [4, 2, 2, ..] => {
            (1900..2100).contains(&value(0..4)) && value(4..6) <= 12 && value(6..8) <= 31
        }
        [2, 2, 4, ..] => {
            (1900..2100).contains(&value(4..8)) && value(0..2) <= 31 && value(2..4) <= 31
        }
        [8, ..] => (1900..2100).contains(&value(0..4)) && value(4..6) <= 12 && value(6..8) <= 31,
        // Seconds since 1970 for this and the next decades.
        [10] => (14..=20).contains(&value(0..2)),
        _ => false,
    }
}

/// Behind an extension (`x123`, ` ext. 123`) that follows the number, else `end`.
fn extension(text: &Text<'_>, end: usize) -> usize {
    let mut at = end;
    if text.at(at) == b' ' {
        at += 1;
    }
    let sign = if text.has_word(at, b"ext.") {
        4
    } else if text.has_word(at, b"ext") {
        3
    } else if text.has_word(at, b"x") {
        1
    } else {
        return end;
    };
    at += sign;
    if sign > 1 && text.at(at) == b' ' {
        at += 1;
    }
    let first = at;
    while at < first + 6 && text.at(at).is_ascii_digit() {
        at += 1;
    }
    if at == first || text.at(at).is_ascii_alphanumeric() { end } else { at }
}

/// Digits with the separators that phone numbers have.
struct Number {
    start: usize,
    digits: [u8; MAX],
    total: usize,
    groups: [usize; 8],
    /// Behind each group.
    ends: [usize; 8],
    /// The last character between a group and the next.
    separators: [u8; 8],
    runs: usize,
    bracketed: bool,
}

impl Number {
    /// Reads from a digit or an opening bracket on.
    fn read(text: &Text<'_>, start: usize) -> Option<Number> {
        let mut number = Number {
            start,
            digits: [0; MAX],
            total: 0,
            groups: [0; 8],
            ends: [0; 8],
            separators: [0; 8],
            runs: 0,
            bracketed: false,
        };
        let mut at = start;
        let mut open = false;
        let mut singles = 0;
        loop {
            if text.at(at) == b'(' && !open {
                if !text.at(at + 1).is_ascii_digit() {
                    break;
                }
                // The zero that is dialled inside the country only.
                let trunk = text.at(at + 1) == b'0' && text.at(at + 2) == b')' && number.runs > 0;
                if trunk {
                    at += 3;
                    if matches!(text.at(at), b' ' | b'-') {
                        at += 1;
                    }
                    continue;
                }
                open = true;
                number.bracketed = true;
                at += 1;
            }
            let begin = at;
            while text.at(at).is_ascii_digit() && number.total < MAX && at - start < MAX {
                number.digits[number.total] = text.at(at) - b'0';
                number.total += 1;
                at += 1;
            }
            if at == begin {
                break;
            }
            let mut separator = 0;
            let mut next = at;
            if open {
                if text.at(next) != b')' {
                    return None;
                }
                open = false;
                separator = b')';
                next += 1;
            }
            // Single digits are dialled before a number, not all through it.
            singles += usize::from(at - begin == 1);
            if singles > 2 {
                return None;
            }
            number.groups[number.runs] = at - begin;
            number.ends[number.runs] = at;
            number.runs += 1;
            if number.runs == 8 || at - start >= MAX {
                break;
            }
            match text.at(next) {
                byte @ (b' ' | b'-' | b'.' | b'/') => {
                    if separator == 0 {
                        separator = byte;
                    }
                    next += 1;
                }
                0xc2 if text.at(next + 1) == 0xa0 => {
                    separator = b' ';
                    next += 2;
                }
                _ => {}
            }
            let follows = text.at(next).is_ascii_digit()
                || (text.at(next) == b'(' && text.at(next + 1).is_ascii_digit());
            if !follows || (separator == 0 && text.at(next) != b'(') {
                break;
            }
            number.separators[number.runs - 1] = separator;
            at = next;
        }
        (number.runs > 0).then_some(number)
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.total]
    }

    fn groups(&self) -> &[usize] {
        &self.groups[..self.runs]
    }

    /// The most groups whose digits together are of a right number: how many digits, and their end.
    fn longest(&self, is_right: impl Fn(usize) -> bool) -> Option<(usize, usize)> {
        let mut total = 0;
        let mut best = None;
        for (group, end) in self.groups().iter().zip(self.ends) {
            total += group;
            if is_right(total) {
                best = Some((total, end));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let found = (0..input.len())
            .filter(|&at| {
                let here = input.as_bytes()[at].is_ascii_digit();
                here && !text.before(at, 1).is_ascii_alphanumeric()
            })
            .find_map(|at| find(&text, start(&text, at)));
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    #[test]
    fn international_numbers() {
        check("+1 415 555 0132", Some("+1 415 555 0132"));
        check("+1-903-140-4508x769", Some("+1-903-140-4508x769"));
        check("is +44 (20) 7123 4567.", Some("+44 (20) 7123 4567"));
        check("+46 (0)8 928 571 38 fax", Some("+46 (0)8 928 571 38"));
        check("+447700677662", Some("+447700677662"));
        check("tel:+62 812-3456-7890", Some("+62 812-3456-7890"));
        check("001-253-366-9781", Some("001-253-366-9781"));
        check("+1 415 555 01", None);
        check("0045 0304 0300", None);
        check("tel 0044 20 7123 4567", Some("0044 20 7123 4567"));
        check("a+4412345678901", None);
        check("2026-11-03T12:00:00+0700", None);
    }

    #[test]
    fn north_american_numbers() {
        check("(415) 555-0132", Some("(415) 555-0132"));
        check("(415)555-0132", Some("(415)555-0132"));
        check("at 780-999-2181", Some("780-999-2181"));
        check("259.735.7502x459", Some("259.735.7502x459"));
        check("120-999-2181", None);
        check("780-099-2181", None);
        check("780-999-2181-33", None);
        check("x780-999-2181", None);
    }

    #[test]
    fn national_numbers_need_a_word() {
        check("Phone: 0490 75 40 81", Some("0490 75 40 81"));
        check("\"phone\":\"081234567890\"", Some("081234567890"));
        check("call me on (64) 3591-3246?", Some("(64) 3591-3246"));
        check("71-33-52-22", None);
        check("781 1704 office", Some("781 1704"));
        check("phone seen 2026-11-03 12:30", None);
        check("call took 1730635200 s", None);
        check("order 081234567890", None);
        check("number 12345678", None);
        check("card number 4012-8888-8888-1882", None);
        check("\"message\":\"order 123-4567-890\"", None);
        check("HR12 1001 0051 8630 0016 1", None);
    }
}
