//! Your own energy: a ten-dimensional chain of bananas (Rosenbrock 1960), trained, sampled and checked.
//!
//! `cargo run -p host --example banana [OUT]`
//!
//! Each pair is u ~ N(0, 1), w | u ~ N(u², ½²): the mean energy is 5, half the dimension, and E[w] = 1.

use host::error::Error;
use host::target::Problem;
use host::{preset, train};
use kiln_core::{Energy, Scalar};
use std::path::PathBuf;

struct Banana;

impl<S: Scalar> Energy<S, 10> for Banana {
    fn energy_and_gradient(&self, x: &[S; 10], gradient: &mut [S; 10]) -> S {
        let (half, two, four) = (S::constant(0.5), S::constant(2.0), S::constant(4.0));
        let mut energy = S::zero();
        for k in (0..10).step_by(2) {
            let bend = x[k + 1] - x[k] * x[k];
            energy += half * x[k] * x[k] + two * bend * bend;
            gradient[k] = x[k] - two * four * bend * x[k];
            gradient[k + 1] = four * bend;
        }
        energy
    }
}

fn main() -> Result<(), Error> {
    let out = std::env::args_os().nth(1).map(PathBuf::from);
    let problem = Problem::new("banana", Banana);
    let settings = preset::settings("banana", "kiln", 10);
    let run = train::fit(&problem, settings, out.as_deref())?;

    let samples = train::sample(&run, 0, 10_000)?;
    let mean = |f: &dyn Fn(&[f32]) -> f64| samples.data.chunks(10).map(f).sum::<f64>() / samples.len() as f64;
    let energy = host::metric::suite::energies(&problem, &samples.data).iter().sum::<f64>() / samples.len() as f64;
    println!("mean energy {energy:.2} (truth 5)");
    for k in (0..10).step_by(2) {
        let (u2, w) = (mean(&|x| f64::from(x[k]).powi(2)), mean(&|x| f64::from(x[k + 1])));
        println!("pair {}: E[u^2] {u2:.2} (truth 1), E[w] {w:.2} (truth 1)", k / 2);
    }
    println!("{}", run.path().display());
    Ok(())
}
