//! Training as a configuration says, into a run directory: metrics, checkpoints and the generator.

mod beside;
mod best;
mod clock;
mod device;
mod runaway;
mod state;
mod window;

use crate::config::{Config, Select};
use crate::error::{Error, ErrorKind};
use crate::frame::Frame;
use crate::framed::FramedTarget;
use crate::learned::Explored;
use crate::metric::suite;
use crate::metric::suite::Headline;
use crate::progress::{Part, Progress, Tick};
use crate::run::{BEST, DENOISER, GENERATOR, GOOD, METRICS, Phase, Record, Run};
pub use crate::sample::sample;
pub use crate::spec::trainer_spec;
use crate::start::{self, LIVE_SAMPLES};
use crate::target::Target;
use beside::Watched;
use best::{Best, kept};
use clock::Clock;
pub use device::find_device;
#[cfg(feature = "cuda")]
use device::no_cuda;
use kiln_core::random::Purpose;
use kiln_gpu::posterior::normal_batch;
use kiln_gpu::trainer::{StepError, StepReport};
use kiln_gpu::{Backend, Checkpoint};
use kiln_metrics::measure::{energies, energies_and_gradients};
use kiln_metrics::selection;
use runaway::{Found, WINDOW};
use state::State;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// How often a training that has run away goes back before it is given up.
const ROLL_BACKS: u32 = 2;
/// What to do about a damaged good state.
const WITHOUT_GOOD: &str = "remove it and resume, to go back to the beginning; or train anew with another --out";

/// One training.
pub struct Training<'a> {
    /// What to do.
    pub config: &'a Config,
    /// What to train on.
    pub target: &'a Target,
    /// The coordinates to train in; none are the target's own.
    pub frame: Option<&'a Frame>,
    /// What is learned from an exploration's states; none where nothing is.
    pub explored: Option<&'a Explored>,
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

/// Trains on the device that its configuration names. A training that has run away goes back to its last good state, with a
/// quarter of its learning rates; at the third time it ends.
///
/// # Errors
/// If numbers are no longer finite, it ran away three times, or a file cannot be read or written.
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

fn train_on<D: Backend>(device: &D, training: &Training<'_>) -> Result<Outcome, Error> {
    let whitened = FramedTarget::new(training.target, training.frame)?;
    let parts = (training.config, &whitened, training.run);
    let state = State::new(device, parts, training.explored, training.from, 0)?;
    let done = state.trainer.steps_done();
    start::check_energy(training.target.title(), whitened.energy(), &state.trainer)?;
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
        device,
        whitened: &whitened,
        state,
        best,
        recorded: last.as_ref().map(|record| record.step),
        before: last.map_or(0.0, |record| record.seconds),
        saved: training.from.map(|_| done),
        changed: false,
        went_back: false,
        clock: Clock::start(training.budget, training.config.learn.pretrain_time),
    };
    std::thread::scope(|scope| {
        let (running, ended) = mpsc::channel::<()>();
        let (halt, clock, before) = (&halt, session.clock, session.state.trainer.before());
        let learn = &training.config.learn;
        let (progress, stop, name) = (training.progress, training.stop, training.target.name());
        let watched = Watched { progress, stop, name, updates: if learn.states { learn.pretrain } else { 0 } };
        scope.spawn(move || beside::look(&watched, clock, &before, halt, &ended));
        let outcome = session.run();
        drop(running);
        outcome
    })
}

/// One sitting of a training.
struct Session<'a, D: Backend> {
    training: &'a Training<'a>,
    /// How far it is.
    tick: Box<dyn Tick + 'a>,
    /// Set to end the step under way.
    halt: &'a AtomicBool,
    device: &'a D,
    whitened: &'a FramedTarget<'a>,
    state: State<D>,
    best: Best,
    /// Step of the last record of metrics.
    recorded: Option<u64>,
    /// Seconds of earlier sittings.
    before: f64,
    /// Step of the last checkpoint.
    saved: Option<u64>,
    /// Whether anything was done since.
    changed: bool,
    /// Whether the training went back since.
    went_back: bool,
    clock: Clock,
}

