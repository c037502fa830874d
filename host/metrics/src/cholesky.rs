//! The Cholesky factor of a covariance: A = L Lᵀ with L lower triangular (Golub, Van Loan, *Matrix Computations*, 4.2).

/// A lower-triangular factor with a positive diagonal.
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky {
    dim: usize,
    /// Row by row, whole rows; what lies above the diagonal is 0.
    factor: Vec<f64>,
}

impl Cholesky {
    /// Of a symmetric matrix (dim, dim), of which the lower triangle is read. None where it is not positive definite.
    pub fn of(matrix: &[f64], dim: usize) -> Option<Self> {
        let mut factor = vec![0.0; dim * dim];
        for i in 0..dim {
            for j in 0..=i {
                let (upper, lower) = factor.split_at(i * dim);
                let other = if i == j { &lower[..j] } else { &upper[j * dim..j * dim + j] };
                let sum: f64 = matrix[i * dim + j] - dot(&lower[..j], other);
                factor[i * dim + j] = if i == j {
                    if sum.is_nan() || sum <= 0.0 || sum.is_infinite() {
                        return None;
                    }
                    sum.sqrt()
                } else {
                    sum / factor[j * dim + j]
                };
            }
        }
        Some(Self { dim, factor })
    }

    /// Of a diagonal matrix with these square roots.
    pub fn diagonal(widths: &[f64]) -> Self {
        let dim = widths.len();
        let mut factor = vec![0.0; dim * dim];
        widths.iter().enumerate().for_each(|(i, width)| factor[i * dim + i] = *width);
        Self { dim, factor }
    }

    /// A = L Lᵀ (dim, dim).
    pub fn product(&self) -> Vec<f64> {
        let entry = |i: usize, j: usize| dot(self.row(i), self.row(j));
        (0..self.dim).flat_map(|i| (0..self.dim).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect()
    }

    /// L without what lies above its diagonal, row by row: n (n + 1)/2 numbers.
    pub fn lower(&self) -> Vec<f64> {
        (0..self.dim).flat_map(|i| &self.row(i)[..=i]).copied().collect()
    }

    /// The least number of the diagonal: the least width of a coordinate where those before it are known.
    pub fn least(&self) -> f64 {
        (0..self.dim).map(|i| self.factor[i * self.dim + i]).fold(f64::INFINITY, f64::min)
    }

    /// Rows and columns.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The factor of c² A.
    #[must_use]
    pub fn scaled(&self, c: f64) -> Self {
        Self { dim: self.dim, factor: self.factor.iter().map(|l| c * l).collect() }
    }

    /// log √det A.
    pub fn half_log_determinant(&self) -> f64 {
        (0..self.dim).map(|i| self.factor[i * self.dim + i].ln()).sum()
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.factor[i * self.dim..=i * self.dim + i]
    }

    /// L x.
    pub fn multiply(&self, x: &[f64], out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = dot(self.row(i), x);
        }
    }

    /// Lᵀ x.
    pub fn multiply_transposed(&self, x: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (i, x) in x.iter().enumerate() {
            out.iter_mut().zip(self.row(i)).for_each(|(out, l)| *out += l * x);
        }
    }

    /// L⁻¹ x, in place.
    pub fn solve(&self, x: &mut [f64]) {
        for i in 0..self.dim {
            let (before, rest) = x.split_at_mut(i);
            rest[0] = (rest[0] - dot(self.row(i), before)) / self.factor[i * self.dim + i];
        }
    }

    /// L⁻¹ x, in place, and half of its square; unfinished, and infinite, where that exceeds `most`.
    pub fn solve_within(&self, x: &mut [f64], most: f64) -> f64 {
        let mut half_square = 0.0;
        for i in 0..self.dim {
            let (before, rest) = x.split_at_mut(i);
            rest[0] = (rest[0] - dot(self.row(i), before)) / self.factor[i * self.dim + i];
            half_square += 0.5 * rest[0] * rest[0];
            if half_square > most {
                return f64::INFINITY;
            }
        }
        half_square
    }

    /// L⁻ᵀ x, in place.
    pub fn solve_transposed(&self, x: &mut [f64]) {
        for i in (0..self.dim).rev() {
            let (before, rest) = x.split_at_mut(i);
            rest[0] /= self.factor[i * self.dim + i];
            before.iter_mut().zip(self.row(i)).for_each(|(x, l)| *x -= l * rest[0]);
        }
    }
}

/// Partial sums of a dot product: one alone would wait for each addition to end.
const PARTS: usize = 8;

/// Σ a b over the shorter of two.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let (wide_a, wide_b) = (a.chunks_exact(PARTS), b.chunks_exact(PARTS));
    let rest: f64 = wide_a.remainder().iter().zip(wide_b.remainder()).map(|(a, b)| a * b).sum();
    let mut parts = [0.0; PARTS];
    for (a, b) in wide_a.zip(wide_b) {
        parts.iter_mut().zip(a.iter().zip(b)).for_each(|(part, (a, b))| *part += a * b);
    }
    rest + parts.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_multiplies_back_and_solves() {
        // L = [[2, 0, 0], [1, 3, 0], [-1, 0.5, 1.5]].
        let matrix = [4.0, 2.0, -2.0, 2.0, 10.0, 0.5, -2.0, 0.5, 3.5];
        let factor = Cholesky::of(&matrix, 3).unwrap();
        assert_eq!(factor.factor, [2.0, 0.0, 0.0, 1.0, 3.0, 0.0, -1.0, 0.5, 1.5]);
        assert!((factor.half_log_determinant() - 9.0_f64.ln()).abs() < 1e-15);
        assert!(factor.product().iter().zip(&matrix).all(|(a, b)| (a - b).abs() < 1e-14));
        assert_eq!(Cholesky::diagonal(&[2.0, 3.0]).product(), [4.0, 0.0, 0.0, 9.0]);
        let x = [1.0, -2.0, 0.5];
        let (mut y, mut back) = ([0.0; 3], [0.0; 3]);
        factor.multiply(&x, &mut y);
        assert_eq!(y, [2.0, -5.0, -1.25]);
        factor.solve(&mut y);
        assert!(y.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-14));
        let mut z = [2.0, -5.0, -1.25];
        assert!((factor.solve_within(&mut z, 3.0) - 2.625).abs() < 1e-14 && (z[1] + 2.0).abs() < 1e-14);
        assert!(factor.solve_within(&mut [2.0, -5.0, -1.25], 2.0).is_infinite());
        let long: Vec<f64> = (0..21).map(f64::from).collect();
        assert_eq!(dot(&long, &long[1..]), 2660.0);
        factor.multiply_transposed(&x, &mut back);
        assert_eq!(back, [-0.5, -5.75, 0.75]);
        factor.solve_transposed(&mut back);
        assert!(back.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-14));
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        assert!(Cholesky::of(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
        assert!(Cholesky::of(&[f64::NAN], 1).is_none());
        assert!(Cholesky::of(&[0.0], 1).is_none());
    }
}
