//! The vector of a state: what algorithms need of the array that holds a point's coordinates.

use crate::Scalar;

/// A point's coordinates, of a length that never changes: `[S; N]` on the stack, or a row whose length is known at run
/// time, which a crate with a heap brings. One source of every algorithm serves both.
///
/// Algorithms copy between vectors of one length; they clone one only where their workspace is made, never in a step.
pub trait Vector: Clone {
    /// What a coordinate is.
    type Scalar: Scalar;
    /// The coordinates.
    fn as_slice(&self) -> &[Self::Scalar];
    /// The coordinates, to be changed.
    fn as_mut_slice(&mut self) -> &mut [Self::Scalar];
}

impl<S: Scalar, const N: usize> Vector for [S; N] {
    type Scalar = S;
    #[inline(always)]
    fn as_slice(&self) -> &[S] {
        self
    }
    #[inline(always)]
    fn as_mut_slice(&mut self) -> &mut [S] {
        self
    }
}
