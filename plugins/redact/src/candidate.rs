//! From the masks of a block to the places worth a closer look.
//!
//! Every kind of candidate has a mask of its own; a set bit is a position at which a verifier reads
//! the bytes around. All of it is shifts and ANDs over two neighbouring blocks, so that clean text
//! is dismissed 64 bytes at a time, and a position is a candidate or not whatever block it falls
//! into. The conditions are necessary ones for the rules behind them, never sufficient.

use crate::scan::{BLOCK, Masks};

/// How far from the beginning of a word the first digit of an entity of a pack may stand, in bytes,
/// one more than the furthest.
pub(crate) const NUMBER: usize = 12;

/// Positions in one block, by what they may be the beginning of.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// Begins a group of digits from which at least seven characters are digits with single gaps.
    pub(crate) digits: u64,
    /// Begins a word from which at least twelve characters are of a token.
    pub(crate) token: u64,
    /// `:`, `=` or `<`.
    pub(crate) assign: u64,
    /// `@` or `%`.
    pub(crate) rare: u64,
    /// Two letters and two digits that begin a word: an IBAN.
    pub(crate) iban: u64,
    /// A colon after which another one follows within five characters.
    pub(crate) colons: u64,
    /// The first of at least five dashes: PEM. The first of two before a letter: an option.
    pub(crate) dashes: u64,
    /// A blank between a word and one of two letters, with a digit not far behind.
    pub(crate) said: u64,
    /// The first separator of a hardware address written with `-`, or with `.` in groups of four.
    pub(crate) mac: u64,
}

impl Candidates {
    /// Those of the block `here`, which follows a byte of the classes `before` and is followed by
    /// the block `next`.
    #[inline(always)]
    pub(crate) fn of(before: Before, here: &Masks, next: &Masks) -> Candidates {
        let both = |select: fn(&Masks) -> u64| {
            u128::from(select(here)) | u128::from(select(next)) << BLOCK
        };
        let first = |mask: u128| mask as u64;

        let alnum_before = here.alnum << 1 | before.alnum;
        let begins = here.alnum & !alnum_before;

        let digit = both(|m| m.digit);
        let digit_before = digit << 1 | u128::from(before.digit);
        let mut run = digit | (both(|m| m.gap) & digit_before & digit >> 1);
        if here.wide[0] | next.wide[0] != 0 {
            let gap = both(|m| m.wide[0]) & both(|m| m.wide[1]) >> 1 & digit_before & digit >> 2;
            run |= gap | gap << 1;
        }
        let run2 = run & run >> 1;
        let run4 = run2 & run2 >> 2;
        let run7 = run4 & run4 >> 3;
        let digits = here.digit & begins & first(run7);

        let word = both(|m| m.word);
        let word2 = word & word >> 1;
        let word4 = word2 & word2 >> 2;
        let word8 = word4 & word4 >> 4;
        let word12 = word8 & word4 >> 8;
        let token = begins & first(word12);

        let letter = both(|m| m.alnum & !m.digit);
        let letter2 = letter & letter >> 1;
        let iban = begins & first(letter2 & digit >> 2 & digit >> 3);

        let mut said = here.gap & alnum_before & first(letter2 >> 1 & both(|m| m.gap) >> 3);
        if here.digit | next.digit == 0 {
            said = 0;
        }

        let colon = both(|m| m.colon);
        let near = colon >> 1 | colon >> 2;
        let near = near | near >> 2 | colon >> 5;
        let colons = first(colon & near);

        let dash = both(|m| m.dash);
        let dash2 = dash & dash >> 1;
        let five = dash2 & dash2 >> 2 & dash >> 4;
        let dashes = first(five | (dash2 & letter >> 2)) & !(here.dash << 1 | before.dash);

        let dash_pairs = dash & dash >> 3;
        let dot = both(|m| m.dot);
        let mac = first((dash_pairs & dash_pairs >> 6 & dash >> 12) | (dot & dot >> 5));

        Candidates {
            digits,
            token,
            assign: here.assign,
            rare: here.rare,
            iban,
            colons,
            dashes,
            said,
            mac,
        }
    }

    /// Where words begin behind which, within [`NUMBER`] characters, a digit follows: what the
    /// entities of packs begin with. Worked out only where a pack is on.
    #[inline(always)]
    pub(crate) fn numbers(before: Before, here: &Masks, next: &Masks) -> u64 {
        let digit = u128::from(here.digit) | u128::from(next.digit) << BLOCK;
        let digit2 = digit | digit >> 1;
        let digit4 = digit2 | digit2 >> 2;
        let digit8 = digit4 | digit4 >> 4;
        let digit12 = digit8 | digit4 >> 8;
        // Parts of something longer: decimals, versions, names with hyphens.
        let glued = (here.dash | here.dot) << 1 & here.alnum << 2;
        here.alnum & !(here.alnum << 1 | before.alnum | glued) & digit12 as u64
    }

