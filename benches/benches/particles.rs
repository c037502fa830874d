//! MALA on particles at equilibrium: 1,024 chains in packs of 16 lanes, adaptive steps, one thread. The throughput is in
//! chain-steps, one proposal of one chain with its energy, gradient and Metropolis' choice.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kiln_core::dynamics::{State, Workspace, langevin, step_size};
use kiln_core::energy::{DoubleWell, LennardJones, Pairs};
use kiln_core::random::{Purpose, Randomness, Streams};
use kiln_core::symmetry::MeanFree;
use kiln_core::{Energy, Scalar, Vector};
use kiln_gpu::pack::{LANES, Pack, Points};
use std::hint::black_box;

const CHAINS: usize = 1024;
const STEPS: usize = 20;

/// Sixteen chains with their randomness.
struct Chains<V: Vector> {
    rng: MeanFree<Streams<LANES>>,
    state: State<V>,
    step: step_size::State<Pack>,
    workspace: Workspace<V>,
}

impl<V: Vector<Scalar = Pack>> Chains<V> {
    /// From N(0, `width`²), on the way to equilibrium for a while.
    fn new(energy: &dyn Energy<Pack>, mut x: V, index: usize, (width, step): (f64, f64)) -> Self {
        let streams = Streams::new(1, Purpose::Test, core::array::from_fn(|lane| (index * LANES + lane) as u64));
        let mut rng = MeanFree { rng: streams, symmetry: energy.symmetry() };
        rng.fill_normal(x.as_mut_slice());
        x.as_mut_slice().iter_mut().for_each(|x| *x *= Pack::constant(width));
        let workspace = Workspace::new(&x);
        let mut chains =
            Self { rng, state: State::new(energy, x), step: step_size::init(Pack::constant(step)), workspace };
        chains.run(energy, 2000);
        chains
    }

    /// The energy is called, not inlined, as in training.
    fn run(&mut self, energy: &dyn Energy<Pack>, steps: usize) {
        let params = step_size::Params::default();
        for _ in 0..steps {
            let kernel = langevin::Params { step_size: self.step.step_size };
            let info = langevin::step(&mut self.rng, &mut self.state, &kernel, energy, &mut self.workspace);
            step_size::step(&mut self.step, &params, info.acceptance);
        }
    }
}

fn chains<V: Vector<Scalar = Pack>>(
    c: &mut Criterion,
    name: &str,
    energy: &dyn Energy<Pack>,
    like: &V,
    start: (f64, f64),
) {
    let energy = black_box(energy);
    let new = |index| Chains::new(energy, like.clone(), index, start);
    let mut chains: Vec<_> = (0..CHAINS / LANES).map(new).collect();
    let mut group = c.benchmark_group("mala");
    group.throughput(Throughput::Elements((CHAINS * STEPS) as u64));
    group.bench_function(name, |b| {
        b.iter(|| {
            for chains in &mut chains {
                chains.run(energy, STEPS);
                black_box(chains.state.energy);
            }
        });
    });
    group.finish();
}

fn particles(c: &mut Criterion) {
    let zero = Pack::constant(0.0);
    let (dw4, lj13) = (DoubleWell::<4, 2>, LennardJones::<13, 3>::new(Pairs::Twice).smooth());
    chains(c, "dw4, chain-steps", &dw4, &[zero; 8], (2.0, 1e-2));
    chains(c, "dw4, rows, chain-steps", &dw4, &Points::zeros(8), (2.0, 1e-2));
    chains(c, "lj13, chain-steps", &lj13, &[zero; 39], (1.0, 1e-4));
    chains(c, "lj13, rows, chain-steps", &lj13, &Points::zeros(39), (1.0, 1e-4));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = particles
}
criterion_main!(benches);
