//! Values behind names: what stands on both sides of a `:` or `=`.

use super::Finder;
use super::member::Close;
use super::mode::Then;
use crate::action::WHOLE_MAX;
use crate::names::Family;
use crate::pair::{self, Name, Value};
use crate::plausible;
use crate::rule::{self, RuleId};
use crate::span::{NEAR, Role};

impl Finder<'_> {
    /// A sign behind which a value may follow, as [`pair::may_follow_name`] said.
    ///
    /// Out of line, as all that a candidate seldom leads to: in a sandbox the walk over clean text
    /// is as fast as its code is short.
    #[inline(never)]
    pub(super) fn assign(&mut self, sign: usize) {
        if let Some(name) = pair::name_at(&self.text, self.engine.names(), self.kind, sign) {
            self.pair(&name, sign);
        } else {
            self.said_with_colon(sign);
        }
    }

    pub(super) fn pair(&mut self, name: &Name, sign: usize) {
        self.text.forget();
        let engine = self.engine;
        let ours = engine.is_own_token(&self.text, sign)
            || engine.is_own_marker(self.text.slice(name.start, name.end));
        if ours || engine.is_behind_marker(&self.text, name.start) {
            return;
        }
        let value = pair::value_behind(&self.text, self.kind, name, sign);
        if self.text.is_open() {
            self.hold(self.earliest_of_pair(name, sign));
            return;
        }
        let Some(mut value) = value else { return };
        match name.family {
            Family::Cookie | Family::SetCookie => return self.cookies(name, value, sign),
            Family::Authorization => {
                let behind = pair::behind_scheme(&self.text, value.start);
                if self.text.is_open() {
                    self.hold(value.start);
                    return;
                }
                if let Some(start) = behind {
                    value.start = start;
                }
            }
            _ => {}
        }
        if value.start >= self.state.settled {
            self.secret(name, value, sign);
        }
    }

    /// The value of a name that makes it a secret, unless it shows that it is none.
    pub(super) fn secret(&mut self, name: &Name, value: Value, sign: usize) {
        let text = &self.text;
        let rule = self.rule_of(name, value.start);
        if !self.engine.is_on(rule) {
            return;
        }
        let mut ending = value.ending;
        let most = NEAR + 8;
        let known = text.slice(value.start, (value.start + most).min(text.len()));
        let is_all = value.start + most > text.len() && text.is_last();
        let progress = ending.advance(known, is_all);
        if !progress.ended && known.len() < most && !is_all {
            self.hold(self.earliest_of_pair(name, sign));
            return;
        }
        text.forget();
        let end = value.start + progress.taken;
        let seen = text.slice(value.start, end);
        let passes = (progress.ended && self.engine.is_placeholder(name, seen))
            || seen.is_empty()
            || self.engine.end_of_encrypted(text, value.start).is_some();
        let judged = value.start..end.min(value.start + NEAR);
        let implausible =
            !plausible::may_be_secret(text, self.engine.names(), name, &value, sign, judged);
        if text.is_open() {
            self.hold(self.earliest_of_pair(name, sign));
            return;
        }
        if passes || implausible {
            return;
        }
        if self.engine.is_report(rule) {
            self.add(rule, value.start..end, None);
            return;
        }
        self.replace(name, value, rule);
    }

    /// Takes a value, or the whole pair where it is to be dropped.
    pub(super) fn replace(&mut self, name: &Name, value: Value, rule: RuleId) {
        if self.has_to_wait(rule, &value) {
            return;
        }
        // In another spelling the value goes alone: what is around it may be out of sight.
        let drops = self.depth == 0 && self.engine.drops(rule);
        let pair = if drops { self.pair_around(name, &value) } else { None };
        match pair {
            Some(pair) => {
                let close = Close { quote: value.quote, separator: pair.separator };
                self.take(rule, pair.start, value, Role::Dropped, Then::Close(close));
            }
            None => self.take(rule, value.start, value, Role::Named, Then::Open),
        }
    }

    /// Whether the action needs a value whose end has not come. Too long ones are masked instead.
    pub(super) fn has_to_wait(&mut self, rule: RuleId, value: &Value) -> bool {
        if !self.engine.needs_whole(rule) {
            return false;
        }
        let mut ending = value.ending;
        let progress = ending.advance(&self.text.bytes()[value.start..], self.text.is_last());
        let waits = !progress.ended && progress.taken < WHOLE_MAX;
        if waits {
            self.hold(value.start);
        }
        waits
    }

    pub(super) fn rule_of(&self, name: &Name, start: usize) -> RuleId {
        match name.family {
            Family::Signature => rule::URL_SIGNATURE,
            Family::Cookie | Family::SetCookie => rule::COOKIE,
            Family::Authorization => {
                if self.text.ends_with_word(start, b"basic ") {
                    rule::BASIC
                } else if self.text.before(start, 1) == b' '
                    && self.text.ends_with_word(start, b"bearer ")
                {
                    rule::BEARER
                } else {
                    rule::PASSWORD
                }
            }
            Family::Secret { .. } => rule::PASSWORD,
            Family::Group(rule) => rule,
        }
    }
}
