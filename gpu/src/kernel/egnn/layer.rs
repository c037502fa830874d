//! One layer of a chunk, forward.

use super::super::activation::add_row;
use super::super::gemm::product;
use super::super::scratch::{Buffer, Scratch};
use super::curve::run;
use super::factors::Factors;
use super::geometry::{Geometry, radial, tanh};
use super::job::Job;
use super::messages::{DirectFactor, HeadFactor, Message};
use super::plan::{Plan, Slots};
use super::rows::{Activate, First, Gather, Graph, Pair};
use crate::shape::egnn::{Edges, LayerAt};
use std::ops::Range;

/// Work space for a chunk; rows of edges are those of one block.
pub(super) struct Work {
    pub(super) geometry: Geometry,
    /// Radial functions of the current and of the input distance, and their gradients.
    pub(super) features: Buffer,
    pub(super) feature_gradients: Buffer,
    /// The first edge layer.
    pub(super) first: Buffer,
    pub(super) message: Buffer,
    /// Pre-activations that are not kept.
    pub(super) spare: [Buffer; 2],
    /// Gradients on the way back.
    pub(super) gradients: [Buffer; 2],
    /// Gradients of the coordinate factors.
    pub(super) factors: Buffer,
    /// Two numbers an edge.
    pub(super) unused: Buffer,
    /// Two rows.
    pub(super) rows: Buffer,
}

impl Work {
    pub(super) fn new(Job { plan, scratch, .. }: &Job, samples: usize) -> Self {
        let block = plan.block().min(samples);
        let edges = block * plan.edges();
        let rows = || scratch.take(edges * plan.width);
        let features = || scratch.take(edges * 2 * plan.spec.radial.count());
        Self {
            geometry: Geometry::new(plan, block, scratch),
            features: features(),
            feature_gradients: features(),
            first: rows(),
            message: rows(),
            spare: [rows(), rows()],
            gradients: [rows(), rows()],
            factors: scratch.take(edges),
            unused: scratch.take(2 * edges),
            rows: scratch.take(2 * plan.width),
        }
    }
}

/// The samples of a chunk, block by block.
pub(super) fn blocks(plan: &Plan, samples: usize) -> impl Iterator<Item = Range<usize>> {
    let block = plan.block();
    (0..samples).step_by(block).map(move |start| start..(start + block).min(samples))
}

/// `range` with each number times `by`.
pub(super) fn times(range: &Range<usize>, by: usize) -> Range<usize> {
    range.start * by..range.end * by
}

/// The graph of a sample.
pub(super) fn graph(plan: &Plan) -> Graph<'_> {
    Graph { ends: &plan.ends, particles: plan.spec.particles, width: plan.width }
}

/// Distances and radial functions of a block at coordinates `x`; `start` holds the functions of the input's.
pub(super) fn set_geometry(plan: &Plan, x: &[f32], start: &[f32], work: &mut Work) {
    let kind = plan.spec.radial;
    let count = kind.count();
    work.geometry.set(plan, x);
    radial(kind.current(), work.geometry.squares(), 2 * count, &mut work.features);
    for (row, start) in work.features.chunks_exact_mut(2 * count).zip(start.chunks_exact(count)) {
        row[count..].copy_from_slice(start);
    }
}

/// The features of edges as a pair, if they are two.
pub(super) fn pair<'a>(job: &'a Job, layer: &LayerAt, features: &'a [f32]) -> Option<Pair<'a>> {
    (job.plan.spec.radial.count() == 1).then(|| Pair { features, weights: job.matrix(layer.radial) })
}

/// The rows of one block's ends.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) source: &'a [f32],
    pub(super) target: &'a [f32],
}

/// What one block's edges come to: pre-activations of message and head (empty if direct), gates and tanh.
pub(super) struct EdgeValues<'a> {
    pub(super) message: &'a mut [f32],
    pub(super) head: &'a mut [f32],
    pub(super) gates: &'a mut [f32],
    pub(super) tanh: &'a mut [f32],
}

