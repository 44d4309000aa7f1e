//! Payment card numbers: the prefixes that were given out, their lengths, and the check digit.
//!
//! The check digit alone is weak evidence, one number in ten has a right one. Prefix, length and
//! grouping decide as well, and the short lengths need a word beside them.

use super::{context, digits};
use crate::text::Text;
use digits::Groups;
use std::ops::Range;

/// Words near which shorter numbers count, too.
pub(crate) const WORDS: &[&str] = &[
    "card",
    "cards",
    "pan",
    "cc",
    "visa",
    "mastercard",
    "maestro",
    "amex",
    "kartu",
    "kredit",
    "debit",
    "credit",
];

/// How numbers are grouped, longer ones first.
const LAYOUTS: &[Layout] = &[
    Layout::new(&[4, 4, 4, 4, 3]),
    Layout::new(&[4, 4, 4, 4]),
    Layout::new(&[8, 8]),
    Layout::new(&[4, 6, 5]),
    Layout::new(&[4, 4, 4, 3]),
    Layout::new(&[4, 6, 4]),
    Layout::new(&[4, 4, 4, 2]),
];

/// Groups with their lengths, to be compared all at once.
struct Layout {
    /// As [`Groups::packed`] gives them.
    packed: u64,
    groups: usize,
    digits: usize,
}

impl Layout {
    const fn new(lengths: &[u8]) -> Layout {
        let (mut packed, mut digits, mut at) = (0, 0, 0);
        while at < lengths.len() {
            packed |= (lengths[at] as u64) << (8 * at);
            digits += lengths[at] as usize;
            at += 1;
        }
        Layout { packed, groups: lengths.len(), digits }
    }

    fn begins(&self, packed: u64) -> bool {
        (packed ^ self.packed) << (64 - 8 * self.groups) == 0
    }
}

/// Finds a card number that begins with the first group.
pub(crate) fn find(text: &Text<'_>, groups: &Groups) -> Option<Range<usize>> {
    let start = groups.start;
    if groups.digits().len() < 12 || !digits::may_begin(text, start) {
        return None;
    }
    let packed = groups.packed();
    let grouped = LAYOUTS
        .iter()
        .filter(|layout| layout.begins(packed))
        .find_map(|layout| judge(text, groups, layout.groups, layout.digits));
    grouped.or_else(|| judge(text, groups, 1, groups.groups()[0].length)).map(|end| start..end)
}

fn judge(text: &Text<'_>, groups: &Groups, count: usize, total: usize) -> Option<usize> {
    if !(12..=19).contains(&total) || total > groups.digits().len() || !groups.is_uniform(count) {
        return None;
    }
    let number = &groups.digits()[..total];
    let end = groups.end_of(count);
    if !is_issued(number) || !luhn(number) || number.iter().all(|&d| d == number[0]) {
        return None;
    }
    if !digits::may_end(text, end) || (count > 1 && is_inside_of_longer(text, groups, count)) {
        return None;
    }
    if is_range_or_row(text, groups, count, end) {
        return None;
    }
    let sure = (total >= 14 && !is_common_number(number)) || (count > 1 && number[0] == 4);
    (sure || context::has_word_near(text, groups.start, end, WORDS)).then_some(end)
}

/// Whether fifteen digits are written all over logs: the numbers of threads on Linux, which are
/// addresses below 2^47, and of users of large services (`1000…`).
fn is_common_number(number: &[u8]) -> bool {
    let first = number[..4].iter().fold(0u32, |value, &d| value * 10 + u32::from(d));
    number.len() == 15 && matches!(first, 1000 | 1396..=1407)
}

/// Whether the groups are numbers of their own: the ends of a range (`bytes 62897398-98011607/…`),
/// or columns beside an empty one.
fn is_range_or_row(text: &Text<'_>, groups: &Groups, count: usize, end: usize) -> bool {
    if count == 2 {
        let unit =
            context::is_right_behind(text, groups.start, &["bytes", "range", "rows", "items"]);
        return unit || text.at(end) == b'/';
    }
    count > 2
        && groups.groups()[1].separator == b' '
        && (text.ends_with_word(groups.start, b"\"-\" ") || text.has_word(end, b" \"-\""))
}

