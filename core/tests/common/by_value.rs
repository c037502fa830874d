//! Algorithms that write to what their caller gives them, as functions that return what was written: room and workspace
//! are made for each call.

use kiln_core::dynamics::{self, Kernel, State, annealing, importance};
use kiln_core::posterior;
use kiln_core::random::Randomness;
use kiln_core::score::{Accumulator, Estimate, Estimator};
use kiln_core::{Energy, Scalar, Vector};

/// One annealing run.
pub fn anneal<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S> + ?Sized, K: Kernel<V>>(
    rng: &mut R,
    (y, v): (&V, S),
    target: &E,
    params: &annealing::Params<K>,
) -> (annealing::Particle<V>, annealing::Report<S>) {
    let mut particle = annealing::Particle::new(y);
    let report = annealing::run(rng, y, v, target, params, &mut particle, &mut dynamics::Workspace::new(y));
    (particle, report)
}

/// One particle, drawn by its weight.
pub fn resample<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>>(rng: &mut R, particles: &[V], weights: &[S]) -> V {
    let mut chosen = particles[0].clone();
    importance::resample(rng, particles, weights, &mut chosen);
    chosen
}

/// An estimate of the denoiser from sums.
pub fn estimate<S: Scalar, V: Vector<Scalar = S>>(
    sums: &Accumulator<V>,
    like: &V,
    v: S,
    estimator: Estimator,
) -> Estimate<V> {
    let mut estimate = Estimate::new(like);
    sums.estimate(v, estimator, &mut estimate);
    estimate
}

/// An estimate of the denoiser from posterior samples.
pub fn denoise<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S> + ?Sized>(
    rng: &mut R,
    target: &E,
    y: &V,
    v: S,
    params: &posterior::Params,
) -> (Estimate<V>, posterior::Report<S>) {
    let mut estimate = Estimate::new(y);
    let mut workspace = posterior::Workspace::new(y);
    let report = posterior::denoise(rng, target, y, v, params, &mut estimate, &mut workspace);
    (estimate, report)
}

/// A chain at its start: a state and the workspace of its steps.
pub fn start<S: Scalar, V: Vector<Scalar = S>, E: Energy<S> + ?Sized>(
    energy: &E,
    position: V,
) -> (State<V>, dynamics::Workspace<V>) {
    let workspace = dynamics::Workspace::new(&position);
    (State::new(energy, position), workspace)
}
