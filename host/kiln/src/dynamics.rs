//! Markov chains on a target's true energy, behind one trait: what references and polishing are made with. Training
//! may see a softer energy; these chains never do.

use crate::polish::{self, Rows};
use crate::reference::tempering::{Exchange, Ladders, Walk};
use crate::target::TrainableEnergy;
use kiln_gpu::posterior::EnergyTarget;
use std::sync::atomic::AtomicBool;

/// Chains on the true energy of a target.
pub trait Dynamics: Send + Sync {
    /// E(x), with ∇E(x) (dim) written to `gradient`, in f64.
    ///
    /// # Panics
    /// If a slice has another length than the target's dimension.
    fn energy_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64;

    /// Ladders of tempered chains at their starting points, which `stop` ends.
    fn exchange<'a>(&'a self, settings: &Exchange, stop: &'a AtomicBool) -> Box<dyn Walk + 'a>;

    /// MALA chains, one a row of `x` (rows, dim), which end in place; sooner where `stop` is set.
    ///
    /// # Panics
    /// If `x` does not hold whole rows.
    fn langevin(&self, x: &mut [f32], settings: &polish::Settings, stop: &AtomicBool) -> Rows;
}

impl<E: TrainableEnergy<N>, const N: usize> Dynamics for EnergyTarget<E, N> {
    fn energy_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let (Ok(x), Ok(gradient)) = (x.try_into(), gradient.try_into()) else { panic!("{N} coordinates") };
        self.0.energy_and_gradient(x, gradient)
    }

    fn exchange<'a>(&'a self, settings: &Exchange, stop: &'a AtomicBool) -> Box<dyn Walk + 'a> {
        Box::new(Ladders::start(&self.0, settings, stop))
    }

    fn langevin(&self, x: &mut [f32], settings: &polish::Settings, stop: &AtomicBool) -> Rows {
        polish::chains(&self.0, x, settings, stop)
    }
}
