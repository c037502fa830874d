//! One layer: x W + b, and for conditioned layers + features V.

use crate::shape::Role;
use crate::shape::mlp::LayerShape;
use crate::tensor::{self, Device, Dtype, Matrix, NoneTape, Storage, matrix};

/// The conditioning of a layer: `features V` is added to its pre-activation.
#[derive(Clone, Debug)]
pub struct Condition<D: Storage<E>, E: Dtype = f32> {
    /// V, of shape (features, outputs).
    pub table: Matrix<D, NoneTape, E>,
    /// Whether V is trained; a frozen table gets no gradient and is no parameter.
    pub trainable: bool,
}

impl<D: Storage<E>, E: Dtype> Condition<D, E> {
    /// What V is for.
    pub fn role(&self) -> Role {
        if self.trainable { Role::Trained } else { Role::Frozen }
    }
}

/// A linear layer with run-time shapes.
#[derive(Clone, Debug)]
pub struct Layer<D: Storage<E>, E: Dtype = f32> {
    weight: Matrix<D, NoneTape, E>,
    bias: Matrix<D, NoneTape, E>,
    condition: Option<Condition<D, E>>,
}

impl<E: Dtype, D: Device<E>> Layer<D, E> {
    /// From a weight of shape (inputs, outputs), row-major, and a bias.
    ///
    /// # Panics
    /// If the numbers do not fill the shapes.
    pub fn from_values(device: &D, shape: (usize, usize), weight: Vec<E>, bias: Vec<E>) -> Self {
        Self { weight: matrix(device, weight, shape), bias: matrix(device, bias, (1, shape.1)), condition: None }
    }

    /// The same layer, conditioned on `features` numbers by a table of shape (features, outputs).
    ///
    /// # Panics
    /// If the numbers do not fill the shape.
    pub fn conditioned(self, features: usize, table: Vec<E>, trainable: bool) -> Self {
        let table = matrix(self.weight.device(), table, (features, tensor::shape(&self.weight).1));
        Self { condition: Some(Condition { table, trainable }), ..self }
    }

    /// W, of shape (inputs, outputs).
    pub fn weight(&self) -> &Matrix<D, NoneTape, E> {
        &self.weight
    }

    /// b, of shape (1, outputs).
    pub fn bias(&self) -> &Matrix<D, NoneTape, E> {
        &self.bias
    }

    /// The conditioning, if any.
    pub fn condition(&self) -> Option<&Condition<D, E>> {
        self.condition.as_ref()
    }

    /// Its shape.
    pub fn shape(&self) -> LayerShape {
        let (inputs, outputs) = tensor::shape(&self.weight);
        LayerShape { inputs, outputs, table: self.condition.as_ref().map(Condition::role) }
    }

    /// From the next matrices of a network, in the order of [`crate::shape::mlp::MlpShape`].
    ///
    /// # Panics
    /// If there are too few.
    pub(crate) fn from_matrices<'a>(
        shape: &LayerShape,
        matrices: &mut impl Iterator<Item = &'a Matrix<D, NoneTape, E>>,
    ) -> Self {
        let mut next = || matrices.next().expect("a matrix for every place of the shape").clone();
        let (weight, bias) = (next(), next());
        let condition = shape.table.map(|role| Condition { table: next(), trainable: role == Role::Trained });
        Self { weight, bias, condition }
    }

    /// Weight, bias and, where there is one, table.
    pub(crate) fn into_matrices(self) -> impl Iterator<Item = Matrix<D, NoneTape, E>> {
        [self.weight, self.bias].into_iter().chain(self.condition.map(|c| c.table))
    }
}
