//! Candidates of digits: addresses, cards, phones, numbers of persons.

use super::Finder;
use crate::bytes;
use crate::ending::Quote;
use crate::place::Kind;
use crate::rule;
use crate::text::Text;
use crate::value::{card, digits::Groups, ip, phone, ssn};

/// The most bytes before a number in an array that are looked through for its bracket.
const ARRAY: usize = 256;

/// Whether there are enough digits at `start` for any number, which are no date and no decimals.
#[inline(always)]
pub(super) fn may_be_one(text: &Text<'_>, start: usize) -> bool {
    let bytes = text.bytes();
    let around =
        start.checked_sub(2).and_then(|at| bytes.get(at..)?.first_chunk::<{ WINDOW + 2 }>());
    let Some([before2, before, window @ ..]) = around else { return true };
    let (before2, before) = (*before2, *before);
    if before == b'.' && before2.is_ascii_digit() {
        return false;
    }
    let bracket = before == b')' || before2 == b')';
    bracket || window[1..4].contains(&b'.') || is_dense(window)
}

impl Finder<'_> {
    /// Judges the number that begins at `start`. The first rule that it fits has it.
    #[inline(never)]
    pub(super) fn digits(&mut self, start: usize) {
        // Behind the point of a number or an address nothing begins.
        if self.is_date(start)
            || (self.text.before(start, 1) == b'.' && self.text.before(start, 2).is_ascii_digit())
        {
            return;
        }
        let dotted = (1..=3).any(|distance| self.text.at(start + distance) == b'.');
        if dotted
            && (self.judge(rule::IP, start, |text| ip::find_v4(text, start))
                || ip::is_v4(&self.text, start))
        {
            return;
        }
        // Digits in brackets before it belong to it.
        let bracket = self.text.before(start, 1) == b')' || self.text.before(start, 2) == b')';
        match self.text.bytes().get(start..start + WINDOW) {
            Some(window) if !is_dense(window) && !bracket => return,
            None if !self.text.is_last() => return self.hold(phone::start(&self.text, start)),
            _ => {}
        }
        if may_be_number(&self.text, start) && self.number(start) {
            return;
        }
        let is_none = is_no_phone(&self.text, start);
        if is_none && !may_go_on_before(&self.text, start) {
            return;
        }
        if self.is_calm(start) && !may_be_phone(&self.text, start) {
            return;
        }
        let begins = phone::start(&self.text, start);
        if begins < start || !is_none {
            self.judge(rule::PHONE, begins, |text| phone::find(text, begins));
        }
    }

    /// Cards and social security numbers, which may be numbers of JSON.
    fn number(&mut self, start: usize) -> bool {
        if is_time(&self.text, start) {
            return false;
        }
        self.text.forget();
        let text = &self.text;
        let groups = Groups::read(text, start);
        let found = [(rule::US_SSN, ssn::find as Judge), (rule::CARD, card::find as Judge)]
            .into_iter()
            .filter(|(rule, _)| self.engine.is_on(*rule))
            .find_map(|(rule, find)| Some((rule, find(text, &groups)?)));
        let wrap = found
            .as_ref()
            .and_then(|(_, range)| quotes_of_number(text, self.kind, range.start, range.end));
        if text.is_open() {
            self.hold(start);
            return true;
        }
        match found {
            Some((rule, range)) => self.add(rule, range, wrap),
            None => false,
        }
    }

    /// Whether there are nothing but digits and signs so far around that no word and no bracket can
    /// have a say in what begins at `start`. Each byte is looked at once.
    fn is_calm(&mut self, start: usize) -> bool {
        let bytes = self.text.bytes();
        let floor = start.saturating_sub(CALM);
        if start < self.calm.start || self.calm.end < start {
            let before = &bytes[floor..start];
            let last = before.iter().rposition(|&byte| !is_quiet(byte));
            self.calm = last.map_or(floor, |at| floor + at + 1)..start;
        }
        if self.calm.start > floor {
            return false;
        }
        let to = start + CALM;
        while self.calm.end < to && bytes.get(self.calm.end).is_some_and(|&byte| is_quiet(byte)) {
            self.calm.end += 1;
        }
        self.calm.end >= to
    }

    /// Dates are the commonest groups of digits in logs.
    fn is_date(&self, start: usize) -> bool {
        let text = &self.text;
        let sign = text.at(start + 4);
        matches!(sign, b'-' | b'/' | b'.')
            && text.at(start + 7) == sign
            && matches!((text.at(start), text.at(start + 1)), (b'1', b'9') | (b'2', b'0'))
            && matches!(text.at(start + 5), b'0' | b'1')
            && matches!(text.at(start + 8), b'0'..=b'3')
    }
}

