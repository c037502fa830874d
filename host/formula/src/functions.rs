//! The elementary functions of one number: their names, values and slopes.

use kiln_core::{Mask, Scalar};

use crate::number::Number;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Function {
    Exp,
    Log,
    Sqrt,
    Abs,
    Sin,
    Cos,
    Tan,
    Tanh,
    Sinh,
    Cosh,
    Atan,
    Log1p,
    Expm1,
    Sigmoid,
    Softplus,
    Erf,
    /// x², written as a power.
    Square,
    /// 1/x, written as a quotient.
    Reciprocal,
}

impl Function {
    /// What a formula calls them.
    pub(crate) const NAMED: [(&'static str, Self); 16] = [
        ("exp", Self::Exp),
        ("log", Self::Log),
        ("sqrt", Self::Sqrt),
        ("abs", Self::Abs),
        ("sin", Self::Sin),
        ("cos", Self::Cos),
        ("tan", Self::Tan),
        ("tanh", Self::Tanh),
        ("sinh", Self::Sinh),
        ("cosh", Self::Cosh),
        ("atan", Self::Atan),
        ("log1p", Self::Log1p),
        ("expm1", Self::Expm1),
        ("sigmoid", Self::Sigmoid),
        ("softplus", Self::Softplus),
        ("erf", Self::Erf),
    ];

    /// The function of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, function)| function)
    }

    /// Whether its slope takes so long that a few operations more do not matter.
    pub(crate) const fn takes_long(self) -> bool {
        !matches!(self, Self::Exp | Self::Log | Self::Sqrt | Self::Abs | Self::Square | Self::Reciprocal)
    }

    /// Its value.
    #[inline(always)]
    pub(crate) fn value<S: Number>(self, x: S) -> S {
        match self {
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
            Self::Sin => x.sin_cos().0,
            Self::Cos => x.sin_cos().1,
            Self::Tan => x.tan(),
            Self::Tanh => x.tanh(),
            Self::Sinh => x.sinh(),
            Self::Cosh => x.cosh(),
            Self::Atan => x.atan(),
            Self::Log1p => x.ln_1p(),
            Self::Expm1 => x.exp_m1(),
            Self::Sigmoid => x.sigmoid(),
            Self::Softplus => x.softplus(),
            Self::Erf => x.erf(),
            Self::Square => x.square(),
            Self::Reciprocal => S::one() / x,
        }
    }

    /// Its slope where its value is `y`.
    #[inline(always)]
    pub(crate) fn slope<S: Number>(self, x: S, y: S) -> S {
        let (zero, one, two) = (S::zero(), S::one(), S::constant(2.0));
        match self {
            Self::Exp => y,
            Self::Log => one / x,
            // 0 at 0, which is the distance of two particles in one place; NaN stays NaN.
            Self::Sqrt => S::select(zero.lt(y), S::constant(0.5) / y, y),
            Self::Abs => S::select(x.lt(zero), -one, S::select(zero.lt(x), one, x)),
            Self::Sin => x.sin_cos().1,
            Self::Cos => -x.sin_cos().0,
            Self::Tan => one + y * y,
            // 1 − tanh² has no digits left where tanh is near 1.
            Self::Tanh => S::constant(4.0) * bell(two * x),
            Self::Sinh => x.cosh(),
            Self::Cosh => x.sinh(),
            Self::Atan => one / (one + x * x),
            Self::Log1p => one / (one + x),
            Self::Expm1 => y + one,
            Self::Sigmoid => bell(x),
            Self::Softplus => (x - y).exp(),
            Self::Erf => S::constant(std::f64::consts::FRAC_2_SQRT_PI) * (-(x * x)).exp(),
            Self::Square => x + x,
            Self::Reciprocal => -(y * y),
        }
    }
}

/// sigmoid(x) sigmoid(−x), the slope of the sigmoid.
#[inline(always)]
fn bell<S: Scalar>(x: S) -> S {
    let e = (-x.abs()).exp();
    let whole = S::one() + e;
    e / (whole * whole)
}

/// A function of two numbers. All but the first two are conditions, 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Pairing {
    Min,
    Max,
    Less,
    LessOrEqual,
    Equal,
    And,
    Or,
}

impl Pairing {
    /// Whether the value is a condition, which has no slope.
    pub(crate) fn is_condition(self) -> bool {
        !matches!(self, Self::Min | Self::Max)
    }

    /// Its value.
    #[inline(always)]
    pub(crate) fn value<S: Number>(self, a: S, b: S) -> S {
        match self {
            Self::Min => a.min(b),
            Self::Max => a.max(b),
            Self::Less => S::truth(a.lt(b)),
            Self::LessOrEqual => S::truth(!b.lt(a) & a.is_number() & b.is_number()),
            Self::Equal => S::truth(!a.lt(b) & !b.lt(a) & a.is_number() & b.is_number()),
            Self::And => S::truth(a.holds() & b.holds()),
            Self::Or => S::truth(a.holds() | b.holds()),
        }
    }

    /// Whether the value is that of `b`, for the two that have a slope.
    #[inline(always)]
    pub(crate) fn picks_second<S: Number>(self, a: S, b: S) -> S::Mask {
        match self {
            Self::Min => b.lt(a),
            Self::Max => a.lt(b),
            _ => S::Mask::splat(false),
        }
    }
}
