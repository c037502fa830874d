//! Clusters of Lennard-Jones particles in a harmonic trap around their mean.

use crate::symmetry::Symmetry;
use crate::{Energy, Scalar};

/// How often each pair counts: publications differ, and with it the temperature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Pairs {
    /// c = 1, a sum over i < j: the convention of the `bgflow` library.
    Once,
    /// c = 2, a sum over i ≠ j: what \[P\], iDEM and every published table use.
    Twice,
}

impl Pairs {
    /// The factor c of the sum over i < j.
    pub const fn factor(self) -> f64 {
        match self {
            Self::Once => 1.0,
            Self::Twice => 2.0,
        }
    }
}

/// What the pair energy does at short distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Core {
    /// r⁻¹² − 2 r⁻⁶ all the way: up to 10³⁶, for evaluation.
    True,
    /// Below r_c = [`SMOOTH_RADIUS`] the pair energy goes on linearly in r² with value and slope of
    /// r_c, up to 71.3 at contact: for training, whose first samples overlap.
    Smooth,
}

/// r_c of [`Core::Smooth`]. A pair this close is 7.9 c above its minimum: of LJ-13's equilibrium
/// states, none of 200,000 has one where pairs count twice, 6 in 100,000 where they count once (tested).
/// At contact the pair is 72.3 c above its minimum.
pub const SMOOTH_RADIUS: f64 = 0.8;

/// Added to every squared distance, as in the published code: r² = ‖x_i − x_j‖² + 10⁻⁶.
const SOFTENING: f64 = 1e-6;

/// N particles in D dimensions,
/// E = c Σ_{i<j} (r⁻¹² − 2 r⁻⁶) + ½ Σ_i ‖x_i − x̄‖² (\[P\] section 4.4), r² = ‖x_i − x_j‖² + 10⁻⁶.
/// LJ-13 is `LennardJones<13, 3>`, 39 coordinates of which 36 are free.
///
/// In `f32` the true core's gradient overflows below r = 0.0015: samplers reject such a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LennardJones<const N: usize, const D: usize> {
    /// How often a pair counts.
    pub pairs: Pairs,
    /// The pair energy at short distances.
    pub core: Core,
}

impl<const N: usize, const D: usize> LennardJones<N, D> {
    /// The true energy with this convention.
    pub const fn new(pairs: Pairs) -> Self {
        Self { pairs, core: Core::True }
    }

    /// The same with the smooth core.
    #[must_use]
    pub const fn smooth(self) -> Self {
        Self { core: Core::Smooth, ..self }
    }

    /// The squared distance below which the pair energy is linear in it.
    #[inline(always)]
    fn switch<S: Scalar>(&self) -> S {
        S::constant(match self.core {
            Core::True => 0.0,
            Core::Smooth => SMOOTH_RADIUS * SMOOTH_RADIUS,
        })
    }

    /// v(s) = s⁻⁶ − 2 s⁻³ and v'(s) at s = r², from the tangent at `switch` below it.
    #[inline(always)]
    fn pair<S: Scalar>(s: S, switch: S) -> (S, S) {
        let above = s.max(switch);
        let u = S::one() / above;
        let cube = u * u.square();
        let slope = S::constant(6.0) * u * cube * (S::one() - cube);
        (cube * (cube - S::constant(2.0)) + slope * (s - above), slope)
    }

    /// Σ_i ‖x_i − x̄‖², and x̄.
    #[inline(always)]
    fn trap<S: Scalar>(x: &[[S; D]]) -> (S, [S; D]) {
        let mut mean = [S::zero(); D];
        for x in x {
            for k in 0..D {
                mean[k] += x[k];
            }
        }
        let scale = S::one() / S::constant(N as f64);
        for mean in &mut mean {
            *mean *= scale;
        }
        let mut square = S::zero();
        for x in x {
            for k in 0..D {
                square += (x[k] - mean[k]).square();
            }
        }
        (square, mean)
    }
}

impl<S: Scalar, const N: usize, const D: usize> Energy<S> for LennardJones<N, D> {
    #[inline(always)]
    fn dim(&self) -> usize {
        N * D
    }

    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let (switch, softening) = (self.switch(), S::constant(SOFTENING));
        let x: &[[S; D]; N] = super::particles(x);
        let gradient: &mut [[S; D]; N] = super::particles_mut(gradient);
        *gradient = [[S::zero(); D]; N];
        let mut energy = S::zero();
        for i in 1..N {
            let mut own = [S::zero(); D];
            for j in 0..i {
                let (d, square) = super::separation(&x[i], &x[j]);
                let (value, slope) = Self::pair(square + softening, switch);
                energy += value;
                for k in 0..D {
                    let g = slope * d[k];
                    own[k] += g;
                    gradient[j][k] -= g;
                }
            }
            gradient[i] = own;
        }
        let (square, mean) = Self::trap(x);
        let factor = S::constant(2.0 * self.pairs.factor());
        for (gradient, x) in gradient.iter_mut().zip(x) {
            for k in 0..D {
                gradient[k] = factor * gradient[k] + (x[k] - mean[k]);
            }
        }
        S::constant(self.pairs.factor()) * energy + S::constant(0.5) * square
    }

    #[inline(always)]
    fn energy(&self, x: &[S]) -> S {
        let (switch, softening) = (self.switch(), S::constant(SOFTENING));
        let x: &[[S; D]; N] = super::particles(x);
        let mut energy = S::zero();
        for i in 1..N {
            for j in 0..i {
                let (_, square) = super::separation(&x[i], &x[j]);
                energy += Self::pair(square + softening, switch).0;
            }
        }
        let (square, _) = Self::trap(x);
        S::constant(self.pairs.factor()) * energy + S::constant(0.5) * square
    }

    #[inline(always)]
    fn symmetry(&self) -> Symmetry {
        Symmetry::Particles { count: N, dimensions: D }
    }
}