    /// Whether there is nothing to look at.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.digits
            | self.token
            | self.assign
            | self.rare
            | self.iban
            | self.colons
            | self.dashes
            | self.said
            | self.mac
            == 0
    }
}

/// What a block has to know of the byte before it, each as 0 or 1.
#[derive(Clone, Copy, Default)]
pub(crate) struct Before {
    alnum: u64,
    digit: u64,
    dash: u64,
}

impl Before {
    /// Of the byte that precedes a block.
    pub(crate) fn byte(byte: u8) -> Before {
        Before {
            alnum: u64::from(byte.is_ascii_alphanumeric()),
            digit: u64::from(byte.is_ascii_digit()),
            dash: u64::from(byte == b'-'),
        }
    }

    /// Of the last byte of a block.
    #[inline(always)]
    pub(crate) fn end_of(masks: &Masks) -> Before {
        let last = BLOCK - 1;
        Before { alnum: masks.alnum >> last, digit: masks.digit >> last, dash: masks.dash >> last }
    }
}

/// The positions of the bits of a mask, lowest first, counted from `base`.
#[inline(always)]
pub(crate) fn positions(mut mask: u64, base: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let bit = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            base + bit
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::classify_at;

    /// Where the candidates of one kind are, when the text is cut into blocks from `shift` on.
    fn found(text: &[u8], shift: usize, select: fn(&Candidates) -> u64) -> Vec<usize> {
        let mut all = Vec::new();
        let mut at = shift;
        let mut before = Before::byte(if shift == 0 { 0 } else { text[shift - 1] });
        while at < text.len() {
            let here = classify_at(text, at);
            let next = classify_at(text, at + BLOCK);
            all.extend(positions(select(&Candidates::of(before, &here, &next)), at));
            before = Before::end_of(&here);
            at += BLOCK;
        }
        all
    }

    #[test]
    fn groups_of_digits_are_found_where_seven_characters_follow() {
        let digits = |text: &str| found(text.as_bytes(), 0, |c| c.digits);
        assert_eq!(digits("pay 4111 1111 1111 1111."), [4, 9, 14]);
        assert_eq!(digits("at 203.0.113.7 ok"), [3, 7]);
        assert_eq!(digits("4111\u{a0}1111 1"), [0]);
        assert_eq!(digits("x4111111111111111"), [] as [usize; 0], "glued to a letter");
        assert_eq!(digits("_4111111"), [1], "an underscore is a border");
        assert_eq!(digits("12:34:56 200"), [] as [usize; 0]);
        assert_eq!(digits("1  2  3  4  5"), [] as [usize; 0], "gaps are single");
    }

    #[test]
    fn words_of_twelve_are_tokens() {
        let tokens = |text: &str| found(text.as_bytes(), 0, |c| c.token);
        assert_eq!(tokens("ghp_0123456789abc"), [0, 4]);
        assert_eq!(tokens("abcdefghijk abcdefghijkl"), [12]);
    }

    #[test]
    fn the_other_kinds() {
        assert_eq!(found(b"to DE89 3704", 0, |c| c.iban), [3]);
        assert_eq!(found(b"fe80::1, 12:34:56", 0, |c| c.colons), [4, 11]);
        assert_eq!(found(b"x -----BEGIN RSA", 0, |c| c.dashes), [2]);
        assert_eq!(found(b"x --user a -- b ---c", 0, |c| c.dashes), [2]);
        assert_eq!(found(b"00-1a-2b-3c-4d-5e", 0, |c| c.mac), [2]);
        assert_eq!(found(b"aabb.ccdd.eeff", 0, |c| c.mac), [4]);
    }

    #[test]
    fn it_does_not_matter_where_blocks_begin() {
        let text: String =
            "id 4111-1111-1111-1111 ghp_0123456789abcdefgh fe80::1 aa-bb-cc-dd-ee-ff \
            DE89 3704 0044 -----BEGIN x@y.z 12:34:56:78 "
                .repeat(5);
        let kinds: [fn(&Candidates) -> u64; 8] = [
            |c| c.digits,
            |c| c.token,
            |c| c.assign,
            |c| c.rare,
            |c| c.iban,
            |c| c.colons,
            |c| c.dashes,
            |c| c.mac,
        ];
        for kind in kinds {
            let whole = found(text.as_bytes(), 0, kind);
            for shift in 1..130 {
                let later: Vec<usize> = whole.iter().copied().filter(|&p| p >= shift).collect();
                assert_eq!(found(text.as_bytes(), shift, kind), later, "shifted by {shift}");
            }
        }
    }
}
