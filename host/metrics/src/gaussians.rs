//! Mixtures of Gaussians with full covariances, fitted to samples by expectation and maximisation (Dempster, Laird, Rubin 1977),
//! the number of components by the Bayesian information criterion (Schwarz 1978), starts by k-means++ (Arthur,
//! Vassilvitskii 2007). They serve as proposals, as references of a ladder and as cells.

mod em;
mod sharp;

use crate::cholesky::Cholesky;
use em::{Kind, begin, em, moments};
use kiln_core::random::{Randomness, Stream};

/// What a fit may spend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitOptions {
    /// Components at most.
    pub most_components: usize,
    /// Samples that are looked at, spread evenly over all.
    pub most_rows: usize,
    /// Steps of expectation and maximisation.
    pub iterations: usize,
    /// What a number costs, in units of the criterion's half log n: less than 1 for more components than samples
    /// prove, where they serve as proposals.
    pub penalty: f64,
    /// Whether components that share one covariance are tried too.
    pub tied: bool,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { most_components: 8, most_rows: 4000, iterations: 60, penalty: 1.0, tied: false }
    }
}

/// Numbers of components that are tried.
const COUNTS: [usize; 14] = [1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 40, 48, 64];
/// Starts of each.
const STARTS: usize = 2;
/// Counts that do not improve on the best before no larger one is tried.
const IN_VAIN: usize = 2;
/// A component of k dimensions has at least this many times k samples.
const ROWS_PER_DIMENSION: usize = 10;
/// e to minus this is nothing beside 1.
const NOTHING: f64 = 40.0;

/// One Gaussian.
#[derive(Debug, Clone, PartialEq)]
struct Component {
    weight: f64,
    mean: Vec<f64>,
    factor: Cholesky,
    /// log weight - log √det - n/2 log 2π.
    constant: f64,
}

/// A mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    dim: usize,
    components: Vec<Component>,
    /// Mean and covariance of all samples.
    mean: Vec<f64>,
    covariance: Vec<f64>,
}

impl Component {
    fn new(weight: f64, mean: Vec<f64>, factor: Cholesky) -> Self {
        let constant =
            weight.ln() - factor.half_log_determinant() - 0.5 * mean.len() as f64 * std::f64::consts::TAU.ln();
        Self { weight, mean, factor, constant }
    }

    /// log of weight times density; `work` becomes L⁻¹ (x - mean). Minus infinity where it lies so far below `most` that it
    /// adds nothing to it.
    fn log_part(&self, x: &[f64], most: f64, work: &mut [f64]) -> f64 {
        work.iter_mut().zip(x).zip(&self.mean).for_each(|((work, x), mean)| *work = x - mean);
        self.constant - self.factor.solve_within(work, self.constant - most + NOTHING)
    }
}

impl Fit {
    /// Fitted to samples (n, dim); none where there are fewer than two, one is not finite, or all are the same.
    pub fn of(rows: &[f64], dim: usize, options: &FitOptions, stream: &mut Stream) -> Option<Self> {
        let all = rows.len() / dim;
        let n = all.min(options.most_rows);
        if n < 2 || rows.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let chosen: Vec<&[f64]> = (0..n).map(|at| &rows[at * all / n * dim..][..dim]).collect();
        let (mean, covariance) = moments(&chosen, dim, |_| 1.0);
        let mut best: Option<(f64, Vec<Component>)> = None;
        for_each_fit(&chosen, dim, options, &covariance, stream, |(k, kind), likelihood, components| {
            let triangle = dim * (dim + 1) / 2;
            let numbers = k * (1 + dim) + if kind == Kind::Own { k * triangle } else { triangle } - 1;
            let score = likelihood - 0.5 * options.penalty * numbers as f64 * (n as f64).ln();
            let better = best.as_ref().is_none_or(|(least, _)| score > *least);
            if better {
                best = Some((score, components));
            }
            better
        });
        best.map(|(_, components)| Self { dim, components, mean, covariance })
    }

