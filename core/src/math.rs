//! Elementary functions of `f32`, written once for all targets: branch-free, so that a loop over
//! lanes becomes vector code, and without fused operations, so that the bits are the same
//! everywhere.
//!
//! | function | domain | error bound, tested over a dense grid of floats |
//! |---|---|---|
//! | [`exp`] | all; 0 where the result would be subnormal | 1.1 ulp |
//! | [`ln`] | all | 1.2 ulp |
//! | [`sqrt`] | all | 1 ulp |
//! | [`sin_cos_turns`] | \[0, 1\] | 1.5e-7 absolute |
//!
//! Polynomial coefficients are near-minimax: Chebyshev interpolation in double precision on the
//! reduced interval, converted to monomials and rounded once to `f32`. `f64` uses `libm`.

/// 1.5·2²³: adding it to |x| < 2²² rounds x to an integer, left in the low mantissa bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has 9 significant bits, so that n·`LN_2_HI` is exact for |n| < 2¹⁵.
const LN_2_HI: f32 = 0.693_359_4;
const LN_2_LO: f32 = -2.121_944_4e-4;
/// The logarithm of the smallest normal number, rounded up.
const SMALLEST_EXPONENT: f32 = -87.336_54;

/// 2^n for −126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) << 23) as u32)
}

/// e^x: x = n ln 2 + r with |r| ≤ ln 2 / 2, e^r = 1 + r + r² p(r), then a product with 2^n in two
/// halves, so that neither overflows early. Subnormal results are slow on some processors and
/// flushed on others: they are 0 here.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let vanishes = x < SMALLEST_EXPONENT;
    // Comparisons that are false for NaN: it passes through.
    let x = if vanishes { SMALLEST_EXPONENT } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let shifted = x * core::f32::consts::LOG2_E + ROUND;
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    // NaN leaves arbitrary bits in n: keep the shifts below in range.
    let n = n.clamp(-160, 160);
    let whole = shifted - ROUND;
    let r = (x - whole * LN_2_HI) - whole * LN_2_LO;
    let p = ((((1.393_368_8e-3 * r + 8.363_205e-3) * r + 4.166_646_3e-2) * r + 1.666_657_6e-1) * r) + 0.5;
    let y = (p * (r * r) + r) + 1.0;
    let half = n >> 1;
    let y = y * power_of_two(half) * power_of_two(n - half);
    if vanishes { 0.0 } else { y }
}

/// ln x: x = 2^e m with m in \[√½, √2), and with s = (m−1)/(m+1), ln m = 2s + s·z·R(z), z = s².
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 33_554_432.0 } else { x };
    let bits = scaled.to_bits() as i32;
    let exponent = bits.wrapping_sub(0x3f35_04f3) >> 23;
    let m = f32::from_bits(bits.wrapping_sub(exponent << 23) as u32);
    let e = exponent as f32 - if tiny { 25.0 } else { 0.0 };
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * (((0.231_108_05 * z + 0.285_621_7) * z + 0.399_999_53) * z + 0.666_666_7);
    // 2s + s r = f − (f²/2 − s (f²/2 + r)): the leading term is exact.
    let h = 0.5 * f * f;
    let y = e * LN_2_HI + (f - (h - (s * (h + r) + e * LN_2_LO)));
    let y = if x < f32::INFINITY { y } else { x };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x < 0.0 { f32::NAN } else { y }
}

/// √x by Newton's iteration on 1/√x from a linear guess in the bits, then one correction.
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let a = if tiny { x * 16_777_216.0 } else { x };
    let half = 0.5 * a;
    let mut y = f32::from_bits(0x5f37_59df_u32.wrapping_sub(a.to_bits() >> 1));
    y *= 1.5 - half * y * y;
    y *= 1.5 - half * y * y;
    y *= 1.5 - half * y * y;
    let s = a * y;
    let s = s + 0.5 * y * (a - s * s);
    let s = if tiny { s * (1.0 / 4096.0) } else { s };
    let s = if x < f32::INFINITY { s } else { x };
    let s = if x == 0.0 { x } else { s };
    if x < 0.0 { f32::NAN } else { s }
}

