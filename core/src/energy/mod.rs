//! Energies: a target is p(x) ∝ exp(−E(x)), its score −∇E(x).

mod double_well;
mod gaussian;
mod gaussian_mixture;
mod lennard_jones;
mod many_well;

pub use double_well::DoubleWell;
pub use gaussian::Gaussian;
pub use gaussian_mixture::{GaussianMixture, InvalidMixture, MOG40_STANDARD_DEVIATION, mog40};
pub use lennard_jones::{Core, LennardJones, Pairs, SMOOTH_RADIUS};
pub use many_well::{MANY_WELL_32_LOG_Z, ManyWell};

use crate::Scalar;
use crate::symmetry::Symmetry;

/// An energy over ℝᴺ, evaluated for one point per lane.
///
/// Write the implementation once, generic over `S`, and it runs on `f32`, `f64` and packs of lanes:
///
/// ```
/// use kiln_core::{Energy, Scalar};
///
/// /// E(x) = ½ ‖x‖².
/// struct Bowl;
/// impl<S: Scalar, const N: usize> Energy<S, N> for Bowl {
///     fn energy_and_gradient(&self, x: &[S; N], gradient: &mut [S; N]) -> S {
///         *gradient = *x;
///         S::constant(0.5) * kiln_core::tensor::squared_norm(x)
///     }
/// }
/// ```
pub trait Energy<S: Scalar, const N: usize> {
    /// E(x), with ∇E(x) written to `gradient`, in one pass. A non-finite value means "outside the
    /// domain": samplers reject such a proposal and count it.
    fn energy_and_gradient(&self, x: &[S; N], gradient: &mut [S; N]) -> S;

    /// E(x) alone; override it where the gradient costs extra.
    #[inline(always)]
    fn energy(&self, x: &[S; N]) -> S {
        let mut gradient = [S::zero(); N];
        self.energy_and_gradient(x, &mut gradient)
    }

    /// What leaves the energy unchanged: samplers of particles keep their mean in place.
    #[inline(always)]
    fn symmetry(&self) -> Symmetry {
        Symmetry::None
    }

    /// Whether samplers are to come to an end. They look between steps; what they return is then worth nothing.
    #[inline(always)]
    fn stopped(&self) -> bool {
        false
    }
}

impl<S: Scalar, E: Energy<S, N> + ?Sized, const N: usize> Energy<S, N> for &E {
    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S; N], gradient: &mut [S; N]) -> S {
        (**self).energy_and_gradient(x, gradient)
    }
    #[inline(always)]
    fn energy(&self, x: &[S; N]) -> S {
        (**self).energy(x)
    }
    #[inline(always)]
    fn symmetry(&self) -> Symmetry {
        (**self).symmetry()
    }
    #[inline(always)]
    fn stopped(&self) -> bool {
        (**self).stopped()
    }
}

/// x_i − x_j of two particles, and its square.
#[inline(always)]
fn separation<S: Scalar, const D: usize>(a: &[S; D], b: &[S; D]) -> ([S; D], S) {
    let mut d = [S::zero(); D];
    let mut square = S::zero();
    for k in 0..D {
        d[k] = a[k] - b[k];
        square += d[k].square();
    }
    (d, square)
}
