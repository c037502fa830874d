//! Annealed importance sampling (Neal 2001) from a Gaussian to a target, with any Markov kernel.
//!
//! The path is U_β(x) = −log N(x; y, v²I) + β E(x), β_k = k/K: a particle starts at an exact sample
//! of the Gaussian and is moved once at each of β_1 … β_{K−1}; its log-weight is
//! Σ_k −(β_k − β_{k−1}) E(x_{k−1}). K = 1 is plain importance sampling. The mean weight is an
//! unbiased estimate of Z = ∫ N(x; y, v²I) exp(−E(x)) dx. For the normaliser of a target itself
//! take [`Residual`] as E.

use crate::diffusion::Posterior;
use crate::energy::Gaussian;
use crate::random::Randomness;
use crate::symmetry::Symmetry;
use crate::{Energy, Scalar, tensor};

use super::{Info, Kernel};

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
pub struct Particle<S, const N: usize> {
    /// The position.
    pub position: [S; N],
    /// Its log-weight; not finite where the energy was not: it counts as no weight at all.
    pub log_weight: S,
    /// The target's energy E there.
    pub energy: S,
    /// The target's gradient ∇E there.
    pub gradient: [S; N],
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

/// Anneals one particle per lane from `reference` towards exp(−target) · reference.
#[inline]
pub fn run<S: Scalar, R: Randomness<S>, E: Energy<S, N>, K: Kernel<S, N>, const N: usize>(
    rng: &mut R,
    reference: &Gaussian<S, N>,
    target: &E,
    params: &Params<K>,
) -> (Particle<S, N>, Report<S>) {
    let levels = params.levels.max(1);
    let increment = S::constant(1.0 / f64::from(levels));
    let mut path = Posterior::new(target, reference.mean, reference.standard_deviation);
    let mut particle = Particle {
        position: reference.sample(rng),
        log_weight: S::zero(),
        energy: S::zero(),
        gradient: tensor::zeros(),
    };
    particle.energy = target.energy_and_gradient(&particle.position, &mut particle.gradient);
    particle.log_weight = -increment * particle.energy;
    let mut report = Report { acceptance: S::zero(), divergences: S::zero(), evaluations: 1 };
    for k in 1..levels {
        if target.stopped() {
            break;
        }
        path.beta = S::constant(f64::from(k) / f64::from(levels));
        let mut state = path.assemble(particle.position, particle.energy, &particle.gradient);
        let info: Info<S> = params.kernel.step(rng, &mut state, &path);
        particle.position = state.position;
        particle.energy = path.target_energy(&state);
        particle.gradient = path.target_gradient(&state);
        particle.log_weight -= increment * particle.energy;
        report.acceptance += info.acceptance;
        report.divergences += S::select(info.divergent, S::one(), S::zero());
        report.evaluations += info.evaluations;
    }
    if levels > 1 {
        report.acceptance = report.acceptance / S::constant(f64::from(levels - 1));
    }
    (particle, report)
}

/// E(x) + log N(x; …): with it as the target of [`run`], the mean weight estimates
/// Z = ∫ exp(−E(x)) dx.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Residual<E, S, const N: usize> {
    /// The target's energy.
    pub target: E,
    /// The reference that [`run`] starts from.
    pub reference: Gaussian<S, N>,
}

impl<E: Energy<S, N>, S: Scalar, const N: usize> Energy<S, N> for Residual<E, S, N> {
    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S; N], gradient: &mut [S; N]) -> S {
        let energy = self.target.energy_and_gradient(x, gradient);
        let mut pull = tensor::zeros();
        let reference = self.reference.energy_and_gradient(x, &mut pull);
        for i in 0..N {
            gradient[i] -= pull[i];
        }
        energy - reference
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
