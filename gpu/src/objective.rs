//! What is minimised, one objective a file. Everything that is held constant arrives as filled slices.
//!
//! \[P\] is He, Chen, Zhang, Barber, Hernández-Lobato, *Training Neural Samplers with Reverse Diffusive KL
//! Divergence*, AISTATS 2025, arXiv 2410.12456.

pub mod denoising;
pub mod dikl;
pub mod reverse_kl;

use crate::backend::Backend;
use crate::tensor::{self, Matrix, Scalar, Tape, matrix, sum};

/// The mean over the batch of sum_d g_d x_d, with g constant: its gradient with respect to the samples is g
/// over the batch size (\[P\] algorithm 1, "stopgrad").
///
/// # Panics
/// If `g` has not the size of `x`.
pub fn surrogate<D: Backend, T: Tape<f32, D>>(x: Matrix<D, T>, g: &[f32]) -> Scalar<D, T> {
    let shape = tensor::shape(&x);
    assert_eq!(g.len(), shape.0 * shape.1, "coefficients");
    let g = matrix(x.device(), g.to_vec(), shape);
    sum(x * g) / shape.0.max(1) as f32
}

/// Scales rows of `g` whose norm exceeds `limit` down to it. Returns how many.
///
/// # Panics
/// If `dim` is zero.
pub fn clip_rows(g: &mut [f32], dim: usize, limit: f32) -> usize {
    let mut clipped = 0;
    for row in g.chunks_exact_mut(dim) {
        let norm = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32;
        if norm > limit {
            clipped += 1;
            let scale = limit / norm;
            row.iter_mut().for_each(|x| *x *= scale);
        }
    }
    clipped
}
