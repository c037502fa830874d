//! Hamiltonian Monte Carlo (Duane et al. 1987; Neal 2011): fresh momenta, one leapfrog trajectory,
//! Metropolis' choice on the change of the Hamiltonian.

use crate::random::Randomness;
use crate::{Energy, Scalar, Vector};

use super::{Info, Kernel, State, Workspace, leapfrog, metropolis};

/// Step size and trajectory length of the leapfrog integrator.
pub type Params<S> = leapfrog::Params<S>;

/// One HMC step of every chain.
#[inline]
pub fn step<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S> + ?Sized>(
    rng: &mut R,
    state: &mut State<V>,
    params: &Params<S>,
    energy: &E,
    workspace: &mut Workspace<V>,
) -> Info<S> {
    let before = begin(rng, state, workspace);
    leapfrog::step(&mut workspace.proposal, &mut workspace.momentum, params, energy);
    end(rng, state, before, params.steps, workspace)
}

/// The beginning of a step whose energies the caller evaluates: fresh momenta. Gives the Hamiltonian, for [`end`]. In between,
/// as often as the trajectory has steps: [`to_point`], the energy and gradient of the state it gives, [`past_point`].
#[inline(always)]
pub fn begin<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>>(
    rng: &mut R,
    state: &State<V>,
    workspace: &mut Workspace<V>,
) -> S {
    let Workspace { proposal, momentum } = workspace;
    rng.fill_normal(momentum.as_mut_slice());
    proposal.copy_from(state);
    leapfrog::hamiltonian(state, momentum)
}

/// On to the next point of a trajectory, whose energy and gradient the caller has to set.
#[inline(always)]
pub fn to_point<S: Scalar, V: Vector<Scalar = S>>(step_size: S, workspace: &mut Workspace<V>) -> &mut State<V> {
    leapfrog::to_point(&mut workspace.proposal, &mut workspace.momentum, step_size);
    &mut workspace.proposal
}

/// The rest of a leapfrog step, once energy and gradient are set.
#[inline(always)]
pub fn past_point<S: Scalar, V: Vector<Scalar = S>>(step_size: S, workspace: &mut Workspace<V>) {
    leapfrog::past_point(&workspace.proposal, &mut workspace.momentum, step_size);
}

/// Metropolis' choice at the end of a trajectory of so many steps.
#[inline(always)]
pub fn end<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>>(
    rng: &mut R,
    state: &mut State<V>,
    before: S,
    steps: u32,
    workspace: &Workspace<V>,
) -> Info<S> {
    let Workspace { proposal, momentum } = workspace;
    metropolis(rng, state, proposal, before - leapfrog::hamiltonian(proposal, momentum), steps)
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
