//! Matrix products in the three forms that a network needs, on row-major slices.
//!
//! | form | function | in a network |
//! |---|---|---|
//! | C = A B, B packed | [`product`] | forward: activations by weights; backward: gradients by [`Packed::transposed`] weights |
//! | C = Aᵀ B | [`gram`] | gradients of the weights |
//!
//! B is packed once and used for many A; A is never copied. A tile of C stays in registers while one number of each of
//! its rows meets one to three vectors of B. Vectors are the machine's ([`pulp`] picks them when the program runs), the code
//! is safe. Every number of C is a sum over the inner index in its order, cut at [`INNER`] or [`DEPTH`]: a row of a product
//! does not depend on the other rows of the call.

use super::scratch::{self, Buffer};
use pulp::{Arch, Simd, WithSimd};

/// Rows of a tile: with three vectors a row, 24 sums stay in 32 registers.
const ROWS: usize = 8;
/// Vectors in a row of a tile.
const VECTORS: usize = 3;
/// Most rows of B that [`product`] takes at a time: a strip of them stays in the first-level cache for all rows of A.
const INNER: usize = 160;
/// Rows of A and B that [`gram`] takes at a time: what a tile reads of them stays in the first-level cache.
const DEPTH: usize = 128;

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
    fn empty(rows: usize, columns: usize) -> Self {
        let lanes = lanes();
        Self { values: scratch::take(rows * columns.next_multiple_of(lanes)), rows, columns, lanes }
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
    pub(crate) fn new(matrix: &[f32], rows: usize, columns: usize) -> Self {
        assert_eq!(matrix.len(), rows * columns, "matrix of {rows} x {columns}");
        let mut packed = Self::empty(rows, columns);
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
    pub(crate) fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Self {
        assert_eq!(matrix.len(), rows * columns, "matrix of {rows} x {columns}");
        let mut packed = Self::empty(columns, rows);
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
    let (k, n) = (b.rows, b.columns);
    if n == 0 {
        return assert!(c.is_empty(), "product without columns");
    }
    let m = c.len() / n;
    assert_eq!((a.len(), c.len()), (m * k, m * n), "product of {m} x {k} and {k} x {n}");
    Arch::new().dispatch(Product { m, k, n, a, b: &b.values, add, c });
}

/// `c = aᵀ b`, or `c += aᵀ b` with `add`, for row-major `a` (rows, m), `b` (rows, n) and `c` (m, n).
///
/// # Panics
/// If the shapes do not fit together.
pub(crate) fn gram(rows: usize, a: &[f32], b: &[f32], add: bool, c: &mut [f32]) {
    if rows == 0 {
        if !add {
            c.fill(0.0);
        }
        return assert!(a.is_empty() && b.is_empty(), "product without rows");
    }
    let (m, n) = (a.len() / rows, b.len() / rows);
    assert_eq!((a.len(), b.len(), c.len()), (rows * m, rows * n, m * n), "product of {m} x {rows} and {rows} x {n}");
    if m * n > 0 {
        Arch::new().dispatch(Gram { m, n, a, b, add, c });
    }
}

/// A tile of sums: rows of vectors.
type Tile<V, const R: usize, const W: usize> = [[V; W]; R];

/// Writes or adds a tile to rows of C that begin `stride` apart; a last vector may be cut off by the row's end.
#[inline(always)]
fn store<S: Simd, const R: usize, const W: usize>(
    simd: S,
    tile: &Tile<S::f32s, R, W>,
    width: usize,
    stride: usize,
    add: bool,
    c: &mut [f32],
) {
    for (i, sums) in tile.iter().enumerate() {
        let (whole, rest) = S::as_mut_simd_f32s(&mut c[i * stride..][..width]);
        let (first, last) = sums.split_at(whole.len());
        for (vector, sum) in whole.iter_mut().zip(first) {
            *vector = if add { simd.add_f32s(*vector, *sum) } else { *sum };
        }
        if let [sum, ..] = last {
            let old = if add { simd.partial_load_f32s(rest) } else { simd.splat_f32s(0.0) };
            simd.partial_store_f32s(rest, if add { simd.add_f32s(old, *sum) } else { *sum });
        }
    }
}

struct Product<'a> {
    m: usize,
    k: usize,
    n: usize,
    a: &'a [f32],
    b: &'a [f32],
    add: bool,
    c: &'a mut [f32],
}

impl Product<'_> {
    /// The columns from `at` on that a strip of `W` vectors covers, for all rows, from the part of the inner index that
    /// begins at `from`.
    #[inline(always)]
    fn columns<S: Simd, const W: usize>(&mut self, simd: S, at: usize, strip: &[f32], from: usize, add: bool) {
        let mut i = 0;
        while i + ROWS <= self.m {
            self.tile::<S, ROWS, W>(simd, i, at, strip, from, add);
            i += ROWS;
        }
        if i + 4 <= self.m {
            self.tile::<S, 4, W>(simd, i, at, strip, from, add);
            i += 4;
        }
        while i < self.m {
            self.tile::<S, 1, W>(simd, i, at, strip, from, add);
            i += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const W: usize>(
        &mut self,
        simd: S,
        i: usize,
        at: usize,
        strip: &[f32],
        from: usize,
        add: bool,
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
        store::<S, R, W>(simd, &sums, width, self.n, add, &mut self.c[i * self.n + at..]);
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if self.k == 0 && !self.add {
            return self.c.fill(0.0);
        }
        let depth = self.k.div_ceil(self.k.div_ceil(INNER).max(1)).max(1);
        let (mut at, mut strips) = (0, self.b);
        while at < self.n {
            let vectors = (self.n - at).div_ceil(S::F32_LANES).min(VECTORS);
            let width = vectors * S::F32_LANES;
            let (strip, rest) = strips.split_at(self.k * width);
            strips = rest;
            for (part, strip) in strip.chunks(depth * width).enumerate() {
                let (from, add) = (part * depth, self.add || part > 0);
                match vectors {
                    1 => self.columns::<S, 1>(simd, at, strip, from, add),
                    2 => self.columns::<S, 2>(simd, at, strip, from, add),
                    _ => self.columns::<S, VECTORS>(simd, at, strip, from, add),
                }
            }
            at += width;
        }
    }
}

struct Gram<'a> {
    m: usize,
    n: usize,
    a: &'a [f32],
    b: &'a [f32],
    add: bool,
    c: &'a mut [f32],
}

impl Gram<'_> {
    /// The columns from `at` on that a tile of `W` vectors covers, for all rows of C, from the rows of one block.
    #[inline(always)]
    fn columns<S: Simd, const W: usize>(&mut self, simd: S, at: usize, a: &[f32], b: &[f32], add: bool) {
        let width = (self.n - at).min(W * S::F32_LANES);
        let mut i = 0;
        while i + ROWS <= self.m {
            if width == W * S::F32_LANES {
                self.tile::<S, ROWS, W, true>(simd, i, at, a, b, add);
            } else {
                self.tile::<S, ROWS, W, false>(simd, i, at, a, b, add);
            }
            i += ROWS;
        }
        while i < self.m {
            self.tile::<S, 1, W, false>(simd, i, at, a, b, add);
            i += 1;
        }
    }

    /// `WHOLE` promises that the tile does not reach beyond the last column.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const W: usize, const WHOLE: bool>(
        &mut self,
        simd: S,
        i: usize,
        at: usize,
        a: &[f32],
        b: &[f32],
        add: bool,
    ) {
        let width = if WHOLE { W * S::F32_LANES } else { (self.n - at).min(W * S::F32_LANES) };
        let mut sums = [[simd.splat_f32s(0.0); W]; R];
        for (a, b) in a.chunks_exact(self.m).zip(b.chunks_exact(self.n)) {
            let (a, b) = (&a[i..i + R], &b[at..at + width]);
            let vectors: [S::f32s; W] = if WHOLE {
                let (b, _) = S::as_simd_f32s(b);
                std::array::from_fn(|w| b[w])
            } else {
                std::array::from_fn(|w| simd.partial_load_f32s(&b[w * S::F32_LANES..width.min((w + 1) * S::F32_LANES)]))
            };
            for r in 0..R {
                let a = simd.splat_f32s(a[r]);
                for w in 0..W {
                    sums[r][w] = simd.mul_add_e_f32s(a, vectors[w], sums[r][w]);
                }
            }
        }
        store::<S, R, W>(simd, &sums, width, self.n, add, &mut self.c[i * self.n + at..]);
    }
}

