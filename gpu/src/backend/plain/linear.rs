//! A linear map in dfdx's operations.

use crate::tensor::Matrix;
use dfdx::prelude::*;

/// `x W + b`.
pub(super) fn affine<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Matrix<D, T, E>,
    weight: &Matrix<D, NoneTape, E>,
    bias: &Matrix<D, NoneTape, E>,
) -> Matrix<D, T, E> {
    let z = x.matmul(weight.retaped::<T>());
    let row = bias.retaped::<T>().reshape_like(&(bias.shape().1,));
    let bias = row.broadcast_like::<_, Axis<0>>(&z);
    z + bias
}
