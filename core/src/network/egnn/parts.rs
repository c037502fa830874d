//! What an equivariant network is made of: activations, radial functions, products of rows with borrowed matrices.

use crate::Scalar;
use crate::network::Layer;

/// Added to r² under the root.
pub(super) const ROOT_EPSILON: f64 = 1e-8;
/// Radial functions below e^-40 = 4e-18 are 0: products with subnormal numbers are slow.
const LOWEST_EXPONENT: f64 = -40.0;
/// Outputs that are summed at a time: their sums stay in registers. With eight, LLVM 22 gathers them from memory lane by
/// lane, sixteen times slower.
const TILE: usize = 4;

/// The function between two linear maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Activation {
    /// max(z, 0), as published.
    Relu,
    /// z/(1 + e^{−z}).
    Silu,
}

impl Activation {
    #[inline(always)]
    pub(super) fn apply<S: Scalar>(self, values: &mut [S]) {
        match self {
            Self::Relu => values.iter_mut().for_each(|z| *z = S::select(S::zero().lt(*z), *z, S::zero())),
            Self::Silu => values.iter_mut().for_each(|z| *z = z.silu()),
        }
    }
}

/// What the first edge layer sees of the current and the input distance.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Radial<R> {
    /// r², as published.
    Squared,
    /// exp(−((r − c_k)/w)²/2) with centres c_k = k w, w = range/(count − 1).
    Basis {
        /// How many functions, at least 2.
        count: usize,
        /// The last centre.
        range: R,
    },
    /// The basis of the current distance, but of the input's +1 where r > c_k and −1 elsewhere: jumps of the latent, as
    /// thresholds are, that turn with it.
    Steps {
        /// How many functions, at least 2.
        count: usize,
        /// The last centre.
        range: R,
    },
}

impl<R> Radial<R> {
    /// Functions of one distance.
    pub fn count(&self) -> usize {
        match self {
            Self::Squared => 1,
            Self::Basis { count, .. } | Self::Steps { count, .. } => *count,
        }
    }
}

impl<R: Copy> Radial<R> {
    /// The functions of the current distance; `self` are those of the input's.
    pub fn current(self) -> Self {
        match self {
            Self::Steps { count, range } => Self::Basis { count, range },
            other => other,
        }
    }

    /// The functions of one squared distance.
    #[inline(always)]
    pub(super) fn write<S: Scalar<Real = R>>(&self, square: S, out: &mut [S]) {
        match *self {
            Self::Squared => out[0] = square,
            Self::Basis { count, range } => {
                let steps = S::constant((count - 1) as f64) / S::splat(range);
                let at = (square + S::constant(ROOT_EPSILON)).sqrt() * steps;
                for (k, value) in out[..count].iter_mut().enumerate() {
                    let exponent = S::constant(-0.5) * (at - S::constant(k as f64)).square();
                    let vanishes = exponent.lt(S::constant(LOWEST_EXPONENT));
                    *value = S::select(vanishes, S::zero(), exponent.exp());
                }
            }
            Self::Steps { count, range } => {
                let width = S::splat(range) / S::constant((count - 1) as f64);
                let r = (square + S::constant(ROOT_EPSILON)).sqrt();
                for (k, value) in out[..count].iter_mut().enumerate() {
                    let beyond = (width * S::constant(k as f64)).lt(r);
                    *value = S::select(beyond, S::one(), -S::one());
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn add<S: Scalar>(source: &[S], target: &mut [S]) {
    target.iter_mut().zip(source).for_each(|(t, s)| *t += *s);
}

#[inline(always)]
pub(super) fn squared_distance<S: Scalar>(a: &[S], b: &[S]) -> S {
    let mut sum = S::zero();
    a.iter().zip(b).for_each(|(a, b)| sum += (*a - *b).square());
    sum
}

#[inline(always)]
pub(super) fn dot<S: Scalar>(x: &[S], weight: &[S::Real]) -> S {
    let mut sum = S::zero();
    x.iter().zip(weight).for_each(|(x, w)| sum += *x * S::splat(*w));
    sum
}

/// y = x W + b.
pub(super) fn affine<S: Scalar>(x: &[S], layer: &Layer<'_, S::Real>, y: &mut [S]) {
    y.iter_mut().zip(layer.bias).for_each(|(y, b)| *y = S::splat(*b));
    add_product(x, layer.weight, y);
}

/// y ← y + x W, each output summed in the order of the inputs, [`TILE`] outputs at a time.
pub(super) fn add_product<S: Scalar>(x: &[S], weight: &[S::Real], y: &mut [S]) {
    let columns = y.len();
    let (tiles, rest) = y.as_chunks_mut::<TILE>();
    let start = tiles.len() * TILE;
    for (t, tile) in tiles.iter_mut().enumerate() {
        let mut sums = *tile;
        for (x, row) in x.iter().zip(weight.chunks_exact(columns)) {
            let (x, row) = (*x, row.as_chunks::<TILE>().0[t]);
            for j in 0..TILE {
                sums[j] += x * S::splat(row[j]);
            }
        }
        *tile = sums;
    }
    for (j, y) in rest.iter_mut().enumerate() {
        for (x, row) in x.iter().zip(weight.chunks_exact(columns)) {
            *y += *x * S::splat(row[start + j]);
        }
    }
}
