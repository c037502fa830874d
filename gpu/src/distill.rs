//! Distillation: a small student learns the one-step map of a trained teacher, so that a generator fits a small flash.
//!
//! The idea that a small network learns from the outputs of a large one is that of Hinton, Vinyals & Dean (2015),
//! *Distilling the Knowledge in a Neural Network*, arXiv 1503.02531. Here it is plain regression, since a generator is a
//! deterministic function of its latent and latents cost nothing: with d(z) = g_student(z) - g_teacher(z) it minimises
//!
//! L = E over z ~ N(0, 1) of 2 w^2 (sqrt(1 + |d(z)|^2 / w^2) - 1),
//!
//! which is |d|^2 where |d| is far below the width w and 2 w |d| far above (Charbonnier's loss; w infinite: the squared
//! error). A teacher jumps between modes; where the student jumps a little elsewhere |d| is as large as their distance, and
//! those few latents must not outweigh all others. Teacher and student see the same thresholds of the same latents, so the
//! student can jump where the teacher does.
//!
//! Latents of step s are those of (seed, [`Purpose::Distillation`], s): one seed gives one student, whatever the number of
//! threads.

use crate::backend::Backend;
use crate::network::generator::{Generator, GeneratorSpec, SpecError};
use crate::network::parameters::Network;
use crate::objective::surrogate;
use crate::optimiser::adam::{Adam, AdamOptions, NonFiniteGradient};
use crate::optimiser::ema::Ema;
use crate::posterior::normal_batch;
use crate::tensor::backward;
use kiln_core::random::{Purpose, Randomness, Stream};
use std::f64::consts::PI;

/// Everything that decides a distillation, its teacher aside.
#[derive(Clone, Debug, PartialEq)]
pub struct DistillSpec {
    /// Seed of every random number.
    pub seed: u64,
    /// Steps, over which the learning rate falls by a half cosine to 0.
    pub steps: u64,
    /// Latents a step.
    pub batch: usize,
    /// The optimiser.
    pub adam: AdamOptions,
    /// Steps over which the learning rate rises from 0.
    pub warmup: u64,
    /// Decay of the student's average; 0 for none.
    pub ema: f32,
    /// w, in units of the coordinates; infinite for the squared error.
    pub width: f32,
    /// The student: the teacher's shape but for the size of its network.
    pub student: GeneratorSpec,
}

/// Why there is nothing to distil.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistillError {
    /// The student has no shape.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The student does not stand where the teacher stands.
    #[error("teacher and student must differ in the size of their networks only")]
    Unlike,
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DistillReport {
    /// L of the batch, before the update.
    pub loss: f32,
    /// The mean of |d|^2 over the batch.
    pub square: f32,
    /// Norm of the gradient.
    pub gradient_norm: f32,
}

/// A distillation in progress.
#[derive(Debug)]
pub struct Distillation<D: Backend> {
    spec: DistillSpec,
    teacher: Generator<D>,
    student: Generator<D>,
    average: Ema<D, Generator<D>>,
    adam: Adam<D>,
    step: u64,
}

impl<D: Backend> Distillation<D> {
    /// A distillation at its start.
    ///
    /// # Errors
    /// If the student has no shape, or differs from the teacher in more than the size of its network.
    pub fn new(device: &D, spec: DistillSpec, mut teacher: Generator<D>) -> Result<Self, DistillError> {
        let (hidden, depth) = spec.student.body.size();
        if teacher.spec().resized(hidden, depth) != spec.student {
            return Err(DistillError::Unlike);
        }
        let mut stream = Stream::new(spec.seed, Purpose::Initialisation, 0);
        let mut student =
            Generator::new(device, spec.student.clone(), &mut || Randomness::<f32>::uniform(&mut stream))?;
        *teacher.scratch_mut() = student.scratch_mut().clone();
        let (average, adam) = (Ema::new(&student), Adam::new(&student));
        Ok(Self { spec, teacher, student, average, adam, step: 0 })
    }

    /// Steps done.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// What decides this distillation.
    pub fn spec(&self) -> &DistillSpec {
        &self.spec
    }

    /// The student to be used: the average where there is one.
    pub fn student(&self) -> &Generator<D> {
        if self.spec.ema > 0.0 { self.average.network() } else { &self.student }
    }

    /// One step.
    ///
    /// # Errors
    /// If the gradient is not finite; the student is then as before.
    pub fn step(&mut self) -> Result<DistillReport, NonFiniteGradient> {
        let DistillSpec { seed, steps, batch, warmup, ema, width, .. } = self.spec;
        let z = normal_batch(seed, Purpose::Distillation, self.step, batch, self.spec.student.latent);
        let goal = self.teacher.sample(&z);
        let traced = self.student.traced(&z);
        let Regression { loss, square, coefficients } =
            regression(&traced.as_vec(), &goal, self.spec.student.dim, width);
        let progress = self.step as f64 / steps.max(1) as f64;
        let decay = (0.5 + 0.5 * (PI * progress.min(1.0)).cos()) as f32;
        let rise = ((self.step + 1) as f32 / warmup.max(1) as f32).min(1.0);
        let options = AdamOptions { learning_rate: self.spec.adam.learning_rate * decay * rise, ..self.spec.adam };
        let gradients = backward(surrogate(traced, &coefficients));
        let gradient_norm = self.adam.step(&mut self.student, gradients, &options)?;
        self.step += 1;
        if ema > 0.0 {
            let young = (1.0 + self.step as f32) / (10.0 + self.step as f32);
            self.average.update(&self.student, ema.min(young));
        }
        Ok(DistillReport { loss, square, gradient_norm })
    }
}

/// The loss on a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Regression {
    /// L.
    pub loss: f32,
    /// The mean of |d|^2.
    pub square: f32,
    /// 2 d / sqrt(1 + |d|^2 / w^2), whose mean over the batch is the gradient of L with respect to the samples.
    pub coefficients: Vec<f32>,
}

/// The loss on the student's samples `x` (batch, dim), given the teacher's `goal`.
///
/// # Panics
/// If `x` and `goal` are not equally many whole samples.
pub fn regression(x: &[f32], goal: &[f32], dim: usize, width: f32) -> Regression {
    assert!(x.len() == goal.len() && x.len().is_multiple_of(dim), "samples");
    let (mut loss, mut square) = (0.0, 0.0);
    let mut coefficients: Vec<f32> = x.iter().zip(goal).map(|(x, goal)| x - goal).collect();
    for row in coefficients.chunks_exact_mut(dim) {
        let r = row.iter().map(|d| f64::from(*d).powi(2)).sum::<f64>();
        let root = (1.0 + r / f64::from(width).powi(2)).sqrt();
        // 2 w^2 (root - 1) without the difference.
        loss += 2.0 * r / (root + 1.0);
        square += r;
        row.iter_mut().for_each(|d| *d *= (2.0 / root) as f32);
    }
    let rows = (x.len() / dim).max(1) as f64;
    Regression { loss: (loss / rows) as f32, square: (square / rows) as f32, coefficients }
}
