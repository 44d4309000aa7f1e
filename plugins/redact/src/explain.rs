//! Says of a text that was scanned what was found in it and why, and what nearly was and why not.
//!
//! Works behind a scan, from its hits and the text alone, so that a scan itself knows nothing of it
//! and costs what it costs without. A reason is what a verifier asks, asked once more and one
//! condition after the other. Never the value: its shape, and of secrets only its length.
//!
//! Meant for people and for one text at a time. It looks at every candidate of a text again, in
//! linear time, and makes its notes on the heap.

use crate::bytes::{self, ALNUM};
use crate::engine::{Engine, Scratch};
use crate::names::Family;
use crate::pair;
use crate::place::Kind;
use crate::rule::{self, RuleId};
use crate::rules::{Action, Rules};
use crate::span::{Role, Span};
use crate::text::Text;
use crate::value::{
    card, context, digits, digits::Groups, email, iban, ip, jwt, phone, secret, ssn,
};
use std::ops::Range;

/// The most notes on one text; a text with more is no text for people.
const NOTES_MAX: usize = 1000;
/// How far before a value a word is reported that would have made it a hit, in bytes.
const FAR: usize = 120;
/// How far before a value its name may begin, in bytes.
const NAME_BACK: usize = 160;
/// The longest shape that is shown, in characters.
const SHAPE_MAX: usize = 48;

/// What is said of a few bytes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which bytes.
    pub range: Range<usize>,
    /// The rule, as in `rules = [...]`.
    pub rule: String,
    /// What became of them.
    pub verdict: Verdict,
    /// For people: the evidence of a hit, the details of a miss.
    pub why: String,
    /// What the bytes look like: `Llll.llll@Llll.lll`, or how many there are.
    pub shape: String,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A rule hit it; what was done, as in `actions`.
    Hit(&'static str),
    /// No rule hit it; the reason.
    Miss(Reason),
}

/// Why a rule that nearly hit did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its check digits are wrong.
    Checksum,
    /// It begins with what was not given out, or is not built like one.
    Prefix,
    /// It is too long or too short.
    Length,
    /// Something stands right before or behind it.
    Boundary,
    /// A word that makes it a hit is too far away.
    WordTooFar,
    /// Neither a word nor a name says what it is.
    NoKey,
    /// It is on the list of what is allowed.
    Allowed,
    /// It stands in for a value.
    Placeholder,
    /// It is part of another hit.
    Overlapped,
    /// Its rule is off.
    Off,
    /// It is no secret of anybody: an address of the machine itself or of a network.
    Harmless,
    /// It is the number of a version.
    Version,
}

impl Reason {
    /// As it is written in reports.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Checksum => "checksum",
            Reason::Prefix => "prefix",
            Reason::Length => "length",
            Reason::Boundary => "boundary",
            Reason::WordTooFar => "word-too-far",
            Reason::NoKey => "no-key",
            Reason::Allowed => "allowed",
            Reason::Placeholder => "placeholder",
            Reason::Overlapped => "overlapped",
            Reason::Off => "off",
            Reason::Harmless => "harmless",
            Reason::Version => "version",
        }
    }
}

/// Explains what an engine does.
pub struct Explainer {
    /// The default rules, all on and nothing allowed: what it hits besides was switched off.
    wide: Engine,
}

impl Explainer {
    /// For an engine of this configuration.
    pub fn new(config: &serde_json::Value) -> Explainer {
        let mut config = config.clone();
        if let Some(config) = config.as_object_mut() {
            for key in ["rules", "allow", "actions"] {
                config.remove(key);
            }
        }
        // A configuration that needs what was taken out is explained by the default rules.
        Explainer { wide: Engine::new(Rules::from_config(&config).unwrap_or_default()) }
    }

    /// Notes on `text`, which was the last text that `engine` scanned with this `scratch`.
    /// Ascending.
    pub fn notes(&self, engine: &Engine, kind: Kind, text: &[u8], scratch: &Scratch) -> Vec<Note> {
        let hits = merged(&scratch.found.spans);
        let read = Text::new(text, true);
        let mut notes = Notes { engine, kind, text: read, hits: &hits, notes: Vec::new() };
        for hit in &hits {
            notes.hit(hit);
        }
        let mut wide = Scratch::default();
        self.wide.scan(kind, text, &mut wide);
        for span in merged(&wide.found.spans) {
            notes.switched_off(&self.wide, &span);
        }
        notes.near_misses();
        let mut notes = notes.notes;
        notes.sort_by_key(|note| (note.range.start, matches!(note.verdict, Verdict::Miss(_))));
        notes
    }
}

