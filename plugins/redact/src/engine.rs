//! The engine: rules on one side, texts on the other.
//!
//! An [`Engine`] is made once from [`Rules`] and never changes; it may be asked from anywhere. What
//! a scan needs besides is memory, which the caller keeps in a [`Scratch`] from one text to the
//! next, so that a clean text costs no allocation.

use crate::action;
use crate::custom::Customs;
use crate::find::{Found, State, find};
use crate::names::{Family, Names};
use crate::pack::Packs;
use crate::pair::Name;
use crate::place::{Kind, Place};
use crate::placeholder;
use crate::rule::{self, RuleId};
use crate::rules::{Action, Rules};
use crate::span::{Role, Span};
use crate::stream::{Answer, Stream};
use crate::text::Text;
use crate::view;
use std::borrow::Cow;
use std::ops::Range;

/// Finds and replaces what its rules say.
pub struct Engine {
    rules: Rules,
    packs: Option<Packs>,
}

/// Memory for scans, and the hits of the last one.
#[derive(Default)]
pub struct Scratch {
    pub(crate) found: Found,
    edits: Vec<Edit>,
    bytes: Vec<u8>,
    counts: Counts,
    /// A hit was found with which a text must not go on at all.
    refused: bool,
    /// A value with its name before it.
    pub(crate) line: String,
}

/// One replacement.
struct Edit {
    range: Range<usize>,
    bytes: Range<usize>,
}

/// How often each rule hit. Never what it hit.
#[derive(Clone, Debug, Default)]
pub struct Counts(Vec<u64>);

impl Counts {
    /// All hits together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Adds the hits of another scan.
    pub fn add(&mut self, other: &Counts) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (count, more) in self.0.iter_mut().zip(&other.0) {
            *count += more;
        }
    }

    fn count(&mut self, rule: RuleId) {
        if self.0.len() <= rule.index() {
            self.0.resize(rule.index() + 1, 0);
        }
        self.0[rule.index()] += 1;
    }
}

impl Scratch {
    /// The replacements of the last scan, ascending and disjoint: which bytes of the text, and what
    /// stands there instead.
    pub fn edits(&self) -> impl Iterator<Item = (Range<usize>, &[u8])> {
        self.edits.iter().map(|edit| (edit.range.clone(), &self.bytes[edit.bytes.clone()]))
    }

    /// Whether the last scan changed nothing.
    pub fn is_clean(&self) -> bool {
        self.edits.is_empty()
    }

    /// The hits since these counts were last taken, those of rules that only report included.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether anything was found since this was last asked with which a text must not go on at all.
    /// What was written for it holds none of the value.
    pub fn take_refusal(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    /// Gives out the counts and begins new ones.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// Says where the texts of the next scans stand, for rules that act in some places only.
    pub fn enter(&mut self, place: Place) {
        self.found.place = place as u8;
    }

    pub(crate) fn count(&mut self, rule: RuleId) {
        self.edits.clear();
        self.counts.count(rule);
    }

    /// Writes `text` with the replacements of the last scan, which was a scan of this text.
    pub fn apply(&self, text: &[u8], out: &mut Vec<u8>) {
        self.apply_between(text, 0, text.len(), out);
    }

    /// The same for a part of the text that no replacement reaches over.
    pub(crate) fn apply_between(&self, text: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
        let mut at = from;
        for (range, bytes) in self.edits() {
            out.extend_from_slice(&text[at..range.start]);
            out.extend_from_slice(bytes);
            at = range.end;
        }
        out.extend_from_slice(&text[at..to]);
    }
}

impl Engine {
    /// An engine for these rules.
    pub fn new(rules: Rules) -> Engine {
        let packs = Packs::of(&rules.catalogue, &rules.on);
        Engine { rules, packs }
    }

    /// Whether any rule keeps whole records and bodies from going on.
    pub fn refuses(&self) -> bool {
        let actions = self.rules.on.iter().zip(&self.rules.actions);
        actions.into_iter().any(|(&on, action)| on && *action == Action::DropRecord)
    }

    pub(crate) fn into_rules(self) -> Rules {
        self.rules
    }

    /// The rules that hit at least once, by name, and how often.
    pub fn named<'c>(&'c self, counts: &'c Counts) -> impl Iterator<Item = (&'c str, u64)> {
        let hits = counts.0.iter().copied();
        self.rules.catalogue.names().zip(hits).filter(|(_, count)| *count > 0)
    }

    /// Scans a whole text. The replacements are in `scratch` afterwards.
    pub fn scan(&self, kind: Kind, text: &[u8], scratch: &mut Scratch) {
        let mut state = State::default();
        self.scan_on(kind, Text::new(text, true), &mut state, scratch);
    }

