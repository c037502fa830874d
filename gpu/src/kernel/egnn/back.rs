//! One layer of a chunk, backward.

use super::super::activation::add_column_sums;
use super::super::gemm::{gram, product};
use super::super::scratch::Buffer;
use super::curve::run;
use super::factors::Factors;
use super::geometry::radial_back;
use super::job::Job;
use super::layer::{EdgeValues, Ends, Work, blocks, edges, graph, pair, set_geometry, times};
use super::messages::{Above, GateBack, HeadBack, Message, MessageBack};
use super::plan::{Plan, Slots};
use super::rows::{ActivateBack, FirstBack, PairBack};
use crate::shape::egnn::{Edges, LayerAt};
use std::ops::Range;

/// What the way back through a layer reads.
pub(super) struct Pass<'a> {
    pub(super) job: &'a Job,
    pub(super) layer: &'a LayerAt,
    pub(super) forward: &'a Factors,
    pub(super) transposed: &'a Factors,
    pub(super) slots: &'a Slots,
    /// What the forward pass left.
    pub(super) slab: &'a [f32],
    /// Radial functions at the input.
    pub(super) start: &'a [f32],
    /// Squared distances at the input.
    pub(super) start_squares: &'a [f32],
    /// Whether anybody wants the gradient of the coordinates before this layer.
    pub(super) want_coordinates: bool,
    /// Whether anybody wants that of the input.
    pub(super) want_input: bool,
}

impl<'a> Pass<'a> {
    fn slot(&self, range: &Range<usize>) -> &'a [f32] {
        &self.slab[range.clone()]
    }

    fn range(&self, at: usize) -> Range<usize> {
        self.job.plan.ranges[at].clone()
    }

    fn plan(&self) -> &'a Plan {
        &self.job.plan
    }
}

/// Gradients on their way through a chunk's layers, and space for those of one layer's nodes.
pub(super) struct Nodes {
    /// Of h.
    pub(super) h: Buffer,
    /// Of x.
    pub(super) x: Buffer,
    /// Of the squared distances at the input.
    pub(super) start: Buffer,
    /// Of x after the layer.
    moved: Buffer,
    /// Of the sums of messages.
    sums: Buffer,
    sources: Buffer,
    targets: Buffer,
    value: Buffer,
}

impl Nodes {
    /// # Panics
    /// If `gradient`, that of the coordinates after all layers, is not one of whole samples.
    pub(super) fn new(Job { plan, scratch, .. }: &Job, gradient: &[f32]) -> Self {
        let nodes = gradient.len() / plan.spec.dimensions;
        let rows = || scratch.take(nodes * plan.width);
        Self {
            h: scratch.zeros(nodes * plan.width),
            x: scratch.copy(gradient),
            start: scratch.zeros(nodes / plan.spec.particles * plan.edges()),
            moved: scratch.copy(gradient),
            sums: rows(),
            sources: rows(),
            targets: rows(),
            value: rows(),
        }
    }
}

/// `g.h`, `g.x`, the gradients after the layer, become those before it; parameter gradients are added to `sums`, those of
/// the squared distances at the input to `g.start`.
pub(super) fn backward(pass: &Pass<'_>, sums: &mut [f32], g: &mut Nodes, work: &mut Work) {
    let (plan, layer, slots, transposed) = (pass.plan(), pass.layer, pass.slots, pass.transposed);
    let spec = &plan.spec;
    let nodes = g.h.len() / plan.width;
    nodes_back(pass, sums, g);
    g.sources.fill(0.0);
    g.targets.fill(0.0);
    g.moved.copy_from_slice(&g.x);
    for block in blocks(plan, nodes / spec.particles) {
        edges_back(pass, &block, sums, g, work);
    }
    let h = pass.slot(&slots.h);
    gram(&pass.job.scratch, nodes, h, &g.sources, true, &mut sums[pass.range(layer.source)]);
    product(&g.sources, &transposed.source, true, &mut g.h);
    if let (Some(at), Some(factor)) = (layer.target, &transposed.target) {
        gram(&pass.job.scratch, nodes, h, &g.targets, true, &mut sums[pass.range(at)]);
        product(&g.targets, factor, true, &mut g.h);
    }
    if spec.edges == Edges::Symmetric {
        g.sources.iter_mut().for_each(|g| *g *= 0.5);
    }
    add_column_sums(&g.sources, &mut sums[pass.range(layer.edge_bias)]);
}

