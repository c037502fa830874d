//! The engine of `kiln distill`: a small student learns a teacher's map ([`kiln_gpu::distill`]), then goes on by the
//! teacher's own objective where that is asked for. It leaves a run directory like a training's, but for a checkpoint: a
//! distillation takes seconds to minutes, and one that was stopped leaves the student as it was.

mod fine_tune;
pub mod judge;
mod teacher;
#[cfg(test)]
mod with_cells;

pub use fine_tune::fine_tuning;
pub use teacher::Teacher;

use crate::cells::Placement;
use crate::config::{About, Config};
use crate::error::Error;
use crate::framed::FramedTarget;
use crate::metric::number::figure;
use crate::metric::suite;
use crate::progress::{Part, Progress, Tick};
use crate::run::{GENERATOR, Phase, Record, Run};
use crate::target::{Structure, Target};
use crate::train::Outcome;
use crate::weights::damaged;
use judge::Deviation;
use kiln_core::random::Purpose;
use kiln_gpu::distill::DistillReport;
use kiln_gpu::posterior::normal_batch;
use kiln_gpu::{AdamOptions, Body, Cpu, DistillSpec, Distillation, Generator, GeneratorSpec};
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
pub const PROBES: usize = 2000;

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
pub struct Lesson {
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

impl Lesson {
    /// What it does, in words.
    pub fn describe(&self) -> String {
        let Self { seed, steps, batch, fine_tune, .. } = self;
        let after =
            if *fine_tune > 0 { format!(", then {fine_tune} steps by the teacher's objective") } else { String::new() };
        format!("{steps} steps of {batch} latents, seed {seed}{after}")
    }
}

/// How a student came to be.
pub fn about(target: &Target, teacher: &Teacher, lesson: &Lesson) -> About {
    let training = About::training(target.convention()).from_file(target.file());
    About { student: Some([teacher.name.clone(), lesson.describe()]), ..training }
}

/// What a student is measured on while it learns.
pub struct Probes {
    /// Latents that no step learns from.
    z: Vec<f32>,
    /// The teacher's images of them.
    goal: Vec<f32>,
    /// How wide those are: [`judge::width`].
    width: f64,
}

impl Probes {
    /// Draws them.
    ///
    /// # Errors
    /// If the teacher has nothing to teach: its samples are not finite, or all the same.
    pub fn of(teacher: &Teacher, seed: u64) -> Result<Self, Error> {
        let z = normal_batch(seed, Purpose::Evaluation, 1, PROBES, teacher.spec().latent);
        let goal = teacher.generator.sample(&z);
        let width = judge::width(&goal, teacher.spec().dim);
        if width.is_finite() && width > 0.0 {
            return Ok(Self { z, goal, width });
        }
        let what =
            if width == 0.0 { "draws one sample only, always the same" } else { "draws samples that are not finite" };
        Err(Error::numerics(format!("'{}' {what}", teacher.name), "train it anew, or give another teacher"))
    }
}

/// One distillation.
pub struct Teaching<'a> {
    /// Who is learnt from.
    pub teacher: &'a Teacher,
    /// What the student is measured on.
    pub probes: &'a Probes,
    /// What is asked.
    pub lesson: &'a Lesson,
    /// The student's settings.
    pub config: &'a Config,
    /// The target, for figures and fine-tuning.
    pub target: &'a Target,
    /// Where to write.
    pub run: &'a Run,
    /// What the person watches.
    pub progress: &'a dyn Progress,
    /// Set when the person pressed Ctrl-C.
    pub stop: &'a AtomicBool,
}

/// Distils, fine-tunes and writes the student.
///
/// # Errors
/// If numbers leave the finite range, or the run directory cannot be written.
pub fn distil(teaching: &Teaching<'_>) -> Result<Outcome, Error> {
    teaching.teacher.check_fine_tuning(teaching.lesson.fine_tune)?;
    let device = Cpu::default();
    let tick =
        teaching.progress.part(Part::new(teaching.target.name(), teaching.lesson.steps + teaching.lesson.fine_tune));
    let whitened = FramedTarget::new(teaching.target, teaching.teacher.placement.as_ref().and_then(Placement::frame))?;
    let watch = Watch { teaching, whitened: &whitened, tick, start: Instant::now() };
    let spec = DistillSpec {
        seed: teaching.lesson.seed,
        steps: teaching.lesson.steps,
        batch: teaching.lesson.batch,
        adam: AdamOptions { learning_rate: RATE, ..AdamOptions::default() },
        warmup: WARMUP.min(teaching.lesson.steps / 10),
        ema: EMA,
        width: (LOSS_WIDTH * teaching.probes.width) as f32,
        student: teaching.lesson.student.clone(),
    };
    let mut distillation = Distillation::new(&device, spec, teaching.teacher.generator.clone())
        .map_err(|error| Error::input(format!("no such student: {error}"), "check --hidden and --depth"))?;
    let mut last: Option<DistillReport> = None;
    loop {
        let done = distillation.steps_done();
        let ended = watch.ended(done, teaching.lesson.steps);
        if watch.due(done) || ended.is_some() {
            let learnt = |record: &mut Record| {
                record.loss = last.as_ref().map(|report| f64::from(report.loss));
                record.gradient_norm = last.as_ref().map(|report| f64::from(report.gradient_norm));
            };
            watch.look(done, Phase::Distillation, distillation.student(), learnt)?;
        }
        match ended {
            Some(Outcome::Finished) => break,
            Some(outcome) => return Ok(outcome),
            None => {}
        }
        last = Some(distillation.step().map_err(|_| diverged(done))?);
    }
    fine_tune::fine_tune(&watch, distillation.student())
}

