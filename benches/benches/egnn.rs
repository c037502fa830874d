//! One training step of an equivariant network (forward, backward, Adam) on one thread, where wall time is CPU time: the
//! published network at 8 layers of 144 and the lean one, with the rate of its matrix products; and the deployed network.

use criterion::{Criterion, criterion_group, criterion_main};
use kiln_core::{Lanes, Scalar, network};
use kiln_gpu::egnn::{Activation, Edges, Egnn, EgnnSpec, Head, Radial};
use kiln_gpu::tensor::{backward, matrix, mean};
use kiln_gpu::{Adam, AdamOptions, Cpu, Matrix, Taped};
use std::hint::black_box;
use std::time::{Duration, Instant};

fn uniform() -> impl FnMut() -> f32 {
    let mut state = 1u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    }
}

fn published(particles: usize, dimensions: usize, hidden: usize, layers: usize) -> EgnnSpec {
    EgnnSpec {
        particles,
        dimensions,
        node_inputs: 1,
        hidden,
        layers,
        activation: Activation::Relu,
        edges: Edges::Directed,
        head: Head::Deep,
        attention: true,
        radial: Radial::Squared,
        range: 15.0 / layers as f32,
    }
}

fn lean(particles: usize, dimensions: usize, hidden: usize, layers: usize) -> EgnnSpec {
    EgnnSpec {
        node_inputs: 8,
        activation: Activation::Silu,
        edges: Edges::Symmetric,
        head: Head::Direct,
        radial: Radial::Basis { count: 16, range: 4.0 },
        ..published(particles, dimensions, hidden, layers)
    }
}

struct Step {
    net: Egnn<Cpu>,
    adam: Adam<Cpu>,
    batch: usize,
    h: Matrix<Cpu>,
    x: Matrix<Cpu>,
    target: Matrix<Cpu>,
}

impl Step {
    fn new(spec: EgnnSpec, batch: usize) -> Self {
        let device = Cpu::default();
        let mut uniform = uniform();
        let net = Egnn::new(&device, spec, &mut uniform).expect("a shape");
        let spec = net.spec().clone();
        let mut drawn = |columns: usize| {
            let numbers = (0..batch * columns).map(|_| 4.0 * uniform() - 2.0).collect();
            matrix(&device, numbers, (batch, columns))
        };
        let h = drawn(spec.particles * spec.node_inputs);
        let (x, target) = (drawn(spec.particles * spec.dimensions), drawn(spec.particles * spec.dimensions));
        Self { adam: Adam::new(&net), net, batch, h, x, target }
    }

    fn run(&mut self) {
        let y: Matrix<Cpu, Taped<Cpu>> = self.net.forward_constant(self.h.clone(), self.x.clone());
        let gradients = backward(mean((y - self.target.clone()).square()));
        self.adam.step(&mut self.net, gradients, &AdamOptions::default()).expect("a finite gradient");
    }

    fn infer(&self) {
        let y: Matrix<Cpu> = self.net.forward_constant(self.h.clone(), self.x.clone());
        black_box(y);
    }

    /// Floating-point operations of the matrix products of edges and nodes, forward and backward.
    fn operations(&self) -> f64 {
        let s = self.net.spec();
        let (n, h, layers) = (s.particles as f64, s.hidden as f64, s.layers as f64);
        let directed = s.edges == Edges::Directed;
        let edges = if directed { n * (n - 1.0) } else { n * (n - 1.0) / 2.0 };
        let edge = h * h * if s.head == Head::Deep { 2.0 } else { 1.0 } + h * 2.0 * s.radial.count() as f64;
        let node = h * h * if directed { 2.0 } else { 1.0 };
        let products = layers * (edges * edge + n * node) + (layers - 1.0) * n * 3.0 * h * h;
        6.0 * self.batch as f64 * products
    }
}

/// Sixteen configurations at once through the lean network of `kiln-core`: the time of a thousand.
fn deployed(c: &mut Criterion) {
    type Pack = Lanes<16>;
    for (hidden, layers) in [(64, 4), (96, 6)] {
        let mut uniform = uniform();
        let numbers: Vec<f32> = (0..2 * hidden * hidden).map(|_| 0.2 * uniform() - 0.1).collect();
        let part = |n: usize| &numbers[..n];
        let affine =
            |inputs: usize, outputs: usize| network::Layer { weight: part(inputs * outputs), bias: part(outputs) };
        let radial = Radial::Basis { count: 16, range: 4.0 };
        let layer = |last: bool| network::EgnnLayer {
            source: part(hidden * hidden),
            target: None,
            radial: part(2 * radial.count() * hidden),
            edge_bias: part(hidden),
            message: affine(hidden, hidden),
            gate: Some(affine(hidden, 1)),
            head: None,
            coordinate: part(hidden),
            node: (!last).then(|| [affine(2 * hidden, hidden), affine(hidden, hidden)]),
        };
        let all: Vec<_> = (0..layers).map(|l| layer(l + 1 == layers)).collect();
        let (particles, dimensions, node_inputs) = (13, 3, 8);
        let (activation, range) = (Activation::Silu, 15.0 / layers as f32);
        let shape = network::EgnnShape { particles, dimensions, node_inputs, activation, radial, range };
        let net = network::Egnn::new(shape, affine(node_inputs, hidden), &all).expect("a network");
        let mut packs =
            |n: usize| -> Vec<Pack> { (0..n).map(|_| Pack::from_lanes(|_| 4.0 * uniform() - 2.0)).collect() };
        let (h, x, mut scratch, mut out) =
            (packs(net.inputs()), packs(net.dim()), packs(net.scratch()), packs(net.dim()));
        let mut run = || net.displacement(&h, &x, &mut scratch, &mut out).expect("long enough buffers");
        let name = format!("lean 13 x 3, {layers} x {hidden}, 16 configurations in kiln-core");
        println!("egnn, {name}: {:.2?} for 1,000", best_of(100, &mut run) * 1000 / 16);
        c.bench_function(&format!("egnn/{name}"), |b| b.iter(&mut run));
    }
}

fn best_of(runs: usize, mut run: impl FnMut()) -> Duration {
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn steps(c: &mut Criterion) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("a pool");
    let cases = [
        ("published 13 x 3, 8 x 144, batch 128", published(13, 3, 144, 8), 128),
        ("lean 13 x 3, 4 x 64, batch 256", lean(13, 3, 64, 4), 256),
        ("lean 13 x 3, 4 x 96, batch 256", lean(13, 3, 96, 4), 256),
        ("lean 4 x 2, 4 x 64, batch 256", lean(4, 2, 64, 4), 256),
        ("published 4 x 2, 4 x 144, batch 1024", published(4, 2, 144, 4), 1024),
    ];
    for (name, spec, batch) in cases {
        let mut step = Step::new(spec, batch);
        let (best, forward) = (best_of(20, || step.run()), best_of(20, || step.infer()));
        let rate = step.operations() / best.as_secs_f64() / 1e9;
        println!("egnn, {name}: step {best:.2?}, {rate:.0} GFLOP/s in matrix products; forward alone {forward:.2?}");
        c.bench_function(&format!("egnn/{name}"), |b| b.iter(|| step.run()));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    targets = steps, deployed
}
criterion_main!(benches);