/// Back through the nodes' update, if there is one: leaves the gradient of the sums of messages in `g.sums`.
fn nodes_back(pass: &Pass<'_>, sums: &mut [f32], g: &mut Nodes) {
    let (layer, slots) = (pass.layer, pass.slots);
    let (Some(node), Some(update)) = (layer.node, layer.update) else { return };
    let Some([top, bottom, last]) = &pass.transposed.node else { return };
    let nodes = g.h.len() / pass.plan().width;
    add_column_sums(&g.h, &mut sums[pass.range(update.1)]);
    // The gradient of the hidden layer borrows the place of the sources'.
    let hidden = &mut g.sources;
    product(&g.h, last, false, hidden);
    run(
        pass.plan().spec.activation,
        ActivateBack {
            bias: pass.job.matrix(node.1),
            z: pass.slot(&slots.node),
            value: &mut g.value,
            gradient: hidden,
            sums: &mut sums[pass.range(node.1)],
        },
    );
    gram(&pass.job.scratch, nodes, &g.value, &g.h, true, &mut sums[pass.range(update.0)]);
    let (above, below) = sums[pass.range(node.0)].split_at_mut(pass.plan().width.pow(2));
    gram(&pass.job.scratch, nodes, pass.slot(&slots.h), hidden, true, above);
    gram(&pass.job.scratch, nodes, pass.slot(&slots.sums), hidden, true, below);
    product(hidden, bottom, false, &mut g.sums);
    product(hidden, top, true, &mut g.h);
}

