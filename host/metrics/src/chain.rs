//! Convergence of Markov chains: split R-hat, effective sample size, autocorrelation.
//!
//! Chains of equal length stand one after another in one slice: `values.len() / length` chains of `length` draws.
//! All are cut into halves, so that a drift within a chain shows as well as a difference between chains. R-hat and the
//! bulk effective sample size are those of Vehtari, Gelman, Simpson, Carpenter, Bürkner (2021, *Bayesian Analysis* 16,
//! 667), computed on rank-normalised draws; the effective sample size of a *mean* uses the draws as they are.

use crate::quantile::normal_quantile;
use crate::statistic::{Mean, median};

/// R-hat above which chains do not agree; Vehtari et al. (2021) recommend 1.01.
pub const R_HAT_LIMIT: f64 = 1.01;

/// Rank-normalised split R-hat (section 4.1): the larger of bulk and folded, so that neither a difference in location
/// nor one in scale is missed. 1 for chains that agree; infinite for chains that differ and do not move; NaN (unknown)
/// for chains of fewer than four draws, a value that is not finite, or values that are all the same.
pub fn r_hat(values: &[f64], length: usize) -> f64 {
    if !usable(values, length) {
        return f64::NAN;
    }
    let centre = median(values);
    let folded: Vec<f64> = values.iter().map(|x| (x - centre).abs()).collect();
    let plain = |values: &[f64]| split_r_hat(&normal_scores(values), length);
    // Two values alone are equally far from their median: folded, they tell nothing.
    match [plain(values), plain(&folded)] {
        [bulk, folded] if folded.is_nan() => bulk,
        both => worst_r_hat(both),
    }
}

/// The largest of several R-hats; infinite if one is, otherwise unknown if one is, or if there are none.
pub fn worst_r_hat(values: impl IntoIterator<Item = f64>) -> f64 {
    let worse = |a: f64, b: f64| match (a, b) {
        (a, b) if a.is_infinite() || b.is_infinite() => f64::INFINITY,
        (a, b) if a.is_nan() || b.is_nan() => f64::NAN,
        (a, b) => a.max(b),
    };
    values.into_iter().reduce(worse).unwrap_or(f64::NAN)
}

/// The least of several effective sample sizes; unknown if one is, or if there are none.
pub fn least_effective(values: impl IntoIterator<Item = f64>) -> f64 {
    let worse = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) };
    values.into_iter().reduce(worse).unwrap_or(f64::NAN)
}

/// Bulk effective sample size (section 4.3): of the rank-normalised draws of all chains together. NaN (unknown) as for
/// [`r_hat`].
pub fn bulk_effective_sample_size(values: &[f64], length: usize) -> f64 {
    if !usable(values, length) {
        return f64::NAN;
    }
    effective_sample_size(&normal_scores(values), length)
}

/// Lags up to which every pair of autocorrelations is looked at.
const EVERY_LAG: usize = 1024;

/// The effective sample size of the mean of all draws, n / τ (equations 9 to 11; Geyer's (1992) initial monotone
/// sequence). At most n log₁₀ n, for chains that are better than independent draws; NaN (unknown) as for [`r_hat`].
///
/// Beyond `EVERY_LAG` one pair in every sixty-fourth of the lag is looked at, so that long chains that hardly move take
/// no quadratic time. As the sequence falls, the pair before stands for those that are passed over: τ comes out a little
/// too large, never too small.
pub fn effective_sample_size(values: &[f64], length: usize) -> f64 {
    if !usable(values, length) {
        return f64::NAN;
    }
    let halves = halves(values, length);
    let n = halves.iter().map(|half| half.len()).sum::<usize>() as f64;
    let means: Vec<Mean> = halves.iter().map(|half| Mean::of(half)).collect();
    let Spread { within, pooled } = Spread::of(&means);
    if pooled == 0.0 {
        return f64::NAN;
    }
    // 1 - (W - mean autocovariance)/var⁺, equation 10.
    let correlation = |lag: usize| {
        let sum: f64 = halves.iter().zip(&means).map(|(half, mean)| autocovariance(half, mean.mean, lag)).sum();
        1.0 - (within - sum / halves.len() as f64) / pooled
    };
    let (mut tau, mut last, mut lag) = (-1.0, f64::INFINITY, 0);
    while lag + 1 < length / 2 {
        let pair = (if lag == 0 { 1.0 } else { correlation(lag) }) + correlation(lag + 1);
        if pair < 0.0 {
            break;
        }
        last = pair.min(last);
        let stride = if lag < EVERY_LAG { 2 } else { lag / 64 / 2 * 2 };
        tau += stride as f64 * last;
        lag += stride;
    }
    n / tau.max(1.0 / n.log10())
}