fn diverged(step: u64) -> Error {
    Error::numerics(
        format!("the student diverged at step {step}: its gradient is not finite"),
        "try another --seed or a larger --batch; the student of the last line of metrics is kept",
    )
}

/// What looks at the student now and then.
struct Watch<'a> {
    teaching: &'a Teaching<'a>,
    /// The target in the teacher's coordinates, which are the student's too.
    whitened: &'a FramedTarget<'a>,
    tick: Box<dyn Tick + 'a>,
    start: Instant,
}

impl Watch<'_> {
    /// Shows how far it is, and tells whether to stop.
    fn ended(&self, done: u64, steps: u64) -> Option<Outcome> {
        self.tick.step(done);
        match () {
            () if self.teaching.stop.load(Ordering::Relaxed) => Some(Outcome::Interrupted),
            () if done >= steps => Some(Outcome::Finished),
            () => None,
        }
    }

    fn due(&self, done: u64) -> bool {
        done.is_multiple_of(EVERY)
    }

    /// One line of metrics, one of progress, and the student as it is; `learnt` adds what is known of the last step.
    fn look(
        &self,
        done: u64,
        phase: Phase,
        student: &Generator<Cpu>,
        learnt: impl FnOnce(&mut Record),
    ) -> Result<(), Error> {
        let Teaching { target, run, teacher, probes, lesson, .. } = self.teaching;
        let u = student.sample(&probes.z);
        let error = Deviation::between(&u, &probes.goal, lesson.student.dim);
        let x = match teacher.placement.as_ref().and_then(Placement::cells) {
            Some(cells) => cells.apply(&probes.z, u).map_err(|error| damaged(&teacher.name, error))?,
            None => self.whitened.placed(u),
        };
        let quality = suite::headline(target, &x, &suite::energies(target, &x)).text;
        self.tick.quality(&format!("error {}, {quality}", figure(error.rms)));
        let texts = [
            ("target", target.name().to_string()),
            ("convention", target.convention().to_string()),
            ("step", done.to_string()),
            ("kiln", env!("CARGO_PKG_VERSION").to_string()),
            ("distilled_from", teacher.name.clone()),
            ("distilled_by", lesson.describe()),
        ];
        let mut file = student.to_checkpoint(texts.into_iter().chain(run.identity().texts()));
        if let Some(placement) = &teacher.placement {
            placement.insert_into(&mut file);
        }
        file.check_finite().map_err(|error| {
            Error::numerics(
                format!("the student diverged before step {done}: {error}"),
                "try another --seed or a larger --batch; the student of the last line of metrics is kept",
            )
        })?;
        let seconds = self.start.elapsed().as_secs_f64();
        let mut record =
            Record { error: Some(error.rms), beyond: Some(error.beyond), ..Record::new(done, seconds, phase, quality) };
        learnt(&mut record);
        run.append_metrics(&record)?;
        run.write(GENERATOR, &file.to_bytes())
    }
}

/// The default directory's name.
pub fn default_name(target: &str, hidden: usize, seed: u64) -> String {
    format!("{target}-distilled-h{hidden}-seed{seed}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{read_run_text, run_text};
    use crate::pretrained;
    use crate::run::CONFIG;
    use crate::source::Source;
    use crate::spec::trainer_spec;
    use crate::targets::builtin;
    use kiln_gpu::trainer::Trainer;

    #[test]
    fn every_teacher_that_comes_with_kiln_has_smaller_students_whose_settings_say_the_same() {
        for pretrained in pretrained::all() {
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

            let lesson = Lesson { seed: 3, steps: 20, batch: 4, fine_tune: 0, student };
            let about = about(&target, &teacher, &lesson);
            assert_eq!(read_run_text(&run_text(&config, &about), CONFIG).unwrap(), (config, about.clone()));
            assert!(about.told().contains("20 steps of 4 latents, seed 3"));
        }
    }

    #[test]
    fn teachers_that_have_nothing_to_teach_are_refused() {
        let told = |change: &dyn Fn(&mut GeneratorSpec)| {
            let teacher = Teacher::of(&Source::Pretrained(pretrained::all()[0])).unwrap();
            let mut spec = teacher.spec().clone();
            change(&mut spec);
            let generator = Generator::new(&Cpu::default(), spec, &mut || 0.5).unwrap();
            Probes::of(&Teacher { generator, ..teacher }, 0).err().map(|error| error.to_string())
        };
        assert_eq!(told(&|spec| spec.skip = 1.0), None);
        assert_eq!(told(&|spec| spec.skip = f32::MAX).unwrap(), "'mog40' draws samples that are not finite");
        assert_eq!(
            told(&|spec| (spec.skip, spec.scale) = (0.0, 0.0)).unwrap(),
            "'mog40' draws one sample only, always the same"
        );
    }
}
