//! The float generators once more, in the order of operations of `kiln-core`, telling an observer what goes into every
//! linear map. Only networks that have a fixed form are here: see [`super::quantise`].

use kiln_core::Scalar;
use kiln_core::artifact::{FloatEgnn, FloatMlp};
use kiln_core::network::{EgnnLayer, Layer, Radial, write_features, write_inputs};
use kiln_core::symmetry::{Symmetry, remove_mean};

/// A linear map, by what goes into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Of layer l of units.
    Layer(usize),
    /// Of a particle's inputs.
    Embedding,
    /// Of h, in layer l.
    Source(usize),
    /// Of the radial functions of current and input distance.
    Radial(usize),
    /// Of the activated sum of both.
    Message(usize),
    /// Of the activated message, where a gate weighs it.
    Gate(usize),
    /// Of the message that is passed on.
    Coordinate(usize),
    /// Not of a map of its own: sums of messages, the second half of what follows.
    Sums(usize),
    /// Of [h, sum of messages].
    Node(usize),
    /// Of the activated node.
    Update(usize),
}

/// Sees what goes into linear maps.
pub trait Observer {
    /// One row.
    fn see(&mut self, place: Place, row: &[f32]);
}

/// y = x W + b, summed in the order of the inputs.
pub fn affine(x: &[f32], layer: &Layer<'_, f32>, y: &mut Vec<f32>) {
    y.clear();
    y.extend_from_slice(layer.bias);
    add_product(x, layer.weight, y);
}

fn add_product(x: &[f32], weight: &[f32], y: &mut [f32]) {
    for (x, row) in x.iter().zip(weight.chunks_exact(y.len())) {
        y.iter_mut().zip(row).for_each(|(y, w)| *y += x * w);
    }
}

fn dot(x: &[f32], weight: &[f32]) -> f32 {
    x.iter().zip(weight).fold(0.0, |sum, (x, w)| sum + x * w)
}

fn silu(values: &mut [f32]) {
    values.iter_mut().for_each(|z| *z = z.silu());
}

/// x = g(z).
pub fn mlp(model: &FloatMlp<'_>, z: &[f32], observer: &mut impl Observer) -> Vec<f32> {
    let mut x = vec![0.0; model.inputs().count().unwrap_or(0)];
    write_inputs(model.inputs(), z, &mut x);
    let (layers, mut y) = (model.layers(), Vec::new());
    for (l, layer) in layers.iter().enumerate() {
        observer.see(Place::Layer(l), &x);
        affine(&x, layer, &mut y);
        if l + 1 < layers.len() {
            silu(&mut y);
        }
        std::mem::swap(&mut x, &mut y);
    }
    let (skip, scale) = model.factors();
    x.iter_mut().zip(z).for_each(|(x, z)| *x = skip * z + scale * *x);
    x
}

/// x = g(z).
pub fn egnn(model: &FloatEgnn<'_>, z: &[f32], observer: &mut impl Observer) -> Vec<f32> {
    let shape = *model.shape();
    let dim = shape.particles * shape.dimensions;
    let (skip, scale) = model.factors();
    let c = if skip == 0.0 { 1.0 } else { skip };
    let mut start: Vec<f32> = z[..dim].iter().map(|z| c * z).collect();
    remove_mean(Symmetry::Particles { count: shape.particles, dimensions: shape.dimensions }, &mut start);
    let mut h: Vec<Vec<f32>> = (0..shape.particles)
        .map(|i| {
            let mut inputs = vec![1.0; shape.node_inputs];
            if model.own() > 0 {
                write_features(&z[dim + i * model.own()..][..model.own()], model.thresholds(), &mut inputs);
            }
            observer.see(Place::Embedding, &inputs);
            let mut h = Vec::new();
            affine(&inputs, model.embedding(), &mut h);
            h
        })
        .collect();
    let mut x = start.clone();
    for (l, layer) in model.layers().iter().enumerate() {
        egnn_layer(model, (l, layer), &start, &mut x, &mut h, observer);
    }
    let mut moved: Vec<f32> = x.iter().zip(&start).map(|(x, start)| x - start).collect();
    remove_mean(Symmetry::Particles { count: shape.particles, dimensions: shape.dimensions }, &mut moved);
    for (moved, start) in moved.iter_mut().zip(&start) {
        *moved = if skip == 0.0 { scale * *moved } else { start + scale * *moved };
    }
    moved
}

