//! Evaluation of the network, pair by pair.

use super::{Egnn, EgnnLayer, Gate, NodeLayer, Radial, Scratch};
use crate::fixed::functions::{gaussian, root, sigmoid, silu, tanh};
use crate::fixed::{
    InvalidNetwork, ONE, POINT, Products, RADIAL_POINT, Weight, divide_round, narrow, padded, saturate, shift_round,
};

/// The next `n` of what is left.
fn take<'s, T>(rest: &mut &'s mut [T], n: usize) -> &'s mut [T] {
    let (part, left) = core::mem::take(rest).split_at_mut(n);
    *rest = left;
    part
}

/// Where one layer reads and writes.
struct Work<'s> {
    /// h and W_source h in Q16 and the sums of messages: (particles, H) each.
    h: &'s mut [i32],
    source: &'s mut [i32],
    sums: &'s mut [i32],
    /// x and what is added to it, in Q16: (particles, dimensions).
    x: &'s mut [i32],
    steps: &'s mut [i32],
    /// A row of hidden numbers in Q16: of one message before its gate, then of a node.
    row: &'s mut [i32],
    /// Two rows of hidden activations.
    first: &'s mut [i16],
    second: &'s mut [i16],
    /// Radial functions, current and at the input.
    features: &'s mut [i16],
}

/// Two rows of coordinates: their distance in Q16, to the nearest unit.
fn distance(a: &[i32], b: &[i32]) -> u32 {
    let square = |(a, b): (&i32, &i32)| u64::from(a.abs_diff(*b)).pow(2);
    // The squares are not negative: their saturating sum does not depend on their order.
    root(a.iter().zip(b).map(square).fold(0, u64::saturating_add))
}

/// u = r·steps in Q16; r·steps is below 2^63.
fn position(radial: Radial, r: u32) -> i32 {
    saturate(shift_round(i64::from(r) * i64::from(radial.steps()), POINT))
}

/// e^(−(u − k)²/2) for k = 0, 1, ….
fn write_basis(u: i32, out: &mut [i16]) {
    for (value, k) in out.iter_mut().zip(0..) {
        *value = gaussian(u - (k << POINT));
    }
}

/// +1 where u > k, −1 elsewhere.
fn write_signs(u: i32, out: &mut [i16]) {
    const PLUS: i16 = 1 << RADIAL_POINT;
    for (value, k) in out.iter_mut().zip(0..) {
        *value = if u > k << POINT { PLUS } else { -PLUS };
    }
}

/// Subtracts from every coordinate its mean over the particles, which is rounded half up.
pub(in crate::fixed) fn remove_mean(dimensions: usize, x: &mut [i32]) {
    let count = (x.len() / dimensions) as i64;
    for k in 0..dimensions {
        let sum: i64 = x.iter().skip(k).step_by(dimensions).map(|x| i64::from(*x)).sum();
        let mean = divide_round(sum, count);
        x.iter_mut().skip(k).step_by(dimensions).for_each(|x| *x = saturate(i64::from(*x) - mean));
    }
}

