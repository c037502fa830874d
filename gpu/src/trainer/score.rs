//! The model's score network: its updates on noised samples of the generator.

use super::{AHEAD, Trainer, young};
use crate::backend::Backend;
use crate::network::score_network::ScoreNetwork;
use crate::objective::denoising;
use crate::optimiser::adam::{AdamOptions, NonFiniteGradient};
use crate::posterior::normal_batch;
use crate::tensor::backward;
use kiln_core::random::Purpose;
use kiln_core::symmetry::Symmetry;

impl<D: Backend> Trainer<D> {
    /// An outer step's update of that number. Returns its loss.
    pub(super) fn update_score(
        &mut self,
        symmetry: Symmetry,
        number: u64,
        progress: f64,
        rate: f32,
    ) -> Result<f32, NonFiniteGradient> {
        let eps = self.draw_noise(symmetry);
        let noise = self.noise((self.lowest(progress) - AHEAD).max(0.0));
        let (key, x) = self.samples_of_update(number);
        self.batches += 1;
        let loss = denoising::loss(&self.score, &x, &eps, &noise);
        self.shared = Some((key, x));
        let value = loss.as_vec()[0];
        let options = AdamOptions { learning_rate: rate * self.spec.score_adam.learning_rate, ..self.spec.score_adam };
        self.score_adam.step(&mut self.score, backward(loss), &options)?;
        if self.spec.score_ema > 0.0 {
            self.score_average.update(&self.score, self.spec.score_ema.min(young(self.score_adam.steps())));
        }
        Ok(value)
    }

    /// The generator's samples for it, and the key of their latents: those of the update before, with other noise, where they may be shared. The generator does not change
    /// between them, so that they can be made anew where a step was interrupted.
    fn samples_of_update(&mut self, number: u64) -> (u64, Vec<f32>) {
        let together = self.spec.learned.as_ref().map_or(1, |learned| learned.reuse.max(1) as u64);
        let key = self.batches - number % together;
        let known = self.shared.take().filter(|(known, _)| *known == key && !number.is_multiple_of(together));
        known.unwrap_or_else(|| {
            let z = normal_batch(self.spec.seed, Purpose::Latent, key, self.spec.batch, self.spec.generator.latent);
            (key, self.placed(&z, self.generator.sample(&z)))
        })
    }

    /// The score network that the generator follows.
    pub(super) fn model_score(&self) -> &ScoreNetwork<D> {
        if self.spec.score_ema > 0.0 { self.score_average.network() } else { &self.score }
    }
}
