//! Integers: rounding, elementary functions, Gaussian latents, dot products, and generators of both formats with weights
//! from a random stream, a thousand samples each.
//!
//! Kernels of dot products and generators are generic over [`Products`], so that firmware can run them with a
//! processor's own instructions against the same pinned hashes.

use kiln_core::fixed::{
    Affine, Egnn, EgnnLayer, EgnnShape, Generator, Layer, Matrix, Mlp, NodeLayer, ParticleGenerator, Portable,
    Products, Radial, Scale, Scratch, Weight, divide_round, fill_normal, functions, multiply, narrow, saturate,
    shift_round,
};
use kiln_core::random::{Purpose, Stream};

use crate::Kernel;
use crate::hash::Hash;
use crate::pack::SEED;

fn stream(index: u64) -> Stream {
    Stream::new(SEED, Purpose::Test, index)
}

/// A word whose size varies: random bits, moved to the right by a random number of places.
fn word(stream: &mut Stream) -> i64 {
    let places = stream.next_bits() >> 58;
    (stream.next_bits() as i64) >> places
}

fn rounding(hash: &mut Hash, count: u32) {
    let mut stream = stream(0);
    for _ in 0..count {
        let (a, b) = (word(&mut stream), word(&mut stream));
        let bits = stream.next_bits();
        hash.add(shift_round(a >> 2, (bits & 63).min(62) as u32) as u64);
        hash.add(divide_round(a >> 2, (b >> 2).saturating_abs().max(1)) as u64);
        hash.add(multiply(a as i32, b as i32) as u64);
        hash.add(saturate(a));
        hash.add(u32::from(narrow(b as i32, (bits >> 6) as u32 & 15) as u16));
        let scale = Scale::new(0x8000 | (bits >> 10) as u16, ((bits >> 26) & 63).min(62) as u8);
        hash.add(scale.map_or(0, |scale| scale.apply(a >> 18)));
    }
}

fn elementary(hash: &mut Hash, count: u32) {
    let mut stream = stream(1);
    for _ in 0..count {
        // Every magnitude; half of all arguments lie within the tables.
        let z = (stream.next_bits() as i32) >> (stream.next_bits() >> 60);
        hash.all(&[functions::silu(z), functions::sigmoid(z), functions::tanh(z), functions::gaussian(z).into()]);
        hash.add(functions::root(word(&mut stream) as u64));
    }
}

/// What coordinates with ends need.
fn exponential(hash: &mut Hash, count: u32) {
    let mut stream = stream(5);
    for _ in 0..count {
        // Every magnitude; a good part neither vanishes nor saturates.
        let y = (stream.next_bits() as i32) >> (stream.next_bits() >> 60);
        hash.add(functions::exp(y));
        hash.add(functions::logistic_tail(y) as u64);
    }
}

fn latents(hash: &mut Hash, count: u32) {
    for index in 0..u64::from(count / 100) {
        let mut z = [0; 100];
        fill_normal(&mut Stream::new(SEED, Purpose::Sample, index), &mut z);
        hash.all(&z);
    }
}

/// A weight that can be drawn.
trait Drawn: Weight {
    /// The shift of a scale that makes such weights about 0.3, where activations have binary point 12.
    const SHIFT: u32;
    /// One of half the range.
    fn draw(bits: u64) -> Self;
}

impl Drawn for i8 {
    const SHIFT: u32 = 18;
    fn draw(bits: u64) -> Self {
        (bits >> 56) as Self / 2
    }
}

impl Drawn for i16 {
    const SHIFT: u32 = 26;
    fn draw(bits: u64) -> Self {
        (bits >> 48) as Self / 2
    }
}

/// Random numbers of a network, handed out matrix by matrix.
struct Numbers<W, const WEIGHTS: usize, const ROWS: usize> {
    weights: [W; WEIGHTS],
    mantissas: [u16; ROWS],
    bias: [i32; ROWS],
}

