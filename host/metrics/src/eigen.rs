//! Eigenvalues and eigenvectors of small symmetric matrices by Jacobi rotations (Golub & Van Loan, *Matrix
//! Computations*, 4th ed., §8.5): unconditionally stable, also where eigenvalues meet.

/// Sweeps over all pairs; quadratic convergence makes five usual for 4 × 4.
const MOST_SWEEPS: usize = 30;

/// Eigenvalues, greatest first, and their eigenvectors as rows. `a` is symmetric.
pub fn eigen<const N: usize>(mut a: [[f64; N]; N]) -> ([f64; N], [[f64; N]; N]) {
    let mut vectors = [[0.0; N]; N];
    (0..N).for_each(|k| vectors[k][k] = 1.0);
    let total: f64 = a.iter().flatten().map(|v| v * v).sum();
    for _ in 0..MOST_SWEEPS {
        let off: f64 = (0..N).map(|p| (p + 1..N).map(|q| a[p][q] * a[p][q]).sum::<f64>()).sum();
        if off <= 1e-30 * total || !total.is_finite() {
            break;
        }
        for p in 0..N {
            for q in p + 1..N {
                if a[p][q] != 0.0 {
                    rotate(&mut a, &mut vectors, p, q);
                }
            }
        }
    }
    let mut order: [usize; N] = std::array::from_fn(|k| k);
    order.sort_by(|i, j| a[*j][*j].total_cmp(&a[*i][*i]));
    (order.map(|k| a[k][k]), order.map(|k| vectors[k]))
}

/// The rotation of the plane (p, q) that makes a[p][q] zero.
fn rotate<const N: usize>(a: &mut [[f64; N]; N], vectors: &mut [[f64; N]; N], p: usize, q: usize) {
    let theta = 0.5 * (a[q][q] - a[p][p]) / a[p][q];
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..N {
        let (x, y) = (a[k][p], a[k][q]);
        (a[k][p], a[k][q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..N {
        let (x, y) = (a[p][k], a[q][k]);
        (a[p][k], a[q][k]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (vectors[p][k], vectors[q][k]);
        (vectors[p][k], vectors[q][k]) = (c * x - s * y, s * x + c * y);
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
