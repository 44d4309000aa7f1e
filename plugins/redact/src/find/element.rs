//! Secrets as elements of XML and HTML: `<password>x</password>`, `<ns:cardNumber>…</ns:cardNumber>`.
//!
//! An element is told by its opening tag. No document is parsed: what is cut off or not well formed
//! is read as well, and the brackets of generic types, of mail addresses and of usages are passed
//! over. What is replaced stands between two tags, so a document stays as well formed as it was.
//! Attributes are pairs like others.

use super::Finder;
use crate::bytes::{self, ALNUM, WORD};
use crate::ending::Ending;
use crate::names::{Family, NAME_MAX};
use crate::pair::{Name, Value};
use crate::span::NEAR;
use crate::text::Text;

/// The longest opening tag with its attributes that is read, in bytes. It is
/// shorter than what is judged again of a text that goes on.
const TAG: usize = 96;
/// What begins a text that is written as it is.
const LITERAL: &[u8] = b"<![CDATA[";

impl Finder<'_> {
    /// An opening angle bracket.
    #[inline(always)]
    pub(super) fn angle(&mut self, at: usize) {
        let letter = self
            .text
            .bytes()
            .get(at + 1)
            .is_none_or(|&byte| bytes::is(byte, bytes::LETTER) || byte == b'_');
        if letter {
            self.element(at);
        }
    }

    #[inline(never)]
    fn element(&mut self, at: usize) {
        self.text.forget();
        let end = end_of_name(&self.text, at + 1);
        if self.text.is_open() {
            self.hold(at);
            return;
        }
        let Some(end) = end else { return };
        let written = self.text.slice(at + 1, end);
        let may_end = match written {
            [.., before, last] => {
                last.is_ascii_digit() || self.engine.names().may_end_with_two(*before, *last)
            }
            _ => false,
        };
        if !may_end {
            return;
        }
        let local = written.iter().rposition(|&b| b == b':').map_or(0, |colon| colon + 1);
        let Some(family @ Family::Secret { weak }) = self.engine.names().find(&written[local..])
        else {
            return;
        };
        let name = Name { start: at + 1 + local, end, quote: None, family, in_query: false };
        let sign = end_of_tag(&self.text, at, end);
        let value = sign.and_then(|sign| value_behind(&self.text, at, sign, weak));
        if self.text.is_open() {
            self.hold(at);
            return;
        }
        if let (Some(sign), Some(value)) = (sign, value)
            && value.start >= self.state.settled
        {
            self.secret(&name, value, sign);
        }
    }
}

/// Behind the name of the tag that begins at `start`, if something of a tag follows.
fn end_of_name(text: &Text<'_>, start: usize) -> Option<usize> {
    let mut end = start;
    while bytes::is(text.at(end), WORD) || matches!(text.at(end), b':' | b'.') {
        if end - start >= NAME_MAX {
            return None;
        }
        end += 1;
    }
    matches!(text.at(end), b'>' | b' ' | b'\t').then_some(end)
}

