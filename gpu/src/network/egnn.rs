//! An equivariant graph network over all pairs of particles (Satorras, Hoogeboom & Welling 2021, eq. 3-6), as in the
//! published samplers and in a lean form.
//!
//! With h_i = embed(input_i), x_i the coordinates, r_ij their distances and f(r) the [`Radial`] functions, a layer is
//!
//! - e_ij = W_source h_i + W_target h_j + W_radial [f(r_ij), f(r_ij at the input)] + b (one matrix for both ends with
//!   [`Edges::Symmetric`]; the product with the concatenated vector, as published, taken apart: N products, not N^2)
//! - m_ij = act(W_message act(e_ij) + b), times sigmoid(a m_ij + a_0) with attention
//! - c_ij = range tanh(w u_ij), u = act(W_head m + b) with [`Head::Deep`], m itself with [`Head::Direct`]
//! - x_i += sum over j != i of (x_i - x_j) / (sqrt(r_ij^2 + 1e-8) + 1) c_ij
//! - h_i += W_update act(W_node [h_i, sum over j != i of m_ij] + b) + b (not in the last layer: nobody reads it)
//!
//! and the network's output is x after the last layer minus x at the input, without its mean over particles.
//! It turns and mirrors with x, permutes with (h, x), and does not change when x is shifted.

use super::mlp::uniform_values;
use super::parameters::{Network, Parameter, ParameterMut, Role};
use crate::backend::{Backend, InputGradient, Scratch, Weights, plain};
use crate::shape::egnn::Layout;
use crate::tensor::{Device, Dtype, Matrix, NoneTape, Storage, Tape, matrix, on_tape};

pub use crate::shape::egnn::{Activation, Edges, EgnnSpec, EgnnSpecError, Head, Radial};

/// Gain of the coordinate layer's initial weights, as published: the network starts near zero.
const COORDINATE_GAIN: f32 = 1e-3;

/// A network of that kind.
#[derive(Clone, Debug)]
pub struct Egnn<D: Storage<E>, E: Dtype = f32> {
    weights: Weights<Layout, D, E>,
}

impl<E: Dtype, D: Device<E>> Egnn<D, E> {
    /// From the numbers of each matrix, row-major, asked for by name and shape (rows, columns); weights are
    /// (inputs, outputs). See [`Network::parameters`] for the names.
    ///
    /// # Errors
    /// If `spec` is not the shape of a network.
    ///
    /// # Panics
    /// If the numbers do not fill a shape.
    pub fn from_values(
        device: &D,
        spec: EgnnSpec,
        mut values: impl FnMut(&str, (usize, usize)) -> Vec<E>,
    ) -> Result<Self, EgnnSpecError> {
        spec.check()?;
        let layout = Layout::new(&spec);
        let matrices = layout.matrices.iter().map(|(name, form)| {
            let shape = spec.shape(*form);
            matrix(device, values(name, shape), shape)
        });
        let matrices = matrices.collect();
        Ok(Self { weights: Weights::new(layout, matrices) })
    }

    /// Its shape.
    pub fn spec(&self) -> &EgnnSpec {
        &self.weights.shape().spec
    }

    /// Where it lives.
    pub fn device(&self) -> &D {
        self.weights.matrices()[0].device()
    }

    /// Every matrix with its name, in order.
    pub fn matrices(&self) -> impl Iterator<Item = (&str, &Matrix<D, NoneTape, E>)> {
        self.weights.shape().matrices.iter().map(|(name, _)| name.as_str()).zip(self.weights.matrices())
    }

    /// The displacement in dfdx's operations: the reference for every fused implementation.
    ///
    /// # Panics
    /// If shapes do not fit.
    pub fn forward_plain<T: Tape<E, D>>(&self, h: Matrix<D, T, E>, x: Matrix<D, T, E>) -> Matrix<D, T, E> {
        plain::egnn(self.weights.shape(), self.weights.matrices(), h, x)
    }
}

