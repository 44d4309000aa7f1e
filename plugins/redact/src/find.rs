//! Walks over a text once and collects what has to be replaced.
//!
//! Blocks without candidates are passed over; a candidate goes to the verifier of its kind. What a
//! verifier says is final unless it asked for bytes that have not come yet; then the earliest
//! position at which a hit could begin is remembered as a [`Finder::holds`], and the candidate is
//! judged again with more of the text.
//!
//! A value without a bound (behind the name of a secret, a private key, a list of cookies) puts the
//! finder into a [`Mode`] in which it needs to keep nothing. Candidates of such values are dead
//! inside of others, so each byte is read a bounded number of times.

use crate::action::WHOLE_MAX;
use crate::bytes::{self, TOKEN, WORD};
use crate::candidate::{Before, Candidates, positions};
use crate::ending::{Ending, Quote};
use crate::engine::Engine;
use crate::names::Family;
use crate::pair::{self, Name, Value};
use crate::pem::{self, Part, Pem};
use crate::place::Kind;
use crate::plausible;
use crate::rule::{self, RuleId};
use crate::scan::{BLOCK, classify_at};
use crate::span::{NEAR, Role, Span, resolve};
use crate::text::Text;
use crate::value::{self, token::Scheme, userinfo::Authority};
use member::Close;
use std::ops::Range;

mod list;
mod member;
mod number;
mod tail;

pub(crate) use list::Cookies;

/// What the finder is in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing.
    Open,
    /// A value whose marker is written.
    Swallow { ending: Ending, then: Then },
    /// Before a pair of a list of cookies.
    Cookies(Cookies),
    /// Behind a line of a private key.
    Pem(Pem),
    /// Behind the value of a member that is taken out.
    Close(Close),
}

/// What follows a value that is swallowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Text.
    Open,
    /// The rest of a member.
    Close(Close),
    /// The next cookie.
    Cookies(Cookies),
    /// The next line of a key.
    Pem(Pem),
}

/// What is carried from one piece of a text to the next. Positions count from the first byte that
/// is still known.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) mode: Mode,
    /// Names and headings before this are dead: they stand in a value that was replaced.
    pub(crate) floor: usize,
    /// Hits that begin before this were settled.
    pub(crate) settled: usize,
    /// The last member that was taken out.
    pub(crate) dropped: Range<usize>,
}

impl Default for State {
    fn default() -> State {
        State { mode: Mode::Open, floor: 0, settled: 0, dropped: 0..0 }
    }
}

impl State {
    /// Forgets the first bytes.
    pub(crate) fn shift(&mut self, bytes: usize) {
        self.floor = self.floor.saturating_sub(bytes);
        self.settled = self.settled.saturating_sub(bytes);
        self.dropped =
            self.dropped.start.saturating_sub(bytes)..self.dropped.end.saturating_sub(bytes);
    }
}

/// How far before what is unsettled candidates are judged again, in bytes.
pub(crate) const AGAIN: usize = 128;

/// One walk over one piece.
pub(crate) struct Finder<'a> {
    engine: &'a Engine,
    kind: Kind,
    text: Text<'a>,
    state: State,
    found: &'a mut Found,
    /// The end of the word that was read last, so that it is read once however many candidates are
    /// in it.
    word_end: usize,
    /// Where a value without an end in sight begins, and how far it was taken.
    cut: Option<(usize, usize)>,
    /// Behind the last value behind a name that was settled; hits that begin in it are void.
    base: usize,
    /// What authority the last `@` stood in.
    authority: Authority,
    /// Behind the characters of version 6 around the last colon.
    chain_end: usize,
}

/// What a walk collects. Kept between walks for its memory.
#[derive(Default)]
pub(crate) struct Found {
    /// Hits; sorted and without overlaps once the walk is over.
    pub(crate) spans: Vec<Span>,
    /// Where hits may begin that cannot be judged yet.
    holds: Vec<usize>,
}

/// Walks over `text`, going on from `state`. Answers how much of the text is settled; what is found
/// lies before it. When the text is the last of its kind that is all of it.
pub(crate) fn find(
    engine: &Engine,
    kind: Kind,
    text: Text<'_>,
    state: &mut State,
    found: &mut Found,
) -> usize {
    found.spans.clear();
    found.holds.clear();
    let mut finder = Finder {
        engine,
        kind,
        text,
        state: state.clone(),
        found,
        word_end: 0,
        cut: None,
        base: state.floor,
        authority: Authority::default(),
        chain_end: 0,
    };
    finder.walk();
    finder.settle(state)
}