impl<D: Backend> Session<'_, D> {
    /// Trains to an end, and saves what was reached unless it left the finite numbers or the energy failed.
    fn run(mut self) -> Result<Outcome, Error> {
        match self.train() {
            Err(error) if error.kind() == ErrorKind::Numerics || self.training.target.check().is_err() => Err(error),
            outcome => {
                let saved = self.save();
                outcome.and_then(|outcome| saved.map(|()| outcome))
            }
        }
    }

    fn train(&mut self) -> Result<Outcome, Error> {
        let settings = &self.training.config.train;
        let steps = settings.steps as u64;
        let mut behind = self.state.trainer.steps_done() as f64 / steps as f64;
        loop {
            let done = self.state.trainer.steps_done();
            self.tick.step(done);
            // With a budget the schedules follow the clock where that is ahead of the steps.
            let spent = self.clock.spent();
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
            let due = done > 0 && done.is_multiple_of(settings.checkpoint_every as u64);
            let is_saved = !self.went_back && !(due && (self.saved != Some(done) || self.changed));
            let done = if is_saved { Ok(()) } else { self.save() }.and_then(|()| self.step(progress));
            let ran_away = match done {
                Err(error) if error.kind() == ErrorKind::Numerics => Some(self.far_off(error)?),
                done => done?,
            };
            if let Some(seen) = ran_away {
                self.go_back(&seen)?;
                behind = self.state.trainer.steps_done() as f64 / steps as f64;
            }
        }
    }

    /// One step. Returns what was seen where the training has run away.
    ///
    /// # Errors
    /// If numbers are no longer finite, the energy failed, or a good state cannot be written.
    fn step(&mut self, progress: f64) -> Result<Option<String>, Error> {
        self.changed = true;
        let done = self.state.trainer.step(self.whitened.energy(), progress, self.halt);
        self.training.target.check()?;
        match done {
            Ok(report) => {
                if self.state.trainer.steps_done() == 1 {
                    self.clock.begin_schedules();
                }
                self.look(&report)
            }
            // Told apart where it was asked for, and taken up again where it was left.
            Err(StepError::Interrupted) => Ok(None),
            Err(StepError::NonFinite(_)) => {
                let done = self.state.trainer.steps_done();
                Err(Error::numerics(
                    format!("the score network diverged at step {done}: its gradient is not finite"),
                    format!("lower train.score_lr; {}", self.kept()),
                ))
            }
        }
    }

    /// Looks at a step that was done.
    ///
    /// # Errors
    /// As [`Session::step`].
    fn look(&mut self, report: &StepReport) -> Result<Option<String>, Error> {
        let target = self.training.target;
        let hint = format!("mend the energy, or lower noise.v_max; {}", self.kept());
        let State { trainer, window, guard, watch, .. } = &mut self.state;
        window.add(report);
        watch.add(report, trainer.spec());
        let done = trainer.steps_done();
        guard.see(report, target, &hint)?;
        if !done.is_multiple_of(WINDOW) {
            return Ok(None);
        }
        let energy = self.state.median_energy(self.whitened);
        match self.state.watch.look(done, energy) {
            Found::Nothing => Ok(None),
            Found::Good => self.training.run.write(GOOD, &self.checkpoint()?.to_bytes()).map(|()| None),
            Found::RanAway(seen) => Ok(Some(seen)),
        }
    }

    /// What was seen where numbers are no longer finite because the samples ran away; the error where they did not.
    fn far_off(&self, error: Error) -> Result<String, Error> {
        match self.state.watch.far_off(self.state.median_energy(self.whitened)) {
            Some(seen) => Ok(format!("{error}, and {seen}")),
            None => Err(error),
        }
    }

    /// Goes back to the last good state, with lower rates.
    ///
    /// # Errors
    /// If it went back often enough, with that state in place; or a file cannot be read or written.
    fn go_back(&mut self, seen: &str) -> Result<(), Error> {
        let &Training { config, target, run, progress, .. } = self.training;
        let good = run.tensors(GOOD).map_err(|error| error.with_hint(WITHOUT_GOOD))?;
        let (done, before) = (self.state.trainer.steps_done(), self.state.watch.roll_backs);
        let parts = (config, self.whitened, run);
        let next = State::new(self.device, parts, self.training.explored, good.as_ref(), (before + 1).min(ROLL_BACKS))?;
        let old = std::mem::replace(&mut self.state, next);
        self.state.window.count_again(&old.window);
        (self.changed, self.went_back) = (true, true);
        let step = self.state.trainer.steps_done();
        if before >= ROLL_BACKS {
            let title = target.title();
            return Err(Error::verdict(
                format!("the training on {title} ran away by step {done}, as twice before with higher rates: {seen}"),
                format!(
                    "train anew with lower train.generator_lr and train.score_lr, or start nearer to the target with \
                     generator.skip and generator.scale (`kiln explore` finds its modes and their widths); \
                     the state of step {step} is kept"
                ),
            ));
        }
        progress.note(&format!(
            "note: the training has run away by step {done}: {seen}; it goes back to step {step}, with a quarter of its \
             learning rates"
        ));
        // The record of that very step is told again, with what was spent meanwhile.
        let (last, _) = run.rewind_metrics(step.saturating_sub(1))?;
        self.recorded = last.map(|record| record.step);
        Ok(())
    }

    /// The whole state.
    ///
    /// # Errors
    /// If some of its numbers are not finite, and could not be read again.
    fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let checkpoint = self.state.to_checkpoint(self.training.run);
        checkpoint.check_finite().map_err(|error| {
            let done = self.state.trainer.steps_done();
            Error::numerics(
                format!("the training diverged before step {done}: {error}"),
                format!("lower train.generator_lr or train.score_lr; {}", self.kept()),
            )
        })?;
        Ok(checkpoint)
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
        let (training, done) = (self.training, self.state.trainer.steps_done());
        let checkpoint = self.checkpoint()?;
        match &self.best.file {
            Some(best) if training.config.train.select == Select::Stein => training.run.write(GENERATOR, best)?,
            _ => training
                .run
                .write(GENERATOR, &self.state.generator_file(self.whitened, training.run, None).to_bytes())?,
        }
        if let Some(denoiser) = self.state.denoiser_file(self.whitened, training.run) {
            training.run.write(DENOISER, &denoiser.to_bytes())?;
        }
        if self.changed {
            training.run.write_checkpoint(&checkpoint.to_bytes())?;
            (self.saved, self.changed, self.went_back) = (Some(done), false, false);
        }
        Ok(())
    }

    /// The live quality figure, and one line of metrics.
    fn evaluate(&mut self, done: u64, progress: f64) -> Result<(), Error> {
        let spec = self.state.trainer.spec();
        let z = normal_batch(spec.seed, Purpose::Evaluation, 1, LIVE_SAMPLES, spec.generator.latent);
        let u = self.state.trainer.sample(&z);
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
        self.training.target.check()?;
        let Headline { text, mean_energy, median_energy, distance_tvd } = suite::headline(target, &x, &energies);
        self.tick.quality(&text);
        if let Some(score) = stein.and_then(|stein| kept(self.best.score, stein, progress)) {
            let file = self.state.generator_file(self.whitened, self.training.run, Some(score)).to_bytes();
            self.training.run.write(BEST, &file)?;
            self.best = Best { score, file: Some(file) };
        }
        let seconds = self.before + self.clock.elapsed().as_secs_f64();
        let mut record = Record {
            stein,
            median_energy: Some(median_energy),
            mean_energy: Some(mean_energy),
            distance_tvd,
            roll_backs: Some(self.state.watch.roll_backs),
            ..Record::new(done, seconds, Phase::Training, text)
        };
        self.state.window.tell(&mut record);
        self.training.run.append_metrics(&record)?;
        // The counts of the last checkpoint now stand in the record.
        self.changed = true;
        self.recorded = Some(done);
        Ok(())
    }
}
