//! Networks for the score of the noised model density, as preconditioned denoiser and as published.
//!
//! Both speak variance-exploding coordinates, y = x_t / alpha and v = sigma / alpha, and answer with
//! D(y, v) = E[x | y] or sigma times the score, (D - y) / v.

use crate::backend::Backend;
use crate::mlp::{Mlp, uniform_values};
use crate::noise::NoiseBatch;
use crate::parameters::{Network, Parameter, ParameterMut};
use crate::{Matrix, Scalar, Taped};
use dfdx::prelude::*;
use rayon::prelude::*;
use std::f64::consts::TAU;

/// Frequencies of the features of log v: exp(linspace(-2, 2, 8)).
const FREQUENCIES: usize = 8;
/// Standard deviation of the random frequencies of the published time features.
const PUBLISHED_FREQUENCY_SD: f64 = 30.0;

/// Which network, and how large.
#[derive(Clone, Debug, PartialEq)]
pub enum ScoreSpec {
    /// Karras et al. 2022, table 1 ("EDM"), with their sigma = v:
    /// D = c_skip y + c_out F(c_in y; log v), c_skip = s^2 / (s^2 + v^2), c_out = s v / sqrt(s^2 + v^2),
    /// c_in = 1 / sqrt(s^2 + v^2). Hidden layers are conditioned on sines and cosines of log v.
    Preconditioned {
        /// Numbers a sample has.
        dim: usize,
        /// Width of the hidden layers.
        hidden: usize,
        /// How many hidden layers.
        depth: usize,
        /// s, the standard deviation of the data's region.
        data_sd: f32,
    },
    /// The network of He et al. 2025: s(x_t, t) itself, where hidden layer l is conditioned on
    /// [sin(2 pi w_l t), cos(2 pi w_l t)] with random w_l that are not trained.
    Published {
        /// Numbers a sample has.
        dim: usize,
        /// Width of the hidden layers; even.
        hidden: usize,
        /// How many hidden layers.
        depth: usize,
        /// (alpha, sigma) for each t.
        levels: Vec<(f32, f32)>,
    },
}

impl ScoreSpec {
    /// Numbers a sample has.
    pub fn dim(&self) -> usize {
        match *self {
            Self::Preconditioned { dim, .. } | Self::Published { dim, .. } => dim,
        }
    }
}

/// A network for the score of the noised model density.
#[derive(Clone, Debug)]
pub struct ScoreNetwork<D: Backend> {
    spec: ScoreSpec,
    mlp: Mlp<D>,
}

impl<D: Backend> ScoreNetwork<D> {
    /// A network initialised from uniform draws in (0, 1).
    pub fn new(device: &D, spec: ScoreSpec, uniform: &mut impl FnMut() -> f32) -> Self {
        let widths = |dim: usize, hidden: usize, depth: usize| {
            let mut widths = vec![hidden; depth + 2];
            (widths[0], widths[depth + 1]) = (dim, dim);
            widths
        };
        let mlp = match &spec {
            &ScoreSpec::Preconditioned { dim, hidden, depth, .. } => {
                let features = 2 * FREQUENCIES;
                Mlp::new(device, &widths(dim, hidden, depth), uniform)
                    .conditioned(features, true, |_, out| uniform_values(features, features * out, uniform))
            }
            ScoreSpec::Published { dim, hidden, depth, levels } => {
                Mlp::new(device, &widths(*dim, *hidden, *depth), uniform).conditioned(levels.len(), false, |_, out| {
                    let frequencies: Vec<f64> =
                        (0..out / 2).map(|_| PUBLISHED_FREQUENCY_SD * normal(uniform)).collect();
                    time_table(&frequencies, levels.len())
                })
            }
        };
        Self { spec, mlp }
    }

    /// From a network that exists: the conditioning must be the one of `spec`.
    ///
    /// # Panics
    /// If the network's inputs, outputs or features do not fit.
    pub fn from_mlp(spec: ScoreSpec, mlp: Mlp<D>) -> Self {
        assert_eq!((mlp.inputs(), mlp.outputs()), (spec.dim(), spec.dim()), "inputs and outputs");
        let features = match &spec {
            ScoreSpec::Preconditioned { .. } => 2 * FREQUENCIES,
            ScoreSpec::Published { levels, .. } => levels.len(),
        };
        for c in mlp.layers().iter().filter_map(|l| l.condition()) {
            assert_eq!(c.table.shape().0, features, "features");
        }
        Self { spec, mlp }
    }

    /// Which network this is.
    pub fn spec(&self) -> &ScoreSpec {
        &self.spec
    }

    /// Where it lives.
    pub fn device(&self) -> &D {
        self.mlp.layers()[0].weight().device()
    }

