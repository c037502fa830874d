//! One layer: x W + b, and for conditioned layers + features V.

use crate::Matrix;
use dfdx::prelude::*;

/// The conditioning of a layer: `features V` is added to its pre-activation.
#[derive(Clone, Debug)]
pub struct Condition<D: Storage<E>, E: Dtype = f32> {
    /// V, of shape (features, outputs).
    pub table: Matrix<D, NoneTape, E>,
    /// Whether V is trained; a frozen table gets no gradient and is no parameter.
    pub trainable: bool,
}

/// A linear layer with run-time shapes.
#[derive(Clone, Debug)]
pub struct Layer<D: Storage<E>, E: Dtype = f32> {
    weight: Matrix<D, NoneTape, E>,
    bias: Matrix<D, NoneTape, E>,
    condition: Option<Condition<D, E>>,
}

/// Weight, bias and conditioning of a layer, to be changed.
type Parts<'a, D, E> =
    (&'a mut Matrix<D, NoneTape, E>, &'a mut Matrix<D, NoneTape, E>, Option<&'a mut Condition<D, E>>);

impl<E: Dtype, D: Device<E>> Layer<D, E> {
    /// From a weight of shape (inputs, outputs), row-major, and a bias.
    ///
    /// # Panics
    /// If the numbers do not fill the shapes.
    pub fn from_values(device: &D, shape: (usize, usize), weight: Vec<E>, bias: Vec<E>) -> Self {
        Self {
            weight: device.tensor_from_vec(weight, shape),
            bias: device.tensor_from_vec(bias, (1, shape.1)),
            condition: None,
        }
    }

    /// The same layer, conditioned on `features` numbers by a table of shape (features, outputs).
    ///
    /// # Panics
    /// If the numbers do not fill the shape.
    pub fn conditioned(self, features: usize, table: Vec<E>, trainable: bool) -> Self {
        let shape = (features, self.weight.shape().1);
        let table = self.weight.device().tensor_from_vec(table, shape);
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

    /// Weight, bias and conditioning, to be changed.
    pub(crate) fn parts_mut(&mut self) -> Parts<'_, D, E> {
        (&mut self.weight, &mut self.bias, self.condition.as_mut())
    }

    /// The pre-activation, in dfdx's operations.
    pub(crate) fn forward<T: Tape<E, D>>(
        &self,
        x: Matrix<D, T, E>,
        features: Option<&Matrix<D, NoneTape, E>>,
    ) -> Matrix<D, T, E> {
        let z = x.matmul(self.weight.retaped::<T>());
        let row = self.bias.retaped::<T>().reshape_like(&(self.bias.shape().1,));
        let bias = row.broadcast_like::<_, Axis<0>>(&z);
        let z = z + bias;
        match (&self.condition, features) {
            (None, _) => z,
            (Some(c), Some(f)) if c.trainable => z + f.retaped::<T>().matmul(c.table.retaped::<T>()),
            (Some(c), Some(f)) => z + f.clone().matmul(c.table.clone()),
            (Some(_), None) => panic!("a conditioned layer needs features"),
        }
    }
}
