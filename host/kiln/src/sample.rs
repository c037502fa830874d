//! Sampling from a trained generator with the deployed network of `kiln-core`: a generator file gives the same samples
//! on every machine, and sample r of seed s is the generator's image of one latent, whatever n is.

use crate::error::Error;
use crate::export::bytes::Bytes;
use crate::export::unfit;
use crate::run::{GENERATOR, Run};
use crate::samples::Samples;
use kiln_core::artifact::{FloatEgnn, FloatMlp, Model, Network};
use kiln_core::network::{Egnn, EgnnLayer, EgnnShape, Generator, InvalidNetwork, Layer, Mlp, ParticleGenerator};
use kiln_core::random::Purpose;
use kiln_core::{Lanes, Scalar};
use kiln_gpu::egnn::{Edges, EgnnSpec, Head};
use kiln_gpu::pack::LANES;
use kiln_gpu::posterior::normal_rows;
use kiln_gpu::{Body, Checkpoint, CheckpointError, GeneratorSpec};
use rayon::prelude::*;

/// Draws the first `n` samples of a seed from the generator of a run.
///
/// # Errors
/// If the generator is missing or damaged.
pub fn sample(run: &Run, seed: u64, n: usize) -> Result<Samples, Error> {
    Sampler::open(run)?.rows(seed, 0, n)
}

/// A generator file in memory, checked when it is opened: what a training writes meanwhile does not matter.
pub struct Sampler {
    file: Checkpoint,
    spec: GeneratorSpec,
    name: String,
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
        let sampler = Self { file, spec, name: name.into() };
        sampler.rows(0, 0, 0).map(|_| sampler)
    }

    /// Coordinates of a sample.
    pub fn dim(&self) -> usize {
        self.spec.dim
    }

    /// Samples `first` up to `first + n` of a seed: each is the same whichever others are drawn.
    ///
    /// # Errors
    /// If the file does not hold the layers that it says.
    pub fn rows(&self, seed: u64, first: u64, n: usize) -> Result<Samples, Error> {
        let (file, spec) = (&self.file, &self.spec);
        let bad = |error: CheckpointError| damaged(&self.name, error);
        match &spec.body {
            Body::Mlp { hidden, depth } => {
                let layers = mlp_layers(file, spec, *hidden, *depth).map_err(bad)?;
                let mlp = Mlp::new(spec.latent * (1 + spec.thresholds.len()), &layers);
                mlp.and_then(|mlp| Generator::new(mlp, spec.latent, &spec.thresholds, spec.skip, spec.scale))
                    .and_then(|generator| draw(spec, seed, first, n, generator))
            }
            Body::Egnn(shape) => {
                let layers = egnn_layers(file, shape).map_err(bad)?;
                let embedding = layer(file, "embedding", shape.node_inputs, shape.hidden).map_err(bad)?;
                let own = (spec.latent - spec.dim) / shape.particles;
                Egnn::new(egnn_shape(shape), embedding, &layers)
                    .and_then(|egnn| ParticleGenerator::new(egnn, own, &spec.thresholds, spec.skip, spec.scale))
                    .and_then(|generator| draw(spec, seed, first, n, generator))
            }
        }
        .map_err(|error| damaged(&self.name, error))
    }
}

fn damaged(name: &str, why: impl std::fmt::Display) -> Error {
    Error::input(format!("'{name}' is damaged: {why}"), "train it anew")
}

/// The generator of a file as a model in floats.
///
/// # Errors
/// If the file is damaged, or no model can hold its layers.
pub fn float_model(file: &Checkpoint, name: &str, target: &str) -> Result<Bytes, Error> {
    let bad = |error: CheckpointError| Error::input(format!("'{name}' is damaged: {error}"), "train it anew");
    let spec = GeneratorSpec::from_checkpoint(file).map_err(bad)?;
    let network = match &spec.body {
        Body::Mlp { hidden, depth } => {
            let layers = mlp_layers(file, &spec, *hidden, *depth).map_err(bad)?;
            FloatMlp::new(&layers, spec.latent, &spec.thresholds, spec.skip, spec.scale).map(Network::Mlp)
        }
        Body::Egnn(shape) => {
            let layers = egnn_layers(file, shape).map_err(bad)?;
            let embedding = layer(file, "embedding", shape.node_inputs, shape.hidden).map_err(bad)?;
            let (own, factors) = ((spec.latent - spec.dim) / shape.particles, [spec.skip, spec.scale]);
            FloatEgnn::new(egnn_shape(shape), embedding, &layers, own, &spec.thresholds, factors).map(Network::Egnn)
        }
    };
    network.and_then(|network| Model::new(target, "", network)).and_then(|model| Bytes::of(&model)).map_err(unfit)
}

/// What both kinds of generator offer.
trait OneStep: Sync {
    fn scratch(&self) -> usize;
    fn image(&self, z: &[Pack], scratch: &mut [Pack], x: &mut [Pack]) -> Result<(), InvalidNetwork>;
}

type Pack = Lanes<LANES>;

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

/// Samples whose latents come from one batch of streams.
const SLAB: u64 = 1 << 18;