    /// Of given weights, which are normalised, means and factors; mean and covariance are those of the whole. None of
    /// nothing, or where a weight is negative or no number.
    pub fn new(parts: Vec<(f64, Vec<f64>, Cholesky)>) -> Option<Self> {
        let dim = parts.first()?.1.len();
        let total: f64 = parts.iter().map(|(weight, ..)| weight).sum();
        if parts.iter().any(|(weight, ..)| weight.is_nan() || *weight < 0.0) || total <= 0.0 {
            return None;
        }
        let mut mean = vec![0.0; dim];
        for (weight, centre, _) in &parts {
            mean.iter_mut().zip(centre).for_each(|(mean, x)| *mean += weight / total * x);
        }
        let mut covariance = vec![0.0; dim * dim];
        for (weight, centre, factor) in &parts {
            let mut own = factor.product();
            for i in 0..dim {
                (0..dim).for_each(|j| own[i * dim + j] += (centre[i] - mean[i]) * (centre[j] - mean[j]));
            }
            covariance.iter_mut().zip(own).for_each(|(sum, own)| *sum += weight / total * own);
        }
        let component = |(weight, mean, factor)| Component::new(weight / total, mean, factor);
        Some(Self { dim, components: parts.into_iter().map(component).collect(), mean, covariance })
    }

    /// Coordinates of a sample.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of components.
    pub fn len(&self) -> usize {
        self.components.len()
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty()
    }

    /// Weight and mean of every component.
    pub fn components(&self) -> impl Iterator<Item = (f64, &[f64])> {
        self.components.iter().map(|component| (component.weight, &*component.mean))
    }

    /// The least width of a coordinate, those before it known, in a component that has at least this share of the whole.
    pub fn narrowest(&self, share: f64) -> f64 {
        let heavy = self.components.iter().filter(|component| component.weight >= share);
        heavy.map(|component| component.factor.least()).fold(f64::INFINITY, f64::min)
    }

    /// The same with all widths times `factor`.
    #[must_use]
    pub fn inflated(self, factor: f64) -> Self {
        let wider = |c: Component| Component::new(c.weight, c.mean, c.factor.scaled(factor));
        Self { components: self.components.into_iter().map(wider).collect(), ..self }
    }

    /// The same with one more Gaussian of this weight, about the mean of all samples and `width` times as wide as all of
    /// them together.
    #[must_use]
    pub fn with_broad(self, share: f64, width: f64) -> Self {
        let Some(factor) = Cholesky::of(&self.covariance, self.dim) else { return self };
        let less = |c: Component| Component::new((1.0 - share) * c.weight, c.mean, c.factor);
        let broad = Component::new(share, self.mean.clone(), factor.scaled(width));
        let components = self.components.into_iter().map(less).chain([broad]).collect();
        Self { components, ..self }
    }

    /// This mixture and another one, of which the share is given.
    #[must_use]
    pub fn mixed_with(self, other: Self, share: f64) -> Self {
        let scaled = |part: f64| move |c: Component| Component::new(part * c.weight, c.mean, c.factor);
        let first = self.components.into_iter().map(scaled(1.0 - share));
        let components = first.chain(other.components.into_iter().map(scaled(share))).collect();
        Self { components, ..self }
    }

    /// log density.
    pub fn log_density(&self, x: &[f64]) -> f64 {
        let mut work = vec![0.0; self.dim];
        let mut most = f64::NEG_INFINITY;
        log_sum_exp(self.components.iter().map(|component| {
            let part = component.log_part(x, most, &mut work);
            most = most.max(part);
            part
        }))
    }

