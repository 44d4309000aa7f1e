//! Groups of digits with single separators between them, as cards, phones and ids are written.
//!
//! Reads from the beginning of a group and no further than any rule needs, so that a text of
//! nothing but digits costs a constant amount per group.

use crate::text::Text;

/// The most digits that are read, one more than the longest card number.
pub(crate) const DIGITS_MAX: usize = 20;
const GROUPS_MAX: usize = 8;

/// Digits from one position on.
pub(crate) struct Groups {
    pub(crate) start: usize,
    digits: [u8; DIGITS_MAX],
    total: usize,
    groups: [Group; GROUPS_MAX],
    count: usize,
}

/// One run of digits.
#[derive(Clone, Copy, Default)]
pub(crate) struct Group {
    pub(crate) start: usize,
    pub(crate) length: usize,
    /// The separator before it, 0 for the first one. A no-break space is given as a blank.
    pub(crate) separator: u8,
}

impl Groups {
    /// Reads from `start`, the first digit of a group.
    pub(crate) fn read(text: &Text<'_>, start: usize) -> Groups {
        let mut read = Groups {
            start,
            digits: [0; DIGITS_MAX],
            total: 0,
            groups: [Group::default(); GROUPS_MAX],
            count: 0,
        };
        let mut at = start;
        let mut separator = 0;
        while read.count < GROUPS_MAX && read.total < DIGITS_MAX {
            let begin = at;
            let mut next = text.at(at);
            while next.is_ascii_digit() && read.total < DIGITS_MAX {
                read.digits[read.total] = next - b'0';
                read.total += 1;
                at += 1;
                next = text.at(at);
            }
            read.groups[read.count] = Group { start: begin, length: at - begin, separator };
            read.count += 1;
            let size = match next {
                b' ' | b'-' | b'.' | b'+' => 1,
                0xc2 if text.at(at + 1) == 0xa0 => 2,
                _ => break,
            };
            if !text.at(at + size).is_ascii_digit() {
                break;
            }
            separator = if size == 2 { b' ' } else { next };
            at += size;
        }
        read
    }

    /// All digits, separators left out, as numbers from 0 to 9.
    pub(crate) fn digits(&self) -> &[u8] {
        &self.digits[..self.total]
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups[..self.count]
    }

    /// The lengths of the groups, 0 where there is none.
    pub(crate) fn lengths(&self) -> [usize; GROUPS_MAX] {
        self.groups.map(|group| group.length)
    }

    /// The lengths of the groups, one byte each, the first one lowest.
    pub(crate) fn packed(&self) -> u64 {
        self.groups.iter().rev().fold(0, |all, group| all << 8 | group.length as u64)
    }

    /// Behind the first `count` groups.
    pub(crate) fn end_of(&self, count: usize) -> usize {
        let last = self.groups[count - 1];
        last.start + last.length
    }

    /// Whether the first `count` groups have the same separator between them.
    pub(crate) fn is_uniform(&self, count: usize) -> bool {
        self.groups[1..count].windows(2).all(|pair| pair[0].separator == pair[1].separator)
    }
}

/// Whether a number may begin at `start`: no letter, digit or mask before it, nor the fraction
/// point of a number.
pub(crate) fn may_begin(text: &Text<'_>, start: usize) -> bool {
    match text.before(start, 1) {
        b'*' => false,
        b'.' => !text.before(start, 2).is_ascii_alphanumeric() && text.at(start + 4) != b'.',
        byte => !byte.is_ascii_alphanumeric(),
    }
}

/// Whether a number may end before `end`: no letter or digit behind it, nor a fraction.
pub(crate) fn may_end(text: &Text<'_>, end: usize) -> bool {
    match text.at(end) {
        b'.' => !text.at(end + 1).is_ascii_digit(),
        byte => !byte.is_ascii_alphanumeric(),
    }
}
