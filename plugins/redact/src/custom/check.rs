//! Validators of rule files, by name: `check = ["luhn", "entropy>=3.5"]`.
//!
//! Each looks at the value alone and leaves out the separators that people write into numbers. A
//! value that fails one is no hit.

/// Whether the letters and digits of a value are right.
type Function = fn(&[u8]) -> bool;

/// A validator with its settings.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    /// Of the table, by its function.
    Plain(Function),
    /// At least so many bits per character.
    Entropy(f64),
    /// A date in this layout of `DD`, `MM`, `YY`, `YYYY` and signs.
    Date(Box<[u8]>),
}

/// The names without settings, and what they ask of the letters and digits of a value.
const TABLE: &[(&str, Function)] = &[
    ("luhn", luhn),
    ("verhoeff", verhoeff),
    ("mod97", mod97),
    ("mod97-10", mod97_10),
    ("mod11-2", |value| pure(value, 11, 2)),
    ("mod11-10", |value| hybrid(value, 10)),
    ("mod37-2", |value| pure(value, 37, 2)),
    ("mod37-36", |value| hybrid(value, 36)),
    ("not-hex", |value| !value.iter().all(u8::is_ascii_hexdigit)),
    ("not-same", |value| value.windows(2).any(|two| two[0] != two[1])),
];

impl Check {
    /// The validator of this name. The error is what is wrong with it.
    pub(crate) fn parse(name: &str) -> Result<Check, String> {
        if let Some((_, function)) = TABLE.iter().find(|(known, _)| *known == name) {
            return Ok(Check::Plain(*function));
        }
        if let Some(least) = name.strip_prefix("entropy>=") {
            return match thousandths(least) {
                Some(least @ 1..=8000) => Ok(Check::Entropy(f64::from(least) / 1000.0)),
                _ => Err(format!("`{least}` is no number of bits between 0 and 8")),
            };
        }
        if let Some(layout) = name.strip_prefix("date:") {
            let part = |part: &str| layout.matches(part).count() == 1;
            if part("DD") && part("MM") && (layout.contains("YY")) {
                return Ok(Check::Date(layout.as_bytes().into()));
            }
            return Err(format!(
                "`{layout}` is no layout of a date with `DD`, `MM` and `YY` or `YYYY`"
            ));
        }
        Err(format!("unknown validator `{name}`"))
    }

    /// Whether the value passes.
    pub(crate) fn passes(&self, value: &[u8]) -> bool {
        match self {
            Check::Plain(function) => {
                let plain: Vec<u8> =
                    value.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
                !plain.is_empty() && function(&plain)
            }
            Check::Entropy(least) => entropy(value) >= *least,
            Check::Date(layout) => is_date(value, layout),
        }
    }

    /// The names that there are, as they are written.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|(name, _)| *name).chain(["entropy>=3.5", "date:DDMMYY"])
    }
}

/// A number such as `3.5` in thousandths.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    if rest.is_empty() || rest.len() > 3 || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest = rest.parse::<u32>().ok()? * [100, 10, 1].get(rest.len() - 1)?;
    whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(rest)
}

fn digits(value: &[u8]) -> Option<impl DoubleEndedIterator<Item = u32> + '_> {
    let all = value.iter().all(u8::is_ascii_digit);
    all.then(|| value.iter().map(|digit| u32::from(digit - b'0')))
}

fn luhn(value: &[u8]) -> bool {
    let Some(digits) = digits(value) else { return false };
    let weighted = digits.rev().enumerate().map(|(index, digit)| match index % 2 {
        0 => digit,
        _ if digit > 4 => digit * 2 - 9,
        _ => digit * 2,
    });
    value.len() > 1 && weighted.sum::<u32>() % 10 == 0
}

fn verhoeff(value: &[u8]) -> bool {
    // The dihedral group of order ten: rotations below five, reflections above.
    let times = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    const PERMUTATION: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let Some(digits) = digits(value) else { return false };
    let sum = digits.rev().enumerate().fold(0, |sum, (index, digit)| {
        let moved = (0..index % 8).fold(digit, |digit, _| PERMUTATION[digit as usize]);
        times(sum, moved)
    });
    value.len() > 1 && sum == 0
}

/// The number of a letter or digit: `A` is 10.
fn number(byte: u8) -> u32 {
    char::from(byte).to_digit(36).unwrap_or(0)
}

fn remainder97(value: impl Iterator<Item = u8>) -> u32 {
    value.map(number).fold(0, |rest, number| {
        if number > 9 { (rest * 100 + number) % 97 } else { (rest * 10 + number) % 97 }
    })
}

