//! Small models of every kind and format, made of random numbers, as files.

use kiln_core::artifact::{FixedEgnn, FixedMlp, FloatEgnn, FloatMlp, Model, ModelFrame, Network, repair_checksum};
use kiln_core::cells::{Cells, Packed};
use kiln_core::fixed::{self, Affine, Gate, Matrix, NodeLayer, Scale, Weight};
use kiln_core::frame::{Bounds, Factor, Frame};
use kiln_core::network::{Activation, EgnnLayer, EgnnShape, Inputs, Layer, Radial};
use kiln_core::random::{Purpose, Randomness, Stream};

/// Bytes at a multiple of 8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    words: Vec<u64>,
    length: usize,
}

impl Bytes {
    pub fn of(bytes: &[u8]) -> Self {
        let mut words = vec![0; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, length: bytes.len() }
    }
    pub fn get(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.length]
    }
    pub fn get_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.length]
    }
    /// The same with another length: cut off, or zeros after it.
    pub fn resize(&mut self, length: usize) {
        self.words.resize(length.div_ceil(8), 0);
        let kept = self.length.min(length);
        self.length = length;
        self.get_mut()[kept..].fill(0);
    }
}

/// Random numbers, each drawn where the model needs it.
pub struct Numbers(Stream);

impl Numbers {
    pub fn new(index: u64) -> Self {
        Self(Stream::new(7, Purpose::Test, index))
    }
    pub fn float(&mut self, n: usize) -> &'static [f32] {
        let mut numbers = vec![0.0; n];
        self.0.fill_normal(&mut numbers);
        // Leaked: a test's few kilobytes, so that models can be returned.
        Vec::leak(numbers)
    }
    fn layer(&mut self, inputs: usize, outputs: usize) -> Layer<'static, f32> {
        Layer { weight: self.float(inputs * outputs), bias: self.float(outputs) }
    }
    fn below(&mut self, n: i32) -> i32 {
        (self.0.next_bits() >> 33) as i32 % n
    }
    fn wide(&mut self, n: usize) -> &'static [i32] {
        Vec::leak((0..n).map(|_| self.below(1 << 17) - (1 << 16)).collect())
    }
    fn matrix<W: Small>(&mut self, outputs: usize, inputs: usize) -> Matrix<'static, W> {
        let weights = (0..outputs * inputs).map(|_| W::small(self.below(255) - 127)).collect();
        // Steps of about 2^-7 for activations of binary point 12.
        let scale = |_| Scale::new(40_000 + self.below(20_000) as u16, 19).expect("a scale").pack();
        Matrix { weights: Vec::leak(weights), scales: Vec::leak((0..outputs).map(scale).collect()) }
    }
    fn affine<W: Small>(&mut self, outputs: usize, inputs: usize) -> Affine<'static, W> {
        Affine { matrix: self.matrix(outputs, inputs), bias: self.wide(outputs) }
    }
}

/// Weights that hold whole numbers up to 127.
pub trait Small: Weight + bytemuck::Pod {
    fn small(value: i32) -> Self;
}
impl Small for i8 {
    fn small(value: i32) -> Self {
        value as Self
    }
}
impl Small for i16 {
    fn small(value: i32) -> Self {
        value as Self
    }
}

pub const LATENT: usize = 3;
pub const DIM: usize = 2;
pub const PARTICLES: usize = 3;
pub const OWN: usize = 1;
const HIDDEN: usize = 5;
const FUNCTIONS: usize = 3;

/// Radial functions of floats and of integers.
pub const BASIS: Radial<f32> = Radial::Basis { count: FUNCTIONS, range: 3.0 };
pub const STEPS: Radial<f32> = Radial::Steps { count: FUNCTIONS, range: 3.0 };
pub const FIXED_BASIS: fixed::Radial = fixed::Radial::Basis { count: FUNCTIONS, steps: 43_690 };
pub const FIXED_STEPS: fixed::Radial = fixed::Radial::Steps { count: FUNCTIONS, steps: 43_690 };

pub fn float_mlp() -> FloatMlp<'static> {
    let mut numbers = Numbers::new(1);
    let thresholds = numbers.float(2);
    let layers = [numbers.layer(9, 5), numbers.layer(5, 7), numbers.layer(7, DIM)];
    FloatMlp::new(&layers, LATENT, thresholds, 1.5, 0.5).expect("a network")
}

