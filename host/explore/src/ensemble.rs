//! Many independent ladders of one plan: moving them, tuning the plan by what they do, and reading off what they say.

use crate::ladder::{Ladder, Trace};
use crate::plan::{Plan, Tally, rate};
use crate::whitened::Whitened;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Acceptance that full steps are tuned to: a little above the optimal 0.651 (Beskos et al. 2013), since steps vary.
const ACCEPTANCE: f64 = 0.7;
/// How fast the logarithm of a step follows.
const RATE: f64 = 0.3;
/// Below this Λ there is nothing to travel across.
pub const FLAT: f64 = 0.5;
/// Fewest and most rungs.
const RUNGS: [f64; 2] = [5.0, 30.0];

/// Ladders and how they move.
pub struct Ensemble {
    /// How.
    pub plan: Plan,
    /// Who.
    pub ladders: Vec<Ladder>,
    /// Of so many rounds one is kept.
    pub every: u64,
}

/// What was seen of an ensemble in some rounds.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// One a ladder.
    pub traces: Vec<Trace>,
    /// All ladders together.
    pub tally: Tally,
    /// Rounds, of which some were kept.
    pub rounds: usize,
}

impl Ensemble {
    /// Moves all ladders by so many rounds, fewer where `stop` is set, without changing the plan.
    pub fn advance(&mut self, energy: &Whitened<'_>, rounds: usize, keep: bool, stop: &AtomicBool) -> Record {
        let (plan, every) = (&self.plan, self.every);
        let of_one = async |_: usize, ladder: &mut Ladder| {
            let (mut trace, mut tally) = (Trace::default(), Tally::new(plan));
            for _ in 0..rounds {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let kept = keep && (ladder.rounds() + 1).is_multiple_of(every);
                ladder.round(plan, energy, &mut tally, kept.then_some(&mut trace)).await;
            }
            (trace, tally)
        };
        let all: Vec<(Trace, Tally)> = energy.energy.each(self.ladders.iter_mut().collect(), of_one);
        let mut record = Record { traces: Vec::new(), tally: Tally::new(plan), rounds };
        for (trace, tally) in all {
            record.tally.add(&tally);
            record.traces.push(trace);
        }
        record
    }

    /// Moves on with step sizes that follow the acceptance, round by round.
    pub fn tune_steps(&mut self, energy: &Whitened<'_>, rounds: usize, stop: &AtomicBool) -> Tally {
        let mut total = Tally::new(&self.plan);
        for _ in 0..rounds {
            let Record { tally, .. } = self.advance(energy, 1, false, stop);
            for (step, accepted) in self.plan.steps.iter_mut().zip(&tally.accepted) {
                let acceptance = rate(*accepted);
                if acceptance.is_finite() {
                    *step = (*step * (RATE * (acceptance - ACCEPTANCE)).exp()).clamp(1e-12, 1e6);
                }
            }
            total.add(&tally);
        }
        total
    }

    /// Sets the βs anew, so that every pair of neighbours rejects equally often (Syed, Bouchard-Côté, Deligiannidis, Doucet
    /// 2022: the cumulative rejection Λ, about 2 Λ + 1 rungs). Gives Λ.
    pub fn retune(&mut self, tally: &Tally) -> f64 {
        let Plan { betas, steps, .. } = &self.plan;
        if betas.len() == 1 {
            return 0.0;
        }
        let mut barrier = vec![0.0];
        for rejected in &tally.rejected {
            let rejection = rate(*rejected);
            let rejection = if rejection.is_finite() { rejection.max(1e-3) } else { 1e-3 };
            barrier.push(barrier[barrier.len() - 1] + rejection);
        }
        let whole = barrier[barrier.len() - 1];
        let rungs = (2.0 * whole + 1.0).ceil().clamp(RUNGS[0], RUNGS[1]) as usize;
        let mut new: Vec<f64> =
            (0..rungs).map(|rung| interpolate(&barrier, betas, whole * rung as f64 / (rungs - 1) as f64)).collect();
        (new[0], new[rungs - 1]) = (betas[0], 1.0);
        let nearest = |beta: &f64| {
            let distance = |at: &usize| (betas[*at] - beta).abs();
            (0..betas.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
        };
        let places: Vec<usize> = new.iter().map(nearest).collect();
        // A rung that was drawn never had a step: it takes its neighbour's.
        let step = |at: &usize| if betas[*at] == 0.0 { steps[(at + 1).min(steps.len() - 1)] } else { steps[*at] };
        let steps = places.iter().map(step).collect();
        let ladders = std::mem::take(&mut self.ladders);
        self.ladders = ladders.into_iter().map(|ladder| ladder.rearranged(&places)).collect();
        (self.plan.betas, self.plan.steps) = (new, steps);
        whole
    }
}

impl Record {
    /// Frames of every ladder.
    pub fn frames(&self) -> usize {
        self.traces.iter().map(|trace| trace.energies.len()).min().unwrap_or(0)
    }

