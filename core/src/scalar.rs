//! What the algorithms need of a number, so that one source serves `f32`, `f64` and packs of lanes.
//!
//! Control flow that depends on a value is written with masks and [`Scalar::select`]; on a plain
//! scalar the mask is a `bool`, on a pack it holds one `bool` a lane.

use core::fmt::Debug;
use core::ops::{Add, AddAssign, BitAnd, BitOr, Div, Mul, MulAssign, Neg, Not, Sub, SubAssign};

use num_traits::{Float, One, ToPrimitive, Zero};

use crate::math;

/// The outcome of a comparison, one truth value per lane.
pub trait Mask:
    Copy + Debug + PartialEq + Send + Sync + 'static + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self>
{
    /// The same truth value in every lane.
    fn splat(value: bool) -> Self;
    /// The truth value of one lane (`lane < LANES`).
    fn lane(self, lane: usize) -> bool;
    /// Whether any lane is true.
    fn any(self) -> bool;
    /// Whether all lanes are true.
    fn all(self) -> bool {
        !(!self).any()
    }
}

impl Mask for bool {
    #[inline(always)]
    fn splat(value: bool) -> Self {
        value
    }
    #[inline(always)]
    fn lane(self, _lane: usize) -> bool {
        self
    }
    #[inline(always)]
    fn any(self) -> bool {
        self
    }
}

/// A number, or a pack of independent numbers that are computed side by side.
pub trait Scalar:
    Copy
    + Debug
    + PartialEq
    + Send
    + Sync
    + 'static
    + Zero
    + One
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
{
    /// What one lane holds.
    type Real: Float + ToPrimitive + Debug + Send + Sync + 'static;
    /// The outcome of comparing two of these.
    type Mask: Mask;
    /// How many independent numbers this is.
    const LANES: usize;

    /// The same value in every lane.
    fn splat(value: Self::Real) -> Self;
    /// A constant, rounded once to the lane's precision.
    fn constant(value: f64) -> Self;
    /// The value in one lane (`lane < LANES`).
    fn lane(self, lane: usize) -> Self::Real;
    /// A pack made lane by lane.
    fn from_lanes(f: impl FnMut(usize) -> Self::Real) -> Self;
    /// One lane as `f64`.
    fn lane_f64(self, lane: usize) -> f64 {
        ToPrimitive::to_f64(&self.lane(lane)).unwrap_or(f64::NAN)
    }

    /// e^x.
    fn exp(self) -> Self;
    /// Natural logarithm; −∞ at 0, NaN below.
    fn ln(self) -> Self;
    /// Square root; NaN below 0.
    fn sqrt(self) -> Self;
    /// |x|.
    fn abs(self) -> Self;
    /// (sin 2πx, cos 2πx) for x in \[0, 1\].
    fn sin_cos_turns(self) -> (Self, Self);

    /// a < b, false where either is NaN.
    fn lt(self, other: Self) -> Self::Mask;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> Self::Mask;
    /// `a` where the mask holds, `b` elsewhere.
    fn select(mask: Self::Mask, a: Self, b: Self) -> Self;

    /// The smaller; `self` where `other` is NaN.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self::select(other.lt(self), other, self)
    }
    /// The larger; `self` where `other` is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self::select(self.lt(other), other, self)
    }
    /// 1/(1 + e^{-x}).
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::one() / (Self::one() + (-self).exp())
    }
    /// x · sigmoid(x), the activation of every MLP here.
    #[inline(always)]
    fn silu(self) -> Self {
        self / (Self::one() + (-self).exp())
    }
    /// tanh x = 1 − 2/(e^{2x} + 1), below 0.2 by its series; relative error below 6e-7 in `f32` (tested in [`math`]).
    #[inline(always)]
    fn tanh(self) -> Self {
        let z = self.square();
        // x − x³/3 + 2x⁵/15 − 17x⁷/315; the next term is below 6e-8 of x.
        let series =
            ((Self::constant(-17.0 / 315.0) * z + Self::constant(2.0 / 15.0)) * z + Self::constant(-1.0 / 3.0)) * z;
        let near = self + self * series;
        let two = Self::constant(2.0);
        let far = Self::one() - two / ((two * self).exp() + Self::one());
        Self::select(self.abs().lt(Self::constant(0.2)), near, far)
    }
    /// x².
    #[inline(always)]
    fn square(self) -> Self {
        self * self
    }
}

impl Scalar for f32 {
    type Real = f32;
    type Mask = bool;
    const LANES: usize = 1;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        value
    }
    #[inline(always)]
    fn constant(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn lane(self, _lane: usize) -> f32 {
        self
    }
    #[inline(always)]
    fn from_lanes(mut f: impl FnMut(usize) -> f32) -> Self {
        f(0)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        math::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        math::ln(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        math::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f32::from_bits(self.to_bits() & 0x7fff_ffff)
    }
    #[inline(always)]
    fn sin_cos_turns(self) -> (Self, Self) {
        math::sin_cos_turns(self)
    }
    #[inline(always)]
    fn lt(self, other: Self) -> bool {
        self < other
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
    #[inline(always)]
    fn select(mask: bool, a: Self, b: Self) -> Self {
        if mask { a } else { b }
    }
}

impl Scalar for f64 {
    type Real = f64;
    type Mask = bool;
    const LANES: usize = 1;

    #[inline(always)]
    fn splat(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn constant(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn lane(self, _lane: usize) -> f64 {
        self
    }
    #[inline(always)]
    fn from_lanes(mut f: impl FnMut(usize) -> f64) -> Self {
        f(0)
    }
    #[inline]
    fn exp(self) -> Self {
        libm::exp(self)
    }
    #[inline]
    fn ln(self) -> Self {
        libm::log(self)
    }
    #[inline]
    fn sqrt(self) -> Self {
        libm::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::from_bits(self.to_bits() & 0x7fff_ffff_ffff_ffff)
    }
    #[inline]
    fn tanh(self) -> Self {
        libm::tanh(self)
    }
    #[inline]
    fn sin_cos_turns(self) -> (Self, Self) {
        libm::sincos(core::f64::consts::TAU * self)
    }
    #[inline(always)]
    fn lt(self, other: Self) -> bool {
        self < other
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
    #[inline(always)]
    fn select(mask: bool, a: Self, b: Self) -> Self {
        if mask { a } else { b }
    }
}
