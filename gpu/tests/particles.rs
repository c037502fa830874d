//! Particles through the batch sampler: the mean-free subspace, and a target of 165 dimensions on a worker's stack.

use kiln_core::dynamics::step_size;
use kiln_core::energy::{DoubleWell, LennardJones, ManyWell, Pairs};
use kiln_core::posterior::{Params, Transition};
use kiln_core::random::Purpose;
use kiln_core::score::Estimator;
use kiln_core::symmetry::Symmetry;
use kiln_gpu::posterior::{EnergyTarget, Target, mean_free, normal_batch};

const ROWS: usize = 40;

fn params() -> Params {
    Params {
        particles: 4,
        levels: 3,
        transition: Transition::Mala,
        transition_step: 1e-3,
        min_effective_sample_size: f64::INFINITY,
        cycles: 4,
        refresh_sweeps: 1,
        refresh_block: 1,
        chain: Transition::Hmc { leapfrog_steps: 5 },
        chain_steps: 1,
        chain_step: 0.01,
        keep: 2,
        scale_steps: true,
        adapt: Some(step_size::Params::default()),
        estimator: Estimator::MinimumVariance,
    }
}

/// The largest mean over particles of any row and coordinate.
fn largest_mean(symmetry: Symmetry, rows: &[f32]) -> f64 {
    let Symmetry::Particles { count, dimensions } = symmetry else { return f64::INFINITY };
    let mut largest = 0.0_f64;
    for row in rows.chunks_exact(count * dimensions) {
        for k in 0..dimensions {
            let sum: f64 = row.iter().skip(k).step_by(dimensions).map(|x| f64::from(*x)).sum();
            largest = largest.max((sum / count as f64).abs());
        }
    }
    largest
}

fn check(target: &dyn Target, width: f32) {
    let symmetry = target.symmetry();
    let mut y: Vec<f32> = normal_batch(1, Purpose::Test, 0, ROWS, target.dim()).iter().map(|z| width * z).collect();
    assert!(largest_mean(symmetry, &y) > 0.1, "noise as it is drawn is not mean-free");
    mean_free(symmetry, &mut y);
    assert!(largest_mean(symmetry, &y) < 1e-6);
    let mut denoised = vec![f32::NAN; y.len()];
    let reports = target.denoise((1, 0), &y, &[0.2; ROWS], &params(), &mut denoised);
    assert!(denoised.iter().all(|x| x.is_finite()) && reports.iter().all(|row| row.energy.is_finite()));
    assert!(denoised.iter().zip(&y).any(|(d, y)| (d - y).abs() > 0.01), "it moves");
    assert!(largest_mean(symmetry, &denoised) < 1e-5, "{}", largest_mean(symmetry, &denoised));
    let mut gradient = vec![f32::NAN; y.len()];
    assert!(target.energies(&y, &mut gradient).iter().all(|e| e.is_finite()));
}

#[test]
fn batches_of_particles_stay_mean_free() {
    check(&EnergyTarget::<_, 8>(DoubleWell::<4, 2>), 2.0);
    check(&EnergyTarget::<_, 39>(LennardJones::<13, 3>::new(Pairs::Twice).smooth()), 1.0);
}

/// With a quarter of the stack that a rayon worker has on most systems.
#[test]
fn fifty_five_particles_fit_a_workers_stack() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).stack_size(1 << 19).build().expect("a pool");
    pool.install(|| check(&EnergyTarget::<_, 165>(LennardJones::<55, 3>::new(Pairs::Twice).smooth()), 1.8));
}

#[test]
fn without_symmetry_nothing_is_moved() {
    let target = EnergyTarget::<_, 32>(ManyWell::<32>);
    let mut rows = normal_batch(1, Purpose::Test, 0, ROWS, 32);
    let before = rows.clone();
    mean_free(target.symmetry(), &mut rows);
    assert_eq!((target.symmetry(), rows), (Symmetry::None, before));
}
