//! e^y and 1/(1 + e^|y|) of a Q16 number y by a polynomial, for coordinates with ends: as exact as the result's step, whatever
//! its size.
//!
//! y log₂ e = n + f with |f| ≤ 1/2, and 2^f is the polynomial of degree 6 through the Chebyshev nodes of \[−1/2, 1/2\], which
//! errs by 2^−29; roundings add the rest.

use super::number::{POINT, divide_round, saturate, shift_round};

/// log₂ e with binary point 40.
const LOG2_E: i64 = 1_586_259_972_792;
/// Binary point of 2^f and of f.
const MANTISSA: u32 = 30;
/// The polynomial's coefficients, constant first, with binary point 30.
const POWER: [i64; 7] = [1_073_741_824, 744_261_146, 257_941_250, 59_596_185, 10_327_310, 1_438_860, 166_016];
/// Beyond ±24 nothing is told apart: e^−24 is below 2^−34.
const FAR: i32 = 24 << POINT;

/// e^y = m/2^30 · 2^n, as (m, n), for |y| ≤ 24; beyond as at that end.
fn parts(y: i32) -> (i64, i32) {
    let t = i64::from(y.clamp(-FAR, FAR)) * LOG2_E;
    let n = shift_round(t, POINT + 40);
    let f = shift_round(t - (n << (POINT + 40)), POINT + 40 - MANTISSA);
    let m = POWER.iter().rev().fold(0, |sum, c| c + shift_round(sum * f, MANTISSA));
    (m, n as i32)
}

/// e^y, rounded half up and saturated; 0 below −11.8, the largest number above 10.4.
pub fn exp(y: i32) -> i32 {
    let (m, n) = parts(y);
    let shift = MANTISSA as i32 - POINT as i32 - n;
    if shift < 0 { saturate(m << -shift) } else { saturate(shift_round(m, shift as u32)) }
}

/// 1/(1 + e^|y|) with binary point 30, at most a half.
pub fn logistic_tail(y: i32) -> i64 {
    let (m, n) = parts(y.saturating_abs().wrapping_neg());
    let e = shift_round(m, n.unsigned_abs());
    divide_round(e << MANTISSA, (1 << MANTISSA) + e)
}
