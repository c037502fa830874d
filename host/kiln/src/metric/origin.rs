//! Where judged samples come from: how independent they are and what they cost.

use crate::polish::PolishReport;
use kiln_metrics::chain::{self, least_effective, worst_r_hat};
use kiln_metrics::number::{self, digits};
use kiln_metrics::observable::Observables;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How independent samples are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mixing {
    /// Effective sample size divided by samples; NaN where it is unknown.
    #[serde(with = "number")]
    pub effective_fraction: f64,
    /// R-hat; none where every sample was drawn on its own, NaN where it is unknown.
    #[serde(default, with = "number::optional")]
    pub r_hat: Option<f64>,
    /// Acceptance rate of the Markov chain; none without one.
    #[serde(default, with = "number::optional")]
    pub acceptance: Option<f64>,
    /// How this is known.
    pub how: String,
}

impl Mixing {
    /// Every sample was drawn on its own.
    pub fn independent() -> Self {
        Self { effective_fraction: 1.0, r_hat: None, acceptance: None, how: "independent draws".into() }
    }

    /// Measured on samples in their order: `chains` chains of equal length, one after another. The least favourable
    /// effective sample size and R-hat of all observables count.
    pub fn measured(observables: &Observables<'_>, chains: usize) -> Self {
        let n = observables.samples();
        let length = n / chains.max(1);
        let figures = |at: usize| {
            let values = observables.values(at);
            (chain::bulk_effective_sample_size(&values, length), chain::r_hat(&values, length))
        };
        let (sizes, r_hats): (Vec<f64>, Vec<f64>) =
            (0..observables.count()).into_par_iter().map(figures).collect::<Vec<_>>().into_iter().unzip();
        let effective = least_effective(sizes.iter().copied());
        Self {
            effective_fraction: (effective / n as f64).clamp(0.0, 1.0),
            r_hat: Some(worst_r_hat(r_hats.iter().copied())),
            acceptance: None,
            how: how(observables, chains, length, &sizes, &r_hats),
        }
    }

    /// After polishing: every sample is still a chain of its own.
    #[must_use]
    pub fn polished(self, report: &PolishReport) -> Self {
        Self { acceptance: Some(report.acceptance), ..self }
    }
}

/// What was measured, which observables decide, and why something is unknown.
fn how(observables: &Observables<'_>, chains: usize, length: usize, sizes: &[f64], r_hats: &[f64]) -> String {
    let (n, lost) = (observables.samples(), observables.lost());
    let order = match chains {
        0 | 1 => "in the file's order as one chain".to_string(),
        chains => format!("in the file's order as {chains} chains of {length}"),
    };
    if lost > 0 {
        return format!("{order}, unknown: {lost} of {n} rows have no finite energy");
    }
    if length < 4 {
        return format!("{order}, unknown: a chain has fewer than four rows");
    }
    let known = |values: &[f64]| (0..values.len()).filter(|at| !values[*at].is_nan()).collect::<Vec<_>>();
    let least = known(sizes).into_iter().min_by(|a, b| sizes[*a].total_cmp(&sizes[*b]));
    let worst = known(r_hats).into_iter().max_by(|a, b| r_hats[*a].total_cmp(&r_hats[*b]));
    let worst_of = |at: usize| {
        let (size, r_hat) = (digits(sizes[least.unwrap_or(at)], 0), digits(r_hats[at], 3));
        let [by_size, by_r_hat] = [least.unwrap_or(at), at].map(|at| observables.name(at));
        format!("ESS {size} by {by_size}, R-hat {r_hat} by {by_r_hat}")
    };
    let known = worst.map(worst_of);
    let stuck = (0..sizes.len()).find(|at| sizes[*at].is_nan()).map(|at| observables.name(at));
    match (stuck, known) {
        (None, known) => format!("{order}, the worst of {}: {}", observables.summary(), known.unwrap_or_default()),
        (Some(stuck), None) => format!("{order}, unknown: the {stuck} is the same in every row"),
        (Some(stuck), Some(known)) => {
            format!("{order}, unknown by {stuck}, which is the same in every row; the worst of the others: {known}")
        }
    }
}

/// Where samples come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// A run or a file.
    pub source: String,
    /// The seed they were drawn with, where they were drawn here.
    pub seed: Option<u64>,
    /// How independent they are.
    pub mixing: Mixing,
    /// MALA steps that polished each of them.
    pub polish_steps: usize,
    /// Energy evaluations that drawing them took: 0 for one-step draws, a chain's where its manifest says so, otherwise
    /// unknown.
    pub producing: Option<u64>,
    /// Energy evaluations that polishing them took.
    pub polishing: u64,
    /// Energy evaluations of the training, once and for all samples, where that is known.
    pub training: Option<u64>,
}

impl Origin {
    /// One-step draws of a run.
    pub fn draws(source: &str, seed: u64) -> Self {
        let (source, mixing) = (source.to_string(), Mixing::independent());
        Self { source, seed: Some(seed), mixing, polish_steps: 0, producing: Some(0), polishing: 0, training: None }
    }

    /// Energy evaluations of n samples out of `of`, as far as they are known.
    pub fn share(&self, n: usize, of: usize) -> u64 {
        let all = self.producing.unwrap_or(0) + self.polishing;
        (all as f64 * n as f64 / of.max(1) as f64).round() as u64
    }

    /// The same after polishing.
    #[must_use]
    pub fn polished(self, report: &PolishReport) -> Self {
        Self {
            mixing: self.mixing.polished(report),
            polish_steps: report.steps,
            polishing: self.polishing + report.energy_evaluations,
            ..self
        }
    }
}
