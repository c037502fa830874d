//! Reverse diffusive KL (\[P\] algorithm 1, outer step).
//!
//! Its gradient with respect to a sample x is w(t) alpha (s_model(x_t) - s_target(x_t)), both scores taken at
//! the same noised sample and held constant. Use with [`super::surrogate`].

use crate::noise::NoiseBatch;

/// The coefficients of [`super::surrogate`] from the denoised means of model and target at the same y, both
/// (batch, dim): g = w (D_model - D_target) / v^2, because alpha (s_model - s_target) is just that.
/// `weights` holds w(t), one a row.
///
/// # Panics
/// If the slices do not fit `noise` and `dim`.
pub fn coefficients(model: &[f32], target: &[f32], noise: &NoiseBatch, weights: &[f32], dim: usize) -> Vec<f32> {
    let numbers = noise.len() * dim;
    assert_eq!((model.len(), target.len(), weights.len()), (numbers, numbers, noise.len()), "batch");
    let rows = model.chunks_exact(dim).zip(target.chunks_exact(dim));
    rows.zip(noise.ratios().zip(weights))
        .flat_map(|((m, t), (v, w))| {
            let c = w / (v * v);
            m.iter().zip(t).map(move |(m, t)| c * (m - t))
        })
        .collect()
}
