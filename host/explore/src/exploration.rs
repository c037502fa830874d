//! What is asked of an exploration and what it gives.

use crate::bounds::Bound;
use crate::ensemble::FLAT;
use crate::evidence::Figure;
use crate::frame::Frame;
use crate::plan::rate;
use crate::probe::Probe;
use crate::start::Start;
use kiln_metrics::chain::{least_effective, worst_r_hat};
use kiln_metrics::gaussians::Fit;
use kiln_metrics::verdict::{LEAST_EFFECTIVE, MOST_R_HAT};
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Every random number follows from it.
    pub seed: u64,
    /// Evaluations at most.
    pub evaluations: u64,
    /// Seconds at most: the probe's cost of an evaluation says how many evaluations they buy.
    pub seconds: Option<f64>,
    /// Where each coordinate may be.
    pub bounds: Vec<Bound>,
    /// Names of the coordinates.
    pub names: Vec<String>,
    /// Where chains begin.
    pub start: Start,
    /// When there is enough and the exploration ends, however many evaluations are left; what suits a pool where nothing is said.
    pub enough: Option<Enough>,
}

/// What the states must be good for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Enough {
    /// The least effective sample size of all that is watched.
    pub effective: f64,
    /// The worst R-hat.
    pub r_hat: f64,
    /// States.
    pub states: usize,
}

/// States of a ladder that are kept at most where nothing more is wanted.
const FRAMES: usize = 1000;
/// Coordinates of coldest states that a leg keeps where nothing more is wanted: 128 MiB.
const MOST_NUMBERS: usize = 1 << 24;
/// States that may be kept at least, in units of those and of the effective sample size that are wanted: thinned by a whole
/// number, up to a half of them are left.
const KEPT: f64 = 2.5;
/// Evaluations that a state costs at least, and the least share of them that is spent before the last leg.
const CHEAPEST: u64 = 7;
const BEFORE: u64 = 2;

impl Settings {
    /// No bounds, names x0, x1, …, scattered starts.
    pub fn new(dim: usize, evaluations: u64, seed: u64) -> Self {
        let names = (0..dim).map(|k| format!("x{k}")).collect();
        let bounds = vec![Bound::NONE; dim];
        Self { seed, evaluations, seconds: None, bounds, names, start: Start::Scattered, enough: None }
    }

    /// States that are wanted at least.
    fn wanted(&self) -> usize {
        self.enough.map_or(0, |enough| (KEPT * enough.effective.max(enough.states as f64)).ceil() as usize)
    }

    /// States of each of so many ladders that are kept at most.
    pub(crate) fn frames(&self, ladders: usize) -> usize {
        self.wanted().div_ceil(ladders).max(FRAMES)
    }

    /// Free coordinates of coldest states that a leg keeps at most.
    pub(crate) fn numbers(&self, free: usize) -> usize {
        self.wanted().saturating_mul(free).max(MOST_NUMBERS)
    }

    /// About the bytes that an exploration of so many free coordinates takes at most: the states of its last legs, twice while
    /// they are looked at, and what is kept of them in the end.
    pub fn bytes(&self, free: usize) -> u64 {
        let affordable = self.evaluations / (CHEAPEST * BEFORE);
        let states = affordable.min((self.numbers(free) / free.max(1)) as u64);
        let kept = affordable.min(self.wanted() as u64);
        8 * (states * (3 * free as u64 + 4) + kept * (3 * self.bounds.len() as u64 + 4))
    }

    /// Evaluations that time allows too, where one takes so many seconds on one core.
    pub fn affordable(&self, seconds: f64) -> u64 {
        let buys = |time: f64| (USED * time * rayon::current_num_threads() as f64 / seconds) as u64;
        self.seconds.map_or(self.evaluations, |time| self.evaluations.min(buys(time)))
    }
}

