//! A pack of `L` independent `f32` numbers in a plain array, which the compiler turns into vector
//! instructions.
//!
//! Every operation applies the scalar `f32` operation lane by lane, so that a lane's bits are those
//! of the scalar code.

use core::ops::{Add, AddAssign, BitAnd, BitOr, Div, DivAssign, Mul, MulAssign, Neg, Not, Sub, SubAssign};

use num_traits::{One, Zero};

use crate::{Mask, Scalar, math};

/// `L` independent `f32` numbers; 16 fill one 512-bit register.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(align(64))]
pub struct Lanes<const L: usize>(pub [f32; L]);

/// `L` truth values, the outcome of comparing two [`Lanes`]: all bits set or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(align(64))]
pub struct LanesMask<const L: usize>([u32; L]);

impl<const L: usize> Lanes<L> {
    #[inline(always)]
    fn map(self, f: impl Fn(f32) -> f32) -> Self {
        let mut out = [0.0; L];
        for (out, x) in out.iter_mut().zip(self.0) {
            *out = f(x);
        }
        Self(out)
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = [0.0; L];
        for ((out, x), y) in out.iter_mut().zip(self.0).zip(other.0) {
            *out = f(x, y);
        }
        Self(out)
    }
}

/// Implements a binary operator lane by lane.
macro_rules! lane_operator {
    ($trait:ident, $method:ident, $assign:ident, $assign_method:ident, $op:tt) => {
        impl<const L: usize> $trait for Lanes<L> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.zip(other, |x, y| x $op y)
            }
        }
        impl<const L: usize> $assign for Lanes<L> {
            #[inline(always)]
            fn $assign_method(&mut self, other: Self) {
                *self = *self $op other;
            }
        }
    };
}
lane_operator!(Add, add, AddAssign, add_assign, +);
lane_operator!(Sub, sub, SubAssign, sub_assign, -);
lane_operator!(Mul, mul, MulAssign, mul_assign, *);
lane_operator!(Div, div, DivAssign, div_assign, /);

impl<const L: usize> Neg for Lanes<L> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|x| -x)
    }
}

impl<const L: usize> Zero for Lanes<L> {
    #[inline(always)]
    fn zero() -> Self {
        Self([0.0; L])
    }
    fn is_zero(&self) -> bool {
        self.0.iter().all(|x| *x == 0.0)
    }
}

impl<const L: usize> One for Lanes<L> {
    #[inline(always)]
    fn one() -> Self {
        Self([1.0; L])
    }
}

impl<const L: usize> LanesMask<L> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(u32, u32) -> u32) -> Self {
        let mut out = [0; L];
        for ((out, x), y) in out.iter_mut().zip(self.0).zip(other.0) {
            *out = f(x, y);
        }
        Self(out)
    }
}

impl<const L: usize> BitAnd for LanesMask<L> {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        self.zip(other, |x, y| x & y)
    }
}
impl<const L: usize> BitOr for LanesMask<L> {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        self.zip(other, |x, y| x | y)
    }
}
impl<const L: usize> Not for LanesMask<L> {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        self.zip(self, |x, _| !x)
    }
}

impl<const L: usize> Mask for LanesMask<L> {
    #[inline(always)]
    fn splat(value: bool) -> Self {
        Self([if value { u32::MAX } else { 0 }; L])
    }
    #[inline(always)]
    fn lane(self, lane: usize) -> bool {
        self.0[lane] != 0
    }
    #[inline(always)]
    fn any(self) -> bool {
        self.0.iter().fold(0, |a, x| a | x) != 0
    }
}

impl<const L: usize> Scalar for Lanes<L> {
    type Real = f32;
    type Mask = LanesMask<L>;
    const LANES: usize = L;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; L])
    }
    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self([value as f32; L])
    }
    #[inline(always)]
    fn lane(self, lane: usize) -> f32 {
        self.0[lane]
    }
    #[inline(always)]
    fn from_lanes(f: impl FnMut(usize) -> f32) -> Self {
        Self(core::array::from_fn(f))
    }
    #[inline(always)]
    fn exp(self) -> Self {
        self.map(math::exp)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.map(math::ln)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(math::sqrt)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.map(Scalar::abs)
    }
    #[inline(always)]
    fn sin_cos_turns(self) -> (Self, Self) {
        let (mut sin, mut cos) = ([0.0; L], [0.0; L]);
        for ((sin, cos), x) in sin.iter_mut().zip(&mut cos).zip(self.0) {
            (*sin, *cos) = math::sin_cos_turns(x);
        }
        (Self(sin), Self(cos))
    }
    #[inline(always)]
    fn lt(self, other: Self) -> LanesMask<L> {
        let mut out = [0; L];
        for ((out, x), y) in out.iter_mut().zip(self.0).zip(other.0) {
            *out = if x < y { u32::MAX } else { 0 };
        }
        LanesMask(out)
    }
    #[inline(always)]
    fn is_finite(self) -> LanesMask<L> {
        let mut out = [0; L];
        for (out, x) in out.iter_mut().zip(self.0) {
            *out = if x.is_finite() { u32::MAX } else { 0 };
        }
        LanesMask(out)
    }
    #[inline(always)]
    fn select(mask: LanesMask<L>, a: Self, b: Self) -> Self {
        let mut out = [0.0; L];
        for (((out, m), x), y) in out.iter_mut().zip(mask.0).zip(a.0).zip(b.0) {
            *out = f32::from_bits((x.to_bits() & m) | (y.to_bits() & !m));
        }
        Self(out)
    }
}
