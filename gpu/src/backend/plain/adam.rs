//! Adam in dfdx's operations; moments are tensors.

use crate::kernel::adam::AdamStep;
use crate::tensor::{Grads, Matrix};
use dfdx::prelude::*;

fn gradient<D: Device<f32>>(parameter: &Matrix<D>, gradients: &mut Grads<D>) -> Matrix<D> {
    gradients.try_alloc_for(parameter).expect("device memory for a gradient");
    gradients.get(parameter)
}

/// The sum of squares of a parameter's gradient.
pub fn gradient_square_sum<D: Device<f32>>(parameter: &Matrix<D>, gradients: &mut Grads<D>) -> f64 {
    f64::from(gradient(parameter, gradients).square().sum::<Rank0, _>().as_vec()[0])
}

/// One Adam update.
pub fn adam<D: Device<f32>>(
    step: &AdamStep,
    parameter: &mut Matrix<D>,
    first: &mut Matrix<D>,
    second: &mut Matrix<D>,
    gradients: &mut Grads<D>,
) {
    let g = gradient(parameter, gradients) * step.gradient_scale;
    first.axpy(step.beta1, &g, 1.0 - step.beta1);
    second.axpy(step.beta2, &g.square(), 1.0 - step.beta2);
    let root = (second.clone() * step.second_scale).sqrt() + step.epsilon;
    let update = first.clone() * (step.learning_rate * step.first_scale) / root;
    parameter.axpy(1.0, &update, -1.0);
}
