//! The fit of a mixture: expectation maximisation in coordinates in which the rows' covariance is the identity.

use super::GaussianMixture;
use crate::cholesky::{factor, half_log_determinant, multiply, product, solve_lower};
use kiln_core::random::{Purpose, Randomness, Stream};
use rayon::prelude::*;

/// Numbers of components tried.
const COMPONENTS: [usize; 7] = [1, 2, 3, 4, 5, 6, 8];
/// Starts for each: this many, of which the last in whitened coordinates.
const STARTS: u64 = 3;
/// Rows that are candidates for the next centre of a start.
const CANDIDATES: usize = 4;
/// Lloyd's steps of a start.
const LLOYD: usize = 5;
/// Rows looked at.
const MOST_ROWS: usize = 4000;
/// Above this many dimensions covariances are diagonal.
const MOST_FULL: usize = 50;
/// Above this many, numbers of components are given up once two were worse than a smaller one.
const MOST_QUICK: usize = 20;
/// Steps at most, and the gain of the mean log-likelihood that ends them early.
const STEPS: usize = 60;
const GAIN: f64 = 1e-6;
/// Added to every variance, in units of the rows' own.
const FLOOR: f64 = 1e-6;

/// See [`GaussianMixture::fit`].
pub fn fit(rows: &[f64], dim: usize, stream: &mut Stream) -> Option<GaussianMixture> {
    let mut rows = chosen(rows, dim, stream)?;
    let full = dim <= MOST_FULL;
    let n = rows.len() / dim;
    let mean = weighted_mean(&rows, dim, |_| 1.0, n as f64);
    let mut covariance = vec![0.0; dim * dim];
    scatter(&rows, dim, &mean, |_| 1.0, full, &mut covariance);
    if n < 5 * dim {
        shrink(&mut covariance, dim, n as f64, 0.0);
    }
    if (0..dim).any(|i| covariance[i * dim + i] <= 1e-24 * mean[i] * mean[i] || covariance[i * dim + i] == 0.0) {
        return None;
    }
    let whole = factor(&covariance, dim)?;
    let widths: Vec<f64> = (0..dim).map(|i| covariance[i * dim + i].sqrt()).collect();
    let standard: Vec<f64> = rows.iter().enumerate().map(|(at, x)| x / widths[at % dim]).collect();
    for row in rows.chunks_exact_mut(dim) {
        row.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
        solve_lower(&whole, row);
    }
    let seed = stream.next_bits();
    let fitted = |k: usize, start: u64| {
        let mut stream = Stream::new(seed, Purpose::Evaluation, k as u64 * STARTS + start);
        let places = if start + 1 < STARTS { &standard } else { &rows };
        let mut mixture = Mixture::start(&rows, places, dim, k, full, &mut stream)?;
        let log_likelihood = mixture.climb(&rows)?;
        let parameters = k * (1 + dim + if full { dim * (dim + 1) / 2 } else { dim }) - 1;
        let criterion = log_likelihood - 0.5 * (n as f64).ln() * parameters as f64;
        (k == 1 || mixture.supported(&rows)).then_some((criterion, mixture))
    };
    let tried = COMPONENTS.into_iter().filter(|k| *k == 1 || n >= 10 * k * dim).collect::<Vec<_>>();
    let (mut best, mut worse) = (None::<(f64, Mixture)>, 0);
    // Where steps are dear, numbers one after another until two are worse; else all at once.
    for numbers in tried.chunks(if dim > MOST_QUICK { 1 } else { COMPONENTS.len() }) {
        let starts: Vec<(usize, u64)> =
            numbers.iter().flat_map(|k| (0..if *k == 1 { 1 } else { STARTS }).map(|start| (*k, start))).collect();
        let fits: Vec<_> = starts.par_iter().map(|(k, start)| fitted(*k, *start)).collect();
        worse += 1;
        for next in fits.into_iter().flatten() {
            if best.as_ref().is_none_or(|best| next.0 > best.0) {
                (best, worse) = (Some(next), 0);
            }
        }
        if worse == 2 {
            break;
        }
    }
    let (_, best) = best?;
    // Back: x = mean + L z; a product of lower triangles is one.
    let means = best.means.chunks_exact(dim).flat_map(|z| {
        let mut x = z.to_vec();
        multiply(&whole, &mut x);
        x.iter_mut().zip(&mean).for_each(|(x, m)| *x += m);
        x
    });
    let factors = best.factors.chunks_exact(dim * dim).flat_map(|l| product(&whole, l, dim));
    GaussianMixture::new(dim, best.weights.clone(), means.collect(), factors.collect())
}

