//! `kiln formula`: a look at a formula file before anything is spent on it.

use crate::cli::Formula;
use crate::console::print;
use kiln::error::Error;
use kiln::target::Target;
use kiln_core::random::{Purpose, Randomness, Stream};
use std::fmt::Write as _;
use std::time::Instant;

/// Step of the central differences, relative.
const STEP: f64 = 6e-6;
/// Evaluations that are timed.
const TIMED: usize = 2000;
/// Coordinates that are shown.
const ROWS: usize = 20;

/// Prints value, gradient check and cost.
pub fn run(arguments: &Formula) -> Result<(), Error> {
    let target = super::attempt::target_of_file(&arguments.file)?;
    let x = match &arguments.at {
        Some(text) => point(text, &target)?,
        None => random(&target),
    };
    let mut gradient = vec![0.0; target.dim()];
    let energy = target.energy_and_gradient(&x, &mut gradient);
    target.check()?;
    let mut text = format!("{}: {}, {}\n", target.name(), target.summary(), target.convention());
    let _ = writeln!(text, "E = {energy} at this point");
    let width = target.names().iter().map(|name| name.chars().count()).max().unwrap_or(0).max(10);
    let _ = writeln!(text, "{:<width$} {:>14} {:>16} {:>16}", "coordinate", "x", "gradient", "by differences");
    let mut worst = 0.0_f64;
    for (at, name) in target.names().iter().enumerate() {
        let numeric = central(&target, &x, at);
        let error = (gradient[at] - numeric).abs() / (1.0 + gradient[at].abs());
        worst = if error.is_nan() { error } else { worst.max(error) };
        if at < ROWS {
            let _ = writeln!(text, "{name:<width$} {:>14.6} {:>16.8} {numeric:>16.8}", x[at], gradient[at]);
        }
    }
    if target.dim() > ROWS {
        let _ = writeln!(text, "and {} more", target.dim() - ROWS);
    }
    let _ = writeln!(text, "largest difference {worst:.1e} relative to 1 + |gradient|");
    let begun = Instant::now();
    let sum: f64 = (0..TIMED).map(|_| target.energy_and_gradient(std::hint::black_box(&x), &mut gradient)).sum();
    std::hint::black_box(sum);
    let seconds = begun.elapsed().as_secs_f64() / TIMED as f64;
    let _ = writeln!(text, "energy and gradient take {:.2} µs on one core in float64", 1e6 * seconds);
    print(&text)
}

fn central(target: &Target, x: &[f64], at: usize) -> f64 {
    let mut moved = x.to_vec();
    let step = STEP * x[at].abs().max(1.0);
    moved[at] = x[at] + step;
    let above = target.energy(&moved);
    moved[at] = x[at] - step;
    (above - target.energy(&moved)) / (2.0 * step)
}

/// The numbers of `--at`.
fn point(text: &str, target: &Target) -> Result<Vec<f64>, Error> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|word| word.trim().parse::<f64>()).collect();
    let dim = target.dim();
    let hint = format!("give {dim} numbers with commas between them");
    match numbers {
        Ok(numbers) if numbers.len() == dim => Ok(numbers),
        Ok(numbers) => Err(Error::input(
            format!("--at has {} numbers, {} has {dim} coordinates", numbers.len(), target.name()),
            hint,
        )),
        Err(_) => Err(Error::input(format!("--at '{text}' holds something that is no number"), hint)),
    }
}

/// A point within the bounds: of normal free coordinates.
fn random(target: &Target) -> Vec<f64> {
    let mut stream = Stream::new(0, Purpose::Evaluation, 0);
    target.bounds().iter().map(|bound| bound.map(stream.normal()).x).collect()
}
