//! Elementary functions on Q16 by tables and linear interpolation, in 32-bit arithmetic, and the integer root.
//!
//! | function | argument | result | error bound, tested over all arguments in the table and beside it |
//! |---|---|---|---|
//! | [`silu`] | Q16 | Q16 | 1.7 units of 2^−16 = 2.6e-5 |
//! | [`sigmoid`] | Q16 | Q16 | 1.15 units = 1.8e-5 |
//! | [`tanh`] | Q16 | Q16 | 1.8 units = 2.8e-5 |
//! | [`gaussian`] | Q16 | binary point 14 | 1.15 units of 2^−14 = 7.1e-5 |
//! | [`root`] | u64 | u32 | 1/2 |
//! | [`exp`] | Q16 | Q16, saturated | 0.5 units of 2^−16 and 2^−28 of the result |
//! | [`logistic_tail`] | Q16 | binary point 30 | 1.5 units of 2^−30 |
//!
//! A linear piece of width h = 1/64 errs by h² max|f''|/8: one unit for SiLU, whose f'' is 1/2 at 0, 0.2 for the sigmoid,
//! half a unit of 2^−14 for the Gaussian. Roundings of table and result add the rest. The last two have no table, but 64-bit
//! arithmetic: they are for coordinates with ends, of any size.

pub use super::exponential::{exp, logistic_tail};

use super::number::ONE;
use super::tables::{GAUSSIAN, SIGMOID, SILU};

/// Binary places of an argument below the tables' step of 1/64.
const FRACTION: u32 = 10;

/// A table at `t`, linear between entries, times 2^10; 0 beyond its end.
#[inline(always)]
fn interpolate<const N: usize>(table: &[u16; N], t: u32) -> i32 {
    let index = (t >> FRACTION) as usize;
    if index + 1 >= N {
        return 0;
    }
    let (a, b) = (i32::from(table[index]), i32::from(table[index + 1]));
    let fraction = (t & ((1 << FRACTION) - 1)) as i32;
    (a << FRACTION) + (b - a) * fraction
}

/// Half up, for x far from the end of its range.
#[inline(always)]
const fn rounded(x: i32, s: u32) -> i32 {
    (x + (1 << (s - 1))) >> s
}

/// z/(1 + e^{−z}) = max(z, 0) − |z|/(1 + e^{|z|}): the second term from a table on \[0, 16), 0 from there on.
#[inline(always)]
pub fn silu(z: i32) -> i32 {
    // The table's unit is 2^−17.
    z.max(0) - rounded(interpolate(&SILU, z.unsigned_abs()), FRACTION + 1)
}

/// 1/(1 + e^{−z}): e(|z|) = 1/(1 + e^{|z|}) from a table on \[0, 12), 0 from there on; 1 − e for positive z.
#[inline(always)]
pub fn sigmoid(z: i32) -> i32 {
    let e = rounded(interpolate(&SIGMOID, z.unsigned_abs()), FRACTION);
    if z > 0 { ONE - e } else { e }
}

/// tanh z = ±(1 − 2 e(2|z|)), e as in [`sigmoid`]: odd to the bit, ±1 from 6 on.
#[inline(always)]
pub fn tanh(z: i32) -> i32 {
    let size = ONE - rounded(interpolate(&SIGMOID, z.unsigned_abs().saturating_mul(2)), FRACTION - 1);
    if z < 0 { -size } else { size }
}

/// e^{−u²/2} with binary point 14, from a table on \[0, 5), 0 from there on. Even to the bit.
#[inline(always)]
pub fn gaussian(u: i32) -> i16 {
    // The table's unit is 2^−15.
    rounded(interpolate(&GAUSSIAN, u.unsigned_abs()), FRACTION + 1) as i16
}

/// √x to the nearest integer; above (2^32 − 1)² the largest `u32`.
#[inline(always)]
pub const fn root(x: u64) -> u32 {
    let floor = x.isqrt();
    // (floor + 1/2)² = floor² + floor + 1/4 decides.
    let nearest = if x - floor * floor > floor { floor + 1 } else { floor };
    if nearest > u32::MAX as u64 { u32::MAX } else { nearest as u32 }
}
