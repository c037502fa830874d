//! What happened in a training since the last line of metrics.

use crate::run::{Level, Record};
use kiln_gpu::posterior::RowReport;
use kiln_gpu::trainer::StepReport;
use kiln_gpu::{Checkpoint, CheckpointError};

/// Counts, and the rows of the last steps. A checkpoint between two lines holds the counts.
#[derive(Default)]
pub(super) struct Window {
    score_loss: Option<f32>,
    gradient_norm: Option<f32>,
    clipped: u64,
    dropped: u64,
    skipped: u64,
    evaluations: u64,
    /// Energy evaluations since the start of the training.
    all_evaluations: u64,
    /// v, residual and posterior sampling of each row.
    rows: Vec<(f32, f32, RowReport)>,
}

impl Window {
    /// Rows kept for the table by noise level: the last ones.
    const ROWS: usize = 1 << 14;
    /// Bands of noise levels.
    const BANDS: usize = 8;
    /// Texts of a checkpoint.
    const COUNTS: [&str; 5] =
        ["window.clipped", "window.dropped", "window.skipped", "window.evaluations", "all_evaluations"];

    pub fn write(&self, file: &mut Checkpoint) {
        let counts = [self.clipped, self.dropped, self.skipped, self.evaluations, self.all_evaluations];
        Self::COUNTS.iter().zip(counts).for_each(|(key, count)| file.insert_text(*key, count.to_string()));
    }

    pub fn read(file: &Checkpoint) -> Result<Self, CheckpointError> {
        let [clipped, dropped, skipped, evaluations, all] = Self::COUNTS.map(|key| file.parsed(key));
        let (clipped, dropped, skipped, evaluations) = (clipped?, dropped?, skipped?, evaluations?);
        Ok(Self { clipped, dropped, skipped, evaluations, all_evaluations: all?, ..Self::default() })
    }

    pub fn add(&mut self, report: &StepReport) {
        self.score_loss = report.score_loss.or(self.score_loss);
        self.gradient_norm = Some(report.gradient_norm).filter(|_| !report.skipped).or(self.gradient_norm);
        self.clipped += report.clipped as u64;
        self.dropped += report.dropped as u64;
        self.skipped += u64::from(report.skipped);
        self.evaluations += report.evaluations;
        self.all_evaluations += report.evaluations;
        if self.rows.len() >= Self::ROWS {
            self.rows.clear();
        }
        let rows = report.ratios.iter().zip(&report.residuals).zip(&report.posterior);
        self.rows.extend(rows.map(|((v, residual), posterior)| (*v, *residual, *posterior)));
    }

    /// Counts what was spent until `later`, which the training went back from.
    pub fn count_again(&mut self, later: &Self) {
        // A state of yet later times, found after a checkpoint was damaged, counts all of it already.
        let spent = later.all_evaluations.saturating_sub(self.all_evaluations);
        self.evaluations += spent;
        self.all_evaluations += spent;
    }

    /// Adds its figures to a record, and begins anew.
    pub fn tell(&mut self, record: &mut Record) {
        let next = Self { all_evaluations: self.all_evaluations, ..Self::default() };
        std::mem::replace(self, next).told(record);
    }

    fn told(self, record: &mut Record) {
        record.score_loss = self.score_loss.map(f64::from);
        record.gradient_norm = self.gradient_norm.map(f64::from);
        record.clipped = Some(self.clipped);
        record.dropped = Some(self.dropped);
        record.skipped = Some(self.skipped);
        record.energy_evaluations = Some(self.evaluations);
        record.all_energy_evaluations = Some(self.all_evaluations);
        record.posterior = self.levels();
    }

    /// Posterior sampling by noise level: equal parts of the rows, least noise first.
    fn levels(mut self) -> Vec<Level> {
        self.rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let size = self.rows.len().div_ceil(Self::BANDS).max(1);
        let band = |rows: &[(f32, f32, RowReport)]| {
            let of = |f: fn(&RowReport) -> f32| Some(mean(rows.iter().map(|(_, _, row)| f64::from(f(row)))));
            let residuals = rows.iter().map(|(_, residual, _)| f64::from(*residual)).filter(|r| r.is_finite());
            let mut energies: Vec<f32> = rows.iter().map(|(_, _, row)| row.energy).collect();
            energies.sort_by(f32::total_cmp);
            Level {
                v: Some(f64::from(rows[rows.len() / 2].0)),
                residual: Some(mean(residuals)),
                median_energy: Some(f64::from(energies[energies.len() / 2])),
                effective_sample_size: of(|row| row.effective_sample_size),
                annealing_acceptance: of(|row| row.annealing_acceptance),
                chain_acceptance: of(|row| row.chain_acceptance),
                refresh_acceptance: of(|row| row.refresh_acceptance),
                divergences: of(|row| row.divergences),
                target_weight: of(|row| row.lambda),
            }
        };
        self.rows.chunks(size).map(band).collect()
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    sum / n
}