/// The bracket that closes the tag whose name ends at `at`; `None` for one without content.
fn end_of_tag(text: &Text<'_>, start: usize, mut at: usize) -> Option<usize> {
    let mut quote = None;
    let has_attributes = text.at(at) != b'>';
    let mut signs = false;
    while at < start + TAG {
        match (text.at(at), quote) {
            (b'\n' | b'\r' | 0, _) => return None,
            (byte, Some(open)) if byte == open => quote = None,
            (_, Some(_)) => {}
            (byte @ (b'"' | b'\''), None) => quote = Some(byte),
            (b'<', None) => return None,
            (b'=', None) => signs = true,
            (b'>', None) => {
                // `<password for the database>` is a sentence.
                let empty = text.before(at, 1) == b'/';
                return (!empty && (!has_attributes || signs)).then_some(at);
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The text behind the bracket at `sign` that closes the tag which begins at `at`.
///
/// What decides is how the text begins and what ends it, never what stands in it: other values in it
/// may be replaced, and then it has to be judged as before.
fn value_behind(text: &Text<'_>, at: usize, sign: usize, weak: bool) -> Option<Value> {
    let start = sign + 1;
    if text.has_word(start, LITERAL) {
        return Some(Value::new(start + LITERAL.len(), Ending::element(true)));
    }
    let first = text.at(start);
    if matches!(first, 0..=b' ' | b'<') {
        return None;
    }
    // `Vec<Token>`, `<user>:<password>@<host>`
    let is_type = bytes::is(text.before(at, 1), ALNUM);
    let plain = !is_type && (bytes::is(first, ALNUM) || !first.is_ascii());
    let counts = match end_of_text(text, start) {
        End::Closed => true,
        End::Far => plain,
        End::Other => plain && !weak,
    };
    counts.then(|| Value::new(start, Ending::element(false)))
}

/// What follows a text.
enum End {
    /// A closing tag.
    Closed,
    /// Nothing in sight.
    Far,
    /// Another tag, or the end of the line or of the string around it.
    Other,
}

fn end_of_text(text: &Text<'_>, start: usize) -> End {
    for at in start..start + NEAR {
        match text.at(at) {
            b'<' => {
                let closes = text.at(at + 1) == b'/'
                    || (text.at(at + 1) == b'\\' && text.at(at + 2) == b'/');
                return if closes { End::Closed } else { End::Other };
            }
            0 | b'\n' | b'\r' => return End::Other,
            b'"' if matches!(text.at(at + 1), b',' | b'}' | b']' | b'\n' | b'\r' | 0) => {
                return End::Other;
            }
            _ => {}
        }
    }
    End::Far
}

#[cfg(test)]
mod tests {
    use crate::engine::{Engine, Scratch};
    use crate::place::Kind;
    use crate::rules::Rules;

    fn check(input: &str, expected: &str) {
        let engine = Engine::new(Rules::default());
        for kind in [Kind::Text, Kind::Json] {
            let out = engine.redact(kind, input.as_bytes(), &mut Scratch::default());
            assert_eq!(String::from_utf8_lossy(&out), expected, "`{input}`");
        }
    }

    #[test]
    fn texts_of_elements_are_secrets_by_their_name() {
        for (input, expected) in [
            ("<password>hunter2</password>", "<password>[redacted]</password>"),
            ("<a><Password>a b &amp; c</Password></a>", "<a><Password>[redacted]</Password></a>"),
            ("<ns:cardNumber>41</ns:cardNumber>", "<ns:cardNumber>[redacted]</ns:cardNumber>"),
            (
                "<wsse:Password Type=\"a>b#Text\">x</wsse:Password>",
                "<wsse:Password Type=\"a>b#Text\">[redacted]</wsse:Password>",
            ),
            ("<pin>1234</pin><n>1234</n>", "<pin>[redacted]</pin><n>1234</n>"),
            ("<db.password>x</db.password>", "<db.password>[redacted]</db.password>"),
            (
                "<password><![CDATA[a<b>]c]]></password>",
                "<password><![CDATA[[redacted]]]></password>",
            ),
            (
                r#"{"body":"<password>hunter2<\/password>","n":1}"#,
                r#"{"body":"<password>[redacted]<\/password>","n":1}"#,
            ),
            (r#"{"body":"<password>hunter2","n":1}"#, r#"{"body":"<password>[redacted]","n":1}"#),
            ("<password>hunter2", "<password>[redacted]"),
            ("<password>@1<a></password>", "<password>@1<a></password>"),
            ("<p><password>@1</password></p>", "<p><password>[redacted]</password></p>"),
            ("x<Token>a1</Token>", "x<Token>[redacted]</Token>"),
            ("<user password=\"x y\" name='amy'/>", "<user password=\"[redacted]\" name='amy'/>"),
            ("<user ns:api-key='x'>amy</user>", "<user ns:api-key='[redacted]'>amy</user>"),
        ] {
            check(input, expected);
        }
    }

    #[test]
    fn types_usages_and_other_elements_pass() {
        for input in [
            "login <user> <password> <host>",
            "login <user> <password>",
            "use <password> to log in",
            "https://<user>:<password>@<host>/",
            "psql <user>|<password>|<host>",
            "const token = <Token>data.token;",
            "<password for the database>x</password>",
            "Vec<Token> tokens",
            "Map<String, Token> tokens = new Map<>();",
            "HashMap<Secret>::new()",
            "fn read(tokens: &Vec<Token>) -> Option<Token> {",
            "<password></password>",
            "<password/>x<a>",
            "<password>[redacted]</password>",
            "<password>${db.password}</password>",
            "<password><value>x</value></password>",
            "<tokens>12</tokens>",
            "<title>Password</title>",
            "<label for=\"p\">Password:</label>",
            "a <b and password> c",
        ] {
            check(input, input);
        }
    }
}
