//! Lower-triangular factors of small symmetric positive matrices (Golub & Van Loan, *Matrix Computations*, 4th ed.,
//! §4.2), row by row in slices of n × n; what lies above the diagonal of a factor is zero and never read.

/// The lower-triangular L (n, n) with L Lᵀ = `a` (n, n), of which the lower triangle is read. `None` where a pivot is not
/// above 1e-14 of its diagonal entry, or not a number: the matrix is not positive to working precision.
pub fn factor(a: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let rest = a[i * n + j] - dot(&l[i * n..i * n + j], &l[j * n..j * n + j]);
            l[i * n + j] = if j < i {
                rest / l[j * n + j]
            } else if rest > 1e-14 * a[i * n + i].abs() && rest.is_finite() {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(l)
}

/// L⁻¹ x in place of x (n), with L (n, n).
pub fn solve_lower(l: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in 0..n {
        let row = &l[i * n..];
        x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
    }
}

/// L⁻ᵀ x in place of x (n), with L (n, n).
pub fn solve_transposed(l: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in (0..n).rev() {
        let row = &l[i * n..i * n + i + 1];
        x[i] /= row[i];
        let known = x[i];
        x[..i].iter_mut().zip(row).for_each(|(x, l)| *x -= l * known);
    }
}

/// L x in place of x (n), with L (n, n).
pub fn multiply(l: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in (0..n).rev() {
        x[i] = dot(&l[i * n..=i * n + i], &x[..=i]);
    }
}

/// The product of two lower-triangular matrices (n, n), lower-triangular again.
pub fn product(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let mut c = vec![0.0; n * n];
    for i in 0..n {
        for k in 0..=i {
            let factor = a[i * n + k];
            c[i * n..=i * n + k].iter_mut().zip(&b[k * n..=k * n + k]).for_each(|(c, b)| *c += factor * b);
        }
    }
    c
}

/// ½ log det(L Lᵀ): the sum of the logarithms of the diagonal of L (n, n).
pub fn half_log_determinant(l: &[f64], n: usize) -> f64 {
    (0..n).map(|i| l[i * n + i].ln()).sum()
}

/// In four sums side by side, which become one vector operation: always in the same order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 4];
    for (a, b) in a.zip(b) {
        for k in 0..4 {
            sums[k] += a[k] * b[k];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::{Purpose, Randomness, Stream};

    #[test]
    fn factors_multiply_back_and_solve() {
        let mut stream = Stream::new(1, Purpose::Test, 0);
        for n in [1, 2, 5, 40] {
            let mut b = vec![0.0; n * n];
            stream.fill_normal(&mut b);
            let mut a = vec![0.0; n * n];
            for i in 0..n {
                for j in 0..n {
                    a[i * n + j] = dot(&b[i * n..][..n], &b[j * n..][..n]) + f64::from(i == j);
                }
            }
            let l = factor(&a, n).unwrap();
            let mut x = vec![0.0; n];
            stream.fill_normal(&mut x);
            let image: Vec<f64> = (0..n).map(|i| dot(&a[i * n..][..n], &x)).collect();
            let mut solved = image.clone();
            solve_lower(&l, &mut solved);
            let mut again = solved.clone();
            solve_transposed(&l, &mut solved);
            assert!(solved.iter().zip(&x).all(|(s, x)| (s - x).abs() < 1e-9), "{n}");
            multiply(&l, &mut again);
            assert!(again.iter().zip(&image).all(|(s, x)| (s - x).abs() < 1e-9), "{n}");
            let square = product(&l, &l, n);
            let mut twice = x.clone();
            multiply(&l, &mut twice);
            multiply(&l, &mut twice);
            multiply(&square, &mut x);
            assert!(x.iter().zip(&twice).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs().max(1.0)), "{n}");
        }
    }

    #[test]
    fn a_known_factor_and_what_has_none() {
        let l = factor(&[4.0, 2.0, 2.0, 10.0], 2).unwrap();
        assert_eq!(l, [2.0, 0.0, 1.0, 3.0]);
        assert!((half_log_determinant(&l, 2) - 6.0_f64.ln()).abs() < 1e-15);
        assert!(factor(&[1.0, 1.0, 1.0, 1.0], 2).is_none());
        assert!(factor(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
        assert!(factor(&[f64::NAN], 1).is_none() && factor(&[f64::INFINITY], 1).is_none());
    }
}
