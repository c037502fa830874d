//! Energies, noise schedules and networks against vectors from the published implementations.

mod common;

use common::golden::{self, Golden, assert_close};
use common::tolerance;
use kiln_core::Energy;
use kiln_core::diffusion::Schedule;
use kiln_core::energy::{
    DoubleWell, GaussianMixture, LennardJones, MANY_WELL_32_LOG_Z, MOG40_STANDARD_DEVIATION, ManyWell, Pairs, mog40,
};
use kiln_core::network::{Layer, Mlp};

fn check<E: Energy<f64>, const N: usize>(energy: &E, golden: &Golden, relative: f64) {
    let points = golden.rows::<N>(&["x"]);
    let (energies, gradients) = (golden.numbers(&["energy"]), golden.rows::<N>(&["grad"]));
    assert_eq!((points.len(), energies.len(), gradients.len()), (64, 64, 64));
    for ((x, want), want_gradient) in points.iter().zip(&energies).zip(&gradients) {
        let mut gradient = [0.0; N];
        let got = energy.energy_and_gradient(x, &mut gradient);
        assert_close("energy", got, *want, relative);
        for (g, w) in gradient.iter().zip(want_gradient) {
            assert_close("gradient", *g, *w, relative);
        }
    }
}

/// The vectors were made with the standard deviation softplus(1) rounded to float32, ours is the float64 one: with theirs
/// we agree to rounding, with ours to the difference.
#[test]
fn mog40_agrees() {
    let golden = golden::mog40();
    let single = golden::mog40_target().numbers(&["std"])[0];
    let published = GaussianMixture::new(*mog40().means(), [1.0 / 40.0; 40], [single; 40]).expect("valid");
    check::<_, 2>(&published, &golden, tolerance::GOLDEN);
    check::<_, 2>(&mog40(), &golden, tolerance::MOG40_SINGLE_WIDTH);
    assert!((MOG40_STANDARD_DEVIATION / single - 1.0).abs() < 5e-8);
}

#[test]
fn mog40_target_is_the_published_one() {
    let golden = golden::mog40_target();
    // The means are float32 values; the JSON reader may be one unit off in the last place of a float64.
    let single = |means: &[[f64; 2]]| means.iter().flatten().map(|m| *m as f32).collect::<Vec<_>>();
    assert_eq!(single(&golden.rows::<2>(&["means"])), single(mog40().means()));
    assert!(mog40().means().iter().flatten().all(|m| f64::from(*m as f32) == *m));
    let width = golden.numbers(&["std_float64_softplus1"])[0];
    assert_close("softplus(1)", MOG40_STANDARD_DEVIATION, width, f64::EPSILON);
    assert_close("softplus(1)", MOG40_STANDARD_DEVIATION, 1.0_f64.exp().ln_1p(), f64::EPSILON);
    assert!(mog40().weights().iter().all(|w| *w == 1.0 / 40.0));
    assert!(mog40().standard_deviations().iter().all(|s| *s == MOG40_STANDARD_DEVIATION));
}

#[test]
fn many_well_32_agrees() {
    let golden = golden::mw32();
    check::<_, 32>(&ManyWell::<32>, &golden, tolerance::GOLDEN);
    assert_close("log Z", MANY_WELL_32_LOG_Z, golden.numbers(&["log_Z"])[0], tolerance::GOLDEN);
    assert_close("log Z of wells", 16.0 * ManyWell::<32>::LOG_Z, MANY_WELL_32_LOG_Z, tolerance::GOLDEN);
}

/// Particles: forces of pairs cancel, so a gradient's error is relative to its largest component. Close contacts, where
/// it reaches 10³⁸, are among the points.
fn check_particles<E: Energy<f64>, const N: usize>(energy: &E, golden: &Golden, convention: &[&str], rows: usize) {
    let key = |last| [convention, &[last]].concat();
    let points = golden.rows::<N>(&["x"]);
    let (energies, gradients) = (golden.numbers(&key("energy")), golden.rows::<N>(&key("grad")));
    assert_eq!((points.len(), energies.len(), gradients.len()), (rows, rows, rows));
    for ((x, want), want_gradient) in points.iter().zip(&energies).zip(&gradients) {
        let mut gradient = [0.0; N];
        let got = energy.energy_and_gradient(x, &mut gradient);
        assert_close("energy", got, *want, tolerance::GOLDEN);
        assert_close("energy alone", energy.energy(x), *want, tolerance::GOLDEN);
        let largest = want_gradient.iter().fold(1.0_f64, |a, g| a.max(g.abs()));
        for (g, w) in gradient.iter().zip(want_gradient) {
            assert!((g - w).abs() <= tolerance::GOLDEN * largest, "gradient: {g:e} instead of {w:e} ({largest:e})");
        }
    }
}

#[test]
fn double_well_4_agrees() {
    check_particles::<_, 8>(&DoubleWell::<4, 2>, &golden::dw4(), &[], 64);
}