/// Finite rows, at most so many, drawn without replacement.
fn chosen(rows: &[f64], dim: usize, stream: &mut Stream) -> Option<Vec<f64>> {
    let mut at: Vec<&[f64]> = rows.chunks_exact(dim.max(1)).filter(|row| row.iter().all(|x| x.is_finite())).collect();
    if dim == 0 || at.len() < 2 {
        return None;
    }
    if at.len() > MOST_ROWS {
        for i in 0..MOST_ROWS {
            let u: f64 = stream.uniform();
            let j = (i + (u * (at.len() - i) as f64) as usize).min(at.len() - 1);
            at.swap(i, j);
        }
        at.truncate(MOST_ROWS);
    }
    Some(at.concat())
}

fn weighted_mean(rows: &[f64], dim: usize, weight: impl Fn(usize) -> f64, total: f64) -> Vec<f64> {
    let mut mean = vec![0.0; dim];
    for (at, row) in rows.chunks_exact(dim).enumerate() {
        let w = weight(at) / total;
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += w * x);
    }
    mean
}

/// The lower triangle (or the diagonal) of Σ w (x - mean)(x - mean)ᵀ / Σ w.
fn scatter(rows: &[f64], dim: usize, mean: &[f64], weight: impl Fn(usize) -> f64, full: bool, out: &mut [f64]) {
    let (mut y, mut total) = (vec![0.0; dim], 0.0);
    out.fill(0.0);
    for (at, row) in rows.chunks_exact(dim).enumerate() {
        let w = weight(at);
        if w < 1e-12 {
            continue;
        }
        total += w;
        y.iter_mut().zip(row).zip(mean).for_each(|((y, x), m)| *y = x - m);
        for i in 0..dim {
            let factor = w * y[i];
            let from = if full { 0 } else { i };
            out[i * dim + from..=i * dim + i].iter_mut().zip(&y[from..]).for_each(|(c, y)| *c += factor * y);
        }
    }
    out.iter_mut().for_each(|c| *c /= f64::max(total, 1e-300));
}

/// Towards the diagonal by dim/(n + 1), as few rows tell little about correlations; `floor` on the diagonal.
fn shrink(covariance: &mut [f64], dim: usize, n: f64, floor: f64) {
    let keep = 1.0 - (dim as f64 / (n + 1.0)).min(1.0);
    for i in 0..dim {
        covariance[i * dim..i * dim + i].iter_mut().for_each(|c| *c *= keep);
        covariance[i * dim + i] += floor;
    }
}

/// A mixture on its way.
struct Mixture {
    dim: usize,
    full: bool,
    weights: Vec<f64>,
    means: Vec<f64>,
    factors: Vec<f64>,
}

impl Mixture {
    /// From cells of nearest centres, which are found by greedy k-means++ and some of Lloyd's steps in the coordinates
    /// `places` (n, dim) of the rows: each next centre is one of four candidate rows, drawn with probability as their
    /// squared distance from the centres before, the one that leaves the least sum of squared distances.
    fn start(rows: &[f64], places: &[f64], dim: usize, k: usize, full: bool, stream: &mut Stream) -> Option<Self> {
        let n = places.len() / dim;
        let place = |at: usize| &places[at * dim..][..dim];
        let square = |at: usize, centre: &[f64]| place(at).iter().zip(centre).map(|(x, c)| (x - c).powi(2)).sum();
        let closer = |before: &[f64], centre: &[f64]| -> Vec<f64> {
            before.iter().enumerate().map(|(at, d)| d.min(square(at, centre))).collect()
        };
        let first: f64 = stream.uniform();
        let mut centres = place(((first * n as f64) as usize).min(n - 1)).to_vec();
        let mut distance = closer(&vec![f64::INFINITY; n], &centres);
        for _ in 1..k {
            let total: f64 = distance.iter().sum();
            let mut best = (f64::INFINITY, n - 1, distance.clone());
            for _ in 0..CANDIDATES {
                let u: f64 = stream.uniform();
                let mut left = u * total;
                let candidate = distance.iter().position(|d| {
                    left -= d;
                    left < 0.0
                });
                let candidate = candidate.unwrap_or(n - 1);
                let rest = closer(&distance, place(candidate));
                let sum = rest.iter().sum();
                if sum < best.0 {
                    best = (sum, candidate, rest);
                }
            }
            centres.extend_from_slice(place(best.1));
            distance = best.2;
        }
        let mut shares = vec![0.0; n * k];
        for _ in 0..LLOYD {
            shares.fill(0.0);
            for (at, shares) in shares.chunks_exact_mut(k).enumerate() {
                let to: Vec<f64> = centres.chunks_exact(dim).map(|centre| square(at, centre)).collect();
                shares[(0..k).fold(0, |best, j| if to[j] < to[best] { j } else { best })] = 1.0;
            }
            for (j, centre) in centres.chunks_exact_mut(dim).enumerate() {
                let share = |at: usize| shares[at * k + j];
                let total: f64 = (0..n).map(share).sum();
                if total > 0.0 {
                    centre.copy_from_slice(&weighted_mean(places, dim, share, total));
                }
            }
        }
        let (weights, means, factors) = (vec![0.0; k], vec![0.0; k * dim], vec![0.0; k * dim * dim]);
        let mut mixture = Self { dim, full, weights, means, factors };
        mixture.maximise(rows, &shares)?;
        Some(mixture)
    }

