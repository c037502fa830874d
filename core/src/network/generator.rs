//! The one-step generator: x = `skip`·z + `scale`·mlp(features(z)), where features(z) are the [`Inputs`] of the network.

use crate::Scalar;

use super::{Inputs, InvalidNetwork, Mlp, write_inputs};

/// A checked generator that borrows its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Generator<'a, R> {
    mlp: Mlp<'a, R>,
    inputs: Inputs<'a, R>,
    skip: R,
    scale: R,
}

impl<'a, R: num_traits::Float> Generator<'a, R> {
    /// A generator from `latent` numbers to the network's outputs.
    ///
    /// # Errors
    /// [`InvalidNetwork::Ends`] where the network's inputs are not latent × (1 + thresholds), or
    /// it has more outputs than there are latents.
    pub fn new(mlp: Mlp<'a, R>, latent: usize, thresholds: &'a [R], skip: R, scale: R) -> Result<Self, InvalidNetwork> {
        Self::of(mlp, Inputs::new(latent, thresholds), skip, scale)
    }

    /// A generator from a latent that its network sees as these inputs.
    ///
    /// # Errors
    /// [`InvalidNetwork::Ends`] where the network has other inputs, or not the outputs that [`Inputs::fit`] wants.
    pub fn of(mlp: Mlp<'a, R>, inputs: Inputs<'a, R>, skip: R, scale: R) -> Result<Self, InvalidNetwork> {
        if inputs.fit(mlp.inputs(), mlp.outputs()) {
            Ok(Self { mlp, inputs, skip, scale })
        } else {
            Err(InvalidNetwork::Ends)
        }
    }

    /// How many Gaussian numbers make one sample.
    pub fn latent(&self) -> usize {
        self.inputs.latent()
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
        if z.len() < self.latent() || x.len() < self.dim() || scratch.len() < self.scratch() {
            return Err(InvalidNetwork::Buffer);
        }
        write_inputs(&self.inputs, z, &mut scratch[..self.mlp.inputs()]);
        let out = self.mlp.forward(scratch)?;
        for ((x, z), out) in x.iter_mut().zip(z).zip(out) {
            *x = S::splat(self.skip) * *z + S::splat(self.scale) * *out;
        }
        Ok(())
    }
}
