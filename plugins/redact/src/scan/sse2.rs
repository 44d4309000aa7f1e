//! Sixteen bytes at once on x86-64, where SSE2 is always there.
//!
//! Answers are all-ones bytes for yes and zero for no.

#![expect(unsafe_code, reason = "SSE2 is part of every x86-64; each call is plain arithmetic")]

use std::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
    _mm_set1_epi8, _mm_sub_epi8,
};

#[derive(Clone, Copy)]
pub(super) struct Lane(__m128i);

impl Lane {
    #[inline(always)]
    pub(super) fn load(bytes: &[u8; 16]) -> Lane {
        let whole = u128::from_le_bytes(*bytes);
        // SAFETY: SSE2 is in the baseline of this architecture.
        Lane(unsafe { _mm_set_epi64x((whole >> 64) as i64, whole as i64) })
    }

    #[inline(always)]
    pub(super) fn splat(byte: u8) -> Lane {
        // SAFETY: as above.
        Lane(unsafe { _mm_set1_epi8(byte as i8) })
    }

    #[inline(always)]
    pub(super) fn equals(self, byte: u8) -> Lane {
        // SAFETY: as above.
        Lane(unsafe { _mm_cmpeq_epi8(self.0, Lane::splat(byte).0) })
    }

    /// Both ends belong to the range. There is no unsigned comparison, so the range is moved to the
    /// lowest signed numbers.
    #[inline(always)]
    pub(super) fn between(self, low: u8, high: u8) -> Lane {
        let moved = Lane::splat(low.wrapping_add(128));
        let limit = Lane::splat((high - low + 1).wrapping_add(128));
        // SAFETY: as above.
        Lane(unsafe { _mm_cmplt_epi8(_mm_sub_epi8(self.0, moved.0), limit.0) })
    }

    #[inline(always)]
    pub(super) fn or(self, other: Lane) -> Lane {
        // SAFETY: as above.
        Lane(unsafe { _mm_or_si128(self.0, other.0) })
    }

    /// The highest bit of each byte; the first byte is bit 0.
    #[inline(always)]
    pub(super) fn bits(self) -> u64 {
        // SAFETY: as above.
        u64::from(unsafe { _mm_movemask_epi8(self.0) } as u32)
    }
}
