//! Sampling the denoising posterior p(x | y) ∝ exp(−E(x) − ‖x − y‖²/(2v²)), and the estimate of the
//! denoiser from its samples: what one training step asks of the target.
//!
//! 1. Particles start at N(y, v²I), plain importance sampling or annealed ([`annealing`]).
//! 2. Either all weighted particles feed the estimator, or one is resampled (Gumbel-max) and a
//!    chain runs from it: cycles of coordinate refreshes ([`refresh`]) and steps of MALA
//!    ([`langevin`]) or HMC ([`hmc`]) whose last states feed the estimator. Weights are trusted where their
//!    effective sample size is large enough: far from the target a few particles carry them all,
//!    and their mean lags behind the posterior's.
//!
//! One call serves one noised point per lane. Nothing is stored per particle: weights are kept
//! relative to a running maximum.

use crate::diffusion::Posterior;
use crate::dynamics::{self, Info, Kernel, State, annealing, hmc, langevin, refresh, step_size};
use crate::energy::Gaussian;
use crate::random::Randomness;
use crate::score::{Accumulator, Estimate, Estimator};
use crate::symmetry::MeanFree;
use crate::{Energy, Mask, Scalar, tensor};

/// The kernel that moves a particle between annealing levels, or along the chain. Stiff targets far
/// from their noised points want HMC: LJ-13 at v = 1 reaches equilibrium after 600 evaluations in
/// trajectories of 20 leapfrog steps, and after more than 3000 with MALA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Transition {
    /// HMC with this many leapfrog steps.
    Hmc {
        /// Leapfrog steps of one trajectory, at least 1.
        leapfrog_steps: u32,
    },
    /// MALA.
    Mala,
}

/// The effort spent on each posterior.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Params {
    /// Particles, at least 1.
    pub particles: u32,
    /// Annealing levels K; 1 is plain importance sampling.
    pub levels: u32,
    /// Moves particles between levels.
    pub transition: Transition,
    /// Step size of `transition` (leapfrog h, or MALA's h).
    pub transition_step: f64,
    /// Where the effective sample size of the particles exceeds this, all of them feed the
    /// estimator, with their weights; elsewhere the chain does. Infinity: always the chain.
    pub min_effective_sample_size: f64,
    /// Cycles of the chain that starts from one resampled particle; 0: no chain, whatever the
    /// weights.
    pub cycles: u32,
    /// Sweeps of coordinate refreshes in each cycle.
    pub refresh_sweeps: u32,
    /// Coordinates drawn together in a refresh.
    pub refresh_block: usize,
    /// Moves the chain after the refreshes of each cycle.
    pub chain: Transition,
    /// How many steps it makes in each cycle.
    pub chain_steps: u32,
    /// Step size of `chain` (leapfrog h, or MALA's h).
    pub chain_step: f64,
    /// States kept: those after the last `keep` cycles, at least 1.
    pub keep: u32,
    /// Shorten steps where the noise is smaller than the target's structure:
    /// h ← 1/(1/h + 2.5/v²) for MALA, the square of that for leapfrog.
    pub scale_steps: bool,
    /// Adapts the chain's step size in the cycles before the kept ones, then freezes it.
    pub adapt: Option<step_size::Params>,
    /// How posterior samples make a denoiser.
    pub estimator: Estimator,
}

/// What the sampler did, per lane; means over its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Report<S> {
    /// Effective sample size of the particles' weights.
    pub effective_sample_size: S,
    /// Acceptance rate of the annealing kernel.
    pub annealing_acceptance: S,
    /// Acceptance rate of the chain's kernel.
    pub chain_acceptance: S,
    /// Acceptance rate of coordinate refreshes.
    pub refresh_acceptance: S,
    /// Proposals or weights with a non-finite energy.
    pub divergences: S,
    /// Mean energy E (not U) of the samples that fed the estimator.
    pub energy: S,
    /// Energy evaluations per chain.
    pub evaluations: u32,
}

/// A [`Transition`] with its step size.
#[derive(Clone, Copy, Debug)]
struct Mover<S> {
    transition: Transition,
    step_size: S,
}

