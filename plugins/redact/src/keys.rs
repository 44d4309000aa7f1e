//! The keys of tokens, and how tokens are told from values.
//!
//! A token is `name:` and sixteen hexadecimal digits, with the id of its key before them where keys
//! have ids: `email:k2:9f86d081884c7d65`. New tokens are written with the first key. Those of the
//! other keys are still known for tokens, so that texts which were redacted before a key was changed
//! stay as they are.

use crate::cipher::{self, Cipher};
use crate::rule::Catalogue;
use crate::text::Text;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Hexadecimal digits of a token.
const HEX: usize = 16;
/// The shortest key, in bytes.
pub(crate) const SHORTEST: usize = 16;
/// The longest id of a key, in bytes.
pub(crate) const ID_MAX: usize = 12;

/// A key.
#[derive(Clone)]
pub(crate) struct Key {
    /// Empty where there is one key only, without an id.
    id: String,
    mac: Hmac<Sha256>,
    cipher: Cipher,
}

impl Key {
    /// `None` when the key is shorter than [`SHORTEST`].
    pub(crate) fn new(id: &str, key: &[u8]) -> Option<Key> {
        if key.len() < SHORTEST {
            return None;
        }
        let mac = Hmac::new_from_slice(key).ok()?;
        Some(Key { id: id.to_owned(), mac, cipher: Cipher::new(key)? })
    }
}

