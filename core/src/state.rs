//! Where chains are, one chain per lane: what energies are evaluated at and kernels move.

use crate::{Energy, Scalar, Vector, tensor};

/// Where a chain is, one chain per lane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct State<V: Vector> {
    /// The position x.
    pub position: V,
    /// ∇U(x).
    pub gradient: V,
    /// U(x).
    pub energy: V::Scalar,
}

impl<S: Scalar, V: Vector<Scalar = S>> State<V> {
    /// The state of chains that start at `position`.
    #[inline(always)]
    pub fn new<E: Energy<S> + ?Sized>(energy: &E, position: V) -> Self {
        let mut state = Self { gradient: position.clone(), position, energy: S::zero() };
        state.evaluate(energy);
        state
    }

    /// Makes energy and gradient those of the position.
    #[inline(always)]
    pub fn evaluate<E: Energy<S> + ?Sized>(&mut self, energy: &E) {
        self.energy = energy.energy_and_gradient(self.position.as_slice(), self.gradient.as_mut_slice());
    }

    /// Takes over another state in the lanes where the mask holds.
    #[inline(always)]
    pub fn take(&mut self, mask: S::Mask, other: &Self) {
        tensor::take(self.position.as_mut_slice(), mask, other.position.as_slice());
        tensor::take(self.gradient.as_mut_slice(), mask, other.gradient.as_slice());
        self.energy = S::select(mask, other.energy, self.energy);
    }

    /// Takes over another state in every lane.
    #[inline(always)]
    pub fn copy_from(&mut self, other: &Self) {
        self.position.as_mut_slice().copy_from_slice(other.position.as_slice());
        self.gradient.as_mut_slice().copy_from_slice(other.gradient.as_slice());
        self.energy = other.energy;
    }
}
