//! Random particle generators in double precision and what a small converter makes of them.

mod exact;

use kiln_core::fixed::{
    Egnn, EgnnLayer, EgnnShape, Gate, LATENT_POINT, NodeLayer, ParticleGenerator, Products, RADIAL_POINT, Radial,
    Scratch, ScratchLength,
};
use kiln_core::network;
use kiln_core::random::{Purpose, Stream};

use super::quantised::{OwnedAffine, OwnedMatrix, Quantised, latents, random, value, wide};

/// Binary points that suit activations of order 1, and sums over a dozen of them.
const STATE: u8 = 12;
const EDGE: u8 = 10;
const UNGATED: u8 = 12;
pub const MESSAGE: u8 = 12;
const FEEBLE_MESSAGE: u8 = 15;
const SUMS: u8 = 9;
const VALUE: u8 = 12;

/// One layer in double precision: weight and bias of each map, (inputs, outputs).
struct FloatLayer {
    source: Vec<f64>,
    radial: [Vec<f64>; 2],
    message: [Vec<f64>; 2],
    gate: Option<[Vec<f64>; 2]>,
    coordinate: Vec<f64>,
    node: [Vec<f64>; 2],
    update: [Vec<f64>; 2],
}

/// What was made of it.
struct FixedLayer<W> {
    source: OwnedMatrix<W>,
    radial: OwnedAffine<W>,
    message: OwnedAffine<W>,
    gate: Option<OwnedAffine<W>>,
    coordinate: OwnedMatrix<W>,
    state: OwnedMatrix<W>,
    sums: OwnedAffine<W>,
    update: OwnedAffine<W>,
}

/// What a generator looks like.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub particles: usize,
    pub dimensions: usize,
    /// Own latents of a particle.
    pub own: usize,
    pub hidden: usize,
    /// Whether the radial functions are steps.
    pub steps: bool,
    pub skip: f64,
    /// What gates have, if any: a_0, about, and the size of a for messages of order 1.
    pub gate: Option<[f64; 2]>,
}

const fn look(sizes: [usize; 4], steps: bool, skip: f64) -> Look {
    let [particles, dimensions, own, hidden] = sizes;
    Look { particles, dimensions, own, hidden, steps, skip, gate: None }
}

impl Look {
    fn message_point(&self) -> u8 {
        if self.gate == Some(FEEBLE) { FEEBLE_MESSAGE } else { MESSAGE }
    }
}

/// Every kind, in awkward sizes.
pub const LOOKS: [Look; 8] = [
    look([4, 2, 0, 16], false, 0.75),
    look([5, 3, 2, 13], true, 1.0),
    look([13, 3, 1, 32], true, 0.0),
    look([2, 1, 1, 3], false, 1.0),
    Look { gate: Some([0.0, 2.0]), ..look([4, 2, 0, 16], false, 0.75) },
    Look { gate: Some([1.0, 2.0]), ..look([5, 3, 2, 13], true, 1.0) },
    Look { gate: Some(FEEBLE), ..look([13, 3, 1, 32], true, 0.0) },
    Look { gate: Some([0.0, 2.0]), ..look([2, 1, 1, 3], false, 1.0) },
];

/// A gate of about 1/50, which leaves little of messages.
const FEEBLE: [f64; 2] = [-4.0, 0.25];

/// Radial functions.
const FUNCTIONS: usize = 9;

/// A float generator and its fixed one.
pub struct Model<W> {
    pub look: Look,
    thresholds: Vec<f64>,
    embedding: [Vec<f64>; 2],
    layers: Vec<FloatLayer>,
    pub fixed_embedding: OwnedAffine<W>,
    fixed: Vec<FixedLayer<W>>,
}

/// Bound of a pair's factor.
pub const RANGE: f64 = 1.5;
const LAST_CENTRE: f64 = 4.0;
/// What a displacement is multiplied by.
pub const SCALE: f64 = 1.25;

