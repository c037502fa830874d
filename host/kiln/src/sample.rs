//! One way to draw: every source opens as a [`Sampler`], whatever it came from, and a sampler gives samples. Sample i of
//! seed s is the generator's image of one latent, from the stream (s, `Purpose::Sample`, i): the same whichever others
//! are drawn, whatever the number of threads, for a run, the model that is exported from it, and a firmware.

use crate::cells::Placement;
use crate::denoiser::Denoiser;
use crate::error::Error;
use crate::export::bytes::ModelFile;
use crate::export::draw::{Shape, draw, normal, rows};
use crate::pool::Pool;
use crate::run::{GENERATOR, Run};
use crate::samples::Samples;
use crate::weights::{damaged, egnn_layers, egnn_shape, inputs, layer, mlp_layers};
use kiln_core::network::{Egnn, Generator, Mlp, ParticleGenerator};
use kiln_gpu::{Body, Checkpoint, CheckpointError, GeneratorSpec};

/// Draws the first `n` samples of a seed from the generator of a run.
///
/// # Errors
/// If the generator is missing or damaged.
pub fn sample(run: &Run, seed: u64, n: usize) -> Result<Samples, Error> {
    Sampler::open(run)?.rows(seed, 0, n)
}

/// A generator in memory, checked when it is opened: what a training writes meanwhile does not matter.
pub struct Sampler {
    name: String,
    dim: usize,
    held: Held,
}

/// What a sampler has in memory.
enum Held {
    /// A generator as trained, of any depth, with its frame or its cells.
    Trained(Checkpoint, Box<GeneratorSpec>, Option<Placement>),
    /// A denoiser, in several steps.
    Denoiser(Box<Denoiser>),
    /// A deployed model.
    Deployed(ModelFile),
    /// States that are handed out, each once.
    Pool(Box<Pool>),
}

impl Sampler {
    /// Of a run.
    ///
    /// # Errors
    /// If the generator is missing or damaged.
    pub fn open(run: &Run) -> Result<Self, Error> {
        Self::of(run.generator_file()?, &run.file(GENERATOR).display().to_string())
    }

    /// Of a generator file; `name` is what a complaint calls it.
    ///
    /// # Errors
    /// If it holds no generator.
    pub fn of(file: Checkpoint, name: &str) -> Result<Self, Error> {
        let spec = GeneratorSpec::from_checkpoint(&file).map_err(|error| damaged(name, error))?;
        let (dim, spec) = (spec.dim, Box::new(spec));
        let placement = Placement::of_checkpoint(&file, dim).map_err(|error| damaged(name, error))?;
        let sampler = Self { name: name.into(), dim, held: Held::Trained(file, spec, placement) };
        sampler.rows(0, 0, 0).map(|_| sampler)
    }

    /// Of a deployed model.
    ///
    /// # Errors
    /// If the model cannot run; not after it was checked.
    pub fn deployed(file: ModelFile) -> Result<Self, Error> {
        let dim = file.model()?.dim();
        Ok(Self { name: file.path().display().to_string(), dim, held: Held::Deployed(file) })
    }

    /// Of the denoiser of a run, in so many steps.
    ///
    /// # Errors
    /// If the run has none, or a file is damaged.
    pub fn in_steps(run: &Run, steps: usize) -> Result<Self, Error> {
        let denoiser = Box::new(Denoiser::open(run, steps)?);
        Ok(Self { name: run.path().display().to_string(), dim: denoiser.dim(), held: Held::Denoiser(denoiser) })
    }

    /// Of a pool of states.
    pub fn of_pool(pool: Pool) -> Self {
        let (name, dim) = (pool.path().display().to_string(), pool.samples.dim);
        Self { name, dim, held: Held::Pool(Box::new(pool)) }
    }