/// The mean of all draws with its standard error by the effective sample size.
pub fn mean_with_error(values: &[f64], length: usize) -> (f64, f64) {
    let mean = Mean::of(values);
    (mean.mean, mean.sd / effective_sample_size(values, length).sqrt())
}

/// The correlation between draws `lag` apart within chains, the mean over chains taken out.
pub fn autocorrelation(values: &[f64], length: usize, lag: usize) -> f64 {
    let mean = Mean::of(values).mean;
    let chains = values.chunks_exact(length.max(1));
    let sum: f64 = chains.map(|chain| autocovariance(chain, mean, lag) / autocovariance(chain, mean, 0)).sum();
    sum / (values.len() / length.max(1)) as f64
}

fn usable(values: &[f64], length: usize) -> bool {
    length >= 4 && values.len() >= length && values.iter().all(|x| x.is_finite())
}

/// The halves of every chain; the middle draw of an odd number is left out.
fn halves(values: &[f64], length: usize) -> Vec<&[f64]> {
    let half = length / 2;
    values.chunks_exact(length).flat_map(|chain| [&chain[..half], &chain[length - half..]]).collect()
}

/// W and var⁺ of chains of equal length (equations 1 to 3).
struct Spread {
    within: f64,
    pooled: f64,
}

impl Spread {
    fn of(chains: &[Mean]) -> Self {
        let n = chains[0].n as f64;
        let within = chains.iter().map(|chain| chain.sd * chain.sd).sum::<f64>() / chains.len() as f64;
        let centres: Vec<f64> = chains.iter().map(|chain| chain.mean).collect();
        let between = Mean::of(&centres).sd;
        Self { within, pooled: (n - 1.0) / n * within + between * between }
    }
}

/// √(var⁺/W), equation 4, of the halves.
fn split_r_hat(values: &[f64], length: usize) -> f64 {
    let means: Vec<Mean> = halves(values, length).into_iter().map(Mean::of).collect();
    let Spread { within, pooled } = Spread::of(&means);
    // 0/0 for draws that are all the same.
    (pooled / within).sqrt()
}

/// Σ (x_i - mean)(x_{i+lag} - mean) / (n - 1).
fn autocovariance(chain: &[f64], mean: f64, lag: usize) -> f64 {
    let products: f64 = chain.iter().zip(chain.iter().skip(lag)).map(|(a, b)| (a - mean) * (b - mean)).sum();
    products / (chain.len() as f64 - 1.0)
}

