//! An MLP in dfdx's operations.

use super::linear::affine;
use crate::shape::Role;
use crate::shape::mlp::MlpShape;
use crate::tensor::Matrix;
use dfdx::prelude::*;

/// The output for a batch `x`, with `features` for the conditioned layers, by a network whose `matrices` lie as its
/// `shape` says: SiLU after all layers but the last.
///
/// # Panics
/// If shapes do not fit, or a layer is conditioned and there are no features.
pub fn mlp<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    shape: &MlpShape,
    matrices: &[Matrix<D, NoneTape, E>],
    mut x: Matrix<D, T, E>,
    features: Option<&Matrix<D, NoneTape, E>>,
) -> Matrix<D, T, E> {
    let mut matrices = matrices.iter();
    let mut next = || matrices.next().expect("a matrix for every place of the shape");
    for (l, layer) in shape.layers.iter().enumerate() {
        let (weight, bias) = (next(), next());
        x = affine(x, weight, bias);
        if let Some(role) = layer.table {
            let (table, f) = (next(), features.expect("a conditioned layer needs features"));
            x = match role {
                Role::Trained => x + f.retaped::<T>().matmul(table.retaped::<T>()),
                Role::Frozen => x + f.clone().matmul(table.clone()),
            };
        }
        if l + 1 < shape.layers.len() {
            // sigmoid has an id of its own: no operand meets itself in the backward pass.
            x = x.with_empty_tape().sigmoid() * x;
        }
    }
    x
}
