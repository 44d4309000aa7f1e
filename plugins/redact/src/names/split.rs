//! Names in words: `accessToken` is `access_token`.

use super::NAME_MAX;

/// A name in words.
pub(super) struct Words {
    joined: [u8; 2 * NAME_MAX],
    length: usize,
}

impl Default for Words {
    fn default() -> Words {
        Words { joined: [0; 2 * NAME_MAX], length: 0 }
    }
}

impl Words {
    /// Reads the last [`NAME_MAX`] bytes of a name.
    pub(super) fn split(&mut self, name: &[u8]) {
        let name = &name[name.len().saturating_sub(NAME_MAX)..];
        let mut index = 0;
        let mut before = 0u8;
        while index < name.len() {
            let mut byte = name[index];
            let mut size = 1;
            if byte == b'%'
                && index + 2 < name.len()
                && let Some(decoded) = crate::bytes::unhex(name[index + 1], name[index + 2])
            {
                byte = decoded;
                size = 3;
            }
            let after = name.get(index + size).copied().unwrap_or(0);
            if byte.is_ascii_alphanumeric() || byte >= 0x80 {
                let hump = byte.is_ascii_uppercase()
                    && (before.is_ascii_lowercase()
                        || before.is_ascii_digit()
                        || (before.is_ascii_uppercase() && after.is_ascii_lowercase()));
                if hump {
                    self.border();
                }
                self.joined[self.length] = byte.to_ascii_lowercase();
                self.length += 1;
            } else {
                self.border();
            }
            before = byte;
            index += size;
        }
        while self.length > 0 && self.joined[self.length - 1] == b'_' {
            self.length -= 1;
        }
    }

    fn border(&mut self) {
        if self.length > 0 && self.joined[self.length - 1] != b'_' {
            self.joined[self.length] = b'_';
            self.length += 1;
        }
    }

    pub(super) fn joined(&self) -> &[u8] {
        &self.joined[..self.length]
    }

    /// Where words begin, first to last.
    pub(super) fn starts(&self) -> impl Iterator<Item = usize> {
        let joined = self.joined();
        (0..joined.len()).filter(|&i| i == 0 || joined[i - 1] == b'_')
    }

    pub(super) fn last(&self) -> &[u8] {
        let joined = self.joined();
        let start = joined.iter().rposition(|&b| b == b'_').map_or(0, |border| border + 1);
        &joined[start..]
    }

    pub(super) fn shorten(&mut self, bytes: usize) {
        self.length -= bytes;
    }

    pub(super) fn drop_last(&mut self) {
        self.length -= self.last().len();
        self.length = self.length.saturating_sub(1);
    }
}

/// A word without the digits at its end.
pub(super) fn without_digits(word: &[u8]) -> &[u8] {
    let end = word.iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |last| last + 1);
    &word[..end]
}
