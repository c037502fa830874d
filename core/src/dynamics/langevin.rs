//! Langevin dynamics x' = x − h ∇U(x) + √(2h) ξ: unadjusted ([`ula_step`]) and with Metropolis'
//! choice ([`step`], MALA; Roberts, Tweedie 1996).

use crate::random::Randomness;
use crate::{Energy, Mask, Scalar, tensor};

use super::{Info, Kernel, State, metropolis};

pub use super::init;

/// The step size.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Params<S> {
    /// The step size h > 0, in units of x²: the noise has variance 2h.
    pub step_size: S,
}

/// The proposal, evaluated, and the noise ξ that made it.
#[inline(always)]
fn propose<S: Scalar, R: Randomness<S>, E: Energy<S, N>, const N: usize>(
    rng: &mut R,
    state: &State<S, N>,
    h: S,
    energy: &E,
) -> (State<S, N>, [S; N]) {
    let mut xi = tensor::zeros();
    rng.fill_normal(&mut xi);
    let mut proposal = *state;
    tensor::add_scaled(&mut proposal.position, -h, &state.gradient);
    tensor::add_scaled(&mut proposal.position, (S::constant(2.0) * h).sqrt(), &xi);
    proposal.energy = energy.energy_and_gradient(&proposal.position, &mut proposal.gradient);
    (proposal, xi)
}

/// One unadjusted Langevin step of every chain: biased by O(h), always taken, save where the new
/// energy is not finite.
#[inline]
pub fn ula_step<S: Scalar, R: Randomness<S>, E: Energy<S, N>, const N: usize>(
    rng: &mut R,
    state: &mut State<S, N>,
    params: &Params<S>,
    energy: &E,
) -> Info<S> {
    let (proposal, _) = propose(rng, state, params.step_size, energy);
    let finite = proposal.energy.is_finite();
    state.position = tensor::select(finite, &proposal.position, &state.position);
    state.gradient = tensor::select(finite, &proposal.gradient, &state.gradient);
    state.energy = S::select(finite, proposal.energy, state.energy);
    let acceptance = S::select(finite, S::one(), S::zero());
    Info { acceptance, accepted: finite & S::Mask::splat(true), divergent: !finite, evaluations: 1 }
}

/// One MALA step of every chain. The log ratio of the proposal densities is
/// (‖ξ‖² − ‖x − x' + h ∇U(x')‖²/(2h))/2.
#[inline]
pub fn step<S: Scalar, R: Randomness<S>, E: Energy<S, N>, const N: usize>(
    rng: &mut R,
    state: &mut State<S, N>,
    params: &Params<S>,
    energy: &E,
) -> Info<S> {
    let h = params.step_size;
    let (proposal, xi) = propose(rng, state, h, energy);
    let mut back = state.position;
    for i in 0..N {
        back[i] = state.position[i] - proposal.position[i] + h * proposal.gradient[i];
    }
    let half = S::constant(0.5);
    let log_ratio =
        state.energy - proposal.energy + half * (tensor::squared_norm(&xi) - half * tensor::squared_norm(&back) / h);
    metropolis(rng, state, &proposal, log_ratio, 1)
}

impl<S: Scalar, const N: usize> Kernel<S, N> for Params<S> {
    #[inline(always)]
    fn step<R: Randomness<S>, E: Energy<S, N>>(&self, rng: &mut R, state: &mut State<S, N>, energy: &E) -> Info<S> {
        step(rng, state, self, energy)
    }
}
