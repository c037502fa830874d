//! Posterior sampling, the work that a training asks of its target: the published effort and ours, per batch of 1024
//! noised points, on one thread; and what the lanes are worth against scalar code.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kiln_core::dynamics::step_size;
use kiln_core::energy::{ManyWell, mog40};
use kiln_core::posterior::{Params, Transition, Workspace, denoise};
use kiln_core::random::{Purpose, Stream};
use kiln_core::score::{Estimate, Estimator};
use kiln_gpu::pack::PackEnergy;
use kiln_gpu::posterior::{denoise_batch, normal_batch};
use std::hint::black_box;
use std::sync::atomic::AtomicBool;

/// Nobody interrupts a bench.
static NEVER: AtomicBool = AtomicBool::new(false);

const ROWS: usize = 1024;

/// AIS with 10 particles and 15 levels of one-leapfrog HMC, then 5 MALA steps ([P] appendix).
fn published(step: f64, chain_step: f64) -> Params {
    Params {
        particles: 10,
        levels: 15,
        transition: Transition::Hmc { leapfrog_steps: 1 },
        transition_step: step,
        cycles: 5,
        min_effective_sample_size: f64::INFINITY,
        refresh_sweeps: 0,
        refresh_block: 1,
        chain: Transition::Mala,
        chain_steps: 1,
        chain_step,
        keep: 1,
        scale_steps: false,
        adapt: None,
        estimator: Estimator::Mixed,
    }
}

/// One resampled particle, then cycles of a coordinate-refresh sweep and a MALA step.
fn refreshed(cycles: u32) -> Params {
    Params {
        particles: 1,
        levels: 1,
        cycles,
        refresh_sweeps: 1,
        keep: 3 * cycles / 4,
        scale_steps: true,
        adapt: Some(step_size::Params::default()),
        estimator: Estimator::MinimumVariance,
        ..published(0.3, 0.05)
    }
}

/// All weighted particles.
fn importance(particles: u32) -> Params {
    Params { particles, levels: 1, cycles: 0, estimator: Estimator::MinimumVariance, ..published(1.0, 0.01) }
}

fn batch(c: &mut Criterion, name: &str, energy: &PackEnergy, scale: f32, v: f32, params: &Params) {
    let y: Vec<f32> = normal_batch(1, Purpose::Test, 0, ROWS, energy.dim()).into_iter().map(|z| scale * z).collect();
    let ratios = vec![v; ROWS];
    let mut out = vec![0.0; y.len()];
    c.bench_function(name, |b| {
        b.iter(|| black_box(denoise_batch(energy, (1, 0), &y, &ratios, params, &mut out, &NEVER)))
    });
}

fn posteriors(c: &mut Criterion) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("a pool");
    let (mog, wells) = (mog40(), ManyWell::<32>);
    batch(c, "mog40 published, 1024 rows, 1 thread", &mog, 25.0, 1.0, &published(1.0, 0.01));
    batch(c, "mog40 importance 128, 1024 rows, 1 thread", &mog, 25.0, 1.0, &importance(128));
    batch(c, "mw32 published, 1024 rows, 1 thread", &wells, 1.7, 1.0, &published(0.3, 0.05));
    batch(c, "mw32 refresh 40, 1024 rows, 1 thread", &wells, 1.7, 1.0, &refreshed(40));
}

fn scalar(c: &mut Criterion) {
    let params = refreshed(40);
    c.bench_function("mw32 refresh 40, 16 rows, scalar f32", |b| {
        b.iter_batched_ref(
            || (0..16).map(|row| Stream::new(1, Purpose::Posterior, row)).collect::<Vec<_>>(),
            |streams| {
                let y = [0.7_f32; 32];
                let (mut estimate, mut workspace) = (Estimate::new(&y), Workspace::new(&y));
                for stream in streams {
                    black_box(denoise(stream, &ManyWell::<32>, &y, 1.0, &params, &mut estimate, &mut workspace));
                }
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = posteriors, scalar
}
criterion_main!(benches);
