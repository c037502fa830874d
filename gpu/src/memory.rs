//! How much memory a training takes, from its sizes alone: an estimate, made before anything is allocated.
//!
//! Counted are the numbers of networks, averages and optimisers, the values that the backward pass needs, the gradients
//! that groups of rows add up for themselves, and the two copies of everything that a checkpoint is written from. It was
//! compared with measured peaks of MoG-40, Many-Well-32, DW-4 and LJ-13, small and large: above 200 MB within 25 % of them.

use crate::shape::body::Body;
use crate::shape::egnn::{Edges, EgnnSpec, Head};
use crate::shape::generator::GeneratorSpec;
use crate::shape::score::ScoreSpec;
use crate::trainer::TrainerSpec;

/// Bytes of a number.
const NUMBER: f64 = 4.0;
/// The program, its threads and what is counted nowhere else.
const BASE: f64 = 40e6;
/// What a training's [`crate::Scratch`] keeps of free buffers at most.
const POOL: f64 = 256e6;
/// A network, its average and two moments of its optimiser.
const COPIES: f64 = 4.0;
/// A network's numbers as one buffer, which stays until they change. Between steps that is one copy, of the average
/// where there is one: the network has just changed. In a step the network's own is made too, and both are held.
const GATHERED: f64 = 1.0;
/// Numbers as factors, where there is no way back.
const FORWARD_FACTORS: f64 = 1.0;
/// A network's numbers as factors, as factors of the way back, and their gradient.
const FACTORS: f64 = 3.0;
/// Features of a batch: as made, as a tensor, as a buffer.
const INPUTS: f64 = 3.0;
/// Coordinates of a batch: samples, noise, scores, estimates, coefficients, and the tape's.
const COORDINATES: f64 = 20.0;
/// Rows a chunk and groups of an MLP, samples a chunk, groups and kept numbers of an EGNN: as in [`crate::kernel`].
const ROWS: usize = 256;
const MLP_GROUPS: usize = 16;
const SAMPLES: usize = 16;
const EGNN_GROUPS: usize = 8;
const KEPT_EDGES: f64 = (52 << 20) as f64;
/// Rows that a generator takes at once.
const SLAB: usize = 16_384;

/// Numbers of a network: trained, of a row's features, kept of a row for the backward pass, and groups of a batch.
struct Size {
    numbers: f64,
    inputs: f64,
    kept: f64,
    groups: f64,
}

impl Size {
    /// Of a network with that many trained numbers, which sees `inputs` features a row.
    fn new(body: &Body, numbers: usize, inputs: usize, batch: usize) -> Self {
        let (kept, groups) = match body {
            Body::Mlp { hidden, depth } => (2.0 * *hidden as f64 * *depth as f64, batch.div_ceil(ROWS).min(MLP_GROUPS)),
            Body::Egnn(egnn) => (kept(egnn, batch), batch.div_ceil(SAMPLES).clamp(batch.min(EGNN_GROUPS), EGNN_GROUPS)),
        };
        Self { numbers: numbers as f64, inputs: inputs as f64, kept, groups: groups as f64 }
    }

    fn generator(spec: &GeneratorSpec, batch: usize) -> Self {
        let inputs = match &spec.body {
            Body::Mlp { .. } => spec.inputs(),
            Body::Egnn(egnn) => egnn.particles * egnn.node_inputs,
        };
        Self::new(&spec.body, spec.numbers(), inputs, batch)
    }

    fn score(spec: &ScoreSpec, batch: usize) -> Self {
        let (dim, features) = (spec.dim(), spec.features());
        match spec.body() {
            body @ &Body::Mlp { hidden, depth } => {
                let numbers = (spec.inputs() + 1) * hidden + (depth - 1) * (hidden + 1) * hidden + (hidden + 1) * dim;
                Self::new(body, numbers + features * hidden * depth, spec.inputs() + features, batch)
            }
            body @ Body::Egnn(egnn) => Self::new(body, egnn.numbers(), egnn.particles * egnn.node_inputs, batch),
        }
    }

    /// Of a step on so many rows, in numbers.
    fn step(&self, batch: f64) -> f64 {
        (FACTORS + self.groups) * self.numbers + batch * (self.kept + INPUTS * self.inputs)
    }
}

/// Numbers that an EGNN keeps of a sample.
fn kept(spec: &EgnnSpec, batch: usize) -> f64 {
    let (directed, deep) = (spec.edges == Edges::Directed, spec.head == Head::Deep);
    let (nodes, width, layers) = (spec.particles as f64, spec.hidden.next_multiple_of(16) as f64, spec.layers as f64);
    let edges = nodes * (nodes - 1.0) / if directed { 1.0 } else { 2.0 };
    let rows = if directed { 5.0 } else { 4.0 } * nodes * width;
    let messages = edges * width * if deep { 2.0 } else { 1.0 };
    let kept = if batch as f64 * layers * messages <= KEPT_EDGES { messages } else { 0.0 };
    layers * (rows + nodes * spec.dimensions as f64 + 2.0 * edges + kept)
}

impl GeneratorSpec {
    /// Bytes of distilling this student, which has an average, on the CPU at the peak, as an estimate. `probes` samples
    /// are drawn of it now and then.
    pub fn distillation_memory(&self, teacher: &Self, batch: usize, probes: usize) -> u64 {
        let student = Size::generator(self, batch);
        let values = student.step(batch as f64) + COORDINATES * batch as f64 * self.dim as f64;
        let step = values + GATHERED * student.numbers;
        let drawing = teacher.drawing(batch).max(self.drawing(probes));
        let pool = 0.25 * values.min(POOL / NUMBER);
        let networks = (1.0 + GATHERED) * teacher.numbers() as f64 + (COPIES + GATHERED) * student.numbers;
        bytes(networks + step.max(drawing) + pool)
    }

    /// Numbers that drawing so many samples takes, of a network whose gathered copy is counted elsewhere.
    fn drawing(&self, rows: usize) -> f64 {
        let size = Size::generator(self, SLAB);
        let coordinates = (rows * (self.latent + 2 * self.dim)) as f64;
        FORWARD_FACTORS * size.numbers + rows.min(SLAB) as f64 * INPUTS * size.inputs + coordinates
    }
}

/// Numbers as bytes, with what every training takes.
fn bytes(numbers: f64) -> u64 {
    (BASE + NUMBER * numbers) as u64
}

impl TrainerSpec {
    /// Bytes of a training on the CPU at its peak, as an estimate. `live` samples are drawn of the generator now and then.
    pub fn memory(&self, live: usize) -> u64 {
        let (batch, dim) = (self.batch as f64, self.generator.dim as f64);
        let (generator, score) = (Size::generator(&self.generator, self.batch), Size::score(&self.score, self.batch));
        let networks = generator.numbers + score.numbers;
        let values = generator.step(batch).max(score.step(batch)) + COORDINATES * batch * dim;
        let pool = values.min(POOL / NUMBER);
        let averaged = |size: &Size, ema: f32| if ema > 0.0 { size.numbers } else { 0.0 };
        let step = values + GATHERED * (averaged(&generator, self.ema) + averaged(&score, self.score_ema));
        // Tensors and the bytes of a file; the generator's file before them.
        let checkpoint = 2.0 * COPIES * networks + generator.numbers + pool;
        let most = checkpoint.max(step + 0.25 * pool).max(self.generator.drawing(live));
        bytes((COPIES + GATHERED) * networks + most)
    }
}
