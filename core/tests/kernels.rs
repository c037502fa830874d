//! Every kernel on targets with known answers: from a wrong start to the right distribution, detailed balance, known
//! biases, non-finite energies. Deliberately wrong kernels fail the same tests.

mod common;

use common::exact::{Exact, Line, Mixture, splat};
use common::kernels::{MalaWithoutCorrection, Move, MoveVisitor, Ula, chains, every_kernel};
use common::statistics::{Moments, flux_asymmetry, kolmogorov_smirnov_ratio, normal_distribution};
use common::targets::{DoubleWell, RightHalf, leaked, three_modes};
use common::tolerance;
use kiln_core::Lanes;
use kiln_core::diffusion::Posterior;
use kiln_core::energy::Gaussian;

const L: usize = 16;
type Pack = Lanes<L>;

/// Chains and steps of the tests that start far from the target.
const EFFORT: (u64, u32) = (65_536, 300);

/// A tempered double well with a weak Gaussian factor, and its exact distribution right of `low`.
fn double_well(low: f64) -> (Posterior<'static, DoubleWell, [Pack; 1]>, Line) {
    let (y, v, beta) = (0.3, 1.5, 0.8);
    let energy = |x: f64| beta * (x.powi(4) - 2.0 * x * x - 0.5 * x) + (x - y).powi(2) / (2.0 * v * v);
    let posterior = Posterior::new(DoubleWell, leaked(splat([y])), splat([v])[0]);
    let [beta] = splat([beta]);
    (Posterior { beta, ..posterior }, Line::new(low, 3.7, 7401, energy))
}

/// Compares many independent values with exact raw moments and a distribution function; the largest ratio of a statistic
/// to its limit, so that at most 1 is a pass.
fn disagreement(values: &[f64], moments: [f64; 4], distribution: impl Fn(f64) -> f64) -> f64 {
    let mut worst = kolmogorov_smirnov_ratio(&mut values.to_vec(), distribution);
    for (power, exact) in [1, 2, 3, 4].into_iter().zip(moments) {
        let z = Moments::of(values.iter().map(|x| x.powi(power))).z(exact);
        worst = worst.max(z.abs() / tolerance::Z);
    }
    worst
}

fn on_double_well<M: Move>(length: f64) -> f64 {
    let (posterior, line) = double_well(-3.7);
    let out = chains::<M, _, 1>(&posterior, length, EFFORT, |_| [1.8]);
    let values: Vec<_> = out.end.iter().map(|x| x[0]).collect();
    disagreement(&values, [1, 2, 3, 4].map(|p| line.mean(|x| x.powi(p))), |x| line.distribution(x))
}

fn on_gaussian<M: Move>(length: f64) -> f64 {
    let target = Gaussian { mean: splat([1.0, -0.5]), standard_deviation: splat([0.8])[0] };
    let (y, v) = ([-0.4, 0.6], 1.1);
    let posterior = Posterior::new(target, leaked(splat(y)), splat([v])[0]);
    let out = chains::<M, _, 2>(&posterior, length, EFFORT, |_| [2.5, 2.0]);
    let precision = 1.0 / 0.64 + 1.0 / (v * v);
    let variance = 1.0 / precision;
    let means = [0, 1].map(|i| ([1.0, -0.5][i] / 0.64 + y[i] / (v * v)) / precision);
    let mut worst = 0.0_f64;
    for (i, mean) in means.into_iter().enumerate() {
        let moments = [
            mean,
            mean.powi(2) + variance,
            mean.powi(3) + 3.0 * mean * variance,
            mean.powi(4) + 6.0 * mean * mean * variance + 3.0 * variance * variance,
        ];
        let values: Vec<_> = out.end.iter().map(|x| x[i]).collect();
        let cdf = |x: f64| normal_distribution((x - mean) / variance.sqrt());
        worst = worst.max(disagreement(&values, moments, cdf));
    }
    // Its coordinates are independent.
    let z = Moments::of(out.end.iter().map(|x| x[0] * x[1])).z(means[0] * means[1]);
    worst.max(z.abs() / tolerance::Z)
}

