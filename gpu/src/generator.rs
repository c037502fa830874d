//! The generator: x = skip z[..dim] + scale mlp(features(z)), a deterministic function of a Gaussian latent.
//!
//! features(z) holds z and, for each number of z and each threshold c, +1 where z > c and -1 elsewhere: the map
//! may jump, so it needs no filaments between modes.

use crate::backend::Backend;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::layer::Layer;
use crate::mlp::Mlp;
use crate::parameters::{Network, Parameter, ParameterMut};
use crate::{Matrix, Taped};
use dfdx::prelude::*;

/// Version of the file format.
const FORMAT: &str = "1";
/// Rows that are sampled at once: bounds the memory for features.
const SLAB: usize = 16_384;

/// The shape of a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorSpec {
    /// Numbers a sample has.
    pub dim: usize,
    /// Numbers a latent has; at least `dim`.
    pub latent: usize,
    /// Width of the hidden layers.
    pub hidden: usize,
    /// How many hidden layers.
    pub depth: usize,
    /// Thresholds on each latent number; none for a continuous map.
    pub thresholds: Vec<f32>,
    /// Factor on the latent's part.
    pub skip: f32,
    /// Factor on the network's part.
    pub scale: f32,
}

/// Why a [`GeneratorSpec`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A size is zero.
    #[error("dim, hidden and depth must be at least 1")]
    Empty,
    /// The latent is too small.
    #[error("the latent must have at least as many numbers as a sample")]
    Latent,
    /// Not finite.
    #[error("thresholds, skip and scale must be finite")]
    NonFinite,
    /// More numbers than fit in memory.
    #[error("the network is too large")]
    TooLarge,
}

impl GeneratorSpec {
    /// # Errors
    /// If no generator can have this shape.
    pub fn check(&self) -> Result<(), SpecError> {
        /// No layer is wider: products of two widths fit everywhere.
        const WIDEST: usize = 1 << 20;
        if self.dim == 0 || self.hidden == 0 || self.depth == 0 {
            return Err(SpecError::Empty);
        }
        if self.latent < self.dim {
            return Err(SpecError::Latent);
        }
        if !self.thresholds.iter().chain([&self.skip, &self.scale]).all(|x| x.is_finite()) {
            return Err(SpecError::NonFinite);
        }
        let inputs = self.latent.checked_mul(1 + self.thresholds.len());
        if inputs.is_none_or(|n| n > WIDEST) || self.hidden > WIDEST || self.depth > 1000 {
            return Err(SpecError::TooLarge);
        }
        Ok(())
    }

    /// Inputs, hidden widths and outputs of the network.
    pub fn widths(&self) -> Vec<usize> {
        let mut widths = vec![self.hidden; self.depth + 2];
        widths[0] = self.latent * (1 + self.thresholds.len());
        widths[self.depth + 1] = self.dim;
        widths
    }
}

/// The network's input for latents (batch, latent): [z_0, …, z_{latent-1}, then ±1 at latent + i K + k for
/// number i and threshold k].
///
/// # Panics
/// If `z` is not a whole number of latents.
pub fn features(spec: &GeneratorSpec, z: &[f32]) -> Vec<f32> {
    assert_eq!(z.len() % spec.latent, 0, "latents");
    let mut all = Vec::with_capacity(z.len() * (1 + spec.thresholds.len()));
    for z in z.chunks_exact(spec.latent) {
        all.extend_from_slice(z);
        all.extend(z.iter().flat_map(|z| spec.thresholds.iter().map(move |c| if z > c { 1.0 } else { -1.0 })));
    }
    all
}

/// A generator.
#[derive(Clone, Debug)]
pub struct Generator<D: Backend> {
    spec: GeneratorSpec,
    mlp: Mlp<D>,
}

impl<D: Backend> Generator<D> {
    /// A generator initialised from uniform draws in (0, 1).
    ///
    /// # Errors
    /// If `spec` is not the shape of a generator.
    pub fn new(device: &D, spec: GeneratorSpec, uniform: &mut impl FnMut() -> f32) -> Result<Self, SpecError> {
        spec.check()?;
        let mlp = Mlp::new(device, &spec.widths(), uniform);
        Ok(Self { spec, mlp })
    }

