//! A table of figures, each with its floor or truth, the number of samples behind it and what it cost.

use super::comparison::Facts;
use super::origin::Mixing;
use super::parameters::{self, Parameter};
use kiln_metrics::number::{self, digits, figure, text};
use kiln_metrics::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// One figure. What is unknown is NaN, what does not apply is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is.
    pub metric: String,
    /// Its value, the mean over repeats.
    #[serde(with = "number")]
    pub value: f64,
    /// Its standard error (one draw), by the effective sample size, or the standard deviation over repeats.
    #[serde(default, with = "number::optional")]
    pub sd: Option<f64>,
    /// The same figure between two independent exact sets of the same n; of one such set where a figure needs no other.
    #[serde(default, with = "number::optional")]
    pub floor: Option<f64>,
    /// The floor's standard error or deviation.
    #[serde(default, with = "number::optional")]
    pub floor_sd: Option<f64>,
    /// The exact value.
    #[serde(default, with = "number::optional")]
    pub truth: Option<f64>,
    /// Samples per draw.
    pub n: usize,
    /// Number of disjoint draws.
    pub repeats: usize,
    /// Number of draws behind the floor.
    pub floor_repeats: usize,
    /// The share of samples that the figure leaves out, where it has a gate.
    #[serde(default, with = "number::optional")]
    pub discarded: Option<f64>,
    /// Effective sample size of a draw: its share of all samples'.
    #[serde(with = "number")]
    pub effective_sample_size: f64,
    /// R-hat of the samples; none where each was drawn on its own.
    #[serde(default, with = "number::optional")]
    pub r_hat: Option<f64>,
    /// Acceptance rate of the chains behind the samples; none without chains.
    #[serde(default, with = "number::optional")]
    pub acceptance: Option<f64>,
    /// Known energy evaluations behind the figure: drawing and polishing its samples, and one for each energy it looks at. Figures share
    /// samples, so that rows do not add up: [`Cost`] has the sum.
    pub energy_evaluations: u64,
}

/// Energy evaluations in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Of the training, once for all samples; none if unknown.
    pub training: Option<u64>,
    /// Of drawing the samples: 0 for one-step draws; none if unknown.
    pub producing: Option<u64>,
    /// Of polishing them.
    pub polishing: u64,
    /// Of judging them and their reference, one each.
    pub judging: u64,
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
    /// The seed of the samples, where they were drawn here.
    pub seed: Option<u64>,
    /// How independent the samples are.
    pub mixing: Mixing,
    /// MALA steps that polished each sample.
    pub polish_steps: usize,
    /// What it all cost.
    pub cost: Cost,
    /// What they are compared with.
    pub reference: Option<Facts>,
    /// The energy above which samples are counted, and left out where a row says so.
    pub gate: Option<f64>,
    /// What a reader has to know of single rows.
    pub notes: Vec<String>,
    /// The figures.
    pub rows: Vec<Row>,
    /// Every parameter of a posterior, summarised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// The verdict, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// Heads of the table's columns.
pub const COLUMNS: [&str; 11] =
    ["metric", "value", "±", "floor", "±", "truth", "n", "ESS", "R-hat", "accepted", "energies"];

impl Row {
    /// The row as text, under [`COLUMNS`].
    pub fn cells(&self) -> [String; COLUMNS.len()] {
        let optional = |value: Option<f64>| value.map_or("-".into(), figure);
        let name = match self.discarded {
            Some(share) => format!("{} ({} left out)", self.metric, percent(share)),
            None => self.metric.clone(),
        };
        let n = match (self.repeats, self.floor_repeats) {
            (0 | 1, 0 | 1) => self.n.to_string(),
            (draws, 0) => format!("{} x {draws}", self.n),
            (draws, floor) if draws == floor => format!("{} x {draws}", self.n),
            (draws, floor) => format!("{} x {draws} (floor {floor})", self.n),
        };
        [
            name,
            figure(self.value),
            optional(self.sd),
            optional(self.floor),
            optional(self.floor_sd),
            optional(self.truth),
            n,
            effective(self.effective_sample_size),
            self.r_hat.map_or("-".into(), |r_hat| digits(r_hat, 3)),
            self.acceptance.map_or("-".into(), |rate| digits(rate, 2)),
            self.energy_evaluations.to_string(),
        ]
    }
}

