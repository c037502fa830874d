//! Denoising score matching (Vincent 2011): the loss of the score network (\[P\] algorithm 1, inner loop).

use crate::backend::Backend;
use crate::mixture::{Guess, Mixture};
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
///   six spreads counts as one that does not: the guess is wrong there, and one draw must not outweigh all others.
/// - published: mean over the batch of |sigma s(x_t, t) + eps|^2.
///
/// # Panics
/// If the slices do not fit `noise` and the network, or the published network gets noise without levels.
pub fn loss<D: Backend>(net: &ScoreNetwork<D>, clean: &[f32], eps: &[f32], noise: &NoiseBatch) -> Scalar<D, Taped<D>> {
    loss_with_slopes(net, clean, None, eps, noise)
}

/// The same where gradients of the energy at the clean samples are known, (batch, dim): a guided network then regresses on the mix
/// of denoising and target score identity (De Bortoli et al. 2024, "Target score matching") whose variance is least about the
/// guess, x + W (y - v^2 grad E(x) - x) with the matrix W of [`Mixture::first_guess_and_mix`]: none at all where the target is the
/// mixture's cell. Its mean given y is that of x for any W that is a function of y. Other networks do without.
///
/// # Panics
/// As [`loss`].
pub fn loss_with_slopes<D: Backend>(
    net: &ScoreNetwork<D>,
    clean: &[f32],
    slopes: Option<&[f32]>,
    eps: &[f32],
    noise: &NoiseBatch,
) -> Scalar<D, Taped<D>> {
    let dim = net.spec().dim();
    let shape = (noise.len(), dim);
    let y = noise.noised(clean, eps, dim);
    let constant = |values: Vec<f32>| matrix(net.device(), values, shape);
    if let ScoreSpec::Guided { mixture, .. } = net.spec() {
        let (told, target) = guided_target(mixture, (clean, slopes), &y, noise);
        let output: Matrix<D, Taped<D>> = net.raw_told(&y, noise, Some(&told));
        return mean((output - constant(target)).square());
    }
    let output: Matrix<D, Taped<D>> = net.raw(&y, noise);
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

/// What a guided network is told, and what its F regresses on, from samples and the gradients at them.
fn guided_target(
    mixture: &Mixture,
    (clean, slopes): (&[f32], Option<&[f32]>),
    y: &[f32],
    noise: &NoiseBatch,
) -> (Vec<f32>, Vec<f32>) {
    let dim = mixture.dim();
    let ratios: Vec<f32> = noise.ratios().collect();
    let mut mixed = vec![0.0; y.len()];
    if let Some(slopes) = slopes {
        let squares = ratios.iter().flat_map(|v| std::iter::repeat_n(v * v, dim));
        let more = squares.zip(y).zip(slopes).zip(clean).map(|(((square, y), slope), x)| y - square * slope - x);
        mixed.iter_mut().zip(more).for_each(|(to, more)| *to = if more.is_finite() { more } else { 0.0 });
    }
    let Guess { mean, spread, told } = mixture.first_guess_and_mix(y, &ratios, &mut mixed);
    let rows = clean.iter().zip(mixed).zip(mean).zip(spread);
    let one = |(((x, mixed), mean), spread): (((&f32, f32), f32), f32)| (x + mixed - mean) / spread;
    (told, rows.map(one).map(|f| f.clamp(-FARTHEST, FARTHEST)).collect())
}