impl<S: Scalar> Mover<S> {
    /// With step size `h`, shortened for the noise v where `scale` says so.
    #[inline(always)]
    fn new(transition: Transition, h: f64, v: S, scale: bool) -> Self {
        let scaled = |h: f64| S::one() / (S::constant(1.0 / h) + S::constant(2.5) / v.square());
        let step_size = match transition {
            _ if !scale => S::constant(h),
            Transition::Mala => scaled(h),
            Transition::Hmc { .. } => scaled(h * h).sqrt(),
        };
        Self { transition, step_size }
    }
}

impl<S: Scalar, const N: usize> Kernel<S, N> for Mover<S> {
    #[inline(always)]
    fn step<R: Randomness<S>, E: Energy<S, N>>(&self, rng: &mut R, state: &mut State<S, N>, energy: &E) -> Info<S> {
        let step_size = self.step_size;
        match self.transition {
            Transition::Mala => langevin::step(rng, state, &langevin::Params { step_size }, energy),
            Transition::Hmc { leapfrog_steps } => {
                hmc::step(rng, state, &hmc::Params { step_size, steps: leapfrog_steps }, energy)
            }
        }
    }
}

/// The particles' weighted sums, relative to the largest log-weight so far.
struct Particles<S, const N: usize> {
    largest: S,
    weight: S,
    square: S,
    /// The particle that Gumbel-max resampling would take, and its perturbed log-weight.
    chosen: [S; N],
    best: S,
    accumulator: Accumulator<S, N>,
    energy: S,
}

/// Draws particles one after the other; their full statistics only where `all` asks for them.
#[inline]
fn particles<S: Scalar, R: Randomness<S>, E: Energy<S, N>, const N: usize>(
    rng: &mut R,
    posterior: &Posterior<&E, S, N>,
    params: &Params,
    report: &mut Report<S>,
) -> Particles<S, N> {
    let reference = Gaussian { mean: posterior.y, standard_deviation: posterior.v };
    let kernel = Mover::new(params.transition, params.transition_step, posterior.v, params.scale_steps);
    let anneal = annealing::Params { levels: params.levels, kernel };
    let all = params.cycles == 0 || params.min_effective_sample_size.is_finite();
    let lowest = S::constant(f64::from(f32::MIN));
    let mut sums = Particles {
        largest: lowest,
        weight: S::zero(),
        square: S::zero(),
        chosen: posterior.y,
        best: lowest,
        accumulator: Accumulator::new(posterior.y),
        energy: S::zero(),
    };
    for _ in 0..params.particles.max(1) {
        if posterior.target.stopped() {
            break;
        }
        let (particle, run) = annealing::run(rng, &reference, &posterior.target, &anneal);
        report.annealing_acceptance += run.acceptance;
        report.divergences += run.divergences;
        report.evaluations += run.evaluations;

        let finite = particle.log_weight.is_finite();
        report.divergences += S::select(finite, S::zero(), S::one());
        let log_weight = S::select(finite, particle.log_weight, lowest);
        let largest = sums.largest.max(log_weight);
        let fade = (sums.largest - largest).exp();
        let weight = S::select(finite, (log_weight - largest).exp(), S::zero());
        sums.largest = largest;
        sums.weight = sums.weight * fade + weight;
        sums.square = sums.square * fade.square() + weight.square();
        if all {
            let state = posterior.assemble(particle.position, particle.energy, &particle.gradient);
            sums.accumulator.rescale(fade);
            // Without weight it may hold NaN, which times 0 is NaN still.
            let gradient = tensor::select(finite, &state.gradient, &tensor::zeros());
            sums.accumulator.add(&particle.position, &gradient, posterior.v, weight);
            let energy = S::select(finite, particle.energy, S::zero());
            sums.energy = sums.energy * fade + weight * energy;
        }
        if params.cycles > 0 {
            // Gumbel-max: the arg max of log w − log(−log u) is distributed as the weights.
            let gumbel = -(-rng.uniform().ln()).ln();
            let perturbed = S::select(finite, log_weight + gumbel, lowest);
            let better = sums.best.lt(perturbed);
            sums.chosen = tensor::select(better, &particle.position, &sums.chosen);
            sums.best = S::select(better, perturbed, sums.best);
        }
    }
    report.annealing_acceptance = report.annealing_acceptance / S::constant(f64::from(params.particles.max(1)));
    report.effective_sample_size = sums.weight.square() / sums.square;
    sums
}

