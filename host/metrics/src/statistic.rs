//! Means and their errors.

/// A mean, the standard deviation of what was averaged, and their number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean; NaN of nothing.
    pub mean: f64,
    /// Sample standard deviation (n - 1 in the denominator); NaN for fewer than two values, exactly 0 for equal ones.
    pub sd: f64,
    /// Number of values.
    pub n: usize,
}

impl Mean {
    /// Of these values; two passes, so that no digits cancel.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len();
        // A rounded mean would give equal values a spread.
        if let [first, rest @ ..] = values
            && rest.iter().all(|x| x == first)
        {
            let known = n > 1 && first.is_finite();
            return Self { mean: *first, sd: if known { 0.0 } else { f64::NAN }, n };
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
        let sd = if n > 1 { (squares / (n - 1) as f64).sqrt() } else { f64::NAN };
        Self { mean, sd, n }
    }

    /// sd / √n: the standard error of the mean of independent values.
    pub fn standard_error(&self) -> f64 {
        self.sd / (self.n as f64).sqrt()
    }
}

/// The standard error of a share of so many effective samples: the standard deviation of what may be believed of it
/// after seeing them (Jeffreys' prior). That is √(p (1 - p)/n) but where no sample, or every sample, counts, which does
/// not make the share certain. NaN where the number is unknown.
pub fn share_error(share: f64, effective_samples: f64) -> f64 {
    let n = effective_samples;
    let believed = (share * n + 0.5) / (n + 1.0);
    (believed * (1.0 - believed) / (n + 2.0)).sqrt()
}

/// The middle value, or the mean of the two middle ones; NaN of nothing. What is not a number is greater than all
/// numbers, whatever its sign bit.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b)));
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
        let far = Mean::of(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]);
        assert!((far.sd - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_mean_of_nothing_and_the_error_of_one_value_are_unknown() {
        let (nothing, one) = (Mean::of(&[]), Mean::of(&[7.0]));
        assert!(nothing.mean.is_nan() && nothing.sd.is_nan() && nothing.standard_error().is_nan());
        assert!(one.mean == 7.0 && one.sd.is_nan() && one.standard_error().is_nan());
    }

    #[test]
    fn equal_values_have_no_spread_however_they_round() {
        for n in [2, 3, 7, 1000] {
            assert_eq!(Mean::of(&vec![0.1; n]), Mean { mean: 0.1, sd: 0.0, n });
        }
    }

    #[test]
    fn the_error_of_a_share_is_binomial_and_never_zero() {
        assert!((share_error(0.3, 1e4) / (0.3 * 0.7 / 1e4_f64).sqrt() - 1.0).abs() < 1e-3);
        assert!((1e-5..1e-3).contains(&share_error(0.0, 1e4)) && (1e-5..1e-3).contains(&share_error(1.0, 1e4)));
        assert!(share_error(0.5, f64::NAN).is_nan() && share_error(f64::NAN, 10.0).is_nan());
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        // Processors give some NaN a sign: they are no low energies.
        assert_eq!(median(&[-f64::NAN, f64::NAN, 1.0, 2.0, 3.0]), 3.0);
        assert!(median(&[-f64::NAN, -f64::NAN, 1.0]).is_nan());
    }
}
