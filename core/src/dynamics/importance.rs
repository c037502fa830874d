//! Self-normalised importance sampling: weights, their effective sample size, log Z and resampling,
//! for P particles per lane.

use crate::random::Randomness;
use crate::{Mask, Scalar, Vector, tensor};

/// Normalised importance weights from log-weights, in place: w_i = exp(l_i − max l) / Σ. Log-weights
/// that are not finite count as −∞. Returns what was learnt on the way.
///
/// Where no weight is finite, all become 1/P and [`Summary::degenerate`] holds.
#[inline(always)]
pub fn normalise<S: Scalar>(weights: &mut [S]) -> Summary<S> {
    let lowest = S::constant(f64::from(f32::MIN));
    let mut largest = lowest;
    for w in weights.iter_mut() {
        *w = S::select(w.is_finite(), *w, lowest);
        largest = largest.max(*w);
    }
    let degenerate = !lowest.lt(largest);
    let mut sum = S::zero();
    for w in weights.iter_mut() {
        *w = (*w - largest).exp();
        sum += *w;
    }
    let mut squares = S::zero();
    for w in weights.iter_mut() {
        *w = *w / sum;
        squares += w.square();
    }
    let count = S::constant(weights.len() as f64);
    Summary { log_mean_weight: largest + (sum / count).ln(), effective_sample_size: S::one() / squares, degenerate }
}

/// What a set of importance weights says.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Summary<S: Scalar> {
    /// log of the mean weight: an estimate of log Z whose exponential is unbiased.
    pub log_mean_weight: S,
    /// 1/Σ w², between 1 and P (Kong 1992).
    pub effective_sample_size: S,
    /// Whether no log-weight was finite.
    pub degenerate: S::Mask,
}

/// One particle per lane, drawn with probability equal to its normalised weight (inversion), into `chosen`. Draws one
/// uniform number.
#[inline(always)]
pub fn resample<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>>(
    rng: &mut R,
    particles: &[V],
    weights: &[S],
    chosen: &mut V,
) {
    let u = rng.uniform();
    chosen.as_mut_slice().fill(S::zero());
    let mut cumulative = S::zero();
    let mut done = S::Mask::splat(false);
    let last = particles.len().saturating_sub(1);
    for (j, (particle, weight)) in particles.iter().zip(weights).enumerate() {
        cumulative += *weight;
        // Rounding may leave the total just below u: the last particle takes what is left.
        let hit = (u.lt(cumulative) | Mask::splat(j == last)) & !done;
        tensor::take(chosen.as_mut_slice(), hit, particle.as_slice());
        done = done | hit;
    }
}
