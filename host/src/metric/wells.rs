//! Weights of the wells of a many-well target: coordinates come in pairs (d, v), and each d has two wells.
//!
//! P(d > 0) of every well is compared with the exact 0.84431 (quadrature of exp(-d⁴ + 6 d² + d/2)). Energies
//! hardly see these weights, so that no energy metric replaces this one. The floor of the worst of W wells for
//! n exact samples is about √(2 ln(2 W)) √(p(1-p)/n): 0.0095 for 16 wells and n = 10,000 (0.008 on average).

/// Fraction of samples with d > 0, for every well.
pub fn right_fractions(samples: &[f32], dim: usize) -> Vec<f64> {
    let n = (samples.len() / dim.max(1)).max(1) as f64;
    (0..dim).step_by(2).map(|at| samples.chunks_exact(dim).filter(|x| x[at] > 0.0).count() as f64 / n).collect()
}

/// Largest distance of a fraction from the truth. A fraction that is not a number counts as 1.
pub fn worst_deviation(fractions: &[f64], truth: f64) -> f64 {
    fractions.iter().map(|f| if f.is_nan() { 1.0 } else { (f - truth).abs() }).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_per_well_and_the_worst_counts() {
        let samples = [1.0_f32, -9.0, 1.0, -9.0, 1.0, 9.0, -1.0, 9.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, -1.0, 0.0];
        let fractions = right_fractions(&samples, 4);
        assert_eq!(fractions, [0.75, 0.25]);
        assert_eq!(worst_deviation(&fractions, 0.75), 0.5);
        assert_eq!(worst_deviation(&[f64::NAN], 0.75), 1.0);
    }
}
