//! What is checked of a training before anything is written: its networks can be built, there is memory for them, and the
//! energy is finite where training would start.

use crate::config::Config;
use crate::error::Error;
use crate::frame::Frame;
use crate::framed::FramedTarget;
use crate::learned::Explored;
use crate::memory;
use crate::spec::trainer_spec;
use crate::target::Target;
use kiln_core::random::Purpose;
use kiln_gpu::pack::PackEnergy;
use kiln_gpu::posterior::{energies, normal_batch};
use kiln_gpu::trainer::{Trainer, TrainerSpec};
use kiln_gpu::{Backend, Cpu};

/// Refuses a latent that is too small for the target.
///
/// # Errors
/// If it is.
pub fn check_latent(config: &Config, target: &Target) -> Result<(), Error> {
    if config.generator.latent >= target.dim() {
        return Ok(());
    }
    let (latent, dim, title) = (config.generator.latent, target.dim(), target.title());
    let message = format!("generator.latent is {latent}, but must be at least {dim}, the dimension of {title}");
    Err(Error::input(message, format!("leave it out, or --set generator.latent={dim}")))
}

/// Samples behind the live quality figure of a training.
pub const LIVE_SAMPLES: usize = 2000;
/// Samples at which the energy is tried.
const PROBES: usize = 1024;

/// Refuses a training that could not begin, in the coordinates of a frame where there is one.
///
/// # Errors
/// If no network has this shape, there is too little memory, or the energy is not finite.
pub fn check(
    config: &Config,
    target: &Target,
    frame: Option<&Frame>,
    explored: Option<&Explored>,
) -> Result<(), Error> {
    let mut spec = trainer_spec(config, target.dim(), target.symmetry())?;
    if let Some(explored) = explored {
        explored.teach(&mut spec, config);
    }
    let trainer = built(config, spec)?;
    check_energy(target.title(), FramedTarget::new(target, frame)?.energy(), &trainer)
}

/// The networks of a training at its start.
///
/// # Errors
/// If none has this shape, or there is too little memory for it.
pub fn built(config: &Config, spec: TrainerSpec) -> Result<Trainer<Cpu>, Error> {
    check_memory(config, &spec)?;
    Trainer::new(&Cpu::default(), spec).map_err(|error| {
        Error::input(format!("no such network: {error}"), "check the [generator] and [score] settings")
    })
}

/// Refuses a training that there is too little memory for.
///
/// # Errors
/// With the estimate.
pub fn check_memory(config: &Config, spec: &TrainerSpec) -> Result<(), Error> {
    let hint = "lower train.batch, or hidden, depth, latent and thresholds of [generator] and [score]";
    if config.run.device == "cpu" { memory::check(spec.memory(LIVE_SAMPLES), "this training", hint) } else { Ok(()) }
}

/// Refuses an energy that is not finite where training would start.
///
/// # Errors
/// If it is not at half of the generator's first samples.
pub fn check_energy<D: Backend>(title: &str, energy: &PackEnergy<'_>, trainer: &Trainer<D>) -> Result<(), Error> {
    let spec = trainer.spec();
    let z = normal_batch(spec.seed, Purpose::Evaluation, 0, PROBES, spec.generator.latent);
    let x = trainer.sample(&z);
    let mut gradient = vec![0.0; x.len()];
    let found = energies(energy, &x, &mut gradient);
    let rows = gradient.chunks_exact(energy.dim());
    let lost = found.iter().zip(rows).filter(|(e, g)| !(e.is_finite() && g.iter().all(|g| g.is_finite()))).count();
    if 2 * lost > PROBES {
        return Err(Error::numerics(
            format!("the energy of {title} is not finite at {lost} of the generator's first {PROBES} samples"),
            "mend the energy, or start nearer to its domain with generator.skip and generator.scale",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;
    use crate::targets::builtin;

    /// Peaks of trainings of three steps as the system measured them, in MB.
    const PEAKS: [(&str, &str, &[&str], f64); 18] = [
        ("mog40", "direct", &["generator.hidden=1024", "score.hidden=1024"], 429.0),
        ("mog40", "direct", &["generator.hidden=2048", "score.hidden=2048"], 1583.0),
        ("mog40", "direct", &["generator.hidden=4096"], 2926.0),
        ("mog40", "direct", &["score.hidden=4096"], 2726.0),
        ("mog40", "direct", &["train.batch=65536"], 401.0),
        ("mog40", "direct", &["train.batch=65536", "generator.thresholds=256"], 673.0),
        ("mog40", "direct", &["generator.depth=64", "score.depth=64", "generator.hidden=512"], 1244.0),
        ("mog40", "paper", &["train.batch=16384"], 313.0),
        ("mw32", "direct", &["train.batch=32768"], 510.0),
        ("mw32", "direct", &["generator.hidden=2048", "score.hidden=2048"], 1562.0),
        ("mw32", "direct", &["generator.latent=4096"], 952.0),
        ("dw4", "direct", &["train.batch=8192"], 461.0),
        ("lj13", "direct", &["train.batch=1024"], 352.0),
        ("lj13", "direct", &["generator.hidden=512", "score.hidden=512", "train.batch=64"], 1076.0),
        // What the program itself takes counts here.
        ("mog40", "direct", &[], 59.0),
        ("mw32", "direct", &[], 55.0),
        ("dw4", "direct", &[], 58.0),
        ("lj13", "direct", &[], 100.0),
    ];

    #[test]
    fn estimates_of_memory_are_near_the_measured_peaks() {
        let targets = builtin();
        for (name, preset, settings, peak) in PEAKS {
            let target = targets.iter().find(|target| target.name() == name).unwrap();
            let mut layers = Layers::new();
            settings.iter().for_each(|setting| layers.set(setting).unwrap());
            let config = layers.resolve(target.preset(preset).unwrap()).unwrap();
            let spec = trainer_spec(&config, target.dim(), target.symmetry()).unwrap();
            let ratio = spec.memory(LIVE_SAMPLES) as f64 / 1e6 / peak;
            assert!((0.7..2.0).contains(&ratio), "{name} {settings:?}: {ratio:.2} of {peak} MB");
            // Shown with --nocapture.
            println!("{name} {preset} {settings:?}: {ratio:.2} of {peak} MB");
        }
    }

    #[test]
    fn the_largest_settings_are_refused_and_do_not_overflow() {
        let mut layers = Layers::new();
        let largest = ["generator.hidden=8192", "score.hidden=8192", "generator.depth=64", "train.batch=1048576"];
        largest.iter().for_each(|setting| layers.set(setting).unwrap());
        let config = layers.resolve(builtin()[0].settings()).unwrap();
        let error = check(&config, &builtin()[0], None, None).unwrap_err();
        assert!(error.to_string().contains("this training needs about ") && error.exit_code() == 2, "{error}");
        assert!(error.hint().contains("train.batch"));
    }
}
