//! Telephone numbers: international with `+` or `00`, North American, and national forms beside a
//! word that says so.
//!
//! A candidate is a group of digits; a number may begin before it, at a `+` or a bracket.

mod country;
mod number;

use super::context;
use crate::text::Text;
use number::Number;
use std::ops::Range;

/// How far before a group its number may begin, in bytes.
const BACK: usize = 16;

/// Words that say it, whatever the number looks like, in the languages that write them in ASCII.
pub(crate) const WORDS: &[&str] = &[
    "cel",
    "cell",
    "cellphone",
    "cellulare",
    "celular",
    "contactno",
    "contactnumber",
    "dial",
    "dialed",
    "fax",
    "gsm",
    "handphone",
    "handy",
    "handynummer",
    "hotline",
    "hp",
    "landline",
    "mobiel",
    "mobil",
    "mobile",
    "mobilnummer",
    "mobiltelefon",
    "movil",
    "msisdn",
    "ph",
    "phone",
    "phones",
    "ponsel",
    "puhelin",
    "puhelinnumero",
    "rufnummer",
    "sms",
    "tel",
    "telefon",
    "telefonnummer",
    "telefono",
    "telefone",
    "telefonu",
    "telefoon",
    "telefoonnummer",
    "telemovel",
    "telephone",
    "telepon",
    "telp",
    "telpon",
    "tlf",
    "wa",
    "whatsapp",
];

/// Parts of words in other letters, some of which are written without blanks between words.
const WIDE: &context::Parts = &context::Parts::new(&[
    "téléphone",
    "Téléphone",
    "tél",
    "Tél",
    "teléfono",
    "Teléfono",
    "móvil",
    "Móvil",
    "telemóvel",
    "Telemóvel",
    "telefonní",
    "Telefonní",
    "telefonszám",
    "Telefonszám",
    "điện",
    "Điện",
    "SĐT",
    "sđt",
    "тел",
    "Тел",
    "моб",
    "Моб",
    "τηλ",
    "Τηλ",
    "电话",
    "電話",
    "手机",
    "手機",
    "携帯",
    "전화",
    "휴대폰",
    "โทร",
    "טלפון",
    "נייד",
    "هاتف",
    "جوال",
    "फ़ोन",
    "मोबाइल",
]);

/// What people say right before their number.
const PHRASES: &[&str] = &[
    "contact no",
    "contact number",
    "contact_no",
    "contact_number",
    "me at",
    "me on",
    "my number",
    "my number is",
    "her number is",
    "his number is",
    "their number is",
];

/// Words that say it of a number in groups.
const VAGUE: &[&str] =
    &["call", "contact", "reach", "ring", "portable", "answering", "messages", "desk"];

/// Words right before a number that say what else it is.
const OTHERS: &[&str] = &[
    "account",
    "amount",
    "batch",
    "build",
    "bytes",
    "count",
    "customer",
    "id",
    "ids",
    "invoice",
    "item",
    "job",
    "line",
    "message",
    "msg",
    "offset",
    "order",
    "pid",
    "port",
    "product",
    "record",
    "request",
    "row",
    "seq",
    "serial",
    "session",
    "size",
    "sku",
    "template",
    "ticket",
    "took",
    "total",
    "transaction",
    "user",
    "version",
];

/// Words behind a number in a list of contacts.
const LABELS: &[&str] =
    &["office", "fax", "mobile", "cell", "home", "work", "desk", "tel", "phone", "direct", "main"];

/// Where a number that holds the group at `group` begins.
pub(crate) fn start(text: &Text<'_>, group: usize) -> usize {
    let floor = group.saturating_sub(BACK);
    let mut at = group;
    let mut start = group;
    while at > floor {
        match text.before(at, 1) {
            b'+' => return at - 1,
            b'(' => start = at - 1,
            byte if byte.is_ascii_digit() => {}
            b')' | b' ' | b'-' | b'.' | b'/' | 0xa0 => {}
            0xc2 if text.at(at) == 0xa0 => {}
            _ => break,
        }
        at -= 1;
    }
    // `089/12345678`: the number of a town before a slash.
    if text.before(group, 1) == b'/' {
        let mut town = group - 1;
        while group - town < 6 && text.before(town, 1).is_ascii_digit() {
            town -= 1;
        }
        let border = text.before(town, 1);
        let long = group - 1 - town >= 3;
        if long && text.at(town) == b'0' && !border.is_ascii_alphanumeric() && border != b'/' {
            start = town;
        }
    }
    // Two zeros in place of the plus.
    let mut first = at;
    while first < group && !text.at(first).is_ascii_digit() {
        first += 1;
    }
    if text.at(first) == b'0' && text.at(first + 1) == b'0' && first < group {
        return first;
    }
    start
}

