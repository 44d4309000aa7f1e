//! Patterns as a graph of states, from which automata are made, and which finds the group `value` in
//! what an automaton matched.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The most states of all patterns of an automaton.
pub(crate) const STATES_MAX: usize = 40_000;

/// A set of bytes.
pub(crate) type Bytes = [u64; 4];

/// Where it goes on from a place in a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// One of these bytes has to come.
    Byte(Bytes, u32),
    /// To each of these, the first one first.
    Split(Vec<u32>),
    /// The group `value` begins (`false`) or ends here.
    Edge(bool, u32),
    /// The pattern of this number has matched.
    Match(u32),
}

/// It would be larger than is allowed, or asks for what is no byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// The states of one pattern or several.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nfa {
    pub(crate) states: Vec<State>,
}

impl Nfa {
    /// Adds the pattern of this number and answers where it begins.
    pub(crate) fn add(&mut self, hir: &Hir, number: u32) -> Result<u32, TooLarge> {
        let end = self.push(State::Match(number))?;
        self.before(hir, end)
    }

    fn push(&mut self, state: State) -> Result<u32, TooLarge> {
        if self.states.len() >= STATES_MAX {
            return Err(TooLarge);
        }
        self.states.push(state);
        Ok((self.states.len() - 1) as u32)
    }

    /// Adds what stands before `next`.
    fn before(&mut self, hir: &Hir, next: u32) -> Result<u32, TooLarge> {
        match hir.kind() {
            HirKind::Empty => Ok(next),
            // What may stand at the edges was taken off, and nothing else is read.
            HirKind::Look(_) => Err(TooLarge),
            HirKind::Literal(literal) => literal.0.iter().rev().try_fold(next, |next, byte| {
                let mut bytes = Bytes::default();
                put(&mut bytes, *byte);
                self.push(State::Byte(bytes, next))
            }),
            HirKind::Class(class) => {
                let class = match class {
                    Class::Bytes(class) => class.clone(),
                    Class::Unicode(class) => class.to_byte_class().ok_or(TooLarge)?,
                };
                let mut bytes = Bytes::default();
                for range in class.ranges() {
                    (range.start()..=range.end()).for_each(|byte| put(&mut bytes, byte));
                }
                self.push(State::Byte(bytes, next))
            }
            HirKind::Capture(capture) if capture.name.as_deref() == Some("value") => {
                let end = self.push(State::Edge(true, next))?;
                let start = self.before(&capture.sub, end)?;
                self.push(State::Edge(false, start))
            }
            HirKind::Capture(capture) => self.before(&capture.sub, next),
            HirKind::Concat(parts) => {
                parts.iter().rev().try_fold(next, |next, part| self.before(part, next))
            }
            HirKind::Alternation(parts) => {
                let mut starts = Vec::with_capacity(parts.len());
                for part in parts {
                    starts.push(self.before(part, next)?);
                }
                self.push(State::Split(starts))
            }
            HirKind::Repetition(repetition) => {
                let either = |one: u32, other: u32| match repetition.greedy {
                    true => State::Split(vec![one, other]),
                    false => State::Split(vec![other, one]),
                };
                let mut start = next;
                match repetition.max {
                    None => {
                        // A loop: its place has to be known before what is in it.
                        let place = self.push(State::Split(Vec::new()))?;
                        let inner = self.before(&repetition.sub, place)?;
                        if let Some(state) = self.states.get_mut(place as usize) {
                            *state = either(inner, next);
                        }
                        start = place;
                    }
                    Some(most) => {
                        for _ in repetition.min..most {
                            let inner = self.before(&repetition.sub, start)?;
                            start = self.push(either(inner, next))?;
                        }
                    }
                }
                for _ in 0..repetition.min {
                    start = self.before(&repetition.sub, start)?;
                }
                Ok(start)
            }
        }
    }

    /// Calls `each` for every state that a byte or a match can be taken from, from this one on; for
    /// each once, unless it was seen in this `round` before.
    pub(crate) fn close(
        &self,
        from: u32,
        seen: &mut [u32],
        round: u32,
        each: &mut impl FnMut(u32),
    ) {
        let mut left = vec![from];
        while let Some(place) = left.pop() {
            let Some(last) = seen.get_mut(place as usize) else { continue };
            if std::mem::replace(last, round) == round {
                continue;
            }
            match self.states.get(place as usize) {
                Some(State::Split(next)) => left.extend(next.iter().rev()),
                Some(State::Edge(_, next)) => left.push(*next),
                Some(_) => each(place),
                None => {}
            }
        }
    }
}

fn put(bytes: &mut Bytes, byte: u8) {
    bytes[usize::from(byte >> 6)] |= 1 << (byte & 63);
}

