//! Values that come with their name apart: headers, attributes of records, targets of requests.
//!
//! The name counts as it would in a text: it may make the whole value a secret, say how the value
//! is written, or be the word beside a number.

use crate::engine::{Engine, Scratch};
use crate::find::{Cookies, Mode, State};
use crate::names::Family;
use crate::pair;
use crate::place::Kind;
use crate::rule::{self, RuleId};
use crate::span::{Role, Span};
use crate::text::Text;

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// It stays as it is.
    Keep,
    /// It gets this value.
    Set(String),
    /// It goes, with its name.
    Remove,
}

impl Engine {
    /// A header field, an attribute, or any other value whose name is known. The name may be a
    /// path, as in `http.request.header.cookie`.
    pub fn field(&self, name: &str, value: &str, scratch: &mut Scratch) -> Field {
        match self.names().find(name.as_bytes()) {
            Some(Family::Cookie) => self.cookies(value, false, scratch),
            Some(Family::SetCookie) => self.cookies(value, true, scratch),
            Some(Family::Authorization) => {
                let text = Text::new(value.as_bytes(), true);
                let start = pair::behind_scheme(&text, 0).unwrap_or(0);
                let rule = match value[..start].trim_end().to_ascii_lowercase().as_str() {
                    "basic" => rule::BASIC,
                    "bearer" => rule::BEARER,
                    _ => rule::PASSWORD,
                };
                self.whole(name, value, start, rule, scratch)
            }
            Some(Family::Signature) => self.whole(name, value, 0, rule::URL_SIGNATURE, scratch),
            Some(Family::Secret { .. }) => self.whole(name, value, 0, rule::PASSWORD, scratch),
            Some(Family::Group(rule)) => self.whole(name, value, 0, rule, scratch),
            None => self.beside(name, value, scratch),
        }
    }

    /// The target of a request, or any other address: path, query, and what stands before them.
    /// `None` when it is clean.
    pub fn url(&self, target: &str, scratch: &mut Scratch) -> Option<String> {
        self.scan(Kind::Form, target.as_bytes(), scratch);
        self.rewritten(target, 0, scratch)
    }

    /// Replaces the value from `start` on.
    fn whole(
        &self,
        name: &str,
        value: &str,
        start: usize,
        rule: RuleId,
        scratch: &mut Scratch,
    ) -> Field {
        let secret = &value.as_bytes()[start..];
        let passes =
            !self.is_on(rule) || self.is_placeholder_value(secret) || self.allows(rule, secret);
        if passes {
            // Other rules may still have something to say, unless this one did.
            return if self.is_on(rule) { Field::Keep } else { self.beside(name, value, scratch) };
        }
        if self.drops(rule) {
            scratch.count(rule);
            return Field::Remove;
        }
        let span = Span { start, end: value.len(), rule, wrap: None, role: Role::Named };
        self.render_all(Kind::Text, value.as_bytes(), &[span], scratch);
        match self.rewritten(value, 0, scratch) {
            Some(value) => Field::Set(value),
            None => Field::Keep,
        }
    }

    fn cookies(&self, value: &str, set: bool, scratch: &mut Scratch) -> Field {
        if !self.is_on(rule::COOKIE) || self.is_report(rule::COOKIE) {
            return Field::Keep;
        }
        if !value.contains('=') {
            return self.whole("", value, 0, rule::COOKIE, scratch);
        }
        let mut state = State {
            mode: Mode::Cookies(Cookies { quote: None, set, first: true }),
            ..State::default()
        };
        self.scan_on(Kind::Text, Text::new(value.as_bytes(), true), &mut state, scratch);
        match self.rewritten(value, 0, scratch) {
            Some(value) => Field::Set(value),
            None => Field::Keep,
        }
    }

    /// Scans a value with its name before it, as `name: value`.
    fn beside(&self, name: &str, value: &str, scratch: &mut Scratch) -> Field {
        let mut text = std::mem::take(&mut scratch.line);
        text.clear();
        text.push_str(name);
        text.push_str(": ");
        let start = text.len();
        text.push_str(value);
        self.scan(Kind::Text, text.as_bytes(), scratch);
        let answer = self.rewritten(&text, start, scratch);
        scratch.line = text;
        match answer {
            Some(value) => Field::Set(value),
            None => Field::Keep,
        }
    }

