//! All patterns of a set of rules in one automaton, and the question what matches from a place on.
//!
//! A match is judged from its first byte and depends on nothing before it, so what is found does
//! not depend on where a search began or a text was cut. Of each pattern the longest match counts
//! whose edges are right. Nearly every place is dismissed by its first two bytes, whatever the
//! number of patterns.

pub(crate) use super::nfa::TooLarge;
use super::nfa::{self, Bytes, Nfa, State};
use super::pattern::{self, Edge, Pattern};
use crate::text::Text;
use std::collections::HashMap;
use std::ops::Range;

/// The most memory of all automata of a set of rules, in bytes.
pub(crate) const SIZE_MAX: usize = 2 << 20;
/// The most for a single pattern.
pub(crate) const SIZE_OF_ONE_MAX: usize = 512 << 10;
/// The most memory while one is made, as a multiple of its own.
const WORKSPACE: usize = 4;
/// From here nothing matches any more.
const DEAD: u32 = 0;
/// Where every match begins.
const START: u32 = 1;

/// Patterns in one automaton.
pub(crate) struct Automaton {
    table: Table,
    /// One bit for each two bytes that a match may begin with.
    pairs: Box<[u64; 1024]>,
    /// Whether a match may begin with this byte.
    first: [bool; 256],
    /// The longest match of all.
    longest: usize,
    /// Of each pattern what has to hold at its ends, and its longest match.
    bounds: Vec<(Edge, Edge, usize)>,
    /// Which rule each pattern belongs to.
    rules: Vec<usize>,
}

/// What comes after what.
struct Table {
    /// Bytes that no pattern tells apart have the same class.
    classes: [u8; 256],
    /// How many there are.
    width: usize,
    /// Of each state, the next one for each class.
    next: Vec<u32>,
    /// Of each state, which of `patterns` match here.
    matches: Vec<Range<u32>>,
    patterns: Vec<u32>,
}

/// A match: the rule it belongs to by its place in the set, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) rule: usize,
    pub(crate) end: usize,
}

impl Table {
    /// States of these sets of places in patterns, of which each is one of the states.
    fn new(nfa: &Nfa, starts: &[u32], size: usize) -> Result<Table, TooLarge> {
        let (classes, width) = classes(nfa);
        let mut table =
            Table { classes, width, next: Vec::new(), matches: Vec::new(), patterns: Vec::new() };
        let mut known: HashMap<Box<[u32]>, u32> = HashMap::new();
        let mut sets: Vec<Box<[u32]>> = Vec::new();
        let mut spent = 0;
        let mut state = |set: Vec<u32>, sets: &mut Vec<Box<[u32]>>, table: &mut Table| {
            let set: Box<[u32]> = set.into();
            if let Some(&state) = known.get(&set) {
                return Ok(state);
            }
            let state = sets.len() as u32;
            let from = table.patterns.len() as u32;
            table.patterns.extend(set.iter().filter_map(|place| {
                match nfa.states.get(*place as usize) {
                    Some(State::Match(pattern)) => Some(*pattern),
                    _ => None,
                }
            }));
            table.matches.push(from..table.patterns.len() as u32);
            table.next.extend(std::iter::repeat_n(DEAD, width));
            spent += 2 * (size_of_val(&*set) + 32);
            sets.push(set.clone());
            known.insert(set, state);
            let is_large = table.size() > size || table.size() + spent > size * WORKSPACE;
            if is_large { Err(TooLarge) } else { Ok(state) }
        };
        let mut seen = vec![0u32; nfa.states.len()];
        let mut round = 1;
        let mut first = Vec::new();
        for &start in starts {
            nfa.close(start, &mut seen, round, &mut |place| first.push(place));
        }
        first.sort_unstable();
        state(Vec::new(), &mut sets, &mut table)?;
        state(first, &mut sets, &mut table)?;
        // One byte for each class stands for all of it.
        let mut bytes = vec![0u8; width];
        for byte in 0..=u8::MAX {
            bytes[usize::from(table.classes[usize::from(byte)])] = byte;
        }
        let mut at = START as usize;
        while let Some(set) = sets.get(at).cloned() {
            for (class, &byte) in bytes.iter().enumerate() {
                if pattern::stops(byte) {
                    continue;
                }
                round += 1;
                let mut after = Vec::new();
                for &place in &set {
                    if let Some(State::Byte(bytes, next)) = nfa.states.get(place as usize)
                        && nfa::has(bytes, byte)
                    {
                        nfa.close(*next, &mut seen, round, &mut |place| after.push(place));
                    }
                }
                if !after.is_empty() {
                    after.sort_unstable();
                    let next = state(after, &mut sets, &mut table)?;
                    table.next[at * width + class] = next;
                }
            }
            at += 1;
        }
        Ok(table)
    }

