//! Packs that belong to no country: devices, vehicles, coins, paths, dates of birth.

use super::check::{any, begins_with, digit, is_day, is_uniform, luhn, number};
use super::{Row, alone, coin, key, line, path, row, word};

/// Words that make a date one of birth.
const BIRTH: &[&str] = &[
    "born",
    "dob",
    "birth*",
    "date of birth",
    "lahir",
    "geboren*",
    "geburtsdatum*",
    "geb",
    "né",
    "née",
    "naissance",
    "nacimiento",
    "nacido",
    "nacida",
    "nascita",
    "nato",
    "nata",
    "nascimento",
    "geboortedatum*",
    "urodzenia",
];

pub(super) const ROWS: &[Row] = &[
    // 3GPP TS 23.003, annex B: Luhn.
    row(
        "devices/imei",
        &["imei*", "device*", "handset*"],
        &[word("d15", imei), word("d2 d6 d6 d", imei), word("d6 d2 d6 d", imei)],
    ),
    // ITU-T E.212: codes of the countries; no check digit.
    row("devices/imsi", &["imsi*", "subscriber*"], &[word("d15", imsi), word("d14", imsi)]),
    // Of whoever made the device.
    row(
        "devices/serial",
        &["serial*", "serialno", "sn", "serialnumber", "udid", "device uuid"],
        &[key("w6~20", has_digit)],
    ),
    // Base58check of Bitcoin, BIP 173 and BIP 350.
    row(
        "crypto/btc",
        &["bitcoin", "btc", "wallet"],
        &[
            alone("1r24~34", coin::bitcoin),
            alone("3r24~34", coin::bitcoin),
            alone("BC1r11~87", coin::segwit),
        ],
    ),
    // EIP-55.
    row(
        "crypto/eth",
        &["ethereum", "eth", "wallet", "address"],
        &[alone("0Xr40", coin::ethereum), word("0Xr40", coin::is_hex)],
    ),
    // CryptoNote: blocks of base 58, Keccak.
    row(
        "crypto/xmr",
        &["monero", "xmr", "wallet"],
        &[alone("4r94", coin::monero), alone("8r94", coin::monero)],
    ),
    // ISO 3779; 49 CFR 565.15 for the check digit.
    row(
        "vehicles/vin",
        &["vin", "vehicle identification", "chassis*", "fahrgestell*", "fin", "rangka"],
        &[line("w17", vin), word("w17", is_vin)],
    ),
    row(path::NAME, &[], &[]),
    // Days that there are.
    row(
        "dates/birth",
        BIRTH,
        &[
            key("d4 d2 d2", date),
            key("d4/d1~2/d1~2", date),
            key("d1~2 d1~2 d4", date),
            key("d1~2/d1~2/d4", date),
            key("d1~2/d1~2/d2", date),
            key("d1~2 d1~2 d2", date),
            key("d1~2 a3~9 d4", any),
            key("a3~9 d1~2 d4", any),
            key("d8", date),
        ],
    ),
];

fn imei(value: &[u8]) -> bool {
    luhn(value)
}

/// The countries of the mobile networks.
fn imsi(value: &[u8]) -> bool {
    begins_with(value, 3, &[(202, 750), (901, 901)]) && !is_uniform(value)
}

fn has_digit(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit) && !is_uniform(value)
}

/// Letters that cannot be taken for digits, digits at the end.
fn is_vin(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, b'I' | b'O' | b'Q'))
        && has_digit(value)
        && value.iter().any(u8::is_ascii_alphabetic)
        && value[13..].iter().all(u8::is_ascii_digit)
}

/// The ninth character checks the others, as in North America and China.
fn vin(value: &[u8]) -> bool {
    let of = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'H' => u32::from(byte - b'A') + 1,
        b'J'..=b'N' => u32::from(byte - b'J') + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => u32::from(byte - b'S') + 2,
        _ => 0,
    };
    let weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: u32 = value.iter().zip(weights).map(|(&byte, weight)| of(byte) * weight).sum();
    let check = match sum % 11 {
        10 => value[8] == b'X',
        rest => digit(value, 8) == rest,
    };
    is_vin(value) && check
}

/// A day in any of the usual orders, as far as its digits tell.
fn date(value: &[u8]) -> bool {
    let year = |from: usize| (1880..2100).contains(&number(value, from..from + 4));
    match value.len() {
        8 => {
            let (first, second) = (number(value, 0..2), number(value, 2..4));
            (year(0) && is_day(number(value, 4..6), number(value, 6..8)))
                || (year(4) && (is_day(first, second) || is_day(second, first)))
        }
        6 | 7 => year(value.len() - 4) || year(0) || value.len() == 6,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use crate::pack::tests::check;

    #[test]
    fn devices_and_vehicles() {
        check("devices", "IMEI: 358207146093181", Some("358207146093181"));
        check("devices", "IMEI: 358207146093182", None);
        check("devices", "took 358207146093181", None);
        check("devices", "imsi=310150123456789", Some("310150123456789"));
        check("devices", "{\"serial_number\":\"C02XK1ABJGH5\"}", Some("C02XK1ABJGH5"));
        check("devices", "serial port 115200", None);
        check("vehicles", "VIN 3KVTR52G98M604917", Some("3KVTR52G98M604917"));
        check("vehicles", "id 3KVTR52G98M604917", None);
        check("vehicles", "Fahrgestellnummer WVWZZZ1JZXW000001", Some("WVWZZZ1JZXW000001"));
    }

    #[test]
    fn coins() {
        let bitcoin = "15vZDzkPaMXfdTCdbNrZbiQgTWqyA4N13i";
        check("crypto", &format!("to {bitcoin}."), Some(bitcoin));
        check("crypto", "15vZDzkPaMXfdTCdbNrZbiQgTWqyA4N13j", None);
        let segwit = "bc1qxcqh9j5v8cq68t8mq5n3zq28kyamjcq30tjhfa";
        check("crypto", &format!("to {segwit}"), Some(segwit));
        check("crypto", "bc1qxcqh9j5v8cq68t8mq5n3zq28kyamjcq30tjhfq", None);
        let ethereum = "0x360172CA8C3E01A3AcfB0527110147b13bb96011";
        check("crypto", &format!("to {ethereum}"), Some(ethereum));
        check("crypto", "to 0x360172ca8c3e01a3acfb0527110147b13bb96011", None);
        let small = "0x360172ca8c3e01a3acfb0527110147b13bb96011";
        check("crypto", &format!("eth wallet {small}"), Some(small));
        let monero = "4A6h9DnwuM51zmRwWo3RTs48odcBN4E88WqYCPLi6zK79gymh9EnZ35XVqqZKfj9vZ446yQcF9fq5FiF4c1261orQedDUBZ";
        check("crypto", monero, Some(monero));
    }

    #[test]
    fn dates_of_birth() {
        check("dates", "born: 1984-09-27 in", Some("1984-09-27"));
        check("dates", "date_of_birth=1984-09-27", Some("1984-09-27"));
        check("dates", "{\"dob\":\"27/09/1984\"}", Some("27/09/1984"));
        check("dates", "Lahir: 27 September 1984", Some("27 September 1984"));
        check("dates", "since: 1984-09-27", None);
        check("dates", "she was born on 1984-09-27", None);
    }
}
