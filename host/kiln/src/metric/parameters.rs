//! What samples say of each coordinate, beside the reference: mean, width and quantiles. For energies of which nothing is
//! known but where their coordinates have a meaning of their own: posteriors.

use crate::samples::Samples;
use crate::target::{Structure, Target};
use kiln_metrics::number::{self, figure};
use kiln_metrics::statistic::Mean;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Heads of the columns.
pub const COLUMNS: [&str; 5] = ["mean", "sd", "5 %", "50 %", "95 %"];
/// Most parameters in text.
const ROWS: usize = 24;

/// Where one coordinate's values lie; unknown (NaN) of no values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean.
    #[serde(with = "number")]
    pub mean: f64,
    /// Standard deviation.
    #[serde(with = "number")]
    pub sd: f64,
    /// The 5 % quantile.
    #[serde(with = "number")]
    pub low: f64,
    /// The median.
    #[serde(with = "number")]
    pub median: f64,
    /// The 95 % quantile.
    #[serde(with = "number")]
    pub high: f64,
}

impl Spread {
    /// Of the values that are finite.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.filter(|x| x.is_finite()).collect();
        let Mean { mean, sd, .. } = Mean::of(&values);
        values.sort_by(f64::total_cmp);
        let last = values.len().saturating_sub(1) as f64;
        let quantile = |q: f64| values.get((last * q).round() as usize).copied().unwrap_or(f64::NAN);
        Self { mean, sd, low: quantile(0.05), median: quantile(0.5), high: quantile(0.95) }
    }

    /// As text, under [`COLUMNS`].
    pub fn cells(&self) -> [String; COLUMNS.len()] {
        [self.mean, self.sd, self.low, self.median, self.high].map(figure)
    }
}

/// One coordinate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Of the samples.
    pub samples: Spread,
    /// Of what they are compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Spread>,
}

impl Parameter {
    /// How far the samples' mean is from the reference's, in widths of the reference.
    fn distance(&self) -> f64 {
        let reference = self.reference.unwrap_or(self.samples);
        let distance = (self.samples.mean - reference.mean).abs() / reference.sd;
        if distance.is_nan() { 0.0 } else { distance }
    }
}

/// Of every coordinate of a target of which nothing else is known; of others none.
pub fn parameters(target: &Target, samples: &Samples, reference: Option<&Samples>) -> Vec<Parameter> {
    let Structure::Unknown = target.structure() else { return Vec::new() };
    let column =
        |set: &Samples, at: usize| Spread::of(set.data.iter().skip(at).step_by(set.dim).map(|x| f64::from(*x)));
    let parameter = |(at, name): (usize, &String)| Parameter {
        name: name.clone(),
        samples: column(samples, at),
        reference: reference.map(|set| column(set, at)),
    };
    target.names().iter().enumerate().map(parameter).collect()
}

/// Those that are worth a reader's time, in their order: all, or so many of those whose means are furthest off.
pub fn furthest(all: &[Parameter], most: usize) -> Vec<&Parameter> {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| all[*b].distance().total_cmp(&all[*a].distance()));
    order.truncate(most);
    order.sort_unstable();
    order.into_iter().map(|at| &all[at]).collect()
}

/// A table that reads without colour; nothing of no parameters.
pub fn text(all: &[Parameter]) -> String {
    let shown = furthest(all, ROWS);
    let width =
        shown.iter().map(|parameter| parameter.name.chars().count()).max().unwrap_or(0).max("reference".len() + 2);
    let mut text = String::new();
    let mut line = |name: &str, cells: [String; COLUMNS.len()]| {
        let _ = write!(text, "{name:<width$}");
        cells.iter().for_each(|cell| text += &format!("  {cell:>10}"));
        text.push('\n');
    };
    if !shown.is_empty() {
        line("parameter", COLUMNS.map(String::from));
    }
    for parameter in &shown {
        line(&parameter.name, parameter.samples.cells());
        if let Some(reference) = &parameter.reference {
            line("  reference", reference.cells());
        }
    }
    if shown.len() < all.len() {
        let _ = writeln!(text, "and {} more, whose means are nearer to the reference's", all.len() - shown.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Unknown;

    fn named(names: &[&str]) -> Target {
        let names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
        let bounds = vec![kiln_explore::Bound::NONE; names.len()];
        Target::new("posterior", Unknown(names.len()))
            .with_coordinates(names, bounds)
            .from_file("posterior.toml".into(), None)
    }

    #[test]
    fn each_parameter_is_summarised_by_its_name() {
        let rows = |shift: f32| (0..=100).flat_map(|i| [i as f32 + shift, -(i as f32)]).collect::<Vec<f32>>();
        let samples = Samples { dim: 2, data: rows(10.0) };
        let reference = Samples { dim: 2, data: rows(0.0) };
        let found = parameters(&named(&["a", "rate"]), &samples, Some(&reference));
        assert_eq!(found.iter().map(|parameter| &*parameter.name).collect::<Vec<_>>(), ["a", "rate"]);
        let Spread { mean, sd, low, median, high } = found[0].samples;
        assert_eq!([mean, low, median, high], [60.0, 15.0, 60.0, 105.0]);
        assert!((sd - 29.3).abs() < 0.01, "{sd}");
        assert_eq!(found[0].reference.unwrap().mean, 50.0);
        assert_eq!(found[1].samples.low, -95.0);
        let text = text(&found);
        assert!(text.starts_with("parameter") && text.contains("\nrate ") && text.matches("  reference").count() == 2);
        // The one that is off is what a short table shows.
        assert_eq!(furthest(&found, 1)[0].name, "a");
    }

    #[test]
    fn lost_values_are_left_out_and_nothing_is_unknown() {
        let spread = Spread::of([1.0, f64::NAN, 3.0, f64::INFINITY].into_iter());
        assert_eq!((spread.mean, spread.low, spread.high), (2.0, 1.0, 3.0));
        let nothing = Spread::of([f64::NAN].into_iter());
        assert!(nothing.mean.is_nan() && nothing.median.is_nan());
        assert_eq!(nothing.cells(), ["unknown"; 5]);
        assert_eq!(text(&[]), "");
    }
}