/// The lean network, or, of squared distances, the published one.
pub fn float_egnn(radial: Radial<f32>) -> FloatEgnn<'static> {
    let mut numbers = Numbers::new(2);
    let published = radial == Radial::Squared;
    let (functions, inputs) = if published { (1, 1) } else { (FUNCTIONS, 3 * OWN) };
    let shape = EgnnShape {
        particles: PARTICLES,
        dimensions: 2,
        node_inputs: inputs,
        activation: if published { Activation::Relu } else { Activation::Silu },
        radial,
        range: 2.0,
    };
    let thresholds = numbers.float(if published { 0 } else { 2 });
    let layers: Vec<_> = (0..2)
        .map(|l| EgnnLayer {
            source: numbers.float(HIDDEN * HIDDEN),
            target: published.then(|| numbers.float(HIDDEN * HIDDEN)),
            radial: numbers.float(2 * functions * HIDDEN),
            edge_bias: numbers.float(HIDDEN),
            message: numbers.layer(HIDDEN, HIDDEN),
            gate: Some(numbers.layer(HIDDEN, 1)),
            head: published.then(|| numbers.layer(HIDDEN, HIDDEN)),
            coordinate: numbers.float(HIDDEN),
            node: (l == 0).then(|| [numbers.layer(2 * HIDDEN, HIDDEN), numbers.layer(HIDDEN, HIDDEN)]),
        })
        .collect();
    let (own, factors) = if published { (0, [0.0, 1.0]) } else { (OWN, [1.25, 0.5]) };
    FloatEgnn::new(shape, numbers.layer(inputs, HIDDEN), &layers, own, thresholds, factors).expect("a network")
}

pub fn fixed_mlp<W: Small>() -> FixedMlp<'static, W> {
    let mut numbers = Numbers::new(3);
    let mut layer = |outputs, inputs, point| fixed::Layer { affine: numbers.affine(outputs, inputs), point };
    let layers = [layer(5, 9, 11), layer(7, 5, 10), layer(DIM, 7, 0)];
    FixedMlp::new(&layers, LATENT, numbers.wide(2), 98_304).expect("a network")
}

/// With gates, or without.
pub fn fixed_egnn<W: Small>(radial: fixed::Radial, gated: bool) -> FixedEgnn<'static, W> {
    let mut numbers = Numbers::new(4);
    let shape = fixed::EgnnShape { particles: PARTICLES, dimensions: 2, node_inputs: 3 * OWN, radial, range: 131_072 };
    let layers: Vec<_> = (0..2)
        .map(|l| fixed::EgnnLayer {
            state_point: 11,
            source: numbers.matrix(HIDDEN, HIDDEN),
            radial: numbers.affine(HIDDEN, 2 * FUNCTIONS),
            edge_point: 12,
            message: numbers.affine(HIDDEN, HIDDEN),
            gate: gated.then(|| Gate { point: 11, affine: numbers.affine(1, HIDDEN) }),
            message_point: 13,
            coordinate: numbers.matrix(1, HIDDEN),
            node: (l == 0).then(|| NodeLayer {
                state: numbers.matrix(HIDDEN, HIDDEN),
                sum_point: 10,
                sums: numbers.affine(HIDDEN, HIDDEN),
                value_point: 12,
                update: numbers.affine(HIDDEN, HIDDEN),
            }),
        })
        .collect();
    let embedding = numbers.affine(HIDDEN, 3 * OWN);
    FixedEgnn::new(shape, embedding, &layers, OWN, numbers.wide(2), [81_920, 32_768]).expect("a network")
}

/// Coordinates of the models that have a frame.
pub const FRAMED: usize = 5;
/// No end, a lower, an upper, both, none.
const KINDS: [u8; FRAMED] = [0, 1, 2, 3, 0];

/// Layers of units for a frame.
pub fn wide_mlp() -> FloatMlp<'static> {
    let mut numbers = Numbers::new(5);
    let layers = [numbers.layer(FRAMED, 4), numbers.layer(4, FRAMED)];
    FloatMlp::new(&layers, FRAMED, &[], 0.75, 0.25).expect("a network")
}

/// A triangle, or a diagonal; bounds of every kind, or none.
pub fn float_frame(lower: bool, bounded: bool) -> Frame<'static> {
    const WIDTHS: &[f32] = &[1.5, 0.25, 0.5, 2.0, 30.0];
    const ROWS: &[f32] = &[1.5, -0.5, 0.25, 0.125, 0.75, 0.5, -1.0, 0.3, 0.1, 2.0, 7.0, -20.0, 3.0, 0.0, 30.0];
    const BOUNDS: Bounds<'_, f32> =
        Bounds { kinds: &KINDS, low: &[0.0, -3.5, 0.0, -1.0, 0.0], high: &[0.0, 0.0, 4.25, 1.5, 0.0] };
    let factor = if lower { Factor::Triangle(ROWS) } else { Factor::Diagonal(WIDTHS) };
    let bounds = if bounded { BOUNDS } else { Bounds::NONE };
    Frame::new(&[10.0, -1.25, 0.5, 0.75, -200.0], factor, bounds).expect("a frame")
}

