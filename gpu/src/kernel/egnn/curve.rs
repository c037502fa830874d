//! Activations and their slopes on vectors of the machine.

use crate::shape::egnn::Activation;
use pulp::{Arch, Simd, WithSimd};
use std::f32::consts::LOG2_E;

/// A function between two linear maps that keeps zero.
pub(super) trait Curve {
    /// The value.
    fn value<S: Simd>(simd: S, z: S::f32s) -> S::f32s;
    /// The value and the slope.
    fn both<S: Simd>(simd: S, z: S::f32s) -> (S::f32s, S::f32s);
}

/// max(z, 0), slope 0 at 0.
pub(super) struct Relu;

impl Curve for Relu {
    #[inline(always)]
    fn value<S: Simd>(simd: S, z: S::f32s) -> S::f32s {
        simd.max_f32s(z, simd.splat_f32s(0.0))
    }

    #[inline(always)]
    fn both<S: Simd>(simd: S, z: S::f32s) -> (S::f32s, S::f32s) {
        let zero = simd.splat_f32s(0.0);
        let slope = simd.select_f32s(simd.less_than_f32s(zero, z), simd.splat_f32s(1.0), zero);
        (simd.max_f32s(z, zero), slope)
    }
}

/// z sigmoid(z).
pub(super) struct Silu;

impl Curve for Silu {
    #[inline(always)]
    fn value<S: Simd>(simd: S, z: S::f32s) -> S::f32s {
        simd.mul_f32s(z, sigmoid(simd, z))
    }

    #[inline(always)]
    fn both<S: Simd>(simd: S, z: S::f32s) -> (S::f32s, S::f32s) {
        let s = sigmoid(simd, z);
        let value = simd.mul_f32s(z, s);
        (value, simd.mul_add_e_f32s(value, simd.sub_f32s(simd.splat_f32s(1.0), s), s))
    }
}

/// exp(x), as [`super::super::activation`]'s: the same series on vectors.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// 1.5 * 2^23: a sum with it rounds to an integer, which stays in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = simd.min_f32s(simd.max_f32s(x, simd.splat_f32s(-87.3)), simd.splat_f32s(88.0));
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(LOG2_E), simd.splat_f32s(ROUND));
    let n = simd.sub_f32s(shifted, simd.splat_f32s(ROUND));
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN_2_HIGH), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN_2_LOW), r);
    let mut p = simd.splat_f32s(1.0 / 5040.0);
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = simd.mul_add_e_f32s(p, r, simd.splat_f32s(coefficient));
    }
    let exponent = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127));
    let power = simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23));
    simd.mul_f32s(p, simd.transmute_f32s_u32s(power))
}

/// 1 / (1 + exp(-z)), and 0 below z = -40: saturated units leave no subnormal numbers.
#[inline(always)]
fn sigmoid<S: Simd>(simd: S, z: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let s = simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(z))));
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.less_than_f32s(z, simd.splat_f32s(-40.0)), zero, s)
}

/// Something that runs over rows with an activation.
pub(super) trait Kernel {
    fn run<S: Simd, C: Curve>(self, simd: S);
}

struct With<K>(Activation, K);

impl<K: Kernel> WithSimd for With<K> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.0 {
            Activation::Relu => self.1.run::<S, Relu>(simd),
            Activation::Silu => self.1.run::<S, Silu>(simd),
        }
    }
}

/// Runs a kernel on the best vectors of this machine.
pub(super) fn run(activation: Activation, kernel: impl Kernel) {
    Arch::new().dispatch(With(activation, kernel));
}