/// What a watcher is told.
#[derive(Debug, Clone, Copy)]
pub enum News<'a> {
    /// What the probe found, before more is spent: of so many evaluations at most.
    Probed(&'a Probe, u64),
    /// What is being done, and the evaluations so far.
    Doing(&'a str, u64),
}

/// How the pool was made in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// By replica exchange.
    Ladders,
    /// By moves on the target alone: they mix better here.
    Plain,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Exploration {
    /// Coordinates of a state.
    pub dim: usize,
    /// Ladders.
    pub ladders: usize,
    /// States of each.
    pub frames: usize,
    /// States (ladders, frames, dim) in the user's coordinates.
    pub rows: Vec<f64>,
    /// E of each.
    pub energies: Vec<f64>,
    /// The cell that each lies in; empty where there is one cell only.
    pub cells: Vec<usize>,
    /// Location and whitening of the free coordinates.
    pub frame: Frame,
    /// The mixture that was fitted to the whitened states.
    pub fit: Option<Fit>,
    /// log Z and its standard error.
    pub log_z: Option<(f64, f64)>,
    /// The table.
    pub figures: Vec<Figure>,
    /// How the pool was made.
    pub kind: Kind,
    /// β of every rung.
    pub betas: Vec<f64>,
    /// Cumulative rejection of the ladder, Λ.
    pub barrier: f64,
    /// Round trips a ladder; unknown without one.
    pub trips: Option<f64>,
    /// The pair of rungs that exchange least, and how often they do not.
    pub worst_pair: Option<(usize, f64)>,
    /// Blocks of coordinates that do not interact with the rest, and the acceptance of their refreshes.
    pub blocks: Vec<(Vec<usize>, f64)>,
    /// The least width in u of a coordinate, those before it known, within a mode that matters; 1 of particles.
    pub narrowest: f64,
    /// The leapfrog step in u that moves on the target were accepted well with.
    pub step: f64,
    /// What the probe found.
    pub probe: Probe,
    /// Evaluations, exactly.
    pub evaluations: u64,
    /// What a larger budget would have done too.
    pub left_out: Vec<String>,
    /// Why it is not converged; empty where it is.
    pub reasons: Vec<String>,
}

/// The part of the time that evaluations take; references, fits and tables take the rest.
const USED: f64 = 0.5;
/// Round trips that each ladder should have made.
const TRIPS: f64 = 3.0;
/// A pair that rejects more is named.
const REJECTION: f64 = 0.8;
/// Halves of the ladders whose means differ by more standard errors disagree.
const HALVES: f64 = 4.0;

impl Exploration {
    /// The least effective sample size of the table.
    pub fn effective(&self) -> f64 {
        least_effective(self.figures.iter().map(|figure| figure.effective))
    }

    /// The worst R-hat of the table.
    pub fn r_hat(&self) -> f64 {
        worst_r_hat(self.figures.iter().map(|figure| figure.r_hat))
    }

    /// What does not hold, in words.
    pub(crate) fn judge(&mut self) {
        let mut reasons = Vec::new();
        let worst = self.figures.iter().max_by(|a, b| a.r_hat.total_cmp(&b.r_hat));
        if let Some(figure) = worst.filter(|figure| figure.r_hat.is_nan() || figure.r_hat > MOST_R_HAT) {
            let Figure { name, r_hat, .. } = figure;
            reasons.push(format!("ladders do not agree: R-hat of {name} is {r_hat:.3}, above {MOST_R_HAT}"));
        }
        let least = self.figures.iter().min_by(|a, b| a.effective.total_cmp(&b.effective));
        if let Some(figure) = least.filter(|figure| figure.effective.is_nan() || figure.effective < LEAST_EFFECTIVE) {
            let Figure { name, effective, .. } = figure;
            reasons.push(format!("{name} has an effective sample size of {effective:.0}, below {LEAST_EFFECTIVE}"));
        }
        if let Some(trips) = self.trips.filter(|trips| self.barrier > FLAT && *trips < TRIPS) {
            reasons.push(format!(
                "a state travels from the hot end to the cold one {trips:.1} times a ladder, less than {TRIPS}"
            ));
            if let Some((low, rejection)) = self.worst_pair.filter(|(_, rejection)| *rejection > REJECTION) {
                let ([a, b], often) = ([self.betas[low], self.betas[low + 1]], 100.0 * rejection);
                reasons.push(format!("exchanges between beta {a:.3} and {b:.3} are rejected {often:.0} % of the time"));
            }
        }
        if let Some(reason) = self.halves_differ() {
            reasons.push(reason);
        }
        self.reasons = reasons;
    }

    /// Whether two halves of the ladders put different masses into a cell.
    fn halves_differ(&self) -> Option<String> {
        let half = self.cells.len() / 2;
        for figure in &self.figures {
            let Some(cell) = figure.name.strip_prefix("cell ").and_then(|cell| cell.parse::<usize>().ok()) else {
                continue;
            };
            let share =
                |part: &[usize]| rate([part.iter().filter(|at| **at + 1 == cell).count() as f64, part.len() as f64]);
            let [a, b] = [share(&self.cells[..half]), share(&self.cells[half..])];
            // Each half has half of the effective samples.
            let error = (4.0 * figure.mean * (1.0 - figure.mean) / figure.effective).sqrt();
            if (a - b).abs() > HALVES * error {
                return Some(format!(
                    "one half of the ladders has {a:.3} of its states in cell {cell}, the other {b:.3}"
                ));
            }
        }
        None
    }
}