/// Hits with the rest of their values.
fn merged(spans: &[Span]) -> Vec<Span> {
    let mut hits: Vec<Span> = Vec::new();
    for span in spans.iter().filter(|span| span.end > span.start) {
        match hits.last_mut() {
            Some(last) if span.role == Role::Rest && last.end == span.start => last.end = span.end,
            _ => hits.push(*span),
        }
    }
    hits
}

struct Notes<'a> {
    engine: &'a Engine,
    kind: Kind,
    text: Text<'a>,
    hits: &'a [Span],
    notes: Vec<Note>,
}

impl Notes<'_> {
    fn push(&mut self, range: Range<usize>, rule: RuleId, verdict: Verdict, why: String) {
        let known = self.notes.iter().any(|note| {
            note.range.start < range.end
                && range.start < note.range.end
                && note.rule == self.engine.name_of(rule)
        });
        if known || self.notes.len() >= NOTES_MAX {
            return;
        }
        let shape = shape(self.text.slice(range.start, range.end), rule);
        self.notes.push(Note {
            range,
            rule: self.engine.name_of(rule).to_owned(),
            verdict,
            why,
            shape,
        });
    }

    fn miss(&mut self, range: Range<usize>, rule: RuleId, reason: Reason, why: impl Into<String>) {
        if !self.engine.is_on(rule) {
            return;
        }
        match self.hit_at(&range) {
            Some(hit) if hit.rule == rule => {}
            Some(hit) => {
                let why = format!("by `{}`", self.engine.name_of(hit.rule));
                if reason == Reason::Overlapped {
                    self.push(range, rule, Verdict::Miss(reason), why);
                }
            }
            None if reason == Reason::Overlapped => {}
            None => self.push(range, rule, Verdict::Miss(reason), why.into()),
        }
    }

    fn hit_at(&self, range: &Range<usize>) -> Option<Span> {
        self.hits.iter().find(|hit| hit.start < range.end && range.start < hit.end).copied()
    }

    fn hit(&mut self, hit: &Span) {
        let action = match hit.role {
            Role::Dropped => "drop",
            _ => action_name(self.engine.action_of(hit.rule)),
        };
        let why = self.evidence(hit);
        self.push(hit.start..hit.end, hit.rule, Verdict::Hit(action), why);
    }

    /// What made a hit one.
    fn evidence(&self, hit: &Span) -> String {
        let text = &self.text;
        let named = matches!(hit.role, Role::Named | Role::Dropped);
        if named
            && hit.rule != rule::PRIVATE_KEY
            && let Some(name) = self.name_before(hit.start)
        {
            return format!("value of the name `{name}`");
        }
        let word = |words: &[&str]| match word_before(text, hit.start, words) {
            Some((word, distance)) => format!(", the word `{word}` {distance} before"),
            None => String::new(),
        };
        match hit.rule {
            rule::EMAIL => "a local part and a domain around `@`".into(),
            rule::CARD => format!("prefix, length and check digit of a card{}", word(card::WORDS)),
            rule::IBAN => {
                let country =
                    String::from_utf8_lossy(text.slice(hit.start, hit.start + 2)).to_uppercase();
                format!("length and structure of {country}, check digits right")
            }
            rule::US_SSN => {
                format!("area, group and serial can have been given out{}", word(ssn::WORDS))
            }
            rule::PHONE if text.at(hit.start) == b'+' => "an international number".into(),
            rule::PHONE => format!("a national number{}", word(phone::WORDS)),
            rule::IP => "an address that can be parsed".into(),
            rule::MAC => "six octets in one notation".into(),
            rule::JWT => "a header that names an algorithm".into(),
            rule::BEARER => "a token behind the name of its scheme".into(),
            rule::BASIC => "decodes to a user and a password".into(),
            rule::COOKIE => "a value in a list of cookies".into(),
            rule::URL_USERINFO => "credentials before the host of a URL".into(),
            rule::URL_SIGNATURE => "a signature in a query".into(),
            rule::PRIVATE_KEY => "a line of a private key in armour".into(),
            rule if self.engine.is_of_pack(rule) => {
                "written like one, check digits right, words that belong to it where it needs them"
                    .into()
            }
            _ => "prefix, alphabet and length".into(),
        }
    }

    /// The name before a value.
    fn name_before(&self, start: usize) -> Option<String> {
        let floor = start.saturating_sub(NAME_BACK);
        let mut at = start;
        while at > floor {
            at -= 1;
            if matches!(self.text.at(at), b':' | b'=')
                && let Some(name) =
                    pair::name_before(&self.text, self.engine.names(), self.kind, at)
            {
                let written = self.text.slice(name.start, name.end);
                return Some(String::from_utf8_lossy(written).into_owned());
            }
        }
        None
    }

    /// What the default rules hit and these do not.
    fn switched_off(&mut self, wide: &Engine, span: &Span) {
        let name = wide.name_of(span.rule);
        let range = span.start..span.end;
        if self.hit_at(&range).is_some() {
            return;
        }
        let Some(rule) = self.engine.rule_named(name) else { return };
        let written = self.text.slice(range.start, range.end);
        let (reason, why) = if !self.engine.is_on(rule) {
            (Reason::Off, "the rule is not among `rules`")
        } else if self.engine.allows(rule, written) {
            (Reason::Allowed, "an entry of `allow` covers it")
        } else {
            (Reason::Allowed, "its name was taken away in `names`")
        };
        self.push(range, rule, Verdict::Miss(reason), why.into());
    }

    fn near_misses(&mut self) {
        let length = self.text.len();
        for at in 0..length {
            if self.notes.len() >= NOTES_MAX {
                return;
            }
            let (here, before) = (self.text.at(at), self.text.before(at, 1));
            let begins = !bytes::is(before, ALNUM);
            match here {
                b'@' => self.mail(at),
                b':' | b'=' => self.pair(at),
                b'+' if self.text.at(at + 1).is_ascii_digit() => self.international(at),
                b'0'..=b'9' if !before.is_ascii_digit() => self.number(at),
                _ if here.is_ascii_alphabetic() && begins => self.word(at),
                _ => {}
            }
        }
    }

    fn mail(&mut self, at: usize) {
        let start = email::local_start(&self.text, at);
        if start == at {
            return;
        }
        let mut end = at + 1;
        while end < at + 64
            && (bytes::is(self.text.at(end), ALNUM) || matches!(self.text.at(end), b'.' | b'-'))
        {
            end += 1;
        }
        let domain = self.text.slice(at + 1, end);
        let (reason, why) = if email::find(&self.text, start, at, 1).is_some() {
            (Reason::Overlapped, "")
        } else if domain.is_empty() {
            return;
        } else if !domain.contains(&b'.') {
            (Reason::Length, "a domain has at least two parts")
        } else {
            (Reason::Prefix, "what stands behind `@` is a file, a unit or a version, and no domain")
        };
        self.miss(start..end, rule::EMAIL, reason, why);
    }

    fn pair(&mut self, sign: usize) {
        let Some(name) = pair::name_before(&self.text, self.engine.names(), self.kind, sign) else {
            return;
        };
        let Some(value) = pair::value_behind(&self.text, self.kind, &name, sign) else { return };
        let rule = match name.family {
            Family::Cookie | Family::SetCookie => rule::COOKIE,
            Family::Signature => rule::URL_SIGNATURE,
            _ => rule::PASSWORD,
        };
        let mut ending = value.ending;
        let known = self.text.slice(value.start, self.text.len());
        let end = value.start + ending.advance(known, true).taken;
        if end == value.start || self.hit_at(&(value.start..end)).is_some() {
            return;
        }
        let written = self.text.slice(value.start, end);
        let (reason, why) = if self.engine.is_placeholder_value(written) {
            (Reason::Placeholder, "a mask, a variable or a marker")
        } else if self.engine.allows(rule, written) {
            (Reason::Allowed, "an entry of `allow` covers it")
        } else {
            (Reason::Prefix, "a state, a piece of code or a sentence, and no secret")
        };
        self.miss(value.start..end, rule, reason, why);
    }

    fn international(&mut self, start: usize) {
        let mut end = start + 1;
        let mut count = 0;
        while end < start + 32
            && (self.text.at(end).is_ascii_digit()
                || (matches!(self.text.at(end), b' ' | b'-' | b'.')
                    && self.text.at(end + 1).is_ascii_digit()))
        {
            count += usize::from(self.text.at(end).is_ascii_digit());
            end += 1;
        }
        if count < 7 || phone::find(&self.text, start).is_some() {
            return;
        }
        let glued =
            bytes::is(self.text.before(start, 1), ALNUM) || bytes::is(self.text.at(end), ALNUM);
        let (reason, why) = if glued {
            (Reason::Boundary, "letters or digits right before or behind it".to_owned())
        } else {
            (Reason::Length, format!("{count} digits do not fit the plan of its country"))
        };
        self.miss(start..end, rule::PHONE, reason, why);
    }

    /// Everything that begins with a digit.
    fn number(&mut self, start: usize) {
        let text = &self.text;
        let (before, further) = (text.before(start, 1), text.before(start, 2));
        // Only the first group of several.
        if matches!(before, b' ' | b'-' | b'.' | b'+') && further.is_ascii_digit() {
            return;
        }
        if let Some((range, reason, why)) = dotted(text, start) {
            self.miss(range, rule::IP, reason, why);
            return;
        }
        let groups = Groups::read(text, start);
        let total = groups.digits().len();
        let end = groups.end_of(groups.groups().len());
        let range = start..end;
        if let Some(found) = card::find(text, &groups) {
            self.miss(found, rule::CARD, Reason::Overlapped, "");
        } else if let Some((reason, why)) = near_card(text, &groups) {
            self.miss(range.clone(), rule::CARD, reason, why);
        }
        let text = &self.text;
        if groups.lengths()[..4] == [3, 2, 4, 0] && ssn::find(text, &groups).is_none() {
            let glued = !digits::may_begin(text, start) || !digits::may_end(text, end);
            let (reason, why) = if glued {
                (Reason::Boundary, "letters or digits right before or behind it")
            } else if !ssn::is_assigned(&groups.digits()[..9]) {
                (Reason::Prefix, "no such area, group or serial is given out")
            } else {
                (Reason::NoKey, "one column among others, and no word before it")
            };
            self.miss(range.clone(), rule::US_SSN, reason, why);
        }
        let text = &self.text;
        if total == 9
            && groups.groups().len() == 1
            && ssn::is_assigned(&groups.digits()[..9])
            && ssn::find(text, &groups).is_none()
            && let Some((word, distance)) = word_before(text, start, ssn::WORDS)
        {
            let why = format!("`{word}` stands {distance} before, at most {} may", context::WINDOW);
            self.miss(range.clone(), rule::US_SSN, Reason::WordTooFar, why);
        }
        let text = &self.text;
        let free = digits::may_begin(text, start) && digits::may_end(text, end);
        if free
            && (7..=12).contains(&total)
            && phone::find(text, phone::start(text, start)).is_none()
        {
            let grouped = groups.groups().len() > 1 || text.at(start) == b'0';
            match word_before(text, start, phone::WORDS) {
                Some((word, distance)) if distance > context::WINDOW => {
                    let why = format!(
                        "`{word}` stands {distance} before, at most {} may",
                        context::WINDOW
                    );
                    self.miss(range, rule::PHONE, Reason::WordTooFar, why);
                }
                Some((word, _)) => {
                    let why = format!(
                        "`{word}` stands before it, but another word or value between them"
                    );
                    self.miss(range, rule::PHONE, Reason::NoKey, why);
                }
                None if grouped && total >= 9 && text.at(start) == b'0' => {
                    let why = "no word says that it is a telephone number";
                    self.miss(range, rule::PHONE, Reason::NoKey, why);
                }
                None => {}
            }
        }
    }

    /// Everything that begins with a letter.
    fn word(&mut self, start: usize) {
        let text = &self.text;
        if let Some((range, reason, why)) = iban::near(text, start) {
            self.miss(range, rule::IBAN, reason, why);
            return;
        }
        if let Some((rule, range, reason, why)) = secret::near(text, start) {
            self.miss(range, rule, reason, why);
            return;
        }
        if text.has_word(start, b"eyJ") && self.engine.is_on(rule::JWT) {
            let mut end = start;
            while end < start + jwt::HEADER_MAX && bytes::is(text.at(end), bytes::WORD) {
                end += 1;
            }
            if end - start >= 16 && text.at(end) == b'.' && jwt::find(text, start, end).is_none() {
                let why = "the part before the point is no header that names an algorithm";
                self.miss(start..end, rule::JWT, Reason::Prefix, why);
            }
        }
    }
}

