//! Times as they stand at the head of log lines, and what they mean.
//!
//! Reading a time finds its length first and its meaning later: whoever only wants to know
//! whether a line begins with one pays for nothing else. Times without a zone are taken to be
//! in the zone of the source; times without a date or a year get the ones that put them
//! nearest before the moment of reading.
//!
//! Nothing here fails: what is no time is `None`, and the caller keeps the time of reading.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Absent in layouts that print no year, as syslog's.
    year: Option<i16>,
    /// Absent in layouts that print the time of day only.
    day: Option<(i8, i8)>,
    hour: i8,
    minute: i8,
    second: i8,
    nano: i32,
    /// Seconds east of Greenwich, when the text says so.
    offset: Option<i32>,
}

impl Stamp {
    /// Nanoseconds since the epoch. `zone` is for stamps that state none, `read` is when the
    /// text was read, for those without date or year.
    ///
    /// `None` for what is not in the calendar, before 1970 or after 2261.
    pub(crate) fn nanoseconds(&self, zone: &TimeZone, read: u64) -> Option<u64> {
        let offset = match self.offset {
            Some(seconds) => Some(jiff::tz::Offset::from_seconds(seconds).ok()?),
            None => None,
        };
        let zone = offset.map_or_else(|| zone.clone(), TimeZone::fixed);
        let now = Timestamp::from_nanosecond(i128::from(read)).ok()?;
        let today = zone.to_datetime(now).date();
        let at = |year: i16, month: i8, day: i8| {
            let civil =
                DateTime::new(year, month, day, self.hour, self.minute, self.second, self.nano)
                    .ok()?;
            zone.to_timestamp(civil).ok()
        };
        let time = match (self.year, self.day) {
            (Some(year), Some((month, day))) => at(year, month, day)?,
            // A line of the 31st of December may be read in January.
            (_, Some((month, day))) => match at(today.year(), month, day) {
                Some(time) if time <= now.checked_add(24.hours()).ok()? => time,
                _ => at(today.year() - 1, month, day)?,
            },
            // A line of 23:59 may be read after midnight.
            (_, None) => {
                let time = at(today.year(), today.month(), today.day())?;
                if time <= now.checked_add(12.hours()).ok()? {
                    time
                } else {
                    time.checked_sub(24.hours()).ok()?
                }
            }
        };
        u64::try_from(time.as_nanosecond()).ok()
    }
}

/// The time at the start of `text`, with its length. All layouts that [`take_dated`] and
/// [`take_clock`] know.
pub(crate) fn take(text: &[u8]) -> Option<(Stamp, usize)> {
    match text.first()? {
        b'0'..=b'9' => take_dated(text).or_else(|| take_clock(text)),
        b'A'..=b'Z' => take_named(text),
        _ => None,
    }
}

/// A time that begins with digits and has a date: `2026-11-22 07:34:03,305`, the same with
/// `T`, `/`, a fraction and a zone; `22/Nov/2026:07:34:46 +0000`; `22-Nov-2026 07:34:46`;
/// `22 Nov 2026 07:34:46.123`.
pub(crate) fn take_dated(text: &[u8]) -> Option<(Stamp, usize)> {
    let mut cursor = Cursor { text, at: 0 };
    let (year, month, day);
    if text.len() >= 10 && text[..4].iter().all(u8::is_ascii_digit) {
        year = cursor.number(4)?;
        let mark = cursor.one_of(b"-/.")?;
        month = cursor.number(2)?;
        cursor.exactly(mark)?;
        day = cursor.number(2)?;
        cursor.one_of(b" T_")?;
        if cursor.peek() == Some(b' ') {
            return None;
        }
    } else {
        let len = text.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=2).contains(&len) {
            return None;
        }
        day = cursor.number(len)?;
        let mark = cursor.one_of(b"/- ")?;
        month = i32::from(cursor.month()?);
        cursor.exactly(mark)?;
        year = cursor.number(4)?;
        cursor.one_of(b": ")?;
    }
    let mut stamp = cursor.clock(2)?;
    stamp.year = i16::try_from(year).ok();
    stamp.day = Some((i8::try_from(month).ok()?, i8::try_from(day).ok()?));
    stamp.offset = cursor.zone();
    stamp.checked(cursor.at)
}