/// In so many bytes there are seven digits, or there is no number.
const WINDOW: usize = 12;

#[inline(always)]
fn is_dense(window: &[u8]) -> bool {
    window.iter().filter(|b| b.is_ascii_digit()).count() >= 7
}

/// How far around a number words count, in bytes: the window before it, and what may follow the
/// longest one.
const CALM: usize = 48;

/// Neither a letter nor a sign that numbers of telephones begin with. A no-break space is quiet.
fn is_quiet(byte: u8) -> bool {
    (byte < 0x80 && !bytes::is(byte, bytes::LETTER) && !matches!(byte, b'+' | b'('))
        || matches!(byte, 0xc2 | 0xa0)
}

/// Whether the group at `start` is as long as the first one of a card or a social security number.
fn may_be_number(text: &Text<'_>, start: usize) -> bool {
    let digit = |distance: usize| text.at(start + distance).is_ascii_digit();
    if !(digit(1) && digit(2)) {
        return false;
    }
    if !digit(3) {
        return text.at(start + 3) == 0xc2 || (digit(4) && digit(5) && !digit(6) && digit(7));
    }
    true
}

/// Whether a number of a telephone may begin at `start`, or at zeros a little before, where no word
/// says so and there is neither plus nor bracket: with two zeros, or in groups of three and four.
fn may_be_phone(text: &Text<'_>, start: usize) -> bool {
    let zeros = text.at(start) == b'0' && text.at(start + 1) == b'0';
    let town = text.at(start + 3);
    let country = text.at(start) == b'1' && !text.at(start + 1).is_ascii_digit();
    zeros || country || matches!(town, b'-' | b'.')
}

/// Whether digits stand alone at `start` that are too few or too many for a card and a social
/// security number, or begin as the issuers of cards begin fifteen digits only: above all times
/// since 1970, which are in every line of many logs.
#[inline(always)]
fn is_time(text: &Text<'_>, start: usize) -> bool {
    let Some(window) = text.bytes().get(start..).and_then(|rest| rest.first_chunk::<24>()) else {
        return false;
    };
    let length = digits_of(window);
    let Some([behind, next]) = window.get(length..length + 2) else { return false };
    let gap = matches!(behind, b' ' | b'-' | b'.' | b'+');
    let alone = *behind != 0xc2 && !(gap && next.is_ascii_digit());
    alone && length != 9 && (length < 12 || (window[0] == b'1' && length != 15))
}

/// Whether the digits at `start` are no phone number unless something before them makes them one:
/// too many, or a date.
#[inline(always)]
fn is_no_phone(text: &Text<'_>, start: usize) -> bool {
    let Some(window) = text.bytes().get(start..).and_then(|rest| rest.first_chunk::<16>()) else {
        return false;
    };
    let date = || {
        matches!(window[..2], [b'1', b'9'] | [b'2', b'0'])
            && matches!(window[4..6], [b'0', _] | [b'1', b'0'..=b'2'])
            && matches!(window[6..8], [b'0'..=b'2', _] | [b'3', b'0' | b'1'])
    };
    match digits_of(window) {
        8 => date(),
        length => length > PHONE_MAX && window[..2] != *b"00",
    }
}

/// The most digits of a phone number without its country.
const PHONE_MAX: usize = 12;

/// Whether a phone number may begin before the group of digits at `start`: there is no letter, as in
/// the versions of browsers (`Gecko/20100101`), nor a sign that no phone number holds.
#[inline(always)]
fn may_go_on_before(text: &Text<'_>, start: usize) -> bool {
    match text.before(start, 1) {
        b'/' => !bytes::is(text.before(start, 2), bytes::LETTER),
        byte => matches!(byte, b'+' | b'(' | b')' | b' ' | b'-' | b'.' | b'0'..=b'9' | 0xa0),
    }
}

/// How many digits a window begins with; eight bytes at a time.
#[inline(always)]
fn digits_of(window: &[u8]) -> usize {
    let mut count = 0;
    for eight in window.as_chunks::<8>().0 {
        let moved = u64::from_le_bytes(*eight) ^ 0x3030_3030_3030_3030;
        // The highest bit of each byte that is no digit.
        let others = (moved.wrapping_add(0x7676_7676_7676_7676) | moved) & 0x8080_8080_8080_8080;
        if others != 0 {
            return count + (others.trailing_zeros() / 8) as usize;
        }
        count += 8;
    }
    count
}

