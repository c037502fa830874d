//! The denoiser that a training from an exploration leaves beside its generator, `denoiser.safetensors`: better samples where
//! there is time for more than one step.
//!
//! The generator's own sample is noised by the training's largest v, where it hardly matters what was wrong with it, and brought
//! back by the denoiser's probability-flow ODE (see [`kiln_gpu::flow`]). Sample i of seed s has the latent that the generator's
//! sample i has, and noise from the stream (s, [`Purpose::Denoising`], i): the same whichever others are drawn.
//!
//! | what the file has | what |
//! |---|---|
//! | texts and tensors `denoiser.*` | shape and weights, see [`ScoreSpec`] |
//! | texts `v_min`, `v_max` | the range of noise that it was trained on |
//! | `frame.*` | what takes its coordinates to those of the energy, where they differ: see [`Frame`] |

use crate::error::Error;
use crate::frame::Frame;
use crate::run::{DENOISER, Run};
use crate::samples::Samples;
use crate::weights::damaged;
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_gpu::flow::{bring_back, levels};
use kiln_gpu::parameters::Network;
use kiln_gpu::posterior::mean_free;
use kiln_gpu::{Backend, Checkpoint, CheckpointError, Cpu, Generator, ScoreNetwork, ScoreSpec};
use rayon::prelude::*;

const PREFIX: &str = "denoiser.";

/// A denoiser with the generator that it starts from.
pub struct Denoiser {
    generator: Generator<Cpu>,
    net: ScoreNetwork<Cpu>,
    frame: Option<Frame>,
    /// The levels of its steps, falling.
    levels: Vec<f32>,
}

impl Denoiser {
    /// Of a run, to draw in so many steps.
    ///
    /// # Errors
    /// If it has none, or a file is damaged.
    pub fn open(run: &Run, steps: usize) -> Result<Self, Error> {
        let place = run.path().display();
        let Some(file) = run.tensors(DENOISER)? else {
            let message = format!("'{place}' has no {DENOISER} to draw from in several steps");
            return Err(Error::input(
                message,
                "trainings that learn from an exploration leave one; or leave --steps out",
            ));
        };
        let generator = Generator::from_checkpoint(&Cpu::default(), &run.generator_file()?);
        let generator = generator.map_err(|error| damaged(&run.path().display().to_string(), error))?;
        Self::of(&file, generator, steps).map_err(|error| damaged(&run.file(DENOISER).display().to_string(), error))
    }

    fn of(file: &Checkpoint, generator: Generator<Cpu>, steps: usize) -> Result<Self, String> {
        let told = |error: CheckpointError| error.to_string();
        let spec = ScoreSpec::from_checkpoint(PREFIX, file).map_err(told)?;
        let dim = spec.dim();
        if dim != generator.spec().dim {
            return Err(format!("it has {dim} coordinates, the generator {}", generator.spec().dim));
        }
        if matches!(spec, ScoreSpec::Published { .. }) {
            return Err("it knows only levels of a table".into());
        }
        let frame = Frame::of_checkpoint(file, dim).map_err(|error| error.to_string())?;
        let [v_min, v_max] = ["v_min", "v_max"].map(|key| file.parsed::<f64>(key));
        let (v_min, v_max) = (v_min.map_err(told)?, v_max.map_err(told)?);
        if !(0.0 < v_min && v_min < v_max && v_max.is_finite()) {
            return Err(format!("no noise lies between {v_min} and {v_max}"));
        }
        let mut net = ScoreNetwork::new(&Cpu::default(), spec, &mut || 0.5).map_err(|error| error.to_string())?;
        net.load_from(PREFIX, file).map_err(told)?;
        Ok(Self { generator, net, frame, levels: levels(v_min, v_max, steps) })
    }

    /// Adds a network that was trained on a range of noise to a file, with the frame of its coordinates.
    pub fn insert_into<D: Backend>(
        net: &ScoreNetwork<D>,
        [v_min, v_max]: [f64; 2],
        frame: Option<&Frame>,
        file: &mut Checkpoint,
    ) {
        net.spec().insert_into(PREFIX, file);
        net.insert_into(PREFIX, file);
        file.insert_text("v_min", v_min.to_string());
        file.insert_text("v_max", v_max.to_string());
        if let Some(frame) = frame {
            frame.insert_into(file);
        }
    }

    /// Coordinates of a sample.
    pub fn dim(&self) -> usize {
        self.net.spec().dim()
    }

    /// Samples `first` up to `first + n` of a seed.
    ///
    /// # Errors
    /// None: the frame was checked when it was read.
    pub fn rows(&self, seed: u64, first: u64, n: usize) -> Result<Samples, Error> {
        let (dim, latent) = (self.dim(), self.generator.spec().latent);
        let draws = |purpose, width: usize| {
            let mut all = vec![0.0_f32; n * width];
            all.par_chunks_exact_mut(width).enumerate().for_each(|(row, numbers)| {
                Stream::new(seed, purpose, first + row as u64).fill_normal(numbers);
            });
            all
        };
        let z = draws(Purpose::Sample, latent);
        let mut y = self.generator.sample(&z);
        let spec = self.net.spec();
        if let ScoreSpec::Guided { mixture, .. } = spec {
            mixture.place(&z, &mut y);
        }
        let mut noise = draws(Purpose::Denoising, dim);
        mean_free(spec.symmetry(), &mut noise);
        y.iter_mut().zip(&noise).for_each(|(y, e)| *y += self.levels[0] * e);
        bring_back(&self.net, &mut y, &self.levels);
        if let Some(frame) = &self.frame {
            let view = frame.as_core().map_err(|error| damaged(DENOISER, error))?;
            y.par_chunks_exact_mut(dim).for_each(|row| view.apply(row));
        }
        Ok(Samples { dim, data: y })
    }
}
