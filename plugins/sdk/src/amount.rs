//! Spans of time and sizes in bytes, as they are written in configurations: `1m 30s`, `64 KiB`.
//!
//! The same words as in the host's own configuration. A number without a unit is refused, because
//! the next reader would have to guess it; what is accepted is exact.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A span of time in a configuration: `"250ms"`, `"1.5s"`, `"1m 30s"`.
///
/// ```
/// use std::time::Duration;
/// use tamis_sdk::{Config, Span};
///
/// #[derive(serde::Deserialize)]
/// struct Settings { interval: Span }
///
/// let settings: Settings = Config::new(r#"{"interval":"1m 30s"}"#).parse().expect("it is one");
/// assert_eq!(*settings.interval, Duration::from_secs(90));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

/// A number of bytes in a configuration: `"512 B"`, `"64 KiB"`, `"10 MB"`.
///
/// ```
/// use tamis_sdk::{ByteSize, Config};
///
/// #[derive(serde::Deserialize)]
/// struct Settings { limit: ByteSize }
///
/// let settings: Settings = Config::new(r#"{"limit":"64 KiB"}"#).parse().expect("it is one");
/// assert_eq!(*settings.limit, 65_536);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// A text that is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAmount(&'static str);

const SPAN_UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

const SPAN: NoAmount = NoAmount(
    "a number and one of `us` `ms` `s` `m` `h` `d`, such as \"10ms\", \"1.5s\" or \"1m 30s\"",
);

const SIZE_UNITS: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

const SIZE: NoAmount =
    NoAmount("a number and one of `B` `kB` `KiB` `MB` `MiB` `GB` `GiB`, such as \"16 MiB\"");

impl FromStr for Span {
    type Err = NoAmount;

    fn from_str(text: &str) -> Result<Self, NoAmount> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(SPAN);
        }
        let mut total = 0_u64;
        let mut last = u64::MAX;
        while !rest.is_empty() {
            let (amount, unit, after) = first_amount(rest, &SPAN_UNITS).ok_or(SPAN)?;
            if unit >= last {
                return Err(NoAmount("larger units first and each once, such as \"1m 30s\""));
            }
            last = unit;
            total = total.checked_add(amount).ok_or(SPAN)?;
            rest = after;
        }
        Ok(Self(Duration::from_nanos(total)))
    }
}

impl FromStr for ByteSize {
    type Err = NoAmount;

    fn from_str(text: &str) -> Result<Self, NoAmount> {
        match first_amount(text.trim(), &SIZE_UNITS) {
            Some((amount, _, "")) => Ok(Self(amount)),
            _ => Err(SIZE),
        }
    }
}

/// The amount at the begin of a text, its unit, and what follows.
fn first_amount<'a>(text: &'a str, units: &[(&str, u64)]) -> Option<(u64, u64, &'a str)> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, after) = text.split_at(digits);
    let after = after.trim_start();
    let letters = after.find(|letter: char| !letter.is_alphabetic()).unwrap_or(after.len());
    let (unit, after) = after.split_at(letters);
    let unit = units.iter().find(|known| known.0 == unit)?.1;
    Some((times(number, unit)?, unit, after.trim_start()))
}

/// A number, which may have a fraction, times a unit, if that is a whole number.
fn times(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.len() > 9 {
        return None;
    }
    let scale = 10_u64.pow(fraction.len() as u32);
    let part = fraction.parse::<u64>().ok()?.checked_mul(unit)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if part % scale == 0 { whole.checked_add(part / scale) } else { None }
}

impl fmt::Display for NoAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.0)
    }
}

impl std::error::Error for NoAmount {}

macro_rules! read_from_text {
    ($($amount:ident($inner:ty), $wanted:expr);*) => { $(
        impl std::ops::Deref for $amount {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $amount {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl Visitor<'_> for Text {
                    type Value = $amount;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($wanted.0)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$amount, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }
    )* };
}

read_from_text!(Span(Duration), SPAN; ByteSize(u64), SIZE);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_have_units() {
        let check = |text: &str, expected: Option<u64>| {
            let span = text.parse::<Span>().ok().map(|span| span.as_nanos());
            assert_eq!(span, expected.map(u128::from), "{text}");
        };
        check("10ms", Some(10_000_000));
        check("10 ms", Some(10_000_000));
        check(" 1.5s ", Some(1_500_000_000));
        check("1m 30s", Some(90_000_000_000));
        check("1m30s", Some(90_000_000_000));
        check("0s", Some(0));
        check("1d 1us", Some(86_400_000_001_000));
        check("0.0001us", None);
        check("30s 1m", None);
        check("1s 1s", None);
        check("10", None);
        check("s", None);
        check("", None);
        check("-1s", None);
        check("1.s", None);
        check(".5s", None);
        check("1 fortnight", None);
        check("99999999999d", None);
    }

    #[test]
    fn sizes_have_units() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(text.parse::<ByteSize>().ok().map(|size| size.0), expected, "{text}");
        };
        check("512 B", Some(512));
        check("64KiB", Some(65_536));
        check("1.5 MiB", Some(1_572_864));
        check("10 MB", Some(10_000_000));
        check("0.5 B", None);
        check("64 K", None);
        check("1 MiB 2 KiB", None);
        check("", None);
        check("12", None);
    }

    #[test]
    fn mistakes_say_what_to_write() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "only read by serde")]
        struct Settings {
            every: Span,
        }
        let check = |json: &str, message: &str| {
            let errors = crate::Config::new(json).parse::<Settings>().expect_err("it is wrong");
            assert_eq!(errors[0].path, "/every");
            assert!(errors[0].message.starts_with(message), "{}", errors[0].message);
        };
        check(r#"{"every":"10"}"#, "expected a number and one of `us` `ms`");
        check(r#"{"every":10}"#, "expected a number and one of `us` `ms`");
        check(r#"{"every":"1s 1m"}"#, "expected larger units first");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[0-9.a-zA-Z ]{0,12}|.{0,8}") {
            let _ = text.parse::<Span>();
            let _ = text.parse::<ByteSize>();
        }
    }
}