impl<W: Drawn, const WEIGHTS: usize, const ROWS: usize> Numbers<W, WEIGHTS, ROWS> {
    fn new(index: u64) -> Self {
        let mut stream = Stream::new(SEED, Purpose::Initialisation, index);
        Self {
            weights: [(); WEIGHTS].map(|()| W::draw(stream.next_bits())),
            mantissas: [(); ROWS].map(|()| 0x8000 | (stream.next_bits() >> 48) as u16),
            bias: [(); ROWS].map(|()| (stream.next_bits() >> 48) as i32 - (1 << 15)),
        }
    }

    /// The scales, once for each binary point that activations can have.
    fn scales(&self) -> [[u32; ROWS]; 16] {
        core::array::from_fn(|point| {
            let shift = W::SHIFT + point as u32 - 12;
            self.mantissas.map(|mantissa| u32::from(mantissa) | shift << 16)
        })
    }
}

/// What is left of the numbers of a network.
struct Rest<'a, W, const ROWS: usize> {
    weights: &'a [W],
    scales: &'a [[u32; ROWS]; 16],
    bias: &'a [i32],
    row: usize,
}

impl<'a, W: Drawn, const ROWS: usize> Rest<'a, W, ROWS> {
    fn new<const WEIGHTS: usize>(numbers: &'a Numbers<W, WEIGHTS, ROWS>, scales: &'a [[u32; ROWS]; 16]) -> Self {
        Self { weights: &numbers.weights, scales, bias: &numbers.bias, row: 0 }
    }

    /// y = W x + b, where x has this binary point.
    fn affine(&mut self, inputs: usize, outputs: usize, point: u8) -> Affine<'a, W> {
        let (weights, rest) = self.weights.split_at(inputs * outputs);
        let rows = self.row..self.row + outputs;
        (self.weights, self.row) = (rest, rows.end);
        let scales = &self.scales[usize::from(point)][rows.clone()];
        Affine { matrix: Matrix { weights, scales }, bias: &self.bias[rows] }
    }
}

/// Rows of every length up to 40, from every place that a row can start at; activations from even and odd places.
fn products<W: Drawn, P: Products + Default>(hash: &mut Hash, count: u32) {
    let mut stream = stream(2);
    for k in 0..count as usize {
        let (length, start) = (k % 41, k % 7);
        let weights = [(); 96].map(|()| W::draw(stream.next_bits()));
        let mut activations = [(); 42].map(|()| (stream.next_bits() >> 48) as i16);
        let (first, second) = (&weights[start..][..length], &weights[start + length..][..length]);
        let (x, products) = (&mut activations[k % 3..][..length], P::default());
        W::arrange(&products, x);
        let one: i64 = W::row(&products, first, x).into();
        let both = W::rows(&products, [first, second], x).map(Into::into);
        [one, both[0], both[1]].iter().for_each(|sum: &i64| hash.add(*sum as u64));
    }
}

/// A generator of the plane with seven thresholds: 16-37-32-2.
fn mlp<W: Drawn, P: Products + Default>(hash: &mut Hash, count: u32) {
    let numbers = Numbers::<W, { 16 * 37 + 37 * 32 + 32 * 2 }, { 37 + 32 + 2 }>::new(3);
    let scales = numbers.scales();
    let mut rest = Rest::new(&numbers, &scales);
    let layers = [
        Layer { affine: rest.affine(16, 37, 12), point: 12 },
        Layer { affine: rest.affine(37, 32, 12), point: 11 },
        Layer { affine: rest.affine(32, 2, 11), point: 0 },
    ];
    let thresholds = [-75_000, -44_000, -21_000, 0, 21_000, 44_000, 75_000];
    let generator = Mlp::new(16, &layers).and_then(|mlp| Generator::new(mlp, 2, &thresholds, 1 << 15));
    let Ok(generator) = generator else { unreachable!("a network of fitting sizes") };
    for index in 0..u64::from(count) {
        let (mut z, mut x, mut scratch) = ([0; 2], [0; 2], [0; 80]);
        fill_normal(&mut Stream::new(SEED, Purpose::Sample, index), &mut z);
        let done = generator.sample_with(&P::default(), &z, &mut scratch, &mut x);
        debug_assert_eq!(done, Ok(()));
        hash.all(&x);
    }
}

