//! The arithmetic of `kiln_core::fixed` in integers that cannot overflow, one row after the other.

use kiln_core::fixed::{Affine, Matrix, Portable, Scale, Weight};

/// ⌊a/b + 1/2⌋ for b > 0.
pub fn half_up(a: i128, b: i128) -> i128 {
    (2 * a + b).div_euclid(2 * b)
}

/// v/2^s, rounded half up.
pub fn shifted(v: i128, s: u32) -> i128 {
    half_up(v, 1 << s)
}

/// The nearest `i32`.
pub fn clamped(v: i128) -> i32 {
    v.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// The nearest `i16`.
pub fn short(v: i128) -> i16 {
    v.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

pub fn sum(a: i32, b: i32) -> i32 {
    clamped(i128::from(a) + i128::from(b))
}

/// Numbers in Q16 with another binary point.
pub fn activations(values: &[i32], point: u8) -> Vec<i16> {
    values.iter().map(|v| short(shifted((*v).into(), 16 - u32::from(point)))).collect()
}

/// W x in Q16.
pub fn product<W: Weight>(matrix: &Matrix<'_, W>, x: &[i16]) -> Vec<i32> {
    let of = |w: &W| i128::from(Into::<i64>::into(W::row(&Portable, &[*w], &[1])));
    let rows = matrix.weights.chunks(x.len()).zip(matrix.scales);
    rows.map(|(row, scale)| {
        let sum: i128 = row.iter().zip(x).map(|(w, x)| of(w) * i128::from(*x)).sum();
        let scale = Scale::unpack(*scale).expect("a scale");
        clamped(shifted(sum * i128::from(scale.mantissa()), scale.shift().into()))
    })
    .collect()
}

/// W x + b in Q16.
pub fn map<W: Weight>(affine: &Affine<'_, W>, x: &[i16]) -> Vec<i32> {
    product(&affine.matrix, x).into_iter().zip(affine.bias).map(|(y, b)| sum(y, *b)).collect()
}
