//! What is known of a pool, as `exploration.json` says it.

use crate::fingerprint::Fingerprint;
use kiln_explore::evidence::Figure;
use kiln_explore::{Kind, Probe};
use serde::{Deserialize, Serialize};

/// What is known of a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of the layout.
    pub format: u32,
    /// Version of Kiln.
    pub kiln: String,
    /// The target's name.
    pub target: String,
    /// The convention of its energy.
    pub convention: String,
    /// The file that the energy comes from.
    #[serde(default)]
    pub energy: Option<String>,
    /// What tells this energy from others; none of those that come with Kiln, whose convention does.
    #[serde(default)]
    pub fingerprint: Option<Fingerprint>,
    /// Names of the coordinates.
    pub names: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// Energy evaluations, with or without gradient, exactly.
    pub evaluations: u64,
    /// Wall time.
    pub seconds: f64,
    /// Independent ladders.
    pub ladders: usize,
    /// States of each.
    pub frames: usize,
    /// How the states were made.
    pub kind: Kind,
    /// log ∫ exp(-E) and its standard error.
    #[serde(default)]
    pub log_z: Option<[f64; 2]>,
    /// Cumulative rejection of the ladder, Λ.
    #[serde(with = "kiln_metrics::number")]
    pub barrier: f64,
    /// β of every rung.
    pub betas: Vec<f64>,
    /// Times that a state came from the hot end to the cold one, a ladder; unknown without a ladder.
    #[serde(default)]
    pub round_trips: Option<f64>,
    /// Blocks of coordinates that do not interact with the rest: their names, and the acceptance of their refreshes.
    pub blocks: Vec<(Vec<String>, f64)>,
    /// Mean, width, quantiles, effective sample size and R-hat of everything that was watched.
    pub figures: Vec<Figure>,
    /// The least width of a coordinate, those before it known, within a mode that matters, in units of the whole's width.
    #[serde(default)]
    pub narrowest: Option<f64>,
    /// The leapfrog step in whitened coordinates that moves on the target were accepted well with.
    #[serde(default)]
    pub step: Option<f64>,
    /// What the energy was checked for.
    pub probe: Probe,
    /// What a larger budget would have done too.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Why it is not converged; empty where it is.
    pub reasons: Vec<String>,
    /// SHA-256 of `pool.npy`.
    pub sha256: String,
}
