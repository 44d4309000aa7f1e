//! What of a text may be shown: one line with a caret, and values in messages.
//!
//! Configuration errors end up in terminals, in CI logs and in bug reports, so nothing that
//! looks like a secret is shown: the user part of a URL, and whatever is assigned to a key
//! that names a secret. Both are found in the text of the line, not in the parsed document,
//! because a line that does not parse is shown as well. Control characters are made visible,
//! so that a file cannot write to the terminal.
//!
//! Promised: the shown text has as many characters as the original in front of the caret,
//! tabs apart, which become four blanks.

use super::origin::Origin;

/// How many characters of a long line are shown.
const SHOWN: usize = 120;

/// How many of them stand before the caret.
const BEFORE: usize = 60;

/// How many lines of a list are gone back to find what it is assigned to.
const LIST: usize = 200;

/// How much of a value appears in a message, in characters.
const QUOTED: usize = 60;

/// Words that make a key the name of a secret.
const SECRET_WORDS: [&str; 9] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "api-key",
    "apikey",
    "dsn",
];

/// Whether a key of this name holds something that must not be shown.
pub(super) fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('_', "-");
    matches!(key.as_str(), "key" | "canaries")
        || key.ends_with("-key")
        || SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// A line as it is shown, and the place of its caret.
pub(super) struct Excerpt {
    /// The line: secrets hidden, tabs widened, cut on both sides when it is long.
    pub(super) text: String,
    /// Blanks before the caret.
    pub(super) indent: usize,
    /// Length of the underline.
    pub(super) width: usize,
}

impl Excerpt {
    /// The line that `origin` stands in; nothing when it stands in none.
    pub(super) fn of(origin: &Origin) -> Option<Self> {
        let column = origin.column().checked_sub(1)?;
        let line: Vec<char> = line(origin).chars().collect();
        let first = if line.len() > SHOWN { column.saturating_sub(BEFORE) } else { 0 };
        let last = line.len().min(first + SHOWN);
        let mut text = String::from(if first > 0 { "…" } else { "" });
        let mut indent = text.chars().count();
        let mut width = 0;
        for (at, character) in line.iter().enumerate().take(last).skip(first) {
            let wide = if *character == '\t' { 4 } else { 1 };
            match at {
                _ if at < column => indent += wide,
                _ if at < column + origin.width() => width += wide,
                _ => {}
            }
            match character {
                '\t' => text.push_str("    "),
                _ if unprintable(*character) => text.push('\u{fffd}'),
                _ => text.push(*character),
            }
        }
        if last < line.len() {
            text.push('…');
        }
        Some(Self { text, indent, width: width.max(1) })
    }
}

/// Control characters, and those that turn the direction of writing around.
fn unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A piece of the operator's text for use in a message: in backticks, without secrets, cut.
pub(super) fn quoted(text: &str) -> String {
    let hidden = hide(text);
    let mut shown: String = hidden.chars().take(QUOTED).flat_map(visible).collect();
    if hidden.chars().nth(QUOTED).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn visible(character: char) -> Vec<char> {
    if unprintable(character) { character.escape_default().collect() } else { vec![character] }
}

/// The line that `origin` stands in, with one `*` for each character that belongs to a secret,
/// also to one of a list that began on a line before.
pub(super) fn line(origin: &Origin) -> String {
    let text = origin.line_text();
    if !continues_a_secret(origin) {
        return hide(text);
    }
    let shown = |c: char| c.is_whitespace() || matches!(c, '[' | ']' | ',' | '"' | '\'');
    text.chars().map(|c| if shown(c) { c } else { '*' }).collect()
}

/// Whether the line of `origin` is within a list that is assigned to the name of a secret: no
/// line between it and the key ends the list or begins another assignment.
fn continues_a_secret(origin: &Origin) -> bool {
    let Some(before) = origin.line().checked_sub(1) else { return false };
    let lines: Vec<&str> = origin.source().text().lines().take(before).collect();
    for line in lines.into_iter().rev().take(LIST) {
        let line = line.trim();
        let key = line.split_once('=').map(|(key, value)| (key.trim_end(), value.trim_start()));
        let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '"' | '\'');
        if let Some((key, value)) = key
            && key.starts_with(|c: char| c.is_alphabetic())
            && key.chars().all(part)
        {
            let key: Vec<char> = key.chars().collect();
            return value.starts_with('[')
                && !value.ends_with(']')
                && names_a_secret(&key_before(&key));
        }
        if line.ends_with(']') {
            return false;
        }
    }
    false
}

/// The same text with one `*` for each character that belongs to a secret.
pub(super) fn hide(text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    hide_users(&mut characters);
    hide_assigned(&mut characters);
    characters.into_iter().collect()
}

/// `postgres://jane:pw@db` → `postgres://*******@db`.
fn hide_users(text: &mut [char]) {
    let mut from = 0;
    while let Some(found) = text[from..].windows(3).position(|three| three == [':', '/', '/']) {
        let start = from + found + 3;
        let length = text[start..]
            .iter()
            .position(|c| matches!(c, '"' | '\'' | ',') || c.is_whitespace())
            .unwrap_or(text.len() - start);
        if let Some(user) = text[start..start + length].iter().rposition(|c| *c == '@') {
            text[start..start + user].fill('*');
        }
        from = start + length;
    }
}

