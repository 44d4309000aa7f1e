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

use crate::bytes::{self, ALNUM, HEX};
use crate::candidate::{Before, Candidates, positions};
use crate::custom::Match;
use crate::ending::Quote;
use crate::engine::Engine;
use crate::pair;
use crate::place::Kind;
use crate::rule::{self, RuleId};
use crate::scan::{BLOCK, classify_at};
use crate::span::{NEAR, Role, Span, resolve};
use crate::text::Text;
use crate::value::{self, userinfo::Authority};
use std::ops::Range;

mod custom;
mod element;
mod list;
mod member;
mod mode;
mod named;
mod number;
mod option;
mod optional;
mod prose;
mod spelled;
mod tail;
mod token;

pub(crate) use list::Cookies;
pub(crate) use mode::Mode;
pub(crate) use spelled::{CELL, LEFT};

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
    /// How far behind the beginning of a cell the first known byte stands.
    pub(crate) origin: usize,
}

impl Default for State {
    fn default() -> State {
        State { mode: Mode::Open, floor: 0, settled: 0, dropped: 0..0, origin: 0 }
    }
}

impl State {
    /// Forgets the first bytes.
    pub(crate) fn shift(&mut self, bytes: usize) {
        self.floor = self.floor.saturating_sub(bytes);
        self.settled = self.settled.saturating_sub(bytes);
        self.origin = (self.origin + bytes) % CELL;
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
    /// Digits and signs without any letter, as far as they were looked at.
    calm: Range<usize>,
    /// Behind the last cell that was looked at for other spellings.
    looked_at: usize,
    /// How many views this text is in.
    depth: usize,
}

/// What a walk collects. Kept between walks for its memory.
#[derive(Default)]
pub(crate) struct Found {
    /// Hits; sorted and without overlaps once the walk is over.
    pub(crate) spans: Vec<Span>,
    /// Where hits may begin that cannot be judged yet.
    holds: Vec<usize>,
    /// For looking at other spellings; made when there are any.
    inner: Option<Box<spelled::Inner>>,
    /// What the automaton of a rule file says of one place.
    matches: Vec<Match>,
    /// The place of the text, one bit of [`crate::place::Place`]; none: everywhere.
    pub(crate) place: u8,
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
    find_in(engine, kind, text, state, found, 0)
}

/// The same for what is so many views deep in a text.
fn find_in(
    engine: &Engine,
    kind: Kind,
    text: Text<'_>,
    state: &mut State,
    found: &mut Found,
    depth: usize,
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
        calm: 0..0,
        looked_at: 0,
        depth,
    };
    match engine.packs() {
        None => finder.walk::<false>(),
        Some(_) => finder.walk::<true>(),
    }
    finder.settle(state)
}

/// The positions of a mask, counted from `base`, that pass a test.
#[inline(always)]
fn kept(mask: u64, base: usize, passes: impl Fn(usize) -> bool) -> u64 {
    positions(mask, base)
        .fold(0, |kept, position| kept | u64::from(passes(position)) << (position - base))
}

/// Whether the `&` at `at` may begin a character that is written by its number or its name; most stand
/// between the pairs of a query.
#[inline]
fn may_be_entity(text: &[u8], at: usize) -> bool {
    // The longest name with the sign that closes it (`commat;`), and one byte more.
    let behind = text.get(at + 1..).and_then(|behind| behind.first_chunk::<8>());
    behind.is_none_or(|behind| behind[0] == b'#' || behind.contains(&b';'))
}

/// Whether another `@` ends the first label of what follows one, in which case it is no domain.
#[inline]
fn has_no_domain(behind: &[u8]) -> bool {
    const LABEL: usize = 16;
    let label = behind.iter().take(LABEL).take_while(|&&byte| bytes::is(byte, ALNUM)).count();
    behind.get(label) == Some(&b'@')
}

/// Whether the colon at `colon` may be the first of two, or stand between hexadecimal digits. Of the
/// colons of an address of version 6 and of hardware that are candidates at least one does.
#[inline(always)]
fn may_be_in_address(text: &[u8], colon: usize) -> bool {
    let own = |byte: &u8| bytes::is(*byte, HEX) || *byte == b':';
    let next = text.get(colon + 1);
    next.is_none_or(|next| *next == b':')
        || (next.is_some_and(own)
            && colon.checked_sub(1).and_then(|at| text.get(at)).is_some_and(own))
}