/// Finds a number that begins at `start`, as [`start`] found it.
pub(crate) fn find(text: &Text<'_>, start: usize) -> Option<Range<usize>> {
    let before = text.before(start, 1);
    if before.is_ascii_alphanumeric() || matches!(before, b'*' | b'+' | b'#') {
        return None;
    }
    if before == b'.' && text.before(start, 2).is_ascii_alphanumeric() {
        return None;
    }
    if text.at(start) == b'+' || (text.at(start) == b'0' && text.at(start + 1) == b'0') {
        return international(text, start);
    }
    // Behind a dash that follows a digit or letter: the end of something longer.
    if before == b'-' && text.before(start, 2).is_ascii_alphanumeric() {
        return None;
    }
    let number = Number::read(text, start)?;
    north_american(text, &number).or_else(|| national(text, &number))
}

/// `+`, country and number; `00` in place of the `+`.
fn international(text: &Text<'_>, start: usize) -> Option<Range<usize>> {
    let plus = text.at(start) == b'+';
    let first = if plus { start + 1 } else { start + 2 };
    if !text.at(first).is_ascii_digit() || (!plus && text.at(first) == b'0') {
        return None;
    }
    let number = Number::read(text, first)?;
    let (least, most) = country::limits(number.digits())?;
    // A number may be followed by others; the longest beginning that fits is the number.
    let (count, end) = number.longest(|digits| (least..=most).contains(&digits))?;
    // Without the plus it is a group of digits like others, above all among groups without dashes.
    let dashes = number.separators[..number.runs - 1].iter().all(|s| *s == b'-');
    let doubtful = number.runs < 2 || count < 9 || !dashes || is_behind_group(text, start);
    let is_other = || context::is_right_behind(text, start, OTHERS);
    if !plus && doubtful && (is_other() || !context::has_word_near(text, start, end, WORDS)) {
        return None;
    }
    let end = extension(text, end);
    (!text.at(end).is_ascii_alphanumeric()).then_some(start..end)
}

/// Whether a short word with a digit stands before, as in an account number.
fn is_behind_group(text: &Text<'_>, start: usize) -> bool {
    let mut at = start.saturating_sub(1);
    if text.before(start, 1) != b' ' {
        return false;
    }
    let mut digit = false;
    while start - at <= 5 && text.before(at, 1).is_ascii_alphanumeric() {
        digit |= text.before(at, 1).is_ascii_digit();
        at -= 1;
    }
    digit
}

/// `(AAA) BBB-CCCC`, `AAA-BBB-CCCC`, `AAA.BBB.CCCC`; a one may stand before it.
fn north_american(text: &Text<'_>, number: &Number) -> Option<Range<usize>> {
    let groups = number.groups();
    let digits = number.digits();
    let (groups, digits, country) = match groups {
        [1, rest @ ..] if digits[0] == 1 => (rest, &digits[1..], 1),
        _ => (groups, digits, 0),
    };
    if !groups.starts_with(&[3, 3, 4]) || digits[0] < 2 || digits[3] < 2 {
        return None;
    }
    let dense =
        number.separators[country..country + 2].iter().all(|s| matches!(s, b'-' | b'.' | b')'));
    if !dense
        && !number.bracketed
        && !context::has_word_near(text, number.start, number.ends[country + 2], WORDS)
    {
        return None;
    }
    let end = extension(text, number.ends[country + 2]);
    let goes_on = matches!(text.at(end), b'-' | b'.') && text.at(end + 1).is_ascii_digit();
    (!goes_on && !text.at(end).is_ascii_alphanumeric()).then_some(number.start..end)
}

/// Any other grouping, or none, beside a word.
fn national(text: &Text<'_>, number: &Number) -> Option<Range<usize>> {
    let (count, end) = number.longest(|digits| (7..=12).contains(&digits))?;
    let end = extension(text, end);
    if text.at(end).is_ascii_alphanumeric() || matches!(text.at(end), b':' | b'%') {
        return None;
    }
    let groups = number.groups();
    let single = groups[0] >= count;
    if is_date(number)
        || text.before(number.start, 1) == b'-'
        || number.separators[0] == b'/' && groups[0] < 3
    {
        return None;
    }
    // A fraction, or an amount.
    if groups.len() == 2 && number.separators[0] == b'.' {
        return None;
    }
    let goes_on = text.at(end + 1).is_ascii_digit() && matches!(text.at(end), b'-' | b'.' | b'/');
    if goes_on {
        return None;
    }
    if context::is_right_behind(text, number.start, OTHERS) {
        return None;
    }
    let named = |words: &[&str]| context::has_word_before(text, number.start, words);
    let words = named(WORDS)
        || (!single && named(VAGUE))
        || context::ends_with_one(text, number.start, PHRASES)
        || context::has_part_before(text, number.start, WIDE);
    let labelled = !single || count >= 9;
    (words || (labelled && context::has_label_behind(text, end, LABELS)))
        .then_some(number.start..end)
}

