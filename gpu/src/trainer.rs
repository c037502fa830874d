//! Reverse-DiKL training (\[P\] algorithm 1): a generator, the score network of its noised samples, and a target
//! that denoises by posterior sampling.
//!
//! One [`Trainer::step`] is one outer step: some updates of the score network on fresh samples, then one of the
//! generator. The state is networks, optimisers, the average and two counters: what is saved is all there is, and
//! a run that is stopped and resumed gives the same bits as one that is not.

mod before;
mod learned;
mod levels;
mod score;
mod spec;

use crate::backend::Backend;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::network::generator::{Generator, SpecError};
use crate::network::parameters::Network;
use crate::network::score_network::ScoreNetwork;
use crate::noise::NoiseBatch;
use crate::objective::{clip_rows, dikl, reverse_kl, surrogate};
use crate::optimiser::adam::{Adam, NonFiniteGradient};
use crate::optimiser::ema::Ema;
use crate::pack::PackEnergy;
use crate::posterior::{RowReport, denoise_batch, energies, mean_free, normal_batch};
use crate::tensor::backward;
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::symmetry::Symmetry;
use std::f64::consts::PI;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use before::Before;
use learned::Target;
pub use spec::{Learned, Noising, Objective, TrainerSpec, Weight};

/// How far below the generator's lowest noise the score network learns, as a part of the range of log v: it is ready
/// for the levels that come next, and spends nothing on those far off.
const AHEAD: f64 = 0.25;

/// Why a step did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The score network has diverged.
    #[error(transparent)]
    NonFinite(#[from] NonFiniteGradient),
    /// It was asked to stop. The next call takes the step up where this one left it, after a save and a load too.
    #[error("the step was interrupted")]
    Interrupted,
}

/// What one outer step did.
#[derive(Clone, Debug, Default)]
pub struct StepReport {
    /// Loss of the last update of the score network; none where all of them were done before an interruption.
    pub score_loss: Option<f32>,
    /// Norm of the generator's gradient before clipping.
    pub gradient_norm: f32,
    /// Samples whose coefficient was clipped.
    pub clipped: usize,
    /// Samples left out because their estimate was not finite.
    pub dropped: usize,
    /// Whether the update was skipped because a gradient was not finite.
    pub skipped: bool,
    /// v of each row.
    pub ratios: Vec<f32>,
    /// |D_model - D_target|² / v² a coordinate, of each row: how far the generator is from its goal at that noise, plus the
    /// variance of the target's estimate; empty for [`Objective::ReverseKl`].
    pub residuals: Vec<f32>,
    /// Posterior sampling, a row each; empty for [`Objective::ReverseKl`].
    pub posterior: Vec<RowReport>,
    /// Energy evaluations of all rows.
    pub evaluations: u64,
}

/// A training in progress.
#[derive(Debug)]
pub struct Trainer<D: Backend> {
    spec: TrainerSpec,
    generator: Generator<D>,
    average: Ema<D, Generator<D>>,
    score: ScoreNetwork<D>,
    score_average: Ema<D, ScoreNetwork<D>>,
    generator_adam: Adam<D>,
    score_adam: Adam<D>,
    target: Option<Target<D>>,
    /// Outer steps done.
    step: u64,
    /// Updates of score networks done of the step under way: more than none only where it was interrupted.
    updates: u64,
    /// Batches drawn, the key of their streams.
    batches: u64,
    /// What other threads see of the updates before the first step.
    before: Arc<Before>,
    /// Samples that several updates of the score network share, and the key of their latents.
    shared: Option<(u64, Vec<f32>)>,
}

impl<D: Backend> Trainer<D> {
    /// A training at its start.
    ///
    /// # Errors
    /// If a network's shape is none.
    pub fn new(device: &D, spec: TrainerSpec) -> Result<Self, SpecError> {
        let generator = Generator::new(device, spec.generator.clone(), &mut uniforms(spec.seed, 0))?;
        Self::with_generator(device, spec, generator)
    }

