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
mod near;
pub(crate) mod path;
mod shape;
mod things;
pub(crate) mod words;

use crate::place::Kind;
use crate::rule::{Catalogue, RuleId, SHIPPED};
use crate::text::Text;
use near::Near;
use path::Paths;
use shape::{Compact, Pattern, Run};
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
    /// By what the first run is, see [`place`].
    table: Vec<Slots>,
    near: Near,
    /// Names of users in paths.
    pub(crate) paths: Option<Paths>,
}

struct Entry {
    rule: RuleId,
    pattern: Pattern,
    check: fn(&[u8]) -> bool,
    level: Level,
    words: &'static [&'static str],
}

/// The shapes whose values have a certain first run.
#[derive(Default)]
struct Slots {
    /// Those that end with it.
    ends: Vec<Slot>,
    /// Those that go on behind a sign.
    goes_on: Vec<Slot>,
    /// How long the next run may be in the latter, as in [`Run`].
    next: u64,
    /// Which signs may stand before it.
    signs: u8,
}

/// A shape, and what the first run of its values is like.
struct Slot {
    run: Run,
    /// Its place in `shapes`.
    shape: u16,
    /// See [`Pattern::first`].
    first: Option<u8>,
    level: Level,
    /// See [`near::bit`].
    row: u64,
}

/// The most letters and digits in one run; longer ones are nothing of ours.
pub(crate) const RUN_MAX: usize = 106;

/// The first run of letters and digits of a candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) start: usize,
    /// How many there are.
    pub(crate) length: usize,
    /// Which of the first 64 are digits, a bit for each; what is behind the run does not matter.
    pub(crate) digits: u64,
    /// How long the run behind it and one sign is, as in [`Run`]; all bits where that is not known.
    pub(crate) next: u64,
}

impl Packs {
    /// The rows that are on; `None` where there is none.
    pub(crate) fn of(catalogue: &Catalogue, on: &[bool]) -> Option<Packs> {
        let table = (0..place(4, 0)).map(|_| Slots::default()).collect();
        let mut packs = Packs { shapes: Vec::new(), table, near: Near::new(), paths: None };
        let first = SHIPPED.len();
        let rules = catalogue.iter().skip(first).zip(rows()).enumerate();
        for (index, ((rule, _), row)) in rules.filter(|(_, ((rule, _), _))| on[rule.index()]) {
            if row.name == path::NAME {
                packs.paths = Some(Paths::new(rule));
            }
            let bit = near::bit(index);
            packs.near.add(bit, row.words);
            for shape in row.shapes {
                packs.add(rule, bit, row, shape);
            }
        }
        (packs.paths.is_some() || !packs.shapes.is_empty()).then_some(packs)
    }

    fn add(&mut self, rule: RuleId, row_bit: u64, row: &'static Row, shape: &Shape) {
        let Some(pattern) = Pattern::parse(shape.pattern) else { return };
        let Shape { check, level, .. } = *shape;
        let index = self.shapes.len() as u16;
        for run in pattern.runs() {
            let all = u64::MAX.checked_shr(64 - run.length.min(64) as u32).unwrap_or(0);
            let kinds = [
                (0, run.letters == 0),
                (1, run.letters & 1 == 0 && run.digits != all),
                (2, run.digits & 1 == 0),
                // No value is made of letters only.
                (3, run.digits == 0 && !run.is_all),
            ];
            for (kind, _) in kinds.into_iter().filter(|(_, may_be)| *may_be) {
                let slot = Slot { run, shape: index, first: pattern.first(), level, row: row_bit };
                let slots = &mut self.table[place(kind, run.length)];
                if run.is_all {
                    slots.ends.push(slot);
                } else {
                    slots.goes_on.push(slot);
                    slots.next |= run.next;
                    slots.signs |= run.signs;
                }
            }
        }
        self.shapes.push(Entry { rule, pattern, check, level, words: row.words });
    }

    /// Whether anything but folders of users is looked for.
    #[inline]
    pub(crate) fn has_shapes(&self) -> bool {
        !self.shapes.is_empty()
    }

    /// The value that begins with `head`, before which stands neither letter nor digit: of several
    /// the longest, then the one that needs least, then the first.
    #[inline]
    pub(crate) fn find(&self, text: &Text<'_>, kind: Kind, head: Head) -> Option<Hit> {
        let Head { start, length, digits, next } = head;
        let behind = text.at(start + length);
        if length > RUN_MAX {
            return None;
        }
        let all = u64::MAX.checked_shr(64 - length.min(64) as u32).unwrap_or(0);
        let run_kind = match (digits & 1, digits & all == all) {
            (1, true) => 0,
            (1, false) => 1,
            _ if digits & all == 0 && length < 64 => 3,
            _ => 2,
        };
        let slots = &self.table[place(run_kind, length)];
        // What stands in brackets is no run.
        let goes_on =
            slots.signs & shape::sign(behind) != 0 && (slots.next & next != 0 || behind == b'(');
        if (slots.ends.is_empty() && !goes_on) || !may_begin(text, kind, start) {
            return None;
        }
        self.judge(text, kind, head, &slots.ends, if goes_on { &slots.goes_on } else { &[] })
    }