/// Whether a byte is in a set.
pub(crate) fn has(bytes: &Bytes, byte: u8) -> bool {
    bytes[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
}

/// Finds the group `value` of a pattern.
pub(crate) struct Value {
    nfa: Nfa,
    start: u32,
}

impl Value {
    /// Of this pattern.
    pub(crate) fn new(hir: &Hir) -> Result<Value, TooLarge> {
        let mut nfa = Nfa::default();
        let start = nfa.add(hir, 0)?;
        Ok(Value { nfa, start })
    }

    /// Where the group stands when the whole of `text` matches; `Some(None)` when it took no part.
    /// Of several ways to match, the first one counts, as it is written. Each state is tried once at
    /// each byte.
    pub(crate) fn find(&self, text: &[u8]) -> Option<Option<(usize, usize)>> {
        let states = self.nfa.states.len();
        let mut tried = vec![false; states * (text.len() + 1)];
        // What is left to try, the next one last: a state, how far the text is, and the group.
        let mut left = vec![(self.start, 0usize, None::<usize>, None::<(usize, usize)>)];
        while let Some((place, at, start, group)) = left.pop() {
            let Some(is_tried) = tried.get_mut(at * states + place as usize) else { continue };
            if std::mem::replace(is_tried, true) {
                continue;
            }
            match self.nfa.states.get(place as usize)? {
                State::Byte(bytes, next) => {
                    if text.get(at).is_some_and(|byte| has(bytes, *byte)) {
                        left.push((*next, at + 1, start, group));
                    }
                }
                State::Split(next) => {
                    left.extend(next.iter().rev().map(|next| (*next, at, start, group)));
                }
                State::Edge(false, next) => left.push((*next, at, Some(at), group)),
                State::Edge(true, next) => {
                    let group = start.map(|start| (start, at)).or(group);
                    left.push((*next, at, start, group));
                }
                State::Match(_) if at == text.len() => return Some(group),
                State::Match(_) => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::automaton::{Automaton, SIZE_MAX};
    use super::super::pattern;
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use regex_automata::nfa::thompson::{self, backtrack::BoundedBacktracker};
    use regex_automata::{Anchored, Input, PatternID};
    use regex_syntax::hir::Look;

    /// What the crate for regular expressions says: whether all of `text` matches, and the group.
    fn oracle(hir: &Hir, text: &[u8]) -> Option<Option<(usize, usize)>> {
        let whole = Hir::concat(vec![hir.clone(), Hir::look(Look::End)]);
        let nfa = thompson::Compiler::new()
            .configure(thompson::Config::new().utf8(false))
            .build_from_hir(&whole)
            .expect("it is small");
        let finder = BoundedBacktracker::new_from_nfa(nfa).expect("it is small");
        let groups = finder.get_nfa().group_info().clone();
        let mut slots = vec![None; groups.slot_len()];
        let input = Input::new(text).anchored(Anchored::Yes);
        finder.try_search_slots(&mut finder.create_cache(), &input, &mut slots).expect("short")?;
        let Some(group) = groups.to_index(PatternID::ZERO, "value") else { return Some(None) };
        let slot = |at: usize| slots[at].map(|slot| slot.get());
        Some(slot(group * 2).zip(slot(group * 2 + 1)))
    }

    fn part() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "a",
            "b",
            "ab",
            "[ab]",
            "[^a]",
            "a?",
            "b{0,2}",
            "a{2,3}",
            "(?:a|ab|b)",
            "(?:a|)",
            "é",
            "(?i:A)",
            ".",
            "(?:ab){1,2}",
            "a{1,2}?",
            "(?:a?b?){2}",
            "-",
        ]);
        part.prop_map(String::from)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, rng_seed: RngSeed::Fixed(20_261_125), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_same_matches_as_by_another_engine(
            before in prop::collection::vec(part(), 0..3),
            value in prop::collection::vec(part(), 1..3),
            behind in prop::collection::vec(part(), 0..3),
            text in prop::collection::vec(prop::sample::select(vec!["a", "b", "A", "é", "-"]), 0..9),
        ) {
            let (before, value, behind) = (before.concat(), value.concat(), behind.concat());
            let Ok(pattern) = pattern::read(&format!("{before}(?<value>{value}){behind}"), None) else {
                return Ok(());
            };
            let text = text.concat();
            let automaton = Automaton::new(&[(0, &pattern)], SIZE_MAX).expect("it is small");
            let finder = Value::new(&pattern.hir).expect("it is small");
            let expected = oracle(&pattern.hir, text.as_bytes());
            prop_assert_eq!(automaton.is_whole(text.as_bytes()), expected.is_some());
            prop_assert_eq!(finder.find(text.as_bytes()), expected);
        }
    }
}
