//! Generators in floating point, with weights from a random stream: a thousand samples each.

use kiln_core::Lanes;
use kiln_core::network::{Activation, Egnn, EgnnLayer, EgnnShape, Generator, Layer, Mlp, ParticleGenerator, Radial};
use kiln_core::random::{Purpose, Randomness, Stream};

use crate::Kernel;
use crate::hash::Hash;
use crate::pack::{LANES, Pack, SEED, chains, numbers};

/// `N` normal weights of standard deviation `width`.
fn weights<const N: usize>(index: u64, width: f32) -> [f32; N] {
    let mut out = [0.0; N];
    Stream::new(SEED, Purpose::Initialisation, index).fill_normal(&mut out);
    out.iter_mut().for_each(|w| *w *= width);
    out
}

/// Hands out the weights of one layer after the other.
struct Weights<'a>(&'a [f32]);

impl<'a> Weights<'a> {
    fn matrix(&mut self, length: usize) -> &'a [f32] {
        let (part, rest) = self.0.split_at(length);
        self.0 = rest;
        part
    }

    fn layer(&mut self, inputs: usize, outputs: usize) -> Layer<'a, f32> {
        Layer { weight: self.matrix(inputs * outputs), bias: self.matrix(outputs) }
    }
}

/// A generator of the plane with seven thresholds: 16-32-32-2.
fn mlp<P: Pack<Real = f32>>(hash: &mut Hash, count: u32) {
    let numbers_in = weights::<{ 17 * 32 + 33 * 32 + 33 * 2 }>(0, 0.3);
    let mut rest = Weights(&numbers_in);
    let layers = [rest.layer(16, 32), rest.layer(32, 32), rest.layer(32, 2)];
    let thresholds = [-1.15, -0.67, -0.32, 0.0, 0.32, 0.67, 1.15];
    let generator = Mlp::new(16, &layers).and_then(|mlp| Generator::new(mlp, 2, &thresholds, 0.5, 8.0));
    let Ok(generator) = generator else { unreachable!("a network of fitting sizes") };
    chains::<P, 2>(hash, count, |rng| {
        let (mut z, mut x, mut scratch) = ([P::zero(); 2], [P::zero(); 2], [P::zero(); 64]);
        rng.fill_normal(&mut z);
        let done = generator.sample(&z, &mut scratch, &mut x);
        debug_assert_eq!(done, Ok(()));
        numbers(x)
    });
}

const H: usize = 8;

/// Draws from a generator of four particles in the plane.
fn particles<P: Pack<Real = f32>>(hash: &mut Hash, count: u32, egnn: Egnn<'_, f32>, own: usize, skip: f32) {
    let Ok(generator) = ParticleGenerator::new(egnn, own, if own > 0 { &[-0.5, 0.5] } else { &[] }, skip, 1.5) else {
        unreachable!("a network of fitting sizes")
    };
    chains::<P, 8>(hash, count, |rng| {
        let (mut z, mut x, mut scratch) = ([P::zero(); 16], [P::zero(); 8], [P::zero(); 240]);
        rng.fill_normal(&mut z);
        let done = generator.sample(&z[..generator.latent()], &mut scratch, &mut x);
        debug_assert_eq!(done, Ok(()));
        numbers(x)
    });
}

/// The lean network: undirected edges, SiLU, steps of the latent's distances, own latents.
fn lean<P: Pack<Real = f32>>(hash: &mut Hash, count: u32) {
    const F: usize = 8;
    const LAYER: usize = H * H + 2 * F * H + H + (H + 1) * H + H;
    const NODE: usize = (2 * H + 1) * H + (H + 1) * H;
    let numbers = weights::<{ 4 * H + 2 * LAYER + NODE }>(1, 0.3);
    let mut rest = Weights(&numbers);
    let embedding = rest.layer(3, H);
    let mut layer = |node| EgnnLayer {
        source: rest.matrix(H * H),
        target: None,
        radial: rest.matrix(2 * F * H),
        edge_bias: rest.matrix(H),
        message: rest.layer(H, H),
        gate: None,
        head: None,
        coordinate: rest.matrix(H),
        node: if node { Some([rest.layer(2 * H, H), rest.layer(H, H)]) } else { None },
    };
    let layers = [layer(true), layer(false)];
    let shape = EgnnShape {
        particles: 4,
        dimensions: 2,
        node_inputs: 3,
        activation: Activation::Silu,
        radial: Radial::Steps { count: F, range: 6.0 },
        range: 2.0,
    };
    let Ok(egnn) = Egnn::new(shape, embedding, &layers) else { unreachable!("a network of fitting sizes") };
    particles::<P>(hash, count, egnn, 1, 1.0);
}

/// The published network: directed edges, gates, heads, ReLU, squared distances.
fn published<P: Pack<Real = f32>>(hash: &mut Hash, count: u32) {
    const LAYER: usize = 2 * H * H + 2 * H + H + 2 * (H + 1) * H + (H + 1) + H + (2 * H + 1) * H + (H + 1) * H;
    let numbers = weights::<{ 2 * H + 2 * LAYER }>(2, 0.15);
    let mut rest = Weights(&numbers);
    let embedding = rest.layer(1, H);
    let layers = [(); 2].map(|()| EgnnLayer {
        source: rest.matrix(H * H),
        target: Some(rest.matrix(H * H)),
        radial: rest.matrix(2 * H),
        edge_bias: rest.matrix(H),
        message: rest.layer(H, H),
        gate: Some(rest.layer(H, 1)),
        head: Some(rest.layer(H, H)),
        coordinate: rest.matrix(H),
        node: Some([rest.layer(2 * H, H), rest.layer(H, H)]),
    });
    let shape = EgnnShape {
        particles: 4,
        dimensions: 2,
        node_inputs: 1,
        activation: Activation::Relu,
        radial: Radial::Squared,
        range: 3.0,
    };
    let Ok(egnn) = Egnn::new(shape, embedding, &layers) else { unreachable!("a network of fitting sizes") };
    particles::<P>(hash, count, egnn, 0, 0.0);
}

// 1,008 is the first multiple of the lanes after a thousand.
pub const KERNELS: &[Kernel] = &[
    Kernel { name: "mlp/f32", count: 1_008, run: mlp::<f32> },
    Kernel { name: "mlp/lanes", count: 1_008, run: mlp::<Lanes<LANES>> },
    Kernel { name: "egnn/lean/f32", count: 1_008, run: lean::<f32> },
    Kernel { name: "egnn/lean/lanes", count: 1_008, run: lean::<Lanes<LANES>> },
    Kernel { name: "egnn/published/f32", count: 1_008, run: published::<f32> },
    Kernel { name: "egnn/published/lanes", count: 1_008, run: published::<Lanes<LANES>> },
];
