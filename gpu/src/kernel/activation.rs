//! SiLU, silu(z) = z / (1 + exp(-z)) (Elfwing et al. 2018, eq. 1), and what else runs once over the numbers
//! of a layer. Branch-free, so that plain loops become vector code.

use std::f32::consts::LOG2_E;

/// `a * b + c`, in one rounding where the machine has the instruction.
#[inline(always)]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_feature = "fma") { a.mul_add(b, c) } else { a * b + c }
}

/// exp(x) with relative error below 2.0e-7 (tested over the whole range); x is clamped to [-87.3, 88].
///
/// x = n ln 2 + r with integer n and |r| <= 0.347; exp(r) by its Taylor series up to r^7, whose remainder
/// r^8/8! is below 5.3e-9; ln 2 is split in two so that n times its upper part is exact.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// 1.5 * 2^23: a sum with it rounds to an integer, which stays in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 to 9 bits, and the rest: 355/512 - 2.12194440e-4 = 0.69314718056.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.3, 88.0);
    let shifted = multiply_add(x, LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add(n, -LN_2_LOW, multiply_add(n, -LN_2_HIGH, x));
    let mut p = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = multiply_add(p, r, coefficient);
    }
    // n is in [-126, 127]: the shifted exponent is a normal power of two.
    p * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// 1 / (1 + exp(-z)), and 0 below z = -40, where it is under 5e-18: else saturated units would fill the backward
/// pass with subnormal numbers, on which arithmetic is a hundred times slower.
#[inline(always)]
pub(super) fn sigmoid(z: f32) -> f32 {
    let s = 1.0 / (1.0 + exp(-z));
    if z < -40.0 { 0.0 } else { s }
}

/// In place, for rows of pre-activations that lack their bias: `h <- silu(h + bias)`.
pub(crate) fn silu(bias: &[f32], h: &mut [f32]) {
    for row in h.chunks_exact_mut(bias.len()) {
        for (h, &b) in row.iter_mut().zip(bias) {
            let z = *h + b;
            *h = z * sigmoid(z);
        }
    }
}

/// The same, and the derivative at the pre-activation: silu'(z) = s + silu(z) (1 - s), s = sigmoid(z).
pub(crate) fn silu_with_derivative(bias: &[f32], h: &mut [f32], derivative: &mut [f32]) {
    for (row, slopes) in h.chunks_exact_mut(bias.len()).zip(derivative.chunks_exact_mut(bias.len())) {
        for ((h, d), &b) in row.iter_mut().zip(slopes).zip(bias) {
            let z = *h + b;
            let s = sigmoid(z);
            *h = z * s;
            *d = multiply_add(z * s, 1.0 - s, s);
        }
    }
}

/// Adds `row` to every row of `matrix`.
pub(crate) fn add_row(row: &[f32], matrix: &mut [f32]) {
    for target in matrix.chunks_exact_mut(row.len()) {
        add(row, target);
    }
}

/// Adds the sum over the rows of `matrix` to `sums`, row by row.
pub(crate) fn add_column_sums(matrix: &[f32], sums: &mut [f32]) {
    for row in matrix.chunks_exact(sums.len()) {
        add(row, sums);
    }
}

/// `target += source`, element by element.
pub(crate) fn add(source: &[f32], target: &mut [f32]) {
    for (t, s) in target.iter_mut().zip(source) {
        *t += s;
    }
}

/// `target += source` for several sources, each element in the order of the sources; four of them in one pass.
pub(crate) fn add_sums(sources: &[&[f32]], target: &mut [f32]) {
    let (fours, rest) = sources.as_chunks::<4>();
    for [a, b, c, d] in fours {
        for ((((t, a), b), c), d) in target.iter_mut().zip(*a).zip(*b).zip(*c).zip(*d) {
            *t = *t + a + b + c + d;
        }
    }
    for source in rest {
        add(source, target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 million points over the whole range, against f64.
    #[test]
    fn exp_keeps_its_error_bound() {
        let mut worst = 0.0f64;
        for i in 0..4_000_000 {
            let x = -87.3 + 175.3 * (i as f32 / 4_000_000.0);
            let exact = f64::from(x).exp();
            worst = worst.max(((f64::from(exp(x)) - exact) / exact).abs());
        }
        assert!(worst < 2.0e-7, "{worst:e}");
        assert!(worst > 1.0e-8, "the bound is not tight enough to mean anything: {worst:e}");
    }

    #[test]
    fn exp_saturates_and_keeps_nan() {
        assert_eq!(exp(-1e30), exp(-87.3));
        assert_eq!(exp(1e30), exp(88.0));
        assert!(exp(0.0) == 1.0 && exp(f32::NAN).is_nan());
    }

    /// Value and derivative against f64, where they matter: absolute error per unit of max(1, |z|).
    #[test]
    fn silu_and_derivative() {
        let mut z: Vec<f32> = (-4000..4000).map(|i| i as f32 * 0.025).collect();
        let exact = |z: f64| z / (1.0 + (-z).exp());
        let inputs = z.clone();
        let mut d = vec![0.0; z.len()];
        let bias = vec![0.0; z.len()];
        silu_with_derivative(&bias, &mut z, &mut d);
        let mut only = inputs.clone();
        silu(&bias, &mut only);
        for (((&x, &h), &d), &only) in inputs.iter().zip(&z).zip(&d).zip(&only) {
            let x = f64::from(x);
            let slope = (exact(x + 1e-5) - exact(x - 1e-5)) / 2e-5;
            let scale = x.abs().max(1.0);
            assert!((f64::from(h) - exact(x)).abs() < 3e-7 * scale, "silu({x}) = {h}");
            assert!((f64::from(only) - exact(x)).abs() < 3e-7 * scale, "silu({x}) = {only}");
            assert!((f64::from(d) - slope).abs() < 1e-6 * scale, "silu'({x}) = {d}, {slope}");
        }
    }

    #[test]
    fn rows_and_columns() {
        let mut m = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        add_row(&[10.0, 20.0, 30.0], &mut m);
        assert_eq!(m, [11.0, 22.0, 33.0, 14.0, 25.0, 36.0]);
        let mut s = [1.0, 0.0, 0.0];
        add_column_sums(&m, &mut s);
        assert_eq!(s, [26.0, 47.0, 69.0]);
        let rows: Vec<&[f32]> = vec![&[1.0, 2.0, 3.0]; 6];
        add_sums(&rows, &mut s);
        assert_eq!(s, [32.0, 59.0, 87.0]);
    }
}