/// Normal scores of the ranks (equation 14): Φ⁻¹((r - 3/8)/(n + 1/4)), ties sharing their mean rank.
fn normal_scores(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut scores = vec![0.0; values.len()];
    let same = |a: &usize, b: &usize| values[*a] == values[*b];
    let mut before = 0;
    for tied in order.chunk_by(same) {
        let rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        let score = normal_quantile((rank - 0.375) / (values.len() as f64 + 0.25));
        tied.iter().for_each(|at| scores[*at] = score);
        before += tied.len();
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::{Purpose, Randomness, Stream};

    /// Chains of x' = ρ x + √(1 - ρ²) ξ from its stationary law N(0, 1).
    fn autoregressive(chains: usize, length: usize, rho: f64) -> Vec<f64> {
        let mut values = Vec::with_capacity(chains * length);
        for chain in 0..chains {
            let mut stream = Stream::new(11, Purpose::Test, chain as u64);
            let mut x: f64 = stream.normal();
            for _ in 0..length {
                values.push(x);
                let noise: f64 = stream.normal();
                x = rho * x + (1.0 - rho * rho).sqrt() * noise;
            }
        }
        values
    }

    #[test]
    fn autoregressive_chains_have_their_effective_sample_size() {
        // Var of the mean of AR(1) is (1 + ρ)/(1 - ρ)/n in closed form.
        for rho in [-0.3, 0.0, 0.5, 0.9] {
            let values = autoregressive(20, 5000, rho);
            let exact = 1e5 * (1.0 - rho) / (1.0 + rho);
            for found in [effective_sample_size(&values, 5000), bulk_effective_sample_size(&values, 5000)] {
                assert!((found / exact - 1.0).abs() < 0.1, "{rho}: {found} for {exact}");
            }
            for lag in [1, 2] {
                let found = autocorrelation(&values, 5000, lag);
                assert!((found - rho.powi(lag as i32)).abs() < 0.02, "{rho}, lag {lag}: {found}");
            }
        }
    }

    #[test]
    fn independent_chains_agree_and_their_error_is_the_usual_one() {
        let values = autoregressive(16, 1000, 0.0);
        let found = r_hat(&values, 1000);
        assert!((found - 1.0).abs() < 1e-3, "{found}");
        let (mean, error) = mean_with_error(&values, 1000);
        assert!((error * 16_000.0_f64.sqrt() - 1.0).abs() < 0.05 && mean.abs() < 4.0 * error, "{mean} ± {error}");
    }

    #[test]
    fn chains_that_differ_in_place_in_width_or_in_time_do_not() {
        let good = autoregressive(8, 1000, 0.0);
        let with = |f: fn(usize, usize, f64) -> f64| -> Vec<f64> {
            good.iter().enumerate().map(|(at, x)| f(at / 1000, at % 1000, *x)).collect()
        };
        assert!(r_hat(&with(|chain, _, x| if chain == 0 { x + 5.0 } else { x }), 1000) > 1.1);
        assert!(r_hat(&with(|chain, _, x| if chain % 2 == 0 { 3.0 * x } else { x }), 1000) > 1.1);
        assert!(r_hat(&with(|_, time, x| x + time as f64 / 250.0), 1000) > 1.1);
        // Every chain somewhere else: R-hat far above 1 (ranks bound it), hardly one draw a chain.
        let stuck = with(|chain, _, x| 0.01 * x + chain as f64);
        assert!(r_hat(&stuck, 1000) > 3.0 && effective_sample_size(&stuck, 1000) < 20.0, "{}", r_hat(&stuck, 1000));
    }

    #[test]
    fn heavy_tails_do_not_frighten_ranks() {
        let cauchy: Vec<f64> = autoregressive(8, 1000, 0.0).chunks(2).flat_map(|pair| [pair[0] / pair[1]; 1]).collect();
        assert!((r_hat(&cauchy, 500) - 1.0).abs() < 5e-3);
    }

    #[test]
    fn degenerate_chains_are_named_not_hidden() {
        assert!(r_hat(&[1.0, 2.0, 3.0], 3).is_nan());
        assert!(r_hat(&[1.0, f64::NAN, 3.0, 4.0], 4).is_nan());
        let constant: Vec<f64> = (0..16).map(|at| f64::from(at / 8)).collect();
        assert!(r_hat(&constant, 8).is_infinite());
    }

    #[test]
    fn one_value_repeated_has_neither_effective_samples_nor_agreement() {
        for value in [0.0, 2.0, 0.1, -137.203] {
            for same in [vec![value; 16], vec![value; 1000]] {
                let length = same.len() / 2;
                assert!(r_hat(&same, length).is_nan(), "{value}");
                assert!(effective_sample_size(&same, length).is_nan(), "{value}");
                assert!(bulk_effective_sample_size(&same, length).is_nan(), "{value}");
            }
        }
    }

    #[test]
    fn two_pairs_of_constant_chains_that_differ_are_infinitely_far_apart() {
        let chains: Vec<f64> = (0..28).map(|at| if at < 14 { 0.1 } else { 0.7 }).collect();
        assert_eq!(r_hat(&chains, 7), f64::INFINITY);
        assert!(bulk_effective_sample_size(&chains, 7) < 10.0);
    }

    #[test]
    fn the_worst_of_figures_is_not_that_of_the_known_ones() {
        assert_eq!(worst_r_hat([1.0, 1.2]), 1.2);
        assert!(worst_r_hat([1.0, f64::NAN]).is_nan() && worst_r_hat([]).is_nan());
        assert_eq!(worst_r_hat([f64::NAN, f64::INFINITY, 1.0]), f64::INFINITY);
        assert_eq!(least_effective([7.0, 3.0]), 3.0);
        assert!(least_effective([f64::NAN, 3.0]).is_nan() && least_effective([]).is_nan());
    }

    #[test]
    fn long_chains_that_hardly_move_have_no_more_effective_samples_than_they_had() {
        // τ of a chain that remembers 2000 draws; every lag would be looked at up to 20,000.
        let rho: f64 = 0.999;
        let values = autoregressive(4, 60_000, rho);
        let exact = 240_000.0 * (1.0 - rho) / (1.0 + rho);
        let found = effective_sample_size(&values, 60_000);
        assert!((0.6..1.4).contains(&(found / exact)), "{found} for {exact}");
        // A drift: neighbours agree over half the chain.
        let drift: Vec<f64> = (0..200_000).map(|at| f64::from(at) * 1e-3).collect();
        assert!(effective_sample_size(&drift, 200_000) < 10.0);
    }
}