/// Whether the groups go on before or behind in the same manner, as in an account number.
fn is_inside_of_longer(text: &Text<'_>, groups: &Groups, count: usize) -> bool {
    let separator = groups.groups()[1].separator;
    let before = |distance| text.before(groups.start, distance);
    let is_group =
        before(1) == separator && (2..=5).all(|distance| before(distance).is_ascii_alphanumeric());
    let letters = (2..=5).any(|distance| before(distance).is_ascii_alphabetic());
    let digits = (2..=5).any(|distance| before(distance).is_ascii_digit());
    let longer = is_group
        && digits
        && (letters || (before(6) == separator && before(7).is_ascii_alphanumeric()));
    let goes_on = groups
        .groups()
        .get(count)
        .is_some_and(|next| next.separator == separator && next.length == 4);
    longer || goes_on
}

/// Whether a number of this length may begin like this.
pub(crate) fn is_issued(number: &[u8]) -> bool {
    if number.len() < 6 {
        return false;
    }
    let length = number.len();
    let first =
        |count: usize| number[..count].iter().fold(0u32, |value, &d| value * 10 + u32::from(d));
    match first(2) {
        40..=49 => matches!(length, 13 | 16 | 19),
        51..=55 => length == 16,
        34 | 37 => length == 15,
        36 | 38 | 39 => (14..=19).contains(&length),
        30 => (300..=305).contains(&first(3)) && (14..=19).contains(&length),
        22..=27 if (2221..=2720).contains(&first(4)) => length == 16,
        35 => (16..=19).contains(&length),
        21 => first(4) == 2131 && length == 15,
        18 => first(4) == 1800 && length == 15,
        65 => (16..=19).contains(&length) || (12..=15).contains(&length),
        50 | 56..=64 | 66..=69 => (12..=19).contains(&length),
        6 if first(4) == 604 => (12..=19).contains(&length),
        10..=19 => length == 15,
        _ => false,
    }
}

/// The check digit of cards: every second digit from the right doubled.
pub(crate) fn luhn(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(index, &digit)| match (index % 2, u32::from(digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => 2 * digit - 9,
            (_, digit) => 2 * digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let mut found = None;
        for at in 0..input.len() {
            if input.as_bytes()[at].is_ascii_digit()
                && !text.before(at, 1).is_ascii_digit()
                && found.is_none()
            {
                found = find(&text, &Groups::read(&text, at));
            }
        }
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    #[test]
    fn check_digits() {
        let number = |text: &str| text.bytes().map(|b| b - b'0').collect::<Vec<_>>();
        assert!(luhn(&number("4111111111111111")));
        assert!(luhn(&number("378282246310005")));
        assert!(!luhn(&number("4111111111111112")));
    }

    #[test]
    fn numbers_in_every_usual_grouping() {
        check("pay 4111111111111111.", Some("4111111111111111"));
        check("4111 1111 1111 1111 12/27", Some("4111 1111 1111 1111"));
        check("4111-1111-1111-1111", Some("4111-1111-1111-1111"));
        check("4111.1111.1111.1111", Some("4111.1111.1111.1111"));
        check("4111\u{a0}1111\u{a0}1111\u{a0}1111", Some("4111\u{a0}1111\u{a0}1111\u{a0}1111"));
        check("card=4111+1111+1111+1111&x", Some("4111+1111+1111+1111"));
        check("3782 822463 10005", Some("3782 822463 10005"));
        check("id_4111111111111111_x", Some("4111111111111111"));
        check("9999-1111 4111 1111 1111 1111", Some("4111 1111 1111 1111"));
        check("card 4222222222222", Some("4222222222222"));
        check("6304000000000000", Some("6304000000000000"));
        check("135410014004955", Some("135410014004955"));
        check("card 139637976727555", Some("139637976727555"));
    }

    #[test]
    fn numbers_that_are_no_cards() {
        check("order 4111 1111 1111 1112", None);
        check("x4111111111111111", None);
        check("4111111111111111x", None);
        check("0.4111111111111111", None);
        check("id 4222222222222", None);
        check("1748503543012", None);
        check("4111 1111-1111 1111", None);
        check("0000000000000000", None);
        check("bytes 40008881-11111118/776507373", None);
        check("- \"-\" 4111 1111 1111 1111 \"Mozilla/5.0\"", None);
        check("tid 139637976727555", None);
        check("**********1111 1111 1111 1111", None);
        check("DE89 3704 4111 1111 1111 1111", None);
    }
}
