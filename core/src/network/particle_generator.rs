//! The one-step generator of particles: x = c p + `scale`·egnn(h, c p).
//!
//! The latent z holds as many numbers as a sample, whose projection onto the mean-free subspace is p, then equally many
//! for each particle. h_i holds particle i's own numbers and their threshold features (see
//! [`super::write_features`]), or a constant 1 where it has none. c is `skip`; where that is 0 the input is p and x
//! has no direct part.

use crate::Scalar;
use crate::symmetry::{Symmetry, remove_mean};

use super::{Egnn, InvalidNetwork, write_features};

/// A checked generator that borrows its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ParticleGenerator<'a, R> {
    egnn: Egnn<'a, R>,
    thresholds: &'a [R],
    own: usize,
    skip: R,
    scale: R,
}

impl<'a, R: num_traits::Float> ParticleGenerator<'a, R> {
    /// A generator whose particles have `own` latent numbers each.
    ///
    /// # Errors
    /// [`InvalidNetwork::Ends`] where the network's node inputs are not own × (1 + thresholds), or 1 where `own` is 0.
    pub fn new(egnn: Egnn<'a, R>, own: usize, thresholds: &'a [R], skip: R, scale: R) -> Result<Self, InvalidNetwork> {
        let inputs = own.checked_mul(1 + thresholds.len()).map(|inputs| inputs.max(1));
        if inputs != Some(egnn.shape().node_inputs) {
            return Err(InvalidNetwork::Ends);
        }
        Ok(Self { egnn, thresholds, own, skip, scale })
    }

    /// How many Gaussian numbers make one sample.
    pub fn latent(&self) -> usize {
        self.dim() + self.egnn.shape().particles * self.own
    }

    /// The dimension of a sample.
    pub fn dim(&self) -> usize {
        self.egnn.dim()
    }

    /// The length of the scratch buffer that [`ParticleGenerator::sample`] needs.
    pub fn scratch(&self) -> usize {
        self.egnn.inputs() + self.dim() + self.egnn.scratch()
    }

    /// One sample per lane: x = g(z). `z` has [`ParticleGenerator::latent`] numbers, `x`
    /// [`ParticleGenerator::dim`], `scratch` [`ParticleGenerator::scratch`].
    ///
    /// # Errors
    /// [`InvalidNetwork::Buffer`] where a buffer is too short.
    pub fn sample<S: Scalar<Real = R>>(&self, z: &[S], scratch: &mut [S], x: &mut [S]) -> Result<(), InvalidNetwork> {
        let (dim, shape) = (self.dim(), self.egnn.shape());
        if z.len() < self.latent() || x.len() < dim || scratch.len() < self.scratch() {
            return Err(InvalidNetwork::Buffer);
        }
        let (h, rest) = scratch.split_at_mut(self.egnn.inputs());
        let (start, rest) = rest.split_at_mut(dim);
        let direct = self.skip != R::zero();
        let c = S::splat(if direct { self.skip } else { R::one() });
        for (start, z) in start.iter_mut().zip(z) {
            *start = c * *z;
        }
        remove_mean(Symmetry::Particles { count: shape.particles, dimensions: shape.dimensions }, start);
        if self.own == 0 {
            h.fill(S::one());
        } else {
            for (h, own) in h.chunks_exact_mut(shape.node_inputs).zip(z[dim..].chunks_exact(self.own)) {
                write_features(own, self.thresholds, h);
            }
        }
        self.egnn.displacement(h, start, rest, x)?;
        for (x, start) in x.iter_mut().zip(start) {
            let moved = S::splat(self.scale) * *x;
            *x = if direct { *start + moved } else { moved };
        }
        Ok(())
    }
}
