//! The score estimators against exact answers at every noise level, with exact posterior samples: no bias, and a table of
//! variances (`cargo test -p kiln-core --test score -- --nocapture`).

mod common;

use common::by_value;
use common::exact::{Exact, Wells, levels, mog};
use common::statistics::Moments;
use common::tolerance;
use kiln_core::diffusion::{NoiseLevel, Posterior};
use kiln_core::dynamics::State;
use kiln_core::energy::Gaussian;
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::score::{Accumulator, Estimator};
use kiln_core::{Energy, tensor};

const ESTIMATORS: [(&str, Estimator); 4] = [
    ("DSI", Estimator::Denoising),
    ("TSI", Estimator::Target),
    ("MSI", Estimator::Mixed),
    ("MV", Estimator::MinimumVariance),
];
/// Posterior samples that make one estimate.
const SAMPLES: usize = 64;

/// What one estimator did at one noise level.
#[derive(Default)]
struct Errors {
    /// Variance of one sample's worth of information, per coordinate: SAMPLES × ‖error‖²/N.
    variance: Moments,
    /// The error's mean over coordinates.
    mean: Moments,
    /// The error along D − y, the direction of the score.
    along: Moments,
}

struct Level {
    v: f64,
    errors: [Errors; 4],
    /// MV's squared error less MSI's, in the unit of `variance`.
    gain: Moments,
    /// The posterior's variance per coordinate.
    spread: Moments,
    lambda: Moments,
}

/// Estimates at `points` noised points, `sign` times the target's score.
fn measure<T: Exact<N>, const N: usize>(target: &T, v: f64, points: u64, sign: f64) -> Level
where
    T::Energy: Energy<f64>,
{
    let mut level = Level {
        v,
        errors: Default::default(),
        gain: Moments::default(),
        spread: Moments::default(),
        lambda: Moments::default(),
    };
    for index in 0..points {
        let mut rng = Stream::new(41, Purpose::Test, index);
        let y = target.noised(v, &mut rng);
        let exact = target.condition(&y, v);
        let denoiser = T::denoiser(&exact);
        level.spread.add(T::spread(&exact) / N as f64);
        let posterior = Posterior { beta: sign, ..Posterior::new(target.energy(), &y, v) };
        let mut accumulator = Accumulator::new(&denoiser);
        for _ in 0..SAMPLES {
            let State { position, gradient, .. } = State::new(&posterior, T::draw(&exact, &mut rng));
            accumulator.add(&position, &gradient, v, 1.0);
        }
        let length = tensor::squared_distance(&denoiser, &y).sqrt();
        let mut squares = [0.0; 4];
        for (k, (_, estimator)) in ESTIMATORS.into_iter().enumerate() {
            let estimate = by_value::estimate(&accumulator, &y, v, estimator);
            let (mut mean, mut along) = (0.0, 0.0);
            for i in 0..N {
                let error = estimate.denoiser[i] - denoiser[i];
                mean += error / N as f64;
                along += error * (denoiser[i] - y[i]) / length;
            }
            squares[k] = SAMPLES as f64 * tensor::squared_distance(&estimate.denoiser, &denoiser) / N as f64;
            level.errors[k].variance.add(squares[k]);
            level.errors[k].mean.add(mean);
            level.errors[k].along.add(along);
            if k == 3 {
                level.lambda.add(estimate.lambda);
            }
        }
        level.gain.add(squares[3] - squares[2]);
    }
    level
}