/// A time of day with seconds: `07:34:03`, with a fraction or without.
pub(crate) fn take_clock(text: &[u8]) -> Option<(Stamp, usize)> {
    let mut cursor = Cursor { text, at: 0 };
    let stamp = cursor.clock(2)?;
    stamp.checked(cursor.at)
}

/// A time that begins with the name of a month or of a day: `Nov 22 07:34:03` with or
/// without a year after the day, `Nov 22, 2026 7:34:03 AM`, `Sun Nov 22 07:34:03.123 2026`.
pub(crate) fn take_named(text: &[u8]) -> Option<(Stamp, usize)> {
    let mut cursor = Cursor { text, at: 0 };
    let weekday = matches!(
        text.get(..4)?,
        b"Mon " | b"Tue " | b"Wed " | b"Thu " | b"Fri " | b"Sat " | b"Sun "
    );
    if weekday {
        cursor.at = 4;
    }
    let month = cursor.month()?;
    cursor.exactly(b' ')?;
    if cursor.peek() == Some(b' ') {
        cursor.at += 1;
    }
    let digits = cursor.digits();
    let day = cursor.number(digits)?;
    let comma = cursor.exactly(b',').is_some();
    cursor.exactly(b' ')?;
    let mut year = None;
    if cursor.digits() == 4 {
        year = Some(cursor.number(4)?);
        cursor.one_of(b" ,")?;
        if cursor.peek() == Some(b' ') {
            cursor.at += 1;
        }
    } else if comma {
        return None;
    }
    let digits = cursor.digits();
    let mut stamp = cursor.clock(digits)?;
    match cursor.text.get(cursor.at..).unwrap_or_default() {
        [b' ', half @ (b'A' | b'P'), b'M', ..] => {
            let hour = stamp.hour % 12;
            stamp.hour = if *half == b'P' { hour + 12 } else { hour };
            cursor.at += 3;
        }
        [b' ', rest @ ..] if weekday && year.is_none() && rest.len() >= 4 => {
            cursor.at += 1;
            year = Some(cursor.number(4)?);
        }
        _ => stamp.offset = cursor.zone(),
    }
    stamp.year = match year {
        Some(year) => Some(i16::try_from(year).ok()?),
        None => None,
    };
    stamp.day = Some((month, i8::try_from(day).ok()?));
    stamp.checked(cursor.at)
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart
/// by size: all of them are unambiguous from 1973 to 2261. Fractions are those of the unit.
pub(crate) fn epoch(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let number: u64 = whole.parse().ok()?;
    let unit: u64 = match number {
        100_000_000..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        100_000_000_000_000_000.. => 1,
        _ => return None,
    };
    let mut nanoseconds = number.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        nanoseconds = nanoseconds.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some(nanoseconds)
}

/// The whole of `text` as a time, in one of the layouts of [`take`].
pub(crate) fn whole(text: &str) -> Option<Stamp> {
    let text = text.trim().as_bytes();
    let (stamp, len) = take(text)?;
    let rest = &text[len..];
    let zone_name = rest.starts_with(b" ") && rest.len() < 40 || rest.starts_with(b"[");
    (rest.is_empty() || zone_name).then_some(stamp)
}

impl Stamp {
    /// The same time of day on that day, two digits each, of a year that is not stated.
    pub(crate) fn on(self, month: &[u8], day: &[u8]) -> Option<Self> {
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i8>().ok();
        let stamp = Self { day: Some((number(month)?, number(day)?)), ..self };
        stamp.checked(0).map(|(stamp, _)| stamp)
    }

    /// The stamp, if its fields are in range and it does not end within a word.
    fn checked(self, len: usize) -> Option<(Self, usize)> {
        let clock = (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..=60).contains(&self.second);
        let date = self
            .day
            .is_none_or(|(month, day)| (1..=12).contains(&month) && (1..=31).contains(&day));
        // A leap second is the last moment of its minute here.
        let second = self.second.min(59);
        (clock && date).then_some((Self { second, ..self }, len))
    }
}

/// Where reading has come to.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn exactly(&mut self, byte: u8) -> Option<u8> {
        self.one_of(&[byte])
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    /// How many digits stand here, at most 5.
    fn digits(&self) -> usize {
        self.text[self.at.min(self.text.len())..]
            .iter()
            .take(5)
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    }

    /// A number of exactly `len` digits, 1 to 4.
    fn number(&mut self, len: usize) -> Option<i32> {
        if !(1..=4).contains(&len) {
            return None;
        }
        let digits = self.text.get(self.at..self.at + len)?;
        let mut number = 0;
        for &digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + i32::from(digit - b'0');
        }
        self.at += len;
        Some(number)
    }

    fn month(&mut self) -> Option<i8> {
        const NAMES: [&[u8]; 12] = [
            b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
            b"Dec",
        ];
        let name = self.text.get(self.at..self.at + 3)?;
        let index = NAMES.iter().position(|known| *known == name)?;
        self.at += 3;
        i8::try_from(index + 1).ok()
    }

    /// `HH:MM:SS` with a fraction after `.` or `,`; the hour has `hour` digits.
    fn clock(&mut self, hour: usize) -> Option<Stamp> {
        let hour = i8::try_from(self.number(hour)?).ok()?;
        self.exactly(b':')?;
        let minute = i8::try_from(self.number(2)?).ok()?;
        self.exactly(b':')?;
        let second = i8::try_from(self.number(2)?).ok()?;
        let mut nano = 0;
        if let Some([b'.' | b',', b'0'..=b'9']) = self.text.get(self.at..self.at + 2) {
            self.at += 1;
            let mut place = 100_000_000;
            while let Some(digit @ b'0'..=b'9') = self.peek() {
                nano += i32::from(digit - b'0') * place;
                place /= 10;
                self.at += 1;
            }
        } else if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Stamp { year: None, day: None, hour, minute, second, nano, offset: None })
    }

    /// `Z`, `UTC`, `GMT`, `+01:00`, `+0100` or `+01`, with a blank before it or without.
    fn zone(&mut self) -> Option<i32> {
        let rest = self.text.get(self.at..)?;
        let blank = usize::from(rest.first() == Some(&b' '));
        let rest = &rest[blank..];
        for (name, len) in [(b"Z".as_slice(), 1), (b"UTC", 3), (b"GMT", 3)] {
            let ends = rest.get(len).is_none_or(|byte| !byte.is_ascii_alphanumeric());
            if rest.starts_with(name) && ends && (len > 1 || blank == 0) {
                self.at += blank + len;
                return Some(0);
            }
        }
        let sign = match rest.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let digits: Vec<u8> =
            rest[1..].iter().take(5).copied().filter(u8::is_ascii_digit).collect();
        let (len, digits) = match (rest.get(3), digits.as_slice()) {
            (Some(b':'), [a, b, c, d]) => (6, [*a, *b, *c, *d]),
            (_, [a, b, c, d]) if rest.get(3).is_some_and(u8::is_ascii_digit) => {
                (5, [*a, *b, *c, *d])
            }
            (_, [a, b]) if blank == 0 => (3, [*a, *b, b'0', b'0']),
            _ => return None,
        };
        let [a, b, c, d] = digits.map(|digit| i32::from(digit - b'0'));
        let (hours, minutes) = (a * 10 + b, c * 10 + d);
        if hours > 14 || minutes > 59 || rest.get(len).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        self.at += blank + len;
        Some(sign * (hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T12:00:00Z.
    const READ: u64 = 1_795_348_800_000_000_000;

    fn check(text: &str, rest: &str, expected: &str) {
        let (stamp, len) = take(text.as_bytes()).unwrap_or_else(|| panic!("`{text}` has a time"));
        assert_eq!(&text[len..], rest, "what follows the time of `{text}`");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let nanoseconds = stamp.nanoseconds(&zone, READ).unwrap();
        let time = Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap();
        assert_eq!(time.to_string(), expected, "the time of `{text}`");
    }

    #[test]
    fn usual_layouts_are_read() {
        for (text, rest, expected) in [
            // The zone of the source is one hour east.
            ("2026-11-22 07:34:03,305 INFO", " INFO", "2026-11-22T06:34:03.305Z"),
            ("2026-11-22T07:34:03.123456789Z x", " x", "2026-11-22T07:34:03.123456789Z"),
            ("2026-11-22T07:34:03+02:00", "", "2026-11-22T05:34:03Z"),
            ("2026-11-22T07:34:03.5-0330]", "]", "2026-11-22T11:04:03.5Z"),
            ("2026-11-22 07:34:46 +0000] [1]", "] [1]", "2026-11-22T07:34:46Z"),
            ("2026-11-22 07:36:01.113 UTC [1] LOG", " [1] LOG", "2026-11-22T07:36:01.113Z"),
            ("2026/11/22 07:34:46 [error]", " [error]", "2026-11-22T06:34:46Z"),
            ("2019/01/15 07:48:05 http: x", " http: x", "2019-01-15T06:48:05Z"),
            ("22/Nov/2026:07:34:46 +0000] \"GET", "] \"GET", "2026-11-22T07:34:46Z"),
            ("22/Nov/2026 07:34:46] \"GET", "] \"GET", "2026-11-22T06:34:46Z"),
            ("22-Nov-2026 07:34:03 UTC] PHP", "] PHP", "2026-11-22T07:34:03Z"),
            ("22 Nov 2026 07:36:01.113 * x", " * x", "2026-11-22T06:36:01.113Z"),
            ("Nov 22 07:34:03 host app", " host app", "2026-11-22T06:34:03Z"),
            ("Nov  2 07:34:03 host", " host", "2026-11-02T06:34:03Z"),
            ("Dec 31 23:59:59 host", " host", "2025-12-31T22:59:59Z"),
            ("Jul 09, 2015 3:23:29 PM com.x", " com.x", "2015-07-09T14:23:29Z"),
            ("Jul 09, 2015 12:23:29 AM com.x", " com.x", "2015-07-08T23:23:29Z"),
            ("Sun Nov 22 07:34:46.123456 2026] [core", "] [core", "2026-11-22T06:34:46.123456Z"),
            ("07:34:03.113 [main]", " [main]", "2026-11-22T06:34:03.113Z"),
            ("23:59:59 x", " x", "2026-11-22T22:59:59Z"),
            ("2026-11-22 23:59:60Z", "", "2026-11-22T23:59:59Z"),
            ("2026-11-22 07:34:03 - name", " - name", "2026-11-22T06:34:03Z"),
        ] {
            check(text, rest, expected);
        }
    }

    #[test]
    fn what_is_no_time_is_left_alone() {
        for text in [
            "",
            "2",
            "2026",
            "2026-11-22",
            "2026-13-22 07:34:03",
            "2026-11-22 25:34:03",
            "2026-11-22 7:34",
            "1.2.3.4 - -",
            "Nov 22",
            "November 22 07:34:03",
            "12:34",
            "127.0.0.1:8000",
            "99:99:99",
            "2026-11-22  07:34:03",
            "May the force",
            "1 Nov 2026",
        ] {
            assert_eq!(take(text.as_bytes()), None, "`{text}`");
        }
        let far = whole("9999-11-22T07:34:03Z").unwrap();
        assert_eq!(far.nanoseconds(&TimeZone::UTC, READ), None, "it does not fit");
        let old = whole("1815-11-22T07:34:03Z").unwrap();
        assert_eq!(old.nanoseconds(&TimeZone::UTC, READ), None, "before the epoch");
    }

    #[test]
    fn numbers_are_told_apart_by_size() {
        for (text, expected) in [
            ("1795332949", Some(1_795_332_949_000_000_000)),
            ("1795332949.61", Some(1_795_332_949_610_000_000)),
            ("1795332949609", Some(1_795_332_949_609_000_000)),
            ("1795332949609.5", Some(1_795_332_949_609_500_000)),
            ("1795332949609123", Some(1_795_332_949_609_123_000)),
            ("1795332949609123456", Some(1_795_332_949_609_123_456)),
            ("17", None),
            ("-5", None),
            ("1e9", None),
            ("", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(epoch(text), expected, "`{text}`");
        }
    }
}