fn is_date(number: &Number) -> bool {
    let digits = number.digits();
    let value = |range: Range<usize>| {
        digits[range].iter().fold(0u32, |value, &d| value * 10 + u32::from(d))
    };
    match number.groups() {
        [4, 2, 2, ..] => {
            (1900..2100).contains(&value(0..4)) && value(4..6) <= 12 && value(6..8) <= 31
        }
        [2, 2, 4, ..] => {
            (1900..2100).contains(&value(4..8)) && value(0..2) <= 31 && value(2..4) <= 31
        }
        [8, ..] => (1900..2100).contains(&value(0..4)) && value(4..6) <= 12 && value(6..8) <= 31,
        // Seconds since 1970 for this and the next decades.
        [10] => (14..=20).contains(&value(0..2)),
        _ => false,
    }
}

/// Behind an extension (`x123`, ` ext. 123`) that follows the number, else `end`.
fn extension(text: &Text<'_>, end: usize) -> usize {
    let mut at = end;
    if text.at(at) == b' ' {
        at += 1;
    }
    let sign = if text.has_word(at, b"ext.") {
        4
    } else if text.has_word(at, b"ext") {
        3
    } else if text.has_word(at, b"x") {
        1
    } else {
        return end;
    };
    at += sign;
    if sign > 1 && text.at(at) == b' ' {
        at += 1;
    }
    let first = at;
    while at < first + 6 && text.at(at).is_ascii_digit() {
        at += 1;
    }
    if at == first || text.at(at).is_ascii_alphanumeric() { end } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let text = Text::new(input.as_bytes(), true);
        let found = (0..input.len())
            .filter(|&at| {
                let here = input.as_bytes()[at].is_ascii_digit();
                here && !text.before(at, 1).is_ascii_alphanumeric()
            })
            .find_map(|at| find(&text, start(&text, at)));
        assert_eq!(found.map(|range| &input[range]), expected, "in `{input}`");
    }

    #[test]
    fn international_numbers() {
        check("+1 415 555 0132", Some("+1 415 555 0132"));
        check("+1-903-140-4508x769", Some("+1-903-140-4508x769"));
        check("is +44 (20) 7123 4567.", Some("+44 (20) 7123 4567"));
        check("+46 (0)8 928 571 38 fax", Some("+46 (0)8 928 571 38"));
        check("+447700677662", Some("+447700677662"));
        check("tel:+62 812-3456-7890", Some("+62 812-3456-7890"));
        check("001-253-366-9781", Some("001-253-366-9781"));
        check("+1 415 555 01", None);
        check("0045 0304 0300", None);
        check("tel 0044 20 7123 4567", Some("0044 20 7123 4567"));
        check("a+4412345678901", None);
        check("2026-11-03T12:00:00+0700", None);
    }

    #[test]
    fn north_american_numbers() {
        check("(415) 555-0132", Some("(415) 555-0132"));
        check("(415)555-0132", Some("(415)555-0132"));
        check("at 780-999-2181", Some("780-999-2181"));
        check("259.735.7502x459", Some("259.735.7502x459"));
        check("120-999-2181", None);
        check("780-099-2181", None);
        check("780-999-2181-33", None);
        check("x780-999-2181", None);
    }

    #[test]
    fn national_numbers_need_a_word() {
        check("Phone: 0490 75 40 81", Some("0490 75 40 81"));
        check("Phone: (72) 754-186", Some("(72) 754-186"));
        check("\"phone\":\"081234567890\"", Some("081234567890"));
        check("call me on (64) 3591-3246?", Some("(64) 3591-3246"));
        check("71-33-52-22", None);
        check("781 1704 office", Some("781 1704"));
        check("Telefon 089/70213044", Some("089/70213044"));
        check("Handynummer: 0171 2345678", Some("0171 2345678"));
        check("Téléphone : 01 42 68 53 00", Some("01 42 68 53 00"));
        check("联系电话：13812345678", Some("13812345678"));
        check("Телефон: 8 (912) 345-67-89", Some("8 (912) 345-67-89"));
        check("text me at 668 570 212", Some("668 570 212"));
        check("meet me at 2026-11-03", None);
        check("{\"contact_number\":\"0171234567\"}", Some("0171234567"));
        check("phone seen 2026-11-03 12:30", None);
        check("call took 1730635200 s", None);
        check("order 081234567890", None);
        check("mobile-api request 149300765", None);
        check("phone verification request_id=4581972684", None);
        check("contact sync batch 6831-9925", None);
        check("sms message to 081234567890", Some("081234567890"));
        check("number 12345678", None);
        check("card number 4012-8888-8888-1882", None);
        check("\"message\":\"order 123-4567-890\"", None);
        check("HR12 1001 0051 8630 0016 1", None);
    }
}
