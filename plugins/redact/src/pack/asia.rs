//! Packs of Asia and Turkey.

use super::check::{
    any, begins_with, digit, is_day, is_long_ymd, is_time, is_typed, is_uniform, is_ymd, mod_11_2,
    number, verhoeff, weighted,
};
use super::{Row, alone, line, row, word};

const PASSPORT: &[&str] = &["passport*", "paspor*", "여권*", "パスポート*", "护照*"];
const PLATE: &[&str] =
    &["plate*", "registration", "vehicle*", "bike*", "car", "number plate", "licence plate"];
const PHONE: &[&str] = &["phone*", "mobile*", "tel", "telp", "telepono", "cep", "telefon*", "gsm"];

pub(super) const ROWS: &[Row] = &[
    // Indonesia.
    // Law 23/2006 on civil registration: province, date of birth, serial; no check digit.
    row(
        "country/id/nik",
        &["nik", "ktp", "e ktp", "ektp", "no ktp", "nomor induk", "noktp", "kependudukan"],
        &[
            word("d16", nik),
            word("d4 d4 d4 d4", nik),
            word("d6 d6 d4", nik),
            word("d2 d4 d6 d4", nik),
        ],
    ),
    // Law 23/2006, as the NIK with the day on which the card was made; no check digit.
    row(
        "country/id/kk",
        &["kk", "no kk", "kartu keluarga", "nokk", "nomor kk"],
        &[word("d16", nik), word("d4 d4 d4 d4", nik), word("d6 d6 d4", nik)],
    ),
    // Ministry of finance, PMK 112/2022: 15 digits, 16 since 2024.
    row(
        "country/id/npwp",
        &["npwp*", "pajak", "wajib pajak"],
        &[
            alone("d2.d3.d3.d-d3.d3", any),
            word("d15", any),
            word("d16", any),
            word("d2 d3 d3 d d3 d3", any),
            word("d4 d4 d4 d4", any),
        ],
    ),
    // BPJS: 13 digits of health, 11 of employment; no check digit.
    row(
        "country/id/bpjs",
        &["bpjs*", "jkn", "kis", "jamsostek", "kpj", "peserta"],
        &[word("d13", not_time), word("d11", any), word("d4 d4 d5", any)],
    ),
    // Directorate of immigration: one or two letters; no check digit.
    row("country/id/passport", PASSPORT, &[word("ld7", any), word("l2d6~7", any)]),
    // Police, Perkap 7/2021: region, number, series.
    row(
        "country/id/plate",
        &["plat", "nopol", "nomor polisi", "kendaraan", "no polisi", "tnkb", "mobil", "motor"],
        &[word("l1~2 d1~4 l1~3", id_plate), word("l1~2d1~4l1~3", id_plate)],
    ),
    // Ministry of communication, PM 14/2018: prefixes of mobile operators.
    row(
        "country/id/phone",
        PHONE,
        &[
            alone("08d2 d4 d3~5", id_phone),
            alone("08d2 d3 d3~5", id_phone),
            line("08d8~11", id_phone),
            word("8d2 d4 d3~4", any),
            word("628d8~10", any),
        ],
    ),
    // India.
    // UIDAI: Verhoeff; 0 and 1 are not given out.
    row(
        "country/in/aadhaar",
        &["aadhaar*", "aadhar*", "uidai", "uid", "आधार"],
        &[alone("d4 d4 d4", aadhaar), alone("d4:d4:d4", aadhaar), line("d12", aadhaar)],
    ),
    // Income tax department: the fourth letter is the kind of holder; its check letter is not
    // published.
    row(
        "country/in/pan",
        &["pan", "permanent account", "income tax"],
        &[alone("l5d4l", pan), word("l5 d4 l", pan)],
    ),
    // GSTN: state, PAN, Z; its check character modulo 36 is not asked for, as examples have any.
    row("country/in/gstin", &["gstin*", "gst"], &[alone("d2l5d4lwZw", gstin)]),
    // Election commission, EPIC: three letters, seven digits.
    row("country/in/voter", &["voter*", "vote", "epic", "election"], &[word("l3d7", any)]),
    // Ministry of external affairs: a letter, seven digits; no check digit.
    row("country/in/passport", PASSPORT, &[word("ld7", any)]),
    // Motor Vehicles Act, section 41: codes of the states.
    row(
        "country/in/vehicle",
        PLATE,
        &[
            line("l2d2l1~3d4", in_vehicle),
            line("l2 d2 l1~3 d4", in_vehicle),
            line("l2dl1~3d4", in_vehicle),
        ],
    ),
    // Singapore.
    // As it is commonly known: modulo 11 with a letter by series; the ICA does not publish it.
    row("country/sg/nric", &["nric", "fin", "identity"], &[alone("ld7l", nric)]),
    // ACRA: three layouts; check letters modulo 11.
    row(
        "country/sg/uen",
        &["uen", "entity", "company"],
        &[alone("d8l", uen_business), alone("d9l", uen_company), alone("ld2l2d4l", uen_other)],
    ),
    // Thailand.
    // Department of provincial administration: modulo 11, provinces.
    row(
        "country/th/tnin",
        &["thai*", "tnin", "national id", "เลขประจำตัวประชาชน*", "เลขบัตรประชาชน*", "บัตรประชาชน*"],
        &[line("d13", thai), alone("d d4 d5 d2 d", thai)],
    ),
    // The Philippines.
    // BIR: nine digits, with a check digit modulo 11, and a branch.
    row(
        "country/ph/tin",
        &["tin", "bir", "tax id", "taxpayer"],
        &[
            word("d3 d3 d3 d3", ph_tin),
            word("d3 d3 d3", ph_tin),
            word("d9", ph_tin),
            word("d12", ph_tin),
            word("d3 d3 d3 d5", ph_tin),
        ],
    ),
    // NTC, numbering plan: 09 and nine digits.
    row(
        "country/ph/mobile",
        PHONE,
        &[line("09d9", any), alone("09d2 d3 d4", any), alone("0_(9d2)_d3_d4", any)],
    ),
    // Korea.
    // Resident registration act: date, sex and century; modulo 11 until October 2020.
    row(
        "country/kr/rrn",
        &["rrn", "resident registration", "주민등록번호*", "주민번호*"],
        &[alone("d6-d7", resident), line("d13", resident)],
    ),
    // Immigration act: as the RRN, with 5 to 8 and an offset of two.
    row(
        "country/kr/frn",
        &["frn", "foreigner registration", "외국인등록번호*", "alien registration"],
        &[alone("d6-d7", foreigner), line("d13", checked_foreigner), word("d13", foreigner)],
    ),
    // National tax service: weights 1, 3, 7 with a carry, modulo 10.
    row(
        "country/kr/brn",
        &["brn", "business registration", "사업자등록번호*", "사업자번호*"],
        &[alone("d3-d2-d5", business), line("d10", plain_business), word("d10", business)],
    ),
    // Ministry of foreign affairs: kind, digits, since 2021 a letter among them; no check digit.
    row("country/kr/passport", PASSPORT, &[word("ld3ld4", kr_passport), word("ld8", kr_passport)]),
    // National police: region, year, serial, two check digits whose rule is not published.
    row(
        "country/kr/driver-licence",
        &["licen*", "driver*", "운전면허*", "면허*"],
        &[
            alone("d2-d2-d6-d2", kr_licence),
            line("d2 d2 d6 d2", kr_licence),
            word("d12", kr_licence),
        ],
    ),
    // Japan.
    // Ministry of finance, ordinance on corporate numbers: modulo 9, the digit in front.
    row(
        "country/jp/corporate",
        &["法人番号*", "corporate number", "houjin"],
        &[line("d13", corporate)],
    ),
    // Ministry of internal affairs, ordinance 85/2014: modulo 11.
    row(
        "country/jp/my-number",
        &["マイナンバー*", "個人番号*", "my number", "mynumber"],
        &[word("d12", my_number), word("d4 d4 d4", my_number)],
    ),
    // National police agency: twelve digits.
    row(
        "country/jp/driver-licence",
        &["免許*", "運転免許*", "driver*", "licen*"],
        &[word("d12", not_time)],
    ),
    // China.
    // GB 11643-1999: region, date, ISO 7064 mod 11-2.
    row(
        "country/cn/resident-id",
        &["身份证*", "resident id", "identity"],
        &[alone("d17w", chinese), alone("d6 d8 d3w", chinese)],
    ),
    // Turkey.
    // NVİ: two check digits modulo 10.
    row(
        "country/tr/tckn",
        &["tckn", "tc kimlik", "kimlik", "t c kimlik", "turkish id", "tc no"],
        &[alone("d11", tckn)],
    ),
    // Road traffic regulation: 81 provinces, letters of the Turkish alphabet.
    row(
        "country/tr/plate",
        &["plaka*", "plakası", "plate*", "araç", "arac"],
        &[
            line("d2 l1~3 d2~4", tr_plate),
            line("d2l1~3d2~4", tr_plate),
            word("d2_l1~3_d2~4", tr_plate),
        ],
    ),
    // BTK, numbering plan: areas 2 to 4, operators 5.
    row(
        "country/tr/phone",
        PHONE,
        &[
            alone("05d9", any),
            alone("0 d3 d3 d2 d2", tr_phone),
            alone("0d3 d3 d2 d2", tr_phone),
            alone("0 (5d2) d7", any),
            alone("0 (5d2) d3 d2 d2", any),
            alone("5d2 d3 d2 d2", any),
            line("5d9", tr_mobile),
            word("d10", tr_phone),
            word("0d10", tr_phone),
        ],
    ),
];

