//! The leapfrog (Störmer–Verlet) integrator of Hamiltonian dynamics with unit mass: reversible,
//! volume-preserving, energy error O(h²) (Neal 2011, section 5.2.3.3).

use crate::{Energy, Scalar, Vector, tensor};

use super::State;

/// Step size and number of steps.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Params<S> {
    /// The step size h > 0.
    pub step_size: S,
    /// How many steps make one trajectory.
    pub steps: u32,
}

/// Moves position and momentum along one trajectory; `state` must hold the gradient at its
/// position. Costs `steps` gradient evaluations.
#[inline(always)]
pub fn step<S: Scalar, V: Vector<Scalar = S>, E: Energy<S> + ?Sized>(
    state: &mut State<V>,
    momentum: &mut V,
    params: &Params<S>,
    energy: &E,
) {
    for _ in 0..params.steps {
        to_point(state, momentum, params.step_size);
        state.evaluate(energy);
        past_point(state, momentum, params.step_size);
    }
}

/// The part of a step of length h before the energy is evaluated: half a kick, and on to the next point.
#[inline(always)]
pub fn to_point<S: Scalar, V: Vector<Scalar = S>>(state: &mut State<V>, momentum: &mut V, h: S) {
    past_point(state, momentum, h);
    tensor::add_scaled(state.position.as_mut_slice(), h, momentum.as_slice());
}

/// The part after it: half a kick by the gradient at the point.
#[inline(always)]
pub fn past_point<S: Scalar, V: Vector<Scalar = S>>(state: &State<V>, momentum: &mut V, h: S) {
    tensor::add_scaled(momentum.as_mut_slice(), S::constant(-0.5) * h, state.gradient.as_slice());
}

/// H = U(x) + ‖p‖²/2.
#[inline(always)]
pub fn hamiltonian<S: Scalar, V: Vector<Scalar = S>>(state: &State<V>, momentum: &V) -> S {
    state.energy + S::constant(0.5) * tensor::squared_norm(momentum.as_slice())
}