/// Layers of units for a frame, in integers.
pub fn wide_fixed_mlp<W: Small>() -> FixedMlp<'static, W> {
    let mut numbers = Numbers::new(6);
    let layers = [(4, FRAMED, 11), (FRAMED, 4, 0)]
        .map(|(outputs, inputs, point)| fixed::Layer { affine: numbers.affine(outputs, inputs), point });
    FixedMlp::new(&layers, FRAMED, &[], 49_152).expect("a network")
}

/// A triangle with bounds of every kind, or a diagonal without.
pub fn fixed_frame(lower: bool) -> fixed::Frame<'static> {
    const POINTS: &[u8] = &[20, 28, 30, 22, 16];
    const WIDTHS: &[i32] = &[1_500_000, 90_000_000, 700_000_000, 9_000_000, 2_000_000];
    #[rustfmt::skip]
    const ROWS: &[i32] = &[
        1_500_000, -100_000_000, 90_000_000, 99_999_999, 800_000_000, 700_000_000, -4_000_000, 1_234_567, 400_001,
        9_000_000, 500_000, -1_300_000, 200_000, 0, 2_000_000,
    ];
    const BOUNDS: Bounds<'_, i32> =
        Bounds { kinds: &KINDS, low: &[0, -230_000, 0, -65_536, 0], high: &[0, 0, 278_528, 98_305, 0] };
    let (factor, bounds) =
        if lower { (Factor::Triangle(ROWS), BOUNDS) } else { (Factor::Diagonal(WIDTHS), Bounds::NONE) };
    fixed::Frame::new(&[655_360, -82_000, 32_768, 49_000, -13_000_000], factor, POINTS, bounds).expect("a frame")
}

/// Three cells of the coordinates 3, 0 and 1, one of 4 and 2; coordinate 1 lies between two ends.
pub fn float_cells() -> Cells<'static> {
    const FACTORS: &[f32] = &[
        0.5, 0.25, 1.5, -0.5, 0.125, 0.75, 2.0, -1.0, 0.3, 0.1, 0.2, 0.4, 0.1, 0.0, 3.0, 0.7, -0.2, 0.6, 30.0, -2.0,
        0.5,
    ];
    Cells::new(Packed {
        sizes: &[3, 2],
        cells: &[3, 1],
        coordinates: &[3, 0, 1, 4, 2],
        thresholds: &[-0.5, 0.75],
        centres: &[-4.0, 2.0, 0.5, 0.0, 1.0, -0.5, 5.0, -3.0, 1.5, 100.0, 0.25],
        factors: FACTORS,
        bounds: Bounds { kinds: &[0, 3, 0, 0, 0], low: &[0.0, -1.0, 0.0, 0.0, 0.0], high: &[0.0, 2.5, 0.0, 0.0, 0.0] },
    })
    .expect("cells")
}

/// The same in integers, near enough.
pub fn fixed_cells() -> fixed::Cells<'static> {
    #[rustfmt::skip]
    const FACTORS: &[i32] = &[
        1 << 28, 1 << 27, 3 << 28, -(1 << 27), 1 << 25, 3 << 26, 1 << 29, -(1 << 28), 80_530_637, 26_843_546, 53_687_091,
        107_374_182, 26_843_546, 1, 3 << 28, 187_904_819, -53_687_091, 161_061_274, 30 << 24, -(2 << 24), 1 << 23,
    ];
    let packed = Packed {
        sizes: &[3, 2],
        cells: &[3, 1],
        coordinates: &[3, 0, 1, 4, 2],
        thresholds: &[-32_768, 49_152],
        centres: &[-262_144, 131_072, 32_768, 0, 65_536, -32_768, 327_680, -196_608, 98_304, 6_553_600, 16_384],
        factors: FACTORS,
        bounds: Bounds { kinds: &[0, 3, 0, 0, 0], low: &[0, -65_536, 0, 0, 0], high: &[0, 163_840, 0, 0, 0] },
    };
    fixed::Cells::new(packed, &[29, 28, 28, 28, 28, 28, 28, 28, 28, 24, 24]).expect("cells")
}

/// Numbers of a latent with cells.
pub const CHOOSING: usize = FRAMED + 1;

