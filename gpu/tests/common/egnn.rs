//! What the tests of equivariant networks share.

use super::{uniform, values};
use dfdx::prelude::*;
use kiln_gpu::egnn::{Activation, Edges, Head, Radial};
use kiln_gpu::{Backend, Egnn, EgnnSpec, Matrix, Network};

pub fn names<D: Device<E>, E: Dtype>(net: &Egnn<D, E>) -> Vec<(String, (usize, usize))> {
    net.matrices().map(|(name, m)| (name.to_string(), *m.shape())).collect()
}

/// Value, gradients of h, x and all parameters of sum(g * net(h, x)).
pub type Derivatives<E> = (Vec<E>, Vec<E>, Vec<E>, Vec<Vec<E>>);

pub fn derivatives<D: Device<E>, E: Dtype>(
    net: &Egnn<D, E>,
    y: Matrix<D, OwnedTape<E, D>, E>,
    [h, x, g]: [&Matrix<D, NoneTape, E>; 3],
) -> Derivatives<E> {
    let value = y.as_vec();
    let gradients = (y * g.clone()).sum::<Rank0, _>().backward();
    let of = |m: &Matrix<D, NoneTape, E>| gradients.get(m).as_vec();
    (value, of(h), of(x), net.matrices().map(|(_, m)| of(m)).collect())
}

pub fn plain<D: Device<E>, E: Dtype>(
    net: &Egnn<D, E>,
    h: &Matrix<D, NoneTape, E>,
    x: &Matrix<D, NoneTape, E>,
    g: &Matrix<D, NoneTape, E>,
) -> Derivatives<E> {
    derivatives(net, net.forward_plain(h.leaky_trace(), x.leaky_trace()), [h, x, g])
}

pub fn fused<D: Backend>(net: &Egnn<D>, h: &Matrix<D>, x: &Matrix<D>, g: &Matrix<D>) -> Derivatives<f32> {
    derivatives(net, net.forward_both(h.leaky_trace(), x.leaky_trace()), [h, x, g])
}

/// Every combination of flags at two small shapes each: hidden widths off every vector length, several samples a block and
/// several blocks.
pub fn combinations() -> Vec<EgnnSpec> {
    let mut all = Vec::new();
    for at in 0..48 {
        let bit = |k: usize| at >> k & 1 == 1;
        let (count, range) = (5, 3.0);
        let radial = [Radial::Squared, Radial::Basis { count, range }, Radial::Steps { count, range }][at / 16];
        let spec = |particles, dimensions, node_inputs, hidden, layers| EgnnSpec {
            particles,
            dimensions,
            node_inputs,
            hidden,
            layers,
            activation: if bit(0) { Activation::Silu } else { Activation::Relu },
            edges: if bit(1) { Edges::Symmetric } else { Edges::Directed },
            head: if bit(2) { Head::Direct } else { Head::Deep },
            attention: bit(3),
            radial,
            range: 2.0,
        };
        all.push(spec(4, 2, 3, 17, 3));
        all.push(spec(7, 3, 1, 32, 1 + at % 3));
    }
    all
}

pub struct Case {
    pub net: Egnn<Cpu>,
    pub h: Matrix<Cpu>,
    pub x: Matrix<Cpu>,
    pub g: Matrix<Cpu>,
}

pub fn matrix(values: Vec<f32>, rows: usize) -> Matrix<Cpu> {
    let columns = values.len() / rows;
    Cpu::default().tensor_from_vec(values, (rows, columns))
}

impl Case {
    /// Weights as initialised, but with coordinate layers that do something.
    pub fn new(spec: &EgnnSpec, batch: usize, seed: u32) -> Self {
        let mut net = Egnn::new(&Cpu::default(), spec.clone(), &mut uniform(seed)).expect("a valid shape");
        for p in net.parameters_mut().into_iter().filter(|p| p.name.ends_with("coordinate.weight")) {
            let numbers: Vec<f32> = values(spec.hidden, seed + 7).into_iter().map(|w| 0.3 * w).collect();
            p.matrix.copy_from(&numbers);
        }
        let scaled = |n, seed| values(n, seed).into_iter().map(|x| 1.5 * x).collect();
        let nodes = batch * spec.particles;
        let h = matrix(scaled(nodes * spec.node_inputs, seed + 1), batch);
        let x = matrix(scaled(nodes * spec.dimensions, seed + 2), batch);
        let g = matrix(values(nodes * spec.dimensions, seed + 3), batch);
        Self { net, h, x, g }
    }

    pub fn displacement(&self, h: &[f32], x: &[f32]) -> Vec<f32> {
        let rows = self.x.shape().0;
        let y: Matrix<Cpu> = self.net.forward_constant(matrix(h.to_vec(), rows), matrix(x.to_vec(), rows));
        y.as_vec()
    }
}

/// Bit patterns, for exact comparisons.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}