    /// A training that starts from a generator's weights; its shape takes the place of the one in `spec`.
    ///
    /// # Errors
    /// If the score network's shape is none.
    pub fn with_generator(device: &D, mut spec: TrainerSpec, mut generator: Generator<D>) -> Result<Self, SpecError> {
        spec.generator = generator.spec().clone();
        let mut score = ScoreNetwork::new(device, spec.score.clone(), &mut uniforms(spec.seed, 1))?;
        *score.scratch_mut() = generator.scratch_mut().clone();
        let target = spec.learned.is_some().then(|| Target::new(device, &spec, generator.scratch_mut())).transpose()?;
        if target.is_some() {
            generator.silence();
        }
        let (average, score_average) = (Ema::new(&generator), Ema::new(&score));
        let (generator_adam, score_adam) = (Adam::new(&generator), Adam::new(&score));
        let (step, updates, batches) = (0, 0, 0);
        Ok(Self {
            spec,
            generator,
            average,
            score,
            score_average,
            generator_adam,
            score_adam,
            target,
            step,
            updates,
            batches,
            before: Arc::default(),
            shared: None,
        })
    }

    /// Outer steps done.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// How far the updates before the first step are.
    pub fn before(&self) -> Arc<Before> {
        Arc::clone(&self.before)
    }

    /// What decides this training.
    pub fn spec(&self) -> &TrainerSpec {
        &self.spec
    }

    /// The generator to be used: the average where there is one.
    pub fn generator(&self) -> &Generator<D> {
        if self.spec.ema > 0.0 { self.average.network() } else { &self.generator }
    }

    /// The target's denoiser, where it is learned: the average of its network.
    pub fn denoiser(&self) -> Option<&ScoreNetwork<D>> {
        self.target.as_ref().map(|target| target.average.network())
    }

    /// Its samples (rows, dim) of latents (rows, latent), put into the mixture's cells where there is one.
    ///
    /// # Panics
    /// As [`Generator::forward`].
    pub fn sample(&self, z: &[f32]) -> Vec<f32> {
        let x = self.generator().sample(z);
        self.placed(z, x)
    }

    fn placed(&self, z: &[f32], mut x: Vec<f32>) -> Vec<f32> {
        if let Some(mixture) = &self.spec.mixture {
            mixture.place(z, &mut x);
        }
        x
    }

    /// One outer step. `progress` in [0, 1] is where schedules stand, `step / steps` unless a time budget is kept. `stop` is
    /// looked at between updates of the score network and between evaluations of the energy.
    ///
    /// # Errors
    /// If the score network's gradient is not finite, or `stop` was set before the step was done.
    pub fn step(&mut self, energy: &PackEnergy, progress: f64, stop: &AtomicBool) -> Result<StepReport, StepError> {
        let mut report = StepReport::default();
        let decay = if self.spec.cosine { 0.5 + 0.5 * (PI * progress.clamp(0.0, 1.0)).cos() } else { 1.0 } as f32;
        let first = |number: usize| if self.step == 0 { number as u64 } else { 0 };
        let learned = self.spec.learned.as_ref();
        report.evaluations += learned.filter(|_| self.step == 0).map_or(0, |learned| learned.spent);
        let pretrain = learned.map_or(0, |learned| first(learned.pretrain));
        let of_target = pretrain + learned.map_or(0, |learned| learned.inner as u64);
        // A learned target's score network begins where the target's is.
        let updates =
            of_target + self.spec.inner as u64 + if learned.is_none() { first(self.spec.pretrain) } else { 0 };
        // The rates of both score networks fall together, so that what they do not know stays the same.
        let score_rate = if learned.is_some() { 0.1 + 0.9 * decay } else { 1.0 };
        while self.updates < updates {
            if stop.load(Ordering::Relaxed) {
                return Err(StepError::Interrupted);
            }
            if self.updates < pretrain && self.before.is_late() {
                self.updates = pretrain - 1;
            }
            self.before.tell(self.updates.min(pretrain));
            if self.updates < of_target {
                let part = (self.updates < pretrain).then(|| self.updates as f64 / pretrain as f64);
                self.update_target(energy.symmetry(), part, score_rate)?;
            } else {
                let number = self.updates - of_target;
                report.score_loss = Some(self.update_score(energy.symmetry(), number, progress, score_rate)?);
            }
            self.updates += 1;
            if self.step == 0 && self.updates == of_target {
                self.begin_score_at_target();
            }
        }
        let warmup = ((self.step + 1) as f32 / self.spec.warmup.max(1) as f32).min(1.0);
        self.update_generator(energy, progress, decay * warmup, &mut report, stop)?;
        (self.step, self.updates) = (self.step + 1, 0);
        Ok(report)
    }

