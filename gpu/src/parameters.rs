//! What optimisers, averages and files see of a network: its matrices by name, in a fixed order.

use crate::Matrix;
use crate::backend::Backend;
use dfdx::prelude::*;

/// What a matrix of a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Changed by training.
    Trained,
    /// Drawn once and kept.
    Frozen,
}

impl Role {
    pub(crate) fn of_table(trainable: bool) -> Self {
        if trainable { Self::Trained } else { Self::Frozen }
    }
}

/// A matrix of a network. Biases are matrices of one row.
#[derive(Debug)]
pub struct Parameter<'a, D: Backend> {
    /// `layers.{l}.weight`, `layers.{l}.bias` or `layers.{l}.condition`.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Its numbers.
    pub matrix: &'a Matrix<D>,
}

impl<'a, D: Backend> Parameter<'a, D> {
    pub(crate) fn new(name: String, role: Role, matrix: &'a Matrix<D>) -> Self {
        Self { name, role, matrix }
    }

    /// The shape in files: (outputs) for biases, (rows, columns) for all else.
    pub fn shape(&self) -> Vec<usize> {
        stored_shape(&self.name, *self.matrix.shape())
    }
}

/// A matrix of a network, to be changed.
#[derive(Debug)]
pub struct ParameterMut<'a, D: Backend> {
    /// As [`Parameter::name`].
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Its numbers.
    pub matrix: &'a mut Matrix<D>,
}

impl<'a, D: Backend> ParameterMut<'a, D> {
    pub(crate) fn new(name: String, role: Role, matrix: &'a mut Matrix<D>) -> Self {
        Self { name, role, matrix }
    }

    /// As [`Parameter::shape`].
    pub fn shape(&self) -> Vec<usize> {
        stored_shape(&self.name, *self.matrix.shape())
    }
}

fn stored_shape(name: &str, (rows, columns): (usize, usize)) -> Vec<usize> {
    if name.ends_with(".bias") { vec![columns] } else { vec![rows, columns] }
}

/// Something with parameters. Clones share their tensors, and thereby their gradients, with the original until
/// either is changed; [`Network::duplicate`] makes an independent one.
pub trait Network<D: Backend>: Clone {
    /// All matrices, in an order that depends on the shape of the network alone.
    fn parameters(&self) -> Vec<Parameter<'_, D>>;

    /// The same, to be changed.
    fn parameters_mut(&mut self) -> Vec<ParameterMut<'_, D>>;

    /// The number of trained numbers.
    fn trained_numbers(&self) -> usize {
        let trained = self.parameters().into_iter().filter(|p| p.role == Role::Trained);
        trained.map(|p| p.matrix.shape().num_elements()).sum()
    }

    /// A copy that shares nothing with this one: gradients of one are not gradients of the other.
    fn duplicate(&self) -> Self {
        let mut copy = self.clone();
        for p in copy.parameters_mut() {
            let shape = *p.matrix.shape();
            *p.matrix = p.matrix.device().tensor_from_vec(p.matrix.as_vec(), shape);
        }
        copy
    }
}