/// Four numbers with points that are no address.
fn dotted(text: &Text<'_>, start: usize) -> Option<(Range<usize>, Reason, String)> {
    let mut end = start;
    let mut points = 0;
    while end < start + 40
        && (text.at(end).is_ascii_digit()
            || (text.at(end) == b'.' && text.at(end + 1).is_ascii_digit()))
    {
        points += usize::from(text.at(end) == b'.');
        end += 1;
    }
    if points < 3 || text.before(start, 1) == b'.' {
        return None;
    }
    let range = start..end;
    let written = String::from_utf8_lossy(text.slice(start, end)).into_owned();
    if ip::find_v4(text, start).is_some() {
        return Some((range, Reason::Overlapped, String::new()));
    }
    if points > 3 {
        let why = format!("{} numbers with points are no address", points + 1);
        return Some((range, Reason::Length, why));
    }
    let (reason, why) = match written.parse::<std::net::Ipv4Addr>() {
        Err(_) => {
            (Reason::Prefix, "each of the four numbers is at most 255 and begins with no zero")
        }
        Ok(address) if address.is_loopback() || address.is_unspecified() => {
            (Reason::Harmless, "the machine itself")
        }
        Ok(address) if address.octets()[3] == 0 => {
            (Reason::Harmless, "a network, and what truncation leaves")
        }
        Ok(_) if bytes::is(text.before(start, 1), ALNUM) || bytes::is(text.at(end), ALNUM) => {
            (Reason::Boundary, "letters or digits right before or behind it")
        }
        Ok(_) => (Reason::Version, "what stands around it says that it is a version"),
    };
    Some((range, reason, why.into()))
}

