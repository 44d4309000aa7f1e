//! Sixteen bytes one after another, for machines without a lane of their own.
//!
//! Answers are all-ones bytes for yes and zero for no, as the other lanes give them; the loops are
//! written so that a compiler can turn them into vector code where there is any.

#[derive(Clone, Copy)]
pub(super) struct Lane([u8; 16]);

impl Lane {
    #[inline(always)]
    pub(super) fn load(bytes: &[u8; 16]) -> Lane {
        Lane(*bytes)
    }

    #[inline(always)]
    pub(super) fn splat(byte: u8) -> Lane {
        Lane([byte; 16])
    }

    #[inline(always)]
    pub(super) fn equals(self, byte: u8) -> Lane {
        Lane(self.0.map(|b| if b == byte { 0xff } else { 0 }))
    }

    /// Both ends belong to the range.
    #[inline(always)]
    pub(super) fn between(self, low: u8, high: u8) -> Lane {
        Lane(self.0.map(|b| if b.wrapping_sub(low) <= high - low { 0xff } else { 0 }))
    }

    #[inline(always)]
    pub(super) fn or(self, other: Lane) -> Lane {
        Lane(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    /// The highest bit of each byte; the first byte is bit 0.
    #[inline(always)]
    pub(super) fn bits(self) -> u64 {
        self.0.iter().enumerate().fold(0, |bits, (i, &b)| bits | u64::from(b >> 7) << i)
    }
}
