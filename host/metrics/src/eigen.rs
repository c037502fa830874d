//! Eigenvalues and eigenvectors of small symmetric matrices by Jacobi rotations (Golub & Van Loan, *Matrix
//! Computations*, 4th ed., §8.5): unconditionally stable, also where eigenvalues meet.

/// Sweeps over all pairs; quadratic convergence makes five usual for 4 × 4.
const MOST_SWEEPS: usize = 30;

/// Eigenvalues, greatest first, and their eigenvectors as rows. `a` is symmetric.
pub fn eigen<const N: usize>(a: [[f64; N]; N]) -> ([f64; N], [[f64; N]; N]) {
    let (values, vectors) = eigen_of(a.into_iter().flatten().collect(), N);
    (std::array::from_fn(|k| values[k]), std::array::from_fn(|k| std::array::from_fn(|i| vectors[k * N + i])))
}

/// The same for a matrix (n, n) of any size, whole rows.
///
/// # Panics
/// If `a` has not n² numbers.
pub fn eigen_of(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    assert_eq!(a.len(), n * n, "a square matrix");
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|k| vectors[k * n + k] = 1.0);
    let total: f64 = a.iter().map(|v| v * v).sum();
    for _ in 0..MOST_SWEEPS {
        let off: f64 = (0..n).map(|p| (p + 1..n).map(|q| a[p * n + q] * a[p * n + q]).sum::<f64>()).sum();
        if off <= 1e-30 * total || !total.is_finite() {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p * n + q] != 0.0 {
                    rotate(&mut a, &mut vectors, n, (p, q));
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a[*j * n + *j].total_cmp(&a[*i * n + *i]));
    let rows = order.iter().flat_map(|k| &vectors[k * n..(k + 1) * n]).copied().collect();
    (order.iter().map(|k| a[k * n + k]).collect(), rows)
}

/// The rotation of the plane (p, q) that makes a[p][q] zero.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, (p, q): (usize, usize)) {
    let theta = 0.5 * (a[q * n + q] - a[p * n + p]) / a[p * n + q];
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (vectors[p * n + k], vectors[q * n + k]);
        (vectors[p * n + k], vectors[q * n + k]) = (c * x - s * y, s * x + c * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_vectors_belong_together() {
        let mut state = 1_u64;
        for turn in 0..200 {
            let mut a = [[0.0; 4]; 4];
            for p in 0..4 {
                for q in p..4 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    // Every other matrix has many equal and zero entries.
                    let value = (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0;
                    let value = if turn % 2 == 0 { value.round() } else { value };
                    (a[p][q], a[q][p]) = (value, value);
                }
            }
            let (values, vectors) = eigen(a);
            assert!(values.is_sorted_by(|x, y| x >= y));
            for (value, vector) in values.iter().zip(&vectors) {
                assert!((vector.iter().map(|v| v * v).sum::<f64>() - 1.0).abs() < 1e-12);
                for row in 0..4 {
                    let image: f64 = (0..4).map(|k| a[row][k] * vector[k]).sum();
                    assert!((image - value * vector[row]).abs() < 1e-10, "{a:?}");
                }
            }
        }
    }

    #[test]
    fn known_matrices() {
        assert_eq!(eigen([[2.0, 0.0], [0.0, 3.0]]), ([3.0, 2.0], [[0.0, 1.0], [1.0, 0.0]]));
        let (values, _) = eigen([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, -1.0]]);
        assert!(values.iter().zip([3.0, 1.0, -1.0]).all(|(v, e)| (v - e).abs() < 1e-14));
        assert!(eigen([[f64::NAN; 3]; 3]).0[0].is_nan());
    }
}
