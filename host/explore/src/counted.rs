//! An energy whose evaluations are counted: one is one point, with or without gradient.

use kiln_core::Energy;
use kiln_core::symmetry::Symmetry;
use std::sync::atomic::{AtomicU64, Ordering};

/// An energy over run-time points that several threads may evaluate.
pub type PointEnergy<'a> = dyn Energy<f64> + Sync + 'a;

/// The only door to the energy that is explored.
pub struct Counted<'a> {
    energy: &'a PointEnergy<'a>,
    evaluations: AtomicU64,
}

impl<'a> Counted<'a> {
    /// Begins at zero.
    pub fn new(energy: &'a PointEnergy<'a>) -> Self {
        Self { energy, evaluations: AtomicU64::new(0) }
    }

    /// Coordinates of a point.
    pub fn dim(&self) -> usize {
        self.energy.dim()
    }

    /// What leaves the energy unchanged.
    pub fn symmetry(&self) -> Symmetry {
        self.energy.symmetry()
    }

    /// Evaluations so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// E(x) and ∇E(x).
    pub fn energy_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        self.energy.energy_and_gradient(x, gradient)
    }

    /// E(x).
    pub fn energy(&self, x: &[f64]) -> f64 {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        self.energy.energy(x)
    }
}
