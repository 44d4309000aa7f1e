//! Spans of time as an operator writes them: `"250ms"`, `"1.5s"`, `"1m 30s"`.
//!
//! The same as in the host's own file. A number needs a unit, because the next reader would have to
//! guess it.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span(pub(crate) Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read(text).map(|nanos| Self(Duration::from_nanos(nanos))).ok_or_else(|| {
            format!(
                "`{text}` is no span of time; write a number and one of `us` `ms` `s` `m` `h` `d`, \
                 such as \"10ms\", \"1.5s\" or \"1m 30s\""
            )
        })
    }
}

fn read(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_u64;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let nanos = UNITS.iter().find(|known| known.0 == unit)?.1;
        // Larger units first, each once.
        if nanos >= last {
            return None;
        }
        last = nanos;
        total = total.checked_add(times(number, nanos)?)?;
        rest = after.trim_start();
    }
    Some(total)
}

/// `number`, which may have a fraction, times `unit`, if that is a whole number.
fn times(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let part = fraction.parse::<u64>().ok()?.checked_mul(unit)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if part % scale != 0 {
        return None;
    }
    whole.checked_add(part / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_need_a_number_and_a_unit() {
        for (written, expected) in [
            ("10ms", Some(10_000_000)),
            ("0s", Some(0)),
            ("1.5s", Some(1_500_000_000)),
            (" 1m 30s ", Some(90_000_000_000)),
            ("2 h", Some(7_200_000_000_000)),
            ("1d", Some(86_400_000_000_000)),
            ("5us", Some(5_000)),
            ("", None),
            ("10", None),
            ("s", None),
            ("1.s", None),
            (".5s", None),
            ("1.0000000001s", None),
            ("30s 1m", None),
            ("1s 1s", None),
            ("-1s", None),
            ("1 fortnight", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            let read = written.parse::<Span>().ok().map(|span| span.0.as_nanos());
            assert_eq!(read, expected, "`{written}`");
        }
    }
}