    /// Its shape.
    pub fn spec(&self) -> &GeneratorSpec {
        &self.spec
    }

    /// Its network.
    pub fn mlp(&self) -> &Mlp<D> {
        &self.mlp
    }

    /// Samples for latents (batch, latent), with a tape or without.
    ///
    /// # Panics
    /// If `z` is not a whole number of latents.
    pub fn forward<T: Tape<f32, D>>(&self, z: &[f32]) -> Matrix<D, T> {
        let GeneratorSpec { dim, latent, skip, scale, .. } = self.spec;
        let batch = z.len() / latent;
        let device = self.mlp.layers()[0].weight().device();
        let input = device.tensor_from_vec(features(&self.spec, z), (batch, self.mlp.inputs()));
        let direct = z.chunks_exact(latent).flat_map(|z| z[..dim].iter().map(|z| skip * z)).collect();
        let direct: Matrix<D> = device.tensor_from_vec(direct, (batch, dim));
        self.mlp.forward_constant::<T>(input, None) * scale + direct
    }

    /// Samples whose gradients reach the parameters.
    ///
    /// # Panics
    /// As [`Generator::forward`].
    pub fn traced(&self, z: &[f32]) -> Matrix<D, Taped<D>> {
        self.forward(z)
    }

    /// Samples (batch, dim), without a tape.
    ///
    /// # Panics
    /// As [`Generator::forward`].
    pub fn sample(&self, z: &[f32]) -> Vec<f32> {
        let mut all = Vec::with_capacity(z.len() / self.spec.latent * self.spec.dim);
        for slab in z.chunks(SLAB * self.spec.latent) {
            all.extend(self.forward::<NoneTape>(slab).as_vec());
        }
        all
    }

    /// The generator as a file: tensors `layers.{l}.weight` (inputs, outputs), `layers.{l}.bias` and
    /// `thresholds`, the shape as text. `extra` is added to the text, e.g. the target's name.
    pub fn to_checkpoint<'a>(&self, extra: impl IntoIterator<Item = (&'a str, String)>) -> Checkpoint {
        let mut file = Checkpoint::new();
        let spec = &self.spec;
        file.insert_network("", self);
        file.insert_tensor("thresholds", vec![spec.thresholds.len()], spec.thresholds.clone());
        let numbers = [("dim", spec.dim), ("latent", spec.latent), ("hidden", spec.hidden), ("depth", spec.depth)];
        for (key, number) in numbers {
            file.insert_text(key, number.to_string());
        }
        file.insert_text("skip", spec.skip.to_string());
        file.insert_text("scale", spec.scale.to_string());
        for (key, text) in extra {
            file.insert_text(key, text);
        }
        file.insert_text("format", FORMAT.to_string());
        file
    }

    /// The generator in a file.
    ///
    /// # Errors
    /// If anything is missing, has another shape than the file says, or is not finite.
    pub fn from_checkpoint(device: &D, file: &Checkpoint) -> Result<Self, CheckpointError> {
        if file.text("format")? != FORMAT {
            return Err(file.bad_text("format"));
        }
        let spec = GeneratorSpec {
            dim: file.parsed("dim")?,
            latent: file.parsed("latent")?,
            hidden: file.parsed("hidden")?,
            depth: file.parsed("depth")?,
            thresholds: file.vector("thresholds")?.to_vec(),
            skip: file.parsed("skip")?,
            scale: file.parsed("scale")?,
        };
        spec.check()?;
        let mut layers = Vec::new();
        for (l, w) in spec.widths().windows(2).enumerate() {
            let weight = file.tensor(&format!("layers.{l}.weight"), &[w[0], w[1]])?;
            let bias = file.tensor(&format!("layers.{l}.bias"), &[w[1]])?;
            layers.push(Layer::from_values(device, (w[0], w[1]), weight.to_vec(), bias.to_vec()));
        }
        Ok(Self { spec, mlp: Mlp::from_layers(layers) })
    }
}

impl<D: Backend> Network<D> for Generator<D> {
    fn parameters(&self) -> Vec<Parameter<'_, D>> {
        self.mlp.parameters()
    }

    fn parameters_mut(&mut self) -> Vec<ParameterMut<'_, D>> {
        self.mlp.parameters_mut()
    }
}
