//! The operations that a device may do better than one dfdx call after another.
//!
//! [`Backend::mlp`] and [`Backend::lerp`] default to plain dfdx, right on every device. [`Cpu`] overrides what
//! is worth it; CUDA (feature `cuda`) takes the defaults and [`plain`] until a kernel of its own beats them.

use crate::Matrix;
use crate::egnn::Egnn;
use crate::kernel::{adam as kernel_adam, egnn as kernel_egnn, mlp as kernel, scratch};
use crate::mlp::Mlp;
use dfdx::prelude::*;

pub use crate::kernel::adam::AdamStep;

/// Whether the backward pass of a network goes on to its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputGradient {
    /// The input is a constant: its gradient is not computed where that saves time (and is then missing or zero).
    Skipped,
    /// The input's gradient is added to the tape's.
    Needed,
}

/// A device that Kiln's networks can be trained on.
pub trait Backend: Device<f32> {
    /// One of Adam's moments of one parameter, wherever the device keeps it best.
    type Moment: Clone + std::fmt::Debug + 'static;

    /// The network's output for a batch `x`, with `features` for the conditioned layers.
    fn mlp<T: Tape<f32, Self>>(
        net: &Mlp<Self>,
        x: Matrix<Self, T>,
        features: Option<&Matrix<Self>>,
        _input: InputGradient,
    ) -> Matrix<Self, T> {
        net.forward_plain(x, features)
    }

    /// The displacement of an equivariant network for node inputs `h` and coordinates `x`.
    fn egnn<T: Tape<f32, Self>>(
        net: &Egnn<Self>,
        h: Matrix<Self, T>,
        x: Matrix<Self, T>,
        _input: InputGradient,
    ) -> Matrix<Self, T> {
        net.forward_plain(h, x)
    }

    /// `target <- (1 - amount) target + amount source`.
    fn lerp(target: &mut Matrix<Self>, source: &Matrix<Self>, amount: f32) {
        target.axpy(1.0 - amount, source, amount);
    }

    /// A moment with the given numbers, as many as the parameter has.
    fn moment(parameter: &Matrix<Self>, values: Vec<f32>) -> Self::Moment;

    /// A moment's numbers.
    fn moment_values(moment: &Self::Moment) -> Vec<f32>;

    /// The sum of squares of a parameter's gradient (zero where it has none).
    fn gradient_square_sum(parameter: &Matrix<Self>, gradients: &mut Grads<Self>) -> f64;

    /// One Adam update of one parameter.
    fn adam(
        step: &AdamStep,
        parameter: &mut Matrix<Self>,
        first: &mut Self::Moment,
        second: &mut Self::Moment,
        gradients: &mut Grads<Self>,
    );
}

/// The gradients that a backward pass leaves on a device.
pub type Grads<D> = Gradients<f32, D>;

/// Adam in dfdx's own operations, for devices without a kernel for it; moments are tensors.
pub mod plain {
    use super::*;

    fn gradient<D: Backend>(parameter: &Matrix<D>, gradients: &mut Grads<D>) -> Matrix<D> {
        gradients.try_alloc_for(parameter).expect("device memory for a gradient");
        gradients.get(parameter)
    }

    /// The sum of squares of a parameter's gradient.
    pub fn gradient_square_sum<D: Backend>(parameter: &Matrix<D>, gradients: &mut Grads<D>) -> f64 {
        f64::from(gradient(parameter, gradients).square().sum::<Rank0, _>().as_vec()[0])
    }

    /// One Adam update.
    pub fn adam<D: Backend>(
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
}

impl Backend for Cpu {
    type Moment = Vec<f32>;

    fn mlp<T: Tape<f32, Self>>(
        net: &Mlp<Self>,
        x: Matrix<Self, T>,
        features: Option<&Matrix<Self>>,
        input: InputGradient,
    ) -> Matrix<Self, T> {
        let (x, mut tape) = x.split_tape();
        let batch = x.shape().0;
        let width = features.map_or(0, |f| f.shape().1);
        let plan = kernel::Plan::new(
            net.layers().iter().map(|l| {
                let (input, output) = *l.weight().shape();
                (input, output, l.condition().map(|c| c.trainable))
            }),
            width,
        );
        let parameters = gather(net, &plan);
        let input_numbers = numbers(&x);
        let feature_numbers = features.map_or_else(|| scratch::take(0), numbers);
        let job =
            kernel::Job { plan: &plan, parameters: &parameters, batch, x: &input_numbers, features: &feature_numbers };
        let device = x.device().clone();
        let shape = (batch, net.outputs());
        if !T::OWNS_TAPE {
            return device.tensor_from_vec(kernel::infer(job), shape).put_tape(tape);
        }
        let (y, saved) = kernel::forward(job);
        let y: Matrix<Self> = device.tensor_from_vec(y, shape);
        let out = y.ghost();
        let net = net.clone();
        tape.add_backward_op(move |gradients| {
            let want_input = input == InputGradient::Needed;
            let job = kernel::Job {
                plan: &plan,
                parameters: &parameters,
                batch,
                x: &input_numbers,
                features: &feature_numbers,
            };
            let top = gradients.get_or_alloc_mut(&out)?;
            let (sums, gx) = kernel::backward(job, &saved, top, want_input);
            for (layer, at) in net.layers().iter().zip(&plan.layers) {
                sums.add_to(at.weight.clone(), gradients.get_or_alloc_mut(layer.weight())?);
                sums.add_to(at.bias.clone(), gradients.get_or_alloc_mut(layer.bias())?);
                if let (Some(condition), Some((range, true))) = (layer.condition(), &at.table) {
                    sums.add_to(range.clone(), gradients.get_or_alloc_mut(&condition.table)?);
                }
            }
            if want_input {
                crate::kernel::activation::add(&gx, gradients.get_or_alloc_mut(&x)?);
            }
            Ok(())
        });
        y.put_tape(tape)
    }

