//! One call that trains, draws and judges ([`fit`]), one that takes a run up again ([`resume`]), for any energy; and the
//! steps they consist of.
//!
//! Everything that can be refused is refused before anything is written.

mod begin;
mod judged;

pub use begin::{Beginning, begin};
pub use judged::{Judged, judged};

use crate::config::{About, Config, Settings};
use crate::error::Error;
use crate::format;
use crate::frame::Frame;
use crate::learned::Explored;
use crate::metric::Report;
use crate::metric::suite::{Effort, evaluate};
use crate::pool::Pool;
use crate::progress::{Progress, Silent};
use crate::run::{EXPLORATION, LEARNED, Run, SAMPLES};
use crate::sample::Sampler;
use crate::samples::Samples;
use crate::spec::trainer_spec;
use crate::start;
use crate::target::Target;
use crate::train::{Outcome, Training, find_device, train};
use kiln_gpu::{Checkpoint, posterior};
use kiln_metrics::measure::energies;
use kiln_metrics::statistic::Mean;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Samples drawn when a training is over.
pub const SAMPLE_COUNT: usize = 10_000;
/// Samples between two looks at whether to stop.
const SAMPLE_PART: usize = 256;
/// States at which the energy's noise is measured, and how much is told: a tenth of the energy's unit changes
/// weights by a tenth.
const NOISE_ROWS: usize = 1024;
const NOISE: f64 = 0.1;
/// Of a training that nobody ends.
static NEVER: AtomicBool = AtomicBool::new(false);

/// How a training is watched and ended.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The wall-clock time after which training must have ended, checkpointed and usable.
    pub budget: Option<Duration>,
    /// Who watches.
    pub progress: &'a dyn Progress,
    /// Set by whoever interrupts it: a checkpoint is written, and the training can be resumed.
    pub stop: &'a AtomicBool,
}

impl Default for Options<'_> {
    /// To the end, unwatched.
    fn default() -> Self {
        Self { budget: None, progress: &Silent, stop: &NEVER }
    }
}

/// What a training came to.
#[derive(Debug)]
pub struct Trained {
    /// Its run directory, which holds the generator, checkpoints, metrics and samples.
    pub run: Run,
    /// Whether all steps were done, or the budget was spent first.
    pub outcome: Outcome,
    /// The first 10,000 samples of seed 0.
    pub samples: Samples,
    /// How good they are: every figure with its floor or truth, as `kiln evaluate` tells it.
    pub report: Report,
}

/// Trains a target into a new run directory (`out`, or the first free one below `runs`), draws from the generator and judges
/// what was drawn.
///
/// # Errors
/// If a setting is out of range, the directory is used or cannot be written, the energy is not finite, the training ran away
/// again and again, or `stop` was set: then [`resume`] goes on.
pub fn fit(target: &Target, settings: Settings, out: Option<&Path>, options: &Options<'_>) -> Result<Trained, Error> {
    Prepared::new(target, settings.check()?, out, None)?.trained(target, options)
}

/// The same in the coordinates of an exploration, of which the run keeps a copy. The settings that suit them are
/// [`Pool::settings`].
///
/// # Errors
/// As [`fit`], and if the pool is of another energy, or its coordinates cannot be trained in.
pub fn fit_explored(
    target: &Target,
    explored: &Pool,
    settings: Settings,
    out: Option<&Path>,
    options: &Options<'_>,
) -> Result<Trained, Error> {
    Prepared::new(target, settings.check()?, out, Some(explored))?.trained(target, options)
}

/// Takes up the run in a directory, with the energy that it was trained on, and ends as [`fit`] does.
///
/// # Errors
/// If it is no run, or of another energy; otherwise as [`fit`].
pub fn resume(place: &Path, target: &Target, options: &Options<'_>) -> Result<Trained, Error> {
    let (run, config) = take(place)?;
    Prepared::resumed(run, &config.clone(), config, target)?.trained(target, options)
}

/// A run that a training can go on in, and its settings.
///
/// # Errors
/// If there is none in that directory, or another process has it.
pub fn take(place: &Path) -> Result<(Run, Config), Error> {
    let (run, config) = Run::take(place)?;
    if run.about().student.is_some() {
        let message = format!("'{}' is a student of `kiln distill`, which has no checkpoints", place.display());
        return Err(Error::input(message, "distil anew, with another --out"));
    }
    Ok((run, config))
}

/// A training that can begin or go on.
pub struct Prepared {
    /// Where it writes.
    pub run: Run,
    /// What it does.
    pub config: Config,
    /// The coordinates that it trains in; none are the target's own.
    pub frame: Option<Frame>,
    /// What is learned from the exploration's states; none where nothing is.
    pub explored: Option<Explored>,
    /// The state to go on from; none starts anew.
    pub from: Option<Checkpoint>,
    /// What the person should know of it.
    pub notes: Vec<String>,
}