    /// One update of the generator; nothing has changed where it is interrupted.
    fn update_generator(
        &mut self,
        energy: &PackEnergy,
        progress: f64,
        rate: f32,
        report: &mut StepReport,
        stop: &AtomicBool,
    ) -> Result<(), StepError> {
        let dim = self.spec.generator.dim;
        let z = self.draw(Purpose::Latent, self.spec.generator.latent);
        let traced = self.generator.traced(&z);
        let x = self.placed(&z, traced.as_vec());
        let mut g = match self.spec.objective {
            Objective::Dikl => self.dikl(energy, &x, progress, report, stop),
            Objective::ReverseKl => self.reverse_kl(energy, &x, report),
        };
        if stop.load(Ordering::Relaxed) {
            return Err(StepError::Interrupted);
        }
        self.batches += 1;
        for row in g.chunks_exact_mut(dim) {
            if !row.iter().all(|g| g.is_finite()) {
                row.fill(0.0);
                report.dropped += 1;
            }
        }
        if let Some(limit) = self.spec.sample_clip {
            report.clipped = clip_rows(&mut g, dim, limit);
        }
        if let Some(mixture) = &self.spec.mixture {
            mixture.pull_back(&z, &mut g);
        }
        let mut options = self.spec.generator_adam;
        options.learning_rate *= rate;
        let gradients = backward(surrogate(traced, &g));
        match self.generator_adam.step(&mut self.generator, gradients, &options) {
            Ok(norm) => report.gradient_norm = norm,
            Err(NonFiniteGradient) => report.skipped = true,
        }
        if self.spec.ema > 0.0 {
            self.average.update(&self.generator, self.spec.ema.min(young(self.step)));
        }
        Ok(())
    }

    /// The DiKL coefficients of a batch.
    fn dikl(
        &self,
        energy: &PackEnergy,
        x: &[f32],
        progress: f64,
        report: &mut StepReport,
        stop: &AtomicBool,
    ) -> Vec<f32> {
        let dim = self.spec.generator.dim;
        let eps = self.draw_noise(energy.symmetry());
        let noise = self.noise(self.lowest(progress));
        let y = noise.noised(x, &eps, dim);
        let model = self.model_score().denoise(&y, &noise);
        let ratios: Vec<f32> = noise.ratios().collect();
        let denoised = match &self.target {
            Some(target) => {
                let mut denoised = target.average.network().denoise(&y, &noise);
                self.correct(energy, (&y, &ratios), progress, &mut denoised, report, stop);
                denoised
            }
            None => {
                let mut denoised = vec![0.0; y.len()];
                let key = (self.spec.seed, self.batches);
                report.posterior = denoise_batch(energy, key, &y, &ratios, &self.spec.posterior, &mut denoised, stop);
                denoised
            }
        };
        report.evaluations += report.posterior.iter().map(|row| u64::from(row.evaluations)).sum::<u64>();
        let weights: Vec<f32> = ratios.iter().map(|v| self.spec.weight.at(*v)).collect();
        let rows = model.chunks_exact(dim).zip(denoised.chunks_exact(dim)).zip(&ratios);
        let square = |((m, t), v): ((&[f32], &[f32]), &f32)| {
            m.iter().zip(t).map(|(m, t)| ((m - t) / v).powi(2)).sum::<f32>() / dim as f32
        };
        report.residuals = rows.map(square).collect();
        report.ratios = ratios;
        dikl::coefficients(&model, &denoised, &noise, &weights, dim)
    }

