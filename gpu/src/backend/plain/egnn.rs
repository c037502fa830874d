//! An equivariant network in dfdx's operations.

use super::linear::affine;
use crate::shape::egnn::{Activation, Edges, LayerAt, Layout, ROOT_EPSILON, Radial};
use crate::tensor::Matrix;
use dfdx::prelude::*;

/// (batch, particles, coordinates or hidden).
type Nodes<D, T, E> = Tensor<(usize, usize, usize), E, D, T>;
/// (batch, particles, particles, coordinates or hidden).
type Pairs<D, T, E> = Tensor<(usize, usize, usize, usize), E, D, T>;

/// A constant in the network's precision.
fn number<E: Dtype>(value: f64) -> E {
    E::from_f64(value).expect("a float")
}

/// x_i - x_j (batch, i, j, coordinates). dfdx refuses operands of one id: x_j is negated before it is added.
fn differences<E: Dtype, D: Device<E>, T: Tape<E, D>>(x: Nodes<D, T, E>) -> Pairs<D, T, E> {
    let (b, n, d) = *x.shape();
    let pairs = (b, n, n, d);
    let xi = x.with_empty_tape().broadcast_like::<_, Axis<2>>(&pairs);
    let xj = x.negate().broadcast_like::<_, Axis<1>>(&pairs);
    xi + xj
}

/// Squared lengths (batch, i, j).
fn squares<E: Dtype, D: Device<E>, T: Tape<E, D>>(differences: Pairs<D, T, E>) -> Nodes<D, T, E> {
    differences.square().sum::<(usize, usize, usize), Axis<3>>()
}

/// The same tensor with another tape beside its own.
fn absorb<S: Shape, E: Dtype, D: Device<E>, T: Tape<E, D>>(x: Tensor<S, E, D, T>, tape: T) -> Tensor<S, E, D, T> {
    let (x, own) = x.split_tape();
    x.put_tape(own.merge(tape))
}

/// The network: its layout, and its matrices in that order.
struct Plain<'a, E: Dtype, D: Device<E>> {
    layout: &'a Layout,
    matrices: &'a [Matrix<D, NoneTape, E>],
}

/// The displacement (batch, particles × dimensions) for node inputs `h` (batch, particles × node inputs) and coordinates
/// `x`, by a network whose `matrices` lie as its `layout` says.
///
/// # Panics
/// If shapes do not fit.
pub fn egnn<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    layout: &Layout,
    matrices: &[Matrix<D, NoneTape, E>],
    h: Matrix<D, T, E>,
    x: Matrix<D, T, E>,
) -> Matrix<D, T, E> {
    Plain { layout, matrices }.forward(h, x)
}

