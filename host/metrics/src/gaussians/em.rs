//! Expectation and maximisation (Dempster, Laird, Rubin 1977), from starts by k-means++ (Arthur, Vassilvitskii 2007).

use super::{Component, log_sum_exp};
use crate::cholesky::Cholesky;
use kiln_core::random::{Randomness, Stream};
use rayon::prelude::*;

/// Improvement of the log-likelihood, a sample and a step, at which a fit is done.
const DONE: f64 = 2e-5;
/// With fewer samples than this times k, correlations are shrunk.
const FEW: f64 = 4.0;
/// Added to every variance, relative to that of all samples.
const FLOOR: f64 = 1e-6;
/// Rows that one thread takes at least.
const TOGETHER_AT_LEAST: usize = 256;
/// Multiplications that find the first principal component.
const POWERS: usize = 100;
/// Rows whose products are summed together.
const TOGETHER: usize = 4;

/// Mean and covariance, the lower triangle filled, of samples with these weights.
pub fn moments(rows: &[&[f64]], dim: usize, weight: impl Fn(usize) -> f64) -> (Vec<f64>, Vec<f64>) {
    let total: f64 = (0..rows.len()).map(&weight).sum();
    let weighty = || rows.iter().enumerate().map(|(at, row)| (weight(at) / total, *row)).filter(|(w, _)| *w > 1e-12);
    let mut mean = vec![0.0; dim];
    for (w, row) in weighty() {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += w * x);
    }
    let mut covariance = vec![0.0; dim * dim];
    let (mut centred, mut weights, mut filled) = (vec![0.0; TOGETHER * dim], [0.0; TOGETHER], 0);
    for (w, row) in weighty() {
        let to = &mut centred[filled * dim..][..dim];
        to.iter_mut().zip(row).zip(&mean).for_each(|((c, x), mean)| *c = x - mean);
        weights[filled] = w;
        filled += 1;
        if filled == TOGETHER {
            add_products(&mut covariance, &centred, weights, dim);
            filled = 0;
        }
    }
    weights[filled..].fill(0.0);
    add_products(&mut covariance, &centred, weights, dim);
    (mean, covariance)
}

/// Adds w c cᵀ of some rows c, the lower triangle.
fn add_products(sum: &mut [f64], centred: &[f64], weights: [f64; TOGETHER], dim: usize) {
    let rows: [&[f64]; TOGETHER] = std::array::from_fn(|at| &centred[at * dim..][..dim]);
    for i in 0..dim {
        let scaled: [f64; TOGETHER] = std::array::from_fn(|at| weights[at] * rows[at][i]);
        let [a, b, c, d] = rows.map(|row| &row[..=i]);
        let line = &mut sum[i * dim..=i * dim + i];
        for ((((sum, a), b), c), d) in line.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *sum += scaled[0] * a + scaled[1] * b + (scaled[2] * c + scaled[3] * d);
        }
    }
}

/// How components may differ, and where they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each has a covariance of its own; they begin far from each other.
    Own,
    /// They share one covariance; they begin far from each other.
    Tied,
    /// They share one covariance, and begin as slices along the first principal component.
    Sliced,
}

/// Variances with so much more make a covariance that can be factored.
fn floors(covariance: &[f64], dim: usize) -> Vec<f64> {
    (0..dim).map(|i| FLOOR * covariance[i * dim + i]).collect()
}

fn floored(mut matrix: Vec<f64>, floors: &[f64]) -> Option<Cholesky> {
    let dim = floors.len();
    floors.iter().enumerate().for_each(|(i, floor)| matrix[i * dim + i] += floor);
    Cholesky::of(&matrix, dim)
}

/// Where k components begin among samples of this covariance; none where it cannot be factored.
pub fn begin(
    rows: &[&[f64]],
    dim: usize,
    (k, kind): (usize, Kind),
    covariance: &[f64],
    stream: &mut Stream,
) -> Option<Vec<Component>> {
    let first = floored(covariance.to_vec(), &floors(covariance, dim))?.scaled((k as f64).powf(-1.0 / dim as f64));
    let means = if kind == Kind::Sliced { slices(rows, k, covariance) } else { spread_out(rows, k, &first, stream) };
    Some(means.into_iter().map(|mean| Component::new(1.0 / k as f64, mean, first.clone())).collect())
}

