//! The JSON beside a reference: what it is, how it was made, how good it is.

use kiln_metrics::chain::R_HAT_LIMIT;
use kiln_metrics::number::{self, digits};
use serde::{Deserialize, Serialize};

/// Standard errors that the virial may be off.
const VIRIAL_LIMIT: f64 = 4.0;

/// Everything that is to be known of a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of Kiln that made it.
    pub kiln: String,
    /// The command that makes it again, to the bit.
    pub command: String,
    /// The target's name on the command line.
    pub target: String,
    /// Its name in titles.
    pub title: String,
    /// Its energy with all constants.
    pub convention: String,
    /// Every random number followed from it.
    pub seed: u64,
    /// Frames.
    pub n: usize,
    /// Coordinates of a frame.
    pub dim: usize,
    /// SHA-256 of the samples as `.npy`, in hexadecimal.
    pub sha256: String,
    /// Whether R-hat and the virial are within their limits.
    pub converged: bool,
    /// Where frames came from.
    pub method: Method,
    /// Frames behind the diagnostics; those of the file are drawn from them.
    pub frames_judged: usize,
    /// Diagnostics by observable.
    pub observables: Vec<Observable>,
    /// The virial theorem's check.
    pub virial: Virial,
    /// Energy evaluations spent, burn-in and diagnostics included.
    pub energy_evaluations: u64,
    /// Proposals whose energy was not finite, after burn-in.
    pub divergences: u64,
    /// Wall-clock time.
    pub seconds: f64,
}

/// How frames were drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Method {
    /// By an exact sampler: independent.
    Exact,
    /// By replica exchange; rates are those after burn-in, by temperature.
    ReplicaExchange {
        /// What moves a replica.
        kernel: String,
        /// Precision of positions and energies in chains; diagnostics are in f64.
        precision: String,
        /// Independent ladders.
        ladders: usize,
        /// Frames of each.
        frames_per_ladder: usize,
        /// Rounds between them.
        rounds_between_frames: usize,
        /// Rounds before the first one.
        rounds_discarded: usize,
        /// The longest integrated autocorrelation time of any observable, in rounds.
        autocorrelation_rounds: f64,
        /// Leapfrog steps of a trajectory.
        leapfrog_steps: u32,
        /// Trajectories of a replica in a round.
        trajectories_per_round: u32,
        /// Temperatures.
        temperatures: Vec<f64>,
        /// Frozen step sizes.
        step_sizes: Vec<f64>,
        /// Acceptance rates of trajectories.
        acceptance: Vec<f64>,
        /// Acceptance rates of exchanges between neighbours.
        exchange_rates: Vec<f64>,
    },
}

/// One observable; a figure that is unknown is NaN, `"unknown"` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observable {
    /// What it is.
    pub name: String,
    /// Mean over frames.
    #[serde(with = "number")]
    pub mean: f64,
    /// Its standard error, by the effective sample size.
    #[serde(with = "number")]
    pub standard_error: f64,
    /// Standard deviation of frames.
    #[serde(with = "number")]
    pub sd: f64,
    /// Rank-normalised split R-hat.
    #[serde(with = "number")]
    pub r_hat: f64,
    /// Bulk effective sample size.
    #[serde(with = "number")]
    pub effective_sample_size: f64,
    /// Autocorrelation of neighbouring frames.
    #[serde(with = "number")]
    pub lag_1: f64,
}

/// The virial theorem's check.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Virial {
    /// Mean of (x - c)·∇E; c is the frames' mean, for particles the origin.
    #[serde(with = "number")]
    pub mean: f64,
    /// Its standard error.
    #[serde(with = "number")]
    pub standard_error: f64,
    /// What it is at equilibrium: the number of free coordinates.
    pub expected: f64,
    /// (mean - expected)/standard error.
    #[serde(with = "number")]
    pub z: f64,
}

impl Virial {
    /// A mean with its error, beside what it is at equilibrium.
    pub fn of(mean: f64, standard_error: f64, expected: f64) -> Self {
        Self { mean, standard_error, expected, z: (mean - expected) / standard_error }
    }

    /// Whether the mean is within four standard errors of what it must be.
    pub fn holds(&self) -> bool {
        self.z.abs() <= VIRIAL_LIMIT
    }
}

impl Manifest {
    /// Whether the chains agree and the virial theorem holds.
    ///
    /// # Errors
    /// Half a sentence that says what is wrong.
    pub fn verdict(&self) -> Result<(), String> {
        let Some(worst) = self.observables.iter().max_by(|a, b| a.r_hat.total_cmp(&b.r_hat)) else {
            return Err("no observable was measured".into());
        };
        if let Some(lost) = self.observables.iter().find(|o| !o.mean.is_finite()) {
            return Err(format!("the {} of a frame is not finite", lost.name));
        }
        if let Some(stuck) = self.observables.iter().find(|o| !o.r_hat.is_finite()) {
            let (name, r_hat) = (&stuck.name, digits(stuck.r_hat, 4));
            return Err(format!("chains do not move in the {name}: its R-hat is {r_hat}"));
        }
        if let Some(unknown) = self.observables.iter().find(|o| !o.effective_sample_size.is_finite()) {
            return Err(format!("the effective sample size of the {} is unknown", unknown.name));
        }
        let Observable { r_hat, name, .. } = worst;
        if *r_hat > R_HAT_LIMIT {
            return Err(format!("R-hat of the {name} is {r_hat:.4}, above {R_HAT_LIMIT}"));
        }
        let Virial { mean, standard_error, expected, z } = self.virial;
        if z.is_nan() {
            return Err("the error of the virial is unknown".into());
        }
        if !self.virial.holds() {
            return Err(format!(
                "the virial E[x·∇E] is {mean:.3} ± {standard_error:.3}, {:.1} standard errors from the {expected} it must be",
                z.abs()
            ));
        }
        Ok(())
    }

    /// Pretty JSON, a line break at the end.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The diagnostics as a table.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<20} {:>11} {:>9} {:>9} {:>8} {:>8} {:>7}\n",
            "", "mean", "± error", "sd", "R-hat", "ESS", "lag 1"
        );
        for o in &self.observables {
            text += &format!(
                "{:<20} {:>11} {:>9} {:>9} {:>8} {:>8} {:>7}\n",
                o.name,
                digits(o.mean, 4),
                digits(o.standard_error, 4),
                digits(o.sd, 4),
                digits(o.r_hat, 4),
                digits(o.effective_sample_size, 0),
                digits(o.lag_1, 3)
            );
        }
        let Virial { mean, standard_error, expected, z } = self.virial;
        text += &format!(
            "{:<20} {:>11} {:>9}   expected {expected}, {} standard errors\n",
            "virial E[x·∇E]",
            digits(mean, 4),
            digits(standard_error, 4),
            number::text(z, |z| format!("{z:+.2}"))
        );
        if let Method::ReplicaExchange {
            temperatures,
            acceptance,
            exchange_rates,
            ladders,
            frames_per_ladder,
            rounds_between_frames,
            ..
        } = &self.method
        {
            let list = |values: &[f64]| values.iter().map(|v| format!("{v:.2}")).collect::<Vec<_>>().join(" ");
            text += &format!(
                "{ladders} ladders of {frames_per_ladder} frames, {rounds_between_frames} rounds apart; temperatures {}; \
                 acceptance {}; exchanges {}\n",
                list(temperatures),
                list(acceptance),
                list(exchange_rates)
            );
        }
        text + &format!(
            "{} energy evaluations, {} divergences, {:.1} s\n",
            self.energy_evaluations, self.divergences, self.seconds
        )
    }
}
