//! Packs of the United States, Canada and Brazil.

use super::check::{
    any, are_of, begins_with, digit, digits, is_time, is_typed, is_uniform, luhn, number, weighted,
};
use super::{Row, alone, line, row, word};

/// Letters of Medicare identifiers: those that are no digits in bad print.
const MEDICARE: &[u8] = b"ACDEFGHJKMNPQRTUVWXY";
/// What American licences are called.
const LICENCE: &[&str] = &[
    "driver license",
    "drivers license",
    "driver licence",
    "driver s license",
    "driving license",
    "driving licence",
    "driverlicense",
    "license number",
    "license no",
    "dl number",
    "dl no",
    "dln",
    "dl",
];
const PASSPORT: &[&str] = &["passport*", "travel document", "passeport*"];

pub(super) const ROWS: &[Row] = &[
    // IRS, publication 1915: area 9 and the groups that are in use.
    row(
        "country/us/itin",
        &["itin", "taxpayer", "tax id", "individual taxpayer"],
        &[alone("d3-d2-d4", itin), alone("d3 d2 d4", itin), word("d3_d2_d4", itin)],
    ),
    // CMS, check digit of the NPI: Luhn behind 80840.
    row(
        "country/us/npi",
        &["npi", "provider*", "national provider", "physician*", "doctor*", "prescriber*"],
        &[line("d10", npi_in_use), word("d10", npi), line("d4 d3 d3", npi)],
    ),
    // DEA, numbers of registrants: types, and a sum of the digits modulo 10.
    row(
        "country/us/dea",
        &["dea", "certificate", "prescriber*", "registration"],
        &[alone("l2d7", dea), alone("ld8", dea)],
    ),
    // CMS, format of the MBI: eleven places without S, L, O, I, B, Z; no check digit.
    row(
        "country/us/mbi",
        &["mbi", "medicare", "beneficiary", "patient"],
        &[alone("w4-w3-w4", mbi), alone("w4 w3 w4", mbi), line("w11", mbi)],
    ),
    // American Bankers Association: weights 3, 7, 1 and the districts of the Federal Reserve.
    row(
        "country/us/aba",
        &["aba", "rtn", "routing", "transit", "fedwire", "ach"],
        &[line("d9", aba), line("d4-d4-d", aba)],
    ),
    // Nacha, field of the account: up to 17 digits; no check digit.
    row(
        "country/us/bank-account",
        &[
            "bank account",
            "account number",
            "account no",
            "acct",
            "account num",
            "checking account",
            "savings account",
            "deposit account",
            "bank",
        ],
        &[word("d8~17", not_time)],
    ),
    // Department of State: nine digits, or a letter and eight; no check digit.
    row("country/us/passport", PASSPORT, &[word("ld8", any), word("d9", any)]),
    // AAMVA: layouts of the states; no common check digit.
    row(
        "country/us/driver-licence",
        LICENCE,
        &[
            word("ld6~8", any),
            word("l2d6~7", any),
            word("d7~9", not_time),
            word("ld12~14", any),
            word("d12", not_time),
            word("d2 d3 d3", any),
            word("d3 d3 d3", any),
            word("ld3-d4-d4-d2", any),
            word("ld3-d3-d2-d3-d", any),
        ],
    ),
    // Service Canada: Luhn; 0 and 8 are not given out.
    row(
        "country/ca/sin",
        &["sin", "nas", "social insurance", "assurance sociale"],
        &[line("d3-d3-d3", sin), line("d3 d3 d3", sin), word("d9", sin)],
    ),
    // IRCC: two letters and six digits, since 2023 a letter, six digits, two letters; no check
    // digit.
    row("country/ca/passport", PASSPORT, &[word("l2d6", any), word("ld6l2", any)]),
    // Receita Federal: two check digits modulo 11.
    row(
        "country/br/cpf",
        &["cpf", "pessoa fisica", "pessoa física", "contribuinte"],
        &[alone("d3.d3.d3-d2", cpf), line("d11", plain_cpf), word("d11", cpf)],
    ),
    // Receita Federal, IN RFB 2229/2024: two check digits modulo 11, letters since 2026.
    row(
        "country/br/cnpj",
        &["cnpj", "pessoa jurídica", "pessoa juridica", "empresa"],
        &[alone("w2.w3.w3/w4-d2", cnpj), line("d14", cnpj), word("w12d2", cnpj)],
    ),
];

fn not_time(value: &[u8]) -> bool {
    !is_time(value) && !is_uniform(value)
}