/// (sin 2πu, cos 2πu) for u in \[0, 1\]: u = q/4 + r with |r| ≤ 1/8, exactly.
#[inline(always)]
pub fn sin_cos_turns(u: f32) -> (f32, f32) {
    let shifted = 4.0 * u + ROUND;
    let q = shifted.to_bits();
    let r = u - 0.25 * (shifted - ROUND);
    let z = r * r;
    let sin = r * ((((41.472_893 * z - 76.697_87) * z + 81.605_2) * z - 41.341_7) * z + core::f32::consts::TAU);
    let cos = (((59.220_287 * z - 85.442_85) * z + 64.939_316) * z - 19.739_208) * z + 1.0;
    let odd = q & 1 != 0;
    let (s, c) = if odd { (cos, sin) } else { (sin, cos) };
    // Quadrants: (s, c), (c, −s), (−s, −c), (−c, s).
    let sign_s = (q & 2) << 30;
    let sign_c = ((q.wrapping_add(1)) & 2) << 30;
    (f32::from_bits(s.to_bits() ^ sign_s), f32::from_bits(c.to_bits() ^ sign_c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Error in units in the last place of the exact result.
    fn ulps(got: f32, exact: f64) -> f64 {
        let rounded = exact as f32;
        let next = f32::from_bits(rounded.to_bits() + 1);
        (f64::from(got) - exact).abs() / (f64::from(next) - f64::from(rounded)).abs()
    }

    /// Every 97th float of a range of bit patterns: 97 is prime, so all mantissas are visited.
    fn floats(range: core::ops::Range<f32>) -> impl Iterator<Item = f32> {
        (range.start.to_bits()..range.end.to_bits()).step_by(97).map(f32::from_bits)
    }

    #[test]
    fn exp_is_within_its_bound() {
        let worst = floats(1e-10..88.7)
            .chain(floats(1e-10..87.3).map(|x| -x))
            .map(|x| ulps(exp(x), f64::from(x).exp()))
            .fold(0.0, f64::max);
        assert!(worst < 1.1, "{worst}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(exp(-87.4), 0.0);
        assert!(exp(-87.336) >= f32::MIN_POSITIVE);
    }

    /// `Scalar::tanh`, which is built on [`exp`].
    #[test]
    fn tanh_is_within_its_bound() {
        use crate::Scalar;
        let relative = |x: f32| {
            let exact = f64::from(x).tanh();
            ((f64::from(Scalar::tanh(x)) - exact) / exact).abs()
        };
        let worst = floats(1e-10..90.0).flat_map(|x| [x, -x]).map(relative).fold(0.0, f64::max);
        assert!(worst < 6e-7, "{worst:e}");
        assert_eq!(Scalar::tanh(0.0_f32), 0.0);
        assert_eq!((Scalar::tanh(f32::INFINITY), Scalar::tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert!(Scalar::tanh(f32::NAN).is_nan());
    }

    #[test]
    fn ln_is_within_its_bound() {
        let worst = floats(1e-45..f32::MAX).map(|x| ulps(ln(x).abs(), f64::from(x).ln().abs())).fold(0.0, f64::max);
        assert!(worst < 1.2, "{worst}");
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(ln(0.0), f32::NEG_INFINITY);
        assert_eq!(ln(f32::INFINITY), f32::INFINITY);
        assert!(ln(-1.0).is_nan() && ln(f32::NAN).is_nan());
    }

    #[test]
    fn sqrt_is_within_its_bound() {
        let worst = floats(1e-45..f32::MAX).map(|x| ulps(sqrt(x), f64::from(x).sqrt())).fold(0.0, f64::max);
        assert!(worst < 1.0, "{worst}");
        assert_eq!(sqrt(0.0), 0.0);
        assert_eq!(sqrt(f32::INFINITY), f32::INFINITY);
        assert!(sqrt(-1.0).is_nan() && sqrt(f32::NAN).is_nan());
    }

    #[test]
    fn sin_cos_are_within_their_bound() {
        let mut worst = 0.0_f64;
        for u in floats(1e-9..1.0).chain([0.0, 0.125, 0.25, 0.5, 0.75, 1.0]) {
            let (s, c) = sin_cos_turns(u);
            let angle = core::f64::consts::TAU * f64::from(u);
            worst = worst.max((f64::from(s) - angle.sin()).abs());
            worst = worst.max((f64::from(c) - angle.cos()).abs());
        }
        assert!(worst < 1.5e-7, "{worst}");
    }
}
