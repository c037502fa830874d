//! The operations that a device may do better than one dfdx call after another. A backend knows shapes and matrices, but
//! no network.
//!
//! [`Backend::mlp`], [`Backend::egnn`] and [`Backend::lerp`] default to plain dfdx, right on every device. [`Cpu`] overrides
//! what is worth it; CUDA (feature `cuda`) takes the defaults and [`plain`] until a kernel of its own beats them.
//!
//! [`Cpu`]: crate::Cpu

mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod plain;
mod weights;

use crate::shape::egnn::Layout;
use crate::shape::mlp::MlpShape;
use crate::tensor::{Device, Grads, Matrix, Tape};

pub use crate::kernel::adam::AdamStep;
pub use crate::kernel::scratch::Scratch;
pub use weights::Weights;

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

    /// The output of an MLP for a batch `x`, with `features` for the conditioned layers.
    fn mlp<T: Tape<f32, Self>>(
        weights: &Weights<MlpShape, Self>,
        x: Matrix<Self, T>,
        features: Option<&Matrix<Self>>,
        _input: InputGradient,
    ) -> Matrix<Self, T> {
        plain::mlp(weights.shape(), weights.matrices(), x, features)
    }

    /// The displacement of an equivariant network for node inputs `h` and coordinates `x`.
    fn egnn<T: Tape<f32, Self>>(
        weights: &Weights<Layout, Self>,
        h: Matrix<Self, T>,
        x: Matrix<Self, T>,
        _input: InputGradient,
    ) -> Matrix<Self, T> {
        plain::egnn(weights.shape(), weights.matrices(), h, x)
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

    /// One Adam update of one parameter, with buffers from `scratch` where the device wants some.
    fn adam(
        step: &AdamStep,
        parameter: &mut Matrix<Self>,
        first: &mut Self::Moment,
        second: &mut Self::Moment,
        gradients: &mut Grads<Self>,
        scratch: &Scratch,
    );
}
