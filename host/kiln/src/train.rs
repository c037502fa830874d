//! Training as a configuration says, into a run directory: metrics, checkpoints and the generator.

mod window;

use crate::config::{Config, Select};
use crate::error::{Error, ErrorKind};
use crate::frame::Frame;
use crate::framed;
use crate::guard::Guard;
use crate::metric::suite;
use crate::metric::suite::Headline;
use crate::progress::{Part, Progress, Tick};
use crate::run::{BEST, GENERATOR, METRICS, Phase, Record, Run};
pub use crate::sample::sample;
pub use crate::spec::trainer_spec;
use crate::start::{self, LIVE_SAMPLES};
use crate::target::Target;
use kiln_core::random::Purpose;
use kiln_gpu::posterior::normal_batch;
use kiln_gpu::trainer::{StepError, Trainer};
use kiln_gpu::{Backend, Checkpoint};
use kiln_metrics::measure::{energies, energies_and_gradients};
use kiln_metrics::selection;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use window::Window;

/// Part of the training after which the best generator may be kept: before it, modes have no weights yet.
const SELECT_FROM: f64 = 0.5;
/// How much worse than the best score so far a later generator may score and yet be kept: the spread of the scores of
/// exact samples. Within it the longer training decides, not chance.
const SPREAD: f64 = 0.02;
/// What exact samples score at most: up to there no generator is worse than another, however well chance served one.
const EXACT: f64 = 0.06;
/// How long a wish to stop may stay unseen.
const LOOK: Duration = Duration::from_millis(20);
/// Key of the best score so far.
const STEIN: &str = "stein";

/// One training.
pub struct Training<'a> {
    /// What to do.
    pub config: &'a Config,
    /// What to train on.
    pub target: &'a Target,
    /// The coordinates to train in; none are the target's own.
    pub frame: Option<&'a Frame>,
    /// Where to write.
    pub run: &'a Run,
    /// The state to go on from; none starts anew.
    pub from: Option<&'a Checkpoint>,
    /// The wall-clock time after which training must have ended, checkpointed and usable.
    pub budget: Option<Duration>,
    /// What the person watches.
    pub progress: &'a dyn Progress,
    /// Set when the person wants it to stop: a checkpoint is written, and [`Outcome::Interrupted`] returned.
    pub stop: &'a AtomicBool,
}

/// How a training ended. The generator and a checkpoint are written in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps were done.
    Finished,
    /// The budget was spent first.
    BudgetSpent,
    /// The person stopped it.
    Interrupted,
}

/// Trains on the device that its configuration names.
pub fn train(training: &Training<'_>) -> Result<Outcome, Error> {
    let device = &training.config.run.device;
    match find_device(device)? {
        None => train_on(&kiln_gpu::Cpu::default(), training),
        #[cfg(feature = "cuda")]
        Some(ordinal) => train_on(&kiln_gpu::cuda::open(ordinal).map_err(|error| no_cuda(device, error))?, training),
        #[cfg(not(feature = "cuda"))]
        Some(never) => match never {},
    }
}

/// The number of a CUDA device that this build can use: none without the feature.
#[cfg(feature = "cuda")]
type Ordinal = usize;
#[cfg(not(feature = "cuda"))]
type Ordinal = std::convert::Infallible;

/// The CUDA device that `run.device` names, none for the CPU.
///
/// # Errors
/// If this build or this machine has no such device.
pub fn find_device(device: &str) -> Result<Option<Ordinal>, Error> {
    if device == "cpu" {
        return Ok(None);
    }
    #[cfg(feature = "cuda")]
    {
        let ordinal = device.strip_prefix("cuda:").and_then(|index| index.parse().ok());
        let ordinal = ordinal.ok_or_else(|| no_cuda(device, "it is neither cpu nor cuda:N"))?;
        kiln_gpu::cuda::find(ordinal).map_err(|error| no_cuda(device, error))?;
        Ok(Some(ordinal))
    }
    #[cfg(not(feature = "cuda"))]
    Err(Error::input(
        format!("run.device is \"{device}\", but this kiln was built for the CPU only"),
        "build with `cargo build --features cuda`, or train with --device cpu",
    ))
}

