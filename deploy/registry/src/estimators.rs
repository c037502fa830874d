//! Noise levels, score estimators and posterior sampling as training uses it.

use kiln_core::diffusion::{NoiseLevel, Posterior, Schedule};
use kiln_core::dynamics::{State, step_size};
use kiln_core::energy::{DoubleWell, ManyWell, mog40};
use kiln_core::posterior::{Params, Transition, Workspace, denoise};
use kiln_core::random::Randomness;
use kiln_core::score::{Accumulator, Estimate, Estimator};
use kiln_core::symmetry::MeanFree;
use kiln_core::{Energy, Lanes};

use crate::Kernel;
use crate::dynamics::Called;
use crate::hash::Hash;
use crate::pack::{LANES, Pack, Trace, chains, join, numbers};

/// The published schedules and levels made from ratios.
fn levels(hash: &mut Hash, count: u32) {
    for steps in 2..=count as usize {
        let schedule = Schedule::linear(1e-4, 0.7, steps);
        for level in schedule.iter().flat_map(Schedule::levels) {
            let again = NoiseLevel::from_ratio(level.ratio());
            hash.all(&[level.alpha, level.sigma, again.alpha, again.sigma]);
        }
    }
}

/// Each estimator on the same sixteen weighted samples around a noised point.
fn estimate<P: Pack>(hash: &mut Hash, count: u32) {
    let energy = Called(ManyWell::<4>);
    let every = [Estimator::Denoising, Estimator::Target, Estimator::Mixed, Estimator::MinimumVariance];
    chains::<P, 20>(hash, count, |rng| {
        let v = P::constant(0.6);
        let mut y = [P::zero(); 4];
        rng.fill_normal(&mut y);
        let posterior = Posterior::new(&energy, &y, v);
        let mut sums = Accumulator::new(&y);
        for k in 0..16 {
            let mut x = y;
            let mut noise = [P::zero(); 4];
            rng.fill_normal(&mut noise);
            kiln_core::tensor::add_scaled(&mut x, v, &noise);
            let state = State::new(&posterior, x);
            if k == 8 {
                sums.rescale(P::constant(0.3));
            }
            sums.add(&state.position, &state.gradient, v, rng.uniform());
        }
        let estimates = every.map(|estimator| {
            let mut estimate = Estimate::new(&y);
            sums.estimate(v, estimator, &mut estimate);
            estimate
        });
        let mut parts = [P::zero(); 20];
        for (slots, estimate) in parts.chunks_exact_mut(5).zip(&estimates) {
            slots[..4].copy_from_slice(&estimate.denoiser);
            slots[4] = estimate.lambda;
        }
        numbers(parts)
    });
}

/// One denoiser of each noised point; `M` is N + 7.
fn sample<P: Pack, E: Energy<P>, const N: usize, const M: usize>(
    hash: &mut Hash,
    count: u32,
    energy: E,
    (spread, v): (f64, f64),
    params: &Params,
) {
    const { assert!(M == N + 7, "an estimate and its report") }
    let energy = Called(energy);
    chains::<P, M>(hash, count, |rng| {
        let mut y = [P::zero(); N];
        MeanFree { rng: &mut *rng, symmetry: energy.symmetry() }.fill_normal(&mut y);
        y.iter_mut().for_each(|y| *y *= P::constant(spread));
        let (mut estimate, mut workspace) = (Estimate::new(&y), Workspace::new(&y));
        let report = denoise(rng, &energy, &y, P::constant(v), params, &mut estimate, &mut workspace);
        let told = [
            estimate.lambda,
            report.effective_sample_size,
            report.annealing_acceptance,
            report.chain_acceptance,
            report.refresh_acceptance,
            report.divergences,
            report.energy,
        ];
        Trace {
            numbers: join(&[&estimate.denoiser, &told]),
            mask: told[6].is_finite(),
            evaluations: report.evaluations,
        }
    });
}

const WEIGHTS_ALONE: Params = Params {
    particles: 32,
    levels: 1,
    transition: Transition::Mala,
    transition_step: 0.1,
    min_effective_sample_size: 0.0,
    cycles: 0,
    refresh_sweeps: 0,
    refresh_block: 2,
    chain: Transition::Mala,
    chain_steps: 0,
    chain_step: 0.1,
    keep: 1,
    scale_steps: false,
    adapt: None,
    estimator: Estimator::Mixed,
};

fn weighted<P: Pack>(hash: &mut Hash, count: u32) {
    sample::<P, _, 2, 9>(hash, count, mog40(), (25.0, 8.0), &WEIGHTS_ALONE);
}

/// As training does: weights where they can be trusted, else refreshes and an adapted MALA chain.
fn chained<P: Pack>(hash: &mut Hash, count: u32) {
    let params = Params {
        particles: 8,
        min_effective_sample_size: 4.0,
        cycles: 6,
        refresh_sweeps: 2,
        chain_steps: 2,
        chain_step: 0.05,
        keep: 3,
        scale_steps: true,
        adapt: Some(step_size::Params::default()),
        estimator: Estimator::MinimumVariance,
        ..WEIGHTS_ALONE
    };
    sample::<P, _, 32, 39>(hash, count, ManyWell::<32>, (1.5, 0.7), &params);
}

/// As published: annealed HMC, then a MALA chain.
fn annealed<P: Pack>(hash: &mut Hash, count: u32) {
    let params = Params {
        particles: 3,
        levels: 5,
        transition: Transition::Hmc { leapfrog_steps: 2 },
        transition_step: 0.1,
        min_effective_sample_size: f64::INFINITY,
        cycles: 4,
        chain_steps: 2,
        chain_step: 0.02,
        keep: 2,
        ..WEIGHTS_ALONE
    };
    sample::<P, _, 8, 15>(hash, count, DoubleWell::<4, 2>, (2.0, 0.9), &params);
}

pub const KERNELS: &[Kernel] = &[
    Kernel { name: "noise-levels/f64", count: 64, run: levels },
    Kernel { name: "score/f32", count: 256, run: estimate::<f32> },
    Kernel { name: "score/lanes", count: 256, run: estimate::<Lanes<LANES>> },
    Kernel { name: "score/f64", count: 256, run: estimate::<f64> },
    Kernel { name: "denoise/mog40/f32", count: 32, run: weighted::<f32> },
    Kernel { name: "denoise/mog40/lanes", count: 32, run: weighted::<Lanes<LANES>> },
    Kernel { name: "denoise/mw32/f32", count: 16, run: chained::<f32> },
    Kernel { name: "denoise/mw32/lanes", count: 16, run: chained::<Lanes<LANES>> },
    Kernel { name: "denoise/dw4/f32", count: 16, run: annealed::<f32> },
    Kernel { name: "denoise/dw4/lanes", count: 16, run: annealed::<Lanes<LANES>> },
];
