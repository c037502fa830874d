//! Noise: levels, the noising kernel, and the denoising posterior as an energy of its own.
//!
//! x_t = α x + σ ε with σ² = 1 − α² (\[P\] section 2.2). What matters is y = x_t/α = x + v ε with
//! the noise-to-signal ratio v = σ/α; the posterior of x given y is
//! p(x|y) ∝ exp(−E(x) − ‖x − y‖²/(2v²)) (\[P\] eq. 17, in these coordinates).

use heapless::Vec;

use crate::state::State;
use crate::symmetry::Symmetry;
use crate::{Energy, Scalar, Vector, tensor};

/// A variance-preserving noise level.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoiseLevel {
    /// The signal's factor α, in (0, 1].
    pub alpha: f64,
    /// The noise's standard deviation σ = √(1 − α²).
    pub sigma: f64,
}

impl NoiseLevel {
    /// The level with noise-to-signal ratio v > 0: α = 1/√(1 + v²).
    pub fn from_ratio(v: f64) -> Self {
        let norm = libm::sqrt(1.0 + v * v);
        Self { alpha: 1.0 / norm, sigma: v / norm }
    }

    /// v = σ/α.
    pub fn ratio(self) -> f64 {
        self.sigma / self.alpha
    }
}

/// The published schedule: β from `start` to `end` in T equal steps, α_t = √Π_{s≤t}(1 − β_s).
/// (\[T\] prints α_t without the root; the identities need it.)
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    levels: Vec<NoiseLevel, { Schedule::CAPACITY }>,
}

impl Schedule {
    /// The most levels that a schedule can hold.
    pub const CAPACITY: usize = 64;

    /// T ≤ [`Schedule::CAPACITY`] levels; `None` where T < 2, T is too large, or a β lies outside
    /// (0, 1).
    pub fn linear(start: f64, end: f64, steps: usize) -> Option<Self> {
        let in_range = |beta: f64| beta > 0.0 && beta < 1.0;
        if steps < 2 || !in_range(start) || !in_range(end) {
            return None;
        }
        let mut levels = Vec::new();
        let mut product = 1.0;
        for t in 0..steps {
            let beta = start + (end - start) * t as f64 / (steps - 1) as f64;
            product *= 1.0 - beta;
            let alpha = libm::sqrt(product);
            levels.push(NoiseLevel { alpha, sigma: libm::sqrt(1.0 - product) }).ok()?;
        }
        Some(Self { levels })
    }

    /// The levels, least noise first.
    pub fn levels(&self) -> &[NoiseLevel] {
        &self.levels
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Schedule {
    fn format(&self, f: defmt::Formatter) {
        defmt::write!(f, "Schedule({=[?]})", self.levels.as_slice());
    }
}

/// y = x + v ε.
#[inline(always)]
pub fn noise<V: Vector>(x: &V, v: V::Scalar, epsilon: &V) -> V {
    let mut y = x.clone();
    tensor::add_scaled(y.as_mut_slice(), v, epsilon.as_slice());
    y
}

/// The denoising posterior with its target tempered: U(x) = β E(x) + ‖x − y‖²/(2v²).
///
/// β = 1 is the posterior; β from 0 to 1 is the path along which annealing moves from the proposal
/// N(y, v²I) to it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Posterior<'a, E, V: Vector> {
    /// The target's energy.
    pub target: E,
    /// The noised point y.
    pub y: &'a V,
    /// The noise-to-signal ratio v.
    pub v: V::Scalar,
    /// The inverse temperature β of the target's energy.
    pub beta: V::Scalar,
}

impl<'a, E, S: Scalar, V: Vector<Scalar = S>> Posterior<'a, E, V> {
    /// p(x | y) at noise-to-signal ratio v.
    #[inline(always)]
    pub fn new(target: E, y: &'a V, v: S) -> Self {
        Self { target, y, v, beta: S::one() }
    }

    /// ‖x − y‖²/(2v²), the Gaussian's part of U.
    #[inline(always)]
    pub fn pull(&self, x: &[S]) -> S {
        S::constant(0.5) * self.precision() * tensor::squared_distance(x, self.y.as_slice())
    }

    /// A state of the target, with E(x) and ∇E(x), becomes one of this posterior, with U(x) and ∇U(x).
    #[inline(always)]
    pub fn tilt(&self, state: &mut State<V>) {
        state.energy = self.add_pull(state.position.as_slice(), state.energy, state.gradient.as_mut_slice());
    }

    /// The inverse of [`Posterior::tilt`]: a state of the target again, without another evaluation; β must not be 0.
    #[inline(always)]
    pub fn untilt(&self, state: &mut State<V>) {
        state.energy = self.target_energy(state);
        let precision = self.precision();
        let scale = S::one() / self.beta;
        let points = state.position.as_slice().iter().zip(self.y.as_slice());
        for (gradient, (x, y)) in state.gradient.as_mut_slice().iter_mut().zip(points) {
            *gradient = (*gradient - (*x - *y) * precision) * scale;
        }
    }

    /// E(x) from a chain state, without another evaluation; β must not be 0.
    #[inline(always)]
    pub fn target_energy(&self, state: &State<V>) -> S {
        (state.energy - self.pull(state.position.as_slice())) / self.beta
    }

    /// U(x) from E(x); makes ∇U(x) of ∇E(x).
    #[inline(always)]
    fn add_pull(&self, x: &[S], energy: S, gradient: &mut [S]) -> S {
        let precision = self.precision();
        for (gradient, (x, y)) in gradient.iter_mut().zip(x.iter().zip(self.y.as_slice())) {
            *gradient = self.beta * *gradient + (*x - *y) * precision;
        }
        self.beta * energy + self.pull(x)
    }

    /// 1/v².
    #[inline(always)]
    fn precision(&self) -> S {
        S::one() / self.v.square()
    }
}

impl<S: Scalar, E: Energy<S>, V: Vector<Scalar = S>> Energy<S> for Posterior<'_, E, V> {
    #[inline(always)]
    fn dim(&self) -> usize {
        self.target.dim()
    }

    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let energy = self.target.energy_and_gradient(x, gradient);
        self.add_pull(x, energy, gradient)
    }

    #[inline(always)]
    fn energy(&self, x: &[S]) -> S {
        self.beta * self.target.energy(x) + self.pull(x)
    }

    /// The target's: the noised point moves with what it came from.
    #[inline(always)]
    fn symmetry(&self) -> Symmetry {
        self.target.symmetry()
    }

    #[inline(always)]
    fn stopped(&self) -> bool {
        self.target.stopped()
    }
}
