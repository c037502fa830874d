//! Trials of other ways to move: longer trajectories, no refreshes, no ladder.

use crate::exploration::Kind;
use crate::known::{Chosen, Known};
use crate::legs::Explorer;
use crate::plan::Plan;
use crate::refusal::Refusal;

/// The share of each trial of another way to move, and how much better one must be.
const TRIAL: f64 = 0.02;
const BETTER: f64 = 1.5;
/// The share of a longer trial of chains that do not agree in the first.
const LONGER_TRIAL: f64 = 0.06;
/// How far from one over the rounds their disagreement may fall.
const FALLS: f64 = 1.5;
/// Fewest rounds that a trial tells something by.
const TRIAL_ROUNDS: usize = 24;
/// Leapfrog steps of trajectories, of all rungs and as tried with the coldest.
pub const LENGTHS: [[u32; 2]; 3] = [[4, 12], [16, 48], [64, 192]];
/// Shorter ones of all rungs, tried too.
const SHORT_LENGTHS: [u32; 2] = [2, 5];
/// A ladder with a higher Λ is long; moves without it are tried too.
const LONG: f64 = 2.0;
/// Moves without a ladder may not take over where their chains disagree more than this.
const AGREED: f64 = 1.1;

impl Explorer<'_> {
    /// Longer trajectories of the coldest rung, no refreshes, or no ladder at all, where that yields more an evaluation.
    pub fn best_way(&mut self, mut best: Chosen, barrier: f64, known: &Known<'_>) -> Result<Chosen, Refusal> {
        let Known { whitened, fit, ends, .. } = known;
        let base = best.ensemble.plan.clone();
        let mut ways = Vec::new();
        if base.betas.len() > 1 {
            ways.push(Plan { lengths: SHORT_LENGTHS, cold_lengths: SHORT_LENGTHS, ..base.clone() });
        }
        for lengths in LENGTHS.into_iter().skip(1) {
            ways.push(Plan { cold_lengths: lengths, ..base.clone() });
        }
        if !base.blocks.is_empty() {
            ways.push(Plan { blocks: Vec::new(), ..base.clone() });
        }
        if !base.blocks.is_empty() || barrier > LONG {
            let step = base.steps.last().copied().unwrap_or(1.0);
            for cold_lengths in LENGTHS {
                ways.push(Plan { betas: vec![1.0], steps: vec![step], cold_lengths, ..base.clone() });
            }
        }
        let (all, mut left_out) = (ways.len(), 0);
        // The best of those whose chains do not agree, their R-hat and rounds.
        let mut doubtful: Option<(Chosen, f64, usize)> = None;
        for plan in ways {
            let rounds = self.rounds(&plan, self.share(TRIAL));
            if rounds < TRIAL_ROUNDS {
                left_out += 1;
                continue;
            }
            let kind = if plan.betas.len() == 1 { Kind::Plain } else { Kind::Ladders };
            let mut trial = self.ladders(plan, whitened, ends, true);
            let record = self.advance(&mut trial, whitened, rounds, "trials of other moves")?;
            let (yielded, r_hat) = self.yielded(&record, &trial.plan, whitened, fit.as_ref());
            let tried = Chosen { kind, ensemble: trial, yielded };
            if kind == Kind::Ladders || r_hat < AGREED {
                best = if yielded > BETTER * best.yielded { tried } else { best };
            } else if doubtful.as_ref().is_none_or(|(other, ..)| yielded > other.yielded) {
                doubtful = Some((tried, r_hat, rounds));
            }
        }
        let better = |tried: &Chosen| tried.yielded > BETTER * best.yielded;
        if let Some((tried, r_hat, rounds)) = doubtful.filter(|(tried, ..)| better(tried))
            && let Some(agreed) = self.longer_trial(tried, [r_hat, rounds as f64], known)?.filter(better)
        {
            best = agreed;
        }
        if left_out > 0 {
            self.left_out.push(format!("{left_out} of {all} other ways to move were not tried"));
        }
        Ok(best)
    }

    /// A trial is too short for slow chains to agree. Where they will in the last leg, R² - 1 falls as one over the rounds; where
    /// something keeps them apart, it stays.
    fn longer_trial(
        &self,
        tried: Chosen,
        [r_hat, rounds]: [f64; 2],
        known: &Known<'_>,
    ) -> Result<Option<Chosen>, Refusal> {
        let Chosen { kind, mut ensemble, .. } = tried;
        let more = self.rounds(&ensemble.plan, self.share(LONGER_TRIAL));
        let record = self.advance(&mut ensemble, &known.whitened, more, "trials of other moves")?;
        let (yielded, later) = self.yielded(&record, &ensemble.plan, &known.whitened, known.fit.as_ref());
        let disagreement = |r_hat: f64| r_hat * r_hat - 1.0;
        let falls = disagreement(later) / disagreement(r_hat) < FALLS * rounds / more as f64;
        let all = self.rounds(&ensemble.plan, self.left()) as f64;
        let agrees = disagreement(later) * more as f64 / all < disagreement(AGREED);
        Ok((falls && agrees).then_some(Chosen { kind, ensemble, yielded }))
    }
}
