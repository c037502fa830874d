//! A whole equivariant network in one call, forward and backward; the formulas stand with the network's module.
//!
//! A chunk of samples runs through all layers. In each layer the products of nodes are taken for the whole chunk, those
//! of edges block by block: a layer's weights and a block's edges stay in the cache together. Each group of chunks adds up
//! its own parameter gradients; groups are then added in their order: the same bits for every number of threads.

mod back;
mod curve;
mod factors;
mod geometry;
mod job;
mod layer;
mod messages;
mod plan;
mod rows;

pub(crate) use job::Job;
pub(crate) use plan::{Gradients, Plan};

use super::activation::{add_column_sums, add_row};
use super::gemm::{Packed, gram, product};
use super::scratch::Buffer;
use factors::Factors;
use geometry::Geometry;
use layer::Work;
use plan::Slots;
use rayon::prelude::*;
use std::ops::Range;

/// Subtracts each sample's mean over its particles.
fn centre(plan: &Plan, values: &mut [f32]) {
    let (n, d) = (plan.spec.particles, plan.spec.dimensions);
    for sample in values.chunks_exact_mut(n * d) {
        for k in 0..d {
            let mean = sample.iter().skip(k).step_by(d).sum::<f32>() / n as f32;
            sample.iter_mut().skip(k).step_by(d).for_each(|x| *x -= mean);
        }
    }
}

/// What the backward pass needs of the forward pass: the layers' factors, and their values chunk by chunk, layer by layer,
/// laid out by [`Slots`].
pub(crate) struct Saved {
    factors: Vec<Factors>,
    chunks: Vec<Vec<Buffer>>,
}

/// The displacement, without anything kept.
pub(crate) fn infer(job: &Job) -> Vec<f32> {
    run(job, &Factors::all(job, false), false).0
}

/// The displacement, and what the backward pass will need.
pub(crate) fn forward(job: &Job) -> (Vec<f32>, Saved) {
    let factors = Factors::all(job, false);
    let (y, chunks) = run(job, &factors, true);
    (y, Saved { factors, chunks })
}

fn run(job: &Job, factors: &[Factors], keep: bool) -> (Vec<f32>, Vec<Vec<Buffer>>) {
    job.check();
    let plan = &job.plan;
    let embedding = job.embedding(false);
    let mut y = vec![0.0; job.x.len()];
    let saved = y
        .par_chunks_mut(plan.chunk(job.batch) * plan.spec.particles * plan.spec.dimensions)
        .enumerate()
        .map(|(chunk, y)| forward_chunk(job, &embedding, factors, job.samples(chunk), y, keep))
        .collect();
    (y, saved)
}

fn forward_chunk(
    job: &Job,
    embedding: &Packed,
    factors: &[Factors],
    samples: Range<usize>,
    y: &mut [f32],
    keep: bool,
) -> Vec<Buffer> {
    let plan = &job.plan;
    let slots = Slots::new(plan, samples.len(), keep && plan.keeps_edges(job.batch));
    let start = job.input_features(&samples, &mut Geometry::new(plan, samples.len(), &job.scratch));
    let x0 = job.coordinates(&samples);
    y.copy_from_slice(x0);
    let mut h = job.scratch.take(samples.len() * plan.spec.particles * plan.width);
    product(job.inputs(&samples), embedding, false, &mut h);
    add_row(job.matrix(1), &mut h);
    let mut work = Work::new(job, samples.len());
    let mut kept = Vec::new();
    let mut slab = job.scratch.take(slots.len);
    for (layer, factors) in plan.layout.layers.iter().zip(factors) {
        layer::forward(job, layer, factors, &start, &slots, &mut slab, &mut h, y, &mut work);
        if keep {
            kept.push(std::mem::replace(&mut slab, job.scratch.take(slots.len)));
        }
    }
    for (y, x0) in y.iter_mut().zip(x0) {
        *y -= x0;
    }
    centre(plan, y);
    kept
}

/// The gradients of the inputs, where they are wanted.
pub(crate) struct InputGradients {
    pub(crate) h: Vec<f32>,
    pub(crate) x: Vec<f32>,
}

/// From the displacement's gradient to those of all parameters and, where asked for, of node inputs and coordinates.
pub(crate) fn backward(
    job: &Job,
    saved: &Saved,
    gradient: &[f32],
    want_input: bool,
) -> (Gradients, Option<InputGradients>) {
    job.check();
    assert_eq!(gradient.len(), job.x.len(), "gradient");
    let plan = &job.plan;
    let transposed = Factors::all(job, true);
    let embedding = want_input.then(|| job.embedding(true));
    let per_group = plan.chunks_a_group(job.batch);
    let group_samples = per_group * plan.chunk(job.batch);
    let nodes = group_samples * plan.spec.particles;
    let groups = job.batch.div_ceil(group_samples);
    let mut inputs = InputGradients {
        h: vec![0.0; if want_input { job.h.len() } else { 0 }],
        x: vec![0.0; if want_input { job.x.len() } else { 0 }],
    };
    let mut parts: Vec<Option<(&mut [f32], &mut [f32])>> = if want_input {
        let h = inputs.h.chunks_mut(nodes * plan.spec.node_inputs);
        h.zip(inputs.x.chunks_mut(nodes * plan.spec.dimensions)).map(Some).collect()
    } else {
        (0..groups).map(|_| None).collect()
    };
    let sums = parts
        .par_iter_mut()
        .enumerate()
        .map(|(group, part)| {
            let mut sums = job.scratch.zeros(plan.len);
            let chunks = group * per_group..((group + 1) * per_group).min(saved.chunks.len());
            for chunk in chunks {
                let samples = job.samples(chunk);
                let (h, x) = backward_chunk(
                    job,
                    (&saved.factors, &transposed),
                    &samples,
                    &saved.chunks[chunk],
                    gradient,
                    want_input,
                    &mut sums,
                );
                let (Some((part_h, part_x)), Some(embedding)) = (&mut *part, &embedding) else { continue };
                let first = (samples.start - group * group_samples) * plan.spec.particles;
                let rows = first..first + samples.len() * plan.spec.particles;
                let inputs = plan.spec.node_inputs;
                product(&h, embedding, false, &mut part_h[rows.start * inputs..rows.end * inputs]);
                let d = plan.spec.dimensions;
                part_x[rows.start * d..rows.end * d].copy_from_slice(&x);
            }
            sums
        })
        .collect();
    (Gradients(sums), want_input.then_some(inputs))
}