/// Whether this is an id: a lower-case letter, and letters and digits behind it. It stands in
/// texts, so it must not look like anything else there.
pub(crate) fn is_id(id: &str) -> bool {
    id.len() <= ID_MAX
        && id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// All keys of a configuration. The first one writes.
#[derive(Clone, Default)]
pub(crate) struct Keys(Vec<Key>);

impl Keys {
    pub(crate) fn new(keys: Vec<Key>) -> Keys {
        Keys(keys)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes `name:id:` and the first half of a keyed hash, the same wherever the value stands.
    /// `false` without a key; then nothing is written.
    pub(crate) fn write_token(&self, name: &str, canonical: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(key) = self.0.first() else { return false };
        let digest = self.digest(name, canonical).unwrap_or_default();
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        if !key.id.is_empty() {
            out.extend_from_slice(key.id.as_bytes());
            out.push(b':');
        }
        for byte in &digest[..HEX / 2] {
            out.extend_from_slice(format!("{byte:02x}").as_bytes());
        }
        true
    }

    /// What stands for a value in tokens: a keyed hash of the name of the rule, a zero byte, and the
    /// value. `None` without a key.
    pub(crate) fn digest(&self, name: &str, canonical: &[u8]) -> Option<[u8; 32]> {
        let mut mac = self.0.first()?.mac.clone();
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(canonical);
        Some(mac.finalize().into_bytes().into())
    }

    /// Writes the value so that it can be read again with the first key. `false` when it is too long,
    /// or without a key; then nothing is written.
    pub(crate) fn encrypt(&self, canonical: &[u8], out: &mut Vec<u8>) -> bool {
        self.0.first().is_some_and(|key| key.cipher.write(&key.id, canonical, out))
    }

    /// Behind the encrypted value that begins at `start`, if one of these keys wrote one there.
    pub(crate) fn end_of_encrypted(&self, text: &Text<'_>, start: usize) -> Option<usize> {
        cipher::end(text, start, &|id| self.cipher(id))
    }

    /// Whether `at` stands in an encrypted value.
    pub(crate) fn is_in_encrypted(&self, text: &Text<'_>, at: usize) -> bool {
        cipher::is_in(text, at, &|id| self.cipher(id))
    }

    fn cipher(&self, id: &[u8]) -> Option<&Cipher> {
        self.0.iter().find(|key| key.id.as_bytes() == id).map(|key| &key.cipher)
    }

    /// Whether the whole of `value` is a token of the rule of this name.
    pub(crate) fn is_token(&self, value: &[u8], name: &str) -> bool {
        let Some(rest) = value.strip_prefix(name.as_bytes()) else { return false };
        let Some(rest) = rest.strip_prefix(b":") else { return false };
        let with_id = |key: &Key| rest.strip_prefix(key.id.as_bytes())?.strip_prefix(b":");
        let rest = self.0.iter().filter(|key| !key.id.is_empty()).find_map(with_id).unwrap_or(rest);
        rest.len() == HEX && rest.iter().all(u8::is_ascii_hexdigit)
    }

    /// Whether the colon at `sign` is one of a token of one of these rules.
    pub(crate) fn is_in_token(&self, rules: &Catalogue, text: &Text<'_>, sign: usize) -> bool {
        if text.at(sign) != b':' {
            return false;
        }
        let hex = |start: usize| (start..start + HEX).all(|at| text.at(at).is_ascii_hexdigit());
        let ids = || self.0.iter().map(|key| key.id.as_bytes()).filter(|id| !id.is_empty());
        let named = |end| rules.names().any(|name| text.ends_with_word(end, name.as_bytes()));
        let colon = |at: usize| text.before(at, 1) == b':';
        if hex(sign + 1) {
            return named(sign)
                || ids().any(|id| {
                    text.ends_with_word(sign, id)
                        && colon(sign - id.len())
                        && named(sign - id.len() - 1)
                });
        }
        let behind = sign + 1;
        ids().any(|id| {
            let end = behind + id.len();
            text.has_word(behind, id) && text.at(end) == b':' && hex(end + 1)
        }) && named(sign)
    }

    /// Whether what begins at `start` begins in the digits of a token.
    pub(crate) fn is_in_digits(&self, rules: &Catalogue, text: &Text<'_>, start: usize) -> bool {
        let before = |distance: &usize| text.before(start, *distance).is_ascii_hexdigit();
        let digits = (1..HEX).take_while(before).count();
        text.before(start, digits + 1) == b':' && self.is_in_token(rules, text, start - digits - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let key = |id: &str, byte: u8| Key::new(id, &[byte; 16]).expect("it is long enough");
        Keys::new(vec![key("k2", b'n'), key("token", b'o')])
    }

    #[test]
    fn the_first_key_writes_and_all_are_known() {
        let keys = keys();
        let mut out = Vec::new();
        assert!(keys.write_token("email", b"jane@example.com", &mut out));
        assert!(out.starts_with(b"email:k2:"), "{}", String::from_utf8_lossy(&out));
        for (value, expected) in [
            (&*String::from_utf8_lossy(&out), true),
            ("email:token:0123456789abcdef", true),
            ("email:0123456789abcdef", true),
            ("email:k3:0123456789abcdef", false),
            ("email:k2:0123456789abcde", false),
            ("email:k2:0123456789abcdefa", false),
            ("card:k2:0123456789abcdef", false),
        ] {
            assert_eq!(keys.is_token(value.as_bytes(), "email"), expected, "`{value}`");
        }
    }

    #[test]
    fn every_part_of_a_token_is_known_where_it_stands() {
        let (keys, rules) = (keys(), Catalogue::default());
        let written = "x email:token:0123456789abcdef y";
        let text = Text::new(written.as_bytes(), true);
        for (at, byte) in written.bytes().enumerate() {
            let expected = byte == b':';
            assert_eq!(keys.is_in_token(&rules, &text, at), expected, "at {at}");
        }
        let digits = written.find("0123").expect("they are there");
        for at in digits..digits + 16 {
            assert!(keys.is_in_digits(&rules, &text, at), "at {at}");
        }
        assert!(!keys.is_in_digits(&rules, &text, 0));
        assert!(!keys.is_in_digits(&rules, &text, digits + 17));
    }

    #[test]
    fn ids_are_short_words() {
        for (id, expected) in [
            ("k1", true),
            ("winter26", true),
            ("", false),
            ("1a", false),
            ("a-b", false),
            ("K", false),
        ] {
            assert_eq!(is_id(id), expected, "`{id}`");
        }
        assert!(!is_id("abcdefghijklm"), "too long");
    }

    #[test]
    fn short_keys_are_none() {
        assert!(Key::new("", b"").is_none());
        assert!(Key::new("k1", b"too short").is_none());
    }
}
