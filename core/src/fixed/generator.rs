//! The one-step generator in integers: [`crate::network::Generator`] after conversion,
//! x = `skip`·z + mlp(features(z)), where the last layer of the network contains the float generator's `scale`.
//!
//! features(z) are the [`Inputs`] of the network, all with binary point [`LATENT_POINT`](super::LATENT_POINT).

use crate::network::Inputs;

use super::{InvalidNetwork, LATENT_POINT, Mlp, Portable, Products, Weight, multiply, narrow, saturate};

/// 1 as an activation.
const PLUS: i16 = 1 << LATENT_POINT;

/// Writes features(z) of numbers that do not choose to `out`, whose length must be at least `z.len() * (1 + thresholds.len())`; shorter buffers are
/// filled as far as they go. `z` and `thresholds` are in Q16.
pub fn write_features(z: &[i32], thresholds: &[i32], out: &mut [i16]) {
    let (latents, signs) = out.split_at_mut(z.len().min(out.len()));
    for (slot, z) in latents.iter_mut().zip(z) {
        *slot = narrow(*z, LATENT_POINT);
    }
    let above = z.iter().flat_map(|z| thresholds.iter().map(move |c| z > c));
    for (slot, above) in signs.iter_mut().zip(above) {
        *slot = if above { PLUS } else { -PLUS };
    }
}

/// Writes what the network sees of the latent `z` to `out`, whose length must be at least [`Inputs::count`]; shorter buffers are
/// filled as far as they go. Latent and thresholds are in Q16.
pub fn write_inputs(inputs: &Inputs<'_, i32>, z: &[i32], out: &mut [i16]) {
    let (z, choosing) = inputs.split(z);
    let features = z.len() * (1 + inputs.thresholds().len());
    let (features, signs) = out.split_at_mut(features.min(out.len()));
    write_features(z, inputs.thresholds(), features);
    let lists = choosing.iter().zip(inputs.choices().lists());
    let above = lists.flat_map(|(z, list)| list.iter().map(move |c| z > c));
    for (slot, above) in signs.iter_mut().zip(above) {
        *slot = if above { PLUS } else { -PLUS };
    }
}

/// A checked generator that borrows its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Generator<'a, W> {
    mlp: Mlp<'a, W>,
    inputs: Inputs<'a, i32>,
    skip: i32,
}

impl<'a, W: Weight> Generator<'a, W> {
    /// A generator from `latent` numbers to the network's outputs; `thresholds` and `skip` are in Q16.
    ///
    /// # Errors
    /// [`InvalidNetwork::Ends`] where the network's inputs are not latent × (1 + thresholds), or it has more outputs
    /// than there are latents.
    pub fn new(mlp: Mlp<'a, W>, latent: usize, thresholds: &'a [i32], skip: i32) -> Result<Self, InvalidNetwork> {
        Self::of(mlp, Inputs::new(latent, thresholds), skip)
    }

    /// A generator from a latent that its network sees as these inputs, whose thresholds are in Q16 like `skip`.
    ///
    /// # Errors
    /// [`InvalidNetwork::Ends`] where the network has other inputs, or not the outputs that [`Inputs::fit`] wants.
    pub fn of(mlp: Mlp<'a, W>, inputs: Inputs<'a, i32>, skip: i32) -> Result<Self, InvalidNetwork> {
        if inputs.fit(mlp.inputs(), mlp.outputs()) { Ok(Self { mlp, inputs, skip }) } else { Err(InvalidNetwork::Ends) }
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

    /// One sample x = g(z) in Q16. `z` has [`Generator::latent`] numbers in Q16, `x` [`Generator::dim`], `scratch`
    /// [`Generator::scratch`].
    ///
    /// # Errors
    /// [`InvalidNetwork::Buffer`] where a buffer is too short.
    pub fn sample(&self, z: &[i32], scratch: &mut [i16], x: &mut [i32]) -> Result<(), InvalidNetwork> {
        self.sample_with(&Portable, z, scratch, x)
    }

    /// The same with a processor's own products: the same numbers.
    ///
    /// # Errors
    /// As [`Generator::sample`].
    pub fn sample_with<P: Products>(
        &self,
        products: &P,
        z: &[i32],
        scratch: &mut [i16],
        x: &mut [i32],
    ) -> Result<(), InvalidNetwork> {
        if z.len() < self.latent() || x.len() < self.dim() || scratch.len() < self.scratch() {
            return Err(InvalidNetwork::Buffer);
        }
        write_inputs(&self.inputs, z, scratch);
        self.mlp.forward(products, scratch, x)?;
        for (x, z) in x[..self.dim()].iter_mut().zip(z) {
            *x = saturate(multiply(self.skip, *z) + i64::from(*x));
        }
        Ok(())
    }
}
