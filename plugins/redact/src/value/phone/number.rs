//! Digits with what may stand between and around them in a phone number.

use crate::text::Text;

/// The longest number with its separators, in bytes.
const MAX: usize = 32;

/// Digits with the separators that phone numbers have.
pub(super) struct Number {
    pub(super) start: usize,
    pub(super) digits: [u8; MAX],
    pub(super) total: usize,
    pub(super) groups: [usize; 8],
    /// Behind each group.
    pub(super) ends: [usize; 8],
    /// The last character between a group and the next.
    pub(super) separators: [u8; 8],
    pub(super) runs: usize,
    pub(super) bracketed: bool,
}

impl Number {
    /// Reads from a digit or an opening bracket on.
    pub(super) fn read(text: &Text<'_>, start: usize) -> Option<Number> {
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

    pub(super) fn digits(&self) -> &[u8] {
        &self.digits[..self.total]
    }

    pub(super) fn groups(&self) -> &[usize] {
        &self.groups[..self.runs]
    }

    /// The most groups whose digits together are of a right number: how many digits, and their end.
    pub(super) fn longest(&self, is_right: impl Fn(usize) -> bool) -> Option<(usize, usize)> {
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
