//! The CPU: networks and Adam as fused kernels on slices.

use super::{Backend, InputGradient, Scratch, Weights};
use crate::kernel::adam::AdamStep;
use crate::kernel::scratch::Buffer;
use crate::kernel::{activation, adam, egnn, mlp};
use crate::shape::egnn::Layout;
use crate::shape::mlp::MlpShape;
use crate::tensor::{Grads, Matrix};
use dfdx::prelude::{Cpu, HasShape, PutTape, Shape, SplitTape, Tape, TensorFromVec};

impl Backend for Cpu {
    type Moment = Vec<f32>;

    fn mlp<T: Tape<f32, Self>>(
        weights: &Weights<MlpShape, Self>,
        x: Matrix<Self, T>,
        features: Option<&Matrix<Self>>,
        input: InputGradient,
    ) -> Matrix<Self, T> {
        let (x, mut tape) = x.split_tape();
        let plan = mlp::Plan::new(weights.shape());
        let parameters = weights.gathered(|weights| gather(weights, &plan));
        let scratch = weights.scratch().clone();
        let job = mlp::Job {
            plan,
            parameters,
            batch: x.shape().0,
            x: numbers(&scratch, &x),
            features: features.map_or_else(|| scratch.take(0), |features| numbers(&scratch, features)),
            scratch,
        };
        let device = x.device().clone();
        let output_shape = (job.batch, weights.shape().outputs());
        if !T::OWNS_TAPE {
            return device.tensor_from_vec(mlp::infer(&job), output_shape).put_tape(tape);
        }
        let (y, saved) = mlp::forward(&job);
        let y: Matrix<Self> = device.tensor_from_vec(y, output_shape);
        let out = y.ghost();
        let matrices = weights.matrices().to_vec();
        tape.add_backward_op(move |gradients| {
            let want_input = input == InputGradient::Needed;
            let top = gradients.get_or_alloc_mut(&out)?;
            let (sums, gx) = mlp::backward(&job, &saved, top, want_input);
            for (matrix, place) in matrices.iter().zip(job.plan.places(false)) {
                let Some(place) = place else { continue };
                sums.add_to(place, gradients.get_or_alloc_mut(matrix)?);
            }
            if want_input {
                activation::add(&gx, gradients.get_or_alloc_mut(&x)?);
            }
            Ok(())
        });
        y.put_tape(tape)
    }

    fn egnn<T: Tape<f32, Self>>(
        weights: &Weights<Layout, Self>,
        h: Matrix<Self, T>,
        x: Matrix<Self, T>,
        input: InputGradient,
    ) -> Matrix<Self, T> {
        let (h, tape) = h.split_tape();
        let (x, more) = x.split_tape();
        let mut tape = tape.merge(more);
        let plan = egnn::Plan::new(weights.shape());
        let parameters = weights.gathered(|weights| gather_padded(weights, &plan));
        let scratch = weights.scratch().clone();
        let (h_numbers, x_numbers) = (numbers(&scratch, &h), numbers(&scratch, &x));
        let job = egnn::Job { plan, parameters, batch: x.shape().0, h: h_numbers, x: x_numbers, scratch };
        let device = x.device().clone();
        let shape = *x.shape();
        if !T::OWNS_TAPE {
            return device.tensor_from_vec(egnn::infer(&job), shape).put_tape(tape);
        }
        let (y, saved) = egnn::forward(&job);
        let y: Matrix<Self> = device.tensor_from_vec(y, shape);
        let out = y.ghost();
        let matrices = weights.matrices().to_vec();
        tape.add_backward_op(move |gradients| {
            let top = gradients.get_or_alloc_mut(&out)?;
            let (sums, inputs) = egnn::backward(&job, &saved, top, input == InputGradient::Needed);
            for (at, matrix) in matrices.iter().enumerate() {
                sums.add_to(&job.plan, at, gradients.get_or_alloc_mut(matrix)?);
            }
            if let Some(inputs) = inputs {
                activation::add(&inputs.h, gradients.get_or_alloc_mut(&h)?);
                activation::add(&inputs.x, gradients.get_or_alloc_mut(&x)?);
            }
            Ok(())
        });
        y.put_tape(tape)
    }

    fn moment(parameter: &Matrix<Self>, values: Vec<f32>) -> Vec<f32> {
        assert_eq!(values.len(), parameter.shape().num_elements(), "moment");
        values
    }

    fn moment_values(moment: &Vec<f32>) -> Vec<f32> {
        moment.clone()
    }

    fn gradient_square_sum(parameter: &Matrix<Self>, gradients: &mut Grads<Self>) -> f64 {
        adam::square_sum(gradients.get_or_alloc_mut(parameter).expect("memory for a gradient"))
    }

    fn adam(
        step: &AdamStep,
        parameter: &mut Matrix<Self>,
        first: &mut Vec<f32>,
        second: &mut Vec<f32>,
        gradients: &mut Grads<Self>,
        scratch: &Scratch,
    ) {
        let mut numbers = numbers(scratch, parameter);
        let gradient = gradients.get_or_alloc_mut(parameter).expect("memory for a gradient");
        adam::adam(step, &mut numbers, first, second, gradient);
        parameter.copy_from(&numbers);
    }
}

/// A matrix's numbers.
fn numbers(scratch: &Scratch, m: &Matrix<Cpu>) -> Buffer {
    let mut buffer = scratch.take(m.shape().num_elements());
    m.copy_into(&mut buffer);
    buffer
}

/// Copies an MLP's matrices to where the plan wants them: dfdx lends no slices of its numbers.
fn gather(weights: &Weights<MlpShape, Cpu>, plan: &mlp::Plan) -> Buffer {
    let mut parameters = weights.scratch().take(plan.len);
    for (matrix, place) in weights.matrices().iter().zip(plan.places(true).flatten()) {
        matrix.copy_into(&mut parameters[place]);
    }
    parameters
}

/// The same for an equivariant network, whose rows the plan pads.
fn gather_padded(weights: &Weights<Layout, Cpu>, plan: &egnn::Plan) -> Buffer {
    let mut parameters = weights.scratch().zeros(plan.len);
    for (at, matrix) in weights.matrices().iter().enumerate() {
        plan.spread(at, &numbers(weights.scratch(), matrix), &mut parameters);
    }
    parameters
}