impl Prepared {
    /// One that begins in a new run directory: `out`, or the first free one below `runs`; where there is a pool, in its
    /// coordinates, and a copy of it is kept in the run.
    ///
    /// # Errors
    /// If it could not begin: see [`start::check`]; or the directory is used or cannot be written.
    pub fn new(target: &Target, config: Config, out: Option<&Path>, explored: Option<&Pool>) -> Result<Self, Error> {
        find_device(&config.run.device)?;
        start::check_latent(&config, target)?;
        if config.learn.states && explored.is_none() {
            let message = "learn.states is true, but there is no exploration to learn from";
            return Err(Error::input(message, "explore first with `kiln explore`, and give it with --explored"));
        }
        let frame = explored.map(|pool| frame_for(target, pool)).transpose()?;
        if let Some(at) = target.bounds().iter().position(|bound| !bound.is_none()).filter(|_| frame.is_none()) {
            let message = format!("{} has bounds of {}, which only a frame keeps", target.title(), target.names()[at]);
            return Err(Error::input(message, "explore first with `kiln explore`, and give it with --explored"));
        }
        let states = explored.zip(frame.as_ref());
        let states = states.map(|(pool, frame)| learned(target, pool, frame, &config)).transpose()?.flatten();
        start::check(&config, target, frame.as_ref(), states.as_ref())?;
        let about = About::training(target.convention()).from_file(target.file());
        let run = Run::create(out, &config, &about.from_exploration(explored.map(Pool::fingerprint)))?;
        if let Some(pool) = explored {
            pool.clone().write(&run.file(EXPLORATION))?;
        }
        if let Some(states) = &states {
            keep(&run, states, target)?;
        }
        let notes = explored.and_then(|pool| noisy(target, pool)).into_iter().collect();
        Ok(Self { run, config, frame, explored: states, from: None, notes })
    }

    /// One that goes on from the latest checkpoint of a run, whose settings were `old`.
    ///
    /// # Errors
    /// If the target is another one, the settings ask for fewer steps than were done, or no checkpoint can be read.
    pub fn resumed(run: Run, old: &Config, config: Config, target: &Target) -> Result<Self, Error> {
        start::check_memory(&config, &trainer_spec(&config, target.dim(), target.symmetry())?)?;
        let pool = pool_of(&run)?;
        let is_same = match &pool {
            Some(pool) if target.is_called() => pool.is_of(target),
            _ => target.convention() == run.about().convention,
        };
        if !is_same {
            let (title, place) = (target.title(), run.path().display());
            let message = format!("{title} is another energy than the one that '{place}' was trained on");
            return Err(Error::input(message, "its config.toml has the old one; train anew with another --out"));
        }
        let frame = pool.as_ref().map(|pool| frame_for(target, pool)).transpose()?;
        let states = pool.as_ref().zip(frame.as_ref());
        let explored = states.map(|(pool, frame)| kept(&run, target, pool, frame, &config)).transpose()?.flatten();
        let latest = run.latest_checkpoint()?;
        let mut notes: Vec<String> = latest.iter().filter_map(|latest| latest.note.clone()).collect();
        let from = latest.map(|latest| latest.checkpoint);
        let steps = config.train.steps;
        match from.as_ref().map(|state| state.parsed::<usize>("step")) {
            None => notes.push("there is no checkpoint yet; the training begins anew from its settings".into()),
            Some(Ok(done)) if done > steps => {
                let message = format!("train.steps is {steps}, but the run has done {done} steps");
                return Err(Error::input(message, format!("give at least --set train.steps={done}")));
            }
            Some(Ok(done)) if done == steps => notes
                .push(format!("the run has done all of its {done} steps; for more add --set train.steps={}", 2 * done)),
            Some(_) => {}
        }
        if config != *old {
            run.change_settings(&config)?;
        }
        Ok(Self { run, config, frame, explored, from, notes })
    }

    /// Trains.
    ///
    /// # Errors
    /// If the networks leave the finite numbers, the training ran away after it was taken back twice, or the directory cannot
    /// be written.
    pub fn train(&self, target: &Target, options: &Options<'_>) -> Result<Outcome, Error> {
        let &Options { budget, progress, stop } = options;
        let (from, frame, explored) = (self.from.as_ref(), self.frame.as_ref(), self.explored.as_ref());
        train(&Training { config: &self.config, target, frame, explored, run: &self.run, from, budget, progress, stop })
    }

    fn trained(self, target: &Target, options: &Options<'_>) -> Result<Trained, Error> {
        self.notes.iter().for_each(|note| options.progress.note(note));
        let outcome = self.train(target, options)?;
        let place = self.run.path().display();
        if outcome == Outcome::Interrupted {
            return Err(Error::interrupted(format!("interrupted; {place} holds a checkpoint"), "resume it"));
        }
        let samples = drawn(&self.run, SAMPLE_COUNT, options.stop)?;
        format::write(&self.run.file(SAMPLES), &samples, target, true)?;
        let report = evaluate(target, &samples, 0, &place.to_string(), Effort::default())?;
        Ok(Trained { run: self.run, outcome, samples, report })
    }
}

