//! A mixture of Gaussians with full covariances: its density, its cells, its draws, and its fit to samples
//! ([`GaussianMixture::fit`]).
//!
//! p(x) = Σ_k w_k N(x; μ_k, L_k L_kᵀ), with lower-triangular factors L_k.

mod expectation;
#[cfg(test)]
mod tests;

use crate::cholesky::{half_log_determinant, multiply, solve_lower, solve_transposed};
use kiln_core::random::{Randomness, Stream};

/// A mixture of K Gaussians in `dim` dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianMixture {
    dim: usize,
    /// K, of sum 1.
    weights: Vec<f64>,
    /// (K, dim).
    means: Vec<f64>,
    /// (K, dim, dim).
    factors: Vec<f64>,
    /// log w_k - ½ log det(2π Σ_k), K.
    heights: Vec<f64>,
}

impl GaussianMixture {
    /// Of these weights (K, scaled to the sum 1), means (K, dim) and lower-triangular factors (K, dim, dim) with a positive
    /// diagonal. `None` where the lengths do not fit, or there is no positive finite weight.
    pub fn new(dim: usize, mut weights: Vec<f64>, means: Vec<f64>, factors: Vec<f64>) -> Option<Self> {
        let k = weights.len();
        let total: f64 = weights.iter().sum();
        let fits = dim > 0 && means.len() == k * dim && factors.len() == k * dim * dim;
        let positive = factors.chunks_exact((dim * dim).max(1)).all(|l| (0..dim).all(|i| l[i * dim + i] > 0.0));
        if !(fits && positive && total > 0.0 && total.is_finite() && weights.iter().all(|w| *w >= 0.0)) {
            return None;
        }
        weights.iter_mut().for_each(|w| *w /= total);
        let norm = 0.5 * dim as f64 * (2.0 * std::f64::consts::PI).ln();
        let heights = weights
            .iter()
            .zip(factors.chunks_exact(dim * dim))
            .map(|(w, l)| w.ln() - half_log_determinant(l, dim) - norm)
            .collect();
        Some(Self { dim, weights, means, factors, heights })
    }

