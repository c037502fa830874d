//! The functions of formulas that [`Scalar`] lacks: `libm` in `f64`, and in `f32` and lanes the same source for both.
//!
//! | function | error in `f32`, tested over a grid |
//! |---|---|
//! | log1p, expm1, sinh, cosh, atan | 1e-6 relative |
//! | tan | 6e-6 relative up to 1.5 |
//! | sin, cos | 4e-7 absolute up to 100 |
//! | erf | 3e-7 absolute |

use std::cell::RefCell;

use kiln_core::{Lanes, Scalar};

/// A formula's constants in both precisions.
#[derive(Debug, Default)]
pub(crate) struct Constants {
    pub(crate) double: Vec<f64>,
    pub(crate) single: Vec<f32>,
}

/// The memory of one evaluation, kept from one to the next.
#[derive(Debug)]
pub(crate) struct Scratch<S> {
    pub(crate) values: Vec<S>,
    pub(crate) slopes: Vec<S>,
}

/// A type that formulas run on.
pub(crate) trait Number: Scalar {
    /// A tape's constants in this precision.
    fn constants(constants: &Constants) -> &[Self::Real];
    /// This thread's scratch.
    fn with_scratch<R>(run: impl FnOnce(&mut Scratch<Self>) -> R) -> R;
    fn sin_cos(self) -> (Self, Self);
    fn ln_1p(self) -> Self;
    fn exp_m1(self) -> Self;
    fn atan(self) -> Self;
    fn sinh(self) -> Self;
    fn cosh(self) -> Self;
    fn erf(self) -> Self;

    #[inline(always)]
    fn tan(self) -> Self {
        let (sin, cos) = self.sin_cos();
        sin / cos
    }
    /// log(1 + e^x) without overflow.
    #[inline(always)]
    fn softplus(self) -> Self {
        self.max(Self::zero()) + (-self.abs()).exp().ln_1p_of_unit()
    }
    /// log(1 + x) for x in \[0, 1\].
    #[inline(always)]
    fn ln_1p_of_unit(self) -> Self {
        self.ln_1p()
    }
    /// Whether this is not NaN.
    #[inline(always)]
    fn is_number(self) -> Self::Mask {
        self.lt(Self::one()) | Self::zero().lt(self)
    }
    /// 1 where the mask holds, 0 elsewhere: how conditions stand among values.
    #[inline(always)]
    fn truth(mask: Self::Mask) -> Self {
        Self::select(mask, Self::one(), Self::zero())
    }
    /// Whether a condition that stands among values holds.
    #[inline(always)]
    fn holds(self) -> Self::Mask {
        Self::constant(0.5).lt(self)
    }
}

macro_rules! scratch {
    ($type:ty) => {
        #[inline(always)]
        fn with_scratch<R>(run: impl FnOnce(&mut Scratch<Self>) -> R) -> R {
            thread_local! {
                           static SCRATCH: RefCell<Scratch<$type>> =
            const { RefCell::new(Scratch { values: Vec::new(), slopes: Vec::new() }) };
                       }
            SCRATCH.with_borrow_mut(run)
        }
    };
}

impl Number for f64 {
    scratch!(f64);
    #[inline(always)]
    fn constants(constants: &Constants) -> &[f64] {
        &constants.double
    }
    fn sin_cos(self) -> (Self, Self) {
        libm::sincos(self)
    }
    fn ln_1p(self) -> Self {
        libm::log1p(self)
    }
    fn exp_m1(self) -> Self {
        libm::expm1(self)
    }
    fn atan(self) -> Self {
        libm::atan(self)
    }
    fn sinh(self) -> Self {
        libm::sinh(self)
    }
    fn cosh(self) -> Self {
        libm::cosh(self)
    }
    fn tan(self) -> Self {
        libm::tan(self)
    }
    fn erf(self) -> Self {
        libm::erf(self)
    }
}

