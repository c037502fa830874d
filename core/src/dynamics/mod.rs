//! Markov kernels and annealing. One algorithm a file; each is
//! `step(rng, state, params, energy) -> Info`, moving one chain per lane.
//!
//! All kernels share [`State`] and [`Info`], so that they can be interleaved. A proposal whose
//! energy is not finite is rejected and counted in [`Info::divergent`], never masked.

pub mod annealing;
pub mod hmc;
pub mod importance;
pub mod langevin;
pub mod leapfrog;
pub mod refresh;
pub mod step_size;

use crate::random::Randomness;
use crate::{Energy, Mask, Scalar, tensor};

/// Where a chain is, one chain per lane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct State<S, const N: usize> {
    /// The position x.
    pub position: [S; N],
    /// ∇U(x).
    pub gradient: [S; N],
    /// U(x).
    pub energy: S,
}

/// What one step did, one answer per lane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Info<S: Scalar> {
    /// min(1, acceptance ratio); 0 where the proposal diverged, 1 for unadjusted kernels.
    pub acceptance: S,
    /// Whether the proposal was taken.
    pub accepted: S::Mask,
    /// Whether the proposal's energy, or the ratio, was not finite.
    pub divergent: S::Mask,
    /// Energy evaluations per chain, with or without gradient.
    pub evaluations: u32,
}

/// The state of chains that start at `position`.
#[inline(always)]
pub fn init<S: Scalar, E: Energy<S, N>, const N: usize>(energy: &E, position: [S; N]) -> State<S, N> {
    let mut gradient = tensor::zeros();
    let value = energy.energy_and_gradient(&position, &mut gradient);
    State { position, gradient, energy: value }
}

/// A Markov kernel that leaves exp(−U) invariant, for algorithms that take any.
pub trait Kernel<S: Scalar, const N: usize> {
    /// Moves every chain once.
    fn step<R: Randomness<S>, E: Energy<S, N>>(&self, rng: &mut R, state: &mut State<S, N>, energy: &E) -> Info<S>;
}

/// Metropolis' choice between a state and a proposal with log acceptance ratio `log_ratio`.
///
/// Draws one uniform number, whatever the outcome, so that lanes stay in step.
#[inline(always)]
fn metropolis<S: Scalar, R: Randomness<S>, const N: usize>(
    rng: &mut R,
    state: &mut State<S, N>,
    proposal: &State<S, N>,
    log_ratio: S,
    evaluations: u32,
) -> Info<S> {
    let finite = proposal.energy.is_finite() & log_ratio.is_finite();
    let acceptance = S::select(finite, log_ratio.min(S::zero()).exp(), S::zero());
    let accepted = rng.uniform().lt(acceptance) & finite;
    state.position = tensor::select(accepted, &proposal.position, &state.position);
    state.gradient = tensor::select(accepted, &proposal.gradient, &state.gradient);
    state.energy = S::select(accepted, proposal.energy, state.energy);
    Info { acceptance, accepted, divergent: !finite, evaluations }
}

/// How many lanes of a mask hold.
pub fn count<M: Mask>(mask: M, lanes: usize) -> u32 {
    (0..lanes).map(|lane| u32::from(mask.lane(lane))).sum()
}
