//! Noise: levels, the noising kernel, and the denoising posterior as an energy of its own.
//!
//! x_t = α x + σ ε with σ² = 1 − α² (\[P\] section 2.2). What matters is y = x_t/α = x + v ε with
//! the noise-to-signal ratio v = σ/α; the posterior of x given y is
//! p(x|y) ∝ exp(−E(x) − ‖x − y‖²/(2v²)) (\[P\] eq. 17, in these coordinates).

use heapless::Vec;

use crate::dynamics::State;
use crate::symmetry::Symmetry;
use crate::{Energy, Scalar, tensor};

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
pub fn noise<S: Scalar, const N: usize>(x: &[S; N], v: S, epsilon: &[S; N]) -> [S; N] {
    let mut y = *x;
    tensor::add_scaled(&mut y, v, epsilon);
    y
}

/// The denoising posterior with its target tempered: U(x) = β E(x) + ‖x − y‖²/(2v²).
///
/// β = 1 is the posterior; β from 0 to 1 is the path along which annealing moves from the proposal
/// N(y, v²I) to it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Posterior<E, S, const N: usize> {
    /// The target's energy.
    pub target: E,
    /// The noised point y.
    pub y: [S; N],
    /// The noise-to-signal ratio v.
    pub v: S,
    /// The inverse temperature β of the target's energy.
    pub beta: S,
}

impl<E, S: Scalar, const N: usize> Posterior<E, S, N> {
    /// p(x | y) at noise-to-signal ratio v.
    #[inline(always)]
    pub fn new(target: E, y: [S; N], v: S) -> Self {
        Self { target, y, v, beta: S::one() }
    }

    /// ‖x − y‖²/(2v²), the Gaussian's part of U.
    #[inline(always)]
    pub fn pull(&self, x: &[S; N]) -> S {
        S::constant(0.5) * self.precision() * tensor::squared_distance(x, &self.y)
    }

    /// The chain state at x, from the target's energy E(x) and gradient ∇E(x).
    #[inline(always)]
    pub fn assemble(&self, position: [S; N], energy: S, gradient: &[S; N]) -> State<S, N> {
        let precision = self.precision();
        let mut total = *gradient;
        for i in 0..N {
            total[i] = self.beta * gradient[i] + (position[i] - self.y[i]) * precision;
        }
        State { position, gradient: total, energy: self.beta * energy + self.pull(&position) }
    }

    /// E(x) from a chain state, without another evaluation; β must not be 0.
    #[inline(always)]
    pub fn target_energy(&self, state: &State<S, N>) -> S {
        (state.energy - self.pull(&state.position)) / self.beta
    }

    /// ∇E(x) from a chain state, without another evaluation; β must not be 0.
    #[inline(always)]
    pub fn target_gradient(&self, state: &State<S, N>) -> [S; N] {
        let precision = self.precision();
        let scale = S::one() / self.beta;
        let mut gradient = state.gradient;
        for i in 0..N {
            gradient[i] = (gradient[i] - (state.position[i] - self.y[i]) * precision) * scale;
        }
        gradient
    }

    /// 1/v².
    #[inline(always)]
    fn precision(&self) -> S {
        S::one() / self.v.square()
    }
}

impl<E: Energy<S, N>, S: Scalar, const N: usize> Energy<S, N> for Posterior<E, S, N> {
    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S; N], gradient: &mut [S; N]) -> S {
        let energy = self.target.energy_and_gradient(x, gradient);
        let state = self.assemble(*x, energy, gradient);
        *gradient = state.gradient;
        state.energy
    }

    #[inline(always)]
    fn energy(&self, x: &[S; N]) -> S {
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
