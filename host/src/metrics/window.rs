//! Quantiles of the last ten minutes, from a sketch of fixed size.
//!
//! Samples are counted in bins whose width grows with their value: 32 to each doubling, from
//! 2⁻³⁰ (about a nanosecond) to 2³⁴ (16 GiB), so a quantile is wrong by 1.6 % at most. What is
//! smaller counts as zero, what is larger as the largest. Time is cut into slices of two minutes;
//! six of them are kept, which makes the window between ten and twelve minutes long.
//!
//! Counting takes no lock. A sample that arrives in the very moment in which its slice is wiped
//! for re-use may be missing from the quantiles; count and sum are kept elsewhere and are exact.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tokio::time::Instant;

/// Slices kept, the present one included.
const SLICES: u64 = 6;
/// Length of a slice in seconds.
const SLICE_SECONDS: u64 = 120;
/// Bins to each doubling of the value, as a power of two.
const RESOLUTION: u32 = 5;
/// Binary exponent of the smallest value that is told apart from zero.
const LOWEST: i64 = -30;
/// Binary exponent of the first value that is too large to be told apart.
const HIGHEST: i64 = 34;
/// Bin 0 holds zero and what counts as such.
const BINS: usize = 1 + (((HIGHEST - LOWEST) as usize) << RESOLUTION);

/// The samples of about ten minutes.
#[derive(Debug)]
pub(super) struct Window {
    origin: Instant,
    slices: [Slice; SLICES as usize],
}

/// Two minutes. `turn` says which ones: 1 for the first two minutes of the window's life; 0 for
/// none yet. The bins, 8 KiB, are only made when the first sample arrives.
#[derive(Debug, Default)]
struct Slice {
    turn: AtomicU64,
    bins: OnceLock<Box<[AtomicU32]>>,
}

impl Window {
    pub(super) fn new() -> Window {
        Window { origin: Instant::now(), slices: Default::default() }
    }

    fn turn(&self) -> u64 {
        1 + self.origin.elapsed().as_secs() / SLICE_SECONDS
    }

    /// Counts a sample, which is finite and not negative.
    pub(super) fn observe(&self, value: f64) {
        let turn = self.turn();
        let slice = &self.slices[(turn % SLICES) as usize];
        let bins = slice.bins.get_or_init(|| (0..BINS).map(|_| AtomicU32::new(0)).collect());
        let present = slice.turn.load(Ordering::Acquire);
        if present != turn {
            let mine = slice
                .turn
                .compare_exchange(present, turn, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
            if mine {
                bins.iter().for_each(|bin| bin.store(0, Ordering::Relaxed));
            }
        }
        bins[bin(value)].fetch_add(1, Ordering::Relaxed);
    }

    /// The values below which these shares of the samples lie, by nearest rank; `None` each while
    /// there are no samples.
    pub(super) fn quantiles(&self, shares: &[f64]) -> Vec<Option<f64>> {
        let turn = self.turn();
        let mut counts = vec![0u64; BINS];
        for slice in &self.slices {
            let Some(bins) = slice.bins.get() else { continue };
            if slice.turn.load(Ordering::Acquire) + SLICES <= turn {
                continue;
            }
            for (count, bin) in counts.iter_mut().zip(bins) {
                *count += u64::from(bin.load(Ordering::Relaxed));
            }
        }
        let total: u64 = counts.iter().sum();
        shares.iter().map(|share| rank(&counts, total, *share)).collect()
    }
}

fn rank(counts: &[u64], total: u64, share: f64) -> Option<f64> {
    if total == 0 {
        return None;
    }
    let wanted = ((share * total as f64).ceil() as u64).clamp(1, total);
    let mut below = 0;
    counts
        .iter()
        .position(|count| {
            below += count;
            below >= wanted
        })
        .map(middle)
}

/// The bin of a value. The bits of a float, read as a number, already are a logarithmic scale: the
/// exponent stands before the fraction.
fn bin(value: f64) -> usize {
    const FRACTION: u32 = f64::MANTISSA_DIGITS - 1;
    const BIAS: i64 = 1023;
    let scale = (value.to_bits() >> (FRACTION - RESOLUTION)) as i64;
    let from_lowest = scale - ((LOWEST + BIAS) << RESOLUTION);
    (from_lowest + 1).clamp(0, BINS as i64 - 1) as usize
}

/// The value that stands for a bin: the middle between its ends.
fn middle(bin: usize) -> f64 {
    let Some(index) = bin.checked_sub(1) else { return 0.0 };
    let steps = 1usize << RESOLUTION;
    let base = f64::powi(2.0, LOWEST as i32 + (index >> RESOLUTION) as i32);
    base * (1.0 + ((index % steps) as f64 + 0.5) / steps as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn bins_ascend_and_their_middle_lies_inside() {
        for index in 1..BINS {
            assert_eq!(bin(middle(index)), index);
        }
        assert_eq!(bin(0.0), 0);
        assert_eq!(bin(1e-12), 0);
        assert_eq!(bin(f64::MAX), BINS - 1);
    }

    #[test]
    fn nothing_observed_gives_no_quantile() {
        assert_eq!(Window::new().quantiles(&[0.5]), [None]);
    }

    #[tokio::test(start_paused = true)]
    async fn samples_leave_after_ten_to_twelve_minutes() {
        let window = Window::new();
        window.observe(8.0);
        tokio::time::advance(Duration::from_secs(600)).await;
        window.observe(1.0);
        let both = window.quantiles(&[0.0, 1.0]);
        assert!(both[1].is_some_and(|high| high > 7.8), "ten minutes are kept: {both:?}");
        tokio::time::advance(Duration::from_secs(121)).await;
        let later = window.quantiles(&[0.0, 1.0]);
        assert!(later[1].is_some_and(|high| high < 1.1), "older ones are not: {later:?}");
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(window.quantiles(&[0.5]), [None]);
        window.observe(2.0);
        assert!(window.quantiles(&[0.5])[0].is_some(), "an old slice is wiped and used again");
    }

    proptest! {
        #[test]
        fn quantiles_are_within_their_error(
            mut samples in prop::collection::vec(1e-8..1e9f64, 1..300),
            share in 0.0..=1.0f64,
        ) {
            let window = Window::new();
            samples.iter().for_each(|sample| window.observe(*sample));
            samples.sort_by(f64::total_cmp);
            let wanted = ((share * samples.len() as f64).ceil() as usize).clamp(1, samples.len());
            let exact = samples[wanted - 1];
            let sketched = window.quantiles(&[share])[0].expect("there are samples");
            prop_assert!((sketched / exact - 1.0).abs() <= 0.016, "{sketched} for {exact}");
        }
    }
}