/// Area 9, groups that the tax office gives out.
fn itin(value: &[u8]) -> bool {
    let group = number(value, 3..5);
    digit(value, 0) == 9 && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// Luhn behind 80840, the prefix of health applications in the United States.
fn npi(value: &[u8]) -> bool {
    let mut whole = *b"80840..........";
    whole[5..].copy_from_slice(&value[..10]);
    matches!(value[0], b'1' | b'2') && luhn(&whole) && !is_uniform(&value[1..])
}

/// Of the first digit that is given out until now.
fn npi_in_use(value: &[u8]) -> bool {
    value[0] == b'1' && npi(value)
}

/// Types of registrants, and the sum of the odd digits and twice the even ones.
fn dea(value: &[u8]) -> bool {
    let sum = |at: usize| digit(value, at) + digit(value, at + 2) + digit(value, at + 4);
    let total = sum(2) + 2 * sum(3);
    are_of(value, 0..1, b"ABCDEFGHJKLMPRSTUX")
        && (value[1].is_ascii_alphabetic() || value[1] == b'9')
        && total % 10 == digit(value, 8)
        && !is_uniform(&value[2..])
}

fn mbi(value: &[u8]) -> bool {
    let either = |at: usize| value[at].is_ascii_digit() || MEDICARE.contains(&value[at]);
    let letter = |at: usize| MEDICARE.contains(&value[at]);
    value.len() == 11
        && matches!(value[0], b'1'..=b'9')
        && [1, 4, 7, 8].into_iter().all(letter)
        && [2, 5].into_iter().all(either)
        && [3, 6, 9, 10].into_iter().all(|at| value[at].is_ascii_digit())
}

/// Weights 3, 7, 1, and the districts of the Federal Reserve.
fn aba(value: &[u8]) -> bool {
    weighted(value, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
        && begins_with(value, 2, &[(1, 12), (21, 32), (61, 72), (80, 80)])
        && !is_uniform(value)
}

/// Luhn; 0 and 8 are not given out.
fn sin(value: &[u8]) -> bool {
    !matches!(value[0], b'0' | b'8') && luhn(value)
}

fn cpf(value: &[u8]) -> bool {
    let check = |weights: &[u32]| weighted(value, weights) * 10 % 11 % 10;
    !is_uniform(value)
        && check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) == digit(value, 9)
        && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == digit(value, 10)
}

fn plain_cpf(value: &[u8]) -> bool {
    cpf(value) && !is_typed(value)
}

/// Letters count as their place in ASCII behind `0`, as they are given out since 2026.
fn cnpj(value: &[u8]) -> bool {
    let check = |length: usize| {
        let weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
        let sum: u32 = value[..length]
            .iter()
            .zip(&weights[13 - length..])
            .map(|(&byte, weight)| u32::from(byte.wrapping_sub(b'0')) * weight)
            .sum();
        match sum % 11 {
            0 | 1 => 0,
            rest => 11 - rest,
        }
    };
    value.len() == 14
        && !is_uniform(value)
        && digits(value).count() > 3
        && check(12) == digit(value, 12)
        && check(13) == digit(value, 13)
}

#[cfg(test)]
mod tests {
    use crate::pack::tests::check;

    #[test]
    fn united_states() {
        check("country/us", "itin 934-78-6052 ok", Some("934-78-6052"));
        check("country/us", "934-89-6052", None);
        check("country/us", "NPI: 1703829469", Some("1703829469"));
        check("country/us", "order 1703829469", None);
        check("country/us", "npi 1703829460", None);
        check("country/us", "sent by MK4829137", Some("MK4829137"));
        check("country/us", "sent by MK4829138", None);
        check("country/us", "7KV2-RN6-WH38", Some("7KV2-RN6-WH38"));
        check("country/us", "7SV2-RN6-WH38", None);
        check("country/us", "{\"routing_number\":\"064182731\"}", Some("064182731"));
        check("country/us", "routing 064182732", None);
        check("country/us", "passport number is C40917283", Some("C40917283"));
        check("country/us", "part C40917283", None);
        check("country/us", "driver's license K58201946", Some("K58201946"));
        check("country/us", "bank account 730195528461", Some("730195528461"));
        check("country/us", "took 730195528461", None);
    }

    #[test]
    fn canada_and_brazil() {
        check("country/ca", "my SIN is 524-807-310", Some("524-807-310"));
        check("country/ca", "my SIN is 524-807-311", None);
        check("country/ca", "id 524-807-310", None);
        check("country/br", "x 307.418.926-69 y", Some("307.418.926-69"));
        check("country/br", "x 307.418.926-60 y", None);
        check("country/br", "cpf=30741892669", Some("30741892669"));
        check("country/br", "41.386.207/0001-23", Some("41.386.207/0001-23"));
        check("country/br", "12.ABC.345/01DE-35", Some("12.ABC.345/01DE-35"));
    }
}
