//! The middle of a few samples, and how far they lie apart.

/// The median of some samples, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Spread {
    /// The middle one, or between the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// How many there are.
    pub samples: usize,
}

impl Spread {
    /// Of these samples. None when there are none.
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.into_iter().filter(|one| one.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { median: f64::midpoint(low, high), min, max, samples: sorted.len() })
    }

    /// How far apart they are, as a part of the median.
    pub fn width(self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.max - self.min) / self.median }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let table: [(&[f64], [f64; 3]); 3] = [
            (&[2.0], [2.0, 2.0, 2.0]),
            (&[9.0, 1.0, 2.0], [2.0, 1.0, 9.0]),
            (&[4.0, 1.0, 2.0, f64::NAN, 8.0], [3.0, 1.0, 8.0]),
        ];
        for (samples, [median, min, max]) in table {
            let samples = samples.iter().copied();
            let expected = Spread {
                median,
                min,
                max,
                samples: samples.clone().filter(|one| one.is_finite()).count(),
            };
            assert_eq!(Spread::of(samples), Some(expected));
        }
        assert_eq!(Spread::of([]), None);
    }
}
