//! Matrix products in the three forms that a network needs, on row-major slices.
//!
//! | form | function | in a network |
//! |---|---|---|
//! | C = A B, B packed | [`product`] | forward: activations by weights; backward: gradients by [`Packed::transposed`] weights |
//! | C = Aᵀ B | [`gram`] | gradients of the weights |
//!
//! B is packed once and used for many A. A tile of C stays in registers while one number of each of
//! its rows meets one to three vectors of B. Vectors are the machine's ([`pulp`] picks them when the program runs), the code
//! is safe. Every number of C is a sum over the inner index in its order, cut at fixed places: a row of a product does not
//! depend on the other rows of the call.

mod gram;
mod tile;

use super::scratch::{Buffer, Scratch};
use pulp::{Arch, Simd, WithSimd};
use tile::{ROWS, VECTORS, Write, store};

pub(crate) use gram::gram;

/// Most rows of B that [`product`] takes at a time: a strip of them stays in the first-level cache for all rows of A.
const INNER: usize = 160;

/// Numbers of a vector on this machine.
fn lanes() -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Width)
}

/// The right factor of a [`product`], in strips of one to three vectors of columns, each strip row by row.
pub(crate) struct Packed {
    values: Buffer,
    rows: usize,
    columns: usize,
    lanes: usize,
}

impl Packed {
    fn empty(scratch: &Scratch, rows: usize, columns: usize) -> Self {
        let lanes = lanes();
        Self { values: scratch.take(rows * columns.next_multiple_of(lanes)), rows, columns, lanes }
    }

    /// First column and numbers a row of each strip.
    fn strips(columns: usize, lanes: usize) -> impl Iterator<Item = (usize, usize)> {
        let wide = VECTORS * lanes;
        (0..columns).step_by(wide).map(move |at| (at, wide.min((columns - at).next_multiple_of(lanes))))
    }

    /// Packs a row-major matrix (rows, columns).
    ///
    /// # Panics
    /// If `matrix` has not that many numbers.
    pub(crate) fn new(scratch: &Scratch, matrix: &[f32], rows: usize, columns: usize) -> Self {
        assert_eq!(matrix.len(), rows * columns, "matrix of {rows} x {columns}");
        let mut packed = Self::empty(scratch, rows, columns);
        let mut rest = &mut packed.values[..];
        for (at, width) in Self::strips(columns, packed.lanes) {
            let (strip, next) = rest.split_at_mut(rows * width);
            rest = next;
            let real = width.min(columns - at);
            for (to, from) in strip.chunks_exact_mut(width).zip(matrix.chunks_exact(columns)) {
                to[..real].copy_from_slice(&from[at..at + real]);
                to[real..].fill(0.0);
            }
        }
        packed
    }

    /// Packs the transposed of a row-major matrix (rows, columns): a right factor with `columns` rows.
    ///
    /// # Panics
    /// If `matrix` has not that many numbers.
    pub(crate) fn transposed(scratch: &Scratch, matrix: &[f32], rows: usize, columns: usize) -> Self {
        assert_eq!(matrix.len(), rows * columns, "matrix of {rows} x {columns}");
        let mut packed = Self::empty(scratch, columns, rows);
        let mut rest = &mut packed.values[..];
        for (at, width) in Self::strips(rows, packed.lanes) {
            let (strip, next) = rest.split_at_mut(columns * width);
            rest = next;
            let real = width.min(rows - at);
            for (k, to) in strip.chunks_exact_mut(width).enumerate() {
                for (j, to) in to[..real].iter_mut().enumerate() {
                    *to = matrix[(at + j) * columns + k];
                }
                to[real..].fill(0.0);
            }
        }
        packed
    }
}

/// `c = a b`, or `c += a b` with `add`, for row-major `a` (any rows, b's rows) and `c` (the same rows, b's columns).
///
/// # Panics
/// If the shapes do not fit together.
pub(crate) fn product(a: &[f32], b: &Packed, add: bool, c: &mut [f32]) {
    dispatch(a, b, add, None, c);
}

