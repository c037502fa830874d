//! What the rest of the crate names of dfdx: tensors, tapes and devices, and the few operations that networks and
//! objectives are made of. Beside this file only the backends know dfdx.

pub use dfdx::shapes::{Dtype, Rank0};
pub use dfdx::tensor::{Cpu, Gradients, NoneTape, OwnedTape, Storage, Tape, Tensor};
pub use dfdx::tensor_ops::Device;

use dfdx::shapes::HasShape;
use dfdx::tensor::PutTape;
use dfdx::tensor_ops::{Backward, MeanTo, SumTo};

#[cfg(feature = "cuda")]
pub use dfdx::tensor::Cuda;

/// A matrix with run-time shape, row-major: a batch is one row a sample.
pub type Matrix<D, T = NoneTape, E = f32> = Tensor<(usize, usize), E, D, T>;
/// A number on a device.
pub type Scalar<D, T = NoneTape> = Tensor<Rank0, f32, D, T>;
/// The tape that a backward pass runs along.
pub type Taped<D> = OwnedTape<f32, D>;
/// The gradients that a backward pass leaves on a device.
pub type Grads<D> = Gradients<f32, D>;

/// A matrix of shape (rows, columns) from its numbers, row-major.
///
/// # Panics
/// If the numbers do not fill the shape.
pub fn matrix<E: Dtype, D: Device<E>>(device: &D, numbers: Vec<E>, shape: (usize, usize)) -> Matrix<D, NoneTape, E> {
    device.tensor_from_vec(numbers, shape)
}

/// Rows and columns.
pub fn shape<E: Dtype, D: Storage<E>, T>(matrix: &Matrix<D, T, E>) -> (usize, usize) {
    *matrix.shape()
}

/// The same matrix at the start of a tape.
pub fn on_tape<D: Storage<f32>, T: Tape<f32, D>>(matrix: Matrix<D>) -> Matrix<D, T> {
    matrix.put_tape(T::default())
}

/// The sum of all numbers.
pub fn sum<D: Device<f32>, T: Tape<f32, D>>(matrix: Matrix<D, T>) -> Scalar<D, T> {
    matrix.sum()
}

/// The mean of all numbers.
pub fn mean<D: Device<f32>, T: Tape<f32, D>>(matrix: Matrix<D, T>) -> Scalar<D, T> {
    matrix.mean()
}

/// The gradients of a number with respect to everything on its tape.
pub fn backward<D: Device<f32>>(loss: Scalar<D, Taped<D>>) -> Grads<D> {
    loss.backward()
}