impl Finder<'_> {
    /// `PACKS` says whether any is on; who has none pays nothing for them.
    fn walk<const PACKS: bool>(&mut self) {
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
        let from = at;
        let mut before = Before::byte(self.text.before(at, 1));
        let bytes = self.text.bytes();
        let mut here = classify_at(bytes, at);
        while at < self.limit() {
            let next = classify_at(bytes, at + BLOCK);
            let mut candidates = Candidates::of(before, &here, &next);
            self.dismiss(&mut candidates, at);
            if !candidates.is_empty() {
                self.visit(&candidates, at);
            }
            if PACKS {
                self.optional(Candidates::numbers(before, &here, &next), at, &here, &next);
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
        if PACKS {
            self.paths(from);
        }
        let engine = self.engine;
        // What operators wrote is about texts as they are written.
        if let Some(customs) = engine.customs().filter(|_| self.depth == 0) {
            self.custom(customs, from);
        }
        if !self.text.is_last() {
            self.hold_tail();
            if PACKS {
                self.hold_words();
            }
        }
    }

    /// Resolves what was found and decides how much of it is final.
    #[inline(never)]
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
                    .find(|span| !span.role.is_value() && span.start < hold && hold < span.end)
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
            if !span.role.is_value() {
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
        let ends = |span: &&Span| !span.role.is_value() && span.end == self.state.floor;
        self.found.spans.iter().rev().find(ends).is_some_and(|span| at > span.start + NEAR + AGAIN)
    }

    /// Takes out what the bytes around it dismiss, which is nearly all, in loops that do nothing else.
    #[inline(always)]
    fn dismiss(&self, candidates: &mut Candidates, at: usize) {
        let (text, names) = (&self.text, self.engine.names());
        let bytes = text.bytes();
        candidates.assign = kept(candidates.assign, at, |at| {
            pair::may_follow_name(bytes, names, at)
                || bytes.get(at) == Some(&b'<')
                || (bytes.get(at.wrapping_sub(1)) == Some(&b's') && bytes[..at].ends_with(b" is"))
        });
        candidates.said =
            kept(candidates.said, at, |at| bytes.get(at + 1..at + 3) == Some(b"is".as_slice()));
        candidates.token = kept(candidates.token, at, |at| token::may_be_one(text, at));
        candidates.digits = kept(candidates.digits, at, |at| number::may_be_one(text, at));
    }

    #[inline(never)]
    fn visit(&mut self, candidates: &Candidates, at: usize) {
        let Candidates { assign, token, digits, said, .. } = *candidates;
        for position in positions(assign | token | candidates.dashes | said, at) {
            let bit = 1u64 << (position - at);
            if assign & bit != 0 {
                if position < self.state.floor {
                    continue;
                }
                if self.text.at(position) == b'<' {
                    self.angle(position);
                } else {
                    self.assign(position);
                }
            } else if token & bit != 0 {
                self.token(position);
            } else if position >= self.state.floor {
                if said & bit != 0 {
                    self.said(position);
                } else if self.text.at(position + 2) == b'-' {
                    self.dashes(position);
                } else {
                    self.option(position);
                }
            }
        }
        for position in positions(digits, at) {
            self.digits(position);
        }
        if candidates.rare | candidates.iban | candidates.colons | candidates.mac != 0 {
            self.visit_rare(candidates, at);
        }
    }

    #[inline(never)]
    fn visit_rare(&mut self, candidates: &Candidates, at: usize) {
        for position in positions(candidates.rare, at) {
            let byte = self.text.at(position);
            if matches!(byte, b'@' | b'%') {
                self.at_sign(position);
            }
            let plain = byte == b'&' && !may_be_entity(self.text.bytes(), position);
            if byte != b'@' && !plain && position >= self.looked_at {
                self.coded(position);
            }
        }
        for position in positions(candidates.iban, at) {
            self.judge(rule::IBAN, position, |text| value::iban::find(text, position));
        }
        for position in positions(candidates.colons, at) {
            if may_be_in_address(self.text.bytes(), position) {
                self.colons(position);
            }
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
        let glued = engine.is_behind_marker(text, range.start)
            || engine.is_before_marker(text, range.end)
            || engine.is_in_own_token(text, range.start);
        if text.is_open() {
            self.hold(range.start);
            return true;
        }
        if glued {
            return false;
        }
        let start = range.start.max(settled);
        let role = if engine.is_report(rule) { Role::Reported } else { Role::Value };
        self.push(Span { start, end: range.end, rule, wrap, role });
        true
    }

    fn at_sign(&mut self, at: usize) {
        let width = match self.text.at(at) {
            b'@' => 1,
            _ if self.text.slice(at, (at + 3).min(self.text.len())) == b"%40" => 3,
            _ => return,
        };
        // Neither a host nor a domain begins here.
        let host =
            |b: u8| bytes::is(b, ALNUM) || matches!(b, 0x80..|b'['| b'$' | b'{' | b'%' | b'_');
        if width == 1 && self.text.bytes().get(at + 1).is_some_and(|&next| !host(next)) {
            return;
        }
        if width == 1
            && let Some(start) = self.authority.start(&self.text, at)
        {
            let engine = self.engine;
            let secret = |text: &Text<'_>| {
                let found = value::userinfo::find(text, start, at)?;
                let written = text.slice(found.start, found.end);
                // A token of ours has a colon, so it is looked at as a whole, too.
                let ours = engine.is_placeholder_value(written)
                    || engine.is_placeholder_value(text.slice(start, at));
                (!ours).then_some(found)
            };
            self.judge(rule::URL_USERINFO, start, secret);
            return;
        }
        if has_no_domain(&self.text.bytes()[at + width..]) {
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

    fn push(&mut self, span: Span) {
        self.found.spans.push(span);
    }

    fn hold(&mut self, start: usize) {
        self.found.holds.push(start.max(self.state.settled));
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
