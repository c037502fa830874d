//! Total variation between histograms of two sets of numbers (energies, distances).
//!
//! The bins, 200 by default, cut the reference's range evenly. [`Outside::Counted`] adds a bin below and one
//! above, so that outliers count; [`Outside::Dropped`] is as published (\[P\], the code of iDEM and DiKL): what
//! falls outside is dropped and the rest renormalised, so that outliers vanish. The floor is not small: about
//! ½ Σ_b √(4 p_b/(π n)), 0.14 at n = 2000.

/// Number of bins of every published figure.
pub const BINS: usize = 200;

/// What becomes of values outside the reference's range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// They count, in a bin below and one above.
    Counted,
    /// They are dropped and the rest renormalised, as published.
    Dropped,
}

/// ½ Σ_b |p_b - q_b| between the histograms of `samples` and `reference`, 0 to 1. Values that are not numbers
/// count as above the range. NaN if either set is empty.
pub fn total_variation(samples: &[f64], reference: &[f64], bins: usize, outside: Outside) -> f64 {
    if samples.is_empty() || reference.is_empty() {
        return f64::NAN;
    }
    let low = reference.iter().copied().fold(f64::INFINITY, f64::min);
    let high = reference.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let count = |values: &[f64]| {
        let mut counts = vec![0_usize; bins + 2];
        for value in values {
            counts[bin(*value, low, high, bins)] += 1;
        }
        if outside == Outside::Dropped {
            (counts[0], counts[bins + 1]) = (0, 0);
        }
        counts
    };
    let (p, q) = (count(samples), count(reference));
    let total = |counts: &[usize]| counts.iter().sum::<usize>() as f64;
    let (p_total, q_total) = (total(&p), total(&q));
    if p_total == 0.0 {
        return 1.0;
    }
    0.5 * p.iter().zip(&q).map(|(p, q)| (*p as f64 / p_total - *q as f64 / q_total).abs()).sum::<f64>()
}

/// 0 below, 1 to `bins` within (the last bin closed above), `bins + 1` above.
fn bin(value: f64, low: f64, high: f64, bins: usize) -> usize {
    if value < low {
        0
    } else if value <= high {
        let at = (value - low) / (high - low).max(f64::MIN_POSITIVE) * bins as f64;
        1 + (at as usize).min(bins - 1)
    } else {
        bins + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_have_none_and_disjoint_ones_all() {
        let reference: Vec<f64> = (0..1000).map(f64::from).collect();
        for outside in [Outside::Counted, Outside::Dropped] {
            assert_eq!(total_variation(&reference, &reference, BINS, outside), 0.0);
        }
        let far: Vec<f64> = reference.iter().map(|x| x + 5000.0).collect();
        assert!((total_variation(&far, &reference, BINS, Outside::Counted) - 1.0).abs() < 1e-12);
        assert_eq!(total_variation(&far, &reference, BINS, Outside::Dropped), 1.0);
    }

    #[test]
    fn outliers_vanish_only_in_the_published_variant() {
        let reference: Vec<f64> = (0..1000).map(f64::from).collect();
        let mut samples = reference.clone();
        samples.extend([1e9, f64::NAN, -1e9, f64::INFINITY]);
        assert_eq!(total_variation(&samples, &reference, BINS, Outside::Dropped), 0.0);
        assert!((total_variation(&samples, &reference, BINS, Outside::Counted) - 4.0 / 1004.0).abs() < 1e-12);
    }

    #[test]
    fn the_range_ends_are_inside_and_bins_are_even() {
        assert_eq!((bin(0.0, 0.0, 1.0, 4), bin(1.0, 0.0, 1.0, 4), bin(0.5, 0.0, 1.0, 4)), (1, 4, 3));
        assert_eq!((bin(-0.1, 0.0, 1.0, 4), bin(1.1, 0.0, 1.0, 4), bin(f64::NAN, 0.0, 1.0, 4)), (0, 5, 5));
        assert_eq!(total_variation(&[0.0, 0.0], &[0.0, 1.0], 2, Outside::Counted), 0.5);
    }
}
