//! The rules of a rule file: what an operator wrote in place of a verifier in Rust.
//!
//! All patterns are one automaton ([`Automaton`]), asked by [`crate::find`] from each place where a
//! match could begin; only what matches is looked at by the rule it belongs to: edges, the group
//! `value`, validators, words. What is said of a match depends on a bounded number of bytes around
//! it, so it is the same however a text is cut.

use crate::engine::Engine;
use crate::rule::RuleId;
use crate::text::Text;
use std::ops::Range;

mod automaton;
mod check;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod lint;
mod nfa;
pub(crate) mod pattern;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod vector;
mod selector;
mod words;

use automaton::SIZE_MAX;
pub(crate) use automaton::{
    Automaton, Match, SIZE_OF_ONE_MAX, TooLarge, is_behind_escape, is_in_escape,
};
pub(crate) use check::Check;
pub(crate) use pattern::{Edge, Flaw, Pattern, read};
pub(crate) use selector::{Selection, Selector};
pub(crate) use words::{WINDOW_MAX, WORD_MAX, Words};

/// The most automata that the patterns are spread over when one would be too large.
const AUTOMATA_MAX: usize = 8;

/// A rule as it runs.
pub(crate) struct Custom {
    pub(crate) id: RuleId,
    /// Finds the group `value`, where there is one.
    pub(crate) value: Option<nfa::Value>,
    pub(crate) checks: Vec<Check>,
    /// Words without which a match is no hit.
    pub(crate) words: Option<Words>,
    /// Words with which it is none.
    pub(crate) not_words: Option<Words>,
    /// The places it acts in.
    pub(crate) selection: Selection,
}

/// All rules of a file.
pub(crate) struct Customs {
    pub(crate) rules: Vec<Custom>,
    pub(crate) automata: Vec<Automaton>,
    /// Bytes besides letters and digits that a match may begin with.
    pub(crate) others: Vec<u8>,
    /// Whether a match may begin in the middle of a word.
    pub(crate) inside: bool,
}

impl Customs {
    /// Puts rules and their patterns together. The error is that the patterns are too large.
    pub(crate) fn new(rules: Vec<Custom>, patterns: &[Pattern]) -> Result<Customs, TooLarge> {
        let all: Vec<_> = patterns.iter().enumerate().collect();
        let mut automata = Vec::new();
        spread(&all, SIZE_MAX, &mut automata)?;
        if automata.iter().map(Automaton::size).sum::<usize>() > SIZE_MAX {
            return Err(automaton::TooLarge);
        }
        let begins = |byte: u8| automata.iter().any(|one| one.may_begin_with(byte));
        let is_other = |byte: &u8| !byte.is_ascii_alphanumeric() && begins(*byte);
        let others = (0..=u8::MAX).filter(is_other).collect();
        let inside = patterns.iter().any(|pattern| pattern.left == Edge::Inside);
        Ok(Customs { rules, automata, others, inside })
    }
}

/// One automaton where that is not too large, else one for each half.
fn spread(
    patterns: &[(usize, &Pattern)],
    size: usize,
    automata: &mut Vec<Automaton>,
) -> Result<(), TooLarge> {
    match Automaton::new(patterns, size) {
        Ok(automaton) => {
            automata.push(automaton);
            if automata.len() > AUTOMATA_MAX { Err(automaton::TooLarge) } else { Ok(()) }
        }
        Err(error) if patterns.len() < 2 => Err(error),
        Err(_) => {
            let (first, second) = patterns.split_at(patterns.len() / 2);
            spread(first, size / 2, automata)?;
            spread(second, size / 2, automata)
        }
    }
}

/// What finds the group `value` in a match.
pub(crate) fn value_finder(pattern: &Pattern) -> Option<nfa::Value> {
    if pattern.has_value { nfa::Value::new(&pattern.hir).ok() } else { None }
}

/// What a rule says of a match: the part that is the value.
pub(crate) fn judge(
    rule: &Custom,
    engine: &Engine,
    text: &Text<'_>,
    range: Range<usize>,
) -> Option<Range<usize>> {
    let value = match &rule.value {
        Some(finder) => value_in(finder, text, &range)?,
        None => range.clone(),
    };
    let written = text.slice(value.start, value.end);
    if engine.is_own(written) || !rule.checks.iter().all(|check| check.passes(written)) {
        return None;
    }
    let near = |words: &Words| words.stand_near(text, range.start, range.end);
    if !rule.words.as_ref().is_none_or(near) {
        return None;
    }
    let keeps = |words: &Words| words.keep_from(text, range.start, range.end);
    (!rule.not_words.as_ref().is_some_and(keeps)).then_some(value)
}

/// The group `value` of a match; the whole match where the group took no part. Whole characters.
fn value_in(finder: &nfa::Value, text: &Text<'_>, range: &Range<usize>) -> Option<Range<usize>> {
    let matched = text.slice(range.start, range.end);
    let Some((mut start, mut end)) = finder.find(matched)? else { return Some(range.clone()) };
    let is_inner = |at: usize| matched.get(at).is_some_and(|byte| (0x80..0xc0).contains(byte));
    while start > 0 && is_inner(start) {
        start -= 1;
    }
    while is_inner(end) {
        end += 1;
    }
    Some(range.start + start..range.start + end)
}
