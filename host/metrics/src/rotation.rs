//! Rotations of space: the one that lays points over others best, and frames.

use crate::eigen::eigen;

/// 3 × 3, row by row.
pub type Matrix = [[f64; 3]; 3];
/// A particle's place; missing dimensions are 0.
pub type Place = [f64; 3];
/// The orthogonal R, mirrored or not, with the greatest Σ_kl R_kl H_kl, and that value; H = Σ a bᵀ. Horn's 4 × 4
/// matrix has the gains of proper rotations between its least and greatest eigenvalue; a mirrored one is the
/// negative of a proper one, so that the greater in size of the two decides.
pub fn best_rotation(h: &Matrix) -> (f64, Matrix) {
    let [[xx, yx, zx], [xy, yy, zy], [xz, yz, zz]] = *h;
    let matrix = [
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, -xx + yy - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, -xx - yy + zz],
    ];
    let (values, vectors) = eigen(matrix);
    let of = |at: usize, sign: f64| {
        let [w, x, y, z] = vectors[at];
        let proper = [
            [w * w + x * x - y * y - z * z, 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (y * x + w * z), w * w - x * x + y * y - z * z, 2.0 * (y * z - w * x)],
            [2.0 * (z * x - w * y), 2.0 * (z * y + w * x), w * w - x * x - y * y + z * z],
        ];
        (sign * values[at], proper.map(|row| row.map(|v| sign * v)))
    };
    if values[0] >= -values[3] { of(0, 1.0) } else { of(3, -1.0) }
}

/// Orthonormal axes: along a, towards b, and across.
pub fn spanned(a: &Place, b: &Place) -> Matrix {
    let along = |v: Place, otherwise: Place| {
        let length = dot(&v, &v).sqrt();
        if length > 1e-9 { v.map(|x| x / length) } else { otherwise }
    };
    let across =
        |u: &Place, v: &Place| [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    let u = along(*a, [1.0, 0.0, 0.0]);
    let shadow = dot(&u, b);
    let [x, y] = if u[2].abs() < 0.9 { [u, [0.0, 0.0, 1.0]] } else { [u, [0.0, 1.0, 0.0]] };
    let v = along([0, 1, 2].map(|k| b[k] - shadow * u[k]), along(across(&x, &y), [0.0, 1.0, 0.0]));
    [u, v, across(&u, &v)]
}

/// a · b.
pub fn dot(a: &Place, b: &Place) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Numbers in [-1, 1) without a library.
    pub fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
        }
    }

    /// A rotation about an axis, mirrored or not.
    pub fn rotation(next: &mut impl FnMut() -> f64, mirrored: bool) -> Matrix {
        let q: [f64; 4] = std::array::from_fn(|_| next());
        let norm = q.iter().map(|v| v * v).sum::<f64>().sqrt();
        let [w, x, y, z] = q.map(|v| v / norm);
        let proper = [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ];
        if mirrored { proper.map(|row| row.map(|v| -v)) } else { proper }
    }

    #[test]
    fn a_known_rotation_is_found_also_mirrored_also_of_a_plane() {
        for seed in 0..100 {
            let mut next = noise(seed);
            let r = rotation(&mut next, seed % 2 == 0);
            let flat = seed % 5 == 0;
            let points: Vec<Place> = (0..6).map(|_| [next(), next(), if flat { 0.0 } else { next() }]).collect();
            let mut h = [[0.0; 3]; 3];
            for b in &points {
                let a = r.map(|row| dot(&row, b));
                (0..3).for_each(|k| (0..3).for_each(|l| h[k][l] += a[k] * b[l]));
            }
            let (gain, found) = best_rotation(&h);
            assert!((gain - points.iter().flatten().map(|v| v * v).sum::<f64>()).abs() < 1e-12);
            for b in &points {
                let (there, truth) = (found.map(|row| dot(&row, b)), r.map(|row| dot(&row, b)));
                assert!((0..3).all(|k| (there[k] - truth[k]).abs() < 1e-7), "{seed}");
            }
        }
    }

    #[test]
    fn frames_are_orthonormal_whatever_spans_them() {
        let (a, zero) = ([0.3, -2.0, 0.5], [0.0; 3]);
        for (a, b) in [(a, [1.0, 1.0, 0.0]), (a, a), (a, zero), (zero, a), (zero, zero), ([0.0, 0.0, 1.0], zero)] {
            let frame = spanned(&a, &b);
            for k in 0..3 {
                for l in 0..3 {
                    assert!((dot(&frame[k], &frame[l]) - f64::from(u8::from(k == l))).abs() < 1e-12, "{a:?} {b:?}");
                }
            }
        }
    }
}
