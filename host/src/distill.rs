//! The engine of `kiln distill`: a small student learns a teacher's map ([`kiln_gpu::distill`]), then goes on by the
//! teacher's own objective where that is asked for. It leaves a run directory like a training's, but for a checkpoint: a
//! distillation takes seconds to minutes, and one that was stopped leaves the student as it was.

pub mod judge;

use crate::config::{Config, Decay, from_run_text, settings_text};
use crate::engine::Outcome;
use crate::error::Error;
use crate::metric::report::figure;
use crate::metric::suite;
use crate::progress::Progress;
use crate::run::{GENERATOR, Run};
use crate::source::Source;
use crate::spec::trainer_spec;
use crate::target_api::{Structure, Target};
use judge::Deviation;
use kiln_core::artifact::{EGNN_LAYERS, MLP_LAYERS};
use kiln_core::random::Purpose;
use kiln_gpu::posterior::normal_batch;
use kiln_gpu::trainer::Trainer;
use kiln_gpu::{AdamOptions, Body, Checkpoint, Cpu, DistillSpec, Distillation, Generator, GeneratorSpec};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The loss turns from square to linear at this part of the samples' width; docs/experiments.md.
const LOSS_WIDTH: f64 = 0.1;
/// Adam's learning rate where it is largest.
const RATE: f32 = 1e-2;
/// Decay of the student's average.
const EMA: f32 = 0.999;
/// Steps over which the learning rate rises.
const WARMUP: u64 = 300;
/// Steps between lines of metrics, each with a saved student.
const EVERY: u64 = 500;
/// Latents behind the error that is shown.
const PROBES: usize = 2000;
/// The fine-tuning's part of the teacher's learning rate: the student is near its goal already.
const FINE_RATE: f64 = 0.1;
/// Updates of the fine-tuning's score network before its first step: it knows nothing of the student yet.
const FINE_PRETRAIN: usize = 1000;
/// Steps over which the fine-tuning's learning rate rises.
const FINE_WARMUP: usize = 100;

/// A trained generator with the settings behind it.
pub struct Teacher {
    /// Its name without the way there.
    pub name: String,
    /// Its settings.
    pub config: Config,
    generator: Generator<Cpu>,
}

impl Teacher {
    /// Reads it.
    ///
    /// # Errors
    /// If it is a deployed model, or damaged.
    pub fn of(source: &Source) -> Result<Self, Error> {
        let (place, config, bytes) = match source {
            Source::Run(run, config) => {
                let path = run.generator()?;
                let bytes = std::fs::read(&path).map_err(|error| Error::file("read", &path, error))?;
                (path.display().to_string(), Config::clone(config), bytes)
            }
            Source::Pretrained(pretrained) => {
                let config = from_run_text(pretrained.config, pretrained.name)?;
                (pretrained.name.to_string(), config, pretrained.generator.to_vec())
            }
            Source::Model(file) => {
                let message =
                    format!("'{}' is a deployed model, and no settings to train with lie in it", file.path().display());
                return Err(Error::input(message, "give the run, or the name, that it was exported from"));
            }
        };
        let file = Checkpoint::from_bytes(&bytes).and_then(|file| Generator::from_checkpoint(&Cpu::default(), &file));
        let generator =
            file.map_err(|error| Error::input(format!("'{place}' is damaged: {error}"), "train it anew"))?;
        Ok(Self { name: source.name(), config, generator })
    }

    /// Its shape.
    pub fn spec(&self) -> &GeneratorSpec {
        self.generator.spec()
    }