    /// Appends what came after.
    pub fn append(&mut self, later: Self) {
        if self.traces.is_empty() {
            *self = later;
            return;
        }
        self.tally.add(&later.tally);
        self.rounds += later.rounds;
        for (trace, later) in self.traces.iter_mut().zip(later.traces) {
            trace.cold.extend(later.cold);
            trace.warm.extend(later.warm);
            trace.energies.extend(later.energies);
            trace.values.extend(later.values);
        }
    }

    /// Puts the coldest states of an earlier leg before these. What belongs to its ladder is left out: that was another.
    pub fn after(mut self, earlier: Self) -> Self {
        for (trace, mut before) in self.traces.iter_mut().zip(earlier.traces) {
            before.cold.append(&mut trace.cold);
            before.energies.append(&mut trace.energies);
            (trace.cold, trace.energies) = (before.cold, before.energies);
        }
        self
    }

    /// Forgets the first frames.
    pub fn without_first(mut self, frames: usize, free: usize, rungs: usize) -> Self {
        for trace in &mut self.traces {
            let (all, of_ladder) = (trace.energies.len(), trace.values.len() / rungs);
            let n = frames.min(all);
            trace.cold.drain(..n * free);
            trace.energies.drain(..n);
            trace.values.drain(..of_ladder.saturating_sub(all - n) * rungs);
        }
        self
    }

    /// Whether there is nothing to travel across, or states do it about once a ladder.
    fn travels(&self) -> bool {
        self.barrier() <= FLAT || self.tally.trips >= self.traces.len() as u64
    }

    /// Cumulative rejection Λ.
    pub fn barrier(&self) -> f64 {
        self.tally.rejected.iter().map(|rejected| rate(*rejected)).sum()
    }

