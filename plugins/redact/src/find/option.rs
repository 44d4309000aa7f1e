//! Secrets as options of a command: `--password x`, `--api-key "x y"`, `["--password", "x"]`.
//!
//! With an equals sign an option is a pair like others. Without one it is told by its two dashes:
//! the name is read from there, and what stands behind it is judged as in free text, since manuals
//! and usages write options as commands do.

use super::Finder;
use crate::bytes::{self, WORD};
use crate::ending::{Ending, Quote};
use crate::names::{Family, NAME_MAX};
use crate::pair::{self, Name, Value};
use crate::text::Text;

/// The most blanks between an option and its value.
const BLANKS: usize = 8;

impl Finder<'_> {
    /// Two dashes before a letter.
    #[inline(never)]
    pub(super) fn option(&mut self, start: usize) {
        self.text.forget();
        let begins = begins_option(self.text.before(start, 1));
        let end = if begins { end_of_name(&self.text, start + 2) } else { start };
        if self.text.is_open() {
            self.hold(start);
            return;
        }
        if end == start || end - start > NAME_MAX {
            return;
        }
        let written = self.text.slice(start + 2, end);
        let may_end = match written {
            [.., before, last] => self.engine.names().may_end_with_two(*before, *last),
            _ => false,
        };
        if !may_end {
            return;
        }
        let Some(family @ Family::Secret { .. }) = self.engine.names().find(written) else {
            return;
        };
        let name = Name { start: start + 2, end, quote: None, family, in_query: false };
        let value = value_behind(&self.text, start, end);
        let passes = value.is_some_and(|value| is_usage(&self.text, &value));
        if self.text.is_open() {
            self.hold(start);
            return;
        }
        if let Some(value) = value.filter(|value| !passes && value.start >= self.state.settled) {
            self.secret(&name, value, end);
        }
    }
}

/// Whether an option may begin behind this byte.
fn begins_option(before: u8) -> bool {
    matches!(
        before,
        0..=b' ' | b'"' | b'\'' | b'`' | b'[' | b'(' | b'{' | b',' | b'=' | b':' | b'>'
    )
}

/// Behind the name that begins at `start`.
fn end_of_name(text: &Text<'_>, start: usize) -> usize {
    let mut end = start;
    while end <= start + NAME_MAX && bytes::is(text.at(end), WORD) {
        end += 1;
    }
    end
}

/// The value of the option that begins at `start` and whose name ends at `end`.
fn value_behind(text: &Text<'_>, start: usize, end: usize) -> Option<Value> {
    let mut at = end;
    // In a list of strings the option is one and its value is the next.
    let listed = pair::opening_quote(text, end).filter(|quote| is_quoted(text, start, *quote));
    if let Some(quote) = listed {
        at += quote.backslashes() + 1;
        if text.at(at) != b',' {
            return None;
        }
        at += 1;
    }
    let blanks = at;
    while at < blanks + BLANKS && matches!(text.at(at), b' ' | b'\t') {
        at += 1;
    }
    if at == blanks && listed.is_none() {
        return None;
    }
    match (listed, pair::opening_quote(text, at)) {
        (Some(outer), Some(quote)) if outer == quote => {}
        (Some(_), _) => return None,
        (None, Some(quote)) => {
            let inside = at + quote.backslashes() + 1;
            if pair::closes(text.at(inside)) {
                return None;
            }
        }
        (None, None) => {
            let first = text.at(at);
            // The next option, the end of an optional part, a word for what is to be put there.
            let is_none = matches!(
                first,
                0..=b' ' | b'-' | b'<' | b'[' | b']' | b')' | b'|' | b'}' | b',' | b'&' | b';'
            );
            return (!is_none).then(|| Value::new(at, Ending::bare()));
        }
    }
    let quote = pair::opening_quote(text, at)?;
    let inside = at + quote.backslashes() + 1;
    Some(Value { quote: Some(quote), ..Value::new(inside, Ending::quoted(quote, true)) })
}

/// Whether this quote stands right before `start`.
fn is_quoted(text: &Text<'_>, start: usize, quote: Quote) -> bool {
    let backslashes = quote.backslashes();
    text.before(start, 1) == quote.sign
        && (1..=backslashes).all(|distance| text.before(start, distance + 1) == b'\\')
        && text.before(start, backslashes + 2) != b'\\'
}

/// Whether a bare value is the word for one in a manual: `--password PASSWORD`, `--token your-token`,
/// or the next word of a sentence: `use --password option to log in`.
fn is_usage(text: &Text<'_>, value: &Value) -> bool {
    if !matches!(value.ending, Ending::Bare(_)) {
        return false;
    }
    let mut end = value.start;
    while end <= value.start + NAME_MAX && (bytes::is(text.at(end), WORD) || text.at(end) == b'.') {
        end += 1;
    }
    let word = text.slice(value.start, end);
    let sign = |b: &u8| matches!(b, b'_' | b'-' | b'.');
    let upper = !word.is_empty() && word.iter().all(|b| b.is_ascii_uppercase() || sign(b));
    let words = !word.is_empty() && word.iter().all(|b| b.is_ascii_lowercase() || sign(b));
    upper || (words && is_followed_by_word(text, end))
}

/// Whether a word in lower case follows, as in a sentence.
fn is_followed_by_word(text: &Text<'_>, end: usize) -> bool {
    if text.at(end) != b' ' {
        return matches!(text.at(end), b',' | b'.' | b')' | b':');
    }
    let mut at = end + 1;
    while at < end + 24 && text.at(at).is_ascii_lowercase() {
        at += 1;
    }
    at > end + 1 && matches!(text.at(at), b' ' | b',' | b'.' | b'\n' | b'\r' | b'"' | b'!' | 0)
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
    fn values_of_options_are_secrets() {
        for (input, expected) in [
            ("mysql --password hunter2 shop", "mysql --password [redacted] shop"),
            ("x --api-key \"a b\" -v", "x --api-key \"[redacted]\" -v"),
            ("x --api-key 'a b'", "x --api-key '[redacted]'"),
            ("--db_password  Geheim!", "--db_password  [redacted]"),
            ("x --password letmein", "x --password [redacted]"),
            ("x --token abc123def --n 3", "x --token [redacted] --n 3"),
            ("x --client-secret=abc1", "x --client-secret=[redacted]"),
            (r#"["x","--password","a b","-v"]"#, r#"["x","--password","[redacted]","-v"]"#),
            ("['x', '--password', 'a b', '-v']", "['x', '--password', '[redacted]', '-v']"),
            (
                r#"{"m":"[\"--password\", \"a\", \"b\"]"}"#,
                r#"{"m":"[\"--password\", \"[redacted]\", \"b\"]"}"#,
            ),
            (r#"{"cmd":"x --password hunter2"}"#, r#"{"cmd":"x --password [redacted]"}"#),
            (r#"{"cmd":"x --password \"a b\" y"}"#, r#"{"cmd":"x --password \"[redacted]\" y"}"#),
        ] {
            check(input, expected);
        }
    }

    #[test]
    fn manuals_sentences_and_other_options_pass() {
        for input in [
            "--password PASSWORD  the password",
            "[--password PASSWORD] [--token <token>]",
            "--password <password>",
            "--password, --user",
            "--password",
            "--password --user amy",
            "--password string   set the password",
            "use --password option to log in",
            "use --token to log in",
            "--token-file /etc/x1",
            "--max-tokens 4096",
            "--password-stdin < x1",
            "--password [redacted]",
            "--password $PASSWORD",
            "--password ${DB_PASSWORD}",
            "a--password hunter2",
        ] {
            check(input, input);
        }
    }
}
