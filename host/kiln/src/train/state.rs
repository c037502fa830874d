//! Where a training stands: networks and optimisers, what happened since the last line of metrics, and what watches over it.
//! A checkpoint holds all of it.

use super::best::STEIN;
use super::runaway::Watch;
use super::window::Window;
use crate::cells::Cells;
use crate::config::Config;
use crate::denoiser::Denoiser;
use crate::error::Error;
use crate::framed::FramedTarget;
use crate::guard::Guard;
use crate::learned::Explored;
use crate::run::Run;
use crate::spec::trainer_spec;
use kiln_core::random::Purpose;
use kiln_gpu::posterior::normal_batch;
use kiln_gpu::trainer::{Noising, Trainer};
use kiln_gpu::{Backend, Checkpoint};
use kiln_metrics::measure::energies;
use kiln_metrics::statistic::median;

/// What learning rates are multiplied by at each roll-back: a power of two, so that no rounding comes with it.
const SLOWER: f32 = 0.25;
/// Samples behind the median energy that the watch looks at.
const WATCHED: usize = 256;
/// Texts of a checkpoint that hold what watches over the training; older ones have none.
const WATCH: &str = "watch";
const LOST: &str = "lost_batches";

/// A training in progress.
pub(super) struct State<D: Backend> {
    pub trainer: Trainer<D>,
    pub window: Window,
    pub guard: Guard,
    pub watch: Watch,
    /// The cells of the generator's samples, in the user's coordinates.
    cells: Option<Cells>,
}

impl<D: Backend> State<D> {
    /// At the start of a training, or where a checkpoint leaves it; one that went back `roll_backs` times at least, and is
    /// slower for each.
    ///
    /// # Errors
    /// If the settings make no training, or the checkpoint is of others.
    pub fn new(
        device: &D,
        (config, whitened, run): (&Config, &FramedTarget<'_>, &Run),
        explored: Option<&Explored>,
        from: Option<&Checkpoint>,
        roll_backs: u32,
    ) -> Result<Self, Error> {
        let unfit = |error| {
            let message = format!("the checkpoint of '{}' does not fit its settings: {error}", run.path().display());
            Error::input(message, "train anew with another --out")
        };
        let known = from.filter(|state| state.texts().contains_key(WATCH));
        let lost = known.map_or(Ok(0), |state| state.parsed(LOST)).map_err(unfit)?;
        let known: Option<Watch> = known.map(|state| state.parsed(WATCH)).transpose().map_err(unfit)?;
        let roll_backs = known.as_ref().map_or(0, |watch| watch.roll_backs).max(roll_backs);
        let energy = whitened.energy();
        let mut spec = trainer_spec(config, energy.dim(), energy.symmetry())?;
        if let Some(explored) = explored {
            explored.teach(&mut spec, config);
        }
        for rate in [&mut spec.generator_adam.learning_rate, &mut spec.score_adam.learning_rate] {
            *rate *= SLOWER.powi(roll_backs as i32);
        }
        let mut trainer = Trainer::new(device, spec)
            .map_err(|error| Error::input(format!("no such generator: {error}"), "check the [generator] settings"))?;
        let mut window = Window::default();
        if let Some(state) = from {
            trainer.load(state).map_err(unfit)?;
            window = Window::read(state).map_err(unfit)?;
        }
        let mut watch = known.unwrap_or_else(|| Watch::new(energy.dim(), median_energy(whitened, &trainer)));
        watch.roll_backs = roll_backs;
        let guard = Guard::new(config.train.steps as u64, config.train.batch, lost);
        let framed = explored.zip(whitened.frame);
        let cells = framed.map(|(explored, frame)| explored.cells(frame)).transpose();
        let cells = cells.map_err(|error| Error::input(error.to_string(), "explore anew"))?.flatten();
        Ok(Self { trainer, window, guard, watch, cells })
    }

    /// Median energy of the generator's samples, of the same latents each time.
    pub fn median_energy(&self, whitened: &FramedTarget<'_>) -> f64 {
        median_energy(whitened, &self.trainer)
    }

    /// The generator as a file, with its score where it was kept for that.
    pub fn generator_file(&self, whitened: &FramedTarget<'_>, run: &Run, stein: Option<f64>) -> Checkpoint {
        let stein = stein.map(|stein| (STEIN, stein.to_string()));
        let mut file = self.trainer.generator().to_checkpoint(self.texts(whitened, run).into_iter().chain(stein));
        match (&self.cells, whitened.frame) {
            (Some(cells), _) => cells.insert_into(&mut file),
            (None, Some(frame)) => frame.insert_into(&mut file),
            (None, None) => {}
        }
        file
    }

    /// The learned denoiser of the target as a file, where there is one for a range of noise.
    pub fn denoiser_file(&self, whitened: &FramedTarget<'_>, run: &Run) -> Option<Checkpoint> {
        let Noising::Continuous { v_min, v_max, .. } = self.trainer.spec().noising else { return None };
        let mut file = Checkpoint::new();
        Denoiser::insert_into(self.trainer.denoiser()?, [v_min, v_max], whitened.frame, &mut file);
        self.texts(whitened, run).into_iter().for_each(|(key, text)| file.insert_text(key, text));
        Some(file)
    }

    /// What files of this training say of it.
    fn texts(&self, whitened: &FramedTarget<'_>, run: &Run) -> Vec<(&'static str, String)> {
        let target = whitened.target;
        let texts = [
            ("target", target.name().to_string()),
            ("convention", target.convention().to_string()),
            ("step", self.trainer.steps_done().to_string()),
            ("kiln", env!("CARGO_PKG_VERSION").to_string()),
        ];
        texts.into_iter().chain(run.identity().texts()).collect()
    }

    /// All of it.
    pub fn to_checkpoint(&self, run: &Run) -> Checkpoint {
        let mut checkpoint = self.trainer.to_checkpoint();
        run.identity().texts().into_iter().for_each(|(key, text)| checkpoint.insert_text(key, text));
        self.window.write(&mut checkpoint);
        checkpoint.insert_text(LOST, self.guard.lost().to_string());
        checkpoint.insert_text(WATCH, self.watch.to_string());
        checkpoint
    }
}

fn median_energy<D: Backend>(whitened: &FramedTarget<'_>, trainer: &Trainer<D>) -> f64 {
    let spec = trainer.spec();
    let z = normal_batch(spec.seed, Purpose::Evaluation, 2, WATCHED, spec.generator.latent);
    median(&energies(whitened.target, &whitened.placed(trainer.sample(&z))))
}
