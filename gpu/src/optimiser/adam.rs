//! Adam (Kingma & Ba 2015, algorithm 1) with global gradient-norm clipping, and a state that can be saved.

use crate::backend::{AdamStep, Backend};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::network::parameters::{Network, Role};
use crate::tensor::Grads;

/// What may change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamOptions {
    /// Step length.
    pub learning_rate: f32,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Gradients whose norm over all parameters is larger are scaled down to it.
    pub clip: Option<f32>,
}

impl Default for AdamOptions {
    /// The values of the paper, unclipped.
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clip: None }
    }
}

/// The gradient holds a NaN or an infinity; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the gradient is not finite")]
pub struct NonFiniteGradient;

/// The moments of a network's trained parameters, in the order of [`Network::parameters`].
#[derive(Clone, Debug)]
pub struct Adam<D: Backend> {
    first: Vec<D::Moment>,
    second: Vec<D::Moment>,
    steps: u64,
}

impl<D: Backend> Adam<D> {
    /// For a network that has not been trained yet.
    pub fn new(net: &impl Network<D>) -> Self {
        let zeros = || {
            let parameters = net.parameters().into_iter().filter(|p| p.role == Role::Trained);
            parameters.map(|p| D::moment(p.matrix, vec![0.0; p.numbers()])).collect()
        };
        Self { first: zeros(), second: zeros(), steps: 0 }
    }

    /// How many updates were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One update. Returns the norm of the gradient over all parameters before clipping.
    ///
    /// # Errors
    /// If that norm is not finite; network and state are then as before.
    ///
    /// # Panics
    /// If `net` has not the shape this state was made for.
    pub fn step(
        &mut self,
        net: &mut impl Network<D>,
        mut gradients: Grads<D>,
        options: &AdamOptions,
    ) -> Result<f32, NonFiniteGradient> {
        let scratch = net.scratch_mut().clone();
        let mut parameters = net.parameters_mut();
        parameters.retain(|p| p.role == Role::Trained);
        assert_eq!(parameters.len(), self.first.len(), "a state of another network");
        let square: f64 = parameters.iter().map(|p| D::gradient_square_sum(p.matrix, &mut gradients)).sum();
        let norm = square.sqrt() as f32;
        if !norm.is_finite() {
            return Err(NonFiniteGradient);
        }
        self.steps += 1;
        let correction = |beta: f32| {
            let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
            (1.0 / (1.0 - f64::from(beta).powi(steps))) as f32
        };
        let step = AdamStep {
            learning_rate: options.learning_rate,
            beta1: options.beta1,
            beta2: options.beta2,
            epsilon: options.epsilon,
            gradient_scale: options.clip.filter(|&c| norm > c).map_or(1.0, |c| c / norm),
            first_scale: correction(options.beta1),
            second_scale: correction(options.beta2),
        };
        for ((p, first), second) in parameters.into_iter().zip(&mut self.first).zip(&mut self.second) {
            D::adam(&step, p.matrix, first, second, &mut gradients, &scratch);
        }
        Ok(norm)
    }

    /// Adds the state for `net` to a file, as `{prefix}first.{name}`, `{prefix}second.{name}`, `{prefix}steps`.
    ///
    /// # Panics
    /// If the state is another network's.
    pub fn insert_into(&self, prefix: &str, net: &impl Network<D>, file: &mut Checkpoint) {
        let trained: Vec<_> = net.parameters().into_iter().filter(|p| p.role == Role::Trained).collect();
        assert_eq!(trained.len(), self.first.len(), "a state of another network");
        for (p, (first, second)) in trained.iter().zip(self.first.iter().zip(&self.second)) {
            for (moment, values) in [("first", first), ("second", second)] {
                file.insert_tensor(format!("{prefix}{moment}.{}", p.name), p.shape(), D::moment_values(values));
            }
        }
        file.insert_text(format!("{prefix}steps"), self.steps.to_string());
    }

    /// The state that [`Adam::insert_into`] added to a file.
    ///
    /// # Errors
    /// If anything is missing, has another shape or is not finite.
    pub fn from_checkpoint(prefix: &str, net: &impl Network<D>, file: &Checkpoint) -> Result<Self, CheckpointError> {
        let moments = |moment: &str| -> Result<Vec<D::Moment>, CheckpointError> {
            let trained = net.parameters().into_iter().filter(|p| p.role == Role::Trained);
            trained
                .map(|p| {
                    let values = file.tensor(&format!("{prefix}{moment}.{}", p.name), &p.shape())?;
                    Ok(D::moment(p.matrix, values.to_vec()))
                })
                .collect()
        };
        let steps = file.parsed(&format!("{prefix}steps"))?;
        Ok(Self { first: moments("first")?, second: moments("second")?, steps })
    }
}
