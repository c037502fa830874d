//! A SiLU network with run-time shapes, each hidden layer optionally conditioned.

use super::layer::Layer;
use super::parameters::{Network, Parameter, ParameterMut, Role};
use crate::backend::{Backend, InputGradient, plain};
use crate::shape::mlp::MlpShape;
use crate::tensor::{Device, Dtype, Matrix, NoneTape, Storage, Tape, on_tape, shape};

/// `layers`, with SiLU after all but the last.
#[derive(Clone, Debug)]
pub struct Mlp<D: Storage<E>, E: Dtype = f32> {
    layers: Vec<Layer<D, E>>,
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
        let mut features = layers.iter().filter_map(|l| l.condition()).map(|c| shape(&c.table).0);
        if let Some(first) = features.next() {
            assert!(features.all(|f| f == first), "one set of features for all layers");
        }
        Self { layers }
    }

    /// The layers, in order.
    pub fn layers(&self) -> &[Layer<D, E>] {
        &self.layers
    }

    /// Numbers a row of the input has.
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |l| l.shape().inputs)
    }

    /// Numbers a row of the output has.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.shape().outputs)
    }

    /// Its shape.
    pub fn shape(&self) -> MlpShape {
        let mut tables = self.layers.iter().filter_map(|l| l.condition());
        MlpShape {
            layers: self.layers.iter().map(Layer::shape).collect(),
            features: tables.next().map_or(0, |c| shape(&c.table).0),
        }
    }

    /// All matrices, in the order of [`MlpShape`].
    fn matrices(&self) -> Vec<&Matrix<D, NoneTape, E>> {
        self.layers.iter().flat_map(Layer::matrices).collect()
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
        plain::mlp(&self.shape(), &self.matrices(), x, features)
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

    /// Conditions every hidden layer on `features` numbers by tables from `table(layer, outputs)`.
    pub fn conditioned(
        self,
        features: usize,
        trainable: bool,
        mut table: impl FnMut(usize, usize) -> Vec<f32>,
    ) -> Self {
        let last = self.layers.len() - 1;
        let layers = self.layers.into_iter().enumerate().map(|(l, layer)| {
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
        D::mlp(&self.shape(), &self.matrices(), x, features, InputGradient::Needed)
    }

    /// The same for a constant `x`, whose gradient nobody wants.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    pub fn forward_constant<T: Tape<f32, D>>(&self, x: Matrix<D>, features: Option<&Matrix<D>>) -> Matrix<D, T> {
        D::mlp(&self.shape(), &self.matrices(), on_tape(x), features, InputGradient::Skipped)
    }
}

/// `n` numbers uniform in ±1/sqrt(inputs).
pub(crate) fn uniform_values(inputs: usize, n: usize, uniform: &mut impl FnMut() -> f32) -> Vec<f32> {
    let bound = 1.0 / (inputs as f32).sqrt();
    (0..n).map(|_| bound * (2.0 * uniform() - 1.0)).collect()
}

impl<D: Backend> Network<D> for Mlp<D> {
    fn parameters(&self) -> Vec<Parameter<'_, D>> {
        let mut all = Vec::new();
        for (l, layer) in self.layers.iter().enumerate() {
            all.push(Parameter::new(format!("layers.{l}.weight"), Role::Trained, layer.weight()));
            all.push(Parameter::new(format!("layers.{l}.bias"), Role::Trained, layer.bias()));
            if let Some(c) = layer.condition() {
                all.push(Parameter::new(format!("layers.{l}.condition"), c.role(), &c.table));
            }
        }
        all
    }

    fn parameters_mut(&mut self) -> Vec<ParameterMut<'_, D>> {
        let mut all = Vec::new();
        for (l, layer) in self.layers.iter_mut().enumerate() {
            let (weight, bias, condition) = layer.parts_mut();
            all.push(ParameterMut::new(format!("layers.{l}.weight"), Role::Trained, weight));
            all.push(ParameterMut::new(format!("layers.{l}.bias"), Role::Trained, bias));
            if let Some(c) = condition {
                let role = c.role();
                all.push(ParameterMut::new(format!("layers.{l}.condition"), role, &mut c.table));
            }
        }
        all
    }
}