    /// Expectation and maximisation until the likelihood hardly grows; the log-likelihood of the rows.
    fn climb(&mut self, rows: &[f64]) -> Option<f64> {
        let (k, n) = (self.weights.len(), rows.len() / self.dim);
        let mut shares = vec![0.0; n * k];
        let mut before = self.expect(rows, &mut shares);
        for _ in 0..STEPS {
            self.maximise(rows, &shares)?;
            let now = self.expect(rows, &mut shares);
            if !now.is_finite() {
                return None;
            }
            let done = (now - before).abs() < GAIN * n as f64;
            before = now;
            if done {
                break;
            }
        }
        Some(before)
    }

    /// The shares of the components in every row (n, k); the log-likelihood.
    fn expect(&self, rows: &[f64], shares: &mut [f64]) -> f64 {
        let (k, dim) = (self.weights.len(), self.dim);
        let norm = 0.5 * dim as f64 * (2.0 * std::f64::consts::PI).ln();
        let factors: Vec<&[f64]> = self.factors.chunks_exact(dim * dim).collect();
        let heights: Vec<f64> =
            factors.iter().zip(&self.weights).map(|(l, w)| w.ln() - half_log_determinant(l, dim) - norm).collect();
        let mut room = vec![0.0; dim];
        let mut sum = 0.0;
        for (row, shares) in rows.chunks_exact(dim).zip(shares.chunks_exact_mut(k)) {
            for (j, share) in shares.iter_mut().enumerate() {
                room.iter_mut().zip(row).zip(&self.means[j * dim..]).for_each(|((r, x), m)| *r = x - m);
                if self.full {
                    solve_lower(factors[j], &mut room);
                } else {
                    room.iter_mut().enumerate().for_each(|(i, r)| *r /= factors[j][i * dim + i]);
                }
                *share = heights[j] - 0.5 * room.iter().map(|r| r * r).sum::<f64>();
            }
            let top = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            shares.iter_mut().for_each(|s| *s = (*s - top).exp());
            let total: f64 = shares.iter().sum();
            shares.iter_mut().for_each(|s| *s /= total);
            sum += top + total.ln();
        }
        sum
    }

    /// Weights, means and covariances of the rows, each counted by its share. `None` where a covariance has no factor.
    fn maximise(&mut self, rows: &[f64], shares: &[f64]) -> Option<()> {
        let (k, dim) = (self.weights.len(), self.dim);
        let n = (rows.len() / dim) as f64;
        let mut covariance = vec![0.0; dim * dim];
        for j in 0..k {
            let share = |at: usize| shares[at * k + j];
            let total = (0..shares.len() / k).map(share).sum::<f64>() + 1e-9;
            let mean = weighted_mean(rows, dim, share, total);
            scatter(rows, dim, &mean, share, self.full, &mut covariance);
            shrink(&mut covariance, dim, total, FLOOR);
            self.weights[j] = total / n;
            self.means[j * dim..][..dim].copy_from_slice(&mean);
            self.factors[j * dim * dim..][..dim * dim].copy_from_slice(&factor(&covariance, dim)?);
        }
        Some(())
    }

    /// Whether every component is the likeliest one of at least dim + 2 different rows.
    fn supported(&self, rows: &[f64]) -> bool {
        let k = self.weights.len();
        let mut shares = vec![0.0; rows.len() / self.dim * k];
        self.expect(rows, &mut shares);
        let mut of: Vec<Vec<&[f64]>> = vec![Vec::new(); k];
        for (row, shares) in rows.chunks_exact(self.dim).zip(shares.chunks_exact(k)) {
            let most = (0..k).fold(0, |best, j| if shares[j] > shares[best] { j } else { best });
            of[most].push(row);
        }
        of.into_iter().all(|mut rows| {
            rows.sort_by(|a, b| a.iter().map(|x| x.to_bits()).cmp(b.iter().map(|x| x.to_bits())));
            rows.dedup();
            rows.len() >= self.dim + 2
        })
    }
}
