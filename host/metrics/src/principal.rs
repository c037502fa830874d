//! Principal components of samples, and coordinates u in which their covariance is the identity.

use crate::statistic::Mean;

/// Sweeps over all pairs of Jacobi's method.
const MOST_SWEEPS: usize = 30;

/// Eigenvalues of the symmetric `a` (n, n), greatest first, and their eigenvectors as rows (n, n), by cyclic Jacobi
/// rotations (Golub & Van Loan, *Matrix Computations*, 4th ed., §8.5). [`crate::eigen`] does the same for the sizes known
/// when compiling.
pub fn eigen(a: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = a.to_vec();
    let mut vectors: Vec<f64> = (0..n * n).map(|at| f64::from(at % (n + 1) == 0)).collect();
    let total: f64 = a.iter().map(|v| v * v).sum();
    for _ in 0..MOST_SWEEPS {
        let off: f64 = (0..n).map(|p| a[p * n + p + 1..(p + 1) * n].iter().map(|v| v * v).sum::<f64>()).sum();
        if off <= 1e-30 * total || !total.is_finite() {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p * n + q] != 0.0 {
                    rotate(&mut a, &mut vectors, n, p, q);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a[j * n + j].total_cmp(&a[i * n + i]));
    let values = order.iter().map(|k| a[k * n + k]).collect();
    (values, order.iter().flat_map(|k| vectors[k * n..(k + 1) * n].to_vec()).collect())
}

/// The rotation of the plane (p, q) that makes a[p][q] zero.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let theta = 0.5 * (a[q * n + q] - a[p * n + p]) / a[p * n + q];
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
    for rows in [a, vectors] {
        let (before, after) = rows.split_at_mut(q * n);
        for (x, y) in before[p * n..(p + 1) * n].iter_mut().zip(&mut after[..n]) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
}

/// u_i = a_i·(x - mean)/s_i, with the principal axes a_i of samples and their standard deviations s_i along them.
#[derive(Debug, Clone, PartialEq)]
pub struct Whitening {
    mean: Vec<f64>,
    /// (dim, dim), an axis a row, the longest first.
    axes: Vec<f64>,
    scales: Vec<f64>,
}

impl Whitening {
    /// Of the finite ones of `rows` (n, dim); of fewer than 5 dim, correlations are shrunk by dim/(n + 1). `None` where fewer than two rows are
    /// finite, or the samples have no width in some direction.
    pub fn of(rows: &[f64], dim: usize) -> Option<Self> {
        let rows: Vec<&[f64]> = rows.chunks_exact(dim.max(1)).filter(|row| row.iter().all(|x| x.is_finite())).collect();
        let n = rows.len() as f64;
        if dim == 0 || rows.len() < 2 {
            return None;
        }
        let columns: Vec<Mean> =
            (0..dim).map(|i| Mean::of(&rows.iter().map(|row| row[i]).collect::<Vec<_>>())).collect();
        let mean: Vec<f64> = columns.iter().map(|c| c.mean).collect();
        if columns.iter().any(|c| c.sd.is_nan() || c.sd <= 1e-12 * c.mean.abs()) {
            return None;
        }
        let keep = if n < 5.0 * dim as f64 { 1.0 - (dim as f64 / (n + 1.0)).min(1.0) } else { 1.0 };
        let (mut covariance, mut y) = (vec![0.0; dim * dim], vec![0.0; dim]);
        for row in rows {
            y.iter_mut().zip(row).zip(&mean).for_each(|((y, x), m)| *y = x - m);
            for i in 0..dim {
                covariance[i * dim..=i * dim + i].iter_mut().zip(&y).for_each(|(c, y_j)| *c += y[i] * y_j);
            }
        }
        for i in 0..dim {
            covariance[i * dim + i] /= n - 1.0;
            for j in 0..i {
                let value = keep * covariance[i * dim + j] / (n - 1.0);
                (covariance[i * dim + j], covariance[j * dim + i]) = (value, value);
            }
        }
        let (values, axes) = eigen(&covariance, dim);
        let positive = values.iter().all(|v| *v > 1e-14 * values[0]);
        positive.then(|| Self { mean, axes, scales: values.iter().map(|v| v.sqrt()).collect() })
    }

    /// u_i of x (dim), the longest axis first.
    pub fn component(&self, x: impl Iterator<Item = f64>, i: usize) -> f64 {
        let dim = self.mean.len();
        let axis = &self.axes[i * dim..][..dim];
        axis.iter().zip(x).zip(&self.mean).map(|((a, x), m)| a * (x - m)).sum::<f64>() / self.scales[i]
    }

    /// ∂E/∂u_i = s_i a_i·∇E of ∇E (dim).
    pub fn gradient_component(&self, gradient: &[f64], i: usize) -> f64 {
        let dim = self.mean.len();
        self.scales[i] * self.axes[i * dim..][..dim].iter().zip(gradient).map(|(a, g)| a * g).sum::<f64>()
    }

    /// u (dim) of x (dim).
    pub fn apply(&self, x: &[f64], u: &mut [f64]) {
        u.iter_mut().enumerate().for_each(|(i, u)| *u = self.component(x.iter().copied(), i));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::{Purpose, Randomness, Stream};

    #[test]
    fn values_and_vectors_belong_together() {
        let mut stream = Stream::new(2, Purpose::Test, 0);
        for n in [1, 2, 7, 60] {
            let mut a = vec![0.0; n * n];
            stream.fill_normal(&mut a);
            for i in 0..n {
                for j in 0..i {
                    a[i * n + j] = a[j * n + i];
                }
            }
            let (values, vectors) = eigen(&a, n);
            assert!(values.is_sorted_by(|x, y| x >= y));
            for (value, v) in values.iter().zip(vectors.chunks_exact(n)) {
                assert!((v.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-10);
                for i in 0..n {
                    let image: f64 = (0..n).map(|j| a[i * n + j] * v[j]).sum();
                    assert!((image - value * v[i]).abs() < 1e-9, "{n}");
                }
            }
        }
    }

    #[test]
    fn whitened_samples_have_mean_zero_and_covariance_one() {
        let mut rows = vec![0.0; 5000 * 3];
        Stream::new(3, Purpose::Test, 0).fill_normal(&mut rows);
        for row in rows.chunks_exact_mut(3) {
            row[1] = 10.0 * row[0] + 0.1 * row[1] + 7.0;
            row[2] *= 1e-3;
        }
        let whitening = Whitening::of(&rows, 3).unwrap();
        let mut u = rows.clone();
        u.chunks_exact_mut(3).zip(rows.chunks_exact(3)).for_each(|(u, x)| whitening.apply(x, u));
        for i in 0..3 {
            for j in 0..3 {
                let moment = u.chunks_exact(3).map(|u| u[i] * u[j]).sum::<f64>() / 4999.0;
                assert!((moment - f64::from(i == j)).abs() < 0.05, "{i} {j}: {moment}");
            }
        }
        // The chain rule: g_x·dx = g_u·du.
        let (dx, g) = ([0.3, -2.0, 0.01], [1.0, 2.0, 3.0]);
        let (mut a, mut b) = ([0.0; 3], [0.0; 3]);
        whitening.apply(&dx, &mut a);
        whitening.apply(&[0.0; 3], &mut b);
        let left: f64 = g.iter().zip(&dx).map(|(g, d)| g * d).sum();
        let right: f64 = (0..3).map(|i| whitening.gradient_component(&g, i) * (a[i] - b[i])).sum();
        assert!((left - right).abs() < 1e-9);
        assert!(Whitening::of(&[1.0, 2.0, 1.0, 3.0], 2).is_none() && Whitening::of(&[], 0).is_none());
    }
}
