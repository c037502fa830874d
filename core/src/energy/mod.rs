//! Energies: a target is p(x) ∝ exp(−E(x)), its score −∇E(x).

mod double_well;
pub mod gaussian;
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

/// An energy over ℝⁿ, evaluated for one point per lane. The dimension n may be known at run time only, and
/// `dyn Energy<S>` is an energy too.
///
/// Write the implementation once, generic over `S`, and it runs on `f32`, `f64` and packs of lanes:
///
/// ```
/// use kiln_core::{Energy, Scalar, tensor};
///
/// /// E(x) = ½ ‖x‖².
/// struct Bowl {
///     dim: usize,
/// }
/// impl<S: Scalar> Energy<S> for Bowl {
///     fn dim(&self) -> usize {
///         self.dim
///     }
///     fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
///         gradient.copy_from_slice(x);
///         self.energy(x)
///     }
///     fn energy(&self, x: &[S]) -> S {
///         S::constant(0.5) * tensor::squared_norm(x)
///     }
/// }
/// let energy: &dyn Energy<f64> = &Bowl { dim: 2 };
/// assert_eq!(energy.energy(&[3.0, 4.0]), 12.5);
/// ```
///
/// # Panics
/// Energies may panic where a slice has another length than [`Energy::dim`]; samplers never pass such a slice when the
/// states they are given have it.
pub trait Energy<S: Scalar> {
    /// n, the number of coordinates; always the same.
    fn dim(&self) -> usize;

    /// E(x), with ∇E(x) written to every coordinate of `gradient`, in one pass. A non-finite value means "outside the
    /// domain": samplers reject such a proposal and count it.
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S;

    /// E(x) alone, the same value.
    fn energy(&self, x: &[S]) -> S;

    /// E of every row of `x` (rows, n) into `energies` (rows), ∇E into `gradients` (rows, n): the same values as one by one.
    #[inline]
    fn energies_and_gradients(&self, x: &[S], energies: &mut [S], gradients: &mut [S]) {
        let dim = self.dim().max(1);
        let rows = x.chunks_exact(dim).zip(gradients.chunks_exact_mut(dim));
        energies
            .iter_mut()
            .zip(rows)
            .for_each(|(energy, (x, gradient))| *energy = self.energy_and_gradient(x, gradient));
    }

    /// What leaves the energy unchanged: samplers of particles keep their mean in place.
    #[inline(always)]
    fn symmetry(&self) -> Symmetry {
        Symmetry::None
    }

    /// Points that are best evaluated at once, of chains that move side by side: more than one where the energy is called and not
    /// computed.
    #[inline(always)]
    fn together(&self) -> usize {
        1
    }

    /// Whether samplers are to come to an end. They look between steps; what they return is then worth nothing.
    #[inline(always)]
    fn stopped(&self) -> bool {
        false
    }
}

impl<S: Scalar, E: Energy<S> + ?Sized> Energy<S> for &E {
    #[inline(always)]
    fn dim(&self) -> usize {
        (**self).dim()
    }
    #[inline(always)]
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        (**self).energy_and_gradient(x, gradient)
    }
    #[inline(always)]
    fn energy(&self, x: &[S]) -> S {
        (**self).energy(x)
    }
    #[inline(always)]
    fn energies_and_gradients(&self, x: &[S], energies: &mut [S], gradients: &mut [S]) {
        (**self).energies_and_gradients(x, energies, gradients);
    }
    #[inline(always)]
    fn symmetry(&self) -> Symmetry {
        (**self).symmetry()
    }
    #[inline(always)]
    fn together(&self) -> usize {
        (**self).together()
    }
    #[inline(always)]
    fn stopped(&self) -> bool {
        (**self).stopped()
    }
}

/// The items of a slice as an array, whose length loops know. How a static-sized energy begins.
#[inline(always)]
fn array<T, const N: usize>(items: &[T]) -> &[T; N] {
    items.try_into().unwrap_or_else(|_| wrong_length())
}

/// The same, to be changed.
#[inline(always)]
fn array_mut<T, const N: usize>(items: &mut [T]) -> &mut [T; N] {
    items.try_into().unwrap_or_else(|_| wrong_length())
}

/// N particles' coordinates, D each.
#[inline(always)]
fn particles<S, const N: usize, const D: usize>(x: &[S]) -> &[[S; D]; N] {
    match x.as_chunks::<D>() {
        (particles, []) => array(particles),
        _ => wrong_length(),
    }
}

/// The same, to be changed.
#[inline(always)]
fn particles_mut<S, const N: usize, const D: usize>(x: &mut [S]) -> &mut [[S; D]; N] {
    match x.as_chunks_mut::<D>() {
        (particles, []) => array_mut(particles),
        _ => wrong_length(),
    }
}

#[cold]
#[inline(never)]
pub(crate) fn wrong_length() -> ! {
    panic!("a point must have as many coordinates as the energy")
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
