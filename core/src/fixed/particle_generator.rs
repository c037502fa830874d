//! The one-step generator of particles in integers: [`crate::network::ParticleGenerator`] after conversion,
//! x = c p + `scale`·egnn(h, c p).
//!
//! The latent z holds as many numbers as a sample, whose projection onto the mean-free subspace is p, then equally many
//! for each particle. h_i holds particle i's own numbers and their threshold features, or a constant 1 where it has
//! none, all with binary point [`LATENT_POINT`](super::LATENT_POINT). c is `skip`; where that is 0 the input is p and x
//! has no direct part.

use super::egnn::remove_mean;
use super::{
    Egnn, InvalidNetwork, LATENT_POINT, Portable, Products, Scratch, ScratchLength, Weight, multiply, saturate,
    write_features,
};

/// A checked generator that borrows its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ParticleGenerator<'a, W> {
    egnn: Egnn<'a, W>,
    thresholds: &'a [i32],
    own: usize,
    skip: i32,
    scale: i32,
}

impl<'a, W: Weight> ParticleGenerator<'a, W> {
    /// A generator whose particles have `own` latent numbers each; `thresholds`, `skip` and `scale` are in Q16.
    ///
    /// # Errors
    /// [`InvalidNetwork::Ends`] where the network's node inputs are not own × (1 + thresholds), or 1 where `own` is 0,
    /// or a length does not fit a `usize`.
    pub fn new(
        egnn: Egnn<'a, W>,
        own: usize,
        thresholds: &'a [i32],
        skip: i32,
        scale: i32,
    ) -> Result<Self, InvalidNetwork> {
        let inputs = own.checked_mul(1 + thresholds.len()).map(|inputs| inputs.max(1));
        let latent = own.checked_mul(egnn.shape().particles).and_then(|n| n.checked_add(egnn.dim()));
        let ScratchLength { narrow, wide } = egnn.scratch();
        let scratch = (narrow.checked_add(egnn.inputs()), wide.checked_add(egnn.dim()));
        let countable = latent.is_some() && scratch.0.is_some() && scratch.1.is_some();
        if inputs != Some(egnn.shape().node_inputs) || !countable {
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

    /// The lengths of the scratch buffers that [`ParticleGenerator::sample`] needs.
    pub fn scratch(&self) -> ScratchLength {
        let ScratchLength { narrow, wide } = self.egnn.scratch();
        ScratchLength { narrow: narrow + self.egnn.inputs(), wide: wide + self.dim() }
    }

    /// One sample x = g(z) in Q16. `z` has [`ParticleGenerator::latent`] numbers in Q16, `x`
    /// [`ParticleGenerator::dim`], `scratch` [`ParticleGenerator::scratch`].
    ///
    /// # Errors
    /// [`InvalidNetwork::Buffer`] where a buffer is too short.
    pub fn sample(&self, z: &[i32], scratch: Scratch<'_>, x: &mut [i32]) -> Result<(), InvalidNetwork> {
        self.sample_with(&Portable, z, scratch, x)
    }

    /// The same with a processor's own products: the same numbers.
    ///
    /// # Errors
    /// As [`ParticleGenerator::sample`].
    pub fn sample_with<P: Products>(
        &self,
        products: &P,
        z: &[i32],
        scratch: Scratch<'_>,
        x: &mut [i32],
    ) -> Result<(), InvalidNetwork> {
        let (dim, shape, length) = (self.dim(), self.egnn.shape(), self.scratch());
        let short = scratch.narrow.len() < length.narrow || scratch.wide.len() < length.wide;
        if short || z.len() < self.latent() || x.len() < dim {
            return Err(InvalidNetwork::Buffer);
        }
        let (start, wide) = scratch.wide.split_at_mut(dim);
        // The inputs stand last, so that the rows before them keep their places.
        let (narrow, h) = scratch.narrow[..length.narrow].split_at_mut(length.narrow - self.egnn.inputs());
        let direct = self.skip != 0;
        for (start, z) in start.iter_mut().zip(z) {
            *start = if direct { saturate(multiply(self.skip, *z)) } else { *z };
        }
        remove_mean(shape.dimensions, start);
        if self.own == 0 {
            h.fill(1 << LATENT_POINT);
        } else {
            for (h, own) in h.chunks_exact_mut(shape.node_inputs).zip(z[dim..].chunks_exact(self.own)) {
                write_features(own, self.thresholds, h);
            }
        }
        self.egnn.displacement(products, h, start, Scratch { narrow, wide }, x)?;
        for (x, start) in x.iter_mut().zip(start) {
            let moved = multiply(self.scale, *x);
            *x = saturate(if direct { i64::from(*start) + moved } else { moved });
        }
        Ok(())
    }
}
