//! Coverage of a mixture of K equal isotropic Gaussians.
//!
//! Every sample belongs to the nearest mean. A mode is *covered* when at least half its share, n/(2K) samples,
//! belong to it and lie within 4 sd. The *mode-mass total variation* is ½ (Σ_k |n_k/n - 1/K| + n_lost/n), where samples
//! with a coordinate that is not finite are lost: mass that no mode has;
//! for n exact samples its floor is about ½ K √(2/π) √((1/K)(1 - 1/K)/n), 0.025 for K = 40 and n = 10,000.

use crate::statistic::Mean;

/// How a set of samples covers a mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// Modes with at least half their share within 4 sd.
    pub covered: usize,
    /// Number of modes.
    pub modes: usize,
    /// Total variation between the modes' masses and equal ones, 0 to 1; lost samples belong to no mode. NaN of nothing.
    pub mass_variation: f64,
    /// Fraction of all samples within 4 sd of a mean; NaN of nothing.
    pub within: f64,
}

/// Within how many standard deviations a sample counts as in its mode.
pub const REACH: f64 = 4.0;

/// Coverage of the mixture with `means` (row by row) and common `sd` by `samples` (row by row).
pub fn coverage(samples: &[f32], dim: usize, means: &[f64], sd: f64) -> Coverage {
    let modes = means.len() / dim.max(1);
    let (mut mass, mut close) = (vec![0_usize; modes], vec![0_usize; modes]);
    let mut n = 0_usize;
    for x in samples.chunks_exact(dim.max(1)) {
        n += 1;
        let nearest = (0..modes)
            .map(|k| (squared_distance(x, &means[k * dim..(k + 1) * dim]), k))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((distance, k)) = nearest.filter(|(distance, _)| distance.is_finite()) {
            mass[k] += 1;
            close[k] += usize::from(distance <= (REACH * sd).powi(2));
        }
    }
    let (share, count) = (1.0 / modes.max(1) as f64, n as f64);
    let lost = (n - mass.iter().sum::<usize>()) as f64 / count;
    Coverage {
        covered: close.iter().filter(|c| **c as f64 >= 0.5 * share * count && **c > 0).count(),
        modes,
        mass_variation: 0.5 * (mass.iter().map(|m| (*m as f64 / count - share).abs()).sum::<f64>() + lost),
        within: close.iter().sum::<usize>() as f64 / count,
    }
}

/// log p of each sample: log (1/K) Σ_k N(x; μ_k, sd² I), by a log-sum-exp that stays finite everywhere.
pub fn log_densities(samples: &[f32], dim: usize, means: &[f64], sd: f64) -> Vec<f64> {
    let modes = means.len() / dim.max(1);
    let norm = -(modes.max(1) as f64).ln() - 0.5 * dim as f64 * (2.0 * std::f64::consts::PI * sd * sd).ln();
    samples
        .chunks_exact(dim.max(1))
        .map(|x| {
            let exponents: Vec<f64> =
                means.chunks_exact(dim).map(|mean| -0.5 * squared_distance(x, mean) / (sd * sd)).collect();
            let top = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            norm + top + exponents.iter().map(|e| (e - top).exp()).sum::<f64>().ln()
        })
        .collect()
}

/// Mean log p of the samples. A value above the truth means modes too narrow.
pub fn mean_log_density(samples: &[f32], dim: usize, means: &[f64], sd: f64) -> Mean {
    Mean::of(&log_densities(samples, dim, means, sd))
}

fn squared_distance(x: &[f32], mean: &[f64]) -> f64 {
    x.iter().zip(mean).map(|(x, m)| (f64::from(*x) - m).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEANS: [f64; 4] = [0.0, 0.0, 10.0, 0.0];

    #[test]
    fn a_lost_mode_and_a_stray_sample_are_seen() {
        let mut samples = [0.0_f32, 0.1].repeat(9);
        samples.extend([100.0, 0.0]);
        let coverage = coverage(&samples, 2, &MEANS, 1.0);
        assert_eq!((coverage.covered, coverage.modes), (1, 2));
        assert!((coverage.mass_variation - 0.4).abs() < 1e-15 && (coverage.within - 0.9).abs() < 1e-15);
    }

    #[test]
    fn half_the_share_is_enough_and_less_is_not() {
        let of = |right: usize| {
            let mut samples = [0.0_f32, 0.0].repeat(20 - right);
            samples.extend([10.0_f32, 0.0].repeat(right));
            coverage(&samples, 2, &MEANS, 1.0).covered
        };
        assert_eq!((of(5), of(4)), (2, 1));
    }

    #[test]
    fn samples_that_are_not_numbers_count_as_lost() {
        let coverage = coverage(&[f32::NAN, 0.0, 0.0, 0.0], 2, &MEANS, 1.0);
        assert_eq!(coverage.within, 0.5);
    }

    #[test]
    fn lost_samples_are_mass_that_no_mode_has() {
        let of = |rows: &[[f32; 2]]| coverage(rows.as_flattened(), 2, &MEANS, 1.0).mass_variation;
        let (left, right) = ([0.0, 0.0], [10.0, 0.0]);
        assert_eq!(of(&[left, right, [f32::NAN, 0.0], [0.0, f32::INFINITY]]), 0.5);
        assert_eq!(of(&[[f32::NAN, 0.0]; 3]), 1.0);
        assert!(of(&[]).is_nan() && coverage(&[], 2, &MEANS, 1.0).within.is_nan());
    }

    #[test]
    fn one_gaussian_has_its_closed_form_and_far_points_stay_finite() {
        let one = log_densities(&[3.0, 4.0], 2, &[0.0, 0.0], 2.0)[0];
        assert!((one - (-25.0 / 8.0 - (8.0 * std::f64::consts::PI).ln())).abs() < 1e-14);
        assert!(log_densities(&[1e6, 1e6], 2, &MEANS, 1.0)[0].is_finite());
    }
}
