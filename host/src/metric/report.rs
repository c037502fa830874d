//! A table of figures, each with its floor or truth, the number of samples behind it and what it cost.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is.
    pub metric: String,
    /// Its value, the mean over repeats.
    pub value: f64,
    /// Its standard error (one draw) or the standard deviation over repeats.
    pub sd: Option<f64>,
    /// The same figure between two independent exact sets of the same n.
    pub floor: Option<f64>,
    /// The exact value.
    pub truth: Option<f64>,
    /// Samples per draw.
    pub n: usize,
    /// Number of independent draws.
    pub repeats: usize,
    /// Energy evaluations spent on it.
    pub energy_evaluations: u64,
}

/// What the figures are about, and the figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The target's title.
    pub target: String,
    /// The target's convention.
    pub convention: String,
    /// Where the samples came from.
    pub source: String,
    /// The seed of the samples.
    pub seed: u64,
    /// Independent draws divided by samples: 1 for a one-step generator, which has no chain (R-hat 1, no
    /// acceptance).
    pub effective_fraction: f64,
    /// The figures.
    pub rows: Vec<Row>,
}

impl Report {
    /// The value of the row of that name.
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.metric == metric).map(|row| row.value)
    }

    /// A table that reads without colour.
    pub fn table(&self) -> String {
        let mut cells = vec![["metric", "value", "±", "floor", "truth", "n", "energies"].map(String::from)];
        for row in &self.rows {
            let n = if row.repeats > 1 { format!("{} x {}", row.n, row.repeats) } else { row.n.to_string() };
            let optional = |value: Option<f64>| value.map_or("-".into(), figure);
            let energies = row.energy_evaluations.to_string();
            cells.push([
                row.metric.clone(),
                figure(row.value),
                optional(row.sd),
                optional(row.floor),
                optional(row.truth),
                n,
                energies,
            ]);
        }
        let mut widths = [0; 7];
        for line in &cells {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = format!("{} from {}, seed {}\n{}\n\n", self.target, self.source, self.seed, self.convention);
        for (at, line) in cells.iter().enumerate() {
            let padded: Vec<String> = line
                .iter()
                .zip(widths)
                .enumerate()
                .map(
                    |(column, (cell, width))| {
                        if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                    },
                )
                .collect();
            let _ = writeln!(text, "{}", padded.join("  ").trim_end());
            if at == 0 {
                let _ = writeln!(text, "{}", "-".repeat(widths.iter().sum::<usize>() + 12));
            }
        }
        text += "\nfloor: the same figure between two independent exact sets of the same n\n";
        let share = self.effective_fraction;
        let _ =
            writeln!(text, "±: standard error, or standard deviation over repeats; effective sample size {share:.2} n");
        text
    }

    /// JSON; a number that is not finite is `null`.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Four significant digits, whole numbers without a point.
fn figure(value: f64) -> String {
    if value == value.round() && value.abs() < 1e6 {
        return format!("{value:.0}");
    }
    let size = value.abs().log10().floor();
    match size {
        _ if !value.is_finite() => "not finite".into(),
        s if !(-4.0..6.0).contains(&s) => format!("{value:.3e}"),
        s => format!("{value:.*}", (3.0 - s).clamp(0.0, 6.0) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let row = |metric: &str, value, floor, repeats| Row {
            metric: metric.into(),
            value,
            sd: Some(0.0123),
            floor,
            truth: None,
            n: 2000,
            repeats,
            energy_evaluations: 2000,
        };
        let rows = vec![row("W2", 5.51234, Some(5.41), 10), row("modes covered", 40.0, None, 1)];
        let (target, convention, source) = ("MoG-40".into(), "E = -log p".into(), "a run".into());
        Report { target, convention, source, seed: 1, effective_fraction: 1.0, rows }
    }

    #[test]
    fn the_table_lines_up() {
        let table = report().table();
        let lines: Vec<&str> = table
            .lines()
            .filter(|line| line.starts_with("metric") || line.starts_with("W2") || line.starts_with("modes"))
            .collect();
        assert_eq!(lines[1], "W2             5.512  0.01230  5.410      -  2000 x 10      2000");
        assert_eq!(
            lines.iter().map(|line| line.chars().count()).max(),
            lines.iter().map(|line| line.chars().count()).min()
        );
    }

    #[test]
    fn json_reads_back() {
        let report = report();
        assert_eq!(serde_json::from_str::<Report>(&report.json()).unwrap(), report);
    }

    #[test]
    fn figures_have_four_digits() {
        let shown: Vec<String> = [40.0, -6.85912, 0.000123, 1.5e9, f64::NAN, -137.1985].map(figure).to_vec();
        assert_eq!(shown, ["40", "-6.859", "0.000123", "1.500e9", "not finite", "-137.2"]);
    }
}
