//! Amounts: spans of time, sizes in bytes, percentages.
//!
//! A number without a unit is refused, because the next reader would have to guess it.
//! Everything that is accepted is exact; there is no rounding.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Mistake;
use crate::config::excerpt::quoted;

const SPAN_UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

const SPAN_REMEDY: &str = "write a number and one of `us` `ms` `s` `m` `h` `d`, such as \"10ms\", \"30s\", \"1.5s\" or \"1m 30s\"";

/// A span of time as it is written: `10ms`, `1.5s`, `1m 30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let wrong =
            |remedy: &str| Mistake::new(format!("{} is no span of time", quoted(text)), remedy);
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong(SPAN_REMEDY));
        }
        let mut total: u64 = 0;
        let mut last = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, after) = rest.split_at(digits);
            let after = after.trim_start();
            let unit = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
            let (unit, after) = after.split_at(unit);
            if !number.is_empty() && unit.is_empty() {
                return Err(wrong(&format!(
                    "a number needs a unit: \"{number}s\" or \"{number}ms\""
                )));
            }
            if let Some(likely) = likely_unit(unit) {
                return Err(wrong(&format!("write \"{number}{likely}\"")));
            }
            let Some((_, nanos)) = SPAN_UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(wrong(SPAN_REMEDY));
            };
            if *nanos >= last {
                return Err(wrong("write larger units first and each once, such as \"1m 30s\""));
            }
            last = *nanos;
            let Some(sum) = times(number, *nanos).and_then(|part| total.checked_add(part)) else {
                return Err(wrong(SPAN_REMEDY));
            };
            total = sum;
            rest = after.trim_start();
        }
        Ok(Self(Duration::from_nanos(total)))
    }
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
    (part % scale == 0).then_some(())?;
    whole.checked_add(part / scale)
}

/// The unit that was meant by one which is spelled as elsewhere.
fn likely_unit(unit: &str) -> Option<&'static str> {
    Some(match unit.to_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "msec" | "millis" | "milliseconds" => "ms",
        "µs" | "μs" | "usec" | "micros" => "us",
        lower if lower != unit => {
            SPAN_UNITS.iter().find(|(name, _)| *name == lower && lower != "m")?.0
        }
        _ => return None,
    })
}

impl fmt::Display for Span {
    /// In the largest units that lose nothing: `1m 30s`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_nanos();
        if rest == 0 {
            return f.write_str("0s");
        }
        let mut gap = "";
        for (unit, nanos) in SPAN_UNITS {
            let count = rest / u128::from(nanos);
            rest %= u128::from(nanos);
            if count > 0 {
                write!(f, "{gap}{count}{unit}")?;
                gap = " ";
            }
        }
        if rest > 0 { write!(f, "{gap}{rest}ns") } else { Ok(()) }
    }
}

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

const SIZE_REMEDY: &str =
    "write a whole number and one of `B` `kB` `KiB` `MB` `MiB` `GB` `GiB`, such as \"16 MiB\"";

/// A number of bytes: `512 B`, `64 KiB`, `10 MB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// So many times 1024 bytes.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// So many times 1024² bytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// As a length in memory; the largest there is, if it does not fit.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let wrong = |remedy: &str| Mistake::new(format!("{} is no size", quoted(text)), remedy);
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start();
        if number.is_empty() || unit.starts_with('.') {
            return Err(wrong(SIZE_REMEDY));
        }
        if unit.is_empty() {
            return Err(wrong(&format!(
                "a number needs a unit: \"{number} B\" or \"{number} KiB\""
            )));
        }
        let Some((_, factor)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(wrong(&match unit.to_ascii_lowercase().as_str() {
                "k" => format!("write \"{number} KiB\" (1024) or \"{number} kB\" (1000)"),
                "m" => format!("write \"{number} MiB\" (1024²) or \"{number} MB\" (1000²)"),
                "g" => format!("write \"{number} GiB\" (1024³) or \"{number} GB\" (1000³)"),
                "byte" | "bytes" => format!("write \"{number} B\""),
                lower => match SIZE_UNITS.iter().find(|(name, _)| name.to_lowercase() == lower) {
                    Some((likely, _)) => format!("write \"{number} {likely}\""),
                    None => SIZE_REMEDY.to_owned(),
                },
            }));
        };
        let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
        size.map(Self).ok_or_else(|| wrong(SIZE_REMEDY))
    }
}

impl fmt::Display for ByteSize {
    /// In the largest unit that loses nothing: `16 MiB`, `10 MB`, `1 B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact =
            |(_, factor): &&(&str, u64)| self.0 >= *factor && self.0.is_multiple_of(*factor);
        let (unit, factor) = SIZE_UNITS.iter().find(exact).unwrap_or(&("B", 1));
        write!(f, "{} {unit}", self.0 / factor)
    }
}

/// Bytes in a second: `1 KiB/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub ByteSize);

