//! Addresses of coins, each with its own checksum.

use sha2::{Digest as _, Sha256};
use sha3::Keccak256;

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// A number in base 58 as bytes, filled up to the left.
fn base58<const LENGTH: usize>(text: &[u8]) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    for digit in text {
        let mut carry = BASE58.iter().position(|known| known == digit)?;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            return None;
        }
    }
    Some(bytes)
}

/// Base58check: a version, a hash, and the beginning of a hash of both.
pub(super) fn bitcoin(value: &[u8]) -> bool {
    let Some(bytes) = base58::<25>(value) else { return false };
    let (content, check) = bytes.split_at(21);
    matches!(content[0], 0 | 5) && Sha256::digest(Sha256::digest(content)).starts_with(check)
}

/// Bech32 for version 0, bech32m for later ones; of the network that is in use.
pub(super) fn segwit(value: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    if has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) {
        return false;
    }
    let step = |sum: u32, digit: u32| {
        const GENERATOR: [u32; 5] =
            [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let sum_of = |top: u32| {
            GENERATOR
                .iter()
                .enumerate()
                .filter(|(bit, _)| top >> bit & 1 == 1)
                .fold(0, |a, (_, g)| a ^ g)
        };
        (sum & 0x1ff_ffff) << 5 ^ digit ^ sum_of(sum >> 25)
    };
    // The prefix `bc`, expanded.
    let mut sum = [3, 3, 0, 2, 3].into_iter().fold(1, step);
    let Some(data) = value.get(3..) else { return false };
    for byte in data {
        let lower = byte.to_ascii_lowercase();
        let Some(digit) = BECH32.iter().position(|known| *known == lower) else { return false };
        sum = step(sum, digit as u32);
    }
    let version_0 = data.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'q'));
    sum == if version_0 { 1 } else { 0x2bc8_30a3 }
}

/// Forty hexadecimal digits behind `0X`.
pub(super) fn is_hex(value: &[u8]) -> bool {
    value.iter().skip(2).all(u8::is_ascii_hexdigit)
}

/// EIP-55: the case of the letters is a checksum, so without two cases there is none.
pub(super) fn ethereum(value: &[u8]) -> bool {
    let Some(address) = value.get(2..42).filter(|_| is_hex(value)) else { return false };
    let has = |test: fn(&u8) -> bool| address.iter().any(test);
    if !has(u8::is_ascii_uppercase) || !has(u8::is_ascii_lowercase) {
        return false;
    }
    let hash = Keccak256::digest(address.to_ascii_lowercase());
    address.iter().enumerate().all(|(index, byte)| {
        let nibble = hash[index / 2] >> (4 * (1 - index % 2)) & 15;
        !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase() == (nibble > 7)
    })
}

/// Base 58 in blocks of eleven characters for eight bytes; Keccak of all but the last four.
pub(super) fn monero(value: &[u8]) -> bool {
    let mut bytes = Vec::with_capacity(72);
    for block in value.chunks(11) {
        match block.len() {
            11 => {
                let Some(part) = base58::<8>(block) else { return false };
                bytes.extend(part);
            }
            7 => {
                let Some(part) = base58::<5>(block) else { return false };
                bytes.extend(part);
            }
            _ => return false,
        }
    }
    let Some((content, check)) = bytes.split_last_chunk::<4>() else { return false };
    matches!(content[0], 18 | 42) && Keccak256::digest(content).starts_with(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_addresses() {
        assert!(bitcoin(b"36ca9YEq8Fr3icu4iUXA2Lmcc38gkHRVte"));
        assert!(!bitcoin(b"36ca9YEq8Fr3icu4iUXA2Lmcc38gkHRVtf") && !bitcoin(b"0"));
        assert!(segwit(b"BC1QXCQH9J5V8CQ68T8MQ5N3ZQ28KYAMJCQ30TJHFA"));
        assert!(segwit(b"bc1p8g9k37ayl4fv5t3xju2ypvwjffmqmcv2et8c4e4n9mdrgt4aphgszglt7s"));
        assert!(!segwit(b"bc1p8g9k37ayl4fv5t3xju2ypvwjffmqmcv2et8c4e4n9mdrgt4aphgszglt7q"));
        assert!(ethereum(b"0XAabc97A55e9655226AE94279c31c2d4Bbe9c246D"));
        assert!(!ethereum(b"0XAabc97A55e9655226AE94279c31c2d4Bbe9c246E") && !ethereum(b"0X"));
        assert!(!monero(b"4") && !monero(b""));
    }
}