impl<D: Backend> Egnn<D> {
    /// PyTorch's initialisation of linear layers, weights and biases uniform in ±1/sqrt(inputs), from draws in
    /// (0, 1); coordinate layers uniform in ±0.001 sqrt(6 / (hidden + 1)).
    ///
    /// # Errors
    /// If `spec` is not the shape of a network.
    pub fn new(device: &D, spec: EgnnSpec, uniform: &mut impl FnMut() -> f32) -> Result<Self, EgnnSpecError> {
        let (hidden, nodes) = (spec.hidden, spec.node_inputs);
        let edge = hidden.saturating_mul(2).saturating_add(spec.radial.count().saturating_mul(2));
        Self::from_values(device, spec, |name, (rows, columns)| {
            let part = name.split('.').rev().nth(1).unwrap_or(name);
            let inputs = match part {
                "embedding" => nodes,
                "source" | "target" | "radial" | "edge" => edge,
                "node" => 2 * hidden,
                _ => hidden,
            };
            let mut numbers = uniform_values(inputs, rows * columns, uniform);
            if part == "coordinate" {
                let bound = COORDINATE_GAIN * (6.0 / (hidden + 1) as f32).sqrt();
                numbers.iter_mut().for_each(|w| *w *= bound * (hidden as f32).sqrt());
            }
            numbers
        })
    }

    /// The displacement (batch, particles × dimensions) for node inputs `h` (batch, particles × node inputs) and
    /// coordinates `x` (batch, particles × dimensions), by the device's best means; gradients reach parameters and `x`.
    ///
    /// # Panics
    /// If shapes do not fit.
    pub fn forward<T: Tape<f32, D>>(&self, h: Matrix<D>, x: Matrix<D, T>) -> Matrix<D, T> {
        D::egnn(&self.weights, on_tape(h), x, InputGradient::Needed)
    }

    /// The same, where gradients reach `h` too.
    ///
    /// # Panics
    /// As [`Egnn::forward`].
    pub fn forward_both<T: Tape<f32, D>>(&self, h: Matrix<D, T>, x: Matrix<D, T>) -> Matrix<D, T> {
        D::egnn(&self.weights, h, x, InputGradient::Needed)
    }

    /// The same for constant `h` and `x`, whose gradients nobody wants.
    ///
    /// # Panics
    /// As [`Egnn::forward`].
    pub fn forward_constant<T: Tape<f32, D>>(&self, h: Matrix<D>, x: Matrix<D>) -> Matrix<D, T> {
        D::egnn(&self.weights, on_tape(h), on_tape(x), InputGradient::Skipped)
    }
}

/// Features of each sample (batch, `node_inputs`) given to all its particles (batch, particles × `node_inputs`).
///
/// # Panics
/// If `node_inputs` is 0.
pub fn repeated(features: &[f32], node_inputs: usize, particles: usize) -> Vec<f32> {
    features.chunks_exact(node_inputs).flat_map(|row| std::iter::repeat_n(row, particles).flatten().copied()).collect()
}

impl<D: Backend> Network<D> for Egnn<D> {
    /// `embedding.{weight, bias}`, then for each layer `layers.{l}.` and `source.weight`, `target.weight` (directed),
    /// `radial.weight`, `edge.bias`, `message.{weight, bias}`, `gate.{weight, bias}` (attention), `head.{weight, bias}`
    /// (deep), `node.{weight, bias}` and `update.{weight, bias}` (not in the last layer), `coordinate.weight`.
    fn parameters(&self) -> Vec<Parameter<'_, D>> {
        self.matrices().map(|(name, matrix)| Parameter::new(name.to_string(), Role::Trained, matrix)).collect()
    }

    fn parameters_mut(&mut self) -> Vec<ParameterMut<'_, D>> {
        let names: Vec<String> = self.weights.shape().matrices.iter().map(|(name, _)| name.clone()).collect();
        let named = names.into_iter().zip(self.weights.matrices_mut());
        named.map(|(name, matrix)| ParameterMut::new(name, Role::Trained, matrix)).collect()
    }

    fn scratch_mut(&mut self) -> &mut Scratch {
        self.weights.scratch_mut()
    }
}
