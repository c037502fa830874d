//! Quantiles of the normal law, and exact bounds of a share.

/// Φ⁻¹(p) by the rational approximations of Wichura's PPND7 (AS 241, 1988): seven digits, for 0 < p < 1.
pub fn normal_quantile(p: f64) -> f64 {
    let ratio = |r: f64, a: [f64; 4], b: [f64; 3]| {
        (((a[3] * r + a[2]) * r + a[1]) * r + a[0]) / (((b[2] * r + b[1]) * r + b[0]) * r + 1.0)
    };
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let a = [3.387_132_719_4, 50.434_271_938, 159.291_132_02, 59.109_374_72];
        return q * ratio(0.180_625 - q * q, a, [17.895_169_469, 78.757_757_664, 67.187_563_6]);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let tail = if r <= 5.0 {
        let a = [1.423_437_277_7, 2.756_815_39, 1.306_728_481_6, 0.170_238_210_3];
        ratio(r - 1.6, a, [0.737_001_640_4, 0.120_211_320_3, 0.0])
    } else {
        let a = [6.657_905_115, 3.081_226_386, 0.428_682_943_4, 0.017_337_203_9];
        ratio(r - 5.0, a, [0.241_978_943_1, 0.012_258_202_6, 0.0])
    };
    tail.copysign(q)
}

/// The bounds of a share of which `count` of `n` independent draws were seen, each wrong with a probability of at most
/// `level`/2 whatever the share (Clopper and Pearson 1934, *Biometrika* 26, 404): quantiles of the laws
/// Beta(count, n - count + 1) and Beta(count + 1, n - count). NaN of no draws.
pub fn share_bounds(count: usize, n: usize, level: f64) -> (f64, f64) {
    if n == 0 || count > n {
        return (f64::NAN, f64::NAN);
    }
    let (k, rest) = (count as f64, (n - count) as f64);
    let lower = if count == 0 { 0.0 } else { beta_quantile(0.5 * level, k, rest + 1.0) };
    let upper = if count == n { 1.0 } else { beta_quantile(1.0 - 0.5 * level, k + 1.0, rest) };
    (lower, upper)
}

/// The bounds of a share p seen in n effective draws by Wilson's score interval at z standard errors (1927, *Journal of
/// the American Statistical Association* 22, 209): honest also for shares near 0 and 1. NaN where n is unknown or 0.
pub fn wilson_bounds(p: f64, n: f64, z: f64) -> (f64, f64) {
    if !(n > 0.0 && p.is_finite()) {
        return (f64::NAN, f64::NAN);
    }
    let square = z * z / n;
    let centre = p + 0.5 * square;
    let half = (square * (p * (1.0 - p) + 0.25 * square)).sqrt();
    (((centre - half) / (1.0 + square)).max(0.0), ((centre + half) / (1.0 + square)).min(1.0))
}

/// The x at which the law Beta(a, b) has the probability p below it, by bisection to the last digits.
fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    // 200 halvings: also quantiles far below 1e-16 keep their digits.
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if incomplete_beta(middle, a, b) < p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function I_x(a, b) by its continued fraction (NIST *Digital Library of Mathematical
/// Functions*, 8.17.22) in Lentz's form.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    // The fraction converges fast below the mean.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (-x).ln_1p();
    let nonzero = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut c, mut d) = (1.0, 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for k in 1..10_000 {
        let k = f64::from(k);
        let even = k * (b - k) * x / ((a + 2.0 * k - 1.0) * (a + 2.0 * k));
        let odd = -(a + k) * (a + b + k) * x / ((a + 2.0 * k) * (a + 2.0 * k + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / nonzero(1.0 + term * d);
            c = nonzero(1.0 + term / c);
            step = c * d;
            fraction *= step;
        }
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front.exp() * fraction / a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_quantile_has_seven_digits() {
        for (p, exact) in [
            (0.5, 0.0),
            (0.841_344_746_068_543, 1.0),
            (0.975, 1.959_963_984_540_054),
            (1e-3, -3.090_232_306_167_813_5),
            (1e-12, -7.034_483_825_301_131),
            (1e-20, -9.262_340_089_798_408),
        ] {
            assert!((normal_quantile(p) - exact).abs() < 1e-6 * exact.abs().max(1.0), "{p}: {}", normal_quantile(p));
        }
    }

    /// P(at most `count` of `n`), each with probability p.
    fn binomial(count: usize, n: usize, p: f64) -> f64 {
        let ln_choose = |k: f64, n: f64| libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
        (0..=count)
            .map(|k| (k as f64, n as f64))
            .map(|(k, n)| (ln_choose(k, n) + k * p.ln() + (n - k) * (-p).ln_1p()).exp())
            .sum()
    }

    #[test]
    fn exact_bounds_are_those_of_tables() {
        // 95 % of 10 draws: 0.0025 to 0.4450 for 1, 0.2224 to 0.7776 (18 draws of which 9: 0.2602 to 0.7398).
        for (count, n, lower, upper) in [
            (0, 10, 0.0, 0.308_497_1),
            (1, 10, 0.002_528_579, 0.445_016_1),
            (5, 10, 0.187_086_0, 0.812_914_0),
            (10, 10, 0.691_502_9, 1.0),
        ] {
            let found = share_bounds(count, n, 0.05);
            assert!((found.0 - lower).abs() < 1e-6 && (found.1 - upper).abs() < 1e-6, "{count}/{n}: {found:?}");
        }
        // By definition: the tails of the binomial law at the bounds.
        for (count, n) in [(3, 2000), (17, 100_000), (150, 100_000)] {
            let (lower, upper) = share_bounds(count, n, 0.0025);
            assert!((binomial(count, n, upper) / 0.001_25 - 1.0).abs() < 1e-6);
            assert!(((1.0 - binomial(count - 1, n, lower)) / 0.001_25 - 1.0).abs() < 1e-6);
        }
        assert!(share_bounds(0, 0, 0.05).0.is_nan());
    }

    #[test]
    fn score_bounds_are_those_of_newcombe() {
        // Newcombe 1998, table I: 81 of 263 and 1 of 29, 95 %.
        let (lower, upper) = wilson_bounds(81.0 / 263.0, 263.0, 1.959_964);
        assert!((lower - 0.2553).abs() < 5e-5 && (upper - 0.3662).abs() < 5e-5);
        let (lower, upper) = wilson_bounds(1.0 / 29.0, 29.0, 1.959_964);
        assert!((lower - 0.0061).abs() < 5e-5 && (upper - 0.1718).abs() < 5e-5);
        let unknown = wilson_bounds(0.5, f64::NAN, 2.0);
        assert!(unknown.0.is_nan() && unknown.1.is_nan());
    }
}