impl WithSimd for Gram<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (a, b) = (self.a, self.b);
        let blocks = a.chunks(DEPTH * self.m).zip(b.chunks(DEPTH * self.n));
        for (block, (a, b)) in blocks.enumerate() {
            let add = self.add || block > 0;
            let mut at = 0;
            while at < self.n {
                let left = (self.n - at).div_ceil(S::F32_LANES);
                match left {
                    1 => self.columns::<S, 1>(simd, at, a, b, add),
                    2 => self.columns::<S, 2>(simd, at, a, b, add),
                    _ => self.columns::<S, VECTORS>(simd, at, a, b, add),
                }
                at += left.min(VECTORS) * S::F32_LANES;
            }
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
        for (m, k, n) in SHAPES {
            let (a, b, old) = (filled(m * k, 1), filled(k * n, 2), filled(m * n, 3));
            let flipped: Vec<f32> = (0..n * k).map(|at| b[at % k * n + at / k]).collect();
            for packed in [Packed::new(&b, k, n), Packed::transposed(&flipped, n, k)] {
                // Recycled buffers hold anything: what is not added to must not be read.
                let mut c = vec![f32::NAN; m * n];
                product(&a, &packed, false, &mut c);
                check(&c, &vec![0.0; m * n], k, n, |i, l| a[i * k + l], |l, j| b[l * n + j]);
                c.copy_from_slice(&old);
                product(&a, &packed, true, &mut c);
                check(&c, &old, k, n, |i, l| a[i * k + l], |l, j| b[l * n + j]);
            }
        }
    }

    #[test]
    fn grams_agree_with_the_definition() {
        for (m, k, n) in SHAPES {
            let (a, b, old) = (filled(m * k, 1), filled(k * n, 2), filled(m * n, 3));
            if k == 0 {
                continue;
            }
            let mut c = vec![f32::NAN; m * n];
            gram(k, &a, &b, false, &mut c);
            check(&c, &vec![0.0; m * n], k, n, |i, l| a[l * m + i], |l, j| b[l * n + j]);
            c.copy_from_slice(&old);
            gram(k, &a, &b, true, &mut c);
            check(&c, &old, k, n, |i, l| a[l * m + i], |l, j| b[l * n + j]);
        }
        let mut c = [f32::NAN; 2];
        gram(0, &[], &[], false, &mut c);
        assert_eq!(c, [0.0; 2]);
    }

    #[test]
    #[should_panic(expected = "product of")]
    fn shapes_that_do_not_fit_are_refused() {
        product(&[0.0; 5], &Packed::new(&[0.0; 6], 3, 2), false, &mut [0.0; 4]);
    }

    #[test]
    #[should_panic(expected = "matrix of")]
    fn a_short_factor_is_refused() {
        let _ = Packed::new(&[0.0; 5], 2, 3);
    }
}