    /// Fitted to `rows` (n, dim) by expectation maximisation (Dempster, Laird, Rubin 1977) from greedy k-means++ starts
    /// (Arthur, Vassilvitskii 2007), for each number of components 1, 2, 3, 4, 5, 6, 8 two in coordinates scaled to
    /// variance 1 and one in coordinates whose covariance is the identity; the one with the least Bayesian information
    /// criterion (Schwarz 1978) is kept.
    ///
    /// - At most 4,000 rows are used, drawn without replacement; rows that are not finite are left out.
    /// - K components are tried only with at least 10 K dim rows, one always; above 20 dimensions no further ones once two
    ///   numbers were worse than a smaller one.
    /// - Covariances are shrunk towards their diagonal by dim/(n_k + 1); above 50 dimensions they are diagonal.
    /// - Covariances are fitted where that of all rows is the identity, so that units and long valleys do no harm.
    /// - A fit whose component holds fewer than dim + 2 different rows is refused: repeated states of a chain would
    ///   otherwise be modes of no width.
    ///
    /// The result depends on the rows and the stream alone, not on the number of threads. `None` where fewer than two rows
    /// are finite or a coordinate does not vary.
    pub fn fit(rows: &[f64], dim: usize, stream: &mut Stream) -> Option<Self> {
        expectation::fit(rows, dim, stream)
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of components K.
    pub fn components(&self) -> usize {
        self.weights.len()
    }

    /// Weights (K), of sum 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Means (K, dim).
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// Lower-triangular factors L_k of the covariances L_k L_kᵀ (K, dim, dim).
    pub fn factors(&self) -> &[f64] {
        &self.factors
    }

    /// Component by component: log w_k N(x; μ_k, Σ_k), with L_k⁻¹ (x - μ_k) left in `room` (dim).
    fn terms<'a>(&'a self, x: &'a [f64], room: &'a mut [f64]) -> impl FnMut(usize) -> f64 + 'a {
        move |k| {
            let mean = &self.means[k * self.dim..][..self.dim];
            room.iter_mut().zip(x).zip(mean).for_each(|((r, x), m)| *r = x - m);
            solve_lower(self.factor(k), room);
            self.heights[k] - 0.5 * room.iter().map(|r| r * r).sum::<f64>()
        }
    }

    fn factor(&self, k: usize) -> &[f64] {
        &self.factors[k * self.dim * self.dim..][..self.dim * self.dim]
    }

    /// log p(x) of x (dim), normalised; NaN where x is not a number.
    pub fn log_density(&self, x: &[f64]) -> f64 {
        let mut room = vec![0.0; self.dim];
        let mut term = self.terms(x, &mut room);
        let (mut top, mut sum) = (f64::NEG_INFINITY, 0.0);
        for k in 0..self.components() {
            let next = term(k);
            add(&mut top, &mut sum, next);
        }
        top + sum.ln()
    }

    /// log p(x) of x (dim), with ∇ log p(x) = -Σ_k r_k Σ_k⁻¹ (x - μ_k) in `gradient` (dim), r_k being the shares of the
    /// components at x.
    pub fn log_density_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut room = vec![0.0; self.dim];
        let (mut top, mut sum) = (f64::NEG_INFINITY, 0.0);
        gradient.fill(0.0);
        for k in 0..self.components() {
            let next = self.terms(x, &mut room)(k);
            let (before, share) = add(&mut top, &mut sum, next);
            solve_transposed(self.factor(k), &mut room);
            gradient.iter_mut().zip(&room).for_each(|(g, r)| *g = *g * before - share * r);
        }
        gradient.iter_mut().for_each(|g| *g /= sum);
        top + sum.ln()
    }

    /// Which component has the largest share w_k N(x; μ_k, Σ_k) at x (dim): the first of equal ones, the first of all
    /// where x is not a number.
    pub fn component(&self, x: &[f64]) -> usize {
        let mut room = vec![0.0; self.dim];
        let mut term = self.terms(x, &mut room);
        let mut best = (f64::NEG_INFINITY, 0);
        for k in 0..self.components() {
            let next = term(k);
            if next > best.0 {
                best = (next, k);
            }
        }
        best.1
    }

    /// One draw into `out` (dim).
    pub fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let mut left: f64 = stream.uniform();
        let mut chosen = self.components() - 1;
        for (k, w) in self.weights.iter().enumerate() {
            left -= w;
            if left < 0.0 {
                chosen = k;
                break;
            }
        }
        stream.fill_normal(out);
        multiply(self.factor(chosen), out);
        out.iter_mut().zip(&self.means[chosen * self.dim..]).for_each(|(x, m)| *x += m);
    }

    /// The same mixture with every component's widths times `factor`, which is positive: covariances times factor².
    pub fn inflated(&self, factor: f64) -> Self {
        let mut wide = self.clone();
        wide.factors.iter_mut().for_each(|l| *l *= factor);
        wide.heights.iter_mut().for_each(|h| *h -= self.dim as f64 * factor.ln());
        wide
    }

    /// The same mixture with 1 - `weight` of its mass, and `weight` in one more Gaussian of this `mean` (dim) and
    /// lower-triangular `factor` (dim, dim) of its covariance. `None` where these do not fit.
    pub fn with_broad(&self, weight: f64, mean: &[f64], factor: &[f64]) -> Option<Self> {
        let weights = self.weights.iter().map(|w| (1.0 - weight) * w).chain([weight]).collect();
        Self::new(self.dim, weights, [&self.means, mean].concat(), [&self.factors, factor].concat())
    }
}

/// Adds e^`next` to e^`top` · `sum`. What the sum so far was scaled by, and what was added in its scale.
fn add(top: &mut f64, sum: &mut f64, next: f64) -> (f64, f64) {
    let before = if next > *top { (*top - next).exp() } else { 1.0 };
    *top = if next > *top || next.is_nan() { next } else { *top };
    let share = if next == f64::NEG_INFINITY { 0.0 } else { (next - *top).exp() };
    *sum = *sum * before + share;
    (before, share)
}
