//! A whole conditioned SiLU network in one call, forward and backward:
//! z_l = h_{l-1} W_l + b_l (+ features V_l), h_l = silu(z_l), and no activation after the last layer.
//!
//! A chunk of rows runs through all layers before the next one starts, so its numbers stay in the cache.
//! Each group of chunks adds up its own parameter gradients; groups are then added in their order.

use super::activation::{add_column_sums, add_row, add_sums, silu, silu_with_derivative};
use super::gemm::{Packed, gram, product, scaled_product};
use super::scratch::{Buffer, Scratch};
use crate::shape::Role;
use crate::shape::mlp::MlpShape;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Most rows of a chunk: its activations fill the second-level cache.
const LARGEST_CHUNK: usize = 256;
/// At most this many groups, each with a set of parameter gradients of its own, which bounds the memory.
const GROUPS: usize = 16;
/// Numbers a task when gradients of groups are added up.
const BLOCK: usize = 1 << 15;

/// The shapes of a network, and where the numbers of each layer lie in one flat buffer.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) layers: Vec<LayerPlan>,
    pub(crate) features: usize,
    pub(crate) len: usize,
}

/// Rows a chunk. Part of the definition of the result, since sums over rows are cut here: it depends on the batch
/// and on nothing else.
fn chunk_size(batch: usize) -> usize {
    let pieces = batch.div_ceil(LARGEST_CHUNK).max(1);
    batch.div_ceil(pieces).next_multiple_of(16).max(16)
}

/// One layer of a [`Plan`].
#[derive(Clone, Debug)]
pub(crate) struct LayerPlan {
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) weight: Range<usize>,
    pub(crate) bias: Range<usize>,
    /// Where the conditioning table lies, and what it is for.
    pub(crate) table: Option<(Range<usize>, Role)>,
}

impl Plan {
    pub(crate) fn new(shape: &MlpShape) -> Self {
        let features = shape.features;
        let mut len = 0;
        let mut next = |n: usize| {
            len += n;
            len - n..len
        };
        let layers = shape.layers.iter().map(|layer| LayerPlan {
            input: layer.inputs,
            output: layer.outputs,
            weight: next(layer.inputs * layer.outputs),
            bias: next(layer.outputs),
            table: layer.table.map(|role| (next(features * layer.outputs), role)),
        });
        let layers = layers.collect();
        Self { layers, features, len }
    }

    /// Where each matrix lies, in the order of [`MlpShape`]; none of those that are not trained where they are not wanted.
    pub(crate) fn places(&self, frozen: bool) -> impl Iterator<Item = Option<Range<usize>>> + '_ {
        self.layers.iter().flat_map(move |layer| {
            let table =
                layer.table.as_ref().map(|(range, role)| (frozen || *role == Role::Trained).then(|| range.clone()));
            [Some(layer.weight.clone()), Some(layer.bias.clone())].into_iter().chain(table)
        })
    }

    fn input(&self) -> usize {
        self.layers.first().map_or(0, |l| l.input)
    }

    fn output(&self) -> usize {
        self.layers.last().map_or(0, |l| l.output)
    }
}

/// A network with its numbers and a batch: what both directions read. It owns what it reads, and may wait on a tape for
/// the way back.
pub(crate) struct Job {
    pub(crate) plan: Plan,
    pub(crate) parameters: Arc<Buffer>,
    pub(crate) batch: usize,
    pub(crate) x: Buffer,
    pub(crate) features: Buffer,
    pub(crate) scratch: Scratch,
}

impl Job {
    fn check(&self) {
        assert_eq!(self.parameters.len(), self.plan.len, "parameters");
        assert_eq!(self.x.len(), self.batch * self.plan.input(), "input");
        if self.plan.layers.iter().any(|l| l.table.is_some()) {
            assert_eq!(self.features.len(), self.batch * self.plan.features, "features");
        }
    }

