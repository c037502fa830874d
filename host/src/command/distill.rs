//! `kiln distill`: a smaller generator that draws what a trained one draws, from the same latents.

use super::train::show;
use super::{target_of_source, whole};
use crate::bars::Bars;
use crate::cli::Distill;
use crate::console::{print, say};
use crate::interrupt::stop_on_signals;
use kiln::config::Layers;
use kiln::distill::{
    Lesson, PROBES, Probes, Teacher, Teaching, about, default_name, distil, effort, fine_tuning, judge,
};
use kiln::error::Error;
use kiln::run::{JUDGEMENT, Run};
use kiln::source::resolve;
use kiln::spec::trainer_spec;
use kiln::train::Outcome;
use kiln::{memory, start, threads};

/// Distils. Everything that can be refused is refused before anything is written.
pub fn run(arguments: &Distill, quiet: bool, threads: Option<usize>) -> Result<(), Error> {
    let source = resolve(&arguments.run)?;
    let target = target_of_source(&source, &arguments.run)?;
    let teacher = Teacher::of(&source)?;
    source.check_dim(teacher.spec().dim, &target)?;
    let mut layers = Layers::new();
    layers.flag("generator.hidden", arguments.hidden, "--hidden")?;
    if let Some(depth) = arguments.depth {
        layers.flag("generator.depth", depth, "--depth")?;
    }
    layers.flag("run.seed", arguments.seed, "--seed")?;
    layers.flag("run.threads", threads.unwrap_or(0) as i64, "--threads")?;
    layers.flag("run.device", "cpu", "the device")?;
    let config = layers.resolve(teacher.config.clone().into_settings())?;
    // Their ranges are those of a training's, which they do not take the place of.
    let mut ranges = Layers::new();
    let asked = [arguments.steps, arguments.batch, arguments.fine_tune];
    let mut enough = effort(&teacher.spec().body, &target.structure());
    if teacher.has_cells() {
        enough[2] = 0;
    }
    let [steps, batch, fine] = std::array::from_fn(|at| asked[at].unwrap_or(enough[at]));
    ranges.flag("train.steps", steps, "--steps")?;
    ranges.flag("train.batch", batch, "--batch")?;
    let fine_tune = whole(fine, 0, "--fine-tune")?;
    let student = teacher.student(config.generator.hidden, config.generator.depth)?;
    teacher.check_fine_tuning(fine_tune)?;
    if fine_tune > 0 {
        ranges.flag("train.steps", fine, "--fine-tune")?;
        let fine = fine_tuning(&config, fine_tune)?;
        start::built(&fine, trainer_spec(&fine, target.dim(), target.symmetry())?)?;
    }
    let [steps, batch] = [whole(steps, 1, "--steps")?, whole(batch, 1, "--batch")?];
    let seed = config.run.seed;
    let lesson = Lesson { seed, steps, batch: usize::try_from(batch).unwrap_or(usize::MAX), fine_tune, student };

    let bytes = lesson.student.distillation_memory(teacher.spec(), lesson.batch, PROBES);
    memory::check(bytes, "this distillation", "lower --batch or --hidden")?;

    let name = default_name(target.name(), config.generator.hidden, seed);
    threads::start(config.run.threads)?;
    let probes = Probes::of(&teacher, seed)?;
    // What could not be judged in the end is refused now.
    source.float_model()?;
    let run = Run::create_as(arguments.out.as_deref(), &name, &config, &about(&target, &teacher, &lesson))?;
    let stop = stop_on_signals();
    let place = run.path().display().to_string();
    let (hidden, depth) = lesson.student.body.size();
    if !quiet {
        let (title, numbers, of) = (target.title(), lesson.student.numbers(), teacher.spec().numbers());
        say(format_args!(
            "distilling {} of {title} into {hidden} x {depth}, {numbers} numbers of {of}, in {place}",
            teacher.name
        ));
    }
    let progress = Bars::new(quiet);
    let target = &target;
    let (lesson, config, probes) = (&lesson, &config, &probes);
    let teaching =
        Teaching { teacher: &teacher, probes, lesson, config, target, run: &run, progress: &progress, stop: &stop };
    if distil(&teaching)? == Outcome::Interrupted {
        return Err(Error::interrupted(
            format!("interrupted; {place} holds the student as it was, not yet done"),
            format!("`kiln evaluate {place}` judges it; start anew for a finished one"),
        ));
    }
    let title = format!("{}, {hidden} x {depth} distilled from {}, seed {seed}", target.title(), teacher.name);
    show(&run, target, title, &stop, quiet)?;
    let judgement = judge::compare(target, &source, &run, config)?;
    run.write(JUDGEMENT, judgement.json().as_bytes())?;
    if arguments.json {
        return print(&(judgement.json() + "\n"));
    }
    if !quiet {
        let format = if judgement.i8w16a_error.is_some() { "i8w16a" } else { "f32" };
        say(format_args!(
            "\n{}\ndone; `kiln export {place} --format {format} -o small.kiln` makes the file for flash",
            judgement.text()
        ));
    }
    print(&format!("{place}\n"))
}