fn on_mixture<M: Move>(length: f64) -> f64 {
    let (y, v) = ([0.5, -0.2], 1.6);
    let posterior = Posterior::new(three_modes(), leaked(splat(y)), splat([v])[0]);
    let exact = Mixture(three_modes()).condition(&y, v);
    let out = chains::<M, _, 2>(&posterior, length, EFFORT, |_| [2.5, 2.5]);
    let component = |f: &dyn Fn(f64, f64) -> f64, i: usize| -> f64 {
        (0..3).map(|k| exact.weights()[k] * f(exact.means()[k][i], exact.standard_deviations()[k])).sum()
    };
    let mut worst = 0.0_f64;
    for i in 0..2 {
        let moments = [
            component(&|m, _| m, i),
            component(&|m, s| m * m + s * s, i),
            component(&|m, s| m.powi(3) + 3.0 * m * s * s, i),
            component(&|m, s| m.powi(4) + 6.0 * m * m * s * s + 3.0 * s.powi(4), i),
        ];
        let values: Vec<_> = out.end.iter().map(|x| x[i]).collect();
        let cdf = |x: f64| component(&|m, s| normal_distribution((x - m) / s), i);
        worst = worst.max(disagreement(&values, moments, cdf));
    }
    let product: f64 = (0..3).map(|k| exact.weights()[k] * exact.means()[k][0] * exact.means()[k][1]).sum();
    let z = Moments::of(out.end.iter().map(|x| x[0] * x[1])).z(product);
    worst.max(z.abs() / tolerance::Z)
}

struct RightDistribution;
impl MoveVisitor for RightDistribution {
    fn visit<M: Move>(&mut self) {
        if !M::EXACT {
            return;
        }
        for (target, ratio) in [
            ("Gaussian", on_gaussian::<M>(0.6)),
            ("double well", on_double_well::<M>(0.45)),
            ("three modes", on_mixture::<M>(0.6)),
        ] {
            assert!(ratio < 1.0, "{} on {target}: {ratio} times the limit", M::NAME);
        }
    }
}

#[test]
fn kernels_find_the_right_distribution_from_a_wrong_start() {
    every_kernel(&mut RightDistribution);
}

#[test]
fn wrong_kernels_find_wrong_distributions() {
    for (name, ratio) in [
        ("ULA on a double well", on_double_well::<Ula>(0.45)),
        ("ULA on a Gaussian", on_gaussian::<Ula>(0.6)),
        ("MALA without correction on a double well", on_double_well::<MalaWithoutCorrection>(0.45)),
        ("MALA without correction on a Gaussian", on_gaussian::<MalaWithoutCorrection>(0.6)),
    ] {
        assert!(ratio > 1.0, "{name}: not detected, {ratio}");
    }
}

/// From exact samples, one step: as many transitions from bin i to j as from j to i. Returns the χ² over its limit and
/// the share of transitions between bins.
fn balance<M: Move>(length: f64) -> (f64, f64) {
    const BINS: usize = 8;
    let (posterior, line) = double_well(-3.7);
    let out = chains::<M, _, 1>(&posterior, length, (1 << 20, 1), |rng| [line.sample(rng)]);
    let bin = |x: &[f64; 1]| ((line.distribution(x[0]) * BINS as f64) as usize).min(BINS - 1);
    let mut counts = [[0; BINS]; BINS];
    for (start, end) in out.start.iter().zip(&out.end) {
        counts[bin(start)][bin(end)] += 1;
    }
    flux_asymmetry(&counts)
}

struct DetailedBalance;
impl MoveVisitor for DetailedBalance {
    fn visit<M: Move>(&mut self) {
        if M::EXACT {
            let (ratio, moved) = balance::<M>(0.6);
            assert!(ratio < 1.0, "{}: χ² is {ratio} times its limit", M::NAME);
            assert!(moved > 0.2, "{}: only {moved} leave their bin", M::NAME);
        }
    }
}

#[test]
fn kernels_are_in_detailed_balance() {
    every_kernel(&mut DetailedBalance);
}