impl<W: Weight> Egnn<'_, W> {
    /// The displacement of one configuration in Q16, without its mean: `h` holds (particles, node inputs) with binary
    /// point [`LATENT_POINT`](crate::fixed::LATENT_POINT), `x` and `out` (particles, dimensions) in Q16.
    ///
    /// # Errors
    /// [`InvalidNetwork::Buffer`] where a buffer is too short.
    pub fn displacement<P: Products>(
        &self,
        products: &P,
        h: &[i16],
        x: &[i32],
        scratch: Scratch<'_>,
        out: &mut [i32],
    ) -> Result<(), InvalidNetwork> {
        let (n, dim, hidden, length) = (self.shape.particles, self.dim(), self.hidden(), self.scratch());
        let Scratch { mut narrow, mut wide } = scratch;
        let short = narrow.len() < length.narrow || wide.len() < length.wide;
        if short || h.len() < self.inputs() || x.len() < dim || out.len() < dim {
            return Err(InvalidNetwork::Buffer);
        }
        let mut row = |length: usize| &mut take(&mut narrow, padded(length).unwrap_or(length))[..length];
        let (first, second) = (row(hidden), row(hidden));
        let (features, input) = (row(2 * self.shape.radial.count()), row(self.shape.node_inputs));
        let mut work = Work {
            h: take(&mut wide, n * hidden),
            source: take(&mut wide, n * hidden),
            sums: take(&mut wide, n * hidden),
            x: take(&mut wide, dim),
            steps: take(&mut wide, dim),
            row: take(&mut wide, hidden),
            first,
            second,
            features,
        };
        let (x0, out) = (&x[..dim], &mut out[..dim]);
        for (row, h) in work.h.chunks_exact_mut(hidden).zip(h.chunks_exact(self.shape.node_inputs)) {
            input.copy_from_slice(h);
            W::arrange(products, input);
            self.embedding.map(products, input, row, |h, value| *h = value);
        }
        work.x.copy_from_slice(x0);
        for layer in self.layers {
            self.layer(products, layer, x0, &mut work);
        }
        for ((out, x), x0) in out.iter_mut().zip(work.x.iter()).zip(x0) {
            *out = x.saturating_sub(*x0);
        }
        remove_mean(self.shape.dimensions, out);
        Ok(())
    }

    fn layer<P: Products>(&self, products: &P, layer: &EgnnLayer<'_, W>, x0: &[i32], work: &mut Work<'_>) {
        let (n, hidden) = (self.shape.particles, self.hidden());
        for (h, source) in work.h.chunks_exact(hidden).zip(work.source.chunks_exact_mut(hidden)) {
            write_activations(h, layer.state_point, work.first);
            W::arrange(products, work.first);
            layer.source.product(products, work.first, source, |source, value| *source = value);
        }
        work.sums.fill(0);
        work.steps.fill(0);
        for i in 0..n {
            for j in i + 1..n {
                let r = self.message(products, layer, x0, (i, j), work);
                self.step(products, layer, r, (i, j), work);
            }
        }
        for (x, step) in work.x.iter_mut().zip(work.steps.iter()) {
            *x = x.saturating_add(*step);
        }
        if let Some(node) = &layer.node {
            nodes(products, layer, node, hidden, work);
        }
    }

    /// Writes m_ij to `work.second`, adds it to the sums of both particles and returns their distance.
    fn message<P: Products>(
        &self,
        products: &P,
        layer: &EgnnLayer<'_, W>,
        x0: &[i32],
        (i, j): (usize, usize),
        work: &mut Work<'_>,
    ) -> u32 {
        let (d, hidden, radial) = (self.shape.dimensions, self.hidden(), self.shape.radial);
        let (current, at_input) = work.features.split_at_mut(radial.count());
        let r = distance(&work.x[i * d..][..d], &work.x[j * d..][..d]);
        write_basis(position(radial, r), current);
        let u0 = position(radial, distance(&x0[i * d..][..d], &x0[j * d..][..d]));
        match radial {
            Radial::Basis { .. } => write_basis(u0, at_input),
            Radial::Steps { .. } => write_signs(u0, at_input),
        }
        W::arrange(products, work.features);

        let ends = work.source[i * hidden..][..hidden].iter().zip(&work.source[j * hidden..][..hidden]);
        let edge_point = u32::from(layer.edge_point);
        let places = work.first.iter_mut().zip(ends);
        layer.radial.map(products, work.features, places, |(e, (a, b)), radial| {
            *e = narrow(silu(a.saturating_add(*b).saturating_add(radial)), edge_point);
        });
        W::arrange(products, work.first);
        let message_point = u32::from(layer.message_point);
        match &layer.gate {
            None => layer.message.map(products, work.first, work.second.iter_mut(), |m, value| {
                *m = narrow(silu(value), message_point);
            }),
            Some(gate) => {
                layer.message.map(products, work.first, work.row.iter_mut(), |m, value| *m = silu(value));
                let weight = weight(products, gate, work.row, work.first);
                for (out, m) in work.second.iter_mut().zip(work.row.iter()) {
                    *out = activation(shift_round(i64::from(*m) * i64::from(weight), 2 * POINT - message_point));
                }
            }
        }
        if layer.node.is_some() {
            for particle in [i, j] {
                let sums = &mut work.sums[particle * hidden..][..hidden];
                sums.iter_mut().zip(work.second.iter()).for_each(|(sum, m)| *sum += i32::from(*m));
            }
        }
        r
    }

    /// Adds to the steps of both particles what m_ij in `work.second`, which is arranged here, gives them.
    fn step<P: Products>(
        &self,
        products: &P,
        layer: &EgnnLayer<'_, W>,
        r: u32,
        (i, j): (usize, usize),
        work: &mut Work<'_>,
    ) {
        let d = self.shape.dimensions;
        W::arrange(products, work.second);
        let mut q = 0;
        layer.coordinate.product(products, work.second, [&mut q], |q, value| *q = value);
        let factor = divide_round(i64::from(self.shape.range) * i64::from(tanh(q)), i64::from(r) + i64::from(ONE));
        for k in 0..d {
            let (a, b) = (i * d + k, j * d + k);
            // |x_a − x_b| ≤ r bounds the products. Each is rounded by itself: half up is not odd.
            let difference = i64::from(work.x[a]) - i64::from(work.x[b]);
            work.steps[a] += shift_round(difference * factor, POINT) as i32;
            work.steps[b] += shift_round(-difference * factor, POINT) as i32;
        }
    }
}

/// The nearest `i16`.
fn activation(x: i64) -> i16 {
    x.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
}

/// Numbers in Q16 as activations.
fn write_activations(values: &[i32], point: u8, out: &mut [i16]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = narrow(*value, u32::from(point));
    }
}

/// sigmoid(a·m + a_0) in Q16, at most 1, of a message in Q16; overwrites `activations`.
fn weight<P: Products, W: Weight>(products: &P, gate: &Gate<'_, W>, message: &[i32], activations: &mut [i16]) -> i32 {
    write_activations(message, gate.point, activations);
    W::arrange(products, activations);
    let mut z = 0;
    gate.affine.map(products, activations, [&mut z], |z, value| *z = value);
    sigmoid(z)
}

/// h_i += W_update SiLU(W_state h_i + W_sums Σ_j m_ij + b) + b for every particle.
fn nodes<P: Products, W: Weight>(
    products: &P,
    layer: &EgnnLayer<'_, W>,
    node: &NodeLayer<'_, W>,
    hidden: usize,
    work: &mut Work<'_>,
) {
    let sum_shift = u32::from(layer.message_point - node.sum_point);
    let value_point = u32::from(node.value_point);
    for (h, sums) in work.h.chunks_exact_mut(hidden).zip(work.sums.chunks_exact(hidden)) {
        write_activations(h, layer.state_point, work.first);
        W::arrange(products, work.first);
        node.state.product(products, work.first, work.row.iter_mut(), |row, value| *row = value);
        for (first, sum) in work.first.iter_mut().zip(sums) {
            *first = activation(shift_round(i64::from(*sum), sum_shift));
        }
        W::arrange(products, work.first);
        let places = work.second.iter_mut().zip(work.row.iter());
        node.sums.map(products, work.first, places, |(value, state), sums| {
            *value = narrow(silu(state.saturating_add(sums)), value_point);
        });
        W::arrange(products, work.second);
        node.update.map(products, work.second, h, |h, change| *h = h.saturating_add(change));
    }
}
