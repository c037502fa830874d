//! Exact answers: densities on a line by quadrature, and denoising posteriors of the two benchmark targets.

use kiln_core::energy::{GaussianMixture, ManyWell, mog40};
use kiln_core::random::{Randomness, Stream};
use kiln_core::{Energy, Scalar};

/// A density on a line, by the trapezoid rule on a uniform grid that covers all its mass.
#[derive(Clone, Debug)]
pub struct Line {
    low: f64,
    spacing: f64,
    /// Probability of each cell around a grid point.
    mass: Vec<f64>,
    /// Probability up to each cell's right edge.
    cumulative: Vec<f64>,
    /// log of ∫ exp(−U).
    pub log_normaliser: f64,
}

impl Line {
    /// p ∝ exp(−U) between `low` and `high`.
    pub fn new(low: f64, high: f64, points: usize, energy: impl Fn(f64) -> f64) -> Self {
        let spacing = (high - low) / (points - 1) as f64;
        let energies: Vec<f64> = (0..points).map(|i| energy(low + spacing * i as f64)).collect();
        Self::from_energies(low, spacing, &energies)
    }

    /// The same from the values of U on the grid.
    pub fn from_energies(low: f64, spacing: f64, energies: &[f64]) -> Self {
        let least = energies.iter().copied().fold(f64::INFINITY, f64::min);
        let mut mass: Vec<f64> = energies.iter().map(|e| (least - e).exp()).collect();
        let total: f64 = mass.iter().sum();
        let mut sum = 0.0;
        let cumulative = mass
            .iter_mut()
            .map(|m| {
                *m /= total;
                sum += *m;
                sum
            })
            .collect();
        Self { low, spacing, mass, cumulative, log_normaliser: (total * spacing).ln() - least }
    }

    /// E[f(x)].
    pub fn mean(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.mass.iter().enumerate().map(|(i, m)| m * f(self.low + self.spacing * i as f64)).sum()
    }

    /// The distribution function, linear within cells.
    pub fn distribution(&self, x: f64) -> f64 {
        let place = (x - self.low) / self.spacing + 0.5;
        if place <= 0.0 {
            return 0.0;
        }
        let cell = place as usize;
        if cell >= self.mass.len() {
            return 1.0;
        }
        self.cumulative[cell] - self.mass[cell] * (1.0 - place.fract())
    }

    /// Its inverse.
    pub fn quantile(&self, p: f64) -> f64 {
        let cell = self.cumulative.partition_point(|c| *c < p).min(self.mass.len() - 1);
        let inside = 1.0 - ((self.cumulative[cell] - p) / self.mass[cell]).clamp(0.0, 1.0);
        self.low + self.spacing * (cell as f64 - 0.5 + inside)
    }

    pub fn sample(&self, rng: &mut Stream) -> f64 {
        self.quantile(rng.uniform())
    }

    /// (P(x > 0), E[x | x < 0], E[x | x > 0]).
    pub fn sides(&self) -> (f64, f64, f64) {
        let right = self.mean(|x| f64::from(x > 0.0) + 0.5 * f64::from(x == 0.0));
        let mean_left = self.mean(|x| x.min(0.0)) / (1.0 - right).max(f64::MIN_POSITIVE);
        let mean_right = self.mean(|x| x.max(0.0)) / right.max(f64::MIN_POSITIVE);
        (right, mean_left, mean_right)
    }
}

/// A target with exact samples and exact denoising posteriors.
pub trait Exact<const N: usize> {
    const NAME: &'static str;
    type Energy;
    type Posterior;
    fn energy(&self) -> &Self::Energy;
    fn sample(&self, rng: &mut Stream) -> [f64; N];
    /// p(x | y) at noise-to-signal ratio v.
    fn condition(&self, y: &[f64; N], v: f64) -> Self::Posterior;
    fn denoiser(posterior: &Self::Posterior) -> [f64; N];
    /// Trace of the posterior's covariance.
    fn spread(posterior: &Self::Posterior) -> f64;
    fn draw(posterior: &Self::Posterior, rng: &mut Stream) -> [f64; N];

    /// x and y = x + v ε.
    fn noised(&self, v: f64, rng: &mut Stream) -> [f64; N] {
        let mut y = self.sample(rng);
        for y in &mut y {
            let epsilon: f64 = rng.normal();
            *y += v * epsilon;
        }
        y
    }
}

/// A mixture; its posterior is a mixture of the same number of components.
pub struct Mixture<const K: usize, const N: usize>(pub GaussianMixture<K, N>);

pub fn mog() -> Mixture<40, 2> {
    Mixture(mog40())
}

impl<const K: usize, const N: usize> Exact<N> for Mixture<K, N> {
    const NAME: &'static str = "MoG-40";
    type Energy = GaussianMixture<K, N>;
    type Posterior = GaussianMixture<K, N>;

