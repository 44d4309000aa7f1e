//! Values of which a part stays: networks, months, rough places, the beginning of a text.
//!
//! What is cut once stays as it is when it is cut again. A value that is not of the expected kind is
//! not shown at all.

use crate::value::{ip, mac};

/// Which part stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The first bits of an address of version 4 and of version 6; of a device the first half.
    Network {
        /// Of version 4: 1 to 31.
        v4: u8,
        /// Of version 6: 1 to 127.
        v6: u8,
    },
    /// The year and the month of a date.
    Month,
    /// The year of a date.
    Year,
    /// So many decimals of coordinates, 0 to 6.
    Decimals(u8),
    /// So many characters of a text, 1 to 64.
    Characters(u8),
}

impl Default for Cut {
    /// Of addresses as much as names a network of a provider: /24 and /48.
    fn default() -> Cut {
        Cut::Network { v4: 24, v6: 48 }
    }
}

/// An address of version 4 or 6, cut to its network.
pub(crate) fn address(cut: Cut, value: &[u8], out: &mut Vec<u8>) {
    match cut {
        Cut::Network { v4, v6 } => ip::truncate(value, v4, v6, out),
        _ => other(cut, value, out),
    }
}

/// An address of a device, cut to its maker.
pub(crate) fn device(cut: Cut, value: &[u8], out: &mut Vec<u8>) {
    match cut {
        Cut::Network { .. } => mac::truncate(value, out),
        _ => other(cut, value, out),
    }
}

/// Any other value; ten stars when it is not what `cut` is for.
pub(crate) fn other(cut: Cut, value: &[u8], out: &mut Vec<u8>) {
    let part = match cut {
        Cut::Network { .. } => None,
        Cut::Month => date(value, true),
        Cut::Year => date(value, false),
        Cut::Decimals(most) => coordinates(value, usize::from(most)),
        Cut::Characters(most) => Some(beginning(value, usize::from(most)).to_vec()),
    };
    out.extend_from_slice(part.as_deref().unwrap_or(b"**********"));
}

/// The parts of a date between its separators, before a time.
fn date(value: &[u8], month: bool) -> Option<Vec<u8>> {
    let is_sign = |byte: &u8| matches!(byte, b'-' | b'/' | b'.');
    let end = value.iter().position(|b| matches!(b, b'T' | b' ' | b'+')).unwrap_or(value.len());
    let day = &value[..end];
    let sign = day.iter().copied().find(is_sign);
    let parts: Vec<&[u8]> = day.split(is_sign).collect();
    if !parts.iter().all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit)) {
        return None;
    }
    let pair = |first: &[u8], second: &[u8]| {
        let sign = sign.unwrap_or(b'-');
        Some([first, &[sign], second].concat())
    };
    let is_month = |part: &[u8]| part.len() <= 2 && matches!(number(part), 1..=12);
    let is_day = |part: &[u8]| part.len() <= 2 && matches!(number(part), 1..=31);
    match parts[..] {
        [year] if year.len() == 4 => Some(year.to_vec()),
        [all] if all.len() == 8 && is_month(&all[4..6]) && is_day(&all[6..]) => {
            Some(if month { all[..6].to_vec() } else { all[..4].to_vec() })
        }
        [all] if all.len() == 6 && is_month(&all[4..]) => {
            Some(if month { all.to_vec() } else { all[..4].to_vec() })
        }
        [year, second] if year.len() == 4 && is_month(second) => {
            if month {
                pair(year, second)
            } else {
                Some(year.to_vec())
            }
        }
        [first, year] if year.len() == 4 && is_month(first) => {
            if month {
                pair(first, year)
            } else {
                Some(year.to_vec())
            }
        }
        [year, second, third] if year.len() == 4 && is_month(second) && is_day(third) => {
            if month {
                pair(year, second)
            } else {
                Some(year.to_vec())
            }
        }
        [first, second, year] if year.len() == 4 && is_day(first) && is_day(second) => {
            // Which of the two is the month is said by the day only, or by the points.
            let of = match (is_month(first), is_month(second)) {
                (false, true) => Some(second),
                (true, false) => Some(first),
                (true, true) if sign == Some(b'.') || first == second => Some(second),
                (true, true) => None,
                (false, false) => return None,
            };
            match of {
                Some(of) if month => pair(of, year),
                _ => Some(year.to_vec()),
            }
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit.wrapping_sub(b'0')))
}

