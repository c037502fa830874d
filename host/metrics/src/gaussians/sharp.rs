//! Mixtures of states whose gradients are known. The covariance of a Gaussian is known exactly from a few more states than it has
//! dimensions, if the gradients g = P (x - m) at them are: only Σ = cov(x) # cov(g)⁻¹, the geometric mean, has Σ cov(g) Σ = cov(x).
//! It is the Gaussian of least Fisher divergence from the states' distribution (Seyboldt, Carlson, Carpenter 2024), and its mean
//! is m = E[x] - Σ E[g]. In a mixture a component has its share of every state, and as its gradient what the mixture's own falls
//! short of the state's, added to the component's.
//!
//! Where the modes are no Gaussians, gradients mislead (they are steepest where there is least mass). So states that nothing
//! was fitted to decide whether gradients are believed, and how many components there are: the fit of greatest density at them.

use super::em::{Kind, em, moments};
use super::{Component, Fit, FitOptions, for_each_fit};
use crate::cholesky::Cholesky;
use crate::principal::eigen;
use kiln_core::random::Stream;
use rayon::prelude::*;

/// Of so many states one decides, in blocks: neighbours in a chain are alike.
const HELD: usize = 4;
/// Times that shares, means and covariances are found anew.
const ROUNDS: usize = 5;
/// Rows that one thread takes at least.
const TOGETHER_AT_LEAST: usize = 256;
/// A smaller eigenvalue of what gradients say, relative to the greatest, is rounding.
const LEAST: f64 = 1e-14;

/// One state with its gradient.
type Pair<'a> = (&'a [f64], &'a [f64]);

