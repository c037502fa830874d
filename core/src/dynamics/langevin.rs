//! Langevin dynamics x' = x − h ∇U(x) + √(2h) ξ: unadjusted ([`ula_step`]) and with Metropolis'
//! choice ([`step`], MALA; Roberts, Tweedie 1996).

use crate::random::Randomness;
use crate::{Energy, Mask, Scalar, Vector, tensor};

use super::{Info, Kernel, State, Workspace, metropolis};

/// The step size.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Params<S> {
    /// The step size h > 0, in units of x²: the noise has variance 2h.
    pub step_size: S,
}

/// Leaves in the workspace the proposal, evaluated, and the noise ξ that made it.
#[inline(always)]
fn propose<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S> + ?Sized>(
    rng: &mut R,
    state: &State<V>,
    h: S,
    energy: &E,
    workspace: &mut Workspace<V>,
) {
    let Workspace { proposal, momentum: xi } = workspace;
    rng.fill_normal(xi.as_mut_slice());
    let position = proposal.position.as_mut_slice();
    position.copy_from_slice(state.position.as_slice());
    tensor::add_scaled(position, -h, state.gradient.as_slice());
    tensor::add_scaled(position, (S::constant(2.0) * h).sqrt(), xi.as_slice());
    proposal.evaluate(energy);
}

/// One unadjusted Langevin step of every chain: biased by O(h), always taken, save where the new
/// energy is not finite.
#[inline]
pub fn ula_step<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S> + ?Sized>(
    rng: &mut R,
    state: &mut State<V>,
    params: &Params<S>,
    energy: &E,
    workspace: &mut Workspace<V>,
) -> Info<S> {
    propose(rng, state, params.step_size, energy, workspace);
    let finite = workspace.proposal.energy.is_finite();
    state.take(finite, &workspace.proposal);
    let acceptance = S::select(finite, S::one(), S::zero());
    let every = S::Mask::splat(true);
    Info { acceptance, accepted: finite & every, divergent: !finite, evaluations: 1 }
}

/// One MALA step of every chain. The log ratio of the proposal densities is
/// (‖ξ‖² − ‖x − x' + h ∇U(x')‖²/(2h))/2.
#[inline]
pub fn step<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S> + ?Sized>(
    rng: &mut R,
    state: &mut State<V>,
    params: &Params<S>,
    energy: &E,
    workspace: &mut Workspace<V>,
) -> Info<S> {
    let h = params.step_size;
    propose(rng, state, h, energy, workspace);
    let Workspace { proposal, momentum: xi } = &*workspace;
    let mut back = S::zero();
    let new = proposal.position.as_slice().iter().zip(proposal.gradient.as_slice());
    for (old, (new, gradient)) in state.position.as_slice().iter().zip(new) {
        back += (*old - *new + h * *gradient).square();
    }
    let half = S::constant(0.5);
    let log_ratio = state.energy - proposal.energy + half * (tensor::squared_norm(xi.as_slice()) - half * back / h);
    metropolis(rng, state, proposal, log_ratio, 1)
}

impl<S: Scalar, V: Vector<Scalar = S>> Kernel<V> for Params<S> {
    #[inline(always)]
    fn step<R: Randomness<S>, E: Energy<S> + ?Sized>(
        &self,
        rng: &mut R,
        state: &mut State<V>,
        energy: &E,
        workspace: &mut Workspace<V>,
    ) -> Info<S> {
        step(rng, state, self, energy, workspace)
    }
}