impl Report {
    /// The value of the row of that name.
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.metric == metric).map(|row| row.value)
    }

    /// A table that reads without colour.
    pub fn table(&self) -> String {
        let mut cells = vec![COLUMNS.map(String::from)];
        cells.extend(self.rows.iter().map(Row::cells));
        let mut widths = [0; COLUMNS.len()];
        for line in &cells {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = format!("{}\n{}\n\n", self.title(), self.convention);
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
                let _ = writeln!(text, "{}", "-".repeat(widths.iter().sum::<usize>() + 2 * (COLUMNS.len() - 1)));
            }
        }
        text.push('\n');
        if !self.parameters.is_empty() {
            let _ = writeln!(text, "{}", parameters::text(&self.parameters));
        }
        for note in self.footnotes() {
            let _ = writeln!(text, "{note}");
        }
        if let Some(verdict) = &self.verdict {
            let _ = writeln!(text, "\n{}", verdict.line());
        }
        text
    }

    /// What was judged.
    pub fn title(&self) -> String {
        let seed = self.seed.map_or(String::new(), |seed| format!(", seed {seed}"));
        let polished = match self.polish_steps {
            0 => String::new(),
            steps => format!(", each polished by {steps} MALA steps"),
        };
        format!("{} from {}{seed}{polished}", self.target, self.source)
    }

    /// What the columns mean, where the reference comes from, and what it all cost.
    pub fn footnotes(&self) -> Vec<String> {
        let mut notes = vec![
            "floor: the same figure between two independent exact sets of the same n".to_string(),
            "±: standard error of a mean or share, by the ESS, or standard deviation over draws".into(),
            format!("ESS, R-hat, acceptance: {}; ESS is per draw", self.mixing.how),
        ];
        if let Some(Facts { source, n, mixing, energy_evaluations }) = &self.reference {
            let r_hat = mixing.r_hat.map_or("-".into(), |r_hat| digits(r_hat, 3));
            let rate = mixing.acceptance.map_or("-".into(), |rate| digits(rate, 2));
            let cost = energy_evaluations.map_or("unknown".into(), |cost| cost.to_string());
            notes.push(format!(
                "reference: {source}, {n} samples, ESS {}, R-hat {r_hat}, acceptance {rate} ({}); energy evaluations {cost}",
                effective(*n as f64 * mixing.effective_fraction),
                mixing.how
            ));
        }
        notes.extend(self.notes.iter().cloned());
        let Cost { training, producing, polishing, judging } = self.cost;
        if producing.is_none() {
            notes.push("energies: without those that drew the samples, which are unknown".into());
        }
        let known = |count: Option<u64>| count.map_or("unknown".into(), |count| count.to_string());
        notes.push(format!(
            "energy evaluations: training {}, drawing these samples {}, polishing {polishing}, judging {judging}",
            known(training),
            known(producing)
        ));
        notes
    }

    /// JSON; what is unknown or infinite says so, `null` is what does not apply.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// An effective sample size: a few samples with a digit more.
pub fn effective(size: f64) -> String {
    digits(size, usize::from(size < 9.5))
}