/// A number that fails one condition of cards.
fn near_card(text: &Text<'_>, groups: &Groups) -> Option<(Reason, String)> {
    let number = groups.digits();
    let total = number.len();
    if !(12..=19).contains(&total) || number.iter().all(|&d| d == number[0]) {
        return None;
    }
    let grouped = groups.groups().len() > 1;
    let (issued, checked) = (card::is_issued(number), card::luhn(number));
    let end = groups.end_of(groups.groups().len());
    let free = digits::may_begin(text, groups.start) && digits::may_end(text, end);
    Some(match (issued, checked) {
        (true, false) if total >= 14 => {
            (Reason::Checksum, "the check digit of cards is wrong".into())
        }
        (false, true) if total >= 14 => {
            (Reason::Prefix, format!("no card of {total} digits begins like this"))
        }
        (true, true) if !free => {
            (Reason::Boundary, "letters or digits right before or behind it".into())
        }
        (true, true) if grouped => {
            (Reason::Boundary, "not grouped as cards are, or part of a longer row".into())
        }
        (true, true) => match word_before(text, groups.start, card::WORDS) {
            Some((word, distance)) => {
                let why =
                    format!("`{word}` stands {distance} before, at most {} may", context::WINDOW);
                (Reason::WordTooFar, why)
            }
            None => (
                Reason::NoKey,
                format!("{total} digits are a card only beside a word such as `card`"),
            ),
        },
        _ => return None,
    })
}