    /// The coefficients of the baseline, at clean samples and the smallest noise.
    fn reverse_kl(&self, energy: &PackEnergy, x: &[f32], report: &mut StepReport) -> Vec<f32> {
        let noise = match &self.spec.noising {
            Noising::Continuous { v_min, .. } => NoiseBatch::from_ratios(vec![*v_min as f32; self.spec.batch]),
            Noising::Levels(table) => NoiseBatch::from_levels(table, vec![1; self.spec.batch]),
        };
        let sigma_score = self.model_score().sigma_score(x, &noise);
        let mut gradient = vec![0.0; x.len()];
        report.evaluations += energies(energy, x, &mut gradient).len() as u64;
        let weights = vec![1.0; self.spec.batch];
        reverse_kl::coefficients(&sigma_score, &gradient, &noise, &weights, self.spec.generator.dim)
    }

    /// A batch of standard normal numbers.
    fn draw(&self, purpose: Purpose, width: usize) -> Vec<f32> {
        normal_batch(self.spec.seed, purpose, self.batches, self.spec.batch, width)
    }

    /// Standard normal noise for a batch of samples, in the subspace where they live.
    fn draw_noise(&self, symmetry: Symmetry) -> Vec<f32> {
        let mut eps = self.draw(Purpose::Noise, self.spec.generator.dim);
        mean_free(symmetry, &mut eps);
        eps
    }

    /// The whole state.
    pub fn to_checkpoint(&self) -> Checkpoint {
        let mut file = Checkpoint::new();
        self.generator.insert_into("generator.", &mut file);
        self.average.network().insert_into("average.", &mut file);
        self.score.insert_into("score.", &mut file);
        self.score_average.network().insert_into("score_average.", &mut file);
        self.generator_adam.insert_into("generator_adam.", &self.generator, &mut file);
        self.score_adam.insert_into("score_adam.", &self.score, &mut file);
        if let Some(target) = &self.target {
            target.insert_into(&mut file);
        }
        file.insert_text("step", self.step.to_string());
        file.insert_text("updates", self.updates.to_string());
        file.insert_text("batches", self.batches.to_string());
        file
    }

    /// Goes on from a saved state of a training with the same shapes.
    ///
    /// # Errors
    /// If something is missing or has another shape.
    pub fn load(&mut self, file: &Checkpoint) -> Result<(), CheckpointError> {
        self.generator.load_from("generator.", file)?;
        self.average.network_mut().load_from("average.", file)?;
        self.score.load_from("score.", file)?;
        self.score_average.network_mut().load_from("score_average.", file)?;
        self.generator_adam = Adam::from_checkpoint("generator_adam.", &self.generator, file)?;
        self.score_adam = Adam::from_checkpoint("score_adam.", &self.score, file)?;
        if let Some(target) = &mut self.target {
            target.load(file)?;
        }
        self.step = file.parsed("step")?;
        self.updates = file.parsed("updates")?;
        self.batches = file.parsed("batches")?;
        Ok(())
    }
}

/// Draws for the initial weights of a network.
fn uniforms(seed: u64, network: u64) -> impl FnMut() -> f32 {
    let mut stream = Stream::new(seed, Purpose::Initialisation, network);
    move || Randomness::<f32>::uniform(&mut stream)
}

/// The decay of an average after so many updates: a short memory at first, so that it does not lag behind the start.
fn young(updates: u64) -> f32 {
    (1.0 + updates as f32) / (10.0 + updates as f32)
}
