//! Your own energy: the posterior of a Bayesian logistic regression, trained, sampled, and checked against a long
//! Hamiltonian Monte Carlo chain.
//!
//! `cargo run -p kiln --example logistic_regression [OUT [KEY=VALUE]...]`

use kiln::config::Layers;
use kiln::error::Error;
use kiln::progress::{Part, Progress, Tick};
use kiln::target::Target;
use kiln::train;
use kiln_core::dynamics::{State, Workspace, hmc};
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::{Energy, Scalar};
use std::path::PathBuf;
use std::sync::Mutex;

/// Four coefficients and an intercept.
const N: usize = 5;

/// Rows of features times the label, ±1; coefficients have the prior N(0, 2²).
struct LogisticRegression(Vec<[f64; N]>);

impl<S: Scalar> Energy<S> for LogisticRegression {
    fn dim(&self) -> usize {
        N
    }

    fn energy(&self, w: &[S]) -> S {
        self.energy_and_gradient(w, &mut [S::zero(); N])
    }

    fn energy_and_gradient(&self, w: &[S], gradient: &mut [S]) -> S {
        let (quarter, eighth) = (S::constant(0.25), S::constant(0.125));
        gradient.iter_mut().zip(w).for_each(|(gradient, w)| *gradient = quarter * *w);
        let mut energy = w.iter().fold(S::zero(), |sum, w| sum + eighth * *w * *w);
        for row in &self.0 {
            let margin = (0..N).fold(S::zero(), |sum, k| sum + S::constant(row[k]) * w[k]);
            // log(1 + e^-m) without overflow.
            energy += (-margin).max(S::zero()) + (S::one() + (-margin.abs()).exp()).ln();
            let pull = (-margin).sigmoid();
            (0..N).for_each(|k| gradient[k] -= pull * S::constant(row[k]));
        }
        energy
    }
}

/// Forty rows from known coefficients.
fn data() -> Vec<[f64; N]> {
    let truth = [1.5, -1.0, 0.5, 0.0, 0.3];
    let row = |index| {
        let mut stream = Stream::new(1, Purpose::Test, index);
        let mut x = [1.0; N];
        stream.fill_normal(&mut x[..N - 1]);
        let margin: f64 = x.iter().zip(truth).map(|(x, w)| x * w).sum();
        let label = if Randomness::<f64>::uniform(&mut stream) < margin.sigmoid() { 1.0 } else { -1.0 };
        x.map(|x| label * x)
    };
    (0..40).map(row).collect()
}

/// Mean and standard deviation of each coefficient.
fn moments(rows: &[[f64; N]]) -> [(f64, f64); N] {
    let n = rows.len() as f64;
    std::array::from_fn(|k| {
        let mean = rows.iter().map(|row| row[k]).sum::<f64>() / n;
        (mean, (rows.iter().map(|row| (row[k] - mean).powi(2)).sum::<f64>() / n).sqrt())
    })
}

/// Tells on stderr how far the training is, every tenth of the way.
struct Lines;

struct Told {
    total: u64,
    tenth: Mutex<u64>,
    quality: Mutex<String>,
}

impl Progress for Lines {
    fn part<'a>(&'a self, part: Part<'a>) -> Box<dyn Tick + 'a> {
        Box::new(Told { total: part.total.max(1), tenth: Mutex::new(0), quality: Mutex::new(String::new()) })
    }

    fn note(&self, text: &str) {
        eprintln!("{text}");
    }
}

impl Tick for Told {
    fn step(&self, done: u64) {
        let (Ok(mut tenth), Ok(quality)) = (self.tenth.lock(), self.quality.lock()) else { return };
        if 10 * done / self.total > *tenth {
            *tenth = 10 * done / self.total;
            eprintln!("{:>3} %  {quality}", 10 * *tenth);
        }
    }

    fn quality(&self, text: &str) {
        if let Ok(mut quality) = self.quality.lock() {
            *quality = text.into();
        }
    }
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().map(PathBuf::from);
    let mut layers = Layers::new();
    for assignment in arguments {
        layers.set(&assignment)?;
    }
    let target = Target::new("logistic-regression", LogisticRegression(data()));
    let config = layers.resolve(target.settings())?;
    let run = train::fit(&target, config.into_settings(), out.as_deref(), &Lines)?;
    let samples = train::sample(&run, 0, 10_000)?;
    let ours: Vec<[f64; N]> = samples.data.chunks_exact(N).map(|x| std::array::from_fn(|k| f64::from(x[k]))).collect();

    let energy = LogisticRegression(data());
    let mut stream = Stream::new(0, Purpose::Reference, 0);
    let mut state = State::new(&energy, [0.0_f64; N]);
    let mut workspace = Workspace::new(&state.position);
    let params = hmc::Params { step_size: 0.25, steps: 8 };
    let mut chain = Vec::new();
    for step in 0..60_000 {
        hmc::step(&mut stream, &mut state, &params, &energy, &mut workspace);
        if step >= 1000 {
            chain.push(state.position);
        }
    }
    println!("coefficient   one step: mean  sd      59,000 HMC steps: mean  sd");
    for (k, ((mean, sd), (exact_mean, exact_sd))) in moments(&ours).into_iter().zip(moments(&chain)).enumerate() {
        println!("{k:<13} {mean:>14.2} {sd:>5.2} {exact_mean:>22.2} {exact_sd:>5.2}");
    }
    println!("{}", run.path().display());
    Ok(())
}