    /// Redacts a whole text; borrowed when it is clean.
    pub fn redact<'t>(&self, kind: Kind, text: &'t [u8], scratch: &mut Scratch) -> Cow<'t, [u8]> {
        if kind == Kind::Parts {
            return match Stream::new(kind).push(self, text, true, scratch) {
                Answer::Replace(out) => Cow::Owned(out),
                _ => Cow::Borrowed(text),
            };
        }
        self.scan(kind, text, scratch);
        if scratch.is_clean() {
            return Cow::Borrowed(text);
        }
        let mut out = Vec::with_capacity(text.len());
        scratch.apply(text, &mut out);
        Cow::Owned(out)
    }

    /// Scans a piece of a text and answers how much of it is settled.
    pub(crate) fn scan_on(
        &self,
        kind: Kind,
        text: Text<'_>,
        state: &mut State,
        scratch: &mut Scratch,
    ) -> usize {
        let bytes = text.bytes();
        let settled = find(self, kind, text, state, &mut scratch.found);
        let spans = std::mem::take(&mut scratch.found.spans);
        self.render_all(kind, bytes, &spans, scratch);
        scratch.found.spans = spans;
        settled
    }

    /// Makes hits into replacements.
    pub(crate) fn render_all(
        &self,
        kind: Kind,
        text: &[u8],
        spans: &[Span],
        scratch: &mut Scratch,
    ) {
        scratch.edits.clear();
        scratch.bytes.clear();
        for span in spans {
            self.render(kind, text, span, scratch);
        }
    }

    /// Writes what stands in place of a hit.
    fn render(&self, kind: Kind, text: &[u8], span: &Span, scratch: &mut Scratch) {
        let range = span.start..span.end;
        let from = scratch.bytes.len();
        match span.role {
            Role::Region => return,
            Role::Reported => {
                scratch.counts.count(span.rule);
                return;
            }
            Role::Rest => {}
            Role::Dropped => scratch.counts.count(span.rule),
            Role::Named | Role::Value => {
                scratch.counts.count(span.rule);
                let action = &self.rules.actions[span.rule.index()];
                if matches!(action, Action::Report) {
                    return;
                }
                scratch.refused |= matches!(action, Action::DropRecord);
                let spot = action::Spot { encoded: kind.is_encoded(), wrap: span.wrap };
                let written = &text[range.clone()];
                let value = match action {
                    Action::Replace(_) | Action::Mask | Action::DropRecord => written.into(),
                    _ => view::plain(span.rule, written),
                };
                action::write(action, &self.rules, span.rule, &value, spot, &mut scratch.bytes);
            }
        }
        scratch.edits.push(Edit { range, bytes: from..scratch.bytes.len() });
    }

    /// The names of the rules that are on, in their order.
    pub fn rules_on(&self) -> impl Iterator<Item = &str> {
        let names = self.rules.catalogue.names().zip(&self.rules.on);
        names.filter(|(_, on)| **on).map(|(name, _)| name)
    }

    pub(crate) fn name_of(&self, rule: RuleId) -> &str {
        &self.rules.catalogue.rule(rule).name
    }

    pub(crate) fn rule_named(&self, name: &str) -> Option<RuleId> {
        self.rules.catalogue.iter().find(|(_, rule)| rule.name == name).map(|(id, _)| id)
    }

    pub(crate) fn action_of(&self, rule: RuleId) -> &Action {
        &self.rules.actions[rule.index()]
    }

    /// The entities of packs that are on.
    pub(crate) fn packs(&self) -> Option<&Packs> {
        self.packs.as_ref()
    }

    /// Whether this is an entity of a pack.
    pub(crate) fn is_of_pack(&self, rule: RuleId) -> bool {
        self.rules.catalogue.is_optional(rule.index())
    }

    pub(crate) fn names(&self) -> &Names {
        &self.rules.names
    }

    /// The rules of a file, if there are any.
    pub(crate) fn customs(&self) -> Option<&Customs> {
        self.rules.customs.as_deref()
    }

    /// Whether a value was written by this engine.
    pub(crate) fn is_own(&self, value: &[u8]) -> bool {
        let (catalogue, traits) = (&self.rules.catalogue, &self.rules.traits);
        let markers = catalogue.markers().chain(traits.texts.iter().map(String::as_str));
        value.iter().all(|byte| *byte == b'*')
            || placeholder::begins_as_ours(value, markers)
            || (traits.hashes
                && catalogue.names().any(|name| self.rules.keys.is_token(value, name)))
            || self.end_of_encrypted(&Text::new(value, true), 0) == Some(value.len())
    }

    pub(crate) fn is_on(&self, rule: RuleId) -> bool {
        self.rules.on[rule.index()]
    }

    pub(crate) fn is_report(&self, rule: RuleId) -> bool {
        matches!(self.rules.actions[rule.index()], Action::Report)
    }

    pub(crate) fn drops(&self, rule: RuleId) -> bool {
        matches!(self.rules.actions[rule.index()], Action::Drop)
    }

    /// Whether any rule of names takes pairs out.
    pub(crate) fn drops_pairs(&self) -> bool {
        [rule::PASSWORD, rule::BEARER, rule::BASIC, rule::COOKIE, rule::URL_SIGNATURE]
            .iter()
            .any(|&rule| self.drops(rule))
            || self.rules.traits.drops_groups
    }

    /// Whether the action needs the value to its end.
    pub(crate) fn needs_whole(&self, rule: RuleId) -> bool {
        matches!(
            self.rules.actions[rule.index()],
            Action::Hash
                | Action::Encrypt
                | Action::Last(_)
                | Action::First(_)
                | Action::Truncate(_)
        )
    }

    pub(crate) fn allows(&self, rule: RuleId, value: &[u8]) -> bool {
        (!self.rules.allow.is_empty() && self.rules.allow.passes(rule, value))
            || (self.rules.own_allow.iter())
                .any(|(of, allow)| *of == rule && allow.passes(rule, value))
    }

    /// Whether the value of a name stands in for one, was written by this engine, or is allowed.
    pub(crate) fn is_placeholder(&self, name: &Name, value: &[u8]) -> bool {
        let rule = match name.family {
            Family::Cookie | Family::SetCookie => rule::COOKIE,
            Family::Signature => rule::URL_SIGNATURE,
            Family::Authorization | Family::Secret { .. } => rule::PASSWORD,
            Family::Group(rule) => rule,
        };
        self.is_placeholder_value(value) || self.allows(rule, value)
    }

    /// Whether the colon at `sign` stands in a token that this engine wrote:
    /// `password:9f86d081884c7d65`, `password:k1:9f86d081884c7d65`.
    pub(crate) fn is_own_token(&self, text: &Text<'_>, sign: usize) -> bool {
        let Rules { traits, keys, catalogue, .. } = &self.rules;
        (traits.hashes && keys.is_in_token(catalogue, text, sign))
            || (traits.encrypts && keys.is_in_encrypted(text, sign + 1))
    }

    /// Whether what begins at `start` begins in the digits of such a token, or in a value that this
    /// engine encrypted.
    pub(crate) fn is_in_own_token(&self, text: &Text<'_>, start: usize) -> bool {
        let Rules { traits, keys, catalogue, .. } = &self.rules;
        (traits.hashes && keys.is_in_digits(catalogue, text, start))
            || (traits.encrypts && keys.is_in_encrypted(text, start))
    }

    /// Behind the value that this engine encrypted and that begins at `start`, if one does.
    pub(crate) fn end_of_encrypted(&self, text: &Text<'_>, start: usize) -> Option<usize> {
        let Rules { traits, keys, .. } = &self.rules;
        if traits.encrypts { keys.end_of_encrypted(text, start) } else { None }
    }

    /// Whether a name ends with a marker, as `[iban]: …` and `%5Biban%5D=…` do.
    pub(crate) fn is_own_marker(&self, name: &[u8]) -> bool {
        let mut markers = self.rules.catalogue.markers();
        if name.last() == Some(&b']') {
            return markers.any(|marker| name.ends_with(marker.as_bytes()));
        }
        let encoded =
            |sign: &[u8]| name.windows(3).rposition(|three| three.eq_ignore_ascii_case(sign));
        match encoded(b"%5B") {
            Some(begin) if encoded(b"%5D") == Some(name.len() - 3) => {
                markers.any(|marker| placeholder::is_marker(&name[begin..], marker.as_bytes()))
            }
            _ => false,
        }
    }

    /// Whether a marker of this engine ends right before `start`: what follows was part of no hit
    /// when the marker was written, and is none now.
    pub(crate) fn is_behind_marker(&self, text: &Text<'_>, start: usize) -> bool {
        let ends = |marker: &str| text.ends_with_word(start, marker.as_bytes());
        (text.before(start, 1) == b']' && self.rules.catalogue.markers().any(ends))
            || self.rules.traits.texts.iter().any(|text| ends(text))
    }

    /// Whether one begins right at `end`. What stands before it was part of no hit either.
    pub(crate) fn is_before_marker(&self, text: &Text<'_>, end: usize) -> bool {
        let begins = |marker: &str| text.has_word(end, marker.as_bytes());
        match text.at(end) {
            b'*' => begins("**********"),
            b'[' if self.rules.catalogue.markers().any(begins) => true,
            byte => {
                let texts = self.rules.traits.texts.iter();
                let mut near = texts.filter(|text| text.as_bytes().first() == Some(&byte));
                near.any(|text| begins(text))
            }
        }
    }

    pub(crate) fn is_placeholder_value(&self, value: &[u8]) -> bool {
        let (catalogue, traits) = (&self.rules.catalogue, &self.rules.traits);
        // All that ship begin with a bracket, but one with its own first letter.
        let may_be_shipped = matches!(value.first(), Some(b'[' | b'%' | b'R' | b'*'));
        let shipped = catalogue.markers().filter(|_| may_be_shipped);
        let markers = shipped.chain(traits.texts.iter().map(String::as_str));
        placeholder::is_placeholder(value)
            || placeholder::begins_as_ours(value, markers)
            || placeholder::is_partly_shown(value, traits.first, traits.last)
            || self.end_of_encrypted(&Text::new(value, true), 0) == Some(value.len())
            || (traits.hashes
                && catalogue.names().any(|name| self.rules.keys.is_token(value, name)))
    }
}
