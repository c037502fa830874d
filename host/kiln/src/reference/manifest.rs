//! The JSON beside a reference: what it is, how it was made, how good it is.

use kiln_explore::Kind;
use kiln_metrics::chain::{R_HAT_LIMIT, least_effective};
use kiln_metrics::number::{self, digits};
use serde::{Deserialize, Serialize};

/// Standard errors that the virial may be off.
const VIRIAL_LIMIT: f64 = 4.0;
/// Frames that are worth less of their number are told to be alike.
const SHORT: f64 = 0.8;

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
    /// Whether R-hat and the virial are within their limits, and an exploration had no reason to doubt its states.
    pub converged: bool,
    /// Where frames came from.
    pub method: Method,
    /// Frames behind the diagnostics; those of the file are drawn from them.
    pub frames_judged: usize,
    /// How many independent frames those of the file are worth, by what is watched and mixes worst; nothing in manifests of
    /// earlier versions, and where it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub independent: Option<f64>,
    /// Diagnostics by observable.
    pub observables: Vec<Observable>,
    /// The virial theorem's check.
    pub virial: Virial,
    /// Why the virial is not to be looked at; nothing where it was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virial_not_checked: Option<String>,
    /// Energy evaluations spent, diagnostics included.
    pub energy_evaluations: u64,
    /// Proposals whose energy was not finite, after burn-in; nothing where none were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergences: Option<u64>,
    /// Wall-clock time.
    pub seconds: f64,
}

/// How frames were drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Method {
    /// By an exact sampler: independent.
    Exact,
    /// By an exploration.
    Exploration(Box<Explored>),
    /// By replica exchange of earlier versions; rates are those after burn-in, by temperature.
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

/// What was done for frames of an exploration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explored {
    /// Energy evaluations at most.
    pub evaluations: u64,
    /// How the states were made in the end.
    pub kind: Kind,
    /// Independent ladders.
    pub ladders: usize,
    /// States that were kept of each.
    pub states_per_ladder: usize,
    /// From one frame to the next.
    pub states_between_frames: usize,
    /// Frames of each ladder that were judged.
    pub frames_per_ladder: usize,
    /// The least effective sample size of all that was watched, of all states.
    #[serde(with = "number")]
    pub effective_sample_size: f64,
    /// The worst R-hat of all states.
    #[serde(with = "number")]
    pub r_hat: f64,
    /// Cumulative rejection of the ladder, Λ.
    #[serde(with = "number")]
    pub barrier: f64,
    /// Times that a state came from the hot end to the cold one, a ladder; nothing without a ladder.
    #[serde(default)]
    pub round_trips: Option<f64>,
    /// log ∫ exp(-E) and its standard error.
    #[serde(default)]
    pub log_z: Option<[f64; 2]>,
    /// β of every rung.
    pub betas: Vec<f64>,
    /// What more evaluations would have done too.
    pub left_out: Vec<String>,
    /// Why the exploration doubts its states; empty where it does not.
    pub reasons: Vec<String>,
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
    /// Effective sample size: the less of bulk and mean; in manifests of earlier versions of the bulk.
    #[serde(with = "number")]
    pub effective_sample_size: f64,
    /// Autocorrelation of neighbouring frames.
    #[serde(with = "number")]
    pub lag_1: f64,
}

/// The virial theorem's check.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Virial {
    /// Mean of (x - c)·∇E; c is the frames' mean, for particles the origin. Of a coordinate with bounds x and E are those without:
    /// x = φ(y), E(φ(y)) - log φ'(y).
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
    /// How many independent frames n are worth that were drawn at random from frames judged with these figures: the error of a
    /// mean is that of the frames judged and that of the draw. None where a figure is unknown.
    pub(super) fn worth(method: &Method, n: usize, judged: usize, observables: &[Observable]) -> Option<f64> {
        let (frames, all) = (n as f64, judged as f64);
        if *method == Method::Exact {
            return Some(frames);
        }
        let least = least_effective(observables.iter().map(|o| o.effective_sample_size));
        // A minimum with a number that is not known would hide it.
        let least = if least > all { all } else { least };
        let worth = 1.0 / (1.0 / least + 1.0 / frames - 1.0 / all);
        worth.is_finite().then_some(worth)
    }

    /// Whether the chains agree, the exploration has no doubts, and the virial theorem holds.
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
        if let Method::Exploration(explored) = &self.method
            && !explored.reasons.is_empty()
        {
            return Err(explored.reasons.join("; "));
        }
        if self.virial_not_checked.is_some() {
            return Ok(());
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
        text += &self.virial_row();
        text += &self.method.row();
        let Self { n, energy_evaluations, seconds, .. } = self;
        text += &match self.independent {
            Some(worth) if worth < SHORT * *n as f64 => {
                format!("{n} frames, worth {worth:.0} independent ones: more --effort makes them less alike\n")
            }
            Some(worth) => format!("{n} frames, worth {worth:.0} independent ones\n"),
            None => format!("{n} frames\n"),
        };
        text + &format!("{energy_evaluations} energy evaluations, {seconds:.1} s\n")
    }

    fn virial_row(&self) -> String {
        let name = "virial E[x·∇E]";
        if let Some(why) = &self.virial_not_checked {
            return format!("{name:<20} not checked: {why}\n");
        }
        let Virial { mean, standard_error, expected, z } = self.virial;
        let [mean, error] = [mean, standard_error].map(|value| digits(value, 4));
        let z = number::text(z, |z| format!("{z:+.2}"));
        format!("{name:<20} {mean:>11} {error:>9}   expected {expected}, {z} standard errors\n")
    }
}

impl Method {
    /// What was done, in one line; nothing of exact samples.
    fn row(&self) -> String {
        match self {
            Self::Exact => String::new(),
            Self::Exploration(explored) => {
                let Explored { ladders, states_per_ladder, states_between_frames, kind, barrier, round_trips, .. } =
                    &**explored;
                let how = match (kind, round_trips) {
                    (Kind::Plain, _) => "moves on the target alone".into(),
                    (Kind::Ladders, None) => format!("barrier {barrier:.2}"),
                    (Kind::Ladders, Some(trips)) => {
                        format!("barrier {barrier:.2}, {trips:.1} round trips each")
                    }
                };
                let size = digits(explored.effective_sample_size, 0);
                let r_hat = digits(explored.r_hat, 4);
                format!(
                    "{ladders} ladders of {states_per_ladder} states, {how}; of all states the least effective sample size is \
                     {size}, the worst R-hat {r_hat}; one of every {states_between_frames} is a frame\n"
                )
            }
            Self::ReplicaExchange { ladders, frames_per_ladder, rounds_between_frames, .. } => {
                format!("{ladders} ladders of {frames_per_ladder} frames, {rounds_between_frames} rounds apart\n")
            }
        }
    }
}