/// Adds the gradients of the parameters to `sums`; returns those of the embedded nodes and of the coordinates.
fn backward_chunk(
    job: &Job,
    (forward, transposed): (&[Factors], &[Factors]),
    samples: &Range<usize>,
    kept: &[Buffer],
    gradient: &[f32],
    want_input: bool,
    sums: &mut [f32],
) -> (Buffer, Buffer) {
    let plan = &job.plan;
    let (n, d) = (plan.spec.particles, plan.spec.dimensions);
    let nodes = samples.len() * n;
    let slots = Slots::new(plan, samples.len(), plan.keeps_edges(job.batch));
    let mut geometry = Geometry::new(plan, samples.len(), &job.scratch);
    let start = job.input_features(samples, &mut geometry);
    let mut output = job.scratch.copy(&gradient[samples.start * n * d..samples.end * n * d]);
    centre(plan, &mut output);
    let mut g = back::Nodes::new(job, &output);
    let mut work = Work::new(job, samples.len());
    for (l, layer) in plan.layout.layers.iter().enumerate().rev() {
        let pass = back::Pass {
            job,
            layer,
            forward: &forward[l],
            transposed: &transposed[l],
            slots: &slots,
            slab: &kept[l],
            start: &start,
            start_squares: geometry.squares(),
            want_coordinates: l > 0 || want_input,
            want_input,
        };
        back::backward(&pass, sums, &mut g, &mut work);
    }
    gram(&job.scratch, nodes, job.inputs(samples), &g.h, true, &mut sums[plan.ranges[0].clone()]);
    add_column_sums(&g.h, &mut sums[plan.ranges[1].clone()]);
    if want_input {
        geometry.squares_back(plan, &g.start, &mut g.x);
        // The displacement is x after the layers minus x.
        for (g, output) in g.x.iter_mut().zip(&*output) {
            *g -= output;
        }
    }
    (g.h, g.x)
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;
    use crate::shape::egnn::{Activation, Edges, EgnnSpec, Head, Layout, Radial};
    use std::sync::Arc;

    /// What is computed again comes out as what was kept.
    #[test]
    fn keeping_edges_or_not_gives_the_same_bits() {
        for (edges, head, attention) in [
            (Edges::Directed, Head::Deep, true),
            (Edges::Symmetric, Head::Direct, true),
            (Edges::Symmetric, Head::Deep, false),
        ] {
            let spec = EgnnSpec {
                particles: 5,
                dimensions: 3,
                node_inputs: 2,
                hidden: 18,
                layers: 3,
                activation: Activation::Silu,
                edges,
                head,
                attention,
                radial: Radial::Basis { count: 4, range: 2.0 },
                range: 1.0,
            };
            let layout = Layout::new(&spec);
            let mut plan = Plan::new(&layout);
            let values = |n: usize, seed: usize| -> Vec<f32> {
                (0..n).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
            };
            let scratch = Scratch::default();
            let mut parameters = scratch.zeros(plan.len);
            for (at, (_, form)) in layout.matrices.iter().enumerate() {
                let (rows, columns) = spec.shape(*form);
                plan.spread(at, &values(rows * columns, at), &mut parameters);
            }
            let batch = 37;
            let (h, x) = (values(batch * 5 * 2, 90), values(batch * 5 * 3, 91));
            let gradient = values(batch * 5 * 3, 92);
            let parameters = Arc::new(parameters);
            let mut both = [usize::MAX, 0].map(|kept| {
                plan.kept_numbers = kept;
                assert_eq!(plan.keeps_edges(batch), kept > 0);
                let (h, x) = (scratch.copy(&h), scratch.copy(&x));
                let (plan, parameters, scratch) = (plan.clone(), parameters.clone(), scratch.clone());
                let job = Job { plan, parameters, batch, h, x, scratch };
                let (y, saved) = forward(&job);
                let (gradients, inputs) = backward(&job, &saved, &gradient, true);
                let inputs = inputs.expect("wanted");
                let sums: Vec<f32> = gradients.0.iter().flat_map(|g| g.to_vec()).collect();
                [y, inputs.h, inputs.x, sums].map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            });
            let [kept, again] = &mut both;
            assert!(kept == again && kept[3].iter().any(|&bits| bits != 0));
        }
    }
}
