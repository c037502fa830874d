//! Means and their errors.

/// A mean, the standard deviation of what was averaged, and their number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Sample standard deviation (n - 1 in the denominator), 0 for fewer than two values.
    pub sd: f64,
    /// Number of values.
    pub n: usize,
}

impl Mean {
    /// Of these values; two passes, so that no digits cancel.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n.max(1) as f64;
        let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
        let sd = if n > 1 { (squares / (n - 1) as f64).sqrt() } else { 0.0 };
        Self { mean, sd, n }
    }

    /// sd / √n: the standard error of the mean of independent values.
    pub fn standard_error(&self) -> f64 {
        self.sd / (self.n.max(1) as f64).sqrt()
    }
}

/// The middle value, or the mean of the two middle ones; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_errors_of_small_sets() {
        let mean = Mean::of(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((mean.mean, mean.n), (2.5, 4));
        assert!((mean.sd - (5.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert!((mean.standard_error() - (5.0_f64 / 12.0).sqrt()).abs() < 1e-15);
        assert_eq!(Mean::of(&[7.0]).sd, 0.0);
        let far = Mean::of(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]);
        assert!((far.sd - 1.0).abs() < 1e-6);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
