//! Durations and sizes as they are written in attributes: `"50ms"`, `"1 MiB"`.

use syn::{Error, LitStr, Result};

/// Nanoseconds of a duration such as `"10s"`.
pub(crate) fn nanoseconds(text: &LitStr) -> Result<u64> {
    quantity(
        text,
        &[
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000),
            ("us", 1_000),
            ("d", 86_400_000_000_000),
        ],
        "a duration such as \"50ms\", \"10s\", \"5m\" or \"1h\"",
    )
}

/// Bytes of a size such as `"1 MiB"`.
pub(crate) fn bytes(text: &LitStr) -> Result<u64> {
    quantity(
        text,
        &[
            ("B", 1),
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("kB", 1_000),
            ("MB", 1_000_000),
            ("GB", 1_000_000_000),
        ],
        "a size such as \"64 KiB\", \"1 MiB\" or \"500 B\"",
    )
}

fn quantity(text: &LitStr, units: &[(&str, u64)], wanted: &str) -> Result<u64> {
    let written = text.value();
    let digits = written.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(written.len());
    let (number, unit) = written.split_at(digits);
    let factor = units.iter().find(|known| known.0 == unit.trim()).map(|known| known.1);
    number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|amount| *amount > 0)
        .ok_or_else(|| Error::new(text.span(), format!("this has to be {wanted}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Span;

    #[test]
    fn quantities_need_a_number_and_a_unit() {
        let check = |written: &str, expected: Option<u64>| {
            let text = LitStr::new(written, Span::call_site());
            let read = nanoseconds(&text).or_else(|_| bytes(&text)).ok();
            assert_eq!(read, expected, "{written}");
        };
        check("50ms", Some(50_000_000));
        check("10 s", Some(10_000_000_000));
        check("1h", Some(3_600_000_000_000));
        check("1 MiB", Some(1_048_576));
        check("2kB", Some(2_000));
        check("10", None);
        check("ms", None);
        check("", None);
        check("-1s", None);
        check("0s", None);
        check("1 parsec", None);
        check("99999999999999999999s", None);
        check("18446744073709551615h", None);
    }
}
