//! Values that whoever holds the key can read again: `enc:k1:` and base64url.
//!
//! AES-256-SIV (RFC 5297) without a nonce, so the same value is written in the same way everywhere
//! and can be joined without being read. What was written so authenticates itself: a text that only
//! looks like it is a value like any other.

use crate::keys::is_id;
use crate::text::Text;
use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What encrypted values begin with.
const PREFIX: &[u8] = b"enc:";
/// The longest value that is encrypted, in bytes; longer ones are masked. What is written of it can
/// be looked back over from any byte in it.
pub(crate) const LONGEST: usize = 192;
/// Bytes that authenticate a value.
const TAG: usize = 16;
/// The longest encrypted value as it is written behind its prefix and id.
const WRITTEN: usize = ((LONGEST + TAG) * 4).div_ceil(3);

/// The cipher of one key.
#[derive(Clone)]
pub(crate) struct Cipher([u8; 64]);

impl Cipher {
    /// From the key as it is configured. Tokens and ciphers never use the same key.
    pub(crate) fn new(key: &[u8]) -> Option<Cipher> {
        let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        let mut own = [0; 64];
        for (half, purpose) in own.chunks_mut(32).zip([&b"encrypt\x01"[..], b"encrypt\x02"]) {
            half.copy_from_slice(&mac.clone().chain_update(purpose).finalize().into_bytes());
        }
        Some(Cipher(own))
    }

    /// Writes `enc:id:` and the value. `false` when it is too long; then nothing is written.
    pub(crate) fn write(&self, id: &str, value: &[u8], out: &mut Vec<u8>) -> bool {
        if value.len() > LONGEST {
            return false;
        }
        let Ok(mut siv) = Aes256Siv::new_from_slice(&self.0) else { return false };
        let Ok(closed) = siv.encrypt([&[] as &[u8]; 0], value) else { return false };
        out.extend_from_slice(PREFIX);
        if !id.is_empty() {
            out.extend_from_slice(id.as_bytes());
            out.push(b':');
        }
        out.extend_from_slice(URL_SAFE_NO_PAD.encode(closed).as_bytes());
        true
    }

    /// The value of what stands behind prefix and id; `None` unless it was written with this key.
    fn read(&self, written: &[u8]) -> Option<Vec<u8>> {
        let closed = URL_SAFE_NO_PAD.decode(written).ok()?;
        Aes256Siv::new_from_slice(&self.0).ok()?.decrypt([&[] as &[u8]; 0], &closed).ok()
    }
}

/// Keys with their ids, as the finder asks for them.
pub(crate) type Ciphers<'a> = &'a dyn Fn(&[u8]) -> Option<&'a Cipher>;

/// Behind the encrypted value that begins at `start`, if one begins there.
pub(crate) fn end(text: &Text<'_>, start: usize, ciphers: Ciphers<'_>) -> Option<usize> {
    if !PREFIX.iter().enumerate().all(|(index, &byte)| text.at(start + index) == byte) {
        return None;
    }
    let behind = start + PREFIX.len();
    let word = (behind..).take_while(|&at| is_written(text.at(at))).take(WRITTEN + 1).count();
    let (id, from) = match text.at(behind + word) {
        b':' => (text.slice(behind, behind + word), behind + word + 1),
        _ => (&b""[..], behind),
    };
    let cipher = ciphers(id)?;
    let length = (from..).take_while(|&at| is_written(text.at(at))).take(WRITTEN + 1).count();
    let is_ours = length <= WRITTEN && cipher.read(text.slice(from, from + length)).is_some();
    is_ours.then_some(from + length)
}

/// Whether `at` stands in an encrypted value.
pub(crate) fn is_in(text: &Text<'_>, at: usize, ciphers: Ciphers<'_>) -> bool {
    let before = |at: usize, most: usize| {
        (1..=most).take_while(|&distance| is_written(text.before(at, distance))).count()
    };
    let digits = at - before(at, WRITTEN).min(at);
    if digits == 0 || text.before(digits, 1) != b':' {
        return false;
    }
    let colon = digits - 1;
    let word = colon - before(colon, crate::keys::ID_MAX).min(colon);
    // Either the word is `enc`, or it is an id with `enc:` before it.
    let starts = [colon.checked_sub(PREFIX.len() - 1), word.checked_sub(PREFIX.len())];
    starts.into_iter().flatten().any(|start| end(text, start, ciphers).is_some_and(|end| at < end))
}

