//! A SiLU network with run-time shapes, each hidden layer optionally conditioned.

use super::layer::Layer;
use super::parameters::{Network, Parameter, ParameterMut, Role};
use crate::backend::{Backend, InputGradient, Scratch, Weights, plain};
use crate::shape::mlp::{LayerShape, MlpShape};
use crate::tensor::{self, Device, Dtype, Matrix, NoneTape, Storage, Tape, on_tape};

/// Layers, with SiLU after all but the last.
#[derive(Clone, Debug)]
pub struct Mlp<D: Storage<E>, E: Dtype = f32> {
    weights: Weights<MlpShape, D, E>,
}

impl<E: Dtype, D: Device<E>> Mlp<D, E> {
    /// # Panics
    /// If there is no layer, one's outputs are not the next one's inputs, the last one is conditioned, or
    /// conditioned layers differ in the number of features.
    pub fn from_layers(layers: Vec<Layer<D, E>>) -> Self {
        assert!(layers.last().is_some_and(|l| l.condition().is_none()), "the last layer exists, unconditioned");
        for pair in layers.windows(2) {
            assert_eq!(pair[0].shape().outputs, pair[1].shape().inputs, "widths of neighbours");
        }
        let mut features = layers.iter().filter_map(|l| l.condition()).map(|c| tensor::shape(&c.table).0);
        let first = features.next();
        assert!(features.all(|f| Some(f) == first), "one set of features for all layers");
        let shape = MlpShape { layers: layers.iter().map(Layer::shape).collect(), features: first.unwrap_or(0) };
        Self { weights: Weights::new(shape, layers.into_iter().flat_map(Layer::into_matrices).collect()) }
    }

    /// The layers, in order; they share their matrices with the network.
    pub fn layers(&self) -> Vec<Layer<D, E>> {
        let mut matrices = self.weights.matrices().iter();
        self.shape().layers.iter().map(|shape| Layer::from_matrices(shape, &mut matrices)).collect()
    }

    /// Numbers a row of the input has.
    pub fn inputs(&self) -> usize {
        self.shape().inputs()
    }

    /// Numbers a row of the output has.
    pub fn outputs(&self) -> usize {
        self.shape().outputs()
    }

    /// Its shape.
    pub fn shape(&self) -> &MlpShape {
        self.weights.shape()
    }

    /// Where it lives.
    pub fn device(&self) -> &D {
        self.weights.matrices()[0].device()
    }

    /// The output in dfdx's operations, one by one: the reference for every fused implementation.
    ///
    /// # Panics
    /// If shapes do not fit, or a layer is conditioned and there are no features.
    pub fn forward_plain<T: Tape<E, D>>(
        &self,
        x: Matrix<D, T, E>,
        features: Option<&Matrix<D, NoneTape, E>>,
    ) -> Matrix<D, T, E> {
        plain::mlp(self.shape(), self.weights.matrices(), x, features)
    }
}

impl<D: Backend> Mlp<D> {
    /// PyTorch's initialisation of linear layers: weights and biases uniform in ±1/sqrt(inputs). `widths` holds
    /// inputs, hidden widths and outputs; `uniform` draws from (0, 1).
    ///
    /// # Panics
    /// If `widths` has fewer than two entries.
    pub fn new(device: &D, widths: &[usize], uniform: &mut impl FnMut() -> f32) -> Self {
        let layers = widths.windows(2).map(|w| {
            let weight = uniform_values(w[0], w[0] * w[1], uniform);
            let bias = uniform_values(w[0], w[1], uniform);
            Layer::from_values(device, (w[0], w[1]), weight, bias)
        });
        Self::from_layers(layers.collect())
    }

    /// Makes the last layer 0, and thereby the output, until training moves it.
    pub fn silence(&mut self) {
        let last = self.shape().layers.len() - 1;
        for p in self.parameters_mut() {
            if p.name == format!("layers.{last}.weight") || p.name == format!("layers.{last}.bias") {
                let zeros = vec![0.0; p.shape().iter().product()];
                p.matrix.copy_from(&zeros);
            }
        }
    }

    /// Conditions every hidden layer on `features` numbers by tables from `table(layer, outputs)`.
    pub fn conditioned(
        self,
        features: usize,
        trainable: bool,
        mut table: impl FnMut(usize, usize) -> Vec<f32>,
    ) -> Self {
        let last = self.shape().layers.len() - 1;
        let layers = self.layers().into_iter().enumerate().map(|(l, layer)| {
            if l == last {
                return layer;
            }
            let outputs = layer.shape().outputs;
            layer.conditioned(features, table(l, outputs), trainable)
        });
        Self::from_layers(layers.collect())
    }

    /// The output by the device's best means; gradients reach parameters and `x`.
    ///
    /// # Panics
    /// If shapes do not fit, or a layer is conditioned and there are no features.
    pub fn forward<T: Tape<f32, D>>(&self, x: Matrix<D, T>, features: Option<&Matrix<D>>) -> Matrix<D, T> {
        D::mlp(&self.weights, x, features, InputGradient::Needed)
    }

    /// The same for a constant `x`, whose gradient nobody wants.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    pub fn forward_constant<T: Tape<f32, D>>(&self, x: Matrix<D>, features: Option<&Matrix<D>>) -> Matrix<D, T> {
        D::mlp(&self.weights, on_tape(x), features, InputGradient::Skipped)
    }
}

/// `n` numbers uniform in ±1/sqrt(inputs).
pub(crate) fn uniform_values(inputs: usize, n: usize, uniform: &mut impl FnMut() -> f32) -> Vec<f32> {
    let bound = 1.0 / (inputs as f32).sqrt();
    (0..n).map(|_| bound * (2.0 * uniform() - 1.0)).collect()
}

/// Names and roles of a network's matrices.
fn parts(shape: &MlpShape) -> Vec<(String, Role)> {
    let layers = shape.layers.iter().enumerate();
    let parts = |(l, layer): (usize, &LayerShape)| {
        let always = [("weight", Role::Trained), ("bias", Role::Trained)].into_iter();
        let all = always.chain(layer.table.map(|role| ("condition", role)));
        all.map(move |(part, role)| (format!("layers.{l}.{part}"), role))
    };
    layers.flat_map(parts).collect()
}

impl<D: Backend> Network<D> for Mlp<D> {
    fn parameters(&self) -> Vec<Parameter<'_, D>> {
        let parts = parts(self.shape()).into_iter().zip(self.weights.matrices());
        parts.map(|((name, role), matrix)| Parameter::new(name, role, matrix)).collect()
    }

    fn parameters_mut(&mut self) -> Vec<ParameterMut<'_, D>> {
        let parts = parts(self.shape()).into_iter().zip(self.weights.matrices_mut());
        parts.map(|((name, role), matrix)| ParameterMut::new(name, role, matrix)).collect()
    }

    fn scratch_mut(&mut self) -> &mut Scratch {
        self.weights.scratch_mut()
    }
}
