//! The one-step generator: x = `skip`·z + `scale`·mlp(features(z)).
//!
//! features(z) = (z, then for each latent i and threshold c_k: +1 if z_i > c_k, else −1). The
//! threshold features make the map discontinuous, so that it need not draw filaments between
//! modes; it is still a deterministic function of a Gaussian latent.

use crate::Scalar;

use super::{InvalidNetwork, Mlp};

/// A checked generator that borrows its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Generator<'a, R> {
    mlp: Mlp<'a, R>,
    thresholds: &'a [R],
    latent: usize,
    skip: R,
    scale: R,
}

/// Writes features(z) to `out`, whose length must be at least
/// `z.len() * (1 + thresholds.len())`; shorter buffers are filled as far as they go.
#[inline(always)]
pub fn write_features<S: Scalar>(z: &[S], thresholds: &[S::Real], out: &mut [S]) {
    let (latents, signs) = out.split_at_mut(z.len().min(out.len()));
    latents.copy_from_slice(&z[..latents.len()]);
    let features = z.iter().flat_map(|z| thresholds.iter().map(move |c| (*z, *c)));
    for (slot, (z, c)) in signs.iter_mut().zip(features) {
        *slot = S::select(S::splat(c).lt(z), S::one(), -S::one());
    }
}

impl<'a, R: num_traits::Float> Generator<'a, R> {
    /// A generator from `latent` numbers to the network's outputs.
    ///
    /// # Errors
    /// [`InvalidNetwork::Ends`] where the network's inputs are not latent × (1 + thresholds), or
    /// it has more outputs than there are latents.
    pub fn new(mlp: Mlp<'a, R>, latent: usize, thresholds: &'a [R], skip: R, scale: R) -> Result<Self, InvalidNetwork> {
        if latent.checked_mul(1 + thresholds.len()) != Some(mlp.inputs()) || mlp.outputs() > latent {
            return Err(InvalidNetwork::Ends);
        }
        Ok(Self { mlp, thresholds, latent, skip, scale })
    }

    /// How many Gaussian numbers make one sample.
    pub fn latent(&self) -> usize {
        self.latent
    }

    /// The dimension of a sample.
    pub fn dim(&self) -> usize {
        self.mlp.outputs()
    }

    /// The length of the scratch buffer that [`Generator::sample`] needs.
    pub fn scratch(&self) -> usize {
        2 * self.mlp.width()
    }

    /// One sample per lane: x = g(z). `z` has [`Generator::latent`] numbers, `x`
    /// [`Generator::dim`], `scratch` [`Generator::scratch`].
    ///
    /// # Errors
    /// [`InvalidNetwork::Buffer`] where a buffer is too short.
    pub fn sample<S: Scalar<Real = R>>(&self, z: &[S], scratch: &mut [S], x: &mut [S]) -> Result<(), InvalidNetwork> {
        if z.len() < self.latent || x.len() < self.dim() || scratch.len() < self.scratch() {
            return Err(InvalidNetwork::Buffer);
        }
        write_features(&z[..self.latent], self.thresholds, &mut scratch[..self.mlp.inputs()]);
        let out = self.mlp.forward(scratch)?;
        for ((x, z), out) in x.iter_mut().zip(z).zip(out) {
            *x = S::splat(self.skip) * *z + S::splat(self.scale) * *out;
        }
        Ok(())
    }
}
