//! Check digits, dates and tables of prefixes: what a value has to satisfy besides its shape.
//!
//! Every check gets the letters and digits of a value without separators, letters in upper case,
//! and never more of them than its patterns allow; one that is too short fails. The arithmetic is
//! that of the authorities that give the numbers out.

use std::ops::Range;

/// Everything of this shape.
pub(super) fn any(_: &[u8]) -> bool {
    true
}

/// The digits of a value as numbers; letters are left out.
pub(super) fn digits(value: &[u8]) -> impl DoubleEndedIterator<Item = u32> + Clone + '_ {
    value.iter().filter(|b| b.is_ascii_digit()).map(|&b| u32::from(b - b'0'))
}

/// The digit at `index`; 99 where there is none, which satisfies nothing.
pub(super) fn digit(value: &[u8], index: usize) -> u32 {
    match value.get(index) {
        Some(&byte) if byte.is_ascii_digit() => u32::from(byte - b'0'),
        _ => 99,
    }
}

/// The number that some digits make, `u64::MAX` where they are none. At most 18 of them.
pub(super) fn number(value: &[u8], range: Range<usize>) -> u64 {
    match value.get(range) {
        Some(part) if part.iter().all(u8::is_ascii_digit) && part.len() <= 18 => {
            part.iter().fold(0, |sum, &b| sum * 10 + u64::from(b - b'0'))
        }
        _ => u64::MAX,
    }
}

/// The sum of the first digits, each times its weight.
pub(super) fn weighted(value: &[u8], weights: &[u32]) -> u32 {
    digits(value).zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// Whether all characters are the same, as in a value that somebody typed to get past a form.
pub(super) fn is_uniform(value: &[u8]) -> bool {
    value.iter().all(|byte| Some(byte) == value.first())
}

/// Whether a number is one that stands for none: the same digit throughout, digits in their order,
/// a round number, or a number of social security that was printed on samples.
pub(super) fn is_sample(value: &[u8]) -> bool {
    let next = |digit: u8| if digit == b'9' { b'0' } else { digit + 1 };
    value.iter().all(u8::is_ascii_digit)
        && (is_uniform(value)
            || value.windows(2).all(|pair| next(pair[0]) == pair[1])
            || value.ends_with(b"00000")
            || value == b"078051120"
            || value == b"219099999")
}

/// Whether a number looks as if somebody had typed it: seven digits in a row that go up or down one
/// by one, five times the same digit, or five zeros that are not in front.
pub(super) fn is_typed(value: &[u8]) -> bool {
    let (mut up, mut down, mut same) = (1, 1, 1);
    let mut padded = value.first() == Some(&b'0');
    value.windows(2).any(|pair| {
        let [one, next] = [pair[0], pair[1]].map(|byte| (byte.wrapping_sub(b'0')) % 10);
        up = if (one + 1) % 10 == next { up + 1 } else { 1 };
        down = if (next + 1) % 10 == one { down + 1 } else { 1 };
        padded &= pair[1] == b'0';
        same = if one == next && !padded { same + 1 } else { 1 };
        up >= 7 || down >= 7 || same >= 5
    })
}

/// Luhn: every second digit from the right doubled, cross sums, modulo 10.
pub(super) fn luhn(value: &[u8]) -> bool {
    luhn_sum(digits(value), 0).is_multiple_of(10) && !is_uniform(value)
}

/// The sum that [`luhn`] divides; `odd` is 1 where the check digit is not among the digits.
fn luhn_sum(digits: impl DoubleEndedIterator<Item = u32>, odd: usize) -> u32 {
    digits
        .rev()
        .enumerate()
        .map(|(index, digit)| match ((index + odd) % 2, digit) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => 2 * digit - 9,
            (_, digit) => 2 * digit,
        })
        .sum()
}

/// Verhoeff: the group of the symmetries of a pentagon, finds all single errors and transpositions.
pub(super) fn verhoeff(value: &[u8]) -> bool {
    /// How the digit at a position is permuted; the period is 8.
    const PERMUTED: [[u8; 10]; 8] = {
        let first = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
        let mut all = [[0; 10]; 8];
        let mut row = 0;
        while row < 8 {
            let mut digit = 0;
            while digit < 10 {
                all[row][digit] =
                    if row == 0 { digit as u8 } else { first[all[row - 1][digit] as usize] };
                digit += 1;
            }
            row += 1;
        }
        all
    };
    let times = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let sum = digits(value)
        .rev()
        .enumerate()
        .fold(0, |sum, (index, digit)| times(sum, PERMUTED[index % 8][digit as usize % 10]));
    sum == 0 && !is_uniform(value)
}

/// ISO 7064, mod 11-10, over digits.
pub(super) fn mod_11_10(value: &[u8]) -> bool {
    let mut product = 10;
    let length = digits(value).count();
    for digit in digits(value).take(length.saturating_sub(1)) {
        let sum = (digit + product) % 10;
        product = 2 * if sum == 0 { 10 } else { sum } % 11;
    }
    digits(value).last().is_some_and(|last| (product + last) % 10 == 1)
}