    fn size(&self) -> usize {
        size_of_val(&*self.next) + size_of_val(&*self.matches) + size_of_val(&*self.patterns)
    }

    #[inline(always)]
    fn next(&self, state: u32, byte: u8) -> u32 {
        let class = usize::from(self.classes[usize::from(byte)]);
        self.next.get(state as usize * self.width + class).copied().unwrap_or(DEAD)
    }

    /// The patterns that have matched where this state is.
    fn matches(&self, state: u32) -> &[u32] {
        let range = self.matches.get(state as usize).cloned().unwrap_or_default();
        self.patterns.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

/// The class of each byte, and how many there are. Bytes that no match may hold are apart.
fn classes(nfa: &Nfa) -> ([u8; 256], usize) {
    let mut classes = [0u8; 256];
    let mut stops = Bytes::default();
    for byte in (0..=u8::MAX).filter(|byte| pattern::stops(*byte)) {
        stops[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    let sets = nfa.states.iter().filter_map(|state| match state {
        State::Byte(bytes, _) => Some(*bytes),
        _ => None,
    });
    let mut sets: Vec<Bytes> = sets.chain([stops]).collect();
    sets.sort_unstable();
    sets.dedup();
    let mut width = 1;
    for set in sets {
        // Each class falls into what is in the set and what is not.
        let mut split = [None::<u8>; 256];
        let mut has_outside = [false; 256];
        for byte in 0..=u8::MAX {
            has_outside[usize::from(classes[usize::from(byte)])] |= !nfa::has(&set, byte);
        }
        for byte in (0..=u8::MAX).filter(|byte| nfa::has(&set, *byte)) {
            let class = &mut classes[usize::from(byte)];
            if has_outside[usize::from(*class)] {
                *class = *split[usize::from(*class)].get_or_insert_with(|| {
                    width += 1;
                    (width - 1) as u8
                });
            }
        }
    }
    (classes, width)
}

impl Automaton {
    /// One for these patterns.
    pub(crate) fn new(patterns: &[(usize, &Pattern)], size: usize) -> Result<Automaton, TooLarge> {
        let mut nfa = Nfa::default();
        let mut starts = Vec::with_capacity(patterns.len());
        for (number, (_, pattern)) in patterns.iter().enumerate() {
            starts.push(nfa.add(&pattern.hir, number as u32)?);
        }
        let table = Table::new(&nfa, &starts, size)?;
        let mut pairs = Box::new([0u64; 1024]);
        let mut first = [false; 256];
        for one in 0..=u8::MAX {
            let behind = table.next(START, one);
            if behind == DEAD {
                continue;
            }
            first[usize::from(one)] = true;
            for two in 0..=u8::MAX {
                // A match of one byte may be followed by anything.
                if !table.matches(behind).is_empty() || table.next(behind, two) != DEAD {
                    let pair = usize::from(one) << 8 | usize::from(two);
                    pairs[pair >> 6] |= 1 << (pair & 63);
                }
            }
        }
        Ok(Automaton {
            table,
            pairs,
            first,
            longest: patterns.iter().map(|(_, pattern)| pattern.longest).max().unwrap_or(0),
            bounds: patterns.iter().map(|(_, p)| (p.left, p.right, p.longest)).collect(),
            rules: patterns.iter().map(|(rule, _)| *rule).collect(),
        })
    }

    /// Bytes of memory.
    pub(crate) fn size(&self) -> usize {
        self.table.size()
    }

    /// Whether a match may begin with this byte.
    pub(crate) fn may_begin_with(&self, byte: u8) -> bool {
        self.first[usize::from(byte)]
    }

    /// How many pairs of bytes a match may begin with.
    pub(crate) fn beginnings(&self) -> u32 {
        self.pairs.iter().map(|bits| bits.count_ones()).sum()
    }

    /// Whether a match may begin with these two bytes. False nearly everywhere.
    #[inline(always)]
    pub(crate) fn may_begin(&self, one: u8, two: u8) -> bool {
        let pair = usize::from(one) << 8 | usize::from(two);
        self.pairs[pair >> 6] >> (pair & 63) & 1 == 1
    }

    /// Collects what matches from `start` on. Bytes behind the known ones are asked of the text, so
    /// that the verdict counts as open where they would matter.
    pub(crate) fn matches(&self, text: &Text<'_>, start: usize, found: &mut Vec<Match>) {
        let from = found.len();
        let mut state = START;
        for at in start..start + self.longest {
            let byte = text.at(at);
            if at >= text.len() {
                return;
            }
            state = self.table.next(state, byte);
            if state == DEAD {
                return;
            }
            for &pattern in self.table.matches(state) {
                self.note(pattern as usize, text, start, at + 1, from, found);
            }
        }
    }

    fn note(
        &self,
        pattern: usize,
        text: &Text<'_>,
        start: usize,
        end: usize,
        from: usize,
        found: &mut Vec<Match>,
    ) {
        let (Some(&(left, right, longest)), Some(&rule)) =
            (self.bounds.get(pattern), self.rules.get(pattern))
        else {
            return;
        };
        if end - start > longest || !begins(text, start, left) || !ends(text, end, right) {
            return;
        }
        match found[from..].iter_mut().find(|one| one.rule == rule) {
            Some(one) => one.end = end,
            None => found.push(Match { rule, end }),
        }
    }

    /// Whether the whole of a value matches.
    pub(crate) fn is_whole(&self, value: &[u8]) -> bool {
        let state = value.iter().fold(START, |state, byte| self.table.next(state, *byte));
        !self.table.matches(state).is_empty()
    }
}

/// Whether a match may begin at `start`.
fn begins(text: &Text<'_>, start: usize, edge: Edge) -> bool {
    let (first, before) = (text.at(start), text.before(start, 1));
    let glued = first.is_ascii_alphanumeric()
        && before.is_ascii_alphanumeric()
        && !is_behind_escape(text, start);
    match edge {
        Edge::Border => {
            let fraction =
                first.is_ascii_digit() && before == b'.' && text.before(start, 2).is_ascii_digit();
            !glued && !fraction
        }
        Edge::Inside => glued,
        Edge::Line => matches!(before, 0 | b'\n' | b'\r'),
    }
}

/// Whether a match may end before `end`.
fn ends(text: &Text<'_>, end: usize, edge: Edge) -> bool {
    let (last, next) = (text.before(end, 1), text.at(end));
    if (0x80..0xc0).contains(&next) {
        return false;
    }
    let glued = last.is_ascii_alphanumeric() && next.is_ascii_alphanumeric();
    match edge {
        Edge::Border => {
            let fraction =
                last.is_ascii_digit() && next == b'.' && text.at(end + 1).is_ascii_digit();
            !glued && !fraction
        }
        Edge::Inside => glued,
        Edge::Line => matches!(next, 0 | b'\n' | b'\r'),
    }
}

/// Whether an escape of JSON or a percent-encoded byte ends right before `at`.
pub(crate) fn is_behind_escape(text: &Text<'_>, at: usize) -> bool {
    let hex = |distance: usize| text.before(at, distance).is_ascii_hexdigit();
    (text.before(at, 2) == b'\\' && matches!(text.before(at, 1), b'b' | b'f' | b'n' | b'r' | b't'))
        || (text.before(at, 3) == b'%' && hex(1) && hex(2))
        || (text.before(at, 6) == b'\\' && text.before(at, 5) == b'u' && (1..=4).all(hex))
}

/// Whether `at` stands in the middle of an escape, which must stay whole.
pub(crate) fn is_in_escape(text: &Text<'_>, at: usize) -> bool {
    let hex = |byte: u8| byte.is_ascii_hexdigit();
    let is_letter =
        matches!(text.at(at), b'b' | b'f' | b'n' | b'r' | b't' | b'u' | b'/' | b'"' | b'\\');
    if text.before(at, 1) == b'\\' && is_letter {
        return true;
    }
    if (text.before(at, 1) == b'%' && hex(text.at(at)) && hex(text.at(at + 1)))
        || (text.before(at, 2) == b'%' && hex(text.before(at, 1)) && hex(text.at(at)))
    {
        return true;
    }
    (2..=5).any(|distance| {
        text.before(at, distance) == b'\\'
            && text.before(at, distance - 1) == b'u'
            && (1..distance - 1).all(|back| hex(text.before(at, back)))
            && hex(text.at(at))
    })
}