    fn egnn<T: Tape<f32, Self>>(
        net: &Egnn<Self>,
        h: Matrix<Self, T>,
        x: Matrix<Self, T>,
        input: InputGradient,
    ) -> Matrix<Self, T> {
        let (h, tape) = h.split_tape();
        let (x, more) = x.split_tape();
        let mut tape = tape.merge(more);
        let batch = x.shape().0;
        let plan = kernel_egnn::Plan::new(net.spec(), net.layout());
        let parameters = gather_egnn(net, &plan);
        let (h_numbers, x_numbers) = (numbers(&h), numbers(&x));
        let job = kernel_egnn::Job { plan: &plan, parameters: &parameters, batch, h: &h_numbers, x: &x_numbers };
        let device = x.device().clone();
        let shape = *x.shape();
        if !T::OWNS_TAPE {
            return device.tensor_from_vec(kernel_egnn::infer(job), shape).put_tape(tape);
        }
        let (y, saved) = kernel_egnn::forward(job);
        let y: Matrix<Self> = device.tensor_from_vec(y, shape);
        let out = y.ghost();
        let net = net.clone();
        tape.add_backward_op(move |gradients| {
            let job = kernel_egnn::Job { plan: &plan, parameters: &parameters, batch, h: &h_numbers, x: &x_numbers };
            let top = gradients.get_or_alloc_mut(&out)?;
            let (sums, inputs) = kernel_egnn::backward(job, &saved, top, input == InputGradient::Needed);
            for at in 0..plan.ranges.len() {
                sums.add_to(&plan, at, gradients.get_or_alloc_mut(net.matrix(at))?);
            }
            if let Some(inputs) = inputs {
                crate::kernel::activation::add(&inputs.h, gradients.get_or_alloc_mut(&h)?);
                crate::kernel::activation::add(&inputs.x, gradients.get_or_alloc_mut(&x)?);
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
        kernel_adam::square_sum(gradients.get_or_alloc_mut(parameter).expect("memory for a gradient"))
    }

    fn adam(
        step: &AdamStep,
        parameter: &mut Matrix<Self>,
        first: &mut Vec<f32>,
        second: &mut Vec<f32>,
        gradients: &mut Grads<Self>,
    ) {
        let mut numbers = scratch::take(parameter.shape().num_elements());
        parameter.copy_into(&mut numbers);
        let gradient = gradients.get_or_alloc_mut(parameter).expect("memory for a gradient");
        kernel_adam::adam(step, &mut numbers, first, second, gradient);
        parameter.copy_from(&numbers);
    }
}

/// A matrix's numbers.
fn numbers(m: &Matrix<Cpu>) -> scratch::Buffer {
    let mut buffer = scratch::take(m.shape().num_elements());
    m.copy_into(&mut buffer);
    buffer
}

/// The same for an equivariant network, whose rows the plan pads.
fn gather_egnn(net: &Egnn<Cpu>, plan: &kernel_egnn::Plan) -> scratch::Buffer {
    let mut parameters = scratch::take(plan.len);
    parameters.fill(0.0);
    for at in 0..plan.ranges.len() {
        plan.spread(at, &numbers(net.matrix(at)), &mut parameters);
    }
    parameters
}

/// Copies a network's numbers to where the plan wants them: cheap beside one pass over a batch, and it spares
/// an unchecked borrow of dfdx's private buffers.
fn gather(net: &Mlp<Cpu>, plan: &kernel::Plan) -> scratch::Buffer {
    let mut parameters = scratch::take(plan.len);
    for (layer, at) in net.layers().iter().zip(&plan.layers) {
        layer.weight().copy_into(&mut parameters[at.weight.clone()]);
        layer.bias().copy_into(&mut parameters[at.bias.clone()]);
        if let (Some(condition), Some((range, _))) = (layer.condition(), &at.table) {
            condition.table.copy_into(&mut parameters[range.clone()]);
        }
    }
    parameters
}

#[cfg(feature = "cuda")]
impl Backend for Cuda {
    type Moment = Matrix<Self>;

    fn moment(parameter: &Matrix<Self>, values: Vec<f32>) -> Matrix<Self> {
        parameter.device().tensor_from_vec(values, *parameter.shape())
    }

    fn moment_values(moment: &Matrix<Self>) -> Vec<f32> {
        moment.as_vec()
    }

    fn gradient_square_sum(parameter: &Matrix<Self>, gradients: &mut Grads<Self>) -> f64 {
        plain::gradient_square_sum(parameter, gradients)
    }

    fn adam(
        step: &AdamStep,
        parameter: &mut Matrix<Self>,
        first: &mut Matrix<Self>,
        second: &mut Matrix<Self>,
        gradients: &mut Grads<Self>,
    ) {
        plain::adam(step, parameter, first, second, gradients);
    }
}
