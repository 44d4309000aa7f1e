//! Secrets in sentences: `password is x1`, `the password for amy is: x1`.
//!
//! There is no sign that a value follows, so both sides have to say it: a name that means nothing
//! else, and a value with a digit among its first bytes.

use super::Finder;
use crate::bytes::{self, LETTER, WORD};
use crate::ending::{Ending, Quote};
use crate::names::Family;
use crate::pair::{self, Name, Value};
use crate::text::Text;

/// How many words back from `is` a name may stand, and how many bytes.
const WORDS: usize = 5;
const BACK: usize = 64;
/// Within so many bytes of a value a digit has to stand.
///
/// Together with the word and the blanks before the value less than a block, so that the next block
/// is as far as has to be looked for one.
const NEAR: usize = 40;
/// The most blanks before a value.
const BLANKS: usize = 4;
/// The shortest value.
const SHORTEST: usize = 4;
/// What a password may be that is none.
const METHODS: [&[u8]; 9] =
    [b"sha", b"md5", b"base64", b"utf", b"aes", b"argon2", b"pbkdf2", b"bcrypt", b"rot13"];

impl Finder<'_> {
    /// A blank before a word of two letters.
    #[inline(never)]
    pub(super) fn said(&mut self, at: usize) {
        let bytes = self.text.bytes();
        if bytes.get(at..at + 4) == Some(b" is ")
            && let Some(&[before, last]) = bytes.get(..at).and_then(|before| before.last_chunk())
            && self.engine.names().may_end_with_two(before, last)
            && let Some(name) = pair::name_at(&self.text, self.engine.names(), self.kind, at)
        {
            self.told(&name, at + 3);
        }
    }

    /// A colon behind which no value of a name follows; one behind `is`, perhaps.
    #[inline(never)]
    pub(super) fn said_with_colon(&mut self, sign: usize) {
        if self.text.at(sign) != b':' || !self.text.ends_with_word(sign, b" is") {
            return;
        }
        let mut end = sign - 3;
        for _ in 0..WORDS {
            let mut start = end;
            while sign - start < BACK && bytes::is(self.text.before(start, 1), WORD) {
                start -= 1;
            }
            let family = self.engine.names().find(self.text.slice(start, end));
            if let Some(family) = family {
                return self.told(&Name { start, end, quote: None, family, in_query: false }, sign);
            }
            if start == end || self.text.before(start, 1) != b' ' {
                return;
            }
            end = start - 1;
        }
    }

    /// A value behind a name and `is`, the last byte of which is at `sign`.
    fn told(&mut self, name: &Name, sign: usize) {
        if name.quote.is_some() || !matches!(name.family, Family::Secret { weak: false }) {
            return;
        }
        self.text.forget();
        let engine = self.engine;
        let ours = engine.is_own_marker(self.text.slice(name.start, name.end))
            || engine.is_behind_marker(&self.text, name.start);
        let value = if ours { None } else { value_behind(&self.text, sign) };
        if self.text.is_open() {
            self.hold(self.earliest_of_pair(name, sign));
            return;
        }
        if let Some(value) = value.filter(|value| value.start >= self.state.settled) {
            self.secret(name, value, sign);
        }
    }
}

/// The value behind `sign`, if it looks like a secret.
fn value_behind(text: &Text<'_>, sign: usize) -> Option<Value> {
    let mut start = sign + 1;
    while start <= sign + BLANKS && text.at(start) == b' ' {
        start += 1;
    }
    let quote = match text.at(start) {
        sign @ (b'"' | b'\'' | b'`') => Quote::written(sign, 0),
        _ => None,
    };
    let value = match quote {
        Some(quote) => {
            Value { quote: Some(quote), ..Value::new(start + 1, Ending::quoted(quote, true)) }
        }
        None => Value::new(start, Ending::bare()),
    };
    let mut length = 0;
    let mut digit = false;
    while length < NEAR {
        let byte = text.at(value.start + length);
        // Before the digit nothing at which a text may be cut and its beginning be settled.
        let ends = match byte {
            _ if quote.is_some_and(|quote| byte == quote.sign) => true,
            0..=b' '
            | b'"'
            | b'`'
            | b','
            | b';'
            | b'<'
            | b'>'
            | b'&'
            | b'='
            | b'|'
            | b'?'
            | b'\\' => quote.is_none() || !digit || byte < b' ',
            _ => false,
        };
        if ends {
            break;
        }
        digit |= byte.is_ascii_digit();
        length += 1;
    }
    let is_method = METHODS.iter().any(|method| text.has_word(value.start, method));
    let is_word = bytes::is(text.at(value.start), LETTER) || length > SHORTEST;
    (digit && length >= SHORTEST && is_word && !is_method).then_some(value)
}

#[cfg(test)]
mod tests {
    use crate::engine::{Engine, Scratch};
    use crate::place::Kind;
    use crate::rules::Rules;

    fn check(input: &str, expected: &str) {
        let engine = Engine::new(Rules::default());
        let out = engine.redact(Kind::Text, input.as_bytes(), &mut Scratch::default());
        assert_eq!(String::from_utf8_lossy(&out), expected, "`{input}`");
    }

    #[test]
    fn secrets_that_are_told() {
        for (input, expected) in [
            ("my password is hunter2 now", "my password is [redacted] now"),
            ("My Password is Tr0ub4dor!3", "My Password is [redacted]"),
            ("the passphrase is 'a7 b', ok", "the passphrase is '[redacted]', ok"),
            ("api key is k3y-17", "api key is [redacted]"),
            ("the password for amy is: hunter2", "the password for amy is: [redacted]"),
            ("{\"m\":\"password is hunter2\"}", "{\"m\":\"password is [redacted]\"}"),
        ] {
            check(input, expected);
        }
    }

    #[test]
    fn sentences_about_secrets_pass() {
        for input in [
            "the password is wrong, 3 left",
            "password is 8 characters long",
            "password is sha256 with salt",
            "password is too short: 12 characters",
            "the token is a1b2c3",
            "password is [redacted] 12",
            "the reason for this is: code42",
        ] {
            check(input, input);
        }
    }
}
