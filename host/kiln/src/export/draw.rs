//! Samples of models: as deployed, and of the float generator on the same latents.

use super::calibrate::latent;
use crate::error::Error;
use crate::samples::Samples;
use kiln_core::artifact::{Model, Network};
use rayon::prelude::*;

/// The first `n` samples of a seed, sample by sample as every machine draws them.
///
/// # Errors
/// If the model cannot run; not after it was checked.
pub fn sample(model: &Model<'_>, seed: u64, n: usize) -> Result<Samples, Error> {
    rows(model, seed, 0, n)
}

/// Samples `first` up to `first + n` of a seed: each is the same whichever others are drawn.
///
/// # Errors
/// If the model cannot run; not after it was checked.
pub fn rows(model: &Model<'_>, seed: u64, first: u64, n: usize) -> Result<Samples, Error> {
    let dim = model.dim();
    let mut data = vec![0.0; n * dim];
    data.par_chunks_exact_mut(dim).enumerate().try_for_each_init(
        || vec![0; model.scratch()],
        |scratch, (index, x)| model.sample(seed, first + index as u64, scratch, x).map_err(broken),
    )?;
    Ok(Samples { dim, data })
}

/// What a float model makes of the latents that models in integers draw.
///
/// # Errors
/// If the model is not in floats.
pub fn images(float: &Model<'_>, seed: u64, n: usize) -> Result<Samples, Error> {
    let dim = float.dim();
    let mut data = vec![0.0; n * dim];
    data.par_chunks_exact_mut(dim).enumerate().try_for_each_init(Vec::new, |scratch, (index, x)| {
        let z = latent(seed, index as u64, float.latent());
        match float.network() {
            Network::Mlp(network) => {
                let generator = network.generator().map_err(broken)?;
                scratch.resize(generator.scratch(), 0.0);
                generator.sample(&z, scratch, x).map_err(broken)
            }
            Network::Egnn(network) => {
                let generator = network.generator().map_err(broken)?;
                scratch.resize(generator.scratch(), 0.0);
                generator.sample(&z, scratch, x).map_err(broken)
            }
            _ => Err(Error::input("the model is in integers", "give one in floats")),
        }
    })?;
    Ok(Samples { dim, data })
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::input(format!("the model cannot run: {error}"), "export it anew")
}