fn check(name: &str, level: &Level) {
    let v = level.v;
    let variances = level.errors.each_ref().map(|e| e.variance.mean());
    for ((estimator, _), errors) in ESTIMATORS.iter().zip(&level.errors) {
        for (what, moments) in [("mean", errors.mean), ("along the score", errors.along)] {
            // λ is estimated from the same samples, which makes a bias of order (posterior width)/SAMPLES.
            let allowance = if *estimator == "MV" { 2.0 * level.spread.mean().sqrt() / SAMPLES as f64 } else { 0.0 };
            let excess = (moments.mean().abs() - allowance).max(0.0) / moments.standard_error();
            assert!(excess < tolerance::Z, "{name}, v = {v}, {estimator}, {what}: {moments:?}, z = {excess:.1}");
        }
    }
    // DSI's variance is the posterior's own, which is known.
    let difference = level.errors[0].variance.mean() - level.spread.mean();
    assert!(
        difference.abs() < tolerance::Z * level.errors[0].variance.standard_error(),
        "{name}, v = {v}: {difference}"
    );
    // Estimating one number from SAMPLES samples costs a share of order 1/SAMPLES.
    let slack = tolerance::Z * level.gain.standard_error() + 4.0 / SAMPLES as f64 * variances[2];
    assert!(level.gain.mean() <= slack, "{name}, v = {v}: MV {} above MSI {}", variances[3], variances[2]);
}

fn table<T: Exact<N>, const N: usize>(target: &T, range: (f64, f64), points: u64)
where
    T::Energy: Energy<f64>,
{
    println!("\n| target | v | posterior variance | DSI | TSI | MSI | MV | MSI/MV | mean λ | bias MV/sd |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for v in levels(range.0, range.1, 8) {
        let level = measure(target, v, points, 1.0);
        let [dsi, tsi, msi, mv] = level.errors.each_ref().map(|e| e.variance.mean());
        println!(
            "| {} | {v:.2} | {:.3e} | {dsi:.3e} | {tsi:.3e} | {msi:.3e} | {mv:.3e} | {:.1} | {:.4} | {:+.4} |",
            T::NAME,
            level.spread.mean(),
            msi / mv,
            level.lambda.mean(),
            level.errors[3].along.mean() / level.spread.mean().sqrt(),
        );
        check(T::NAME, &level);
    }
}

#[test]
fn unbiased_on_mog40_at_every_noise_level() {
    table(&mog(), (0.16, 60.0), 3000);
}

#[test]
fn unbiased_on_many_well_32_at_every_noise_level() {
    table(&Wells::<32>::new(), (0.05, 3.0), 150);
}

/// With the sign of the target's score flipped, the same test fails.
#[test]
fn flipped_score_is_seen() {
    for v in [0.3, 1.0, 3.0] {
        let level = measure(&mog(), v, 500, -1.0);
        let z = level.errors[1].along.z(0.0).abs();
        assert!(z > tolerance::Z, "TSI at v = {v}: {z}");
        let z = level.errors[2].along.z(0.0).abs();
        assert!(z > tolerance::Z, "MSI at v = {v}: {z}");
    }
}

/// On a Gaussian of width s, λ* = s²/(s² + v²) and no variance is left; MSI keeps some unless s = 1.
#[test]
fn minimum_variance_is_exact_on_a_gaussian() {
    for s in [0.05, 1.0, 20.0] {
        for v in levels(0.05, 30.0, 6) {
            let target = Gaussian { mean: [1.0, -2.0, 0.5], standard_deviation: s };
            let mut rng = Stream::new(42, Purpose::Test, 0);
            let y = [1.0 + 2.0 * s, -2.0 - v, 0.3];
            let posterior = Posterior::new(&target, &y, v);
            let width = s * v / (s * s + v * v).sqrt();
            let exact: [f64; 3] = core::array::from_fn(|i| (s * s * y[i] + v * v * target.mean[i]) / (s * s + v * v));
            let mut accumulator = Accumulator::new(&y);
            for _ in 0..20 {
                let mut x = exact;
                for x in &mut x {
                    let z: f64 = rng.normal();
                    *x += width * z;
                }
                let state = State::new(&posterior, x);
                accumulator.add(&x, &state.gradient, v, 1.0);
            }
            let estimate = by_value::estimate(&accumulator, &y, v, Estimator::MinimumVariance);
            assert!((estimate.lambda - s * s / (s * s + v * v)).abs() < 1e-8, "s = {s}, v = {v}: {estimate:?}");
            let error = tensor::squared_distance(&estimate.denoiser, &exact).sqrt();
            assert!(error < 1e-7 * width, "s = {s}, v = {v}: {error}");
            let mixed = by_value::estimate(&accumulator, &y, v, Estimator::Mixed);
            assert!((mixed.lambda - 1.0 / (1.0 + v * v)).abs() < 1e-14);
            let error = tensor::squared_distance(&mixed.denoiser, &exact).sqrt();
            assert_eq!(error < 1e-7 * width, s == 1.0, "MSI with s = {s}, v = {v}: {error}");
        }
    }
}

