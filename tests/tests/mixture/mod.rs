//! The mixture of the zoo as people bring it: as a formula, in Rust, as a library in C.

use kiln::energy_file;
use kiln::target::Target;
use kiln_core::{Energy, Scalar};
use std::path::Path;
use std::process::Command;

/// A mode: log weight - n log sd, 1/sd², mean.
struct Mode(f64, f64, Vec<f64>);

/// In Rust.
struct Mixture(Vec<Mode>);

/// Modes at most.
const MODES: usize = 8;

impl Mixture {
    /// log of every mode's part, the largest, and the sum of all over it.
    #[inline(always)]
    fn parts<S: Scalar>(&self, x: &[S]) -> ([S; MODES], S, S) {
        let zero = S::constant(0.0);
        let mut logs = [zero; MODES];
        for (log, Mode(weight, precision, mean)) in logs.iter_mut().zip(&self.0) {
            let square = x.iter().zip(mean).fold(zero, |sum, (x, m)| sum + (*x - S::constant(*m)).square());
            *log = S::constant(*weight) - S::constant(0.5 * precision) * square;
        }
        let logs_of = &logs[..self.0.len()];
        let most = logs_of.iter().fold(logs[0], |most, log| most.max(*log));
        (logs, most, logs_of.iter().fold(zero, |sum, log| sum + (*log - most).exp()))
    }
}

impl<S: Scalar> Energy<S> for Mixture {
    fn dim(&self) -> usize {
        self.0[0].2.len()
    }
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let (logs, most, sum) = self.parts(x);
        gradient.fill(S::constant(0.0));
        for (Mode(_, precision, mean), log) in self.0.iter().zip(logs) {
            let pull = (log - most).exp() / sum * S::constant(*precision);
            gradient.iter_mut().zip(x).zip(mean).for_each(|((g, x), m)| *g += pull * (*x - S::constant(*m)));
        }
        -(most + sum.ln())
    }
    fn energy(&self, x: &[S]) -> S {
        let (_, most, sum) = self.parts(x);
        -(most + sum.ln())
    }
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
        let [weight, sd] = [numbers[0], numbers[1]];
        let mean = numbers[2..].to_vec();
        Mode(weight.ln() - mean.len() as f64 * sd.ln(), 1.0 / (sd * sd), mean)
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