/// Whether a byte may stand in an encrypted value.
fn is_written(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Reads again what the action `encrypt` wrote: in `text` all values that were encrypted with one of
/// these keys stand as they were, in their canonical form. `keys` are ids and keys as they are
/// configured; the id of a single key (`key = …`) is empty. All else stays what it is.
pub fn decrypt(text: &str, keys: &[(&str, &str)]) -> String {
    let ciphers: Vec<(&str, Cipher)> = keys
        .iter()
        .filter(|(id, _)| id.is_empty() || is_id(id))
        .filter_map(|(id, key)| Some((*id, Cipher::new(key.as_bytes())?)))
        .collect();
    let of = |id: &[u8]| ciphers.iter().find(|(known, _)| known.as_bytes() == id).map(|c| &c.1);
    let all = Text::new(text.as_bytes(), true);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find("enc:") {
        let start = at + found;
        let end = end(&all, start, &of).unwrap_or(start + PREFIX.len());
        out.push_str(&text[at..start]);
        let written = &text[start..end];
        let (id, behind) = written[PREFIX.len()..].rsplit_once(':').unwrap_or(("", &written[4..]));
        match of(id.as_bytes()).and_then(|cipher| cipher.read(behind.as_bytes())) {
            Some(value) => out.push_str(&String::from_utf8_lossy(&value)),
            None => out.push_str(written),
        }
        at = end;
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef";

    fn written(id: &str, value: &str) -> String {
        let mut out = Vec::new();
        let cipher = Cipher::new(KEY.as_bytes()).expect("any length will do");
        assert!(cipher.write(id, value.as_bytes(), &mut out));
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn what_was_encrypted_can_be_read_with_its_key_only() {
        let (one, two) = (written("k1", "jane@example.com"), written("", "4111111111111111"));
        assert_eq!(one, written("k1", "jane@example.com"), "the same value in the same way");
        let text = format!("a enc:k1:x {one}, ü {two} enc: enc:k2:{}", &one[7..]);
        let expected =
            format!("a enc:k1:x jane@example.com, ü 4111111111111111 enc: enc:k2:{}", &one[7..]);
        assert_eq!(decrypt(&text, &[("k1", KEY), ("", KEY)]), expected);
        assert_eq!(decrypt(&text, &[("k1", "another key of 16+")]), text);
        assert_eq!(decrypt(&text, &[]), text);
        let forged = one.replace(&one[20..21], if &one[20..21] == "A" { "B" } else { "A" });
        assert_eq!(decrypt(&forged, &[("k1", KEY)]), forged);
    }

    #[test]
    fn every_byte_of_an_encrypted_value_knows_where_it_stands() {
        let cipher = Cipher::new(KEY.as_bytes()).expect("any length will do");
        let of = |id: &[u8]| (id == b"k1" || id.is_empty()).then_some(&cipher);
        for id in ["k1", ""] {
            for length in [0, 1, LONGEST] {
                let value = written(id, &"x".repeat(length));
                let line = format!("a {value} b");
                let text = Text::new(line.as_bytes(), true);
                assert_eq!(end(&text, 2, &of), Some(2 + value.len()));
                let from = 2 + value.rfind(':').expect("there is one") + 1;
                for at in from + 1..2 + value.len() {
                    assert!(is_in(&text, at, &of), "at {at} of `{line}`");
                }
                assert!(!is_in(&text, 0, &of) && !is_in(&text, line.len() - 1, &of));
            }
        }
        let mut out = Vec::new();
        assert!(!cipher.write("k1", &[b'x'; LONGEST + 1], &mut out) && out.is_empty());
    }
}