#[test]
fn lennard_jones_agrees_in_both_conventions() {
    let (lj13, lj55) = (golden::lj13(), golden::lj55());
    for (pairs, convention) in [(Pairs::Once, "bgflow"), (Pairs::Twice, "idem")] {
        check_particles::<_, 39>(&LennardJones::<13, 3>::new(pairs), &lj13, &[convention], 64);
        check_particles::<_, 165>(&LennardJones::<55, 3>::new(pairs), &lj55, &[convention], 11);
    }
}

#[test]
fn schedules_agree_to_float32() {
    let golden = golden::noise_schedules();
    for (name, start, end) in [("mog", 1e-4, 0.7), ("mw", 1e-4, 0.15), ("dw", 1e-6, 0.05), ("lj", 1e-6, 0.05)] {
        let schedule = Schedule::linear(start, end, 30).expect("a valid schedule");
        let alphas = golden.numbers(&[name, "alpha"]);
        let sigmas = golden.numbers(&[name, "sigma"]);
        assert_eq!((alphas.len(), sigmas.len(), schedule.levels().len()), (30, 30, 30));
        for ((level, alpha), sigma) in schedule.levels().iter().zip(&alphas).zip(&sigmas) {
            // α falls to 6e-4: relative.
            assert!((level.alpha / alpha - 1.0).abs() < tolerance::SCHEDULE_ALPHA, "{name} α {level:?} {alpha}");
            let difference = (level.sigma.powi(2) - sigma.powi(2)).abs();
            assert!(difference < tolerance::SCHEDULE_SIGMA_SQUARED, "{name} σ {level:?} {sigma}");
            assert!((level.ratio() - level.sigma / level.alpha).abs() < 1e-12 * level.ratio());
        }
    }
}

/// A PyTorch `Linear`: its weight is (outputs, inputs), ours is (inputs, outputs).
fn linear(golden: &Golden, network: &str, name: &str) -> (Vec<f64>, Vec<f64>) {
    let weight = golden.numbers(&[network, "state", &format!("{name}.weight"), "data"]);
    let bias = golden.numbers(&[network, "state", &format!("{name}.bias"), "data"]);
    let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
    let mut transposed = vec![0.0; weight.len()];
    for (o, row) in weight.chunks_exact(inputs).enumerate() {
        for (i, w) in row.iter().enumerate() {
            transposed[i * outputs + o] = *w;
        }
    }
    (transposed, bias)
}

fn evaluate(layers: &[(Vec<f64>, Vec<f64>)], x: &[f64]) -> Vec<f64> {
    let layers: Vec<_> = layers.iter().map(|(weight, bias)| Layer { weight, bias }).collect();
    let mlp = Mlp::new(x.len(), &layers).expect("a valid network");
    let mut scratch = vec![0.0; 2 * mlp.width()];
    scratch[..x.len()].copy_from_slice(x);
    mlp.forward(&mut scratch).expect("enough scratch").to_vec()
}

fn check_network(golden: &Golden, network: &str, layers: impl Fn(usize) -> Vec<(Vec<f64>, Vec<f64>)>) {
    let inputs = golden.rows::<2>(&[network, "x"]);
    let outputs = golden.rows::<2>(&[network, "y"]);
    assert_eq!((inputs.len(), outputs.len()), (4, 4));
    for (row, (x, want)) in inputs.iter().zip(&outputs).enumerate() {
        for (got, want) in evaluate(&layers(row), x).iter().zip(want) {
            assert_close(network, *got, *want, tolerance::GOLDEN);
        }
    }
}

#[test]
fn generator_mlp_agrees() {
    let golden = golden::nets();
    let mut layers: Vec<_> = (0..4).map(|l| linear(&golden, "mlp_gen", &format!("decoder.layers.{l}"))).collect();
    layers.push(linear(&golden, "mlp_gen", "decoder.out"));
    check_network(&golden, "mlp_gen", |_| layers.clone());
}

/// The published score network at one time t is an MLP whose hidden biases hold [sin 2πwt, cos 2πwt] too.
#[test]
fn score_mlp_agrees() {
    let golden = golden::nets();
    let times = golden.numbers(&["mlp_score", "t"]);
    check_network(&golden, "mlp_score", |row| {
        let mut layers: Vec<_> = (0..4)
            .map(|l| {
                let (weight, mut bias) = linear(&golden, "mlp_score", &format!("score.lins.{l}.lin"));
                let w = golden.numbers(&["mlp_score", "state", &format!("score.lins.{l}.embed.w"), "data"]);
                for (i, frequency) in w.iter().enumerate() {
                    let (sin, cos) = (core::f64::consts::TAU * frequency * times[row]).sin_cos();
                    bias[i] += sin;
                    bias[w.len() + i] += cos;
                }
                (weight, bias)
            })
            .collect();
        layers.push(linear(&golden, "mlp_score", "score.out_mu"));
        layers
    });
}
