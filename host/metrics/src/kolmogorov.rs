//! The Kolmogorov-Smirnov distance of two sets of numbers, and how far chance takes it.

/// The two-sample Kolmogorov-Smirnov statistic D = sup_x |F_n(x) - G_m(x)| of `a` (n) and `b` (m), in any order. What is
/// not a number lies above all numbers, infinity included, whatever its sign bit: lost values move mass, they never drop
/// out. NaN (unknown) if either set is empty.
pub fn statistic(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return f64::NAN;
    }
    let (a, b) = (sorted(a), sorted(b));
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut most) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        let x = if at_most(a[i], b[j]) { a[i] } else { b[j] };
        // Past all that is equal to x on both sides.
        while i < a.len() && at_most(a[i], x) {
            i += 1;
        }
        while j < b.len() && at_most(b[j], x) {
            j += 1;
        }
        most = most.max((i as f64 / n - j as f64 / m).abs());
    }
    most
}

fn at_most(x: f64, y: f64) -> bool {
    x <= y || y.is_nan()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(|a, b| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b)));
    values
}

/// What |D - sup |F - G|| exceeds with a probability of at most about `level`: √(½ ln(2/level) (1/n + 1/m)), the bound of
/// Dvoretzky, Kiefer and Wolfowitz with Massart's constant (1990, *Annals of Probability* 18, 1269), which for two samples
/// is the tail of Kolmogorov's law (Wei and Dudley 2012, *Statistics & Probability Letters* 82, 636). `n` and `m` are
/// effective sample sizes; NaN where one is unknown or not above 0.
pub fn critical_value(n: f64, m: f64, level: f64) -> f64 {
    if n > 0.0 && m > 0.0 { (0.5 * (2.0 / level).ln() * (1.0 / n + 1.0 / m)).sqrt() } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::{Purpose, Randomness, Stream};

    #[test]
    fn cases_by_hand() {
        // F steps by 1/4 at 1, 2, 3, 4, G by 1/2 at 2.5 and 5: at 2.5, 1/2 - 1/2; just before 5, 1 - 1/2.
        assert_eq!(statistic(&[3.0, 1.0, 4.0, 2.0], &[5.0, 2.5]), 0.5);
        assert_eq!(statistic(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 0.0);
        assert_eq!(statistic(&[0.0, 1.0], &[2.0, 3.0]), 1.0);
        // Ties: at 1, 3/4 against 1/2.
        assert_eq!(statistic(&[1.0, 1.0, 1.0, 2.0], &[1.0, 2.0]), 0.25);
        assert_eq!(statistic(&[0.0, -0.0], &[-0.0, 0.0]), 0.0);
    }

    #[test]
    fn what_is_not_a_number_is_mass_above_everything() {
        assert_eq!(statistic(&[-f64::NAN, 1.0, 2.0, 3.0], &[1.0, 2.0, 3.0, f64::INFINITY]), 0.25);
        assert_eq!(statistic(&[f64::NAN, 1.0], &[1.0, -f64::NAN]), 0.0);
        assert_eq!(statistic(&[f64::NAN], &[7.0]), 1.0);
        assert!(statistic(&[], &[1.0]).is_nan() && statistic(&[1.0], &[]).is_nan());
        assert!(critical_value(f64::NAN, 10.0, 0.01).is_nan() && critical_value(10.0, 0.0, 0.01).is_nan());
    }

    #[test]
    fn chance_exceeds_the_critical_value_as_often_as_it_says() {
        let mut exceeded = 0;
        for turn in 0..2000 {
            let mut stream = Stream::new(3, Purpose::Test, turn);
            let mut draw = |n: usize| (0..n).map(|_| stream.uniform()).collect::<Vec<f64>>();
            let (a, b) = (draw(300), draw(200));
            exceeded += usize::from(statistic(&a, &b) > critical_value(300.0, 200.0, 0.05));
        }
        // 100 expected of a continuous law; steps make it a little fewer.
        assert!((50..=120).contains(&exceeded), "{exceeded}");
    }
}
