//! Names that the operator gives, and the severities of log records.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::Mistake;
use crate::config::excerpt::quoted;

/// The name of an upstream, plugin, source or sink: `[a-z0-9-]{1,40}`.
///
/// It appears in metric labels, paths of the admin listener and log records, so it needs no
/// escaping in any of them. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The longest name, in characters.
    pub const MAX: usize = 40;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it would be with the characters that are allowed, if anything is left.
    fn likely(text: &str) -> Option<String> {
        let allowed =
            |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let likely: String = text.chars().map(allowed).take(Self::MAX).collect();
        let likely = likely.trim_matches('-');
        (!likely.is_empty()).then(|| likely.to_owned())
    }
}

impl FromStr for Name {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.into()));
        }
        let rule = "a name has 1 to 40 characters out of `a-z`, `0-9` and `-`";
        Err(Mistake::new(
            format!("{} is no name", quoted(text)),
            match Self::likely(text) {
                Some(likely) => format!("{rule}, such as \"{likely}\""),
                None => rule.to_owned(),
            },
        ))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// How severe a log record is, least first; the severities of the plugin contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the words are known from every logging library")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    /// The words and what they stand for, least severe first.
    pub(in crate::config) const CHOICES: &'static [(&'static str, Self)] = &[
        ("trace", Self::Trace),
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warn", Self::Warn),
        ("error", Self::Error),
        ("fatal", Self::Fatal),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_escaping_anywhere() {
        for text in ["a", "redact", "my-app-2", &"x".repeat(40)] {
            assert_eq!(text.parse::<Name>().expect(text), text);
        }
        for (text, remedy) in [
            ("", "1 to 40 characters"),
            ("My App", "\"my-app\""),
            ("api_v2", "\"api-v2\""),
            ("a.b", "\"a-b\""),
            ("größe", "\"gr--e\""),
            ("___", "1 to 40 characters"),
            (&"x".repeat(41), &format!("\"{}\"", "x".repeat(40))),
        ] {
            let mistake = text.parse::<Name>().expect_err(text);
            assert!(mistake.remedy.contains(remedy), "{text}: {mistake}");
        }
    }
}