/// 0.36 %, 12 %.
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if !percent.is_finite() {
        return text(percent, |_| String::new());
    }
    if percent == 0.0 || percent >= 10.0 { format!("{percent:.0} %") } else { format!("{percent:.2} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let row = |metric: &str, value, floor: Option<f64>, repeats| Row {
            metric: metric.into(),
            value,
            sd: Some(0.0123),
            floor,
            floor_sd: None,
            truth: None,
            n: 2000,
            repeats,
            floor_repeats: if floor.is_some() { 5 } else { 0 },
            discarded: None,
            effective_sample_size: 2000.0,
            r_hat: None,
            acceptance: Some(0.574),
            energy_evaluations: 2000,
        };
        Report {
            target: "MoG-40".into(),
            convention: "E = -log p".into(),
            source: "a run".into(),
            seed: Some(1),
            mixing: Mixing::independent(),
            polish_steps: 0,
            cost: Cost { training: Some(7), producing: None, polishing: 0, judging: 4000 },
            reference: None,
            gate: None,
            notes: vec!["a note".into()],
            rows: vec![row("W2", 5.51234, Some(5.41), 10), row("modes covered", 40.0, None, 1)],
            parameters: Vec::new(),
            verdict: None,
        }
    }

    #[test]
    fn the_table_lines_up() {
        let table = report().table();
        let lines: Vec<&str> = table
            .lines()
            .filter(|line| line.starts_with("metric") || line.starts_with("W2") || line.starts_with("modes"))
            .collect();
        let first =
            "W2             5.512  0.01230  5.410  -      -  2000 x 10 (floor 5)  2000      -      0.57      2000";
        assert_eq!(lines[1], first);
        assert!(lines.iter().all(|line| line.chars().count() == first.chars().count()));
        assert!(
            table.contains("a note")
                && table.contains("training 7, drawing these samples unknown, polishing 0, judging 4000")
        );
    }

    #[test]
    fn what_is_left_out_is_said() {
        let mut row = report().rows.remove(0);
        row.discarded = Some(0.0036);
        assert_eq!(row.cells()[0], "W2 (0.36 % left out)");
        assert_eq!([0.0, 0.0036, 0.5, 1.0].map(percent), ["0 %", "0.36 %", "50 %", "100 %"]);
    }

    #[test]
    fn unknown_infinite_and_absent_differ_in_table_and_json() {
        let mut report = report();
        report.mixing = Mixing { effective_fraction: f64::NAN, r_hat: Some(f64::INFINITY), ..Mixing::independent() };
        let row = &mut report.rows[0];
        (row.sd, row.effective_sample_size, row.r_hat) = (Some(f64::NAN), f64::NAN, Some(f64::INFINITY));
        row.floor_sd = None;
        let cells = row.cells();
        assert_eq!([2, 4, 7, 8].map(|at| cells[at].as_str()), ["unknown", "-", "unknown", "infinite"]);
        let json = report.json();
        for text in [
            "\"effective_fraction\": \"unknown\"",
            "\"r_hat\": \"infinite\"",
            "\"sd\": \"unknown\"",
            "\"floor_sd\": null",
        ] {
            assert!(json.contains(text), "{text}");
        }
        let back: Report = serde_json::from_str(&json).unwrap();
        assert_eq!((back.json(), back.rows[0].cells()), (json, cells));
        assert_eq!([f64::NAN, 0.4, 9.6, 1234.5].map(effective), ["unknown", "0.4", "10", "1234"]);
        assert_eq!(percent(f64::NAN), "unknown");
    }

    #[test]
    fn json_of_earlier_versions_reads_as_well() {
        for pretrained in crate::pretrained::all() {
            let report: Report = serde_json::from_str(pretrained.quality).unwrap();
            let known = |row: &Row| row.value.is_finite() && row.effective_sample_size > 0.9 * row.n as f64;
            assert!(report.rows.len() > 5 && report.rows.iter().all(known), "{}", pretrained.name);
        }
    }

    #[test]
    fn json_reads_back() {
        let report = report();
        assert_eq!(serde_json::from_str::<Report>(&report.json()).unwrap(), report);
    }

    #[test]
    fn figures_have_four_digits() {
        let shown: Vec<String> = [40.0, -6.85912, 0.000123, 1.5e9, f64::NAN, -137.1985].map(figure).to_vec();
        assert_eq!(shown, ["40", "-6.859", "0.000123", "1.500e9", "unknown", "-137.2"]);
    }
}
