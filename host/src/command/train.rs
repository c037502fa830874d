//! `kiln train`: settings, run directory, training, and at the end samples and their picture.

use super::find_target;
use super::sample::check_finite;
use crate::cli::Train;
use crate::console::{print, say};
use crate::interrupt::stop_on_signals;
use crate::plot;
use crate::plot::Caption;
use crate::progress::{Bars, parse_budget};
use kiln::config::{About, Config, Layers, find_key};
use kiln::error::Error;
use kiln::metric::suite;
use kiln::run::{MAY_CHANGE, PICTURE, Run, SAMPLES};
use kiln::sample::Sampler;
use kiln::samples::Samples;
use kiln::target::Target;
use kiln::targets::builtin;
use kiln::train::{Outcome, Training, train};
use kiln::train::{find_device, trainer_spec};
use kiln::{format, start, threads};
use kiln_gpu::Checkpoint;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Samples drawn when the training is over.
const SAMPLE_COUNT: usize = 10_000;
/// Samples between two looks at whether to stop.
const SAMPLE_PART: usize = 256;

/// Trains. Everything that can be refused is refused before anything is written.
pub fn run(arguments: &Train, quiet: bool, threads: Option<usize>) -> Result<(), Error> {
    let budget = arguments.budget.as_deref().map(parse_budget).transpose()?;
    let Prepared { run, config, target, from, notes } = match &arguments.resume {
        Some(path) => resumed(arguments, path, threads)?,
        None => fresh(arguments, threads)?,
    };
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
    let (from, target) = (from.as_ref(), &target);
    let training = Training { config: &config, target, run: &run, from, budget, progress: &progress, stop: &stop };
    if train(&training)? == Outcome::Interrupted {
        return Err(Error::interrupted(
            format!("interrupted; {place} holds a checkpoint"),
            format!("go on with `kiln train --resume {place}`"),
        ));
    }
    let title = format!("{}, preset {}, seed {}", target.title(), config.run.preset, config.run.seed);
    show(&run, target, title, &stop, quiet)?;
    if !quiet {
        say(format_args!(
            "done; `kiln evaluate {place}` judges it, `kiln sample {place} -n 1000 -o samples.npy` draws from it"
        ));
    }
    print(&format!("{place}\n"))
}

/// A training that can begin.
struct Prepared {
    run: Run,
    config: Config,
    target: Target,
    /// The state to go on from.
    from: Option<Checkpoint>,
    /// What the person should know of it.
    notes: Vec<String>,
}

fn fresh(arguments: &Train, threads: Option<usize>) -> Result<Prepared, Error> {
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
    let preset = layers.get("run.preset").and_then(|(name, _)| target.preset(name));
    // A preset that there is not is refused with its place.
    let config = layers.resolve(preset.unwrap_or_else(|| target.settings()))?;
    find_device(&config.run.device)?;
    if config.generator.latent < target.dim() {
        let (latent, dim) = (config.generator.latent, target.dim());
        let message =
            format!("generator.latent is {latent}, but must be at least {dim}, the dimension of {}", target.title());
        return Err(Error::input(message, format!("leave it out, or --set generator.latent={dim}")));
    }
    threads::start(config.run.threads)?;
    start::check(&config, &target)?;
    let run = Run::create(arguments.out.as_deref(), &config, &About::training(&target.convention()))?;
    Ok(Prepared { run, config, target, from: None, notes: Vec::new() })
}

fn resumed(arguments: &Train, path: &Path, threads: Option<usize>) -> Result<Prepared, Error> {
    let (run, old) = Run::take(path)?;
    if run.about().student.is_some() {
        let message = format!("'{}' is a student of `kiln distill`, which has no checkpoints", path.display());
        return Err(Error::input(message, "distil anew, with another --out"));
    }
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
    let target = find_target(&config.run.target, "")?;
    threads::start(config.run.threads)?;
    start::check_memory(&config, &trainer_spec(&config, target.dim(), target.symmetry())?)?;
    if target.convention() != run.about().convention {
        let message =
            format!("{} is another energy than the one that '{}' was trained on", target.title(), path.display());
        return Err(Error::input(message, "its config.toml has the old one; train anew with another --out"));
    }
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
        Some(Ok(done)) if done == steps => {
            notes
                .push(format!("the run has done all of its {done} steps; for more add --set train.steps={}", 2 * done));
        }
        Some(_) => {}
    }
    if config != old {
        run.change_settings(&config)?;
    }
    Ok(Prepared { run, config, target, from, notes })
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

/// Draws fresh samples into the run, pictures them and says how good they are.
pub(super) fn show(run: &Run, target: &Target, title: String, stop: &AtomicBool, quiet: bool) -> Result<(), Error> {
    let samples = drawn(run, stop)?;
    format::write(&run.file(SAMPLES), &samples, target, true)?;
    let figures = suite::headline(target, &samples.data).text;
    if !quiet {
        say(&figures);
    }
    run.write(PICTURE, &plot::picture(target, &samples, &Caption { title, figures })?)
}

/// The first samples of a run's generator, which must be finite.
fn drawn(run: &Run, stop: &AtomicBool) -> Result<Samples, Error> {
    let sampler = Sampler::open(run)?;
    let mut all = Samples { dim: sampler.dim(), data: Vec::new() };
    while all.len() < SAMPLE_COUNT {
        if stop.load(Ordering::Relaxed) {
            let place = run.path().display();
            return Err(Error::interrupted(
                format!("interrupted while the samples of {place} were drawn; its generator is done"),
                format!("`kiln sample {place} -n {SAMPLE_COUNT} -o samples.npy` draws them"),
            ));
        }
        let (first, n) = (all.len() as u64, SAMPLE_PART.min(SAMPLE_COUNT - all.len()));
        let rows = sampler.rows(0, first, n)?;
        check_finite(&rows, first, SAMPLE_COUNT as u64)
            .map_err(|error| error.with_hint("train anew with lower rates; the run keeps its checkpoints"))?;
        all.data.extend(rows.data);
    }
    Ok(all)
}
