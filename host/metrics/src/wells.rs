//! Weights of the wells of a many-well target: coordinates come in pairs (d, v), and each d has two wells.
//!
//! P(d > 0) of every well is compared with the exact 0.84431 (quadrature of exp(-d⁴ + 6 d² + d/2)). Energies
//! hardly see these weights, so that no energy metric replaces this one. The floor of the worst of W wells for
//! n exact samples is about √(2 ln(2 W)) √(p(1-p)/n): 0.0095 for 16 wells and n = 10,000 (0.008 on average).
//!
//! A sample with a coordinate that is not finite is lost: it could be on either side, and the worse counts.

use crate::measure::finite;

/// The shares of samples with d > 0 that are possible, for every well: if all lost samples were left, and if all were right
/// of 0. NaN of nothing.
pub fn right_fractions(samples: &[f32], dim: usize) -> Vec<[f64; 2]> {
    let rows = || samples.chunks_exact(dim.max(1));
    let (n, lost) = (rows().count() as f64, rows().filter(|x| !finite(x)).count());
    let right = |at: usize| rows().filter(|x| finite(x) && x[at] > 0.0).count();
    (0..dim).step_by(2).map(|at| [right(at), right(at) + lost].map(|count| count as f64 / n)).collect()
}

/// The largest possible distance of a share from the truth; NaN of nothing.
pub fn worst_deviation(fractions: &[[f64; 2]], truth: f64) -> f64 {
    let distances = fractions.as_flattened().iter().map(|fraction| (fraction - truth).abs());
    distances.reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_per_well_and_the_worst_counts() {
        let samples = [1.0_f32, -9.0, 1.0, -9.0, 1.0, 9.0, -1.0, 9.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, -1.0, 0.0];
        let fractions = right_fractions(&samples, 4);
        assert_eq!(fractions, [[0.75; 2], [0.25; 2]]);
        assert_eq!(worst_deviation(&fractions, 0.75), 0.5);
    }

    #[test]
    fn lost_samples_count_against_wells_and_nothing_is_unknown() {
        // Right, right, and one that lost its other coordinate.
        let fractions = right_fractions(&[1.0, 0.0, 1.0, 0.0, 1.0, f32::NAN, f32::INFINITY, 0.0], 2);
        assert_eq!(fractions, [[0.5, 1.0]]);
        assert_eq!([0.5, 0.75, 1.0].map(|truth| worst_deviation(&fractions, truth)), [0.5, 0.25, 0.5]);
        assert_eq!(worst_deviation(&right_fractions(&[f32::NAN; 4], 2), 0.8), 0.8);
        assert!(worst_deviation(&right_fractions(&[], 4), 0.8).is_nan());
    }
}
