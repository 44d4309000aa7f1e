//! Lists of cookies: `Cookie: a=1; b=2` and `Set-Cookie: a=1; Path=/`.
//!
//! Names and attributes stay, every value goes.

use super::Finder;
use super::mode::{Mode, Then};
use super::spelled::VIEWS;
use crate::action::WHOLE_MAX;
use crate::bytes;
use crate::ending::{Ending, Quote};
use crate::names::Family;
use crate::pair::{self, Name, Value};
use crate::placeholder;
use crate::rule;
use crate::span::{Role, Span};
use crate::text::Text;

/// The longest name of a cookie, in bytes. A longer one ends the list.
const NAME_MAX: usize = 128;

/// Progress in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookies {
    /// Quotes around the list.
    pub(crate) quote: Option<Quote>,
    /// One pair, and attributes behind it.
    pub(crate) set: bool,
    /// No pair was read yet.
    pub(crate) first: bool,
}

impl Finder<'_> {
    /// The list behind a name.
    pub(super) fn cookies(&mut self, name: &Name, value: Value, sign: usize) {
        // Of a view the beginning of a list may be out of sight.
        let is_settled = value.start < self.state.settled || self.depth >= VIEWS;
        if is_settled || !self.engine.is_on(rule::COOKIE) || matches!(value.ending, Ending::Scalar)
        {
            return;
        }
        if matches!(value.ending, Ending::Container(_)) {
            return self.secret(name, value, sign);
        }
        self.text.forget();
        let pair = pair_end(&self.text, value.start);
        if self.text.is_open() {
            self.hold(value.start);
            return;
        }
        if pair.is_none() {
            // One value without a name: a secret if it looks like one.
            let end = bytes_end(&self.text, value.start);
            if self.text.is_open() {
                self.hold(value.start);
            } else if end - value.start >= 16
                && crate::value::token::is_random(self.text.slice(value.start, end))
            {
                self.secret(name, value, sign);
            }
            return;
        }
        if self.engine.is_report(rule::COOKIE) {
            self.add(rule::COOKIE, value.start..value.start + 1, None);
            return;
        }
        let cookies =
            Cookies { quote: value.quote, set: name.family == Family::SetCookie, first: true };
        let region = self.open_region(value.start);
        self.state.mode = Mode::Cookies(cookies);
        self.finish_region(region, value.start);
    }

    /// Reads one pair at `at`, and answers where to go on; how far when the text ends in it.
    pub(super) fn cookie(&mut self, cookies: Cookies, at: usize) -> Result<usize, usize> {
        let text = &self.text;
        let mut start = at;
        if text.at(start) == b'"' && cookies.quote.is_none() && !cookies.first {
            // Closes the value before.
            start += 1;
        }
        while start < at + 8 && text.at(start) == b' ' {
            start += 1;
        }
        let name_end = name_end(text, start);
        let sign = text.at(name_end);
        let mut value = name_end + 1;
        let mut ending = Ending::Cookie(cookies.quote);
        if text.at(value) == b'"' && cookies.quote.is_none() && !pair::closes(text.at(value + 1)) {
            ending = Ending::quoted(Quote { sign: b'"', level: 0 }, true);
            value += 1;
        }
        if text.is_open() {
            return Err(at);
        }
        let next = Cookies { first: false, ..cookies };
        if sign == b';' {
            self.state.mode = Mode::Cookies(next);
            return Ok(name_end + 1);
        }
        if sign != b'=' || name_end == start {
            self.state.mode = Mode::Open;
            return Ok(at);
        }
        let attribute = cookies.set && !cookies.first;
        let known = text.slice(value, (value + placeholder::MAX + 8).min(text.len()));
        let mut probe = ending;
        let whole = text.is_last() && value + placeholder::MAX + 8 > text.len();
        let progress = probe.advance(known, whole);
        if !progress.ended && known.len() < placeholder::MAX + 8 && !whole {
            return Err(at);
        }
        let encrypted = self.engine.end_of_encrypted(&self.text, value);
        if self.text.is_open() {
            return Err(at);
        }
        if let Some(end) = encrypted {
            self.state.mode = Mode::Cookies(next);
            return Ok(end);
        }
        let written = &known[..progress.taken];
        let stays = attribute
            || self.engine.allows(rule::COOKIE, written)
            || (progress.ended && self.engine.is_placeholder_value(written));
        if stays {
            // Attributes are short; a longer one ends the list.
            self.state.mode = if progress.ended { Mode::Cookies(next) } else { Mode::Open };
            return Ok(value + progress.taken);
        }
        if self.engine.needs_whole(rule::COOKIE) {
            let mut whole = ending;
            let progress = whole.advance(&self.text.bytes()[value..], self.text.is_last());
            if !progress.ended && progress.taken < WHOLE_MAX {
                return Err(at);
            }
        }
        self.push(Span {
            start: value,
            end: value,
            rule: rule::COOKIE,
            wrap: None,
            role: Role::Named,
        });
        self.state.mode = Mode::Swallow { ending, then: Then::Cookies(next) };
        Ok(value)
    }
}

/// Behind the name and `=` of a cookie, if there is one at `start`.
fn pair_end(text: &Text<'_>, start: usize) -> Option<usize> {
    let end = name_end(text, start);
    (end > start && text.at(end) == b'=').then_some(end + 1)
}

fn name_end(text: &Text<'_>, start: usize) -> usize {
    let mut end = start;
    while end < start + NAME_MAX
        && !matches!(
            text.at(end),
            0..=b' ' | b'=' | b';' | b',' | b'"' | b'\\' | b'\'' | b'{' | b'}' | b'[' | b']'
        )
    {
        end += 1;
    }
    end
}

fn bytes_end(text: &Text<'_>, start: usize) -> usize {
    let mut end = start;
    while end < start + NAME_MAX && bytes::is(text.at(end), bytes::TOKEN) {
        end += 1;
    }
    end
}