impl Fit {
    /// Fitted to states (n, dim) and the gradients of minus their log density (n, dim); and whether the gradients were believed. The
    /// last quarter of the states decides that and the number of components. None as of [`Fit::of`].
    pub fn with_gradients(
        rows: &[f64],
        gradients: &[f64],
        dim: usize,
        options: &FitOptions,
        stream: &mut Stream,
    ) -> Option<(Self, bool)> {
        let all = rows.len() / dim;
        let known = all - all / HELD;
        let finite = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
        if all < 2 * HELD || !finite(rows) || !finite(gradients) {
            return Some((Self::of(rows, dim, options, stream)?, false));
        }
        let pair = |at: usize| (&rows[at * dim..][..dim], &gradients[at * dim..][..dim]);
        let spread = |from: usize, of: usize, most: usize| -> Vec<Pair<'_>> {
            let n = of.min(most);
            (0..n).map(|at| pair(from + at * of / n)).collect()
        };
        let first = spread(0, known, options.most_rows);
        let held = spread(known, all - known, options.most_rows / HELD);
        let rows: Vec<&[f64]> = first.iter().map(|(x, _)| *x).collect();
        let (mean, covariance) = moments(&rows, dim, |_| 1.0);
        let whole = |components| Self { dim, components, mean: mean.clone(), covariance: covariance.clone() };
        let mut best: Option<(Vec<f64>, Kind, bool, Self)> = None;
        for_each_fit(&rows, dim, options, &covariance, stream, |(_, kind), _, components| {
            let fit = whole(components);
            let sharp = fit.clone().sharpened(&first, kind);
            let mut better = false;
            for (fit, believed) in [(Some(fit), false), (sharp, true)] {
                let Some(fit) = fit else { continue };
                let densities: Vec<f64> = held.par_iter().map(|(x, _)| fit.log_density(x)).collect();
                if best.as_ref().is_none_or(|(least, ..)| is_greater(&densities, least)) {
                    (best, better) = (Some((densities, kind, believed, fit)), true);
                }
            }
            better
        });
        let (_, kind, believed, fit) = best?;
        let chosen = spread(0, all, options.most_rows);
        let again = if believed {
            fit.clone().sharpened(&chosen, kind)
        } else {
            let rows: Vec<&[f64]> = chosen.iter().map(|(x, _)| *x).collect();
            let start = fit.components.clone();
            em(&rows, dim, kind, &covariance, start, options.iterations).map(|(_, components)| whole(components))
        };
        Some((again.unwrap_or(fit), believed))
    }

    /// With means and covariances that the gradients say; none where they say none.
    fn sharpened(mut self, states: &[Pair<'_>], kind: Kind) -> Option<Self> {
        for _ in 0..ROUNDS {
            let found = self.shares_and_gradients(states);
            let k = self.components.len();
            let part = |at: usize| self.part(states, &found, at);
            let parts = (0..k).into_par_iter().map(part).collect::<Option<Vec<_>>>()?;
            let factors = if kind == Kind::Own {
                parts.par_iter().map(|part| geometric(&part.of_states, &part.of_gradients, self.dim)).collect()
            } else {
                let pooled = |of: fn(&Part) -> &[f64]| {
                    let mut sum = vec![0.0; self.dim * self.dim];
                    for part in &parts {
                        sum.iter_mut().zip(of(part)).for_each(|(sum, c)| *sum += part.weight * c);
                    }
                    sum
                };
                let shared = geometric(&pooled(|part| &part.of_states), &pooled(|part| &part.of_gradients), self.dim);
                vec![shared; k]
            };
            let made = |(part, factor): (Part, Option<Cholesky>)| {
                let factor = factor?;
                let (mut inner, mut shift) = (vec![0.0; self.dim], vec![0.0; self.dim]);
                factor.multiply_transposed(&part.gradient, &mut inner);
                factor.multiply(&inner, &mut shift);
                let mean = part.state.iter().zip(shift).map(|(x, shift)| x - shift).collect();
                Some(Component::new(part.weight, mean, factor))
            };
            self.components = parts.into_iter().zip(factors).map(made).collect::<Option<Vec<_>>>()?;
        }
        Some(self)
    }

    /// Of every state the components' shares of it, and its gradient less the mixture's.
    fn shares_and_gradients(&self, states: &[Pair<'_>]) -> Vec<(Vec<f64>, Vec<f64>)> {
        let dim = self.dim;
        let of = |work: &mut Vec<f64>, (x, g): &Pair<'_>| {
            let mut left = g.to_vec();
            let mut own = vec![0.0; dim];
            let log_density = self.log_density_and_gradient(x, &mut own);
            // The gradient of log q, not of its negative.
            left.iter_mut().zip(&own).for_each(|(left, own)| *left += own);
            let share = |c: &Component| (c.log_part(x, log_density, work) - log_density).exp();
            (self.components.iter().map(share).collect(), left)
        };
        states.par_iter().with_min_len(TOGETHER_AT_LEAST).map_init(|| vec![0.0; dim], of).collect()
    }

    fn part(&self, states: &[Pair<'_>], found: &[(Vec<f64>, Vec<f64>)], at: usize) -> Option<Part> {
        let (dim, component) = (self.dim, &self.components[at]);
        let weight = |row: usize| found[row].0[at];
        let total: f64 = (0..states.len()).map(weight).sum();
        if total < (dim + 1) as f64 {
            return None;
        }
        let mut gradients = vec![0.0; states.len() * dim];
        for ((g, (x, _)), (_, left)) in gradients.chunks_exact_mut(dim).zip(states).zip(found) {
            g.iter_mut().zip(*x).zip(&component.mean).for_each(|((g, x), mean)| *g = x - mean);
            component.factor.solve(g);
            component.factor.solve_transposed(g);
            g.iter_mut().zip(left).for_each(|(g, left)| *g += left);
        }
        let rows: Vec<&[f64]> = states.iter().map(|(x, _)| *x).collect();
        let gradients: Vec<&[f64]> = gradients.chunks_exact(dim).collect();
        let (state, of_states) = moments(&rows, dim, weight);
        let (gradient, of_gradients) = moments(&gradients, dim, weight);
        Some(Part { weight: total / states.len() as f64, state, gradient, of_states, of_gradients })
    }
}

/// Whether densities at the same states are greater by more than the standard error of their sum.
fn is_greater(densities: &[f64], than: &[f64]) -> bool {
    let gains = || densities.iter().zip(than).map(|(a, b)| a - b);
    gains().sum::<f64>() > gains().map(|gain| gain * gain).sum::<f64>().sqrt()
}

/// What a component's states and gradients are.
struct Part {
    weight: f64,
    /// Their means.
    state: Vec<f64>,
    gradient: Vec<f64>,
    /// Their covariances, the lower triangle.
    of_states: Vec<f64>,
    of_gradients: Vec<f64>,
}

/// The factor of A # B⁻¹ of two covariances, of which the lower triangle is read: with A = L Lᵀ it is L (Lᵀ B L)^(-1/2) Lᵀ.
fn geometric(a: &[f64], b: &[f64], dim: usize) -> Option<Cholesky> {
    let factor = Cholesky::of(a, dim)?;
    let entry = |i: usize, j: usize| b[i.max(j) * dim + i.min(j)];
    let (mut unit, mut column, mut image) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; dim]);
    let mut inner = vec![0.0; dim * dim];
    for k in 0..dim {
        unit.fill(0.0);
        unit[k] = 1.0;
        factor.multiply(&unit, &mut column);
        image.iter_mut().enumerate().for_each(|(i, to)| *to = (0..dim).map(|j| entry(i, j) * column[j]).sum());
        factor.multiply_transposed(&image, &mut inner[k * dim..][..dim]);
    }
    let (values, axes) = eigen(&inner, dim);
    if !values.iter().all(|value| *value > LEAST * values[0]) {
        return None;
    }
    let mut matrix = vec![0.0; dim * dim];
    let mut along = vec![0.0; dim];
    for (axis, value) in axes.chunks_exact(dim).zip(&values) {
        factor.multiply(axis, &mut along);
        let scale = 1.0 / value.sqrt();
        for i in 0..dim {
            (0..=i).for_each(|j| matrix[i * dim + j] += scale * along[i] * along[j]);
        }
    }
    Cholesky::of(&matrix, dim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::{Purpose, Randomness};

    /// Draws of a mixture with the gradients of minus its log density.
    fn states(truth: &Fit, n: usize) -> (Vec<f64>, Vec<f64>) {
        let mut stream = Stream::new(8, Purpose::Test, 0);
        let dim = truth.dim();
        let (mut rows, mut gradients) = (vec![0.0; n * dim], vec![0.0; n * dim]);
        for (x, g) in rows.chunks_exact_mut(dim).zip(gradients.chunks_exact_mut(dim)) {
            truth.draw(&mut stream, x);
            truth.log_density_and_gradient(x, g);
            g.iter_mut().for_each(|g| *g = -*g);
        }
        (rows, gradients)
    }

    fn gaussian(dim: usize, weight: f64, shift: f64, seed: u64) -> (f64, Vec<f64>, Cholesky) {
        let mut stream = Stream::new(seed, Purpose::Test, 1);
        let mut root = vec![0.0; dim * dim];
        stream.fill_normal(&mut root);
        let entry = |i: usize, j: usize| (0..dim).map(|k| root[i * dim + k] * root[j * dim + k]).sum::<f64>();
        let matrix: Vec<f64> =
            (0..dim * dim).map(|at| entry(at / dim, at % dim) + f64::from(u8::from(at % (dim + 1) == 0))).collect();
        (weight, vec![shift; dim], Cholesky::of(&matrix, dim).unwrap())
    }

    fn fitted(truth: &Fit, n: usize, most: usize) -> (Fit, bool) {
        let (rows, gradients) = states(truth, n);
        let options = FitOptions { most_components: most, tied: true, ..FitOptions::default() };
        Fit::with_gradients(&rows, &gradients, truth.dim(), &options, &mut Stream::new(9, Purpose::Test, 2)).unwrap()
    }

    #[test]
    fn a_gaussian_is_known_exactly_from_few_states() {
        let truth = Fit::new(vec![gaussian(30, 1.0, 2.0, 1)]).unwrap();
        let (fit, believed) = fitted(&truth, 80, 1);
        assert!(believed);
        let (found, real) = (&fit.components[0], &truth.components[0]);
        for (a, b) in found.mean.iter().zip(&real.mean).chain(found.factor.lower().iter().zip(&real.factor.lower())) {
            assert!((a - b).abs() < 1e-8, "{a} {b}");
        }
    }

    #[test]
    fn gradients_sharpen_the_components_of_a_mixture() {
        let truth = Fit::new(vec![gaussian(12, 0.3, -3.0, 1), gaussian(12, 0.7, 3.0, 2)]).unwrap();
        let (fit, believed) = fitted(&truth, 1000, 4);
        assert!(believed && fit.len() == 2);
        let heavy = usize::from(fit.components[1].weight > 0.5);
        let (found, real) = (&fit.components[heavy], &truth.components[1]);
        for (a, b) in found.factor.lower().iter().zip(&real.factor.lower()) {
            assert!((a - b).abs() < 0.02, "{a} {b}");
        }
    }

    #[test]
    fn gradients_of_what_is_no_gaussian_are_not_believed() {
        // x uniform in a box whose walls are steep: E = (x / 2)^20 in every coordinate, sd about 1.16, gradients that say 0.15.
        let (dim, n) = (2, 4000);
        let mut stream = Stream::new(3, Purpose::Test, 3);
        let mut rows: Vec<f64> = Vec::new();
        while rows.len() < dim * n {
            let (x, u): (f64, f64) = (stream.uniform(), stream.uniform());
            let x = 5.0 * x - 2.5;
            if u < (-(x / 2.0).powi(20)).exp() {
                rows.push(x);
            }
        }
        let gradients: Vec<f64> = rows.iter().map(|x| 10.0 * (x / 2.0).powi(19)).collect();
        let options = FitOptions { most_components: 1, ..FitOptions::default() };
        let (fit, believed) =
            Fit::with_gradients(&rows, &gradients, dim, &options, &mut Stream::new(9, Purpose::Test, 4)).unwrap();
        let plain = Fit::of(&rows, dim, &options, &mut Stream::new(9, Purpose::Test, 4)).unwrap();
        assert!(
            !believed && (fit.components[0].factor.least() / plain.components[0].factor.least() - 1.0).abs() < 0.05
        );
    }
}