impl<W: Quantised> Model<W> {
    pub fn new(look: Look) -> Self {
        let Look { particles, own, hidden, .. } = look;
        let mut rng = Stream::new(32, Purpose::Initialisation, particles as u64);
        let thresholds = vec![-0.5, 0.25];
        let inputs = (own * (1 + thresholds.len())).max(1);
        let mut affine = |inputs: usize| {
            [random(&mut rng, inputs * hidden, 1.0 / (inputs as f64).sqrt()), random(&mut rng, hidden, 0.2)]
        };
        let embedding = affine(inputs);
        let mut layers: Vec<FloatLayer> = (0..3)
            .map(|_| FloatLayer {
                source: affine(hidden)[0].clone(),
                radial: affine(2 * FUNCTIONS),
                message: affine(hidden),
                gate: None,
                coordinate: affine(hidden)[0][..hidden].to_vec(),
                node: affine(2 * hidden),
                update: affine(hidden),
            })
            .collect();
        // From a stream of their own: the other weights are those without gates.
        let mut rng = Stream::new(33, Purpose::Initialisation, particles as u64);
        for l in &mut layers {
            l.gate = look.gate.map(|[mean, spread]| {
                let weight = random(&mut rng, hidden, spread / (hidden as f64).sqrt());
                [weight, random(&mut rng, 1, 0.2).into_iter().map(|a| mean + a).collect()]
            });
        }
        // Sums over many particles come in as means: activations stay of order 1.
        for sums in layers.iter_mut().flat_map(|l| &mut l.node[0][hidden * hidden..]) {
            *sums /= (particles - 1) as f64;
        }
        let map = |[weight, bias]: &[Vec<f64>; 2], inputs, point| OwnedAffine::new(weight, bias, inputs, point);
        let fixed = layers.iter().map(|l| {
            // Rows of the node's weight are inputs: h first, the sums after it.
            let (state, sums) = l.node[0].split_at(hidden * hidden);
            FixedLayer {
                source: OwnedMatrix::new(&l.source, hidden, STATE),
                radial: map(&l.radial, 2 * FUNCTIONS, RADIAL_POINT as u8),
                message: map(&l.message, hidden, EDGE),
                gate: l.gate.as_ref().map(|gate| map(gate, hidden, UNGATED)),
                coordinate: OwnedMatrix::new(&l.coordinate, hidden, look.message_point()),
                state: OwnedMatrix::new(state, hidden, STATE),
                sums: OwnedAffine::new(sums, &l.node[1], hidden, SUMS),
                update: map(&l.update, hidden, VALUE),
            }
        });
        Self {
            look,
            thresholds,
            fixed_embedding: map(&embedding, inputs, LATENT_POINT as u8),
            fixed: fixed.collect(),
            embedding,
            layers,
        }
    }

    pub fn latent(&self) -> usize {
        self.look.particles * (self.look.dimensions + self.look.own)
    }

    /// Normal latents.
    pub fn latents(&self, index: u64) -> Vec<i32> {
        latents(32, self.latent(), index)
    }

    fn node_inputs(&self) -> usize {
        self.fixed_embedding.matrix.weights.len() / self.look.hidden
    }

    pub fn float(&self, z: &[i32]) -> Vec<f64> {
        let (count, range) = (FUNCTIONS, LAST_CENTRE);
        let shape = network::EgnnShape {
            particles: self.look.particles,
            dimensions: self.look.dimensions,
            node_inputs: self.node_inputs(),
            activation: network::Activation::Silu,
            radial: if self.look.steps {
                network::Radial::Steps { count, range }
            } else {
                network::Radial::Basis { count, range }
            },
            range: RANGE,
        };
        let last = self.layers.len() - 1;
        let layers: Vec<_> = self
            .layers
            .iter()
            .enumerate()
            .map(|(index, l)| network::EgnnLayer {
                source: &l.source,
                target: None,
                radial: &l.radial[0],
                edge_bias: &l.radial[1],
                message: borrowed(&l.message[0], &l.message[1]),
                gate: l.gate.as_ref().map(|[weight, bias]| borrowed(weight, bias)),
                head: None,
                coordinate: &l.coordinate,
                node: (index < last).then(|| [borrowed(&l.node[0], &l.node[1]), borrowed(&l.update[0], &l.update[1])]),
            })
            .collect();
        let egnn = network::Egnn::new(shape, borrowed(&self.embedding[0], &self.embedding[1]), &layers)
            .expect("a valid network");
        let generator = network::ParticleGenerator::new(egnn, self.look.own, &self.thresholds, self.look.skip, SCALE)
            .expect("a valid generator");
        let z: Vec<f64> = z.iter().map(|z| value(*z)).collect();
        let mut x = vec![0.0; generator.dim()];
        generator.sample(&z, &mut vec![0.0; generator.scratch()], &mut x).expect("long enough buffers");
        x
    }