fn not_time(value: &[u8]) -> bool {
    !is_time(value)
}

/// Provinces, a date on which women have 40 added to the day.
fn nik(value: &[u8]) -> bool {
    let provinces =
        [(11, 19), (21, 21), (31, 36), (51, 53), (61, 65), (71, 76), (81, 82), (91, 97)];
    let day = number(value, 6..8);
    begins_with(value, 2, &provinces)
        && is_day(number(value, 8..10), if day > 40 { day - 40 } else { day })
        && number(value, 12..16) > 0
}

fn id_plate(value: &[u8]) -> bool {
    value.iter().find(|byte| byte.is_ascii_digit()) != Some(&b'0')
}

/// The prefixes of the mobile operators.
fn id_phone(value: &[u8]) -> bool {
    let operators = [(811, 819), (821, 823), (828, 828), (831, 833), (838, 838), (851, 853)];
    let more = [(855, 859), (877, 878), (881, 889), (895, 899)];
    (10..=13).contains(&value.len())
        && (begins_with(&value[1..], 3, &operators) || begins_with(&value[1..], 3, &more))
}

fn aadhaar(value: &[u8]) -> bool {
    matches!(value[0], b'2'..=b'9') && verhoeff(value) && !is_time(value)
}

/// The fourth letter is the kind of holder.
fn pan(value: &[u8]) -> bool {
    b"ABCFGHJLPT".contains(&value[3]) && number(value, 5..9) > 0
}