macro_rules! single {
    ($type:ty) => {
        impl Number for $type {
            scratch!($type);
            #[inline(always)]
            fn constants(constants: &Constants) -> &[f32] {
                &constants.single
            }
            #[inline(always)]
            fn sin_cos(self) -> (Self, Self) {
                single::sin_cos(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                single::ln_1p(self)
            }
            #[inline(always)]
            fn ln_1p_of_unit(self) -> Self {
                single::ln_1p_of_unit(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> Self {
                single::exp_m1(self)
            }
            #[inline(always)]
            fn atan(self) -> Self {
                single::atan(self)
            }
            #[inline(always)]
            fn sinh(self) -> Self {
                single::sinh(self)
            }
            #[inline(always)]
            fn cosh(self) -> Self {
                single::cosh(self)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                single::erf(self)
            }
        }
    };
}
single!(f32);
single!(Lanes<16>);

/// Sources for single precision, the same for a number and a pack. They are generic so that `f32`'s own functions, which
/// have other bits, cannot be meant.
mod single {
    use kiln_core::Scalar;

    /// a₀ + a₁ x + … by Horner's rule.
    #[inline(always)]
    fn polynomial<S: Scalar, const N: usize>(x: S, coefficients: [f64; N]) -> S {
        let mut sum = S::zero();
        for c in coefficients.into_iter().rev() {
            sum = sum * x + S::constant(c);
        }
        sum
    }

    /// x = n 2π + r with 2π in three parts (Cody and Waite), then by turns in \[0, ½\].
    #[inline(always)]
    pub(super) fn sin_cos<S: Scalar>(x: S) -> (S, S) {
        // Adding 1.5·2²³ rounds to an integer.
        let round = S::constant(12_582_912.0);
        let n = (x * S::constant(0.159_154_943_091_895_35) + round) - round;
        // 6.28125 has 8 significant bits, the second part 10: their products with n are exact for |n| < 2¹⁴.
        let r = ((x - n * S::constant(6.281_25)) - n * S::constant(0.001_934_051_513_671_875))
            - n * S::constant(1.255_665_914_711_476e-6);
        let (sin, cos) = (r.abs() * S::constant(0.159_154_943_091_895_35)).sin_cos_turns();
        // Small angles by their series, which is exact where the turns round.
        let square = r * r;
        let small = r.abs() * polynomial(square, [1.0, -1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0]);
        let sin = S::select(square.lt(S::constant(0.25)), small, sin);
        (S::select(r.lt(S::zero()), -sin, sin), cos)
    }

    /// 2 artanh(x / (2 + x)) by its series; the next term is below 2e-9.
    #[inline(always)]
    pub(super) fn ln_1p_of_unit<S: Scalar>(x: S) -> S {
        let s = x / (S::constant(2.0) + x);
        let z = s * s;
        let series =
            polynomial(z, [1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0]) * z;
        let twice = s + s;
        twice + twice * series
    }

    #[inline(always)]
    pub(super) fn ln_1p<S: Scalar>(x: S) -> S {
        let near = S::constant(-0.5).lt(x) & x.lt(S::one());
        S::select(near, ln_1p_of_unit(x), (S::one() + x).ln())
    }

    /// By the series of e^x − 1 below ½; the next term is below 1e-8 of x.
    #[inline(always)]
    pub(super) fn exp_m1<S: Scalar>(x: S) -> S {
        let series =
            polynomial(x, [1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0, 1.0 / 40_320.0]);
        S::select(x.abs().lt(S::constant(0.5)), x * series, x.exp() - S::one())
    }

    #[inline(always)]
    pub(super) fn sinh<S: Scalar>(x: S) -> S {
        let grown = exp_m1(x.abs());
        let size = S::constant(0.5) * (grown + grown / (grown + S::one()));
        let size = S::select(size.is_finite(), size, x.abs().exp());
        S::select(x.lt(S::zero()), -size, size)
    }

    #[inline(always)]
    pub(super) fn cosh<S: Scalar>(x: S) -> S {
        S::constant(0.5) * (x.exp() + (-x).exp())
    }

    /// Abramowitz and Stegun 4.4.49, 2e-8 on \[0, 1\]; beyond, π/2 − atan(1/x).
    #[inline(always)]
    pub(super) fn atan<S: Scalar>(x: S) -> S {
        let size = x.abs();
        let far = S::one().lt(size);
        let t = S::select(far, S::one() / size, size);
        let near = t * polynomial(
            t * t,
            [
                1.0,
                -0.333_331_452_8,
                0.199_935_508_5,
                -0.142_088_994_4,
                0.106_562_639_3,
                -0.075_289_64,
                0.042_909_613_8,
                -0.016_165_736_7,
                0.002_866_225_7,
            ],
        );
        let angle = S::select(far, S::constant(core::f64::consts::FRAC_PI_2) - near, near);
        S::select(x.lt(S::zero()), -angle, angle)
    }

    /// Abramowitz and Stegun 7.1.26, 1.5e-7 absolute; below ½ by the series.
    #[inline(always)]
    pub(super) fn erf<S: Scalar>(x: S) -> S {
        let size = x.abs();
        let square = x * x;
        let t = S::one() / (S::one() + S::constant(0.327_591_1) * size);
        let tail = t * polynomial(t, [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429]);
        let far = S::one() - tail * (-square).exp();
        let scale = core::f64::consts::FRAC_2_SQRT_PI;
        let near = size
            * polynomial(square, [scale, -scale / 3.0, scale / 10.0, -scale / 42.0, scale / 216.0, -scale / 1320.0]);
        let value = S::select(size.lt(S::constant(0.5)), near, far);
        S::select(x.lt(S::zero()), -value, value)
    }
}
