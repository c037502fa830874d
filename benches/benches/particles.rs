//! MALA on particles at equilibrium: 1,024 chains in packs of 16 lanes, adaptive steps, one thread. The throughput is in
//! chain-steps, one proposal of one chain with its energy, gradient and Metropolis' choice.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kiln_core::dynamics::{State, init, langevin, step_size};
use kiln_core::energy::{DoubleWell, LennardJones, Pairs};
use kiln_core::random::{Purpose, Randomness, Streams};
use kiln_core::symmetry::{MeanFree, Symmetry};
use kiln_core::{Energy, Lanes, Scalar};
use std::hint::black_box;

const LANES: usize = 16;
const CHAINS: usize = 1024;
const STEPS: usize = 20;
type Pack = Lanes<LANES>;

/// Called, not inlined, as in training.
struct Called<E>(E);

impl<E: Energy<Pack, N>, const N: usize> Energy<Pack, N> for Called<E> {
    #[inline(never)]
    fn energy_and_gradient(&self, x: &[Pack; N], gradient: &mut [Pack; N]) -> Pack {
        self.0.energy_and_gradient(x, gradient)
    }

    fn symmetry(&self) -> Symmetry {
        self.0.symmetry()
    }
}

/// Sixteen chains with their randomness.
struct Chains<const N: usize> {
    rng: MeanFree<Streams<LANES>>,
    state: State<Pack, N>,
    step: step_size::State<Pack>,
}

impl<const N: usize> Chains<N> {
    /// From N(0, `width`²), on the way to equilibrium for a while.
    fn new<E: Energy<Pack, N>>(energy: &E, index: usize, (width, step): (f64, f64)) -> Self {
        let streams = Streams::new(1, Purpose::Test, core::array::from_fn(|lane| (index * LANES + lane) as u64));
        let mut rng = MeanFree { rng: streams, symmetry: energy.symmetry() };
        let mut x = [Pack::constant(0.0); N];
        rng.fill_normal(&mut x);
        let state = init(energy, x.map(|x| x * Pack::constant(width)));
        let mut chains = Self { rng, state, step: step_size::init(Pack::constant(step)) };
        chains.run(energy, 2000);
        chains
    }

    fn run<E: Energy<Pack, N>>(&mut self, energy: &E, steps: usize) {
        let params = step_size::Params::default();
        for _ in 0..steps {
            let kernel = langevin::Params { step_size: self.step.step_size };
            let info = langevin::step(&mut self.rng, &mut self.state, &kernel, energy);
            step_size::step(&mut self.step, &params, info.acceptance);
        }
    }
}

fn chains<E: Energy<Pack, N>, const N: usize>(c: &mut Criterion, name: &str, energy: E, start: (f64, f64)) {
    let energy = Called(energy);
    let mut chains: Vec<_> = (0..CHAINS / LANES).map(|index| Chains::<N>::new(&energy, index, start)).collect();
    let mut group = c.benchmark_group("mala");
    group.throughput(Throughput::Elements((CHAINS * STEPS) as u64));
    group.bench_function(name, |b| {
        b.iter(|| {
            for chains in &mut chains {
                chains.run(&energy, STEPS);
                black_box(&chains.state);
            }
        });
    });
    group.finish();
}

fn particles(c: &mut Criterion) {
    chains::<_, 8>(c, "dw4, chain-steps", DoubleWell::<4, 2>, (2.0, 1e-2));
    chains::<_, 39>(c, "lj13, chain-steps", LennardJones::<13, 3>::new(Pairs::Twice).smooth(), (1.0, 1e-4));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = particles
}
criterion_main!(benches);