/// The nearest of `words` before a value on its line, and how many bytes lie between.
fn word_before<'w>(text: &Text<'_>, start: usize, words: &[&'w str]) -> Option<(&'w str, usize)> {
    let floor = start.saturating_sub(FAR);
    let mut end = start;
    while end > floor {
        if text.before(end, 1) == b'\n' {
            return None;
        }
        if !text.before(end, 1).is_ascii_alphabetic() {
            end -= 1;
            continue;
        }
        let mut begin = end;
        while begin > floor && text.before(begin, 1).is_ascii_alphabetic() {
            begin -= 1;
        }
        let written = text.slice(begin, end);
        if let Some(word) = words.iter().find(|word| written.eq_ignore_ascii_case(word.as_bytes()))
        {
            return Some((word, start - end));
        }
        end = begin;
    }
    None
}

/// Upper-case letters as `L`, others as `l`, digits as `d`; signs stay. Of secrets only the length.
fn shape(value: &[u8], rule: RuleId) -> String {
    let text = String::from_utf8_lossy(value);
    let shown =
        [rule::EMAIL, rule::CARD, rule::IBAN, rule::US_SSN, rule::PHONE, rule::IP, rule::MAC];
    if !shown.contains(&rule) {
        let count = text.chars().count();
        return format!("{count} character{}", if count == 1 { "" } else { "s" });
    }
    let letter = |c: char| match c {
        _ if c.is_numeric() => 'd',
        _ if c.is_uppercase() => 'L',
        _ if c.is_alphabetic() => 'l',
        _ if c.is_control() => '?',
        _ => c,
    };
    let mut shape: String = text.chars().take(SHAPE_MAX).map(letter).collect();
    if text.chars().count() > SHAPE_MAX {
        shape.push('…');
    }
    shape
}

