//! Standard normal numbers in Q16 from random bits, without floating point: the inverse of the normal distribution
//! function.
//!
//! The top bit is the sign. The others, v of them 31, give the tail probability p = (2 v + 1)/2^33, strictly between 0
//! and 1/2, never a tie at 0. p lies in an octave \[2^−(n+2), 2^−(n+1)), where n is the number of leading zeros of
//! 2 v + 1; in each quarter of it the quantile is a cubic. Cubics and rounding err by at most 0.65 units of 2^−16 (tested
//! against double precision); |z| ≤ 6.338, where p = 2^−33.

use super::number::shift_round;
use super::tables::QUANTILE;
use crate::random::Stream;

/// The normal number of 32 random bits, in Q16.
#[inline]
pub fn normal(bits: u32) -> i32 {
    let odd = bits << 1 | 1;
    let octave = odd.leading_zeros();
    // What follows the leading one: two bits say which quarter of the octave, 30 where in it.
    let rest = odd << octave << 1;
    let [c0, c1, c2, c3] = QUANTILE[(octave * 4 + (rest >> 30)) as usize & 127].map(i64::from);
    let w = i64::from(rest << 2 >> 2);
    let times_w = |c: i64| (c * w) >> 30;
    let z = c0 + times_w(c1 + times_w(c2 + times_w(c3)));
    let size = shift_round(z, 24 - super::POINT) as i32;
    if bits >> 31 == 0 { size } else { -size }
}

/// Fills a slice with independent standard normal numbers in Q16: two from each word of the stream, the upper half
/// first. An odd length drops the second number of the last word.
pub fn fill_normal(stream: &mut Stream, out: &mut [i32]) {
    for pair in out.chunks_mut(2) {
        let bits = stream.next_bits();
        for (z, half) in pair.iter_mut().zip([(bits >> 32) as u32, bits as u32]) {
            *z = normal(half);
        }
    }
}