fn egnn_layer(
    model: &FloatEgnn<'_>,
    (l, layer): (usize, &EgnnLayer<'_, f32>),
    start: &[f32],
    x: &mut [f32],
    h: &mut [Vec<f32>],
    observer: &mut impl Observer,
) {
    let shape = model.shape();
    let (n, d, hidden) = (shape.particles, shape.dimensions, layer.edge_bias.len());
    let source: Vec<Vec<f32>> = h
        .iter()
        .map(|h| {
            observer.see(Place::Source(l), h);
            let mut row = vec![0.0; hidden];
            add_product(h, layer.source, &mut row);
            row
        })
        .collect();
    let mut sums = vec![vec![0.0; hidden]; n];
    let mut steps = vec![0.0; n * d];
    let mut message = Vec::new();
    for (i, j) in (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))) {
        let squared = |x: &[f32]| (0..d).map(|k| x[i * d + k] - x[j * d + k]).fold(0.0, |sum, u| sum + u * u);
        let square = squared(x);
        let mut features = radial(&shape.radial.current(), square);
        features.extend(radial(&shape.radial, squared(start)));
        observer.see(Place::Radial(l), &features);
        let mut first: Vec<f32> = (0..hidden).map(|k| layer.edge_bias[k] + source[i][k] + source[j][k]).collect();
        add_product(&features, layer.radial, &mut first);
        silu(&mut first);
        observer.see(Place::Message(l), &first);
        affine(&first, &layer.message, &mut message);
        silu(&mut message);
        if let Some(gate) = &layer.gate {
            observer.see(Place::Gate(l), &message);
            let weight = (dot(&message, gate.weight) + gate.bias[0]).sigmoid();
            message.iter_mut().for_each(|m| *m *= weight);
        }
        observer.see(Place::Coordinate(l), &message);
        let q = dot(&message, layer.coordinate);
        let factor = shape.range * Scalar::tanh(q) / ((square + 1e-8_f32).sqrt() + 1.0);
        for k in 0..d {
            let step = (x[i * d + k] - x[j * d + k]) * factor;
            steps[i * d + k] += step;
            steps[j * d + k] -= step;
        }
        for end in [i, j] {
            sums[end].iter_mut().zip(&message).for_each(|(sum, m)| *sum += m);
        }
    }
    x.iter_mut().zip(&steps).for_each(|(x, step)| *x += step);
    let Some([node, update]) = &layer.node else { return };
    let (mut value, mut change) = (Vec::new(), Vec::new());
    for (h, sums) in h.iter_mut().zip(&sums) {
        observer.see(Place::Sums(l), sums);
        let wide = [h.as_slice(), sums].concat();
        observer.see(Place::Node(l), &wide);
        affine(&wide, node, &mut value);
        silu(&mut value);
        observer.see(Place::Update(l), &value);
        affine(&value, update, &mut change);
        h.iter_mut().zip(&change).for_each(|(h, change)| *h += change);
    }
}

/// The functions of one squared distance.
fn radial(radial: &Radial<f32>, square: f32) -> Vec<f32> {
    let r = (square + 1e-8_f32).sqrt();
    match *radial {
        Radial::Squared => vec![square],
        Radial::Basis { count, range } => {
            let at = r * ((count - 1) as f32 / range);
            let function = |k| {
                let exponent = -0.5 * (at - k as f32).powi(2);
                if exponent < -40.0 { 0.0 } else { Scalar::exp(exponent) }
            };
            (0..count).map(function).collect()
        }
        Radial::Steps { count, range } => {
            let width = range / (count - 1) as f32;
            (0..count).map(|k| if r > width * k as f32 { 1.0 } else { -1.0 }).collect()
        }
    }
}