#[cfg(feature = "cuda")]
fn no_cuda(device: &str, why: impl std::fmt::Display) -> Error {
    Error::input(format!("cannot train on {device}: {why}"), "train with --device cpu")
}

fn train_on<D: Backend>(device: &D, training: &Training<'_>) -> Result<Outcome, Error> {
    let whitened = framed::Training::new(training.target, training.frame)?;
    let energy = whitened.energy();
    let spec = trainer_spec(training.config, energy.dim(), energy.symmetry())?;
    let mut trainer = Trainer::new(device, spec)
        .map_err(|error| Error::input(format!("no such generator: {error}"), "check the [generator] settings"))?;
    let mut window = Window::default();
    if let Some(state) = training.from {
        let unfit = |error| {
            let message =
                format!("the checkpoint of '{}' does not fit its settings: {error}", training.run.path().display());
            Error::input(message, "train anew with another --out")
        };
        trainer.load(state).map_err(unfit)?;
        window = Window::read(state).map_err(unfit)?;
    }
    let done = trainer.steps_done();
    start::check_energy(training.target.title(), energy, &trainer)?;
    let best = Best::of(training.run)?;
    let (last, damaged) = training.run.rewind_metrics(done)?;
    if damaged > 0 {
        training.progress.note(&format!("note: damaged lines of {METRICS} are taken out: {damaged}"));
    }
    let part =
        Part { budget: training.budget, ..Part::new(training.target.name(), training.config.train.steps as u64) };
    let halt = AtomicBool::new(false);
    let session = Session {
        training,
        tick: training.progress.part(part),
        halt: &halt,
        whitened: &whitened,
        trainer: &mut trainer,
        window,
        best,
        recorded: last.as_ref().map(|record| record.step),
        before: last.map_or(0.0, |record| record.seconds),
        saved: training.from.map(|_| done),
        changed: false,
        start: Instant::now(),
    };
    std::thread::scope(|scope| {
        let (running, ended) = mpsc::channel::<()>();
        let (halt, start) = (&halt, session.start);
        // Ends a step that would outlast the budget, or the person's patience.
        scope.spawn(move || {
            while ended.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
                if training.stop.load(Ordering::Relaxed)
                    || training.budget.is_some_and(|budget| start.elapsed() >= budget)
                {
                    halt.store(true, Ordering::Relaxed);
                }
            }
        });
        let outcome = session.run();
        drop(running);
        outcome
    })
}

/// What to do about a damaged best generator.
const WITHOUT_BEST: &str =
    "the run's generator.safetensors may be the same: copy it there, or remove it to choose anew from here";

/// The best generator so far, where the settings ask for one.
struct Best {
    /// Its [`selection::Stein::score`].
    score: f64,
    /// Its file.
    file: Option<Vec<u8>>,
}

impl Best {
    /// Of earlier sittings.
    fn of(run: &Run) -> Result<Self, Error> {
        let file = run.tensors(BEST).map_err(|error| error.with_hint(WITHOUT_BEST))?;
        let Some(file) = file else { return Ok(Self { score: f64::INFINITY, file: None }) };
        let score = file.parsed(STEIN).map_err(|error| {
            Error::input(format!("'{}' is damaged: {error}", run.file(BEST).display()), WITHOUT_BEST)
        })?;
        Ok(Self { score, file: Some(file.to_bytes()) })
    }
}

/// The best score so far where a generator that scores `stein` is kept: in the second half, within [`SPREAD`] of the best
/// or as good as [`EXACT`] samples.
fn kept(best: f64, stein: f64, progress: f64) -> Option<f64> {
    (progress >= SELECT_FROM && stein <= EXACT.max(best + SPREAD)).then_some(best.min(stein))
}

