//! C = Aᵀ B: sums over the rows of two matrices.
//!
//! A is copied into panels of [`ROWS`] columns first, [`DEPTH`] rows at a time: read once along its rows, where the machine
//! fetches ahead, and then from the first-level cache. A tile that read its columns straight from rows far apart waited for
//! memory half of the time.

use super::tile::{ROWS, Tile, VECTORS, Write, store};
use crate::kernel::scratch::Scratch;
use pulp::{Arch, Simd, WithSimd};

/// Rows of A and B that are taken at a time: those of B stay in the second-level cache for all panels of A.
const DEPTH: usize = 64;

/// `c = aᵀ b`, or `c += aᵀ b` with `add`, for row-major `a` (rows, m), `b` (rows, n) and `c` (m, n).
///
/// # Panics
/// If the shapes do not fit together.
pub(crate) fn gram(scratch: &Scratch, rows: usize, a: &[f32], b: &[f32], add: bool, c: &mut [f32]) {
    if rows == 0 {
        if !add {
            c.fill(0.0);
        }
        return assert!(a.is_empty() && b.is_empty(), "product without rows");
    }
    let (m, n) = (a.len() / rows, b.len() / rows);
    assert_eq!((a.len(), b.len(), c.len()), (rows * m, rows * n, m * n), "product of {m} x {rows} and {rows} x {n}");
    if m * n > 0 {
        Arch::new().dispatch(Gram { scratch, m, n, a, b, add, c });
    }
}

struct Gram<'a> {
    scratch: &'a Scratch,
    m: usize,
    n: usize,
    a: &'a [f32],
    b: &'a [f32],
    add: bool,
    c: &'a mut [f32],
}

impl Gram<'_> {
    /// The rows of C from `i` on that a tile of `R` rows covers, for all columns; `a` holds `R` numbers for each row of B.
    #[inline(always)]
    fn rows<S: Simd, const R: usize>(&mut self, simd: S, i: usize, a: &[f32], b: &[f32], add: bool) {
        let mut at = 0;
        while at < self.n {
            let left = (self.n - at).div_ceil(S::F32_LANES).min(VECTORS);
            let whole = self.n - at >= left * S::F32_LANES;
            match (left, whole) {
                (1, true) => self.tile::<S, R, 1, true>(simd, i, at, a, b, add),
                (1, false) => self.tile::<S, R, 1, false>(simd, i, at, a, b, add),
                (2, true) => self.tile::<S, R, 2, true>(simd, i, at, a, b, add),
                (2, false) => self.tile::<S, R, 2, false>(simd, i, at, a, b, add),
                (_, true) => self.tile::<S, R, VECTORS, true>(simd, i, at, a, b, add),
                (_, false) => self.tile::<S, R, VECTORS, false>(simd, i, at, a, b, add),
            }
            at += left * S::F32_LANES;
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
        let mut sums: Tile<S::f32s, R, W> = [[simd.splat_f32s(0.0); W]; R];
        let (panel, _) = a.as_chunks::<R>();
        for (a, b) in panel.iter().zip(b.chunks_exact(self.n)) {
            let b = &b[at..at + width];
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
        let write = if add { Write::Add } else { Write::Set };
        store::<S, R, W, WHOLE>(simd, &sums, (i * self.n + at, width, self.n), write, self.c);
    }
}

/// Copies the columns of `a` (rows, m) in panels of [`ROWS`], each row by row; the columns that are left follow one by one.
fn panels(a: &[f32], m: usize, to: &mut [f32]) {
    let rows = a.len() / m;
    let whole = m / ROWS * ROWS;
    for (l, row) in a.chunks_exact(m).enumerate() {
        let (tall, rest) = row.as_chunks::<ROWS>();
        for (p, part) in tall.iter().enumerate() {
            to[(p * rows + l) * ROWS..][..ROWS].copy_from_slice(part);
        }
        for (j, x) in rest.iter().enumerate() {
            to[(whole + j) * rows + l] = *x;
        }
    }
}

impl WithSimd for Gram<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (a, b, m) = (self.a, self.b, self.m);
        let mut packed = self.scratch.take(DEPTH.min(a.len() / m) * m);
        let blocks = a.chunks(DEPTH * m).zip(b.chunks(DEPTH * self.n));
        for (block, (a, b)) in blocks.enumerate() {
            let add = self.add || block > 0;
            let rows = a.len() / m;
            let packed = &mut packed[..a.len()];
            panels(a, m, packed);
            let (tall, rest) = packed.split_at(m / ROWS * ROWS * rows);
            for (p, panel) in tall.chunks_exact(ROWS * rows).enumerate() {
                self.rows::<S, ROWS>(simd, p * ROWS, panel, b, add);
            }
            for (j, column) in rest.chunks_exact(rows).enumerate() {
                self.rows::<S, 1>(simd, m / ROWS * ROWS + j, column, b, add);
            }
        }
    }
}