/// Numbers with at most so many decimals.
fn coordinates(value: &[u8], most: usize) -> Option<Vec<u8>> {
    let fits = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b',' | b';' | b' ' | b'-' | b'+');
    if !value.iter().all(fits) || !value.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let mut out = Vec::with_capacity(value.len());
    // Decimals since the point, if there was one.
    let mut decimals = None;
    for &byte in value {
        match (byte, decimals) {
            (b'.', Some(_)) => return None,
            (b'.', None) => {
                decimals = Some(0);
                if most > 0 {
                    out.push(byte);
                }
            }
            (b'0'..=b'9', Some(read)) => {
                if read < most {
                    out.push(byte);
                }
                decimals = Some(read + 1);
            }
            (b'0'..=b'9', None) => out.push(byte),
            _ => {
                decimals = None;
                out.push(byte);
            }
        }
    }
    Some(out)
}

/// The first characters, without one that is written in several and would be cut in two.
fn beginning(value: &[u8], most: usize) -> &[u8] {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    let escaped = value[..end].iter().position(|b| matches!(b, b'\\' | b'%' | b'&'));
    &value[..escaped.unwrap_or(end)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cut: Cut, value: &str, expected: &str) {
        let once = |value: &str| {
            let mut out = Vec::new();
            other(cut, value.as_bytes(), &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(once(value), expected, "{cut:?} of `{value}`");
        if expected != "**********" {
            assert_eq!(once(expected), expected, "{cut:?} of `{value}`, once more");
        }
    }

    #[test]
    fn dates_to_the_month_or_the_year() {
        for (value, month, year) in [
            ("1990-05-17", "1990-05", "1990"),
            ("1990/05/17", "1990/05", "1990"),
            ("1990-05-17T08:00:00Z", "1990-05", "1990"),
            ("17.05.1990", "05.1990", "1990"),
            ("4.5.1990", "5.1990", "1990"),
            ("17/05/1990", "05/1990", "1990"),
            ("05/17/1990", "05/1990", "1990"),
            ("04/05/1990", "1990", "1990"),
            ("19900517", "199005", "1990"),
            ("17 May 1990", "**********", "**********"),
            ("1990-13-17", "**********", "**********"),
            ("hunter2", "**********", "**********"),
        ] {
            check(Cut::Month, value, month);
            check(Cut::Year, value, year);
        }
    }

    #[test]
    fn coordinates_to_some_decimals() {
        check(Cut::Decimals(1), "-6.2088", "-6.2");
        check(Cut::Decimals(1), "-6.2088, 106.8456", "-6.2, 106.8");
        check(Cut::Decimals(0), "-6.2088,106.8456", "-6,106");
        check(Cut::Decimals(2), "52", "52");
        check(Cut::Decimals(1), "1.2.3", "**********");
        check(Cut::Decimals(1), "north", "**********");
    }

    #[test]
    fn texts_to_some_characters() {
        check(Cut::Characters(4), "Jalan Merdeka 17", "Jala");
        check(Cut::Characters(4), "Jül", "Jül");
        check(Cut::Characters(2), "Jülich", "Jü");
        check(Cut::Characters(6), "ab\\u00fcx", "ab");
        check(Cut::Characters(6), "ab%C3%BCx", "ab");
    }

    #[test]
    fn nothing_else_has_a_network() {
        check(Cut::default(), "hunter2", "**********");
    }
}
