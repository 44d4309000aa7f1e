//! Sixteen bytes at once in WebAssembly with `simd128`.
//!
//! Answers are all-ones bytes for yes and zero for no.

use std::arch::wasm32::{
    i8x16_bitmask, i8x16_eq, i8x16_lt, i8x16_splat, i8x16_sub, u64x2, v128, v128_or,
};

#[derive(Clone, Copy)]
pub(super) struct Lane(v128);

impl Lane {
    #[inline(always)]
    pub(super) fn load(bytes: &[u8; 16]) -> Lane {
        let whole = u128::from_le_bytes(*bytes);
        // The compiler makes one `v128.load` of this.
        Lane(u64x2(whole as u64, (whole >> 64) as u64))
    }

    #[inline(always)]
    pub(super) fn splat(byte: u8) -> Lane {
        Lane(i8x16_splat(byte as i8))
    }

    #[inline(always)]
    pub(super) fn equals(self, byte: u8) -> Lane {
        Lane(i8x16_eq(self.0, i8x16_splat(byte as i8)))
    }

    /// Both ends belong to the range. The signed comparison is one instruction on every machine,
    /// the unsigned one is not, so the range is moved to the lowest signed numbers.
    #[inline(always)]
    pub(super) fn between(self, low: u8, high: u8) -> Lane {
        let moved = i8x16_splat(low.wrapping_add(128) as i8);
        let limit = i8x16_splat((high - low + 1).wrapping_add(128) as i8);
        Lane(i8x16_lt(i8x16_sub(self.0, moved), limit))
    }

    #[inline(always)]
    pub(super) fn or(self, other: Lane) -> Lane {
        Lane(v128_or(self.0, other.0))
    }

    /// The highest bit of each byte; the first byte is bit 0.
    #[inline(always)]
    pub(super) fn bits(self) -> u64 {
        u64::from(i8x16_bitmask(self.0))
    }
}