#[test]
fn wrong_kernels_are_not_in_detailed_balance() {
    let (ratio, _) = balance::<MalaWithoutCorrection>(0.6);
    assert!(ratio > 1.0, "MALA without correction: {ratio}");
    let (ratio, _) = balance::<Ula>(0.6);
    assert!(ratio > 1.0, "ULA: {ratio}");
}

/// ULA on a Gaussian of width s has the stationary variance s²/(1 − h/(2s²)).
#[test]
fn ula_has_its_known_bias() {
    let s: f64 = 0.8;
    // A posterior with an all but flat Gaussian factor is the target.
    let target = Gaussian { mean: splat([0.5]), standard_deviation: splat([s])[0] };
    let posterior = Posterior::new(target, leaked(splat([0.5])), splat([1e6])[0]);
    for length in [0.3, 0.6, 0.9_f64] {
        let h = 0.5 * length * length;
        let out = chains::<Ula, _, 1>(&posterior, length, (131_072, 200), |_| [1.5]);
        let exact = s * s / (1.0 - h / (2.0 * s * s));
        let squares = Moments::of(out.end.iter().map(|x| (x[0] - 0.5).powi(2)));
        squares.assert_mean(&format!("variance at h = {h}"), exact);
        assert!(squares.z(s * s) > tolerance::Z, "the bias at h = {h} is visible");
        assert_eq!((out.acceptance, out.accepted, out.divergences), (1.0, 1.0, 0));
    }
}

/// An energy that is NaN in a half space: such proposals are rejected and counted, and the chain samples what is left.
struct HalfSpace;
impl MoveVisitor for HalfSpace {
    fn visit<M: Move>(&mut self) {
        let (posterior, _) = double_well(-3.7);
        let posterior =
            Posterior { target: RightHalf(posterior.target), y: posterior.y, v: posterior.v, beta: posterior.beta };
        let effort = (16_384, 200);
        let out = chains::<M, _, 1>(&posterior, 0.3, effort, |_| [0.7]);
        assert!(out.end.iter().all(|x| x[0] >= 0.0), "{} went where the energy is NaN", M::NAME);
        assert!(out.acceptance.is_finite());
        let share = out.divergences as f64 / (effort.0 * u64::from(effort.1)) as f64;
        assert!((0.01..0.6).contains(&share), "{}: {share} divergent", M::NAME);
        // What is accepted and what is divergent exclude each other.
        assert!(out.accepted + share <= 1.0);
        if M::EXACT {
            let (_, line) = double_well(0.0);
            let values: Vec<_> = out.end.iter().map(|x| x[0]).collect();
            let ratio = disagreement(&values, [1, 2, 3, 4].map(|p| line.mean(|x| x.powi(p))), |x| line.distribution(x));
            assert!(ratio < 1.0, "{}: {ratio}", M::NAME);
        }
        // A chain that starts outside never moves and never counts as accepted.
        let out = chains::<M, _, 1>(&posterior, 0.3, (16, 50), |_| [-0.7]);
        if M::EXACT {
            assert!(out.end.iter().all(|x| (x[0] + 0.7).abs() < 1e-6), "{} left {:?}", M::NAME, out.end);
            assert_eq!((out.accepted, out.divergences), (0.0, 16 * 50));
        }
    }
}

#[test]
fn energies_that_are_not_finite_are_rejected_and_counted() {
    every_kernel(&mut HalfSpace);
}

/// `Info::acceptance` is the probability of what `Info::accepted` reports. A sweep of one block is one proposal.
struct AcceptanceIsHonest;
impl MoveVisitor for AcceptanceIsHonest {
    fn visit<M: Move>(&mut self) {
        let (posterior, _) = double_well(-3.7);
        let out = chains::<M, _, 1>(&posterior, 0.7, (4096, 50), |_| [0.7]);
        let n = 4096.0 * 50.0;
        let z = (out.accepted - out.acceptance) * n / (n * 0.25_f64).sqrt();
        assert!(z.abs() < tolerance::Z, "{}: {} of {}", M::NAME, out.accepted, out.acceptance);
        assert!(M::NAME == Ula::NAME || out.acceptance < 0.99);
    }
}

#[test]
fn reported_acceptance_is_the_rate_of_acceptance() {
    every_kernel(&mut AcceptanceIsHonest);
}
