//! How ladders move, what that costs, and what their rungs did.

use crate::reference::Reference;
use crate::refresh::BlockProposal;

/// Some trajectories take a shorter step, by up to this many decades: necks and narrow modes need them.
pub const DECADES: f64 = 2.5;
/// Shorter steps of the coldest rung are more by this power: in a neck a few short steps lead nowhere, and states sit still.
pub const LONGER: f64 = 0.5;
/// The rung nearest to this β is recorded beside the coldest. Warmer than what still holds a state in its mode, or scouts from it
/// miss narrow ones (docs/experiments.md, "Exploration").
const WARM: f64 = 0.07;

/// How ladders move.
#[derive(Debug, Clone)]
pub struct Plan {
    /// β of every rung, rising to 1. A rung at 0 is drawn anew in every round.
    pub betas: Vec<f64>,
    /// Step size of every rung.
    pub steps: Vec<f64>,
    /// Leapfrog steps of a trajectory: between these, log-uniformly.
    pub lengths: [u32; 2],
    /// The same of the coldest rung.
    pub cold_lengths: [u32; 2],
    /// What lies at β = 0.
    pub reference: Reference,
    /// Blocks that the coldest rung refreshes in every round.
    pub blocks: Vec<BlockProposal>,
    /// The share of trajectories with shorter steps.
    pub short: f64,
    /// Whether there are necks: shorter steps of the coldest rung are then more, by [`LONGER`].
    pub necks: bool,
    /// Draws of the reference that are proposed to the coldest rung in every round.
    pub jumps: u32,
}

impl Plan {
    /// The rung, neither the reference nor the coldest, whose β is nearest to that of warm states.
    pub fn warm_rung(&self) -> Option<usize> {
        let inner = 1..self.betas.len().saturating_sub(1);
        let distance = |rung: &usize| (self.betas[*rung] - WARM).abs();
        inner.filter(|rung| self.betas[*rung] > 0.0).min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }

    /// How much longer trajectories of the coldest rung are on average, since short steps are more.
    fn longer(&self) -> f64 {
        if !self.necks {
            return 1.0;
        }
        let most = 10.0_f64.powf(DECADES * LONGER);
        1.0 + self.short * ((most - 1.0) / most.ln() - 1.0)
    }

    /// Evaluations of one round of one ladder, on average.
    pub fn cost(&self) -> f64 {
        let moving = self.betas.iter().filter(|beta| **beta > 0.0).count() as f64;
        let drawn = self.betas.len() as f64 - moving;
        let trajectories = (moving - 1.0) * mean(self.lengths) + mean(self.cold_lengths) * self.longer();
        drawn + trajectories + self.blocks.len() as f64 + f64::from(self.jumps)
    }
}

/// The mean of a number that is log-uniform between two.
fn mean([least, most]: [u32; 2]) -> f64 {
    let [least, most] = [least, most].map(f64::from);
    if most > least { (most - least) / (most / least).ln() } else { least }
}

/// What rungs did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Acceptance probabilities of trajectories with their full step, and their number, by rung.
    pub accepted: Vec<[f64; 2]>,
    /// Probabilities that neighbours do not exchange, and attempts, by pair.
    pub rejected: Vec<[f64; 2]>,
    /// Acceptance probabilities of refreshes, and their number, by block.
    pub refreshed: Vec<[f64; 2]>,
    /// Acceptance probabilities of draws of the reference, and their number.
    pub jumped: [f64; 2],
    /// Trajectories of the coldest rung with their full step that hardly could be accepted, as several before them, and the
    /// number of all: states that sit in a neck.
    pub blocked: [f64; 2],
    /// Times that a state came from the hottest rung to the coldest.
    pub trips: u64,
}

impl Tally {
    /// Nothing yet.
    pub fn new(plan: &Plan) -> Self {
        let zeros = |n: usize| vec![[0.0; 2]; n];
        let rungs = plan.betas.len();
        Self {
            accepted: zeros(rungs),
            rejected: zeros(rungs - 1),
            refreshed: zeros(plan.blocks.len()),
            jumped: [0.0; 2],
            blocked: [0.0; 2],
            trips: 0,
        }
    }

    /// Adds what another ladder did.
    pub fn add(&mut self, other: &Self) {
        let sum = |a: &mut [[f64; 2]], b: &[[f64; 2]]| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a = [a[0] + b[0], a[1] + b[1]]);
        };
        sum(&mut self.accepted, &other.accepted);
        sum(&mut self.rejected, &other.rejected);
        sum(&mut self.refreshed, &other.refreshed);
        self.jumped = [self.jumped[0] + other.jumped[0], self.jumped[1] + other.jumped[1]];
        self.blocked = [self.blocked[0] + other.blocked[0], self.blocked[1] + other.blocked[1]];
        self.trips += other.trips;
    }
}

/// A mean of a sum and a number; unknown of nothing.
pub fn rate([sum, n]: [f64; 2]) -> f64 {
    sum / n
}