/// As an IBAN has it: the first four characters count last.
fn mod97(value: &[u8]) -> bool {
    let (head, rest) = value.split_at(value.len().min(4));
    value.len() > 4 && remainder97(rest.iter().chain(head).copied()) == 1
}

fn mod97_10(value: &[u8]) -> bool {
    value.len() > 2 && remainder97(value.iter().copied()) == 1
}

/// The pure systems of ISO 7064 with one check character, which may be `X` (or `*`, not a character
/// of a value here) for the highest.
fn pure(value: &[u8], modulus: u32, radix: u32) -> bool {
    let last = value.len() - 1;
    let mut sum = 0;
    for (index, &byte) in value.iter().enumerate() {
        let number = match number(byte) {
            33 if modulus == 11 && index == last => 10,
            number if number >= modulus.min(36) || (modulus == 11 && number > 9) => return false,
            number => number,
        };
        sum = if index == last { sum + number } else { (sum + number) * radix } % modulus;
    }
    value.len() > 1 && sum == 1
}

/// The hybrid systems of ISO 7064: moduli `size` and `size` + 1.
fn hybrid(value: &[u8], size: u32) -> bool {
    let last = value.len() - 1;
    let mut product = size;
    for (index, &byte) in value.iter().enumerate() {
        let number = number(byte);
        if number >= size {
            return false;
        }
        if index == last {
            return value.len() > 1 && (product + number) % size == 1;
        }
        let sum = (product + number) % size;
        product = if sum == 0 { size } else { sum } * 2 % (size + 1);
    }
    false
}

/// Bits per byte, after Shannon.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for &byte in value {
        counts[usize::from(byte)] += 1;
    }
    let all = value.len().max(1) as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / all)
        .map(|p| -p * p.log2())
        .sum()
}

fn is_date(value: &[u8], layout: &[u8]) -> bool {
    if value.len() != layout.len() {
        return false;
    }
    let (mut day, mut month, mut year) = (0u32, 0u32, 0u32);
    for (&byte, &sign) in value.iter().zip(layout) {
        let part = match sign {
            b'D' => &mut day,
            b'M' => &mut month,
            b'Y' => &mut year,
            _ if byte == sign => continue,
            _ => return false,
        };
        if !byte.is_ascii_digit() {
            return false;
        }
        *part = *part * 10 + u32::from(byte - b'0');
    }
    // Of a year in two digits the century is not known, and 2000 was a leap year.
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0 || year == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: bool) {
        let check = Check::parse(name).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(check.passes(value.as_bytes()), expected, "`{name}` of `{value}`");
    }

    #[test]
    fn checksums_hold_for_published_numbers_and_fail_for_their_neighbours() {
        for (name, right, wrong) in [
            ("luhn", "4111 1111 1111 1111", "4111111111111112"),
            ("luhn", "79927398713", "79927398710"),
            ("verhoeff", "2363", "2364"),
            ("verhoeff", "758722", "758272"),
            ("mod97", "DE89 3704 0044 0532 0130 00", "DE89370400440532013001"),
            ("mod97", "gb82west12345698765432", "gb82west12345698765423"),
            ("mod97-10", "79444", "79445"),
            ("mod11-2", "07940", "07941"),
            ("mod11-2", "079X", "0790"),
            ("mod11-10", "07945", "07946"),
            ("mod37-36", "A12425GABC1234002M", "A12425GABC1234002N"),
        ] {
            check(name, right, true);
            check(name, wrong, false);
        }
        for name in ["luhn", "verhoeff", "mod97", "mod11-2", "mod11-10", "mod37-36", "mod37-2"] {
            check(name, "", false);
            check(name, "-", false);
            check(name, "0", false);
        }
    }

    #[test]
    fn the_others() {
        check("entropy>=3", "abcdefgh", true);
        check("entropy>=3", "aaaabbbb", false);
        check("not-hex", "deadbeef", false);
        check("not-hex", "deadbeeg", true);
        check("not-same", "1111", false);
        check("date:DDMMYY", "290200", true);
        check("date:DDMMYY", "290201", false);
        check("date:YYYY-MM-DD", "1900-02-29", false);
        check("date:YYYY-MM-DD", "1996-02-29", true);
        check("date:YYYY-MM-DD", "1996/02/29", false);
        check("date:DDMMYY", "320100", false);
        check("date:DDMMYY", "011300", false);
        for wrong in ["luhnn", "entropy>=", "entropy>=9", "date:", "date:DDMM"] {
            assert!(Check::parse(wrong).is_err(), "`{wrong}`");
        }
    }
}
