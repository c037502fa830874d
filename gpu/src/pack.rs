//! Packs: sixteen points side by side, computed in the core's lanes, and the energies that are evaluated so.

use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Lanes, Scalar, Vector};
use std::sync::atomic::{AtomicBool, Ordering};

/// Lanes that are computed side by side.
pub const LANES: usize = 16;
/// What the samplers compute with.
pub type Pack = Lanes<LANES>;
/// Sixteen points in a dimension known at run time: the vector of a state of sixteen chains.
#[derive(Clone, Debug, PartialEq)]
pub struct Points(Box<[Pack]>);

impl Points {
    /// The origin.
    pub fn zeros(dim: usize) -> Self {
        Self(vec![Pack::constant(0.0); dim].into())
    }
}

impl Vector for Points {
    type Scalar = Pack;
    fn as_slice(&self) -> &[Pack] {
        &self.0
    }
    fn as_mut_slice(&mut self) -> &mut [Pack] {
        &mut self.0
    }
}

/// Up to [`LANES`] rows of a batch as a pack; missing rows repeat the last.
///
/// # Panics
/// If there is no row.
pub fn load(rows: &[f32], pack: &mut [Pack]) {
    let n = pack.len();
    let last = rows.len() / n - 1;
    for (i, pack) in pack.iter_mut().enumerate() {
        *pack = Pack::from_lanes(|lane| rows[lane.min(last) * n + i]);
    }
}

/// The inverse of [`load`]: as many lanes as `rows` has room for.
pub fn store(pack: &[Pack], rows: &mut [f32]) {
    for (lane, row) in rows.chunks_exact_mut(pack.len()).enumerate() {
        for (x, pack) in row.iter_mut().zip(pack) {
            *x = pack.0[lane];
        }
    }
}

/// An energy that threads share: what training and polishing move on.
pub type PackEnergy<'a> = dyn Energy<Pack> + Send + Sync + 'a;

/// An energy that can be told to stop: once `stop` is set it is infinite everywhere without being evaluated, so that
/// whoever moves on it comes to an end at once.
#[derive(Clone, Copy)]
pub struct Interruptible<'a> {
    /// The energy.
    pub energy: &'a PackEnergy<'a>,
    /// When to stop.
    pub stop: &'a AtomicBool,
}

impl Energy<Pack> for Interruptible<'_> {
    fn dim(&self) -> usize {
        self.energy.dim()
    }

    fn energy_and_gradient(&self, x: &[Pack], gradient: &mut [Pack]) -> Pack {
        if self.stopped() {
            gradient.fill(Pack::constant(0.0));
            return Pack::constant(f64::INFINITY);
        }
        self.energy.energy_and_gradient(x, gradient)
    }

    fn energy(&self, x: &[Pack]) -> Pack {
        if self.stopped() { Pack::constant(f64::INFINITY) } else { self.energy.energy(x) }
    }

    fn symmetry(&self) -> Symmetry {
        self.energy.symmetry()
    }

    fn together(&self) -> usize {
        self.energy.together()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
