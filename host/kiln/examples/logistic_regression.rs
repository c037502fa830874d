//! Your own energy, from data whose width is known at run time only: the posterior of a Bayesian logistic regression is
//! trained, stopped, taken up again, sampled, judged, held against reference samples by replica exchange, and exported.
//!
//! `cargo run -p kiln --example logistic_regression [DATA.csv [OUT [KEY=VALUE]...]]`: each line of DATA is a label, 1 or -1,
//! and the features that go with it; the first names them.

use kiln::config::Layers;
use kiln::error::Error;
use kiln::export::{self, bytes::Bytes};
use kiln::fit::{Options, Trained, fit, resume};
use kiln::format;
use kiln::progress::{Part, Progress, Tick};
use kiln::reference::{self, Order};
use kiln::samples::Samples;
use kiln::source;
use kiln::target::Target;
use kiln_core::artifact::{Artifact, Format};
use kiln_core::{Energy, Scalar};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Rows of features and an intercept, times the label; coefficients have the prior N(0, 2²).
struct LogisticRegression {
    rows: Vec<Vec<f64>>,
    dim: usize,
}

impl LogisticRegression {
    /// Σ_k x_k w_k.
    fn margin<S: Scalar>(row: &[f64], w: &[S]) -> S {
        row.iter().zip(w).fold(S::zero(), |sum, (x, w)| sum + S::constant(*x) * *w)
    }

    /// The prior's part, and log(1 + e^-m) without overflow for every row.
    fn sum<S: Scalar>(&self, w: &[S]) -> S {
        let prior = w.iter().fold(S::zero(), |sum, w| sum + S::constant(0.125) * w.square());
        self.rows.iter().fold(prior, |sum, row| {
            let margin = Self::margin(row, w);
            sum + (-margin).max(S::zero()) + (S::one() + (-margin.abs()).exp()).ln()
        })
    }
}

impl<S: Scalar> Energy<S> for LogisticRegression {
    fn dim(&self) -> usize {
        self.dim
    }

    fn energy_and_gradient(&self, w: &[S], gradient: &mut [S]) -> S {
        gradient.iter_mut().zip(w).for_each(|(gradient, w)| *gradient = S::constant(0.25) * *w);
        for row in &self.rows {
            let pull = (-Self::margin(row, w)).sigmoid();
            gradient.iter_mut().zip(row).for_each(|(gradient, x)| *gradient -= pull * S::constant(*x));
        }
        self.sum(w)
    }

    fn energy(&self, w: &[S]) -> S {
        self.sum(w)
    }
}

/// The energy of a file of data.
fn read(path: &Path) -> Result<LogisticRegression, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
    let bad =
        |line: usize| Error::input(format!("'{}', line {line}: no label and features", path.display()), "1,0.5,2");
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for (at, line) in text.lines().enumerate().skip(1) {
        let numbers = line.split(',').map(|word| word.trim().parse::<f64>()).collect::<Result<Vec<_>, _>>();
        let Ok([label, features @ ..]) = numbers.as_deref() else { return Err(bad(at + 1)) };
        rows.push(features.iter().chain(&[1.0]).map(|x| label * x).collect());
        if rows[0].len() != features.len() + 1 {
            return Err(bad(at + 1));
        }
    }
    let dim = rows.first().map_or(0, Vec::len);
    if dim == 0 { Err(bad(2)) } else { Ok(LogisticRegression { rows, dim }) }
}

/// Stops the training half-way, as Ctrl-C would.
struct HalfWay(AtomicBool);

struct Half<'a> {
    stop: &'a AtomicBool,
    total: u64,
}

impl Progress for HalfWay {
    fn part<'a>(&'a self, part: Part<'a>) -> Box<dyn Tick + 'a> {
        Box::new(Half { stop: &self.0, total: part.total })
    }
}

impl Tick for Half<'_> {
    fn step(&self, done: u64) {
        if 2 * done >= self.total {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Mean and standard deviation of each coefficient.
fn moments(samples: &Samples) -> Vec<(f64, f64)> {
    let n = samples.len() as f64;
    let column = |k: usize| samples.data.iter().skip(k).step_by(samples.dim).map(|x| f64::from(*x));
    (0..samples.dim)
        .map(|k| {
            let mean = column(k).sum::<f64>() / n;
            (mean, (column(k).map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
        })
        .collect()
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let data = arguments
        .next()
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/logistic_regression.csv"), PathBuf::from);
    let out = arguments.next().map_or_else(|| PathBuf::from("runs/logistic-regression"), PathBuf::from);
    let mut layers = Layers::new();
    for assignment in arguments {
        layers.set(&assignment)?;
    }
    let energy = read(&data)?;
    let summary = format!("{} rows, {} coefficients", energy.rows.len(), energy.dim);
    let convention = "E = sum over rows of log(1 + exp(-label x.w)) + |w|^2/8, unnormalised";
    let target = Target::new("logistic-regression", energy).described("Logistic regression", &summary, convention);
    let config = layers.resolve(target.settings())?;

    // Train, be stopped half-way, go on.
    let half_way = HalfWay(AtomicBool::new(false));
    let options = Options { progress: &half_way, stop: &half_way.0, ..Options::default() };
    let place = match fit(&target, config.into_settings(), Some(&out), &options) {
        Ok(Trained { run, .. }) => run.path().to_path_buf(),
        Err(error) => {
            eprintln!("{error}");
            out
        }
    };
    let Trained { run, report, .. } = resume(&place, &target, &Options::default())?;
    println!("{}", report.table());

    // Sample from the run, and make reference samples of the same target.
    let generator = source::resolve(run.path())?;
    let samples = generator.open()?.rows(1, 0, 10_000)?;
    format::write(&run.file("more.csv"), &samples, &target, true)?;
    let order = Order { n: 2000, effort: 0.2, ..Order::default() };
    let truth = reference::generate(&target, &order, &kiln::progress::Silent, &AtomicBool::new(false))?;
    println!("{summary}; reference: {}", if truth.manifest.converged { "converged" } else { "not converged" });
    println!("coefficient   one step: mean  sd      reference: mean  sd");
    for (k, ((mean, sd), (true_mean, true_sd))) in
        moments(&samples).into_iter().zip(moments(&truth.samples)).enumerate()
    {
        println!("{k:<13} {mean:>14.2} {sd:>5.2} {true_mean:>22.2} {true_sd:>5.2}");
    }

    // Export for any machine.
    let float = generator.float_model()?;
    let float = Artifact::check(float.as_slice()).map_err(export::unfit)?;
    let deployed: Bytes = export::convert(&float, Format::I16W16A)?;
    let path = run.file("generator.kiln");
    std::fs::write(&path, deployed.as_slice()).map_err(|error| Error::file("write", &path, error))?;
    println!("{}", path.display());
    Ok(())
}
