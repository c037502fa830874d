//! What optimisers, averages and files see of a network: its matrices by name, in a fixed order.

use crate::backend::{Backend, Scratch};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::tensor::{self, Matrix};

pub use crate::shape::Role;

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

    /// How many numbers it has.
    pub fn numbers(&self) -> usize {
        let (rows, columns) = tensor::shape(self.matrix);
        rows * columns
    }

    /// The shape in files: (outputs) for biases, (rows, columns) for all else.
    pub fn shape(&self) -> Vec<usize> {
        stored_shape(&self.name, tensor::shape(self.matrix))
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
        stored_shape(&self.name, tensor::shape(self.matrix))
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

    /// The free buffers that it works with, to be replaced: a new network has its own; networks that are used in turns
    /// need less memory with one network's given to all. Merely asking drops the copy of its numbers that kernels read:
    /// the next use makes it again.
    fn scratch_mut(&mut self) -> &mut Scratch;

    /// The number of trained numbers.
    fn trained_numbers(&self) -> usize {
        let trained = self.parameters().into_iter().filter(|p| p.role == Role::Trained);
        trained.map(|p| p.numbers()).sum()
    }

    /// A copy that shares nothing but free buffers with this one: gradients of one are not gradients of the other.
    fn duplicate(&self) -> Self {
        let mut copy = self.clone();
        for p in copy.parameters_mut() {
            let shape = tensor::shape(p.matrix);
            *p.matrix = tensor::matrix(p.matrix.device(), p.matrix.as_vec(), shape);
        }
        copy
    }

    /// Adds all matrices to a file, frozen ones included, as `{prefix}{name}`.
    fn insert_into(&self, prefix: &str, file: &mut Checkpoint) {
        for p in self.parameters() {
            file.insert_tensor(format!("{prefix}{}", p.name), p.shape(), p.matrix.as_vec());
        }
    }

    /// Sets all matrices to those that [`Network::insert_into`] added to a file.
    ///
    /// # Errors
    /// If a matrix is missing, has another shape or is not finite; the network is then as before.
    fn load_from(&mut self, prefix: &str, file: &Checkpoint) -> Result<(), CheckpointError> {
        let found: Result<Vec<&[f32]>, _> =
            self.parameters().iter().map(|p| file.tensor(&format!("{prefix}{}", p.name), &p.shape())).collect();
        for (p, values) in self.parameters_mut().into_iter().zip(found?) {
            p.matrix.copy_from(values);
        }
        Ok(())
    }
}