    #[inline(never)]
    fn judge(
        &self,
        text: &Text<'_>,
        kind: Kind,
        head: Head,
        ends: &[Slot],
        goes_on: &[Slot],
    ) -> Option<Hit> {
        let Head { start, length, digits, .. } = head;
        let end = start + length;
        // Those that end here, and those that go on behind a sign.
        let ends = if may_end(text, kind, end) { ends } else { &[] };
        let behind = text.at(end);
        let next = match behind {
            _ if goes_on.is_empty() => 0,
            b'(' | 0xc2 => u64::MAX,
            _ => next_run(text, end + 1),
        };
        let sign = shape::sign(behind);
        let first = text.at(start).to_ascii_uppercase();
        let may_be_named = words::may_be_named(text, start);
        if ends.is_empty() && goes_on.is_empty() {
            return None;
        }
        let mut context = None;
        let mut best: Option<(usize, Level, RuleId)> = None;
        for slot in goes_on.iter().chain(ends) {
            let run = &slot.run;
            let fits = digits & run.digits == run.digits && digits & run.letters == 0;
            if !fits || (!run.is_all && (run.next & next == 0 || run.signs & sign == 0)) {
                continue;
            }
            if slot.first.is_some_and(|known| known != first)
                || (slot.level == Level::Key && !may_be_named)
            {
                continue;
            }
            if slot.level < Level::Alone {
                let (near, begins_line) = *context.get_or_insert_with(|| {
                    let near = self.near.look(text, start, end);
                    (near, words::begins_line(text, kind, start))
                });
                if near & slot.row == 0 && !(begins_line && slot.level == Level::Line) {
                    continue;
                }
            }
            let entry = &self.shapes[usize::from(slot.shape)];
            let Some((end, level)) = entry.judge(text, kind, start, end) else { continue };
            if best.is_none_or(|(longest, level, _)| (end, entry.level) > (longest, level))
                && entry.proves(text, kind, level, start, end)
            {
                best = Some((end, entry.level, entry.rule));
            }
        }
        best.map(|(end, _, rule)| Hit { rule, range: start..end })
    }
}

/// How long the run of letters and digits at `start` is, as a bit, the first one for a bracket.
fn next_run(text: &Text<'_>, start: usize) -> u64 {
    let length = (0..64).take_while(|index| text.at(start + index).is_ascii_alphanumeric()).count();
    match length {
        0 => u64::from(matches!(text.at(start), b'(' | b')')),
        64 => 0,
        length => 1 << length,
    }
}

/// The place in the table of a run: digits only, mixed with a digit first, or with a letter first,
/// or letters only (`kind` 0 to 3), and its length.
const fn place(kind: usize, length: usize) -> usize {
    kind * (RUN_MAX + 1) + length
}

impl Entry {
    /// The end of a value that is written like this and satisfies the check, and what it needs.
    fn judge(
        &self,
        text: &Text<'_>,
        kind: Kind,
        start: usize,
        run_end: usize,
    ) -> Option<(usize, Level)> {
        if self.pattern.is_plain() {
            let value = text.slice(start, run_end);
            let is_sample = self.level == Level::Line && check::is_sample(value);
            let level = if is_sample { Level::Word } else { self.level };
            return (self.check)(value).then_some((run_end, level));
        }
        let mut compact = Compact::default();
        let end = self.pattern.read(text, kind, start, &mut compact)?;
        let value = compact.bytes();
        if !may_end(text, kind, end) || !(self.check)(value) {
            return None;
        }
        let is_grouped = end - start > value.len();
        if is_grouped && compact.is_digits() && goes_on(text, start, end) {
            return None;
        }
        // In small letters much else looks like this.
        let level = match self.level {
            Level::Line if !is_grouped && check::is_sample(value) => Level::Word,
            Level::Alone if compact.is_lower() => Level::Line,
            level => level,
        };
        Some((end, level))
    }

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
            let rest = &input.as_bytes()[at..];
            let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let digits = rest.iter().take(length.min(64)).enumerate();
            let digits = digits.fold(0, |all, (i, b)| all | u64::from(b.is_ascii_digit()) << i);
            let head = Head { start: at, length, digits, next: u64::MAX };
            if begins { packs.find(&text, Kind::Text, head) } else { None }
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
