//! Settings that may run: each in its range, and all of them fit together.

use super::settings::Settings;
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
    /// Of settings that each lie in their range. `origin` tells where a key's value came from, for the error.
    ///
    /// # Errors
    /// If they do not fit together.
    pub(super) fn of_ranged(settings: Settings, origin: impl Fn(&str) -> String) -> Result<Self, Error> {
        settings.check_together(origin)?;
        Ok(Self(settings))
    }

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
