//! The energy in the coordinates that chains move in: bounds taken away, located and whitened. Its density is that of the
//! energy's own, Jacobians included, so that an integral over it is the same Z.

use crate::bounds::Bound;
use crate::counted::Counted;
use crate::frame::Frame;

/// The energy over u.
pub struct Whitened<'a> {
    /// The energy.
    pub energy: &'a Counted<'a>,
    /// Where its coordinates may be.
    pub bounds: &'a [Bound],
    /// The free coordinates' location and widths.
    pub frame: Frame,
}

/// What an evaluation writes to.
#[derive(Debug, Clone)]
pub struct Scratch {
    /// The free y.
    pub y: Vec<f64>,
    /// The user's x.
    pub x: Vec<f64>,
    gradient: Vec<f64>,
}

impl Scratch {
    /// For points of so many coordinates.
    pub fn new(dim: usize) -> Self {
        let zeros = || vec![0.0; dim];
        Self { y: zeros(), x: zeros(), gradient: zeros() }
    }
}

/// The user's x of a free y.
pub fn bounded(bounds: &[Bound], y: &[f64], x: &mut [f64]) {
    x.iter_mut().zip(y).zip(bounds).for_each(|((x, y), bound)| *x = bound.map(*y).x);
}

/// The free y of the user's x.
pub fn freed(bounds: &[Bound], x: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(x).zip(bounds).for_each(|((y, x), bound)| *y = bound.free(*x));
}

impl Whitened<'_> {
    /// E(u) and its gradient, in one evaluation of the energy. Infinite, with a gradient of zero, outside the domain: where
    /// the energy or a component of the gradient is no number.
    pub async fn evaluate(&self, u: &[f64], gradient: &mut [f64], scratch: &mut Scratch) -> f64 {
        let Scratch { y, x, gradient: by_x } = scratch;
        self.frame.place(u, y);
        bounded(self.bounds, y, x);
        let mut energy = self.energy.evaluate(x, by_x).await - self.frame.log_volume();
        for ((g, y), bound) in by_x.iter_mut().zip(&*y).zip(self.bounds).filter(|(_, bound)| !bound.is_none()) {
            let mapped = bound.map(*y);
            energy -= mapped.log_slope;
            *g = *g * mapped.slope - mapped.log_slope_slope;
        }
        self.frame.pull_back(by_x, gradient);
        if energy.is_finite() && gradient.iter().all(|g| g.is_finite()) {
            return energy;
        }
        gradient.fill(0.0);
        f64::INFINITY
    }

    /// The user's x of a u.
    pub fn position(&self, u: &[f64], scratch: &mut Scratch) {
        self.frame.place(u, &mut scratch.y);
        bounded(self.bounds, &scratch.y, &mut scratch.x);
    }
}