/// The generator as a file.
fn generator_file<D: Backend>(training: &Training<'_>, trainer: &Trainer<D>, stein: Option<f64>) -> Checkpoint {
    let texts = [
        ("target", training.target.name().to_string()),
        ("convention", training.target.convention().to_string()),
        ("step", trainer.steps_done().to_string()),
        ("kiln", env!("CARGO_PKG_VERSION").to_string()),
    ];
    let stein = stein.map(|stein| (STEIN, stein.to_string()));
    let texts = texts.into_iter().chain(stein).chain(training.run.identity().texts());
    let mut file = trainer.generator().to_checkpoint(texts);
    if let Some(frame) = training.frame {
        frame.insert_into(&mut file);
    }
    file
}

/// One sitting of a training.
struct Session<'a, D: Backend> {
    training: &'a Training<'a>,
    /// How far it is.
    tick: Box<dyn Tick + 'a>,
    /// Set to end the step under way.
    halt: &'a AtomicBool,
    whitened: &'a framed::Training<'a>,
    trainer: &'a mut Trainer<D>,
    window: Window,
    best: Best,
    /// Step of the last record of metrics.
    recorded: Option<u64>,
    /// Seconds of earlier sittings.
    before: f64,
    /// Step of the last checkpoint.
    saved: Option<u64>,
    /// Whether anything was done since.
    changed: bool,
    start: Instant,
}