/// States, the number of a taxpayer, and `Z`.
fn gstin(value: &[u8]) -> bool {
    begins_with(value, 2, &[(1, 38), (97, 97), (99, 99)])
        && number(value, 0..2) != 38
        && value[12] != b'0'
}

const STATES: [&[u8; 2]; 38] = [
    b"AN", b"AP", b"AR", b"AS", b"BR", b"CG", b"CH", b"DD", b"DL", b"GA", b"GJ", b"HP", b"HR",
    b"JH", b"JK", b"KA", b"KL", b"LA", b"LD", b"MH", b"ML", b"MN", b"MP", b"MZ", b"NL", b"OD",
    b"OR", b"PB", b"PY", b"RJ", b"SK", b"TN", b"TR", b"TS", b"UK", b"UP", b"WB", b"DN",
];

fn in_vehicle(value: &[u8]) -> bool {
    STATES.iter().any(|state| value.starts_with(&state[..]))
}

/// Weights, an offset by the series, and a letter by series.
fn nric(value: &[u8]) -> bool {
    let sum = weighted(&value[1..8], &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, letters): (u32, &[u8; 11]) = match value[0] {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    let index = (sum + offset) as usize % 11;
    letters[if value[0] == b'M' { 10 - index } else { index }] == value[8]
        || (value[0] == b'M' && b"KLJNPQRTUWX"[10 - index] == value[8])
}

fn uen_business(value: &[u8]) -> bool {
    let sum = weighted(value, &[10, 4, 9, 3, 8, 2, 7, 1]);
    b"XMKECAWLJDB"[sum as usize % 11] == value[8]
}

/// Begins with the year of registration.
fn uen_company(value: &[u8]) -> bool {
    let sum = weighted(value, &[10, 8, 6, 4, 9, 7, 5, 3, 1]);
    (1800..2100).contains(&number(value, 0..4)) && b"ZKCMDNERGWH"[sum as usize % 11] == value[9]
}

/// Letters count as their place in an alphabet of their own.
fn uen_other(value: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWX0123456789";
    let weights = [4, 3, 5, 3, 10, 2, 2, 5, 7];
    let mut sum = 0;
    for (byte, weight) in value.iter().zip(weights) {
        let Some(place) = ALPHABET.iter().position(|known| known == byte) else { return false };
        sum += place * weight;
    }
    let check = (sum + 11 - 5) % 11;
    matches!(value[0], b'R' | b'S' | b'T') && ALPHABET.get(check) == Some(&value[9])
}

/// Kind of person, province, modulo 11.
fn thai(value: &[u8]) -> bool {
    const PROVINCES: [(u64, u64); 7] =
        [(10, 27), (30, 49), (50, 58), (60, 67), (70, 77), (80, 86), (90, 96)];
    let sum = weighted(value, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    matches!(value[0], b'1'..=b'8')
        && begins_with(&value[1..], 2, &PROVINCES)
        && (11 - sum % 11) % 10 == digit(value, 12)
        && !is_uniform(value)
}

/// The ninth digit checks the first eight.
fn ph_tin(value: &[u8]) -> bool {
    let sum = weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2]);
    matches!(value[0], b'0'..=b'5' | b'9') && sum % 11 % 10 == digit(value, 8)
}