/// Back through the edges of a block of samples.
fn edges_back(pass: &Pass<'_>, block: &Range<usize>, sums: &mut [f32], g: &mut Nodes, work: &mut Work) {
    let (plan, layer, slots, job) = (pass.plan(), pass.layer, pass.slots, pass.job);
    let (spec, act) = (&plan.spec, plan.spec.activation);
    let (nodes, pairs) = (times(block, spec.particles), times(block, plan.edges()));
    let (rows, edge_rows) = (times(&nodes, plan.width), times(&pairs, plan.width));
    let coordinates = times(&nodes, spec.dimensions);
    let (n, count) = (pairs.len(), spec.radial.count());
    let numbers = n * plan.width;
    let x = &pass.slot(&slots.x)[coordinates.clone()];
    set_geometry(plan, x, &pass.start[times(&pairs, count)], work);
    let Work { geometry, features, feature_gradients, first, message, spare, gradients, factors, unused, rows: row } =
        work;
    let features = &features[..n * 2 * count];
    let (first, message, factors) = (&mut first[..numbers], &mut message[..numbers], &mut factors[..n]);
    let [a, b] = gradients;
    let (a, b) = (&mut a[..numbers], &mut b[..numbers]);
    let source = &pass.slot(&slots.source)[rows.clone()];
    let target = if slots.target.is_empty() { source } else { &pass.slot(&slots.target)[rows.clone()] };
    let (gates, tanh) = (&pass.slot(&slots.gate)[pairs.clone()], &pass.slot(&slots.tanh)[pairs.clone()]);
    geometry.step_back(plan, tanh, &g.moved[coordinates.clone()], factors);

    // Pre-activations as they were, and the messages where the head's weights need them. Gates and tanh come out as they
    // were too, and are not looked at.
    let half = unused.len() / 2;
    let (unused_gates, unused_tanh) = unused.split_at_mut(half);
    let gate = layer.gate.map(|(weight, offset)| (job.matrix(weight), job.matrix(offset)[0]));
    let [spare_message, spare_head] = spare;
    let (message_z, head_z): (&[f32], &[f32]) = if slots.message.is_empty() {
        let (message_z, head_z) = (&mut spare_message[..numbers], &mut spare_head[..numbers]);
        let out = EdgeValues {
            message: &mut *message_z,
            head: &mut *head_z,
            gates: &mut unused_gates[..n],
            tanh: &mut unused_tanh[..n],
        };
        edges(job, layer, pass.forward, Ends { source, target }, features, (&mut *first, &mut *message), out);
        (message_z, head_z)
    } else {
        let z = &pass.slot(&slots.message)[edge_rows.clone()];
        if layer.head.is_some() {
            let bias = job.matrix(layer.message.1);
            run(act, Message { bias, gate, z, message, gates: &mut unused_gates[..n] });
        }
        (z, if slots.head.is_empty() { &[] } else { &pass.slot(&slots.head)[edge_rows] })
    };

    let weight = job.matrix(layer.coordinate);
    if let (Some((head, head_bias)), Some(factor)) = (layer.head, &pass.transposed.head) {
        let places = [pass.range(layer.coordinate), pass.range(head_bias)];
        let [weights, biases] = sums.get_disjoint_mut(places).expect("matrices are apart");
        let bias = job.matrix(head_bias);
        run(act, HeadBack { bias, weight, z: head_z, factors, gradient: a, weights, biases });
        gram(&job.scratch, n, message, a, true, &mut sums[pass.range(head)]);
        product(a, factor, false, b);
    }
    let node_sums = layer.node.is_some().then(|| &g.sums[rows.clone()]);
    message_back(pass, (message_z, factors, gates), node_sums, b, sums, row);
    product(b, &pass.transposed.message, false, a);
    let feature_gradients = &mut feature_gradients[..n * 2 * count];
    let radial_range = pass.range(layer.radial);
    let pair = pair(job, layer, features);
    if pair.is_none() {
        product(features, &pass.forward.radial, false, first);
    }
    let weights = &mut sums[radial_range.clone()];
    let back = FirstBack {
        graph: graph(plan),
        source,
        target,
        pair: pair.map(|pair| PairBack { pair, weights, features: feature_gradients }),
        z: first,
        gradient: a,
        sources: &mut g.sources[rows.clone()],
        targets: (!slots.target.is_empty()).then_some(&mut g.targets[rows]),
    };
    run(act, back);
    gram(&job.scratch, n, first, b, true, &mut sums[pass.range(layer.message.0)]);
    if pair.is_none() {
        gram(&job.scratch, n, features, a, true, &mut sums[radial_range]);
    }
    if pass.want_coordinates {
        if pair.is_none() {
            product(a, &pass.transposed.radial, false, feature_gradients);
        }
        let gradients = &*feature_gradients;
        geometry.features_back(spec.radial, features, gradients);
        geometry.step_and_squares_back(plan, tanh, &g.moved[coordinates.clone()], &mut g.x[coordinates]);
        if pass.want_input {
            let (values, gradients) = (&features[count..], &gradients[count..]);
            radial_back(
                spec.radial,
                &pass.start_squares[pairs.clone()],
                2 * count,
                values,
                gradients,
                &mut g.start[pairs],
            );
        }
    }
}

/// Back through the messages of a block: `gradient`, from the head if there is one, becomes that of their pre-activations.
fn message_back(
    pass: &Pass<'_>,
    (z, factors, gates): (&[f32], &[f32], &[f32]),
    node_sums: Option<&[f32]>,
    gradient: &mut [f32],
    sums: &mut [f32],
    work: &mut [f32],
) {
    let (plan, layer, job) = (pass.plan(), pass.layer, pass.job);
    let place = |at: Option<usize>| at.map_or(0..0, |at| pass.range(at));
    let places = [
        pass.range(layer.message.1),
        place(layer.gate.map(|(weight, _)| weight)),
        place(layer.gate.map(|(_, offset)| offset)),
        place(layer.head.is_none().then_some(layer.coordinate)),
    ];
    let [biases, gate_weights, gate_offset, weights] = sums.get_disjoint_mut(places).expect("matrices are apart");
    let gate = layer.gate.map(|(weight, _)| GateBack {
        weight: job.matrix(weight),
        gates,
        weights: gate_weights,
        offset: &mut gate_offset[0],
    });
    let above = match layer.head {
        Some(_) => Above::Hidden,
        None => Above::Factor(factors, job.matrix(layer.coordinate), weights),
    };
    let kernel = MessageBack {
        graph: graph(plan),
        bias: job.matrix(layer.message.1),
        z,
        gate,
        above,
        sums: node_sums,
        both: plan.spec.edges == Edges::Symmetric,
        gradient,
        biases,
        work,
    };
    run(plan.spec.activation, kernel);
}
