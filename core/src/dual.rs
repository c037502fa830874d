//! Forces from the formula of an energy alone: forward-mode differentiation with dual numbers.
//!
//! An energy without a gradient written by hand is a [`Formula`], a function that is generic over [`Scalar`].
//! [`Differentiated`] makes an [`Energy`] of it:
//!
//! ```
//! use kiln_core::dual::{Differentiated, Formula};
//! use kiln_core::{Energy, Scalar};
//!
//! /// E(x) = Σ x⁴ − x².
//! struct Wells;
//! impl Formula for Wells {
//!     fn dim(&self) -> usize {
//!         2
//!     }
//!     fn energy<S: Scalar>(&self, x: &[S]) -> S {
//!         let mut energy = S::zero();
//!         for x in x {
//!             energy += x.square() * (x.square() - S::one());
//!         }
//!         energy
//!     }
//! }
//! let energy = Differentiated::<Wells, 2>::new(Wells).expect("two coordinates");
//! let mut gradient = [0.0_f64; 2];
//! assert_eq!(energy.energy_and_gradient(&[1.0, 2.0], &mut gradient), 12.0);
//! assert_eq!(gradient, [2.0, 28.0]);
//! ```

use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use num_traits::{One, Zero};

use crate::energy::wrong_length;
use crate::symmetry::Symmetry;
use crate::{Energy, Scalar};

/// A number and its derivative with respect to one variable.
///
/// The value of every operation has the bits of the same operation on `S`, and whatever decides (`==`, [`Scalar::lt`],
/// [`Scalar::select`], [`Scalar::is_finite`]) looks at values only: a function takes the same path on duals as on plain
/// numbers. At kinks the derivative is one of those between the two sides: of |x| at 0 it is 0, and so it is of √x where x
/// and its own derivative are 0, which is the distance of two particles in one place.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Dual<S> {
    /// The number.
    pub value: S,
    /// Its derivative.
    pub derivative: S,
}

impl<S: Scalar> Dual<S> {
    /// A number that does not depend on the variable.
    #[inline(always)]
    pub fn fixed(value: S) -> Self {
        Self { value, derivative: S::zero() }
    }

    /// The variable itself.
    #[inline(always)]
    pub fn variable(value: S) -> Self {
        Self { value, derivative: S::one() }
    }

    /// A function of this number, from its value and its slope there.
    #[inline(always)]
    fn with_slope(self, value: S, slope: S) -> Self {
        Self { value, derivative: self.derivative * slope }
    }
}

impl<S: Scalar> PartialEq for Dual<S> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<S: Scalar> Add for Dual<S> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, derivative: self.derivative + other.derivative }
    }
}

impl<S: Scalar> Sub for Dual<S> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, derivative: self.derivative - other.derivative }
    }
}

impl<S: Scalar> Mul for Dual<S> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let derivative = self.derivative * other.value + self.value * other.derivative;
        Self { value: self.value * other.value, derivative }
    }
}

impl<S: Scalar> Div for Dual<S> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, derivative: (self.derivative - value * other.derivative) / other.value }
    }
}

impl<S: Scalar> Neg for Dual<S> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { value: -self.value, derivative: -self.derivative }
    }
}

/// Implements an assigning operator by the plain one.
macro_rules! assign {
    ($trait:ident, $method:ident, $op:tt) => {
        impl<S: Scalar> $trait for Dual<S> {
            #[inline(always)]
            fn $method(&mut self, other: Self) {
                *self = *self $op other;
            }
        }
    };
}
assign!(AddAssign, add_assign, +);
assign!(SubAssign, sub_assign, -);
assign!(MulAssign, mul_assign, *);
assign!(DivAssign, div_assign, /);

impl<S: Scalar> Zero for Dual<S> {
    #[inline(always)]
    fn zero() -> Self {
        Self::fixed(S::zero())
    }
    #[inline(always)]
    fn is_zero(&self) -> bool {
        self.value.is_zero()
    }
}

impl<S: Scalar> One for Dual<S> {
    #[inline(always)]
    fn one() -> Self {
        Self::fixed(S::one())
    }
}

impl<S: Scalar> Scalar for Dual<S> {
    type Real = S::Real;
    type Mask = S::Mask;
    const LANES: usize = S::LANES;

