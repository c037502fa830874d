//! Generator, score network and objectives against their definitions.

mod common;

use common::{relative_error, uniform, values, wide};
use dfdx::prelude::*;
use kiln_gpu::generator::features;
use kiln_gpu::objective::{clip_rows, denoising, dikl, reverse_kl, surrogate};
use kiln_gpu::{
    Adam, AdamOptions, Body, Cell, Generator, GeneratorSpec, Matrix, Mixture, MixtureBlock, Net, NoiseBatch,
    ScoreNetwork, ScoreSpec, SpecError,
};

use std::sync::Arc;

fn spec() -> GeneratorSpec {
    let body = Body::Mlp { hidden: 12, depth: 2 };
    GeneratorSpec { dim: 2, latent: 3, cells: Vec::new(), thresholds: vec![-0.5, 0.5], skip: 4.0, scale: 0.5, body }
}

fn generator(spec: GeneratorSpec) -> Generator<Cpu> {
    Generator::new(&Cpu::default(), spec, &mut uniform(3)).expect("a spec")
}

#[test]
fn features_in_their_order() {
    let all = features(&[-0.5, 0.5], 3, &[0.0, 1.0, -1.0, 0.5, -0.5, 0.6]);
    assert_eq!(all[..9], [0.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0]);
    assert_eq!(all[9..], [0.5, -0.5, 0.6, 1.0, -1.0, -1.0, -1.0, 1.0, 1.0], "a threshold itself is not passed");
    assert_eq!(features(&[], 3, &[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]);
}

/// x = skip z[..dim] + scale mlp(features(z)), with and without tape, and for any number of latents.
#[test]
fn generator_is_its_formula() {
    let g = generator(spec());
    let z = values(3 * 500, 1);
    let input: Matrix<Cpu> = Cpu::default().tensor_from_vec(features(&spec().thresholds, 3, &z), (500, 9));
    let Net::Mlp(mlp) = g.net() else { panic!("an MLP") };
    let net = mlp.forward_plain(input, None).as_vec();
    let expected: Vec<f64> =
        net.iter().enumerate().map(|(i, x)| f64::from(4.0 * z[i / 2 * 3 + i % 2] + 0.5 * x)).collect();
    assert!(relative_error(&wide(g.sample(&z)), &expected) < 1e-6);
    assert!(relative_error(&wide(g.traced(&z).as_vec()), &expected) < 1e-6);
    assert!(g.sample(&[]).is_empty());
}

#[test]
fn specs_that_are_none() {
    let refused = |spec| Generator::new(&Cpu::default(), spec, &mut uniform(1)).expect_err("no generator");
    assert_eq!(refused(GeneratorSpec { dim: 0, ..spec() }), SpecError::Empty);
    assert_eq!(refused(GeneratorSpec { body: Body::Mlp { hidden: 12, depth: 0 }, ..spec() }), SpecError::Empty);
    assert_eq!(refused(GeneratorSpec { latent: 1, ..spec() }), SpecError::Latent);
    assert_eq!(refused(GeneratorSpec { skip: f32::NAN, ..spec() }), SpecError::NonFinite);
    assert_eq!(refused(GeneratorSpec { thresholds: vec![f32::INFINITY], ..spec() }), SpecError::NonFinite);
    assert_eq!(refused(GeneratorSpec { latent: usize::MAX, ..spec() }), SpecError::TooLarge);
}

fn preconditioned() -> ScoreNetwork<Cpu> {
    let spec = ScoreSpec::Preconditioned { dim: 2, body: Body::Mlp { hidden: 16, depth: 2 }, data_sd: 3.0 };
    ScoreNetwork::new(&Cpu::default(), spec, &mut uniform(5)).expect("a spec")
}

fn published() -> ScoreNetwork<Cpu> {
    let levels = (0..10).map(|t| 0.1 * t as f32 + 0.05).map(|s| ((1.0 - s * s).sqrt(), s)).collect();
    let spec = ScoreSpec::Published { dim: 2, body: Body::Mlp { hidden: 16, depth: 2 }, levels };
    ScoreNetwork::new(&Cpu::default(), spec, &mut uniform(5)).expect("a spec")
}

/// Guided by one Gaussian of unit width in every coordinate.
fn guided() -> ScoreNetwork<Cpu> {
    let mixture = Arc::new(Mixture::new(2, Vec::new()).expect("one Gaussian"));
    let spec = ScoreSpec::Guided { body: Body::Mlp { hidden: 16, depth: 2 }, mixture };
    ScoreNetwork::new(&Cpu::default(), spec, &mut uniform(5)).expect("a spec")
}

fn noise_for(net: &ScoreNetwork<Cpu>, rows: usize) -> NoiseBatch {
    match net.spec() {
        ScoreSpec::Preconditioned { .. } | ScoreSpec::Guided { .. } => {
            NoiseBatch::from_ratios((0..rows).map(|i| 10f32.powf(-1.5 + 4.0 * i as f32 / rows as f32)).collect())
        }
        ScoreSpec::Published { levels, .. } => NoiseBatch::from_levels(levels, (0..rows).map(|i| i % 10).collect()),
    }
}

/// (D - y) / v = sigma s for both networks, and F enters D by the coefficients of Karras et al., table 1.
#[test]
fn denoiser_and_score_agree() {
    for net in [preconditioned(), published()] {
        let rows = 300;
        let noise = noise_for(&net, rows);
        let y = values(2 * rows, 1);
        let (d, s) = (net.denoise(&y, &noise), net.sigma_score(&y, &noise));
        let ratios: Vec<f64> = noise.ratios().map(f64::from).collect();
        for (i, ((d, s), y)) in d.iter().zip(&s).zip(&y).enumerate() {
            let v = ratios[i / 2];
            let from_d = (f64::from(*d) - f64::from(*y)) / v;
            assert!((from_d - f64::from(*s)).abs() < 1e-5 * (1.0 + s.abs()) as f64 + 1e-6 / v, "{i}: {from_d} {s}");
        }
        if let ScoreSpec::Preconditioned { data_sd, .. } = *net.spec() {
            let f = net.raw::<NoneTape>(&y, &noise).as_vec();
            for (i, (d, f)) in d.iter().zip(&f).enumerate() {
                let (s, v) = (f64::from(data_sd), ratios[i / 2]);
                let q = s * s + v * v;
                let expected = s * s / q * f64::from(y[i]) + s * v / q.sqrt() * f64::from(*f);
                assert!((f64::from(*d) - expected).abs() < 1e-5);
            }
        }
    }
}

/// The losses as they are written in the literature, in f64 from D and sigma s.
#[test]
fn losses_are_their_definitions() {
    for net in [preconditioned(), published(), guided()] {
        let rows = 257;
        let noise = noise_for(&net, rows);
        let (x, eps) = (values(2 * rows, 1), values(2 * rows, 2));
        let y = noise.noised(&x, &eps, 2);
        let v: Vec<f64> = noise.ratios().map(f64::from).collect();
        let expected = match *net.spec() {
            ScoreSpec::Preconditioned { data_sd, .. } => {
                let (d, s) = (net.denoise(&y, &noise), f64::from(data_sd));
                let weight = |v: f64| (s * s + v * v) / (s * v).powi(2);
                let terms = d.iter().zip(&x).enumerate();
                terms.map(|(i, (d, x))| weight(v[i / 2]) * f64::from(d - x).powi(2)).sum::<f64>() / (2 * rows) as f64
            }
            ScoreSpec::Guided { .. } => {
                let d = net.denoise(&y, &noise);
                let terms = d.iter().zip(&x).enumerate();
                let square = |v: f64| (v * v) / (1.0 + v * v);
                terms.map(|(i, (d, x))| f64::from(d - x).powi(2) / square(v[i / 2])).sum::<f64>() / (2 * rows) as f64
            }
            ScoreSpec::Published { .. } => {
                let s = net.sigma_score(&y, &noise);
                s.iter().zip(&eps).map(|(s, e)| f64::from(s + e).powi(2)).sum::<f64>() / rows as f64
            }
        };
        let found = f64::from(denoising::loss(&net, &x, &eps, &noise).as_vec()[0]);
        assert!((found - expected).abs() < 1e-3 * expected, "{found} {expected}");
    }
}

/// Where the target is the Gaussian that guides it, states with their gradients leave nothing to learn and no noise; states alone
/// leave the posterior's.
#[test]
fn gradients_take_the_noise_out_of_what_is_regressed_on() {
    let net = guided();
    let noise = noise_for(&net, 257);
    let (x, eps) = (values(2 * 257, 1), values(2 * 257, 2));
    let with = denoising::loss_with_slopes(&net, &x, Some(&x), &eps, &noise).as_vec()[0];
    let without = denoising::loss(&net, &x, &eps, &noise).as_vec()[0];
    assert!(with < 1e-6 && without > 0.1, "{with} {without}");
    // A gradient that is no number is left out.
    let lost = denoising::loss_with_slopes(&net, &x, Some(&vec![f32::NAN; x.len()]), &eps, &noise).as_vec()[0];
    assert_eq!(lost, without);
}

/// One cell whose coordinates are correlated: no latent number chooses, and gradients leave no noise, which needs the whole
/// covariance.
#[test]
fn gradients_take_the_noise_out_of_a_cell_whose_coordinates_are_correlated() {
    // L = [[1, 0], [0.8, 0.2]]: the covariance is [[1, 0.8], [0.8, 0.68]], its inverse [[17, -20], [-20, 25]].
    let factor = [1.0f32, 0.0, 0.8, 0.2];
    let root = (0.32f32 * 0.32 + 4.0 * 0.64).sqrt();
    let variances = [0.5 * (1.68 + root), 0.5 * (1.68 - root)];
    let angle = 0.5 * (1.6f32).atan2(0.32);
    let axes = vec![angle.cos(), angle.sin(), -angle.sin(), angle.cos()];
    let at = [0.5f32, -1.0];
    let cell = Cell { weight: 1.0, mean: at.to_vec(), factor: factor.to_vec(), axes, variances: variances.to_vec() };
    let block = MixtureBlock { coordinates: vec![0, 1], cells: vec![cell], thresholds: Vec::new() };
    let mixture = Mixture::new(2, vec![block]).expect("a cell");
    let mut placed = vec![1.0f32, 2.0];
    mixture.place(&[1.0, 2.0], &mut placed);
    let near = placed.iter().zip([1.5, 0.2]).all(|(x, expected)| (x - expected).abs() < 1e-6);
    assert!(near && mixture.thresholds().is_empty(), "{placed:?}");

    let spec = ScoreSpec::Guided { body: Body::Mlp { hidden: 16, depth: 2 }, mixture: Arc::new(mixture) };
    let net = ScoreNetwork::new(&Cpu::default(), spec, &mut uniform(5)).expect("a spec");
    let noise = noise_for(&net, 257);
    let (x, eps) = (values(2 * 257, 1), values(2 * 257, 2));
    let mut slopes = Vec::new();
    for x in x.chunks_exact(2) {
        let [a, b] = [x[0] - at[0], x[1] - at[1]];
        slopes.extend([17.0 * a - 20.0 * b, 25.0 * b - 20.0 * a]);
    }
    let loss = |slopes: Option<&[f32]>| denoising::loss_with_slopes(&net, &x, slopes, &eps, &noise).as_vec()[0];
    let output = net.raw::<NoneTape>(&noise.noised(&x, &eps, 2), &noise).as_vec();
    let zero = output.iter().map(|f| f * f).sum::<f32>() / output.len() as f32;
    let (with, without) = (loss(Some(&slopes)), loss(None));
    assert!((with - zero).abs() < 1e-4 && without > zero + 0.1, "{with} {without} {zero}");
}

/// For Gaussian data of standard deviation s the best denoiser is c_skip y: training a network whose region is
/// set wider than the data (s = 3 for 1) must come near D = y / (1 + v^2).
#[test]
fn training_finds_the_gaussian_denoiser() {
    let mut net = preconditioned();
    let mut adam = Adam::new(&net);
    let mut u = uniform(11);
    let mut normals = |n: usize| -> Vec<f32> { (0..n).map(|_| (0..12).map(|_| u()).sum::<f32>() - 6.0).collect() };
    for step in 0..1500 {
        let noise = noise_for(&net, 256);
        let (x, eps) = (normals(512), normals(512));
        let loss = denoising::loss(&net, &x, &eps, &noise).backward();
        let learning_rate = 5e-3 * 0.998f32.powi(step);
        adam.step(&mut net, loss, &AdamOptions { learning_rate, ..Default::default() }).expect("finite");
    }
    for v in [0.3f32, 1.0, 3.0] {
        let noise = NoiseBatch::from_ratios(vec![v; 100]);
        let y: Vec<f32> = normals(200).iter().map(|n| n * v.hypot(1.0)).collect();
        let d = net.denoise(&y, &noise);
        let errors = d.iter().zip(&y).map(|(d, y)| f64::from(d - y / (1.0 + v * v)).powi(2));
        let error = (errors.sum::<f64>() / 200.0).sqrt();
        assert!(error < 0.1, "v = {v}: {error}");
    }
}

/// The surrogate's gradient with respect to the samples is g over the batch size.
#[test]
fn surrogate_gradient() {
    let x: Matrix<Cpu> = Cpu::default().tensor_from_vec(values(10, 1), (5, 2));
    let g = values(10, 2);
    let loss = surrogate(x.leaky_trace(), &g);
    let expected: f32 = x.as_vec().iter().zip(&g).map(|(x, g)| x * g).sum::<f32>() / 5.0;
    assert!((loss.as_vec()[0] - expected).abs() < 1e-6);
    let found = loss.backward().get(&x).as_vec();
    assert!(found.iter().zip(&g).all(|(f, g)| (f - g / 5.0).abs() < 1e-7));
}

/// For model N(0, a^2) and target N(0, b^2) in one dimension, alpha (s_model - s_target) is known in closed form.
#[test]
fn coefficients_of_gaussians() {
    let (a, b) = (2.0f32, 0.5f32);
    let noise = NoiseBatch::from_levels(&[(0.8, 0.6), (0.1, 0.9)], vec![0, 1, 0]);
    let y = [1.0f32, -2.0, 0.3];
    let denoised =
        |s: f32| -> Vec<f32> { y.iter().zip(noise.ratios()).map(|(y, v)| s * s / (s * s + v * v) * y).collect() };
    let g = dikl::coefficients(&denoised(a), &denoised(b), &noise, &[1.0, 2.0, 3.0], 1);
    for i in 0..3 {
        let (alpha, sigma) = (noise.alpha()[i], noise.sigma()[i]);
        let score = |s: f32| -alpha * y[i] / (alpha * alpha * s * s + sigma * sigma);
        let expected = [1.0, 2.0, 3.0][i] * alpha * (score(a) - score(b));
        assert!((g[i] - expected).abs() < 1e-5 * expected.abs(), "{} {expected}", g[i]);
    }
    let clean = NoiseBatch::from_ratios(vec![0.01; 3]);
    let sigma_score: Vec<f32> = y.iter().map(|y| -0.01 * y / (a * a)).collect();
    let gradient: Vec<f32> = y.iter().map(|y| y / (b * b)).collect();
    let g = reverse_kl::coefficients(&sigma_score, &gradient, &clean, &[1.0; 3], 1);
    for (g, y) in g.iter().zip(y) {
        assert!((g - (y / (b * b) - y / (a * a))).abs() < 1e-5);
    }
}

#[test]
fn clipped_rows() {
    let mut g = vec![3.0, 4.0, 0.3, 0.4, 0.0, 0.0, -6.0, 8.0];
    assert_eq!(clip_rows(&mut g, 2, 1.0), 2);
    let expected = [0.6, 0.8, 0.3, 0.4, 0.0, 0.0, -0.6, 0.8];
    assert!(g.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{g:?}");
}