    /// The pair of neighbours that rejects most, and how often.
    pub fn worst_pair(&self) -> Option<(usize, f64)> {
        let all = self.tally.rejected.iter().map(|rejected| rate(*rejected)).enumerate();
        all.max_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// log Z of the target: from rung to rung by Bennett's acceptance ratio (1976), with the standard error from ladder to
    /// ladder by the jackknife. The reference is normalised. None without a rung at β = 0, and where states do not travel: the
    /// rungs then hold what they began with, and the error would not know.
    pub fn log_z(&self, betas: &[f64]) -> Option<(f64, f64)> {
        if betas[0] != 0.0 || self.frames() == 0 || !self.travels() {
            return None;
        }
        let rungs = betas.len();
        let of = |left_out: Option<usize>, groups: usize| -> f64 {
            let kept = |at: &usize| left_out.is_none_or(|group| at % groups != group);
            let values = |rung: usize, gap: f64| -> Vec<f64> {
                let traces = self.traces.iter().enumerate().filter(|(at, _)| kept(at));
                let all = traces.flat_map(|(_, trace)| trace.values.iter().skip(rung).step_by(rungs));
                all.map(|value| gap * value).collect()
            };
            let step = |low: usize| {
                let gap = betas[low + 1] - betas[low];
                bennett(&values(low, gap), &values(low + 1, gap))
            };
            (0..rungs - 1).into_par_iter().map(step).collect::<Vec<f64>>().iter().sum()
        };
        let (whole, groups) = (of(None, 1), self.traces.len().min(16));
        let parts: Vec<f64> = (0..groups).map(|group| of(Some(group), groups)).collect();
        let mean = parts.iter().sum::<f64>() / groups as f64;
        let spread: f64 = parts.iter().map(|part| (part - mean).powi(2)).sum();
        let error = if groups < 2 { f64::NAN } else { (spread * (groups as f64 - 1.0) / groups as f64).sqrt() };
        Some((whole, error))
    }
}

/// log of the ratio of two constants, from equally many values w = log of the densities' ratio (upper over lower, neither
/// normalised) at draws of the lower and of the upper distribution: where the sums of both acceptances agree.
fn bennett(lower: &[f64], upper: &[f64]) -> f64 {
    let acceptance = |x: f64| if x.is_nan() { 0.0 } else { 1.0 / (1.0 + (-x).exp()) };
    let excess = |c: f64| -> f64 {
        let up: f64 = lower.iter().map(|w| acceptance(w - c)).sum();
        let down: f64 = upper.iter().map(|w| acceptance(c - w)).sum();
        up - down
    };
    let finite = || lower.iter().chain(upper).copied().filter(|w| w.is_finite());
    let (mut low, mut high) =
        (finite().fold(f64::INFINITY, f64::min) - 40.0, finite().fold(f64::NEG_INFINITY, f64::max) + 40.0);
    if low > high {
        return f64::NAN;
    }
    // The excess falls with c.
    while high - low > 1e-9 * (1.0 + low.abs()) {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if excess(middle) > 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Piecewise linear, `x` rising.
fn interpolate(x: &[f64], y: &[f64], at: f64) -> f64 {
    let upper = x.partition_point(|x| *x < at).clamp(1, x.len() - 1);
    let (a, b) = (upper - 1, upper);
    let share = if x[b] > x[a] { (at - x[a]) / (x[b] - x[a]) } else { 0.0 };
    y[a] + share.clamp(0.0, 1.0) * (y[b] - y[a])
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::{Purpose, Randomness, Stream};

    #[test]
    fn bennetts_ratio_is_that_of_two_gaussians() {
        // Densities exp(-x²/2) and exp(-x²/8): the constants' ratio is 2.
        let mut stream = Stream::new(3, Purpose::Test, 0);
        let mut draws = |sd: f64| -> Vec<f64> {
            let mut x = vec![0.0; 40_000];
            stream.fill_normal(&mut x);
            x.iter().map(|x: &f64| (sd * x).powi(2) * (0.5 - 0.125)).collect()
        };
        let (lower, upper) = (draws(1.0), draws(2.0));
        let found = bennett(&lower, &upper);
        assert!((found - 2.0_f64.ln()).abs() < 0.02, "{found}");
        assert!(bennett(&[f64::NEG_INFINITY], &[]).is_nan());
    }

    #[test]
    fn the_constant_is_unknown_where_states_do_not_travel() {
        let record = |rejection: f64, trips: u64| {
            let trace = Trace { energies: vec![0.0; 50], values: vec![0.3; 100], ..Trace::default() };
            let tally = Tally { rejected: vec![[rejection * 50.0, 50.0]], trips, ..Tally::default() };
            Record { traces: vec![trace; 4], tally, rounds: 50 }
        };
        let known = |rejection, trips| record(rejection, trips).log_z(&[0.0, 1.0]).is_some();
        assert!(known(0.9, 4) && known(0.4, 0), "once a ladder, or there is nothing to travel across");
        assert!(!known(0.9, 3));
        assert!(record(0.1, 9).log_z(&[0.1, 1.0]).is_none(), "nothing is known of the hot end");
    }

    #[test]
    fn interpolation_goes_through_its_points() {
        let (x, y) = ([0.0, 1.0, 3.0], [0.0, 10.0, 20.0]);
        assert_eq!([0.0, 0.5, 1.0, 2.0, 3.0].map(|at| interpolate(&x, &y, at)), [0.0, 5.0, 10.0, 15.0, 20.0]);
    }
}