/// Log-likelihood and components after some steps from the given ones; none where a covariance cannot be factored.
pub fn em(
    rows: &[&[f64]],
    dim: usize,
    kind: Kind,
    covariance: &[f64],
    mut components: Vec<Component>,
    iterations: usize,
) -> Option<(f64, Vec<Component>)> {
    let (n, k) = (rows.len(), components.len());
    let floors = floors(covariance, dim);
    let floored = |matrix| floored(matrix, &floors);
    let mut shares = vec![0.0; n * k];
    let mut last = f64::NEG_INFINITY;
    for step in 0..=iterations {
        let of_row = |work: &mut Vec<f64>, (row, shares): (&&[f64], &mut [f64])| {
            let mut most = f64::NEG_INFINITY;
            for (share, component) in shares.iter_mut().zip(&components) {
                *share = component.log_part(row, most, work);
                most = most.max(*share);
            }
            let log_density = log_sum_exp(shares.iter().copied());
            shares.iter_mut().for_each(|share| *share = (*share - log_density).exp());
            log_density
        };
        let all = rows.par_iter().with_min_len(TOGETHER_AT_LEAST).zip(shares.par_chunks_exact_mut(k));
        let densities: Vec<f64> = all.map_init(|| vec![0.0; dim], of_row).collect();
        let likelihood: f64 = densities.iter().sum();
        if !likelihood.is_finite() {
            return None;
        }
        if step == iterations || k == 1 && step == 1 || likelihood - last < DONE * n as f64 {
            return Some((likelihood, components));
        }
        last = likelihood;
        let improved = |at: usize| {
            let weight = |row: usize| shares[row * k + at];
            let of = (0..n).map(weight).sum::<f64>();
            if of < 1e-9 {
                return None;
            }
            let (mean, mut matrix) = moments(rows, dim, weight);
            // Correlations of few samples are not believed. Those of enough are, however strong: a narrow valley is one.
            let keep = if of >= FEW * dim as f64 { 1.0 } else { 1.0 - (dim as f64 / (of + 1.0)).min(1.0) };
            for i in 0..dim {
                matrix[i * dim..i * dim + i].iter_mut().for_each(|c| *c *= keep);
            }
            Some((of / n as f64, mean, matrix))
        };
        // A start that loses a component is worth no more than one with fewer.
        let parts = (0..k).into_par_iter().map(improved).collect::<Option<Vec<_>>>()?;
        components = if kind == Kind::Own {
            let own = |(weight, mean, matrix)| Some(Component::new(weight, mean, floored(matrix)?));
            parts.into_par_iter().map(own).collect::<Option<Vec<_>>>()?
        } else {
            let mut shared = vec![0.0; dim * dim];
            for (weight, _, matrix) in &parts {
                shared.iter_mut().zip(matrix).for_each(|(sum, c)| *sum += weight * c);
            }
            let factor = floored(shared)?;
            parts.into_iter().map(|(weight, mean, _)| Component::new(weight, mean, factor.clone())).collect()
        };
    }
    None
}

/// Means of k equally large slices of the samples along their first principal component.
fn slices(rows: &[&[f64]], k: usize, covariance: &[f64]) -> Vec<Vec<f64>> {
    let dim = rows.first().map_or(0, |row| row.len());
    let entry = |i: usize, j: usize| covariance[i.max(j) * dim + i.min(j)];
    let mut axis = vec![1.0; dim];
    for _ in 0..POWERS {
        let next: Vec<f64> = (0..dim).map(|i| (0..dim).map(|j| entry(i, j) * axis[j]).sum()).collect();
        let norm = next.iter().map(|x| x * x).sum::<f64>().sqrt();
        axis = next.into_iter().map(|x| x / norm).collect();
    }
    let along = |row: &[f64]| row.iter().zip(&axis).map(|(x, a)| x * a).sum::<f64>();
    let mut order: Vec<(f64, usize)> = rows.iter().enumerate().map(|(at, row)| (along(row), at)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let slice = |of: &[(f64, usize)]| {
        let mut mean = vec![0.0; dim];
        for (_, at) in of {
            mean.iter_mut().zip(rows[*at]).for_each(|(mean, x)| *mean += x / of.len() as f64);
        }
        mean
    };
    (0..k).map(|at| slice(&order[at * rows.len() / k..(at + 1) * rows.len() / k])).collect()
}

/// k of the samples, far from each other in units of `metric` (k-means++).
fn spread_out(rows: &[&[f64]], k: usize, metric: &Cholesky, stream: &mut Stream) -> Vec<Vec<f64>> {
    let mut distances = vec![f64::INFINITY; rows.len()];
    let mut chosen: Vec<Vec<f64>> = Vec::new();
    let mut work = vec![0.0; metric.dim()];
    while chosen.len() < k {
        let uniform: f64 = stream.uniform();
        let at = match chosen.last() {
            None => (uniform * rows.len() as f64) as usize,
            Some(last) => {
                for (distance, row) in distances.iter_mut().zip(rows) {
                    work.iter_mut().zip(*row).zip(last).for_each(|((work, x), last)| *work = x - last);
                    metric.solve(&mut work);
                    *distance = distance.min(work.iter().map(|w| w * w).sum());
                }
                let mut rest = uniform * distances.iter().sum::<f64>();
                distances
                    .iter()
                    .position(|distance| {
                        rest -= distance;
                        rest < 0.0
                    })
                    .unwrap_or(0)
            }
        };
        chosen.push(rows[at.min(rows.len() - 1)].to_vec());
    }
    chosen
}
