//! Small operations on vectors, each reduction in index order. Vectors of one operation have one length: of a longer one
//! the rest is left out.

use crate::Scalar;

/// A vector of zeros.
#[inline(always)]
pub fn zeros<S: Scalar, const N: usize>() -> [S; N] {
    [S::zero(); N]
}

/// Σ_i a_i b_i.
#[inline(always)]
pub fn dot<S: Scalar>(a: &[S], b: &[S]) -> S {
    let mut sum = S::zero();
    for (a, b) in a.iter().zip(b) {
        sum += *a * *b;
    }
    sum
}

/// ‖a‖².
#[inline(always)]
pub fn squared_norm<S: Scalar>(a: &[S]) -> S {
    dot(a, a)
}

/// ‖a − b‖².
#[inline(always)]
pub fn squared_distance<S: Scalar>(a: &[S], b: &[S]) -> S {
    let mut sum = S::zero();
    for (a, b) in a.iter().zip(b) {
        sum += (*a - *b).square();
    }
    sum
}

/// y ← y + c x.
#[inline(always)]
pub fn add_scaled<S: Scalar>(y: &mut [S], c: S, x: &[S]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += c * *x;
    }
}

/// a ← b in the lanes where the mask holds.
#[inline(always)]
pub fn take<S: Scalar>(a: &mut [S], mask: S::Mask, b: &[S]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a = S::select(mask, *b, *a);
    }
}