    /// log density and its gradient.
    pub fn log_density_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut work = vec![0.0; self.dim];
        let (mut most, mut sum) = (f64::NEG_INFINITY, 0.0);
        gradient.fill(0.0);
        for component in &self.components {
            let part = component.log_part(x, most, &mut work);
            if part > most {
                let rescale = if sum > 0.0 { (most - part).exp() } else { 0.0 };
                gradient.iter_mut().for_each(|g| *g *= rescale);
                (most, sum) = (part, sum * rescale);
            }
            let share = (part - most).exp();
            if share > 0.0 {
                component.factor.solve_transposed(&mut work);
                gradient.iter_mut().zip(&work).for_each(|(g, w)| *g -= share * w);
                sum += share;
            }
        }
        gradient.iter_mut().for_each(|g| *g /= sum);
        most + sum.ln()
    }

    /// log density, and the share that every component has of it.
    pub fn log_density_and_shares(&self, x: &[f64]) -> (f64, Vec<f64>) {
        let mut work = vec![0.0; self.dim];
        let parts = self.components.iter().map(|c| c.log_part(x, f64::NEG_INFINITY, &mut work));
        let parts: Vec<f64> = parts.collect();
        let all = log_sum_exp(parts.iter().copied());
        (all, parts.into_iter().map(|part| (part - all).exp()).collect())
    }

    /// The component that most likely made x.
    pub fn component(&self, x: &[f64]) -> usize {
        let mut work = vec![0.0; self.dim];
        let parts = self.components.iter().map(|component| component.log_part(x, f64::NEG_INFINITY, &mut work));
        parts.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(at, _)| at)
    }

    /// mean + L z of a component, L the lower triangular factor of its covariance.
    pub fn place(&self, component: usize, z: &[f64], out: &mut [f64]) {
        let Component { mean, factor, .. } = &self.components[component];
        factor.multiply(z, out);
        out.iter_mut().zip(mean).for_each(|(out, mean)| *out += mean);
    }

    /// One draw.
    pub fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let mut rest: f64 = stream.uniform();
        let last = self.components.len() - 1;
        let chosen = self.components.iter().enumerate().find(|(at, component)| {
            rest -= component.weight;
            rest < 0.0 || *at == last
        });
        let Some((_, component)) = chosen else { return };
        let mut noise = vec![0.0; self.dim];
        stream.fill_normal(&mut noise);
        component.factor.multiply(&noise, out);
        out.iter_mut().zip(&component.mean).for_each(|(out, mean)| *out += mean);
    }
}

/// Fits more and more components, with all that may differ, and tells each fit with its log-likelihood, until `judge` has found no
/// better one for a while.
fn for_each_fit(
    rows: &[&[f64]],
    dim: usize,
    options: &FitOptions,
    covariance: &[f64],
    stream: &mut Stream,
    mut judge: impl FnMut((usize, Kind), f64, Vec<Component>) -> bool,
) {
    let mut in_vain = 0;
    for k in COUNTS.into_iter().filter(|k| *k <= options.most_components) {
        if k > 1 && rows.len() < ROWS_PER_DIMENSION * k * dim || in_vain == IN_VAIN {
            break;
        }
        in_vain += 1;
        let own = std::iter::repeat_n(Kind::Own, if k == 1 { 1 } else { STARTS });
        let tied = [Kind::Tied, Kind::Sliced].into_iter().filter(|_| options.tied && k > 1);
        for kind in own.chain(tied) {
            let fitted = begin(rows, dim, (k, kind), covariance, stream)
                .and_then(|start| em(rows, dim, kind, covariance, start, options.iterations));
            if fitted.is_some_and(|(likelihood, components)| judge((k, kind), likelihood, components)) {
                in_vain = 0;
            }
        }
    }
}

