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
use crate::energy::wrong_length;
use crate::random::Randomness;
use crate::score::{Accumulator, Estimate, Estimator};
use crate::symmetry::MeanFree;
use crate::{Energy, Mask, Scalar, Vector, tensor};

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

impl<S: Scalar, V: Vector<Scalar = S>> Kernel<V> for Mover<S> {
    #[inline(always)]
    fn step<R: Randomness<S>, E: Energy<S> + ?Sized>(
        &self,
        rng: &mut R,
        state: &mut State<V>,
        energy: &E,
        workspace: &mut dynamics::Workspace<V>,
    ) -> Info<S> {
        let step_size = self.step_size;
        match self.transition {
            Transition::Mala => langevin::step(rng, state, &langevin::Params { step_size }, energy, workspace),
            Transition::Hmc { leapfrog_steps } => {
                let params = hmc::Params { step_size, steps: leapfrog_steps };
                hmc::step(rng, state, &params, energy, workspace)
            }
        }
    }
}

/// What [`denoise`] works in: made once, of use for any number of calls with vectors of one length. What it holds between
/// calls means nothing.
#[derive(Clone, Debug)]
pub struct Workspace<V: Vector> {
    kernel: dynamics::Workspace<V>,
    particle: annealing::Particle<V>,
    /// Of the weighted particles.
    particles: Accumulator<V>,
    /// Where the chain is; before it starts, the particle that resampling would take.
    state: State<V>,
    /// Of the chain's states.
    chain: Accumulator<V>,
    chain_estimate: Estimate<V>,
}

impl<S: Scalar, V: Vector<Scalar = S>> Workspace<V> {
    /// For vectors as long as `like`.
    #[inline(always)]
    pub fn new(like: &V) -> Self {
        Self {
            kernel: dynamics::Workspace::new(like),
            particle: annealing::Particle::new(like),
            particles: Accumulator::new(like),
            state: State { position: like.clone(), gradient: like.clone(), energy: S::zero() },
            chain: Accumulator::new(like),
            chain_estimate: Estimate::new(like),
        }
    }
}

/// The particles' weighted sums, relative to the largest log-weight so far.
struct Sums<S> {
    largest: S,
    weight: S,
    square: S,
    /// The perturbed log-weight of the particle that Gumbel-max resampling would take.
    best: S,
    energy: S,
}

/// Draws particles one after the other; their full statistics only where `all` asks for them. The particle that
/// resampling takes is left in the workspace's state.
#[inline]
fn particles<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S> + ?Sized>(
    rng: &mut R,
    posterior: &Posterior<'_, &E, V>,
    params: &Params,
    report: &mut Report<S>,
    workspace: &mut Workspace<V>,
) -> Sums<S> {
    let (y, v) = (posterior.y, posterior.v);
    let kernel = Mover::new(params.transition, params.transition_step, v, params.scale_steps);
    let anneal = annealing::Params { levels: params.levels, kernel };
    let all = params.cycles == 0 || params.min_effective_sample_size.is_finite();
    let lowest = S::constant(f64::from(f32::MIN));
    let zero = S::zero();
    let mut sums = Sums { largest: lowest, weight: zero, square: zero, best: lowest, energy: zero };
    let Workspace { kernel, particle, particles: accumulator, state, .. } = workspace;
    let chosen = state.position.as_mut_slice();
    chosen.copy_from_slice(y.as_slice());
    accumulator.restart(y);
    for _ in 0..params.particles.max(1) {
        if posterior.target.stopped() {
            break;
        }
        let run = annealing::run(rng, y, v, posterior.target, &anneal, particle, kernel);
        report.annealing_acceptance += run.acceptance;
        report.divergences += run.divergences;
        report.evaluations += run.evaluations;

        let finite = particle.log_weight.is_finite();
        report.divergences += S::select(finite, zero, S::one());
        let log_weight = S::select(finite, particle.log_weight, lowest);
        let largest = sums.largest.max(log_weight);
        let fade = (sums.largest - largest).exp();
        let weight = S::select(finite, (log_weight - largest).exp(), zero);
        sums.largest = largest;
        sums.weight = sums.weight * fade + weight;
        sums.square = sums.square * fade.square() + weight.square();
        if all {
            let energy = S::select(finite, particle.state.energy, zero);
            sums.energy = sums.energy * fade + weight * energy;
            posterior.tilt(&mut particle.state);
            // Without weight it may hold NaN, which times 0 is NaN still.
            let gradient = particle.state.gradient.as_mut_slice();
            gradient.iter_mut().for_each(|g| *g = S::select(finite, *g, zero));
            accumulator.rescale(fade);
            accumulator.add(&particle.state.position, &particle.state.gradient, v, weight);
        }
        if params.cycles > 0 {
            // Gumbel-max: the arg max of log w − log(−log u) is distributed as the weights.
            let gumbel = -(-rng.uniform().ln()).ln();
            let perturbed = S::select(finite, log_weight + gumbel, lowest);
            let better = sums.best.lt(perturbed);
            tensor::take(chosen, better, particle.state.position.as_slice());
            sums.best = S::select(better, perturbed, sums.best);
        }
    }
    report.annealing_acceptance = report.annealing_acceptance / S::constant(f64::from(params.particles.max(1)));
    report.effective_sample_size = sums.weight.square() / sums.square;
    sums
}

