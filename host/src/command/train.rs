//! `kiln train`: settings, run directory, training, and at the end samples, their picture and the verdict on them.

use super::explore::whole_evaluations;
use super::{find_target, refuse_failing, target_of};
use crate::bars::Bars;
use crate::chart::{Caption, Set, View, picture};
use crate::cli::Train;
use crate::console::{print, say};
use crate::interrupt::stop_on_signals;
use crate::progress::parse_budget;
use kiln::config::{Config, Layers, find_key};
use kiln::cost::Cost;
use kiln::error::Error;
use kiln::explore::Start;
use kiln::fit::{Options, Prepared, SAMPLE_COUNT, drawn, take};
use kiln::metric::suite;
use kiln::metric::{Comparison, Measured};
use kiln::pool::{Order, Pool, TRAINING_EVALUATIONS, explore};
use kiln::preset::PRESETS;
use kiln::run::{MAY_CHANGE, PICTURE, Run, SAMPLES, check_place};
use kiln::samples::Samples;
use kiln::spec::trainer_spec;
use kiln::start;
use kiln::target::Target;
use kiln::targets::builtin;
use kiln::train::{Outcome, find_device};
use kiln::verdict::{Against, QUALITY, Verdict, verdict};
use kiln::{format, threads};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// The verdict has one draw for so many evaluations of the exploration, and so many at most.
const JUDGED_PART: u64 = 50;
const MOST_JUDGED: usize = 100_000;
/// The part of the time that an exploration before a training may take.
const EXPLORING: f64 = 0.25;

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
    let preset = layers.get("run.preset").map_or(PRESETS[0], |(name, _)| name);
    // A preset that there is not is refused with its place.
    let plain = layers.resolve(target.preset(preset).unwrap_or_else(|| target.settings()))?;
    threads::start(plain.run.threads)?;
    // Without an exploration there are no states to learn from, and of a user's energy no scale. The published recipe knows none.
    let ours = Some(&plain.run.preset.as_str()) != PRESETS.last();
    let needed = plain.learn.states || target.file().is_some() || arguments.evaluations.is_some();
    let pool = match &arguments.explored {
        Some(path) => Some(Pool::open(path)?),
        None if ours && needed => Some(explored(arguments, &target, &plain, budget, quiet)?),
        None => None,
    };
    let config = match &pool {
        Some(pool) => match pool.settings(&target, &plain.run.preset) {
            Some(settings) => layers.resolve(settings)?,
            None => plain,
        },
        None => plain,
    };
    let prepared = Prepared::new(&target, config, arguments.out.as_deref(), pool.as_ref())?;
    Ok((target, prepared))
}

/// What a training from a formula file starts from, where nothing was explored before. What can be refused without it is
/// refused first.
fn explored(
    arguments: &Train,
    target: &Target,
    config: &Config,
    budget: Option<Duration>,
    quiet: bool,
) -> Result<Pool, Error> {
    let all = arguments.evaluations.map(whole_evaluations).transpose()?.unwrap_or(TRAINING_EVALUATIONS);
    let evaluations = config.learn.exploration(all);
    find_device(&config.run.device)?;
    if let Some(out) = &arguments.out {
        check_place(out)?;
    }
    start::check_latent(config, target)?;
    start::built(config, trainer_spec(config, target.dim(), target.symmetry())?)?;
    if !quiet {
        say(format_args!("exploring {} first; --explored takes what was explored before", target.title()));
    }
    let order = Order {
        evaluations,
        seconds: budget.map(|budget| EXPLORING * budget.as_secs_f64()),
        seed: config.run.seed,
        start: Start::Scattered,
    };
    let pool = explore(target, &order, &Bars::new(quiet), &stop_on_signals())?;
    if !quiet {
        let (effective, r_hat) = (pool.effective(), pool.r_hat());
        say(format_args!("explored: effective sample size {effective:.0}, R-hat {r_hat:.3}"));
        pool.facts.reasons.iter().for_each(|reason| say(format_args!("note: {reason}")));
    }
    Ok(pool)
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
    let pool = Pool::of_run(run)?;
    // Evaluations for the verdict: a small part of what was spent before, where that is known.
    let judged = pool.as_ref().map_or(0, |pool| (pool.facts.evaluations / JUDGED_PART) as usize);
    let measured = Measured::differentiated(target, drawn(run, judged.clamp(SAMPLE_COUNT, MOST_JUDGED), stop)?)?;
    let (dim, energies) = (measured.samples.dim, &measured.energies[..SAMPLE_COUNT]);
    let samples = &Samples { dim, data: measured.samples.data[..SAMPLE_COUNT * dim].to_vec() };
    format::write(&run.file(SAMPLES), samples, target, true)?;
    let figures = suite::headline(target, &samples.data, energies).text;
    if !quiet {
        say(&figures);
    }
    let comparison = Comparison::of(target, measured.samples.len());
    let against = Against::best(pool.as_ref(), comparison.as_ref());
    let verdict = verdict(target, &measured, against);
    let states = match (&comparison, &pool) {
        (None, Some(pool)) => Some(pool.draw_with_energies(0, 0, pool.samples.len().min(SAMPLE_COUNT))?),
        _ => None,
    };
    let known = comparison.as_ref().map(|comparison| (Set::of(&comparison.reference), "reference samples"));
    let explored = states.as_ref().map(|(states, energies)| (Set::cut(&states.data, energies), "explored states"));
    let drawn = Set::cut(&samples.data, energies);
    let view = View { target, samples: drawn, reference: known.or(explored), cells: &verdict.cells };
    run.write(PICTURE, &picture(&view, &Caption { title, said: vec![figures, verdict.line()] })?)?;
    if !quiet {
        say(verdict.line());
        if let Some(cost) = pool.as_ref().map(|pool| Cost::of(run, pool)).transpose()?.flatten() {
            say(format_args!("cost: {}", cost.told()));
        }
    }
    run.write(QUALITY, &serde_json::to_vec_pretty(&verdict).unwrap_or_default())?;
    Ok(verdict)
}
