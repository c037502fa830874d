//! What the states of independent ladders say of themselves: R-hat and effective sample size of every coordinate, of the energy
//! and of the cells, and what of it does not hold.

use kiln_core::symmetry::Symmetry;
use kiln_metrics::chain::{bulk_effective_sample_size, effective_sample_size, least_effective, r_hat, worst_r_hat};
use kiln_metrics::gaussians::Fit;
use kiln_metrics::number;
use kiln_metrics::observable::Observables;
use kiln_metrics::statistic::Mean;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A cell with a smaller share is not watched: its indicator hardly ever moves.
const LEAST_SHARE: f64 = 0.005;

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is of.
    pub name: String,
    /// Mean.
    #[serde(with = "number")]
    pub mean: f64,
    /// Standard deviation.
    #[serde(with = "number")]
    pub sd: f64,
    /// The 5 %, 25 %, 50 %, 75 % and 95 % quantiles.
    pub quantiles: [f64; 5],
    /// Effective sample size: the less of bulk and mean.
    #[serde(with = "number")]
    pub effective: f64,
    /// Rank-normalised split R-hat.
    #[serde(with = "number")]
    pub r_hat: f64,
}

/// Everything that is watched, one column each.
pub struct Columns {
    /// Name and values, ladder by ladder.
    pub columns: Vec<(String, Vec<f64>)>,
    /// Which of them is the energy.
    pub energy: usize,
    /// Values of a ladder.
    pub length: usize,
}

impl Columns {
    /// Of states (ladders, length, dim) in the user's coordinates, their energies, and the cells they lie in.
    pub fn of(
        symmetry: Symmetry,
        names: &[String],
        rows: &[f64],
        energies: &[f64],
        cells: &[usize],
        length: usize,
    ) -> Self {
        let dim = names.len();
        let mut columns: Vec<(String, Vec<f64>)> = match symmetry {
            Symmetry::None => {
                let column = |k: usize| rows.iter().skip(k).step_by(dim).copied().collect();
                names.iter().enumerate().map(|(k, name)| (name.clone(), column(k))).collect()
            }
            Symmetry::Particles { .. } => {
                let data: Vec<f32> = rows.iter().map(|x| *x as f32).collect();
                let all = Observables::of(symmetry, dim, &data, energies);
                (1..all.count()).map(|at| (all.name(at), all.values(at))).collect()
            }
        };
        let energy = columns.len();
        columns.push(("energy".into(), energies.to_vec()));
        let most = cells.iter().copied().max().map_or(0, |most| most + 1);
        for cell in 0..most {
            let inside: Vec<f64> = cells.iter().map(|at| f64::from(u8::from(*at == cell))).collect();
            let share = inside.iter().sum::<f64>() / inside.len() as f64;
            if most > 1 && (LEAST_SHARE..=1.0 - LEAST_SHARE).contains(&share) {
                columns.push((format!("cell {}", cell + 1), inside));
            }
        }
        Self { columns, energy, length }
    }

    /// The table.
    pub fn figures(&self) -> Vec<Figure> {
        self.columns
            .par_iter()
            .map(|(name, values)| {
                let mut sorted = values.clone();
                sorted.sort_by(f64::total_cmp);
                let quantile = |q: f64| sorted[((sorted.len() - 1) as f64 * q).round() as usize];
                let Mean { mean, sd, .. } = Mean::of(values);
                let two_values = sorted.iter().all(|x| *x == 0.0 || *x == 1.0);
                let effective = effective_sample_size(values, self.length);
                let bulk = if two_values { effective } else { bulk_effective_sample_size(values, self.length) };
                Figure {
                    name: name.clone(),
                    mean,
                    sd,
                    quantiles: [0.05, 0.25, 0.5, 0.75, 0.95].map(quantile),
                    effective: least_effective([effective, bulk]),
                    r_hat: r_hat(values, self.length),
                }
            })
            .collect()
    }

    /// The least effective sample size and the worst R-hat of all columns: a quick look, without the table.
    pub fn quick(&self) -> (f64, f64) {
        let both: Vec<(f64, f64)> = self
            .columns
            .par_iter()
            .map(|(_, values)| (effective_sample_size(values, self.length), r_hat(values, self.length)))
            .collect();
        (least_effective(both.iter().map(|both| both.0)), worst_r_hat(both.iter().map(|both| both.1)))
    }
}

/// The cell of every state u (n, free): the component of a fitted mixture that most likely made it.
pub fn cells(fit: Option<&Fit>, rows: &[f64], free: usize) -> Vec<usize> {
    match fit {
        Some(fit) if fit.len() > 1 => rows.par_chunks_exact(free).map(|u| fit.component(u)).collect(),
        _ => Vec::new(),
    }
}