impl FromStr for Rate {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let wrong = |remedy: String| Mistake::new(format!("{} is no speed", quoted(text)), remedy);
        match text.strip_suffix("/s") {
            Some(size) => match size.parse::<ByteSize>() {
                Ok(ByteSize(0)) => Err(wrong("write at least \"1 B/s\"".into())),
                Ok(size) => Ok(Self(size)),
                Err(_) => Err(wrong("write a size per second, such as \"1 KiB/s\"".into())),
            },
            None => Err(wrong(match text.parse::<ByteSize>() {
                Ok(size) => format!("write \"{size}/s\""),
                Err(_) => "write a size per second, such as \"1 KiB/s\"".into(),
            })),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// A part of a hundred: `20%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u8);

impl FromStr for Percent {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let number = text.trim().strip_suffix('%').map(str::trim_end);
        let number = number.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        match number.and_then(|number| number.parse().ok()) {
            Some(number @ 0..=100) => Ok(Self(number)),
            _ => Err(Mistake::new(
                format!("{} is no percentage", quoted(text)),
                "write a whole number from 0 to 100 and `%`, such as \"20%\"",
            )),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_exact() {
        for (text, nanos) in [
            ("10ms", 10_000_000),
            ("0s", 0),
            (" 30 s ", 30_000_000_000),
            ("1.5s", 1_500_000_000),
            ("1m30s", 90_000_000_000),
            ("1h 30m", 5_400_000_000_000),
            ("250us", 250_000),
            ("2d", 172_800_000_000_000),
            ("0.000000001s", 1),
        ] {
            let span = text.parse::<Span>().unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
            assert_eq!(span.0.as_nanos(), nanos, "{text}");
        }
    }

    #[test]
    fn wrong_spans_name_the_right_one() {
        for (text, remedy) in [
            ("", "such as"),
            ("30", "\"30s\" or \"30ms\""),
            ("1m 30", "\"30s\""),
            ("10 seconds", "\"10s\""),
            ("5 min", "\"5m\""),
            ("10S", "\"10s\""),
            ("10 µs", "\"10us\""),
            ("10MS", "\"10ms\""),
            ("s", "such as"),
            ("-3s", "such as"),
            ("1.s", "such as"),
            ("1.2.3s", "such as"),
            ("1.0000000001s", "such as"),
            ("0.0000001us", "such as"),
            ("30s 1m", "larger units first"),
            ("1s 2s", "larger units first"),
            ("99999999999999999999s", "such as"),
            ("9999999999999d", "such as"),
            ("soon", "such as"),
            ("10m!", "such as"),
        ] {
            let mistake = text.parse::<Span>().expect_err(text);
            assert!(mistake.remedy.contains(remedy), "{text}: {mistake}");
        }
    }

    #[test]
    fn sizes_tell_1024_from_1000() {
        for (text, bytes, shown) in [
            ("16 MiB", 16 << 20, "16 MiB"),
            ("64KiB", 64 << 10, "64 KiB"),
            ("10 MB", 10_000_000, "10 MB"),
            ("1 KB", 1000, "1 kB"),
            ("1000 kB", 1_000_000, "1 MB"),
            ("2 GiB", 2 << 30, "2 GiB"),
            ("0 B", 0, "0 B"),
            ("1536 B", 1536, "1536 B"),
        ] {
            let size =
                text.parse::<ByteSize>().unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
            assert_eq!((size.0, size.to_string().as_str()), (bytes, shown), "{text}");
        }
    }

    #[test]
    fn wrong_sizes_name_the_right_one() {
        for (text, remedy) in [
            ("", "such as"),
            ("16", "\"16 B\" or \"16 KiB\""),
            ("16M", "\"16 MiB\" (1024²) or \"16 MB\""),
            ("16k", "\"16 KiB\" (1024)"),
            ("1g", "\"1 GiB\""),
            ("16 mib", "\"16 MiB\""),
            ("16 MIB", "\"16 MiB\""),
            ("100 bytes", "\"100 B\""),
            ("1.5 MiB", "whole number"),
            ("-1 B", "such as"),
            ("12 apples", "such as"),
            ("99999999999 GiB", "such as"),
        ] {
            let mistake = text.parse::<ByteSize>().expect_err(text);
            assert!(mistake.remedy.contains(remedy), "{text}: {mistake}");
        }
    }

    #[test]
    fn speeds_are_per_second() {
        assert_eq!("1 KiB/s".parse(), Ok(Rate(ByteSize::kib(1))));
        for (text, remedy) in [
            ("1 KiB", "\"1 KiB/s\""),
            ("0 B/s", "at least"),
            ("fast", "such as"),
            ("1/s", "such as"),
        ] {
            let mistake = text.parse::<Rate>().expect_err(text);
            assert!(mistake.remedy.contains(remedy), "{text}: {mistake}");
        }
    }

    #[test]
    fn percentages_end_at_a_hundred() {
        assert_eq!("20%".parse(), Ok(Percent(20)));
        assert_eq!("100 %".parse(), Ok(Percent(100)));
        for text in ["20", "101%", "-1%", "+5%", "%", "1.5%", "300%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_written(micros in 0_u64..u64::MAX / 1000, bytes: u64) {
            let span = Span(Duration::from_micros(micros));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
            let size = ByteSize(bytes);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }

        #[test]
        fn no_text_makes_them_panic(text: String) {
            let _ = (text.parse::<Span>(), text.parse::<ByteSize>(), text.parse::<Percent>());
        }
    }
}