/// Estimates D(y, v) for one noised point per lane, into `estimate`. Particles whose energy is not finite are left out and
/// counted; where that leaves none, the estimate is NaN.
///
/// # Panics
/// If y has another length than the target's dimension, or the workspace was made for another.
#[inline]
pub fn denoise<S: Scalar, V: Vector<Scalar = S>, R: Randomness<S>, E: Energy<S> + ?Sized>(
    rng: &mut R,
    target: &E,
    y: &V,
    v: S,
    params: &Params,
    estimate: &mut Estimate<V>,
    workspace: &mut Workspace<V>,
) -> Report<S> {
    if target.dim() != y.as_slice().len() {
        wrong_length();
    }
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
    let posterior = Posterior::new(target, y, v);
    let sums = particles(rng, &posterior, params, &mut report, workspace);
    let Workspace { kernel: scratch, particles: weighted, state, chain, chain_estimate, .. } = workspace;
    let trusted = if params.cycles == 0 {
        S::Mask::splat(true)
    } else {
        S::constant(params.min_effective_sample_size).lt(report.effective_sample_size)
    };
    weighted.estimate(v, params.estimator, estimate);
    let weighted_energy = sums.energy / sums.weight;
    if trusted.all() {
        report.energy = weighted_energy;
        return report;
    }

    let particle_divergences = report.divergences;
    chain.restart(&state.position);
    state.evaluate(&posterior);
    report.evaluations += 1;
    let mut kernel = Mover::new(params.chain, params.chain_step, v, params.scale_steps);
    let mut step = step_size::init(kernel.step_size);
    let keep = params.keep.clamp(1, params.cycles);
    for cycle in 0..params.cycles {
        if target.stopped() {
            break;
        }
        let kept = cycle + keep >= params.cycles;
        if kept {
            step.freeze();
        }
        if params.refresh_sweeps > 0 {
            let mut energy = posterior.target_energy(state);
            let block = refresh::Params { block: params.refresh_block };
            for _ in 0..params.refresh_sweeps {
                if target.stopped() {
                    break;
                }
                let info = refresh::sweep(rng, state, &mut energy, &block, &posterior, scratch);
                report.refresh_acceptance += info.acceptance;
                report.divergences += S::select(info.divergent, S::one(), zero);
                report.evaluations += info.evaluations;
            }
            state.evaluate(&posterior);
            report.evaluations += 1;
        }
        for _ in 0..params.chain_steps {
            if target.stopped() {
                break;
            }
            kernel.step_size = step.step_size;
            let info = kernel.step(rng, state, &posterior, scratch);
            if let Some(adapt) = &params.adapt {
                step_size::step(&mut step, adapt, info.acceptance);
            }
            report.chain_acceptance += info.acceptance;
            report.divergences += S::select(info.divergent, S::one(), zero);
            report.evaluations += info.evaluations;
        }
        if kept {
            chain.add(&state.position, &state.gradient, v, S::one());
            report.energy += posterior.target_energy(state);
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
    chain.estimate(v, params.estimator, chain_estimate);
    tensor::take(estimate.denoiser.as_mut_slice(), !trusted, chain_estimate.denoiser.as_slice());
    estimate.lambda = S::select(trusted, estimate.lambda, chain_estimate.lambda);
    report
}