    /// The student's shape.
    ///
    /// # Errors
    /// If no generator has it, or it is no smaller than the teacher.
    pub fn student(&self, hidden: usize, depth: usize) -> Result<GeneratorSpec, Error> {
        let student = self.spec().resized(hidden, depth);
        student
            .check()
            .map_err(|error| Error::input(format!("no such student: {error}"), "check --hidden and --depth"))?;
        let ([ours, theirs], (width, layers)) =
            ([&student, self.spec()].map(GeneratorSpec::numbers), self.spec().body.size());
        // Deployed, it has one layer of units more than hidden ones.
        let most = match student.body {
            Body::Mlp { .. } => MLP_LAYERS - 1,
            Body::Egnn(_) => EGNN_LAYERS,
        };
        if depth > most || layers > most {
            return Err(Error::input(
                format!(
                    "a student of {hidden} x {depth} and its teacher of {width} x {layers} must be models that can be deployed"
                ),
                format!("models have at most {most} hidden layers"),
            ));
        }
        if ours < theirs {
            return Ok(student);
        }
        Err(Error::input(
            format!(
                "a student of {hidden} x {depth} has {ours} numbers, and its teacher of {width} x {layers} has {theirs}"
            ),
            format!("a student is smaller: try --hidden {}", (width / 2).max(1)),
        ))
    }
}

/// Steps, latents a step and steps of fine-tuning that are enough, a few minutes of two cores; docs/experiments.md. Fine-tuning
/// is for wells alone, where a student is too narrow without it; elsewhere it was no help, or did harm.
pub fn effort(body: &Body, structure: &Structure) -> [i64; 3] {
    match (body, structure) {
        (Body::Mlp { .. }, Structure::Wells { .. }) => [20_000, 512, 2000],
        (Body::Mlp { .. }, _) => [20_000, 512, 0],
        (Body::Egnn(_), _) => [5000, 128, 0],
    }
}

/// What is asked of a distillation.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Seed of every random number.
    pub seed: u64,
    /// Steps of regression.
    pub steps: u64,
    /// Latents a step.
    pub batch: usize,
    /// Steps by the teacher's own objective after them.
    pub fine_tune: u64,
    /// The student.
    pub student: GeneratorSpec,
}

impl Plan {
    /// What it does, in words.
    pub fn describe(&self) -> String {
        let Self { seed, steps, batch, fine_tune, .. } = self;
        let after =
            if *fine_tune > 0 { format!(", then {fine_tune} steps by the teacher's objective") } else { String::new() };
        format!("{steps} steps of {batch} latents, seed {seed}{after}")
    }
}

/// The `config.toml` of a student's run.
pub fn run_text(config: &Config, target: &dyn Target, teacher: &Teacher, plan: &Plan) -> String {
    let about = [
        ("kiln", env!("CARGO_PKG_VERSION").to_string()),
        ("convention", target.convention()),
        ("distilled_from", teacher.name.clone()),
        ("distilled_by", plan.describe()),
    ];
    let about = about.map(|(key, value)| format!("{key} = {}\n", toml::Value::from(value))).concat();
    let head = "# A student made by `kiln distill`: target, seed and generator are its own, all else is what its teacher was\n\
                # trained with.\n";
    format!("{head}\n[about]\n{about}format = {}\n{}", crate::config::FORMAT, settings_text(config))
}

/// One distillation.
pub struct Job<'a> {
    /// Who is learnt from.
    pub teacher: &'a Teacher,
    /// What is asked.
    pub plan: &'a Plan,
    /// The student's settings.
    pub config: &'a Config,
    /// The target, for figures and fine-tuning.
    pub target: &'a dyn Target,
    /// Where to write.
    pub run: &'a Run,
    /// What the person watches.
    pub progress: &'a Progress,
    /// Set when the person pressed Ctrl-C.
    pub stop: &'a AtomicBool,
}

