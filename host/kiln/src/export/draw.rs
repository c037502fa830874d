//! Drawing: images of latents under a generator, sixteen at a time, and samples of deployed models.

use super::calibrate::latent;
use crate::error::Error;
use crate::samples::Samples;
use kiln_core::artifact::{Model, ModelFrame, Network};
use kiln_core::network::{Generator, InvalidNetwork, ParticleGenerator};
use kiln_core::random::{Purpose, Randomness, Streams};
use kiln_core::{Lanes, Scalar};
use kiln_gpu::pack::LANES;
use rayon::prelude::*;

/// Sixteen points side by side.
pub type Pack = Lanes<LANES>;

/// Samples `first` up to `first + n` of a seed from a deployed model, as every machine draws them.
///
/// # Errors
/// If the model cannot run; not after it was checked.
pub fn rows(model: &Model<'_>, seed: u64, first: u64, n: usize) -> Result<Samples, Error> {
    let shape = Shape::of(model);
    match model.network() {
        Network::Mlp(network) => {
            network.generator().and_then(|network| draw(shape, &network, first, n, normal(seed))).map_err(broken)
        }
        Network::Egnn(network) => {
            network.generator().and_then(|network| draw(shape, &network, first, n, normal(seed))).map_err(broken)
        }
        _ => {
            let dim = shape.dim;
            let mut data = vec![0.0; n * dim];
            data.par_chunks_exact_mut(dim).enumerate().try_for_each_init(
                || vec![0; model.scratch()],
                |scratch, (index, x)| model.sample(seed, first + index as u64, scratch, x).map_err(broken),
            )?;
            Ok(Samples { dim, data })
        }
    }
}

/// What a float model makes of the first `n` latents that models in integers draw.
///
/// # Errors
/// If the model is not in floats.
pub fn images(float: &Model<'_>, seed: u64, n: usize) -> Result<Samples, Error> {
    let shape = Shape::of(float);
    let latents = |indices: [u64; LANES], z: &mut [Pack]| {
        for (lane, index) in indices.into_iter().enumerate() {
            z.iter_mut().zip(latent(seed, index, shape.latent)).for_each(|(pack, value)| pack.0[lane] = value);
        }
    };
    match float.network() {
        Network::Mlp(network) => network.generator().and_then(|network| draw(shape, &network, 0, n, latents)),
        Network::Egnn(network) => network.generator().and_then(|network| draw(shape, &network, 0, n, latents)),
        _ => return Err(Error::input("the model is in integers", "give one in floats")),
    }
    .map_err(broken)
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::input(format!("the model cannot run: {error}"), "export it anew")
}

/// What both kinds of generator offer.
pub trait OneStep: Sync {
    /// Packs that it works in.
    fn scratch(&self) -> usize;
    /// The image of latents.
    ///
    /// # Errors
    /// If a buffer is too short.
    fn image(&self, z: &[Pack], scratch: &mut [Pack], x: &mut [Pack]) -> Result<(), InvalidNetwork>;
}

impl OneStep for Generator<'_, f32> {
    fn scratch(&self) -> usize {
        self.scratch()
    }
    fn image(&self, z: &[Pack], scratch: &mut [Pack], x: &mut [Pack]) -> Result<(), InvalidNetwork> {
        self.sample(z, scratch, x)
    }
}

impl OneStep for ParticleGenerator<'_, f32> {
    fn scratch(&self) -> usize {
        self.scratch()
    }
    fn image(&self, z: &[Pack], scratch: &mut [Pack], x: &mut [Pack]) -> Result<(), InvalidNetwork> {
        self.sample(z, scratch, x)
    }
}

/// Numbers of one latent and of its sample.
#[derive(Clone, Copy)]
pub struct Shape<'a> {
    /// Numbers of a latent.
    pub latent: usize,
    /// Numbers of a sample.
    pub dim: usize,
    /// What takes the generator's outputs to the coordinates of a sample.
    pub frame: Option<ModelFrame<'a>>,
}

impl<'a> Shape<'a> {
    /// Of a model.
    fn of(model: &Model<'a>) -> Self {
        Self { latent: model.latent(), dim: model.dim(), frame: model.frame().copied() }
    }
}

/// The latents of a seed's samples in floats.
pub fn normal(seed: u64) -> impl Fn([u64; LANES], &mut [Pack]) + Sync {
    move |indices, z| Streams::new(seed, Purpose::Sample, indices).fill_normal(z)
}

/// Samples `first` up to `first + n`, [`LANES`] at a time; `latents` fills in the latents of these indices.
///
/// # Errors
/// If a buffer does not fit the generator; not for its own shape.
pub fn draw(
    shape: Shape<'_>,
    generator: &impl OneStep,
    first: u64,
    n: usize,
    latents: impl Fn([u64; LANES], &mut [Pack]) + Sync,
) -> Result<Samples, InvalidNetwork> {
    let dim = shape.dim;
    let mut data = vec![0.0; n * dim];
    data.par_chunks_mut(LANES * dim).enumerate().try_for_each_init(
        || ([shape.latent, dim, generator.scratch()].map(|numbers| vec![Pack::constant(0.0); numbers]), Vec::new()),
        |([z, x, scratch], latent), (block, out)| {
            latents(std::array::from_fn(|lane| first + (block * LANES + lane) as u64), z);
            generator.image(z, scratch, x)?;
            if let Some(ModelFrame::Float(frame)) = &shape.frame {
                frame.apply(x);
            }
            for (lane, row) in out.chunks_exact_mut(dim).enumerate() {
                row.iter_mut().zip(&*x).for_each(|(value, pack)| *value = pack.0[lane]);
                // Point by point: each is in cells of its own.
                if let Some(ModelFrame::FloatCells(cells)) = &shape.frame {
                    latent.clear();
                    latent.extend(z.iter().map(|pack| pack.0[lane]));
                    cells.apply(latent, row);
                }
            }
            Ok(())
        },
    )?;
    Ok(Samples { dim, data })
}