/// `token = "abc"` → `token = "***"`. References such as `env:NAME` stay readable.
fn hide_assigned(text: &mut [char]) {
    let mut from = 0;
    while let Some(found) = text[from..].iter().position(|c| *c == '=') {
        let equals = from + found;
        from = equals + 1;
        if !names_a_secret(&key_before(&text[..equals])) {
            continue;
        }
        let Some(start) = text[from..].iter().position(|c| !c.is_whitespace()) else { return };
        let start = from + start;
        let (start, end) = match text[start] {
            quote @ ('"' | '\'') => (start + 1, closing(text, start + 1, quote)),
            '[' => (start + 1, closing(text, start + 1, ']')),
            '{' => (start + 1, closing(text, start + 1, '}')),
            _ => (start, ending(text, start)),
        };
        let value: String = text[start..end].iter().collect();
        let reference = value.trim_start_matches(['"', '\'', ' ']);
        if !reference.starts_with("env:") && !reference.starts_with("file:") {
            text[start..end].fill('*');
        }
        from = end;
    }
}

/// The key that stands before an equals sign: `admin.token =` → `token`.
fn key_before(text: &[char]) -> String {
    let part = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let between = |c: &&char| c.is_whitespace() || matches!(c, '"' | '\'');
    let mut key: Vec<char> =
        text.iter().rev().skip_while(between).take_while(|c| part(c)).copied().collect();
    key.reverse();
    key.into_iter().collect()
}

/// Where the string or list that began before `from` ends; the end of the text if it does not.
fn closing(text: &[char], from: usize, mark: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.iter().enumerate().skip(from) {
        if *character == mark && !escaped {
            return at;
        }
        escaped = mark == '"' && *character == '\\' && !escaped;
    }
    text.len()
}

/// Where a value without quotes ends.
fn ending(text: &[char], from: usize) -> usize {
    let end = text[from..].iter().position(|c| matches!(c, ',' | '}') || c.is_whitespace());
    end.map_or(text.len(), |length| from + length)
}

#[cfg(test)]
mod tests {
    use super::super::origin::Source;
    use super::*;

    #[test]
    fn secrets_are_hidden_and_references_are_not() {
        for (line, shown) in [
            (r#"token = "abc""#, r#"token = "***""#),
            (r#"token="a\"c", other = "x""#, r#"token="****", other = "x""#),
            (
                r#"admin = { listen = "off", token = "abc" }"#,
                r#"admin = { listen = "off", token = "***" }"#,
            ),
            (r#""api_key" = 'abc'"#, r#""api_key" = '***'"#),
            ("admin.token = abc # why", "admin.token = *** # why"),
            (r#"token = "abc"#, r#"token = "***"#),
            (r#"tokens = ["ab", "cd"]"#, r#"tokens = [**********]"#),
            (r#"token = { a = "b" }"#, r#"token = {*********}"#),
            (r#"token = "env:TOKEN""#, r#"token = "env:TOKEN""#),
            (r#"token = "file:/run/t""#, r#"token = "file:/run/t""#),
            (r#"url = "redis://:pw@db:6379/0""#, r#"url = "redis://***@db:6379/0""#),
            (r#"["https://k@a", "https://b"]"#, r#"["https://*@a", "https://b"]"#),
            (r#"x = "http://a.b/c""#, r#"x = "http://a.b/c""#),
            (r#"keep = 10, deadline = "10ms""#, r#"keep = 10, deadline = "10ms""#),
            ("token =", "token ="),
            ("password = 12345", "password = *****"),
        ] {
            assert_eq!(hide(line), shown, "{line}");
        }
    }

    #[test]
    fn values_in_messages_are_short_and_printable() {
        assert_eq!(quoted("a\u{1b}[31mb\n"), "`a\\u{1b}[31mb\\n`");
        assert_eq!(quoted("http://u:p@h"), "`http://***@h`");
        assert_eq!(quoted(&"x".repeat(99)).chars().count(), QUOTED + 3);
    }

    #[test]
    fn the_caret_stands_under_its_text() {
        let check =
            |line: &str, from: usize, to: usize, text: &str, indent: usize, width: usize| {
                let origin = Origin::new(&Source::file("t", line), from..to);
                let excerpt = Excerpt::of(&origin).expect("it stands in a file");
                assert_eq!(excerpt.text, text, "{line:?}");
                assert_eq!((excerpt.indent, excerpt.width), (indent, width), "caret in {line:?}");
            };
        check("ab = 1", 5, 6, "ab = 1", 5, 1);
        check("\tab = 1", 1, 3, "    ab = 1", 4, 2);
        check("a\u{7}b = 1", 2, 3, "a\u{fffd}b = 1", 2, 1);
        check("ab = ", 5, 5, "ab = ", 5, 1);
        let long = format!("a = [{}]", "1, ".repeat(200));
        let excerpt = Excerpt::of(&Origin::new(&Source::file("t", long.as_str()), 300..301));
        let excerpt = excerpt.expect("it stands in a file");
        assert_eq!((excerpt.text.chars().count(), excerpt.indent), (SHOWN + 2, BEFORE + 1));
        assert!(Excerpt::of(&Origin::argument("--listen")).is_none());
    }
}