type Judge = fn(&Text<'_>, &Groups) -> Option<std::ops::Range<usize>>;

/// The quotes that a marker needs in place of a number of JSON; `None` in text and in strings.
pub(super) fn quotes_of_number(
    text: &Text<'_>,
    kind: Kind,
    start: usize,
    end: usize,
) -> Option<Quote> {
    if kind == Kind::Form || !text.slice(start, end).iter().all(u8::is_ascii_digit) {
        return None;
    }
    quotes_at(text, kind, start, end)
}

/// The same for whatever looks like a number, or like several.
pub(super) fn quotes_at(text: &Text<'_>, kind: Kind, start: usize, end: usize) -> Option<Quote> {
    let mut at = end;
    while at < end + 8 && matches!(text.at(at), b' ' | b'\t' | b'\n' | b'\r') {
        at += 1;
    }
    if !matches!(text.at(at), b',' | b'}' | b']' | 0) {
        return None;
    }
    let blank = |at: usize| matches!(text.before(at, 1), b' ' | b'\t' | b'\n' | b'\r') && at > 0;
    let mut at = start;
    let floor = start.saturating_sub(ARRAY);
    let mut in_array = false;
    loop {
        while at > floor && blank(at) {
            at -= 1;
        }
        match text.before(at, 1) {
            b'[' | b',' => {
                in_array = true;
                at -= 1;
            }
            b':' => {
                // Behind a name in quotes; an array also behind its bracket.
                let mut name = at - 1;
                while name > floor && blank(name) {
                    name -= 1;
                }
                if text.before(name, 1) != b'"' {
                    return None;
                }
                let mut backslashes = 0;
                while backslashes < 8 && text.before(name - 1, backslashes + 1) == b'\\' {
                    backslashes += 1;
                }
                return Quote::written(b'"', backslashes);
            }
            // What stands before a number in an array.
            byte if in_array
                && (bytes::is(byte, bytes::DIGIT)
                    || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
                && at > floor =>
            {
                at -= 1;
            }
            b'"' | b'}' | b']' | b'l' if in_array => {
                return Some(Quote { sign: b'"', level: u8::from(text.before(at, 2) == b'\\') });
            }
            0 if in_array && kind == Kind::Json => return Some(Quote { sign: b'"', level: 0 }),
            _ => {
                return (in_array && at <= floor && start > ARRAY)
                    .then_some(Quote { sign: b'"', level: 0 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, expected: Option<u8>) {
        let text = Text::new(input.as_bytes(), true);
        let start = input.find("4111").expect("there is a number");
        let quotes = quotes_of_number(&text, Kind::Json, start, start + 4);
        assert_eq!(quotes.map(|quote| quote.level), expected, "in `{input}`");
    }

    #[test]
    fn numbers_of_json_are_told_from_digits_in_text() {
        check(r#"{"a":4111}"#, Some(0));
        check(r#"{"a": 4111 , "b":1}"#, Some(0));
        check(r#"{"m":"{\"a\":4111}"}"#, Some(1));
        check(r#"{"a":[1, 2.5,4111]}"#, Some(0));
        check(r#"["x",4111]"#, Some(0));
        check(r#"[{"a":1},4111]"#, Some(0));
        check("[4111]", Some(0));
        check(r#"{"m":"paid 4111, thanks"}"#, None);
        check(r#"{"m":"paid 4111"}"#, None);
        check(r#"{"m":"cards: [1, 4111]"}"#, None);
        check("card: 4111", None);
        check("4111", None);
    }

    proptest! {
        #[test]
        fn what_is_passed_over_among_digits_and_signs_is_no_hit(
            pieces in prop::collection::vec("[0-9]{1,9}[ .:,/-]{0,2}|00|001-|[0-9]{3}-[0-9]{2}-|\u{a0}", 8..30),
        ) {
            let quiet = " ".repeat(CALM);
            let input = format!("{quiet}{}{quiet}", pieces.concat());
            let text = Text::new(input.as_bytes(), true);
            let begins = |at: usize| text.at(at).is_ascii_digit() && !text.before(at, 1).is_ascii_digit();
            for at in (CALM..input.len() - CALM).filter(|&at| begins(at)) {
                if !may_be_number(&text, at) {
                    let groups = Groups::read(&text, at);
                    prop_assert_eq!(ssn::find(&text, &groups), None, "at {}", at);
                    prop_assert_eq!(card::find(&text, &groups), None, "at {}", at);
                }
                if !may_be_phone(&text, at) {
                    // One that begins further to the left is found from there.
                    let found = phone::find(&text, phone::start(&text, at));
                    let found = found.filter(|found| found.start >= at || !begins(found.start));
                    prop_assert_eq!(found, None, "at {}", at);
                }
            }
        }
    }
}
