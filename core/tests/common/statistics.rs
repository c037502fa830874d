//! Moments and tests with a stated false-alarm rate.

use super::tolerance::{FALSE_ALARM, Z, Z_ONE_SIDED};

/// Mean and its standard error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut moments = Self::default();
        for value in values {
            moments.add(value);
        }
        moments
    }

    /// Welford's update.
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        let change = value - self.mean;
        self.mean += change / self.count;
        self.squares += change * (value - self.mean);
    }

    pub fn mean(&self) -> f64 {
        self.mean
    }

    pub fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0)
    }

    pub fn standard_error(&self) -> f64 {
        (self.variance() / self.count).sqrt()
    }

    /// How many standard errors the mean lies from `exact`.
    pub fn z(&self, exact: f64) -> f64 {
        (self.mean - exact) / self.standard_error()
    }

    /// The mean is `exact`, at the stated false-alarm rate.
    #[track_caller]
    pub fn assert_mean(&self, what: &str, exact: f64) {
        let z = self.z(exact);
        assert!(z.abs() <= Z, "{what}: {} instead of {exact}, z = {z:.1}", self.mean);
    }
}

/// The χ² statistic that k degrees of freedom exceed with probability [`FALSE_ALARM`] (Wilson, Hilferty 1931: within 1 %
/// here for k ≥ 3).
pub fn chi_square_limit(k: usize) -> f64 {
    let c = 2.0 / (9.0 * k as f64);
    k as f64 * (1.0 - c + Z_ONE_SIDED * c.sqrt()).powi(3)
}

/// Pearson's χ² of counts against probabilities, divided by its limit: at most 1 where they agree.
pub fn chi_square_ratio(counts: &[u64], probabilities: &[f64]) -> f64 {
    let n: u64 = counts.iter().sum();
    let statistic: f64 = counts
        .iter()
        .zip(probabilities)
        .map(|(&count, p)| {
            let expected = n as f64 * p;
            assert!(expected >= 10.0, "a bin with {expected} expected counts is no test");
            (count as f64 - expected).powi(2) / expected
        })
        .sum();
    statistic / chi_square_limit(counts.len() - 1)
}

/// Kolmogorov–Smirnov's D·√n divided by the value that it exceeds with probability [`FALSE_ALARM`]: at most 1 where the
/// values come from the distribution function.
pub fn kolmogorov_smirnov_ratio(values: &mut [f64], distribution: impl Fn(f64) -> f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let mut largest = 0.0_f64;
    for (i, value) in values.iter().enumerate() {
        let p = distribution(*value);
        largest = largest.max((p - i as f64 / n).abs()).max(((i + 1) as f64 / n - p).abs());
    }
    largest * n.sqrt() / (-0.5 * (0.5 * FALSE_ALARM).ln()).sqrt()
}

/// Detailed balance: the statistic Σ_{i<j} (n_ij − n_ji)²/(n_ij + n_ji) of transition counts (row = before) divided by
/// its limit, and the share of transitions that leave their bin.
pub fn flux_asymmetry<const B: usize>(counts: &[[u64; B]; B]) -> (f64, f64) {
    let (mut statistic, mut pairs, mut total, mut moved) = (0.0, 0, 0, 0);
    for i in 0..B {
        total += counts[i].iter().sum::<u64>();
        for j in 0..i {
            let sum = counts[i][j] + counts[j][i];
            moved += sum;
            if sum >= 20 {
                statistic += (counts[i][j] as f64 - counts[j][i] as f64).powi(2) / sum as f64;
                pairs += 1;
            }
        }
    }
    assert!(pairs >= 3, "too few transitions for a test");
    (statistic / chi_square_limit(pairs), moved as f64 / total as f64)
}

/// The standard normal distribution function.
pub fn normal_distribution(x: f64) -> f64 {
    0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2)
}

/// The slope of a least-squares line.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean_x = points.iter().map(|p| p.0).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
    let xy: f64 = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    let xx: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    xy / xx
}
