//! A learned target: its denoiser is a second score network, trained on states of the target in place of posterior sampling at
//! the generator's samples. Model and target have the same network, trained in the same way, and the model's begins as the
//! target's: what neither knows cancels in their difference, which is what moves the generator.

use super::StepReport;
use super::{Trainer, TrainerSpec, uniforms, young};
use crate::backend::{Backend, Scratch};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::network::generator::SpecError;
use crate::network::parameters::Network;
use crate::network::score_network::ScoreNetwork;
use crate::objective::denoising;
use crate::optimiser::adam::{Adam, NonFiniteGradient};
use crate::optimiser::ema::Ema;
use crate::pack::PackEnergy;
use crate::posterior::denoise_batch;
use crate::tensor::backward;
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::symmetry::Symmetry;
use std::f64::consts::PI;
use std::sync::atomic::AtomicBool;

/// Streams of the choice of states begin here; below lie those of explorations.
const STATE_STREAMS: u64 = 6 << 40;

/// The target's learned denoiser.
#[derive(Debug)]
pub(super) struct Target<D: Backend> {
    pub net: ScoreNetwork<D>,
    pub average: Ema<D, ScoreNetwork<D>>,
    pub adam: Adam<D>,
}

impl<D: Backend> Target<D> {
    /// Untrained.
    pub fn new(device: &D, spec: &TrainerSpec, scratch: &Scratch) -> Result<Self, SpecError> {
        let mut net = ScoreNetwork::new(device, spec.score.clone(), &mut uniforms(spec.seed, 2))?;
        *net.scratch_mut() = scratch.clone();
        Ok(Self { average: Ema::new(&net), adam: Adam::new(&net), net })
    }

    /// Adds its state to a file.
    pub fn insert_into(&self, file: &mut Checkpoint) {
        self.net.insert_into("target.", file);
        self.average.network().insert_into("target_average.", file);
        self.adam.insert_into("target_adam.", &self.net, file);
    }

    /// Takes its state from a file.
    pub fn load(&mut self, file: &Checkpoint) -> Result<(), CheckpointError> {
        self.net.load_from("target.", file)?;
        self.average.network_mut().load_from("target_average.", file)?;
        self.adam = Adam::from_checkpoint("target_adam.", &self.net, file)?;
        Ok(())
    }
}

impl<D: Backend> Trainer<D> {
    /// One update of the target's denoiser: `part` of those before the first step are done, `rate` is the factor on the learning
    /// rate of all later ones.
    pub(super) fn update_target(
        &mut self,
        symmetry: Symmetry,
        part: Option<f64>,
        rate: f32,
    ) -> Result<(), NonFiniteGradient> {
        let eps = self.draw_noise(symmetry);
        let noise = self.noise(0.0);
        let Some((learned, target)) = self.spec.learned.as_ref().zip(self.target.as_mut()) else { return Ok(()) };
        let dim = self.spec.generator.dim;
        let mut stream = Stream::new(self.spec.seed, Purpose::Exploration, STATE_STREAMS + self.batches);
        let count = (learned.states.len() / dim) as f64;
        let rows: Vec<usize> =
            (0..self.spec.batch).map(|_| (Randomness::<f64>::uniform(&mut stream) * count) as usize).collect();
        let of = |all: &[f32]| rows.iter().flat_map(|at| &all[at * dim..][..dim]).copied().collect::<Vec<f32>>();
        let (x, slopes) = (of(&learned.states), learned.slopes.as_ref().map(|slopes| of(slopes)));
        self.batches += 1;
        let loss = denoising::loss_with_slopes(&target.net, &x, slopes.as_deref(), &eps, &noise);
        let mut options = self.spec.score_adam;
        options.learning_rate = match part {
            Some(part) => learned.pretrain_rate * (0.55 + 0.45 * (PI * part).cos()) as f32,
            None => rate * options.learning_rate,
        };
        target.adam.step(&mut target.net, backward(loss), &options)?;
        target.average.update(&target.net, learned.ema.min(young(target.adam.steps())));
        Ok(())
    }

    /// Gives the model's score network what the target's has learned: the generator begins near the target, and where both know
    /// the same their difference is 0.
    pub(super) fn begin_score_at_target(&mut self) {
        let Some(target) = &self.target else { return };
        let scratch = self.score.scratch_mut().clone();
        self.score = target.average.network().duplicate();
        *self.score.scratch_mut() = scratch;
        self.score_average = Ema::new(&self.score);
    }

    /// Puts estimates by posterior sampling in the place of learned ones, where noise is small and it is time.
    pub(super) fn correct(
        &self,
        energy: &PackEnergy,
        (y, ratios): (&[f32], &[f32]),
        progress: f64,
        denoised: &mut [f32],
        report: &mut StepReport,
        stop: &AtomicBool,
    ) {
        let Some(learned) = self.spec.learned.as_ref().filter(|learned| progress >= learned.direct_from) else {
            return;
        };
        let dim = self.spec.generator.dim;
        let rows: Vec<usize> = (0..ratios.len()).filter(|row| ratios[*row] < learned.direct_below).collect();
        let chosen: Vec<f32> = rows.iter().flat_map(|row| &y[row * dim..][..dim]).copied().collect();
        let noise: Vec<f32> = rows.iter().map(|row| ratios[*row]).collect();
        let mut found = vec![0.0; chosen.len()];
        let key = (self.spec.seed, self.batches);
        let reports = denoise_batch(energy, key, &chosen, &noise, &self.spec.posterior, &mut found, stop);
        report.evaluations += reports.iter().map(|row| u64::from(row.evaluations)).sum::<u64>();
        for (row, found) in rows.iter().zip(found.chunks_exact(dim)) {
            denoised[row * dim..][..dim].copy_from_slice(found);
        }
    }
}