/// Estimates D(y, v) for one noised point per lane. Particles whose energy is not finite are left out and counted; where
/// that leaves none, the estimate is NaN.
#[inline]
pub fn denoise<S: Scalar, R: Randomness<S>, E: Energy<S, N>, const N: usize>(
    rng: &mut R,
    target: &E,
    y: &[S; N],
    v: S,
    params: &Params,
) -> (Estimate<S, N>, Report<S>) {
    let zero = S::zero();
    let rng = &mut MeanFree { rng, symmetry: target.symmetry() };
    let mut report = Report {
        effective_sample_size: zero,
        annealing_acceptance: zero,
        chain_acceptance: zero,
        refresh_acceptance: zero,
        divergences: zero,
        energy: zero,
        evaluations: 0,
    };
    let posterior = Posterior::new(target, *y, v);
    let sums = particles(rng, &posterior, params, &mut report);
    let trusted = if params.cycles == 0 {
        S::Mask::splat(true)
    } else {
        S::constant(params.min_effective_sample_size).lt(report.effective_sample_size)
    };
    let weighted = sums.accumulator.estimate(v, params.estimator);
    let weighted_energy = sums.energy / sums.weight;
    if trusted.all() {
        report.energy = weighted_energy;
        return (weighted, report);
    }

    let particle_divergences = report.divergences;
    let mut state = dynamics::init(&posterior, sums.chosen);
    report.evaluations += 1;
    let mut kernel = Mover::new(params.chain, params.chain_step, v, params.scale_steps);
    let mut step = step_size::init(kernel.step_size);
    let keep = params.keep.clamp(1, params.cycles);
    let mut accumulator = Accumulator::new(sums.chosen);
    for cycle in 0..params.cycles {
        if target.stopped() {
            break;
        }
        let kept = cycle + keep >= params.cycles;
        if kept {
            step.freeze();
        }
        if params.refresh_sweeps > 0 {
            let mut energy = posterior.target_energy(&state);
            let block = refresh::Params { block: params.refresh_block };
            for _ in 0..params.refresh_sweeps {
                if target.stopped() {
                    break;
                }
                let info = refresh::sweep(rng, &mut state, &mut energy, &block, &posterior);
                report.refresh_acceptance += info.acceptance;
                report.divergences += S::select(info.divergent, S::one(), zero);
                report.evaluations += info.evaluations;
            }
            state = dynamics::init(&posterior, state.position);
            report.evaluations += 1;
        }
        for _ in 0..params.chain_steps {
            if target.stopped() {
                break;
            }
            kernel.step_size = step.step_size;
            let info = kernel.step(rng, &mut state, &posterior);
            if let Some(adapt) = &params.adapt {
                step_size::step(&mut step, adapt, info.acceptance);
            }
            report.chain_acceptance += info.acceptance;
            report.divergences += S::select(info.divergent, S::one(), zero);
            report.evaluations += info.evaluations;
        }
        if kept {
            accumulator.add(&state.position, &state.gradient, v, S::one());
            report.energy += posterior.target_energy(&state);
        }
    }
    let steps = S::constant(f64::from(params.cycles * params.chain_steps.max(1)));
    let sweeps = S::constant(f64::from(params.cycles * params.refresh_sweeps.max(1)));
    let kept = S::constant(f64::from(keep));
    // What a lane reports must not depend on its neighbours: no chain counts where weights do.
    report.chain_acceptance = S::select(trusted, zero, report.chain_acceptance / steps);
    report.refresh_acceptance = S::select(trusted, zero, report.refresh_acceptance / sweeps);
    report.divergences = S::select(trusted, particle_divergences, report.divergences);
    report.energy = S::select(trusted, weighted_energy, report.energy / kept);
    let chain = accumulator.estimate(v, params.estimator);
    let estimate = Estimate {
        denoiser: tensor::select(trusted, &weighted.denoiser, &chain.denoiser),
        lambda: S::select(trusted, weighted.lambda, chain.lambda),
    };
    (estimate, report)
}