/// DSI is the mean of x, TSI that of y − v² ∇E, MSI \[P\] eq. 15 in its own coordinates.
#[test]
fn estimators_follow_their_definitions() {
    let target = common::targets::three_modes();
    let (y, v) = ([0.7, -0.4], 0.8);
    let NoiseLevel { alpha, sigma } = NoiseLevel::from_ratio(v);
    let posterior = Posterior::new(&target, &y, v);
    let mut rng = Stream::new(43, Purpose::Test, 0);
    let mut accumulator = Accumulator::new(&[5.0, 5.0]);
    let (mut weight, mut dsi, mut tsi, mut msi) = (0.0, [0.0; 2], [0.0; 2], [0.0; 2]);
    for j in 0..10 {
        let x: [f64; 2] = core::array::from_fn(|_| rng.normal());
        let w = 0.1 + f64::from(j);
        accumulator.add(&x, &State::new(&posterior, x).gradient, v, w);
        let g = common::exact::gradient(&target, &x);
        weight += w;
        for i in 0..2 {
            dsi[i] += w * (alpha * x[i] - alpha * y[i]) / sigma.powi(2);
            tsi[i] += w * -g[i] / alpha;
            msi[i] += w * (alpha * (x[i] - g[i]) - alpha * y[i]);
        }
    }
    for (estimator, score) in [(Estimator::Denoising, dsi), (Estimator::Target, tsi), (Estimator::Mixed, msi)] {
        let estimate = by_value::estimate(&accumulator, &y, v, estimator);
        for i in 0..2 {
            // σ ∇log p_t = (D − y)/v
            let got = (estimate.denoiser[i] - y[i]) / v / sigma;
            let want = score[i] / weight;
            assert!((got - want).abs() < 1e-12, "{estimator:?}: {got} for {want}");
        }
    }
}

/// Weights are relative, a weight of 2 is two samples, a weight of 0 is none, and the origin does not matter.
#[test]
fn weights_mean_what_they_say() {
    let target = common::targets::three_modes();
    let (y, v) = ([0.7, -0.4], 0.8);
    let posterior = Posterior::new(&target, &y, v);
    let states: [State<[f64; 2]>; 5] = core::array::from_fn(|j| {
        let mut rng = Stream::new(44, Purpose::Test, j as u64);
        State::new(&posterior, core::array::from_fn(|_| rng.normal()))
    });
    let sum = |origin: [f64; 2], weights: &[(usize, f64)], factor: f64| {
        let mut accumulator = Accumulator::new(&origin);
        for (j, w) in weights {
            accumulator.add(&states[*j].position, &states[*j].gradient, v, *w);
        }
        accumulator.rescale(factor);
        ESTIMATORS.map(|(_, e)| by_value::estimate(&accumulator, &y, v, e))
    };
    let plain = sum(y, &[(0, 1.0), (1, 2.0), (2, 1.0), (3, 1.0)], 1.0);
    let repeated = sum([3.0, -2.0], &[(0, 1.0), (1, 1.0), (1, 1.0), (4, 0.0), (2, 1.0), (3, 1.0)], 1.0);
    let scaled = sum([0.0, 0.0], &[(0, 0.5), (1, 1.0), (2, 0.5), (3, 0.5)], 1e-3);
    for other in [repeated, scaled] {
        for (a, b) in plain.iter().zip(&other) {
            assert!((a.lambda - b.lambda).abs() < 1e-10, "{a:?} {b:?}");
            assert!(tensor::squared_distance(&a.denoiser, &b.denoiser) < 1e-20, "{a:?} {b:?}");
        }
    }
    // One sample shows no spread: λ = 0, and D is that sample.
    let [.., single] = sum([0.0; 2], &[(2, 3.0)], 1.0);
    assert_eq!(single.lambda, 0.0);
    assert!(tensor::squared_distance(&single.denoiser, &states[2].position) < 1e-20);
}