impl<D: Backend> Session<'_, D> {
    /// Trains to an end, and saves what was reached unless it left the finite numbers.
    fn run(mut self) -> Result<Outcome, Error> {
        match self.train() {
            Err(error) if error.kind() == ErrorKind::Numerics => Err(error),
            outcome => {
                let saved = self.save();
                outcome.and_then(|outcome| saved.map(|()| outcome))
            }
        }
    }

    fn train(&mut self) -> Result<Outcome, Error> {
        let settings = &self.training.config.train;
        let steps = settings.steps as u64;
        let behind = self.trainer.steps_done() as f64 / steps as f64;
        let mut guard = Guard::new(steps, settings.batch);
        loop {
            let done = self.trainer.steps_done();
            self.tick.step(done);
            // With a budget the schedules follow the clock where that is ahead of the steps.
            let spent = self.training.budget.map_or(0.0, |budget| self.start.elapsed().div_duration_f64(budget));
            let progress = (done as f64 / steps as f64).max(behind + (1.0 - behind) * spent);
            let ended = match () {
                () if done >= steps => Some(Outcome::Finished),
                () if spent >= 1.0 => Some(Outcome::BudgetSpent),
                () if self.training.stop.load(Ordering::Relaxed) => Some(Outcome::Interrupted),
                () => None,
            };
            let due = done > 0 && done.is_multiple_of(settings.evaluate_every as u64);
            // An interruption is no place to look: a training taken up again does as if there had been none.
            let over = matches!(ended, Some(Outcome::Finished | Outcome::BudgetSpent));
            if (due || over) && self.recorded != Some(done) {
                self.evaluate(done, progress)?;
            }
            if let Some(outcome) = ended {
                return Ok(outcome);
            }
            if done > 0
                && done.is_multiple_of(settings.checkpoint_every as u64)
                && (self.saved != Some(done) || self.changed)
            {
                self.save()?;
            }
            self.changed = true;
            match self.trainer.step(self.whitened.energy(), progress, self.halt) {
                Ok(report) => {
                    let hint = format!("mend the energy, or lower noise.v_max; {}", self.kept());
                    guard.see(&report, self.training.target, &hint)?;
                    self.window.add(&report);
                }
                // Told apart above, and taken up again where it was left.
                Err(StepError::Interrupted) => {}
                Err(StepError::NonFinite(_)) => {
                    return Err(Error::numerics(
                        format!("the score network diverged at step {done}: its gradient is not finite"),
                        format!("lower train.score_lr; {}", self.kept()),
                    ));
                }
            }
        }
    }

    /// Which state a training that fails can be taken up from.
    fn kept(&self) -> String {
        match self.saved {
            Some(step) => format!("the checkpoint of step {step} is kept"),
            None => "there was no checkpoint yet (train.checkpoint_every)".into(),
        }
    }

    /// Writes generator and checkpoint, the best generator where there is one; never numbers that could not be read again.
    fn save(&mut self) -> Result<(), Error> {
        let (training, done) = (self.training, self.trainer.steps_done());
        let mut checkpoint = self.trainer.to_checkpoint();
        training.run.identity().texts().into_iter().for_each(|(key, text)| checkpoint.insert_text(key, text));
        self.window.write(&mut checkpoint);
        checkpoint.check_finite().map_err(|error| {
            Error::numerics(
                format!("the training diverged before step {done}: {error}"),
                format!("lower train.generator_lr or train.score_lr; {}", self.kept()),
            )
        })?;
        match &self.best.file {
            Some(best) if training.config.train.select == Select::Stein => training.run.write(GENERATOR, best)?,
            _ => training.run.write(GENERATOR, &generator_file(training, self.trainer, None).to_bytes())?,
        }
        if self.changed {
            training.run.write_checkpoint(&checkpoint.to_bytes())?;
            (self.saved, self.changed) = (Some(done), false);
        }
        Ok(())
    }

    /// The live quality figure, and one line of metrics.
    fn evaluate(&mut self, done: u64, progress: f64) -> Result<(), Error> {
        let spec = self.trainer.spec();
        let z = normal_batch(spec.seed, Purpose::Evaluation, 1, LIVE_SAMPLES, spec.generator.latent);
        let u = self.trainer.generator().sample(&z);
        let target = self.training.target;
        let x = self.whitened.placed(u.clone());
        let (energies, stein) = match (self.training.config.train.select, self.training.frame) {
            (Select::Last, _) => (energies(target, &x), None),
            (Select::Stein, None) => {
                let (energies, gradients) = energies_and_gradients(target, &x);
                let score = selection::score(target.symmetry(), &x, &energies, &gradients);
                (energies, Some(score))
            }
            // Stein's identity holds where no wall is.
            (Select::Stein, Some(_)) => {
                let (in_frame, gradients) = self.whitened.energies_and_gradients(&u);
                (energies(target, &x), Some(selection::score(target.symmetry(), &u, &in_frame, &gradients)))
            }
        };
        let Headline { text, mean_energy, median_energy, distance_tvd } = suite::headline(target, &x, &energies);
        self.tick.quality(&text);
        if let Some(score) = stein.and_then(|stein| kept(self.best.score, stein, progress)) {
            let file = generator_file(self.training, self.trainer, Some(score)).to_bytes();
            self.training.run.write(BEST, &file)?;
            self.best = Best { score, file: Some(file) };
        }
        let seconds = self.before + self.start.elapsed().as_secs_f64();
        let mut record = Record {
            stein,
            median_energy: Some(median_energy),
            mean_energy: Some(mean_energy),
            distance_tvd,
            ..Record::new(done, seconds, Phase::Training, text)
        };
        self.window.tell(&mut record);
        self.training.run.append_metrics(&record)?;
        // The counts of the last checkpoint now stand in the record.
        self.changed = true;
        self.recorded = Some(done);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_about_as_good_as_the_best_is_kept_and_the_best_does_not_drift() {
        assert_eq!(kept(f64::INFINITY, 0.3, 0.5), Some(0.3));
        assert_eq!(kept(f64::INFINITY, 0.3, 0.49), None, "modes have no weights yet");
        assert_eq!(kept(0.05, 0.04, 1.0), Some(0.04));
        assert_eq!(kept(0.05, 0.05 + 0.9 * SPREAD, 1.0), Some(0.05), "later, and as good but for chance");
        assert_eq!(kept(0.05, 0.05 + 1.1 * SPREAD, 1.0), None);
        assert_eq!(kept(0.5 * EXACT, 0.99 * EXACT, 1.0), Some(0.5 * EXACT), "later, and as good as exact samples");
        assert_eq!(kept(0.5 * EXACT, 1.01 * EXACT, 1.0), None);
        assert_eq!(kept(0.05, f64::NAN, 1.0), None);
    }
}