impl<E: Dtype, D: Device<E>> Plain<'_, E, D> {
    fn forward<T: Tape<E, D>>(&self, h: Matrix<D, T, E>, x: Matrix<D, T, E>) -> Matrix<D, T, E> {
        let spec = &self.layout.spec;
        let (b, n, d) = (x.shape().0, spec.particles, spec.dimensions);
        let device = x.device().clone();
        let start = x.reshape_like(&(b, n, d));
        let h = affine(h.reshape_like(&(b * n, spec.node_inputs)), &self.matrices[0], &self.matrices[1]);
        let off = (0..b * n * n).map(|at| if at / n % n == at % n { E::default() } else { E::ONE }).collect();
        let off: Nodes<D, NoneTape, E> = device.tensor_from_vec(off, (b, n, n));
        // What is used again leaves its tape with x, the one value that every layer passes on.
        let (input_features, tape) =
            self.radial(spec.radial, squares(differences(start.with_empty_tape()))).split_tape();
        let mut x = absorb(start.with_empty_tape(), tape);
        let (mut h, tape) = h.split_tape();
        x = absorb(x, tape);
        for layer in &self.layout.layers {
            let difference = differences(x.with_empty_tape());
            let square = squares(difference.with_empty_tape());
            let m = self.messages(layer, h.retaped::<T>(), square.with_empty_tape(), input_features.retaped());
            let (m, tape) = m.split_tape();
            x = absorb(x, tape);
            let u = match layer.head {
                Some((weight, bias)) => {
                    self.activate(affine(m.retaped::<T>(), &self.matrices[weight], &self.matrices[bias]))
                }
                None => m.retaped::<T>(),
            };
            let q = u.matmul(self.matrices[layer.coordinate].retaped::<T>()).reshape_like(&(b, n, n));
            let factor =
                q.tanh() * off.clone() / ((square + number::<E>(f64::from(ROOT_EPSILON))).sqrt() + number::<E>(1.0));
            let factor = (factor * number::<E>(f64::from(spec.range))).broadcast_like::<_, Axis<3>>(&(b, n, n, d));
            x = x + (difference * factor).sum::<(usize, usize, usize), Axis<2>>();
            if let (Some(node), Some(update)) = (layer.node, layer.update) {
                let pairs = (b, n, n, spec.hidden);
                let mask = off.clone().broadcast_like::<_, Axis<3>>(&pairs);
                let sums = (m.retaped::<T>().reshape_like(&pairs) * mask).sum::<(usize, usize, usize), Axis<2>>();
                let sums = sums.reshape_like(&(b * n, spec.hidden));
                let both = (h.retaped::<T>(), sums).concat_along(Axis::<1>);
                let v = self.activate(affine(both, &self.matrices[node.0], &self.matrices[node.1]));
                let next = h.retaped::<T>() + affine(v, &self.matrices[update.0], &self.matrices[update.1]);
                let (next, tape) = next.split_tape();
                h = next;
                x = absorb(x, tape);
            }
        }
        let displacement = x + start.negate();
        let mean = displacement.with_empty_tape().sum::<(usize, usize), Axis<1>>() * number::<E>(-1.0 / n as f64);
        let centred = displacement + mean.broadcast_like::<_, Axis<1>>(&(b, n, d));
        centred.reshape_like(&(b, n * d))
    }

    /// f(r) for squared distances: (pairs, functions).
    fn radial<T: Tape<E, D>>(&self, kind: Radial, square: Nodes<D, T, E>) -> Matrix<D, T, E> {
        let (b, n, _) = *square.shape();
        let pairs = b * n * n;
        match kind {
            Radial::Squared => square.reshape_like(&(pairs, 1)),
            Radial::Basis { count, range } => {
                let width = f64::from(range) / (count - 1) as f64;
                let centres: Vec<E> = (0..count).map(|k| number(-width * k as f64)).collect();
                let centres: Tensor<(usize,), E, D> = square.device().tensor_from_vec(centres, (count,));
                let shape = (pairs, count);
                let r = (square + number::<E>(f64::from(ROOT_EPSILON))).sqrt().reshape_like(&(pairs,));
                let r = r.broadcast_like::<_, Axis<1>>(&shape) + centres.broadcast_like::<_, Axis<0>>(&shape);
                (r.square() * number::<E>(-0.5 / (width * width))).exp()
            }
            Radial::Steps { count, range } => {
                let width = f64::from(range) / (count - 1) as f64;
                let (square, tape) = square.split_tape();
                let value = |square: E| square.to_f64().unwrap_or(f64::NAN);
                let steps = |square: E| {
                    let r = (value(square) + f64::from(ROOT_EPSILON)).sqrt();
                    (0..count).map(move |k| number::<E>(if r > width * k as f64 { 1.0 } else { -1.0 }))
                };
                let numbers = square.as_vec().into_iter().flat_map(steps).collect();
                square.device().tensor_from_vec(numbers, (pairs, count)).put_tape(tape)
            }
        }
    }

    /// m_ij: (pairs, hidden).
    fn messages<T: Tape<E, D>>(
        &self,
        layer: &LayerAt,
        h: Matrix<D, T, E>,
        square: Nodes<D, T, E>,
        input_features: Matrix<D, T, E>,
    ) -> Matrix<D, T, E> {
        let (b, n, _) = *square.shape();
        let hidden = self.layout.spec.hidden;
        let (nodes, pairs) = ((b, n, hidden), (b, n, n, hidden));
        let target =
            if self.layout.spec.edges == Edges::Directed { layer.target } else { None }.unwrap_or(layer.source);
        let source = affine(h.with_empty_tape(), &self.matrices[layer.source], &self.matrices[layer.edge_bias]);
        let source = source.reshape_like(&nodes).broadcast_like::<_, Axis<2>>(&pairs);
        let target = h.matmul(self.matrices[target].retaped::<T>());
        let target = target.reshape_like(&nodes).broadcast_like::<_, Axis<1>>(&pairs);
        let features = (self.radial(self.layout.spec.radial.current(), square), input_features).concat_along(Axis::<1>);
        let radial = features.matmul(self.matrices[layer.radial].retaped::<T>()).reshape_like(&pairs);
        let e = self.activate((source + target + radial).reshape_like(&(b * n * n, hidden)));
        let m = self.activate(affine(e, &self.matrices[layer.message.0], &self.matrices[layer.message.1]));
        let Some((weight, bias)) = layer.gate else { return m };
        let gate = affine(m.with_empty_tape(), &self.matrices[weight], &self.matrices[bias]).sigmoid();
        let gate = gate.reshape_like(&(b * n * n,)).broadcast_like::<_, Axis<1>>(&(b * n * n, hidden));
        gate * m
    }

    fn activate<T: Tape<E, D>>(&self, z: Matrix<D, T, E>) -> Matrix<D, T, E> {
        match self.layout.spec.activation {
            Activation::Relu => z.relu(),
            Activation::Silu => z.with_empty_tape().sigmoid() * z,
        }
    }
}