/// The check digit of numbers that were given out until October 2020.
fn korean(value: &[u8], offset: u32) -> bool {
    let sum = weighted(value, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    (11 - sum % 11 + offset) % 10 == digit(value, 12)
}

fn checked_foreigner(value: &[u8]) -> bool {
    foreigner(value) && korean(value, 2)
}

/// Whether the seventh digit is one for men or women of the last century, from `first` on, or one
/// of the two behind for those of this one, which has not come to its end.
fn is_century(value: &[u8], first: u8) -> bool {
    let born = value[6].wrapping_sub(first);
    born < 2 || (born < 4 && number(value, 0..2) < 40)
}

/// A date, sex and century. Numbers given out since October 2020 have no check digit.
fn resident(value: &[u8]) -> bool {
    is_ymd(value, 0) && is_century(value, b'1') && !is_time(value) && !is_uniform(value)
}

/// The same for foreigners.
fn foreigner(value: &[u8]) -> bool {
    is_ymd(value, 0) && is_century(value, b'5') && !is_time(value) && !is_uniform(value)
}

fn business(value: &[u8]) -> bool {
    let sum = weighted(value, &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + digit(value, 8) * 5 / 10;
    (10 - sum % 10) % 10 == digit(value, 9) && begins_with(value, 3, &[(101, 699)])
}

fn plain_business(value: &[u8]) -> bool {
    business(value) && !is_typed(value)
}

fn kr_passport(value: &[u8]) -> bool {
    b"MSRODG".contains(&value[0])
}

/// The regions of the police.
fn kr_licence(value: &[u8]) -> bool {
    begins_with(value, 2, &[(11, 28)]) && !is_time(value)
}

/// The first digit: 9 less the remainder.
fn corporate(value: &[u8]) -> bool {
    let sum = weighted(&value[1..], &[2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]);
    9 - sum % 9 == digit(value, 0) && !is_time(value) && !is_uniform(value)
}

fn my_number(value: &[u8]) -> bool {
    let sum = weighted(value, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let check = match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    check == digit(value, 11)
}

/// Region, date, number, ISO 7064 mod 11-2.
fn chinese(value: &[u8]) -> bool {
    let last = value[17];
    begins_with(
        value,
        2,
        &[(11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83)],
    ) && is_long_ymd(value, 6)
        && (last.is_ascii_digit() || last == b'X')
        && mod_11_2(value)
}

/// Two check digits.
fn tckn(value: &[u8]) -> bool {
    let odd = weighted(value, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(value, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let all = weighted(value, &[1; 10]);
    value[0] != b'0'
        && (odd * 7 + 10 * 9 - even) % 10 == digit(value, 9)
        && all % 10 == digit(value, 10)
}

/// The provinces.
fn tr_plate(value: &[u8]) -> bool {
    (1..=81).contains(&number(value, 0..2))
        && !value.iter().any(|byte| matches!(byte, b'Q' | b'W' | b'X'))
}

/// The operators.
fn tr_mobile(value: &[u8]) -> bool {
    begins_with(value, 3, &[(501, 501), (505, 507), (530, 549), (551, 559), (561, 561)])
}

/// Areas and operators.
fn tr_phone(value: &[u8]) -> bool {
    matches!(value.strip_prefix(b"0").unwrap_or(value)[0], b'2'..=b'5')
}

#[cfg(test)]
mod tests {
    use crate::pack::tests::check;

    #[test]
    fn indonesia() {
        check("country/id", "NIK 3273065209870004", Some("3273065209870004"));
        check("country/id", "{\"no_ktp\":\"3273065209870004\"}", Some("3273065209870004"));
        check("country/id", "id 3273065209870004", None);
        check("country/id", "NIK 3273067509870004", None);
        check("country/id", "NIK 9973065209870004", None);
        check("country/id", "No. KK: 3273060304110002", Some("3273060304110002"));
        check("country/id", "01.234.567.8-901.000", Some("01.234.567.8-901.000"));
        check("country/id", "npwp=058203917462000", Some("058203917462000"));
        check("country/id", "BPJS 0001234567891", Some("0001234567891"));
        check("country/id", "nopol B 1234 XYZ", Some("B 1234 XYZ"));
        check("country/id", "ke 0812-3456-7890", Some("0812-3456-7890"));
        check("country/id", "telp 081234567890", Some("081234567890"));
        check("country/id", "Paspor: C5082716", Some("C5082716"));
    }

    #[test]
    fn india_and_the_south_east() {
        check("country/in", "x 6454 0163 6481 y", Some("6454 0163 6481"));
        check("country/in", "x 6454 0163 6482 y", None);
        check("country/in", "PAN of the payer: KTRPV5081Q, as", Some("KTRPV5081Q"));
        check("country/in", "GSTIN: 29BKTPR5081Q1ZT", Some("29BKTPR5081Q1ZT"));
        check("country/in", "38KTRPV5081Q1Z7", None);
        check("country/in", "voter KVT5082716", Some("KVT5082716"));
        check("country/in", "vehicle KL07KT5082", Some("KL07KT5082"));
        check("country/sg", "x S8316042Z y", Some("S8316042Z"));
        check("country/sg", "x S8316042A y", None);
        check("country/sg", "x M5209176K y", Some("M5209176K"));
        check("country/sg", "201862904H S61GB2708J", Some("201862904H"));
        check("country/sg", "x T09LL4182F", Some("T09LL4182F"));
        check("country/th", "Thai ID 3581704260914", Some("3581704260914"));
        check("country/ph", "mobile 09285073164", Some("09285073164"));
        check("country/ph", "TIN: 261-504-836-000", Some("261-504-836-000"));
    }

    #[test]
    fn east_and_west() {
        check("country/kr", "x 840927-2173846", Some("840927-2173846"));
        check("country/kr", "x 910412-6038471", Some("910412-6038471"));
        check("country/kr", "x 841327-2173846", None);
        check("country/kr", "x 317-82-46050", Some("317-82-46050"));
        check("country/kr", "여권번호 M305K8162입니다", Some("M305K8162"));
        check("country/kr", "x 21-08-417302-65", Some("21-08-417302-65"));
        check("country/jp", "法人番号 3310402815976", Some("3310402815976"));
        check("country/cn", "x 33010619870412106X", Some("33010619870412106X"));
        check("country/cn", "x 330106198704121067", None);
        check("country/tr", "TC 38401729510, ve", Some("38401729510"));
        check("country/tr", "TC 38401729511, ve", None);
        check("country/tr", "Plaka 35 KTV 508 ve", Some("35 KTV 508"));
        check("country/tr", "0 (543) 817 20 46", Some("0 (543) 817 20 46"));
        check("country/ph", "to 0(928)507-3164", Some("0(928)507-3164"));
    }
}