    /// Coordinates of a sample.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Samples `first` up to `first + n` of a seed.
    ///
    /// # Errors
    /// If the file does not hold the layers that it says, or the pool not so many states.
    pub fn rows(&self, seed: u64, first: u64, n: usize) -> Result<Samples, Error> {
        let (file, spec, placement) = match &self.held {
            Held::Trained(file, spec, placement) => (file, spec.as_ref(), placement.as_ref()),
            Held::Denoiser(denoiser) => return denoiser.rows(seed, first, n),
            Held::Deployed(file) => return rows(&file.model()?, seed, first, n),
            Held::Pool(pool) => return pool.draw(seed, first, n),
        };
        let bad = |error: CheckpointError| damaged(&self.name, error);
        let frame = placement.map(Placement::as_core).transpose().map_err(|error| damaged(&self.name, error))?;
        let shape = Shape { latent: spec.latent, dim: spec.dim, frame };
        match &spec.body {
            Body::Mlp { hidden, depth } => {
                let layers = mlp_layers(file, spec, *hidden, *depth).map_err(bad)?;
                Mlp::new(spec.inputs(), &layers)
                    .and_then(|mlp| Generator::of(mlp, inputs(spec, frame.as_ref()), spec.skip, spec.scale))
                    .and_then(|generator| draw(shape, &generator, first, n, normal(seed)))
            }
            Body::Egnn(body) => {
                let layers = egnn_layers(file, body).map_err(bad)?;
                let embedding = layer(file, "embedding", body.node_inputs, body.hidden).map_err(bad)?;
                let own = (spec.latent - spec.dim) / body.particles;
                Egnn::new(egnn_shape(body), embedding, &layers)
                    .and_then(|egnn| ParticleGenerator::new(egnn, own, &spec.thresholds, spec.skip, spec.scale))
                    .and_then(|generator| draw(shape, &generator, first, n, normal(seed)))
            }
        }
        .map_err(|error| damaged(&self.name, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::bytes::Bytes;
    use crate::frame::Frame;
    use crate::pretrained;
    use crate::weights::float_model;
    use kiln_core::artifact::Artifact;
    use kiln_core::frame::Bound;

    /// Where keys of indices in 18 and in 24 bits would part.
    const EDGES: [u64; 2] = [1 << 18, 1 << 24];

    #[test]
    fn samples_are_the_frames_images_of_what_the_network_gives() {
        let pretrained = pretrained::all()[0];
        let mut file = pretrained.file().unwrap();
        let bare = Sampler::of(file.clone(), "bare").unwrap().rows(5, 7, 40).unwrap();
        let bounds = [Bound::None, Bound::Both { low: -1.0, high: 2.0 }];
        let frame = Frame::of_triangle(vec![3.0, 0.5], vec![0.25, -0.0625, 0.125], &bounds).unwrap();
        frame.insert_into(&mut file);
        let framed = Sampler::of(file.clone(), "framed").unwrap().rows(5, 7, 40).unwrap();
        let mut expected = bare.clone();
        expected.data.chunks_exact_mut(2).for_each(|row| frame.as_core().unwrap().apply(row));
        assert_eq!(framed, expected);
        assert!(framed.data.iter().skip(1).step_by(2).all(|x| (-1.0..=2.0).contains(x)));

        let bytes: Bytes = float_model(&file, "framed", "mog40").unwrap();
        let model = Artifact::check(bytes.as_slice()).unwrap();
        assert_eq!(model.frame(), Some(&frame.as_core().unwrap().into()));
        assert_eq!(rows(&model, 5, 7, 40).unwrap(), framed);
        let (mut scratch, mut x) = (vec![0; model.scratch()], [0.0; 2]);
        for (index, row) in framed.data.chunks_exact(2).enumerate() {
            model.sample(5, 7 + index as u64, &mut scratch, &mut x).unwrap();
            assert_eq!(x, row);
        }
        file.insert_tensor("frame.centre", vec![3], vec![0.0; 3]);
        let refused = [Sampler::of(file.clone(), "x").err().unwrap(), float_model(&file, "x", "").err().unwrap()];
        for error in refused {
            assert_eq!(error.to_string(), "'x' is damaged: `frame.centre` has shape [3], not [2]");
        }
    }

    #[test]
    fn a_sample_is_the_same_whichever_others_are_drawn_and_whatever_draws_it() {
        let pretrained = pretrained::all()[0];
        let trained = Sampler::of(pretrained.file().unwrap(), pretrained.name).unwrap();
        let bytes: Bytes = float_model(&pretrained.file().unwrap(), pretrained.name, pretrained.name).unwrap();
        let model = Artifact::check(bytes.as_slice()).unwrap();
        for edge in EDGES {
            let (first, n) = (edge - 40, 80);
            let all = trained.rows(5, first, n).unwrap();
            assert_eq!(all.len(), n);
            let mut parts = Vec::new();
            for part in [0..3, 3..39, 39..42, 42..80] {
                parts.extend(trained.rows(5, first + part.start as u64, part.len()).unwrap().data);
            }
            assert_eq!(parts, all.data);
            assert_eq!(rows(&model, 5, first, n).unwrap(), all);
            // Sample by sample, as a firmware does.
            let (mut scratch, mut x) = (vec![0; model.scratch()], vec![0.0; model.dim()]);
            for (index, row) in all.data.chunks_exact(all.dim).enumerate() {
                model.sample(5, first + index as u64, &mut scratch, &mut x).unwrap();
                assert_eq!(x, row);
            }
        }
    }
}