    /// The text from `start` on with the replacements of the last scan; `None` without any.
    fn rewritten(&self, text: &str, start: usize, scratch: &Scratch) -> Option<String> {
        if !scratch.edits().any(|(range, _)| range.start >= start) {
            return None;
        }
        let mut out = String::with_capacity(text.len());
        let mut at = start;
        for (range, bytes) in scratch.edits().filter(|(range, _)| range.start >= start) {
            out.push_str(&text[at..range.start]);
            out.push_str(&String::from_utf8_lossy(bytes));
            at = range.end;
        }
        out.push_str(&text[at..]);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;
    use serde_json::json;

    fn check(name: &str, value: &str, expected: Option<&str>) {
        let engine = Engine::new(Rules::default());
        let got = match engine.field(name, value, &mut Scratch::default()) {
            Field::Keep => None,
            Field::Set(value) => Some(value),
            Field::Remove => Some("(removed)".into()),
        };
        assert_eq!(got.as_deref(), expected, "{name}: {value}");
    }

    #[test]
    fn names_decide_how_a_value_is_read() {
        check("authorization", "Bearer abc", Some("Bearer [redacted]"));
        check("Proxy-Authorization", "Basic YW15OnM=", Some("Basic [redacted]"));
        check("authorization", "abc def", Some("[redacted]"));
        check(
            "http.request.header.authorization",
            "Digest username=\"amy\", response=\"x\"",
            Some("Digest [redacted]"),
        );
        check("cookie", "theme=dark; sid=abc", Some("theme=[redacted]; sid=[redacted]"));
        check("set-cookie", "sid=abc; Path=/; HttpOnly", Some("sid=[redacted]; Path=/; HttpOnly"));
        check("cookie", "abc", Some("[redacted]"));
        check("x-api-key", "a b", Some("[redacted]"));
        check("user.password", "hunter2", Some("[redacted]"));
        check("password", "[redacted]", None);
        check("x-forwarded-for", "203.0.113.77, 10.1.2.3", Some("203.0.113.0, 10.1.2.0"));
        check(
            "referer",
            "https://example.com/x?token=abc&a=1",
            Some("https://example.com/x?token=[redacted]&a=1"),
        );
        check("phone", "081234567890", Some("[phone]"));
        check("order", "081234567890", None);
        check("user-agent", "Mozilla/5.0 Chrome/120.0.0.0", None);
        check("message", "password: must be long", None);
        check("exception.message", "no user jane@example.com", Some("no user [email]"));
    }

    #[test]
    fn dropped_fields_are_removed() {
        let rules = Rules::from_config(&json!({"actions": {"password": "drop", "cookie": "drop"}}));
        let engine = Engine::new(rules.unwrap_or_else(|errors| panic!("{errors:?}")));
        let mut scratch = Scratch::default();
        assert_eq!(engine.field("x-api-key", "abc", &mut scratch), Field::Remove);
        assert_eq!(engine.field("cookie", "a=1; b=2", &mut scratch), Field::Set("a=; b=".into()));
        assert_eq!(scratch.counts().total(), 3);
    }

    #[test]
    fn targets_are_read_as_queries() {
        let engine = Engine::new(Rules::default());
        let mut scratch = Scratch::default();
        let mut url = |target: &str| engine.url(target, &mut scratch);
        assert_eq!(
            url("/reset?access_token=a,b&page=2#x").as_deref(),
            Some("/reset?access_token=%5Bredacted%5D&page=2#x")
        );
        assert_eq!(
            url("/u/jane@example.com?e=joe%40example.com").as_deref(),
            Some("/u/%5Bemail%5D?e=%5Bemail%5D")
        );
        assert_eq!(url("/orders/550e8400-e29b-41d4-a716-446655440000?page=2"), None);
    }
}
