//! Where judged samples come from: how independent they are and what they cost.

use super::chain;
use crate::polish::PolishReport;
use serde::{Deserialize, Serialize};

/// How independent samples are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mixing {
    /// Effective sample size divided by samples.
    pub effective_fraction: f64,
    /// R-hat; none where every sample was drawn on its own.
    pub r_hat: Option<f64>,
    /// Acceptance rate of the Markov chain; none without one.
    pub acceptance: Option<f64>,
    /// How this is known.
    pub how: String,
}

impl Mixing {
    /// Every sample was drawn on its own.
    pub fn independent() -> Self {
        Self { effective_fraction: 1.0, r_hat: None, acceptance: None, how: "independent draws".into() }
    }

    /// Measured on the energies in the order of the file, as one chain.
    pub fn measured(energies: &[f64]) -> Self {
        let n = energies.len();
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        let effective = finite(chain::bulk_effective_sample_size(energies, n));
        Self {
            effective_fraction: effective.map_or(1.0, |effective| (effective / n.max(1) as f64).min(1.0)),
            r_hat: finite(chain::r_hat(energies, n)),
            acceptance: None,
            how: match effective {
                Some(_) => "measured on the energies in the file's order".into(),
                None => "not measurable on these energies, taken as independent".into(),
            },
        }
    }

    /// After polishing: every sample is still a chain of its own.
    #[must_use]
    pub fn polished(self, report: &PolishReport) -> Self {
        Self { acceptance: Some(report.acceptance), ..self }
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
