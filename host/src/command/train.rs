//! `kiln train`: settings, run directory, training, and at the end samples and their picture.

use super::find_target;
use crate::cli::Train;
use crate::config::{Config, Layers};
use crate::console::{print, say};
use crate::engine::{Engine, Job, Outcome};
use crate::error::Error;
use crate::metric::suite;
use crate::plot::Caption;
use crate::progress::{Progress, parse_budget};
use crate::run::{PICTURE, Run, SAMPLES};
use crate::target_api::Target;
use crate::train::{find_device, trainer_spec};
use crate::{format, plot, preset};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Samples drawn when the training is over.
const SAMPLE_COUNT: usize = 10_000;

/// Trains. Everything that can be refused is refused before anything is written.
pub fn run(arguments: &Train, engine: &dyn Engine, quiet: bool) -> Result<(), Error> {
    let budget = arguments.budget.as_deref().map(parse_budget).transpose()?;
    let (run, config, target) = match &arguments.resume {
        Some(path) => resumed(arguments, path, engine)?,
        None => fresh(arguments, engine)?,
    };
    use_threads(config.run.threads)?;
    let stop = stop_on_interrupt();
    let place = run.path().display().to_string();
    if !quiet {
        say(format_args!(
            "training on {}, preset {}, seed {}, into {place}",
            target.title(),
            config.run.preset,
            config.run.seed
        ));
    }
    let progress = Progress::within(target.name(), config.train.steps as u64, budget, quiet);
    let resume = arguments.resume.is_some();
    let job =
        Job { config: &config, target: target.as_ref(), run: &run, resume, budget, progress: &progress, stop: &stop };
    let outcome = engine.train(&job);
    progress.finish();
    if outcome? == Outcome::Interrupted {
        return Err(Error::interrupted(
            format!("interrupted; {place} holds a checkpoint"),
            format!("go on with `kiln train --resume {place}`"),
        ));
    }
    let title = format!("{}, preset {}, seed {}", target.title(), config.run.preset, config.run.seed);
    show(engine, &run, &config, target.as_ref(), title, quiet)?;
    if !quiet {
        say(format_args!(
            "done; `kiln evaluate {place}` judges it, `kiln sample {place} -n 1000 -o samples.npy` draws from it"
        ));
    }
    print(&format!("{place}\n"))
}

type Prepared = (Run, Config, Box<dyn Target>);

fn fresh(arguments: &Train, engine: &dyn Engine) -> Result<Prepared, Error> {
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
    flags_of_the_machine(arguments, &mut layers)?;
    let target = match &arguments.target {
        Some(name) => find_target(engine, name, "")?,
        None => match layers.get("run.target") {
            Some((name, origin)) => find_target(engine, name, &format!("{origin}: "))?,
            None => {
                engine.targets().into_iter().next().ok_or_else(|| Error::input("there is no target", "name one"))?
            }
        },
    };
    layers.flag("run.target", target.name(), "TARGET")?;
    let preset = layers.get("run.preset").map_or(preset::PRESETS[0], |(name, _)| name).to_string();
    let config = layers.resolve(preset::settings(target.name(), &preset, target.dim()))?;
    find_device(&config.run.device)?;
    if config.generator.latent < target.dim() {
        let (latent, dim) = (config.generator.latent, target.dim());
        let message =
            format!("generator.latent is {latent}, but must be at least {dim}, the dimension of {}", target.title());
        return Err(Error::input(message, format!("leave it out, or --set generator.latent={dim}")));
    }
    trainer_spec(&config, target.dim(), target.symmetry())?;
    let run = Run::create(arguments.out.as_deref(), &config, &target.convention())?;
    Ok((run, config, target))
}

fn resumed(arguments: &Train, path: &std::path::Path, engine: &dyn Engine) -> Result<Prepared, Error> {
    let (run, config) = Run::open(path)?;
    run.checkpoint()?;
    let mut layers = Layers::new();
    flags_of_the_machine(arguments, &mut layers)?;
    let config = layers.resolve(config.into_settings())?;
    find_device(&config.run.device)?;
    let target = find_target(engine, &config.run.target, "")?;
    Ok((run, config, target))
}

fn flags_of_the_machine(arguments: &Train, layers: &mut Layers) -> Result<(), Error> {
    if let Some(threads) = arguments.threads {
        layers.flag("run.threads", threads, "--threads")?;
    }
    if let Some(device) = &arguments.device {
        layers.flag("run.device", device.as_str(), "--device")?;
    }
    Ok(())
}

/// Sets the number of threads for all parallel work; 0 is one per core.
pub(super) fn use_threads(threads: usize) -> Result<(), Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|error| Error::input(format!("cannot start {threads} threads: {error}"), "try fewer with --threads"))
}

/// A flag that the first Ctrl-C (or a request to terminate) sets. The second one ends the process at once.
pub(super) fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let handler = move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        say("\nstopping after this step; Ctrl-C again ends at once");
    };
    if ctrlc::set_handler(handler).is_err() {
        say("warning: Ctrl-C will end the training without a checkpoint");
    }
    stop
}

/// Draws fresh samples into the run, pictures them and says how good they are.
pub(super) fn show(
    engine: &dyn Engine,
    run: &Run,
    config: &Config,
    target: &dyn Target,
    title: String,
    quiet: bool,
) -> Result<(), Error> {
    let samples = engine.sample(run, config, 0, SAMPLE_COUNT)?;
    format::write(&run.file(SAMPLES), &samples, target, true)?;
    let figures = suite::headline(target, &samples.data);
    if !quiet {
        say(&figures);
    }
    run.write(PICTURE, &plot::picture(target, &samples, &Caption { title, figures })?)
}