/// ISO 7064, mod 11-2, the last character may be `X`.
pub(super) fn mod_11_2(value: &[u8]) -> bool {
    let sum = value.iter().fold(0, |sum, &byte| {
        let digit = if byte == b'X' { 10 } else { u32::from(byte.wrapping_sub(b'0')) };
        (2 * sum + digit) % 11
    });
    sum == 1
}

/// The remainder of a number of any length.
pub(super) fn remainder(value: &[u8], divisor: u32) -> u32 {
    digits(value).fold(0, |rest, digit| (rest * 10 + digit) % divisor)
}

/// Sums of the weights 7, 3, 1 over digits and letters (A is 10), as in machine-readable documents.
pub(super) fn machine_readable(value: &[u8]) -> u32 {
    let of = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    };
    value.iter().zip([7, 3, 1].iter().cycle()).map(|(&byte, weight)| of(byte) * weight).sum::<u32>()
        % 10
}

/// Whether there is such a day in some year.
pub(super) fn is_day(month: u64, day: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Whether `YYMMDD` stands at `at`.
pub(super) fn is_ymd(value: &[u8], at: usize) -> bool {
    is_day(number(value, at + 2..at + 4), number(value, at + 4..at + 6))
}

/// Whether `DDMMYY` stands at `at`.
pub(super) fn is_dmy(value: &[u8], at: usize) -> bool {
    is_day(number(value, at + 2..at + 4), number(value, at..at + 2))
        && number(value, at + 4..at + 6) < 100
}

/// Whether `YYYYMMDD` of the last or this century stands at `at`.
pub(super) fn is_long_ymd(value: &[u8], at: usize) -> bool {
    (1850..2100).contains(&number(value, at..at + 4)) && is_ymd(value, at + 2)
}

/// Whether a number of ten or thirteen digits reads as seconds or milliseconds since 1970, or one
/// of eight, twelve or fourteen as a date with or without a time.
pub(super) fn is_time(value: &[u8]) -> bool {
    if !value.iter().all(u8::is_ascii_digit) {
        return false;
    }
    match value.len() {
        10 | 13 => (13..=22).contains(&number(value, 0..2)),
        8 => is_long_ymd(value, 0) || is_long_ymd(&turned(value), 0),
        12 | 14 => is_long_ymd(value, 0) && number(value, 8..10) < 24,
        _ => false,
    }
}

/// `DDMMYYYY` as `YYYYMMDD`.
fn turned(value: &[u8]) -> [u8; 8] {
    match *value {
        [a, b, c, d, e, f, g, h] => [e, f, g, h, c, d, a, b],
        _ => [0; 8],
    }
}

/// Whether the characters at `indices` are among `set`.
pub(super) fn are_of(value: &[u8], range: Range<usize>, set: &[u8]) -> bool {
    value.get(range).is_some_and(|part| part.iter().all(|byte| set.contains(byte)))
}

/// Whether a value begins with one of some numbers of `length` digits.
pub(super) fn begins_with(value: &[u8], length: usize, ranges: &[(u64, u64)]) -> bool {
    let first = number(value, 0..length);
    ranges.iter().any(|&(from, to)| (from..=to).contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(check: fn(&[u8]) -> bool, right: &[&str], wrong: &[&str]) {
        for value in right {
            assert!(check(value.as_bytes()), "`{value}` is right");
        }
        for value in wrong {
            assert!(!check(value.as_bytes()), "`{value}` is wrong");
        }
    }

    #[test]
    fn check_digits_of_the_usual_kinds() {
        all(luhn, &["79927398713", "808401234567893"], &["79927398714", "0000000000"]);
        all(verhoeff, &["2363", "123451"], &["2364", "123415"]);
        all(mod_11_10, &["50842719350", "284037197"], &["50842719351", "284037198"]);
        all(mod_11_2, &["11010519491231002X", "440524188001010014"], &["110105194912310021"]);
    }

    #[test]
    fn remainders_and_documents() {
        assert_eq!(remainder(b"3214282912345698765432161182", 97), 1);
        assert_eq!(machine_readable(b"L898902C3"), 6);
        assert_eq!(machine_readable(b"740812"), 2);
        assert_eq!(weighted(b"123", &[3, 2, 1]), 10);
    }

    #[test]
    fn samples() {
        all(is_sample, &["111111111", "1234567890", "738200000"], &["738291604", "300000007"]);
    }

    #[test]
    fn numbers_that_somebody_typed() {
        let typed = ["4123456789", "98765430", "70000016", "5222221", "8901234567"];
        all(is_typed, &typed, &["000000283", "4123450678", "50827164", "1122334455"]);
    }

    #[test]
    fn days_and_times() {
        assert!(is_ymd(b"000229", 0) && is_dmy(b"310199", 0) && is_long_ymd(b"19991231", 0));
        assert!(!is_ymd(b"000230", 0) && !is_dmy(b"310499", 0) && !is_ymd(b"0002", 0));
        for time in ["1730635200", "1730635200000", "20261103", "03112026", "20261103123456"] {
            assert!(is_time(time.as_bytes()), "`{time}`");
        }
        assert!(!is_time(b"99999999") && !is_time(b"9730635200") && !is_time(b"1730635a00"));
    }
}
