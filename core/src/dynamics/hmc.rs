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
    let Workspace { proposal, momentum } = workspace;
    rng.fill_normal(momentum.as_mut_slice());
    let before = leapfrog::hamiltonian(state, momentum);
    proposal.copy_from(state);
    leapfrog::step(proposal, momentum, params, energy);
    let log_ratio = before - leapfrog::hamiltonian(proposal, momentum);
    metropolis(rng, state, proposal, log_ratio, params.steps)
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
