//! Packs: numbers of persons, companies and things that are off until a configuration names them.
//!
//! An entity is a row of data: its name, the shapes it is written in, a check for each, and the
//! words beside which it counts where shape and check prove too little. A row costs nothing while
//! it is off. Those that are on are put into a table by the length of the first run of letters and
//! digits, so that a candidate is held only against shapes it can have, however many rows there
//! are.
//!
//! The rows stand in one file per part of the world; what they check is in [`check`].

mod africa;
mod america;
mod asia;
pub(crate) mod check;
mod coin;
mod europe;
pub(crate) mod path;
mod shape;
mod things;
pub(crate) mod words;

use crate::place::Kind;
use crate::rule::{Catalogue, RuleId, SHIPPED};
use crate::text::Text;
use shape::{Compact, Pattern};
use std::ops::Range;

/// An entity.
pub(crate) struct Row {
    /// As in `rules = [...]`: the pack and what it finds.
    pub(crate) name: &'static str,
    /// Words and phrases, lower case, of which one has to stand beside a value that needs one. A
    /// star at the end stands for any further letters.
    pub(crate) words: &'static [&'static str],
    pub(crate) shapes: &'static [Shape],
}

/// A way in which the values of an entity are written.
pub(crate) struct Shape {
    /// See [`shape::Pattern`].
    pub(crate) pattern: &'static str,
    /// Judges the letters and digits of a value, letters in upper case.
    pub(crate) check: fn(&[u8]) -> bool,
    pub(crate) level: Level,
}

/// What a value needs besides its shape and its check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Level {
    /// The name of its member, its pair or its field.
    Key,
    /// A word beside it, or a name as above.
    Word,
    /// As [`Level::Word`], unless it stands alone on its line, where nothing could say what it is.
    Line,
    /// Nothing.
    Alone,
}

/// A row.
const fn row(name: &'static str, words: &'static [&'static str], shapes: &'static [Shape]) -> Row {
    Row { name, words, shapes }
}

/// A shape whose values act alone.
const fn alone(pattern: &'static str, check: fn(&[u8]) -> bool) -> Shape {
    Shape { pattern, check, level: Level::Alone }
}

/// A shape whose values need a word, but on a line of their own.
const fn line(pattern: &'static str, check: fn(&[u8]) -> bool) -> Shape {
    Shape { pattern, check, level: Level::Line }
}

/// A shape whose values need a word.
const fn word(pattern: &'static str, check: fn(&[u8]) -> bool) -> Shape {
    Shape { pattern, check, level: Level::Word }
}

/// A shape whose values need a name.
const fn key(pattern: &'static str, check: fn(&[u8]) -> bool) -> Shape {
    Shape { pattern, check, level: Level::Key }
}

/// All rows, in the order in which they win over each other.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    [america::ROWS, europe::ROWS, asia::ROWS, africa::ROWS, things::ROWS].into_iter().flatten()
}

/// What is written in place of the values of a row: the last part of its name.
pub(crate) fn marker(name: &str) -> String {
    format!("[{}]", name.rsplit('/').next().unwrap_or(name))
}

/// A value that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) rule: RuleId,
    pub(crate) range: Range<usize>,
}

/// The shapes that are on, ready to be asked.
pub(crate) struct Packs {
    shapes: Vec<Entry>,
    /// By what the first run is: places in `shapes`, see [`place`].
    table: Vec<Vec<u16>>,
    /// Names of users in paths.
    pub(crate) paths: Option<RuleId>,
}

struct Entry {
    rule: RuleId,
    pattern: Pattern,
    check: fn(&[u8]) -> bool,
    level: Level,
    words: &'static [&'static str],
}

/// The most letters and digits in one run; longer ones are nothing of ours.
pub(crate) const RUN_MAX: usize = 106;

impl Packs {
    /// The rows that are on; `None` where there is none.
    pub(crate) fn of(catalogue: &Catalogue, on: &[bool]) -> Option<Packs> {
        let mut packs =
            Packs { shapes: Vec::new(), table: vec![Vec::new(); place(3, 0, false)], paths: None };
        let first = SHIPPED.len();
        let rules = catalogue.iter().skip(first).zip(rows());
        for ((rule, _), row) in rules.filter(|((rule, _), _)| on[rule.index()]) {
            if row.name == path::NAME {
                packs.paths = Some(rule);
            }
            for shape in row.shapes {
                let Some(pattern) = Pattern::parse(shape.pattern) else { continue };
                let index = packs.shapes.len() as u16;
                for run in pattern.runs() {
                    let digit = pattern.digit && run.digits;
                    let mixed = pattern.digit && run.mixed;
                    let letter = pattern.letter && run.mixed;
                    for begins in [(digit, 0), (mixed, 1), (letter, 2)] {
                        if let (true, kind) = begins {
                            packs.table[place(kind, run.length, run.is_all)].push(index);
                        }
                    }
                }
                let Shape { check, level, .. } = *shape;
                packs.shapes.push(Entry { rule, pattern, check, level, words: row.words });
            }
        }
        (packs.paths.is_some() || !packs.shapes.is_empty()).then_some(packs)
    }

