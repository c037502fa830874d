//! Markov kernels and annealing. One algorithm a file; each is
//! `step(rng, state, params, energy, workspace) -> Info`, moving one chain per lane.
//!
//! All kernels share [`State`], [`Info`] and [`Workspace`], so that they can be interleaved. No step allocates. A proposal
//! whose energy is not finite is rejected and counted in [`Info::divergent`], never masked.

pub mod annealing;
pub mod hmc;
pub mod importance;
pub mod langevin;
pub mod leapfrog;
pub mod refresh;
pub mod step_size;

use crate::random::Randomness;
use crate::{Energy, Mask, Scalar, Vector};

pub use crate::state::State;

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

/// What a step writes to while it works: made once, before the first step, and of use for chains of one length. What it
/// holds between steps means nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Workspace<V: Vector> {
    proposal: State<V>,
    /// The momentum of HMC, the noise of Langevin dynamics.
    momentum: V,
}

impl<S: Scalar, V: Vector<Scalar = S>> Workspace<V> {
    /// For vectors as long as `like`.
    #[inline(always)]
    pub fn new(like: &V) -> Self {
        let proposal = State { position: like.clone(), gradient: like.clone(), energy: S::zero() };
        Self { proposal, momentum: like.clone() }
    }
}

/// A Markov kernel that leaves exp(−U) invariant, for algorithms that take any.
pub trait Kernel<V: Vector> {
    /// Moves every chain once.
    fn step<R: Randomness<V::Scalar>, E: Energy<V::Scalar> + ?Sized>(
        &self,
        rng: &mut R,
        state: &mut State<V>,
        energy: &E,
        workspace: &mut Workspace<V>,
    ) -> Info<V::Scalar>;
}

/// Metropolis' choice between a state and a proposal with log acceptance ratio `log_ratio`.
///
/// Draws one uniform number, whatever the outcome, so that lanes stay in step.
#[inline(always)]
fn metropolis<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>>(
    rng: &mut R,
    state: &mut State<V>,
    proposal: &State<V>,
    log_ratio: S,
    evaluations: u32,
) -> Info<S> {
    let finite = proposal.energy.is_finite() & log_ratio.is_finite();
    let acceptance = S::select(finite, log_ratio.min(S::zero()).exp(), S::zero());
    let accepted = rng.uniform().lt(acceptance) & finite;
    state.take(accepted, proposal);
    Info { acceptance, accepted, divergent: !finite, evaluations }
}

/// How many lanes of a mask hold.
pub fn count<M: Mask>(mask: M, lanes: usize) -> u32 {
    (0..lanes).map(|lane| u32::from(mask.lane(lane))).sum()
}
