//! Networks for the score of the noised model density, as preconditioned denoiser and as published.
//!
//! Both speak variance-exploding coordinates, y = x_t / alpha and v = sigma / alpha, and answer with
//! D(y, v) = E[x | y] or sigma times the score, (D - y) / v.

use super::body::Net;
use super::egnn::{Egnn, repeated};
use super::mlp::{Mlp, uniform_values};
use super::parameters::{Network, Parameter, ParameterMut};
use crate::backend::{Backend, Scratch};
use crate::mixture::Guess;
use crate::noise::NoiseBatch;
use crate::shape::body::Body;
use crate::shape::egnn::EgnnSpec;
use crate::shape::generator::SpecError;
use crate::shape::score::FREQUENCIES;
use crate::tensor::{Matrix, NoneTape, Tape, matrix};
use rayon::prelude::*;
use std::f64::consts::TAU;

pub use crate::shape::score::ScoreSpec;

/// Standard deviation of the random frequencies of the published time features.
const PUBLISHED_FREQUENCY_SD: f64 = 30.0;

/// A network for the score of the noised model density.
#[derive(Clone, Debug)]
pub struct ScoreNetwork<D: Backend> {
    spec: ScoreSpec,
    net: Net<D>,
}

impl<D: Backend> ScoreNetwork<D> {
    /// A network initialised from uniform draws in (0, 1).
    ///
    /// # Errors
    /// If an EGNN's shape is none, or not that of `dim` and the node inputs.
    pub fn new(device: &D, spec: ScoreSpec, uniform: &mut impl FnMut() -> f32) -> Result<Self, SpecError> {
        let net = match spec.body() {
            &Body::Mlp { hidden, depth } => {
                let mut widths = vec![hidden; depth + 2];
                (widths[0], widths[depth + 1]) = (spec.inputs(), spec.dim());
                let mlp = Mlp::new(device, &widths, uniform);
                let features = spec.features();
                Net::Mlp(match &spec {
                    ScoreSpec::Preconditioned { .. } | ScoreSpec::Guided { .. } => {
                        mlp.conditioned(features, true, |_, out| uniform_values(features, features * out, uniform))
                    }
                    ScoreSpec::Published { levels, .. } => mlp.conditioned(features, false, |_, out| {
                        let frequencies: Vec<f64> =
                            (0..out / 2).map(|_| PUBLISHED_FREQUENCY_SD * normal(uniform)).collect();
                        time_table(&frequencies, levels.len())
                    }),
                })
            }
            Body::Egnn(egnn) => {
                let node_inputs = match spec {
                    ScoreSpec::Preconditioned { .. } => ScoreSpec::NODE_INPUTS,
                    ScoreSpec::Published { .. } => 1,
                    ScoreSpec::Guided { .. } => return Err(SpecError::Cells),
                };
                if (egnn.particles * egnn.dimensions, egnn.node_inputs) != (spec.dim(), node_inputs) {
                    return Err(SpecError::Particles);
                }
                Net::Egnn(Egnn::new(device, egnn.clone(), uniform)?)
            }
        };
        let mut network = Self { spec, net };
        if let (ScoreSpec::Guided { .. }, Net::Mlp(mlp)) = (&network.spec, &mut network.net) {
            mlp.silence();
        }
        Ok(network)
    }

    /// From an MLP that exists: the conditioning must be the one of `spec`.
    ///
    /// # Panics
    /// If the network's inputs, outputs or features do not fit.
    pub fn from_mlp(spec: ScoreSpec, mlp: Mlp<D>) -> Self {
        assert_eq!((mlp.inputs(), mlp.outputs()), (spec.inputs(), spec.dim()), "inputs and outputs");
        if mlp.shape().layers.iter().any(|layer| layer.table.is_some()) {
            assert_eq!(mlp.shape().features, spec.features(), "features");
        }
        Self { spec, net: Net::Mlp(mlp) }
    }

    /// Which network this is.
    pub fn spec(&self) -> &ScoreSpec {
        &self.spec
    }

    /// Where it lives.
    pub fn device(&self) -> &D {
        self.net.device()
    }

    /// The network's own output: F for the preconditioned one, the score for the published one.
    ///
    /// # Panics
    /// If `y` is not a batch for `noise`, or the published network gets noise without levels.
    pub fn raw<T: Tape<f32, D>>(&self, y: &[f32], noise: &NoiseBatch) -> Matrix<D, T> {
        let told = self.first_guess(y, noise).map(|guess| guess.told);
        self.raw_told(y, noise, told.as_deref())
    }

    /// What the mixture of a guided network says of noised rows; none of the others.
    pub fn first_guess(&self, y: &[f32], noise: &NoiseBatch) -> Option<Guess> {
        let ScoreSpec::Guided { mixture, .. } = &self.spec else { return None };
        let ratios: Vec<f32> = noise.ratios().collect();
        Some(mixture.first_guess(y, &ratios))
    }

