//! Wasserstein-2 distances, with the square root.
//!
//! In many dimensions by exact optimal assignment of n samples to n reference points: the published metric
//! with n = 2000. Its floor is large (5.41 for Many-Well-32), since independent sets never coincide.

use super::assignment;
use rayon::prelude::*;

/// W2 between two sets of equally many points (rows of `dim` coordinates): √(min over pairings of the mean
/// squared distance). NaN if the sets differ in size, are empty, or hold a value that is not finite.
pub fn wasserstein2(a: &[f32], b: &[f32], dim: usize) -> f64 {
    let n = a.len() / dim.max(1);
    if n == 0 || a.len() != b.len() || a.iter().chain(b).any(|x| !x.is_finite()) {
        return f64::NAN;
    }
    let mut cost = vec![0.0_f64; n * n];
    cost.par_chunks_mut(n).zip(a.par_chunks_exact(dim)).for_each(|(row, x)| {
        for (c, y) in row.iter_mut().zip(b.chunks_exact(dim)) {
            *c = x.iter().zip(y).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum();
        }
    });
    let columns = assignment::solve(&cost, n);
    (columns.iter().enumerate().map(|(i, j)| cost[i * n + j]).sum::<f64>() / n as f64).sqrt()
}

/// W2 between two sets of numbers, of any sizes: √∫ (F⁻¹(u) - G⁻¹(u))² du, exact for the two empirical
/// distributions. NaN if either is empty.
pub fn wasserstein2_line(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return f64::NAN;
    }
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    // Positions in units of 1/(n m), so that the steps of both quantile functions are whole numbers.
    let (n, m) = (a.len() as u128, b.len() as u128);
    let (mut i, mut j, mut at, mut sum) = (0_u128, 0_u128, 0_u128, 0.0);
    while i < n && j < m {
        let next = ((i + 1) * m).min((j + 1) * n);
        sum += (next - at) as f64 * (a[i as usize] - b[j as usize]).powi(2);
        at = next;
        i += u128::from(next == (i + 1) * m);
        j += u128::from(next == (j + 1) * n);
    }
    (sum / (n * m) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_costs_its_length_whatever_the_order() {
        let a: Vec<f32> = (0..300).map(|i| ((i * 7919) % 1000) as f32 * 0.25).collect();
        let mut b: Vec<f32> = a.iter().map(|x| x + 3.0).collect();
        b.rotate_left(3 * 17);
        assert!((wasserstein2(&a, &b, 3) - 27.0_f64.sqrt()).abs() < 1e-9);
        assert_eq!(wasserstein2(&a, &a, 3), 0.0);
        assert!(wasserstein2(&a, &b[3..], 3).is_nan() && wasserstein2(&[f32::NAN], &[0.0], 1).is_nan());
    }

    #[test]
    fn on_a_line_assignment_and_quantiles_agree() {
        let a: Vec<f32> = (0..200_u32).map(|i| (i * 7919 % 1009) as f32).collect();
        let b: Vec<f32> = (0..200_u32).map(|i| (i * 5003 % 997) as f32 * 1.5).collect();
        let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        assert!((wasserstein2(&a, &b, 1) - wasserstein2_line(&wide(&a), &wide(&b))).abs() < 1e-9);
    }

    #[test]
    fn sizes_may_differ_on_a_line() {
        assert!((wasserstein2_line(&[0.0, 1.0], &[0.0, 0.0, 1.0, 1.0])).abs() < 1e-15);
        assert!((wasserstein2_line(&[0.0], &[3.0, -3.0, 3.0]) - 3.0).abs() < 1e-15);
        assert!((wasserstein2_line(&[0.0, 1.0, 2.0], &[1.0]) - (2.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    }
}