    /// The value that begins at `start`, the first of a run of letters and digits: of several the
    /// longest, then the one that needs least, then the first.
    pub(crate) fn find(&self, text: &Text<'_>, kind: Kind, start: usize) -> Option<Hit> {
        let first = text.at(start);
        let mut end = start + 1;
        while end <= start + RUN_MAX && text.at(end).is_ascii_alphanumeric() {
            end += 1;
        }
        let run = end - start;
        if run > RUN_MAX {
            return None;
        }
        let run_kind = match first.is_ascii_digit() {
            true if text.slice(start, end).iter().all(u8::is_ascii_digit) => 0,
            true => 1,
            false => 2,
        };
        // Those that end here, and those that go on behind a sign.
        let all: &[u16] = match may_end(text, kind, end) {
            true => &self.table[place(run_kind, run, true)],
            false => &[],
        };
        let more: &[u16] = match text.at(end) {
            b' ' | b'-' | b'.' | b'/' | b':' | b'+' | b'(' | 0xc2 => {
                &self.table[place(run_kind, run, false)]
            }
            _ => &[],
        };
        if (all.is_empty() && more.is_empty()) || !may_begin(text, kind, start) {
            return None;
        }
        let mut best: Option<(usize, Level, RuleId)> = None;
        for &index in more.iter().chain(all) {
            let entry = &self.shapes[usize::from(index)];
            let mut compact = Compact::default();
            let Some(end) = entry.pattern.read(text, kind, start, &mut compact) else { continue };
            if best.is_some_and(|(longest, level, _)| (end, entry.level) <= (longest, level)) {
                continue;
            }
            if !may_end(text, kind, end) || !(entry.check)(compact.bytes()) {
                continue;
            }
            // In small letters much else looks like this.
            let grouped = end - start > compact.bytes().len();
            let level = match entry.level {
                Level::Line if !grouped && check::is_sample(compact.bytes()) => Level::Word,
                Level::Alone if compact.is_lower() => Level::Line,
                level => level,
            };
            if (grouped && compact.is_digits() && goes_on(text, start, end))
                || !entry.proves(text, kind, level, start, end)
            {
                continue;
            }
            best = Some((end, entry.level, entry.rule));
        }
        best.map(|(end, _, rule)| Hit { rule, range: start..end })
    }
}

/// The place in the table of a run: digits only, mixed with a digit first, or with a letter first
/// (`kind` 0 to 2), its length, and whether the value ends with it.
const fn place(kind: usize, length: usize, is_all: bool) -> usize {
    2 * (kind * (RUN_MAX + 1) + length) + is_all as usize
}

impl Entry {
    /// Whether there is beside the value what it needs.
    fn proves(&self, text: &Text<'_>, kind: Kind, level: Level, start: usize, end: usize) -> bool {
        match level {
            Level::Alone => true,
            Level::Line if words::is_alone(text, kind, start, end) => true,
            Level::Line | Level::Word => words::are_near(text, start, end, self.words),
            Level::Key => words::are_name(text, start, self.words),
        }
    }
}

/// Whether groups of digits go on before or behind, as in the number of an account.
fn goes_on(text: &Text<'_>, start: usize, end: usize) -> bool {
    let gap = |byte: u8| matches!(byte, b' ' | b'-' | b'.');
    (gap(text.before(start, 1)) && text.before(start, 2).is_ascii_digit())
        || (gap(text.at(end)) && text.at(end + 1).is_ascii_digit())
}

/// Whether a value may begin at `start`: nothing before it that it would be a part of.
fn may_begin(text: &Text<'_>, kind: Kind, start: usize) -> bool {
    let glued = text.before(start, 2).is_ascii_alphanumeric();
    match text.before(start, 1) {
        b'*' | b'@' | b'$' => false,
        b'+' => kind == Kind::Form,
        b'-' | b'.' | b'/' => !glued,
        byte => !byte.is_ascii_alphanumeric(),
    }
}

/// Whether it may end before `end`.
fn may_end(text: &Text<'_>, kind: Kind, end: usize) -> bool {
    let next = text.at(end);
    match next {
        b'*' | b'@' => false,
        b'+' if kind == Kind::Form => true,
        b'-' | b'+' | b'/' | b':' => !text.at(end + 1).is_ascii_alphanumeric(),
        b'.' => !text.at(end + 1).is_ascii_alphanumeric(),
        _ => !next.is_ascii_alphanumeric(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Asserts what the packs of a name find first in a text.
    pub(crate) fn check(pack: &str, input: &str, expected: Option<&str>) {
        let catalogue = Catalogue::default();
        let begins = format!("{pack}/");
        let on: Vec<bool> = catalogue.names().map(|name| name.starts_with(&begins)).collect();
        let packs = Packs::of(&catalogue, &on).expect("there is such a pack");
        let text = Text::new(input.as_bytes(), true);
        let found = (0..input.len()).find_map(|at| {
            let begins = input.as_bytes()[at].is_ascii_alphanumeric()
                && !text.before(at, 1).is_ascii_alphanumeric();
            if begins { packs.find(&text, Kind::Text, at) } else { None }
        });
        assert_eq!(found.map(|hit| &input[hit.range]), expected, "of `{pack}` in `{input}`");
    }

    #[test]
    fn rows_are_well_formed() {
        let mut names: Vec<&str> = rows().map(|row| row.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "every name is there once");
        for row in rows() {
            assert!(row.name.contains('/'), "`{}` belongs to a pack", row.name);
            for shape in row.shapes {
                let pattern = Pattern::parse(shape.pattern);
                let reads = pattern.is_some_and(|pattern| !pattern.runs().is_empty());
                assert!(reads, "`{}` of `{}`", shape.pattern, row.name);
                let needs_words = shape.level < Level::Line;
                assert!(!needs_words || !row.words.is_empty(), "`{}` has words", row.name);
            }
        }
    }
}
