//! The baseline R-KL-SM: reverse KL without noise, its model score from the score network (\[P\] section 4).
//!
//! The gradient with respect to a sample x is s_model(x) + grad E(x). Use with [`super::surrogate`].

use crate::noise::NoiseBatch;

/// The coefficients of [`super::surrogate`] at clean samples: g = w (s_model + grad E), where `sigma_score` is
/// [`crate::ScoreNetwork::sigma_score`] at y = x with the smallest noise; slices are (batch, dim), `weights`
/// one a row.
///
/// # Panics
/// If the slices do not fit `noise` and `dim`.
pub fn coefficients(
    sigma_score: &[f32],
    energy_gradient: &[f32],
    noise: &NoiseBatch,
    weights: &[f32],
    dim: usize,
) -> Vec<f32> {
    let numbers = noise.len() * dim;
    let lengths = (sigma_score.len(), energy_gradient.len(), weights.len());
    assert_eq!(lengths, (numbers, numbers, noise.len()), "batch");
    let rows = sigma_score.chunks_exact(dim).zip(energy_gradient.chunks_exact(dim));
    rows.zip(noise.sigma().iter().zip(weights))
        .flat_map(|((s, e), (sigma, w))| s.iter().zip(e).map(move |(s, e)| w * (s / sigma + e)))
        .collect()
}
