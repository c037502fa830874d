//! A student that goes on by its teacher's own objective.

use super::{Teaching, Watch};
use crate::config::{Config, Decay};
use crate::error::Error;
use crate::guard::Guard;
use crate::run::{Phase, Record};
use crate::spec::trainer_spec;
use crate::train::Outcome;
use kiln_gpu::trainer::{StepError, StepReport, Trainer};
use kiln_gpu::{Cpu, Generator};

/// The fine-tuning's part of the teacher's learning rate: the student is near its goal already.
const FINE_RATE: f64 = 0.1;
/// Updates of the fine-tuning's score network before its first step: it knows nothing of the student yet.
const FINE_PRETRAIN: usize = 1000;
/// Steps over which the fine-tuning's learning rate rises.
const FINE_WARMUP: usize = 100;
/// What to do where it fails.
const WAY_OUT: &str =
    "do without, by --fine-tune 0, or try another --seed; the student of the last line of metrics is kept";

/// Goes on from the student by the teacher's objective.
pub(super) fn fine_tune(watch: &Watch<'_>, student: &Generator<Cpu>) -> Result<Outcome, Error> {
    let Teaching { lesson, config, target, stop, .. } = watch.teaching;
    if lesson.fine_tune == 0 {
        return Ok(Outcome::Finished);
    }
    let energy = watch.whitened.energy();
    let spec = trainer_spec(&fine_tuning(config, lesson.fine_tune)?, target.dim(), energy.symmetry())?;
    let mut trainer = Trainer::with_generator(&Cpu::default(), spec, student.clone())
        .map_err(|error| Error::input(format!("no such score network: {error}"), "check the [score] settings"))?;
    let mut guard = Guard::new(lesson.fine_tune, trainer.spec().batch, 0);
    // Of the last step; counts and evaluations are of all since the last record.
    let mut last = StepReport::default();
    let (mut dropped, mut skipped, mut evaluations, mut all_evaluations) = (0, 0, 0, 0);
    loop {
        let done = trainer.steps_done();
        let ended = watch.ended(lesson.steps + done, lesson.steps + lesson.fine_tune);
        if done > 0 && (watch.due(done) || ended.is_some()) {
            let learnt = |record: &mut Record| {
                record.score_loss = last.score_loss.map(f64::from);
                record.gradient_norm = (done > 0 && !last.skipped).then_some(f64::from(last.gradient_norm));
                (record.dropped, record.skipped) = (Some(dropped), Some(skipped));
                record.energy_evaluations = Some(evaluations);
                record.all_energy_evaluations = Some(all_evaluations);
            };
            watch.look(lesson.steps + done, Phase::FineTuning, trainer.generator(), learnt)?;
            (dropped, skipped, evaluations) = (0, 0, 0);
        }
        if let Some(outcome) = ended {
            return Ok(outcome);
        }
        let progress = done as f64 / lesson.fine_tune as f64;
        let report = match trainer.step(energy, progress, stop) {
            Ok(report) => report,
            // Told apart above.
            Err(StepError::Interrupted) => continue,
            Err(StepError::NonFinite(_)) => return Err(diverged(lesson.steps + done)),
        };
        guard.see(&report, target, WAY_OUT)?;
        dropped += report.dropped as u64;
        skipped += u64::from(report.skipped);
        evaluations += report.evaluations;
        all_evaluations += report.evaluations;
        last = report;
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

fn diverged(step: u64) -> Error {
    Error::numerics(format!("the score network diverged at step {step}: its gradient is not finite"), WAY_OUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distill::{Lesson, Probes, Teacher, about, distil};
    use crate::pretrained;
    use crate::progress::Silent;
    use crate::run::{METRICS, Run};
    use crate::source::Source;
    use crate::target::{Target, Unknown};
    use kiln_core::energy::mog40;
    use std::sync::atomic::AtomicBool;

    /// A target whose energy is a number wherever it is evaluated alone, and none where it is trained on.
    fn broken() -> Target {
        Target::new("mog40", mog40()).described("Broken", "", "E = -log p").trained_on(Unknown(2))
    }

    #[test]
    fn fine_tuning_that_teaches_nothing_is_an_error_and_leaves_the_student_as_it_was_distilled() {
        let teacher = Teacher::of(&Source::Pretrained(pretrained::all()[0])).unwrap();
        let target = broken();
        let mut settings = teacher.config.clone().into_settings();
        (settings.train.batch, settings.score.hidden, settings.score.depth) = (4, 4, 1);
        let config = settings.check().unwrap();
        let probes = Probes::of(&teacher, 0).unwrap();
        let stop = AtomicBool::new(false);
        let place = tempfile::tempdir().unwrap();
        let distilled = |name: &str, fine_tune: u64| {
            let student = teacher.student(4, 1).unwrap();
            let lesson = Lesson { seed: 0, steps: 5, batch: 4, fine_tune, student };
            let about = about(&target, &teacher, &lesson);
            let run = Run::create_as(Some(&place.path().join(name)), name, &config, &about).unwrap();
            let (teacher, probes, target, config) = (&teacher, &probes, &target, &config);
            let teaching = Teaching {
                teacher,
                probes,
                lesson: &lesson,
                config,
                target,
                run: &run,
                progress: &Silent,
                stop: &stop,
            };
            (distil(&teaching).map_err(|error| [error.to_string(), error.hint().to_string()]), run)
        };
        let (outcome, plain) = distilled("plain", 0);
        assert_eq!(outcome, Ok(Outcome::Finished));
        for (steps, last) in [(3, "3 steps"), (60, "50 steps")] {
            let (outcome, run) = distilled(last, steps);
            let sentence = format!("the energy of Broken is not finite for most samples of the last {last}");
            assert_eq!(outcome, Err([sentence, WAY_OUT.to_string()]));
            let weights = |run: &Run| {
                let file = kiln_gpu::Checkpoint::from_bytes(&std::fs::read(run.generator().unwrap()).unwrap()).unwrap();
                Generator::<Cpu>::from_checkpoint(&Cpu::default(), &file).unwrap().sample(&[0.3, -0.7])
            };
            assert_eq!(weights(&run), weights(&plain));
            assert_eq!(std::fs::read_to_string(run.file(METRICS)).unwrap().lines().count(), 2);
        }
    }
}
