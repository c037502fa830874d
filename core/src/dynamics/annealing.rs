//! Annealed importance sampling (Neal 2001) from a Gaussian to a target, with any Markov kernel.
//!
//! The path is U_β(x) = −log N(x; y, v²I) + β E(x), β_k = k/K: a particle starts at an exact sample
//! of the Gaussian and is moved once at each of β_1 … β_{K−1}; its log-weight is
//! Σ_k −(β_k − β_{k−1}) E(x_{k−1}). K = 1 is plain importance sampling. The mean weight is an
//! unbiased estimate of Z = ∫ N(x; y, v²I) exp(−E(x)) dx. For the normaliser of a target itself
//! take [`Residual`] as E.

use crate::diffusion::Posterior;
use crate::energy::{Gaussian, gaussian};
use crate::random::Randomness;
use crate::symmetry::Symmetry;
use crate::{Energy, Scalar, Vector};

use super::{Kernel, State, Workspace};

/// How finely to anneal, and the kernel that moves the particle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Params<K> {
    /// K ≥ 1, the number of equal steps in β.
    pub levels: u32,
    /// Moves the particle at each level between.
    pub kernel: K,
}

/// A weighted particle per lane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Particle<V: Vector> {
    /// The position, with the target's energy E and gradient ∇E there.
    pub state: State<V>,
    /// Its log-weight; not finite where the energy was not: it counts as no weight at all.
    pub log_weight: V::Scalar,
}

impl<S: Scalar, V: Vector<Scalar = S>> Particle<V> {
    /// Room for a particle of this many coordinates.
    #[inline(always)]
    pub fn new(like: &V) -> Self {
        let zero = S::zero();
        Self { state: State { position: like.clone(), gradient: like.clone(), energy: zero }, log_weight: zero }
    }
}

/// What one annealing run did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Report<S> {
    /// Mean acceptance of the kernel over the levels; 0 where K = 1.
    pub acceptance: S,
    /// Divergent proposals, per lane.
    pub divergences: S,
    /// Energy evaluations per chain.
    pub evaluations: u32,
}

/// Anneals one particle per lane from N(y, v²I) towards exp(−target) · N(y, v²I).
#[inline]
pub fn run<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S> + ?Sized, K: Kernel<V>>(
    rng: &mut R,
    y: &V,
    v: S,
    target: &E,
    params: &Params<K>,
    particle: &mut Particle<V>,
    workspace: &mut Workspace<V>,
) -> Report<S> {
    let (zero, one) = (S::zero(), S::one());
    let levels = params.levels.max(1);
    let increment = S::constant(1.0 / f64::from(levels));
    let mut path = Posterior::new(target, y, v);
    let Particle { state, log_weight } = particle;
    gaussian::sample(rng, y.as_slice(), v, state.position.as_mut_slice());
    state.evaluate(target);
    *log_weight = -increment * state.energy;
    let mut report = Report { acceptance: zero, divergences: zero, evaluations: 1 };
    for k in 1..levels {
        if target.stopped() {
            break;
        }
        path.beta = S::constant(f64::from(k) / f64::from(levels));
        path.tilt(state);
        let info = params.kernel.step(rng, state, &path, workspace);
        path.untilt(state);
        *log_weight -= increment * state.energy;
        report.acceptance += info.acceptance;
        report.divergences += S::select(info.divergent, one, zero);
        report.evaluations += info.evaluations;
    }
    if levels > 1 {
        report.acceptance = report.acceptance / S::constant(f64::from(levels - 1));
    }
    report
}

/// E(x) + log N(x; y, v²I): with it as the target of [`run`], the mean weight estimates
/// Z = ∫ exp(−E(x)) dx.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Residual<E, V: Vector> {
    /// The target's energy.
    pub target: E,
    /// The reference N(y, v²I) that [`run`] starts from.
    pub reference: Gaussian<V>,
}

impl<S: Scalar, E: Energy<S>, V: Vector<Scalar = S>> Energy<S> for Residual<E, V> {
    #[inline(always)]
    fn dim(&self) -> usize {
        self.target.dim()
    }

    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let energy = self.target.energy_and_gradient(x, gradient);
        let Gaussian { mean, standard_deviation } = &self.reference;
        let precision = S::one() / standard_deviation.square();
        for (gradient, (x, mean)) in gradient.iter_mut().zip(x.iter().zip(mean.as_slice())) {
            *gradient -= (*x - *mean) * precision;
        }
        energy - self.reference.energy(x)
    }

    #[inline(always)]
    fn energy(&self, x: &[S]) -> S {
        self.target.energy(x) - self.reference.energy(x)
    }

    #[inline(always)]
    fn symmetry(&self) -> Symmetry {
        self.target.symmetry()
    }

    #[inline(always)]
    fn stopped(&self) -> bool {
        self.target.stopped()
    }
}