    #[inline(always)]
    fn splat(value: S::Real) -> Self {
        Self::fixed(S::splat(value))
    }
    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self::fixed(S::constant(value))
    }
    #[inline(always)]
    fn lane(self, lane: usize) -> S::Real {
        self.value.lane(lane)
    }
    #[inline(always)]
    fn from_lanes(f: impl FnMut(usize) -> S::Real) -> Self {
        Self::fixed(S::from_lanes(f))
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let value = self.value.exp();
        self.with_slope(value, value)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        Self { value: self.value.ln(), derivative: self.derivative / self.value }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        let value = self.value.sqrt();
        let zero = S::zero();
        let varies = self.derivative.lt(zero) | zero.lt(self.derivative) | !self.derivative.is_finite();
        let derivative = S::select(varies, self.derivative / (value + value), zero);
        Self { value, derivative }
    }
    #[inline(always)]
    fn abs(self) -> Self {
        let (zero, one) = (S::zero(), S::one());
        // 0 at 0, and NaN where the number is NaN.
        let sign = S::select(self.value.lt(zero), -one, S::select(zero.lt(self.value), one, self.value));
        self.with_slope(self.value.abs(), sign)
    }
    #[inline(always)]
    fn sin_cos_turns(self) -> (Self, Self) {
        let (sin, cos) = self.value.sin_cos_turns();
        let turn = S::constant(core::f64::consts::TAU);
        (self.with_slope(sin, turn * cos), self.with_slope(cos, -(turn * sin)))
    }

    #[inline(always)]
    fn lt(self, other: Self) -> S::Mask {
        self.value.lt(other.value)
    }
    #[inline(always)]
    fn is_finite(self) -> S::Mask {
        self.value.is_finite()
    }
    #[inline(always)]
    fn select(mask: S::Mask, a: Self, b: Self) -> Self {
        Self { value: S::select(mask, a.value, b.value), derivative: S::select(mask, a.derivative, b.derivative) }
    }

    // By their own slopes: 1/(1 + e^{-x}) differentiated as it is written is NaN where e^{-x} overflows, and the
    // difference 1 − tanh² has no digits left where tanh is near 1.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        let value = self.value.sigmoid();
        self.with_slope(value, value * (-self.value).sigmoid())
    }
    #[inline(always)]
    fn silu(self) -> Self {
        let (rise, rest) = (self.value.sigmoid(), (-self.value).sigmoid());
        self.with_slope(self.value.silu(), rise * (S::one() + self.value * rest))
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        let twice = self.value + self.value;
        self.with_slope(self.value.tanh(), S::constant(4.0) * twice.sigmoid() * (-twice).sigmoid())
    }
    #[inline(always)]
    fn square(self) -> Self {
        self.with_slope(self.value.square(), self.value + self.value)
    }
}

/// An energy that is written once, without its gradient: [`Differentiated`] adds that.
pub trait Formula {
    /// The number of coordinates; always the same.
    fn dim(&self) -> usize;

    /// E(x) of a point with that many coordinates, by arithmetic and [`Scalar`]'s functions. [`Scalar::lane`] gives a
    /// value without its derivative: what is computed from it and put back by [`Scalar::splat`] or
    /// [`Scalar::from_lanes`] counts as constant, and the gradient misses it.
    fn energy<S: Scalar>(&self, x: &[S]) -> S;

    /// What leaves the energy unchanged.
    #[inline(always)]
    fn symmetry(&self) -> Symmetry {
        Symmetry::None
    }
}

/// A [`Formula`] of at most N coordinates as an [`Energy`], in every scalar type.
///
/// The gradient of n coordinates is n evaluations of the formula on [`Dual`] numbers, one coordinate's derivative at a
/// time; the value is that of the last of them, each of which has the plain formula's bits. An operation on duals costs one
/// to four plain ones, least where exponentials and roots take the time, so a gradient costs n to 4 n times
/// [`Energy::energy`], where one written by hand costs once to twice as much: right for a few coordinates, and to check a
/// gradient written by hand. There is no heap: the point in duals, 2 N numbers, is on the stack.
///
/// Derivatives are exact up to rounding. Where an intermediate result overflows or a slope is infinite, a derivative may
/// be infinite or NaN although the energy is finite; samplers reject such a proposal and count it.
///
/// # Panics
/// Where a slice has another length than the formula's dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Differentiated<F, const N: usize> {
    formula: F,
}

impl<F: Formula, const N: usize> Differentiated<F, N> {
    /// The formula with its gradient; `None` where it has more than N coordinates.
    #[inline(always)]
    pub fn new(formula: F) -> Option<Self> {
        (formula.dim() <= N).then_some(Self { formula })
    }

    /// The formula.
    #[inline(always)]
    pub fn formula(&self) -> &F {
        &self.formula
    }
}

impl<S: Scalar, F: Formula, const N: usize> Energy<S> for Differentiated<F, N> {
    #[inline(always)]
    fn dim(&self) -> usize {
        self.formula.dim()
    }

    #[inline]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let mut duals = [Dual::zero(); N];
        let n = self.formula.dim();
        let point = match duals.get_mut(..n) {
            Some(point) if x.len() == n && gradient.len() == n => point,
            _ => wrong_length(),
        };
        for (point, x) in point.iter_mut().zip(x) {
            *point = Dual::fixed(*x);
        }
        let mut value = None;
        for (i, (gradient, x)) in gradient.iter_mut().zip(x).enumerate() {
            point[i] = Dual::variable(*x);
            let energy = self.formula.energy(point);
            point[i] = Dual::fixed(*x);
            *gradient = energy.derivative;
            value = Some(energy.value);
        }
        value.unwrap_or_else(|| self.formula.energy(x))
    }

    #[inline]
    fn energy(&self, x: &[S]) -> S {
        if x.len() != self.formula.dim() {
            wrong_length();
        }
        self.formula.energy(x)
    }

    #[inline(always)]
    fn symmetry(&self) -> Symmetry {
        self.formula.symmetry()
    }
}