    fn chunk_rows(&self, chunk: usize) -> Range<usize> {
        let size = chunk_size(self.batch);
        chunk * size..((chunk + 1) * size).min(self.batch)
    }

    fn input_rows(&self, rows: &Range<usize>) -> &[f32] {
        let width = self.plan.input();
        &self.x[rows.start * width..rows.end * width]
    }

    fn feature_rows(&self, rows: &Range<usize>) -> &[f32] {
        let width = self.plan.features;
        &self.features[rows.start * width..rows.end * width]
    }

    /// Weights and tables of each layer as right factors, made once for all chunks.
    fn packed(&self) -> Vec<(Packed, Option<Packed>)> {
        let pack = |range: &Range<usize>, rows, columns| {
            Packed::new(&self.scratch, &self.parameters[range.clone()], rows, columns)
        };
        let layer = |l: &LayerPlan| {
            let table = l.table.as_ref().map(|(range, _)| pack(range, self.plan.features, l.output));
            (pack(&l.weight, l.input, l.output), table)
        };
        self.plan.layers.par_iter().map(layer).collect()
    }

    /// The transposed weights of each layer; none for the first unless its input's gradient is wanted.
    fn packed_transposed(&self, want_input: bool) -> Vec<Option<Packed>> {
        let layer = |(l, layer): (usize, &LayerPlan)| {
            let weight = &self.parameters[layer.weight.clone()];
            (l > 0 || want_input).then(|| Packed::transposed(&self.scratch, weight, layer.input, layer.output))
        };
        self.plan.layers.par_iter().enumerate().map(layer).collect()
    }
}

/// A hidden layer's activations and slopes for one chunk.
struct Hidden {
    h: Buffer,
    slope: Buffer,
}

/// What the backward pass needs of the forward pass, chunk by chunk, layer by layer.
pub(crate) struct Saved(Vec<Vec<Hidden>>);

/// The network's output, without anything kept.
pub(crate) fn infer(job: &Job) -> Vec<f32> {
    run(job, false).0
}

/// The network's output, and what the backward pass will need.
pub(crate) fn forward(job: &Job) -> (Vec<f32>, Saved) {
    let (y, saved) = run(job, true);
    (y, Saved(saved))
}

fn run(job: &Job, keep: bool) -> (Vec<f32>, Vec<Vec<Hidden>>) {
    job.check();
    let width = job.plan.output().max(1);
    let mut y = vec![0.0; job.batch * width];
    let factors = job.packed();
    let saved = y
        .par_chunks_mut(chunk_size(job.batch) * width)
        .enumerate()
        .map(|(chunk, y)| forward_chunk(job, &factors, job.chunk_rows(chunk), y, keep))
        .collect();
    (y, saved)
}

fn forward_chunk(
    job: &Job,
    factors: &[(Packed, Option<Packed>)],
    rows: Range<usize>,
    y: &mut [f32],
    keep: bool,
) -> Vec<Hidden> {
    let m = rows.len();
    let mut kept: Vec<Hidden> = Vec::new();
    let mut previous: Option<Buffer> = None;
    for (l, (layer, (weight, table))) in job.plan.layers.iter().zip(factors).enumerate() {
        let input = match (&previous, kept.last()) {
            (Some(h), _) | (None, Some(Hidden { h, .. })) => h,
            (None, None) => job.input_rows(&rows),
        };
        let bias = &job.parameters[layer.bias.clone()];
        let products = |out: &mut [f32]| {
            product(input, weight, false, out);
            if let Some(table) = table {
                product(job.feature_rows(&rows), table, true, out);
            }
        };
        if l + 1 == job.plan.layers.len() {
            products(y);
            add_row(bias, y);
            break;
        }
        let mut h = job.scratch.take(m * layer.output);
        products(&mut h);
        if keep {
            let mut slope = job.scratch.take(m * layer.output);
            silu_with_derivative(bias, &mut h, &mut slope);
            kept.push(Hidden { h, slope });
        } else {
            silu(bias, &mut h);
            previous = Some(h);
        }
    }
    kept
}