    fn energy(&self) -> &GaussianMixture<K, N> {
        &self.0
    }
    fn sample(&self, rng: &mut Stream) -> [f64; N] {
        self.0.sample(rng)
    }
    fn condition(&self, y: &[f64; N], v: f64) -> GaussianMixture<K, N> {
        let mut means = *self.0.means();
        let mut widths = *self.0.standard_deviations();
        let mut log_weights = [0.0; K];
        for k in 0..K {
            let s2 = widths[k].powi(2);
            let total = s2 + v * v;
            let square: f64 = means[k].iter().zip(y).map(|(m, y)| (m - y).powi(2)).sum();
            log_weights[k] = self.0.weights()[k].ln() - 0.5 * square / total - 0.5 * N as f64 * total.ln();
            for i in 0..N {
                means[k][i] = (s2 * y[i] + v * v * means[k][i]) / total;
            }
            widths[k] = (s2 * v * v / total).sqrt();
        }
        let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Components without weight keep a trace of it: the library wants positive weights.
        let weights = log_weights.map(|l| (l - largest).exp().max(1e-300));
        let total: f64 = weights.iter().sum();
        GaussianMixture::new(means, weights.map(|w| w / total), widths).expect("a valid posterior")
    }
    fn denoiser(posterior: &GaussianMixture<K, N>) -> [f64; N] {
        let mut mean = [0.0; N];
        for (weight, center) in posterior.weights().iter().zip(posterior.means()) {
            for i in 0..N {
                mean[i] += weight * center[i];
            }
        }
        mean
    }
    fn spread(posterior: &GaussianMixture<K, N>) -> f64 {
        let mean = Self::denoiser(posterior);
        let mut spread = 0.0;
        for k in 0..K {
            let between: f64 = posterior.means()[k].iter().zip(&mean).map(|(a, b)| (a - b).powi(2)).sum();
            let within = N as f64 * posterior.standard_deviations()[k].powi(2);
            spread += posterior.weights()[k] * (between + within);
        }
        spread
    }
    fn draw(posterior: &GaussianMixture<K, N>, rng: &mut Stream) -> [f64; N] {
        posterior.sample(rng)
    }
}

/// Many-Well; its posterior is a product of one-dimensional ones: quadrature along d, Gaussian along v.
pub struct Wells<const N: usize> {
    energies: Vec<f64>,
}

/// One posterior of [`Wells`].
pub struct WellsPosterior<const N: usize> {
    pub wells: Vec<Line>,
    mean: [f64; N],
    width: f64,
}

impl<const N: usize> Wells<N> {
    const LOW: f64 = -3.6;
    const SPACING: f64 = 0.005;
    const POINTS: usize = 1441;

    pub fn new() -> Self {
        let energies =
            (0..Self::POINTS).map(|i| ManyWell::<2>::well_energy(Self::LOW + Self::SPACING * i as f64)).collect();
        Self { energies }
    }

    /// The distribution of one well's d.
    pub fn well(&self) -> Line {
        Line::from_energies(Self::LOW, Self::SPACING, &self.energies)
    }
}

impl<const N: usize> Exact<N> for Wells<N> {
    const NAME: &'static str = "Many-Well-32";
    type Energy = ManyWell<N>;
    type Posterior = WellsPosterior<N>;

    fn energy(&self) -> &ManyWell<N> {
        &ManyWell
    }
    fn sample(&self, rng: &mut Stream) -> [f64; N] {
        ManyWell.sample(rng)
    }
    fn condition(&self, y: &[f64; N], v: f64) -> WellsPosterior<N> {
        let precision = 1.0 / (v * v);
        let wells = (0..N / 2)
            .map(|k| {
                let tilted: Vec<f64> = self
                    .energies
                    .iter()
                    .enumerate()
                    .map(|(i, e)| e + 0.5 * precision * (Self::LOW + Self::SPACING * i as f64 - y[2 * k]).powi(2))
                    .collect();
                Line::from_energies(Self::LOW, Self::SPACING, &tilted)
            })
            .collect::<Vec<_>>();
        let mut mean = *y;
        for k in 0..N / 2 {
            mean[2 * k] = wells[k].mean(|d| d);
            mean[2 * k + 1] = y[2 * k + 1] / (1.0 + v * v);
        }
        WellsPosterior { wells, mean, width: v / (1.0 + v * v).sqrt() }
    }
    fn denoiser(posterior: &WellsPosterior<N>) -> [f64; N] {
        posterior.mean
    }
    fn spread(posterior: &WellsPosterior<N>) -> f64 {
        let along_d: f64 = (0..N / 2).map(|k| posterior.wells[k].mean(|d| (d - posterior.mean[2 * k]).powi(2))).sum();
        along_d + (N / 2) as f64 * posterior.width.powi(2)
    }
    fn draw(posterior: &WellsPosterior<N>, rng: &mut Stream) -> [f64; N] {
        let mut x = posterior.mean;
        for k in 0..N / 2 {
            x[2 * k] = posterior.wells[k].sample(rng);
            let z: f64 = rng.normal();
            x[2 * k + 1] += posterior.width * z;
        }
        x
    }
}

/// `count` noise levels from `low` to `high` in equal ratios.
pub fn levels(low: f64, high: f64, count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| low * (high / low).powf(i as f64 / (count - 1) as f64))
}

/// The gradient of an f64 energy.
pub fn gradient<E: Energy<f64>, const N: usize>(energy: &E, x: &[f64; N]) -> [f64; N] {
    let mut gradient = [0.0; N];
    energy.energy_and_gradient(x, &mut gradient);
    gradient
}

/// A point with the same value in every lane.
pub fn splat<S: Scalar, const N: usize>(x: [f64; N]) -> [S; N] {
    x.map(S::constant)
}