    /// The network's own output: F for the preconditioned one, the score for the published one.
    ///
    /// # Panics
    /// If `y` is not a batch for `noise`, or the published network gets noise without levels.
    pub fn raw<T: Tape<f32, D>>(&self, y: &[f32], noise: &NoiseBatch) -> Matrix<D, T> {
        let dim = self.spec.dim();
        assert_eq!(y.len(), noise.len() * dim, "batch");
        let (input, features, width) = match &self.spec {
            ScoreSpec::Preconditioned { data_sd, .. } => {
                let scaled = scale_rows(y, dim, noise.ratios().map(|v| 1.0 / data_sd.hypot(v)));
                (scaled, ratio_features(noise), 2 * FREQUENCIES)
            }
            ScoreSpec::Published { levels, .. } => {
                let indices = noise.levels().expect("the published network needs noise from its table of levels");
                let mut one_hot = vec![0.0; indices.len() * levels.len()];
                for (row, &t) in one_hot.chunks_exact_mut(levels.len()).zip(indices) {
                    row[t] = 1.0;
                }
                (scale_rows(y, dim, noise.alpha().iter().copied()), one_hot, levels.len())
            }
        };
        let device = self.device();
        let input = device.tensor_from_vec(input, (noise.len(), dim));
        let features = device.tensor_from_vec(features, (noise.len(), width));
        self.mlp.forward_constant(input, Some(&features))
    }

    /// `a_row y + b_row raw`, on the host.
    fn combine(&self, y: &[f32], noise: &NoiseBatch, coefficients: impl Fn(f32, f32) -> (f32, f32)) -> Vec<f32> {
        let mut out = self.raw::<NoneTape>(y, noise).as_vec();
        let dim = self.spec.dim();
        let rows = out.chunks_exact_mut(dim).zip(y.chunks_exact(dim));
        for ((row, y), (v, &sigma)) in rows.zip(noise.ratios().zip(noise.sigma())) {
            let (a, b) = coefficients(v, sigma);
            for (out, y) in row.iter_mut().zip(y) {
                *out = a * y + b * *out;
            }
        }
        out
    }

    /// D(y, v), row by row.
    ///
    /// # Panics
    /// As [`ScoreNetwork::raw`].
    pub fn denoise(&self, y: &[f32], noise: &NoiseBatch) -> Vec<f32> {
        self.combine(y, noise, |v, sigma| match self.spec {
            ScoreSpec::Preconditioned { data_sd: s, .. } => (s * s / (s * s + v * v), s * v / s.hypot(v)),
            ScoreSpec::Published { .. } => (1.0, v * sigma),
        })
    }

    /// sigma times the score at x_t, (D - y) / v, without the cancellation of that formula at small v.
    ///
    /// # Panics
    /// As [`ScoreNetwork::raw`].
    pub fn sigma_score(&self, y: &[f32], noise: &NoiseBatch) -> Vec<f32> {
        self.combine(y, noise, |v, sigma| match self.spec {
            ScoreSpec::Preconditioned { data_sd: s, .. } => (-v / (s * s + v * v), s / s.hypot(v)),
            ScoreSpec::Published { .. } => (0.0, sigma),
        })
    }

    /// The denoising score-matching loss; see [`crate::objective::denoising::loss`].
    ///
    /// # Panics
    /// As [`crate::objective::denoising::loss`].
    pub fn loss(&self, clean: &[f32], eps: &[f32], noise: &NoiseBatch) -> Scalar<D, Taped<D>> {
        crate::objective::denoising::loss(self, clean, eps, noise)
    }
}

impl<D: Backend> Network<D> for ScoreNetwork<D> {
    fn parameters(&self) -> Vec<Parameter<'_, D>> {
        self.mlp.parameters()
    }

    fn parameters_mut(&mut self) -> Vec<ParameterMut<'_, D>> {
        self.mlp.parameters_mut()
    }
}

/// [sin(2 pi w t), cos(2 pi w t)] for t = 0, 1, …: the table that turns a one-hot t into the published features.
pub fn time_table(frequencies: &[f64], levels: usize) -> Vec<f32> {
    (0..levels)
        .flat_map(|t| {
            let phases = move |f: fn(f64) -> f64| frequencies.iter().map(move |w| f(TAU * w * t as f64) as f32);
            phases(f64::sin).chain(phases(f64::cos))
        })
        .collect()
}

/// sin and cos of log v times each frequency.
fn ratio_features(noise: &NoiseBatch) -> Vec<f32> {
    let frequencies: [f32; FREQUENCIES] =
        std::array::from_fn(|i| (-2.0 + 4.0 * i as f32 / (FREQUENCIES - 1) as f32).exp());
    let logs: Vec<f32> = noise.ratios().map(f32::ln).collect();
    let mut features = vec![0.0; logs.len() * 2 * FREQUENCIES];
    features.par_chunks_mut(2 * FREQUENCIES).zip(&logs).with_min_len(128).for_each(|(row, log)| {
        let (sines, cosines) = row.split_at_mut(FREQUENCIES);
        for ((s, c), f) in sines.iter_mut().zip(cosines).zip(frequencies) {
            (*s, *c) = (log * f).sin_cos();
        }
    });
    features
}

fn scale_rows(y: &[f32], dim: usize, factors: impl Iterator<Item = f32>) -> Vec<f32> {
    y.chunks_exact(dim).zip(factors).flat_map(|(row, c)| row.iter().map(move |y| c * y)).collect()
}

/// A standard normal from two uniforms in (0, 1) (Box & Muller 1958).
fn normal(uniform: &mut impl FnMut() -> f32) -> f64 {
    let (u, v) = (f64::from(uniform()), f64::from(uniform()));
    (-2.0 * u.ln()).sqrt() * (TAU * v).cos()
}