/// Messages (left in `work`) and coordinate factors of a block whose geometry is set.
pub(super) fn edges(
    job: &Job,
    layer: &LayerAt,
    factors: &Factors,
    ends: Ends<'_>,
    features: &[f32],
    (first, message): (&mut [f32], &mut [f32]),
    out: EdgeValues<'_>,
) {
    let (plan, act) = (&job.plan, job.plan.spec.activation);
    let pair = pair(job, layer, features);
    if pair.is_none() {
        product(features, &factors.radial, false, first);
    }
    run(act, First { graph: graph(plan), source: ends.source, target: ends.target, pair, z: first });
    product(first, &factors.message, false, out.message);
    let gate = layer.gate.map(|(weight, offset)| (job.matrix(weight), job.matrix(offset)[0]));
    let bias = job.matrix(layer.message.1);
    run(act, Message { bias, gate, z: out.message, message, gates: out.gates });
    let weight = job.matrix(layer.coordinate);
    match (&factors.head, layer.head) {
        (Some(head), Some((_, bias))) => {
            product(message, head, false, out.head);
            run(act, HeadFactor { bias: job.matrix(bias), weight, z: out.head, factors: out.tanh });
        }
        _ => run(act, DirectFactor { weight, message, factors: out.tanh }),
    }
    tanh(out.tanh);
}

/// One layer: `h` and `x` are moved on, what the backward pass needs is left in `slab`.
#[expect(clippy::too_many_arguments, reason = "one call")]
pub(super) fn forward(
    job: &Job,
    layer: &LayerAt,
    factors: &Factors,
    start: &[f32],
    slots: &Slots,
    slab: &mut [f32],
    h: &mut [f32],
    x: &mut [f32],
    work: &mut Work,
) {
    let plan = &job.plan;
    let spec = &plan.spec;
    let s = slots.clone();
    let parts = [s.h, s.x, s.source, s.target, s.sums, s.node, s.gate, s.tanh, s.message, s.head];
    let [old_h, old_x, source, target, sums, node, gates, tanhs, messages, heads] =
        slab.get_disjoint_mut(parts).expect("slots of one layer are apart");
    old_h.copy_from_slice(h);
    old_x.copy_from_slice(x);
    product(h, &factors.source, false, source);
    add_bias(&job.scratch, spec.edges, job.matrix(layer.edge_bias), source);
    if let Some(factor) = &factors.target {
        product(h, factor, false, target);
    }
    sums.fill(0.0);
    let samples = x.len() / (spec.particles * spec.dimensions);
    for block in blocks(plan, samples) {
        let (nodes, pairs) = (times(&block, spec.particles), times(&block, plan.edges()));
        let (rows, edge_rows) = (times(&nodes, plan.width), times(&pairs, plan.width));
        let x = &mut x[times(&nodes, spec.dimensions)];
        set_geometry(plan, x, &start[times(&pairs, spec.radial.count())], work);
        let Work { first, message, spare: [spare_message, spare_head], features, .. } = &mut *work;
        let n = edge_rows.len();
        let ends = Ends {
            source: &source[rows.clone()],
            target: if factors.target.is_some() { &target[rows.clone()] } else { &source[rows.clone()] },
        };
        let out = EdgeValues {
            message: if messages.is_empty() { &mut spare_message[..n] } else { &mut messages[edge_rows.clone()] },
            head: if heads.is_empty() { &mut spare_head[..n] } else { &mut heads[edge_rows] },
            gates: &mut gates[pairs.clone()],
            tanh: &mut tanhs[pairs.clone()],
        };
        let features = &features[..pairs.len() * 2 * spec.radial.count()];
        edges(job, layer, factors, ends, features, (&mut first[..n], &mut message[..n]), out);
        work.geometry.step(plan, &tanhs[pairs], x);
        if layer.node.is_some() {
            let both = spec.edges == Edges::Symmetric;
            let message = &work.message[..n];
            run(spec.activation, Gather { graph: graph(plan), message, both, sums: &mut sums[rows] });
        }
    }
    if let (Some([top, bottom, update]), Some((_, bias)), Some((_, last))) = (&factors.node, layer.node, layer.update) {
        product(h, top, false, node);
        product(sums, bottom, true, node);
        let mut value = job.scratch.copy(node);
        run(spec.activation, Activate { bias: job.matrix(bias), z: &mut value });
        product(&value, update, true, h);
        add_row(job.matrix(last), h);
    }
}

/// Adds an edge's bias to the rows of its first node; where both ends have one matrix, half of it to each.
fn add_bias(scratch: &Scratch, edges: Edges, bias: &[f32], source: &mut [f32]) {
    if edges == Edges::Directed {
        return add_row(bias, source);
    }
    let mut half = scratch.zeros(bias.len());
    half.iter_mut().zip(bias).for_each(|(half, b)| *half = 0.5 * b);
    add_row(&half, source);
}