/// What a training learns from states, where its settings say so.
fn learned(target: &Target, pool: &Pool, frame: &Frame, config: &Config) -> Result<Option<Explored>, Error> {
    config.learn.states.then(|| Explored::of(pool, frame, target, config)).transpose()
}

/// Writes that into the run.
fn keep(run: &Run, states: &Explored, target: &Target) -> Result<(), Error> {
    let mut file = states.to_checkpoint(target.dim());
    run.identity().texts().into_iter().for_each(|(key, text)| file.insert_text(key, text));
    run.write(LEARNED, &file.to_bytes())
}

/// What is kept of it in the run; made anew where that is gone or damaged.
fn kept(run: &Run, target: &Target, pool: &Pool, frame: &Frame, config: &Config) -> Result<Option<Explored>, Error> {
    if !config.learn.states {
        return Ok(None);
    }
    let file = run.tensors(LEARNED).ok().flatten();
    if let Some(known) = file.and_then(|file| Explored::from_checkpoint(&file, target.dim()).ok()) {
        return Ok(Some(known));
    }
    let states = Explored::of(pool, frame, target, config)?;
    keep(run, &states, target)?;
    Ok(Some(states))
}

/// The exploration that a run began with.
fn pool_of(run: &Run) -> Result<Option<Pool>, Error> {
    let Some(fingerprint) = &run.about().explored else { return Ok(None) };
    let (place, hint) = (run.file(EXPLORATION), "put it back, or train anew with another --out");
    let pool = Pool::open(&place).map_err(|error| error.with_hint(hint))?;
    if pool.fingerprint() != *fingerprint {
        let message = format!("'{}' is not the exploration that this run began with", place.display());
        return Err(Error::input(message, hint));
    }
    Ok(Some(pool))
}

/// The coordinates that a pool of the target says to train in.
fn frame_for(target: &Target, pool: &Pool) -> Result<Frame, Error> {
    let place = pool.path().display();
    if !pool.is_of(target) {
        let message = format!("'{place}' is an exploration of another energy than that of {}", target.title());
        return Err(Error::input(message, "explore this one with `kiln explore`"));
    }
    let unfit = || {
        let message =
            format!("'{place}' holds no frame to train in: an earlier version wrote it, or f32 cannot hold it");
        Error::input(message, "explore anew with `kiln explore`")
    };
    let frame = pool.frame.clone().ok_or_else(unfit)?;
    match frame.coarse() {
        None => Ok(frame),
        Some((at, [centre, width])) => {
            let name = &target.names()[at];
            let message = format!("{name} lies at {centre:e} and is {width:e} wide: its values are one in f32");
            Err(Error::input(message, "move the origin in the formula, so that it lies near 0"))
        }
    }
}

/// That training sees another energy than the true one, where single precision adds noise to it: differences that all
/// states share do no harm.
fn noisy(target: &Target, pool: &Pool) -> Option<String> {
    let n = pool.samples.len().min(NOISE_ROWS);
    let every = pool.samples.len() / n.max(1);
    let rows = pool.samples.data.chunks_exact(target.dim()).step_by(every.max(1)).take(n);
    let x: Vec<f32> = rows.flatten().copied().collect();
    let mut gradient = vec![0.0; x.len()];
    let narrow = posterior::energies(target.packs(), &x, &mut gradient);
    let wide = energies(target, &x);
    let differences: Vec<f64> = narrow.iter().zip(wide).map(|(narrow, wide)| f64::from(*narrow) - wide).collect();
    let noise = Mean::of(&differences).sd;
    // NaN where single precision cannot hold the energy at all.
    (noise.is_nan() || noise > NOISE).then(|| {
        format!("in single precision, which training uses, the energy is noisy by {noise:.2}; shift or scale it")
    })
}

/// The first samples of a run's generator, which must be finite.
///
/// # Errors
/// If one is not, the generator is damaged, or `stop` was set.
pub fn drawn(run: &Run, count: usize, stop: &AtomicBool) -> Result<Samples, Error> {
    let sampler = Sampler::open(run)?;
    let mut all = Samples { dim: sampler.dim(), data: Vec::new() };
    while all.len() < count {
        if stop.load(Ordering::Relaxed) {
            let place = run.path().display();
            return Err(Error::interrupted(
                format!("interrupted while the samples of {place} were drawn; its generator is done"),
                format!("`kiln sample {place} -n {count} -o samples.npy` draws them"),
            ));
        }
        let (first, n) = (all.len() as u64, SAMPLE_PART.min(count - all.len()));
        let rows = sampler.rows(0, first, n)?;
        rows.check_finite(first, count as u64)
            .map_err(|error| error.with_hint("train anew with lower rates; the run keeps its checkpoints"))?;
        all.data.extend(rows.data);
    }
    Ok(all)
}
