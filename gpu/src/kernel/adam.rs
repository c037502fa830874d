//! Adam (Kingma & Ba 2015, algorithm 1) and sums of squares, over flat slices in parallel blocks.

use rayon::prelude::*;

/// Numbers a block: small enough for the caches, large enough to hide the cost of a task.
const BLOCK: usize = 1 << 15;

/// What one update needs beside the state; `first_scale = 1 / (1 - beta1^t)`, `second_scale` likewise.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Step length.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Factor on the gradient, below one where it is clipped.
    pub gradient_scale: f32,
    /// Bias correction of the first moment.
    pub first_scale: f32,
    /// Bias correction of the second moment.
    pub second_scale: f32,
}

/// One update in place.
pub(crate) fn adam(step: &AdamStep, parameter: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32]) {
    let s = *step;
    parameter
        .par_chunks_mut(BLOCK)
        .zip(first.par_chunks_mut(BLOCK))
        .zip(second.par_chunks_mut(BLOCK))
        .zip(gradient.par_chunks(BLOCK))
        .for_each(|(((parameter, first), second), gradient)| {
            for (((p, m), v), &g) in parameter.iter_mut().zip(first).zip(second).zip(gradient) {
                let g = g * s.gradient_scale;
                *m = *m * s.beta1 + (1.0 - s.beta1) * g;
                *v = *v * s.beta2 + (1.0 - s.beta2) * (g * g);
                *p -= s.learning_rate * (*m * s.first_scale) / ((*v * s.second_scale).sqrt() + s.epsilon);
            }
        });
}

/// The sum of squares in f64; its bits do not depend on the number of threads.
pub(crate) fn square_sum(values: &[f32]) -> f64 {
    let blocks: Vec<f64> = values
        .par_chunks(BLOCK)
        .map(|block| {
            let mut lanes = [0.0f64; 16];
            for part in block.chunks(16) {
                for (lane, &x) in lanes.iter_mut().zip(part) {
                    *lane += f64::from(x) * f64::from(x);
                }
            }
            lanes.iter().sum()
        })
        .collect();
    blocks.iter().sum()
}
