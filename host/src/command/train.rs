//! `kiln train`: settings, run directory, training, and at the end samples, their picture and the verdict on them.

use super::explore::whole_evaluations;
use super::{find_target, refuse_failing, target_of};
use crate::bars::Bars;
use crate::chart::{Caption, Set, View, picture};
use crate::cli::Train;
use crate::console::{print, say};
use crate::interrupt::stop_on_signals;
use crate::progress::parse_budget;
use kiln::config::{Layers, find_key};
use kiln::error::Error;
use kiln::explore::Start;
use kiln::fit::{Beginning, Judged, Options, Prepared, SAMPLE_COUNT, begin, judged, take};
use kiln::pool::Pool;
use kiln::run::{MAY_CHANGE, PICTURE, Run};
use kiln::target::Target;
use kiln::targets::builtin;
use kiln::threads;
use kiln::train::{Outcome, find_device};
use kiln::verdict::Verdict;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Trains. Everything that can be refused is refused before anything is written.
pub fn run(arguments: &Train, quiet: bool, threads: Option<usize>) -> Result<(), Error> {
    let budget = arguments.budget.as_deref().map(parse_budget).transpose()?;
    let begun = Instant::now();
    let (target, prepared) = match &arguments.resume {
        Some(path) => resumed(arguments, path, threads)?,
        None => fresh(arguments, threads, budget, quiet)?,
    };
    let Prepared { run, config, notes, .. } = &prepared;
    let stop = stop_on_signals();
    let place = run.path().display().to_string();
    if !quiet {
        notes.iter().for_each(|note| say(format_args!("note: {note}")));
        say(format_args!(
            "training on {}, preset {}, seed {}, into {place}",
            target.title(),
            config.run.preset,
            config.run.seed
        ));
    }
    let progress = Bars::new(quiet);
    let budget = budget.map(|budget| budget.saturating_sub(begun.elapsed()));
    let options = Options { budget, progress: &progress, stop: &stop };
    if prepared.train(&target, &options)? == Outcome::Interrupted {
        return Err(Error::interrupted(
            format!("interrupted; {place} holds a checkpoint"),
            format!("go on with `kiln train --resume {place}`"),
        ));
    }
    let title = format!("{}, preset {}, seed {}", target.title(), config.run.preset, config.run.seed);
    let verdict = show(run, &target, title, &stop, quiet)?;
    if !quiet {
        say(format_args!(
            "done; `kiln evaluate {place}` judges it, `kiln sample {place} -n 1000 -o samples.npy` draws from it"
        ));
    }
    print(&format!("{place}\n"))?;
    refuse_failing(&verdict, run.path(), &target)
}

fn fresh(
    arguments: &Train,
    threads: Option<usize>,
    budget: Option<Duration>,
    quiet: bool,
) -> Result<(Target, Prepared), Error> {
    let mut layers = Layers::new();
    if let Some(file) = &arguments.config {
        layers.file(file)?;
    }
    for assignment in &arguments.set {
        layers.set(assignment)?;
    }
    if let Some(preset) = &arguments.preset {
        layers.flag("run.preset", preset.as_str(), "--preset")?;
    }
    if let Some(seed) = arguments.seed {
        layers.flag("run.seed", seed, "--seed")?;
    }
    flags_of_the_machine(arguments, threads, &mut layers)?;
    let target = match &arguments.target {
        Some(name) => find_target(name, "")?,
        None => match layers.get("run.target") {
            Some((name, origin)) => find_target(name, &format!("{origin}: "))?,
            None => builtin().into_iter().next().ok_or_else(|| Error::input("there is no target", "name one"))?,
        },
    };
    layers.flag("run.target", target.name(), "TARGET")?;
    let beginning = Beginning {
        layers: &layers,
        explored: arguments.explored.as_deref().map(Pool::open).transpose()?,
        evaluations: arguments.evaluations.map(whole_evaluations).transpose()?,
        start: Start::Scattered,
        out: arguments.out.as_deref(),
    };
    threads::start(beginning.settings(&target)?.run.threads)?;
    let options = Options { budget, progress: &Bars::new(quiet), stop: &stop_on_signals() };
    let prepared = begin(&target, beginning, &options)?;
    Ok((target, prepared))
}

fn resumed(arguments: &Train, path: &Path, threads: Option<usize>) -> Result<(Target, Prepared), Error> {
    let (run, old) = take(path)?;
    let mut layers = Layers::new();
    for assignment in &arguments.set {
        let key = assignment.split('=').next().unwrap_or_default().trim();
        if find_key(key).is_some() && !MAY_CHANGE.contains(&key) {
            let message = format!("--set: {key} cannot change while a run goes on");
            return Err(Error::input(message, format!("what can are {}", MAY_CHANGE.join(", "))));
        }
        layers.set(assignment)?;
    }
    flags_of_the_machine(arguments, threads, &mut layers)?;
    let config = layers.resolve(old.clone().into_settings())?;
    find_device(&config.run.device)?;
    let about = run.about();
    let (name, file) = (&config.run.target, about.energy.as_deref().map(Path::new));
    let target = target_of(name, Some(&about.convention), file, path)?;
    threads::start(config.run.threads)?;
    let prepared = Prepared::resumed(run, &old, config, &target)?;
    Ok((target, prepared))
}

fn flags_of_the_machine(arguments: &Train, threads: Option<usize>, layers: &mut Layers) -> Result<(), Error> {
    if let Some(threads) = threads {
        layers.flag("run.threads", threads as i64, "--threads")?;
    }
    if let Some(device) = &arguments.device {
        layers.flag("run.device", device.as_str(), "--device")?;
    }
    Ok(())
}

/// Draws fresh samples into the run, pictures them and says how good they are, with the verdict.
pub(super) fn show(
    run: &Run,
    target: &Target,
    title: String,
    stop: &AtomicBool,
    quiet: bool,
) -> Result<Verdict, Error> {
    let Judged { samples, energies, headline, verdict, comparison, pool, cost } = judged(run, target, stop)?;
    if !quiet {
        say(&headline);
    }
    let states = match (&comparison, &pool) {
        (None, Some(pool)) => Some(pool.draw_with_energies(0, 0, pool.samples.len().min(SAMPLE_COUNT))?),
        _ => None,
    };
    let known = comparison.as_ref().map(|comparison| (Set::of(&comparison.reference), "reference samples"));
    let explored = states.as_ref().map(|(states, energies)| (Set::cut(&states.data, energies), "explored states"));
    let drawn = Set::cut(&samples.data, &energies);
    let view = View { target, samples: drawn, reference: known.or(explored), cells: &verdict.cells };
    run.write(PICTURE, &picture(&view, &Caption { title, said: vec![headline, verdict.line()] })?)?;
    if !quiet {
        say(verdict.line());
        if let Some(cost) = cost {
            say(format_args!("cost: {}", cost.told()));
        }
    }
    Ok(verdict)
}
