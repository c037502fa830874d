//! What a network of units sees of a latent.
//!
//! features(z) = (z, then for each latent i and threshold c_k: +1 if z_i > c_k, else −1). The
//! threshold features make the map discontinuous, so that it need not draw filaments between
//! modes; it is still a deterministic function of a Gaussian latent.
//!
//! Of latent numbers that choose among [`cells`](crate::cells) the network sees their own thresholds alone: features of the
//! others come first, then ±1 for each threshold of each of these.

use crate::Scalar;
use crate::cells::Choices;

/// What a network of units sees of a latent.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Inputs<'a, T> {
    latent: usize,
    thresholds: &'a [T],
    choices: Choices<'a, T>,
}

impl<'a, T> Inputs<'a, T> {
    /// All `latent` numbers, each with these thresholds.
    pub const fn new(latent: usize, thresholds: &'a [T]) -> Self {
        Self::choosing(latent, thresholds, Choices::NONE)
    }

    /// The same where the last numbers of the latent choose among cells: the network sees their own thresholds alone.
    pub const fn choosing(latent: usize, thresholds: &'a [T], choices: Choices<'a, T>) -> Self {
        Self { latent, thresholds, choices }
    }

    /// Numbers of a latent.
    pub const fn latent(&self) -> usize {
        self.latent
    }

    /// Thresholds of each number that does not choose.
    pub const fn thresholds(&self) -> &'a [T] {
        self.thresholds
    }

    /// What the last numbers of the latent choose.
    pub const fn choices(&self) -> &Choices<'a, T> {
        &self.choices
    }

    /// How many inputs the network has; none where they cannot be counted, or more numbers choose than there are.
    pub fn count(&self) -> Option<usize> {
        let seen = self.latent.checked_sub(self.choices.numbers())?;
        let features = seen.checked_mul(self.thresholds.len().checked_add(1)?)?;
        features.checked_add(self.choices.thresholds().len())
    }

    /// Whether a network has these inputs and outputs that a generator can have: no more than the latent has numbers, or as many as
    /// those that do not choose where some do.
    pub fn fit(&self, inputs: usize, outputs: usize) -> bool {
        let wanted = match self.choices.numbers() {
            0 => outputs <= self.latent,
            numbers => outputs.checked_add(numbers) == Some(self.latent),
        };
        wanted && self.count() == Some(inputs)
    }
}

/// Writes features(z) of numbers that do not choose to `out`, whose length must be at least
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

/// Writes what the network sees of the latent `z` to `out`, whose length must be at least [`Inputs::count`]; shorter buffers are
/// filled as far as they go.
#[inline(always)]
pub fn write_inputs<S: Scalar>(inputs: &Inputs<'_, S::Real>, z: &[S], out: &mut [S]) {
    let (z, choosing) = inputs.split(z);
    let features = z.len() * (1 + inputs.thresholds.len());
    let (features, signs) = out.split_at_mut(features.min(out.len()));
    write_features(z, inputs.thresholds, features);
    let lists = choosing.iter().zip(inputs.choices.lists());
    let pairs = lists.flat_map(|(z, list)| list.iter().map(move |c| (*z, *c)));
    for (slot, (z, c)) in signs.iter_mut().zip(pairs) {
        *slot = S::select(S::splat(c).lt(z), S::one(), -S::one());
    }
}

impl<T> Inputs<'_, T> {
    /// The numbers of a latent that do not choose, and those that do.
    pub(crate) fn split<'z, S>(&self, z: &'z [S]) -> (&'z [S], &'z [S]) {
        let z = &z[..self.latent.min(z.len())];
        z.split_at(self.latent.saturating_sub(self.choices.numbers()).min(z.len()))
    }
}