    /// Whether an input distance lies so near a jump of the steps that rounding can decide on which side: within 4 units
    /// of 2^−16, since r, r·steps and the coordinates are each rounded.
    pub fn near_jump(&self, z: &[i32]) -> bool {
        let (n, d) = (self.look.particles, self.look.dimensions);
        let scale = if self.look.skip == 0.0 { 1.0 } else { self.look.skip };
        let distance = |i: usize, j: usize| {
            let square = |k: usize| (scale * (value(z[i * d + k]) - value(z[j * d + k]))).powi(2);
            (0..d).map(square).sum::<f64>().sqrt()
        };
        let near = |r: f64| {
            let u = r * (FUNCTIONS - 1) as f64 / LAST_CENTRE;
            (u - u.round()).abs() < 4.0 / 65_536.0 && u.round() < FUNCTIONS as f64
        };
        self.look.steps && (0..n).any(|i| (0..i).any(|j| near(distance(i, j))))
    }

    pub fn shape(&self) -> EgnnShape {
        let (count, steps) = (FUNCTIONS, wide((FUNCTIONS - 1) as f64 / LAST_CENTRE));
        EgnnShape {
            particles: self.look.particles,
            dimensions: self.look.dimensions,
            node_inputs: self.node_inputs(),
            radial: if self.look.steps { Radial::Steps { count, steps } } else { Radial::Basis { count, steps } },
            range: wide(RANGE),
        }
    }

    pub fn fixed_layers(&self) -> Vec<EgnnLayer<'_, W>> {
        let last = self.fixed.len() - 1;
        self.fixed
            .iter()
            .enumerate()
            .map(|(index, l)| EgnnLayer {
                state_point: STATE,
                source: l.source.borrow(),
                radial: l.radial.borrow(),
                edge_point: EDGE,
                message: l.message.borrow(),
                gate: l.gate.as_ref().map(|gate| Gate { affine: gate.borrow(), point: UNGATED }),
                message_point: self.look.message_point(),
                coordinate: l.coordinate.borrow(),
                node: (index < last).then(|| NodeLayer {
                    state: l.state.borrow(),
                    sum_point: SUMS,
                    sums: l.sums.borrow(),
                    value_point: VALUE,
                    update: l.update.borrow(),
                }),
            })
            .collect()
    }

    pub fn integers<P: Products>(&self, products: &P, z: &[i32]) -> Vec<i32> {
        self.integers_of(&self.fixed_layers(), products, z)
    }

    /// The same with other layers.
    pub fn integers_of<P: Products>(&self, layers: &[EgnnLayer<'_, W>], products: &P, z: &[i32]) -> Vec<i32> {
        let thresholds: Vec<i32> = self.thresholds.iter().map(|c| wide(*c)).collect();
        let egnn = Egnn::new(self.shape(), self.fixed_embedding.borrow(), layers).expect("a valid network");
        let generator = ParticleGenerator::new(egnn, self.look.own, &thresholds, wide(self.look.skip), wide(SCALE))
            .expect("a valid generator");
        let ScratchLength { narrow, wide } = generator.scratch();
        let (mut narrow, mut wide, mut x) = (vec![7; narrow], vec![7; wide], vec![0; generator.dim()]);
        let scratch = Scratch { narrow: &mut narrow, wide: &mut wide };
        generator.sample_with(products, z, scratch, &mut x).expect("long enough buffers");
        x
    }
}

impl<W> Model<W> {
    /// A thousand times the scales, and biases at the ends.
    pub fn exaggerate(&mut self) {
        let affines = self
            .fixed
            .iter_mut()
            .flat_map(|l| [&mut l.radial, &mut l.message, &mut l.sums, &mut l.update].into_iter().chain(&mut l.gate));
        affines.for_each(OwnedAffine::exaggerate);
    }
}

fn borrowed<'a>(weight: &'a [f64], bias: &'a [f64]) -> network::Layer<'a, f64> {
    network::Layer { weight, bias }
}