fn action_name(action: &Action) -> &'static str {
    match action {
        Action::Replace(_) => "replace",
        Action::Mask => "mask",
        Action::Last(4) => "last4",
        Action::Last(_) => "last",
        Action::First(_) => "first",
        Action::Hash => "hash",
        Action::Encrypt => "encrypt",
        Action::Truncate(_) => "truncate",
        Action::Drop => "drop",
        Action::DropRecord => "drop-record",
        Action::Report => "report",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn notes(config: &Value, text: &str) -> Vec<Note> {
        let engine = Engine::new(Rules::from_config(config).expect("the configuration is right"));
        let mut scratch = Scratch::default();
        engine.scan(Kind::Text, text.as_bytes(), &mut scratch);
        Explainer::new(config).notes(&engine, Kind::Text, text.as_bytes(), &scratch)
    }

    fn check(config: &Value, text: &str, value: &str, rule: &str, verdict: &str) {
        let notes = notes(config, text);
        let start = text.find(value).expect("the value is in the text");
        let note = notes.iter().find(|note| note.range.start == start && note.rule == rule);
        let said = note.map(|note| match note.verdict {
            Verdict::Hit(action) => action,
            Verdict::Miss(reason) => reason.name(),
        });
        assert_eq!(said, Some(verdict), "in `{text}`: {notes:?}");
    }

    #[test]
    fn hits_say_what_was_done_and_why() {
        let none = &Value::Null;
        check(none, "to jane@example.com", "jane", "email", "replace");
        check(none, "card 4111111111111111 x", "4111", "card", "last4");
        check(none, "from 203.0.113.7", "203", "ip", "truncate");
        check(none, "password=hunter2", "hunter2", "password", "replace");
        let found = notes(none, "{\"userPassword\":\"hunter2\"}");
        assert_eq!(found[0].why, "value of the name `userPassword`");
        let found = notes(none, "call my phone: 0812 3456 789");
        assert_eq!(found[0].why, "a national number, the word `phone` 2 before");
        check(
            &json!({"actions": {"email": "report"}}),
            "to jane@example.com",
            "jane",
            "email",
            "report",
        );
    }

    #[test]
    fn near_misses_say_why_not() {
        let none = &Value::Null;
        check(none, "pay 4111111111111112 x", "4111", "card", "checksum");
        check(none, "pay 9111111111111110 x", "9111", "card", "prefix");
        check(none, "id 4222222222222 x", "4222", "card", "no-key");
        check(none, "x4111111111111111 x", "4111", "card", "boundary");
        check(none, "to DE89370400440532013001 x", "DE89", "iban", "checksum");
        check(none, "to DE893704004405320130001 x", "DE89", "iban", "length");
        check(none, "is 666-12-3456 x", "666", "us-ssn", "prefix");
        check(none, "jane@localhost", "jane", "email", "length");
        check(none, "logo@2x.png", "logo", "email", "prefix");
        check(none, "at 127.0.0.1 x", "127", "ip", "harmless");
        check(none, "version 1.2.3.4 x", "1.2", "ip", "version");
        check(none, "at 1.2.3.4.5 x", "1.2", "ip", "length");
        check(none, "+1 415 555 01 x", "+1", "phone", "length");
        check(
            none,
            "phone of the person who asked for the last invoice 081234567890",
            "0812",
            "phone",
            "word-too-far",
        );
        check(none, "password=${DB}", "${DB}", "password", "placeholder");
        check(none, "password: incorrect", "incorrect", "password", "prefix");
        check(none, "password=4111111111111111", "4111", "card", "overlapped");
        let short = format!("gh{}", "p_0123456789abcdef");
        check(none, &short, "ghp", "secret/github", "length");
        check(
            &json!({"rules": ["default", "-email"]}),
            "to jane@example.com",
            "jane",
            "email",
            "off",
        );
        check(
            &json!({"allow": ["jane@example.com"]}),
            "to jane@example.com",
            "jane",
            "email",
            "allowed",
        );
    }

    #[test]
    fn no_value_is_shown() {
        for text in [
            "password=Hunter2secret",
            "jane.doe@example.com",
            "card 4111111111111111",
            "4111111111111112",
        ] {
            for note in notes(&Value::Null, text) {
                for secret in ["Hunter2", "jane", "4111"] {
                    assert!(!note.why.contains(secret) && !note.shape.contains(secret), "{note:?}");
                }
            }
        }
        assert_eq!(notes(&Value::Null, "Jane.Doe@Example.com")[0].shape, "Llll.Lll@Lllllll.lll");
        assert_eq!(notes(&Value::Null, "password=hunter2")[0].shape, "7 characters");
    }
}
