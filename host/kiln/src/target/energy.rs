//! Targets as energies.

use super::Target;
use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Scalar};

/// The energy of a target is one itself.
impl Energy<f64> for Target {
    fn dim(&self) -> usize {
        self.energy.dim()
    }
    fn energy_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        self.energy.energy_and_gradient(x, gradient)
    }
    fn energy(&self, x: &[f64]) -> f64 {
        self.energy.energy(x)
    }
    fn energies_and_gradients(&self, x: &[f64], energies: &mut [f64], gradients: &mut [f64]) {
        self.energy.energies_and_gradients(x, energies, gradients);
    }
    fn together(&self) -> usize {
        self.energy.together()
    }
    fn symmetry(&self) -> Symmetry {
        self.energy.symmetry()
    }
}

/// An energy that nobody knows, over so many coordinates.
pub(crate) struct Unknown(pub usize);

impl<S: Scalar> Energy<S> for Unknown {
    fn dim(&self) -> usize {
        self.0
    }
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        gradient.fill(S::constant(f64::NAN));
        self.energy(x)
    }
    fn energy(&self, _: &[S]) -> S {
        S::constant(f64::NAN)
    }
}
