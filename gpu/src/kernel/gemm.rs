//! Matrix products: a bounds-checked front of `matrixmultiply::sgemm`, and the only unsafe code of this crate.

/// A matrix of numbers that somebody else owns, row-major or its transpose.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a> View<'a> {
    /// A row-major matrix.
    ///
    /// # Panics
    /// If `values` does not hold `rows * columns` numbers.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(columns), "matrix of {rows} x {columns}");
        Self { values, rows, columns, transposed: false }
    }

    /// The same numbers, read as the transposed matrix.
    pub(crate) fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    /// Distance in numbers between neighbours in a column and in a row.
    fn strides(self) -> (isize, isize) {
        if self.transposed { (1, self.rows as isize) } else { (self.columns as isize, 1) }
    }
}

/// `c = a b + beta c` for row-major `c`; with `beta = 0` what was in `c` is not read.
///
/// # Panics
/// If the shapes do not fit together.
pub(crate) fn gemm(a: View<'_>, b: View<'_>, beta: f32, c: &mut [f32]) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(k, b.rows, "inner dimensions");
    assert_eq!(Some(c.len()), m.checked_mul(n), "product of {m} x {n}");
    let ((row_a, column_a), (row_b, column_b)) = (a.strides(), b.strides());
    // SAFETY: `View::new` and the asserts above make each slice hold exactly rows * columns numbers (at most
    // isize::MAX bytes, being slices), and the strides address precisely those. `c` is borrowed mutably, hence
    // aliases neither operand, and its elements are distinct (row stride n, column stride 1).
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            a.values.as_ptr(),
            row_a,
            column_a,
            b.values.as_ptr(),
            row_b,
            column_b,
            beta,
            c.as_mut_ptr(),
            n as isize,
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(n: usize, seed: u32) -> Vec<f32> {
        (0..n).map(|i| ((i as u32 * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
    }

    /// Every layout against three loops in f64, over shapes around the kernel's block edges.
    #[test]
    fn unsafe_seam_agrees_with_the_definition() {
        for (m, k, n) in [(1, 1, 1), (3, 5, 2), (17, 33, 16), (64, 300, 31), (2, 0, 3), (0, 4, 4)] {
            let (a, b, c0) = (filled(m * k, 1), filled(k * n, 2), filled(m * n, 3));
            for mask in 0..8 {
                let (ta, tb, beta) = (mask & 1 != 0, mask & 2 != 0, if mask & 4 != 0 { 1.0 } else { 0.0 });
                let va = if ta { View::new(&a, k, m).transposed() } else { View::new(&a, m, k) };
                let vb = if tb { View::new(&b, n, k).transposed() } else { View::new(&b, k, n) };
                let mut c = c0.clone();
                gemm(va, vb, beta, &mut c);
                for i in 0..m {
                    for j in 0..n {
                        // The sum, and the sum of magnitudes that bounds its rounding.
                        let (mut sum, mut size) = (f64::from(beta * c0[i * n + j]), 1.0);
                        for l in 0..k {
                            let x = f64::from(if ta { a[l * m + i] } else { a[i * k + l] });
                            let y = f64::from(if tb { b[j * k + l] } else { b[l * n + j] });
                            sum += x * y;
                            size += (x * y).abs();
                        }
                        let error = (f64::from(c[i * n + j]) - sum).abs();
                        assert!(error < 1e-6 * size, "{m} {k} {n} {mask}: {error:e} of {size}");
                    }
                }
            }
        }
    }

    /// Recycled buffers hold anything: `beta = 0` must not read them.
    #[test]
    fn unsafe_seam_with_beta_zero_overwrites_nan() {
        let mut c = [f32::NAN; 4];
        gemm(View::new(&[1.0, 2.0], 2, 1), View::new(&[3.0, 4.0], 1, 2), 0.0, &mut c);
        assert_eq!(c, [3.0, 4.0, 6.0, 8.0]);
    }

    #[test]
    #[should_panic(expected = "inner dimensions")]
    fn unsafe_seam_refuses_shapes_that_do_not_fit() {
        gemm(View::new(&[0.0; 6], 2, 3), View::new(&[0.0; 6], 2, 3), 0.0, &mut [0.0; 6]);
    }

    #[test]
    #[should_panic(expected = "product of")]
    fn unsafe_seam_refuses_a_short_result() {
        gemm(View::new(&[0.0; 4], 2, 2), View::new(&[0.0; 4], 2, 2), 0.0, &mut [0.0; 3]);
    }

    #[test]
    #[should_panic(expected = "matrix of")]
    fn unsafe_seam_refuses_a_short_operand() {
        let _ = View::new(&[0.0; 5], 2, 3);
    }
}