/// A generator of five particles in space: two layers of width 12 with steps, no length a multiple of 8.
fn egnn<W: Drawn, P: Products + Default>(hash: &mut Hash, count: u32) {
    const H: usize = 12;
    const F: usize = 7;
    const WEIGHTS: usize = 3 * H + 2 * (2 * H * H + 2 * F * H + H) + 3 * H * H;
    let numbers = Numbers::<W, WEIGHTS, { H + 2 * (3 * H + 1) + 3 * H }>::new(4);
    let scales = numbers.scales();
    let mut rest = Rest::new(&numbers, &scales);
    let embedding = rest.affine(3, H, 12);
    let mut layer = |node| EgnnLayer {
        state_point: 12,
        source: rest.affine(H, H, 12).matrix,
        radial: rest.affine(2 * F, H, 14),
        edge_point: 11,
        message: rest.affine(H, H, 11),
        gate: None,
        message_point: 12,
        coordinate: rest.affine(H, 1, 12).matrix,
        node: if node {
            Some(NodeLayer {
                state: rest.affine(H, H, 12).matrix,
                sum_point: 10,
                sums: rest.affine(H, H, 10),
                value_point: 12,
                update: rest.affine(H, H, 12),
            })
        } else {
            None
        },
    };
    let layers = [layer(true), layer(false)];
    let shape = EgnnShape {
        particles: 5,
        dimensions: 3,
        node_inputs: 3,
        radial: Radial::Steps { count: F, steps: 80_000 },
        range: 120_000,
    };
    let egnn = Egnn::new(shape, embedding, &layers);
    let Ok(generator) = egnn.and_then(|egnn| ParticleGenerator::new(egnn, 1, &[-30_000, 30_000], 60_000, 90_000))
    else {
        unreachable!("a network of fitting sizes")
    };
    for index in 0..u64::from(count) {
        let (mut z, mut x) = ([0; 20], [0; 15]);
        let (mut narrow, mut wide) = ([0; 64], [0; 256]);
        fill_normal(&mut Stream::new(SEED, Purpose::Sample, index), &mut z);
        let scratch = Scratch { narrow: &mut narrow, wide: &mut wide };
        let done = generator.sample_with(&P::default(), &z, scratch, &mut x);
        debug_assert_eq!(done, Ok(()));
        hash.all(&x);
    }
}

/// The kernels that depend on a processor's [`Products`].
pub const fn of_products<P: Products + Default>() -> [Kernel; 6] {
    [
        Kernel { name: "fixed/products/i8", count: 4_100, run: products::<i8, P> },
        Kernel { name: "fixed/products/i16", count: 4_100, run: products::<i16, P> },
        Kernel { name: "fixed/mlp/i8w16a", count: 1_000, run: mlp::<i8, P> },
        Kernel { name: "fixed/mlp/i16w16a", count: 1_000, run: mlp::<i16, P> },
        Kernel { name: "fixed/egnn/i8w16a", count: 1_000, run: egnn::<i8, P> },
        Kernel { name: "fixed/egnn/i16w16a", count: 1_000, run: egnn::<i16, P> },
    ]
}

pub const KERNELS: &[Kernel] = &[
    Kernel { name: "fixed/rounding", count: 20_000, run: rounding },
    Kernel { name: "fixed/functions", count: 20_000, run: elementary },
    Kernel { name: "fixed/normal", count: 100_000, run: latents },
    Kernel { name: "fixed/exponential", count: 20_000, run: exponential },
];

pub const PORTABLE: &[Kernel] = &of_products::<Portable>();
