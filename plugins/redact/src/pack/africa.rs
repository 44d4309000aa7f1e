//! Packs of Africa and Oceania: South Africa, Nigeria, Australia.

use super::check::{any, digit, digits, is_time, is_uniform, is_ymd, luhn, number, weighted};
use super::{Row, alone, line, row, word};

const PLATE: &[&str] = &["plate*", "registration", "vehicle*", "car", "number plate"];

pub(super) const ROWS: &[Row] = &[
    row(
        "country/za/id",
        &["id", "identity", "rsa id", "sa id", "south african", "resident", "refugee"],
        &[line("d13", south_africa), alone("d6 d4 d2 d", south_africa)],
    ),
    row(
        "country/ng/nin",
        &["nin", "national identification", "identity number", "national id"],
        &[word("d11", nigeria), word("d4 d3 d4", any)],
    ),
    row(
        "country/ng/plate",
        PLATE,
        &[line("l3-d3l2", any), line("l3 d3l2", any), line("l3d3l2", any)],
    ),
    row(
        "country/au/abn",
        &["abn", "business number", "australian business"],
        &[alone("d2 d3 d3 d3", abn), line("d11", abn)],
    ),
    row(
        "country/au/acn",
        &["acn", "company number", "australian company"],
        &[line("d3 d3 d3", acn), line("d9", acn)],
    ),
    row(
        "country/au/tfn",
        &["tfn", "tax file", "tax file number"],
        &[line("d3 d3 d3", tfn), line("d9", tfn), line("d2 d3 d3", tfn), word("d8", tfn)],
    ),
    row(
        "country/au/medicare",
        &["medicare", "health card", "irn"],
        &[
            alone("d4 d5 d", medicare),
            line("d4 d5 d d", medicare),
            line("d10", medicare),
            line("d11", medicare),
            line("d4 d5 d/d", medicare),
        ],
    ),
];

/// A date, 0 to 2 for the standing, Luhn.
fn south_africa(value: &[u8]) -> bool {
    is_ymd(value, 0) && digit(value, 10) <= 2 && luhn(value) && !is_time(value)
}

fn nigeria(value: &[u8]) -> bool {
    !is_uniform(value)
}

/// The first digit less one, modulo 89.
fn abn(value: &[u8]) -> bool {
    let sum = weighted(value, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    value[0] != b'0' && (sum + 89 - 10).is_multiple_of(89)
}

fn acn(value: &[u8]) -> bool {
    let sum = weighted(value, &[8, 7, 6, 5, 4, 3, 2, 1]);
    (10 - sum % 10) % 10 == digit(value, 8) && !is_uniform(value)
}

fn tfn(value: &[u8]) -> bool {
    let sum = match value.len() {
        8 => weighted(value, &[10, 7, 8, 4, 6, 3, 5, 1]),
        _ => weighted(value, &[1, 4, 3, 7, 5, 8, 6, 9, 10]),
    };
    sum.is_multiple_of(11) && !is_uniform(value) && number(value, 0..3) > 0 && !is_time(value)
}

fn medicare(value: &[u8]) -> bool {
    let sum = weighted(value, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10;
    (2..=6).contains(&digit(value, 0))
        && sum == digit(value, 8)
        && digits(value).nth(9).is_some_and(|issue| issue > 0)
}

#[cfg(test)]
mod tests {
    use crate::pack::tests::check;

    #[test]
    fn africa() {
        check("country/za", "South African ID is 9202201234088.", Some("9202201234088"));
        check("country/za", "South African ID is 9202201234089.", None);
        check("country/za", "order 9202201234088", None);
        check("country/ng", "NIN: 12345678901", Some("12345678901"));
        check("country/ng", "12345678901", None);
        check("country/ng", "The plate number is ABJ-123XY", Some("ABJ-123XY"));
    }

    #[test]
    fn australia() {
        check("country/au", "of 51 824 753 556 and", Some("51 824 753 556"));
        check("country/au", "of 52 824 753 556 and", None);
        check("country/au", "acn 005 499 981", Some("005 499 981"));
        check("country/au", "TFN 876 543 210", Some("876 543 210"));
        check("country/au", "TFN 876 543 211", None);
        check("country/au", "2123 45670 1", Some("2123 45670 1"));
    }
}
