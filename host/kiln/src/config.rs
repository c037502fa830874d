//! The configuration of a run: what presets, files, `--set` and flags add up to.
//!
//! [`Settings`] is raw. [`Settings::check`] or [`Layers::resolve`] turns it into a [`Config`], the only type
//! that can run: every number in it lies in the range that [`KEYS`] states for it, and the numbers fit
//! together. Later layers win: preset < file < `--set` < flags.

mod domain;
mod entries;
mod key;
mod layer;
mod settings;
mod text;

pub use domain::Domain;
pub use entries::{FORMAT, Origin};
pub use key::{KEYS, Key, find_key};
pub use layer::Layers;
pub use settings::{
    Decay, Estimator, Generator, NetworkKind, Noise, Objective, Posterior, Run, Score, ScoreKind, Select, Settings,
    Train, Transition, Weight,
};
pub use text::{About, from_run_text, read_run_text, run_text, settings_table, settings_text};

use crate::error::Error;
use std::ops::Deref;

/// Checked settings. Read them through the fields of [`Settings`]; nothing can change them any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Config(Settings);

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0
    }
}

impl Config {
    /// The settings as raw ones again, to change and check anew.
    pub fn into_settings(self) -> Settings {
        self.0
    }

    /// The `thresholds` cuts of the latent, evenly spaced in [-threshold_range, threshold_range].
    pub fn thresholds(&self) -> Vec<f64> {
        let (count, range) = (self.generator.thresholds, self.generator.threshold_range);
        match count {
            0 => Vec::new(),
            1 => vec![0.0],
            _ => (0..count).map(|k| range * (2.0 * k as f64 / (count - 1) as f64 - 1.0)).collect(),
        }
    }
}

impl Settings {
    /// Checks every value and how they fit together.
    pub fn check(self) -> Result<Config, Error> {
        Layers::new().resolve(self)
    }

    /// What no single key can say. `origin` tells where a key's value came from.
    fn check_together(&self, origin: impl Fn(&str) -> String) -> Result<(), Error> {
        let fail =
            |key: &str, message: String, hint: &str| Err(Error::input(format!("{}{message}", origin(key)), hint));
        if self.noise.v_min >= self.noise.v_max {
            let message =
                format!("noise.v_min is {}, but must be below noise.v_max ({})", self.noise.v_min, self.noise.v_max);
            return fail("noise.v_min", message, "v runs from the finest structure to the width of the region");
        }
        if self.noise.beta_start >= self.noise.beta_end {
            let (start, end) = (self.noise.beta_start, self.noise.beta_end);
            let message = format!("noise.beta_start is {start}, but must be below noise.beta_end ({end})");
            return fail("noise.beta_start", message, "the published schedules start at 1e-4 or 1e-6");
        }
        if self.posterior.keep > self.posterior.chain.max(1) {
            let (keep, chain) = (self.posterior.keep, self.posterior.chain);
            let message = format!("posterior.keep is {keep}, but the chain has only {chain} steps (posterior.chain)");
            return fail("posterior.keep", message, "keep at most as many states as the chain has steps");
        }
        if self.train.warmup > self.train.steps {
            let (warmup, steps) = (self.train.warmup, self.train.steps);
            let message = format!("train.warmup is {warmup}, but training has only {steps} steps (train.steps)");
            return fail("train.warmup", message, "warm up over a small part of the training, 100 steps say");
        }
        Ok(())
    }
}
