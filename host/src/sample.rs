//! One-step sampling with the core's network, whose bits are the same on every machine: sample r of seed s is the
//! generator's image of one latent, whatever n is.

use crate::engine::Samples;
use crate::error::Error;
use crate::run::Run;
use kiln_core::network::{Generator, InvalidNetwork, Layer, Mlp};
use kiln_core::random::Purpose;
use kiln_core::{Lanes, Scalar};
use kiln_gpu::posterior::{LANES, normal_batch};
use kiln_gpu::{Checkpoint, CheckpointError};
use rayon::prelude::*;

/// Draws `n` samples from the generator of a run.
///
/// # Errors
/// If the generator is missing or damaged.
pub fn sample(run: &Run, seed: u64, n: usize) -> Result<Samples, Error> {
    let path = run.generator()?;
    let bytes = std::fs::read(&path).map_err(|error| Error::file("read", &path, error))?;
    let bad = |why: String| Error::input(format!("'{}' is damaged: {why}", path.display()), "train it anew");
    let file = Checkpoint::from_bytes(&bytes).map_err(|error| bad(error.to_string()))?;
    let weights = Weights::read(&file).map_err(|error| bad(error.to_string()))?;
    weights.sample(seed, n).map_err(|error| bad(error.to_string()))
}

/// Samples whose latents are held at once.
const SLAB: usize = 1 << 18;

/// A generator's weights, borrowed from its file.
struct Weights<'a> {
    layers: Vec<Layer<'a, f32>>,
    thresholds: &'a [f32],
    dim: usize,
    latent: usize,
    skip: f32,
    scale: f32,
}

impl<'a> Weights<'a> {
    fn read(file: &'a Checkpoint) -> Result<Self, CheckpointError> {
        let (dim, latent): (usize, usize) = (file.parsed("dim")?, file.parsed("latent")?);
        let (hidden, depth): (usize, usize) = (file.parsed("hidden")?, file.parsed("depth")?);
        let thresholds = file.vector("thresholds")?;
        let mut rows = latent * (1 + thresholds.len());
        let mut layers = Vec::new();
        for layer in 0..=depth {
            let columns = if layer == depth { dim } else { hidden };
            let weight = file.tensor(&format!("layers.{layer}.weight"), &[rows, columns])?;
            let bias = file.tensor(&format!("layers.{layer}.bias"), &[columns])?;
            layers.push(Layer { weight, bias });
            rows = columns;
        }
        Ok(Self { layers, thresholds, dim, latent, skip: file.parsed("skip")?, scale: file.parsed("scale")? })
    }

    fn sample(&self, seed: u64, n: usize) -> Result<Samples, InvalidNetwork> {
        let inputs = self.latent * (1 + self.thresholds.len());
        let mlp = Mlp::new(inputs, &self.layers)?;
        let generator = Generator::new(mlp, self.latent, self.thresholds, self.skip, self.scale)?;
        let mut data = vec![0.0; n * self.dim];
        for (slab, out) in data.chunks_mut(SLAB * self.dim).enumerate() {
            let z = normal_batch(seed, Purpose::Sample, slab as u64, out.len() / self.dim, self.latent);
            self.fill(&generator, &z, out)?;
        }
        Ok(Samples { dim: self.dim, data })
    }

    /// One slab of samples for its latents.
    fn fill(&self, generator: &Generator<'_, f32>, z: &[f32], data: &mut [f32]) -> Result<(), InvalidNetwork> {
        data.par_chunks_mut(LANES * self.dim).zip(z.par_chunks(LANES * self.latent)).try_for_each(|(out, z)| {
            let zero = Lanes::<LANES>::constant(0.0);
            let mut scratch = vec![zero; generator.scratch()];
            let (mut latent, mut x) = (vec![zero; self.latent], vec![zero; self.dim]);
            for (lane, row) in z.chunks_exact(self.latent).enumerate() {
                for (pack, value) in latent.iter_mut().zip(row) {
                    pack.0[lane] = *value;
                }
            }
            generator.sample(&latent, &mut scratch, &mut x)?;
            for (lane, row) in out.chunks_exact_mut(self.dim).enumerate() {
                for (value, pack) in row.iter_mut().zip(&x) {
                    *value = pack.0[lane];
                }
            }
            Ok(())
        })
    }
}
