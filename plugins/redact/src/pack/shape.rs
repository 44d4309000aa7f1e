//! How a value is written: a small language for rows.
//!
//! `d` is a digit, `l` a letter, `w` either; behind each may stand how many, `d9` or `d6~10`. A
//! blank is a separator (blank, `-`, `.`), the same in the whole value, `_` any separator or none.
//! Capital letters, digits and signs stand for themselves, letters in either case.
//!
//! Letters of a value are all upper or all lower case, but where a run is taken as it is: `r` is
//! as `w` and `a` as `l`, and they leave case alone.

use crate::place::Kind;
use crate::text::Text;

/// The most letters and digits in a value.
const COMPACT_MAX: usize = 112;

/// The letters and digits of a value.
pub(super) struct Compact {
    bytes: [u8; COMPACT_MAX],
    length: usize,
    has_upper: bool,
    has_lower: bool,
}

impl Default for Compact {
    fn default() -> Compact {
        Compact { bytes: [0; COMPACT_MAX], length: 0, has_upper: false, has_lower: false }
    }
}

impl Compact {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Whether its letters are all small.
    pub(super) fn is_lower(&self) -> bool {
        self.has_lower && !self.has_upper
    }

    /// Whether it has no letters.
    pub(super) fn is_digits(&self) -> bool {
        self.bytes().iter().all(u8::is_ascii_digit)
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte;
            self.length += 1;
        }
    }
}

/// A pattern, taken apart.
pub(super) struct Pattern {
    units: Vec<Unit>,
    /// Letters in either case, mixed.
    raw: bool,
}

/// A first run of letters and digits that a pattern may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) length: usize,
    /// Which of its first 64 characters have to be digits, a bit for each.
    pub(super) digits: u64,
    /// Which have to be letters.
    pub(super) letters: u64,
    /// Whether the value ends with it; else a sign follows.
    pub(super) is_all: bool,
    /// The lengths that the next run may have, a bit for each, the first one for a bracket.
    pub(super) next: u64,
    /// Which signs may follow, see [`sign`].
    pub(super) signs: u8,
}

impl Run {
    const EMPTY: Run = Run { length: 0, digits: 0, letters: 0, is_all: true, next: 0, signs: 0 };

    /// With another character.
    fn with(self, class: Class) -> Run {
        let bit = 1u64.checked_shl(self.length as u32).unwrap_or(0);
        Run {
            length: self.length + 1,
            digits: self.digits | if class == Class::Digit { bit } else { 0 },
            letters: self.letters | if class == Class::Letter { bit } else { 0 },
            ..self
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Class { class: Class, least: usize, most: usize },
    Same,
    Maybe,
    Sign(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Digit,
    Letter,
    Either,
}

impl Class {
    fn has(self, byte: u8) -> bool {
        match self {
            Class::Digit => byte.is_ascii_digit(),
            Class::Letter => byte.is_ascii_alphabetic(),
            Class::Either => byte.is_ascii_alphanumeric(),
        }
    }
}

impl Pattern {
    /// Reads a pattern; `None` where it is none.
    pub(super) fn parse(pattern: &str) -> Option<Pattern> {
        let bytes = pattern.as_bytes();
        let (mut units, mut raw) = (Vec::new(), false);
        let mut at = 0;
        let number = |at: &mut usize| {
            let from = *at;
            while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
                *at += 1;
            }
            pattern[from..*at].parse::<usize>().ok()
        };
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            let class = match byte {
                b'd' => Class::Digit,
                b'l' => Class::Letter,
                b'w' => Class::Either,
                b'r' | b'a' => {
                    raw = true;
                    if byte == b'a' { Class::Letter } else { Class::Either }
                }
                b' ' => {
                    units.push(Unit::Same);
                    continue;
                }
                b'_' => {
                    units.push(Unit::Maybe);
                    continue;
                }
                b'a'..=b'z' => return None,
                sign => {
                    units.push(Unit::Sign(sign));
                    continue;
                }
            };
            let least = number(&mut at).unwrap_or(1);
            let most = if bytes.get(at) == Some(&b'~') {
                at += 1;
                number(&mut at)?
            } else {
                least
            };
            units.push(Unit::Class { class, least, most });
        }
        let begins = match units.first()? {
            Unit::Class { .. } => true,
            Unit::Sign(sign) => sign.is_ascii_alphanumeric(),
            Unit::Same | Unit::Maybe => false,
        };
        begins.then_some(Pattern { units, raw })
    }

    /// What the first run of letters and digits may be like.
    pub(super) fn runs(&self) -> Vec<Run> {
        let mut runs = runs(&self.units);
        runs.retain(|run| (1..=super::RUN_MAX).contains(&run.length));
        runs
    }

    /// What the value begins with, in upper case, if that is always the same.
    pub(super) fn first(&self) -> Option<u8> {
        match self.units.first()? {
            Unit::Sign(sign) => Some(*sign),
            _ => None,
        }
    }

    /// Whether the value is digits and nothing else.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.units[..], [Unit::Class { class: Class::Digit, .. }])
    }

