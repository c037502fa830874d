//! The tile of sums that every product keeps in registers, and how it is written.

use pulp::Simd;

/// Rows of a tile: with three vectors a row, 24 sums stay in 32 registers.
pub(super) const ROWS: usize = 8;
/// Vectors in a row of a tile.
pub(super) const VECTORS: usize = 3;

/// A tile of sums: rows of vectors.
pub(super) type Tile<V, const R: usize, const W: usize> = [[V; W]; R];

/// What becomes of a tile of sums s and the numbers c that stand in its place.
#[derive(Clone, Copy)]
pub(super) enum Write<'a> {
    /// c = s.
    Set,
    /// c += s.
    Add,
    /// c = s f, or c = (c + s) f with `add`, for factors f that lie as C does.
    Scale { factors: &'a [f32], add: bool },
}

/// Writes a tile to rows of C that begin `stride` apart, the first at `at`; where the tile is not `WHOLE`, its rows end
/// after `width` numbers.
///
/// Vectors are taken by constant indices: iterators over a tile's row make the compiler keep it in memory, at a fifth of
/// the speed.
#[inline(always)]
#[expect(clippy::manual_memcpy, reason = "a copy of a slice would keep the tile in memory")]
pub(super) fn store<S: Simd, const R: usize, const W: usize, const WHOLE: bool>(
    simd: S,
    tile: &Tile<S::f32s, R, W>,
    (at, width, stride): (usize, usize, usize),
    write: Write<'_>,
    c: &mut [f32],
) {
    let width = if WHOLE { W * S::F32_LANES } else { width };
    let rows = tile.iter().enumerate().map(|(i, sums)| (at + i * stride..at + i * stride + width, sums));
    match write {
        Write::Set => rows.for_each(|(row, sums)| {
            let (c, last) = S::as_mut_simd_f32s(&mut c[row]);
            for w in 0..if WHOLE { W } else { c.len() } {
                c[w] = sums[w];
            }
            if !WHOLE && !last.is_empty() {
                simd.partial_store_f32s(last, sums[c.len()]);
            }
        }),
        Write::Add => rows.for_each(|(row, sums)| {
            let (c, last) = S::as_mut_simd_f32s(&mut c[row]);
            for w in 0..if WHOLE { W } else { c.len() } {
                c[w] = simd.add_f32s(c[w], sums[w]);
            }
            if !WHOLE && !last.is_empty() {
                let sum = simd.add_f32s(simd.partial_load_f32s(last), sums[c.len()]);
                simd.partial_store_f32s(last, sum);
            }
        }),
        Write::Scale { factors, add } => rows.for_each(|(row, sums)| {
            let (f, last_f) = S::as_simd_f32s(&factors[row.clone()]);
            let (c, last) = S::as_mut_simd_f32s(&mut c[row]);
            for w in 0..if WHOLE { W } else { c.len() } {
                let sum = if add { simd.add_f32s(c[w], sums[w]) } else { sums[w] };
                c[w] = simd.mul_f32s(sum, f[w]);
            }
            if !WHOLE && !last.is_empty() {
                let sum = sums[c.len()];
                let sum = if add { simd.add_f32s(simd.partial_load_f32s(last), sum) } else { sum };
                simd.partial_store_f32s(last, simd.mul_f32s(sum, simd.partial_load_f32s(last_f)));
            }
        }),
    }
}
