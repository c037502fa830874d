//! Hamiltonian Monte Carlo (Duane et al. 1987; Neal 2011): fresh momenta, one leapfrog trajectory,
//! Metropolis' choice on the change of the Hamiltonian.

use crate::random::Randomness;
use crate::{Energy, Scalar, tensor};

use super::{Info, Kernel, State, leapfrog, metropolis};

pub use super::init;

/// Step size and trajectory length of the leapfrog integrator.
pub type Params<S> = leapfrog::Params<S>;

/// One HMC step of every chain.
#[inline]
pub fn step<S: Scalar, R: Randomness<S>, E: Energy<S, N>, const N: usize>(
    rng: &mut R,
    state: &mut State<S, N>,
    params: &Params<S>,
    energy: &E,
) -> Info<S> {
    let mut momentum = tensor::zeros();
    rng.fill_normal(&mut momentum);
    let before = leapfrog::hamiltonian(state, &momentum);
    let mut proposal = *state;
    leapfrog::step(&mut proposal, &mut momentum, params, energy);
    let log_ratio = before - leapfrog::hamiltonian(&proposal, &momentum);
    metropolis(rng, state, &proposal, log_ratio, params.steps)
}

impl<S: Scalar, const N: usize> Kernel<S, N> for Params<S> {
    #[inline(always)]
    fn step<R: Randomness<S>, E: Energy<S, N>>(&self, rng: &mut R, state: &mut State<S, N>, energy: &E) -> Info<S> {
        step(rng, state, self, energy)
    }
}
