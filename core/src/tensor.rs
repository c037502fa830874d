//! Small operations on static-sized vectors `[S; N]`, each reduction in index order.

use crate::Scalar;

/// A vector of zeros.
#[inline(always)]
pub fn zeros<S: Scalar, const N: usize>() -> [S; N] {
    [S::zero(); N]
}

/// Σ_i a_i b_i.
#[inline(always)]
pub fn dot<S: Scalar, const N: usize>(a: &[S; N], b: &[S; N]) -> S {
    let mut sum = S::zero();
    for i in 0..N {
        sum += a[i] * b[i];
    }
    sum
}

/// ‖a‖².
#[inline(always)]
pub fn squared_norm<S: Scalar, const N: usize>(a: &[S; N]) -> S {
    dot(a, a)
}

/// ‖a − b‖².
#[inline(always)]
pub fn squared_distance<S: Scalar, const N: usize>(a: &[S; N], b: &[S; N]) -> S {
    let mut sum = S::zero();
    for i in 0..N {
        sum += (a[i] - b[i]).square();
    }
    sum
}

/// y ← y + c x.
#[inline(always)]
pub fn add_scaled<S: Scalar, const N: usize>(y: &mut [S; N], c: S, x: &[S; N]) {
    for i in 0..N {
        y[i] += c * x[i];
    }
}

/// `a` in the lanes where the mask holds, `b` in the others.
#[inline(always)]
pub fn select<S: Scalar, const N: usize>(mask: S::Mask, a: &[S; N], b: &[S; N]) -> [S; N] {
    let mut out = *b;
    for i in 0..N {
        out[i] = S::select(mask, a[i], b[i]);
    }
    out
}
