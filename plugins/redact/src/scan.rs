//! Sorts 64 bytes at a time into classes, one bit per byte.
//!
//! This is the only code that looks at every byte of a text. It compares sixteen bytes at once and
//! keeps the answers as 64-bit masks, from which `candidate` works out, with shifts and ANDs, the
//! few places worth a closer look. It promises that a block costs the same whatever it holds and
//! however many rules there are.
//!
//! It knows nothing of rules, nor of what the classes are good for.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[path = "scan/simd128.rs"]
mod lane;
#[cfg(target_arch = "x86_64")]
#[path = "scan/sse2.rs"]
mod lane;
#[cfg(not(any(all(target_arch = "wasm32", target_feature = "simd128"), target_arch = "x86_64")))]
#[path = "scan/scalar.rs"]
mod lane;

use lane::Lane;

/// Bytes in a block; one bit of a mask stands for each.
pub(crate) const BLOCK: usize = 64;

/// Which bytes of a block belong to which class. Bit 0 is the first byte.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Masks {
    /// `0`–`9`.
    pub(crate) digit: u64,
    /// ASCII letters and digits.
    pub(crate) alnum: u64,
    /// Letters, digits, `_` and `-`: what tokens are made of.
    pub(crate) word: u64,
    /// What may stand once between two groups of digits: blank, `-`, `.`, `+`.
    pub(crate) gap: u64,
    /// `:` and `=`, behind which a value may follow a name, and `<`, behind which one may begin.
    pub(crate) assign: u64,
    /// `:`.
    pub(crate) colon: u64,
    /// `-`.
    pub(crate) dash: u64,
    /// `.`.
    pub(crate) dot: u64,
    /// `@`, what begins an escape (`%`, `&`, `\`), and the first byte of a character beyond ASCII
    /// that may be another spelling of one in it: rare enough to look at each.
    pub(crate) rare: u64,
    /// The first and the second byte of a no-break space, looked for only where there is anything
    /// but ASCII.
    pub(crate) wide: [u64; 2],
}

/// Sorts one block.
#[inline(always)]
pub(crate) fn classify(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    let mut high = 0;
    for (index, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let lane = Lane::load(bytes);
        let letter = lane.or(Lane::splat(0x20)).between(b'a', b'z');
        let rare = lane.equals(b'@').or(lane.between(b'%', b'&')).or(lane.equals(b'\\'));
        let shift = 16 * index;
        let bits = |lane: Lane| lane.bits() << shift;
        // What is joined here would be joined four times there.
        masks.digit |= bits(lane.between(b'0', b'9'));
        masks.alnum |= bits(letter);
        masks.word |= bits(lane.equals(b'_'));
        masks.gap |= bits(lane.equals(b' ').or(lane.equals(b'+')));
        // The last bit is all that tells them apart.
        masks.assign |= bits(lane.or(Lane::splat(1)).equals(b'='));
        masks.colon |= bits(lane.equals(b':'));
        masks.dash |= bits(lane.equals(b'-'));
        masks.dot |= bits(lane.equals(b'.'));
        masks.rare |= bits(rare);
        high |= lane.bits();
    }
    masks.alnum |= masks.digit;
    masks.word |= masks.alnum | masks.dash;
    masks.gap |= masks.dash | masks.dot;
    masks.assign |= masks.colon;
    if high != 0 {
        masks.wide = no_break_spaces(block);
        masks.rare |= other_spellings(block);
    }
    masks
}

#[inline(never)]
fn no_break_spaces(block: &[u8; BLOCK]) -> [u64; 2] {
    let mut wide = [0; 2];
    for (index, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let lane = Lane::load(bytes);
        wide[0] |= lane.equals(0xc2).bits() << (16 * index);
        wide[1] |= lane.equals(0xa0).bits() << (16 * index);
    }
    wide
}

/// First bytes of digits and letters of other scripts that have a form in ASCII, of blanks and of
/// what cannot be seen.
const LEADS: [u8; 8] = [0xc2, 0xd9, 0xdb, 0xe0, 0xe1, 0xe2, 0xe3, 0xef];

#[inline(never)]
fn other_spellings(block: &[u8; BLOCK]) -> u64 {
    let mut found = 0;
    for (index, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let lane = Lane::load(bytes);
        let leads = LEADS.iter().fold(Lane::splat(0), |all, &lead| all.or(lane.equals(lead)));
        found |= leads.bits() << (16 * index);
    }
    found
}

/// Sorts the block of `text` that begins at `at`; what lies behind the end counts as NUL.
#[inline(always)]
pub(crate) fn classify_at(text: &[u8], at: usize) -> Masks {
    match text.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        Some(block) => classify(block),
        None => classify_tail(text.get(at..).unwrap_or_default()),
    }
}

#[cold]
fn classify_tail(rest: &[u8]) -> Masks {
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    classify(&block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_by_one(block: &[u8; BLOCK]) -> Masks {
        let mask = |wanted: &dyn Fn(u8) -> bool| {
            block.iter().enumerate().fold(0, |mask, (i, &b)| mask | u64::from(wanted(b)) << i)
        };
        Masks {
            digit: mask(&|b| b.is_ascii_digit()),
            alnum: mask(&|b| b.is_ascii_alphanumeric()),
            word: mask(&|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
            gap: mask(&|b| b" -.+".contains(&b)),
            assign: mask(&|b| b":=<".contains(&b)),
            colon: mask(&|b| b == b':'),
            dash: mask(&|b| b == b'-'),
            dot: mask(&|b| b == b'.'),
            rare: mask(&|b| b"@%&\\".contains(&b) || LEADS.contains(&b)),
            wide: [mask(&|b| b == 0xc2), mask(&|b| b == 0xa0)],
        }
    }

    #[test]
    fn every_byte_falls_into_its_classes() {
        for first in [0u8, 64, 128, 192] {
            let block: [u8; BLOCK] = std::array::from_fn(|i| first + i as u8);
            assert_eq!(classify(&block), one_by_one(&block));
        }
    }

    #[test]
    fn a_short_tail_is_padded() {
        let masks = classify_at(b"ab1", 1);
        assert_eq!((masks.alnum, masks.digit), (0b11, 0b10));
        assert_eq!(classify_at(b"ab1", 3), Masks::default());
        assert_eq!(classify_at(b"ab1", 99), Masks::default());
    }

    proptest! {
        #[test]
        fn blocks_equal_bytes_looked_at_one_by_one(block in prop::array::uniform32(any::<u8>())) {
            let twice: [u8; BLOCK] = std::array::from_fn(|i| block[i % 32]);
            prop_assert_eq!(classify(&twice), one_by_one(&twice));
        }
    }
}
