//! Denoising score matching (Vincent 2011): the loss of the score network (\[P\] algorithm 1, inner loop).

use crate::backend::Backend;
use crate::mixture::Guess;
use crate::network::score_network::{ScoreNetwork, ScoreSpec};
use crate::noise::NoiseBatch;
use crate::tensor::{Matrix, Scalar, Taped, matrix, mean, sum};

/// Standard deviations of a guessed posterior beyond which draws count as this far off.
const FARTHEST: f32 = 6.0;

/// The loss for clean samples x, standard normal eps and the noise of each row; all slices (batch, dim).
///
/// - preconditioned: mean over batch and dim of w (D(y, v) - x)^2 with w = (s^2 + v^2) / (s v)^2
///   (Karras et al. 2022, eq. 8 with lambda = 1 / c_out^2), y = x + v eps. It equals the squared error of F
///   against (v x / s - s eps) / sqrt(s^2 + v^2), which is how it is computed: nothing cancels at small v.
/// - guided: the mean over batch and dim of (F - (x - mean) / spread)^2, where a draw that lies further off than
///   [`FARTHEST`] counts as one that does not: the guess is wrong there, and one draw must not outweigh all others.
/// - published: mean over the batch of |sigma s(x_t, t) + eps|^2.
///
/// # Panics
/// If the slices do not fit `noise` and the network, or the published network gets noise without levels.
pub fn loss<D: Backend>(net: &ScoreNetwork<D>, clean: &[f32], eps: &[f32], noise: &NoiseBatch) -> Scalar<D, Taped<D>> {
    let dim = net.spec().dim();
    let shape = (noise.len(), dim);
    let y = noise.noised(clean, eps, dim);
    let guess = net.first_guess(&y, noise);
    let output: Matrix<D, Taped<D>> = net.raw_told(&y, noise, guess.as_ref().map(|guess| &*guess.told));
    let constant = |values: Vec<f32>| matrix(net.device(), values, shape);
    if let Some(Guess { mean: guessed, spread, .. }) = guess {
        let rows = clean.iter().zip(&guessed).zip(&spread);
        let target = rows.map(|((x, mean), spread)| ((x - mean) / spread).clamp(-FARTHEST, FARTHEST));
        return mean((output - constant(target.collect())).square());
    }
    match *net.spec() {
        ScoreSpec::Preconditioned { data_sd: s, .. } => {
            let rows = clean.chunks_exact(dim).zip(eps.chunks_exact(dim)).zip(noise.ratios());
            let target = rows.flat_map(|((x, e), v)| {
                let norm = s.hypot(v);
                x.iter().zip(e).map(move |(x, e)| (v / s * x - s * e) / norm)
            });
            mean((output - constant(target.collect())).square())
        }
        ScoreSpec::Published { .. } | ScoreSpec::Guided { .. } => {
            let sigma = noise.sigma().iter().flat_map(|&s| std::iter::repeat_n(s, dim));
            let residual = output * constant(sigma.collect()) + constant(eps.to_vec());
            sum(residual.square()) / noise.len().max(1) as f32
        }
    }
}