/// Distils, fine-tunes and writes the student.
///
/// # Errors
/// If numbers leave the finite range, or the run directory cannot be written.
pub fn distil(job: &Job<'_>) -> Result<Outcome, Error> {
    let device = Cpu::default();
    let latent = job.plan.student.latent;
    let z = normal_batch(job.plan.seed, Purpose::Evaluation, 1, PROBES, latent);
    let watch = Watch { job, goal: job.teacher.generator.sample(&z), z, start: Instant::now() };
    let width = judge::width(&watch.goal, job.plan.student.dim);
    if !(width.is_finite() && width > 0.0) {
        return Err(Error::numerics(
            format!("'{}' draws no finite samples of its own", job.teacher.name),
            "train it anew",
        ));
    }
    let spec = DistillSpec {
        seed: job.plan.seed,
        steps: job.plan.steps,
        batch: job.plan.batch,
        adam: AdamOptions { learning_rate: RATE, ..AdamOptions::default() },
        warmup: WARMUP.min(job.plan.steps / 10),
        ema: EMA,
        width: (LOSS_WIDTH * width) as f32,
        student: job.plan.student.clone(),
    };
    let mut distillation = Distillation::new(&device, spec, job.teacher.generator.clone())
        .map_err(|error| Error::input(format!("no such student: {error}"), "check --hidden and --depth"))?;
    let mut facts = json!({});
    loop {
        let done = distillation.steps_done();
        let ended = watch.ended(done, job.plan.steps);
        if watch.due(done) || ended.is_some() {
            watch.look(done, distillation.student(), facts.take())?;
        }
        match ended {
            Some(Outcome::Finished) => break,
            Some(outcome) => return Ok(outcome),
            None => {}
        }
        let report = distillation.step().map_err(|_| diverged(done))?;
        facts = json!({ "phase": "distillation", "loss": report.loss, "gradient_norm": report.gradient_norm });
    }
    fine_tune(&watch, distillation.student())
}

/// Goes on from the student by the teacher's objective.
fn fine_tune(watch: &Watch<'_>, student: &Generator<Cpu>) -> Result<Outcome, Error> {
    let Job { plan, config, target, .. } = watch.job;
    if plan.fine_tune == 0 {
        return Ok(Outcome::Finished);
    }
    let energies = target.training().ok_or_else(|| no_energy(*target))?;
    let spec = trainer_spec(&fine_tuning(config, plan.fine_tune)?, target.dim(), energies.symmetry())?;
    let mut trainer = Trainer::with_generator(&Cpu::default(), spec, student.clone())
        .map_err(|error| Error::input(format!("no such score network: {error}"), "check the [score] settings"))?;
    let mut facts = json!({});
    loop {
        let done = trainer.steps_done();
        let ended = watch.ended(plan.steps + done, plan.steps + plan.fine_tune);
        if (done > 0 && watch.due(done)) || ended.is_some() {
            watch.look(plan.steps + done, trainer.generator(), facts.take())?;
        }
        if let Some(outcome) = ended {
            return Ok(outcome);
        }
        let report =
            trainer.step(energies, done as f64 / plan.fine_tune as f64).map_err(|_| diverged(plan.steps + done))?;
        facts = json!({
            "phase": "fine-tuning",
            "score_loss": report.score_loss,
            "gradient_norm": report.gradient_norm,
            "dropped": report.dropped,
        });
    }
}

/// The teacher's settings for a short training of something that is nearly right: no phase of large noise alone, a low rate.
///
/// # Errors
/// If the settings do not fit together.
pub fn fine_tuning(config: &Config, steps: u64) -> Result<Config, Error> {
    let mut settings = config.clone().into_settings();
    settings.noise.anneal = 0.0;
    settings.train.steps = usize::try_from(steps).unwrap_or(usize::MAX);
    settings.train.warmup = FINE_WARMUP.min(settings.train.steps);
    settings.train.generator_lr *= FINE_RATE;
    settings.train.pretrain = FINE_PRETRAIN;
    settings.train.decay = Decay::Cosine;
    settings.check()
}

/// The sentence for a target without an energy.
pub fn no_energy(target: &dyn Target) -> Error {
    Error::input(format!("{} has no energy to fine-tune on", target.title()), "leave --fine-tune out")
}

fn diverged(step: u64) -> Error {
    Error::numerics(
        format!("the student diverged at step {step}: its gradient is not finite"),
        "try another --seed or a larger --batch; the student of the last line of metrics is kept",
    )
}