/// `c = (a b) * factors`, element by element, for `factors` of the shape of `c`.
///
/// # Panics
/// As [`product`], and if there are not as many factors as numbers in `c`.
pub(crate) fn scaled_product(a: &[f32], b: &Packed, factors: &[f32], c: &mut [f32]) {
    assert_eq!(factors.len(), c.len(), "factors");
    dispatch(a, b, false, Some(factors), c);
}

fn dispatch(a: &[f32], b: &Packed, add: bool, factors: Option<&[f32]>, c: &mut [f32]) {
    let (k, n) = (b.rows, b.columns);
    if n == 0 {
        return assert!(c.is_empty(), "product without columns");
    }
    let m = c.len() / n;
    assert_eq!((a.len(), c.len()), (m * k, m * n), "product of {m} x {k} and {k} x {n}");
    Arch::new().dispatch(Product { m, k, n, a, b: &b.values, add, factors, c });
}

struct Product<'a> {
    m: usize,
    k: usize,
    n: usize,
    a: &'a [f32],
    b: &'a [f32],
    add: bool,
    factors: Option<&'a [f32]>,
    c: &'a mut [f32],
}

impl Product<'_> {
    /// The columns from `at` on that a strip of `W` vectors covers, for all rows, from the part of the inner index that
    /// begins at `from`.
    #[inline(always)]
    fn columns<S: Simd, const W: usize>(&mut self, simd: S, at: usize, strip: &[f32], from: usize, write: Write<'_>) {
        let whole = self.n - at >= W * S::F32_LANES;
        let mut i = 0;
        while i + ROWS <= self.m {
            if whole {
                self.tile::<S, ROWS, W, true>(simd, i, at, strip, from, write);
            } else {
                self.tile::<S, ROWS, W, false>(simd, i, at, strip, from, write);
            }
            i += ROWS;
        }
        if i + 4 <= self.m {
            self.tile::<S, 4, W, false>(simd, i, at, strip, from, write);
            i += 4;
        }
        while i < self.m {
            self.tile::<S, 1, W, false>(simd, i, at, strip, from, write);
            i += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const W: usize, const WHOLE: bool>(
        &mut self,
        simd: S,
        i: usize,
        at: usize,
        strip: &[f32],
        from: usize,
        write: Write<'_>,
    ) {
        let (strip, _) = S::as_simd_f32s(strip);
        let (strip, _) = strip.as_chunks::<W>();
        let depth = strip.len();
        let rows: [&[f32]; R] = std::array::from_fn(|r| &self.a[(i + r) * self.k + from..][..depth]);
        let mut sums = [[simd.splat_f32s(0.0); W]; R];
        for l in 0..depth {
            let b = strip[l];
            for r in 0..R {
                let a = simd.splat_f32s(rows[r][l]);
                for w in 0..W {
                    sums[r][w] = simd.mul_add_e_f32s(a, b[w], sums[r][w]);
                }
            }
        }
        let width = (self.n - at).min(W * S::F32_LANES);
        store::<S, R, W, WHOLE>(simd, &sums, (i * self.n + at, width, self.n), write, self.c);
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if self.k == 0 && !self.add {
            return self.c.fill(0.0);
        }
        let factors = self.factors;
        let depth = self.k.div_ceil(self.k.div_ceil(INNER).max(1)).max(1);
        let (mut at, mut strips) = (0, self.b);
        while at < self.n {
            let vectors = (self.n - at).div_ceil(S::F32_LANES).min(VECTORS);
            let width = vectors * S::F32_LANES;
            let (strip, rest) = strips.split_at(self.k * width);
            strips = rest;
            for (part, strip) in strip.chunks(depth * width).enumerate() {
                let from = part * depth;
                let add = self.add || part > 0;
                let write = match factors.filter(|_| (part + 1) * depth >= self.k) {
                    Some(factors) => Write::Scale { factors, add },
                    None if add => Write::Add,
                    None => Write::Set,
                };
                match vectors {
                    1 => self.columns::<S, 1>(simd, at, strip, from, write),
                    2 => self.columns::<S, 2>(simd, at, strip, from, write),
                    _ => self.columns::<S, VECTORS>(simd, at, strip, from, write),
                }
            }
            at += width;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(n: usize, seed: u32) -> Vec<f32> {
        (0..n).map(|i| ((i as u32 * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
    }

    /// `c0 + sum over l of a(i, l) b(l, j)` in f64, and the sum of magnitudes that bounds its rounding.
    fn check(
        c: &[f32],
        c0: &[f32],
        k: usize,
        n: usize,
        a: impl Fn(usize, usize) -> f32,
        b: impl Fn(usize, usize) -> f32,
    ) {
        for (at, (&c, &c0)) in c.iter().zip(c0).enumerate() {
            let (i, j) = (at / n, at % n);
            let (mut sum, mut size) = (f64::from(c0), 1.0);
            for l in 0..k {
                let term = f64::from(a(i, l)) * f64::from(b(l, j));
                sum += term;
                size += term.abs();
            }
            let error = (f64::from(c) - sum).abs();
            assert!(error < 1e-6 * size, "({i}, {j}) of k {k}, n {n}: {error:e} of {size}");
        }
    }

    /// Around the edges of tiles, strips and blocks.
    const SHAPES: [(usize, usize, usize); 9] = [
        (1, 1, 1),
        (3, 5, 2),
        (17, 33, 16),
        (64, 300, 31),
        (2, 0, 3),
        (0, 4, 4),
        (13, 129, 48),
        (8, 128, 80),
        (23, 257, 113),
    ];

    #[test]
    fn products_agree_with_the_definition() {
        let scratch = Scratch::default();
        for (m, k, n) in SHAPES {
            let (a, b, old) = (filled(m * k, 1), filled(k * n, 2), filled(m * n, 3));
            let flipped: Vec<f32> = (0..n * k).map(|at| b[at % k * n + at / k]).collect();
            for packed in [Packed::new(&scratch, &b, k, n), Packed::transposed(&scratch, &flipped, n, k)] {
                // Recycled buffers hold anything: what is not added to must not be read.
                let mut c = vec![f32::NAN; m * n];
                product(&a, &packed, false, &mut c);
                check(&c, &vec![0.0; m * n], k, n, |i, l| a[i * k + l], |l, j| b[l * n + j]);
                c.copy_from_slice(&old);
                product(&a, &packed, true, &mut c);
                check(&c, &old, k, n, |i, l| a[i * k + l], |l, j| b[l * n + j]);
                let mut scaled = vec![f32::NAN; m * n];
                scaled_product(&a, &packed, &old, &mut scaled);
                product(&a, &packed, false, &mut c);
                c.iter_mut().zip(&old).for_each(|(c, old)| *c *= old);
                assert_eq!(scaled, c, "{m} x {k} x {n}");
            }
        }
    }

    #[test]
    fn grams_agree_with_the_definition() {
        let scratch = Scratch::default();
        for (m, k, n) in SHAPES {
            let (a, b, old) = (filled(m * k, 1), filled(k * n, 2), filled(m * n, 3));
            if k == 0 {
                continue;
            }
            let mut c = vec![f32::NAN; m * n];
            gram(&scratch, k, &a, &b, false, &mut c);
            check(&c, &vec![0.0; m * n], k, n, |i, l| a[l * m + i], |l, j| b[l * n + j]);
            c.copy_from_slice(&old);
            gram(&scratch, k, &a, &b, true, &mut c);
            check(&c, &old, k, n, |i, l| a[l * m + i], |l, j| b[l * n + j]);
        }
        let mut c = [f32::NAN; 2];
        gram(&scratch, 0, &[], &[], false, &mut c);
        assert_eq!(c, [0.0; 2]);
    }

    #[test]
    #[should_panic(expected = "product of")]
    fn shapes_that_do_not_fit_are_refused() {
        product(&[0.0; 5], &Packed::new(&Scratch::default(), &[0.0; 6], 3, 2), false, &mut [0.0; 4]);
    }

    #[test]
    #[should_panic(expected = "matrix of")]
    fn a_short_factor_is_refused() {
        let _ = Packed::new(&Scratch::default(), &[0.0; 5], 2, 3);
    }
}