    /// [`ScoreNetwork::raw`] where [`Guess::told`] is known; `told` is that of a guided network.
    ///
    /// # Panics
    /// As [`ScoreNetwork::raw`].
    pub fn raw_told<T: Tape<f32, D>>(&self, y: &[f32], noise: &NoiseBatch, told: Option<&[f32]>) -> Matrix<D, T> {
        let (dim, rows) = (self.spec.dim(), noise.len());
        assert_eq!(y.len(), rows * dim, "batch");
        let indices = || noise.levels().expect("the published network needs noise from its table of levels");
        let device = self.device();
        let input = match (&self.spec, &self.net) {
            (ScoreSpec::Preconditioned { .. }, Net::Egnn(_)) => y.to_vec(),
            (ScoreSpec::Preconditioned { data_sd, .. }, Net::Mlp(_)) => {
                scale_rows(y, dim, noise.ratios().map(|v| 1.0 / data_sd.hypot(v)))
            }
            (ScoreSpec::Published { .. }, _) => scale_rows(y, dim, noise.alpha().iter().copied()),
            (ScoreSpec::Guided { .. }, _) => beside(y, dim, noise, told.unwrap_or(&[])),
        };
        let input = matrix(device, input, (rows, self.spec.inputs()));
        match &self.net {
            Net::Mlp(mlp) => {
                let features = match &self.spec {
                    ScoreSpec::Preconditioned { .. } | ScoreSpec::Guided { .. } => ratio_features(noise),
                    ScoreSpec::Published { levels, .. } => {
                        let mut one_hot = vec![0.0; rows * levels.len()];
                        for (row, &t) in one_hot.chunks_exact_mut(levels.len()).zip(indices()) {
                            row[t] = 1.0;
                        }
                        one_hot
                    }
                };
                mlp.forward_constant(input, Some(&matrix(device, features, (rows, self.spec.features()))))
            }
            Net::Egnn(egnn) => {
                let EgnnSpec { particles, node_inputs, .. } = *egnn.spec();
                let h = match &self.spec {
                    ScoreSpec::Preconditioned { .. } | ScoreSpec::Guided { .. } => ratio_features(noise),
                    ScoreSpec::Published { .. } => indices().iter().map(|t| *t as f32).collect(),
                };
                let h = repeated(&h, node_inputs, particles);
                egnn.forward_constant(matrix(device, h, (rows, particles * node_inputs)), input)
            }
        }
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
        if let Some(Guess { mean, spread, told, .. }) = self.first_guess(y, noise) {
            let mut out = self.raw_told::<NoneTape>(y, noise, Some(&told)).as_vec();
            out.iter_mut().zip(mean.iter().zip(&spread)).for_each(|(out, (mean, spread))| *out = mean + spread * *out);
            return out;
        }
        self.combine(y, noise, |v, sigma| match self.spec {
            ScoreSpec::Preconditioned { data_sd: s, .. } => (s * s / (s * s + v * v), s * v / s.hypot(v)),
            ScoreSpec::Published { .. } | ScoreSpec::Guided { .. } => (1.0, v * sigma),
        })
    }

    /// sigma times the score at x_t, (D - y) / v, without the cancellation of that formula at small v.
    ///
    /// # Panics
    /// As [`ScoreNetwork::raw`].
    pub fn sigma_score(&self, y: &[f32], noise: &NoiseBatch) -> Vec<f32> {
        if matches!(self.spec, ScoreSpec::Guided { .. }) {
            let dim = self.spec.dim();
            let mut out = self.denoise(y, noise);
            let rows = out.chunks_exact_mut(dim).zip(y.chunks_exact(dim)).zip(noise.ratios());
            rows.for_each(|((row, y), v)| row.iter_mut().zip(y).for_each(|(out, y)| *out = (*out - y) / v));
            return out;
        }
        self.combine(y, noise, |v, sigma| match self.spec {
            ScoreSpec::Preconditioned { data_sd: s, .. } => (-v / (s * s + v * v), s / s.hypot(v)),
            ScoreSpec::Published { .. } | ScoreSpec::Guided { .. } => (0.0, sigma),
        })
    }
}

impl<D: Backend> Network<D> for ScoreNetwork<D> {
    fn parameters(&self) -> Vec<Parameter<'_, D>> {
        self.net.parameters()
    }

    fn parameters_mut(&mut self) -> Vec<ParameterMut<'_, D>> {
        self.net.parameters_mut()
    }

    fn scratch_mut(&mut self) -> &mut Scratch {
        self.net.scratch_mut()
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

/// y / sqrt(1 + v^2) and beside it what a mixture told of each row.
fn beside(y: &[f32], dim: usize, noise: &NoiseBatch, told: &[f32]) -> Vec<f32> {
    let width = told.len() / noise.len().max(1);
    let mut all = Vec::with_capacity(y.len() + told.len());
    for (row, (y, v)) in y.chunks_exact(dim).zip(noise.ratios()).enumerate() {
        let scale = 1.0 / v.hypot(1.0);
        all.extend(y.iter().map(|y| scale * y));
        all.extend_from_slice(&told[row * width..][..width]);
    }
    all
}

fn scale_rows(y: &[f32], dim: usize, factors: impl Iterator<Item = f32>) -> Vec<f32> {
    y.chunks_exact(dim).zip(factors).flat_map(|(row, c)| row.iter().map(move |y| c * y)).collect()
}

/// A standard normal from two uniforms in (0, 1) (Box & Muller 1958).
fn normal(uniform: &mut impl FnMut() -> f32) -> f64 {
    let (u, v) = (f64::from(uniform()), f64::from(uniform()));
    (-2.0 * u.ln()).sqrt() * (TAU * v).cos()
}