    /// Behind the value that is written like this and begins at `start`; its letters and digits
    /// are in `compact` then.
    pub(super) fn read(
        &self,
        text: &Text<'_>,
        kind: Kind,
        start: usize,
        compact: &mut Compact,
    ) -> Option<usize> {
        let mut at = start;
        let mut same = None;
        for unit in &self.units {
            match *unit {
                Unit::Class { class, least, most } => {
                    let from = at;
                    while at - from < most && class.has(text.at(at)) {
                        let byte = text.at(at);
                        compact.has_upper |= byte.is_ascii_uppercase();
                        compact.has_lower |= byte.is_ascii_lowercase();
                        compact.push(if self.raw { byte } else { byte.to_ascii_uppercase() });
                        at += 1;
                    }
                    if at - from < least {
                        return None;
                    }
                }
                Unit::Sign(sign) => {
                    let byte = text.at(at);
                    if byte.to_ascii_uppercase() != sign {
                        return None;
                    }
                    if byte.is_ascii_alphanumeric() {
                        compact.has_upper |= byte.is_ascii_uppercase();
                        compact.has_lower |= byte.is_ascii_lowercase();
                        compact.push(if self.raw { byte } else { sign });
                    }
                    at += 1;
                }
                Unit::Same => {
                    let (sign, length) = separator(text, kind, at)?;
                    if same.is_some_and(|same| same != sign) {
                        return None;
                    }
                    same = Some(sign);
                    at += length;
                }
                Unit::Maybe => at += separator(text, kind, at).map_or(0, |(_, length)| length),
            }
        }
        let is_mixed = compact.has_upper && compact.has_lower && !self.raw;
        compact.has_lower &= !self.raw;
        (!is_mixed).then_some(at)
    }
}

/// The kind of a sign behind a run, as a bit; none for what no value goes on behind.
#[inline]
pub(super) fn sign(byte: u8) -> u8 {
    match byte {
        b' ' | b'-' | b'.' | b'+' | 0xc2 => 1,
        b'/' => 2,
        b':' => 4,
        b'(' => 8,
        _ => 0,
    }
}

/// The runs that some units may begin with.
fn runs(units: &[Unit]) -> Vec<Run> {
    let mut open = vec![Run::EMPTY];
    let mut done: Vec<Run> = Vec::new();
    for (index, unit) in units.iter().enumerate() {
        let end = |open: &[Run]| {
            let next = runs(&units[index + 1..]);
            let next = next.iter().fold(0, |all, run| all | 1u64 << run.length.min(63));
            let signs = match *unit {
                Unit::Sign(byte) => sign(byte),
                _ => sign(b' '),
            };
            // Where a separator may be left out, a bracket may follow right here.
            let signs = if next & 1 == 1 { signs | sign(b'(') } else { signs };
            open.iter().map(|run| Run { is_all: false, next, signs, ..*run }).collect::<Vec<_>>()
        };
        match *unit {
            Unit::Class { class, least, most } => {
                let mut longer = Vec::new();
                for count in 0..=most {
                    for run in open.iter().filter(|_| count >= least) {
                        if !longer.contains(run) {
                            longer.push(*run);
                        }
                    }
                    open.iter_mut().for_each(|run| *run = run.with(class));
                }
                open = longer;
            }
            Unit::Sign(sign) if sign.is_ascii_alphanumeric() => {
                let class = if sign.is_ascii_digit() { Class::Digit } else { Class::Letter };
                open.iter_mut().for_each(|run| *run = run.with(class));
            }
            Unit::Maybe => done.extend(end(&open)),
            Unit::Same | Unit::Sign(_) => {
                done.extend(end(&open));
                return done;
            }
        }
    }
    done.extend(open);
    done
}

/// A separator and how many bytes it has. What is no blank but looks like one counts as one.
fn separator(text: &Text<'_>, kind: Kind, at: usize) -> Option<(u8, usize)> {
    match text.at(at) {
        sign @ (b' ' | b'-' | b'.') => Some((sign, 1)),
        b'+' if kind == Kind::Form => Some((b' ', 1)),
        0xc2 if text.at(at + 1) == 0xa0 => Some((b' ', 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, input: &str, expected: Option<(&str, &str)>) {
        let pattern = Pattern::parse(pattern).expect("this is a pattern");
        let text = Text::new(input.as_bytes(), true);
        let mut compact = Compact::default();
        let end = pattern.read(&text, Kind::Text, 0, &mut compact);
        let got = end.map(|end| (&input[..end], String::from_utf8_lossy(compact.bytes())));
        let got = got.as_ref().map(|(value, compact)| (*value, &**compact));
        assert_eq!(got, expected, "in `{input}`");
    }

    #[test]
    fn values_are_read_as_they_are_written() {
        check("d3 d2 d4", "934-78-6052", Some(("934-78-6052", "934786052")));
        check("d3 d2 d4", "934 78 6052 x", Some(("934 78 6052", "934786052")));
        check("d3 d2 d4", "934-78 6052", None);
        check("d3_d2_d4", "93478-6052", Some(("93478-6052", "934786052")));
        check("DE_d3_d3_d3", "de 284-037.197", Some(("de 284-037.197", "DE284037197")));
        check("d6/d3~4", "480715/362", Some(("480715/362", "480715362")));
        check("ld7l", "Ab", None);
        check("ld7l", "Y4820571s", None);
        check("r3", "aB1", Some(("aB1", "aB1")));
    }

    #[test]
    fn lengths_of_the_first_run() {
        let all = |pattern: &str| Pattern::parse(pattern).expect("this is a pattern").runs();
        let runs =
            |pattern: &str| all(pattern).into_iter().map(|run| run.length).collect::<Vec<_>>();
        assert_eq!(runs("d3 d2"), [3]);
        assert_eq!(runs("d3_d2"), [3, 5]);
        assert_eq!(runs("HRB_d1~3"), [3, 4, 5, 6]);
        assert_eq!(runs("d8~10"), [8, 9, 10]);
        let run = all("ld2w d3~4")[0];
        assert_eq!((run.letters, run.digits, run.next), (0b1, 0b110, 0b11000));
        assert_eq!((all("d3")[0].next, all("d3")[0].signs), (0, 0));
        assert_eq!((all("d3/d2")[0].next, all("d3/d2")[0].signs), (0b100, 2));
        assert_eq!(all("0 (d3)")[0].next, 1);
        assert!(Pattern::parse("x").is_none() && Pattern::parse("").is_none());
    }
}
