//! The mixture of the zoo as people bring it: as a formula, in Rust, as a library in C.

use kiln::energy_file;
use kiln::target::Target;
use kiln_core::{Energy, Scalar};
use std::path::Path;
use std::process::Command;

/// Weight, standard deviation and mean of a mode.
type Mode = (f64, f64, Vec<f64>);

/// In Rust.
struct Mixture(Vec<Mode>);

impl<S: Scalar> Energy<S> for Mixture {
    fn dim(&self) -> usize {
        self.0[0].2.len()
    }
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let logs: Vec<S> = self.0.iter().map(|mode| log_part(mode, x)).collect();
        let (energy, zero) = (-log_sum_exp(&logs), S::constant(0.0));
        gradient.fill(zero);
        for ((_, sd, mean), log) in self.0.iter().zip(logs) {
            let pull = (log + energy).exp() * S::constant(1.0 / (sd * sd));
            gradient.iter_mut().zip(x).zip(mean).for_each(|((g, x), m)| *g += pull * (*x - S::constant(*m)));
        }
        energy
    }
    fn energy(&self, x: &[S]) -> S {
        -log_sum_exp(&self.0.iter().map(|mode| log_part(mode, x)).collect::<Vec<_>>())
    }
}

fn log_part<S: Scalar>((weight, sd, mean): &Mode, x: &[S]) -> S {
    let zero = S::constant(0.0);
    let square = x.iter().zip(mean).fold(zero, |sum, (x, m)| {
        let off = *x - S::constant(*m);
        sum + off * off
    });
    S::constant(weight.ln() - x.len() as f64 * sd.ln()) - square * S::constant(0.5 / (sd * sd))
}

fn log_sum_exp<S: Scalar>(logs: &[S]) -> S {
    let most = logs.iter().fold(logs[0], |most, log| S::select(most.lt(*log), *log, most));
    most + logs.iter().fold(S::constant(0.0), |sum, log| sum + (*log - most).exp()).ln()
}

fn repository() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// As a formula.
pub fn formula() -> Target {
    energy_file::target(&repository().join("host/formula/zoo/mixture.toml")).unwrap()
}

/// In Rust.
pub fn rust() -> Target {
    let mode = |line: &str| {
        let numbers: Vec<f64> = line.split(',').map(|number| number.parse().unwrap()).collect();
        (numbers[0], numbers[1], numbers[2..].to_vec())
    };
    Target::new(
        "mixture-rust",
        Mixture(include_str!("../../../host/formula/zoo/mixture.csv").lines().map(mode).collect()),
    )
}

/// As a library in C, which is built here.
pub fn c() -> Target {
    let (place, foreign) = (tempfile::tempdir().unwrap(), repository().join("host/foreign"));
    let library = place.path().join("libmixture.so");
    let mut cc = Command::new("cc");
    cc.args(["-O3", "-march=native", "-shared", "-fPIC"]).arg(foreign.join("examples/mixture.c"));
    let done = cc.arg("-I").arg(foreign.join("include")).args(["-lm", "-o"]).arg(&library).status();
    assert!(done.unwrap().success());
    energy_file::target(&library).unwrap()
}