fn log_sum_exp(parts: impl Iterator<Item = f64>) -> f64 {
    let (mut most, mut sum) = (f64::NEG_INFINITY, 0.0);
    for part in parts {
        if part > most {
            (most, sum) = (part, if sum > 0.0 { sum * (most - part).exp() } else { 0.0 } + 1.0);
        } else {
            sum += (part - most).exp();
        }
    }
    most + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::Purpose;

    fn two_modes(n: usize) -> Vec<f64> {
        let mut stream = Stream::new(1, Purpose::Test, 0);
        (0..n)
            .flat_map(|at| {
                let mut x: [f64; 2] = [0.0; 2];
                stream.fill_normal(&mut x);
                if at % 4 == 0 { [x[0] - 6.0, 0.5 * x[1]] } else { [x[0] + 6.0, 2.0 * x[1] + x[0]] }
            })
            .collect()
    }

    #[test]
    fn two_modes_are_found_with_their_weights() {
        let mut stream = Stream::new(2, Purpose::Test, 1);
        let fit = Fit::of(&two_modes(4000), 2, &FitOptions::default(), &mut stream).unwrap();
        assert_eq!(fit.len(), 2);
        let mut all: Vec<(f64, f64)> = fit.components().map(|(weight, mean)| (weight, mean[0])).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!((all[0].0 - 0.25).abs() < 0.01 && (all[0].1 + 6.0).abs() < 0.1, "{all:?}");
        assert!((all[1].0 - 0.75).abs() < 0.01 && (all[1].1 - 6.0).abs() < 0.1, "{all:?}");
        assert_ne!(fit.component(&[-6.0, 0.0]), fit.component(&[6.0, 0.0]));
    }

    #[test]
    fn phases_in_many_dimensions_are_found_with_one_covariance_where_two_cost_too_much() {
        // The sum of 24 coordinates is ±24, each coordinate ±1 with noise of 1: 600 rows cannot pay for two covariances.
        let (dim, n) = (24, 600);
        let mut stream = Stream::new(4, Purpose::Test, 0);
        let mut rows = vec![0.0; dim * n];
        stream.fill_normal(&mut rows);
        for (at, row) in rows.chunks_exact_mut(dim).enumerate() {
            row.iter_mut().for_each(|x| *x += if at % 4 == 0 { -1.0 } else { 1.0 });
        }
        let fit = |tied| {
            let options = FitOptions { tied, most_components: 3, ..FitOptions::default() };
            Fit::of(&rows, dim, &options, &mut Stream::new(5, Purpose::Test, 1)).unwrap()
        };
        assert_eq!(fit(false).len(), 1);
        let both = fit(true);
        assert_eq!(both.len(), 2);
        let least = both.components().map(|(weight, _)| weight).fold(1.0, f64::min);
        assert!((least - 0.25).abs() < 0.01, "{least}");
        // place is mean + L z.
        let (mut origin, mut x) = (vec![0.0; dim], vec![0.0; dim]);
        both.place(0, &vec![0.0; dim], &mut origin);
        let mean = both.components().next().unwrap().1.to_vec();
        assert_eq!(origin, mean);
        let mut unit = vec![0.0; dim];
        unit[dim - 1] = 1.0;
        both.place(0, &unit, &mut x);
        assert!(x[..dim - 1] == mean[..dim - 1] && x[dim - 1] > mean[dim - 1] + 0.5, "a lower triangle");
    }

    #[test]
    fn densities_are_normalised_and_gradients_are_theirs() {
        let mut stream = Stream::new(2, Purpose::Test, 1);
        let fit = Fit::of(&two_modes(1000), 2, &FitOptions::default(), &mut stream).unwrap();
        let fit = fit.inflated(1.2).with_broad(0.05, 1.5);
        let h = 0.1;
        let grid = (-300..300).flat_map(|i| (-200..200).map(move |j| [f64::from(i) * h, f64::from(j) * h]));
        let mass: f64 = grid.map(|x| fit.log_density(&x).exp() * h * h).sum();
        assert!((mass - 1.0).abs() < 1e-3, "{mass}");
        let mut gradient = [0.0; 2];
        for x in [[0.3, -1.0], [5.0, 2.0], [-30.0, 40.0]] {
            let value = fit.log_density_and_gradient(&x, &mut gradient);
            assert!((value - fit.log_density(&x)).abs() < 1e-12);
            for k in 0..2 {
                let (mut up, mut down) = (x, x);
                (up[k], down[k]) = (x[k] + 1e-5, x[k] - 1e-5);
                let numeric = (fit.log_density(&up) - fit.log_density(&down)) / 2e-5;
                assert!((gradient[k] - numeric).abs() < 1e-5 * (1.0 + numeric.abs()), "{x:?}");
            }
        }
    }

    #[test]
    fn draws_have_the_moments_of_the_fit() {
        let mut stream = Stream::new(2, Purpose::Test, 1);
        let fit = Fit::of(&two_modes(4000), 2, &FitOptions::default(), &mut stream).unwrap();
        let (mut left, mut x) = (0.0, [0.0; 2]);
        for _ in 0..10_000 {
            fit.draw(&mut stream, &mut x);
            left += f64::from(u8::from(x[0] < 0.0)) / 10_000.0;
        }
        assert!((left - 0.25_f64).abs() < 0.02, "{left}");
    }

    #[test]
    fn nothing_is_fitted_to_nothing() {
        let mut stream = Stream::new(2, Purpose::Test, 1);
        let mut fit = |rows: &[f64]| Fit::of(rows, 1, &FitOptions::default(), &mut stream);
        assert!(fit(&[1.0]).is_none() && fit(&[1.0, f64::NAN]).is_none() && fit(&[2.0, 2.0]).is_none());
    }
}
