//! Symmetries of an energy, and the subspace that samplers of a symmetric energy live in.
//!
//! An energy of particles that does not change under translation has no normalisable density over
//! all coordinates: samples, noise, momenta and posteriors live where the particles' mean is
//! constant (\[P\] appendix C). All randomness comes through [`Randomness::fill_normal`], so
//! [`MeanFree`] is the one place that keeps every algorithm there. An orthogonal projection of
//! standard normal numbers is standard normal in the subspace, and it commutes with rotations,
//! reflections and permutations of particles: so do all kernels and estimators.

use crate::Scalar;
use crate::random::Randomness;

/// What leaves an energy unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Symmetry {
    /// Nothing that is known.
    #[default]
    None,
    /// Equal particles x = (particle 0, particle 1, …): translations, rotations, reflections and
    /// permutations of particles.
    Particles {
        /// How many particles.
        count: usize,
        /// Coordinates of each.
        dimensions: usize,
    },
}

impl Symmetry {
    /// Itself where `n` coordinates are so many particles, two at least; otherwise nothing is known.
    #[inline(always)]
    pub fn fitting(self, n: usize) -> Self {
        match self {
            Self::Particles { count, dimensions } if count < 2 || dimensions == 0 || count * dimensions != n => {
                Self::None
            }
            fitting => fitting,
        }
    }

    /// Of `n` coordinates, how many the energy depends on once the mean is fixed. For particles,
    /// E\[x·∇E\] at equilibrium is this number (the virial theorem).
    pub fn free_coordinates(self, n: usize) -> usize {
        match self {
            Self::None => n,
            Self::Particles { dimensions, .. } => n.saturating_sub(dimensions),
        }
    }
}

/// Moves the particles' mean to the origin: the orthogonal projection onto the mean-free subspace.
/// A slice that is not one whole configuration of the symmetry is left as it is.
#[inline(always)]
pub fn remove_mean<S: Scalar>(symmetry: Symmetry, x: &mut [S]) {
    let Symmetry::Particles { count, dimensions } = symmetry else { return };
    if x.len() != count * dimensions {
        return;
    }
    let scale = S::one() / S::constant(count as f64);
    for k in 0..dimensions {
        let mut sum = S::zero();
        for x in x.iter().skip(k).step_by(dimensions) {
            sum += *x;
        }
        let mean = sum * scale;
        for x in x.iter_mut().skip(k).step_by(dimensions) {
            *x -= mean;
        }
    }
}

/// Randomness whose normal vectors have mean 0 over particles: a whole configuration filled by
/// [`Randomness::fill_normal`] is projected, every other draw passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MeanFree<R> {
    /// The source of the draws.
    pub rng: R,
    /// Whose subspace; with [`Symmetry::None`] all draws are those of `rng`.
    pub symmetry: Symmetry,
}

impl<S: Scalar, R: Randomness<S>> Randomness<S> for MeanFree<R> {
    #[inline(always)]
    fn uniform(&mut self) -> S {
        self.rng.uniform()
    }
    #[inline(always)]
    fn normal_pair(&mut self) -> (S, S) {
        self.rng.normal_pair()
    }
    #[inline(always)]
    fn fill_normal(&mut self, out: &mut [S]) {
        self.rng.fill_normal(out);
        remove_mean(self.symmetry, out);
    }
}