impl Finder<'_> {
    fn walk(&mut self) {
        if self.state.mode != Mode::Open {
            let from = self.state.settled;
            match self.drive(from) {
                Ok(end) => {
                    self.state.floor = end;
                    self.state.settled = end;
                    self.base = end;
                }
                Err(at) => {
                    self.cut = Some((from, at));
                    return;
                }
            }
        }
        let mut at = self.state.floor.max(self.state.settled.saturating_sub(AGAIN));
        let mut before = Before::byte(self.text.before(at, 1));
        let bytes = self.text.bytes();
        let mut here = classify_at(bytes, at);
        while at < self.limit() {
            let next = classify_at(bytes, at + BLOCK);
            let candidates = Candidates::of(before, &here, &next);
            if !candidates.is_empty() {
                self.visit(&candidates, at);
            }
            before = Before::end_of(&here);
            here = next;
            at += BLOCK;
            // Nothing counts in the middle of a long value but what begins with it.
            if self.state.floor > at + 4 * BLOCK && self.is_deep_in_value(at) {
                at = self.state.floor - BLOCK;
                before = Before::byte(self.text.before(at, 1));
                here = classify_at(bytes, at);
            }
        }
        if !self.text.is_last() {
            self.hold_tail();
        }
    }

    /// Resolves what was found and decides how much of it is final.
    fn settle(self, state: &mut State) -> usize {
        let spans = &mut self.found.spans;
        resolve(spans);
        let len = self.text.len();
        let cut = self.cut.map(|(_, at)| at);
        let mut settled = cut.unwrap_or(len);
        if !self.text.is_last() {
            for &hold in &self.found.holds {
                match spans
                    .iter()
                    .find(|span| span.role != Role::Value && span.start < hold && hold < span.end)
                {
                    // Hits may still begin behind it.
                    Some(span) if span.voids(hold) => settled = settled.min(span.end),
                    Some(span) => settled = settled.min(span.start),
                    None => settled = settled.min(hold),
                }
            }
            // A value that goes on behind what is settled may be cut there, any other may not.
            let is_split = |span: &&Span, at: usize| {
                span.start < at && at < span.end && !(span.end == usize::MAX && cut == Some(at))
            };
            while let Some(span) = spans.iter().find(|span| is_split(span, settled)) {
                settled = span.start;
            }
            spans.retain(|span| span.start < settled);
        }
        let whole = cut == Some(settled);
        let pem = self.text.is_records() && matches!(self.state.mode, Mode::Pem(_));
        state.mode = if whole || pem { self.state.mode } else { Mode::Open };
        state.floor = if whole { settled } else { state.floor.max(self.base) };
        for span in spans.iter_mut() {
            span.end = span.end.min(settled);
            if span.role != Role::Value {
                state.floor = state.floor.max(span.end);
            }
            if matches!(span.role, Role::Dropped | Role::Rest) {
                state.dropped = span.start..span.end;
            }
        }
        spans.retain(|span| span.role != Role::Region);
        state.settled = settled;
        settled
    }

    /// How far blocks have to be visited.
    fn limit(&self) -> usize {
        match self.cut {
            Some((start, _)) => self.text.len().min(start + NEAR + AGAIN + BLOCK),
            None => self.text.len(),
        }
    }

    /// Whether candidates at `at` can only be void.
    fn is_deep_in_value(&self, at: usize) -> bool {
        let ends = |span: &&Span| span.role != Role::Value && span.end == self.state.floor;
        self.found.spans.iter().rev().find(ends).is_some_and(|span| at > span.start + NEAR + AGAIN)
    }

    #[inline(never)]
    fn visit(&mut self, candidates: &Candidates, at: usize) {
        let stateful = candidates.assign | candidates.dashes | candidates.token;
        for position in positions(stateful, at) {
            let bit = 1u64 << (position - at);
            if candidates.assign & bit != 0 {
                if position >= self.state.floor {
                    self.assign(position);
                }
            } else if candidates.token & bit != 0 {
                self.token(position);
            } else if position >= self.state.floor {
                self.dashes(position);
            }
        }
        if candidates.digits != 0 {
            for position in positions(candidates.digits, at) {
                self.digits(position);
            }
        }
        if candidates.rare | candidates.iban | candidates.colons | candidates.mac != 0 {
            self.visit_rare(candidates, at);
        }
    }

    fn visit_rare(&mut self, candidates: &Candidates, at: usize) {
        for position in positions(candidates.rare, at) {
            self.at_sign(position);
        }
        for position in positions(candidates.iban, at) {
            self.judge(rule::IBAN, position, |text| value::iban::find(text, position));
        }
        for position in positions(candidates.colons, at) {
            self.colons(position);
        }
        for position in positions(candidates.mac, at) {
            self.judge(rule::MAC, position.saturating_sub(4), |text| {
                value::mac::find(text, position)
            });
        }
    }

    /// Asks a verifier whose hits begin at `earliest` or later, and keeps what it says.
    #[inline]
    fn judge(
        &mut self,
        rule: RuleId,
        earliest: usize,
        verify: impl FnOnce(&Text<'_>) -> Option<Range<usize>>,
    ) -> bool {
        if !self.engine.is_on(rule) {
            return false;
        }
        self.text.forget();
        let found = verify(&self.text);
        if self.text.is_open() {
            self.hold(earliest);
            return true;
        }
        match found {
            Some(range) => self.add(rule, range, None),
            None => false,
        }
    }

    /// Keeps a hit unless it was settled before or is allowed.
    fn add(&mut self, rule: RuleId, range: Range<usize>, wrap: Option<Quote>) -> bool {
        let (text, engine, settled) = (&self.text, self.engine, self.state.settled);
        // Of a hit that overlaps a settled one the rest is still to come.
        let is_settled = range.end <= settled || (range.start < settled && range.start < self.base);
        if is_settled || engine.allows(rule, text.slice(range.start, range.end)) {
            return false;
        }
        text.forget();
        let glued =
            engine.is_behind_marker(text, range.start) || engine.is_before_marker(text, range.end);
        if text.is_open() {
            self.hold(range.start);
            return true;
        }
        if glued {
            return false;
        }
        let start = range.start.max(settled);
        self.push(Span { start, end: range.end, rule, wrap, role: Role::Value });
        true
    }

    fn at_sign(&mut self, at: usize) {
        let width = match self.text.at(at) {
            b'@' => 1,
            _ if self.text.slice(at, (at + 3).min(self.text.len())) == b"%40" => 3,
            _ => return,
        };
        if width == 1
            && let Some(start) = self.authority.start(&self.text, at)
        {
            let engine = self.engine;
            let secret = |text: &Text<'_>| {
                let found = value::userinfo::find(text, start, at)?;
                let written = text.slice(found.start, found.end);
                (!engine.is_placeholder_value(written)).then_some(found)
            };
            self.judge(rule::URL_USERINFO, start, secret);
            return;
        }
        let start = value::email::local_start(&self.text, at);
        if start < at {
            self.judge(rule::EMAIL, start, |text| value::email::find(text, start, at, width));
        }
    }

    fn colons(&mut self, at: usize) {
        // The first of two colons has asked already, and so has the first one of an address.
        let asked = self.text.before(at, 1) == b':' || at < self.chain_end;
        if !asked {
            let start = value::ip::start_v6(&self.text, at);
            self.chain_end = value::ip::chain_end(&self.text, at);
            self.judge(rule::IP, start, |text| value::ip::find_v6(text, start));
        }
        if self.text.before(at, 3) != b':' {
            self.judge(rule::MAC, at.saturating_sub(2), |text| value::mac::find(text, at));
        }
    }

    /// A word that may be a token, by its own prefix or by what stands before it.
    fn token(&mut self, start: usize) {
        let text = &self.text;
        let (first, second) = (text.at(start), text.at(start + 1));
        text.forget();
        if text.before(start, 1) == b' ' && self.credentials(start) {
            return;
        }
        let text = &self.text;
        if !value::secret::may_begin(first, second) && !value::secret::is_led(text, start) {
            return;
        }
        let earliest = value::secret::earliest(text, start);
        let jwt = if first == b'e' && second == b'y' && self.engine.is_on(rule::JWT) {
            let word_end = self.word_end(start, value::jwt::HEADER_MAX + 1);
            value::jwt::find(&self.text, start, word_end)
        } else {
            None
        };
        let text = &self.text;
        let found = match jwt {
            Some(range) => Some((rule::JWT, range, JWT_RUN)),
            None => {
                value::secret::find(text, start).map(|found| (found.rule, found.range, found.class))
            }
        };
        if text.is_open() {
            self.hold(earliest);
            return;
        }
        let Some((rule, range, class)) = found else { return };
        let goes_on = rule == rule::JWT || (class != 0 && range.len() >= value::secret::PROOF);
        self.run_on(rule, range, class, goes_on);
    }

    /// Behind the word that holds `start`, or where it is longer than `most`. A word is read once
    /// however many candidates are in it.
    fn word_end(&mut self, start: usize, most: usize) -> usize {
        let limit = start + most;
        if self.word_end < start {
            self.word_end = start;
        }
        while self.word_end < limit && bytes::is(self.text.at(self.word_end), WORD) {
            self.word_end += 1;
        }
        // What ends the word has to be seen by each of its candidates.
        self.text.at(self.word_end.min(limit));
        self.word_end.min(limit)
    }

    /// The token behind `Bearer` or `Basic`. False when there is none.
    #[inline]
    fn credentials(&mut self, start: usize) -> bool {
        let Some((scheme, word)) = value::token::scheme_before(&self.text, start) else {
            return false;
        };
        let rule = if scheme == Scheme::Basic { rule::BASIC } else { rule::BEARER };
        if !self.engine.is_on(rule) || self.engine.is_behind_marker(&self.text, word) {
            return false;
        }
        let found = value::token::find(&self.text, start, scheme);
        if self.text.is_open() {
            self.hold(start);
            return true;
        }
        let Some(range) = found else { return false };
        let goes_on = range.len() >= value::token::PROOF;
        self.run_on(rule, range, TOKEN, goes_on);
        true
    }

    /// A proven token, which may be longer than what was read of it.
    fn run_on(&mut self, rule: RuleId, range: Range<usize>, class: u16, goes_on: bool) {
        if !self.engine.is_on(rule) {
            return;
        }
        let is_free = range.start >= self.state.floor.max(self.state.settled) && self.cut.is_none();
        if self.engine.is_behind_marker(&self.text, range.start) {
            return;
        }
        if goes_on && is_free && !self.engine.is_report(rule) {
            let value =
                Value { start: range.start, ending: Ending::Run(class), wrap: None, quote: None };
            if self.has_to_wait(rule, &value) {
                return;
            }
            self.take(rule, value.start, value, Role::Named, Then::Open);
        } else {
            self.add(rule, range, None);
        }
    }

    fn dashes(&mut self, start: usize) {
        if !self.engine.is_on(rule::PRIVATE_KEY) || start < self.state.settled {
            return;
        }
        self.text.forget();
        let heading = pem::heading(&self.text, start);
        if self.text.is_open() {
            self.hold(start);
            return;
        }
        let Some(end) = heading else { return };
        if self.engine.is_report(rule::PRIVATE_KEY) {
            self.add(rule::PRIVATE_KEY, start..end, None);
            return;
        }
        let region = self.open_region(start);
        self.push(Span { start, end, rule: rule::PRIVATE_KEY, wrap: None, role: Role::Named });
        self.state.mode = Mode::Pem(Pem { read: 0 });
        self.finish_region(region, end);
    }

    fn push(&mut self, span: Span) {
        self.found.spans.push(span);
    }

    fn hold(&mut self, start: usize) {
        self.found.holds.push(start.max(self.state.settled));
    }

    /// Begins a region whose end is not known.
    fn open_region(&mut self, start: usize) -> usize {
        self.push(Span {
            start,
            end: usize::MAX,
            rule: rule::COOKIE,
            wrap: None,
            role: Role::Region,
        });
        self.found.spans.len() - 1
    }

    /// Runs the mode that was set from `at` on; the region ends with it.
    fn finish_region(&mut self, region: usize, at: usize) {
        match self.drive(at) {
            Ok(end) => {
                self.found.spans[region].end = end;
                self.state.floor = end;
            }
            Err(at) => self.cut_off(self.found.spans[region].start, at),
        }
    }

    fn cut_off(&mut self, start: usize, at: usize) {
        self.cut = Some((start, at));
        self.state.floor = usize::MAX;
    }

    /// Goes on with the mode from `at`: to its end, or as far as there is text for it.
    fn drive(&mut self, mut at: usize) -> Result<usize, usize> {
        loop {
            self.text.forget();
            match self.state.mode {
                Mode::Open => return Ok(at),
                Mode::Swallow { mut ending, then } => {
                    let progress = ending.advance(&self.text.bytes()[at..], self.text.is_last());
                    self.rest(at, at + progress.taken);
                    at += progress.taken;
                    if !progress.ended {
                        self.state.mode = Mode::Swallow { ending, then };
                        return Err(at);
                    }
                    self.state.mode = match then {
                        Then::Open => Mode::Open,
                        Then::Close(close) => Mode::Close(close),
                        Then::Cookies(cookies) => Mode::Cookies(cookies),
                        Then::Pem(pem) => Mode::Pem(Pem { read: pem.read + progress.taken }),
                    };
                }
                Mode::Close(close) => match close.read(&self.text, at) {
                    Ok(end) => {
                        self.rest(at, end);
                        at = end;
                        self.state.mode = Mode::Open;
                    }
                    Err((end, close)) => {
                        self.rest(at, end);
                        self.state.mode = Mode::Close(close);
                        return Err(end);
                    }
                },
                Mode::Pem(_) if self.text.is_records() && at >= self.text.len() => return Ok(at),
                Mode::Pem(pem) => {
                    let part = pem::next(&self.text, pem, at);
                    if self.text.is_open() {
                        return Err(at);
                    }
                    let behind = |end: usize| Pem { read: pem.read + end - at };
                    let (mode, start, end) = match part {
                        Part::Line { start, end } => (Mode::Pem(behind(end)), start, end),
                        Part::LongLine { start, end } => {
                            let then = Then::Pem(behind(end));
                            (Mode::Swallow { ending: Ending::Run(bytes::BASE64), then }, start, end)
                        }
                        Part::Last { start, end } => (Mode::Open, start, end),
                        Part::End(end) => (Mode::Open, end, end),
                    };
                    if end > start {
                        self.push(Span {
                            start,
                            end,
                            rule: rule::PRIVATE_KEY,
                            wrap: None,
                            role: Role::Named,
                        });
                    }
                    self.state.mode = mode;
                    at = end;
                }
                Mode::Cookies(cookies) => at = self.cookie(cookies, at)?,
            }
        }
    }

    /// Bytes of a value whose marker is written: in the piece in which the value began it simply
    /// becomes longer.
    fn rest(&mut self, start: usize, end: usize) {
        let last = self.found.spans.iter_mut().rev().find(|span| span.role != Role::Region);
        match last {
            Some(span) if span.end == start && span.role != Role::Value => span.end = end,
            _ if end > start => {
                self.push(Span { start, end, rule: rule::PASSWORD, wrap: None, role: Role::Rest });
            }
            _ => {}
        }
    }

    /// Replaces a value as far as there is. Of one that is dropped with its name the hit begins at
    /// `start`.
    fn take(&mut self, rule: RuleId, start: usize, value: Value, role: Role, then: Then) {
        let span = self.found.spans.len();
        self.push(Span { start, end: value.start, rule, wrap: value.wrap, role });
        self.state.mode = Mode::Swallow { ending: value.ending, then };
        match self.drive(value.start) {
            Ok(end) => self.state.floor = end,
            Err(at) => {
                self.found.spans[span].end = usize::MAX;
                self.cut_off(start, at);
            }
        }
    }

    /// A sign behind which a value may follow.
    #[inline]
    fn assign(&mut self, sign: usize) {
        if let Some(name) = pair::name_before(&self.text, self.engine.names(), self.kind, sign) {
            self.pair(&name, sign);
        }
    }

    fn pair(&mut self, name: &Name, sign: usize) {
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
    fn secret(&mut self, name: &Name, value: Value, sign: usize) {
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
        let passes = (progress.ended && self.engine.is_placeholder(name, seen)) || seen.is_empty();
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
    fn replace(&mut self, name: &Name, value: Value, rule: RuleId) {
        if self.has_to_wait(rule, &value) {
            return;
        }
        let pair = if self.engine.drops(rule) { self.pair_around(name, &value) } else { None };
        match pair {
            Some(pair) => {
                let close = Close { quote: value.quote, separator: pair.separator };
                self.take(rule, pair.start, value, Role::Dropped, Then::Close(close));
            }
            None => self.take(rule, value.start, value, Role::Named, Then::Open),
        }
    }

    /// Whether the action needs a value whose end has not come. Too long ones are masked instead.
    fn has_to_wait(&mut self, rule: RuleId, value: &Value) -> bool {
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

    fn rule_of(&self, name: &Name, start: usize) -> RuleId {
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
        }
    }

    /// What has to stay in sight at the end of a piece, so that hits can still be found in it.
    fn hold_tail(&mut self) {
        let len = self.text.len();
        let hold = tail::start(&self.text, self.engine.drops_pairs());
        if hold < len {
            self.hold(hold);
        }
    }
}

/// Letters, digits, `-`, `_`, and points between them.
const JWT_RUN: u16 = TOKEN | WORD;