fn draw(
    spec: &GeneratorSpec,
    seed: u64,
    first: u64,
    n: usize,
    generator: impl OneStep,
) -> Result<Samples, InvalidNetwork> {
    let dim = spec.dim;
    let mut data = vec![0.0; n * dim];
    let (mut rest, mut at) = (data.as_mut_slice(), first);
    while !rest.is_empty() {
        let row = (at % SLAB) as usize;
        let rows = (rest.len() / dim).min(SLAB as usize - row);
        let (out, later) = rest.split_at_mut(rows * dim);
        let z = normal_rows(seed, Purpose::Sample, at / SLAB, row..row + rows, spec.latent);
        fill(spec, &generator, &z, out)?;
        (rest, at) = (later, at + rows as u64);
    }
    Ok(Samples { dim, data })
}

/// One slab of samples for its latents.
fn fill(spec: &GeneratorSpec, generator: &impl OneStep, z: &[f32], data: &mut [f32]) -> Result<(), InvalidNetwork> {
    let (dim, latent) = (spec.dim, spec.latent);
    data.par_chunks_mut(LANES * dim).zip(z.par_chunks(LANES * latent)).try_for_each(|(out, rows)| {
        let zero = Pack::constant(0.0);
        let mut scratch = vec![zero; generator.scratch()];
        let (mut z, mut x) = (vec![zero; latent], vec![zero; dim]);
        for (lane, row) in rows.chunks_exact(latent).enumerate() {
            for (pack, value) in z.iter_mut().zip(row) {
                pack.0[lane] = *value;
            }
        }
        generator.image(&z, &mut scratch, &mut x)?;
        for (lane, row) in out.chunks_exact_mut(dim).enumerate() {
            for (value, pack) in row.iter_mut().zip(&x) {
                *value = pack.0[lane];
            }
        }
        Ok(())
    })
}

/// The affine map of that name.
fn layer<'a>(file: &'a Checkpoint, name: &str, rows: usize, columns: usize) -> Result<Layer<'a, f32>, CheckpointError> {
    let weight = file.tensor(&format!("{name}.weight"), &[rows, columns])?;
    Ok(Layer { weight, bias: file.tensor(&format!("{name}.bias"), &[columns])? })
}

fn mlp_layers<'a>(
    file: &'a Checkpoint,
    spec: &GeneratorSpec,
    hidden: usize,
    depth: usize,
) -> Result<Vec<Layer<'a, f32>>, CheckpointError> {
    let mut rows = spec.latent * (1 + spec.thresholds.len());
    let mut layers = Vec::new();
    for l in 0..=depth {
        let columns = if l == depth { spec.dim } else { hidden };
        layers.push(layer(file, &format!("layers.{l}"), rows, columns)?);
        rows = columns;
    }
    Ok(layers)
}

fn egnn_shape(spec: &EgnnSpec) -> EgnnShape<f32> {
    EgnnShape {
        particles: spec.particles,
        dimensions: spec.dimensions,
        node_inputs: spec.node_inputs,
        activation: spec.activation,
        radial: spec.radial,
        range: spec.range,
    }
}

fn egnn_layers<'a>(file: &'a Checkpoint, spec: &EgnnSpec) -> Result<Vec<EgnnLayer<'a, f32>>, CheckpointError> {
    let hidden = spec.hidden;
    let one = |l: usize| {
        let name = |part: &str| format!("layers.{l}.{part}");
        let matrix = |part: &str, rows, columns| file.tensor(&name(&format!("{part}.weight")), &[rows, columns]);
        let affine = |part: &str, rows, columns| layer(file, &name(part), rows, columns);
        Ok(EgnnLayer {
            source: matrix("source", hidden, hidden)?,
            target: (spec.edges == Edges::Directed).then(|| matrix("target", hidden, hidden)).transpose()?,
            radial: matrix("radial", 2 * spec.radial.count(), hidden)?,
            edge_bias: file.tensor(&name("edge.bias"), &[hidden])?,
            message: affine("message", hidden, hidden)?,
            gate: spec.attention.then(|| affine("gate", hidden, 1)).transpose()?,
            head: (spec.head == Head::Deep).then(|| affine("head", hidden, hidden)).transpose()?,
            coordinate: matrix("coordinate", hidden, 1)?,
            node: (l + 1 < spec.layers)
                .then(|| {
                    Ok::<_, CheckpointError>([affine("node", 2 * hidden, hidden)?, affine("update", hidden, hidden)?])
                })
                .transpose()?,
        })
    };
    (0..spec.layers).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrained;

    #[test]
    fn a_sample_is_the_same_whichever_others_are_drawn() {
        let mog40 = Sampler::of(pretrained::all()[0].file().unwrap(), pretrained::all()[0].name).unwrap();
        // Across the end of a batch of streams.
        let (first, n) = (SLAB - 40, 80);
        let all = mog40.rows(5, first, n).unwrap();
        assert_eq!(all.len(), n);
        let mut parts = Vec::new();
        for part in [0..3, 3..39, 39..42, 42..80] {
            parts.extend(mog40.rows(5, first + part.start as u64, part.len()).unwrap().data);
        }
        assert_eq!(parts, all.data);
        assert_eq!(mog40.rows(5, SLAB, 7).unwrap().data, all.data[40 * 2..47 * 2]);
    }
}
