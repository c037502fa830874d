//! The beginning of a training by the person's settings: what has to be explored is explored first.

use super::{Options, Prepared};
use crate::config::{Config, Layers};
use crate::error::Error;
use crate::pool::{Order, Pool, TRAINING_EVALUATIONS, explore};
use crate::preset::PRESETS;
use crate::run::check_place;
use crate::spec::trainer_spec;
use crate::start;
use crate::target::Target;
use crate::train::find_device;
use kiln_explore::Start;
use std::path::Path;

/// What a training begins with, beside its target.
#[derive(Debug)]
pub struct Beginning<'a> {
    /// What the person sets; the rest is the preset's.
    pub layers: &'a Layers,
    /// What was explored before; none explores where the preset needs it.
    pub explored: Option<Pool>,
    /// Evaluations of exploration and training together; a usual number where nothing is said.
    pub evaluations: Option<u64>,
    /// Where chains of the exploration begin.
    pub start: Start,
    /// The run directory; none is the first free one below `runs`.
    pub out: Option<&'a Path>,
}

impl Beginning<'_> {
    /// The settings before an exploration has said more.
    ///
    /// # Errors
    /// If one is out of range, or there is no such preset.
    pub fn settings(&self, target: &Target) -> Result<Config, Error> {
        let preset = self.layers.get("run.preset").map_or(PRESETS[0], |(name, _)| name);
        // A preset that there is not is refused with its place.
        self.layers.resolve(target.preset(preset).unwrap_or_else(|| target.settings()))
    }
}

/// Prepares a training, with an exploration where one is needed and none is given. Everything that can be refused is refused before
/// anything is written or spent.
///
/// # Errors
/// If a setting is out of range, the energy is refused, the directory is used, or the training was stopped.
pub fn begin(target: &Target, beginning: Beginning<'_>, options: &Options<'_>) -> Result<Prepared, Error> {
    let plain = beginning.settings(target)?;
    // Without an exploration there are no states to learn from, and of a user's energy no scale. The published recipe knows none.
    let ours = Some(&plain.run.preset.as_str()) != PRESETS.last();
    let needed = plain.learn.states || target.is_brought() || beginning.evaluations.is_some();
    let Beginning { layers, explored: given, out, .. } = &beginning;
    let found =
        if given.is_none() && ours && needed { Some(explored(target, &plain, &beginning, options)?) } else { None };
    let pool = given.as_ref().or(found.as_ref());
    let settings = pool.and_then(|pool| pool.settings(target, &plain.run.preset));
    let config = settings.map(|settings| layers.resolve(settings)).transpose()?.unwrap_or(plain);
    Prepared::new(target, config, *out, pool)
}

/// What a training starts from where nothing was explored before. What can be refused without it is refused first.
fn explored(target: &Target, config: &Config, beginning: &Beginning<'_>, options: &Options<'_>) -> Result<Pool, Error> {
    find_device(&config.run.device)?;
    if let Some(out) = beginning.out {
        check_place(out)?;
    }
    start::check_latent(config, target)?;
    start::built(config, trainer_spec(config, target.dim(), target.symmetry())?)?;
    options.progress.note(&format!("exploring {} first", target.title()));
    let order = Order {
        evaluations: config.learn.exploration(beginning.evaluations.unwrap_or(TRAINING_EVALUATIONS)),
        seconds: options.budget.map(|budget| config.learn.exploring_time * budget.as_secs_f64()),
        seed: config.run.seed,
        start: beginning.start.clone(),
    };
    let pool = explore(target, &order, options.progress, options.stop)?;
    let (effective, r_hat) = (pool.effective(), pool.r_hat());
    options.progress.note(&format!("explored: effective sample size {effective:.0}, R-hat {r_hat:.3}"));
    pool.facts.reasons.iter().for_each(|reason| options.progress.note(&format!("note: {reason}")));
    Ok(pool)
}
