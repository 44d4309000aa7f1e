//! Classes of bytes, looked up in one table, and a few tests on digits.
//!
//! ASCII only: what lies above 0x7f belongs to no class and is judged by whoever asks.

/// ASCII digit.
pub(crate) const DIGIT: u16 = 1;
/// ASCII upper-case letter.
pub(crate) const UPPER: u16 = 1 << 1;
/// ASCII lower-case letter.
pub(crate) const LOWER: u16 = 1 << 2;
/// Hexadecimal digit in either case.
pub(crate) const HEX: u16 = 1 << 3;
/// May stand in the local part of an e-mail address. Not `*` (masks), not `= & / ? % :`.
pub(crate) const LOCAL: u16 = 1 << 4;
/// Letters, digits, `-`, `_`: base64url, and what most tokens are made of.
pub(crate) const WORD: u16 = 1 << 5;
/// What a bearer token is made of besides the closing `=`.
pub(crate) const TOKEN: u16 = 1 << 6;
/// May stand in a name without quotes.
pub(crate) const NAME: u16 = 1 << 7;
/// Base64 in its first alphabet, without the closing `=`.
pub(crate) const BASE64: u16 = 1 << 8;

/// The first of four characters of base64, and so the upper six bits of a byte, of a text.
pub(crate) const TEXT64: u16 = 1 << 9;
/// The second of them, which holds the upper four bits of the next byte.
pub(crate) const NEXT64: u16 = 1 << 11;
/// The first hexadecimal digit of a byte of a text.
pub(crate) const TEXT16: u16 = 1 << 10;

/// ASCII letter.
pub(crate) const LETTER: u16 = UPPER | LOWER;
/// ASCII letter or digit.
pub(crate) const ALNUM: u16 = LETTER | DIGIT;

const CLASSES: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let mut class = 0;
        if b.is_ascii_digit() {
            class |= DIGIT;
        }
        if b.is_ascii_uppercase() {
            class |= UPPER;
        }
        if b.is_ascii_lowercase() {
            class |= LOWER;
        }
        if b.is_ascii_hexdigit() {
            class |= HEX;
        }
        if b.is_ascii_alphanumeric() {
            class |= LOCAL | WORD | TOKEN | NAME | BASE64;
        }
        if matches!(b, b'.' | b'_' | b'+' | b'~' | b'!' | b'#' | b'$' | b'^' | b'{' | b'}' | b'-') {
            class |= LOCAL;
        }
        if matches!(b, b'-' | b'_') {
            class |= WORD | TOKEN | NAME;
        }
        if matches!(b, b'.' | b'~' | b'+' | b'/') {
            class |= TOKEN;
        }
        if matches!(b, b'.' | b'[' | b']' | b'%') {
            class |= NAME;
        }
        if matches!(b, b'+' | b'/') {
            class |= BASE64;
        }
        if matches!(b, b'I'..=b'Z' | b'a'..=b'f') {
            class |= TEXT64;
        }
        if matches!(b, b'C'..=b'H' | b'S'..=b'X' | b'i'..=b'n' | b'y' | b'z' | b'0'..=b'3') {
            class |= NEXT64;
        }
        if matches!(b, b'2'..=b'7') {
            class |= TEXT16;
        }
        table[byte] = class;
        byte += 1;
    }
    table
};

/// Whether `byte` belongs to one of `classes`.
#[inline(always)]
pub(crate) fn is(byte: u8, classes: u16) -> bool {
    CLASSES[byte as usize] & classes != 0
}

/// The classes that all of these bytes belong to.
#[inline(always)]
pub(crate) fn shared<const N: usize>(bytes: [u8; N]) -> u16 {
    bytes.into_iter().fold(u16::MAX, |shared, byte| shared & CLASSES[byte as usize])
}

/// Whether `text` contains `word`, ASCII case ignored.
pub(crate) fn contains_ignoring_case(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// The values of hexadecimal digits, and 16 for everything else.
const DIGITS: [u8; 256] = {
    let mut table = [16; 256];
    let mut digit = 0;
    while digit < 16 {
        let byte = b"0123456789abcdef"[digit as usize];
        table[byte as usize] = digit;
        table[byte.to_ascii_uppercase() as usize] = digit;
        digit += 1;
    }
    table
};

/// The value of two hexadecimal digits.
#[inline]
pub(crate) fn unhex(high: u8, low: u8) -> Option<u8> {
    let (high, low) = (DIGITS[high as usize], DIGITS[low as usize]);
    ((high | low) < 16).then_some(high << 4 | low)
}