/// Layers of units for cells, with a threshold of their own.
pub fn cells_mlp() -> FloatMlp<'static> {
    let mut numbers = Numbers::new(8);
    let layers = [numbers.layer(2 * FRAMED + 2, 4), numbers.layer(4, FRAMED)];
    let inputs = Inputs::choosing(CHOOSING, &[0.25], float_cells().choices());
    FloatMlp::of(&layers, inputs, 0.75, 0.25).expect("a network")
}

/// The same in integers.
pub fn fixed_cells_mlp<W: Small>() -> FixedMlp<'static, W> {
    let mut numbers = Numbers::new(9);
    let layers = [(4, 2 * FRAMED + 2, 11), (FRAMED, 4, 0)]
        .map(|(outputs, inputs, point)| fixed::Layer { affine: numbers.affine(outputs, inputs), point });
    let inputs = Inputs::choosing(CHOOSING, &[16_384], fixed_cells().choices());
    FixedMlp::of(&layers, inputs, 49_152).expect("a network")
}

/// The model of a network.
pub fn model_of(network: Network<'_>) -> Model<'_> {
    Model::new("test", r#"{"target":"test"}"#, network).expect("a model")
}

/// Models of every kind and format, by name.
pub fn models() -> Vec<(&'static str, Model<'static>)> {
    let networks = [
        ("mlp-f32", Network::Mlp(float_mlp())),
        ("mlp-i16w16a", Network::Mlp16(fixed_mlp())),
        ("mlp-i8w16a", Network::Mlp8(fixed_mlp())),
        ("egnn-f32", Network::Egnn(float_egnn(STEPS))),
        ("egnn-basis-f32", Network::Egnn(float_egnn(BASIS))),
        ("egnn-published-f32", Network::Egnn(float_egnn(Radial::Squared))),
        ("egnn-i16w16a", Network::Egnn16(fixed_egnn(FIXED_STEPS, false))),
        ("egnn-basis-gated-i16w16a", Network::Egnn16(fixed_egnn(FIXED_BASIS, true))),
        ("egnn-i8w16a", Network::Egnn8(fixed_egnn(FIXED_STEPS, false))),
        ("egnn-gated-i8w16a", Network::Egnn8(fixed_egnn(FIXED_STEPS, true))),
        ("egnn-basis-i8w16a", Network::Egnn8(fixed_egnn(FIXED_BASIS, false))),
    ];
    let framed = [
        ("mlp-framed-f32", Network::Mlp(wide_mlp()), float_frame(true, true).into()),
        ("mlp-widths-f32", Network::Mlp(wide_mlp()), float_frame(false, false).into()),
        ("mlp-framed-i16w16a", Network::Mlp16(wide_fixed_mlp()), fixed_frame(true).into()),
        ("mlp-framed-i8w16a", Network::Mlp8(wide_fixed_mlp()), fixed_frame(true).into()),
        ("mlp-widths-i8w16a", Network::Mlp8(wide_fixed_mlp()), fixed_frame(false).into()),
        ("mlp-cells-f32", Network::Mlp(cells_mlp()), float_cells().into()),
        ("mlp-cells-i16w16a", Network::Mlp16(fixed_cells_mlp()), fixed_cells().into()),
        ("mlp-cells-i8w16a", Network::Mlp8(fixed_cells_mlp()), fixed_cells().into()),
    ];
    let framed = framed.map(|(name, network, frame): (_, _, ModelFrame<'_>)| {
        (name, model_of(network).with_frame(frame).expect("it fits"))
    });
    networks.map(|(name, network)| (name, model_of(network))).into_iter().chain(framed).collect()
}

/// The model of a name.
pub fn model(name: &str) -> Model<'static> {
    models().into_iter().find(|(other, _)| *other == name).expect("a model of this name").1
}

/// The file of a model.
pub fn encoded(model: &Model<'_>) -> Bytes {
    let mut bytes = Bytes::of(&vec![0xaa; model.encoded_length().expect("a length")]);
    assert_eq!(model.encode(bytes.get_mut()), Ok(bytes.get().len()));
    bytes
}

/// With the length and the checksum that belong to it.
pub fn mended(mut bytes: Bytes) -> Bytes {
    let length = bytes.get().len() as u32;
    bytes.get_mut()[8..12].copy_from_slice(&length.to_le_bytes());
    repair_checksum(bytes.get_mut());
    bytes
}

/// Other bytes at one place, and the checksum that belongs to them.
pub fn changed(bytes: &Bytes, at: usize, value: &[u8]) -> Bytes {
    let mut bytes = bytes.clone();
    bytes.get_mut()[at..at + value.len()].copy_from_slice(value);
    repair_checksum(bytes.get_mut());
    bytes
}