/// Gradients of the parameters, one buffer for each group of chunks; see [`Gradients::add_to`].
pub(crate) struct Gradients(Vec<Buffer>);

impl Gradients {
    /// Adds the gradient of the parameters in `range` to `target`.
    pub(crate) fn add_to(&self, range: Range<usize>, target: &mut [f32]) {
        target.par_chunks_mut(BLOCK).enumerate().for_each(|(block, target)| {
            let start = range.start + block * BLOCK;
            let parts = self.0.iter().map(|group| &group[start..start + target.len()]);
            add_sums(&parts.collect::<Vec<_>>(), target);
        });
    }
}

/// From the output's gradient to those of all trained parameters and, where asked for, of the input.
pub(crate) fn backward(job: &Job, saved: &Saved, gradient: &[f32], want_input: bool) -> (Gradients, Vec<f32>) {
    job.check();
    assert_eq!(gradient.len(), job.batch * job.plan.output(), "gradient");
    let per_group = job.batch.div_ceil(chunk_size(job.batch)).div_ceil(GROUPS).max(1);
    let group_rows = per_group * chunk_size(job.batch);
    let width = if want_input { job.plan.input() } else { 0 };
    let mut input_gradient = vec![0.0; job.batch * width];
    let factors = job.packed_transposed(want_input);
    let slots: Vec<&mut [f32]> = if want_input {
        input_gradient.chunks_mut(group_rows * width).collect()
    } else {
        (0..job.batch.div_ceil(group_rows)).map(|_| Default::default()).collect()
    };
    let groups = slots
        .into_par_iter()
        .enumerate()
        .map(|(group, mut slot)| {
            let mut sums = job.scratch.take(job.plan.len);
            let chunks = group * per_group..((group + 1) * per_group).min(saved.0.len());
            for (i, chunk) in chunks.enumerate() {
                let rows = job.chunk_rows(chunk);
                let (now, later) = slot.split_at_mut(rows.len() * width);
                slot = later;
                let now = want_input.then_some(now);
                backward_chunk(job, &factors, rows, &saved.0[chunk], gradient, i == 0, &mut sums, now);
            }
            sums
        })
        .collect();
    (Gradients(groups), input_gradient)
}

#[expect(clippy::too_many_arguments, reason = "one call")]
fn backward_chunk(
    job: &Job,
    factors: &[Option<Packed>],
    rows: Range<usize>,
    hidden: &[Hidden],
    gradient: &[f32],
    first: bool,
    sums: &mut [f32],
    mut input_gradient: Option<&mut [f32]>,
) {
    let m = rows.len();
    let width = job.plan.output();
    let top = &gradient[rows.start * width..rows.end * width];
    let mut current: Option<Buffer> = None;
    for (l, layer) in job.plan.layers.iter().enumerate().rev() {
        let values: &[f32] = current.as_deref().unwrap_or(top);
        let input = if l == 0 { job.input_rows(&rows) } else { &hidden[l - 1].h };
        gram(&job.scratch, m, input, values, !first, &mut sums[layer.weight.clone()]);
        let bias = &mut sums[layer.bias.clone()];
        if first {
            bias.fill(0.0);
        }
        add_column_sums(values, bias);
        if let Some((table, Role::Trained)) = &layer.table {
            gram(&job.scratch, m, job.feature_rows(&rows), values, !first, &mut sums[table.clone()]);
        }
        let Some(weight) = &factors[l] else { continue };
        if l > 0 {
            let mut below = job.scratch.take(m * layer.input);
            scaled_product(values, weight, &hidden[l - 1].slope, &mut below);
            current = Some(below);
        } else if let Some(target) = input_gradient.take() {
            product(values, weight, false, target);
        }
    }
}
