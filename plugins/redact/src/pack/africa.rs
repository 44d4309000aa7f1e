//! Packs of Africa and Oceania: South Africa, Nigeria, Australia.

use super::check::{
    any, digit, digits, is_time, is_typed, is_uniform, is_ymd, luhn, number, weighted,
};
use super::{Row, alone, line, row, word};

const PLATE: &[&str] = &["plate*", "registration", "vehicle*", "car", "number plate"];

pub(super) const ROWS: &[Row] = &[
    // Department of home affairs: date, standing, Luhn.
    row(
        "country/za/id",
        &["id", "identity", "rsa id", "sa id", "south african", "resident", "refugee"],
        &[line("d13", south_africa), alone("d6 d4 d2 d", south_africa)],
    ),
    // NIMC: eleven digits, no check digit that is published.
    row(
        "country/ng/nin",
        &["nin", "national identification", "identity number", "national id"],
        &[word("d11", nigeria), word("d4 d3 d4", any)],
    ),
    // FRSC: three letters of the region, three digits, two letters.
    row(
        "country/ng/plate",
        PLATE,
        &[line("l3-d3l2", any), line("l3 d3l2", any), line("l3d3l2", any)],
    ),
    // Australian Business Register: modulo 89.
    row(
        "country/au/abn",
        &["abn", "business number", "australian business"],
        &[alone("d2 d3 d3 d3", abn), line("d11", plain_abn), word("d11", abn)],
    ),
    // ASIC: weights 8 to 1, modulo 10.
    row(
        "country/au/acn",
        &["acn", "company number", "australian company"],
        &[line("d3 d3 d3", acn), line("d9", plain_acn), word("d9", acn)],
    ),
    // ATO: weights modulo 11, eight or nine digits.
    row(
        "country/au/tfn",
        &["tfn", "tax file", "tax file number"],
        &[line("d3 d3 d3", tfn), line("d9", tfn), line("d2 d3 d3", tfn), word("d8", tfn)],
    ),
    // Services Australia: first digit 2 to 6, weights 1, 3, 7, 9 modulo 10.
    row(
        "country/au/medicare",
        &["medicare", "health card", "irn"],
        &[
            alone("d4 d5 d", medicare),
            line("d4 d5 d d", medicare),
            line("d10", medicare),
            line("d11", medicare),
            line("d4 d5 d/d", medicare),
            line("d3 d3 d3 d d", medicare),
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

fn plain_abn(value: &[u8]) -> bool {
    abn(value) && !is_typed(value)
}

fn acn(value: &[u8]) -> bool {
    let sum = weighted(value, &[8, 7, 6, 5, 4, 3, 2, 1]);
    (10 - sum % 10) % 10 == digit(value, 8) && !is_uniform(value)
}

fn plain_acn(value: &[u8]) -> bool {
    acn(value) && !is_typed(value)
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
        check("country/za", "South African ID is 8503175062087.", Some("8503175062087"));
        check("country/za", "South African ID is 8503175062088.", None);
        check("country/za", "order 8503175062087", None);
        check("country/ng", "NIN: 58203917462", Some("58203917462"));
        check("country/ng", "58203917462", None);
        check("country/ng", "The plate number is KTN-482RF", Some("KTN-482RF"));
    }

    #[test]
    fn australia() {
        check("country/au", "of 62 260 003 256 and", Some("62 260 003 256"));
        check("country/au", "of 62 260 003 257 and", None);
        check("country/au", "acn 631 084 270", Some("631 084 270"));
        check("country/au", "TFN 461 265 206", Some("461 265 206"));
        check("country/au", "TFN 461 265 207", None);
        check("country/au", "5381 04269 3", Some("5381 04269 3"));
    }
}