/// What looks at the student now and then.
struct Watch<'a> {
    job: &'a Job<'a>,
    /// Latents that no step learns from, and the teacher's images of them.
    z: Vec<f32>,
    goal: Vec<f32>,
    start: Instant,
}

impl Watch<'_> {
    /// Shows how far it is, and tells whether to stop.
    fn ended(&self, done: u64, steps: u64) -> Option<Outcome> {
        self.job.progress.step(done);
        match () {
            () if self.job.stop.load(Ordering::Relaxed) => Some(Outcome::Interrupted),
            () if done >= steps => Some(Outcome::Finished),
            () => None,
        }
    }

    fn due(&self, done: u64) -> bool {
        done.is_multiple_of(EVERY)
    }

    /// One line of metrics, one of progress, and the student as it is.
    fn look(&self, done: u64, student: &Generator<Cpu>, facts: Value) -> Result<(), Error> {
        let Job { target, run, teacher, plan, progress, .. } = self.job;
        let x = student.sample(&self.z);
        let error = Deviation::between(&x, &self.goal, plan.student.dim);
        let quality = suite::headline(*target, &x);
        progress.quality(&format!("error {}, {quality}", figure(error.rms)));
        let mut line = json!({
            "step": done,
            "seconds": self.start.elapsed().as_secs_f64(),
            "error": error.rms,
            "beyond": error.beyond,
            "quality": quality,
        });
        if let (Some(line), Value::Object(facts)) = (line.as_object_mut(), facts) {
            line.extend(facts);
        }
        run.append_metrics(&line)?;
        let texts = [
            ("target", target.name().to_string()),
            ("convention", target.convention()),
            ("step", done.to_string()),
            ("kiln", env!("CARGO_PKG_VERSION").to_string()),
            ("distilled_from", teacher.name.clone()),
            ("distilled_by", plan.describe()),
        ];
        run.write(GENERATOR, &student.to_checkpoint(texts).to_bytes())
    }
}

/// The default directory's name.
pub fn default_name(target: &str, hidden: usize, seed: u64) -> String {
    format!("{target}-distilled-h{hidden}-seed{seed}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrained::PRETRAINED;
    use crate::run::CONFIG;
    use crate::target::builtin;

    #[test]
    fn every_teacher_that_comes_with_kiln_has_smaller_students_whose_settings_say_the_same() {
        for pretrained in PRETRAINED {
            let teacher = Teacher::of(&Source::Pretrained(pretrained)).unwrap();
            let (hidden, depth) = teacher.spec().body.size();
            let student = teacher.student(hidden / 2, depth).unwrap();
            assert!(teacher.student(hidden, depth).unwrap_err().hint().contains(&format!("--hidden {}", hidden / 2)));
            let mut settings = teacher.config.clone().into_settings();
            settings.generator.hidden = hidden / 2;
            let config = settings.check().unwrap();
            let target = builtin().into_iter().find(|target| target.name() == pretrained.name).unwrap();
            assert_eq!(trainer_spec(&config, target.dim(), target.symmetry()).unwrap().generator, student);

            let spec = trainer_spec(&fine_tuning(&config, 9).unwrap(), target.dim(), target.symmetry()).unwrap();
            assert!(spec.steps == 9 && spec.warmup == 9 && spec.generator == student);
            let begun = Trainer::with_generator(&Cpu::default(), spec, teacher.generator.clone()).unwrap();
            let z = normal_batch(1, Purpose::Test, 0, 8, student.latent);
            assert_eq!(begun.generator().sample(&z), teacher.generator.sample(&z));
            assert_eq!(begun.spec().generator, *teacher.spec());

            let plan = Plan { seed: 3, steps: 20, batch: 4, fine_tune: 0, student };
            let text = run_text(&config, target.as_ref(), &teacher, &plan);
            assert_eq!(from_run_text(&text, CONFIG).unwrap(), config, "{text}");
            assert!(text.contains("20 steps of 4 latents, seed 3"));
        }
    }
}
